"""Augmentation: a slightly different picture of each digit, every time it is shown.

A digit that is turned, stretched, slanted and moved a little is the same digit. An affine map
moves point p of the picture, measured from its centre, to A·p + t. To draw the new picture we go
the other way: pixel q of it shows what stood at A⁻¹·(q − t) in the old one, which lies between
four pixels and is interpolated from them (bilinear interpolation).

P. Simard, D. Steinkraus, J. Platt. Best practices for convolutional neural networks applied to
visual document analysis. ICDAR 2003.
"""

import numpy as np


class RandomAffine:
    """A random affine map for each image of a batch; call it with (images, rng).

    rotation: up to so many degrees either way. scale: rows and columns each stretched by a factor
    in 1 ± scale. shear: rows slanted by up to so many pixels a row. shift: moved by up to so many
    pixels, down and right. All are drawn uniformly.
    """

    def __init__(self, rotation=12.0, scale=0.1, shear=0.15, shift=2.0):
        for name, value in dict(rotation=rotation, shear=shear, shift=shift).items():
            if not value >= 0:
                raise ValueError(f"RandomAffine: expected {name} ≥ 0, got {value}")
        if not 0 <= scale < 1:
            raise ValueError(f"RandomAffine: expected scale in [0, 1), got {scale}")
        self.rotation, self.scale, self.shear, self.shift = rotation, scale, shear, shift

    def __call__(self, images, rng):
        """Warped copies. images: (n, h, w) or (n, c, h, w), uint8, float32 or float64.

        rng: a numpy Generator. Shape and dtype stay; what comes from outside the image is 0, so
        give images whose background is 0.
        """
        if images.ndim not in (3, 4) or images.dtype not in (np.uint8, np.float32, np.float64):
            raise ValueError(
                "RandomAffine: expected images (N, H, W) or (N, C, H, W) of uint8, float32 or "
                f"float64, got {images.dtype} {images.shape}"
            )
        return warp(images, *self.draw(len(images), rng))

    def draw(self, n, rng):
        """n random maps: (A: (n, 2, 2), t: (n, 2)), for points (row, column)."""
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation, n))
        stretch = rng.uniform(1 - self.scale, 1 + self.scale, (n, 2))
        slant = rng.uniform(-self.shear, self.shear, n)
        shift = rng.uniform(-self.shift, self.shift, (n, 2))
        cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones(n), np.zeros(n)
        turn = _matrices(cos, -sin, sin, cos)
        slanted = _matrices(one, zero, slant, one)  # a row further down stands further right
        return turn @ slanted @ (stretch[:, :, None] * np.eye(2)), shift


def _matrices(a, b, c, d):
    """(n, 2, 2) from the four entries, each (n,)."""
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], 1)


def warp(images, a, t):
    """Move point p of image n to a[n]·p + t[n], p = (row, column) from the image's centre.

    images: (n, h, w) or (n, c, h, w); a: (n, 2, 2), invertible; t: (n, 2).
    """
    from .compiled.jit import announced
    from .compiled.threads import default_threads, run
    from .compiled.warp import warp_images

    x = np.ascontiguousarray(images).reshape(len(images), -1, *images.shape[-2:])
    y = np.empty_like(x)
    half = 0.5 if x.dtype == np.uint8 else 0.0
    with announced():
        run(warp_images, len(x), default_threads(), x, np.linalg.inv(a), t, half, y)
    return y.reshape(images.shape)
