"""Convolution: forward, and its three gradients."""

import numpy as np

from ..layers import Conv2d, col2im
from .task import EMPTY_SLICE, Case, Exercise, Task


def forward(x, weight, bias, stride, padding):
    return layer(weight, bias, stride, padding).forward(x)


def backward(dy, x, weight, stride, padding):
    conv = layer(weight, np.zeros(len(weight), weight.dtype), stride, padding)
    conv.forward(x)
    dx = conv.backward(dy)
    return dx, conv.weight.grad, conv.bias.grad


def layer(weight, bias, stride, padding):
    o, c, kh, kw = weight.shape
    conv = Conv2d(c, o, (kh, kw), stride, padding, rng=0)
    conv.weight.data, conv.bias.data = weight, bias
    return conv


def case(what, shape, o, kernel_size, stride=1, padding=0):
    """shape: of x, (n, c, h, w)."""
    rng = np.random.default_rng(sum(shape))
    x = rng.standard_normal(shape)
    weight = rng.standard_normal((o, shape[1], *kernel_size))
    bias = rng.standard_normal(o)
    dy = rng.standard_normal(forward(x, weight, bias, stride, padding).shape)
    names = dict(x=x, weight=weight, bias=bias, stride=stride, padding=padding, dy=dy)
    return Case(what, names)


CASES = [
    case("one image, one channel, one filter", (1, 1, 5, 5), 1, (3, 3)),
    case("several images", (2, 1, 5, 5), 1, (3, 3)),
    case("several channels and filters", (1, 3, 5, 5), 2, (3, 3)),
    case("an image that is not square", (2, 2, 4, 6), 3, (3, 3)),
    case("a kernel that is not square", (2, 2, 5, 7), 3, (2, 4)),
    case("padding 1", (2, 3, 4, 5), 2, (3, 3), padding=1),
    case("padding 2, more than the kernel needs", (1, 2, 4, 3), 2, (2, 2), padding=2),
    case("stride 2", (2, 2, 7, 5), 3, (3, 3), stride=2),
    case("stride 2, the last row and column out of reach", (1, 2, 6, 8), 2, (3, 3), stride=2),
    case("stride 3, gaps between the windows", (2, 1, 8, 5), 2, (2, 2), stride=3),
    case("stride 2, padding 1", (2, 3, 7, 6), 2, (3, 3), stride=2, padding=1),
]
AXES = {"x": "n c h w", "weight": "o c kh kw", "bias": "o", "y": "n o oh ow"}
AXES |= {"dy": "n o oh ow", "dx": "n c h w", "dweight": "o c kh kw", "dbias": "o"}


def sees_padding(x, weight, stride, padding):
    """Output pixels whose window reaches into the frame: (1, 1, oh, ow)."""
    inside = np.ones((1, 1, *x.shape[2:]))
    kernel = np.ones((1, 1, *weight.shape[2:]))
    whole = weight.shape[2] * weight.shape[3]
    return forward(inside, kernel, np.zeros(1), stride, padding) < whole - 0.5


FORWARD = Task(
    forward, "y", CASES, AXES, {"y": {"where the window reaches into the padding": sees_padding}}
)
BACKWARD = Task(backward, "dx dweight dbias", CASES, AXES)


# -- forward --


@FORWARD.mistake(
    "y",
    "Your kernel is flipped: the last weight meets the first pixel. That is the convolution of "
    "mathematics. In deep learning nothing is turned round: weight[i, j] meets the pixel at row i, "
    "column j of the window.",
)
def flipped(x, weight, bias, stride, padding):
    return forward(x, weight[:, :, ::-1, ::-1], bias, stride, padding)


@FORWARD.mistake(
    "y",
    "Rows and columns of the kernel are exchanged: weight[i, j] meets the pixel at row j, column "
    "i.",
)
def kernel_transposed(x, weight, bias, stride, padding):
    kh, kw = weight.shape[2:]
    turned = weight.transpose(0, 1, 3, 2)
    return forward(x, turned, bias, stride, padding)


@FORWARD.mistake(
    "y",
    "The stride is ignored: the window moves by one pixel. Where does the window of output pixel "
    "(p, q) begin, and how many fit?",
)
def stride_ignored(x, weight, bias, padding):
    return forward(x, weight, bias, 1, padding)


