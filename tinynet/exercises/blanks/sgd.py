"""Exercise: one step of stochastic gradient descent.

Check your answer with

    python -m tinynet.exercise sgd

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def step(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    """Where the parameters are after one step, and the velocity for the next one.

        g = dL/dp + λ·p        λ: weight decay, the gradient of λ/2·‖p‖²
        v ← μ·v + g            μ: momentum
        p ← p − η·v            η: lr, the rate
        p ← p − η·(g + μ·v)    instead, if nesterov: a look one step ahead, with the new v

    p, grad, velocity: arrays of one shape; the velocity is all zeros before the first step.
    lr, momentum, weight_decay: numbers. nesterov: True or False.
    Returns (p, velocity): of the same shape. None of the arguments is written to.
    """
    raise NotImplementedError
