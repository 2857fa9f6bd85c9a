"""`tinynet.compile`: the same network, run by Numba kernels."""

import math
import operator
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np

from ..checks import whole_number
from ..contract import CHAINS, OWN, check_array, check_dy, check_marks, is_own, marks
from ..layer import Layer
from ..passes import Pass, here
from ..sequential import Sequential, first_that_learns, located
from ..state import undone_on_error
from .available import numba_error


def compile(model: Layer, *, threads: int | None = None) -> "Compiled":
    """A network that computes what `model` does, in Numba kernels on all cores.

    model: a Sequential (nested ones too) or a single layer; kernels exist for Conv2d, ReLU,
    BatchNorm2d, MaxPool2d and AvgPool2d, and other layers run as they are in their places.
    threads: how many; None for all the cores this process may use. The result is the same, bit
    for bit, for any number. Kernels are compiled when they first run with a dtype, which takes
    some seconds, and kept in Numba's cache for later runs. ImportError: there is no Numba.

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
    """What `compile` returns. `.model` is the plain network, `.layers` its layers in a row.

    Each forward looks whether the layers are still those that kernels were prepared for.
    """

    def __init__(self, model: Layer, threads: int | None = None):
        if numba_error():
            raise ImportError(
                f"compile: Numba, which makes the kernels, cannot be imported ({numba_error()}). "
                "Where it exists, this installs it: pip install numba (then start Python again). "
                "The plain network computes the same without it, more slowly: leave out compile."
            )
        from .threads import default_threads

        if threads is not None:
            threads = whole_number(threads, "compile: threads", at_least=-math.inf)
            if threads < 1:
                raise ValueError(f"compile: expected threads ≥ 1, got {threads}")
        for _, layer in model.named_layers():  # refuses parts that cannot be found
            layer.own_buffers()
        self.model = model
        self.threads = threads or default_threads()
        self.prepared = None  # the layers that stages were made for
        self.aside = None  # another Compiled of the same, for evaluation in the midst of training

    @property
    def layers(self) -> list | tuple:
        """The layers in a row: the model's own list, to be changed as well, where it is flat."""
        flat = type(self.model) is Sequential and self.model.leaves() == self.model.layers
        return self.model.layers if flat else tuple(self.model.leaves())

    @property
    def training(self) -> bool:
        """As the model's, whose layers it runs."""
        return self.model.training

    @training.setter
    def training(self, mode):
        self.model.training = mode

    def prepare(self, layers):
        """Choose the stages for these layers."""
        from .memory import Memory, Scratch
        from .stages import BatchNormStage, PlainStage, stages_for

        Sequential(*layers)  # refuses what no network can be made of
        memory = Memory()
        self.stages, self.starts = stages_for(layers, self.threads, memory)
        self.scratch = Scratch(memory)
        self.own = [layer for layer in layers if is_own(layer)]
        self.own_types = {type(layer) for layer in self.own}
        self.types = list(map(type, layers))
        self.plain = [stage.layer for stage in self.stages if isinstance(stage, PlainStage)]
        everything = list(self.model.named_layers())
        self.norms = [stage for stage in self.stages if isinstance(stage, BatchNormStage)]
        in_kernels = {id(stage.layer) for stage in self.norms}
        self.with_buffers = [
            layer for _, layer in everything if layer.buffer_names and id(layer) not in in_kernels
        ]
        paths = {id(layer): prefix.split(".")[:-1] for prefix, layer in everything}
        # another thread may have exchanged a layer meanwhile, whose place is not known then
        self.paths = [paths.get(id(layer), []) for layer in layers]
        self.prepared = layers

    def is_prepared_for(self, layers):
        return (
            self.prepared is not None
            and len(layers) == len(self.prepared)
            and all(map(operator.is_, layers, self.prepared))
            and list(map(type, layers)) == self.types
            and not any("forward" in vars(one) or "backward" in vars(one) for one in self.own)
            and all(OWN[kind] == (kind.forward, kind.backward) for kind in self.own_types)
        )

    def forward(self, x: np.ndarray) -> np.ndarray:
        from .jit import announced

        with Pass(self):
            if here.kept is not None and self._saved is not None:  # a backward is still to come
                if self.aside is None:
                    self.aside = Compiled(self.model, self.threads)
                return self.aside.forward(x)
            self.check(x)
            layers = self.model.leaves()
            if not layers:
                return x
            if not self.is_prepared_for(layers):
                self.prepare(layers)
            self._saved = None  # from here on, what an earlier forward kept is being overwritten
            undone = nullcontext()
            if self.training and self.with_buffers:
                undone = undone_on_error(self.with_buffers)
            with undone, announced():
                y, shapes = self._run(x)
            self.save(y, shapes, x.dtype, marks(self.plain))
        return y

    def _run(self, x):
        """The stages one after the other: (y, the caller's to keep, the shape of each one's x)."""
        # a copy: in C order, and the caller may change x before backward
        y = self.scratch("x", x.shape, x.dtype)
        y.array[...] = x
        shapes, known = [], True
        try:
            for stage in self.stages:
                shapes.append(y.shape)
                if not known:
                    stage.layer.check(y.array)  # a reader's layer may give any shape
                y = stage.forward(y)
                known = known and stage.gives_known_shape
        except (ValueError, TypeError) as error:
            i = len(shapes) - 1
            giver = self.stages[i - 1].layer if i else None
            raise located(error, *self.paths[self.starts[i]], giver=giver) from error
        for norm in self.norms:
            norm.track()
        return y if isinstance(y, np.ndarray) else y.array.copy(), shapes

    def backward(self, dy: np.ndarray) -> np.ndarray:
        if self._kept() is None and not self.layers:
            return dy
        with Pass(self):
            return self._backward(dy, 0, True)

    def backward_parameters(self, dy: np.ndarray) -> None:
        if self._kept() is None and not self.layers:
            return
        with Pass(self):
            first = first_that_learns(self.prepared or [])
            stages = bisect_right(self.starts, first) - 1 if self.prepared else 0
            self._backward(dy, stages, False)

    def _backward(self, dy, first, need_dx):
        """Back to stages[first]: its dx, if need_dx."""
        from .jit import announced
        from .memory import new_block
        from .stages import PlainStage

        self._check_dy(dy)
        shapes, dtype, marked = self.saved(dy)
        check_marks(marked, self)
        gradient = dy
        if not isinstance(self.stages[-1], PlainStage):
            gradient = self.scratch("dy", dy.shape, dy.dtype)
            gradient.array[...] = dy
        i, written = first, 0
        try:
            with announced():
                for i in reversed(range(first, len(self.stages))):
                    dx = None
                    if i > first:  # two arrays in turn: one is read while the other is written
                        dx = self.scratch(f"dx {written % 2}", shapes[i], dtype)
                    elif need_dx:
                        dx = new_block(shapes[0], dtype)
                    gradient = self.stages[i].backward(gradient, dx)
                    written += gradient is dx  # a stage may hand on what it was given
        except (ValueError, TypeError) as error:
            raise located(error, *self.paths[self.starts[i]]) from error
        return gradient.array if need_dx else None

    def _check_dy(self, dy):
        kept = self._kept()
        if kept is not None:
            try:
                check_dy(dy, kept.shape, kept.dtype, self.prepared[-1])
            except (ValueError, TypeError) as error:
                raise located(error, *self.paths[-1]) from error

    def check(self, x: np.ndarray) -> None:
        self.model.check(x)
        check_array(x, self.model)  # a reader's layer may have a check of its own

    def output_shape(self, shape: tuple) -> tuple | None:
        return self.model.output_shape(shape)

    def leaves(self) -> list:
        return self.model.leaves()

    def _parts(self):
        return [("model", self.model)]

    def named_layers(
        self, prefix: str = "", _around: tuple = (), _seen: set | None = None
    ) -> Iterator:
        """The model's own layers under their own names: "0.weight", as in the plain network."""
        yield prefix, self
        yield from self.model.named_layers(prefix, (*_around, self), _seen)

    def __reduce__(self):  # copies and pickles are new networks, with memory of their own
        return Compiled, (self.model, self.threads)

    def __repr__(self):
        return f"compile({self.model})"


CHAINS.add(Compiled)
