"""Whole arrays."""

import numpy as np


def step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad * grad
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    return (1 - lr * weight_decay) * p - lr * mhat / (np.sqrt(vhat) + eps), m, v