@FORWARD.mistake(
    "y",
    "The output has the right size, but the windows lie side by side, one pixel apart: where does "
    "the window of output pixel (p, q) begin?",
)
def windows_one_apart(x, weight, bias, stride, padding):
    oh, ow = forward(x, weight, bias, stride, padding).shape[2:]
    return forward(x, weight, bias, 1, padding)[:, :, :oh, :ow]


@FORWARD.mistake(
    "y",
    "The stride moves the window down, but to the right it moves by one pixel: it holds for "
    "columns, too.",
)
def stride_in_rows_only(x, weight, bias, stride, padding):
    return layer(weight, bias, (stride, 1), padding).forward(x)


@FORWARD.mistake("y", "The padding is ignored: x has to lie in a frame of zeros, padding wide.")
def padding_ignored(x, weight, bias, stride):
    return forward(x, weight, bias, stride, 0)


ONE_SIDE = (
    "The padding stands on one side only. The frame of zeros goes all round the image: above and "
    "below, left and right, each padding wide."
)


@FORWARD.mistake("y", ONE_SIDE, sides=[(1, 0), (0, 1), (2, 0), (0, 2)])
def padding_on_one_side(x, weight, bias, stride, padding, sides):
    before_and_after = [side * padding for side in sides]
    framed = np.pad(x, ((0, 0), (0, 0), before_and_after, before_and_after))
    return forward(framed, weight, bias, stride, 0)


@FORWARD.mistake("y", "Rows are padded, columns are not: the frame goes all round the image.")
def padding_of_rows_only(x, weight, bias, stride, padding):
    return layer(weight, bias, stride, (padding, 0)).forward(x)


@FORWARD.mistake(
    "y",
    "The frame round the image repeats its border, or mirrors it. It has to hold zeros.",
    mode=["edge", "reflect", "symmetric", "wrap"],
)
def padding_not_zero(x, weight, bias, stride, padding, mode):
    sides = (padding, padding)
    return forward(np.pad(x, ((0, 0), (0, 0), sides, sides), mode), weight, bias, stride, 0)


CHANNELS = (
    "Only one input channel is used. An output pixel is a sum over the patch of all channels; do "
    "you add, or does each channel replace the one before?"
)


@FORWARD.mistake("y", CHANNELS, channel=[0, -1])
def one_channel(x, weight, bias, stride, padding, channel):
    return forward(x[:, [channel]], weight[:, [channel]], bias, stride, padding)


@FORWARD.mistake("y", "The channels are averaged. An output pixel is their sum.")
def channels_averaged(x, weight, bias, stride, padding):
    return forward(x, weight / weight.shape[1], bias, stride, padding)


@FORWARD.mistake("y", "The bias is missing.")
def no_bias(x, weight, bias, stride, padding):
    return forward(x, weight, 0 * bias, stride, padding)


@FORWARD.mistake(
    "y",
    "The bias is added once for each input channel. It belongs to the output pixel, once: does it "
    "stand inside the loop over c?",
)
def bias_for_each_channel(x, weight, bias, stride, padding):
    return forward(x, weight, bias * x.shape[1], stride, padding)


@FORWARD.mistake(
    "y",
    "The bias is added once for each weight of the patch. It belongs to the output pixel, once: "
    "how many loops is it inside?",
)
def bias_for_each_weight(x, weight, bias, stride, padding):
    return forward(x, weight, bias * weight[0].size, stride, padding)


@FORWARD.mistake(
    "y",
    "The bias lies along the wrong axis: an array (o,) added to one of shape (n, o, oh, ow) goes "
    "along the last axis. How many axes of length 1 does it need behind o?",
)
def bias_along_columns(x, weight, bias, stride, padding):
    return forward(x, weight, 0 * bias, stride, padding) + bias


@FORWARD.mistake(
    "y", "Every filter gets the bias of the first one. There are o of them, one for each filter."
)
def first_bias(x, weight, bias, stride, padding):
    return forward(x, weight, 0 * bias + bias[0], stride, padding)


LAST_WEIGHTS = (
    "The last row or the last column of the kernel is left out: i runs over all kh rows, 0 … "
    "kh − 1, and j over all kw columns."
)
LAST_WINDOWS = (
    "The last row or the last column of output pixels is left 0: p runs over all oh rows, 0 … "
    "oh − 1, and q over all ow columns."
)
ALL_BUT_LAST = [(-1, None), (None, -1), (-1, -1)]


