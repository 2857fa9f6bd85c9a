"""ReLU by itself, where no convolution stands before it that could take it along."""

from .jit import kernel
from .threads import share, take


@kernel
def relu_forward(x, size, y, team, thread):
    """y = max(x, 0). x, y: flat (n, size)."""
    share(team, thread)
    zero = x.dtype.type(0)
    part, first, last = take(team, thread)
    while first < last:
        a, b = x[first * size : last * size], y[first * size : last * size]
        for j in range(a.size):
            b[j] = zero if a[j] <= zero else a[j]  # in this order NaN stays NaN
        part, first, last = take(team, thread)


@kernel
def relu_backward(dy, y, size, dx, team, thread):
    """dx = 0 where y ≤ 0, else dy. All flat (n, size)."""
    share(team, thread)
    zero = dy.dtype.type(0)
    part, first, last = take(team, thread)
    while first < last:
        here = slice(first * size, last * size)
        a, b, c = dy[here], y[here], dx[here]
        for j in range(a.size):
            c[j] = zero if b[j] <= zero else a[j]
        part, first, last = take(team, thread)
