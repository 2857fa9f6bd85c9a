"""Pooling, im2col tile by tile: one entry of many windows at a time.

A window's entries lie scattered, and to search each window for its maximum is to guess a branch
at every step. Instead a channel is copied into a frame (frame.py), which stays in L1. There a
vector holds entry (i, j) of as many windows of a row as it has lanes, a piece of a row of im2col's
matrix; and the maximum, or the sum, is taken entry by entry in registers, without branches.

A BatchNorm in front of max pooling (and a ReLU between) is applied while a channel is copied, and
gets the sums for its backward pass on the way back, so that its result never goes to memory.
"""

import numpy as np

from .batchnorm import add_gradients, gate_gradient
from .frame import copy_in
from .jit import kernel
from .simd import add, lanes, load, mul, pick_greater, splat, store_head, total
from .threads import share, take


@kernel
def maxpool_forward(
    x, norm, normed, gate, channels, size, window, moves, entries, begin, space, y, winner,
    team, thread,
):  # fmt: skip
    """The maximum of each window, and which entry it is; the first of equal ones, or first NaN.

    x: flat (n, channels, size), y: flat (n, channels, oh·ow), both with room; winner: as y, the
    entry's number in reading order. norm: (3, channels), if normed: as for `copy_in`. window: (oh,
    ow, the stride along a row, the columns of a frame). entries: where each entry of the first
    window stands in the frame; a tuple, whose length Numba knows, so that the loop over it costs
    nothing, or an array, if there are many. begin: flat (oh·ow,) with room, each window's first
    entry that is not padding. space: (threads, …) scratch.
    """
    share(team, thread)
    oh, ow, step, fw = window
    low = x.dtype.type(-np.inf)
    frame = space[thread]
    frame[:] = low
    part, first, last = take(team, thread)
    while first < last:
        for i in range(first * channels, last * channels):
            copy_in(x, i * size, norm, i % channels, normed, gate, step, moves, frame, 0)
            for p in range(oh):
                for q in range(0, ow, lanes(x)):
                    best, place = splat(low), load(begin, p * ow + q)
                    for k in range(len(entries)):
                        v = load(frame, entries[k] + p * fw + q)
                        place = pick_greater(v, best, splat(x.dtype.type(k)), place)
                        best = pick_greater(v, best, v, best)
                    target = (i * oh + p) * ow + q
                    store_head(y, target, best, ow - q)
                    store_head(winner, target, place, ow - q)
        part, first, last = take(team, thread)


@kernel
def maxpool_backward(
    dy, winner, base, steps, x, norm, normed, gate, channels, size, space, dx, dx_sums, dxx_sums,
    team, thread,
):  # fmt: skip
    """dy to the winners. dy, winner: flat (n, channels, oh·ow); dx: flat (n, channels, size).

    base: (oh·ow,), the place of each window's first entry in a channel, which may lie in the
    padding; steps: (kh·kw,), from there to each entry. x, norm: as in forward. dx_sums, dxx_sums:
    (chunks, channels) float64, what `batchnorm_sums` gives for dx if normed. space: (threads, …)
    scratch.
    """
    share(team, thread)
    sums = space[thread]
    n_lanes = lanes(sums)
    zero = dx.dtype.type(0)
    part, first, last = take(team, thread)
    while first < last:
        if normed:
            sums[: 2 * channels * n_lanes] = zero
        for n in range(first, last):
            for plane in range(n * channels, (n + 1) * channels):
                a = dy[plane * base.size : (plane + 1) * base.size]
                entry = winner[plane * base.size : (plane + 1) * base.size]
                d = dx[plane * size : (plane + 1) * size]
                d[:] = zero
                for k in range(a.size):
                    d[base[k] + steps[np.int32(entry[k])]] += a[k]
            if normed:
                if gate:
                    gate_gradient(dx, x, n * channels * size, channels, size, norm)
                add_gradients(dx, x, n * channels * size, channels, size, norm[0], sums)
        if normed:
            for c in range(channels):
                dx_sums[part, c] = total(load(sums, 2 * c * n_lanes))
                dxx_sums[part, c] = total(load(sums, (2 * c + 1) * n_lanes))
        part, first, last = take(team, thread)


@kernel
def avgpool_forward(x, norm, channels, size, window, moves, entries, space, y, team, thread):
    """The mean of each window, padding counted as zeros. Arguments as for max pooling."""
    share(team, thread)
    oh, ow, step, fw = window
    zero, factor = x.dtype.type(0), x.dtype.type(1) / x.dtype.type(len(entries))
    frame = space[thread]
    frame[:] = zero
    part, first, last = take(team, thread)
    while first < last:
        for i in range(first * channels, last * channels):
            copy_in(x, i * size, norm, 0, False, False, step, moves, frame, 0)
            for p in range(oh):
                for q in range(0, ow, lanes(x)):
                    s = splat(zero)
                    for k in range(len(entries)):
                        s = add(s, load(frame, entries[k] + p * fw + q))
                    store_head(y, (i * oh + p) * ow + q, mul(s, splat(factor)), ow - q)
        part, first, last = take(team, thread)


@kernel
def avgpool_backward(dy, channels, h, w, window, factor, dx, team, thread):
    """dy/(kh·kw) to each pixel of its window. dy: flat (n, channels, oh·ow)."""
    share(team, thread)
    oh, ow, kh, kw, sh, sw, ph, pw = window
    part, first, last = take(team, thread)
    while first < last:
        for plane in range(first * channels, last * channels):
            d = dx[plane * h * w : (plane + 1) * h * w]
            d[:] = dx.dtype.type(0)
            for p in range(oh):
                for q in range(ow):
                    part_of_dy = dy[(plane * oh + p) * ow + q] * factor
                    for i in range(max(p * sh - ph, 0), min(p * sh - ph + kh, h)):
                        for j in range(max(q * sw - pw, 0), min(q * sw - pw + kw, w)):
                            d[i * w + j] += part_of_dy
        part, first, last = take(team, thread)
