"""Random affine maps and elastic distortions of images."""

import pickle
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from cases import INTERPRETED, needs_numba
from hypothesis import given, settings
from hypothesis import strategies as st

from tinynet.augment import RandomAffine, RandomElastic, warp

EYE = np.eye(2)[None]
NO_SHIFT = np.zeros((1, 2))
EXAMPLES = settings(max_examples=10 if INTERPRETED else 100)


def choose(patch, plain):
    """Let warp be the plain one, or the kernel."""
    patch.setattr("tinynet.augment.numba_error", lambda: "not to be used" if plain else "")


@pytest.fixture(params=["plain", pytest.param("kernel", marks=needs_numba)])
def which(request, monkeypatch):
    choose(monkeypatch, request.param == "plain")


each_way = pytest.mark.usefixtures("which")


def ramp(h=9, w=11, dtype=np.float64):
    """An image that rises by 1 a column and 10 a row: interpolation of it is exact."""
    return (10.0 * np.arange(h)[:, None] + np.arange(w)).astype(dtype)[None]


def loops(image, a, t, d=None):
    """The definition, pixel by pixel: y(q) = x(A⁻¹(q − t) + d(q)), bilinear, 0 outside."""
    h, w = image.shape
    d = np.zeros((2, h, w)) if d is None else d
    y = np.zeros((h, w))
    inverse = np.linalg.inv(a)
    centre = np.array([(h - 1) / 2, (w - 1) / 2])

    def pixel(i, j):
        return float(image[i, j]) if 0 <= i < h and 0 <= j < w else 0.0

    for i in range(h):
        for j in range(w):
            r, c = inverse @ (np.array([i, j]) - centre - t) + centre + d[:, i, j]
            i0, j0 = int(np.floor(r)), int(np.floor(c))
            down, right = r - i0, c - j0
            y[i, j] = (1 - down) * ((1 - right) * pixel(i0, j0) + right * pixel(i0, j0 + 1))
            y[i, j] += down * ((1 - right) * pixel(i0 + 1, j0) + right * pixel(i0 + 1, j0 + 1))
    return y


@each_way
def test_warp_is_the_definition():
    rng = np.random.default_rng(0)
    images = rng.random((5, 8, 7))
    a, t = RandomAffine(40, 0.4, 0.5, 3).draw(5, rng)
    y = warp(images, a, t)
    for image, one_a, one_t, one_y in zip(images, a, t, y, strict=True):
        np.testing.assert_allclose(one_y, loops(image, one_a, one_t), atol=1e-12)


@each_way
def test_warp_with_displacements_is_the_definition():
    rng = np.random.default_rng(0)
    images = rng.random((5, 8, 7))
    a, t = RandomAffine(40, 0.4, 0.5, 3).draw(5, rng)
    d = rng.uniform(-3, 3, (5, 2, 8, 7)).astype(np.float32)
    y = warp(images, a, t, d)
    for i in range(5):
        np.testing.assert_allclose(y[i], loops(images[i], a[i], t[i], d[i]), atol=1e-12)


# -- the plain warp against the kernel --


def plain_and_kernel(*arguments):
    """What each of them makes of the same."""
    both = []
    for plain in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            choose(patch, plain)
            both.append(warp(*arguments))
    return both


