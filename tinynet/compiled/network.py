"""`tinynet.compile`: the same network, run by Numba kernels."""

import numpy as np

from ..layer import Layer, Sequential


def compile(model, *, threads=None):
    """A network that computes what `model` does, in Numba kernels on all cores.

    model: a Sequential (nested ones too) or a single layer; kernels exist for Conv2d, ReLU,
    BatchNorm2d, MaxPool2d and AvgPool2d, and other layers run as they are in their places.
    threads: how many; None for all the cores this process may use. The result is the same, bit
    for bit, for any number. Kernels are compiled when they first run with a dtype, which takes
    some seconds, and kept in Numba's cache for later runs.

    The compiled network shares the model's layers, hence parameters, buffers and training mode:
    training one trains both. It has the same forward, backward, train, eval, state_dict, ….
    """
    if not isinstance(model, Layer):
        raise TypeError(f"compile: expected a Layer, got {type(model).__name__}")
    return Compiled(model.model if isinstance(model, Compiled) else model, threads)


class Compiled(Sequential):
    """What `compile` returns. `.model` is the plain network, `.layers` its layers in a row."""

    def __init__(self, model, threads=None):
        from .threads import default_threads

        self.model = model
        self.layers = model.in_a_row()
        self.threads = default_threads() if threads is None else threads
        if self.threads != int(self.threads) or self.threads < 1:
            raise ValueError(f"compile: expected threads ≥ 1, got {threads}")
        self.stages = None

    def forward(self, x):
        from .jit import announced
        from .stages import Scratch, stages_for

        self.check(x)
        self._saved = None  # from here on, what an earlier forward kept is being overwritten
        if self.stages is None:
            self.stages = stages_for(self.layers, self.threads)
            self.scratch = Scratch()
        # a copy: in C order, and the caller may change x before backward
        y = self.scratch("x", x.shape, x.dtype)
        y[...] = x
        self.shapes = []
        with announced():
            for stage in self.stages:
                stage.layer.check(y)  # kernels trust shapes; a reader's layer may give any
                self.shapes.append(y.shape)
                y = stage.forward(y)
        y = y.copy()  # the caller's to keep
        self.save(y)
        return y

    def backward(self, dy, need_dx=True):
        from .jit import announced

        self.saved(dy)
        dx = np.ascontiguousarray(dy)
        with announced():
            for i in reversed(range(len(self.stages))):
                dy = dx
                if i > 0:  # two arrays in turn: one is read while the other is written
                    dx = self.scratch(f"dx {i % 2}", self.shapes[i], dy.dtype)
                else:
                    dx = np.empty(self.shapes[0], dy.dtype) if need_dx else None
                self.stages[i].backward(dy, dx)
        return dx

    def check(self, x):
        self.model.check(x)

    def output_shape(self, shape):
        return self.model.output_shape(shape)

    def in_a_row(self):
        return self.layers

    def walk(self, prefix=""):
        """The model's own layers under their own names: "0.weight", as in the plain network."""
        yield prefix, self
        yield from self.model.walk(prefix)

    def __repr__(self):
        return f"compile({self.model})"
