"""The closed formula."""

import numpy as np

AXES = (0, 2, 3)


def wide(a):
    return a.reshape(1, -1, 1, 1)


def forward(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(AXES), x.var(AXES)
        unbiased = x.var(AXES, ddof=1)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (unbiased - running_var)
    xhat = (x - wide(mean)) / np.sqrt(wide(var) + eps)
    return wide(weight) * xhat + wide(bias), running_mean, running_var


def backward(dy, x, weight, running_mean, running_var, eps, training):
    mean, var = (x.mean(AXES), x.var(AXES)) if training else (running_mean, running_var)
    std = np.sqrt(wide(var) + eps)
    xhat = (x - wide(mean)) / std
    dweight, dbias = (dy * xhat).sum(AXES), dy.sum(AXES)
    dx = dy
    if training:
        m = x.size / x.shape[1]
        dx = dy - wide(dbias) / m - xhat * wide(dweight) / m
    return wide(weight) / std * dx, dweight, dbias
