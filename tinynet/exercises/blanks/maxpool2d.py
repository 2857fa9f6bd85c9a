"""Exercise: max pooling, where a window of each channel becomes its largest value.

Check your answer with

    python -m tinynet.exercise maxpool2d

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, kernel_size, stride, padding):
    """y[n,c,p,q] = max over i, j < kernel_size of framed[n, c, p·stride + i, q·stride + j]

    framed is x in a frame, `padding` wide on all four sides, that never wins.

    x: (n, c, h, w). kernel_size, stride, padding: ints, the same for rows and columns; padding is
    at most half of kernel_size. Returns y: (n, c, oh, ow), with
    oh = (h + 2·padding − kernel_size) // stride + 1, and ow likewise.
    """
    raise NotImplementedError


def backward(dy, x, kernel_size, stride, padding):
    """dx = dL/dx, from dy = dL/dy and what forward had.

    dy: (n, c, oh, ow). Returns dx: (n, c, h, w).

    y is a copy of one pixel of its window. If several are largest, it is the first of them in
    reading order (row by row, from the left). Windows may overlap: one pixel may win in several.
    """
    raise NotImplementedError
