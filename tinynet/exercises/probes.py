"""Tries a wrong answer on other arguments, to find out what is wrong with it.

The cases of a task are given; here an argument is changed and the answer run again. What comes out
is compared with what the reference gives for the same change: with which arguments would it be
right, which entries of them does it read, and what does it do if one grows? Each look says
something that was tried, and is silent where it finds nothing.
"""

import numpy as np

from .answer import CLOSE, Broken, close, run
from .looks import factor_of, region
from .run import NotBegun
from .task import Case, by_name

TRIES = 900  # of one answer; some of them take milliseconds
RUNS = 3  # wrong runs in which a try has to turn out the same
TRY = "Try it with"  # so begins the simplest example
SHORT = 6  # entries that are shown with their values
ENTRIES = 260  # of the arguments of a case: more take too long to change one by one


class Tries:
    """An answer to a task, and the runs in which one of its outputs is wrong, and is right."""

    def __init__(self, task, function, name, runs):
        self.task, self.function, self.name = task, function, name
        runs = [r for r in runs if r.got[name].shape == r.right[name].shape]
        self.runs = [r for r in runs if not r.correct(name)]
        self.both = [r for r in runs if r.correct(name)], self.runs
        self.region = region(task, name, self.runs)
        self.left = TRIES

    def run(self, arguments):
        """The Run of the answer on these arguments; None if it, or the reference, stops there."""
        if self.left <= 0:
            return None
        self.left -= 1
        case = Case("changed", arguments)
        try:
            tried = run(self.task, self.function, case, np.dtype(np.float64))
        except (Broken, NotBegun):
            self.left = 0  # it may have run into the time limit
            return None
        except Exception:  # of the reference: these arguments make no sense
            return None
        ok = tried.got is not None and tried.got[self.name].shape == tried.right[self.name].shape
        return tried if ok else None

    def right(self, arguments):
        """What is right for these arguments, or None."""
        try:
            return self.task.right(arguments)[self.name]
        except Exception:
            return None

    def arrays(self, arguments):
        """Names of the arrays of floats among the arguments."""
        names = self.task.argument_names
        return [n for n in names if getattr(arguments[n], "dtype", np.dtype(int)).kind == "f"]


def tried(task, function, name, runs):
    """What the tries have shown, in one or two sentences, or None."""
    tries = Tries(task, function, name, runs)
    said = []
    for look in (comes_in, reads, would_be_right, grows):
        if tries.runs and len(said) < 2 and (hint := look(tries)):
            said.append(hint)
    if tries.runs and len(said) < 2 and (hint := simplest(tries)):
        said.append(hint)
    return " ".join(said) or None


# -- with which arguments would it be right? --


def would_be_right(tries):
    for words, *variants in changes(tries):
        if all(all_right(tries, change) for change in variants):
            return f"It would be right {words}: look at how that comes in."
    return None


def all_right(tries, change):
    """Whether it is right once changed so: in each of the runs in which that changes anything."""
    count = 0
    for wrong in tries.runs[:RUNS]:
        arguments = change(wrong.arguments)
        if arguments is None:
            continue
        again = tries.run(arguments)
        if again is None or not again.correct(tries.name) or trivial(tries, wrong, again):
            return False
        count += 1
    return count > 0


def changes(tries):
    """(words, functions that give changed arguments, or None where there is nothing to change)."""
    arguments = tries.runs[0].arguments
    for rows, columns in images(tries.task, arguments):
        yield f"if {rows} and {columns} were the same", cut(tries.task, rows, columns)
    for letter in letters(tries.task, arguments):
        change = cut(tries.task, letter)
        fine, wrong = (sum(change(r.arguments) is not None for r in runs) for runs in tries.both)
        if fine < wrong:  # not if it is as often right where the axis is longer
            yield f"if {letter} were 1", change
    for name in tries.task.argument_names:
        value = arguments[name]
        if name in tries.arrays(arguments):
            yield f"if all of {name} were the same number", filled(name, 0), filled(name, 1)
            for number in (0, 1):
                yield f"if all of {name} were {number}", filled(name, number)
        elif type(value) in (int, float):
            for number in (0, 1):
                yield f"if {name} were {number}", filled(name, type(value)(number))


def images(task, arguments):
    """(axis of the rows, axis of the columns) of the arguments that hold images or kernels."""
    arrays = [n for n in task.argument_names if np.ndim(arguments[n]) == 4 and n in task.axes]
    return list(dict.fromkeys(tuple(task.axes[n].split()[-2:]) for n in arrays))


def letters(task, arguments):
    """The axes of the arguments, each once."""
    names = [n for n in task.argument_names if isinstance(arguments[n], np.ndarray)]
    return list(dict.fromkeys(a for n in names for a in task.axes.get(n, "").split()))


def filled(name, number):
    def change(arguments):
        value = arguments[name]
        if (np.asarray(value) == number).all():
            return None
        new = np.full_like(value, number) if isinstance(value, np.ndarray) else number
        return {**arguments, name: new}

    return change


