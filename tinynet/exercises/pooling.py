"""What the exercises of both poolings share: cases, windows as columns, the commonest mistakes."""

import numpy as np

from ..layers import col2im, im2col
from .task import EMPTY_SLICE, Case

AXES = {"x": "n c h w", "y": "n c oh ow", "dy": "n c oh ow", "dx": "n c h w"}


def case(what, layer, x, kernel_size, stride, padding, rng):
    """A case of the pooling layer (a class) on x, with a random dy."""
    dy = rng.standard_normal(layer(kernel_size, stride, padding).forward(x).shape)
    return Case(what, dict(x=x, kernel_size=kernel_size, stride=stride, padding=padding, dy=dy))


def windows(x, kernel_size, stride, padding, fill=-np.inf):
    """(n, c, k·k, oh·ow): every window as a column."""
    n, c, h, w = x.shape
    cols = im2col(x.reshape(n * c, 1, h, w), kernel_size, stride, padding, fill)
    return cols.reshape(n, c, *cols.shape[1:])


def pixels(cols, x, kernel_size, stride, padding):
    """(n, c, h, w): for each pixel, the sum of its entries in the windows."""
    n, c, h, w = x.shape
    cols = cols.reshape(n * c, *cols.shape[2:])
    return col2im(cols, (n * c, 1, h, w), kernel_size, stride, padding).reshape(x.shape)


def overwritten(cols, x, kernel_size, stride, padding, only=None):
    """Like pixels, window after window, but a later window replaces what an earlier one wrote.

    only: mask like cols, of the entries that are written at all.
    """
    n, c, h, w = x.shape
    k = kernel_size
    framed = np.zeros((n, c, h + 2 * padding, w + 2 * padding))
    ow = (w + 2 * padding - k) // stride + 1
    for place in range(cols.shape[3]):
        p, q = divmod(place, ow)
        patch = framed[:, :, p * stride : p * stride + k, q * stride : q * stride + k]
        new = cols[..., place].reshape(patch.shape)
        write = True if only is None else only[..., place].reshape(patch.shape)
        patch[...] = np.where(write, new, patch)
    return framed[:, :, padding : h + padding, padding : w + padding]


def spread(dy):
    """(n, c, 1, oh·ow)."""
    return dy.reshape(*dy.shape[:2], 1, -1)


def windows_elsewhere(task, total, empty):
    """Add the mistakes of a forward whose windows do not lie where they should.

    total(cols, kernel_size): (n, c, oh·ow) of windows (n, c, rows, columns, oh·ow), or of a part
    of them. empty: what the padding holds.
    """
    forward = task.reference

    @task.mistake(
        "y",
        "The windows always lie side by side: they move by the kernel size. They have to move by "
        "the stride, which may be smaller (they overlap) or larger.",
    )
    def moves_by_kernel(x, kernel_size, padding):
        return forward(x, kernel_size, kernel_size, padding)

    @task.mistake(
        "y", "The windows move by one pixel. Where does the window of output pixel (p, q) begin?"
    )
    def moves_by_one(x, kernel_size, padding):
        return forward(x, kernel_size, 1, padding)

    @task.mistake("y", "The padding is ignored.")
    def no_padding(x, kernel_size, stride):
        return forward(x, kernel_size, stride, 0)

    @task.mistake(
        "y",
        "Only a part of each window is read. It has kernel_size rows and as many columns: i and j "
        "both run over 0 … kernel_size − 1.",
        axis=[2, 3],
        end=["first", "last"],
    )
    def part_of_the_window(x, kernel_size, stride, padding, axis, end):
        cols = windows(x, kernel_size, stride, padding)
        n, c, _, places = cols.shape
        cols = cols.reshape(n, c, kernel_size, kernel_size, places)
        keep = slice(1) if end == "first" else slice(kernel_size - 1)
        cols = cols[:, :, keep] if axis == 2 else cols[:, :, :, keep]
        cols = np.where(np.isfinite(cols), cols, empty)
        return total(cols, kernel_size).reshape(forward(x, kernel_size, stride, padding).shape)

    @task.mistake(
        "y",
        "The last row or the last column of output pixels is left 0: p runs over all oh rows, 0 … "
        "oh − 1, and q over all ow columns.",
        stop=[(-1, None), (None, -1), (-1, -1)],
    )
    def last_windows_left_out(x, kernel_size, stride, padding, stop):
        y = forward(x, kernel_size, stride, padding)
        kept = np.zeros_like(y)
        kept[:, :, : stop[0], : stop[1]] = y[:, :, : stop[0], : stop[1]]
        return kept


def frame_left(task, fill):
    """Add the mistakes of a backward that does not take off the frame, which forward fills so."""
    backward = task.reference

    @task.mistake(
        "dx", "The frame is still round dx. It has to be taken off: dx has the shape of x."
    )
    def framed(dy, x, kernel_size, stride, padding):
        sides = (padding, padding)
        x = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=fill)
        return backward(dy, x, kernel_size, stride, 0)

    @task.mistake("dx", EMPTY_SLICE)
    def empty_slice(dy, x, kernel_size, stride, padding):
        dframed = framed(dy, x, kernel_size, stride, padding)
        return dframed[:, :, padding:-padding, padding:-padding]
