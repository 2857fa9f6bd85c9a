"""Pictures of the recipe and of its result: PNG files in examples/results/.

    python examples/research/pictures.py                 # needs matplotlib: pip install matplotlib

augmentation.png    what the default recipe does to digits: each row is one digit, then ten ways
                    in which the network may see it
mistakes.png        the test digits that the weights shipped with the package get wrong
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # runs without installing, too

import numpy as np

import tinynet as tn

# Test digits whose label is wrong, and some where one may doubt it, as listed by cleanlab
# (C. Northcutt, A. Athalye, J. Mueller. Pervasive label errors in test sets destabilize machine
# learning benchmarks. NeurIPS 2021).
WRONG_LABELS = {947, 1621, 1901, 2462, 2597, 3558, 5937, 6651, 6783, 9729}
DOUBTFUL_LABELS = {2654, 3520, 9679, 2130, 8527}


def augmentation():
    """A figure: in each row a training digit, and what the default recipe's augmentation makes."""
    (x, y), _ = tn.datasets.mnist()
    chosen = [np.flatnonzero(y == label)[0] for label in range(6)]
    return tn.plot.augmentation(x[chosen], tn.recipes.DEFAULT["augment"])


def mistakes():
    """A figure: the test digits that the shipped weights get wrong, known wrong labels framed."""
    _, (x, y) = tn.datasets.mnist()
    p = tn.predict_proba(tn.compile(tn.models.mnist_lite(pretrained=True)), x)  # (n, 10)
    figure = tn.plot.mistakes(x, y, p, count=len(x))
    for axes, i in zip(figure.axes, tn.plot.worst_mistakes(y, p), strict=True):
        if i in WRONG_LABELS:
            axes.spines[:].set(color="tab:red", linewidth=3)
        elif i in DOUBTFUL_LABELS:
            axes.spines[:].set(color="tab:orange", linewidth=3, linestyle="dashed")
    title = f"{len(figure.axes)} of {len(x):,} test digits are read wrong by the shipped weights"
    figure.suptitle(f"{title}\nred: the label is known to be wrong; orange, dashed: it is doubtful")
    return figure


def main():
    parser = argparse.ArgumentParser(description="Draw augmentation.png and mistakes.png.")
    default = Path(__file__).resolve().parent.parent / "results"
    parser.add_argument("--out", type=Path, default=default, help=f"a folder; default: {default}")
    options = parser.parse_args()
    for draw in (augmentation, mistakes):
        try:
            figure = draw()
        except ImportError as error:
            sys.exit(f"pictures: {error}")
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / f"{draw.__name__}.png"
        figure.savefig(path, dpi=100, bbox_inches="tight")
        print(path)


if __name__ == "__main__":
    with tn.printing.ending_quietly():
        main()
