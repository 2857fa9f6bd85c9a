"""Images in a frame of padding, where every entry of im2col is a plain vector.

Entry (i, j) of the windows of an image, window after window, is the image itself, moved: with
padding around it, and stride 1, a vector of neighbouring windows' entries is a vector of
neighbouring pixels. With a larger stride s it would be every s-th pixel. So a frame keeps the
image as s·s smaller ones, its **phases**: phase (a, b) has the rows a, a + s, … and the columns
b, b + s, … of the padded image, and neighbours in it are entries of neighbouring windows.

A channel is copied into its frame by a table of **moves**, [pixel, place, count]: so many pixels
in a row of the image, at most a vector, and where they stand in the frame. To work the places out
while copying took longer than the copying.
"""

import numpy as np

from .jit import inline
from .simd import evens, fma, gated, lanes, load, splat, store_head, sub


def moves_in(h, w, stride, padding, fw, plane, lane_count):
    """(moves, starts): the moves of phase f are moves[starts[f] : starts[f + 1]].

    fw: columns of a phase; plane: size of one, with the padding.
    """
    (sh, sw), (ph, pw) = stride, padding
    phases = []
    for a in range(sh):
        for b in range(sw):
            rows, columns = range((a - ph) % sh, h, sh), range((b - pw) % sw, w, sw)
            moves = pixels(rows, columns, w, lane_count)
            row, column = moves[:, 0] // w + ph, moves[:, 0] % w + pw
            moves[:, 1] = (a * sw + b) * plane + row // sh * fw + column // sw
            phases.append(moves)
    return np.concatenate(phases), np.cumsum([0, *map(len, phases)])


def pixels(rows, columns, width, lane_count):
    """[pixel, 0, count]: runs of at most a vector's length that cover these rows and columns."""
    if columns.step > 2:  # pixel by pixel
        lane_count = 1
    return np.array(
        [
            [row * width + columns[first], 0, min(len(columns) - first, lane_count)]
            for row in rows
            for first in range(0, len(columns), lane_count)
        ],
        dtype=int,
    ).reshape(-1, 3)


@inline
def copy_in(x, source, norm, c, normed, gate, step, moves, frame, target):
    """One channel of an image, from x[source], into its frame, from frame[target].

    If normed, behind a BatchNorm, and a ReLU if gate; norm: (3, channels), the mean, scale and
    shift of each, c: which one it is. step: the stride along a row.
    """
    n = lanes(x)
    c = c if normed else 0
    mean, scale, shift = splat(norm[0, c]), splat(norm[1, c]), splat(norm[2, c])
    for k in range(len(moves)):
        pixel, place, count = moves[k]
        v = load(x, source + pixel)
        if step == 2:
            v = evens(v, load(x, source + pixel + n))
        if normed:
            v = fma(sub(v, mean), scale, shift)
            if gate:
                v = gated(v, v)
        store_head(frame, target + place, v, count)


@inline
def clear(moves, frame, target):
    """Zeros, where `copy_in` wrote."""
    zero = splat(frame.dtype.type(0))
    for k in range(len(moves)):
        store_head(frame, target + moves[k, 1], zero, moves[k, 2])
