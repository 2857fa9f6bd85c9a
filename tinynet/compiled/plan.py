"""Where everything stands in the frames of one convolution: what kernels need besides values."""

from typing import NamedTuple

import numpy as np

from ..windows import output_size
from .frame import moves_in, pixels
from .simd import ROWS, VECTORS, vector_lanes

GROUP = 1024  # positions of a group of images, about: its frames stay in L2, rows of them in L1


class Geometry(NamedTuple):
    """The numbers of one convolution of images of one size, for the kernels."""

    in_channels: int
    out_channels: int
    h: int
    w: int
    oh: int
    ow: int
    sh: int
    sw: int
    ph: int
    pw: int
    group: int  # images in a frame, side by side
    step: int  # columns from one to the next, in a phase of the frame
    fw: int  # columns in all
    plane: int  # size of one phase of one channel in the frame
    depth: int  # in_channels · kh · kw
    taps: int  # the same, rounded up to whole tiles
    span: int  # positions from the first pixel of y in a frame to the last
    stride: int  # size of one channel of y in `out`
    margin: int  # zeros before dy in its frame
    dy_stride: int  # size of one channel of dy in its frame
    dx_stride: int  # size of one channel of dx in `out`
    frame_size: int
    dy_frame_size: int
    out_size: int
    weight_size: int
    sums_size: int


class Plan(NamedTuple):
    """Everything about one convolution that does not depend on the values.

    offsets: where each row of im2col begins in the frame, the last repeated to make whole tiles
    (what these add up to in the weight gradient is left out). order: the flat weights as
    `_product` reads them, as indices, where weights.size stands for a zero. dx_offsets, dx_order:
    the same for dx, phase after phase; those of phase f are
    dx_offsets[dx_starts[f] : dx_starts[f + 1]]. x_moves, x_starts: how images come into their
    frame, phase by phase (see `moves_in`); y_moves: which positions of a frame are pixels of y.
    """

    geometry: Geometry
    offsets: np.ndarray
    order: np.ndarray
    dx_offsets: np.ndarray
    dx_order: np.ndarray
    dx_starts: np.ndarray
    x_moves: np.ndarray
    x_starts: np.ndarray
    y_moves: np.ndarray


def images_in_frame(shape, most, kernel_size, stride, padding):
    """How many of at most so many images (c, h, w) stand in a frame."""
    fh, step = _place_in_frame(*shape[1:], kernel_size, stride, padding)
    return min(max(GROUP // (fh * step), 1), most)


def _place_in_frame(h, w, kernel_size, stride, padding):
    """(rows, columns) that an image takes in a phase of a frame."""
    (kh, kw), (sh, sw), (ph, pw) = kernel_size, stride, padding
    if stride == (1, 1) and ph < kh and pw < kw:  # padding that two rows, two images, can share
        return h + 2 * ph, w + pw
    return -(-(h + 2 * ph) // sh), -(-(w + 2 * pw) // sw)


def plan(shape, group, out_channels, kernel_size, stride, padding, dtype):
    """The Plan for images of shape (c, h, w), so many of them in a frame."""
    (c, h, w), o, (kh, kw) = shape, out_channels, kernel_size
    (sh, sw), (ph, pw) = stride, padding
    oh, ow = output_size(h, w, kernel_size, stride, padding)
    fh, step = _place_in_frame(h, w, kernel_size, stride, padding)
    fw = group * step
    plane = fh * fw + pw
    lane_count = vector_lanes(dtype)
    tile = VECTORS * lane_count
    span = (oh - 1) * fw + (group - 1) * step + ow
    y_stride = _round_up(span, tile)
    dx_first, dx_left = ph // sh, pw // sw  # a phase's first row with pixels, and column
    dx_rows, dx_width = (ph + h - 1) // sh + 1 - dx_first, (pw + w - 1) // sw + 1 - dx_left
    dx_start = dx_first * fw + dx_left
    dx_stride = _round_up((dx_rows - 1) * fw + (group - 1) * step + dx_width, tile)

    ci, i, j = (a.ravel() for a in np.indices((c, kh, kw)))  # one entry for each tap
    shift = i // sh * fw + j // sw
    offsets = ((ci * sh + i % sh) * sw + j % sw) * plane + shift
    taps = _round_up(len(offsets), VECTORS)
    margin = _round_up(int(shift.max()), lane_count)
    dy_stride = margin + _round_up(max(y_stride, dx_start + dx_stride), lane_count)

    dx_offsets, dx_order, dx_starts = [], [], [0]
    weights = np.arange(o * c * kh * kw).reshape(o, c, kh, kw)
    for a in range(sh):
        for b in range(sw):
            phase = weights[:, :, a::sh, b::sw]  # (o, c, its taps in rows, in columns)
            oi, ti, tj = (x.ravel() for x in np.indices((o, *phase.shape[2:])))
            dx_offsets.append(oi * dy_stride + margin + dx_start - (ti * fw + tj))
            dx_order.append(_tiled(phase.transpose(1, 0, 2, 3).reshape(c, len(oi)), weights.size))
            dx_starts.append(dx_starts[-1] + len(oi))
    order, dx_order = _tiled(weights.reshape(o, -1), weights.size), np.concatenate(dx_order)
    rows, dx_rows_of_tiles = _round_up(o, ROWS), _round_up(c, ROWS)
    slack = 2 * tile + (kh + 1) * fw + kw  # the last tile reads beyond what is of use
    sizes = [
        c * sh * sw * plane + y_stride + slack,
        (rows + 1) * dy_stride + dx_start + slack,
        max(rows * y_stride, dx_rows_of_tiles * dx_stride) + slack,
        max(order.size, dx_order.size) + max(rows, dx_rows_of_tiles),
        rows * (taps + 1) * lane_count + 2 * max(rows, c) * lane_count + max(rows, c),
    ]
    geometry = Geometry(
        *(c, o, h, w, oh, ow, sh, sw, ph, pw, group, step, fw, plane, c * kh * kw, taps, span),
        *(y_stride, margin, dy_stride, dx_stride),
        *(_round_up(size, lane_count) for size in sizes),
    )
    offsets = np.pad(offsets, (0, taps - len(offsets)), mode="edge")
    x_moves, x_starts = moves_in(h, w, stride, padding, fw, plane, lane_count)
    y_moves = pixels(range(oh), range(ow), ow, lane_count)
    y_moves[:, 1] = y_moves[:, 0] // ow * fw + y_moves[:, 0] % ow
    return Plan(
        *(geometry, offsets, order, np.concatenate(dx_offsets), dx_order, np.array(dx_starts)),
        *(x_moves, x_starts, y_moves),
    )


def _round_up(a, step):
    return -(-a // step) * step


def _tiled(matrix, zero):
    """(rows, k) as the product reads it: ROWS rows at a time, for each k side by side."""
    rows, k = matrix.shape
    padded = np.pad(matrix, ((0, _round_up(rows, ROWS) - rows), (0, 0)), constant_values=zero)
    return padded.reshape(len(padded) // ROWS, ROWS, k).transpose(0, 2, 1).ravel()
