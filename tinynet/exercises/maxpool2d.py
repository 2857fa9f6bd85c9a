"""Max pooling: the largest value of each window, and where its gradient goes."""

import numpy as np

from ..layers import AvgPool2d, MaxPool2d
from . import pooling
from .pooling import AXES, overwritten, pixels, spread, windows
from .task import Exercise, Task


def forward(x, kernel_size, stride, padding):
    return MaxPool2d(kernel_size, stride, padding).forward(x)


def backward(dy, x, kernel_size, stride, padding):
    pool = MaxPool2d(kernel_size, stride, padding)
    pool.forward(x)
    return pool.backward(dy)


def case(what, shape, kernel_size, stride, padding=0, ties=False, low=0.0):
    """ties: whole numbers, 0 in half of the places, as after a ReLU. low: added to x."""
    rng = np.random.default_rng(sum(shape) + stride)
    x = rng.standard_normal(shape) + low
    if ties:
        x = np.maximum(rng.integers(-3, 4, shape), 0).astype(np.float64)
    return pooling.case(what, MaxPool2d, x, kernel_size, stride, padding, rng)


CASES = [
    case("windows side by side", (1, 1, 4, 4), 2, 2),
    case("several images and channels", (2, 3, 4, 6), 2, 2),
    case("the last row and column out of reach", (1, 2, 5, 7), 2, 2),
    case("overlapping windows", (2, 2, 6, 5), 3, 2),
    case("overlapping windows, stride 1", (1, 2, 4, 5), 3, 1),
    case("gaps between the windows", (1, 2, 7, 8), 2, 3),
    case("padding", (2, 1, 6, 5), 3, 2, padding=1),
    case("padding round negative values", (1, 2, 4, 6), 2, 2, padding=1, low=-9.0),
    case("ties", (2, 3, 8, 6), 2, 2, ties=True),
    case("ties in overlapping windows", (2, 2, 7, 6), 3, 2, padding=1, ties=True),
]


def has_ties(x, kernel_size, stride, padding):
    """The pixels that share the maximum of a window with another pixel of it."""
    cols = windows(x, kernel_size, stride, padding)
    shared = cols == cols.max(2, keepdims=True)
    shared &= shared.sum(2, keepdims=True) > 1
    return pixels(shared.astype(np.float64), x, kernel_size, stride, padding) > 0


FORWARD = Task(forward, "y", CASES, AXES)
BACKWARD = Task(
    backward,
    "dx",
    CASES,
    AXES,
    {"dx": {"where several pixels of a window are equal and largest (ties)": has_ties}},
)


@FORWARD.mistake(
    "y",
    "The padding counts as 0, and where all of x is negative, 0 wins. What should the frame hold, "
    "so that it never wins?",
)
def frame_of_zeros(x, kernel_size, stride, padding):
    return (
        windows(x, kernel_size, stride, padding, fill=0)
        .max(2)
        .reshape(forward(x, kernel_size, stride, padding).shape)
    )


@FORWARD.mistake(
    "y",
    "0 wins where all of a window is negative. Does a running maximum begin at 0? With what must "
    "it begin, so that any value is larger?",
)
def maximum_from_zero(x, kernel_size, stride, padding):
    return np.maximum(forward(x, kernel_size, stride, padding), 0)


@FORWARD.mistake("y", "This is the mean of each window.")
def mean(x, kernel_size, stride, padding):
    return AvgPool2d(kernel_size, stride, padding).forward(x)


@FORWARD.mistake("y", "This is the minimum of each window.")
def minimum(x, kernel_size, stride, padding):
    return -forward(-x, kernel_size, stride, padding)


@FORWARD.mistake(
    "y", "You take the largest in size, |x|. The largest value is meant, with its sign."
)
def largest_in_size(x, kernel_size, stride, padding):
    cols = windows(x, kernel_size, stride, padding, fill=0)
    winner = np.abs(cols).argmax(2)[:, :, None]
    y = np.take_along_axis(cols, winner, 2)
    return y.reshape(forward(x, kernel_size, stride, padding).shape)


pooling.windows_elsewhere(FORWARD, lambda cols, _: cols.max((2, 3)), -np.inf)


@FORWARD.mistake(
    "y",
    "The maximum is taken over the channels as well, and is the same in all of them. Each channel "
    "is pooled by itself.",
)
def over_channels(x, kernel_size, stride, padding):
    y = forward(x, kernel_size, stride, padding)
    return np.broadcast_to(y.max(1, keepdims=True), y.shape)


# -- backward --


