"""`tinynet.compile`: the same network, run by Numba kernels."""

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

    >>> import numpy as np
    >>> from tinynet.models import mnist_lite
    >>> model = mnist_lite(rng=0)
    >>> fast = compile(model)
    >>> x = np.random.default_rng(0).standard_normal((2, 1, 28, 28), np.float32)
    >>> bool(np.allclose(fast(x), model(x), atol=1e-4))
    True
    """
    if not isinstance(model, Layer):
        raise TypeError(f"compile: expected a Layer, got {type(model).__name__}")
    return Compiled(model.model if isinstance(model, Compiled) else model, threads)


class Compiled(Sequential):
    """What `compile` returns. `.model` is the plain network, `.layers` its layers in a row."""

    def __init__(self, model, threads=None):
        from .threads import default_threads

        self.model = model
        self.layers = model.leaves()
        self.threads = default_threads() if threads is None else threads
        if self.threads != int(self.threads) or self.threads < 1:
            raise ValueError(f"compile: expected threads ≥ 1, got {threads}")
        self.stages = None

    def forward(self, x):
        from .jit import announced
        from .memory import Memory, Scratch
        from .stages import PlainStage, stages_for

        self.check(x)
        self._saved = None  # from here on, what an earlier forward kept is being overwritten
        if self.stages is None:
            memory = Memory()
            self.stages = stages_for(self.layers, self.threads, memory)
            self.scratch = Scratch(memory)
        # a copy: in C order, and the caller may change x before backward
        y = self.scratch("x", x.shape, x.dtype)
        y.array[...] = x
        self.shapes, known = [], True
        with announced():
            for stage in self.stages:
                if not known:
                    stage.layer.check(y.array)  # a reader's layer may give any shape
                self.shapes.append(y.shape)
                y = stage.forward(y)
                known = not isinstance(stage, PlainStage)
        y = y.array.copy()  # the caller's to keep
        self.save(y)
        return y

    def backward(self, dy):
        return self._backward(dy, 0, True)

    def backward_parameters(self, dy):
        first = self.first_that_learns()
        starts = [self.layers.index(stage.layer) for stage in self.stages or ()]
        self._backward(dy, sum(start <= first for start in starts[1:]), False)

    def _backward(self, dy, first, need_dx):
        """Back to stages[first]: its dx, if need_dx."""
        from .jit import announced
        from .memory import new_block

        self.saved(dy)
        gradient = self.scratch("dy", dy.shape, dy.dtype)
        gradient.array[...] = dy
        with announced():
            written = 0
            for i in reversed(range(first, len(self.stages))):
                dx = None
                if i > first:  # two arrays in turn: one is read while the other is written
                    dx = self.scratch(f"dx {written % 2}", self.shapes[i], dy.dtype)
                elif need_dx:
                    dx = new_block(self.shapes[0], dy.dtype)
                gradient = self.stages[i].backward(gradient, dx)
                written += gradient is dx  # a stage may hand on what it was given
        return gradient.array if need_dx else None

    def check(self, x):
        self.model.check(x)

    def output_shape(self, shape):
        return self.model.output_shape(shape)

    def leaves(self):
        return self.layers

    def named_layers(self, prefix=""):
        """The model's own layers under their own names: "0.weight", as in the plain network."""
        yield prefix, self
        yield from self.model.named_layers(prefix)

    def __reduce__(self):  # copies and pickles are new networks, with memory of their own
        return Compiled, (self.model, self.threads)

    def __repr__(self):
        return f"compile({self.model})"
