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

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from .checks import number, whole_number
from .compiled.available import numba_error

UNBENT = np.zeros((0, 2, 0, 0), np.float32)  # no displacements: an affine map alone
LARGEST = 1e6  # of any setting: no picture is as wide, and squares of it are finite
PIECE = 2**18  # pixels that _plain_warp works on at once: arrays of 2 MB in float64
SHARPEST = 0.1  # of smoothness: pixels then move each by itself, and noise would fill the memory


@dataclass(frozen=True)
class RandomAffine:
    """A random affine map for each image of a batch; call it with (images, rng).

    rotation: up to so many degrees either way. scale: rows and columns each stretched by a factor
    in 1 ± scale, 0 ≤ scale < 1. shear: rows slanted by up to so many pixels a row. shift: moved by
    up to so many pixels, down and right. All are drawn uniformly; none is negative.

    It cannot be changed, is equal to another of the same settings, and can be pickled.

    >>> images = np.zeros((2, 5, 5), np.uint8)
    >>> images[:, 2] = 255  # a horizontal line
    >>> turn = RandomAffine(rotation=45, scale=0, shear=0, shift=0)
    >>> turned = turn(images, np.random.default_rng(0))
    >>> turned.shape, turned.dtype
    ((2, 5, 5), dtype('uint8'))
    """

    rotation: float = 12.0
    scale: float = 0.1
    shear: float = 0.15
    shift: float = 2.0

    def __post_init__(self):
        _settle(self, "rotation", "scale", "shear", "shift")
        for name in ("rotation", "shear", "shift"):
            _expect(self, name, getattr(self, name) >= 0, "≥ 0")
        _expect(self, "scale", 0 <= self.scale < 1, "in [0, 1)")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Warped copies. images: (n, h, w) or (n, c, h, w), uint8, float32 or float64.

        Shape and dtype stay; n may be 0. What comes from outside the image is 0, so give images
        whose background is 0. A pixel that is not finite makes those not finite that show it.
        TypeError or ValueError: other images, or an rng that is no numpy Generator.
        """
        _check_images(_name(self), images)
        return warp(images, *self.draw(len(images), rng))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n random maps: (A: (n, 2, 2), t: (n, 2)), float64, for points (row, column)."""
        n = whole_number(n, f"{_name(self)}: n", at_least=0)
        _check_rng(_name(self), rng)
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation, n))
        stretch = rng.uniform(1 - self.scale, 1 + self.scale, (n, 2))
        slant = rng.uniform(-self.shear, self.shear, n)
        shift = rng.uniform(-self.shift, self.shift, (n, 2))
        cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones(n), np.zeros(n)
        turn = _matrices(cos, -sin, sin, cos)
        slanted = _matrices(one, zero, slant, one)  # a row further down stands further right
        return turn @ slanted @ (stretch[:, :, None] * np.eye(2)), shift


