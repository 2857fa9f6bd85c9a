"""What the pictures share: a new figure, axes for images, maps side by side, colours."""

import numpy as np

from ..checks import whole_number

# Of the palette of M. Okabe and K. Ito, which also colour-blind readers can tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
TEXT = 9  # points: of all text but a title; on a projector, smaller text cannot be read


def new_figure(width, height, title):
    """An empty figure of this size, in inches. ImportError, with what to type, if it cannot be."""
    try:
        from .figure import Figure  # imports matplotlib, which `import tinynet` does not wait for
    except ImportError as error:
        raise ImportError(
            "tinynet.plot needs matplotlib; install it with: pip install matplotlib"
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def show_image(axes, image, limits):
    """An image (h, w) as ink on paper: its lowest value white, its highest black."""
    axes.imshow(image, cmap="gray_r", vmin=limits[0], vmax=limits[1])
    bare(axes, "lightgray")


def show_signed(axes, image, largest, **options):
    """An image (h, w) in colours: 0 is white, positive values are red and negative ones blue."""
    bare(axes, "gray")
    return axes.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest, **options)


def show_maps(axes, maps, columns, largest):
    """Maps (n, h, w) side by side, so many in a row, as `show_signed` shows one."""
    n, h, w = maps.shape
    rows = -(-n // columns)
    tiles = np.full((rows * columns, h, w), np.nan)  # NaN is not drawn
    tiles[:n] = maps
    image = tiles.reshape(rows, columns, h, w).transpose(0, 2, 1, 3).reshape(rows * h, columns * w)
    borders = dict(color="gray", linewidth=1.5)
    axes.vlines(np.arange(1, columns) * w - 0.5, -0.5, rows * h - 0.5, **borders)
    axes.hlines(np.arange(1, rows) * h - 0.5, -0.5, columns * w - 0.5, **borders)
    return show_signed(axes, image, largest)


def bare(axes, color):
    """No ticks, and a frame of this colour."""
    axes.set(xticks=[], yticks=[])
    frame(axes, color, width=0.8)


def frame(axes, color, width=3, style="solid"):
    """Draw the frame of axes in this colour; width in points."""
    for side in axes.spines.values():
        side.set(color=color, linewidth=width, linestyle=style)


def limits(images):
    """(lowest, highest) value that images may have: of uint8, 0 and 255."""
    return (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())


def check_images(who, images):
    """Raise unless images is an array (n, h, w) of numbers."""
    fits = isinstance(images, np.ndarray) and images.dtype.kind in "uif" and images.ndim == 3
    if not fits or images.size == 0:
        raise ValueError(
            f"plot.{who}: expected images (n, h, w), numbers, n ≥ 1, got {described(images)}"
        )


def described(values):
    """ "uint8 (8, 8)" of an array; of anything else what it is, for its shape may be right."""
    if isinstance(values, np.ndarray):
        return f"{values.dtype} {values.shape}"
    return type(values).__name__


def at_least_one(who, name, value):
    """value as an int ≥ 1."""
    try:
        return whole_number(value, f"plot.{who}: {name}")
    except ValueError:
        raise ValueError(f"plot.{who}: expected {name} ≥ 1, got {value}") from None


def vector(who, name, values, kinds, length=None):
    """values as an array (n,) of the dtype kinds asked for, n = length if that is given."""
    array = unmasked(who, name, values)
    if array.ndim != 1 or array.dtype.kind not in kinds or len(array) == 0:
        what = "integers" if kinds == "iu" else "numbers"
        raise ValueError(
            f"plot.{who}: expected {name} (n,), {what}, n ≥ 1, got {array.dtype} {array.shape}"
        )
    if length is not None and len(array) != length:
        raise ValueError(f"plot.{who}: expected {length} {name}, got {len(array)}")
    return array


def unmasked(who, name, values):
    """values as an array, of what is not masked there."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"plot.{who}: expected {name} without a mask, got MaskedArray")
    return np.asarray(values)
