"""A loop over the pixels of the kernel, each moving a whole slice."""

import numpy as np


def slices(shape, kernel_size, stride, padding):
    h, w = shape[2:]
    oh = (h + 2 * padding - kernel_size) // stride + 1
    ow = (w + 2 * padding - kernel_size) // stride + 1
    for i in range(kernel_size):
        for j in range(kernel_size):
            yield np.s_[..., i : i + stride * oh : stride, j : j + stride * ow : stride]


def frame(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def forward(x, kernel_size, stride, padding):
    framed = frame(x, padding)
    return sum(framed[s] for s in slices(x.shape, kernel_size, stride, padding)) / kernel_size**2


def backward(dy, x, kernel_size, stride, padding):
    dframed = frame(np.zeros_like(x), padding)
    for s in slices(x.shape, kernel_size, stride, padding):
        dframed[s] += dy / kernel_size**2
    return dframed[..., padding : padding + x.shape[2], padding : padding + x.shape[3]]
