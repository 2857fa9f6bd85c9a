"""Pooling: each window of a channel becomes one number, its maximum or its mean.

Both slide a window over each channel by itself. With each channel as an image of its own,
`im2col` writes every window into a column, and pooling is one operation down the columns:

    cols: (n·c, kh·kw, oh·ow)  →  y = max or mean over axis 1: (n·c, oh·ow)

Backward. Maximum: y is a copy of the largest entry of its window, so dy goes to that entry and
the others get 0; where several are largest (after ReLU, windows of zeros are routine) the first
in reading order is the one. Mean: each of the kh·kw entries has factor 1/(kh·kw), so each gets
dy/(kh·kw). Where windows overlap a pixel gets the sum of its entries, which is `col2im`.
"""

import numpy as np

from ..checks import Checked
from ..layer import Layer
from ..windows import describe, pair_of_paddings, pair_of_sizes, window_shape
from .conv import col2im, im2col


class Pool2d(Layer):
    """What the two have in common: the window. stride None: the kernel size."""

    kernel_size, stride = Checked(pair_of_sizes), Checked(pair_of_sizes)
    padding = Checked(pair_of_paddings)

    def __init__(
        self, kernel_size: int | tuple, stride: int | tuple | None = None, padding: int | tuple = 0
    ):
        self.kernel_size = kernel_size
        self.stride = self.kernel_size if stride is None else stride
        self.padding = padding
        self._check_padding()

    def _check_padding(self):
        """No window may lie wholly in the padding."""
        (kh, kw), (ph, pw) = self.kernel_size, self.padding
        if 2 * ph > kh or 2 * pw > kw:
            raise ValueError(
                f"{type(self).__name__}: expected padding of at most half the kernel size "
                f"{self.kernel_size}, got {self.padding}"
            )

    def columns(self, x: np.ndarray, fill: float) -> np.ndarray:  # x: (n, c, h, w)
        """Every window as a column: (n·c, kh·kw, oh·ow)."""
        n, c, h, w = x.shape
        x = x.reshape(n * c, 1, h, w)
        return im2col(x, self.kernel_size, self.stride, self.padding, fill)

    def pixels(self, dcols: np.ndarray, x_shape: tuple) -> np.ndarray:
        """The sum, for each pixel, of its entries in the columns: (n, c, h, w)."""
        n, c, h, w = x_shape
        dx = col2im(dcols, (n * c, 1, h, w), self.kernel_size, self.stride, self.padding)
        return dx.reshape(x_shape)

    def output_shape(self, shape: tuple) -> tuple:
        self._check_padding()  # again: sizes may have been changed since
        return window_shape(self, shape, None, None)

    def __repr__(self):
        return f"{type(self).__name__}({describe(self, self.kernel_size)})"


class MaxPool2d(Pool2d):
    """The maximum of each window of (N, C, H, W); the padding counts as −∞.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> MaxPool2d(2)(x)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check(x)
        cols = self.columns(x, fill=-np.inf)
        winner = cols.argmax(axis=1)[:, None]  # (n·c, 1, oh·ow), the first of equal ones
        y = np.take_along_axis(cols, winner, axis=1).reshape(self.output_shape(x.shape))
        self.save(y, winner, x.shape)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        winner, x_shape = self.saved(dy)
        kh, kw = self.kernel_size
        dcols = np.zeros((winner.shape[0], kh * kw, winner.shape[2]), dy.dtype)
        np.put_along_axis(dcols, winner, dy.reshape(winner.shape), axis=1)
        return self.pixels(dcols, x_shape)


class AvgPool2d(Pool2d):
    """The mean of each window of (N, C, H, W); the padding counts as zeros, as in PyTorch.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> AvgPool2d(2)(x)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check(x)
        y = self.columns(x, fill=0).mean(axis=1).reshape(self.output_shape(x.shape))
        self.save(y, x.shape)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        (x_shape,) = self.saved(dy)
        n, c, oh, ow = dy.shape
        kh, kw = self.kernel_size
        dwindow = dy.reshape(n * c, 1, oh * ow) / (kh * kw)
        return self.pixels(np.repeat(dwindow, kh * kw, axis=1), x_shape)
