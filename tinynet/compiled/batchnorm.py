"""Batch normalisation: two passes over memory each way, with sums image by image.

Float32 sums over a whole batch lose digits, and E[x²] − E[x]² loses all of them where the mean is
large. So each image's channel (which is in L1) gives a mean and a sum of squares about that mean,
and these few numbers are put together in float64 by Chan's formula: for parts A and B,

    M2 = M2_A + M2_B + (mean_B − mean_A)² · n_A·n_B / (n_A + n_B)

T. Chan, G. Golub, R. LeVeque. Updating formulae and a pairwise algorithm for computing sample
variances. COMPSTAT 1982.
"""

from .jit import inline, kernel
from .simd import add, fma, lanes, load, splat, total


@kernel
def batch_statistics(x, means, squares, chunk, thread, first, last):
    """The mean of each channel over each chunk, and the sum of squares about it.

    x: (n, c, h·w). means, squares: (chunks, c) float64, zeros on entry.
    """
    size = x.shape[2]
    for n in range(first, last):
        part = n // chunk
        before = float((n - part * chunk) * size)  # values of this chunk that are counted already
        for c in range(x.shape[1]):
            a = x[n, c]
            mean = _sum(a) / size
            center = x.dtype.type(mean)
            square = _sum_products(a, a, center, center)
            delta = mean - means[part, c]
            share = size / (before + size)
            means[part, c] += delta * share
            squares[part, c] += square + delta * delta * before * share


@kernel
def normalise(x, mean, scale, shift, y, chunk, thread, first, last):
    """y = (x − mean)·scale + shift. x, y: (n, c, h·w); the others (c,)."""
    for n in range(first, last):
        for c in range(x.shape[1]):
            a, b = x[n, c], y[n, c]
            m, s, t = mean[c], scale[c], shift[c]
            for j in range(a.size):
                b[j] = (a[j] - m) * s + t


@kernel
def batchnorm_sums(dy, x, mean, dy_sums, dyx_sums, chunk, thread, first, last):
    """Σdy and Σdy·(x − mean) of each channel, for each chunk.

    dy, x: (n, c, h·w); mean: (c,); dy_sums, dyx_sums: (chunks, c) float64, zeros on entry.
    """
    zero = x.dtype.type(0)
    for n in range(first, last):
        part = n // chunk
        for c in range(x.shape[1]):
            dy_sums[part, c] += _sum(dy[n, c])
            dyx_sums[part, c] += _sum_products(dy[n, c], x[n, c], zero, mean[c])


@kernel
def batchnorm_dx(dy, x, mean, scale, dy_mean, slope, dx, chunk, thread, first, last):
    """dx = scale·(dy − dy_mean − (x − mean)·slope). dy, x, dx: (n, c, h·w); the others (c,)."""
    for n in range(first, last):
        for c in range(x.shape[1]):
            a, b, d = dy[n, c], x[n, c], dx[n, c]
            m, s, t, k = mean[c], scale[c], dy_mean[c], slope[c]
            for j in range(a.size):
                d[j] = s * (a[j] - t - (b[j] - m) * k)


@inline
def _sum(a):
    """Σa as a float64, in vectors, what is left over one by one."""
    n = lanes(a)
    whole = a.size - a.size % n
    s = splat(a.dtype.type(0))
    for j in range(0, whole, n):
        s = add(load(a, j), s)
    rest = float(total(s))
    for j in range(whole, a.size):
        rest += a[j]
    return rest


@inline
def _sum_products(a, b, a_mean, b_mean):
    """Σ(a − a_mean)·(b − b_mean)."""
    n = lanes(a)
    whole = a.size - a.size % n
    minus_a, minus_b = splat(-a_mean), splat(-b_mean)
    s = splat(a.dtype.type(0))
    for j in range(0, whole, n):
        s = fma(add(load(a, j), minus_a), add(load(b, j), minus_b), s)
    rest = float(total(s))
    for j in range(whole, a.size):
        rest += (a[j] - a_mean) * (b[j] - b_mean)
    return rest