def cut(task, *cut_letters):
    """Cuts one axis to a length of 1, or several to that of the shortest of them."""

    def change(arguments):
        sizes = task.sizes(arguments)
        lengths = [sizes[letter] for letter in cut_letters]
        length = min(lengths) if len(lengths) > 1 else 1
        if max(lengths) == length:
            return None
        new = dict(arguments)
        for name in arguments:
            for axis, letter in enumerate(task.axes.get(name, "").split()):
                if letter in cut_letters:
                    new[name] = new[name].take(range(length), axis)
        return new

    return change


def trivial(tries, before, after):
    """Whether the change has made the right output one that says nothing: it hangs on less."""
    right = after.right[tries.name]
    if tries.region and not np.any(by_name(tries.region[1], after.arguments)):
        return True  # where it is right anyway
    if not right.any() or (right.size > 1 and np.ptp(right) == 0):
        return True
    if any(close(right, a, CLOSE) for a in after.arguments.values() if np.ndim(a)):
        return True
    names = before.arguments
    changed = {n for n in names if not same_array(names[n], after.arguments[n])}
    lost = hangs_on(tries, before.arguments) - hangs_on(tries, after.arguments) - changed
    return len(lost) > any(not np.ndim(names[n]) for n in changed)


def same_array(a, b):
    return np.shape(a) == np.shape(b) and np.all(np.asarray(a) == np.asarray(b))


def hangs_on(tries, arguments):
    """Names of the arguments on which the right output depends."""
    right = tries.right(arguments)
    found = set()
    for name in tries.task.argument_names:
        new = another(arguments[name])
        if new is None:
            continue
        moved = tries.right({**arguments, name: new})
        if moved is None or not close(moved, right, CLOSE):
            found.add(name)
    return found


def another(value):
    """A value near this one, or None."""
    if isinstance(value, bool | tuple):
        return None
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 1.1 * value + 0.01
    if value.dtype.kind == "f":
        return value * np.random.default_rng(0).uniform(0.5, 2, value.shape) + 0.01
    return (value + 1) % (value.max() + 1) if value.any() else value + 1


# -- which of its arguments does it read, and which entries of them? --


def comes_in(tries):
    """A number, or whole numbers, on which only one depends: the right output or the answer's."""
    floats = tries.arrays(tries.runs[0].arguments)
    for name in tries.task.argument_names:
        mine, right = [], []
        for wrong in tries.runs[:RUNS]:
            new = None if name in floats else another(wrong.arguments[name])
            again = None if new is None else tries.run({**wrong.arguments, name: new})
            if again:
                mine.append(not close(again.got[tries.name], wrong.got[tries.name], CLOSE))
                right.append(not close(again.right[tries.name], wrong.right[tries.name], CLOSE))
        if right and all(right) and not any(mine):
            return f"Where it is wrong, {tries.name} does not depend on {name}, and should."
        if mine and all(mine) and not any(right):
            return f"Where it is wrong, {tries.name} depends on {name}, and should not."
    return None


def reads(tries):
    """On which entries one wrong value depends, and on which it should, if two runs agree."""
    small = [r for r in tries.runs if entry_count(tries, r) <= ENTRIES]
    if not small or small[0] is not tries.runs[0]:
        return None
    for name in tries.arrays(small[0].arguments):
        first = misread(tries, small[0], name)
        if first is None:
            continue
        kind, hint = first
        if len(tries.runs) == 1 or any(misread(tries, r, name, kind) for r in small[1:2]):
            return hint
    return None


def entry_count(tries, wrong):
    return sum(wrong.arguments[name].size for name in tries.arrays(wrong.arguments))


def misread(tries, wrong, name, kind=None):
    """(kind, hint) on how the first wrong value depends on an argument; None if as it should."""
    index = wrong_at(tries, wrong)
    if index is None:
        return None
    mine, right = dependence(tries, wrong, name, index)
    if mine is None or (mine == right).all():
        return None
    at = f"{tries.name}[{', '.join(map(str, index))}]" if index else tries.name
    missing, extra = right & ~mine, mine & ~right
    said = {
        "nothing": (
            right.any() and not mine.any(),
            f"does not depend on {name} at all, and should",
        ),
        "all": (mine.any() and not right.any(), f"depends on {name}, and should not"),
        "missing": (missing.any(), "has to depend on {}, and does not", missing, right & mine),
        "extra": (extra.any(), "depends on {}, and should not", extra, right),
    }
    for found, (holds, words, *masks) in said.items():
        if holds and kind in (None, found):
            return (
                found,
                f"{at} {words.format(entries(tries.task, name, *masks) if masks else '')}.",
            )
    return None


def wrong_at(tries, wrong):
    """The index of the first wrong value; None if values are not finite."""
    if not np.isfinite(wrong.got[tries.name]).all():
        return None
    return tuple(np.argwhere(~wrong.near(tries.name))[0].tolist())


