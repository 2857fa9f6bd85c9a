"""Views of all windows, argmax, and np.add.at."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows(x, kernel_size, stride, padding):
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=-np.inf)
    views = sliding_window_view(framed, (kernel_size, kernel_size), (2, 3))
    views = views[:, :, ::stride, ::stride]
    return views.reshape(*views.shape[:4], -1)


def forward(x, kernel_size, stride, padding):
    return windows(x, kernel_size, stride, padding).max(-1)


def backward(dy, x, kernel_size, stride, padding):
    winner = windows(x, kernel_size, stride, padding).argmax(-1)
    n, c, p, q = np.indices(dy.shape)
    rows = p * stride + winner // kernel_size - padding
    columns = q * stride + winner % kernel_size - padding
    dx = np.zeros_like(x)
    np.add.at(dx, (n, c, rows, columns), dy)
    return dx