@FORWARD.mistake("y", LAST_WEIGHTS, stop=ALL_BUT_LAST)
def last_weights_left_out(x, weight, bias, stride, padding, stop):
    return forward(x, all_but(weight, stop), bias, stride, padding)


@FORWARD.mistake("y", LAST_WINDOWS, stop=ALL_BUT_LAST)
def last_windows_left_out(x, weight, bias, stride, padding, stop):
    return all_but(forward(x, weight, bias, stride, padding), stop)


def all_but(a, stop):
    """0 behind these rows and columns."""
    kept = np.zeros_like(a)
    kept[:, :, : stop[0], : stop[1]] = a[:, :, : stop[0], : stop[1]]
    return kept


# -- backward --


def rows(dy):
    """(n, o, oh·ow)."""
    return dy.reshape(*dy.shape[:2], -1)


def framed_dx(dy, x, weight, stride, padding):
    """dx with the frame still round it: (n, c, h + 2·padding, w + 2·padding)."""
    n, c, h, w = x.shape
    dcols = weight.reshape(len(weight), -1).T @ rows(dy)
    shape = n, c, h + 2 * padding, w + 2 * padding
    return col2im(dcols, shape, weight.shape[2:], stride)


@BACKWARD.mistake(
    "dx",
    "The kernel is turned round in dx. Ask which pixels of x the output pixel (p, q) saw, and "
    "with which weight: pixel (p·stride + i, q·stride + j), with weight[i, j]. The gradient goes "
    "back the same way.",
)
def dx_flipped(dy, x, weight, stride, padding):
    return backward(dy, x, weight[:, :, ::-1, ::-1], stride, padding)[0]


OVERWRITTEN = (
    "dx is right where windows do not overlap. Where they do, a pixel of x is in several windows, "
    "and its gradient is a sum with a part from each: do you assign where you should add?"
)


@BACKWARD.mistake("dx", OVERWRITTEN)
def dx_last_window(dy, x, weight, stride, padding):
    framed = np.zeros_like(framed_dx(dy, x, weight, stride, padding))
    kh, kw = weight.shape[2:]
    for p, q in np.ndindex(dy.shape[2:]):
        patch = np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
        framed[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw] = patch
    return cut(framed, padding)


@BACKWARD.mistake("dx", OVERWRITTEN)
def dx_last_weight(dy, x, weight, stride, padding):
    framed = np.zeros_like(framed_dx(dy, x, weight, stride, padding))
    oh, ow = dy.shape[2:]
    for i, j in np.ndindex(weight.shape[2:]):
        part = np.einsum("nopq,oc->ncpq", dy, weight[:, :, i, j])
        framed[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] = part
    return cut(framed, padding)


def cut(framed, padding):
    """The frame taken off."""
    h, w = framed.shape[2:]
    return framed[:, :, padding : h - padding, padding : w - padding]


@BACKWARD.mistake(
    "dx",
    "dx has only what came back through the last filter. All filters read x: the parts of all o "
    "have to be added.",
)
def dx_last_filter(dy, x, weight, stride, padding):
    return backward(dy[:, -1:], x, weight[-1:], stride, padding)[0]


@BACKWARD.mistake(
    "dx",
    "The stride is ignored in dx: dy[p, q] goes to the window that begins at (p, q). Where did it "
    "begin in forward?",
)
def dx_stride_ignored(dy, x, weight, stride, padding):
    framed = np.zeros_like(framed_dx(dy, x, weight, stride, padding))
    kh, kw = weight.shape[2:]
    for p, q in np.ndindex(dy.shape[2:]):
        patch = np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
        framed[:, :, p : p + kh, q : q + kw] += patch
    return cut(framed, padding)


@BACKWARD.mistake(
    "dx",
    "The frame is still round dx. Its pixels are the zeros of the padding, whose gradient nobody "
    "needs: dx has the shape of x.",
)
def dx_framed(dy, x, weight, stride, padding):
    return framed_dx(dy, x, weight, stride, padding)


@BACKWARD.mistake("dx", EMPTY_SLICE)
def dx_empty_slice(dy, x, weight, stride, padding):
    framed = framed_dx(dy, x, weight, stride, padding)
    return framed[:, :, padding:-padding, padding:-padding]


