"""Number by number."""

import numpy as np


def forward(x, uniform, p, training):
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        if not training:
            y[index] = x[index]
        elif uniform[index] >= p:
            y[index] = x[index] / (1 - p)
    return y


def backward(dy, uniform, p, training):
    if not training:
        return dy.copy()
    dx = dy / (1 - p)
    dx[uniform < p] = 0
    return dx
