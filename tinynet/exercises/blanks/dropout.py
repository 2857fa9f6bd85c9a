"""Exercise: dropout, which sets a part of the values to 0 in training.

Check your answer with

    python -m tinynet.exercise dropout

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, uniform, p, training):
    """In training, y = 0 where uniform < p, and x / (1 − p) elsewhere. In evaluation, y = x.

    x: (…), an array of any shape. uniform: (…), the same shape, random numbers from 0 to 1, drawn
    for you. p: the probability that a value is dropped, 0 ≤ p < 1. training: True or False.
    Returns y: (…).

    The factor keeps the mean of y where it is without dropout, so that evaluation needs none.
    """
    raise NotImplementedError


def backward(dy, uniform, p, training):
    """dx = dL/dx, from dy = dL/dy and what forward had.

    dy, uniform: (…). Returns dx: (…).

    With which factor does each x stand in its y? Where it was dropped, and where not?
    """
    raise NotImplementedError
