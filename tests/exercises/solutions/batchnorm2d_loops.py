"""Channel by channel, pixel by pixel, with Python's numbers."""

import math

import numpy as np


def statistics(values):
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)


def forward(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, running_mean, running_var = np.empty_like(x), running_mean.copy(), running_var.copy()
    for c in range(x.shape[1]):
        mean, var = float(running_mean[c]), float(running_var[c])
        if training:
            values = x[:, c].ravel().tolist()
            mean, var = statistics(values)
            unbiased = var * len(values) / (len(values) - 1)
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean
            running_var[c] = (1 - momentum) * running_var[c] + momentum * unbiased
        for n, h, w in np.ndindex(len(x), *x.shape[2:]):
            y[n, c, h, w] = weight[c] * (x[n, c, h, w] - mean) / math.sqrt(var + eps) + bias[c]
    return y, running_mean, running_var


def backward(dy, x, weight, running_mean, running_var, eps, training):
    dx, dweight, dbias = np.empty_like(x), np.zeros_like(weight), np.zeros_like(weight)
    for c in range(x.shape[1]):
        values, dvalues = x[:, c].ravel().tolist(), dy[:, c].ravel().tolist()
        m = len(values)
        mean, var = statistics(values) if training else (running_mean[c], running_var[c])
        s = math.sqrt(var + eps)
        xhat = [(v - mean) / s for v in values]
        dbias[c] = sum(dvalues)
        dweight[c] = sum(d * v for d, v in zip(dvalues, xhat, strict=True))
        gradient = []
        for d, v in zip(dvalues, xhat, strict=True):
            if training:
                d = d - sum(dvalues) / m - v * float(dweight[c]) / m
            gradient.append(weight[c] / s * d)
        dx[:, c] = np.reshape(gradient, dx[:, c].shape)
    return dx, dweight, dbias
