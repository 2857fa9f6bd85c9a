"""The sums, as they stand on paper."""

import numpy as np


def forward(x, weight, bias):
    return np.einsum("ni,oi->no", x, weight) + bias


def backward(dy, x, weight):
    dx = np.einsum("no,oi->ni", dy, weight)
    dweight = np.einsum("no,ni->oi", dy, x)
    return dx, dweight, np.einsum("no->o", dy)
