"""Numbers that come as arguments: what counts as one, and the error that says what was expected.

NumPy's scalars are numbers, and 32.0 is a whole one: a size that was computed is often a float.
"""

import math
import numbers
import operator

import numpy as np


def whole_number(value: object, what: str, at_least: float = 1) -> int:
    """value as an int of at least so much; TypeError or ValueError that begins with `what`.

    >>> whole_number(np.float64(32), "fit: batch_size")
    32
    >>> whole_number(2.5, "fit: epochs")
    Traceback (most recent call last):
    TypeError: fit: epochs: expected a whole number, got 2.5
    """
    is_truth = isinstance(value, (bool, np.bool_))  # NumPy 2.0 makes an int of one, and warns
    try:
        whole = 0 if is_truth else operator.index(value)
    except TypeError:
        if not _is_whole(value):
            raise TypeError(f"{what}: expected a whole number, got {value!r}") from None
        whole = int(value)
    if is_truth or whole < at_least:
        raise ValueError(f"{what}: expected at least {at_least}, got {value!r}")
    return whole


def _is_whole(value):
    return isinstance(value, numbers.Real) and math.isfinite(_as_float(value)) and value % 1 == 0


def _as_float(value):
    """A real number as a float: ∞ for an int that is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


class Checked:
    """An attribute that is checked whenever it is set, by check(value, what), and kept as that.

    >>> class Layer:
    ...     size = Checked(whole_number)
    >>> layer = Layer()
    >>> layer.size = 0
    Traceback (most recent call last):
    ValueError: Layer: size: expected at least 1, got 0
    """

    def __init__(self, check):
        self.check = check

    def __set_name__(self, owner, name):
        self.name = name

    def __set__(self, layer, value):
        vars(layer)[self.name] = self.check(value, f"{type(layer).__name__}: {self.name}")


def number_up_to(most):
    """A check for `Checked`: numbers in 0 … most, as floats."""

    def check(value, what):
        if not isinstance(value, numbers.Real) or not 0 <= _as_float(value) <= most:
            owner, name = what.split(": ")
            raise ValueError(f"{owner}: expected {name}, a number in 0 … {most}, got {value!r}")
        return _as_float(value)

    return check


def number(
    value: object, what: str, at_least: float = -math.inf, at_most: float = math.inf
) -> float:
    """value as a finite float in at_least … at_most; TypeError or ValueError as above.

    >>> number(np.float32(0.5), "SGD: lr", at_least=0)
    0.5
    >>> number(-1, "SGD: lr", at_least=0)
    Traceback (most recent call last):
    ValueError: SGD: lr: expected a number of at least 0, got -1
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{what}: expected a number, got {value!r}")
    if not (math.isfinite(_as_float(value)) and at_least <= value <= at_most):
        if math.isinf(at_least):
            expected = "a finite number"
        elif math.isinf(at_most):
            expected = f"a number of at least {at_least:g}"
        else:
            expected = f"a number in {at_least:g} … {at_most:g}"
        raise ValueError(f"{what}: expected {expected}, got {value!r}")
    return float(value)


def count(value, who, name, at_least=1):
    """A setting that is a whole number, as an int: ValueError "fit: expected epochs ≥ 1, got 0".

    TypeError, or ValueError for a number that is not whole.
    """
    try:
        return whole_number(value, f"{who}: {name}", at_least)
    except (TypeError, ValueError):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise
        end = "" if _is_whole(value) else ", which is not whole"
        raise ValueError(f"{who}: expected {name} ≥ {at_least}, got {value}{end}") from None


def setting(value, who, expected, fits):
    """A setting that is a finite number with fits(value), as a float.

    >>> setting(-1, "SGD", "lr ≥ 0", lambda lr: lr >= 0)
    Traceback (most recent call last):
    ValueError: SGD: expected lr ≥ 0, got -1
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{who}: expected {expected}, a number, got {value!r}")
    if not fits(value) or math.isinf(_as_float(value)):
        raise ValueError(f"{who}: expected {expected}, got {value}")
    return float(value)


def matching(state, own, who):
    """{name: array}: state, if it has exactly the names, shapes and dtypes of own; ValueError."""
    state = {name: np.asarray(value) for name, value in state.items()}
    problems = [f"missing: {name}" for name in own if name not in state]
    problems += [f"unexpected: {name}" for name in state if name not in own]
    for name in own.keys() & state.keys():
        here, came = own[name], state[name]
        if (came.shape, came.dtype) != (here.shape, here.dtype):
            problems.append(
                f"{name}: expected {here.dtype} {here.shape}, got {came.dtype} {came.shape}"
            )
    if problems:
        raise ValueError(f"{who}.load_state_dict: nothing was loaded; {'; '.join(problems)}")
    return state
