"""The average of a network's weights."""

import numpy as np
import pytest
from cases import normal

import tinynet as tn
from tinynet.average import WeightAverage


def network():
    return tn.Sequential(tn.Conv2d(1, 2, 3, rng=0), tn.BatchNorm2d(2))


def moved(model, count, seed=0):
    """Move all weights at random `count` times; after each yields a copy of them."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        for p in model.parameters():
            p.data += rng.standard_normal(p.data.shape).astype(p.data.dtype)
        model(normal((4, 1, 6, 6), np.float32, seed=int(rng.integers(1000))))  # moves the buffers
        yield model.state_dict()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999])
def test_is_the_weighted_mean_of_all_steps(decay):
    model = network()
    average = WeightAverage(model, decay)
    states = []
    for state in moved(model, 6):
        states.append(state)
        average.update()
    weights = decay ** np.arange(5, -1, -1.0)
    with average.in_place():
        averaged = model.state_dict()
    assert averaged.pop("1.num_batches_tracked") == 6
    for name, a in averaged.items():
        expected = np.average([state[name].astype(float) for state in states], 0, weights)
        np.testing.assert_allclose(a, expected, rtol=1e-5, atol=1e-6, err_msg=name)
        assert a.dtype == np.float32


def test_the_model_has_the_average_only_inside():
    model = network()
    arrays = [p.data for p in model.parameters()]
    average = WeightAverage(model, 0.9)
    for _ in moved(model, 3):
        average.update()
    latest = model.state_dict()
    with pytest.raises(KeyError), average.in_place():
        assert (model[0].weight.data != latest["0.weight"]).all()
        assert (model[1].running_mean != latest["1.running_mean"]).all()
        raise KeyError
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(a, latest[name], err_msg=name)
    assert all(p.data is a for p, a in zip(model.parameters(), arrays, strict=True))


def test_a_compiled_network_computes_with_it():
    model = network()
    fast = tn.compile(model)
    x = normal((3, 1, 6, 6), np.float32)
    average = WeightAverage(fast, 0.9)
    for _ in moved(model, 3):
        average.update()
    with average.in_place():
        np.testing.assert_allclose(fast.eval()(x), model.eval()(x), rtol=1e-4, atol=1e-5)
        inside = fast(x)
    assert np.abs(inside - fast(x)).max() > 0.01


@pytest.mark.parametrize("decay", [-0.1, 1, 2, np.nan])
def test_wrong_decay(decay):
    with pytest.raises(ValueError, match=r"WeightAverage: expected decay in \[0, 1\), got"):
        WeightAverage(network(), decay)
