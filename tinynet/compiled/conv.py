"""Convolution, im2col tile by tile.

im2col makes a convolution one matrix product, y = W · cols: a row of cols for each entry k of the
window (channel and tap), a column for each pixel of y. Written out, cols is kh·kw times as large as
the image, and to write it takes as long as the product. But in a frame (frame.py) row k of cols is
the frame itself, from offsets[k] on. So nothing is written out: with p for a position in the frame,

    forward   y[o, p]  = bias[o] + Σ_k W[o, k] · frame[offsets[k] + p]           `_product`
    backward  dW[o, k] = Σ_p dy[o, p] · frame[offsets[k] + p]                    `_weight_gradient`
              dx[c, p] = Σ_(o, tap) W[o, c, tap] · dy's frame[p − tap's offset]  `_product`

the third because pixel p took part, by that tap, in y at p − its offset. With a stride, only the
taps of p's own phase did, so dx is made phase by phase.

A row of the frame ends in padding, and `_product` makes sums for these positions, too: nobody takes
them. In dy's frame they are 0, and add nothing. Small images stand side by side in one frame.

Both products keep a tile of 4 × 3 vectors of sums in registers, as matrix products do. `_product`:
4 channels × 3 vectors of positions, while all k pass by; each vector of the frame that is loaded is
used 4 times, each weight 3 times. `_weight_gradient`: 4 channels × 3 taps, while all positions pass
by. compiled/README.md says how near to the machine's limit that comes, and what else was tried.

While they fill a frame and take the result out of it, the kernels do what stands around the
convolution: see `Fused`, and stages.py. plan.py says where everything stands in the frames.
"""

from typing import NamedTuple

from .batchnorm import finish_deviations
from .frame import clear, copy_in
from .jit import inline, kernel
from .simd import (
    ROWS,
    VECTORS,
    add,
    add_outer,
    add_products,
    evens,
    fma,
    gated,
    head,
    lanes,
    load,
    load_tile,
    mul,
    splat,
    spread,
    store,
    store_head,
    store_tile,
    sub,
    total,
)
from .threads import share, take


class Fused(NamedTuple):
    """What else a convolution's kernels do on the way."""

    normed: bool  # x comes as it was before a BatchNorm, which they apply,
    gate: bool  # and the ReLU after it
    relu: bool  # a ReLU follows,
    tracked: bool  # and a BatchNorm: it needs statistics of y,
    renormed: bool  # and its backward pass is left to them


@kernel
def conv_forward(
    x, norm, weight, bias, order, offsets, x_moves, y_moves, g, fused, space, y, means, squares,
    team, thread,
):  # fmt: skip
    """y = conv(x), or max(conv(x), 0) if fused.relu; see `Fused` for the rest.

    x: flat (n, c, h, w), y: flat (n, o, oh, ow), both with room behind them. norm: (3, c), the
    mean, scale and shift of each channel of x. weight: flat (o, c, kh, kw); bias: (o,). space:
    (threads, …) scratch, zeros at first. means, squares: (chunks, o) float64, what
    `batch_statistics` gives for y if fused.tracked.
    """
    share(team, thread)
    frame, _, out, tiled, sums = _regions(space[thread], g)
    _tile_weights(weight, order, tiled)
    biases = tiled[order.size :]
    biases[: g.out_channels] = bias
    size = g.oh * g.ow
    part, first, last = take(team, thread)
    while first < last:
        for n in range(first, last, g.group):
            m = min(g.group, last - n)  # images in this frame
            _fill_frame(x, n, m, norm, fused, x_moves, frame, g)
            _product(tiled, offsets[: g.depth], biases, frame, out, g.out_channels, g.stride)
            if fused.tracked and n == first:
                _set_pivots(out, fused.relu, sums, g)
            _take_y(out, n, m, fused, y_moves, y, sums, g)
        if fused.tracked:
            finish_deviations(sums, (last - first) * size, means[part], squares[part])
        part, first, last = take(team, thread)


