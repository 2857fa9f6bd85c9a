"""What stands in a network: its filters, the maps it makes of one image, values and gradients."""

import numpy as np

from ..contract import checked_backward, checked_forward
from ..layer import Layer
from ..layers import Conv2d
from ..loss import CrossEntropyLoss
from ..state import preserved
from ..train import as_input
from .drawing import (
    BLUE,
    ORANGE,
    TEXT,
    described,
    limits,
    new_figure,
    show_image,
    show_maps,
    show_signed,
    unmasked,
)

COLUMNS = 20  # maps in a row, at most
WIDTH = 8  # inches
BINS = 60
DECADES = 10  # of gradients' sizes, at most


def filters(conv: Conv2d) -> "matplotlib.figure.Figure":  # noqa: F821
    """The kernels of a Conv2d: positive weights red, negative ones blue, 0 white.

    One row for each output channel with a column for each input channel; where there is only one
    input channel, kernel after kernel.

    >>> from tinynet import models
    >>> figure = filters(models.mnist_lite(pretrained=True)[0])
    >>> figure.get_suptitle()
    'The weights of Conv2d(1→8, k=3, p=1)'
    """
    if not isinstance(conv, Conv2d):
        raise TypeError(f"plot.filters: expected a Conv2d, got {type(conv).__name__}")
    weight = conv.weight.data  # (o, c, kh, kw)
    o, c, kh, kw = weight.shape
    maps = weight.reshape(o * c, kh, kw)
    columns, cell = (c, 0.45) if c > 1 else (min(o, 8), 0.9)  # inches
    rows = -(-len(maps) // columns)
    figure = new_figure(cell * columns + 2, cell * rows * kh / kw + 1.2, f"The weights of {conv}")
    axes = figure.add_subplot()
    picture = show_maps(axes, maps, columns, np.abs(maps).max())
    if c > 1:
        axes.set(xlabel="input channel", ylabel="output channel")
        axes.set_xticks(np.arange(c) * kw + (kw - 1) / 2, range(c), fontsize=TEXT)
        axes.set_yticks(np.arange(o) * kh + (kh - 1) / 2, range(o), fontsize=TEXT)
        axes.tick_params(length=0)
    else:
        axes.set_xlabel(f"output channels 0 … {o - 1}, from left to right, row by row")
    figure.colorbar(picture, label="weight", shrink=0.8)
    return figure


def feature_maps(model: Layer, image: np.ndarray) -> "matplotlib.figure.Figure":  # noqa: F821
    """Every layer's output for one image: positive values red, negative ones blue, 0 white.

    model: a network, plain or compiled; it runs in evaluation mode. image: one, as `fit` takes
    them but without the batch: uint8 (h, w), or floats as the network takes them (c, h, w).
    The number before a layer is its place in the network, from 0: `model[3]` is layer 3.
    ValueError: an output is not finite.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> figure = feature_maps(models.mnist_lite(pretrained=True), x[0])
    >>> figure.axes[1].get_title(loc="left").split(", from")[0]
    '0: Conv2d(1→8, k=3, p=1): 8 × 28×28'
    """
    _check_model("feature_maps", model)
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3):
        raise ValueError(
            f"plot.feature_maps: expected one image (h, w) or (c, h, w), got {described(image)}"
        )
    x = as_input(image[None])
    with preserved(model):
        model.eval()
        model.check(x)
        outputs = _outputs("feature_maps", model, x)
    outputs = [(_label(i, layer), y[0]) for i, (layer, y) in enumerate(outputs)]
    heights = [WIDTH / 8, *(_height(values) for _, values in outputs)]
    title = (
        "What each layer makes of one image\nred: positive, blue: negative, white: 0; "
        "each layer has a scale of its own"
    )
    figure = new_figure(WIDTH, sum(heights) + 0.32 * len(heights) + 0.6, title)
    places = iter(figure.add_gridspec(len(heights), 1, height_ratios=heights))

    def row(title):
        axes = figure.add_subplot(next(places), anchor="W")
        axes.set_title(title, loc="left", fontsize=TEXT)
        return axes

    given = image.reshape(-1, *image.shape[-2:])  # (c, h, w)
    show_image(row(f"the image: {_sizes(given)}"), np.hstack(given), limits(given))
    for label, values in outputs:
        sizes, low, high = _sizes(values), values.min(), values.max()
        axes, largest = row(f"{label}: {sizes}, from {low:.3g} to {high:.3g}"), np.abs(values).max()
        if values.ndim == 3:
            show_maps(axes, values, min(len(values), COLUMNS), largest)
        else:
            show_signed(axes, values.reshape(1, -1), largest, aspect="auto")
    return figure