@st.composite
def warps(draw):
    """(images, a, t, d) of warp: any maps that the settings of augmentations allow, and more."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w = draw(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)))
    shape = (n, *draw(st.sampled_from([(), (1,), (3,)])), h, w)
    x = rng.integers(0, 256, shape).astype(draw(st.sampled_from(["uint8", "float32", "float64"])))
    limits = draw(st.sampled_from([(12, 0.1, 0.15, 2), (180, 0.9, 2, 9), (0, 0, 0, 1e3)]))
    a, t = RandomAffine(*limits).draw(n, rng)
    if draw(st.booleans()):
        return x, a, t
    size = draw(st.sampled_from([0.1, 3, 1e20]))
    return x, a, t, rng.uniform(-size, size, (n, 2, h, w)).astype(draw(st.sampled_from("fd")))


@needs_numba
@EXAMPLES
@given(warps())
def test_the_kernel_gives_what_the_plain_warp_gives(arguments):
    """But for rounding, of numbers to 255: the kernel may round a·b + c once, NumPy rounds twice.

    uint8 is equal, but where half a step decides and the numbers before it differ in rounding.
    """
    plain, kernel = plain_and_kernel(*arguments)
    assert plain.dtype == kernel.dtype == arguments[0].dtype and plain.shape == kernel.shape
    if plain.dtype == np.uint8:
        x, *maps = arguments
        exact, _ = plain_and_kernel(x.astype(float), *maps)
        undecided = np.abs(exact % 1 - 0.5) < 1e-10
        np.testing.assert_array_equal(plain[~undecided], kernel[~undecided])
        assert (np.abs(plain.astype(int) - kernel) <= undecided).all()
    else:
        np.testing.assert_allclose(
            plain, kernel, rtol=2**-23 if plain.itemsize == 4 else 0, atol=1e-10
        )


@needs_numba
@EXAMPLES
@given(st.data())
def test_where_nothing_is_rounded_they_are_equal_even_of_what_is_not_finite(data):
    """Halves and quarters of small whole numbers, and NaN and ∞: a weight of 0 shows them, too."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    n, c, h, w = data.draw(st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(1, 7)] * 2))
    x = rng.choice([0, 1, 2, 255, -3, np.nan, np.inf, -np.inf], (n, c, h, w))
    x = x.astype(data.draw(st.sampled_from(["float32", "float64"])))
    a = rng.choice([-2.0, -1, 1, 0.5, 2], (n, 2, 2)) * np.eye(2)
    t, d = rng.integers(-12, 13, (n, 2)) / 4, rng.integers(-12, 13, (n, 2, h, w)) / 4
    d[rng.random(d.shape) < 0.1] = data.draw(st.sampled_from([1e9, -1e19, 1e300]))  # far away
    plain, kernel = plain_and_kernel(x, a, t, d)
    np.testing.assert_array_equal(plain, kernel)


def test_in_pieces_it_is_the_same(monkeypatch):
    choose(monkeypatch, plain=True)
    x = np.random.default_rng(0).random((7, 2, 5, 6))
    a, t = RandomAffine().draw(7, one_rng())
    d = RandomElastic().draw(x.shape, one_rng())
    whole = [warp(x, a, t), warp(x, a, t, d)]
    for pixels in (1, 60, 130, 300):  # one image, one, two and five at a time
        monkeypatch.setattr("tinynet.augment.PIECE", pixels)
        np.testing.assert_array_equal([warp(x, a, t), warp(x, a, t, d)], whole)


def test_a_whole_data_set_takes_little_more_memory_than_it_has(monkeypatch):
    choose(monkeypatch, plain=True)
    x = np.zeros((2_000, 28, 28), np.uint8)
    a, t = RandomAffine().draw(len(x), one_rng())
    tracemalloc.start()
    try:
        warp(x, a, t)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < x.nbytes + 40e6  # all in float64 at once, an array would be of 13 MB


# -- what it does --


@each_way
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_no_map_changes_nothing(dtype):
    x = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(dtype)
    y = RandomAffine(0, 0, 0, 0)(x, np.random.default_rng(1))
    assert y.dtype == dtype and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y, x)


