"""Wrong answers to the exercise maxpool2d."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


def windows(x, kernel_size, stride, padding, fill=-np.inf):
    """(place in the framed image, window) for each output pixel; and the framed image."""
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=fill)
    oh = (framed.shape[2] - kernel_size) // stride + 1
    ow = (framed.shape[3] - kernel_size) // stride + 1
    for n, c, p, q in np.ndindex(*x.shape[:2], oh, ow):
        rows = slice(p * stride, p * stride + kernel_size)
        columns = slice(q * stride, q * stride + kernel_size)
        yield (n, c, p, q), (n, c, rows, columns), framed[n, c, rows, columns]


def pooled(how, x, kernel_size, stride, padding, fill=-np.inf):
    found = {at: how(w) for at, _, w in windows(x, kernel_size, stride, padding, fill)}
    y = np.zeros(np.add(max(found), 1), x.dtype)
    for at, value in found.items():
        y[at] = value
    return y


@wrong("forward", "The padding counts as 0")
def zeros_round_it(x, kernel_size, stride, padding):
    return pooled(np.max, x, kernel_size, stride, padding, fill=0)


@wrong("forward", "This is the mean")
def the_mean(x, kernel_size, stride, padding):
    return pooled(np.mean, x, kernel_size, stride, padding, fill=0)


@wrong("forward", "This is the minimum")
def the_minimum(x, kernel_size, stride, padding):
    return pooled(np.min, x, kernel_size, stride, padding, fill=np.inf)


@wrong("forward", "move by the kernel size")
def reshaped(x, kernel_size, stride, padding):
    return pooled(np.max, x, kernel_size, kernel_size, padding)


@wrong("forward", "The windows move by one pixel")
def no_stride(x, kernel_size, stride, padding):
    return pooled(np.max, x, kernel_size, 1, padding)


@wrong("forward", "The padding is ignored")
def no_padding(x, kernel_size, stride, padding):
    return pooled(np.max, x, kernel_size, stride, 0)


@wrong("forward", "largest in size")
def largest_in_size(x, kernel_size, stride, padding):
    def how(window):
        return window.flat[np.argmax(np.abs(window))]

    return pooled(how, x, kernel_size, stride, padding, fill=0)


@wrong("forward", "over the channels as well")
def over_channels(x, kernel_size, stride, padding):
    y = pooled(np.max, x, kernel_size, stride, padding)
    return np.repeat(y.max(axis=1)[:, None], x.shape[1], axis=1)


@wrong("forward", "axis 2 (oh) has to be")
def rounds_up(x, kernel_size, stride, padding):
    odd = [(0, -size % stride) for size in x.shape[2:]]
    x = np.pad(x, ((0, 0), (0, 0), *odd), constant_values=-np.inf)
    return pooled(np.max, x, kernel_size, stride, padding)


def spread(how, dy, x, kernel_size, stride, padding, fill=-np.inf):
    """dx, where how(window, dy) is what a window gives to its pixels."""
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for at, place, window in windows(x, kernel_size, stride, padding, fill):
        dframed[place] += how(window, dy[at])
    return dframed[:, :, padding : padding + h, padding : padding + w]


def to_first(window, g):
    """Right: the first of the largest."""
    part = np.zeros_like(window)
    part.flat[window.argmax()] = g
    return part


@wrong("backward", "gets the whole dy")
def to_all_equal(dy, x, kernel_size, stride, padding):
    def how(window, g):
        return g * (window == window.max())

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "share dy")
def shared(dy, x, kernel_size, stride, padding):
    def how(window, g):
        return g * (window == window.max()) / (window == window.max()).sum()

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "the last of the equal ones")
def to_the_last(dy, x, kernel_size, stride, padding):
    def how(window, g):
        best, at = -np.inf, None
        for index in np.ndindex(window.shape):
            if window[index] >= best:
                best, at = window[index], index
        part = np.zeros_like(window)
        part[at] = g
        return part

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "wrong only where several pixels of a window are equal")
def to_the_first_by_columns(dy, x, kernel_size, stride, padding):
    def how(window, g):
        return to_first(window.T, g).T

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "It would be right if all of dy were 1")
def gradients_squared(dy, x, kernel_size, stride, padding):
    return spread(to_first, dy**2, x, kernel_size, stride, padding)


@wrong("backward", "do you assign where you should add")
def assigned(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for at, place, window in windows(x, kernel_size, stride, padding):
        i, j = np.unravel_index(window.argmax(), window.shape)
        dframed[at[0], at[1], place[2].start + i, place[3].start + j] = dy[at]
    return dframed[:, :, padding : padding + h, padding : padding + w]


@wrong("backward", "do you assign where you should add")
def whole_windows_assigned(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for at, place, window in windows(x, kernel_size, stride, padding):
        dframed[place] = to_first(window, dy[at])
    return dframed[:, :, padding : padding + h, padding : padding + w]


@wrong("backward", "Every pixel of the window gets dy")
def to_the_whole_window(dy, x, kernel_size, stride, padding):
    return spread(lambda window, g: np.full_like(window, g), dy, x, kernel_size, stride, padding)


@wrong("backward", "as for a mean")
def divided(dy, x, kernel_size, stride, padding):
    return spread(to_first, dy / kernel_size**2, x, kernel_size, stride, padding)


@wrong("backward", "multiplied by the maximum")
def times_the_maximum(dy, x, kernel_size, stride, padding):
    def how(window, g):
        return to_first(window, g * window.max())

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "dy is lost in the frame")
def the_frame_wins(dy, x, kernel_size, stride, padding):
    return spread(to_first, dy, x, kernel_size, stride, padding, fill=0)


@wrong("backward", "The frame is still round dx")
def with_its_frame(dy, x, kernel_size, stride, padding):
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=-np.inf)
    return spread(to_first, dy, framed, kernel_size, stride, 0)


@wrong("backward", "empty where padding is 0")
def cut_with_minus_padding(dy, x, kernel_size, stride, padding):
    dframed = with_its_frame(dy, x, kernel_size, stride, padding)
    return dframed[:, :, padding:-padding, padding:-padding]


# -- from a review of hints --


def by_loops(x, kernel_size, stride, padding, start=-np.inf, last=(0, 0), rows=None, columns=None):
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=-np.inf)
    oh, ow = ((size - kernel_size) // stride + 1 for size in framed.shape[2:])
    y = np.zeros((*x.shape[:2], oh, ow))
    for p in range(oh - last[0]):
        for q in range(ow - last[1]):
            best = np.full(x.shape[:2], start)
            for i in range(kernel_size if rows is None else kernel_size + rows):
                for j in range(kernel_size if columns is None else kernel_size + columns):
                    best = np.maximum(best, framed[:, :, p * stride + i, q * stride + j])
            y[:, :, p, q] = best
    return y


@wrong("forward", "0 wins where all of a window is negative")
def begins_with_zero(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, start=0.0)


@wrong("forward", "Only a part of each window is read")
def one_column_less(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, columns=-1)


@wrong("forward", "Only a part of each window is read")
def one_row_less(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, rows=-1)


@wrong("forward", "Only a part of each window is read")
def first_column(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, columns=1 - kernel_size)


@wrong("forward", "Only a part of each window is read")
def first_row(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, rows=1 - kernel_size)


@wrong("forward", "of output pixels is left 0")
def no_last_window(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, last=(1, 1))


@wrong("forward", "of output pixels is left 0")
def no_last_row_of_windows(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, last=(1, 0))


@wrong("forward", "of output pixels is left 0")
def no_last_column_of_windows(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding, last=(0, 1))


def to_the_winners(dy, x, kernel_size, stride, padding, exchanged=False):
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=-np.inf)
    dframed = np.zeros_like(framed)
    for n, c, p, q in np.ndindex(dy.shape):
        window = framed[
            n, c, p * stride : p * stride + kernel_size, q * stride : q * stride + kernel_size
        ]
        i, j = divmod(int(window.argmax()), kernel_size)
        i, j = (j, i) if exchanged else (i, j)
        dframed[n, c, p * stride + i, q * stride + j] += dy[n, c, p, q]
    return dframed[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


@wrong("backward", "Row and column of the winner are exchanged")
def rows_and_columns_exchanged(dy, x, kernel_size, stride, padding):
    return to_the_winners(dy, x, kernel_size, stride, padding, exchanged=True)


@wrong("backward", "where is dy?")
def dy_forgotten(dy, x, kernel_size, stride, padding):
    return to_the_winners(np.ones_like(dy), x, kernel_size, stride, padding)


@wrong("backward", "do you assign where you should add")
def index_arrays(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    k, (oh, ow) = kernel_size, dy.shape[2:]
    sides = (padding, padding)
    framed = np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(framed, (k, k), axis=(2, 3))
    best = windows[:, :, ::stride, ::stride].reshape(n, c, oh, ow, k * k).argmax(-1)
    rows = best // k + stride * np.arange(oh)[:, None]
    columns = best % k + stride * np.arange(ow)
    dframed = np.zeros_like(framed)
    dframed[np.arange(n)[:, None, None, None], np.arange(c)[:, None, None], rows, columns] += dy
    return dframed[:, :, padding : padding + h, padding : padding + w]
