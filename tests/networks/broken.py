"""Networks with layers as students write them, on the way to right ones."""

import numpy as np

import tinynet as tn

ERRORS = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError)


class Own(tn.Layer):
    """y = 2x with a learned shift, unless `forward_does` or `backward_does` says otherwise."""

    def __init__(self):
        self.shift = tn.Parameter(np.zeros(1, np.float32))
        self.forward_does = self.backward_does = None
        self.network = lambda: None  # the one it stands in, for what calls or changes it

    def forward(self, x):
        y = 2 * x + self.shift.data.astype(x.dtype)
        self.save(y)
        return y if self.forward_does is None else FORWARD[self.forward_does](self, x, y)

    def backward(self, dy):
        self.saved(dy)
        self.shift.grad = np.array([dy.sum()], np.float32)
        dx = 2 * dy
        return dx if self.backward_does is None else ANSWERS[self.backward_does](dy, dx)


def raises(kind):
    def answer(*_):
        raise kind("a student's mistake")

    return answer


def write_to(given):
    given[...] = 7
    return given


def write_behind(given):
    given = given.copy() if not given.base.flags.writeable else given
    given.flags.writeable = True  # nobody can keep it from that; it is not ours any more
    given[...] = 7
    return given


# What comes instead of a right answer: f(what was given, what would be right).
ANSWERS = {
    "the same values in Fortran's order": lambda given, right: np.asfortranarray(right),
    "a read-only array": lambda given, right: np.broadcast_to(right, right.shape),
    "every second entry of a larger array": lambda given, right: np.repeat(right, 2, -1)[..., ::2],
    "what it was given": lambda given, right: given,
    "makes it writeable and writes": lambda given, right: write_behind(given),
    "NaN": lambda given, right: right * np.nan,
    "infinity": lambda given, right: right + np.inf,
    "float64": lambda given, right: right.astype(np.float64),
    "float16": lambda given, right: right.astype(np.float16),
    "int64": lambda given, right: right.astype(np.int64),
    "bool": lambda given, right: right > 0,
    "complex": lambda given, right: right * 1j,
    "objects": lambda given, right: right.astype(object),
    "other bytes": lambda given, right: right.astype(right.dtype.newbyteorder()),
    "a masked array": lambda given, right: np.ma.masked_less(right, 0),
    "a record": lambda given, right: np.zeros(right.shape, [("a", "f4")]),
    "None": lambda given, right: None,
    "a float": lambda given, right: 1.0,
    "a NumPy scalar": lambda given, right: right.sum(),
    "an array without axes": lambda given, right: np.array(right.sum()),
    "a list": lambda given, right: right.tolist(),
    "a tuple": lambda given, right: (right, right),
    "a text": lambda given, right: "y",
    "a Parameter": lambda given, right: tn.Parameter(np.array(right)),
    "a memoryview": lambda given, right: memoryview(right),
    "one image less": lambda given, right: right[:-1],
    "one image more": lambda given, right: np.concatenate([right, right[:1]]),
    "no images": lambda given, right: right[:0],
    "the sum over images": lambda given, right: right.sum(0, keepdims=True),
    "the sum over all but channels": lambda given, right: right.sum((0, *range(2, right.ndim))),
    "axes exchanged": lambda given, right: np.swapaxes(right, 0, -1),
    "an axis more": lambda given, right: right[..., None],
    "flat": lambda given, right: right.reshape(len(right), -1),
    "all in one row": lambda given, right: right.ravel(),
    "a column less": lambda given, right: right[..., :-1],
    "no columns": lambda given, right: right[..., :0],
    "an image of one pixel": lambda given, right: right[..., :1],
    "writes to what it was given": lambda given, right: write_to(given),
    "ValueError": raises(ValueError),
    "KeyError": raises(KeyError),
    "ZeroDivisionError": raises(ZeroDivisionError),
    "RuntimeError": raises(RuntimeError),
    "RecursionError": raises(RecursionError),
    "MemoryError": raises(MemoryError),
    "NotImplementedError": raises(NotImplementedError),
}
# These are right, if unusual: both networks must go on with them, and agree.
HARMLESS = list(ANSWERS)[:7]


def other_input(layer, x):
    return np.array(x)


def call(what):
    """Re-entrance: something is called from inside forward, and its answer thrown away."""

    def forward(layer, x, y):
        what(layer, np.array(x))
        return y

    return forward


def change(what):
    """The network is changed while it runs."""

    def forward(layer, x, y):
        network = layer.network()
        layers = getattr(network, "model", network).layers
        what(layer, layers)
        return y

    return forward


def lose_a_row(layer, layers):
    for other in layers:
        if isinstance(other, tn.Conv2d):
            other.weight.data = other.weight.data[:, :, :-1]


def other_windows(layer, layers):
    for other in layers:
        if isinstance(other, (tn.Conv2d, tn.MaxPool2d, tn.AvgPool2d)):
            other.kernel_size = (5, 4)


def integers(layer, layers):
    for p in (p for other in layers for p in other.parameters()):
        p.data = p.data.astype(np.int32)


FORWARD = {
    **{name: (lambda layer, x, y, f=f: f(x, y)) for name, f in ANSWERS.items()},
    "calls its network": call(lambda layer, x: layer.network()(x)),
    "calls the first layer": call(lambda layer, x: layer.network().layers[0](x)),
    "calls another compiled one": call(lambda layer, x: tn.compile(layer.network())(x[:1])),
    "evaluates its network": call(lambda layer, x: tn.predict_proba(layer.network(), x)),
    "goes backward in its network": call(lambda layer, x: layer.network().backward(x)),
    "loads weights": call(lambda layer, x: layer.network().load_state_dict({}, strict=False)),
    "adds a layer": change(lambda layer, layers: layers.append(tn.ReLU())),
    "removes a layer": change(lambda layer, layers: layers.pop()),
    "exchanges a layer": change(lambda layer, layers: layers.__setitem__(0, tn.ReLU())),
    "switches the mode": change(lambda layer, layers: [one.eval() for one in layers]),
    "changes sizes of weights": change(lose_a_row),
    "changes windows": change(other_windows),
    "makes weights integers": change(integers),
}
CHANGES = list(FORWARD)[-7:]  # after these the network is another one


def random_network(rng):
    """(Sequential with one to three Own layers in it, a batch for it)."""
    n, c, size = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(6, 10))
    layers, channels, shape = [], c, (n, c, size, size)
    for _ in range(rng.integers(2, 7)):
        kind = rng.integers(6)
        if kind <= 1:
            out = int(rng.integers(1, 6))
            new = [tn.Conv2d(channels, out, int(rng.integers(1, 4)), padding=1, rng=rng)]
            channels = out
        elif kind == 2:
            new = [tn.BatchNorm2d(channels)]
        elif kind == 3:
            new = [tn.ReLU()]
        elif kind == 4:
            new = [tn.MaxPool2d(2, stride=1)]
        else:
            new = [tn.AvgPool2d(2, stride=int(rng.integers(1, 3)))]
        try:
            shape = tn.Sequential(*new).output_shape(shape)
        except ValueError:
            break
        layers += new
    if rng.random() < 0.7:
        features = int(np.prod(shape[1:]))
        layers += [tn.Flatten(), tn.Linear(features, 3, rng=rng)]
    for _ in range(rng.integers(1, 4)):
        layers.insert(rng.integers(len(layers) + 1), Own())
    return tn.Sequential(*layers), rng.standard_normal((n, c, size, size), np.float32)
