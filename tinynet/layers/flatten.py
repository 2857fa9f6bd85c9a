"""Flatten: images (n, c, h, w) to rows (n, c·h·w). Backward gives dy its old shape."""

import math

from ..layer import Layer


class Flatten(Layer):
    """(N, …) to (N, product of the rest): from the convolutions to Linear or to the logits.

    >>> Flatten().output_shape((64, 20, 5, 5))
    (64, 500)
    """

    def forward(self, x):
        self.check(x)
        y = x.reshape(self.output_shape(x.shape))
        self.save(y, x.shape)
        return y

    def backward(self, dy):
        (x_shape,) = self.saved(dy)
        return dy.reshape(x_shape)

    def output_shape(self, shape):
        if len(shape) < 2 or 0 in shape:
            raise ValueError(f"{self}: expected (N, …) with two axes or more, got {tuple(shape)}")
        return shape[0], math.prod(shape[1:])
