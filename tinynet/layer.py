"""The contract of a layer.

1. `forward(x)` returns y and keeps what backward needs, which may be x itself: it never writes to
   x, and its caller leaves x as it is until backward. `layer(x)` is `forward(x)`.
2. `backward(dy)` takes dy = dL/dy and returns dx = dL/dx. It **assigns** `p.grad` for each
   parameter of the layer (it does not add: there is no zero_grad to forget), never writes to
   dy, and may be called once per forward; called without one, it raises.
3. dtype in = dtype out: float32 to train, float64 to check gradients. The dtype of x decides;
   parameters of the other dtype are rounded or widened for the computation.
4. `training` stands on every layer, set by `train()` and `eval()`. Running statistics are
   buffers, not parameters.
5. A wrong shape, dtype or value raises ValueError (or TypeError) that names the layer, what it
   expected and what came, before anything is changed.

Notation everywhere: n images, c channels, h rows, w columns; dx is the gradient of the loss L
with respect to x. A shape stands in a comment beside the array: # (n, c, h, w).

To write a layer of your own, subclass Layer and give it forward and backward. Parameters and
layers in its attributes, also in lists, tuples and dicts, are found by themselves (see parts.py).
What your layer returns is held against points 1 to 3 where it stands in a network: an array of
x's dtype for as many images, and a dx like x; x and dy come read-only.
"""

from collections.abc import Iterator
from threading import get_ident
from typing import NamedTuple

import numpy as np

from .contract import FLOATS, OWN, check_array, check_dy, check_known, guarded_forward
from .parts import Part, parts_of
from .passes import Pass, here


class Parameter(Part):
    """An array that is learned, and its gradient.

    data: float32 or float64 array; a list of floats becomes one.  grad: None before the first
    backward, then an array of the same shape.  requires_grad: set it to False to leave the array
    as it is in training, as in fine-tuning.
    """

    requires_grad = True

    def __init__(self, data: np.ndarray):
        self.data = data if isinstance(data, np.ndarray) else np.asarray(data)
        if self.data.dtype not in FLOATS:
            raise TypeError(f"Parameter: expected float32 or float64, got {self.data.dtype}")
        self.grad: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"Parameter{self.data.shape}"

    def __getstate__(self):  # copies and pickles are the weights, without the last batch's gradient
        return vars(self) | {"grad": None}


class Kept(NamedTuple):
    """What a forward leaves for one backward: how dy will have to look, and what it needs."""

    shape: tuple
    dtype: np.dtype
    saved: tuple
    thread: int


