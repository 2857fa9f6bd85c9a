"""Number by number, with the means moved towards the new."""

import math

import numpy as np


def step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    new_p, new_m, new_v = np.empty_like(p), np.empty_like(m), np.empty_like(v)
    for i in np.ndindex(p.shape):
        new_m[i] = m[i] + (1 - beta1) * (grad[i] - m[i])
        new_v[i] = v[i] + (1 - beta2) * (grad[i] ** 2 - v[i])
        length = math.sqrt(new_v[i] / (1 - beta2**t)) + eps
        new_p[i] = p[i] - lr * (new_m[i] / (1 - beta1**t) / length + weight_decay * p[i])
    return new_p, new_m, new_v
