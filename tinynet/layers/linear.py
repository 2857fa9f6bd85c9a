"""The fully connected layer: each output is a weighted sum of all inputs.

    y = x @ Wᵀ + b        x: (n, i), W: (o, i), b: (o,), y: (n, o)

Backward, from dy = dL/dy: y[n,o] = Σ_i x[n,i]·W[o,i] + b[o], so W[o,i] is met once for each n,
with factor x[n,i]; x[n,i] once for each o, with factor W[o,i]; b[o] once for each n:

    dW = dyᵀ @ x          dx = dy @ W          db = Σ_n dy
"""

import numpy as np

from ..checks import Checked
from ..layer import Layer, Parameter, own_array
from ..windows import positive_int


class Linear(Layer):
    """(N, in_features) to (N, out_features).

    rng: a numpy Generator or a seed; weight (o, i) and bias (o,) start uniform in
    ±1/√in_features, as PyTorch's do.

    >>> Linear(3, 2, rng=0)(np.ones((5, 3))).shape
    (5, 2)
    """

    in_features, out_features = Checked(positive_int), Checked(positive_int)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator | int | None = None,
    ):
        self.in_features, self.out_features = in_features, out_features
        rng = np.random.default_rng(rng)
        bound = 1 / np.sqrt(self.in_features)
        weight = rng.uniform(-bound, bound, (self.out_features, self.in_features))
        self.weight = Parameter(weight.astype(np.float32))
        self.bias = None
        if bias:
            bias = rng.uniform(-bound, bound, self.out_features)
            self.bias = Parameter(bias.astype(np.float32))

    def forward(self, x: np.ndarray) -> np.ndarray:  # x: (n, i)
        self.check(x)
        weight = own_array(self, "weight", (self.out_features, self.in_features), x.dtype)
        y = x @ weight.T  # (n, o)
        if self.bias is not None:
            y += own_array(self, "bias", (self.out_features,), x.dtype)
        self.save(y, x, weight)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:  # dy: (n, o)
        return dy @ self._backward_parameters(dy)

    def backward_parameters(self, dy: np.ndarray) -> None:
        self._backward_parameters(dy)

    def _backward_parameters(self, dy):
        """The gradients of weight and bias; returns the weight of this pass, for dx."""
        x, weight = self.saved(dy)
        self.weight.grad = (dy.T @ x).astype(self.weight.data.dtype, copy=False)
        if self.bias is not None:
            self.bias.grad = dy.sum(axis=0).astype(self.bias.data.dtype, copy=False)
        return weight

    def output_shape(self, shape: tuple) -> tuple:
        if len(shape) != 2 or shape[1] != self.in_features or shape[0] == 0:
            raise ValueError(f"{self}: expected (N, {self.in_features}), got {tuple(shape)}")
        return shape[0], self.out_features

    def __repr__(self):
        return f"Linear({self.in_features}→{self.out_features})"
