"""Number by number."""

import numpy as np


def step(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    new_p, new_velocity = np.empty_like(p), np.empty_like(p)
    for index in np.ndindex(p.shape):
        g = grad[index] + weight_decay * p[index]
        v = momentum * velocity[index] + g
        new_velocity[index] = v
        if nesterov:
            v = g + momentum * v
        new_p[index] = p[index] - lr * v
    return new_p, new_velocity