@dataclass(frozen=True)
class RandomElastic:
    """A random affine map and an elastic distortion, in one; call it with (images, rng).

    displacement: how far pixels are moved, in pixels: the standard deviation of each coordinate.
    smoothness: σ in pixels, 0.1 or more, of the Gaussian that blurs the displacements: small ones
    crumple the digit, large ones only shift and turn it. affine: the affine maps, a RandomAffine;
    None for that of the defaults. Drawing the picture once for both keeps it sharper than two
    interpolations would. Settings are compared and kept as RandomAffine's are.

    >>> bend = RandomElastic(displacement=0.5, smoothness=4.0, affine=RandomAffine(shift=1.0))
    >>> bend(np.zeros((2, 28, 28), np.uint8), np.random.default_rng(0)).shape
    (2, 28, 28)
    """

    displacement: float = 0.5
    smoothness: float = 4.0
    affine: RandomAffine | None = None

    def __post_init__(self):
        if self.affine is None:
            object.__setattr__(self, "affine", RandomAffine())
        if not isinstance(self.affine, RandomAffine):
            raise TypeError(f"RandomElastic: expected affine, a RandomAffine, got {self.affine!r}")
        _settle(self, "displacement", "smoothness")
        _expect(self, "displacement", self.displacement >= 0, "≥ 0")
        _expect(self, "smoothness", self.smoothness > 0, "> 0")
        _expect(self, "smoothness", self.smoothness >= SHARPEST, f"≥ {SHARPEST}")

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Warped copies of images, as RandomAffine makes them."""
        _check_images(_name(self), images)
        _check_rng(_name(self), rng)
        a, t = self.affine.draw(len(images), rng)
        return warp(images, a, t, self.draw(images.shape, rng))

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Random displacements (n, 2, h, w), of rows and of columns, for images of this shape.

        A Gaussian blur cannot tell noise at every pixel from (stronger) noise at points σ/1.5
        apart, and of those there are fewer to draw and to blur.
        """
        _check_rng(_name(self), rng)
        n, h, w = shape[0], *shape[-2:]
        with np.errstate(under="ignore"):  # what is far away counts as nothing
            rows, cols = self._blur(h), self._blur(w)  # (h, points), (w, points)
            noise = rng.random((n, 2, rows.shape[1], cols.shape[1]), np.float32) * 2 - 1
            noise *= np.float32(self.displacement * np.sqrt(3))  # uniform in ± √3·s: deviation s
            return rows @ noise @ cols.T

    def _blur(self, size):
        """(size, points): the weight of each point of noise in each pixel; squares add up to 1."""
        margin = 3 * self.smoothness
        points = np.arange(-margin, size + margin, self.smoothness / 1.5)
        distance = np.arange(size)[:, None] - points
        weights = np.exp(-(distance**2) / (2 * self.smoothness**2))
        weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
        return weights.astype(np.float32)


def _name(augmentation):
    return type(augmentation).__name__


def _settle(augmentation, *names):
    """Raise unless these settings are numbers and not absurd; make NumPy's numbers Python's."""
    for name in names:
        value = getattr(augmentation, name)
        plain = number(value, f"{_name(augmentation)}: {name}", -LARGEST, LARGEST)
        if not isinstance(value, int):
            object.__setattr__(augmentation, name, plain)


def _expect(augmentation, name, fits, expected):
    if not fits:
        value = getattr(augmentation, name)
        raise ValueError(f"{_name(augmentation)}: expected {name} {expected}, got {value}")


def _check_images(who, images):
    if not isinstance(images, np.ndarray) or isinstance(images, np.ma.MaskedArray):
        raise TypeError(f"{who}: expected images, a NumPy array, got {type(images).__name__}")
    fits = images.ndim in (3, 4) and images.dtype in (np.uint8, np.float32, np.float64)
    if not fits or 0 in images.shape[1:]:
        raise ValueError(
            f"{who}: expected images (N, H, W) or (N, C, H, W), C, H and W ≥ 1, of uint8, float32 "
            f"or float64, got {images.dtype} {images.shape}"
        )


def _check_rng(who, rng):
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{who}: expected rng, a numpy Generator such as np.random.default_rng(0), "
            f"got {type(rng).__name__}"
        )


def _matrices(a, b, c, d):
    """(n, 2, 2) from the four entries, each (n,)."""
    return np.stack([np.stack([a, b], -1), np.stack([c, d], -1)], 1)


def warp(images: np.ndarray, a: np.ndarray, t: np.ndarray, d: np.ndarray = UNBENT) -> np.ndarray:
    """Pixel q of image n shows what stood at a[n]⁻¹·(q − t[n]) + d[n, :, q], from the centre.

    Without d, that moves point p = (row, column) to a[n]·p + t[n]. images: (n, h, w) or
    (n, c, h, w), uint8, float32 or float64, from which y has shape and dtype; a: (n, 2, 2),
    invertible; t: (n, 2); d: (n, 2, h, w); of these, what is not float32 is used as float64.
    ValueError or TypeError: other shapes, or a map that is not finite or cannot be inverted.
    """
    _check_images("warp", images)
    n, h, w = len(images), *images.shape[-2:]
    inverse = _inverse(_numbers("a", a, (n, 2, 2)))
    t = _numbers("t", t, (n, 2))
    if d is not UNBENT:
        precise = getattr(d, "dtype", None) != np.float32
        d = _numbers("d", d, (n, 2, h, w), np.float64 if precise else np.float32)
    if n == 0:
        return images.copy()
    x = np.ascontiguousarray(images).reshape(n, -1, h, w)
    half = 0.5 if x.dtype == np.uint8 else 0.0  # it is cut off behind the point, hence rounded
    warped = _plain_warp if numba_error() else _kernel_warp
    return warped(x, inverse, t, d, half).reshape(images.shape)


