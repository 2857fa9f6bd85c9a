"""Whole arrays."""

import numpy as np


def forward(x):
    return np.maximum(x, 0)


def backward(dy, x):
    return dy * (x > 0)
