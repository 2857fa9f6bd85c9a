"""The networks that are known by name, and the weights that ship with the package."""

import numpy as np
import pytest

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
