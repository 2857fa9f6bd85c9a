"""By counting, and number by number."""

import math

import numpy as np


def fan_in(shape):
    if len(shape) == 2:
        o, i = shape
        return i
    o, c, kh, kw = shape
    return c * kh * kw


def init(z):
    weight = np.empty_like(z)
    for index in np.ndindex(z.shape):
        weight[index] = z[index] * math.sqrt(2) / math.sqrt(z[0].size)
    return weight
