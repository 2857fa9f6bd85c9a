"""The chain of layers that is a network."""

from collections.abc import Iterator
from contextlib import nullcontext

import numpy as np

from .contract import (
    CHAINS,
    OWN,
    check_array,
    check_dy,
    check_marks,
    checked_backward,
    checked_forward,
    is_own,
    marks,
    read_only,
)
from .layer import Layer, Parameter
from .parts import parts_of
from .passes import Pass
from .state import undone_on_error


class Sequential(Layer):
    """Layers in a row: y = last(…second(first(x))).

    Indexable (a slice is a Sequential of the same layers), iterable; `.layers` is the list.

    >>> from tinynet import Conv2d, Flatten
    >>> model = Sequential(Conv2d(1, 8, 3), Flatten())
    >>> model.output_shape((64, 1, 28, 28))
    (64, 5408)
    >>> [name for name, _ in model.named_parameters()]
    ['0.weight', '0.bias']
    """

    def __init__(self, *layers: Layer):
        self.layers = list(layers)
        self._checked_layers()

    def _checked_layers(self):
        """[layer] as they are now: `layers` may be changed at any time, by another thread too."""
        layers = list(self.layers)
        for i in [i for i, layer in enumerate(layers) if not isinstance(layer, Layer)]:
            raise TypeError(f"Sequential: layer {i} is a {type(layers[i]).__name__}, not a Layer")
        if len(set(map(id, layers))) < len(layers):
            twice = [i for i, a in enumerate(layers) if any(a is b for b in layers[:i])]
            raise ValueError(
                f"Sequential: layer {twice[0]}, {layers[twice[0]]}, stands in it twice; a layer "
                "keeps what one backward needs, so each place needs a layer of its own"
            )
        return layers

    def _parts(self):
        own = [(str(i), layer) for i, layer in enumerate(self._checked_layers())]
        return own + parts_of(self, skip=("_saved", "layers"))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)

    def forward(self, x: np.ndarray) -> np.ndarray:
        with Pass(self):
            layers, shapes = self._checked_layers(), []
            try:
                self.check(x)  # all layers' shapes, before the first of them changes anything
            except RecursionError:
                list(self.named_layers())  # says where the network is inside itself
                raise
            if not layers:
                return x
            i, y = 0, x.view(np.ndarray)
            with self._undone_on_error():
                try:
                    for i, layer in enumerate(layers):
                        shapes.append(y.shape)
                        y = checked_forward(layer, y, is_last=i == len(layers) - 1)
                except (ValueError, TypeError) as error:
                    raise located(error, i, giver=layers[i - 1] if i else None) from error
            if not y.flags.writeable:
                y = y.copy()  # the caller's, to write to as well
            self.save(y, layers, shapes, x.dtype, marks(layers))
        return y

    def _undone_on_error(self):
        """A forward that ends in an error leaves the running statistics as they were."""
        if not self.training:
            return nullcontext()
        return undone_on_error([layer for _, layer in self.named_layers()])

    def backward(self, dy: np.ndarray) -> np.ndarray:
        if not self.layers:
            return dy
        with Pass(self):
            layers, shapes, dtype = self._begin_backward(dy)
            dy = _backward(layers, 0, dy, shapes, dtype)
        return dy if dy.flags.writeable else dy.copy()

    def backward_parameters(self, dy: np.ndarray) -> None:
        """Goes back to the first layer that learns, and no further."""
        if not self.layers:
            return
        with Pass(self):
            layers, shapes, dtype = self._begin_backward(dy)
            first = first_that_learns(layers)
            dy = _backward(layers, first + 1, dy, shapes, dtype)
            try:
                for layer in layers[first : first + 1]:
                    layer.backward_parameters(read_only(dy))
            except (ValueError, TypeError) as error:
                raise located(error, first) from error

    def _begin_backward(self, dy):
        """(layers, shape of each one's x, its dtype) of the forward that this backward belongs to.

        Raises if dy does not look like its y, or another pass came between.
        """
        if self._kept() is None:  # its layers may have been called one by one, by hand
            layers = self._checked_layers()
            return layers, [None] * len(layers), None
        self._check_dy(dy)
        layers, shapes, dtype, marked = self.saved(dy)
        check_marks(marked, self)
        return layers, shapes, dtype

    def _check_dy(self, dy):
        """An error about dy names the last layer, rather than all."""
        kept = self._kept()
        if kept is not None and kept.saved[0]:
            layers = kept.saved[0]
            try:
                if type(layers[-1]) in CHAINS:
                    layers[-1]._check_dy(dy)
                check_dy(dy, kept.shape, kept.dtype, layers[-1])
            except (ValueError, TypeError) as error:
                raise located(error, len(layers) - 1) from error

    def check(self, x: np.ndarray) -> None:
        first = self._checked_layers()[:1]
        try:
            for layer in first:
                layer.check(x)
        except (ValueError, TypeError) as error:
            raise located(error, 0) from error
        check_array(x, self)
        self.output_shape(x.shape)

    def output_shape(self, shape: tuple) -> tuple | None:
        i, layers = 0, list(self.layers)
        try:
            for i in range(len(layers)):
                shape = layers[i].output_shape(shape)
                if shape is None:
                    break
        except (ValueError, TypeError) as error:
            raise located(error, i) from error
        except AttributeError:
            self._checked_layers()  # says which of them is no layer
            raise
        return shape

    def leaves(self) -> list:
        """Those of Sequentials inside it included; but a subclass may run them otherwise."""
        kind, own = type(self), vars(self)
        if (kind.forward, kind.backward) != (Sequential.forward, Sequential.backward):
            return [self]
        if "forward" in own or "backward" in own:  # put in the place of this one object's
            return [self]
        leaves = []
        for layer in list(self.layers):
            if type(layer) in OWN:
                leaves.append(layer)
            else:
                leaves += layer.leaves()
        return leaves

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, i: int | slice) -> Layer:
        return Sequential(*self.layers[i]) if isinstance(i, slice) else self.layers[i]

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"


def first_that_learns(layers: list) -> int:
    """The index of the first layer with a parameter to train; how many layers, if none has."""
    for i, layer in enumerate(layers):
        # of our own layers the attributes are all there is to look through
        parts = vars(layer).values() if type(layer) in OWN else layer.parameters()
        if any(isinstance(p, Parameter) and p.requires_grad for p in parts):
            return i
    return len(layers)


def _backward(layers, first, dy, shapes, dtype):
    """Through the layers back to layers[first]: its dx."""
    i = len(layers) - 1
    try:
        for i in reversed(range(first, len(layers))):
            dy = checked_backward(layers[i], dy, shapes[i], dtype)
    except (ValueError, TypeError) as error:
        raise located(error, i) from error
    return dy


def located(error: Exception, *path: int, giver: Layer | None = None) -> Exception:
    """The error, which says where it came from: layer i of the network, in it layer j, …

    giver: the layer whose answer was given to that one; if it is a reader's own, a note names it.
    """
    kind = TypeError if isinstance(error, TypeError) else ValueError
    told = kind("".join(f"layer {i} of Sequential: " for i in path) + str(error))
    notes = getattr(error, "__notes__", [])
    if giver is not None and not is_own(giver) and type(giver) not in CHAINS:
        notes = [*notes, f"its x is what {giver} returned"]
    for note in notes if hasattr(told, "add_note") else ():  # Python 3.11
        told.add_note(note)
    return told


CHAINS.add(Sequential)
