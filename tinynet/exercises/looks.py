"""Looks at wrong numbers that no known mistake explains wholly.

Each takes a task, the name of an output, and the runs in which it is wrong, and gives a hint or
None. `relation` says how all the numbers have to do with the right ones; if there is no such
relation, `description` says what they look like, which can always be said.
"""

import itertools

import numpy as np

from .answer import close
from .task import by_name


def relation(task, name, runs):
    """A hint that holds in all these runs, or None."""
    looks = (look(task, name, runs) for look in (zero, argument, factor, turned, summed, moved))
    return next((hint for hint in looks if hint), None)


def description(task, name, runs):
    """A hint about the first of these runs."""
    looks = (look(task, name, runs) for look in (shape, not_finite, part))
    return next(hint for hint in looks if hint)


# -- relations --


def zero(task, name, runs):
    if all(not run.got[name].any() for run in runs):
        return f"{name} is all zeros. Is what you compute written into it?"
    return None


def argument(task, name, runs):
    for argument_name in task.argument_names:
        if all(run.is_close(name, run.arguments[argument_name]) for run in runs):
            return f"{name} is the same as the argument {argument_name}."
    return None


def factor(task, name, runs):
    """The right values times one number: −1, a size of the case such as n, or another."""
    factors = [factor_of(run, name) for run in runs]
    if any(k is None for k in factors):
        return None
    if np.allclose(factors, -1):
        return "The sign is wrong: every value is −1 times the right one."
    if sum(run.right[name].size for run in runs) < len(runs) + 2:
        return None  # single numbers: each is some factor of the right one
    for what, products in products_of_sizes(task, runs):
        if np.allclose(factors, products):
            return f"Every value is {what} times the right one: a division by {what} is missing."
        if np.allclose(np.multiply(factors, products), 1):
            return (
                f"Every value is the right one divided by {what}: either it is divided once too "
                "often, or a mean was taken where a sum belongs."
            )
    if np.allclose(factors, factors[0]):
        return f"Every value is {factors[0]:.4g} times the right one, in every case that is wrong."
    listed = ", ".join(f"{k:.4g}" for k in factors[:3])
    return (
        f"Every value is the right one times a factor, another in each case ({listed}, …): what "
        "has these values there?"
    )


def factor_of(run, name):
    got, right = run.got[name], run.right[name]
    if got.shape != right.shape or not np.isfinite(got).all() or not right.any():
        return None
    k = float((got * right).sum() / (right * right).sum())
    return k if k and run.is_close(name, k * right) else None


def products_of_sizes(task, runs):
    """("n·k", [its value in each run]) for one, two or three sizes that vary with the case."""
    sizes = [task.sizes({**run.arguments, **run.right}) for run in runs]
    common = [letter for letter in sizes[0] if all(letter in s for s in sizes)]
    for count in (1, 2, 3):
        for letters in itertools.combinations(common, count):
            products = [np.prod([s[letter] for letter in letters]) for s in sizes]
            if not np.allclose(products, 1):
                yield "·".join(letters), products


def turned(task, name, runs):
    """Axes exchanged, turned round, or in another shape."""
    orders, flips = {permutation(run, name) for run in runs}, {flip(run, name) for run in runs}
    names = task.axis_names(name, runs[0].right[name].ndim)
    if len(orders) == 1 and None not in orders:
        order = ", ".join(names[i] for i in orders.pop())
        return (
            f"The numbers are right, but the axes stand in another order: {name} has to be "
            f"({', '.join(names)}), and yours is ({order})."
        )
    if len(flips) == 1 and None not in flips:
        return f"{name} is turned round along {', '.join(names[i] for i in flips.pop())}."
    if all(reshaped(run, name) for run in runs):
        right, got = runs[0].right[name], runs[0].got[name]
        return f"The numbers are right, but the shape has to be {right.shape}, not {got.shape}."
    return None


def reshaped(run, name):
    got, right = run.got[name], run.right[name]
    return got.size == right.size and run.is_close(name, right.reshape(got.shape))


def permutation(run, name):
    right = run.right[name]
    for order in itertools.permutations(range(right.ndim)):
        if list(order) != sorted(order) and run.is_close(name, right.transpose(order)):
            return order
    return None


def flip(run, name):
    for axes in some_axes(run.right[name].ndim):
        if run.is_close(name, np.flip(run.right[name], axes)):
            return axes
    return None


