"""Average pooling: the mean of each window."""

import numpy as np

from ..layers import AvgPool2d, MaxPool2d
from . import pooling
from .pooling import AXES, overwritten, pixels, spread
from .task import Exercise, Task


def forward(x, kernel_size, stride, padding):
    return AvgPool2d(kernel_size, stride, padding).forward(x)


def backward(dy, x, kernel_size, stride, padding):
    pool = AvgPool2d(kernel_size, stride, padding)
    pool.forward(x)
    return pool.backward(dy)


def case(what, shape, kernel_size, stride, padding=0):
    rng = np.random.default_rng(sum(shape) + stride)
    x = rng.standard_normal(shape)
    return pooling.case(what, AvgPool2d, x, kernel_size, stride, padding, rng)


CASES = [
    case("windows side by side", (1, 1, 4, 4), 2, 2),
    case("several images and channels", (2, 3, 4, 6), 2, 2),
    case("one window for each channel", (2, 4, 3, 3), 3, 3),
    case("the last row and column out of reach", (1, 2, 5, 7), 2, 2),
    case("overlapping windows", (2, 2, 7, 5), 3, 2),
    case("overlapping windows, stride 1", (1, 2, 4, 5), 3, 1),
    case("gaps between the windows", (1, 2, 7, 8), 2, 3),
    case("padding", (2, 1, 5, 7), 3, 2, padding=1),
]


def real_pixels(x, kernel_size, stride, padding):
    """How many pixels of each window are not padding."""
    return forward(np.ones_like(x), kernel_size, stride, padding) * kernel_size**2


def sees_padding(x, kernel_size, stride, padding):
    return real_pixels(x, kernel_size, stride, padding) < kernel_size**2 - 0.5


FORWARD = Task(
    forward, "y", CASES, AXES, {"y": {"where the window reaches into the padding": sees_padding}}
)
BACKWARD = Task(backward, "dx", CASES, AXES)


@FORWARD.mistake(
    "y",
    "This is right but for padding. You divide by the number of real pixels in the window; here "
    "the zeros of the padding count, too.",
)
def padding_not_counted(x, kernel_size, stride, padding):
    y = forward(x, kernel_size, stride, padding)
    return y * kernel_size**2 / real_pixels(x, kernel_size, stride, padding)


@FORWARD.mistake("y", "This is the sum of each window. How many values does its mean divide by?")
def window_sum(x, kernel_size, stride, padding):
    return forward(x, kernel_size, stride, padding) * kernel_size**2


@FORWARD.mistake("y", "You divide by the kernel size once. How many pixels does a window have?")
def divided_once(x, kernel_size, stride, padding):
    return forward(x, kernel_size, stride, padding) * kernel_size


@FORWARD.mistake(
    "y", "You divide by stride². The stride says how far windows are apart, not how large."
)
def divided_by_stride(x, kernel_size, stride, padding):
    return forward(x, kernel_size, stride, padding) * kernel_size**2 / stride**2


@FORWARD.mistake("y", "This is the maximum of each window.")
def maximum(x, kernel_size, stride, padding):
    return MaxPool2d(kernel_size, stride, padding).forward(x)


pooling.windows_elsewhere(FORWARD, lambda cols, k: cols.sum((2, 3)) / k**2, 0.0)


@FORWARD.mistake(
    "y", "The mean is taken over the channels as well. Each channel is pooled by itself."
)
def over_channels(x, kernel_size, stride, padding):
    y = forward(x, kernel_size, stride, padding)
    return np.broadcast_to(y.mean(1, keepdims=True), y.shape)


@BACKWARD.mistake(
    "dx",
    "Each pixel of the window gets the whole dy. y is a mean: by how much does it move if one of "
    "the pixels moves by 1?",
)
def not_divided(dy, x, kernel_size, stride, padding):
    return backward(dy, x, kernel_size, stride, padding) * kernel_size**2


@BACKWARD.mistake("dx", "You divide by the kernel size once. How many pixels does a window have?")
def dx_divided_once(dy, x, kernel_size, stride, padding):
    return backward(dy, x, kernel_size, stride, padding) * kernel_size


@BACKWARD.mistake(
    "dx", "You divide by stride². The stride says how far windows are apart, not how large."
)
def dx_divided_by_stride(dy, x, kernel_size, stride, padding):
    return backward(dy, x, kernel_size, stride, padding) * kernel_size**2 / stride**2


@BACKWARD.mistake(
    "dx",
    "dx is right where windows do not overlap. Where they do, a pixel of x is in several, and its "
    "gradient is a sum with a part from each: do you assign where you should add?",
)
def assigned(dy, x, kernel_size, stride, padding):
    cols = np.repeat(spread(dy) / kernel_size**2, kernel_size**2, 2)
    return overwritten(cols, x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "This is right but for padding: you divide by the number of real pixels in the window. Forward "
    "divides by all of them, the zeros of the padding included.",
)
def dx_padding_not_counted(dy, x, kernel_size, stride, padding):
    dy = dy * kernel_size**2 / real_pixels(x, kernel_size, stride, padding)
    return backward(dy, x, kernel_size, stride, padding)


@BACKWARD.mistake(
    "dx",
    "dy is multiplied by x. y is a sum of pixels, each with the factor 1/k²: does the derivative "
    "hold the pixel itself?",
)
def times_x(dy, x, kernel_size, stride, padding):
    return backward(dy, x, kernel_size, stride, padding) * x


@BACKWARD.mistake(
    "dx", "Only one pixel of each window gets a part of dy. All of them are in the mean."
)
def one_pixel(dy, x, kernel_size, stride, padding):
    cols = np.zeros((*dy.shape[:2], kernel_size**2, dy[0, 0].size))
    cols[:, :, :1] = spread(dy) / kernel_size**2
    return pixels(cols, x, kernel_size, stride, padding)


pooling.frame_left(BACKWARD, fill=0)

EXERCISE = Exercise("avgpool2d", "Average pooling: a gradient in equal parts", [FORWARD, BACKWARD])
