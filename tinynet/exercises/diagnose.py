"""What is wrong with an answer, and where to look.

The answer is run on every case of its task and compared with the right result. Where it is wrong,
what has nothing to do with values comes first: something kept between calls, outputs in another
order. Then it is compared with what each known mistake gives: a mistake is named if the answer
agrees with it in every case, those in which it stops included. Where no mistake fits, `looks` finds
a relation to the right numbers: a factor, axes exchanged, a sum that is missing. Failing this, a
mistake is named that explains most of the wrong cases and makes nothing wrong that is right.
Failing this, too, the answer is tried on other arguments (`probes`), and the numbers are described.
"""

import itertools
import warnings

import numpy as np

from .answer import Broken, Finding, check_repeat, check_signature, close, finding, numbers, run
from .kept import kept
from .looks import apart, count, not_finite, place, relation, shape
from .probes import TRY, tried
from .run import NotBegun
from .task import Case

FLOAT64, FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)


def check(task, function):
    """[Finding] about an answer to one task, empty if it is right; raises NotBegun."""
    if not callable(function):
        return [Finding(task.name, f"There is no function {task.name} in the file.", None, [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_signature(task, function)
            return in_float64(task, function) or in_float32(task, function)
        except Broken as broken:
            return list(broken.args)


def run_all(task, function, cases, dtype):
    """[Run]; raises NotBegun if the first one is not begun."""
    runs = []
    for case in cases:
        try:
            runs.append(run(task, function, case, dtype))
        except NotBegun:
            if not runs:
                raise
            still = "still raises NotImplementedError."
            runs.append(runs[0]._replace(case=case, got=None, stopped=still, written=[]))
        if len(runs) == 1 and runs[0].got is not None and not runs[0].written:
            check_repeat(task, function, runs[0])
    return runs


def in_float64(task, function):
    cases = [case for case in task.cases if not case.only_float32]
    runs = run_all(task, function, cases, FLOAT64)
    if found := kept_outside(task, function, runs) or other_order(task, runs):
        return written(task, runs) + [found]
    if all(r.got is None for r in runs):
        return [stopped(task, runs)]
    return written(task, runs) + wrong_values(task, function, runs)


def in_float32(task, function):
    """What is right in float64 and not in float32."""
    runs = run_all(task, function, task.cases, FLOAT32)
    if any(r.got is None for r in runs):
        only = stopped(task, runs, "In float64 it is right; in float32 it")
        return [only._replace(dtype="float32")]
    findings = written(task, runs)
    for name in task.output_names:
        findings += wrong_dtype(task, name, runs)
        bad = [r for r in runs if not r.correct(name)]
        if bad:
            hint = "This is right in float64 and loses accuracy in float32. "
            if not np.isfinite(bad[0].got[name]).all() and np.isfinite(bad[0].right[name]).all():
                hint = "This is right in float64 and overflows in float32, which ends at 3e38. "
            hint += bad[0].case.hint or "Which numbers of very different size meet in a sum?"
            findings.append(finding(task, bad[0].case, hint, name, [numbers(bad[0], name)]))
    return [f._replace(dtype="float32") for f in findings]


# -- beside the values --


def stopped(task, runs, words="It"):
    """The Finding about the first run that stopped."""
    first = next(r for r in runs if r.got is None)
    hint = f"{words} {first.stopped}"
    fine = [r for r in runs if r.got is not None]
    if fine:
        hint += f"\nIt runs in the case “{fine[0].case.what}”: what is different here?"
    return finding(task, first.case, hint)


def written(task, runs):
    """[] or [the Finding that arguments are written to]."""
    guilty = [r for r in runs if r.written]
    if not guilty:
        return []
    names = guilty[0].written
    hint = (
        f"It writes to its argument{'s' * (len(names) > 1)} {' and '.join(names)}. What it is "
        "given belongs to the caller, who still needs it (another layer may have kept it for its "
        "own backward pass). Look for an assignment to a part of it, or +=, -=, *=, or out=, and "
        "work on a new array."
    )
    return [finding(task, guilty[0].case, hint)]


def kept_outside(task, function, runs):
    """The Finding that a wrong answer works with more than its arguments, or None.

    It may be wrong only with other numbers in arrays of the same shapes, where it has kept what it
    made of the first ones.
    """
    place = kept(function)
    if place is None:
        return None
    extra = other_numbers(task, function, runs[0].case)
    wrong = [r for r in [*runs, *extra] if not all(r.correct(name) for name in task.output_names)]
    if not wrong:
        return None
    first = wrong[0]
    bad = [name for name in task.output_names if not first.correct(name)]
    line = f"It {first.stopped}" if first.got is None else numbers(first, bad[0])
    hint = (
        f"It works with something that is kept outside of it ({place}), where an earlier call has "
        "left it: of another function, or with other arguments. All that it needs stands in its "
        "arguments; compute the rest again."
    )
    found = finding(task, first.case, hint, evidence=[line])
    return found if any(first is r for r in runs) else found._replace(case=None)


def other_numbers(task, function, case):
    """[the Run on a case with the numbers of its arrays in other places], if there can be one."""
    arguments = {
        name: np.roll(value, 1) if isinstance(value, np.ndarray) else value
        for name, value in case.arguments.items()
    }
    moved = Case(f"{case.what}, with its numbers in other places", arguments)
    try:
        return [run(task, function, moved, FLOAT64)]
    except (Broken, NotBegun):
        return []


def other_order(task, runs):
    """The Finding that the outputs are right and returned in another order, or None."""
    names = task.output_names
    for order in itertools.permutations(names):
        if order != tuple(names) and all(
            r.got is not None
            and all(
                close(r.got[name], r.right[other], r.tolerance(name))
                for name, other in zip(names, order, strict=True)
            )
            for r in runs
        ):
            hint = (
                "The values are right and come back in another order: it has to return "
                f"({', '.join(names)}), and returns ({', '.join(order)})."
            )
            return finding(task, runs[0].case, hint)
    return None


def integers(task, name, runs):
    """The Finding that whole numbers are returned where the right ones are not whole, or None."""
    if not all(r.got[name].dtype.kind in "iu" for r in runs):
        return None  # where they are no integers, something else is wrong
    for r in runs:
        right = r.right[name]
        if (right != np.round(right)).any():
            hint = (
                f"{name} holds whole numbers (its dtype is {r.got[name].dtype}): what stands "
                "behind the point is cut off. Was an array of integers made for it (dtype=int, or "
                "np.zeros_like or np.full of integers), is there an astype(int), or a "
                "np.vectorize, which takes the dtype of its first value, 0 perhaps?"
            )
            return finding(task, r.case, hint, name, [numbers(r, name)])
    return None


def wrong_dtype(task, name, runs):
    """[] or [the Finding that right numbers have another dtype than the arguments]."""
    other = [r for r in runs if r.right[name].ndim and r.got[name].dtype != r.dtype]
    if not other:
        return []
    hint = (
        f"The numbers are right, but for {other[0].dtype} arguments {name} has to be "
        f"{other[0].dtype}, and it is {other[0].got[name].dtype}. np.zeros and its like make "
        "float64 unless they are told the dtype, and a NumPy number in float64 turns what it "
        "meets into float64."
    )
    return [finding(task, other[0].case, hint, name)]


# -- wrong values --


def wrong_values(task, function, runs):
    findings = []
    wrong = {name for name in task.output_names if not all(r.correct(name) for r in runs)}
    fine = set(task.output_names) - wrong
    for mistake in task.mistakes:
        explained = [name for name in mistake.outputs if name in wrong]
        if explained and all(gives(mistake, r) for r in runs):
            findings.append(by_mistake(task, mistake, explained, runs))
            wrong -= set(explained)
    ran = [r for r in runs if r.got is not None]
    halted = [r for r in runs if r.got is None]
    for name in task.output_names:
        if name in fine:
            findings += wrong_dtype(task, name, ran)
        elif name in wrong and not all(r.correct(name) for r in ran):
            findings.append(unexplained(task, function, name, ran, halted))
            halted = []  # told once
    if halted and not findings:
        findings.append(stopped(task, runs))
    return merged(task, findings)


def gives(mistake, r):
    """Whether the answer gives, in this run, what the mistake gives, or stops where it stops."""
    try:
        with np.errstate(all="ignore"):
            values = mistake.values(r.arguments)
    except Exception:
        return r.got is None
    return r.got is not None and all(r.is_close(name, a) for name, a in values.items())


def by_mistake(task, mistake, explained, runs):
    """The Finding that the answer has this mistake in the outputs `explained`."""
    for r in runs:
        if r.got is None:
            return finding(task, r.case, mistake.hint, ", ".join(explained), [f"It {r.stopped}"])
        bad = [name for name in explained if not r.correct(name)]
        if bad:
            line = numbers(r, bad[0])
            return finding(task, r.case, mistake.hint, ", ".join(explained), [line])


def unexplained(task, function, name, ran, halted):
    """The Finding about an output that no mistake explains wholly."""
    bad = [r for r in ran if not r.correct(name)]
    found = (
        integers(task, name, bad)
        or related(task, name, bad)
        or in_part(task, name, ran, bad)
        or described(task, function, name, ran, bad)
    )
    lines = list(found.evidence)
    right = [r for r in ran if r.correct(name)]
    if right and not any(line.startswith("This explains") for line in lines):
        lines += [f"It is right in: {listed(right)}.", f"It is wrong in: {listed(bad)}."]
        if words := apart(task, right, bad):
            lines.append(f"In all that are right, {words}; in none that is wrong.")
    if len(bad) > 1 and not bad[0].right[name].ndim:  # one number a case: some more of them
        lines += [f"“{r.case.what}”: {numbers(r, name)}" for r in bad[1:4]]
    if halted:
        lines.append(f"In the case “{halted[0].case.what}” it {halted[0].stopped}")
    return found._replace(evidence=lines)


def related(task, name, bad):
    """The Finding that the numbers have to do with the right ones, or None.

    In all wrong runs, but for those in which they are no numbers (NaN, ∞) if there are others.
    """
    finite = [r for r in bad if np.isfinite(r.got[name]).all()]
    rest = [r for r in bad if not np.isfinite(r.got[name]).all()]
    if rest and len(finite) < 2:
        finite, rest = bad, []
    hint = relation(task, name, finite)
    if hint is None:
        return None
    lines = [numbers(finite[0], name)]
    if rest:
        lines.append(f"Values are NaN or ∞ besides in: {listed(rest)}. {rest[0].case.hint}".strip())
    return finding(task, finite[0].case, hint, name, lines)


def in_part(task, name, ran, bad):
    """The Finding that a mistake explains most of the wrong runs of an output, or None.

    It must not make a run wrong that is right.
    """
    fine = [r for r in ran if r.correct(name)]
    finite = [r for r in bad if np.isfinite(r.got[name]).all()]  # NaN agrees with any NaN
    best, most = None, []
    for mistake in task.mistakes:
        if name in mistake.outputs:
            explained = [r for r in finite if gives(mistake, r)]
            if len(explained) > len(most) and all(gives(mistake, r) for r in fine):
                best, most = mistake, explained
    if len(most) < 2 or 2 * len(most) <= len(bad):
        return None  # one case may agree by chance: one of size 1, say
    rest = [r for r in bad if not any(r is other for other in most)]
    lines = [numbers(most[0], name), f"This explains what is wrong in: {listed(most)}."]
    if rest:
        lines.append(f"Something else is wrong in: {listed(rest)}.")
    return finding(task, most[0].case, best.hint, name, lines)


def described(task, function, name, ran, bad):
    """The Finding that says what the wrong numbers look like."""
    hint = bad[0].case.hint if len(bad) == 1 else ""
    hint = hint or shape(task, name, bad) or not_finite(task, name, bad)
    if not hint:
        hints = place(task, name, bad), tried(task, function, name, ran)
        hint = " ".join(filter(None, hints))
        if not hint or hint.startswith(TRY):
            hint = f"{count(name, bad[0])} {hint}".strip()
    return finding(task, bad[0].case, hint, name, [numbers(bad[0], name)])


def listed(runs, most=4):
    """The names of their cases."""
    names = [r.case.what for r in runs]
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more


def merged(task, findings):
    """In the order of the outputs; those with one hint become one."""
    order = [task.name, *task.output_names]
    by_hint = {}
    for found in sorted(findings, key=lambda f: order.index(f.about.split(", ")[0])):
        if found.hint in by_hint:
            first = by_hint[found.hint]
            found = first._replace(about=f"{first.about}, {found.about}")
        by_hint[found.hint] = found
    return list(by_hint.values())
