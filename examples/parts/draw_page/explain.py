"""One pixel of one layer's output, worked out by hand: where it came from, and each step to it.

`explain` gives a dict, ready for JSON, with `kind`, `value` (the pixel itself, as forward gave
it), `source` (the window of the layer's input that it was made of) and, by kind:

sum     Conv2d: for each input channel patch, weights, products and their sum; then the bias
window  pooling: the values in the window, and the winner's place or the sum and the count
steps   everything else: rows of [what is done, the number it is done with, the result]
"""

import numpy as np

from tinynet import AvgPool2d, BatchNorm2d, Conv2d, Flatten, MaxPool2d, ReLU


def explain(layer, x, y, pixel):
    """How a layer made one pixel of its output.

    layer: a layer, or "softmax". x, y: its input and output for one image, (1, c, h, w) or (1, k).
    pixel: (channel, row, column) of y; of logits, (class, 0, 0).
    """
    value = y[0][pixel] if y.ndim == 4 else y[0, pixel[0]]
    for kind, how in EXPLANATIONS.items():
        if layer == kind or isinstance(kind, type) and isinstance(layer, kind):
            return {"value": float(value)} | how(layer, x[0], pixel)
    raise TypeError(f"explain: no explanation of a {type(layer).__name__}")


def convolution(layer, x, pixel):
    o, row, column = pixel
    patches, source = window(layer, x, row, column, fill=0)  # (c, kh, kw)
    weights = layer.weight.data[o]
    products = patches * weights
    return {
        "kind": "sum",
        "source": source,
        "channels": [
            {"patch": p.tolist(), "weights": w.tolist(), "products": t.tolist(), "sum": float(s)}
            for p, w, t, s in zip(patches, weights, products, products.sum((1, 2)), strict=True)
        ],
        "sum": float(products.sum()),
        "bias": 0.0 if layer.bias is None else float(layer.bias.data[o]),
    }


def max_pooling(layer, x, pixel):
    c, row, column = pixel
    patches, source = window(layer, x[c : c + 1], row, column, fill=-np.inf)
    winner = np.unravel_index(patches[0].argmax(), patches[0].shape)  # the first of equal ones
    return {
        "kind": "window",
        "source": source | {"channel": c},
        "patch": patches[0].tolist(),
        "winner": [int(i) for i in winner],
    }


def average_pooling(layer, x, pixel):
    c, row, column = pixel
    patches, source = window(layer, x[c : c + 1], row, column, fill=0)
    return {
        "kind": "window",
        "source": source | {"channel": c},
        "patch": patches[0].tolist(),
        "sum": float(patches.sum()),
        "count": patches.size,
    }


def batch_norm(layer, x, pixel):
    c = pixel[0]
    mean, var = layer.running_mean[c], layer.running_var[c]
    weight, bias = layer.weight.data[c], layer.bias.data[c]
    std = np.sqrt(var + layer.eps)
    centred = x[pixel] - mean
    xhat = centred / std
    steps = [
        ["x, from the layer before", None, x[pixel]],
        ["− running_mean", mean, centred],
        [f"÷ √(running_var {var:.4f} + eps {layer.eps:g})", std, xhat],
        ["× weight γ", weight, weight * xhat],
        ["+ bias β", bias, weight * xhat + bias],
    ]
    return in_steps(steps, pixel)


def relu(layer, x, pixel):
    steps = [["x, from the layer before", None, x[pixel]]]
    steps += [["the larger of x and 0", None, np.maximum(x[pixel], 0)]]
    return in_steps(steps, pixel)


def flatten(layer, x, pixel):
    place = np.unravel_index(pixel[0], x.shape)  # k = (channel · h + row) · w + column
    name = ", ".join(str(i) for i in place)
    return in_steps([[f"x[{name}], as it is", None, x[place]]], place)


def softmax(layer, z, pixel):
    k = pixel[0]
    shifted = z - z.max()
    powers = np.exp(shifted)
    total = powers.sum()
    steps = [
        [f"z, the logit of {k}", None, z[k]],
        [f"− the largest logit, of {z.argmax()}", z.max(), shifted[k]],
        ["e to this power", None, powers[k]],
        ["÷ the sum of these powers, of all classes", total, powers[k] / total],
    ]
    return in_steps(steps, (k, 0, 0))


EXPLANATIONS = {
    Conv2d: convolution,
    ReLU: relu,
    BatchNorm2d: batch_norm,
    MaxPool2d: max_pooling,
    AvgPool2d: average_pooling,
    Flatten: flatten,
    "softmax": softmax,
}


def in_steps(steps, place):
    """An explanation whose source is one pixel, at this place of the layer's input."""
    channel, row, column = (int(i) for i in place)
    return {
        "kind": "steps",
        "source": {"channel": channel, "top": row, "left": column, "height": 1, "width": 1},
        "steps": [
            [what, None if number is None else float(number), float(result)]
            for what, number, result in steps
        ],
    }


def window(layer, x, row, column, fill):
    """The patch (c, kh, kw) of x (c, h, w) under a layer's window, and where it lies in x."""
    (kh, kw), (sh, sw), (ph, pw) = layer.kernel_size, layer.stride, layer.padding
    framed = np.pad(x, ((0, 0), (ph, ph), (pw, pw)), constant_values=fill)
    top, left = row * sh, column * sw
    source = {"top": top - ph, "left": left - pw, "height": kh, "width": kw}
    return framed[:, top : top + kh, left : left + kw], source
