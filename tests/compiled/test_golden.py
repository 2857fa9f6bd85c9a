"""A training run that PyTorch went through, repeated. The values come from golden/make_golden.py.

Tolerances are about ten times what was reached. In float64 that is mostly PyTorch's own rounding:
its BatchNorm2d adds a channel's values up one by one, NumPy in pairs.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from cases import INTERPRETED
from golden import recipe

import tinynet as tn

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "pytorch.npz", allow_pickle=False))


def under(prefix):
    """{name: array} of all "prefix/name"."""
    length = len(prefix) + 1
    return {name[length:]: a for name, a in GOLDEN.items() if name.startswith(prefix + "/")}


def network_of(dtype):
    """The network with PyTorch's initial weights, its parameters and buffers in dtype."""
    network = tn.models.mnist_lite()
    network.load_state_dict(under("initial"))
    for p in network.parameters():
        p.data = p.data.astype(dtype)
    for _, layer in network.named_layers():
        if isinstance(layer, tn.BatchNorm2d):
            layer.running_mean = layer.running_mean.astype(dtype)
            layer.running_var = layer.running_var.astype(dtype)
    return network


def train(network, dtype):
    """(losses, {name: gradient of the first step}); afterwards the network is trained."""
    x, labels = recipe.batch()
    x = x.astype(dtype)
    loss = tn.CrossEntropyLoss()
    optimizer = tn.SGD(network.parameters(), **recipe.SGD)
    schedule = tn.OneCycleLR(optimizer, **recipe.TRAINING_SCHEDULE)
    losses, gradients = [], None
    for _ in range(recipe.STEPS):
        losses.append(loss(network(x), labels))
        network.backward_parameters(loss.backward())
        gradients = gradients or {name: p.grad.copy() for name, p in network.named_parameters()}
        optimizer.step()
        schedule.step()
    return losses, gradients


@cache
def trained(compiled):
    """The run in float64, once for all tests: (network, losses, gradients)."""
    network = network_of(np.float64)
    network = tn.compile(network) if compiled else network
    return network, *train(network, np.float64)


interpreted = pytest.mark.skipif(INTERPRETED, reason="minutes, interpreted")
plain_and_compiled = pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=interpreted)], ids=["plain", "compiled"]
)


def assert_close(array, expected, tolerance):
    """Relative to the largest value of the array."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(array, expected, rtol=0, atol=tolerance * scale)


def test_the_state_has_pytorchs_names_in_pytorchs_order():
    assert list(tn.models.mnist_lite().state_dict()) == list(under("initial"))


@plain_and_compiled
def test_losses(compiled):
    _, losses, _ = trained(compiled)
    np.testing.assert_allclose(losses, GOLDEN["losses"], rtol=2e-13)


@plain_and_compiled
def test_gradients(compiled):
    _, _, gradients = trained(compiled)
    assert list(gradients) == list(under("gradient"))
    for name, expected in under("gradient").items():
        assert gradients[name].dtype == np.float64
        assert_close(gradients[name], expected, 5e-12)


@plain_and_compiled
def test_running_statistics(compiled):
    network, _, _ = trained(compiled)
    buffers = dict(network.named_buffers())
    for name, expected in under("final").items():
        if name != "logits":
            assert_close(buffers.pop(name), expected, 2e-13)
    assert not buffers


@plain_and_compiled
def test_logits_after_training(compiled):
    network, _, _ = trained(compiled)
    x, _ = recipe.batch()
    assert_close(network.eval()(x), GOLDEN["final/logits"], 5e-13)


@plain_and_compiled
def test_losses_in_float32(compiled):
    network = network_of(np.float32)
    losses, _ = train(tn.compile(network) if compiled else network, np.float32)
    # Reached: 1.5e-7, as far as PyTorch's float32 run is from its float64 one. More is allowed
    # for another processor's rounding, which may turn a near-tie over.
    np.testing.assert_allclose(losses, GOLDEN["losses in float32"], rtol=1e-4)
    np.testing.assert_allclose(losses, GOLDEN["losses"], rtol=1e-4)


def test_label_smoothing():
    loss = tn.CrossEntropyLoss(recipe.LABEL_SMOOTHING)
    _, labels = recipe.batch()
    assert loss(recipe.logits(), labels) == pytest.approx(GOLDEN["smoothed/loss"], rel=1e-14)
    assert_close(loss.backward(), GOLDEN["smoothed/gradient"], 3e-15)


@pytest.mark.parametrize("name", recipe.SCHEDULES)
def test_schedule(name):
    settings, expected = recipe.SCHEDULES[name], GOLDEN[f"schedule/{name}"]
    np.testing.assert_allclose(schedule(**settings)[: len(expected)], expected, rtol=1e-12)


def test_published_schedule():
    values = schedule(recipe.PEAK, recipe.EPOCHS * recipe.STEPS_AN_EPOCH)
    expected = GOLDEN["schedule/published"]
    assert expected.shape == (recipe.EPOCHS + 1, 1, 2)
    # Towards the end, 1 + cos is a difference of nearly equal numbers: hence atol.
    np.testing.assert_allclose(
        values[:: recipe.STEPS_AN_EPOCH], expected, rtol=1e-12, atol=1e-12 * recipe.PEAK
    )


def schedule(max_lr, total_steps, **settings):
    """Rates and momenta from the start to the end: (total_steps + 1, groups, 2)."""
    count = len(max_lr) if isinstance(max_lr, list) else 1
    groups = [{"params": [tn.Parameter(np.zeros(1))]} for _ in range(count)]
    optimizer = tn.SGD(groups, **recipe.SGD)
    one_cycle = tn.OneCycleLR(optimizer, max_lr, total_steps, **settings)
    values = []
    for step in range(total_steps + 1):
        if step:
            one_cycle.step()
        values.append([(group["lr"], group["momentum"]) for group in optimizer.param_groups])
    return np.array(values)
