"""What convolution and pooling have in common: a window that slides over an image."""

import operator


def positive_int(value, what):
    """value as an int of at least 1, or an error that begins with `what`."""
    return _int(value, what, 1)


def pair(value, what, at_least):
    """An int, or a pair (rows, columns) of ints, as a pair; each at least `at_least`."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{what}: expected an int or a pair (rows, columns), got {value!r}")
    return tuple(_int(v, what, at_least) for v in values)


def pair_of_sizes(value, what):
    return pair(value, what, at_least=1)


def pair_of_paddings(value, what):
    return pair(value, what, at_least=0)


def output_size(h, w, kernel_size, stride, padding):
    """(oh, ow): how many places the window has, in rows and in columns."""
    (kh, kw), (sh, sw), (ph, pw) = kernel_size, stride, padding
    return (h + 2 * ph - kh) // sh + 1, (w + 2 * pw - kw) // sw + 1


def window_shape(layer, shape, in_channels, out_channels):
    """(n, out_channels, oh, ow) for a layer with a window and an x of this shape (n, c, h, w).

    in_channels None: any number, and as many come out.
    """
    expected = f"(N, {in_channels or 'C'}, H, W)"
    if len(shape) != 4 or 0 in shape or (in_channels and shape[1] != in_channels):
        raise ValueError(f"{layer}: expected {expected}, got {tuple(shape)}")
    n, c, h, w = shape
    oh, ow = output_size(h, w, layer.kernel_size, layer.stride, layer.padding)
    if oh < 1 or ow < 1:
        (kh, kw), (ph, pw) = layer.kernel_size, layer.padding
        raise ValueError(
            f"{layer}: expected {expected} with H ≥ {max(kh - 2 * ph, 1)} and "
            f"W ≥ {max(kw - 2 * pw, 1)}, so that the window fits, got {tuple(shape)}"
        )
    return n, out_channels or c, oh, ow


def describe(layer, default_stride):
    """ "k=3, s=2, p=1": kernel size, and stride and padding where they are not the default."""
    parts = [f"k={_short(layer.kernel_size)}"]
    if layer.stride != default_stride:
        parts.append(f"s={_short(layer.stride)}")
    if layer.padding != (0, 0):
        parts.append(f"p={_short(layer.padding)}")
    return ", ".join(parts)


def _short(values):
    return str(values[0]) if values[0] == values[1] else f"{values[0]}×{values[1]}"


def _int(value, what, at_least):
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{what}: expected an int, got {value!r}") from None
    if isinstance(value, bool) or number < at_least:
        raise ValueError(f"{what}: expected at least {at_least}, got {value!r}")
    return number
