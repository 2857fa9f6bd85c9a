"""What is wrong with an answer, and where to look.

The answer is run on every case of its task and compared with the right result. Where it is wrong
it is compared with what each known mistake gives: a mistake is named if the answer agrees with it
in every case, those in which it stops included. Where no mistake fits, the numbers are looked at:
are they the right ones times a factor, transposed, lacking a sum, wrong in one part only?
"""

import itertools
import warnings
from typing import NamedTuple

import numpy as np

from .run import NotBegun, Stopped, TimedOut, call
from .task import by_name, in_dtype, named

FLOAT64, FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)
CLOSE = 1e-9  # in float64, as a part of the largest value


class Finding(NamedTuple):
    """One thing that is wrong.

    about: the output, or the function's name. hint: where to look. evidence: a case, as lines.
    """

    about: str
    hint: str
    evidence: list


class Run(NamedTuple):
    """An answer on one case, in one dtype."""

    case: object
    arguments: dict  # as they were before the call
    right: dict  # {output: float64 array}
    got: dict | None  # {output: array}, None if the answer stopped
    stopped: str = ""  # how

    def tolerance(self, output):
        """float32 is not asked to be better than float32 can be."""
        double = self.got[output].dtype == FLOAT64 and not self.is_float32
        return CLOSE if double else self.case.tolerance

    @property
    def is_float32(self):
        arrays = [a for a in self.arguments.values() if isinstance(a, np.ndarray)]
        return any(a.dtype == FLOAT32 for a in arrays)

    def correct(self, output):
        return self.got is not None and close(
            self.got[output], self.right[output], self.tolerance(output)
        )


