"""The learning-rate range test: the steps it takes, where it ends, and what it leaves alone."""

import re

import numpy as np
import pytest

import tinynet as tn
from tinynet.find_lr import smoothed


def network():
    layers = tn.Conv2d(1, 4, 3, rng=0), tn.ReLU(), tn.BatchNorm2d(4), tn.Flatten()
    return tn.Sequential(*layers, tn.Linear(4 * 6 * 6, 3, rng=1))


def data(n=50):
    """Three kinds of 8×8 images that can be told apart: a bright third."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = rng.integers(0, 100, (n, 8, 8), np.uint8)
    for i, label in enumerate(y):
        x[i, 2 * label : 2 * label + 2] += 150
    return x, y


def find(model, **settings):
    return tn.find_lr(model, *data(), **{"batch_size": 20, "progress": False, **settings})


def test_the_rates_grow_by_one_factor():
    rates, losses = find(network(), lowest=1e-3, highest=0.1, steps=7)
    np.testing.assert_allclose(rates, [1e-3 * 100 ** (i / 6) for i in range(7)])
    assert losses.shape == (7,) and losses.dtype == np.float64 and np.isfinite(losses).all()


def test_its_steps_are_those_of_a_loop_written_out():
    """SGD in formulas, on the batches that the seed gives: three an epoch, the last of ten."""
    augment = tn.augment.RandomAffine()
    settings = dict(lowest=1e-3, highest=0.02, steps=8, weight_decay=0.1, augment=augment, seed=3)
    rates, losses = find(network(), **settings)
    model, (x, y), rng = network(), data(), np.random.default_rng(3)
    velocity, order, expected = None, [], []
    for rate in rates:
        if len(order) == 0:
            order = rng.permutation(50)
        batch, order = order[:20], order[20:]
        loss = tn.CrossEntropyLoss()
        logits = model(tn.train.as_input(augment(x[batch], rng)))
        expected.append(loss(logits, y[batch]))
        model.backward(loss.backward())
        g = [p.grad + 0.1 * (p.data.ndim > 1) * p.data for p in model.parameters()]
        velocity = (
            g if velocity is None else [0.9 * v + h for v, h in zip(velocity, g, strict=True)]
        )
        for p, v, h in zip(model.parameters(), velocity, g, strict=True):
            p.data = p.data - rate * (h + 0.9 * v)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(how, training):
    model = network()
    model(tn.train.as_input(data()[0]))  # moves the running statistics
    model.train(training)
    model[0].weight.grad = np.full((4, 1, 3, 3), 7, np.float32)
    arrays = [p.data for p in model.parameters()] + [b for _, b in model.named_buffers()]
    before = [a.copy() for a in arrays]
    find(how(model), steps=5)
    now = [p.data for p in model.parameters()] + [b for _, b in model.named_buffers()]
    assert all(a is b for a, b in zip(arrays, now, strict=True))
    for a, b in zip(before, now, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [layer.training for layer in model] == [training] * 5
    assert (model[0].weight.grad == 7).all() and model[4].weight.grad is None


def test_a_model_in_evaluation_mode_is_tried_as_it_will_be_trained():
    _, losses = find(network(), steps=5)
    np.testing.assert_array_equal(find(network().eval(), steps=5)[1], losses)


def test_plain_and_compiled_agree():
    settings = dict(steps=10, highest=0.1)
    plain, compiled = find(network(), **settings), find(tn.compile(network()), **settings)
    np.testing.assert_allclose(plain[1], compiled[1], rtol=1e-3)
    again = find(network(), **settings)
    np.testing.assert_array_equal(plain[1], again[1])
    assert not np.array_equal(plain[1], find(network(), **settings, seed=1)[1])


def test_it_ends_where_the_loss_explodes(capsys):
    rates, losses = find(network(), lowest=0.01, highest=1e4, steps=60, progress=True)
    assert len(rates) == len(losses) < 60
    assert f"| {len(losses) - 1}/60 [" in capsys.readouterr().err  # no step after the last loss
    mean = smoothed(losses)
    assert mean[-1] > 4 * mean.min()
    assert all(mean[i] <= 4 * mean[: i + 1].min() for i in range(len(mean) - 1))


@pytest.mark.filterwarnings("error")
def test_it_ends_where_the_loss_is_not_finite():
    class Overflow(tn.Layer):
        """The identity, whose third output is infinite."""

        calls = 0

        def forward(self, x):
            self.calls += 1
            self.save(x)
            return x if self.calls < 3 else x * np.float32(np.inf)

        def backward(self, dy):
            self.saved(dy)
            return dy

    model = tn.Sequential(*network(), Overflow())
    rates, losses = find(model, steps=9)
    assert len(rates) == len(losses) == 2
    assert np.isfinite(losses).all() and model[5].calls == 0


def test_an_error_inside_leaves_the_model_as_it_was():
    def augment(images, rng):
        if rng.random() < 0.2:
            raise KeyError("no such picture")
        return images

    model = network()
    before = model.state_dict()
    with pytest.raises(KeyError):
        find(model, steps=100, highest=0.01, augment=augment)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(p.grad is None for p in model.parameters())


def test_smoothed_is_a_weighted_mean_of_what_came_before():
    values = np.array([3.0, 1.0, 2.0, 8.0])
    weights = 0.5 ** np.arange(4)
    for i, mean in enumerate(smoothed(values, keep=0.5)):
        recent = weights[: i + 1]
        np.testing.assert_allclose(mean, (values[i::-1] * recent).sum() / recent.sum())


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(lowest=0.0), "find_lr: expected 0 < lowest < highest, got 0.0 and 10.0"),
        (dict(lowest=2, highest=1), "find_lr: expected 0 < lowest < highest, got 2 and 1"),
        (dict(highest=np.inf), "find_lr: expected 0 < lowest < highest, got 0.0001 and inf"),
        (dict(steps=1), "find_lr: expected steps ≥ 2, got 1"),
        (dict(steps=2.5), "find_lr: expected steps ≥ 2, got 2.5"),
        (dict(batch_size=0), "find_lr: expected batch_size ≥ 1, got 0"),
        (dict(weight_decay=-1), "SGD: expected weight_decay ≥ 0, got -1"),
    ],
)
def test_wrong_settings(settings, words):
    model = network()
    with pytest.raises(ValueError, match=re.escape(words)):
        find(model, **settings)
    assert model.training and all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", ["lowest", "highest"])
@pytest.mark.parametrize("rate", ["0.1", None, True, 1j, [0.1]])
def test_rates_that_are_no_numbers(name, rate):
    with pytest.raises(
        TypeError, match=re.escape(f"find_lr: expected {name}, a number, got {rate!r}")
    ):
        find(network(), **{name: rate})


def test_wrong_data():
    x, y = data()
    with pytest.raises(ValueError, match="find_lr: expected 50 labels, one for each image, got"):
        tn.find_lr(network(), x, y[:3])
    with pytest.raises(ValueError, match="layer 0 of Sequential: Conv2d"):
        tn.find_lr(network(), np.stack([x, x], 1), y, progress=False)
