"""Exercise: the fully connected layer, y = x @ Wᵀ + b.

Check your answer with

    python -m tinynet.exercise linear

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, weight, bias):
    """y[n,o] = Σ_i x[n,i] · weight[o,i] + bias[o]

    x: (n, i), one row an image. weight: (o, i). bias: (o,). Returns y: (n, o).
    """
    raise NotImplementedError


def backward(dy, x, weight):
    """The gradients of the loss L with respect to x, weight and bias, from dy = dL/dy.

    dy: (n, o). x: (n, i) and weight: (o, i), as forward had them.
    Returns (dx, dweight, dbias): (n, i), (o, i), (o,).

    For each of the three, take one entry and look at the sum above: in which y does it stand, and
    with which factor? Its gradient is the sum of these factors times their dy. Each of the sums
    is a matrix product, or a sum over an axis.
    """
    raise NotImplementedError
