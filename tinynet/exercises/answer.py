"""An answer on one case: what it was given, what is right, what it gave; and what it did wrong
already by the way it was called and what it returned.
"""

import inspect
from typing import NamedTuple

import numpy as np

from .run import NotBegun, Stopped, TimedOut, call
from .task import in_dtype, named

CLOSE = 1e-9  # in float64, as a part of the largest value


class Finding(NamedTuple):
    """One thing that is wrong.

    about: the outputs that are wrong, or the function's name. hint: where to look. case: the name
    of a case that shows it, or None. evidence: lines about that case. dtype: in which it shows.
    """

    about: str
    hint: str
    case: str | None
    evidence: list
    dtype: str = "float64"


class Broken(Exception):
    """Carries a Finding that makes looking for more pointless."""


class Run(NamedTuple):
    """An answer on one case, in one dtype."""

    case: object
    arguments: dict  # {name: value}, as they were before the call
    right: dict  # {output: float64 array}
    got: dict | None  # {output: array}; None if the answer stopped
    stopped: str  # how: "raises …"
    written: list  # names of arguments that are not as they were
    dtype: np.dtype

    def tolerance(self, output):
        single = np.float32 in (self.dtype, self.got[output].dtype)
        return self.case.tolerance if single else CLOSE

    def near(self, output):
        """Mask of an output, where it is right."""
        return near(self.got[output], self.right[output], self.tolerance(output))

    def is_close(self, output, values):
        return close(self.got[output], values, self.tolerance(output))

    def correct(self, output):
        return self.got is not None and self.is_close(output, self.right[output])


def run(task, function, case, dtype):
    """The Run of an answer; raises Broken if nothing can be made of what it returned, NotBegun."""
    arguments, passed = in_dtype(case.arguments, dtype), in_dtype(case.arguments, dtype)
    right = task.right(arguments)
    try:
        value = call(function, [passed[name] for name in task.argument_names])
    except TimedOut as error:
        raise Broken(finding(task, case, f"It {error}")) from None
    except Stopped as error:
        return Run(case, arguments, right, None, str(error), [], dtype)
    got = outputs(task, value, case, right)
    written = [
        name
        for name in task.argument_names
        if isinstance(passed[name], np.ndarray)
        and not np.array_equal(passed[name], arguments[name], equal_nan=True)
    ]
    return Run(case, arguments, right, got, "", written, dtype)


def outputs(task, value, case, right):
    """{output: array} of what an answer returned; raises Broken if it is not that."""
    names = task.output_names
    wanted = ", ".join(names)
    if value is None:
        raise Broken(finding(task, case, f"It returns None. Does it end with `return {wanted}`?"))
    if len(names) > 1 and not (isinstance(value, (tuple, list)) and len(value) == len(names)):
        got = f"{len(value)} values" if isinstance(value, (tuple, list)) else "one value"
        hint = f"It has to return {len(names)} values, ({wanted}), and returns {got}."
        raise Broken(finding(task, case, hint))
    for name, a in zip(names, value if len(names) > 1 else (value,), strict=True):
        if a is None:
            hint = (
                f"{name} is None. As long as you have not written it, return zeros in its place "
                "(np.zeros_like), so that the others can be checked."
            )
        elif not isinstance(a, (np.ndarray, np.generic)) and right[name].ndim:
            hint = f"{name} has to be a NumPy array; it is a {type(a).__name__}."
        elif np.asarray(a).dtype.kind not in "fiub":
            hint = f"{name} has to hold real numbers; its dtype is {np.asarray(a).dtype}."
        else:
            continue
        raise Broken(finding(task, case, hint))
    return {name: np.array(a) for name, a in named(names, value).items()}


def check_signature(task, function):
    """Raise Broken if the function cannot be called with the task's arguments."""
    try:
        signature = inspect.signature(function)
        signature.bind(*task.argument_names)
    except ValueError:
        return  # some functions written in C do not tell
    except TypeError:
        raise Broken(
            Finding(
                task.name,
                f"It is called as {task.name}({', '.join(task.argument_names)}). Yours takes "
                f"{signature}.",
                None,
                [],
            )
        ) from None


def check_repeat(task, function, first):
    """Raise Broken unless the function gives the same for the same arguments again."""
    about = "Called a second time with the same arguments, it"
    try:
        again = run(task, function, first.case, first.dtype)
    except NotBegun:
        again = first._replace(got=None, stopped="raises NotImplementedError.")
    if again.got is None:
        raise Broken(finding(task, first.case, f"{about} {again.stopped} What has it kept?"))
    for name, a in first.got.items():
        if close(again.got[name], a, CLOSE):
            continue
        if close(again.got[name], 2 * a, CLOSE):
            hint = (
                f"{about} gives twice the first {name}. It adds to something that is kept from "
                "call to call (it accumulates), where a fresh result has to be computed."
            )
        else:
            hint = (
                f"{about} gives another {name}. It keeps something, in a global perhaps, or draws "
                "random numbers of its own: all that it needs stands in its arguments."
            )
        raise Broken(finding(task, first.case, hint))


# -- comparing --


def near(got, right, tolerance):
    """Mask, where they agree but for a part of the largest value of right. NaN agrees with NaN."""
    finite = np.abs(right[np.isfinite(right)])
    scale = max(finite.max(initial=0), 1e-3)
    with np.errstate(all="ignore"):
        agree = np.abs(got - right) <= tolerance * scale
    return agree | (got == right) | (np.isnan(got) & np.isnan(right))


def close(got, right, tolerance):
    """Whether shapes and values agree."""
    got, right = np.asarray(got, np.float64), np.asarray(right, np.float64)
    return got.shape == right.shape and bool(near(got, right, tolerance).all())


# -- describing --


def finding(task, case, hint, about=None, evidence=()):
    return Finding(about or task.name, hint, case.what, [describe(task, case), *evidence])


def describe(task, case):
    """ "Case “stride 2”: x (2, 3, 7, 8), stride 2"; small arrays with their values."""
    parts = []
    for name in task.argument_names:
        value = case.arguments[name]
        if not isinstance(value, np.ndarray):
            parts.append(f"{name} {value}")
        elif value.ndim == 1 and value.size <= 6:
            parts.append(f"{name} [{', '.join(f'{v:.4g}' for v in value)}]")
        else:
            parts.append(f"{name} {value.shape}")
    return f"Case “{case.what}”: {', '.join(parts)}"


def numbers(run, name):
    """A line on the first wrong value of an output, or on its shape."""
    got, right = run.got[name], run.right[name]
    if got.shape != right.shape:
        return f"{name}: expected shape {right.shape}, got {got.shape}"
    index = tuple(np.argwhere(~run.near(name))[0].tolist())
    at = f"{name}[{', '.join(map(str, index))}]" if index else name
    return f"{at}: expected {right[index]:.6g}, got {got[index]:.6g}"
