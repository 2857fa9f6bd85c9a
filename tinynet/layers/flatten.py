"""Flatten: images (n, c, h, w) to rows (n, c·h·w). Backward gives dy its old shape."""

import math

import numpy as np

from ..layer import Layer
from ..windows import pair_of_sizes


class Flatten(Layer):
    """(N, …) to (N, product of the rest): from the convolutions to Linear or to the logits.

    size: the (rows, columns) that maps (N, C, H, W) must have, an int or a pair; None for any. A
    network of convolutions takes images of many sizes; this holds how many features come out.

    >>> Flatten().output_shape((64, 20, 5, 5))
    (64, 500)
    >>> Flatten(size=1).output_shape((64, 10, 1, 1))
    (64, 10)
    """

    size = None  # also of a subclass that has an __init__ of its own

    def __init__(self, *, size: int | tuple[int, int] | None = None):
        self.size = None if size is None else pair_of_sizes(size, "Flatten: size")

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check(x)
        y = x.reshape(self.output_shape(x.shape))
        self.save(y, x.shape)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        (x_shape,) = self.saved(dy)
        return dy.reshape(x_shape)

    def output_shape(self, shape: tuple) -> tuple:
        if len(shape) < 2 or 0 in shape:
            raise ValueError(f"{self}: expected (N, …) with two axes or more, got {tuple(shape)}")
        if self.size is not None and (len(shape) != 4 or tuple(shape[2:]) != self.size):
            h, w = self.size
            raise ValueError(
                f"{self}: expected (N, C, {h}, {w}), got {tuple(shape)}: the network is made for "
                "images of another size"
            )
        return shape[0], math.prod(shape[1:])

    def __repr__(self):
        if self.size is None:
            return "Flatten()"
        h, w = self.size
        return f"Flatten(size={h})" if h == w else f"Flatten(size={h}×{w})"
