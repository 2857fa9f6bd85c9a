"""Is a hand-written backward pass right? Numerical gradients for any layer, ours or yours.

Put one number L behind a layer: L = Σ dy·y, with some fixed array dy. Then dL/dy = dy, so
backward(dy) has to return dL/dx, and to leave dL/dp in p.grad for each parameter p. Both can be
had from forward alone: move the array by ε along a direction v of length 1, there and back, and
see what L does. The central difference

    ( L(x + ε·v) − L(x − ε·v) ) / 2ε = ⟨dL/dx, v⟩ + O(ε²)

With v = 1 at one entry and 0 elsewhere it is that entry of the gradient; small arrays are checked
entry by entry. With a random v it is a projection, a sum in which every entry has its part. One
wrong entry makes it wrong, so ten directions are enough for a large array; when one disagrees,
halving the set of entries that v may touch, again and again, leads to the wrong one. What
projections miss is an error a thousand times smaller than the array's typical gradient.

- float64: the two L share most of their digits, and the subtraction loses these. With ε = 1e-6
  about nine of float64's 16 digits are left, and none of float32's 7.
- dy is random, never ones. The mean of BatchNorm's y is its bias, whatever x is, so for dy = 1
  its dx is 0: ones would also pass a backward pass that is 0 for the wrong reason.
- ReLU and max pooling have kinks. If one lies inside the step, the difference mixes the slopes on
  its two sides. A step a tenth as long crosses a tenth as many, so what disagrees gets another
  chance with shorter ones; a wrong gradient agrees at none. (A random v has length 1, rather than
  entries of size 1, for the same reason: no activation moves far.)
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .contract import FLOATS
from .errors import GradientError
from .layer import Layer
from .state import preserved

DIRECTIONS = 10  # random ones, for an array too large to be checked entry by entry
STEPS = (1, 1e-1, 1e-2, 1e-3)  # to try one after the other, as parts of eps, because of kinks


def gradcheck(
    layer: Layer,
    x: np.ndarray,
    *,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    rng: np.random.Generator | int | None = None,
    max_exact: int = 1000,
) -> "Report":
    """Compare dx and the gradient of every parameter with central differences; return a Report.

    layer: any Layer or network, in the mode (train or eval) that it is in; weights, gradients,
    running statistics and whatever else it holds are the same afterwards. x: an input for it,
    float32 or float64; small and random is best. rng: a numpy Generator or a seed, for dy and
    the directions; 0 if None, so that a failure repeats.

    eps: the step. Arrays with up to max_exact entries are checked entry by entry, others along
    10 random directions. Two values agree if they differ by at most atol + rtol·(the larger of
    them, or along a direction, where they may cancel, the gradient's root mean square).

    Raises GradientError, naming the array, index and both values (also in its attributes array,
    index, analytic, numerical), or the part of a layer's contract that is broken. TypeError or
    ValueError: x is no array of finite floats; and what forward itself raises on x.

    >>> from tinynet import Linear
    >>> report = gradcheck(Linear(3, 2, rng=0), np.ones((4, 3)))
    >>> [array.name for array in report.arrays]
    ['bias', 'weight', 'dx']
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"gradcheck: expected a Layer, got {type(layer).__name__}")
    if not isinstance(x, np.ndarray) or x.dtype not in FLOATS:
        got = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"gradcheck: expected x of float32 or float64, got {got}")
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"gradcheck: expected x of finite values, got {x}")
    x = x.astype(np.float64)
    rng = np.random.default_rng(0 if rng is None else rng)

    with preserved(layer) as put_buffers_back:
        for p in layer.parameters():
            p.data = np.array(p.data, np.float64)

        def forward():
            put_buffers_back()  # each forward meets the same running statistics
            return _copy(layer, "forward's y", layer(x))

        dy, gradients = _hand_written(layer, x, forward, rng)
        check = _Check(layer, forward, dy, eps, atol, rtol, rng)
        # In the order of the backward pass, so that the first wrong array is next to the mistake.
        for name, p in reversed(layer.named_parameters()):
            check.array(name, p.data, gradients[name], max_exact)
        check.array("dx", x, gradients["dx"], max_exact)
    return Report(_title(layer), check.passed)


class CheckedArray(NamedTuple):
    """One row of a report. The last two are over what was compared: entries, or directions."""

    name: str  # "dx", or the parameter's
    entries: int
    how: str  # "each entry", "10 directions"
    largest_error: float  # |backward's value − central difference|
    largest_value: float  # |backward's value|


