"""Looks at wrong numbers that no known mistake explains wholly.

Each takes a task, the name of an output, and the runs in which it is wrong, and gives a hint or
None. `relation` says how all the numbers have to do with the right ones; if there is no such
relation, `shape` and `not_finite` say what is plainly wrong with them, `place` in which part of
the output they are, and `count`, which always can, how many.
"""

import itertools

import numpy as np

from .answer import CLOSE, close
from .task import by_name

MANY = 3  # as many single numbers do not agree by chance
LONG = 3  # entries of an axis on which first, last and others can be told apart


def relation(task, name, runs):
    """A hint that holds in all these runs, or None."""
    looks = (zero, argument, other_output, whole, factor, step, turned, summed, moved, function)
    if all(np.isfinite(run.got[name]).all() for run in runs):
        looks += (difference, by_axis)
    return next((hint for look in looks if (hint := look(task, name, runs))), None)


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


def other_output(task, name, runs):
    for other in task.output_names:
        if other != name and all(run.is_close(name, run.right[other]) for run in runs):
            return f"What you return as {name} is {other}."
    return None


def whole(task, name, runs):
    """Whole numbers, where the right ones have something behind the point."""
    for rounds, words in ((np.floor, "rounded down"), (np.trunc, "cut off behind the point")):
        if all(run.is_close(name, rounds(run.right[name])) for run in runs):
            return (
                f"These are the right numbers, {words}. Is there a //, an int(), or an array of "
                "integers on the way?"
            )
    return None


def factor(task, name, runs):
    """The right values times one number: −1, a size of the case such as n, or another."""
    factors = [factor_of(run.got[name], run.right[name], run.tolerance(name)) for run in runs]
    if any(k is None for k in factors):
        return None
    if np.allclose(factors, -1):
        return "The sign is wrong: every value is −1 times the right one."
    single = sum(run.right[name].size for run in runs) < len(runs) + 2
    if single and len(runs) < MANY:
        return None  # single numbers: each is some factor of the right one
    if (found := product(task, runs, factors)) is not None:
        what, times = found
        if times:
            return f"Every value is {what} times the right one: a division by {what} is missing."
        return (
            f"Every value is the right one divided by {what}: either it is divided once too "
            "often, or a mean was taken where a sum belongs."
        )
    if np.allclose(factors, factors[0]):
        return f"Every value is {factors[0]:.4g} times the right one, in every case that is wrong."
    if single:
        return None
    listed = ", ".join(f"{k:.4g}" for k in factors[:3])
    return (
        f"Every value is the right one times a factor, another in each case ({listed}, …): what "
        "has these values there?"
    )


def factor_of(got, right, tolerance):
    """The number k with got = k·right, or None."""
    if got.shape != right.shape or not np.isfinite(got).all() or not right.any():
        return None
    k = float((got * right).sum() / (right * right).sum())
    return k if k and close(got, k * right, tolerance) else None


def product(task, runs, factors):
    """("n·k", True) if the factors are n·k in each run, ("n·k", False) if they are 1/(n·k)."""
    for what, products in products_of_sizes(task, runs):
        if np.allclose(factors, products):
            return what, True
        if np.allclose(np.multiply(factors, products), 1):
            return what, False
    return None


def products_of_sizes(task, runs):
    """("n·k", [its value in each run]) for one, two or three sizes that vary with the case."""
    sizes = [task.sizes({**run.arguments, **run.right}) for run in runs]
    common = [letter for letter in sizes[0] if all(letter in s for s in sizes)]
    for count in (1, 2, 3):
        for letters in itertools.combinations_with_replacement(common, count):
            products = [np.prod([s[letter] for letter in letters]) for s in sizes]
            if not np.allclose(products, 1):
                yield "·".join(letters), products
    fractions = [name for name in common if all(0 < s[name] < 1 for s in sizes)]
    for name in fractions:
        yield f"(1 − {name})", [1 - s[name] for s in sizes]


def step(task, name, runs):
    """Of an output that moves on from the argument of its name: how far it moves."""
    if name not in task.argument_names:
        return None
    moves = [(r.got[name], r.right[name], r.arguments[name], r.tolerance(name)) for r in runs]
    if any(got.shape != right.shape for got, right, _, _ in moves):
        return None
    factors = [factor_of(got - old, right - old, tol) for got, right, old, tol in moves]
    if any(k is None for k in factors):
        return None
    if np.allclose(factors, -1):
        return f"{name} moves the opposite way."
    found = product(task, runs, factors)
    if found is None:
        ks = ", ".join(f"{k:.4g}" for k in factors[:3])
        return f"{name} moves in the right direction, but not by the right length ({ks} times it)."
    what, times = found
    words = f"{what} times" if times else f"1/{what} times"
    return f"{name} moves in the right direction, but {words} as far as it should."


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
        if order != tuple(range(right.ndim)) and run.is_close(name, right.transpose(order)):
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
    single = any(run.right[name].size == 1 for run in runs)
    if all(is_offset(run, name) for run in runs):
        offsets = [(run.got[name] - run.right[name]).mean() for run in runs]
        if not single or (len(runs) >= MANY and np.allclose(offsets, offsets[0])):
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


