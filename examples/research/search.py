"""Look for better settings of a recipe, on digits held out of the training set.

    python examples/research/search.py max_lr=0.2 max_lr=0.2,average=0.995 displacement=0.6
    python examples/research/search.py --recipe quick --rounds 3x1 4x5 -- rotation=6 batch_size=64
    python examples/research/search.py --table

Each argument is a candidate: one or more changes to the recipe, settings of `fit` or of its
augmentation; the unchanged recipe is a candidate too. They compete by successive halving: in each
round, given as epochs x seeds, all that are left are run, and the better half goes on to the next,
by the mean of the loss on the held-out digits, which is less noisy than the accuracy.

K. Jamieson, A. Talwalkar. Non-stochastic best arm identification and hyperparameter optimization.
AISTATS 2016.

Every run is a row of results/search.csv, and none is repeated: add candidates and start it again.
"""

import argparse
import statistics
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from experiment import RESULTS, kept_run, read, table, tn


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description="Successive halving over changes to a recipe, on held-out digits.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("changes", nargs="*", help="candidates, such as max_lr=0.2,rotation=10")
    add("--recipe", choices=list(tn.recipes.RECIPES), default="default", help="what they change")
    add(
        "--rounds",
        type=epochs_x_seeds,
        nargs="+",
        default=[(10, 1), (20, 2), (20, 5)],
        help="epochs x seeds",
    )
    add("--out", type=Path, default=RESULTS, help="the folder of search.csv")
    add("--threads", type=int, help="of the kernels; default: all cores")
    add("--table", action="store_true", help="run nothing; show what the file holds")
    return parser.parse_args(arguments)


def epochs_x_seeds(text):
    epochs, seeds = text.split("x")
    return int(epochs), int(seeds)


def changed(recipe, changes):
    """The recipe with changes such as "max_lr=0.2,rotation=10"; ValueError names a wrong one."""
    for change in filter(None, changes.split(",")):
        name, _, value = change.partition("=")
        if name not in numbers(recipe):
            known = ", ".join(numbers(recipe))
            raise ValueError(f"no number named {name!r} to change; there are {known}")
        recipe = with_number(recipe, name, value)
    return recipe


def numbers(settings):
    """{name: number} of the numbers in a recipe, in its augmentation, and in what that holds."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    found = {name: value for name, value in values.items() if isinstance(value, int | float)}
    for inner in filter(is_dataclass, values.values()):
        found |= numbers(inner)
    return found


def with_number(settings, name, value):
    """The recipe or augmentation, with the number of this name, wherever it is, from a text."""
    for field in fields(settings):
        own = getattr(settings, field.name)
        if field.name == name:
            return replace(settings, **{name: type(own)(value)})
        if is_dataclass(own) and name in numbers(own):
            return replace(settings, **{field.name: with_number(own, name, value)})
    raise KeyError(name)


def halve(candidates, rounds, run):
    """The names of the candidates that are left at the end, the best first.

    candidates: {name: settings}; run(name, settings, seed) gives the loss of one run.
    """
    names = list(candidates)
    for number, (epochs, seeds) in enumerate(rounds, start=1):
        losses = {name: [] for name in names}
        for seed in range(seeds):
            for name in names:
                losses[name].append(run(name, candidates[name] | dict(epochs=epochs), seed))
        names.sort(key=lambda name: statistics.mean(losses[name]))
        print(f"round {number}, {epochs} epochs, {seeds} seeds:")
        for name in names:
            print(f"  {statistics.mean(losses[name]):.5f} {name}")
        if number < len(rounds):
            names = names[: -(-len(names) // 2)]
    return names


def main(options):
    path = options.out / "search.csv"
    if not options.table:
        recipe = tn.recipes.RECIPES[options.recipe]
        names = ["", *options.changes]
        candidates = {f"{options.recipe} {name}".strip(): changed(recipe, name) for name in names}

        def run(name, settings, seed):
            how = dict(validate=True, threads=options.threads)
            return float(kept_run(path, name, settings, seed, **how)["loss"])

        halve(candidates, options.rounds, run)
    print(table(read(path)))


if __name__ == "__main__":
    try:
        with tn.printing.ending_quietly():
            main(parse())
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        sys.exit(f"search: {error}")
