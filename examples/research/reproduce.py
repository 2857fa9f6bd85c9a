"""Run a recipe again, over seeds, and keep each run as a row of a CSV file.

    python examples/research/reproduce.py default                # seeds 0 to 9, on the test set
    python examples/research/reproduce.py quick --seeds 0-2
    python examples/research/reproduce.py default --ablation     # what each ingredient is worth
    python examples/research/reproduce.py default --table        # only show what the file holds

Runs that the file holds already, with the same settings, are not repeated: start it again to go on
after an interruption. The ablation removes one ingredient at a time, and is tested on digits held
out of the training set: it is a way to look for better settings, and the test set is not for that.
"""

import argparse
import sys
from pathlib import Path

from experiment import RESULTS, kept_run, read, seeds, table, tn


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
    add("--out", type=Path, default=RESULTS, help="the folder of the CSV files")
    add("--threads", type=int, help="of the kernels; default: all cores")
    add("--table", action="store_true", help="run nothing; show what the file holds")
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
    if not options.table:
        variants = ablated(recipe) if options.ablation else {options.recipe: recipe}
        for seed in options.seeds or seeds("0-4" if options.ablation else "0-9"):
            for name, settings in variants.items():
                how = dict(validate=options.ablation, threads=options.threads)
                kept_run(path, name, settings, seed, **how)
    print(table(read(path)))


if __name__ == "__main__":
    try:
        with tn.printing.ending_quietly():
            main(parse())
    except (ValueError, OSError, FloatingPointError, ImportError) as error:
        sys.exit(f"reproduce: {error}")
