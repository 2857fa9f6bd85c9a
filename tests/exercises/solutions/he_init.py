"""Whole arrays."""

import numpy as np


def fan_in(shape):
    return int(np.prod(shape[1:]))


def init(z):
    return z * z.dtype.type(np.sqrt(2 / fan_in(z.shape)))
