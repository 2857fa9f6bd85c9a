"""Exercise: the rectified linear unit, y = max(x, 0).

Check your answer with

    python -m tinynet.exercise relu

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x):
    """y = max(x, 0), element by element.

    x: (…), an array of any shape. Returns y: (…).

    For example, x = [-1, 0, 2] gives y = [0, 0, 2].
    """
    raise NotImplementedError


def backward(dy, x):
    """dx = dL/dx, from dy = dL/dy and the x that forward had.

    dy, x: (…). Returns dx: (…).

    If one x moves a little, how far does its y move? That factor, times dy, is dx. It depends on
    the sign of x. At x = 0 the derivative does not exist; take 0 there, as most libraries do.
    """
    raise NotImplementedError