FUNCTIONS = {
    "the square of": np.square,
    "the root of": np.sqrt,
    "the size (without the sign) of": np.abs,
    "the logarithm of": np.log,
    "exp of": np.exp,
    "1 divided by": np.reciprocal,
    "1 minus": lambda a: 1 - a,
}


def function(task, name, runs):
    """A function of the right values."""
    if sum(run.right[name].size for run in runs) < MANY:
        return None
    with np.errstate(all="ignore"):
        for words, of in FUNCTIONS.items():
            if all(run.is_close(name, of(run.right[name])) for run in runs):
                return f"Every value is {words} the right one."
    return None


def difference(task, name, runs):
    """The right values and a multiple of an argument, along its own axes."""
    if any(run.got[name].shape != run.right[name].shape for run in runs):
        return None
    for argument_name in task.argument_names:
        along = [beside(task, argument_name, name, run) for run in runs]
        if any(a is None for a in along):
            continue
        gaps = [run.got[name] - run.right[name] for run in runs]
        factors = [
            factor_of(gap, a, run.tolerance(name))
            for gap, a, run in zip(gaps, along, runs, strict=True)
        ]
        if any(k is None for k in factors):
            continue
        if np.allclose(factors, factors[0]):
            k = factors[0]
            count = "" if np.isclose(abs(k), 1) else f"{abs(k):.4g} times "
            words = f"{count}{argument_name} is {'added to' if k > 0 else 'missing from'} it"
        else:
            ks = ", ".join(f"{k:.4g}" for k in factors[:3])
            words = f"a multiple of {argument_name} too much ({ks}, …: what has these values?)"
        return f"{name} is the right one but for one thing: {words}."
    return None


def beside(task, argument_name, name, run):
    """An array argument broadcast to an output along the axes that they share, or None."""
    a, right = run.arguments[argument_name], run.right[name]
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f" or right.size < 3 or not right.ndim:
        return None
    if a.shape == right.shape:
        return a
    letters = task.axis_names(name, right.ndim)
    own = task.axis_names(argument_name, a.ndim)
    if not set(own) <= set(letters) or "axis 0" in own:
        return None
    return np.broadcast_to(
        np.moveaxis(
            a.reshape(*a.shape, *[1] * (right.ndim - a.ndim)),
            range(a.ndim),
            [letters.index(letter) for letter in own],
        ),
        right.shape,
    )


def by_axis(task, name, runs):
    """The right values times, or plus, one number for each channel, row or image."""
    if any(run.got[name].shape != run.right[name].shape for run in runs):
        return None
    first = runs[0].right[name]
    for axis, letter in enumerate(task.axis_names(name, first.ndim)) if first.ndim > 1 else ():
        others = tuple(i for i in range(first.ndim) if i != axis)
        parts = [
            (np.moveaxis(r.got[name], axis, 0), np.moveaxis(r.right[name], axis, 0), r)
            for r in runs
            if all(r.right[name].shape[i] > 0 for i in others)
            and r.right[name].size >= 3 * r.right[name].shape[axis]
        ]
        if len(parts) < 2:
            continue
        if all(
            factor_of(g, w, r.tolerance(name)) or close(g, w, r.tolerance(name))
            for got, right, r in parts
            for g, w in zip(got, right, strict=True)
        ):
            return f"For each {letter} the values are the right ones times one factor: which?"
        if all(
            close(g, w + (g - w).mean(), r.tolerance(name))
            for got, right, r in parts
            for g, w in zip(got, right, strict=True)
        ):
            return (
                f"For each {letter} the values differ from the right ones by one number: what is "
                f"added for each {letter}?"
            )
    return None


# -- what is plainly wrong --


def shape(task, name, runs):
    got, right = runs[0].got[name], runs[0].right[name]
    if got.shape == right.shape:
        return None
    runs = [run for run in runs if run.got[name].shape != run.right[name].shape]
    names = task.axis_names(name, right.ndim)
    if got.ndim != right.ndim or name not in task.axes:
        axes = f", ({', '.join(names)})" if name in task.axes else ""
        return f"The shape differs: it has to be {right.shape}{axes}, and is {got.shape}."
    same = [sizes_like(task, name, axis, runs) for axis in range(right.ndim)]
    # in few runs, or where not every axis is as long as something, a length may agree by chance
    named = len(runs) > 2 and all(same)
    where = []
    for axis, letter in enumerate(names):
        if named and letter not in same[axis]:
            words = f"axis {axis} has to be as long as {letter}, and is as long as {same[axis][0]}"
            where.append(words)
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


# -- where they are wrong --