class Layer(Part):
    """Base class of everything with a forward and a backward pass."""

    buffer_names = ()  # attributes that are saved with the weights, but not learned
    frozen = False  # True: stays in evaluation mode, see `freeze`
    _training, _saved, _passes = True, None, 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def backward_parameters(self, dy: np.ndarray) -> None:
        """backward where dx, the input's gradient, is unused: only sets the parameters' gradients.

        A layer that saves work by this has its own.
        """
        self.backward(dy)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if type(self) in OWN:
            return self.forward(x)
        with Pass(self):
            return guarded_forward(self, x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # -- what forward and backward check, and what they hand each other --

    def output_shape(self, shape: tuple) -> tuple | None:
        """The shape of y for an x of this shape; raises ValueError if x cannot have it.

        None means unknown: a layer of your own need not say.
        """
        return None

    def check(self, x: np.ndarray) -> None:
        """Raise unless x is an array that this layer can take."""
        check_array(x, self)
        self.output_shape(x.shape)

    def save(self, y: np.ndarray, *saved: object) -> None:
        """Keep what backward will need, and what its dy will have to look like."""
        if here.known is not None:
            check_known(self)
        kept = Kept(y.shape, y.dtype, saved, get_ident())
        if here.kept is None:
            self._saved = kept
        else:  # evaluation: what a training pass left for its backward stays
            here.kept[id(self)] = kept

    def _kept(self):
        """What the last forward saved, or None: in this thread's evaluation, or otherwise."""
        return self._saved if here.kept is None else here.kept.get(id(self))

    def saved(self, dy: np.ndarray) -> tuple:
        """What forward saved, for one backward only; dy is checked against forward's y."""
        kept = self._kept()
        if kept is None:
            raise RuntimeError(
                f"{self._title()}: backward without a forward before it (each forward allows one "
                "backward)"
            )
        if kept.thread != get_ident():
            raise RuntimeError(
                f"{self._title()}: backward in another thread than the last forward; each thread "
                "that trains needs a copy of its own (copy.deepcopy)"
            )
        check_dy(dy, kept.shape, kept.dtype, self)
        if here.kept is None:
            self._saved = None
        else:
            del here.kept[id(self)]
        return kept.saved

    def _title(self):
        """This layer in a few words: a network's repr would be all its layers."""
        return repr(self) if type(self) in OWN or not self.children() else type(self).__name__

    def __getstate__(self):  # copies and pickles are the weights, without the last batch
        return {k: v for k, v in vars(self).items() if k not in ("_saved", "_passes")}

    # -- parameters, buffers, and the layers inside this one --

    def _parts(self):
        """[(name, Parameter or Layer)] directly inside this layer, in order."""
        return parts_of(self, skip=("_saved",))

    def children(self) -> list:
        """[(name, layer)] of the layers directly inside this one, in order."""
        return [(name, part) for name, part in self._parts() if isinstance(part, Layer)]

    def named_layers(
        self, prefix: str = "", _around: tuple = (), _seen: set | None = None
    ) -> Iterator:
        """(prefix of its names, layer) for this layer and all inside it, in order, each once."""
        if any(self is layer for layer in _around):
            raise ValueError(
                f"{type(self).__name__}: {prefix[:-1]} is a layer around it; keep a reference to "
                "the parent as weakref.ref(parent), so that it is not taken for a part"
            )
        seen = set() if _seen is None else _seen
        if id(self) not in seen:
            seen.add(id(self))
            yield prefix, self
            for name, child in self.children():
                yield from child.named_layers(f"{prefix}{name}.", (*_around, self), seen)

    def leaves(self) -> list:
        """[layer] of a network as they run one after the other: here, only this one."""
        return [self]

    def named_parameters(self) -> list:
        """[(name, Parameter)] of this layer and all inside it: [("0.weight", …), …]."""
        return [
            (prefix + name, p)
            for prefix, layer in self.named_layers()
            for name, p in layer.own_parameters()
        ]

    def own_parameters(self) -> list:
        """[(name, Parameter)] of this layer itself, each once."""
        own = {}
        for name, part in self._parts():
            if isinstance(part, Parameter) and all(part is not p for p in own.values()):
                own[name] = part
        return list(own.items())

    def parameters(self) -> list:
        """[Parameter] of this layer and all inside it."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self) -> list:
        """[(name, array)] of what is saved with the weights but not learned."""
        return [
            (prefix + name, buffer)
            for prefix, layer in self.named_layers()
            for name, buffer in layer.own_buffers()
        ]

    def own_buffers(self) -> list:
        """[(name, array)] of this layer itself."""
        buffers = []
        for name in self.buffer_names:
            buffer = getattr(self, name, None)
            if not isinstance(buffer, np.ndarray):
                raise TypeError(
                    f"{type(self).__name__}: expected the buffer {name}, which buffer_names lists, "
                    f"to be an array made in __init__, got {type(buffer).__name__}"
                )
            buffers.append((name, buffer))
        return buffers

    @property
    def training(self) -> bool:
        """Training mode? As `train` and `eval` set it; never while this thread evaluates."""
        return self._training and here.kept is None

    @training.setter
    def training(self, mode):
        self._training = bool(mode)

    def train(self, mode: bool = True) -> "Layer":
        """Training mode, for this layer and all inside it; returns self."""
        for _, layer in self.named_layers():
            layer.training = mode and not layer.frozen
        return self

    def eval(self) -> "Layer":
        """Evaluation mode: BatchNorm uses its running statistics. Returns self."""
        return self.train(False)

    def freeze(self, frozen: bool = True) -> "Layer":
        """Leave this layer and all inside it as they are in training; returns self.

        Their parameters are not trained (requires_grad is False), and they stay in evaluation
        mode, also after `train()`, so that running statistics do not move. False undoes it.
        """
        for _, layer in self.named_layers():
            layer.frozen = bool(frozen)
            layer.training = not frozen
            for _, p in layer.own_parameters():
                p.requires_grad = not frozen
        return self

    # -- weights in and out --

    def state_dict(self) -> dict:
        """{name: copy of the array} of all parameters and buffers, under PyTorch's names."""
        return {name: a.copy() for name, a in self._state()}

    def _state(self):
        """[(name, array)], the arrays themselves, layer by layer as PyTorch orders them."""
        state = []
        for prefix, layer in self.named_layers():
            state += [(prefix + name, p.data) for name, p in layer.own_parameters()]
            state += [(prefix + name, buffer) for name, buffer in layer.own_buffers()]
        return state

    def load_state_dict(self, state: dict, strict: bool = True) -> tuple:
        """Copy arrays into the parameters and buffers of the same names: all of them, or none.

        state: {name: array}. A shape that differs, or a value that is not a number of the same
        kind, raises ValueError; so does, if strict, a name that is missing or not known here.
        Returns (missing names, unexpected names).
        """
        own = dict(self._state())
        state = {name: np.asarray(value) for name, value in state.items()}
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        problems = []
        if strict and missing:
            problems.append("missing: " + ", ".join(missing))
        if strict and unexpected:
            problems.append("unexpected: " + ", ".join(map(str, unexpected)))
        for name in own.keys() & state.keys():
            mine, came = own[name], state[name]
            if came.shape != mine.shape:
                problems.append(f"{name}: expected shape {mine.shape}, got {came.shape}")
            elif came.dtype.kind != mine.dtype.kind:
                problems.append(f"{name}: expected {mine.dtype}, got {came.dtype}")
            elif not mine.flags.writeable:
                problems.append(f"{name}: expected an array to write to, but it is read-only here")
            elif _overflows(came, mine.dtype):
                problems.append(f"{name}: expected values that {mine.dtype} can hold")
        if problems:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: nothing was loaded; "
                + "; ".join(sorted(problems))
            )
        with Pass(self):
            for name in own.keys() & state.keys():
                own[name][...] = state[name]
        return missing, unexpected


def _overflows(array, dtype):
    with np.errstate(over="ignore"):
        return array.dtype.kind == "f" and bool(
            (np.isinf(array.astype(dtype)) & np.isfinite(array)).any()
        )


def own_array(layer, name, shape, dtype):
    """The array of a layer's Parameter or buffer, in this dtype; an error if it does not fit."""
    value = getattr(layer, name)
    array = value.data if isinstance(value, Parameter) else value
    if type(array) is np.ndarray and array.dtype is dtype and array.shape == shape:
        if type(value) is Parameter or name in layer.buffer_names:
            return array
    is_buffer = name in layer.buffer_names
    if isinstance(value, Parameter) == is_buffer or not isinstance(array, np.ndarray):
        kind = "an array" if is_buffer else "a Parameter that holds an array"
        raise TypeError(f"{layer}: expected {name} to be {kind}, got {type(value).__name__}")
    if array.dtype not in FLOATS:
        raise TypeError(f"{layer}: expected {name} of float32 or float64, got {array.dtype}")
    if array.shape != shape:
        kind = "buffer" if is_buffer else "parameter"
        raise ValueError(f"{layer}: expected a {kind} of {shape}, {name}, got {array.shape}")
    return array.astype(dtype, copy=False)