def _kernel_warp(x, inverse, t, d, half):
    """_plain_warp by a Numba kernel, on all cores."""
    from .compiled.jit import announced
    from .compiled.threads import default_threads, run
    from .compiled.warp import warp_images

    y = np.empty_like(x)
    with announced():
        run(warp_images, len(x), default_threads(), x, inverse, t, d, half, y)
    return y


def _plain_warp(x, inverse, t, d, half):
    """Warped images, in NumPy alone. The kernel in tinynet/compiled/warp.py is held against it.

    Pixel q shows point a⁻¹·(q − t) + d(q), which lies between four pixels. If that above and left
    of it is (i, j), it is (i + u, j + v) with 0 ≤ u, v < 1. The nearer a pixel, the more it counts:

        y(q) = (1 − u)·(1 − v)·x(i, j)     + (1 − u)·v·x(i, j + 1)
             +      u ·(1 − v)·x(i + 1, j) +      u ·v·x(i + 1, j + 1)

    x, y: (n, c, h, w); inverse: (n, 2, 2); t: (n, 2); d: (n, 2, h, w), or UNBENT; half is added to
    y.
    """
    y = np.empty_like(x)
    some = max(1, PIECE // x[0].size)  # images at a time
    for start in range(0, len(x), some):
        part = slice(start, start + some)
        with np.errstate(all="ignore"):  # pixels and points that are not finite
            row, col = _points(inverse[part], t[part], d[part], *x.shape[2:])
            y[part] = _interpolated(x[part], row, col) + half
    return y


def _points(inverse, t, d, h, w):
    """(rows, columns) of the points that pixels show, each (n, 1, h, w): of all channels."""
    centre = np.array([[(h - 1) / 2], [(w - 1) / 2]])  # (2, 1)
    q = np.indices((h, w)).reshape(2, h * w) - centre - t[:, :, None]  # (n, 2, h·w)
    points = (inverse @ q + centre).reshape(-1, 2, 1, h, w)
    if len(d):
        points += d[:, :, None]
    return points[:, 0], points[:, 1]


def _interpolated(x, row, col):
    """y of images x (n, c, h, w) at the points (row, col), each (n, 1, h, w)."""
    n, c, h, w = x.shape
    inside = (row >= -1) & (row < h) & (col >= -1) & (col < w)  # not NaN, nor more than ints hold
    row, col = np.where(inside, row, 0), np.where(inside, col, 0)
    i, j = np.floor(row).astype(int), np.floor(col).astype(int)
    u, v = row - i, col - j
    framed = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])  # by zeros: x(i, j) is at i + 1, j + 1
    image, channel = np.arange(n)[:, None, None, None], np.arange(c)[:, None, None]

    def pixels(i, j):
        return framed[image, channel, i + 1, j + 1]  # (n, c, h, w)

    y = (1 - u) * (1 - v) * pixels(i, j)
    y += (1 - u) * v * pixels(i, j + 1)
    y += u * (1 - v) * pixels(i + 1, j)
    y += u * v * pixels(i + 1, j + 1)
    return np.where(inside, y, 0)


def _numbers(name, values, shape, dtype=np.float64):
    """values as an array of this shape and dtype, in C order, if they are finite numbers."""
    array = np.asarray(values)
    if isinstance(values, np.ma.MaskedArray) or array.dtype.kind not in "iuf":
        kind = array.dtype if type(values) is np.ndarray else type(values).__name__
        raise TypeError(f"warp: expected {name}, an array of numbers, got {kind}")
    if array.shape != shape:
        raise ValueError(f"warp: expected {name} {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"warp: expected {name} finite, got {array[~np.isfinite(array)][0]}")
    return np.ascontiguousarray(array, dtype)


def _inverse(a):
    """a⁻¹ of each map a: (n, 2, 2)."""
    inverse = np.nan
    with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError):
        inverse = np.linalg.inv(a)
    if not np.isfinite(inverse).all():
        flattest = a[np.abs(np.linalg.det(a)).argmin()].tolist()
        raise ValueError(f"warp: expected a, maps that can be inverted, got {flattest}")
    return inverse
