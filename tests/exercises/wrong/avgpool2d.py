"""Wrong answers to the exercise avgpool2d."""

import numpy as np
from exercises.answers import catalogue
from exercises.wrong.maxpool2d import pooled, spread, windows

wrong, WRONG = catalogue()


@wrong("forward", "divide by the number of real pixels")
def padding_not_counted(x, kernel_size, stride, padding):
    return pooled(np.nanmean, x, kernel_size, stride, padding, fill=np.nan)


@wrong("forward", "This is the sum of each window")
def the_sum(x, kernel_size, stride, padding):
    return pooled(np.sum, x, kernel_size, stride, padding, fill=0)


@wrong("forward", "You divide by the kernel size once")
def divided_once(x, kernel_size, stride, padding):
    return pooled(np.sum, x, kernel_size, stride, padding, fill=0) / kernel_size


@wrong("forward", "You divide by stride²")
def divided_by_stride(x, kernel_size, stride, padding):
    return pooled(np.sum, x, kernel_size, stride, padding, fill=0) / stride**2


@wrong("forward", "This is the maximum")
def the_maximum(x, kernel_size, stride, padding):
    return pooled(np.max, x, kernel_size, stride, padding)


@wrong("forward", "move by the kernel size")
def side_by_side(x, kernel_size, stride, padding):
    return pooled(np.mean, x, kernel_size, kernel_size, padding, fill=0)


@wrong("forward", "The windows move by one pixel")
def no_stride(x, kernel_size, stride, padding):
    return pooled(np.mean, x, kernel_size, 1, padding, fill=0)


@wrong("forward", "The padding is ignored")
def no_padding(x, kernel_size, stride, padding):
    return pooled(np.mean, x, kernel_size, stride, 0)


@wrong("forward", "over the channels as well")
def over_channels(x, kernel_size, stride, padding):
    y = pooled(np.mean, x, kernel_size, stride, padding, fill=0)
    return np.repeat(y.mean(axis=1)[:, None], x.shape[1], axis=1)


@wrong("forward", "wrong only where the window reaches into the padding")
def padding_of_ones(x, kernel_size, stride, padding):
    return pooled(np.mean, x, kernel_size, stride, padding, fill=1)


@wrong("forward", "It would be right if kernel_size were 1")
def the_median(x, kernel_size, stride, padding):
    return pooled(np.median, x, kernel_size, stride, padding, fill=0)


def equal_parts(divisor):
    return lambda window, g: np.full_like(window, g / divisor)


@wrong("backward", "gets the whole dy")
def not_divided(dy, x, kernel_size, stride, padding):
    return spread(equal_parts(1), dy, x, kernel_size, stride, padding)


@wrong("backward", "You divide by the kernel size once")
def dx_divided_once(dy, x, kernel_size, stride, padding):
    return spread(equal_parts(kernel_size), dy, x, kernel_size, stride, padding)


@wrong("backward", "You divide by stride²")
def dx_divided_by_stride(dy, x, kernel_size, stride, padding):
    return spread(equal_parts(stride**2), dy, x, kernel_size, stride, padding)


@wrong("backward", "do you assign where you should add")
def assigned(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for at, place, _ in windows(x, kernel_size, stride, padding):
        dframed[place] = dy[at] / kernel_size**2
    return dframed[:, :, padding : padding + h, padding : padding + w]


@wrong("backward", "right but for padding")
def dx_padding_not_counted(dy, x, kernel_size, stride, padding):
    def how(window, g):
        return np.full_like(window, g / np.isfinite(window).sum())

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "Only one pixel of each window")
def to_one_pixel(dy, x, kernel_size, stride, padding):
    def how(window, g):
        part = np.zeros_like(window)
        part[0, 0] = g / kernel_size**2
        return part

    return spread(how, dy, x, kernel_size, stride, padding)


@wrong("backward", "The frame is still round dx")
def with_its_frame(dy, x, kernel_size, stride, padding):
    n, c, h, w = x.shape
    dframed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    for at, place, _ in windows(x, kernel_size, stride, padding):
        dframed[place] += dy[at] / kernel_size**2
    return dframed


@wrong("backward", "empty where padding is 0")
def cut_with_minus_padding(dy, x, kernel_size, stride, padding):
    dframed = with_its_frame(dy, x, kernel_size, stride, padding)
    return dframed[:, :, padding:-padding, padding:-padding]


@wrong("backward", "It runs in the case “windows side by side”")
def repeated(dy, x, kernel_size, stride, padding):
    """Right where windows lie side by side and cover all of x."""
    big = dy.repeat(kernel_size, 2).repeat(kernel_size, 3) / kernel_size**2
    return big + np.zeros_like(x)


@wrong("backward", "stand in another order")
def rows_for_columns(dy, x, kernel_size, stride, padding):
    dx = spread(equal_parts(kernel_size**2), dy, x, kernel_size, stride, padding)
    return dx.swapaxes(2, 3)


# -- from a review of hints --


def by_loops(x, kernel_size, stride, padding, last=(0, 0), rows=None, columns=None):
    framed = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = ((size - kernel_size) // stride + 1 for size in framed.shape[2:])
    y = np.zeros((*x.shape[:2], oh, ow))
    for p in range(oh - last[0]):
        for q in range(ow - last[1]):
            for i in range(kernel_size if rows is None else kernel_size + rows):
                for j in range(kernel_size if columns is None else kernel_size + columns):
                    y[:, :, p, q] += framed[:, :, p * stride + i, q * stride + j]
    return y / kernel_size**2


@wrong("forward", "rounded down")
def whole_division(x, kernel_size, stride, padding):
    return by_loops(x, kernel_size, stride, padding) * kernel_size**2 // kernel_size**2


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


@wrong("backward", "dy is multiplied by x")
def parts_times_x(dy, x, kernel_size, stride, padding):
    dframed = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))
    for n, c, p, q in np.ndindex(dy.shape):
        part = dy[n, c, p, q] / kernel_size / kernel_size
        for i, j in np.ndindex(kernel_size, kernel_size):
            dframed[n, c, p * stride + i, q * stride + j] += part
    return dframed[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] * x