def check(task, function):
    """[Finding] about an answer to one task, empty if it is right; raises NotBegun."""
    if function is None:
        return [Finding(task.name, f"There is no function {task.name} in the file.", [])]
    if not callable(function):
        return [Finding(task.name, f"{task.name} is not a function.", [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _check(task, function)
        except _Broken as broken:
            return [broken.args[0]]


class _Broken(Exception):
    """A Finding that makes looking at the rest pointless."""


def _check(task, function):
    runs, findings = [], []
    for case in task.cases:
        if not case.only_float32:
            runs.append(_run(task, function, case, FLOAT64, findings, first=not runs))
    _stop_if_all_stopped(task, runs)
    findings += _wrong_values(task, runs)
    if findings:
        return findings
    runs = [_run(task, function, case, FLOAT32, findings) for case in task.cases]
    return findings + _wrong_in_float32(task, runs)


# -- running --


def _run(task, function, case, dtype, findings, first=False):
    """A Run. What it finds about the call itself goes to findings, or is raised as _Broken."""
    arguments = in_dtype(case.arguments, dtype)
    passed = in_dtype(case.arguments, dtype)
    in_order = [passed[name] for name in task.argument_names]
    right = task.right(arguments)
    try:
        value = call(function, in_order)
    except NotBegun:
        if first:
            raise
        return Run(case, arguments, right, None, "still raises NotImplementedError.")
    except TimedOut as error:
        raise _Broken(Finding(task.name, f"It {error}", [_describe(task, case)])) from None
    except Stopped as error:
        return Run(case, arguments, right, None, str(error))
    got = _outputs(task, value, case, right)
    written = [
        name
        for name in task.argument_names
        if isinstance(passed[name], np.ndarray)
        and not np.array_equal(passed[name], arguments[name], equal_nan=True)
    ]
    if written and not any(f.about == task.name for f in findings):
        findings.append(Finding(task.name, _written(task, written), [_describe(task, case)]))
    if first and not written:
        _check_repeat(task, function, in_order, got, case)
    return Run(case, arguments, right, got)


def _outputs(task, value, case, right):
    """{output: array} of what an answer returned; raises _Broken if it is not that."""
    names = task.output_names
    wanted = ", ".join(names)

    def broken(text):
        return _Broken(Finding(task.name, text, [_describe(task, case)]))

    if value is None:
        raise broken(f"It returns None. Does it end with `return {wanted}`?")
    if len(names) > 1 and not (isinstance(value, (tuple, list)) and len(value) == len(names)):
        got = f"{len(value)} values" if isinstance(value, (tuple, list)) else "one value"
        raise broken(f"It has to return {len(names)} values, ({wanted}), and returns {got}.")
    values = value if len(names) > 1 else (value,)
    for name, a in zip(names, values, strict=True):
        if a is None:
            raise broken(
                f"{name} is None. As long as you have not written it, return zeros in its place "
                "(np.zeros_like), so that the others can be checked."
            )
        if not isinstance(a, (np.ndarray, np.generic)) and right[name].ndim:
            raise broken(f"{name} has to be a NumPy array; it is a {type(a).__name__}.")
        if np.asarray(a).dtype.kind not in "fiub":
            raise broken(f"{name} has to hold real numbers; its dtype is {np.asarray(a).dtype}.")
    return {name: np.array(a) for name, a in named(names, value).items()}


def _written(task, names):
    names = " and ".join(names)
    return (
        f"It writes to its argument {names}. The array belongs to the caller, who still needs it "
        "(another layer may have kept it for its own backward pass). Look for an assignment to a "
        "part of it, or +=, -=, *=, or `out=`, and work on a new array."
    )


def _check_repeat(task, function, arguments, first, case):
    """The same arguments have to give the same result."""
    try:
        again = named(task.output_names, call(function, arguments))
    except Stopped as error:
        hint = f"The second call with the same arguments {error} The first did not: what was kept?"
        raise _Broken(Finding(task.name, hint, [_describe(task, case)])) from None
    for name, a in first.items():
        if not close(again[name], a, CLOSE):
            hint = "Called a second time with the same arguments, it gives something else"
            if close(again[name], 2 * a, CLOSE):
                hint += (
                    f": twice the first {name}. It adds to something that is kept from call to "
                    "call (it accumulates), where a fresh result has to be computed."
                )
            else:
                hint += f" for {name}. It keeps something from call to call, in a global perhaps."
            raise _Broken(Finding(task.name, hint, [_describe(task, case)]))


def _stop_if_all_stopped(task, runs):
    if all(run.got is None for run in runs):
        raise _Broken(_stopped(task, runs))


def _stopped(task, runs):
    """The Finding about the first run that stopped."""
    first = next(run for run in runs if run.got is None)
    hint = f"It {first.stopped}"
    fine = [run for run in runs if run.got is not None]
    if fine:
        hint += f"\nIt runs where the case is “{fine[0].case.what}”: what is different here?"
    return Finding(task.name, hint, [_describe(task, first.case)])


# -- wrong values --


def _wrong_values(task, runs):
    findings = []
    wrong = {name for name in task.output_names if any(not run.correct(name) for run in runs)}
    for mistake in task.mistakes:
        explained = wrong & set(mistake.outputs)
        if explained and _agrees(mistake, runs):
            about = ", ".join(name for name in task.output_names if name in explained)
            run = next(
                run for run in runs if run.got is None or any(not run.correct(o) for o in explained)
            )
            evidence = [_describe(task, run.case)]
            if run.got is None:
                evidence.append(f"There it {run.stopped}")
            else:
                name = next(o for o in task.output_names if o in explained and not run.correct(o))
                evidence += _numbers(task, name, run)
            findings.append(Finding(about, mistake.hint, evidence))
            wrong -= explained
    stopped = any(run.got is None for run in runs)
    if stopped and not findings:
        findings.append(_stopped(task, runs))
    runs = [run for run in runs if run.got is not None]
    for name in task.output_names:
        bad = [run for run in runs if not run.correct(name)]
        if name in wrong and bad:
            findings.append(_unexplained(task, name, runs, bad))
        elif name not in wrong:
            findings += _wrong_dtype(task, name, runs, FLOAT64)
    return _merged(task, findings)


def _merged(task, findings):
    """In the order of the outputs; those with one hint become one."""
    order = [task.name, *task.output_names]
    merged = {}
    for finding in sorted(findings, key=lambda f: order.index(f.about.split(", ")[0])):
        about, _, evidence = merged.get(finding.hint, (None, None, finding.evidence))
        about = f"{about}, {finding.about}" if about else finding.about
        merged[finding.hint] = Finding(about, finding.hint, evidence)
    return list(merged.values())


def _agrees(mistake, runs):
    """Whether the answer gives, in all runs, what the mistake gives, or stops where it stops."""
    return all(_agrees_in(mistake, run) for run in runs)


def _agrees_in(mistake, run):
    try:
        with np.errstate(all="ignore"):
            values = mistake.values(run.arguments)
    except Exception:
        return run.got is None
    return run.got is not None and all(
        close(run.got[name], np.asarray(value, np.float64), run.tolerance(name))
        for name, value in values.items()
    )


def _unexplained(task, name, runs, bad):
    """A Finding about an output that is wrong in the runs `bad`, from the numbers alone."""
    right = [run for run in runs if run not in bad]
    first = bad[0]
    hint = next((text for text in (look(task, name, bad) for look in LOOKS) if text), None)
    if hint is None and right and first.case.hint and len(bad) == 1:
        hint = first.case.hint
    if hint is None:
        hint = "The numbers are not the right ones" + _part(task, name, bad) + "."
    evidence = [_describe(task, first.case), *_numbers(task, name, first)]
    if right:
        evidence.append(f"It is right in: {_cases(right)}. It is wrong in: {_cases(bad)}.")
    return Finding(name, hint, evidence)


# -- looks at wrong numbers; each gives a hint, or None. bad: the runs in which they are wrong --


def _shape(task, name, bad):
    got, right = bad[0].got[name], bad[0].right[name]
    if got.shape == right.shape:
        return None
    names = task.axis_names(name, right.ndim)
    order = _permutation(got, right, bad[0].tolerance(name))
    if order:
        return (
            f"The numbers are right, but the axes stand in another order: {name} has to be "
            f"({', '.join(names)}), and yours is ({', '.join(names[i] for i in order)})."
        )
    if got.size == right.size and close(got.reshape(right.shape), right, bad[0].tolerance(name)):
        return f"The numbers are right, but the shape has to be {right.shape}, not {got.shape}."
    for axes in _axes_to_sum(got.ndim):
        if close(got.sum(axes), right, bad[0].tolerance(name)):
            what = " and ".join(f"axis {axis} (of size {got.shape[axis]})" for axis in axes)
            return f"A sum is missing: summed over {what}, your {name} would be right."
    if got.ndim < right.ndim and close(got, right.sum(), bad[0].tolerance(name)):
        return f"This is one sum over everything; {name} needs one for each {' and '.join(names)}."
    if got.ndim != right.ndim:
        return (
            f"The shape differs: {name} has to have {_axes(right.ndim)}, "
            f"({', '.join(names) or 'a single number'}), and yours has {_axes(got.ndim)}."
        )
    differ = [i for i in range(right.ndim) if got.shape[i] != right.shape[i]]
    where = ", ".join(
        f"axis {i} ({names[i]}) has to be {right.shape[i]} long and is {got.shape[i]}"
        for i in differ
    )
    return f"The shape differs: {where}."


def _axes(n):
    return "no axis" if n == 0 else "1 axis" if n == 1 else f"{n} axes"


def _axes_to_sum(ndim):
    for count in range(1, ndim + 1):
        yield from itertools.combinations(range(ndim), count)


def _not_finite(task, name, bad):
    for run in bad:
        got, right = run.got[name], run.right[name]
        wrong = ~np.isfinite(got)
        if wrong.any() and np.isfinite(right).all():
            kinds = [k for k, is_kind in (("NaN", np.isnan), ("∞", np.isinf)) if is_kind(got).any()]
            return (
                f"{int(wrong.sum())} of {got.size} values are {' or '.join(kinds)}. Which "
                "operation makes them: 0/0, ∞ − ∞, exp of a large number, log of 0, or the root "
                "of a negative number?"
            ) + (f" ({run.case.hint})" if run.case.hint else "")
    return None


def _zero(task, name, bad):
    if all(not run.got[name].any() for run in bad):
        return f"{name} is all zeros. Is what you compute written into it?"
    return None


def _copy_of_argument(task, name, bad):
    for argument in task.argument_names:
        if all(
            isinstance(run.arguments[argument], np.ndarray)
            and close(run.got[name], run.arguments[argument], CLOSE)
            for run in bad
        ):
            return f"{name} is the same as the argument {argument}."
    return None


def _factor(task, name, bad):
    factors = [_factor_of(run.got[name], run.right[name], run.tolerance(name)) for run in bad]
    if any(k is None for k in factors):
        return None
    if np.allclose(factors, -1) and len(factors) > 1:
        return "The sign is wrong: every value is −1 times the right one."
    sizes = [_sizes(task, run) for run in bad]
    for count in (1, 2, 3):
        for letters in itertools.combinations(sizes[0], count):
            if not all(letter in s for s in sizes for letter in letters):
                continue
            products = np.array([np.prod([s[letter] for letter in letters]) for s in sizes])
            if np.all(products == 1):
                continue
            what = "·".join(letters)
            if np.allclose(factors, products):
                return (
                    f"Every value is {what} times the right one: a division by {what} is missing."
                )
            if np.allclose(np.multiply(factors, products), 1):
                return (
                    f"Every value is the right one divided by {what}: it is divided by {what} "
                    f"once too often, or a sum was meant instead of a mean."
                )
    if sum(run.right[name].size for run in bad) < len(bad) + 2:
        return None  # single numbers: each is some factor of the right one
    if np.allclose(factors, factors[0]):
        return f"Every value is {factors[0]:.4g} times the right one, in every case that is wrong."
    listed = ", ".join(f"{k:.4g}" for k in factors[:3])
    return (
        f"Every value is the right one times a factor, another in each case ({listed}, …): what "
        "has these values there?"
    )


def _factor_of(got, right, tolerance):
    if got.shape != right.shape or not np.isfinite(got).all() or not right.any():
        return None
    k = float((got * right).sum() / (right * right).sum())
    return k if k and close(got / k, right, tolerance) else None


def _sizes(task, run):
    """{name: size} of the axes, and of the arguments that are numbers, in this run."""
    sizes = {}
    arrays = {**run.right, **{k: run.arguments[k] for k in task.argument_names}}
    for name, value in arrays.items():
        if isinstance(value, np.ndarray):
            names = task.axes.get(name, "").split()
            sizes.update(zip(names, value.shape, strict=True) if names else ())
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            sizes[name] = value
    return sizes


def _transposed(task, name, bad):
    orders = {_permutation(r.got[name], r.right[name], r.tolerance(name)) for r in bad}
    flips = {_flip(r.got[name], r.right[name], r.tolerance(name)) for r in bad}
    names = task.axis_names(name, bad[0].right[name].ndim)
    if len(orders) == 1 and None not in orders:
        order = [names[i] for i in orders.pop()]
        return f"The axes of {name} stand in another order: yours is ({', '.join(order)})."
    if len(flips) == 1 and None not in flips:
        return f"{name} is turned round along {', '.join(names[i] for i in flips.pop())}."
    return None


def _permutation(got, right, tolerance):
    for order in itertools.permutations(range(right.ndim)):
        if list(order) != sorted(order) and close(got, right.transpose(order), tolerance):
            return order
    return None


def _flip(got, right, tolerance):
    for axes in _axes_to_sum(right.ndim):
        if close(got, np.flip(right, axes), tolerance):
            return axes
    return None


def _places(task, name, bad):
    if all(
        run.right[name].size > 2
        and not close(run.right[name].min(), run.right[name].max(), 1e-3)
        and close(np.sort(run.got[name], None), np.sort(run.right[name], None), run.tolerance(name))
        for run in bad
    ):
        return "These are the right numbers in the wrong places. Look at the indices."
    return None


def _offset(task, name, bad):
    if all(
        run.right[name].size > 1
        and close(run.got[name] - run.right[name], (run.got[name] - run.right[name]).mean(), 1e-9)
        for run in bad
    ):
        return "Every value differs from the right one by the same amount, added or left out."
    return None


LOOKS = [_shape, _not_finite, _zero, _copy_of_argument, _factor, _transposed, _places, _offset]


def _part(task, name, bad):
    """ ", and wrong only where …", as far as this can be said of all runs in `bad`."""
    wrong = [~_near(run.got[name], run.right[name], run.tolerance(name)) for run in bad]
    for words, mask in task.regions.get(name, {}).items():
        masks = [
            np.broadcast_to(by_name(mask, run.arguments), w.shape)
            for run, w in zip(bad, wrong, strict=True)
        ]
        if all(not (w & ~m).any() for w, m in zip(wrong, masks, strict=True)):
            return f", but they are wrong only {words}"
    first = wrong[0]
    names = task.axis_names(name, first.ndim)
    for axis, letter in enumerate(names):
        others = tuple(i for i in range(first.ndim) if i != axis)
        at = np.flatnonzero(first.any(axis=others))
        if len(at) < first.shape[axis]:
            indices = ", ".join(map(str, at))
            return f", but they are wrong only where {letter} is {indices} (of {first.shape[axis]})"
    if first.all():
        return ": all of them are wrong"
    return f": {int(first.sum())} of {first.size} are wrong"


# -- float32 --


def _wrong_in_float32(task, runs):
    """What is right in float64 and not in float32."""
    findings = []
    stopped = [run for run in runs if run.got is None]
    if stopped:
        finding = _stopped(task, runs)
        return [
            finding._replace(hint=f"In float64 it is right; in float32 it {stopped[0].stopped}")
        ]
    for name in task.output_names:
        findings += _wrong_dtype(task, name, runs, FLOAT32)
        bad = [run for run in runs if not run.correct(name)]
        if bad:
            hint = "This is right in float64 and loses accuracy in float32. "
            hint += bad[0].case.hint or "Which numbers of very different size meet in a sum?"
            evidence = [_describe(task, bad[0].case), *_numbers(task, name, bad[0])]
            findings.append(Finding(name, hint, evidence))
    return findings


def _wrong_dtype(task, name, runs, dtype):
    """[] or [a Finding], for right numbers in another dtype than that of the arguments."""
    other = [run for run in runs if run.right[name].ndim and run.got[name].dtype != dtype]
    if not other:
        return []
    hint = (
        f"The numbers are right, but for {dtype} arguments {name} has to be {dtype}, and it is "
        f"{other[0].got[name].dtype}. np.zeros and its like make float64 unless they are told the "
        "dtype, and a NumPy number in float64 turns what it meets into float64."
    )
    return [Finding(name, hint, [_describe(task, other[0].case)])]


# -- comparing and describing --


def _near(got, right, tolerance):
    """Where they agree, an array; right decides what counts as small. NaN agrees with NaN."""
    finite = np.abs(right[np.isfinite(right)])
    scale = max(finite.max(initial=0), 1e-3)
    with np.errstate(all="ignore"):
        near = np.abs(got - right) <= tolerance * scale
    return near | (got == right) | (np.isnan(got) & np.isnan(right))


def close(got, right, tolerance):
    got, right = np.asarray(got, np.float64), np.asarray(right, np.float64)
    return got.shape == right.shape and bool(_near(got, right, tolerance).all())


def _cases(runs):
    return "; ".join(run.case.what for run in runs)


def _describe(task, case):
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


def _numbers(task, name, run):
    """The first wrong value, or the shapes."""
    got, right = run.got[name], run.right[name]
    if got.shape != right.shape:
        return [f"{name}: expected shape {right.shape}, got {got.shape}"]
    index = np.argwhere(~_near(got.astype(np.float64), right, run.tolerance(name)))[0].tolist()
    at = f"{name}[{', '.join(map(str, index))}]" if index else name
    return [f"{at}: expected {right[tuple(index)]:.6g}, got {got[tuple(index)]:.6g}"]