def dependence(tries, wrong, name, index):
    """Two masks like an argument: where it moves the answer's value, and where the right one."""
    value = wrong.arguments[name]
    mine, right = np.zeros(value.shape, bool), np.zeros(value.shape, bool)
    for entry in np.ndindex(value.shape):
        for amount in (30, -30):  # so much that a maximum is another one
            if mine[entry] and right[entry]:
                break
            moved = value.copy()
            moved[entry] += amount
            again = tries.run({**wrong.arguments, name: moved})
            if again is None:
                return None, None
            mine[entry] |= differs(again.got[tries.name][index], wrong.got[tries.name][index])
            right[entry] |= differs(again.right[tries.name][index], wrong.right[tries.name][index])
    return mine, right


def differs(a, b):
    return abs(float(a) - float(b)) > 1e-12 * max(1.0, abs(float(b)))


def entries(task, name, some, others):
    """ "x where h is 2", if that tells some entries from the others; else the first of them."""
    for axis, letter in enumerate(task.axis_names(name, some.ndim)):
        rest = tuple(i for i in range(some.ndim) if i != axis)
        ours, theirs = some.any(rest), others.any(rest)
        if not (ours & theirs).any() and others.any():
            return f"{name} where {letter} is {', '.join(map(str, np.flatnonzero(ours)))}"
    return f"{name}[{', '.join(map(str, np.argwhere(some)[0]))}]"


# -- what does it do if an argument grows? --


def grows(tries):
    """If one argument doubles, or all of it moves by 1."""
    for change, words in ((lambda a: 2 * a, "doubles"), (lambda a: a + 1, "grows by 1 everywhere")):
        for name in tries.arrays(tries.runs[0].arguments):
            if hint := after(tries, name, change, words):
                return hint
    return None


def after(tries, name, change, words):
    factors, follows = [], []
    for wrong in tries.runs[:RUNS]:
        moved = {**wrong.arguments, name: change(wrong.arguments[name])}
        again = tries.run(moved)
        if again is None:
            return None
        right = factor_of(again.right[tries.name], wrong.right[tries.name], 1e-4)
        mine = factor_of(again.got[tries.name], wrong.got[tries.name], 1e-4)
        factors.append((mine, right))
        if right is not None:
            follows.append(close(again.got[tries.name], right * wrong.got[tries.name], 1e-2))
    mine, right = zip(*factors, strict=True)
    if None in right or not np.allclose(right, right[0], rtol=1e-3):
        return None
    if all(follows):
        return None
    has_to = becomes(right[0])
    if None in mine or not np.allclose(mine, mine[0], rtol=1e-2):
        return f"If {name} {words}, {tries.name} has to {has_to}; yours does not."
    return f"If {name} {words}, {tries.name} has to {has_to}; yours comes to {mine[0]:.3g} times."


def becomes(factor):
    if np.isclose(factor, 1, rtol=1e-3):
        return "stay the same"
    return f"become {factor:.3g} times as large"


# -- the simplest arguments with which it is wrong --


def simplest(tries):
    """Arguments made simple one after the other, as long as it stays wrong."""
    arguments, said = tries.runs[0].arguments, {}
    for words, changed, change in simpler(tries):
        if changed in said or (new := change(arguments)) is None:
            continue
        if (again := tries.run(new)) and still_wrong(again, tries.name):
            arguments, said[changed], last = new, words, again
    if not said:
        return None
    said |= {name: f"{name} {value}" for name, value in short_whole_numbers(last).items()}
    index = tuple(np.argwhere(~last.near(tries.name))[0].tolist())
    at = f"{tries.name}[{', '.join(map(str, index))}]" if index else tries.name
    right, got = last.right[tries.name][index], last.got[tries.name][index]
    return f"{TRY} {', '.join(said.values())}: {at} has to be {right:.4g}, and is {got:.4g}."


def short_whole_numbers(run):
    """{name: list} of the short arrays of whole numbers among the arguments."""
    arrays = {n: a for n, a in run.arguments.items() if isinstance(a, np.ndarray)}
    return {n: a.tolist() for n, a in arrays.items() if a.dtype.kind in "iu" and a.size <= SHORT}


def still_wrong(run, name):
    finite = np.isfinite(run.got[name]).all() and np.isfinite(run.right[name]).all()
    return finite and not run.correct(name)


def simpler(tries):
    """(words, what is changed, function that gives changed arguments or None)."""
    arguments = tries.runs[0].arguments
    for letter in letters(tries.task, arguments):
        yield f"{letter} = 1", letter, cut(tries.task, letter)
    arrays = tries.arrays(arguments)
    for number in (0, 1, -1):
        for name in tries.task.argument_names:
            if np.all(arguments[name] == 0) or np.all(arguments[name] == 1):
                continue  # simple as it is
            if name in arrays:
                yield f"all of {name} {number}", name, filled(name, number)
            elif type(arguments[name]) is float and number >= 0:
                yield f"{name} = {number}", name, filled(name, float(number))
    for name in arrays:
        yield f"the first of {name} 1 and all others 0", name, single(name)


def single(name):
    def change(arguments):
        new = np.zeros_like(arguments[name])
        new.flat[0] = 1
        return {**arguments, name: new}

    return change
