"""The networks that are known by name, and the weights that ship with the package."""

import numpy as np
import pytest
from cases import INTERPRETED

import tinynet as tn


def test_the_seed_decides_the_initial_weights():
    one, same, other = (tn.models.mnist_lite(rng=seed)[0].weight.data for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).all()


def test_pretrained_weights_read_digits():
    model = tn.models.mnist_lite(pretrained=True)
    assert sum(p.data.size for p in model.parameters()) == 11_950
    x, y = tn.datasets.mnist()[1]
    assert tn.evaluate(model, x[:500], y[:500]).accuracy > 0.99
    again = tn.models.mnist_lite(rng=5, pretrained=True).state_dict()
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(again[name], a, err_msg=name)


def test_pretrained_weights_are_fresh_arrays():
    model = tn.models.mnist_lite(pretrained=True)
    model[0].weight.data[...] = 0
    assert (tn.models.mnist_lite(pretrained=True)[0].weight.data != 0).any()


def test_damaged_weights_are_named(tmp_path, monkeypatch):
    content = tn.models.PRETRAINED.read_bytes()
    damaged = tmp_path / "mnist_lite.npz"
    damaged.write_bytes(content[:-100])
    monkeypatch.setattr(tn.models, "PRETRAINED", damaged)
    with pytest.raises(tn.FileFormatError, match="mnist_lite.npz: no weights for this Sequential"):
        tn.models.mnist_lite(pretrained=True)


# -- other numbers of classes, and other sizes of images --


def images(h, w, n=2):
    return np.random.default_rng(0).standard_normal((n, 1, h, w), np.float32)


@pytest.mark.parametrize("k", [1, 2, 26, 62, 3.0, np.int8(47)])
def test_as_many_logits_as_classes(k):
    model = tn.models.mnist_lite(0, num_classes=k)
    ten, rest = tn.models.mnist_lite(0).state_dict(), model.state_dict()
    assert model(images(28, 28)).shape == (2, k)
    assert list(ten) == list(rest)
    for name in ten:
        if not name.startswith("23."):  # the head is drawn last
            np.testing.assert_array_equal(ten[name], rest[name], err_msg=name)
    assert rest["23.weight"].shape == (k, 20, 3, 3) and rest["23.bias"].shape == (k,)


@pytest.mark.parametrize("k", [0, -1, 2.5, "10", None, True, np.nan])
def test_no_number_of_classes(k):
    rng = np.random.default_rng(0)
    with pytest.raises((ValueError, TypeError), match="mnist_lite: num_classes: expected"):
        tn.models.mnist_lite(rng, num_classes=k)
    assert rng.random() == np.random.default_rng(0).random()


def test_pretrained_weights_are_of_ten_classes():
    assert (
        tn.models.mnist_lite(num_classes=10.0, pretrained=True).output_shape((1, 1, 28, 28))[1]
        == 10
    )
    with pytest.raises(
        ValueError, match=r"of 10 classes, got num_classes=3; .*model.layers\[-3\] ="
    ):
        tn.models.mnist_lite(num_classes=3, pretrained=True)
    model = tn.models.mnist_lite(pretrained=True)
    model.layers[-3] = tn.Conv2d(20, 3, 3, rng=0)  # as that error says
    assert model(images(28, 28)).shape == (2, 3)


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
def test_sizes_of_images(how):
    model = how(tn.models.mnist_lite(0, num_classes=7))
    for h in range(1, 70):
        for w in (28, 39, h):
            fits = 28 <= h <= 39 and 28 <= w <= 39
            try:
                assert model.output_shape((5, 1, h, w)) == (5, 7) and fits
            except ValueError as error:
                assert not fits and "of Sequential: " in str(error)
    for mode in (True, False):
        model.train(mode)
        if not INTERPRETED:  # minutes when interpreted
            assert model(images(39, 30)).shape == (2, 7)
        before = model.state_dict()
        for h, w in ((40, 40), (28, 40), (52, 28), (27, 28), (64, 64)):
            with pytest.raises(ValueError, match="of Sequential: .*expected"):
                model(images(h, w))
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
def test_large_images_are_refused_before_anything_changes(how, tmp_path):
    model = how(tn.models.mnist_lite(0))
    before = model.state_dict()
    x, y = np.zeros((20, 48, 48), np.uint8), np.arange(20) % 10
    for call in (
        lambda: tn.fit(model, x, y, epochs=1, progress=False),
        lambda: tn.evaluate(model, x, y),
        lambda: tn.predict_proba(model, x),
        lambda: tn.summary(model, (1, 48, 48)),
    ):
        with pytest.raises(ValueError, match=r"Flatten\(size=1\): expected \(N, C, 1, 1\), got "):
            call()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
