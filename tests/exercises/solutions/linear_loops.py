"""Number by number."""

import numpy as np


def forward(x, weight, bias):
    (n, i), o = x.shape, len(weight)
    y = np.zeros((n, o), x.dtype)
    for row in range(n):
        for out in range(o):
            y[row, out] = bias[out]
            for k in range(i):
                y[row, out] += x[row, k] * weight[out, k]
    return y


def backward(dy, x, weight):
    (n, i), o = x.shape, len(weight)
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(o, x.dtype)
    for row in range(n):
        for out in range(o):
            dbias[out] += dy[row, out]
            for k in range(i):
                dx[row, k] += dy[row, out] * weight[out, k]
                dweight[out, k] += dy[row, out] * x[row, k]
    return dx, dweight, dbias