def some_axes(ndim):
    """Each choice of one or more of the axes, the smallest first."""
    for count in range(1, ndim + 1):
        yield from itertools.combinations(range(ndim), count)


def summed(task, name, runs):
    """A sum that is missing, or one too many."""
    for axes in some_axes(runs[0].got[name].ndim):
        if all(
            run.got[name].ndim > max(axes)
            and close(run.got[name].sum(axes), run.right[name], run.tolerance(name))
            for run in runs
        ):
            shape = runs[0].got[name].shape
            what = " and ".join(f"axis {axis} (of size {shape[axis]})" for axis in axes)
            return f"A sum is missing: summed over {what}, your {name} would be right."
    if all(run.right[name].ndim and run.is_close(name, run.right[name].sum()) for run in runs):
        names = task.axis_names(name, runs[0].right[name].ndim)
        return f"This is one sum over everything; {name} needs one for each {' and '.join(names)}."
    return None


def moved(task, name, runs):
    """The right values in other places, or all moved by one number."""
    if all(run.right[name].size > 2 and has_right_values(run, name) for run in runs):
        return "These are the right numbers in the wrong places. Look at the indices."
    if all(run.right[name].size > 1 and is_offset(run, name) for run in runs):
        return "Every value differs from the right one by the same amount, added or left out."
    return None


def has_right_values(run, name):
    got, right = np.sort(run.got[name], None), np.sort(run.right[name], None)
    return np.ptp(right) > 0 and close(got, right, run.tolerance(name))


def is_offset(run, name):
    got, right = run.got[name], run.right[name]
    if got.shape != right.shape or not np.isfinite(got).all():
        return False
    return run.is_close(name, right + (got - right).mean())


# -- descriptions --


def shape(task, name, runs):
    got, right = runs[0].got[name], runs[0].right[name]
    if got.shape == right.shape:
        return None
    names = task.axis_names(name, right.ndim)
    if got.ndim != right.ndim or name not in task.axes:
        axes = f", ({', '.join(names)})" if name in task.axes else ""
        return f"The shape differs: it has to be {right.shape}{axes}, and is {got.shape}."
    where = []
    for axis, letter in enumerate(names):
        same = sizes_like(task, name, axis, runs)
        if len(runs) > 2 and same and letter not in same:
            where.append(f"axis {axis} has to be as long as {letter}, and is as long as {same[0]}")
        elif got.shape[axis] != right.shape[axis]:
            sizes = f"{right.shape[axis]} long, and is {got.shape[axis]}"
            where.append(f"axis {axis} ({letter}) has to be {sizes}")
    return f"The shape differs: {'; '.join(where)}."


def sizes_like(task, name, axis, runs):
    """The names of the sizes that the axis has in all these runs."""
    sizes = [task.sizes({**run.arguments, **run.right}) for run in runs]
    return [
        letter
        for letter in sizes[0]
        if all(s.get(letter) == r.got[name].shape[axis] for s, r in zip(sizes, runs, strict=True))
    ]


def not_finite(task, name, runs):
    got, right = runs[0].got[name], runs[0].right[name]
    count = int((~np.isfinite(got)).sum())
    if not count or not np.isfinite(right).all():
        return None
    kinds = [kind for kind, is_it in (("NaN", np.isnan), ("∞", np.isinf)) if is_it(got).any()]
    return (
        f"{count} of {got.size} values are {' or '.join(kinds)}. Which operation makes them: 0/0, "
        "∞ − ∞, exp of a large number, log of 0, or the root of a negative number? "
        f"{runs[0].case.hint}"
    ).strip()


def part(task, name, runs):
    """In which part of the output the wrong values are, where that can be said."""
    runs = [run for run in runs if run.got[name].shape == run.right[name].shape]
    wrong = [~run.near(name) for run in runs]
    for words, mask in task.regions.get(name, {}).items():
        masks = (by_name(mask, run.arguments) for run in runs)
        if not any((w & ~m).any() for w, m in zip(wrong, masks, strict=True)):
            return f"The values are wrong only {words}."
    first = wrong[0]
    for axis, letter in enumerate(task.axis_names(name, first.ndim)):
        others = tuple(i for i in range(first.ndim) if i != axis)
        at = np.flatnonzero(first.any(axis=others))
        if len(at) < first.shape[axis]:
            indices = ", ".join(map(str, at))
            return f"In this case the values are wrong only where {letter} is {indices}."
    count = int(first.sum())
    return f"The values are not the right ones: in this case {count} of {first.size} are wrong."