def winners(x, kernel_size, stride, padding):
    """Mask like the windows: 1 at the first of the largest."""
    cols = windows(x, kernel_size, stride, padding)
    return np.arange(cols.shape[2])[:, None] == cols.argmax(2)[:, :, None]


TO_ALL = (
    "This is right but for ties: every pixel that equals the maximum gets the whole dy. y is a "
    "copy of one of them, so one gets it: the first in reading order."
)


@BACKWARD.mistake("dx", TO_ALL)
def ties_all(dy, x, kernel_size, stride, padding):
    cols = windows(x, kernel_size, stride, padding)
    mask = cols == cols.max(2, keepdims=True)
    return pixels(mask * spread(dy), x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "This is right but for ties: the pixels that equal the maximum share dy. That can be defended, "
    "but here, as in most libraries, the first one in reading order gets all of it.",
)
def ties_shared(dy, x, kernel_size, stride, padding):
    cols = windows(x, kernel_size, stride, padding)
    mask = cols == cols.max(2, keepdims=True)
    mask = mask / mask.sum(2, keepdims=True)
    return pixels(mask * spread(dy), x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "This is right but for ties: the last of the equal ones gets dy. It is the first one, in "
    "reading order. Do you compare with ≥ where > is meant?",
)
def ties_last(dy, x, kernel_size, stride, padding):
    cols = windows(x, kernel_size, stride, padding)
    last = cols.shape[2] - 1 - cols[:, :, ::-1].argmax(2)[:, :, None]
    mask = np.arange(cols.shape[2])[:, None] == last
    return pixels(mask * spread(dy), x, kernel_size, stride, padding)


OVERWRITTEN = (
    "dx is right where windows do not overlap. Where they do, a pixel may win in several, and its "
    "gradient is the sum of their dy: do you assign where you should add? (a[i, j] += d with "
    "arrays i and j adds once to a place that stands in them twice; np.add.at adds each time.)"
)


@BACKWARD.mistake("dx", OVERWRITTEN)
def winner_assigned(dy, x, kernel_size, stride, padding):
    mask = winners(x, kernel_size, stride, padding)
    return overwritten(mask * spread(dy), x, kernel_size, stride, padding, only=mask)


@BACKWARD.mistake("dx", OVERWRITTEN)
def window_assigned(dy, x, kernel_size, stride, padding):
    mask = winners(x, kernel_size, stride, padding)
    return overwritten(mask * spread(dy), x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "Every pixel of the window gets dy. y is a copy of its largest pixel: what does y do if "
    "another one moves a little?",
)
def whole_window(dy, x, kernel_size, stride, padding):
    cols = np.repeat(spread(dy), kernel_size**2, 2)
    return pixels(cols, x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "Row and column of the winner are exchanged. What argmax gives counts in reading order: which "
    "of its quotient and remainder by kernel_size is the row?",
)
def winner_transposed(dy, x, kernel_size, stride, padding):
    k = kernel_size
    mask = winners(x, k, stride, padding) * 1.0
    mask = mask.reshape(*mask.shape[:2], k, k, -1).swapaxes(2, 3)
    cols = mask.reshape(*mask.shape[:2], k * k, -1) * spread(dy)
    return pixels(cols, x, k, stride, padding)


@BACKWARD.mistake(
    "dx",
    "This says how often a pixel wins. The chain rule needs it multiplied by what comes from "
    "above: where is dy?",
)
def without_dy(dy, x, kernel_size, stride, padding):
    return backward(np.ones_like(dy), x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "dy is divided by the number of pixels in the window, as for a mean. The maximum is a copy of "
    "one pixel: with which factor does it move?",
)
def divided(dy, x, kernel_size, stride, padding):
    return backward(dy, x, kernel_size, stride, padding) / kernel_size**2


@BACKWARD.mistake(
    "dx",
    "dy is multiplied by the maximum. y is a copy of one pixel: with which factor does it move?",
)
def times_maximum(dy, x, kernel_size, stride, padding):
    y = forward(x, kernel_size, stride, padding)
    return backward(dy * y, x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "In backward the padding counts as 0 and can win, so that dy is lost in the frame. The winner "
    "has to be the one that forward took.",
)
def frame_wins(dy, x, kernel_size, stride, padding):
    cols = windows(x, kernel_size, stride, padding, fill=0)
    mask = np.arange(cols.shape[2])[:, None] == cols.argmax(2)[:, :, None]
    return pixels(mask * spread(dy), x, kernel_size, stride, padding)


pooling.frame_left(BACKWARD, fill=-np.inf)

EXERCISE = Exercise("maxpool2d", "Max pooling: who gets the gradient", [FORWARD, BACKWARD])
