"""Exercise: average pooling, where a window of each channel becomes its mean.

Check your answer with

    python -m tinynet.exercise avgpool2d

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, kernel_size, stride, padding):
    """y[n,c,p,q] = mean over i, j < kernel_size of framed[n, c, p·stride + i, q·stride + j]

    framed is x in a frame of zeros, `padding` wide on all four sides; they count in the mean.

    x: (n, c, h, w). kernel_size, stride, padding: ints, the same for rows and columns; padding is
    at most half of kernel_size. Returns y: (n, c, oh, ow), with
    oh = (h + 2·padding − kernel_size) // stride + 1, and ow likewise.
    """
    raise NotImplementedError


def backward(dy, x, kernel_size, stride, padding):
    """dx = dL/dx, from dy = dL/dy and what forward had.

    dy: (n, c, oh, ow). Returns dx: (n, c, h, w).

    Each pixel of a window has the same part in y. Windows may overlap: one pixel may have a part
    in several y, and pixels between the windows, or behind the last one, in none.
    """
    raise NotImplementedError
