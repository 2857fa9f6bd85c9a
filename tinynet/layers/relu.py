"""The rectified linear unit: y = max(x, 0), element by element.

Backward: where x < 0, y stays 0 when x moves, so dx = 0; where x > 0, y moves as x does, so
dx = dy. At x = 0, where there is no derivative, we take 0, as PyTorch does.

V. Nair, G. Hinton. Rectified linear units improve restricted Boltzmann machines. ICML 2010.
"""

import numpy as np

from ..layer import Layer


class ReLU(Layer):
    """max(x, 0) of an array of any shape.

    >>> ReLU()(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.check(x)
        y = np.maximum(x, 0)
        self.save(y, x <= 0)
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        (stopped,) = self.saved(dy)
        return np.where(stopped, np.zeros((), dy.dtype), dy)

    def output_shape(self, shape: tuple) -> tuple:
        return shape
