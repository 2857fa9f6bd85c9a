"""Window by window."""

import numpy as np


def forward(x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    framed = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh = (h + 2 * padding - kernel_size) // stride + 1
    ow = (w + 2 * padding - kernel_size) // stride + 1
    y = np.zeros((n, c, oh, ow), x.dtype)
    for p in range(oh):
        for q in range(ow):
            top, left = p * stride, q * stride
            window = framed[:, :, top : top + kernel_size, left : left + kernel_size]
            y[:, :, p, q] = window.mean((2, 3))
    return y


def backward(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for image, channel, p, q in np.ndindex(dy.shape):
        for i in range(kernel_size):
            for j in range(kernel_size):
                part = dy[image, channel, p, q] / kernel_size**2
                dframed[image, channel, p * stride + i, q * stride + j] += part
    return dframed[:, :, padding : padding + h, padding : padding + w]
