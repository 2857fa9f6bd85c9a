"""Batch normalisation: what the kernels of other layers cannot do on their way, and how.

Forward needs the mean and variance of a batch before it can begin, so it takes two passes over x:
`batch_statistics` and `normalise`. Backward takes two, for the same reason: `batchnorm_sums`, and

    dx = scale·(dy − Σdy/m − (x − mean)·(Σdy·(x − mean)/m)/var)       `batchnorm_dx`

Next to convolutions and max pools there is no pass at all: the first of each pair becomes part of
the kernel that writes x, or dy; the second of the kernel that reads y, or dx (stages.py).

Sums over a batch in float32 would lose digits, and E[x²] − E[x]² would lose all of them where the
mean is large. So each chunk of images sums deviations from a pivot near its mean, lane by lane, and
the chunks' results are put together in float64 by `whole_batch`.

T. Chan, G. Golub, R. LeVeque. Algorithms for computing the sample variance: analysis and
recommendations. The American Statistician 37(3), 1983.
"""

import numpy as np

from .jit import inline, kernel
from .simd import add, fma, gated, head, lanes, load, splat, store, store_head, sub, total
from .threads import share, take


@kernel
def batch_statistics(x, channels, size, space, means, squares, team, thread):
    """The mean of each channel over each chunk, and the sum of squares about it.

    x: flat (n, channels, size), with room behind it. space: (threads, …) scratch. means, squares:
    (chunks, channels) float64.
    """
    share(team, thread)
    sums = space[thread]
    part, first, last = take(team, thread)
    while first < last:
        for n in range(first, last):
            add_deviations(x, n * channels * size, channels, size, n == first, sums)
        finish_deviations(sums, (last - first) * size, means[part], squares[part])
        part, first, last = take(team, thread)


@kernel
def whole_batch(means, squares, n, size, chunk, mean, var):
    """mean, var: (channels,), the mean and biased variance of the batch, from those of its chunks.

    A chunk, of `chunk` images of `size` values a channel, has Σ(x − its mean)² = squares. About
    the mean of all, that is squares + count·(its mean − mean)² (Chan, Golub, LeVeque, 1983).
    """
    for c in range(mean.size):
        s = 0.0
        for k in range(len(means)):
            s += means[k, c] * (min(n - k * chunk, chunk) * size)
        mean[c] = s / (n * size)
        q = 0.0
        for k in range(len(means)):
            q += squares[k, c] + (min(n - k * chunk, chunk) * size) * (means[k, c] - mean[c]) ** 2
        var[c] = q / (n * size)


@kernel
def forward_factors(mean, var, weight, bias, eps, std, norm):
    """std: (channels,), and norm: (3, channels), what `normalise` takes: mean, weight/std, bias."""
    for c in range(std.size):
        std[c] = np.sqrt(var[c] + eps)
        norm[0, c], norm[1, c], norm[2, c] = mean[c], weight[c] / std[c], bias[c]


@kernel
def backward_factors(dy_sums, dyx_sums, std, norm, m, dweight, dbias, after):
    """The gradients of weight and bias, and what `batchnorm_dx` takes: after: (4, channels).

    dy_sums, dyx_sums: from `batchnorm_sums`, of m values a channel; m is infinite where mean and
    variance are constants, the running ones.
    """
    for c in range(std.size):
        dy, dyx = 0.0, 0.0
        for part in range(len(dy_sums)):
            dy += dy_sums[part, c]
            dyx += dyx_sums[part, c]
        dbias[c], dweight[c] = dy, dyx / std[c]
        after[0, c], after[1, c], after[2, c] = norm[0, c], norm[1, c], dy / m
        after[3, c] = dyx / m / std[c] / std[c]


@kernel
def normalise(x, norm, channels, size, y, team, thread):
    """y = (x − mean)·scale + shift; norm: (3, channels), these three. x, y: flat, with room."""
    share(team, thread)
    n_lanes = lanes(x)
    part, first, last = take(team, thread)
    while first < last:
        for i in range(first * channels, last * channels):
            c = i % channels
            mean, scale, shift = splat(norm[0, c]), splat(norm[1, c]), splat(norm[2, c])
            for j in range(0, size, n_lanes):
                v = fma(sub(load(x, i * size + j), mean), scale, shift)
                store_head(y, i * size + j, v, size - j)
        part, first, last = take(team, thread)