@kernel
def conv_backward(
    x, y, dy, norm, after, weight, dx_order, offsets, dx_offsets, dx_starts,
    x_moves, x_starts, y_moves, g, fused, need_dx,
    space, dx, weight_sums, bias_sums, dweight, dbias, dx_sums, dxx_sums, team, thread,
):  # fmt: skip
    """dx, and the gradients of weight and bias.

    x, y, norm, weight, space: as in forward. dx: flat (n, c, h, w), with room behind it, or
    anything if not need_dx. dy: flat (n, o, oh, ow), with room behind it; where fused.renormed,
    the gradient behind the BatchNorm that follows, and after: (4, o) is what `batchnorm_dx` takes
    for it. weight_sums: (chunks, o rounded up to whole tiles, taps), bias_sums: (chunks, o), for
    the sums of each chunk; dweight: (o, depth), dbias: (o,), what they add up to, in order.
    dx_sums, dxx_sums: (chunks, c) float64, what `batchnorm_sums` gives for dx if fused.normed.
    """
    share(team, thread)
    frame, dframe, out, tiled, sums = _regions(space[thread], g)
    n_lanes = lanes(frame)
    _tile_weights(weight, dx_order, tiled)
    zeros = tiled[dx_order.size :]
    zeros[:] = 0
    channels = (g.in_channels + ROWS - 1) // ROWS * ROWS
    rows = weight_sums.shape[1]
    dy_sums = sums[rows * g.taps * n_lanes :]
    input_sums = dy_sums[rows * n_lanes :]
    part, first, last = take(team, thread)
    while first < last:
        sums[:] = 0
        for n in range(first, last, g.group):
            m = min(g.group, last - n)
            _fill_frame(x, n, m, norm, fused, x_moves, frame, g)
            _fill_dy_frame(dy, y, n, m, after, fused, y_moves, dframe, dy_sums, g)
            _weight_gradient(dframe, frame, offsets, sums, g)
            if not need_dx:
                continue
            for phase in range(g.sh * g.sw):
                k0, k1 = dx_starts[phase], dx_starts[phase + 1]
                w = tiled[k0 * channels :]
                k = dx_offsets[k0:k1]
                _product(w, k, zeros, dframe, out, g.in_channels, g.dx_stride)
                moves = x_moves[x_starts[phase] : x_starts[phase + 1]]
                _take_dx(out, x, norm, n, m, fused, moves, phase, dx, input_sums, g)
        for o in range(rows):
            for k in range(g.taps):
                weight_sums[part, o, k] = total(load(sums, (o * g.taps + k) * n_lanes))
        for o in range(g.out_channels):
            bias_sums[part, o] = total(load(dy_sums, o * n_lanes))
        if need_dx and fused.normed:
            for c in range(g.in_channels):
                dx_sums[part, c] = total(load(input_sums, 2 * c * n_lanes))
                dxx_sums[part, c] = total(load(input_sums, (2 * c + 1) * n_lanes))
        part, first, last = take(team, thread)
    if thread == 0:  # `take` has waited until all the others were done
        for o in range(g.out_channels):
            dbias[o] = bias_sums[0, o]
            dweight[o] = weight_sums[0, o, : g.depth]
            for part in range(1, len(bias_sums)):
                dbias[o] += bias_sums[part, o]
                for k in range(g.depth):
                    dweight[o, k] += weight_sums[part, o, k]


@inline
def _regions(space, g):
    """One thread's scratch: (frame, dy's frame, out, weights and bias in tiles, sums)."""
    a = g.frame_size
    b = a + g.dy_frame_size
    c = b + g.out_size
    d = c + g.weight_size
    return space[:a], space[a:b], space[b:c], space[c:d], space[d : d + g.sums_size]


@inline
def _tile_weights(weight, order, tiled):
    zero = tiled.dtype.type(0)
    for i in range(order.size):
        tiled[i] = weight[order[i]] if order[i] < weight.size else zero


@inline
def _fill_frame(x, first, m, norm, fused, moves, frame, g):
    """Images first … first + m − 1 into the frame, and zeros where it has room for more."""
    for c in range(g.in_channels):
        target = c * g.sh * g.sw * g.plane
        for i in range(m):
            source = ((first + i) * g.in_channels + c) * g.h * g.w
            at = target + i * g.step
            copy_in(x, source, norm, c, fused.normed, fused.gate, g.sw, moves, frame, at)
        for i in range(m, g.group):
            clear(moves, frame, target + i * g.step)


@inline
def _fill_dy_frame(dy, y, first, m, after, fused, moves, frame, sums, g):
    """The gradient behind the convolution itself into its frame; sums: its sums over positions."""
    n = lanes(frame)
    for o in range(g.out_channels):
        channel = o * g.dy_stride + g.margin
        j = o if fused.renormed else 0
        mean, scale, dy_mean, slope = after[0, j], after[1, j], after[2, j], after[3, j]
        mean, scale, dy_mean, slope = splat(mean), splat(scale), splat(dy_mean), splat(-slope)
        s = load(sums, o * n)
        for i in range(m):
            source = ((first + i) * g.out_channels + o) * g.oh * g.ow
            target = channel + i * g.step
            for k in range(len(moves)):
                pixel, place, count = moves[k]
                v = load(dy, source + pixel)
                if fused.renormed:
                    v = sub(v, dy_mean)
                    v = mul(fma(sub(load(y, source + pixel), mean), slope, v), scale)
                if fused.relu:
                    v = gated(v, load(y, source + pixel))
                s = add(s, head(v, count))
                store_head(frame, target + place, v, count)
        store(sums, o * n, s)
        for i in range(m, g.group):
            clear(moves, frame, channel + i * g.step)


