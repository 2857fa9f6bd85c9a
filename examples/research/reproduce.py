"""Run a recipe again, over seeds, and keep each run as a row of a CSV file.

    python examples/research/reproduce.py default                # seeds 0 to 9, on the test set
    python examples/research/reproduce.py quick --seeds 0-2
    python examples/research/reproduce.py default --ablation     # what each ingredient is worth
    python examples/research/reproduce.py default --table        # only show what the file holds
    python examples/research/reproduce.py default --jobs 4       # four runs at a time
    python examples/research/reproduce.py default --scheduler tcp://10.0.0.1:8786

Runs that the file holds already, with the same settings, are not repeated: start it again to go on
after an interruption. The ablation removes one ingredient at a time, and is tested on digits held
out of the training set: it is a way to look for better settings, and the test set is not for that.

--jobs needs joblib, and --scheduler, which gives the runs to the workers of a Dask cluster, needs
Dask: pip install ".[cluster]" in a clone.

A worker must have the same tinynet, Python, NumPy and Numba as this program, and the same kind of
CPU, or is refused: so a run's row is the same, but for the seconds, wherever it ran. A run whose
worker dies is begun again by another. What fails is named at the end, and all rows there are stay:
the same command goes on with what is missing.
"""

import argparse

from experiment import add_options, alone, ending, kept_runs, raise_failed, read, seeds, table, tn


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description="Run a recipe over seeds; keep each run as a row of a CSV file.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("recipe", choices=list(tn.recipes.RECIPES), help="see tinynet/recipes.py")
    add("--seeds", type=seeds, help="such as 0-9 or 0,3,5; default: 0-9, of the ablation 0-4")
    add(
        "--ablation", action="store_true", help="remove each ingredient in turn; on held-out digits"
    )
    add_options(parser)
    return parser.parse_args(arguments)


def ablated(recipe):
    """{name: settings} of the recipe whole, and without each of its ingredients."""
    elastic = recipe["augment"]
    still = tn.augment.RandomAffine(rotation=0, scale=0, shear=0, shift=0)
    bent_only = tn.augment.RandomElastic(elastic.displacement, elastic.smoothness, still)
    return {
        "whole": recipe,
        "without elastic distortion": recipe | dict(augment=elastic.affine),
        "without affine maps": recipe | dict(augment=bent_only),
        "without augmentation": recipe | dict(augment=None),
        "without the average of weights": recipe | dict(average=0.0),
        "without weight decay": recipe | dict(weight_decay=0.0),
    }


def main(options):
    recipe = tn.recipes.RECIPES[options.recipe]
    path = options.out / f"{options.recipe}{'-ablation' * options.ablation}.csv"
    failures = []
    if not options.table:
        variants = ablated(recipe) if options.ablation else {options.recipe: recipe}
        chosen = options.seeds or seeds("0-4" if options.ablation else "0-9")
        runs = [(name, settings, seed) for seed in chosen for name, settings in variants.items()]
        with alone(path):
            _, failures = kept_runs(path, runs, options, validate=options.ablation)
    print(table(read(path)))
    raise_failed(failures)


if __name__ == "__main__":
    with ending("reproduce"):
        main(parse())
