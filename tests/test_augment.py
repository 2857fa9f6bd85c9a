"""Random affine maps and elastic distortions of images."""

import numpy as np
import pytest

from tinynet.augment import RandomAffine, RandomElastic, warp

EYE = np.eye(2)[None]
NO_SHIFT = np.zeros((1, 2))


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


def test_warp_is_the_definition():
    rng = np.random.default_rng(0)
    images = rng.random((5, 8, 7))
    a, t = RandomAffine(40, 0.4, 0.5, 3).draw(5, rng)
    y = warp(images, a, t)
    for image, one_a, one_t, one_y in zip(images, a, t, y, strict=True):
        np.testing.assert_allclose(one_y, loops(image, one_a, one_t), atol=1e-12)


def test_warp_with_displacements_is_the_definition():
    rng = np.random.default_rng(0)
    images = rng.random((5, 8, 7))
    a, t = RandomAffine(40, 0.4, 0.5, 3).draw(5, rng)
    d = rng.uniform(-3, 3, (5, 2, 8, 7)).astype(np.float32)
    y = warp(images, a, t, d)
    for i in range(5):
        np.testing.assert_allclose(y[i], loops(images[i], a[i], t[i], d[i]), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_no_map_changes_nothing(dtype):
    x = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(dtype)
    y = RandomAffine(0, 0, 0, 0)(x, np.random.default_rng(1))
    assert y.dtype == dtype and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y, x)


def test_shift_moves_down_and_right_and_leaves_zeros():
    y = warp(ramp(), EYE, np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(y[0, 2:, 1:], ramp()[0, :-2, :-1])
    assert (y[0, :2] == 0).all() and (y[0, :, :1] == 0).all()


def test_quarter_turn_is_rot90():
    x = np.random.default_rng(0).random((1, 7, 7))
    turn = np.array([[[0.0, -1.0], [1.0, 0.0]]])  # a point below the centre goes to its right
    np.testing.assert_allclose(warp(x, turn, NO_SHIFT)[0], np.rot90(x[0]), atol=1e-12)


def test_halves_between_pixels():
    y = warp(ramp(), EYE, np.array([[0.5, 0.5]]))
    np.testing.assert_allclose(y[0, 1:, 1:], ramp()[0, 1:, 1:] - 5.5)


def test_uint8_is_rounded():
    x = np.full((1, 5, 5), 255, np.uint8)
    y = warp(x, EYE, np.array([[0.0, 0.3001]]))
    np.testing.assert_array_equal(y[0, :, 0], np.round(0.6999 * 255))
    assert (y[0, :, 1:] == 255).all()


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


def test_wrong_arguments():
    with pytest.raises(ValueError, match="RandomAffine: expected rotation ≥ 0, got -1"):
        RandomAffine(rotation=-1)
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
    with pytest.raises(ValueError, match="RandomElastic: expected images .* got float16"):
        RandomElastic()(np.zeros((3, 4, 4), np.float16), one_rng())
