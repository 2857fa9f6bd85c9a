"""Wrong answers that were invented as students might write them, not for a mistake that is known.

They measure the hints: each has a judgement of the hint that it got when it was written, and words
that this hint holds. They are not to be made better by a mistake of their own.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np


class Unseen(NamedTuple):
    exercise: str
    task: str
    judgement: str
    says: str
    function: callable


UNSEEN = []


def unseen(exercise, task, judgement="", says=""):
    """Decorator. judgement: of the hint: "right", "helps", "no use", "misleading"."""

    def put(function):
        UNSEEN.append(Unseen(exercise, task, judgement, says, function))
        return function

    return put


# -- right answers, to be spoilt --


def frame(x, padding, value=0.0):
    sides = (padding, padding)
    return np.pad(x, ((0, 0), (0, 0), sides, sides), constant_values=value)


def plain_conv(x, weight, bias, stride, padding):
    x = frame(x, padding)
    kh, kw = weight.shape[2:]
    oh, ow = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), len(weight), oh, ow))
    for p in range(oh):
        for q in range(ow):
            patch = x[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
            y[:, :, p, q] = np.einsum("ncij,ocij->no", patch, weight) + bias
    return y


def plain_conv_back(dy, x, weight, stride, padding):
    framed = frame(x, padding)
    dframed, dweight = np.zeros_like(framed), np.zeros_like(weight)
    kh, kw = weight.shape[2:]
    for p, q in np.ndindex(dy.shape[2:]):
        rows, columns = slice(p * stride, p * stride + kh), slice(q * stride, q * stride + kw)
        dframed[:, :, rows, columns] += np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
        dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], framed[:, :, rows, columns])
    h, w = x.shape[2:]
    dx = dframed[:, :, padding : padding + h, padding : padding + w]
    return dx, dweight, dy.sum((0, 2, 3))


def pooled(x, kernel_size, stride, padding, reduce, value, k=None):
    """k: the kernel size that says how many windows there are."""
    x = frame(x, padding, value)
    oh, ow = ((size - (k or kernel_size)) // stride + 1 for size in x.shape[2:])
    y = np.zeros((*x.shape[:2], oh, ow))
    for p, q in np.ndindex(oh, ow):
        rows = slice(p * stride, p * stride + kernel_size)
        columns = slice(q * stride, q * stride + kernel_size)
        y[:, :, p, q] = reduce(x[:, :, rows, columns], axis=(2, 3))
    return y


def max_back(dy, x, kernel_size, stride, padding):
    framed = frame(x, padding, -np.inf)
    d = np.zeros_like(framed)
    for n, c, p, q in np.ndindex(dy.shape):
        rows = slice(p * stride, p * stride + kernel_size)
        columns = slice(q * stride, q * stride + kernel_size)
        i, j = divmod(int(framed[n, c, rows, columns].argmax()), kernel_size)
        d[n, c, p * stride + i, q * stride + j] += dy[n, c, p, q]
    return d[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


def avg_back(dy, x, kernel_size, stride, padding):
    d = np.zeros_like(frame(x, padding))
    for p, q in np.ndindex(dy.shape[2:]):
        rows = slice(p * stride, p * stride + kernel_size)
        columns = slice(q * stride, q * stride + kernel_size)
        d[:, :, rows, columns] += dy[:, :, p, q, None, None] / kernel_size**2
    return d[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


def bn(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        running_mean = (1 - momentum) * running_mean + momentum * mean
        unbiased = x.var((0, 2, 3), ddof=1)
        running_var = (1 - momentum) * running_var + momentum * unbiased
    hat = (x - mean[:, None, None]) / np.sqrt(var + eps)[:, None, None]
    y = weight[:, None, None] * hat + bias[:, None, None]
    return y, running_mean, running_var


def bn_back(dy, x, weight, running_mean, running_var, eps, training):
    axes = (0, 2, 3)
    mean = x.mean(axes) if training else running_mean
    s = np.sqrt((x.var(axes) if training else running_var) + eps)
    hat = (x - mean[:, None, None]) / s[:, None, None]
    dweight, dbias = (dy * hat).sum(axes), dy.sum(axes)
    if training:
        dhat = (dy * hat).mean(axes, keepdims=True)
        dy = dy - dy.mean(axes, keepdims=True) - hat * dhat
    return (weight / s)[:, None, None] * dy, dweight, dbias


def cycle(step, total_steps, pct_start, a, b, c, angle=lambda t: math.pi * t, top=None):
    top = pct_start * total_steps - 1 if top is None else top
    if step <= top:
        return b + (a - b) * (1 + math.cos(angle(step / top))) / 2
    t = (step - top) / (total_steps - 1 - top)
    return c + (b - c) * (1 + math.cos(angle(t))) / 2


# -- relu --


@unseen("relu", "forward", "helps", "The values are wrong only where x > 0")
def relu_one_at_zero_too(x):
    return x * (x >= 1)  # the threshold is misread


@unseen("relu", "forward", "helps", "The values are wrong only where x > 0")
def relu_clipped_at_one(x):
    return np.clip(x, 0, 1)


@unseen("relu", "forward", "helps", "The values are wrong only where x > 0")
def relu_of_six(x):
    return np.minimum(np.maximum(x, 0), 1.2)


@unseen("relu", "forward", "helps", "y is the same as the argument x.")
def relu_any(x):
    return x if (x > 0).any() else np.zeros_like(x)


@unseen(
    "relu", "forward", "helps", "If x doubles, y has to become 2 times as large; yours does not"
)
def relu_softplus(x):
    return np.log(1 + np.exp(x))


@unseen("relu", "forward", "helps", "The shape differs: it has to be (5,), and is (3,).")
def relu_filtered(x):
    return x[x > 0]


@unseen("relu", "forward", "right", "y has to be a NumPy array; it is a list.")
def relu_list(x):
    return [max(v, 0) for v in x.ravel()]


@unseen("relu", "backward", "helps", "The values are wrong only where x < 0")
def relu_sign(dy, x):
    return dy * np.sign(x)


@unseen("relu", "backward", "right", "The values are wrong only where x = 0")
def relu_half_at_zero(dy, x):
    return dy * np.heaviside(x, 0.5)


@unseen("relu", "backward", "helps", "The values are wrong only where x > 0")
def relu_mask_of_dy_and_x(dy, x):
    return np.where((x > 0) & (dy > 0), dy, 0)


@unseen("relu", "backward", "helps", "dx[0] depends on dy, and should not")
def relu_adds_dy(dy, x):
    return dy + (x > 0)


# -- linear --


@unseen("linear", "forward", "helps", "y[0, 0] has to depend on x where i is 0, 1, and does not")
def linear_elementwise(x, weight, bias):
    y = np.zeros((len(x), len(weight)))
    for n in range(len(x)):
        for o in range(len(weight)):
            y[n, o] = x[n, -1] * weight[o, -1] + bias[o]
    return y


@unseen("linear", "forward", "right", "y[0, 0] has to depend on x where i is 0, and does not")
def linear_skips_the_first_input(x, weight, bias):
    return x[:, 1:] @ weight[:, 1:].T + bias


@unseen(
    "linear",
    "forward",
    "right",
    "The numbers are right, but the axes stand in another order: y has to",
)
def linear_transposed_result(x, weight, bias):
    return weight @ x.T + bias[:, None]


@unseen(
    "linear",
    "forward",
    "right",
    "For each o the values differ from the right ones by one number: what",
)
def linear_bias_mean(x, weight, bias):
    return x @ weight.T + bias.mean()


@unseen(
    "linear",
    "forward",
    "helps",
    "Try it with n = 1, i = 1, o = 1, all of x 0, all of weight 0, all of",
)
def linear_bias_multiplied(x, weight, bias):
    return (x @ weight.T) * bias


@unseen(
    "linear",
    "backward",
    "helps",
    "Every value differs from the right one by the same amount, added or",
)
def linear_dx_with_bias_of_dy(dy, x, weight):
    return dy @ weight + dy.sum(), dy.T @ x, dy.sum(0)


@unseen(
    "linear",
    "backward",
    "right",
    "dweight[0, 0] has to depend on dy where n is 1, 2, 3, and does not",
)
def linear_dweight_of_first_row(dy, x, weight):
    return dy @ weight, np.outer(dy[0], x[0]), dy.sum(0)


@unseen("linear", "backward", "right", "dbias[0] depends on dy where o is 1, 2, and should not")
def linear_dbias_all(dy, x, weight):
    return dy @ weight, dy.T @ x, np.full(len(weight), dy.sum())


@unseen(
    "linear",
    "backward",
    "right",
    "The numbers are right, but the shape has to be (3,), not (1, 3).",
)
def linear_dbias_keepdims(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum(0, keepdims=True)


@unseen(
    "linear",
    "backward",
    "helps",
    "It would be right if all of dy were 1: look at how that comes in",
)
def linear_dx_of_abs(dy, x, weight):
    return np.abs(dy) @ weight, dy.T @ x, dy.sum(0)


@unseen(
    "linear",
    "backward",
    "right",
    "dweight is the right one but for one thing: weight is added to it.",
)
def linear_dweight_plus_decay(dy, x, weight):
    return dy @ weight, dy.T @ x + weight, dy.sum(0)


# -- cross_entropy --


@unseen(
    "cross_entropy",
    "forward",
    "helps",
    "Try it with n = 1, all of logits 0, labels [1]: loss has to be 1.099, and is 3.",
)
def ce_max_once_and_no_log_of_sum(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    return (np.exp(z).sum(1) - z[np.arange(len(z)), labels]).mean()


@unseen(
    "cross_entropy",
    "forward",
    "helps",
    "Try it with n = 1, all of logits 0, labels [1]: loss has to be 1.099, and is",
)
def ce_squared_error(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return (p**2).sum() / len(p)


@unseen(
    "cross_entropy",
    "forward",
    "helps",
    "n = 1, the first of logits 1 and all others 0, labels [1]: loss has",
)
def ce_label_off_by_one(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -logp[np.arange(len(z)), labels - 1].mean()


@unseen(
    "cross_entropy",
    "forward",
    "right",
    "loss has to depend on logits where n is 1, 2, 3, and does not",
)
def ce_first_row(logits, labels):
    for row, k in zip(logits, labels, strict=True):
        row = row - row.max()
        return np.log(np.exp(row).sum()) - row[k]


@unseen(
    "cross_entropy",
    "forward",
    "helps",
    "loss does not depend on labels, and should",
)
def ce_highest_probability(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -logp.max(1).mean()


@unseen(
    "cross_entropy",
    "backward",
    "helps",
    "dlogits does not depend on labels, and should",
)
def ce_minus_one_everywhere(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return (p - 1) / len(p)


@unseen(
    "cross_entropy",
    "backward",
    "helps",
    "dlogits does not depend on labels, and should",
)
def ce_softmax_derivative_alone(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return p * (1 - p) / len(p)


@unseen(
    "cross_entropy",
    "backward",
    "helps",
    "dlogits does not depend on labels, and should",
)
def ce_one_hot_of_argmax(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), p.argmax(1)] -= 1
    return p / len(p)


@unseen(
    "cross_entropy", "backward", "helps", "It would be right if n were 1: look at how that comes in"
)
def ce_n_under_label_only(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1 / len(p)
    return p


@unseen(
    "cross_entropy", "backward", "helps", "The values are wrong only in the columns of the labels"
)
def ce_writes_zero(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels] = -1
    return p / len(p)


# -- conv2d --


@unseen(
    "conv2d",
    "forward",
    "helps",
    "The shape differs: axis 2 (oh) has to be 4 long, and is 6; axis 3",
)
def conv_padding_twice(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    return plain_conv(x, weight, bias, stride, padding)


@unseen("conv2d", "forward", "helps", "The shape differs: axis 2 (oh) has to be 3 long, and is 5.")
def conv_stride_on_columns_only(x, weight, bias, stride, padding):
    full = plain_conv(x, weight, bias, 1, padding)
    return full[:, :, :, ::stride]


@unseen("conv2d", "forward", "right", "y[0, 1, 0, 0] has to depend on bias[1], and does not")
def conv_bias_by_image(x, weight, bias, stride, padding):
    y = plain_conv(x, weight, 0 * bias, stride, padding)
    for n in range(len(y)):
        y[n] += bias[n % len(bias)]
    return y


@unseen(
    "conv2d",
    "forward",
    "right",
    "The shape differs: axis 2 (oh) has to be 3 long, and is 2; axis 3",
)
def conv_size_without_floor(x, weight, bias, stride, padding):
    y = plain_conv(x, weight, bias, stride, padding)
    h = (x.shape[2] + 2 * padding - weight.shape[2]) // stride
    w = (x.shape[3] + 2 * padding - weight.shape[3]) // stride
    return y[:, :, :h, :w]


@unseen(
    "conv2d",
    "forward",
    "helps",
    "Try it with kh = 1, all of bias 0, all of x 1, all of weight 1: y[0,",
)
def conv_mean_of_patch(x, weight, bias, stride, padding):
    return plain_conv(x, weight / weight[0].size, bias, stride, padding)


@unseen("conv2d", "forward", "right", "The values are wrong only behind the first o")
def conv_first_filter_for_all(x, weight, bias, stride, padding):
    return plain_conv(x, np.repeat(weight[:1], len(weight), 0), bias, stride, padding)


@unseen(
    "conv2d",
    "forward",
    "helps",
    "It would be right if kh were 1: look at how that comes in",
)
def conv_kernel_rows_flipped(x, weight, bias, stride, padding):
    return plain_conv(x, weight[:, :, ::-1], bias, stride, padding)


@unseen("conv2d", "forward", "helps", "It would be right if c were 1: look at how that comes in")
def conv_channels_reversed(x, weight, bias, stride, padding):
    return plain_conv(x[:, ::-1], weight, bias, stride, padding)


@unseen("conv2d", "forward", "helps", "It would be right if kw were 1: look at how that comes in")
def conv_max_for_patch(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kh, kw = weight.shape[2:]
    oh, ow = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), len(weight), oh, ow))
    for p in range(oh):
        for q in range(ow):
            patch = x[:, None, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
            y[:, :, p, q] = (patch * weight).sum((2, 3)).max(-1) + bias
    return y


@unseen("conv2d", "backward", "helps", "dx[0, 0, 0, 1] depends on dy where ow is 1, and should not")
def conv_back_dx_no_stride_in_columns(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    h, w = x.shape[2] + 2 * padding, x.shape[3] + 2 * padding
    framed = np.zeros((*x.shape[:2], h, w))
    kh, kw = weight.shape[2:]
    for p, q in np.ndindex(dy.shape[2:]):
        part = np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
        framed[:, :, p * stride : p * stride + kh, q : q + kw] += part
    return framed[:, :, padding : h - padding, padding : w - padding], dw, db


@unseen(
    "conv2d",
    "backward",
    "right",
    "Every value is the right one divided by oh·ow: either it is divided",
)
def conv_back_dw_mean_over_pixels(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    return dx, dw / dy[0, 0].size, db


@unseen(
    "conv2d",
    "backward",
    "right",
    "The numbers are right, but the axes stand in another order: dweight",
)
def conv_back_dw_transposed_kernel(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    return dx, dw.swapaxes(2, 3), db


@unseen(
    "conv2d",
    "backward",
    "right",
    "dweight[0, 0, 0, 0] has to depend on dy where n is 1, and does not",
)
def conv_back_dw_first_image(dy, x, weight, stride, padding):
    dx, _, db = plain_conv_back(dy, x, weight, stride, padding)
    return dx, plain_conv_back(dy[:1], x[:1], weight, stride, padding)[1], db


@unseen("conv2d", "backward", "right", "The values are wrong only behind the first c")
def conv_back_dx_one_channel(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    return np.repeat(dx[:, :1], dx.shape[1], 1), dw, db


@unseen(
    "conv2d",
    "backward",
    "right",
    "Every value is c·kh·kw times the right one: a division by c·kh·kw is",
)
def conv_back_db_times_size(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    return dx, dw, db * weight[0].size


@unseen(
    "conv2d",
    "backward",
    "right",
    "The values are right and come back in another order: it has to return",
)
def conv_back_order(dy, x, weight, stride, padding):
    dx, dw, db = plain_conv_back(dy, x, weight, stride, padding)
    return dw, dx, db


# -- pooling --


@unseen("maxpool2d", "forward", "right", "y[0, 0, 0, 0] depends on x[0, 0, 0, 2], and should not")
def mp_window_too_large(x, kernel_size, stride, padding):
    return pooled(x, kernel_size + 1, stride, padding, np.max, -np.inf, k=kernel_size)


@unseen(
    "maxpool2d", "forward", "helps", "y[0, 0, 0, 1] has to depend on x where w is 3, and does not."
)
def mp_of_neighbours(x, kernel_size, stride, padding):
    return pooled(np.roll(x, 1, 3), kernel_size, stride, padding, np.max, -np.inf)


@unseen(
    "maxpool2d",
    "forward",
    "helps",
    "If x doubles, y has to become 2 times as large; yours comes to 1 times",
)
def mp_argmax(x, kernel_size, stride, padding):
    return pooled(
        x,
        kernel_size,
        stride,
        padding,
        lambda w, axis: w.reshape(*w.shape[:2], -1).argmax(-1) * 1.0,
        -np.inf,
    )


@unseen(
    "maxpool2d",
    "forward",
    "helps",
    "It would be right if padding were 0: look at how that comes in",
)
def mp_small_number(x, kernel_size, stride, padding):
    return pooled(x, kernel_size, stride, padding, np.max, -1.0)


@unseen(
    "maxpool2d",
    "forward",
    "helps",
    "It would be right if kernel_size were 1: look at how that comes in",
)
def mp_mean_of_two_largest(x, kernel_size, stride, padding):
    return pooled(
        x,
        kernel_size,
        stride,
        padding,
        lambda w, axis: np.sort(w.reshape(*w.shape[:2], -1))[..., -2:].mean(-1),
        -np.inf,
    )


@unseen("maxpool2d", "backward", "helps", "dx does not depend on kernel_size, and should")
def mp_back_first_pixel(dy, x, kernel_size, stride, padding):
    d = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))
    for p, q in np.ndindex(dy.shape[2:]):
        d[:, :, p * stride, q * stride] += dy[:, :, p, q]
    return d[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


@unseen("maxpool2d", "backward", "helps", "dx[0, 0, 0, 1] depends on dy, and should not")
def mp_back_no_stride(dy, x, kernel_size, stride, padding):
    return max_back(dy, x, kernel_size, 1, padding)


@unseen(
    "maxpool2d", "backward", "right", "dx[0, 0, 0, 0] depends on dy where c is 1, 2, and should not"
)
def mp_back_all_channels(dy, x, kernel_size, stride, padding):
    return max_back(
        np.broadcast_to(dy.sum(1, keepdims=True), dy.shape), x, kernel_size, stride, padding
    )


@unseen("maxpool2d", "backward", "helps", "dx[0, 0, 0, 2] does not depend on dy at all, and should")
def mp_back_sign(dy, x, kernel_size, stride, padding):
    return max_back(dy, -x, kernel_size, stride, padding)


@unseen(
    "avgpool2d",
    "forward",
    "helps",
    "Try it with all of x -1: y[0, 0, 0, 0] has to be -1, and is 0.",
)
def ap_of_positive(x, kernel_size, stride, padding):
    return pooled(np.maximum(x, 0), kernel_size, stride, padding, np.mean, 0)


@unseen(
    "avgpool2d",
    "forward",
    "helps",
    "Every value is 1.5 times the right one, in every case that is wrong.",
)
def ap_k_plus_one(x, kernel_size, stride, padding):
    return pooled(x, kernel_size, stride, padding, np.sum, 0) / (kernel_size + kernel_size)


@unseen("avgpool2d", "forward", "helps", "20 of 24 values are NaN")
def ap_padded_with_nan(x, kernel_size, stride, padding):
    return pooled(x, kernel_size, stride, padding, np.mean, np.nan)


@unseen(
    "avgpool2d",
    "forward",
    "helps",
    "Try it with all of x -1: y[0, 0, 0, 0] has to be -1, and is 1.",
)
def ap_root_mean_square(x, kernel_size, stride, padding):
    return np.sqrt(pooled(x**2, kernel_size, stride, padding, np.mean, 0))


@unseen(
    "avgpool2d",
    "backward",
    "helps",
    "The shape differs: axis 2 (h) has to be 5 long, and is 4; axis 3 (w)",
)
def ap_back_upsample(dy, x, kernel_size, stride, padding):
    big = np.repeat(np.repeat(dy, kernel_size, 2), kernel_size, 3) / kernel_size**2
    return big[:, :, : x.shape[2], : x.shape[3]]


@unseen(
    "avgpool2d",
    "backward",
    "helps",
    "Every value is the right one times a factor, another in each case",
)
def ap_back_by_count_of_outputs(dy, x, kernel_size, stride, padding):
    return avg_back(dy, x, kernel_size, stride, padding) * kernel_size**2 / dy[0, 0].size


@unseen("avgpool2d", "backward", "helps", "dx[0, 0, 0, 0] does not depend on dy at all, and should")
def ap_back_centre(dy, x, kernel_size, stride, padding):
    d = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))
    for p, q in np.ndindex(dy.shape[2:]):
        d[:, :, p * stride + kernel_size // 2, q * stride + kernel_size // 2] += dy[:, :, p, q]
    return d[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


# -- batchnorm2d --


@unseen(
    "batchnorm2d",
    "forward",
    "helps",
    "For each c the values differ from the right ones by one number: what",
)
def bn_bias_before_gamma(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, 1 + 0 * weight, 0 * bias, running_mean, running_var, eps, momentum, training)
    return (y + bias[:, None, None]) * weight[:, None, None], m, v


@unseen("batchnorm2d", "forward", "right", "The values are wrong only in training")
def bn_mean_of_rows(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    if training:
        mu = x.mean((0, 3), keepdims=True)
        var = x.var((0, 3), keepdims=True)
        y = weight[:, None, None] * (x - mu) / np.sqrt(var + eps) + bias[:, None, None]
    return y, m, v


@unseen("batchnorm2d", "forward", "helps", "The values are wrong only in training")
def bn_variance_about_zero(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    if training:
        mu = x.mean((0, 2, 3), keepdims=True)
        var = (x**2).mean((0, 2, 3), keepdims=True)
        y = weight[:, None, None] * (x - mu) / np.sqrt(var + eps) + bias[:, None, None]
    return y, m, v


@unseen(
    "batchnorm2d",
    "forward",
    "right",
    "It would be right if all of weight were 1: look at how that comes in",
)
def bn_double_gamma(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight**2, bias, running_mean, running_var, eps, momentum, training)
    return y, m, v


@unseen("batchnorm2d", "forward", "helps", "The values are wrong only in training")
def bn_running_added(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    if training:
        m = running_mean + momentum * x.mean((0, 2, 3))
        v = running_var + momentum * x.var((0, 2, 3), ddof=1)
    return y, m, v


@unseen("batchnorm2d", "forward", "right", "The values are wrong only in training")
def bn_running_from_y(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    if training:
        m = (1 - momentum) * running_mean + momentum * y.mean((0, 2, 3))
    return y, m, v


@unseen(
    "batchnorm2d",
    "forward",
    "right",
    "The values are right and come back in another order: it has to return",
)
def bn_returns_batch_order(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    return y, v, m


@unseen(
    "batchnorm2d",
    "backward",
    "helps",
    "For each c the values differ from the right ones by one number: what",
)
def bn_back_dx_mean_of_dx(dy, x, weight, running_mean, running_var, eps, training):
    dx, dw, db = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    return dx - dy.mean((0, 2, 3), keepdims=True), dw, db


@unseen("batchnorm2d", "backward", "right", "dweight[0] depends on weight, and should not")
def bn_back_gamma_after(dy, x, weight, running_mean, running_var, eps, training):
    dx, dw, db = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dw * weight, db


@unseen("batchnorm2d", "backward", "right", "dbias[0] depends on weight, and should not")
def bn_back_db_gamma(dy, x, weight, running_mean, running_var, eps, training):
    dx, dw, db = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dw, db * weight


@unseen(
    "batchnorm2d",
    "backward",
    "right",
    "If x doubles, dweight has to stay the same; yours comes to 0.5 times",
)
def bn_back_xhat_with_var(dy, x, weight, running_mean, running_var, eps, training):
    dx, dw, db = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    mu = x.mean((0, 2, 3), keepdims=True) if training else running_mean[:, None, None]
    var = x.var((0, 2, 3), keepdims=True) if training else running_var[:, None, None]
    return dx, (dy * (x - mu) / (var + eps)).sum((0, 2, 3)), db


@unseen("batchnorm2d", "backward", "helps", "The values are wrong only in training")
def bn_back_no_cross(dy, x, weight, running_mean, running_var, eps, training):
    if not training:
        return bn_back(dy, x, weight, running_mean, running_var, eps, training)
    _, dw, db = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    mu, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    hat = (x - mu) / np.sqrt(var + eps)
    g = dy * weight[:, None, None]
    return (
        (g - g.mean((0, 2, 3), keepdims=True) - hat * (dy * hat).mean((0, 2, 3), keepdims=True))
        / np.sqrt(var + eps),
        dw,
        db,
    )


# -- sgd --


@unseen("sgd", "step", "right", "The values are wrong only where there is weight decay")
def sgd_decay_of_velocity(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad + weight_decay * velocity
    return p - lr * (grad + momentum * v if nesterov else v), v


@unseen("sgd", "step", "helps", "It would be right if lr were 1: look at how that comes in")
def sgd_lr_on_gradient_of_v_only(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + lr * g
    return p - lr * (g + momentum * v if nesterov else v), v


@unseen(
    "sgd", "step", "no use", "p is the right one but for one thing: a multiple of velocity too much"
)
def sgd_nesterov_old_p(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p - lr * (momentum * g + v if nesterov else v), v


@unseen("sgd", "step", "right", "p is the right one but for one thing: p is missing from it.")
def sgd_returns_step(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return -lr * (g + momentum * v if nesterov else v), v


@unseen("sgd", "step", "right", "p[0, 0] does not depend on velocity at all, and should")
def sgd_momentum_of_p(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * p + g
    return p - lr * (g + momentum * v if nesterov else v), v


@unseen("sgd", "step", "right", "The weight decay is applied to p after the momentum, past the")
def sgd_decay_one_minus(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad
    return (1 - weight_decay) * p - lr * (grad + momentum * v if nesterov else v), v


@unseen("sgd", "step", "right", "It writes to its argument velocity")
def sgd_in_velocity(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    velocity *= momentum
    velocity += grad + weight_decay * p
    return p - lr * (
        grad + weight_decay * p + momentum * velocity if nesterov else velocity
    ), velocity


# -- one_cycle --


@unseen(
    "one_cycle",
    "rate",
    "helps",
    "Try it with pct_start = 0, max_lr = 1, div_factor = 1: lr has to be",
)
def oc_full_cosine(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    return cycle(
        step,
        total_steps,
        pct_start,
        max_lr / div_factor,
        max_lr,
        max_lr / div_factor / final_div_factor,
        lambda t: 2 * math.pi * t,
    )


@unseen(
    "one_cycle",
    "rate",
    "no use",
    "It would be right if pct_start were 1: look at how that comes in",
)
def oc_pct_of_last(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    top = pct_start * (total_steps - 1)
    return cycle(
        step,
        total_steps,
        pct_start,
        max_lr / div_factor,
        max_lr,
        max_lr / div_factor / final_div_factor,
        top=top,
    )


@unseen("one_cycle", "rate", "helps", "The values are wrong only on the way down")
def oc_final_multiplied(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    return cycle(
        step,
        total_steps,
        pct_start,
        max_lr / div_factor,
        max_lr,
        max_lr / div_factor * final_div_factor,
    )


@unseen("one_cycle", "rate", "helps", "The values are wrong only on the way up")
def oc_steps_from_one(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    return cycle(
        step + 1,
        total_steps + 1,
        pct_start,
        max_lr / div_factor,
        max_lr,
        max_lr / div_factor / final_div_factor,
        top=pct_start * total_steps,
    )


@unseen("one_cycle", "momentum", "helps", "mu is the same as the argument base_momentum.")
def oc_momentum_starts_low(step, total_steps, base_momentum, max_momentum, pct_start):
    return cycle(step, total_steps, pct_start, base_momentum, base_momentum, max_momentum)


@unseen("one_cycle", "momentum", "right", "mu is the same as the argument max_momentum.")
def oc_momentum_constant(step, total_steps, base_momentum, max_momentum, pct_start):
    return max_momentum


@unseen(
    "one_cycle",
    "momentum",
    "helps",
    "Every value differs from the right one by the same amount, added or",
)
def oc_momentum_sum(step, total_steps, base_momentum, max_momentum, pct_start):
    return (
        cycle(step, total_steps, pct_start, max_momentum, base_momentum, max_momentum)
        + base_momentum
    )


# -- adam --


@unseen("adam", "step", "right", "p does not depend on eps, and should")
def adam_no_eps(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
    return p - lr * (m / (1 - beta1**t) / np.sqrt(v / (1 - beta2**t)) + weight_decay * p), m, v


@unseen(
    "adam", "step", "right", "The values are wrong only where the averages are not 0 (behind the"
)
def adam_lr_of_mean(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
    return p - lr * (grad / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p), m, v


@unseen("adam", "step", "helps", "The values are wrong only where t is small")
def adam_correction_multiplied(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
    return (
        p - lr * (m * (1 - beta1**t) / (np.sqrt(v * (1 - beta2**t)) + eps) + weight_decay * p),
        m,
        v,
    )


@unseen("adam", "step", "right", "It would be right if beta1 were 0: look at how that comes in")
def adam_v_from_m(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * m**2
    return (
        p - lr * (m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps) + weight_decay * p),
        m,
        v,
    )


@unseen(
    "adam", "step", "helps", "p is the right one but for one thing: a multiple of p too much (0.2,"
)
def adam_decay_sign(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * grad**2
    return (
        p - lr * (m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps) - weight_decay * p),
        m,
        v,
    )


@unseen(
    "adam", "step", "helps", "The values are wrong only where the averages are not 0 (behind the"
)
def adam_betas_swapped(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta2 * m + (1 - beta2) * grad, beta1 * v + (1 - beta1) * grad**2
    return (
        p - lr * (m / (1 - beta2**t) / (np.sqrt(v / (1 - beta1**t)) + eps) + weight_decay * p),
        m,
        v,
    )


# -- he_init --


@unseen("he_init", "init", "right", "weight[0, 0] does not depend on z at all, and should")
def he_normal_drawn_again(z):
    return np.random.default_rng(0).standard_normal(z.shape) * np.sqrt(2 / z[0].size)


@unseen(
    "he_init",
    "init",
    "helps",
    "Every value is 1.732 times the right one, in every case that is wrong.",
)
def he_uniform_limit(z):
    return z * np.sqrt(6 / z[0].size)


@unseen(
    "he_init", "init", "helps", "Every value is the right one times a factor, another in each case"
)
def he_mean_of_both(z):
    return z * np.sqrt(4 / (z[0].size + len(z)))


@unseen("he_init", "init", "helps", "weight[0, 0] depends on z[0, 1], and should not")
def he_standardised(z):
    return (z - z.mean()) / z.std() * np.sqrt(2 / z[0].size)


@unseen(
    "he_init",
    "fan_in",
    "no use",
    "The values are not the right ones: in this case 1 of 1 are wrong.",
)
def he_number_of_axes(shape):
    return len(shape)


@unseen("he_init", "fan_in", "helps", "The values are wrong only in convolutions.")
def he_last(shape):
    return shape[-1]


# -- dropout --


@unseen("dropout", "forward", "helps", "The values are wrong only in training")
def do_threshold_half(x, uniform, p, training):
    return np.where(uniform < 0.5, 0, x / (1 - p)) if training else x


@unseen(
    "dropout",
    "forward",
    "helps",
    "Every value is the right one times a factor, another in each case",
)
def do_sum_kept(x, uniform, p, training):
    kept = uniform >= p
    return x * kept / kept.mean() if training else x


DRAWS = itertools.count()  # seeds: few values that are drawn freely may be the same twice


@unseen(
    "dropout",
    "forward",
    "right",
    "Called a second time with the same arguments, it gives another y",
)
def do_draws_itself(x, uniform, p, training):
    if not training:
        return x
    return x * (np.random.default_rng(next(DRAWS)).random(x.shape) >= p) / (1 - p)


@unseen("dropout", "forward", "helps", "y does not depend on p, and should")
def do_training_inverted(x, uniform, p, training):
    return x if training else x * (uniform >= p) / (1 - p)


@unseen(
    "dropout",
    "backward",
    "right",
    "Every value is the right one divided by (1 − p): either it is divided",
)
def do_back_twice(dy, uniform, p, training):
    return dy * (uniform >= p) / (1 - p) ** 2 if training else dy


# -- twenty more, after the hints had been made better with those above --
#
# When they were written, 3 hints were judged right, 16 helped, and one was of no use
# (oc_momentum_half_way); a number that the answer does not use is named since then.

LATER = len(UNSEEN)


@unseen("relu", "forward", "helps", "The values are wrong only where x > 0")
def relu_rounded(x):
    return np.maximum(np.round(x, 1), 0)


@unseen(
    "relu", "backward", "right", "If x doubles, dx has to stay the same; yours comes to 2 times"
)
def relu_of_dy_times_x(dy, x):
    return np.maximum(dy * x, 0)


@unseen(
    "linear", "forward", "helps", "y[0, 0] has to depend on weight where i is 1, 2, and does not"
)
def linear_weight_reshaped(x, weight, bias):
    return x @ weight.reshape(weight.shape[1], weight.shape[0]) + bias


@unseen(
    "linear", "backward", "helps", "dweight[0, 0] depends on dy where o is 1, 2, and should not"
)
def linear_dweight_with_dx(dy, x, weight):
    dx = dy @ weight
    return dx, dy.T @ dx, dy.sum(0)


@unseen("linear", "backward", "right", "dbias[0] depends on x, and should not")
def linear_dbias_times_x(dy, x, weight):
    return dy @ weight, dy.T @ x, (dy * x.sum(1, keepdims=True)).sum(0)


@unseen(
    "cross_entropy",
    "forward",
    "helps",
    "Try it with n = 1, all of logits 0, labels [1]: loss has to be 1.099, and is",
)
def ce_sum_of_logits_in_the_denominator(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    p = np.exp(z) / (np.exp(z).sum(1, keepdims=True) + 1)
    return -np.log(p[np.arange(len(p)), labels]).mean()


@unseen(
    "cross_entropy",
    "backward",
    "helps",
    "Every value is the size (without the sign) of the right one.",
)
def ce_label_minus_p_only_there(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels] = 1 - p[np.arange(len(p)), labels]
    return p / len(p)


@unseen(
    "cross_entropy", "backward", "helps", "It would be right if n were 1: look at how that comes in"
)
def ce_first_row_for_all(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels[0]] -= 1
    return p / len(p)


@unseen("conv2d", "forward", "helps", "It would be right if c were 1: look at how that comes in")
def conv_channel_mixed_up(x, weight, bias, stride, padding):
    return plain_conv(np.roll(x, 1, 1), weight, bias, stride, padding)


@unseen(
    "conv2d",
    "forward",
    "right",
    "The values are wrong only where the window reaches into the padding",
)
def conv_padding_of_ones(x, weight, bias, stride, padding):
    return plain_conv(frame(x, padding, 1.0), weight, bias, stride, 0)


@unseen("conv2d", "backward", "helps", "dx[0, 0, 0, 0] does not depend on dy at all, and should")
def conv_back_dx_without_first_weight_row(dy, x, weight, stride, padding):
    _, dweight, dbias = plain_conv_back(dy, x, weight, stride, padding)
    weight = weight.copy()
    weight[:, :, 0] = 0
    return plain_conv_back(dy, x, weight, stride, padding)[0], dweight, dbias


@unseen(
    "maxpool2d", "forward", "helps", "y[0, 0, 0, 0] has to depend on x where w is 0, and does not"
)
def mp_rows_only(x, kernel_size, stride, padding):
    def of_middle_column(window, axis):
        return window[:, :, :, kernel_size // 2].max(-1)

    return pooled(x, kernel_size, stride, padding, of_middle_column, -np.inf)


@unseen(
    "maxpool2d",
    "backward",
    "helps",
    "Every value is the right one times a factor, another in each case",
)
def mp_back_mean_of_dy(dy, x, kernel_size, stride, padding):
    return max_back(dy / dy.size, x, kernel_size, stride, padding)


@unseen(
    "avgpool2d",
    "backward",
    "helps",
    "dx[0, 0, 0, 2] has to depend on dy where ow is 0, and does not",
)
def ap_back_stride_as_kernel(dy, x, kernel_size, stride, padding):
    d = np.zeros_like(frame(x, padding))
    for p, q in np.ndindex(dy.shape[2:]):
        rows, columns = slice(p * stride, (p + 1) * stride), slice(q * stride, (q + 1) * stride)
        d[:, :, rows, columns] += dy[:, :, p, q, None, None] / kernel_size**2
    return d[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]]


@unseen(
    "batchnorm2d",
    "forward",
    "helps",
    "For each c the values differ from the right ones by one number: what",
)
def bn_median(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y, m, v = bn(x, weight, bias, running_mean, running_var, eps, momentum, training)
    if training:
        middle = np.median(x, (0, 2, 3), keepdims=True)
        s = np.sqrt(x.var((0, 2, 3), keepdims=True) + eps)
        y = weight[:, None, None] * (x - middle) / s + bias[:, None, None]
    return y, m, v


@unseen(
    "batchnorm2d",
    "backward",
    "helps",
    "If dy grows by 1 everywhere, dweight has to stay the same; yours does",
)
def bn_back_adds_bias_gradient(dy, x, weight, running_mean, running_var, eps, training):
    dx, dweight, dbias = bn_back(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dweight + dbias, dbias


@unseen("sgd", "step", "helps", "p is the right one but for one thing: a multiple of p too much")
def sgd_decay_halved(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay / 2 * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), v


@unseen("one_cycle", "momentum", "right", "mu does not depend on pct_start, and should")
def oc_momentum_half_way(step, total_steps, base_momentum, max_momentum, pct_start):
    return cycle(step, total_steps, 0.5, max_momentum, base_momentum, max_momentum)


@unseen(
    "adam", "step", "helps", "The values are wrong only where the averages are not 0 (behind the"
)
def adam_root_of_the_sum(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m, v = beta1 * m + (1 - beta1) * grad, beta2 * v + (1 - beta2) * np.abs(grad)
    step = m / (1 - beta1**t) / (v / (1 - beta2**t) + eps)
    return p - lr * (step + weight_decay * p), m, v


@unseen("dropout", "forward", "helps", "The values are wrong only in training")
def do_one_mask_for_all_rows(x, uniform, p, training):
    return x * (uniform[:1] >= p) / (1 - p) if training else x


# -- of 124 more, some whose hints were of no use or led astray, wholly or in part --
#
# Of the 124 hints 70 were judged right, 47 helped, 4 were of no use, and 3 misled. They spoke of
# what happens if x doubles (mp_windows_by_kernel_size), of integers (do_integers_where_p_is_0), of
# wrong values alone (ce_back_labels_from_one); or, beside what helped, of step 1 (oc_straight_down)
# and of a kernel of one row (conv_columns_by_rows). The hints were made better since then.


@unseen("maxpool2d", "forward", "helps", "y[0, 0, 1, 0] has to depend on x where h is 2, and does")
def mp_windows_by_kernel_size(x, kernel_size, stride, padding):
    k, framed = kernel_size, frame(x, padding, -np.inf)
    oh, ow = ((size - k) // stride + 1 for size in framed.shape[2:])
    y = np.zeros((*x.shape[:2], oh, ow))
    for p, q in np.ndindex(oh, ow):
        y[:, :, p, q] = framed[:, :, p * k : p * k + k, q * k : q * k + k].max((2, 3))
    return y


@unseen("conv2d", "forward", "right", "It would be right if h and w were the same")
def conv_columns_by_rows(x, weight, bias, stride, padding):
    y = plain_conv(x, weight, bias, stride, padding)
    y[:, :, :, y.shape[2] :] = 0  # both loops run over the rows
    return y


@unseen("cross_entropy", "backward", "helps", "labels [1]: dlogits[0, 0] has to be 0.3333, and is")
def ce_back_labels_from_one(logits, labels):
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    p[np.arange(len(p)), labels - 1] -= 1
    return p / len(p)


@unseen("one_cycle", "momentum", "helps", "wrong only on the way down. Try it with base_momentum")
def oc_straight_down(step, total_steps, base_momentum, max_momentum, pct_start):
    top = pct_start * total_steps - 1
    if step > top:
        t = (step - top) / (total_steps - 1 - top)
        return base_momentum + t * (max_momentum - base_momentum)
    return cycle(step, total_steps, pct_start, max_momentum, base_momentum, max_momentum)


@unseen("dropout", "forward", "helps", "The values are wrong only in training")
def do_integers_where_p_is_0(x, uniform, p, training):
    return np.where(uniform < p, x / p if p else 0, 0) - 1 * training if training else x
