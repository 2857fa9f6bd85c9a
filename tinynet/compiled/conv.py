"""Convolution, im2col tile by tile.

The plain layer writes im2col's matrix, kh·kw times the size of x, to memory and reads it back.
But row (c, i, j) of that matrix is just channel c, moved by i rows and j columns. So:

- Each image is copied into a **frame**: its padding of zeros around it, each channel one flat run
  of rows of width fw. Moving by (i, j) is then moving by i·fw + j in the flat run, and a row of
  im2col's matrix is a slice of the frame: nothing is copied, and the frame stays in L1 or L2.
  Output pixel (p, q) stands at p·fw + q; the fw − ow places at the end of each row hold nothing
  of use and are left out when y is written.
- With stride (sh, sw), the frame has sh·sw **phases**: phase (a, b) holds pixels (a + sh·p,
  b + sw·q) as an image of its own, and tap (i, j) is a slice of phase (i % sh, j % sw), moved
  by (i // sh, j // sw). All strides are stride 1 on phases.
- `_product` multiplies a tile of 4 output channels × 3 vectors of positions, its 12 sums kept in
  registers while all input channels and taps pass by.
- Backward, dy stands in a frame too, zeros before, between and after its rows. The weight gradient
  of a tap is the dot product of two slices; dx of a phase is `_product` again, with the slices of
  dy moved back instead of forth, and weight[o, c] in the place of weight[c, o].
"""

from typing import NamedTuple

import numpy as np

from ..sizes import output_size
from .jit import inline, kernel
from .simd import VECTOR_BYTES, add, fma, gated, lanes, load, splat, store, total

ROWS, VECTORS = 4, 3  # the tile: 12 sums, 3 vectors of input and a weight fill 16 registers


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
    fw: int  # width of a row in the frame
    plane: int  # size of one phase of one channel in the frame
    taps: int  # in_channels · kh · kw, rounded up to 3
    positions: int  # oh · fw, rounded up to whole tiles
    margin: int  # zeros before dy in its frame
    dy_stride: int  # size of one channel of dy in its frame
    dx_start: int  # first position in a phase that is not padding
    dx_positions: int  # as `positions`, for dx


class Plan(NamedTuple):
    """Everything about one convolution that does not depend on the values.

    offsets: where each row of im2col begins in the frame. wgrad_offsets: the same, the last
    repeated to make whole tiles (what these add up to is left out at the end). order: the flat
    weights as `_product` reads them, as indices, where weights.size stands for a zero.
    dx_offsets, dx_order: the same for dx, phase after phase; those of phase f are
    dx_offsets[dx_starts[f] : dx_starts[f + 1]].
    """

    geometry: Geometry
    offsets: np.ndarray
    wgrad_offsets: np.ndarray
    order: np.ndarray
    dx_offsets: np.ndarray
    dx_order: np.ndarray
    dx_starts: np.ndarray
    frame_size: int
    dy_frame_size: int
    out_size: int
    sums_size: int


