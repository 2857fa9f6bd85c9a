"""A network as a drawing: a box for what comes out of each layer, from the input to the logits."""

from ..layer import Layer
from ..layers import AvgPool2d, MaxPool2d
from ..summary import summary
from .drawing import BLUE, ORANGE, TEXT, new_figure

PER_ROW = 27  # boxes; what is longer goes on in the next row
PITCH = 0.44  # inches from box to box
TALLEST = 2.0  # inches


def architecture(model: Layer, input_shape: tuple) -> "matplotlib.figure.Figure":  # noqa: F821
    """A box for each layer's output: as high as its maps, as wide as it has channels.

    model: a network, plain or compiled; one of `Sequential`s is drawn layer by layer, a layer with
    parts of its own as one box. input_shape: of one example, (c, h, w) or (n,). Blue boxes are of
    layers with parameters, orange ones of pooling, grey ones of others; below stand the layer, the
    shape of its output and how many parameters it has.

    >>> from tinynet import models
    >>> figure = architecture(models.mnist_lite(), (1, 28, 28))
    >>> figure.get_suptitle()
    '11,950 parameters; 2,176,776 multiply-adds for an example'
    """
    if not isinstance(model, Layer):
        raise TypeError(f"plot.architecture: expected a Layer, got {type(model).__name__}")
    table = summary(model, input_shape)
    boxes = [("input", "white", tuple(input_shape), 0)]
    for layer, (_, shape, parameters) in zip(model.leaves(), table.rows, strict=True):
        color = BLUE if parameters else "lightgray"
        color = ORANGE if isinstance(layer, (AvgPool2d, MaxPool2d)) else color
        boxes.append((str(layer), color, shape[1:], parameters))
    rows = [boxes[i : i + PER_ROW] for i in range(0, len(boxes), PER_ROW)]
    longest = max(len(label) for label, *_ in boxes)
    below = 0.085 * max(longest, 16) + 0.1  # inches of text that stands upright
    title = (
        f"{table.total_params:,} parameters; {table.multiply_adds:,} multiply-adds for an example"
    )
    places = max(*map(len, rows), 13)  # fewer would be narrower than the title
    figure = new_figure(PITCH * places + 0.2, (TALLEST + below) * len(rows) + 0.5, title)
    sizes = [_size(shape) for _, _, shape, _ in boxes]
    most = max(c for c, _ in sizes)
    # values of a vector are no pixels: where there are images, it is at most as high as they are
    highest = max(
        (h for (_, h), box in zip(sizes, boxes, strict=True) if len(box[2]) > 1), default=0
    )
    highest = highest or max(h for _, h in sizes)
    for panel, row in zip(figure.subplots(len(rows), squeeze=False).flat, rows, strict=True):
        panel.set(xlim=(-0.5, places - 0.5), ylim=(-below, TALLEST))
        panel.axis("off")
        for i, (label, color, shape, parameters) in enumerate(row):
            c, h = _size(shape)
            wide, high = 0.15 + 0.65 * c / most, TALLEST * min(1, h / highest)
            options = dict(color=color, edgecolor="black", linewidth=0.8)
            panel.bar(i, high, wide, **options)
            text = " × ".join(map(str, shape))
            text += f" · {parameters:,} parameters" if parameters else ""
            panel.text(
                i, -0.06, f"{label}\n{text}", rotation=90, ha="center", va="top", fontsize=TEXT,
                linespacing=1.1,
            )  # fmt: skip
    return figure


def _size(shape):
    """(channels, height) of a box."""
    return (shape[0], shape[1]) if len(shape) > 1 else (1, shape[0])
