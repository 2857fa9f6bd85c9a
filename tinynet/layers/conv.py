"""Convolution, as one matrix product.

An output pixel is the sum, over a kh × kw patch of all input channels, of input times weight:

    y[n,o,p,q] = b[o] + Σ_{c,i,j} weight[o,c,i,j] · x̂[n, c, p·sh + i, q·sw + j]

where x̂ is x inside a frame of zeros (the padding) and sh, sw are the strides. `im2col` writes
the patch of each output pixel into a column of a matrix; then the sum is a matrix product:

    y = W @ cols + b       W: (o, c·kh·kw), cols: (n, c·kh·kw, oh·ow), y: (n, o, oh·ow)

Backward, from dy = dL/dy. For a product y = W @ cols, dL/dW = dy @ colsᵀ and
dL/dcols = Wᵀ @ dy; b is added to each pixel of each image, so its gradient is the sum of dy
over them. im2col copies each pixel of x to all columns whose patch holds it; hence a pixel's
gradient is the sum over those columns, which is `col2im`.

K. Chellapilla, S. Puri, P. Simard. High performance convolutional neural networks for document
processing. IWFHR 2006.
"""

import math

import numpy as np

from ..checks import Checked
from ..contract import FLOATS
from ..layer import Layer, Parameter, own_array
from ..windows import (
    describe,
    output_size,
    pair,
    pair_of_paddings,
    pair_of_sizes,
    positive_int,
    window_shape,
)


class Conv2d(Layer):
    """2-d convolution (cross-correlation, as in PyTorch) of images (N, C, H, W).

    in_channels, out_channels: numbers of channels. kernel_size, stride, padding: in pixels, an
    int or a pair (rows, columns). rng: a numpy Generator or a seed; weight (o, c, kh, kw) and
    bias (o,) start uniform in ±1/√(c·kh·kw), as PyTorch's do.

    >>> conv = Conv2d(1, 8, 3, padding=1, rng=0)
    >>> conv(np.zeros((64, 1, 28, 28), np.float32)).shape
    (64, 8, 28, 28)
    >>> conv.weight, conv.bias
    (Parameter(8, 1, 3, 3), Parameter(8,))
    """

    in_channels, out_channels = Checked(positive_int), Checked(positive_int)
    kernel_size, stride = Checked(pair_of_sizes), Checked(pair_of_sizes)
    padding = Checked(pair_of_paddings)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple,
        stride: int | tuple = 1,
        padding: int | tuple = 0,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: type = np.float32,
    ):
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        if np.dtype(dtype) not in FLOATS:
            raise TypeError(f"Conv2d: expected dtype float32 or float64, got {np.dtype(dtype)}")
        rng = np.random.default_rng(rng)
        shape = self._weight_shape()
        bound = 1 / np.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(rng.uniform(-bound, bound, shape).astype(dtype))
        self.bias = Parameter(rng.uniform(-bound, bound, shape[0]).astype(dtype)) if bias else None

    def forward(self, x: np.ndarray) -> np.ndarray:  # x: (n, c, h, w)
        self.check(x)
        cols = im2col(x, self.kernel_size, self.stride, self.padding)  # (n, c·kh·kw, oh·ow)
        weight = own_array(self, "weight", self._weight_shape(), x.dtype)
        weight = weight.reshape(self.out_channels, -1)  # (o, c·kh·kw)
        y = weight @ cols  # (n, o, oh·ow)
        if self.bias is not None:
            y += own_array(self, "bias", (self.out_channels,), x.dtype)[:, None]
        y = y.reshape(self.output_shape(x.shape))
        self.save(y, cols, weight, x.shape)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:  # dy: (n, o, oh, ow)
        weight, x_shape = self._backward_parameters(dy)
        dcols = weight.T @ dy.reshape(*dy.shape[:2], -1)  # (n, c·kh·kw, oh·ow)
        return col2im(dcols, x_shape, self.kernel_size, self.stride, self.padding)

    def backward_parameters(self, dy: np.ndarray) -> None:
        self._backward_parameters(dy)

    def _backward_parameters(self, dy):
        """The gradients of weight and bias; returns what dx is made of besides dy."""
        cols, weight, x_shape = self.saved(dy)
        dy = dy.reshape(*dy.shape[:2], -1)  # (n, o, oh·ow)
        dweight = (dy @ cols.transpose(0, 2, 1)).sum(axis=0)  # (o, c·kh·kw)
        self.weight.grad = dweight.reshape(self.weight.data.shape).astype(self.weight.data.dtype)
        if self.bias is not None:
            self.bias.grad = dy.sum(axis=(0, 2)).astype(self.bias.data.dtype)
        return weight, x_shape

    def _weight_shape(self):
        return (self.out_channels, self.in_channels, *self.kernel_size)

    def output_shape(self, shape: tuple) -> tuple:
        return window_shape(self, shape, self.in_channels, self.out_channels)

    def __repr__(self):
        return f"Conv2d({self.in_channels}→{self.out_channels}, {describe(self, (1, 1))})"


def im2col(
    x: np.ndarray,
    kernel_size: int | tuple,
    stride: int | tuple = 1,
    padding: int | tuple = 0,
    fill: float = 0,
) -> np.ndarray:
    """Each output pixel's patch of x, as a column.

    x: (n, c, h, w) → (n, c·kh·kw, oh·ow), with oh = (h + 2·ph − kh) // sh + 1, ow likewise.
    Row (c, i, j) of the result is channel c of x moved by (i, j), at every stride-th pixel.
    kernel_size, stride, padding: ints or pairs; the padding has the value `fill`.

    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), kernel_size=2)[0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    (kh, kw), (sh, sw), (ph, pw) = window = _pairs(kernel_size, stride, padding)
    n, c, h, w = x.shape
    oh, ow = output_size(h, w, *window)
    framed = np.full((n, c, h + 2 * ph, w + 2 * pw), fill, x.dtype)
    framed[:, :, ph : ph + h, pw : pw + w] = x
    cols = np.empty((n, c, kh, kw, oh, ow), x.dtype)
    for i in range(kh):
        for j in range(kw):
            cols[:, :, i, j] = framed[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw]
    return cols.reshape(n, c * kh * kw, oh * ow)


def col2im(
    cols: np.ndarray,
    x_shape: tuple,
    kernel_size: int | tuple,
    stride: int | tuple = 1,
    padding: int | tuple = 0,
) -> np.ndarray:
    """The transpose of im2col: each pixel of x gets the sum of its copies in cols.

    cols: (n, c·kh·kw, oh·ow), x_shape: (n, c, h, w) → (n, c, h, w).

    >>> ones = np.ones((1, 4, 4))  # the gradient of the sum of all 2×2 patches of a 3×3 image
    >>> col2im(ones, (1, 1, 3, 3), kernel_size=2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    (kh, kw), (sh, sw), (ph, pw) = window = _pairs(kernel_size, stride, padding)
    n, c, h, w = x_shape
    oh, ow = output_size(h, w, *window)
    cols = cols.reshape(n, c, kh, kw, oh, ow)
    framed = np.zeros((n, c, h + 2 * ph, w + 2 * pw), cols.dtype)
    for i in range(kh):
        for j in range(kw):
            framed[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw] += cols[:, :, i, j]
    return np.ascontiguousarray(framed[:, :, ph : ph + h, pw : pw + w])


def _pairs(kernel_size, stride, padding):
    return (
        pair(kernel_size, "kernel_size", at_least=1),
        pair(stride, "stride", at_least=1),
        pair(padding, "padding", at_least=0),
    )
