"""ReLU by itself, where no convolution stands before it that could take it along."""

from .jit import kernel


@kernel
def relu_forward(x, y, chunk, thread, first, last):
    """y = max(x, 0). x, y: (n, …) as flat rows (n, size); images first … last − 1."""
    for i in range(first, last):
        a, b = x[i], y[i]
        zero = x.dtype.type(0)
        for j in range(a.size):
            b[j] = zero if a[j] <= zero else a[j]  # in this order NaN stays NaN


@kernel
def relu_backward(dy, y, dx, chunk, thread, first, last):
    """dx = 0 where y ≤ 0, else dy. All (n, size)."""
    for i in range(first, last):
        a, b, c = dy[i], y[i], dx[i]
        zero = dy.dtype.type(0)
        for j in range(a.size):
            c[j] = zero if b[j] <= zero else a[j]
