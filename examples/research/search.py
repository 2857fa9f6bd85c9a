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
The runs of a round may go side by side, with --jobs or --scheduler: see reproduce.py.
"""

import argparse
import statistics
from dataclasses import fields, is_dataclass, replace

from experiment import add_options, alone, ending, kept_runs, raise_failed, read, table, tn


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
    add_options(parser)
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

    candidates: {name: settings}; run([(name, settings, seed)]) gives the loss of each run, None if
    it failed. Whose run failed is left out.
    """
    names = list(candidates)
    for number, (epochs, seeds) in enumerate(rounds, start=1):
        runs = [
            (name, candidates[name] | dict(epochs=epochs), seed)
            for seed in range(seeds)
            for name in names
        ]
        losses = {name: [] for name in names}
        for (name, _, _), loss in zip(runs, run(runs), strict=True):
            losses[name].append(loss)
        means = {name: statistics.mean(own) for name, own in losses.items() if None not in own}
        names = sorted(means, key=means.get)
        print(f"round {number}, {epochs} epochs, {seeds} seeds:")
        for name in names:
            print(f"  {means[name]:.5f} {name}")
        if number < len(rounds):
            names = names[: -(-len(names) // 2)]
    return names


def main(options):
    path = options.out / "search.csv"
    failures = []
    if not options.table:
        recipe = tn.recipes.RECIPES[options.recipe]
        names = ["", *options.changes]
        candidates = {f"{options.recipe} {name}".strip(): changed(recipe, name) for name in names}

        def run(runs):
            rows, failed = kept_runs(path, runs, options, validate=True)
            failures.extend(failed)
            return [row and float(row["loss"]) for row in rows]

        with alone(path):
            halve(candidates, options.rounds, run)
    print(table(read(path)))
    raise_failed(failures)


if __name__ == "__main__":
    with ending("search"):
        main(parse())