@dataclass(repr=False)
class Report:
    """What gradcheck compared; arrays: [CheckedArray]. str() is a table."""

    layer: str
    arrays: list

    def __str__(self):
        header = ("array", "entries", "checked", "largest error", "largest value")
        rows = [
            (a.name, f"{a.entries:,}", a.how, f"{a.largest_error:.1e}", f"{a.largest_value:.1e}")
            for a in self.arrays
        ]
        name = max(len(row[0]) for row in [header, *rows])
        lines = [
            f"{r[0]:{name}} {r[1]:>9}  {r[2]:13} {r[3]:>14} {r[4]:>14}" for r in [header, *rows]
        ]
        return "\n".join([f"Gradients of {self.layer}, all right:", *lines])

    __repr__ = __str__


def _hand_written(layer, x, forward, rng):
    """(dy, {name: gradient}) from forward and backward, with the contract checked on the way."""
    who, x_before = _title(layer), x.copy()
    y = forward()
    if not np.array_equal(x, x_before):
        raise GradientError(f"{who}: forward changed x, which is its caller's; compute a new array")
    if not _same(y, forward()):
        raise GradientError(
            f"{who}: forward gave two different y for one x, so differences of y mean nothing. "
            "If it draws random numbers, as dropout does, make it draw the same ones each time, "
            "or check it in eval mode: layer.eval()"
        )
    dy = np.array(rng.standard_normal(y.shape))

    def backward():
        dy_given = dy.copy()
        dx = layer.backward(dy_given)
        for name, now, before in [("dy", dy_given, dy), ("x", x, x_before)]:
            if not np.array_equal(now, before):
                raise GradientError(
                    f"{who}: backward changed {name}, which is its caller's; compute a new array"
                )
        gradients = {"dx": _copy(layer, "dx", dx, x.shape)}
        for name, p in layer.named_parameters():
            gradients[name] = _copy(layer, f"{name}.grad after backward", p.grad, p.data.shape)
        return gradients

    for p in layer.parameters():
        p.grad = None
    gradients = backward()
    forward()
    for name, again in backward().items():
        if not _same(gradients[name], again):
            raise GradientError(
                f"{who}: the same forward and backward once more gave another gradient of {name}. "
                "backward has to assign p.grad, not to add to it, and to forget earlier calls"
            )
    return dy, gradients


