"""The contract of a layer, and the chain of layers that is a network.

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
layers that you assign to attributes are found by themselves, under the attribute's name.
"""

from contextlib import contextmanager

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Parameter:
    """An array that is learned, and its gradient.

    data: float array.  grad: None before the first backward, then an array of the same shape.
    requires_grad: set it to False to leave the array as it is in training, as in fine-tuning.
    """

    def __init__(self, data):
        self.data = data
        self.grad = None
        self.requires_grad = True

    def __repr__(self):
        return f"Parameter{self.data.shape}"


class Layer:
    """Base class of everything with a forward and a backward pass."""

    training = True
    buffer_names = ()  # attributes that are saved with the weights, but not learned

    def forward(self, x):
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy):
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def backward_parameters(self, dy):
        """backward where dx, the input's gradient, is unused: only sets the parameters' gradients.

        A layer that saves work by this has its own.
        """
        self.backward(dy)

    def __call__(self, x):
        return self.forward(x)

    def __repr__(self):
        return f"{type(self).__name__}()"

    # -- what forward and backward check, and what they hand each other --

    def output_shape(self, shape):
        """The shape of y for an x of this shape; raises ValueError if x cannot have it.

        None means unknown: a layer of your own need not say.
        """
        return None

    def check(self, x):
        """Raise unless x is an array that this layer can take."""
        if not isinstance(x, np.ndarray):
            raise TypeError(f"{self}: expected a NumPy array, got {type(x).__name__}")
        if x.dtype not in FLOATS:
            raise TypeError(f"{self}: expected float32 or float64, got {x.dtype}")
        self.output_shape(x.shape)

    def save(self, y, *saved):
        """Keep what backward will need, and what its dy will have to look like."""
        self._saved = y.shape, y.dtype, saved

    def saved(self, dy):
        """What forward saved, for one backward only; dy is checked against forward's y."""
        if getattr(self, "_saved", None) is None:
            raise RuntimeError(
                f"{self}: backward without a forward before it (each forward allows one backward)"
            )
        shape, dtype, saved = self._saved
        if not isinstance(dy, np.ndarray) or dy.shape != shape:
            raise ValueError(
                f"{self}: backward expected dy of shape {shape}, as its forward gave, "
                f"got {getattr(dy, 'shape', type(dy).__name__)}"
            )
        if dy.dtype != dtype:
            raise TypeError(
                f"{self}: backward expected dy of dtype {dtype}, as its forward gave, "
                f"got {dy.dtype}"
            )
        self._saved = None
        return saved

    # -- parameters, buffers, and the layers inside this one --

    def children(self):
        """[(name, layer)] of the layers directly inside this one, in order."""
        return [(name, v) for name, v in vars(self).items() if isinstance(v, Layer)]

    def named_layers(self, prefix=""):
        """(prefix of its names, layer) for this layer and all inside it, in order."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_layers(f"{prefix}{name}.")

    def leaves(self):
        """[layer] of a network as they run one after the other: here, only this one."""
        return [self]

    def named_parameters(self):
        """[(name, Parameter)] of this layer and all inside it: [("0.weight", …), …]."""
        return [
            (prefix + name, v)
            for prefix, layer in self.named_layers()
            for name, v in vars(layer).items()
            if isinstance(v, Parameter)
        ]

    def parameters(self):
        """[Parameter] of this layer and all inside it."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self):
        """[(name, array)] of what is saved with the weights but not learned."""
        return [
            (prefix + name, getattr(layer, name))
            for prefix, layer in self.named_layers()
            for name in layer.buffer_names
        ]

    def train(self, mode=True):
        """Training mode, for this layer and all inside it; returns self."""
        for _, layer in self.named_layers():
            layer.training = mode
        return self

    def eval(self):
        """Evaluation mode: BatchNorm uses its running statistics. Returns self."""
        return self.train(False)

    # -- weights in and out --

    def state_dict(self):
        """{name: copy of the array} of all parameters and buffers, under PyTorch's names."""
        return {name: a.copy() for name, a in self._state()}

    def _state(self):
        """[(name, array)], the arrays themselves, layer by layer as PyTorch orders them."""
        state = []
        for prefix, layer in self.named_layers():
            own = [(k, v) for k, v in vars(layer).items() if isinstance(v, Parameter)]
            state += [(prefix + k, v.data) for k, v in own]
            state += [(prefix + k, getattr(layer, k)) for k in layer.buffer_names]
        return state

    def load_state_dict(self, state, strict=True):
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
            here, came = own[name], state[name]
            if came.shape != here.shape:
                problems.append(f"{name}: expected shape {here.shape}, got {came.shape}")
            elif came.dtype.kind != here.dtype.kind:
                problems.append(f"{name}: expected {here.dtype}, got {came.dtype}")
        if problems:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: nothing was loaded; "
                + "; ".join(sorted(problems))
            )
        for name in own.keys() & state.keys():
            own[name][...] = state[name]
        return missing, unexpected


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

    def __init__(self, *layers):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential: layer {i} is a {type(layer).__name__}, not a Layer")
            if any(layer is earlier for earlier in layers[:i]):
                raise ValueError(
                    f"Sequential: layer {i}, {layer}, stands in it twice; a layer keeps what one "
                    "backward needs, so each place needs a layer of its own"
                )
        self.layers = list(layers)

    def children(self):
        return [(str(i), layer) for i, layer in enumerate(self.layers)]

    def forward(self, x):
        self.check(x)  # all layers' shapes, before the first of them changes anything
        for i, layer in enumerate(self.layers):
            with _named(i):
                x = layer.forward(x)
        return x

    def backward(self, dy):
        for i in reversed(range(len(self.layers))):
            with _named(i):
                dy = self.layers[i].backward(dy)
        return dy

    def backward_parameters(self, dy):
        """Goes back to the first layer that learns, and no further."""
        first = self.first_that_learns()
        for i in reversed(range(first, len(self.layers))):
            with _named(i):
                if i == first:
                    self.layers[i].backward_parameters(dy)
                else:
                    dy = self.layers[i].backward(dy)

    def first_that_learns(self):
        """The index of the first layer with a parameter to train; how many layers, if none has."""
        learning = (any(p.requires_grad for p in layer.parameters()) for layer in self.layers)
        return next((i for i, learns in enumerate(learning) if learns), len(self.layers))

    def check(self, x):
        for i, layer in enumerate(self.layers[:1]):
            with _named(i):
                layer.check(x)
        self.output_shape(x.shape)

    def output_shape(self, shape):
        for i, layer in enumerate(self.layers):
            with _named(i):
                shape = layer.output_shape(shape)
            if shape is None:
                break
        return shape

    def leaves(self):
        """Those of Sequentials inside it included; but a subclass may run them otherwise."""
        kind = type(self)
        if (kind.forward, kind.backward) != (Sequential.forward, Sequential.backward):
            return [self]
        return [layer for inner in self.layers for layer in inner.leaves()]

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, i):
        return Sequential(*self.layers[i]) if isinstance(i, slice) else self.layers[i]

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"


@contextmanager
def _named(i):
    """Say in an error which layer of the network it came from."""
    try:
        yield
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"layer {i} of Sequential: {error}") from error