@BACKWARD.mistake(
    "dx",
    "dx is moved: the frame is taken off on one side only. It lies round all four sides, padding "
    "wide.",
    side=["start", "end"],
)
def dx_cut_on_one_side(dy, x, weight, stride, padding, side):
    h, w = x.shape[2:]
    framed = framed_dx(dy, x, weight, stride, padding)
    return framed[:, :, :h, :w] if side == "start" else framed[:, :, -h:, -w:]


@BACKWARD.mistake(
    "dweight",
    "The kernel is turned round in dweight. weight[i, j] met the pixel (p·stride + i, q·stride + "
    "j); its gradient is the sum of dy[p, q] times that pixel.",
)
def dweight_flipped(dy, x, weight, stride, padding):
    return backward(dy, x, weight, stride, padding)[1][:, :, ::-1, ::-1]


@BACKWARD.mistake(
    "dweight",
    "dweight has only what the last image gives. The same weights read every image: in your loop "
    "over them, do you add?",
)
def dweight_of_last_image(dy, x, weight, stride, padding):
    return backward(dy[-1:], x[-1:], weight, stride, padding)[1]


@BACKWARD.mistake(
    "dweight",
    "dweight has only what the last output pixel gives. The same weights made every output pixel: "
    "do you assign where you should add?",
)
def dweight_of_last_pixel(dy, x, weight, stride, padding):
    only_last = np.zeros_like(dy)
    only_last[:, :, -1, -1] = dy[:, :, -1, -1]
    return backward(only_last, x, weight, stride, padding)[1]


@BACKWARD.mistake(
    "dweight",
    "dweight is divided by the number of images. The loss has its own 1/n, and dy holds it "
    "already: a layer adds up what the images give.",
)
def dweight_mean(dy, x, weight, stride, padding):
    return backward(dy, x, weight, stride, padding)[1] / len(x)


@BACKWARD.mistake(
    "dweight",
    "The stride is ignored in dweight: which pixel of x did weight[i, j] meet when it made output "
    "pixel (p, q)?",
)
def dweight_stride_ignored(dy, x, weight, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dweight = np.zeros_like(weight)
    oh, ow = dy.shape[2:]
    for i, j in np.ndindex(weight.shape[2:]):
        pixels = x[:, :, i : i + oh, j : j + ow]
        dweight[:, :, i, j] = np.einsum("nopq,ncpq->oc", dy, pixels)
    return dweight


@BACKWARD.mistake(
    "dweight",
    "The padding is forgotten in dweight: the weights met the framed image, zeros and all, and the "
    "window of output pixel (0, 0) begins in the frame.",
)
def dweight_padding_ignored(dy, x, weight, stride, padding):
    sides = (0, 2 * padding)  # the windows begin at the first pixel
    moved = np.pad(x, ((0, 0), (0, 0), sides, sides))
    return backward(dy, moved, weight, stride, 0)[1]


@BACKWARD.mistake(
    "dbias",
    "dbias lacks the sum over the batch. b[o] is added to each pixel of each image; you have "
    "summed the pixels and not the images.",
)
def dbias_no_sum_over_batch(dy):
    return dy.sum((2, 3))


@BACKWARD.mistake(
    "dbias",
    "dbias has only what one image gives. The same b[o] is added in all of them.",
    image=[0, -1],
)
def dbias_of_one_image(dy, image):
    return dy[image].sum((1, 2))


@BACKWARD.mistake(
    "dbias",
    "dbias lacks the sum over the pixels. b[o] is added to each pixel of each image; you have "
    "summed the images and not the pixels.",
)
def dbias_no_sum_over_pixels(dy):
    return dy.sum(0)


@BACKWARD.mistake(
    "dbias",
    "dbias is a mean where a sum belongs: over the batch, over the pixels, or over both. Each use "
    "of b[o] counts in full; the loss's own 1/n is in dy already.",
    axes=[0, (2, 3), (0, 2, 3)],
)
def dbias_mean(dy, axes):
    return (dy.mean(axes, keepdims=True)).sum((0, 2, 3))


EXERCISE = Exercise("conv2d", "Convolution: forward, and its three gradients", [FORWARD, BACKWARD])