@kernel
def batchnorm_sums(dy, x, norm, channels, size, space, dy_sums, dyx_sums, team, thread):
    """Σdy and Σdy·(x − mean) of each channel, for each chunk.

    dy, x: flat (n, channels, size), with room; norm: as for `normalise`. space: (threads, …)
    scratch. dy_sums, dyx_sums: (chunks, channels) float64.
    """
    share(team, thread)
    sums = space[thread]
    n_lanes = lanes(x)
    part, first, last = take(team, thread)
    while first < last:
        sums[:] = 0
        for n in range(first, last):
            add_gradients(dy, x, n * channels * size, channels, size, norm[0], sums)
        for c in range(channels):
            dy_sums[part, c] = total(load(sums, 2 * c * n_lanes))
            dyx_sums[part, c] = total(load(sums, (2 * c + 1) * n_lanes))
        part, first, last = take(team, thread)


@kernel
def batchnorm_dx(dy, x, after, channels, size, dx, team, thread):
    """dx = scale·(dy − dy_mean − (x − mean)·slope); after: (4, channels): mean, scale, …

    dy, x, dx: flat (n, channels, size), with room.
    """
    share(team, thread)
    part, first, last = take(team, thread)
    while first < last:
        for i in range(first * channels, last * channels):
            c = i % channels
            mean, scale, dy_mean, slope = after[0, c], after[1, c], after[2, c], after[3, c]
            for j in range(i * size, (i + 1) * size):
                dx[j] = scale * (dy[j] - dy_mean - (x[j] - mean) * slope)
        part, first, last = take(team, thread)


@inline
def add_deviations(x, start, channels, size, is_first, sums):
    """One image's Σ(x − pivot) and Σ(x − pivot)² of each channel, added lane by lane to sums.

    x[start : start + channels·size]. sums: flat: two vectors for each channel, and the pivots,
    which the first image of a chunk sets to its own means, and the sums to 0.
    """
    n = lanes(x)
    zero = splat(x.dtype.type(0))
    for c in range(channels):
        i, j = start + c * size, 2 * c * n
        if is_first:
            s = zero
            for k in range(0, size, n):
                s = add(s, head(load(x, i + k), size - k))
            sums[2 * channels * n + c] = total(s) / x.dtype.type(size)
            store(sums, j, zero)
            store(sums, j + n, zero)
        pivot = splat(sums[2 * channels * n + c])
        s, q = load(sums, j), load(sums, j + n)
        s2 = q2 = zero
        for k in range(0, size, 2 * n):  # two of each: an addition waits four cycles for the last
            u = head(sub(load(x, i + k), pivot), size - k)
            v = head(sub(load(x, i + k + n), pivot), size - k - n)
            s, s2 = add(s, u), add(s2, v)
            q, q2 = fma(u, u, q), fma(v, v, q2)
        store(sums, j, add(s, s2))
        store(sums, j + n, add(q, q2))


@inline
def finish_deviations(sums, count, means, squares):
    """What `add_deviations` left of `count` values, as mean and sum of squares about it."""
    n = lanes(sums)
    for c in range(means.size):
        s = float(total(load(sums, 2 * c * n)))
        q = float(total(load(sums, (2 * c + 1) * n)))
        means[c] = sums[2 * means.size * n + c] + s / count
        squares[c] = q - s * s / count


@inline
def add_gradients(dy, x, start, channels, size, mean, sums):
    """One image's Σdy and Σdy·(x − mean) of each channel, added lane by lane to sums."""
    n = lanes(x)
    zero = splat(x.dtype.type(0))
    for c in range(channels):
        i, j = start + c * size, 2 * c * n
        center = splat(mean[c])
        s, q = load(sums, j), load(sums, j + n)
        s2 = q2 = zero
        for k in range(0, size, 2 * n):
            u = head(load(dy, i + k), size - k)
            v = head(load(dy, i + k + n), size - k - n)
            s, s2 = add(s, u), add(s2, v)
            q = fma(u, head(sub(load(x, i + k), center), size - k), q)
            q2 = fma(v, head(sub(load(x, i + k + n), center), size - k - n), q2)
        store(sums, j, add(s, s2))
        store(sums, j + n, add(q, q2))


@inline
def gate_gradient(dy, x, start, channels, size, norm):
    """dy = 0 where normalised x is ≤ 0: the backward pass of a ReLU behind the BatchNorm."""
    n = lanes(x)
    for c in range(channels):
        mean, scale, shift = splat(norm[0, c]), splat(norm[1, c]), splat(norm[2, c])
        for k in range(0, size, n):
            i = start + c * size + k
            z = fma(sub(load(x, i), mean), scale, shift)
            store_head(dy, i, gated(load(dy, i), z), size - k)
