"""Window by window."""

import numpy as np


def best(x, image, channel, p, q, kernel_size, stride, padding):
    """(value, row, column) of the largest pixel of a window, inside the image."""
    found = None
    for i in range(kernel_size):
        for j in range(kernel_size):
            row, column = p * stride + i - padding, q * stride + j - padding
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                value = x[image, channel, row, column]
                if found is None or value > found[0]:
                    found = value, row, column
    return found


def forward(x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    oh = (h + 2 * padding - kernel_size) // stride + 1
    ow = (w + 2 * padding - kernel_size) // stride + 1
    y = np.zeros((n, c, oh, ow), x.dtype)
    for index in np.ndindex(y.shape):
        y[index] = best(x, *index, kernel_size, stride, padding)[0]
    return y


def backward(dy, x, kernel_size, stride, padding):
    dx = np.zeros_like(x)
    for image, channel, p, q in np.ndindex(dy.shape):
        _, row, column = best(x, image, channel, p, q, kernel_size, stride, padding)
        dx[image, channel, row, column] += dy[image, channel, p, q]
    return dx
