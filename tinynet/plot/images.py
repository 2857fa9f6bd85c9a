"""Digits: as they are, as augmentation shows them to a network, and those it reads wrong."""

from collections.abc import Callable

import numpy as np

from .drawing import (
    BLUE,
    TEXT,
    at_least_one,
    check_images,
    described,
    frame,
    limits,
    new_figure,
    show_image,
    unmasked,
    vector,
)


def digits(
    images: np.ndarray, titles: list | None = None, columns: int = 8
) -> "matplotlib.figure.Figure":  # noqa: F821
    """Images in rows, as ink on paper.

    images: (n, h, w), uint8 or floats (whose lowest value is white then, and the highest black).
    titles: a text for each, or None. columns: images in a row.

    >>> from tinynet import datasets
    >>> _, (x, y) = datasets.mnist()
    >>> figure = digits(x[:16], titles=y[:16])
    >>> figure.axes[3].get_title()
    '0'
    """
    check_images("digits", images)
    titles = [""] * len(images) if titles is None else [str(title) for title in titles]
    if len(titles) != len(images):
        raise ValueError(f"plot.digits: expected {len(images)} titles, got {len(titles)}")
    return _grid(images, titles, at_least_one("digits", "columns", columns), cell=1.25)


def augmentation(
    images: np.ndarray, augment: Callable, ways: int = 10, seed: int = 0
) -> "matplotlib.figure.Figure":  # noqa: F821
    """Each row: an image, framed, and `ways` random pictures that augmentation makes of it.

    images: (n, h, w). augment: called with (images, rng), gives images, as `fit` calls it:
    a `tinynet.augment.RandomAffine`, for instance. seed: of the numpy Generator it is given.

    >>> from tinynet import augment, datasets
    >>> _, (x, y) = datasets.mnist()
    >>> figure = augmentation(x[:3], augment.RandomAffine(rotation=30), ways=5)
    >>> len(figure.axes)  # 3 rows of an image and 5 pictures
    18
    """
    check_images("augmentation", images)
    ways = at_least_one("augmentation", "ways", ways)
    if not callable(augment):
        raise TypeError(
            "plot.augmentation: expected augment, a function (images, rng) that gives images, got "
            f"{type(augment).__name__}"
        )
    rng = np.random.default_rng(seed)
    rows = [[image, *_augmented(image, augment, ways, rng)] for image in images]
    heading = "Left: an image; right of it: as the network may see it in training"
    figure = _grid(np.concatenate(rows), [""] * len(rows) * (ways + 1), ways + 1, 1.0, heading)
    for axes in figure.axes[:: ways + 1]:
        frame(axes, BLUE)
    return figure


def _augmented(image, augment, ways, rng):
    """(ways, h, w): what augment makes of an image, on the same scale as the image itself."""
    given = np.repeat(image[None], ways, axis=0)
    shape, dtype = given.shape, given.dtype
    pictures = augment(given, rng)
    same = isinstance(pictures, np.ndarray) and (pictures.shape, pictures.dtype) == (shape, dtype)
    if not same:
        raise ValueError(
            f"plot.augmentation: expected augment to give images as it was given, {dtype} {shape}, "
            f"got {described(pictures)}"
        )
    return pictures


def worst_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The indices of all examples read wrong, the worst first: where the label got least.

    labels: (n,) integers. probabilities: (n, k), of each class, as `predict_proba` gives them.

    >>> worst_mistakes([0, 1, 1], [[0.4, 0.6], [0.1, 0.9], [0.9, 0.1]])
    array([2, 0])
    """
    labels, probabilities = _checked("worst_mistakes", labels, probabilities)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(probabilities[wrong, labels[wrong]], kind="stable")]


def mistakes(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, count: int = 24
) -> "matplotlib.figure.Figure":  # noqa: F821
    """The worst mistakes of a classifier: the images whose label got the smallest probability.

    images: (n, h, w). labels: (n,) integers. probabilities: (n, k), as `predict_proba` gives
    them. count: at most so many are shown. Above each stand its index, the label and the class
    it was read as, each with its probability.

    >>> from tinynet import datasets, models, predict_proba
    >>> _, (x, y) = datasets.mnist()
    >>> x, y = x[2400:2500], y[2400:2500]
    >>> p = predict_proba(models.mnist_lite(pretrained=True), x)
    >>> print(mistakes(x, y, p).axes[0].get_title())
    #54
    label 6 (4%)
    read as 0 (84%)
    """
    check_images("mistakes", images)
    labels, probabilities = _checked("mistakes", labels, probabilities)
    if len(images) != len(labels):
        raise ValueError(f"plot.mistakes: expected {len(labels)} images, got {len(images)}")
    count = at_least_one("mistakes", "count", count)
    wrong = worst_mistakes(labels, probabilities)
    titles = []
    for i in wrong[:count]:
        p, label, read = probabilities[i], labels[i], probabilities[i].argmax()
        titles.append(f"#{i}\nlabel {label} ({p[label]:.0%})\nread as {read} ({p[read]:.0%})")
    shown = "the worst first" if len(wrong) <= count else f"the {count} worst"
    heading = f"{len(wrong):,} of {len(labels):,} are read wrong; {shown}"
    if len(wrong) == 0:
        heading = f"All {len(labels):,} are read right"
    return _grid(images[wrong[:count]], titles, 8, 1.25, heading)


def _grid(images, titles, columns, cell, heading=""):
    """Images with titles, in rows; a column is `cell` inches wide."""
    rows = max(1, -(-len(images) // columns))
    lines = max((title.count("\n") + 1 for title in titles if title), default=0)
    h, w = images.shape[1:]
    height = rows * (cell * h / w + 0.14 * lines) + 0.35 * bool(heading)
    figure = new_figure(cell * columns, height, heading)
    grid = figure.add_gridspec(rows, columns)
    for place, image, title in zip(grid, images, titles, strict=False):
        axes = figure.add_subplot(place)
        show_image(axes, image, limits(images))
        axes.set_title(title, fontsize=TEXT)
    return figure


def _checked(who, labels, probabilities):
    """Both as arrays, if they go together."""
    labels = vector(who, "labels", labels, "iu")
    probabilities = unmasked(who, "probabilities", probabilities)
    if probabilities.ndim != 2 or len(probabilities) != len(labels):
        raise ValueError(
            f"plot.{who}: expected probabilities (n, k) for n = {len(labels)} labels, "
            f"got {probabilities.shape}"
        )
    if probabilities.dtype.kind not in "iuf" or not np.isfinite(probabilities).all():
        raise ValueError(
            f"plot.{who}: expected probabilities, finite numbers, got {probabilities.dtype}, "
            "or some that are not finite"
        )
    k = probabilities.shape[1]
    unknown = labels[(labels < 0) | (labels >= k)]
    if len(unknown):
        raise ValueError(f"plot.{who}: expected labels in 0 … {k - 1}, got {unknown[0]}")
    return labels, probabilities
