"""Pooling, im2col tile by tile: each tap of the window as a plane of its own.

A window's entries lie scattered, and to search each window for its maximum is to guess a branch
at every step. Instead, for one channel of one image, `_tap` gathers entry (i, j) of all windows
into a flat plane (a row of im2col's matrix, kept in L1), and the maximum, or the sum, is taken
plane by plane, many windows at a time and without branches.
"""

import numpy as np

from .jit import inline, kernel


@kernel
def maxpool_forward(x, window, base, begin, taps, y, winner, chunk, thread, first, last):
    """The maximum of each window, and where it stands; the first of equal ones, or the first NaN.

    x: (n, c, h, w), y: (n, c, oh·ow), winner: as y, int32, places in h·w.
    window: (oh, ow, kh, kw, sh, sw, ph, pw). base, begin: (oh·ow,) int32, for each window the
    place of its first entry, and of its first that is not padding. taps: (threads, ≥ oh·ow).
    """
    kh, kw, ph, pw = window[2], window[3], window[6], window[7]
    w = x.shape[3]
    outside = x.dtype.type(-np.inf)
    tap = taps[thread, : y.shape[2]]
    for n in range(first, last):
        for c in range(x.shape[1]):
            best, place = y[n, c], winner[n, c]
            best[:] = outside
            place[:] = begin
            for i in range(kh):
                for j in range(kw):
                    _tap(x[n, c], window, i, j, outside, tap)
                    move = np.int32((i - ph) * w + (j - pw))
                    for k in range(best.size):
                        value, old, here, there = tap[k], best[k], base[k] + move, place[k]
                        better = (value > old) | ((value != value) & (old == old))
                        best[k] = value if better else old
                        place[k] = here if better else there


@kernel
def maxpool_backward(dy, winner, dx, chunk, thread, first, last):
    """dy to the winners. dy, winner: (n, c, oh·ow); dx: (n, c, h·w)."""
    for n in range(first, last):
        for c in range(dy.shape[1]):
            a, place, d = dy[n, c], winner[n, c], dx[n, c]
            d[:] = dx.dtype.type(0)
            for k in range(a.size):
                d[place[k]] += a[k]


@kernel
def avgpool_forward(x, window, factor, taps, y, chunk, thread, first, last):
    """The mean of each window, padding counted as zeros; factor: 1/(kh·kw), of x's dtype."""
    kh, kw = window[2], window[3]
    zero = x.dtype.type(0)
    tap = taps[thread, : y.shape[2]]
    for n in range(first, last):
        for c in range(x.shape[1]):
            mean = y[n, c]
            mean[:] = zero
            for i in range(kh):
                for j in range(kw):
                    _tap(x[n, c], window, i, j, zero, tap)
                    for k in range(mean.size):
                        mean[k] += tap[k] * factor


@kernel
def avgpool_backward(dy, window, factor, dx, chunk, thread, first, last):
    """dy/(kh·kw) to each pixel of its window. dy: (n, c, oh·ow), dx: (n, c, h, w)."""
    oh, ow, kh, kw, sh, sw, ph, pw = window
    h, w = dx.shape[2:]
    for n in range(first, last):
        for c in range(dx.shape[1]):
            d = dx[n, c]
            d[:] = dx.dtype.type(0)
            for p in range(oh):
                for q in range(ow):
                    share = dy[n, c, p * ow + q] * factor
                    for i in range(max(p * sh - ph, 0), min(p * sh - ph + kh, h)):
                        for j in range(max(q * sw - pw, 0), min(q * sw - pw + kw, w)):
                            d[i, j] += share


@inline
def _tap(x, window, i, j, outside, tap):
    """Entry (i, j) of every window of x: (h, w), in reading order; `outside` in the padding."""
    oh, ow, kh, kw, sh, sw, ph, pw = window
    h, w = x.shape
    start = j - pw  # the column of this entry in the first window
    q0 = min(max(-(start // sw), 0), ow)  # windows q0 … q1 − 1 of a row have it in the image
    q1 = min(max((w - 1 - start) // sw + 1, q0), ow)
    for p in range(oh):
        row = p * sh + i - ph
        target = tap[p * ow : (p + 1) * ow]
        if row < 0 or row >= h:
            target[:] = outside
        else:
            target[:q0] = outside
            target[q1:] = outside
            source = x[row]
            for q in range(q0, q1):
                target[q] = source[q * sw + start]