class _Check:
    """Compares gradients of L = Σ dy·y with central differences, array by array."""

    def __init__(self, layer, forward, dy, eps, atol, rtol, rng):
        self.layer, self.forward, self.dy = layer, forward, dy
        self.eps, self.atol, self.rtol, self.rng = eps, atol, rtol, rng
        self.passed = []  # [CheckedArray]

    def array(self, name, array, gradient, max_exact):
        """Check the gradient of one array, x or the data of a parameter; note it, or raise."""
        exact = array.size <= max_exact
        if exact:
            how, typical = "each entry", 0.0
            directions = (_along_entry(array.shape, i) for i in range(array.size))
        else:
            how, typical = f"{DIRECTIONS} directions", np.sqrt(np.square(gradient).mean())
            directions = (self.random_direction(array.shape) for _ in range(DIRECTIONS))
        slopes = [self.compare(array, gradient, v, typical) for v in directions]
        wrong = [i for i, s in enumerate(slopes) if not s.agree]
        if not wrong:
            error, value = max(s.error for s in slopes), max(abs(s.analytic) for s in slopes)
            self.passed.append(CheckedArray(name, array.size, how, error, value))
        elif exact:
            entry = max(wrong, key=lambda i: slopes[i].error)
            self.fail(name, array, gradient, entry, f"{len(wrong)} of {array.size} entries")
        else:
            entry = self.search(array, gradient)
            self.fail(name, array, gradient, entry, f"{len(wrong)} of {how}")

    def compare(self, array, gradient, v, typical=0.0):
        """Both slopes of L along v, numerically at the first step where they agree, if any."""
        analytic = float((gradient * v).sum())
        tried = []
        for part in STEPS:
            step = part * self.eps
            # Difference first, then sum: what v does not reach adds exact zeros.
            rise = self.y_at(array, step * v) - self.y_at(array, -step * v)
            numerical = float((self.dy * rise).sum() / (2 * step))
            scale = max(abs(analytic), abs(numerical), typical)
            tried.append(_Slopes(analytic, numerical, self.atol + self.rtol * scale))
            if tried[-1].agree:
                return tried[-1]
        return tried[0]  # the longest step has the most digits

    def y_at(self, array, move):
        """forward's y with the array moved; the array is back in its place afterwards."""
        before = array.copy()
        array += move
        y = self.forward()
        array[...] = before
        return y

    def random_direction(self, shape, entries=slice(None)):
        """An array of length 1 with normal values at some of its entries (flat indices)."""
        v = np.zeros(math.prod(shape))
        v[entries] = self.rng.standard_normal(v[entries].size)
        return v.reshape(shape) / np.linalg.norm(v)

    def search(self, array, gradient):
        """The flat index of a wrong entry: the worse half of the worse half of … all entries."""

        def error(entries):
            v = self.random_direction(array.shape, entries)
            return self.compare(array, gradient, v).error

        suspects = np.arange(array.size)
        while suspects.size > 1:
            suspects = max(np.array_split(suspects, 2), key=error)
        return suspects[0]

    def fail(self, name, array, gradient, entry, how_many):
        """Raise the GradientError for a wrong entry (flat index) of an array."""
        v = _along_entry(array.shape, entry)
        slopes = self.compare(array, gradient, v)
        index = tuple(int(i) for i in np.unravel_index(entry, array.shape))
        owner, what = self.layer, name
        if name != "dx":  # "0.weight" belongs to the layer whose names begin with "0."
            owner = dict(self.layer.named_layers())[name[: name.rfind(".") + 1]]
            what = f"gradient of {name}"
        lines = [
            f"{_title(owner)}: backward gives a wrong {what} at index {index}",
            f"backward            {slopes.analytic:.10g}",
            f"central difference  {slopes.numerical:.10g}",
            f"relative error {slopes.relative_error:.2g}; {how_many} disagree",
        ]
        if slopes.agree:
            lines.append("(this entry alone agrees: there are many small errors, or kinks near x)")
        if self.is_kink(array, v, 10 * slopes.tolerance):
            lines.append("(x may be near a kink or a tie, of ReLU or max pooling: try another x)")
        if self.layer.children() and self.passed:
            lines.append(f"(all is right from the last layer back to {self.passed[-1].name})")
        error = GradientError("\n  ".join(lines))
        error.array, error.index = name, index
        error.analytic, error.numerical = slopes.analytic, slopes.numerical
        raise error

    def is_kink(self, array, v, tolerance):
        """Whether L has different slopes on the two sides of where the array is."""
        step = self.eps / 100  # so short that mere curvature shows no difference
        y = self.forward()
        right = (self.dy * (self.y_at(array, step * v) - y)).sum() / step
        left = (self.dy * (y - self.y_at(array, -step * v))).sum() / step
        return abs(right - left) > tolerance


class _Slopes(NamedTuple):
    """The slope of L along a direction, twice."""

    analytic: float  # ⟨backward's gradient, v⟩
    numerical: float  # the central difference
    tolerance: float

    @property
    def error(self):
        return abs(self.analytic - self.numerical)

    @property
    def relative_error(self):
        return self.error / (max(abs(self.analytic), abs(self.numerical)) or 1)

    @property
    def agree(self):
        return self.error <= self.tolerance  # False for NaN


def _along_entry(shape, entry):
    """An array of zeros with a 1 at one entry (flat index)."""
    v = np.zeros(math.prod(shape))
    v[entry] = 1
    return v.reshape(shape)


def _copy(layer, what, array, shape=None):
    """A copy, as the layer may use the array again; GradientError if it is not as it should be."""
    expected = f"{_title(layer)}: expected {what} to"
    if not isinstance(array, (np.ndarray, np.generic)):  # generic: a sum over all axes
        raise GradientError(f"{expected} be an array, got {type(array).__name__}")
    if shape is not None and array.shape != shape:
        raise GradientError(f"{expected} have shape {shape}, got {array.shape}")
    if array.dtype != np.float64:
        raise GradientError(
            f"{expected} be float64, as x and the parameters are, got {array.dtype}"
        )
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        raise GradientError(f"{expected} be finite, got {array[index]} at index {index}")
    return np.array(array)


def _same(a, b):
    """Equal but for rounding."""
    return np.abs(a - b).max(initial=0) <= 1e-10 * np.abs(a).max(initial=0)


def _title(layer):
    """A layer in a few words: a network's repr would be all its layers."""
    return type(layer).__name__ if layer.children() else repr(layer)
