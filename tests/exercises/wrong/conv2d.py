"""Wrong answers to the exercise conv2d."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


def frame(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def slide(framed, weight, stride):
    """Right, without a bias: (n, o, oh, ow)."""
    kh, kw = weight.shape[2:]
    oh = (framed.shape[2] - kh) // stride + 1
    ow = (framed.shape[3] - kw) // stride + 1
    y = np.zeros((len(framed), len(weight), oh, ow), framed.dtype)
    for p in range(oh):
        for q in range(ow):
            window = framed[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
            y[:, :, p, q] = np.einsum("ncij,ocij->no", window, weight)
    return y


@wrong("forward", "Your kernel is flipped")
def true_convolution(x, weight, bias, stride, padding):
    return slide(frame(x, padding), np.flip(weight, (2, 3)), stride) + bias[:, None, None]


@wrong("forward", "meets the pixel at row j, column i")
def kernel_transposed(x, weight, bias, stride, padding):
    return slide(frame(x, padding), weight.swapaxes(2, 3), stride) + bias[:, None, None]


@wrong("forward", "The stride is ignored")
def no_stride(x, weight, bias, stride, padding):
    return slide(frame(x, padding), weight, 1) + bias[:, None, None]


@wrong("forward", "one pixel apart")
def stride_in_size_only(x, weight, bias, stride, padding):
    kh, kw = weight.shape[2:]
    framed = frame(x, padding)
    oh, ow = (framed.shape[2] - kh) // stride + 1, (framed.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), len(weight), oh, ow), x.dtype)
    for p, q in np.ndindex(oh, ow):
        window = framed[:, :, p : p + kh, q : q + kw]
        y[:, :, p, q] = np.tensordot(window, weight, ((1, 2, 3), (1, 2, 3))) + bias
    return y


@wrong("forward", "to the right it moves by one pixel")
def stride_down_only(x, weight, bias, stride, padding):
    kh, kw = weight.shape[2:]
    framed = frame(x, padding)
    oh, ow = (framed.shape[2] - kh) // stride + 1, framed.shape[3] - kw + 1
    y = np.zeros((len(x), len(weight), oh, ow), x.dtype)
    for p, q in np.ndindex(oh, ow):
        window = framed[:, :, p * stride : p * stride + kh, q : q + kw]
        y[:, :, p, q] = np.tensordot(window, weight, ((1, 2, 3), (1, 2, 3))) + bias
    return y


@wrong("forward", "The padding is ignored")
def no_padding(x, weight, bias, stride, padding):
    return slide(x, weight, stride) + bias[:, None, None]


@wrong("forward", "The padding stands on one side only")
def padding_above_and_left(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    framed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    framed[:, :, 2 * padding :, 2 * padding :] = x
    return slide(framed, weight, stride) + bias[:, None, None]


@wrong("forward", "The padding stands on one side only")
def padding_below_and_right(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    framed = np.zeros((n, c, h + 2 * padding, w + 2 * padding), x.dtype)
    framed[:, :, :h, :w] = x
    return slide(framed, weight, stride) + bias[:, None, None]


@wrong("forward", "The padding stands on one side only")
def padding_once_above_and_left(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    framed = np.zeros((n, c, h + padding, w + padding), x.dtype)
    framed[:, :, padding:, padding:] = x
    return slide(framed, weight, stride) + bias[:, None, None]


@wrong("forward", "The padding stands on one side only")
def padding_once_below_and_right(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    framed = np.zeros((n, c, h + padding, w + padding), x.dtype)
    framed[:, :, :h, :w] = x
    return slide(framed, weight, stride) + bias[:, None, None]


@wrong("forward", "Rows are padded, columns are not")
def padding_above_and_below(x, weight, bias, stride, padding):
    n, c, h, w = x.shape
    zeros = np.zeros((n, c, padding, w), x.dtype)
    framed = np.concatenate([zeros, x, zeros], axis=2)
    return slide(framed, weight, stride) + bias[:, None, None]


@wrong("forward", "repeats its border")
def padding_with_the_border(x, weight, bias, stride, padding):
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return slide(np.pad(x, sides, mode="edge"), weight, stride) + bias[:, None, None]


def frame_of_pixels(x, padding, pixel):
    """A frame of pixels of the image: that at i, from −padding on, is the one at pixel(i, size)."""
    h, w = x.shape[2:]
    rows = [pixel(i, h) for i in range(-padding, h + padding)]
    columns = [pixel(j, w) for j in range(-padding, w + padding)]
    return x[:, :, rows][:, :, :, columns]


@wrong("forward", "repeats its border")
def padding_mirrored(x, weight, bias, stride, padding):
    """Round the pixel at the border, which stands once."""

    def pixel(i, size):
        return -i if i < 0 else 2 * (size - 1) - i if i >= size else i

    return slide(frame_of_pixels(x, padding, pixel), weight, stride) + bias[:, None, None]


@wrong("forward", "repeats its border")
def padding_mirrored_with_the_border(x, weight, bias, stride, padding):
    def pixel(i, size):
        return -1 - i if i < 0 else 2 * size - 1 - i if i >= size else i

    return slide(frame_of_pixels(x, padding, pixel), weight, stride) + bias[:, None, None]


@wrong("forward", "repeats its border")
def padding_from_the_other_side(x, weight, bias, stride, padding):
    def pixel(i, size):
        return i % size

    return slide(frame_of_pixels(x, padding, pixel), weight, stride) + bias[:, None, None]


@wrong("forward", "Only one input channel")
def first_channel(x, weight, bias, stride, padding):
    y = slide(frame(x, padding)[:, :1], weight[:, :1], stride)
    return y + bias[:, None, None]


@wrong("forward", "Only one input channel")
def channel_replaces_channel(x, weight, bias, stride, padding):
    for c in range(x.shape[1]):
        y = slide(frame(x[:, c : c + 1], padding), weight[:, c : c + 1], stride)
    return y + bias[:, None, None]


@wrong("forward", "The channels are averaged")
def channels_averaged(x, weight, bias, stride, padding):
    parts = [slide(frame(x[:, [c]], padding), weight[:, [c]], stride) for c in range(x.shape[1])]
    return np.mean(parts, axis=0) + bias[:, None, None]


@wrong("forward", "The bias is missing")
def no_bias(x, weight, bias, stride, padding):
    return slide(frame(x, padding), weight, stride)


@wrong("forward", "once for each input channel")
def bias_inside_the_loop(x, weight, bias, stride, padding):
    y = 0
    for c in range(x.shape[1]):
        part = slide(frame(x[:, c : c + 1], padding), weight[:, c : c + 1], stride)
        y = y + part + bias[:, None, None]
    return y


@wrong("forward", "once for each weight of the patch")
def bias_inside_all_loops(x, weight, bias, stride, padding):
    framed = frame(x, padding)
    o, c, kh, kw = weight.shape
    oh, ow = (framed.shape[2] - kh) // stride + 1, (framed.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), o, oh, ow), x.dtype)
    for f, k, i, j in np.ndindex(o, c, kh, kw):
        pixels = framed[:, k, i : i + stride * oh : stride, j : j + stride * ow : stride]
        y[:, f] += pixels * weight[f, k, i, j] + bias[f]
    return y


@wrong("forward", "Every filter gets the bias of the first one")
def bias_of_the_first_filter(x, weight, bias, stride, padding):
    y = slide(frame(x, padding), weight, stride)
    for image in y:
        for o in range(len(weight)):
            image[o] += bias[0]
    return y


@wrong("forward", "axis 3 has to be as long as ow, and is as long as oh")
def square_images_only(x, weight, bias, stride, padding):
    framed = frame(x, padding)
    kh, kw = weight.shape[2:]
    size = (framed.shape[2] - kh) // stride + 1
    y = np.zeros((len(x), len(weight), size, size), x.dtype)
    for p, q in np.ndindex(size, size):
        window = framed[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
        y[:, :, p, q] = np.einsum("ncij,ocij->no", window, weight) + bias
    return y


@wrong("forward", "float32, and it is float64")
def zeros_in_float64(x, weight, bias, stride, padding):
    y = slide(frame(x, padding), weight, stride)
    out = np.zeros(y.shape)
    out += y + bias[:, None, None]
    return out


@wrong("forward", "wrong only where the window reaches into the padding")
def padding_of_ones(x, weight, bias, stride, padding):
    sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    return slide(np.pad(x, sides, constant_values=1), weight, stride) + bias[:, None, None]


@wrong("forward", "all of bias 1: y[0, 0, 0, 0] has to be 1, and is 0.7616")
def squashed(x, weight, bias, stride, padding):
    """The activation has a layer of its own."""
    return np.tanh(slide(frame(x, padding), weight, stride) + bias[:, None, None])


@wrong("forward", "How many axes of length 1 does it need")
def bias_broadcast(x, weight, bias, stride, padding):
    return slide(frame(x, padding), weight, stride) + bias


@wrong("forward", "by the same amount")
def bias_and_one_more(x, weight, bias, stride, padding):
    return slide(frame(x, padding), weight, stride) + bias[:, None, None] + 1


def gradients(dy, x, weight, stride, padding):
    """Right: (dx, dweight, dbias)."""
    framed = frame(x, padding)
    dframed, dweight = np.zeros_like(framed), np.zeros_like(weight)
    kh, kw = weight.shape[2:]
    for p, q in np.ndindex(dy.shape[2:]):
        patch = np.s_[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
        dframed[patch] += np.einsum("no,ocij->ncij", dy[:, :, p, q], weight)
        dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], framed[patch])
    h, w = x.shape[2:]
    dx = dframed[:, :, padding : padding + h, padding : padding + w]
    return dx, dweight, dy.sum((0, 2, 3))


@wrong("backward", "dbias lacks the sum over the batch")
def dbias_not_over_the_batch(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dy.sum(axis=(2, 3))


@wrong("backward", "dbias has only what one image gives")
def dbias_of_the_last_image(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    for n in range(len(x)):
        dbias = dy[n].sum(axis=(1, 2))
    return dx, dweight, dbias


@wrong("backward", "dbias has only what one image gives")
def dbias_of_the_first_image(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    return dx, dweight, np.array([dy[0, o].sum() for o in range(len(weight))])


@wrong("backward", "dbias lacks the sum over the pixels")
def dbias_not_over_the_pixels(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dy.sum(axis=0)


@wrong("backward", "dbias is a mean where a sum belongs")
def dbias_averaged(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dbias / len(x)


@wrong("backward", "dbias is a mean where a sum belongs")
def dbias_averaged_over_pixels(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dbias / dy[0, 0].size


@wrong("backward", "dbias is a mean where a sum belongs")
def dbias_averaged_over_images_and_pixels(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    return dx, dweight, np.array([dy[:, o].mean() for o in range(len(weight))])


@wrong("backward", "The kernel is turned round in dx")
def dx_with_flipped_kernel(dy, x, weight, stride, padding):
    _, dweight, dbias = gradients(dy, x, weight, stride, padding)
    dx, _, _ = gradients(dy, x, weight[:, :, ::-1, ::-1], stride, padding)
    return dx, dweight, dbias


def dx_by_windows(dy, x, weight, stride, padding, add=True, step=None):
    dframed = np.zeros_like(frame(x, padding))
    kh, kw = weight.shape[2:]
    step = step or stride
    for n, p, q in np.ndindex(len(dy), *dy.shape[2:]):
        part = np.tensordot(dy[n, :, p, q], weight, 1)
        window = dframed[n, :, p * step : p * step + kh, q * step : q * step + kw]
        window[...] = window + part if add else part
    h, w = x.shape[2:]
    return dframed[:, :, padding : padding + h, padding : padding + w]


@wrong("backward", "dx is right where windows do not overlap")
def dx_assigned(dy, x, weight, stride, padding):
    _, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx_by_windows(dy, x, weight, stride, padding, add=False), dweight, dbias


@wrong("backward", "dx is right where windows do not overlap")
def dx_assigned_by_slices(dy, x, weight, stride, padding):
    _, dweight, dbias = gradients(dy, x, weight, stride, padding)
    dframed = np.zeros_like(frame(x, padding))
    oh, ow = dy.shape[2:]
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            part = np.einsum("nopq,oc->ncpq", dy, weight[:, :, i, j])
            dframed[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] = part
    h, w = x.shape[2:]
    return dframed[:, :, padding : padding + h, padding : padding + w], dweight, dbias


@wrong("backward", "The stride is ignored in dx")
def dx_without_stride(dy, x, weight, stride, padding):
    _, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx_by_windows(dy, x, weight, stride, padding, step=1), dweight, dbias


@wrong("backward", "The frame is still round dx")
def dx_with_its_frame(dy, x, weight, stride, padding):
    dframed, dweight, dbias = gradients(dy, frame(x, padding), weight, stride, 0)
    return dframed, dweight, dbias


@wrong("backward", "empty where padding is 0")
def dx_cut_with_minus_padding(dy, x, weight, stride, padding):
    """[padding:-padding] is empty for padding 0: right only where there is padding."""
    dframed, dweight, dbias = gradients(dy, frame(x, padding), weight, stride, 0)
    return dframed[:, :, padding:-padding, padding:-padding], dweight, dbias


@wrong("backward", "taken off on one side only")
def dx_cut_at_the_start(dy, x, weight, stride, padding):
    dframed, dweight, dbias = gradients(dy, frame(x, padding), weight, stride, 0)
    return dframed[:, :, : x.shape[2], : x.shape[3]], dweight, dbias


@wrong("backward", "taken off on one side only")
def dx_cut_at_the_end(dy, x, weight, stride, padding):
    dframed, dweight, dbias = gradients(dy, frame(x, padding), weight, stride, 0)
    return dframed[:, :, 2 * padding :, 2 * padding :], dweight, dbias


@wrong("backward", "only what came back through the last filter")
def dx_of_the_last_filter(dy, x, weight, stride, padding):
    _, dweight, dbias = gradients(dy, x, weight, stride, padding)
    for o in range(len(weight)):
        dx, _, _ = gradients(dy[:, o : o + 1], x, weight[o : o + 1], stride, padding)
    return dx, dweight, dbias


@wrong("backward", "The kernel is turned round in dweight")
def dweight_flipped(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight[:, :, ::-1, ::-1], dbias


@wrong("backward", "dweight has only what the last image gives")
def dweight_of_the_last_image(dy, x, weight, stride, padding):
    dx, _, dbias = gradients(dy, x, weight, stride, padding)
    for n in range(len(x)):
        _, dweight, _ = gradients(dy[n : n + 1], x[n : n + 1], weight, stride, padding)
    return dx, dweight, dbias


@wrong("backward", "what the last output pixel gives")
def dweight_assigned(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    kh, kw = weight.shape[2:]
    framed = frame(x, padding)
    for p, q in np.ndindex(dy.shape[2:]):
        window = framed[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
        dweight = np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dx, dweight, dbias


@wrong("backward", "dweight is divided by the number of images")
def dweight_averaged(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight / len(x), dbias


@wrong("backward", "The stride is ignored in dweight")
def dweight_without_stride(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    framed = frame(x, padding)
    kh, kw = weight.shape[2:]
    dweight = np.zeros_like(weight)
    for p, q in np.ndindex(dy.shape[2:]):
        window = framed[:, :, p : p + kh, q : q + kw]
        dweight += np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dx, dweight, dbias


@wrong("backward", "The padding is forgotten in dweight")
def dweight_from_x_without_its_frame(dy, x, weight, stride, padding):
    """Windows that leave x at its end are cut off there."""
    dx, _, dbias = gradients(dy, x, weight, stride, padding)
    kh, kw = weight.shape[2:]
    dweight = np.zeros_like(weight)
    for p, q in np.ndindex(dy.shape[2:]):
        window = x[:, :, p * stride : p * stride + kh, q * stride : q * stride + kw]
        h, w = window.shape[2:]
        dweight[:, :, :h, :w] += np.einsum("no,ncij->ocij", dy[:, :, p, q], window)
    return dx, dweight, dbias


@wrong("backward", "stand in another order")
def dweight_channels_first(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight.swapaxes(0, 1), dbias


@wrong("backward", "the right one divided by o")
def dweight_over_filters(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight / len(weight), dbias


@wrong("backward", "the right numbers in the wrong places")
def dweight_rolled(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, np.roll(dweight, 1), dbias


@wrong("backward", "values are NaN")
def dx_of_nan(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx * np.nan, dweight, dbias


@wrong("backward", "A sum is missing: summed over axis 1 (of size 1) and axis 2")
def dbias_over_pixels_of_a_column(dy, x, weight, stride, padding):
    dx, dweight, dbias = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dy.sum(axis=(0, 3)).reshape(len(weight), 1, -1)


@wrong("backward", "axis 0 has to be as long as o, and is as long as ow")
def dbias_over_the_wrong_axes(dy, x, weight, stride, padding):
    dx, dweight, _ = gradients(dy, x, weight, stride, padding)
    return dx, dweight, dy.sum(axis=(0, 1, 2))


# -- from a review of hints --


def by_loops(x, weight, bias, stride, padding, less_kernel=(0, 0), less_output=(0, 0)):
    """With ranges that end too early."""
    framed = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    o, _, kh, kw = weight.shape
    oh, ow = (framed.shape[2] - kh) // stride + 1, (framed.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), o, oh, ow))
    for p in range(oh - less_output[0]):
        for q in range(ow - less_output[1]):
            y[:, :, p, q] = bias
            for i in range(kh - less_kernel[0]):
                for j in range(kw - less_kernel[1]):
                    pixel = framed[:, :, p * stride + i, q * stride + j]
                    y[:, :, p, q] += pixel @ weight[:, :, i, j].T
    return y


@wrong("forward", "of the kernel is left out")
def no_last_kernel_row(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_kernel=(1, 0))


@wrong("forward", "of the kernel is left out")
def no_last_kernel_column(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_kernel=(0, 1))


@wrong("forward", "of the kernel is left out")
def no_last_of_both(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_kernel=(1, 1))


@wrong("forward", "of output pixels is left 0")
def no_last_window(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_output=(1, 1))


@wrong("forward", "of output pixels is left 0")
def no_last_row_of_windows(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_output=(1, 0))


@wrong("forward", "of output pixels is left 0")
def no_last_column_of_windows(x, weight, bias, stride, padding):
    return by_loops(x, weight, bias, stride, padding, less_output=(0, 1))
