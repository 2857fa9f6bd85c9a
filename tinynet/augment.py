"""Augmentation: a slightly different picture of each digit, every time it is shown.

A digit that is turned, stretched, slanted and moved a little is the same digit. An affine map
moves point p of the picture, measured from its centre, to A·p + t. To draw the new picture we go
the other way: pixel q of it shows what stood at A⁻¹·(q − t) in the old one, which lies between
four pixels and is interpolated from them (bilinear interpolation).

Hands shake, too: strokes bend as no affine map bends them. An elastic distortion moves where each
pixel looks by a displacement d(q) of its own, A⁻¹·(q − t) + d(q), that changes smoothly from pixel
to pixel: random numbers, blurred.

P. Simard, D. Steinkraus, J. Platt. Best practices for convolutional neural networks applied to
visual document analysis. ICDAR 2003.
"""

import numpy as np

UNBENT = np.zeros((0, 2, 0, 0), np.float32)  # no displacements: an affine map alone


class RandomAffine:
    """A random affine map for each image of a batch; call it with (images, rng).

    rotation: up to so many degrees either way. scale: rows and columns each stretched by a factor
    in 1 ± scale. shear: rows slanted by up to so many pixels a row. shift: moved by up to so many
    pixels, down and right. All are drawn uniformly.

    >>> images = np.zeros((2, 5, 5), np.uint8)
    >>> images[:, 2] = 255  # a horizontal line
    >>> turn = RandomAffine(rotation=45, scale=0, shear=0, shift=0)
    >>> turned = turn(images, np.random.default_rng(0))
    >>> turned.shape, turned.dtype
    ((2, 5, 5), dtype('uint8'))
    """

    def __init__(self, rotation=12.0, scale=0.1, shear=0.15, shift=2.0):
        _check_amounts(self, rotation=rotation, shear=shear, shift=shift)
        if not 0 <= scale < 1:
            raise ValueError(f"RandomAffine: expected scale in [0, 1), got {scale}")
        self.rotation, self.scale, self.shear, self.shift = rotation, scale, shear, shift

    def __call__(self, images, rng):
        """Warped copies. images: (n, h, w) or (n, c, h, w), uint8, float32 or float64.

        rng: a numpy Generator. Shape and dtype stay; what comes from outside the image is 0, so
        give images whose background is 0.
        """
        _check_images(self, images)
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

    def __repr__(self):
        return (
            f"RandomAffine(rotation={self.rotation}, scale={self.scale}, shear={self.shear}, "
            f"shift={self.shift})"
        )


class RandomElastic:
    """A random affine map and an elastic distortion, in one; call it with (images, rng).

    displacement: how far pixels are moved, in pixels: the standard deviation of each coordinate.
    smoothness: σ in pixels of the Gaussian that blurs the displacements: small ones crumple the
    digit, large ones only shift and turn it. affine: the affine maps, a RandomAffine. Drawing
    the picture once for both keeps it sharper than two interpolations would.

    >>> bend = RandomElastic(displacement=0.5, smoothness=4.0, affine=RandomAffine(shift=1.0))
    >>> bend(np.zeros((2, 28, 28), np.uint8), np.random.default_rng(0)).shape
    (2, 28, 28)
    """

    def __init__(self, displacement=0.5, smoothness=4.0, affine=None):
        _check_amounts(self, displacement=displacement)
        if not smoothness > 0:
            raise ValueError(f"RandomElastic: expected smoothness > 0, got {smoothness}")
        self.displacement, self.smoothness = displacement, smoothness
        self.affine = RandomAffine() if affine is None else affine

    def __call__(self, images, rng):
        """Warped copies of images, as RandomAffine makes them."""
        _check_images(self, images)
        a, t = self.affine.draw(len(images), rng)
        return warp(images, a, t, self.draw(images.shape, rng))

    def draw(self, shape, rng):
        """Random displacements (n, 2, h, w), of rows and of columns, for images of this shape.

        A Gaussian blur cannot tell noise at every pixel from (stronger) noise at points σ/1.5
        apart, and of those there are fewer to draw and to blur.
        """
        n, h, w = shape[0], *shape[-2:]
        rows, cols = self._blur(h), self._blur(w)  # (h, points), (w, points)
        noise = rng.random((n, 2, rows.shape[1], cols.shape[1]), np.float32) * 2 - 1
        noise *= np.float32(self.displacement * np.sqrt(3))  # uniform in ± √3·s has deviation s
        return rows @ noise @ cols.T

    def _blur(self, size):
        """(size, points): the weight of each point of noise in each pixel; squares add up to 1."""
        margin = 3 * self.smoothness
        points = np.arange(-margin, size + margin, self.smoothness / 1.5)
        distance = np.arange(size)[:, None] - points
        weights = np.exp(-(distance**2) / (2 * self.smoothness**2))
        weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
        return weights.astype(np.float32)

    def __repr__(self):
        return (
            f"RandomElastic(displacement={self.displacement}, smoothness={self.smoothness}, "
            f"affine={self.affine})"
        )


def _check_amounts(augmentation, **amounts):
    for name, value in amounts.items():
        if not value >= 0:
            raise ValueError(f"{type(augmentation).__name__}: expected {name} ≥ 0, got {value}")


def _check_images(augmentation, images):
    if images.ndim not in (3, 4) or images.dtype not in (np.uint8, np.float32, np.float64):
        raise ValueError(
            f"{type(augmentation).__name__}: expected images (N, H, W) or (N, C, H, W) of uint8, "
            f"float32 or float64, got {images.dtype} {images.shape}"
        )


def _matrices(a, b, c, d):
    """(n, 2, 2) from the four entries, each (n,)."""
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], 1)


def warp(images, a, t, d=UNBENT):
    """Pixel q of image n shows what stood at a[n]⁻¹·(q − t[n]) + d[n, :, q], from the centre.

    Without d, that moves point p = (row, column) to a[n]·p + t[n]. images: (n, h, w) or
    (n, c, h, w); a: (n, 2, 2), invertible; t: (n, 2); d: (n, 2, h, w), float32.
    """
    from .compiled.jit import announced
    from .compiled.threads import default_threads, run
    from .compiled.warp import warp_images

    x = np.ascontiguousarray(images).reshape(len(images), -1, *images.shape[-2:])
    y = np.empty_like(x)
    half = 0.5 if x.dtype == np.uint8 else 0.0
    with announced():
        run(warp_images, len(x), default_threads(), x, np.linalg.inv(a), t, d, half, y)
    return y.reshape(images.shape)
