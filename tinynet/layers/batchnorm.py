"""Batch normalisation of images: each channel gets mean 0 and variance 1, then a scale and a shift.

Over the m = n·h·w values of one channel in the batch (all sums below run over these):

    μ = Σx / m      σ² = Σ(x − μ)² / m      x̂ = (x − μ) / √(σ² + ε)      y = γ·x̂ + β

Backward. γ and β first: dβ = Σdy and dγ = Σdy·x̂. Then dx̂ = γ·dy, and x reaches y three ways:
directly, through μ, and through σ. With s = √(σ² + ε), and since Σx̂ = 0 and Σx̂² ≈ m,

    ∂x̂_j/∂x_i = ( [i = j] − 1/m − x̂_i·x̂_j / m ) / s

(the first part is the direct way; a change of μ moves every x̂_j by −1/(m·s); a change of s
scales every x̂_j, by −x̂_i/(m·s)·x̂_j). Multiply by dx̂_j and sum over j:

    dx = γ/s · ( dy − Σdy/m − x̂·Σ(dy·x̂)/m )

This is exact with ε too: dσ²/dx_i = 2(x_i − μ)/m, so ds/dx_i = (x_i − μ)/(m·s) = x̂_i/m.
In evaluation μ and σ² are the running statistics, constants: dx = γ/s · dy.

S. Ioffe, C. Szegedy. Batch normalization: accelerating deep network training by reducing
internal covariate shift. ICML 2015.
"""

import math

import numpy as np

from ..checks import Checked, number_up_to
from ..layer import Layer, Parameter, own_array
from ..windows import positive_int

PIXELS = (0, 2, 3)  # the axes of one channel's values: images, rows, columns


class BatchNorm2d(Layer):
    """Batch normalisation of (N, C, H, W), with C = num_features.

    eps: added to the variance. momentum: the weight of the new batch in the running statistics.
    weight γ and bias β: (C,), starting at 1 and 0. As in PyTorch, the batch is normalised by
    its biased variance, while running_var averages the unbiased one.

    >>> x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1, 1)
    >>> BatchNorm2d(1)(x).ravel().round(3)
    array([-1.342, -0.447,  0.447,  1.342])
    """

    buffer_names = ("running_mean", "running_var", "num_batches_tracked")

    num_features = Checked(positive_int)
    eps, momentum = Checked(number_up_to(math.inf)), Checked(number_up_to(1))

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        num_features = self.num_features
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean = np.zeros(num_features, np.float32)
        self.running_var = np.ones(num_features, np.float32)
        self.num_batches_tracked = np.zeros((), np.int64)

    def forward(self, x: np.ndarray) -> np.ndarray:  # x: (n, c, h, w)
        self.check(x)
        weight, bias, running_mean, running_var = (
            own_array(self, name, (self.num_features,), x.dtype)
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        if self.training:
            # Sums in float64: over the values of a whole batch float32 would lose digits.
            mean = x.mean(PIXELS, np.float64).astype(x.dtype)  # (c,)
            var = np.square(x - column(mean)).mean(PIXELS, np.float64).astype(x.dtype)  # (c,)
            self.track(mean, var, m=x.size // self.num_features)
        else:
            mean, var = running_mean, running_var
        std = np.sqrt(var + self.eps)  # (c,)
        xhat = (x - column(mean)) / column(std)  # (n, c, h, w)
        y = column(weight) * xhat + column(bias)
        self.save(y, xhat, weight, std, self.training)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:  # dy: (n, c, h, w)
        xhat, weight, std, was_training = self.saved(dy)
        dbias = dy.sum(PIXELS)  # (c,)
        dweight = (dy * xhat).sum(PIXELS)  # (c,)
        self.bias.grad = dbias.astype(self.bias.data.dtype, copy=False)
        self.weight.grad = dweight.astype(self.weight.data.dtype, copy=False)
        if was_training:
            m = dy.size // self.num_features
            dy = dy - column(dbias / m) - xhat * column(dweight / m)
        return column(weight / std) * dy

    def track(self, mean: np.ndarray, var: np.ndarray, m: int) -> None:
        """Move the running statistics towards those of a batch with m values a channel."""
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (m / (m - 1)) - self.running_var)
        self.num_batches_tracked += 1

    def output_shape(self, shape: tuple) -> tuple:
        if len(shape) != 4 or shape[1] != self.num_features or 0 in shape:
            raise ValueError(f"{self}: expected (N, {self.num_features}, H, W), got {tuple(shape)}")
        if self.training and math.prod(shape) == self.num_features:
            raise ValueError(
                f"{self}: expected more than one value a channel to train on (one value has no "
                f"variance), got {tuple(shape)}"
            )
        return shape

    def __repr__(self):
        return f"BatchNorm2d({self.num_features})"


def column(a):
    """(c,) as (c, 1, 1), so that it lies along the channels of (n, c, h, w)."""
    return a[:, None, None]