def plan(shape, out_channels, kernel_size, stride, padding, dtype):
    """The Plan for images of shape (c, h, w)."""
    (c, h, w), o, (kh, kw) = shape, out_channels, kernel_size
    (sh, sw), (ph, pw) = stride, padding
    oh, ow = output_size(h, w, kernel_size, stride, padding)
    fh, fw = -(-(h + 2 * ph) // sh), -(-(w + 2 * pw) // sw)
    tile = VECTORS * VECTOR_BYTES // np.dtype(dtype).itemsize
    positions = _round_up(oh * fw, tile)
    dx_first, dx_last = ph // sh, (ph + h - 1) // sh  # rows of a phase with pixels of the image
    dx_start, dx_end = dx_first * fw, (dx_last + 1) * fw
    dx_positions = _round_up(dx_end - dx_start, tile)

    ci, i, j = (a.ravel() for a in np.indices((c, kh, kw)))  # one entry for each tap
    shift = i // sh * fw + j // sw
    offsets = ((ci * sh + i % sh) * sw + j % sw) * fh * fw + shift
    taps = _round_up(len(offsets), 3)
    margin = int(shift.max())
    dy_stride = margin + max(positions, dx_end)

    dx_offsets, dx_order, dx_starts = [], [], [0]
    weights = np.arange(o * c * kh * kw).reshape(o, c, kh, kw)
    for a in range(sh):
        for b in range(sw):
            phase = weights[:, :, a::sh, b::sw]  # (o, c, its taps in rows, in columns)
            oi, ti, tj = (x.ravel() for x in np.indices((o, *phase.shape[2:])))
            dx_offsets.append(oi * dy_stride + margin + dx_start - (ti * fw + tj))
            dx_order.append(_tiled(phase.transpose(1, 0, 2, 3).reshape(c, len(oi)), weights.size))
            dx_starts.append(dx_starts[-1] + len(oi))
    order = _tiled(weights.reshape(o, -1), weights.size)
    slack = tile + fw + kw  # the last tile reads beyond what is of use
    return Plan(
        Geometry(
            *(c, o, h, w, oh, ow, sh, sw, ph, pw, fw, fh * fw, taps, positions, margin),
            *(dy_stride, dx_start, dx_positions),
        ),
        offsets,
        np.pad(offsets, (0, taps - len(offsets)), mode="edge"),
        order,
        np.concatenate(dx_offsets),
        np.concatenate(dx_order),
        np.array(dx_starts),
        max(int(offsets.max()) + positions, c * sh * sw * fh * fw) + slack,
        _round_up(o, ROWS) * dy_stride + dx_start + dx_positions + slack,
        max(_round_up(o, ROWS) * positions, _round_up(c, ROWS) * dx_positions),
        _round_up(o, ROWS) * taps * tile // VECTORS,
    )


def _round_up(a, step):
    return -(-a // step) * step


def _tiled(matrix, zero):
    """(rows, k) as the product reads it: 4 rows at a time, for each k the 4 side by side."""
    rows, k = matrix.shape
    padded = np.pad(matrix, ((0, _round_up(rows, ROWS) - rows), (0, 0)), constant_values=zero)
    return padded.reshape(len(padded) // ROWS, ROWS, k).transpose(0, 2, 1).ravel()


@kernel
def conv_forward(x, weight, bias, offsets, g, relu, frames, outs, y, chunk, thread, first, last):
    """y = conv(x), or max(conv(x), 0) if relu; images first … last − 1.

    x: (n, c·h·w), y: (n, o·oh·ow). weight: in the plan's order. bias: (o rounded up to 4,).
    frames, outs: (threads, …) scratch, frames all zeros but for earlier images of this geometry.
    """
    frame, out = frames[thread], outs[thread]
    for n in range(first, last):
        _fill_frame(x[n], frame, g)
        _product(weight, offsets, bias, frame, out, g.out_channels, g.positions)
        for o in range(g.out_channels):
            for p in range(g.oh):
                start = o * g.positions + p * g.fw
                _copy_row(out, start, out, start, relu, y[n], (o * g.oh + p) * g.ow, g.ow)


@kernel
def conv_backward(
    x, y, dy, weight, offsets, starts, wgrad_offsets, no_bias, g, relu, need_dx,
    frames, dy_frames, outs, sums, dweight, dbias, dx, chunk, thread, first, last,
):  # fmt: skip
    """dx, and the sums of each chunk of images for the gradients of weight and bias.

    x, y, dy, dx: as in forward, a flat row for each image. weight, offsets, starts: for dx, phase
    after phase, in the plan's order; wgrad_offsets: the forward pass's. dweight: (chunks, o
    rounded up to 4, taps) and dbias: (chunks, o), zeros on entry. With relu, y is what forward
    gave, and dy does not count where it is 0. frames, dy_frames, outs, sums: (threads, …) scratch.
    """
    frame, dframe, out, vectors = frames[thread], dy_frames[thread], outs[thread], sums[thread]
    channels = (g.in_channels + ROWS - 1) // ROWS * ROWS
    for n in range(first, last):
        _fill_frame(x[n], frame, g)
        _fill_dy_frame(dy[n], y[n], dframe, g, relu)
        part = n // chunk
        if n % chunk == 0:
            vectors[:] = 0
        _weight_gradient(dframe, frame, wgrad_offsets, g, vectors)
        if n % chunk == chunk - 1 or n == last - 1:
            _add_up(vectors, dweight[part])
        _bias_gradient(dframe, g, dbias[part])
        if not need_dx:
            continue
        for phase in range(g.sh * g.sw):
            k0, k1 = starts[phase], starts[phase + 1]
            w = weight[k0 * channels : k1 * channels]
            _product(w, offsets[k0:k1], no_bias, dframe, out, g.in_channels, g.dx_positions)
            _take_phase(out, phase // g.sw, phase % g.sw, g, dx[n])


@inline
def _copy_row(source, i, gate, k, is_gated, target, j, size):
    """target[j : j + size] = source[i : …], but 0 where is_gated and gate[k : …] ≤ 0.

    Rows are short, so the rest beyond whole vectors is one more vector that overlaps the last.
    """
    n = lanes(source)
    if size < n:
        zero = source.dtype.type(0)
        for q in range(size):
            target[j + q] = zero if is_gated and gate[k + q] <= zero else source[i + q]
    else:
        for q in range(0, size, n):
            q = min(q, size - n)
            v = load(source, i + q)
            if is_gated:
                v = gated(v, load(gate, k + q))
            store(target, j + q, v)


@inline
def _fill_frame(x, frame, g):
    """x: (c·h·w,) into the frame: the phases of each channel, padding around them."""
    for c in range(g.in_channels):
        for i in range(g.h):
            row = (i + g.ph) // g.sh * g.fw + (c * g.sh + (i + g.ph) % g.sh) * g.sw * g.plane
            start = (c * g.h + i) * g.w
            if g.sw == 1:
                _copy_row(x, start, x, start, False, frame, row + g.pw, g.w)
            else:
                for j in range(g.w):
                    place = row + (j + g.pw) % g.sw * g.plane + (j + g.pw) // g.sw
                    frame[place] = x[start + j]


@inline
def _fill_dy_frame(dy, y, frame, g, relu):
    """dy: (o·oh·ow,) into its frame, where relu let it through."""
    for o in range(g.out_channels):
        for p in range(g.oh):
            start = (o * g.oh + p) * g.ow
            place = o * g.dy_stride + g.margin + p * g.fw
            _copy_row(dy, start, y, start, relu, frame, place, g.ow)


@inline
def _take_phase(out, a, b, g, dx):
    """dx: (c·h·w,) at the pixels of phase (a, b), out of what `_product` wrote."""
    for c in range(g.in_channels):
        # the first row i of the image with (i + ph) % sh == a, then every sh-th; columns likewise
        for i in range((a - g.ph) % g.sh, g.h, g.sh):
            start = c * g.dx_positions + (i + g.ph) // g.sh * g.fw - g.dx_start
            row = (c * g.h + i) * g.w
            if g.sw == 1:
                _copy_row(out, start + g.pw, out, start, False, dx, row, g.w)
            else:
                for j in range((b - g.pw) % g.sw, g.w, g.sw):
                    dx[row + j] = out[start + (j + g.pw) // g.sw]


@inline
def _product(weight, offsets, bias, frame, out, rows, positions):
    """out[r, p] = bias[r] + Σ_k weight[r, k] · frame[offsets[k] + p], tile by tile.

    weight: 4 rows at a time, for each k the 4 side by side. out: flat, `positions` a row.
    """
    n = lanes(frame)
    for r in range(0, rows, ROWS):
        for p in range(0, positions, VECTORS * n):
            a0 = b0 = c0 = splat(bias[r])
            a1 = b1 = c1 = splat(bias[r + 1])
            a2 = b2 = c2 = splat(bias[r + 2])
            a3 = b3 = c3 = splat(bias[r + 3])
            i = r * offsets.size
            for k in range(offsets.size):
                start = offsets[k] + p
                u, v, w = load(frame, start), load(frame, start + n), load(frame, start + 2 * n)
                s = splat(weight[i])
                a0, b0, c0 = fma(s, u, a0), fma(s, v, b0), fma(s, w, c0)
                s = splat(weight[i + 1])
                a1, b1, c1 = fma(s, u, a1), fma(s, v, b1), fma(s, w, c1)
                s = splat(weight[i + 2])
                a2, b2, c2 = fma(s, u, a2), fma(s, v, b2), fma(s, w, c2)
                s = splat(weight[i + 3])
                a3, b3, c3 = fma(s, u, a3), fma(s, v, b3), fma(s, w, c3)
                i += ROWS
            start = r * positions + p
            _store3(out, start, n, a0, b0, c0)
            _store3(out, start + positions, n, a1, b1, c1)
            _store3(out, start + 2 * positions, n, a2, b2, c2)
            _store3(out, start + 3 * positions, n, a3, b3, c3)


@inline
def _store3(out, start, n, u, v, w):
    store(out, start, u)
    store(out, start + n, v)
    store(out, start + 2 * n, w)


@inline
def _weight_gradient(dframe, frame, offsets, g, sums):
    """sums[o, k] += dy[o, p] · frame[offsets[k] + p] over all p, 4 channels × 3 taps at a time.

    Where dy's frame holds no pixel it holds 0, so these positions add nothing. sums: flat, a
    vector for each (o, k): its lanes are added up once a chunk, not for each image.
    """
    n = lanes(frame)
    size = g.dy_stride
    for o in range(0, g.out_channels, ROWS):
        for k in range(0, g.taps, 3):
            i = (o * g.taps + k) * n
            row = g.taps * n
            a0, b0, c0 = _load3(sums, i, n)
            a1, b1, c1 = _load3(sums, i + row, n)
            a2, b2, c2 = _load3(sums, i + 2 * row, n)
            a3, b3, c3 = _load3(sums, i + 3 * row, n)
            k0, k1, k2 = offsets[k], offsets[k + 1], offsets[k + 2]
            start = o * size + g.margin
            for p in range(0, g.oh * g.fw, n):
                u, v, w = load(frame, k0 + p), load(frame, k1 + p), load(frame, k2 + p)
                s = load(dframe, start + p)
                a0, b0, c0 = fma(s, u, a0), fma(s, v, b0), fma(s, w, c0)
                s = load(dframe, start + size + p)
                a1, b1, c1 = fma(s, u, a1), fma(s, v, b1), fma(s, w, c1)
                s = load(dframe, start + 2 * size + p)
                a2, b2, c2 = fma(s, u, a2), fma(s, v, b2), fma(s, w, c2)
                s = load(dframe, start + 3 * size + p)
                a3, b3, c3 = fma(s, u, a3), fma(s, v, b3), fma(s, w, c3)
            _store3(sums, i, n, a0, b0, c0)
            _store3(sums, i + row, n, a1, b1, c1)
            _store3(sums, i + 2 * row, n, a2, b2, c2)
            _store3(sums, i + 3 * row, n, a3, b3, c3)


@inline
def _load3(a, start, n):
    return load(a, start), load(a, start + n), load(a, start + 2 * n)


@inline
def _add_up(sums, dweight):
    """dweight: (rows, taps), each the total of a vector in sums."""
    n = lanes(sums)
    for o in range(dweight.shape[0]):
        for k in range(dweight.shape[1]):
            dweight[o, k] = total(load(sums, (o * dweight.shape[1] + k) * n))


@inline
def _bias_gradient(dframe, g, dbias):
    """dbias[o] += Σ_p dy[o, p]."""
    n = lanes(dframe)
    for o in range(g.out_channels):
        s = splat(dframe.dtype.type(0))
        for p in range(0, g.oh * g.fw, n):
            s = add(load(dframe, o * g.dy_stride + g.margin + p), s)
        dbias[o] += total(s)
