"""Exercise: the convolution of images with a small kernel, and its three gradients.

Check your answer with

    python -m tinynet.exercise conv2d

The cases are small: loops will do. When they are right, try a faster way (im2col).

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, weight, bias, stride, padding):
    """y[n,o,p,q] = bias[o] + Σ_{c,i,j} weight[o,c,i,j] · framed[n, c, p·stride + i, q·stride + j]

    framed is x in a frame of zeros, `padding` wide on all four sides.

    x: (n, c, h, w), n images with c channels. weight: (o, c, kh, kw), o filters. bias: (o,).
    stride, padding: ints, the same for rows and columns.
    Returns y: (n, o, oh, ow), with as many places as the window has in the frame:
    oh = (h + 2·padding − kh) // stride + 1, and ow likewise.
    """
    raise NotImplementedError


def backward(dy, x, weight, stride, padding):
    """The gradients of the loss L with respect to x, weight and bias, from dy = dL/dy.

    dy: (n, o, oh, ow). The others as forward had them.
    Returns (dx, dweight, dbias): (n, c, h, w), (o, c, kh, kw), (o,).

    Take one entry of x, of weight, of bias, and look at the sum above: in which y does it stand,
    and with which factor? A loop over the output pixels (p, q), as in forward, serves all three.
    """
    raise NotImplementedError