def place(task, name, runs):
    """In which part of the output the wrong values are, if it is the same in every run."""
    runs = [run for run in runs if run.got[name].shape == run.right[name].shape]
    wrong = [~run.near(name) for run in runs]
    if (found := region(task, name, runs)) is not None:
        words, _ = found
        return f"The values are wrong only {words}." + there(name, runs, wrong)
    found = by_sign(task, name, runs, wrong) or at_an_end(task, name, runs, wrong)
    return ((found or "") + there(name, runs, wrong)).strip() or None


def region(task, name, runs):
    """(words, mask) of the region of the output that holds all wrong values, or None."""
    for words, mask in task.regions.get(name, {}).items():
        masks = (np.asarray(by_name(mask, run.arguments), bool) for run in runs)
        if runs and not any(
            (~run.near(name) & ~m).any() for run, m in zip(runs, masks, strict=True)
        ):
            return words, mask
    return None


def there(name, runs, wrong):
    """What the wrong values have in common."""
    got = np.concatenate([run.got[name][w] for run, w in zip(runs, wrong, strict=True)])
    right = np.concatenate([run.right[name][w] for run, w in zip(runs, wrong, strict=True)])
    if len(got) < MANY or not np.isfinite(got).all():
        return ""
    if not got.any():
        return " Each wrong value is 0."
    if close(got, right + (got - right).mean(), CLOSE):
        return f" Each wrong value differs from the right one by {(got - right).mean():.4g}."
    if (k := factor_of(got, right, CLOSE)) is not None:
        return f" Each wrong value is {k:.4g} times the right one."
    return ""


def by_sign(task, name, runs, wrong):
    """Wrong exactly where the right value is negative, or positive."""
    telling = [
        (run.right[name], w)
        for run, w in zip(runs, wrong, strict=True)
        if (run.right[name] < 0).any() and (run.right[name] > 0).any()
    ]
    for sign, word in ((-1, "negative"), (1, "positive")):
        if len(telling) > 1 and all((w == (sign * right > 0)).all() for right, w in telling):
            return f"The values are wrong exactly where {name} has to be {word}."
    return None


def at_an_end(task, name, runs, wrong):
    """Wrong only in the first, the last, … of an axis: in every run that is long enough to tell."""
    ndim = runs[0].right[name].ndim if runs else 0
    for axis, letter in enumerate(task.axis_names(name, ndim)):
        others = tuple(i for i in range(ndim) if i != axis)
        telling = [w.any(axis=others) for w in wrong if w.shape[axis] >= LONG]
        for words, ends in ENDS.items():
            if len(telling) > 1 and all((at == ends(len(at))).all() for at in telling):
                return f"The values are wrong only {words} {letter}."
    return None


def positions(*places):
    return lambda size: np.isin(np.arange(size), [place % size for place in places])


ENDS = {
    "in the first": positions(0),
    "in the last": positions(-1),
    "in the first and in the last": positions(0, -1),
    "behind the first": lambda size: np.arange(size) > 0,
    "before the last": lambda size: np.arange(size) < size - 1,
}


def apart(task, right, wrong):
    """What holds in all cases that are right, and in none that is wrong, or None.

    One number or size that is 0 or 1, or two that belong together and are the same.
    """
    if len(right) < 2 or len(wrong) < 2:
        return None  # an accident of one case
    fine, bad = ([whole_numbers(task, run) for run in runs] for runs in (right, wrong))
    names = [name for name in fine[0] if all(name in numbers for numbers in fine + bad)]
    for words, holds in conditions(names, pairs(task, names)):
        if all(map(holds, fine)) and not any(map(holds, bad)):
            return words
    return None


def whole_numbers(task, run):
    """{name: value} of the sizes, 0 included, and of the whole numbers among the arguments."""
    numbers = task.sizes(run.arguments) | run.arguments
    return {name: value for name, value in numbers.items() if type(value) is int}


def pairs(task, names):
    """Two numbers, or the last two axes of an array: others are the same by chance."""
    axes = [axes.split() for axes in task.axes.values()]
    numbers = [name for name in names if not any(name in letters for letters in axes)]
    last = dict.fromkeys(tuple(letters[-2:]) for letters in axes if len(letters) > 1)
    return [*itertools.combinations(numbers, 2), *(pair for pair in last if {*pair} <= {*names})]


def conditions(names, pairs):
    """("stride is 1", whether it holds for {name: number})."""
    for name, number in itertools.product(names, (0, 1)):
        yield f"{name} is {number}", lambda numbers, n=name, k=number: numbers[n] == k
    for a, b in pairs:
        yield f"{a} and {b} are the same", lambda numbers, a=a, b=b: numbers[a] == numbers[b]


def count(name, run):
    """What can always be said."""
    wrong = ~run.near(name)
    return (
        f"The values are not the right ones: in this case {wrong.sum()} of {wrong.size} are wrong."
    )
