"""Pooling, im2col tile by tile: each tap of the window as a plane of its own.

A window's entries lie scattered, and to search each window for its maximum is to guess a branch
at every step. Instead, for one channel of one image, `_tap` gathers entry (i, j) of all windows
into a flat plane (a row of im2col's matrix, kept in L1), and the maximum, or the sum, is taken
plane by plane, many windows at a time and without branches.

A BatchNorm in front of max pooling (and a ReLU between) is applied while a channel is read, and
gets the sums for its backward pass on the way back, so that its result never goes to memory.
"""

import numpy as np

from .batchnorm import add_gradients, gate_gradient
from .jit import inline, kernel
from .simd import evens, fma, gated, lanes, load, splat, store, store_head, sub, total
from .threads import share, take


@kernel
def maxpool_forward(
    x, norm, normed, gate, channels, h, w, window, base, begin, space, y, winner, team, thread
):  # fmt: skip
    """The maximum of each window, and where it stands; the first of equal ones, or the first NaN.

    x: flat (n, channels, h, w), y: flat (n, channels, oh·ow), both with room; winner: as y, int32,
    places in h·w. norm: (3, channels), if normed: as for `normalise`. window: (oh, ow, kh, kw, sh,
    sw, ph, pw). base, begin: (oh·ow,) int32, for each window the place of its first entry, and of
    its first that is not padding. space: (threads, …) scratch.
    """
    share(team, thread)
    oh, ow, kh, kw, sh, sw, ph, pw = window
    n_lanes = lanes(x)
    size = oh * ow
    outside = x.dtype.type(-np.inf)
    tap, z = space[thread, : size + 2 * n_lanes], space[thread, size + 2 * n_lanes :]
    part, first, last = take(team, thread)
    while first < last:
        for plane in range(first * channels, last * channels):
            c, start = plane % channels, plane * h * w
            source = x[start:]
            if normed:
                mean, scale, shift = splat(norm[0, c]), splat(norm[1, c]), splat(norm[2, c])
                for k in range(0, h * w, n_lanes):
                    v = fma(sub(load(x, start + k), mean), scale, shift)
                    if gate:
                        v = gated(v, v)
                    store(z, k, v)
                source = z
            best = y[plane * size : (plane + 1) * size]
            place = winner[plane * size : (plane + 1) * size]
            best[:] = outside
            place[:] = begin
            for i in range(kh):
                for j in range(kw):
                    _tap(source, h, w, window, i, j, outside, tap)
                    move = np.int32((i - ph) * w + (j - pw))
                    for k in range(best.size):
                        value, old, here, there = tap[k], best[k], base[k] + move, place[k]
                        better = (value > old) | ((value != value) & (old == old))
                        best[k] = value if better else old
                        place[k] = here if better else there
        part, first, last = take(team, thread)


@kernel
def maxpool_backward(
    dy, winner, x, norm, normed, gate, channels, size, y_size, space, dx, dx_sums, dxx_sums,
    team, thread,
):  # fmt: skip
    """dy to the winners. dy, winner: flat (n, channels, y_size); dx: flat (n, channels, size).

    x, norm: as in forward. dx_sums, dxx_sums: (chunks, channels) float64, what `batchnorm_sums`
    gives for dx if normed. space: (threads, …) scratch.
    """
    share(team, thread)
    sums = space[thread]
    n_lanes = lanes(sums)
    part, first, last = take(team, thread)
    while first < last:
        if normed:
            sums[: 2 * channels * n_lanes] = 0
        for n in range(first, last):
            for plane in range(n * channels, (n + 1) * channels):
                d = dx[plane * size : (plane + 1) * size]
                a = dy[plane * y_size : (plane + 1) * y_size]
                place = winner[plane * y_size : (plane + 1) * y_size]
                d[:] = dx.dtype.type(0)
                for k in range(a.size):
                    d[place[k]] += a[k]
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
def avgpool_forward(x, channels, h, w, window, factor, space, y, team, thread):
    """The mean of each window, padding counted as zeros; factor: 1/(kh·kw), of x's dtype."""
    share(team, thread)
    oh, ow, kh, kw, sh, sw, ph, pw = window
    zero = x.dtype.type(0)
    tap = space[thread]
    part, first, last = take(team, thread)
    while first < last:
        for plane in range(first * channels, last * channels):
            mean = y[plane * oh * ow : (plane + 1) * oh * ow]
            mean[:] = zero
            for i in range(kh):
                for j in range(kw):
                    _tap(x[plane * h * w :], h, w, window, i, j, zero, tap)
                    for k in range(mean.size):
                        mean[k] += tap[k] * factor
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


@inline
def _tap(x, h, w, window, i, j, outside, tap):
    """Entry (i, j) of every window of flat x, in reading order; `outside` in the padding."""
    oh, ow, kh, kw, sh, sw, ph, pw = window
    n = lanes(x)
    start = j - pw  # the column of this entry in the first window
    q0 = min(max(-(start // sw), 0), ow)  # windows q0 … q1 − 1 of a row have it in the image
    q1 = min(max((w - 1 - start) // sw + 1, q0), ow)
    for p in range(oh):
        row = p * sh + i - ph
        target = p * ow
        if row < 0 or row >= h:
            tap[target : target + ow] = outside
        else:
            tap[target : target + q0] = outside
            tap[target + q1 : target + ow] = outside
            source = row * w + start
            if sw == 1:
                for q in range(q0, q1, n):
                    store_head(tap, target + q, load(x, source + q), q1 - q)
            elif sw == 2:
                for q in range(q0, q1, n):
                    u, v = load(x, source + 2 * q), load(x, source + 2 * q + n)
                    store_head(tap, target + q, evens(u, v), q1 - q)
            else:
                for q in range(q0, q1):
                    tap[target + q] = x[source + q * sw]
