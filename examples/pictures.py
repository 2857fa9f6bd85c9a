"""Pictures of the recipe and of its result: PNG files in examples/results/.

    python examples/pictures.py                 # needs matplotlib: pip install 'tinynet[plot]'

augmentation.png    what the default recipe does to digits: each row is one digit, then ten ways
                    in which the network may see it
mistakes.png        the test digits that the weights shipped with the package get wrong
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without installing, too

import numpy as np

import tinynet as tn

# Test digits whose label is wrong, and some where one may doubt it, as listed by cleanlab
# (C. Northcutt, A. Athalye, J. Mueller. Pervasive label errors in test sets destabilize machine
# learning benchmarks. NeurIPS 2021).
WRONG_LABELS = {947, 1621, 1901, 2462, 2597, 3558, 5937, 6651, 6783, 9729}
DOUBTFUL_LABELS = {2654, 3520, 9679, 2130, 8527}


def augmentation(plt, digits=6, ways=10):
    """A figure: in each row a training digit, and what the default recipe's augmentation makes."""
    (x, y), _ = tn.datasets.mnist()
    chosen = [int(np.flatnonzero(y == label)[0]) for label in range(digits)]
    rng = np.random.default_rng(0)
    size = dict(figsize=(ways + 1, digits), layout="constrained")
    figure, rows = plt.subplots(digits, ways + 1, **size)
    for i, row in zip(chosen, rows, strict=True):
        warped = tn.recipes.DEFAULT["augment"](np.repeat(x[i : i + 1], ways, axis=0), rng)
        for axes, image in zip(row, [x[i], *warped], strict=True):
            show(axes, image)
        frame(row[0], "tab:blue")
    figure.suptitle("Left: a digit of the training set; right: as the network may see it")
    return figure


def mistakes(plt, columns=8):
    """A figure: the test digits that the shipped weights get wrong, known wrong labels framed."""
    _, (x, y) = tn.datasets.mnist()
    p = tn.predict_proba(tn.compile(tn.models.mnist_lite(pretrained=True)), x)  # (n, 10)
    wrong = np.flatnonzero(p.argmax(axis=1) != y)
    rows = max(1, -(-len(wrong) // columns))
    size = dict(figsize=(1.6 * columns, 2 * rows), layout="constrained")
    figure, grid = plt.subplots(rows, columns, squeeze=False, **size)
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, wrong, strict=False):
        axes.axis("on")
        show(axes, x[i])
        guess = p[i].argmax()
        axes.set_title(
            f"#{i}: label {y[i]} ({p[i, y[i]]:.0%})\nread as {guess} ({p[i, guess]:.0%})",
            fontsize=7,
        )
        if i in WRONG_LABELS:
            frame(axes, "tab:red")
        elif i in DOUBTFUL_LABELS:
            frame(axes, "tab:orange")
    figure.suptitle(
        f"The {len(wrong)} of {len(x):,} test digits that the shipped weights get wrong\n"
        "red: the label is known to be wrong; orange: the label is doubtful"
    )
    return figure


def show(axes, image):
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_color("lightgray")


def frame(axes, color):
    for side in axes.spines.values():
        side.set(color=color, linewidth=3)


def main():
    parser = argparse.ArgumentParser(description="Draw augmentation.png and mistakes.png.")
    default = Path(__file__).resolve().parent / "results"
    parser.add_argument("--out", type=Path, default=default, help=f"a folder; default: {default}")
    options = parser.parse_args()
    try:
        import matplotlib
    except ImportError:
        sys.exit("pictures: needs matplotlib; install it with: pip install 'tinynet[plot]'")
    matplotlib.use("Agg")  # files, no window
    import matplotlib.pyplot as plt

    options.out.mkdir(parents=True, exist_ok=True)
    for draw in (augmentation, mistakes):
        path = options.out / f"{draw.__name__}.png"
        draw(plt).savefig(path, dpi=100, bbox_inches="tight")
        print(path)


if __name__ == "__main__":
    main()
