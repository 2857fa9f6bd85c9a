"""Affine maps and elastic distortions of images, pixel by pixel: see tinynet/augment.py."""

import math

from .jit import kernel
from .threads import share, take


@kernel
def warp_images(x, inverse, shift, displaced, half, y, team, thread):
    """y[n, c] shows at q what x[n, c] has at inverse[n]·(q − shift[n]) + displaced[n, :, q].

    Points are measured from the centre; outside the image, x is 0. x, y: (n, c, h, w), uint8 or
    float; inverse: (n, 2, 2), shift: (n, 2), float64; displaced: (n, 2, h, w), float32, or of no
    images, where nothing is displaced. half: added to y, 0.5 for uint8, which then is rounded and
    not cut off.
    """
    share(team, thread)
    h, w = x.shape[2:]
    part, first, last = take(team, thread)
    while first < last:
        for n in range(first, last):
            for i in range(h):
                di = i - (h - 1) / 2 - shift[n, 0]
                for j in range(w):
                    dj = j - (w - 1) / 2 - shift[n, 1]
                    row = inverse[n, 0, 0] * di + inverse[n, 0, 1] * dj + (h - 1) / 2
                    col = inverse[n, 1, 0] * di + inverse[n, 1, 1] * dj + (w - 1) / 2
                    if len(displaced):
                        row += displaced[n, 0, i, j]
                        col += displaced[n, 1, i, j]
                    top = left = 0
                    inside = -1 <= row < h and -1 <= col < w  # not NaN, nor more than an int holds
                    if inside:
                        top, left = math.floor(row), math.floor(col)
                    for c in range(x.shape[1]):
                        value = 0.0
                        if inside:
                            down, right = row - top, col - left
                            for a in range(2):
                                for b in range(2):
                                    p, q = top + a, left + b
                                    if 0 <= p < h and 0 <= q < w:
                                        weight = (down if a else 1 - down) * (
                                            right if b else 1 - right
                                        )
                                        value += weight * x[n, c, p, q]
                        y[n, c, i, j] = value + half
        part, first, last = take(team, thread)