def histograms(
    model: Layer, x: np.ndarray, y: np.ndarray | None = None
) -> "matplotlib.figure.Figure":  # noqa: F821
    """How every layer's outputs are distributed for a batch; with labels, their gradients too.

    model: a network, plain or compiled; it runs in the mode it is in: in training mode (`fit`
    leaves it there) BatchNorm uses the batch's statistics. x: images as `fit` takes them, some
    hundred. y: (n,) integer labels, for the gradients dL/d(output) of the mean cross-entropy;
    each layer's are drawn by their size |dL/d(output)|, on a logarithmic axis.
    Numbers before the layers: as in `feature_maps`. ValueError: an output is not finite.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> figure = histograms(models.mnist_lite(rng=0), x[:64], y[:64])
    >>> len(figure.axes)  # of 26 layers, outputs and gradients
    52
    """
    _check_model("histograms", model)
    x = as_input(unmasked("histograms", "x", x))
    with preserved(model):
        model.check(x)
        outputs = _outputs("histograms", model, x)
        gradients = [] if y is None else _gradients(outputs, y)
    columns = 1 if y is None else 2
    what = "outputs" if y is None else "outputs, and their gradients,"
    title = f"Each layer's {what} for {len(x)} images; bars: how many, on a log scale"
    figure = new_figure(2.5 + 4 * columns, 0.5 * len(outputs) + 1, title)
    grid = figure.subplots(len(outputs), columns, sharex="col", squeeze=False)
    for axes, (i, (layer, _)) in zip(grid[:, 0], enumerate(outputs), strict=True):
        axes.set_ylabel(_label(i, layer), rotation=0, ha="right", va="center", fontsize=TEXT)
    _draw_histograms(grid[:, 0], [values for _, values in outputs], BLUE)
    grid[-1, 0].set_xlabel("output")
    if y is not None:
        _draw_histograms(grid[:, 1], gradients, ORANGE, sizes=True)
        grid[-1, 1].set_xlabel("|dL/d(output)|, without those that are 0")
    return figure


def _draw_histograms(column, arrays, color, sizes=False):
    """Histograms of arrays, one below the other, over the same bins.

    sizes: of the absolute values that are not 0, on a logarithmic axis.
    """
    counted = [np.abs(a[a != 0]) if sizes else a for a in arrays]
    ends = [end for a in counted if a.size for end in (a.min(), a.max())]
    if sizes:
        ends = np.log10(ends or [1.0])
        ends = np.maximum(ends, ends.max() - DECADES)  # what is smaller counts in the first bar
    edges = np.histogram_bin_edges(ends, BINS)
    edges = 10**edges if sizes else edges
    for axes, values, array in zip(column, counted, arrays, strict=True):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(counts, edges, fill=True, color=color)
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0.7, max(2, counts.max()) ** 1.6))
        axes.set(xscale="log" if sizes else "linear", yscale="log", yticks=[])
        axes.minorticks_off()
        axes.spines[["top", "left", "right"]].set_visible(False)
        text = f"std {array.std():.2g}, zeros {(array == 0).mean():.0%}"
        axes.text(0.99, 0.97, text, transform=axes.transAxes, ha="right", va="top", fontsize=TEXT)


def _check_model(who, model):
    if not isinstance(model, Layer):
        raise TypeError(f"plot.{who}: expected a Layer, got {type(model).__name__}")


def _outputs(who, model, x):
    """[(layer, its output)] of the layers in a row, run one after the other as plain layers."""
    outputs = []
    for i, layer in enumerate(model.leaves()):
        x = checked_forward(layer, x, is_last=False)
        if not np.isfinite(x).all():
            raise ValueError(f"plot.{who}: the output of layer {_label(i, layer)} is not finite")
        outputs.append((layer, x))
    return outputs


def _gradients(outputs, labels):
    """[dL/d(output)] of each layer that `_outputs` ran, for the mean cross-entropy L."""
    loss = CrossEntropyLoss()
    loss(outputs[-1][1], labels)
    gradients = [loss.backward()]
    for i in reversed(range(1, len(outputs))):
        layer, x = outputs[i][0], outputs[i - 1][1]
        gradients.append(checked_backward(layer, gradients[-1], x.shape, x.dtype))
    return gradients[::-1]


def _label(i, layer):
    return f"{i}: {layer}"


def _height(values):
    """Inches that a layer's outputs need: maps (c, h, w), or values of any other shape."""
    if values.ndim != 3:
        return 0.3
    c, h, w = values.shape
    columns = min(c, COLUMNS)
    return WIDTH / max(columns, 8) * -(-c // columns) * h / w


def _sizes(values):
    """ "8 × 28×28" of maps (c, h, w); "10" of values (10,)."""
    if values.ndim != 3:
        return "×".join(map(str, values.shape))
    c, h, w = values.shape
    return f"{c} × {h}×{w}"