@inline
def _set_pivots(out, relu, sums, g):
    """Begin the statistics of a chunk: sums of 0, about the mean of the middle row of an image.

    Any number that is not far from the mean will do, in units of the standard deviation: float32
    loses the digits of its square (Chan, Golub, LeVeque, 1983).
    """
    n, zero = lanes(out), out.dtype.type(0)
    sums[: 2 * g.out_channels * n] = zero
    for o in range(g.out_channels):
        start, s = o * g.stride + g.oh // 2 * g.fw, zero
        for pixel in out[start : start + g.ow]:
            s += zero if relu and pixel <= zero else pixel
        sums[2 * g.out_channels * n + o] = s / out.dtype.type(g.ow)


@inline
def _take_y(out, first, m, fused, moves, y, sums, g):
    """The pixels of y, without the places between the rows.

    If fused.tracked, sums get Σ(y − pivot) and Σ(y − pivot)² of each channel, lane by lane.
    """
    n = lanes(out)
    for o in range(g.out_channels):
        pivot = splat(sums[2 * g.out_channels * n + o])
        s, q = load(sums, 2 * o * n), load(sums, (2 * o + 1) * n)
        for i in range(m):
            source = o * g.stride + i * g.step
            target = ((first + i) * g.out_channels + o) * g.oh * g.ow
            for k in range(len(moves)):
                pixel, place, count = moves[k]
                v = load(out, source + place)
                if fused.relu:
                    v = gated(v, v)
                store_head(y, target + pixel, v, count)
                if fused.tracked:
                    v = head(sub(v, pivot), count)
                    s, q = add(s, v), fma(v, v, q)
        if fused.tracked:
            store(sums, 2 * o * n, s)
            store(sums, (2 * o + 1) * n, q)


@inline
def _take_dx(out, x, norm, first, m, fused, moves, phase, dx, sums, g):
    """The pixels of dx in one phase.

    If fused.normed, it is the gradient behind the BatchNorm of x, or before a ReLU behind that,
    and sums get Σdx and Σdx·(x − mean) of each channel, lane by lane.
    """
    n = lanes(out)
    before = phase * g.plane + g.ph // g.sh * g.fw + g.pw // g.sw
    for c in range(g.in_channels):
        j = c if fused.normed else 0
        mean, scale, shift = splat(norm[0, j]), splat(norm[1, j]), splat(norm[2, j])
        s, q = load(sums, 2 * c * n), load(sums, (2 * c + 1) * n)
        for i in range(m):
            source = c * g.dx_stride + i * g.step - before
            target = ((first + i) * g.in_channels + c) * g.h * g.w
            for k in range(len(moves)):
                pixel, place, count = moves[k]
                v = load(out, source + place)
                if fused.normed:
                    u = load(x, target + pixel)
                    if g.sw == 2:
                        u = evens(u, load(x, target + pixel + n))
                    u = sub(u, mean)
                    if fused.gate:
                        v = gated(v, fma(u, scale, shift))
                    u, v = head(u, count), head(v, count)
                    s, q = add(s, v), fma(u, v, q)
                if g.sw == 1:
                    store_head(dx, target + pixel, v, count)
                else:
                    store_head(out, source + place, v, count)
                    for b in range(count):
                        dx[target + pixel + b * g.sw] = out[source + place + b]
        store(sums, 2 * c * n, s)
        store(sums, (2 * c + 1) * n, q)


@inline
def _product(weight, offsets, bias, frame, out, rows, stride):
    """out[r, p] = bias[r] + Σ_k weight[r, k] · frame[offsets[k] + p], tile by tile.

    weight: ROWS rows at a time, for each k side by side. out: flat, `stride` a row, all of it.
    """
    for p in range(0, stride, VECTORS * lanes(frame)):
        for r in range(0, rows, ROWS):
            t = spread(bias, r)
            i = r * offsets.size
            for k in range(offsets.size):
                t = add_outer(t, weight, i, frame, offsets[k] + p)
                i += ROWS
            store_tile(out, r * stride + p, stride, t)


@inline
def _weight_gradient(dframe, frame, offsets, sums, g):
    """sums[o, k] += dy[o, p] · frame[offsets[k] + p] over all p, ROWS channels × 3 taps at a time.

    Where dy's frame holds no pixel it holds 0, so these positions add nothing. sums: flat, a
    vector for each (o, k): its lanes are added up once a chunk, not for each image.
    """
    n = lanes(frame)
    row = g.taps * n
    for o in range(0, g.out_channels, ROWS):
        start = o * g.dy_stride + g.margin
        for k in range(0, g.taps, VECTORS):
            t = load_tile(sums, o * row + k * n, row)
            k0, k1, k2 = offsets[k], offsets[k + 1], offsets[k + 2]
            for p in range(0, g.span, n):
                at = (k0 + p, k1 + p, k2 + p)
                t = add_products(t, dframe, start + p, g.dy_stride, frame, at)
            store_tile(sums, o * row + k * n, row, t)
