"""Independent definitions, for tests: each written from the formula, none from tinynet's code.

They loop over output places and are slow on purpose. Arrays are float64 (the products also work
on complex numbers, see `gradient`).
"""

import math

import numpy as np


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


# -- windows --


def places(h, w, kernel_size, stride, padding):
    """(p, q, rows, columns) of each output place: the slices that its window cuts out of the
    framed image."""
    (kh, kw), (sh, sw), (ph, pw) = pair(kernel_size), pair(stride), pair(padding)
    oh = math.floor((h + 2 * ph - kh) / sh) + 1
    ow = math.floor((w + 2 * pw - kw) / sw) + 1
    for p in range(oh):
        for q in range(ow):
            yield p, q, slice(p * sh, p * sh + kh), slice(q * sw, q * sw + kw)


def frame(x, padding, value=0.0):
    """x with rows and columns of `value` around each image."""
    ph, pw = pair(padding)
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=value)


def unframe(dframed, padding):
    ph, pw = pair(padding)
    h, w = dframed.shape[2:]
    return dframed[:, :, ph : h - ph, pw : w - pw]


def empty_output(n, channels, where, dtype):
    """Zeros (n, channels, oh, ow), of the size that the places in `where` have."""
    p, q, *_ = where[-1]
    return np.zeros((n, channels, p + 1, q + 1), dtype)


def im2col(x, kernel_size, stride, padding, fill=0.0):
    """(n, c·kh·kw, oh·ow), entry by entry."""
    n, c, h, w = x.shape
    kh, kw = pair(kernel_size)
    where = list(places(h, w, kernel_size, stride, padding))
    framed = frame(x, padding, fill)
    cols = np.zeros((n, c * kh * kw, len(where)), x.dtype)
    for image in range(n):
        for channel in range(c):
            for i in range(kh):
                for j in range(kw):
                    row = (channel * kh + i) * kw + j
                    for column, (_, _, rows, columns) in enumerate(where):
                        pixel = framed[image, channel, rows.start + i, columns.start + j]
                        cols[image, row, column] = pixel
    return cols


def conv2d(x, weight, bias, stride, padding):
    where = list(places(*x.shape[2:], weight.shape[2:], stride, padding))
    framed = frame(x, padding)
    y = empty_output(len(x), len(weight), where, np.result_type(x, weight))
    for p, q, rows, columns in where:
        y[:, :, p, q] = np.einsum("ncij,ocij->no", framed[:, :, rows, columns], weight)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def conv2d_backward(x, weight, dy, stride, padding):
    """dx, dweight, dbias."""
    framed = frame(x, padding)
    dframed, dweight = np.zeros_like(framed), np.zeros_like(weight)
    for p, q, rows, columns in places(*x.shape[2:], weight.shape[2:], stride, padding):
        dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], framed[:, :, rows, columns])
        dframed[:, :, rows, columns] += np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
    return unframe(dframed, padding), dweight, np.einsum("nopq->o", dy)


def maxpool(x, kernel_size, stride, padding):
    """y, and the winners: for each output pixel, row · W + column of the first maximum of its
    window in reading order, counted in the framed image of width W."""
    where = list(places(*x.shape[2:], kernel_size, stride, padding))
    framed = frame(x, padding, -np.inf)
    y = empty_output(*x.shape[:2], where, x.dtype)
    winner = np.zeros(y.shape, int)
    for image, channel in np.ndindex(x.shape[:2]):
        for p, q, rows, columns in where:
            best, at = -np.inf, None
            for i in range(rows.start, rows.stop):
                for j in range(columns.start, columns.stop):
                    value = framed[image, channel, i, j]
                    if at is None or value > best:
                        best, at = value, (i, j)
            y[image, channel, p, q] = best
            winner[image, channel, p, q] = at[0] * framed.shape[3] + at[1]
    return y, winner


def maxpool_backward(x, dy, kernel_size, stride, padding):
    _, winner = maxpool(x, kernel_size, stride, padding)
    dframed = np.zeros_like(frame(x, padding))
    width = dframed.shape[3]
    for image, channel, p, q in np.ndindex(dy.shape):
        i, j = divmod(winner[image, channel, p, q], width)
        dframed[image, channel, i, j] += dy[image, channel, p, q]
    return unframe(dframed, padding)


def avgpool(x, kernel_size, stride, padding):
    """The mean of each window, of which the padding is a part."""
    kh, kw = pair(kernel_size)
    where = list(places(*x.shape[2:], kernel_size, stride, padding))
    framed = frame(x, padding)
    y = empty_output(*x.shape[:2], where, x.dtype)
    for p, q, rows, columns in where:
        y[:, :, p, q] = framed[:, :, rows, columns].sum(axis=(2, 3)) / (kh * kw)
    return y


def avgpool_backward(x, dy, kernel_size, stride, padding):
    kh, kw = pair(kernel_size)
    dframed = np.zeros_like(frame(x, padding))
    for p, q, rows, columns in places(*x.shape[2:], kernel_size, stride, padding):
        dframed[:, :, rows, columns] += dy[:, :, p : p + 1, q : q + 1] / (kh * kw)
    return unframe(dframed, padding)


# -- the rest of the layers --


def batchnorm(x, weight, bias, eps, mean=None, var=None):
    """Channel by channel; mean and var are those of the batch where they are not given."""
    y = np.zeros(x.shape, np.result_type(x, weight, bias))
    for c in range(x.shape[1]):
        values = x[:, c]
        mu = values.sum() / values.size if mean is None else mean[c]
        sigma2 = ((values - mu) ** 2).sum() / values.size if var is None else var[c]
        y[:, c] = weight[c] * (values - mu) / np.sqrt(sigma2 + eps) + bias[c]
    return y


def running_statistics(x, mean, var, momentum):
    """running_mean and running_var after a training step on x."""
    batch_mean = np.array([x[:, c].mean() for c in range(x.shape[1])])
    batch_var = np.array([x[:, c].var(ddof=1) for c in range(x.shape[1])])
    return (
        (1 - momentum) * mean + momentum * batch_mean,
        (1 - momentum) * var + momentum * batch_var,
    )


def relu(x):
    return np.array([value if value > 0 else 0.0 for value in x.flat]).reshape(x.shape)


def linear(x, weight, bias):
    return np.einsum("ni,oi->no", x, weight) + bias


def cross_entropy(logits, labels, label_smoothing=0.0):
    """The mean over images of −Σ q·log p."""
    n, k = logits.shape
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        log_sum = np.log(np.sum(np.exp(row)))
        for j in range(k):
            q = label_smoothing / k + (1 - label_smoothing) * (j == label)
            total += q * (log_sum - row[j])
    return total / n


# -- training --


def sgd(data, grads, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    """What becomes of an array over several steps with these gradients, by PyTorch's document."""
    p, velocity = data, None
    for grad in grads:
        g = grad + weight_decay * p
        if momentum != 0:
            velocity = g if velocity is None else momentum * velocity + g
            g = g + momentum * velocity if nesterov else velocity
        p = p - lr * g
    return p


# -- exact gradients --


def gradient(f, x):
    """df/dx of a number f(x) made of analytic operations, exact to rounding.

    f(x + i·h) = f(x) + i·h·f'(x) − h²…: the imaginary part holds the derivative, and without
    the subtraction that makes finite differences inexact, h may be tiny.
    """
    h = 1e-30
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1j * h
        dx[index] = np.imag(f(moved)) / h
    return dx
