"""What a network is made of: the layers, the shapes between them, parameters, work and memory.

The shapes are not computed from formulas: two images of zeros run through the layers, and we look
at what comes out. So a layer of your own needs nothing extra to appear in the table.
"""

import numpy as np

from .layer import Layer
from .layers import Conv2d, Linear
from .state import preserved
from .windows import positive_int


def summary(model: Layer, input_shape: tuple) -> "Summary":
    """A Summary of a layer or network, which is as before afterwards; print it for the table.

    input_shape: of one example, as a tuple: (1, 28, 28), (784,). TypeError or ValueError if it is
    not a tuple of positive ints; and what the layers raise if it does not suit them.

    >>> from tinynet.models import mnist_lite
    >>> table = summary(mnist_lite(), (1, 28, 28))
    >>> table.total_params, table.multiply_adds
    (11950, 2176776)
    """
    if not isinstance(model, Layer):
        raise TypeError(f"summary: expected a Layer, got {type(model).__name__}")
    if not isinstance(input_shape, tuple):
        raise TypeError(
            "summary: expected input_shape to be a tuple, of one example and without the batch, "
            f"such as (1, 28, 28) or (784,); got {input_shape!r}"
        )
    shape = tuple(positive_int(size, "summary: input_shape") for size in input_shape)
    return Summary(model, shape)


class Summary:
    """rows: [(name, output shape with -1 for the batch, parameters)]. The totals: total_params,
    parameter_bytes; for one example multiply_adds (of Conv2d and Linear) and activation_bytes
    (of all outputs in the table). str() is a table, in Markdown.
    """

    def __init__(self, model, input_shape):
        parameters = set(model.parameters())  # a set: shared ones count once
        dtype = next((p.data.dtype for p in model.parameters()), np.dtype(np.float32))
        self.total_params = sum(p.data.size for p in parameters)
        self.parameter_bytes = sum(p.data.nbytes for p in parameters)
        self.rows = []
        self.multiply_adds = 0
        self.activation_bytes = 0
        with preserved(model):
            model.eval()
            for _, layer in model.named_layers():
                if isinstance(layer, (Conv2d, Linear)):
                    self._count(layer)
            x = np.zeros((2, *input_shape), dtype)
            model.check(x)  # first of all, as its errors say which layer of the network it was
            for i, layer in enumerate(model.leaves(), start=1):
                x = layer.forward(x)
                params = sum(p.data.size for p in layer.parameters())
                self.rows.append((f"{type(layer).__name__}-{i}", (-1, *x.shape[1:]), params))
                self.activation_bytes += x[0].nbytes

    def _count(self, layer):
        """Let the layer's forward add its multiply-adds, wherever inside the network it is called.

        Each output is a sum of products with as many weights as one output channel has.
        """
        forward, weight = layer.forward, layer.weight.data

        def counted(x):
            y = forward(x)
            self.multiply_adds += y[0].size * (weight.size // len(weight))
            return y

        layer.forward = counted  # on this one object, until `preserved` takes it away

    def __str__(self):
        header = ("Layer (type)", "Output shape", "Param #")
        rows = [(name, str(list(shape)), f"{params:,}") for name, shape, params in self.rows]
        a, b, c = (max(map(len, column)) for column in zip(header, *rows, strict=True))
        table = [f"| {name:{a}} | {shape:>{b}} | {n:>{c}} |" for name, shape, n in [header, *rows]]
        table.insert(1, f"|:{'-' * (a + 1)}|{'-' * (b + 1)}:|{'-' * (c + 1)}:|")
        activations = self.activation_bytes
        totals = [
            f"Total params: {self.total_params:,}",
            f"Multiply-adds: {self.multiply_adds:,} per example (in Conv2d and Linear)",
            f"Memory: {_size(self.parameter_bytes)} of parameters (1 kB = 1000 bytes)",
            f"        {_size(activations)} of activations per example, the outputs of all layers",
            f"        {_size(2 * activations)} of activations and their gradients per example",
        ]
        return "\n".join([*table, "", *totals])

    __repr__ = __str__


def _size(count):
    """A number of bytes, as "47.8 kB"."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
