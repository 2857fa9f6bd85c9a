"""Seven nested loops."""

import numpy as np


def forward(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    oh, ow = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
    y = np.zeros((n, o, oh, ow), x.dtype)
    for image in range(n):
        for f in range(o):
            for p in range(oh):
                for q in range(ow):
                    total = bias[f]
                    for channel in range(c):
                        for i in range(kh):
                            for j in range(kw):
                                row, col = p * stride + i - padding, q * stride + j - padding
                                if 0 <= row < h and 0 <= col < w:
                                    total += weight[f, channel, i, j] * x[image, channel, row, col]
                    y[image, f, p, q] = total
    return y


def backward(dy, x, weight, stride, padding):
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    dx, dweight, dbias = np.zeros_like(x), np.zeros_like(weight), np.zeros(o, x.dtype)
    for image, f, p, q in np.ndindex(dy.shape):
        g = dy[image, f, p, q]
        dbias[f] += g
        for channel, i, j in np.ndindex(c, kh, kw):
            row, col = p * stride + i - padding, q * stride + j - padding
            if 0 <= row < h and 0 <= col < w:
                dx[image, channel, row, col] += g * weight[f, channel, i, j]
                dweight[f, channel, i, j] += g * x[image, channel, row, col]
    return dx, dweight, dbias