@each_way
def test_shift_moves_down_and_right_and_leaves_zeros():
    y = warp(ramp(), EYE, np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(y[0, 2:, 1:], ramp()[0, :-2, :-1])
    assert (y[0, :2] == 0).all() and (y[0, :, :1] == 0).all()


@each_way
def test_quarter_turn_is_rot90():
    x = np.random.default_rng(0).random((1, 7, 7))
    turn = np.array([[[0.0, -1.0], [1.0, 0.0]]])  # a point below the centre goes to its right
    np.testing.assert_allclose(warp(x, turn, NO_SHIFT)[0], np.rot90(x[0]), atol=1e-12)


@each_way
def test_halves_between_pixels():
    y = warp(ramp(), EYE, np.array([[0.5, 0.5]]))
    np.testing.assert_allclose(y[0, 1:, 1:], ramp()[0, 1:, 1:] - 5.5)


@each_way
def test_uint8_is_rounded():
    x = np.full((1, 5, 5), 255, np.uint8)
    y = warp(x, EYE, np.array([[0.0, 0.3001]]))
    np.testing.assert_array_equal(y[0, :, 0], np.round(0.6999 * 255))
    assert (y[0, :, 1:] == 255).all()


@each_way
def test_channels_share_a_map_and_images_do_not():
    x = np.repeat(ramp()[:, None], 3, axis=1).repeat(2, axis=0)  # (2, 3, h, w)
    y = RandomAffine()(x, np.random.default_rng(0))
    np.testing.assert_array_equal(y[:, 0], y[:, 2])
    assert np.abs(y[0] - y[1]).max() > 0.1


def test_the_seed_decides_and_the_limits_hold():
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    one, same, other = (RandomAffine()(x, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    a, t = RandomAffine(rotation=10, scale=0, shear=0, shift=1.5).draw(1000, one_rng())
    angles = np.rad2deg(np.arctan2(a[:, 1, 0], a[:, 0, 0]))
    assert 9 < np.abs(angles).max() <= 10 and 1.4 < np.abs(t).max() <= 1.5
    np.testing.assert_allclose(np.linalg.det(a), 1)
    a, _ = RandomAffine(rotation=0, scale=0.2, shear=0, shift=0).draw(1000, one_rng())
    assert 0.8 <= a[:, 0, 0].min() < 0.81 and 1.19 < a[:, 1, 1].max() <= 1.2
    assert np.abs(a[:, 0, 0] - a[:, 1, 1]).max() > 0.2  # each axis by itself
    a, _ = RandomAffine(rotation=0, scale=0, shear=0.3, shift=0).draw(1000, one_rng())
    assert (a[:, 0, 1] == 0).all() and 0.29 < np.abs(a[:, 1, 0]).max() <= 0.3


def test_displacements_are_as_large_and_as_smooth_as_asked():
    d = RandomElastic(0.7, smoothness=3.0).draw((2000, 30, 26), one_rng())
    assert d.shape == (2000, 2, 30, 26) and d.dtype == np.float32
    np.testing.assert_allclose(d.std(axis=0), 0.7, rtol=0.1)  # of each pixel, over the images
    np.testing.assert_allclose(d.mean(axis=0), 0, atol=0.1)
    for distance in (1, 3, 6, 12):  # two blurs, one behind the other, are one of σ·√2
        correlation = (d[..., distance:] * d[..., :-distance]).mean() / 0.49
        assert abs(correlation - np.exp(-((distance / 3) ** 2) / 4)) < 0.02
    down_and_right = (d[:, 0] * d[:, 1]).mean() / 0.49
    assert abs(down_and_right) < 0.02


def test_displacements_at_the_border_are_as_smooth_as_inside():
    weights = RandomElastic(smoothness=3.0)._blur(30).astype(float)  # (pixels, points of noise)
    distance = np.arange(30)[:, None] - np.arange(30)
    expected = np.exp(-((distance / 3) ** 2) / 4)  # of any two pixels, the first and last as well
    np.testing.assert_allclose(weights @ weights.T, expected, atol=1e-4)


@each_way
def test_elastic_draws_the_affine_map_too():
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    affine = RandomAffine(30, 0.1, 0.1, 2)
    straight = RandomElastic(0, affine=affine)(x, np.random.default_rng(3))
    np.testing.assert_array_equal(straight, affine(x, np.random.default_rng(3)))
    bent, same, other = (RandomElastic(1)(x[:, None], np.random.default_rng(s)) for s in (3, 3, 4))
    assert bent.shape == (20, 1, 28, 28) and bent.dtype == np.uint8
    np.testing.assert_array_equal(bent, same)
    assert (bent != other).any() and (bent[:, 0] != straight).any()


def test_they_say_what_they_do():
    text = "RandomElastic(displacement=0.3, smoothness=5.0, affine=RandomAffine(rotation=1, "
    assert repr(RandomElastic(0.3, 5.0, RandomAffine(1, 0, 2, 3))) == (
        text + "scale=0, shear=2, shift=3))"
    )


def one_rng():
    return np.random.default_rng(5)


def test_settings_are_values():
    one, same = (RandomElastic(0.3, 5.0, RandomAffine(rotation=7)) for _ in range(2))
    assert one == same and hash(one) == hash(same) and one != RandomElastic(0.3, 5.0)
    assert RandomAffine(shear=0.2) != RandomAffine(shear=0.3)
    assert RandomElastic().affine == RandomAffine()
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.smoothness = 3.0


@pytest.mark.parametrize("three", [np.float32(3), np.int8(3), np.float64(3), Fraction(3)])
def test_numbers_of_numpy_are_numbers(three):
    assert repr(RandomAffine(rotation=three)) == repr(RandomAffine(rotation=3.0))
    assert repr(RandomElastic(smoothness=three)) == repr(RandomElastic(smoothness=3.0))


@each_way
@pytest.mark.parametrize("shape", [(0, 28, 28), (0, 3, 5, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_of_no_images_there_are_none(shape, dtype):
    for augment in (RandomAffine(), RandomElastic()):
        y = augment(np.zeros(shape, dtype), one_rng())
        assert y.shape == shape and y.dtype == dtype
    y = warp(np.zeros(shape, dtype), EYE[:0], NO_SHIFT[:0])
    assert y.shape == shape and y.dtype == dtype


@each_way
@pytest.mark.parametrize("augment", [RandomAffine(), RandomElastic()])
def test_only_the_pixels_count_not_how_they_lie_in_memory(augment):
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 9)).astype(np.uint8)
    read_only = x.copy()
    read_only.flags.writeable = False
    expected = augment(x, one_rng())
    for same in (
        read_only,
        np.asfortranarray(x),
        x.repeat(2, axis=2)[..., ::2],
        x[:, ::-1][:, ::-1],
    ):
        np.testing.assert_array_equal(augment(same, one_rng()), expected)
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(augment(x, one_rng()), expected)


def test_far_away_displacements_count_as_nothing_whatever_numpy_is_told_to_raise():
    with np.errstate(all="raise"):
        y = RandomElastic(smoothness=0.1)(np.ones((1, 40, 40)), one_rng())
    assert np.isfinite(y).all()


@each_way
@pytest.mark.parametrize("absurd", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_not_finite_shows_where_it_is_shown_and_nowhere_else(absurd):
    x = np.ones((2, 9, 9))
    x[0, 4, 4] = absurd
    y = warp(x, EYE.repeat(2, 0), np.full((2, 2), 0.5))
    assert np.argwhere(~np.isfinite(y)).tolist() == [[0, 4, 4], [0, 4, 5], [0, 5, 4], [0, 5, 5]]


@each_way
@pytest.mark.parametrize("far", [1e7, 1e19, 1e300])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_comes_from_far_outside_is_0(far, sign):
    x = ramp()
    assert (warp(x, EYE, NO_SHIFT + sign * far) == 0).all()
    d = np.full((1, 2, 9, 11), sign * far)
    assert (warp(x, EYE, NO_SHIFT, d) == 0).all()
    with np.errstate(all="ignore"):  # NumPy's warnings, where kernels are interpreted
        assert (warp(x, EYE / far, NO_SHIFT + sign * far) == 0).all()  # infinite, or inf − inf


@each_way
def test_the_largest_settings_still_give_pictures():
    x = np.ones((50, 9, 11))
    for augment in (RandomAffine(1e6, 0.9999, 1e6, 1e6), RandomElastic(1e6), RandomElastic(1, 1e6)):
        y = augment(x, one_rng())
        assert (0 <= y).all() and (y < 1 + 1e-9).all()


@each_way
def test_maps_may_be_anything_that_holds_the_same_numbers():
    x, t = ramp(), np.array([[1, 2]])
    d = np.full((1, 2, 9, 11), 0.25, np.float32)
    expected = warp(x, 2.0 * EYE, t.astype(float), d)
    np.testing.assert_array_equal(warp(x, (2 * EYE).astype(int), t.tolist(), d), expected)
    np.testing.assert_array_equal(warp(x, (2 * EYE).astype(">f8"), t, d.astype(">f4")), expected)
    np.testing.assert_array_equal(warp(x, 2 * EYE, t, d.astype(float)), expected)


@pytest.mark.parametrize("value", ["3", None, 1j, True, np.True_, [3.0], np.array(3.0)], ids=repr)
@pytest.mark.parametrize("name", ["rotation", "scale", "shear", "shift"])
def test_settings_that_are_no_numbers(name, value):
    with pytest.raises(TypeError, match=f"RandomAffine: {name}: expected a number, got "):
        RandomAffine(**{name: value})
    for name in ("displacement", "smoothness"):
        with pytest.raises(TypeError, match=f"RandomElastic: {name}: expected a number, got "):
            RandomElastic(**{name: value})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, np.float32(-1)])
def test_settings_without_sense(value):
    for name in ("rotation", "scale", "shear", "shift"):
        with pytest.raises(ValueError, match=f"^RandomAffine: .*{name}.*, got "):
            RandomAffine(**{name: value})
    for name in ("displacement", "smoothness"):
        with pytest.raises(ValueError, match=f"^RandomElastic: .*{name}.*, got "):
            RandomElastic(**{name: value})


class Tensor:
    """What a tensor or a table looks like: it has a shape and a dtype, and is no array."""

    shape, ndim, dtype = (2, 5, 5), 3, np.dtype(np.uint8)

    def __len__(self):
        return 2


@pytest.mark.parametrize("augment", [RandomAffine(), RandomElastic()])
def test_images_of_another_kind(augment):
    name = type(augment).__name__
    for images in (Tensor(), [[[1.0]]], None, 3, np.ma.masked_array(np.ones((2, 5, 5)), True)):
        words = f"{name}: expected images, a NumPy array, got {type(images).__name__}"
        with pytest.raises(TypeError, match=words):
            augment(images, one_rng())
        with pytest.raises(TypeError, match="warp: expected images, a NumPy array"):
            warp(images, EYE, NO_SHIFT)
    for dtype, shape in [
        ("uint8", (5, 5)), ("uint8", (25,)), ("float32", (1, 1, 1, 5, 5)), ("float64", ()),
        ("bool", (2, 5, 5)), ("int64", (2, 5, 5)), (">f4", (2, 5, 5)), ("complex64", (2, 5, 5)),
        ("uint8", (2, 0, 5)), ("float32", (2, 5, 0)), ("float64", (2, 0, 5, 5)),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}: expected images .* got {dtype}"):
            augment(np.zeros(shape, dtype), one_rng())


@pytest.mark.parametrize("rng", [0, None, "0", np.random, np.random.RandomState(0)], ids=str)
def test_an_rng_of_another_kind(rng):
    words = f"expected rng, a numpy Generator.*, got {type(rng).__name__}"
    for augment in (RandomAffine(), RandomElastic()):
        with pytest.raises(TypeError, match=f"{type(augment).__name__}: {words}"):
            augment(np.zeros((2, 5, 5), np.uint8), rng)
    with pytest.raises(TypeError, match=words):
        RandomAffine().draw(3, rng)
    with pytest.raises(TypeError, match=words):
        RandomElastic().draw((3, 5, 5), rng)


D = np.zeros((1, 2, 9, 11), np.float32)


@pytest.mark.parametrize("a, t, d, error, words", [
    (EYE[0], NO_SHIFT, D, ValueError, r"expected a \(1, 2, 2\), got \(2, 2\)"),
    (EYE.repeat(2, 0), NO_SHIFT, D, ValueError, r"expected a \(1, 2, 2\), got \(2, 2, 2\)"),
    (EYE, NO_SHIFT[0], D, ValueError, r"expected t \(1, 2\), got \(2,\)"),
    (EYE, NO_SHIFT, D[:, :1], ValueError, r"expected d \(1, 2, 9, 11\), got \(1, 1, 9, 11\)"),
    (EYE, NO_SHIFT, D[..., :3], ValueError, r"expected d \(1, 2, 9, 11\), got \(1, 2, 9, 3\)"),
    (EYE, NO_SHIFT, D[:0], ValueError, r"expected d \(1, 2, 9, 11\), got \(0, 2, 9, 11\)"),
    (EYE * np.nan, NO_SHIFT, D, ValueError, "expected a finite, got nan"),
    (EYE, NO_SHIFT - np.inf, D, ValueError, "expected t finite, got -inf"),
    (EYE, NO_SHIFT, D + np.float32(np.nan), ValueError, "expected d finite, got nan"),
    (EYE * 0, NO_SHIFT, D, ValueError, r"expected a, maps that can be inverted, got \[\[0.0, 0.0"),
    (EYE * 1e-320, NO_SHIFT, D, ValueError, "expected a, maps that can be inverted"),
    (EYE.astype(str), NO_SHIFT, D, TypeError, "expected a, an array of numbers, got <U32"),
    (EYE, NO_SHIFT * 1j, D, TypeError, "expected t, an array of numbers, got complex128"),
    (EYE, None, D, TypeError, "expected t, an array of numbers, got NoneType"),
    (EYE, NO_SHIFT, None, TypeError, "expected d, an array of numbers, got NoneType"),
    (EYE, NO_SHIFT, np.ma.masked_array(D, True), TypeError, "expected d.* got MaskedArray"),
])  # fmt: skip
def test_wrong_maps(a, t, d, error, words):
    with pytest.raises(error, match=f"^warp: {words}"):
        warp(ramp(), a, t, d)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="RandomAffine: expected rotation ≥ 0, got -1"):
        RandomAffine(rotation=-1)
    for name in ("shear", "shift"):
        with pytest.raises(ValueError, match=f"RandomAffine: expected {name} ≥ 0, got -0.1"):
            RandomAffine(**{name: -0.1})
    with pytest.raises(ValueError, match=r"RandomAffine: expected scale in \[0, 1\), got 1"):
        RandomAffine(scale=1)
    with pytest.raises(ValueError, match=r"expected images .* got int64 \(3, 4\)"):
        RandomAffine()(np.zeros((3, 4), np.int64), one_rng())
    with pytest.raises(ValueError, match="expected images .* got float16"):
        RandomAffine()(np.zeros((3, 4, 4), np.float16), one_rng())
    with pytest.raises(ValueError, match="RandomElastic: expected displacement ≥ 0, got -1"):
        RandomElastic(-1)
    with pytest.raises(ValueError, match="RandomElastic: expected smoothness > 0, got 0"):
        RandomElastic(smoothness=0)
    with pytest.raises(ValueError, match="RandomElastic: expected smoothness ≥ 0.1, got 0.01"):
        RandomElastic(smoothness=0.01)
    with pytest.raises(TypeError, match="RandomElastic: expected affine, a RandomAffine, got 0.1"):
        RandomElastic(affine=0.1)
    with pytest.raises(TypeError, match="RandomAffine: n: expected a whole number, got 2.5"):
        RandomAffine().draw(2.5, one_rng())
    with pytest.raises(ValueError, match="RandomElastic: expected images .* got float16"):
        RandomElastic()(np.zeros((3, 4, 4), np.float16), one_rng())
