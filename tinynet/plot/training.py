"""How training went: curves by epoch, the rate finder, and which classes are confused."""

import numpy as np

from ..find_lr import smoothed
from .drawing import BLUE, ORANGE, TEXT, new_figure, vector

LARGEST = 1000  # confusion matrix: a larger one fits on no screen


def history(history: list) -> "matplotlib.figure.Figure":  # noqa: F821
    """Loss, accuracy, rate and momentum by epoch, of training and, if there was one, of the test.

    history: what `fit` returned, or the rows of the CSV file it wrote: a list with a dict for
    each epoch.

    >>> from tinynet import Flatten, Linear, Sequential, datasets, fit
    >>> (x, y), _ = datasets.mnist()
    >>> model = Sequential(Flatten(), Linear(784, 10, rng=0))
    >>> rows = fit(model, x[:500], y[:500], epochs=5, max_lr=0.01, progress=False)
    >>> [axes.get_title() for axes in history(rows).axes]
    ['Loss', 'Accuracy', 'Learning rate', 'Momentum']
    """
    needed = ("epoch", "loss", "accuracy", "lr", "momentum")
    is_list = isinstance(history, (list, tuple)) and len(history) > 0
    if not is_list or any(name not in row for row in history for name in needed):
        got = history if isinstance(history, (list, tuple)) else type(history).__name__
        raise ValueError(
            "plot.history: expected what fit returned, a list of at least one dict with "
            f"{', '.join(needed)}; got {got}"
        )

    def column(name):
        return np.array([float(row[name]) for row in history])

    epochs = column("epoch")
    tested = "test_loss" in history[0]
    which = "test" if tested else "training"
    last = column("test_accuracy" if tested else "accuracy")[-1]
    figure = new_figure(9, 6, f"{len(history)} epochs: {which} accuracy {last:.2%} at the end")
    panels = figure.subplots(2, 2)
    for axes, name, factor, unit in (
        (panels[0, 0], "loss", 1, "cross-entropy"),
        (panels[0, 1], "accuracy", 100, "read right, %"),
    ):
        axes.plot(epochs, factor * column(name), "o-", color=BLUE, label="training")
        if tested:
            values = factor * column(f"test_{name}")
            axes.plot(epochs, values, "s--", color=ORANGE, label="test")
        axes.set(title=name.capitalize(), ylabel=unit)
        axes.legend()
    panels[0, 0].set_yscale("log", subs=(2, 5))
    panels[0, 0].yaxis.set_major_formatter("{x:g}")
    panels[0, 0].yaxis.set_minor_formatter("{x:g}")
    for axes, name, title in (
        (panels[1, 0], "lr", "Learning rate"),
        (panels[1, 1], "momentum", "Momentum"),
    ):
        axes.plot(epochs, column(name), "o-", color=BLUE)
        axes.set(title=title, ylabel="at the end of the epoch")
    for axes in panels.flat:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return figure


def rate_finder(rates: np.ndarray, losses: np.ndarray) -> "matplotlib.figure.Figure":  # noqa: F821
    """The loss while the learning rate grows: where it falls fast, and where that ends.

    rates, losses: (n,), what `find_lr` returned. Dots are the losses of the batches, the line is
    their running mean, and the mark its lowest point. Beyond it steps are too long; the rate for
    a run lies to the left of it, where the loss still falls.

    >>> figure = rate_finder(rates=[0.01, 0.1, 1.0], losses=[2.3, 0.7, 5.0])
    >>> figure.axes[0].get_xscale()
    'log'
    """
    rates = vector("rate_finder", "rates", rates, "iuf")
    losses = vector("rate_finder", "losses", losses, "iuf", len(rates))
    if not (rates > 0).all():
        raise ValueError(f"plot.rate_finder: expected rates > 0, got {rates.min()}")
    mean = smoothed(losses)
    lowest = int(mean.argmin())
    figure = new_figure(7, 4, "The loss while the learning rate grows")
    axes = figure.add_subplot()
    axes.plot(rates, losses, ".", color="gray", alpha=0.6, label="loss of a batch")
    axes.plot(rates, mean, color=BLUE, label="running mean")
    label = f"its lowest point, at a rate of {rates[lowest]:.2g}"
    axes.plot(rates[lowest], mean[lowest], "v", color=ORANGE, markersize=9, label=label)
    axes.set(xscale="log", xlabel="learning rate (log scale)", ylabel="cross-entropy")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray) -> "matplotlib.figure.Figure":  # noqa: F821
    """How often each class was read as each: a row for a label, a column for what it was read as.

    labels, predictions: (n,) integers ≥ 0. Right answers stand on the diagonal, uncoloured; the
    darker another field, the more often that mistake was made. Empty fields: never.

    >>> confusion_matrix(labels=[0, 1, 1, 1], predictions=[0, 1, 1, 0]).get_suptitle()
    '1 of 4 are read wrong: accuracy 75.00%'
    """
    labels = vector("confusion_matrix", "labels", labels, "iu")
    predictions = vector("confusion_matrix", "predictions", predictions, "iu", len(labels))
    if min(labels.min(), predictions.min()) < 0:
        raise ValueError("plot.confusion_matrix: expected classes ≥ 0, got a negative one")
    k = max(int(labels.max()), int(predictions.max())) + 1  # in an int: 255 + 1 is no uint8
    if k > LARGEST:
        raise ValueError(f"plot.confusion_matrix: expected classes < {LARGEST}, got {k - 1}")
    counts = np.zeros((k, k), int)
    np.add.at(counts, (labels, predictions), 1)

    right = int(np.trace(counts))
    wrong = np.where(np.eye(k, dtype=bool), 0, counts)
    n = len(labels)
    title = f"{n - right:,} of {n:,} are read wrong: accuracy {right / n:.2%}"
    figure = new_figure(0.55 * k + 1.2, 0.5 * k + 1.2, title)
    axes = figure.add_subplot()
    colours = dict(
        cmap="Oranges", vmin=0, vmax=max(1, 1.5 * wrong.max())
    )  # black text stays legible
    axes.pcolormesh(range(k), range(k), wrong, edgecolors="lightgray", shading="nearest", **colours)
    for row, column in np.argwhere(counts):
        weight = "bold" if row == column else "normal"
        text = dict(ha="center", va="center", fontsize=TEXT, weight=weight, color="black")
        axes.text(column, row, f"{counts[row, column]:,}", **text)
    axes.set(xlabel="read as", ylabel="label", xticks=range(k), yticks=range(k))
    axes.tick_params(length=0)
    axes.invert_yaxis()
    return figure
