"""From strokes to a digit as MNIST has them: 28×28 grey values, scaled and centred.

MNIST's digits were scanned in black and white, then made by two rules: the bounding box is scaled
to fit 20×20 pixels, keeping its aspect ratio, which makes grey levels; and the result is moved, by
whole pixels, until its centre of mass is at the centre of 28×28. In the files that centre is
the pixel (14, 14): each digit's centre of mass rounds to it, and each has a side of 20 pixels, but
for a few sevens whose foot the image's edge cut off. `centred` leaves such a digit as it is.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-based learning applied to document
recognition. Proceedings of the IEEE, 1998.
"""

import math

import numpy as np

SIZE, BOX = 28, 20  # pixels: the image, and the box that the ink is scaled into
CENTRE = 14  # the row and the column of the pixel where the centre of mass goes
PEN = 2.6  # pixels: the width of a line; of MNIST's ones, the upright part has this median
FINE = 8  # `rasterise` draws with this many pixels along the side of one


def digit_of(strokes):
    """(28, 28) uint8, 0 paper to 255 ink: strokes as a digit of MNIST.

    strokes: a list of float arrays (n, 2), the points (x, y) that a pen went through, n ≥ 1, x to
    the right and y down, in parts of the pad's side. Where and how large they are does not matter,
    and the line is always PEN wide in the result. No strokes: an empty image.
    """
    return centred(rasterise(strokes)) if strokes else np.zeros((SIZE, SIZE), np.uint8)


def rasterise(strokes):
    """(h, w) uint8: 255 where the pen was, 0 elsewhere, FINE times as large as needed.

    The ink fills the array; its longer side is FINE · BOX pixels, but for a dot's.
    """
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)  # (x, y)
    pen = FINE * PEN
    dot = PEN / SIZE  # what is smaller than the pen itself is not blown up to a line
    scale = (FINE * BOX - pen) / max(extent.max(), dot)
    width, height = (math.ceil(side) for side in extent * scale + pen)
    ink = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        path = (stroke - low) * scale + pen / 2
        for a, b in zip(path[[0, *range(len(path) - 1)]], path, strict=True):
            draw_line(ink, a, b, pen / 2)
    return ink


def draw_line(ink, a, b, radius):
    """Ink every pixel whose centre is within the radius of the line from a to b, points (x, y)."""
    (ax, ay), (dx, dy) = a.tolist(), (b - a).tolist()
    left, top = (max(math.floor(min(p, p + d) - radius), 0) for p, d in ((ax, dx), (ay, dy)))
    right, bottom = (math.ceil(max(p, p + d) + radius) for p, d in ((ax, dx), (ay, dy)))
    window = ink[top:bottom, left:right]  # the rest is too far away
    x = np.arange(left, left + window.shape[1]) + (0.5 - ax)  # (w,), seen from a
    y = np.arange(top, top + window.shape[0])[:, None] + (0.5 - ay)  # (h, 1)
    along = (x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12)  # (h, w): 0 at a, 1 at b
    along = np.minimum(np.maximum(along, 0), 1)  # for so few numbers np.clip takes longer
    window[(x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius**2] = 255


def centred(ink):
    """(28, 28) uint8: an image (h, w) of ink on paper 0 by MNIST's two rules (see above)."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    image = np.zeros((SIZE, SIZE), np.uint8)
    if not rows.size:
        return image
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    small = averaging(ink.shape[0], scale) @ ink @ averaging(ink.shape[1], scale).T
    h, w = small.shape  # at most BOX
    total = small.sum()
    row = small.sum(axis=1) @ np.arange(h) / total  # of the centre of mass
    column = small.sum(axis=0) @ np.arange(w) / total
    # Ink that lies all at one end would stick out: here it stays inside, and is not cut off.
    top = min(max(round(CENTRE - row), 0), SIZE - h)
    left = min(max(round(CENTRE - column), 0), SIZE - w)
    image[top : top + h, left : left + w] = np.rint(small)
    return image


def averaging(n, scale):
    """(m, n): a matrix that makes m = ⌈n · scale⌉ pixels of n, by their mean over each new pixel.

    Entry (i, j) is how much of the new pixel i the old pixel j covers, which after scaling lies
    from j · scale to (j + 1) · scale; what lies beyond the last old pixel is paper.
    """
    new = np.arange(math.ceil(n * scale - 1e-9))[:, None]  # not one more for a rounding error
    old = np.arange(n) * scale
    return np.clip(np.minimum(new + 1, old + scale) - np.maximum(new, old), 0, None)
