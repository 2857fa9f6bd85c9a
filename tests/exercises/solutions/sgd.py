"""Whole arrays."""


def step(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    velocity = momentum * velocity + g
    direction = g + momentum * velocity if nesterov else velocity
    return p - lr * direction, velocity
