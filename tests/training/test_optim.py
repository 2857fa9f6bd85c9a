import numpy as np
import oracle
import pytest
from cases import normal

import tinynet as tn
from tinynet import Parameter

SETTINGS = [
    dict(lr=0.1),
    dict(lr=0.1, weight_decay=0.05),
    dict(lr=0.1, momentum=0.9),
    dict(lr=0.1, momentum=0.9, weight_decay=0.05),
    dict(lr=0.1, momentum=0.9, nesterov=True),
    dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
    dict(lr=0.0, momentum=0.5),
]


def parameter(shape=(3, 4), dtype=np.float64, seed=0):
    return Parameter(normal(shape, dtype, seed))


def steps(optimizer, parameters, count, seed=10):
    """Step with random gradients; returns them, [of each parameter][step]."""
    grads = [
        [normal(p.data.shape, p.data.dtype, seed + i) for i in range(count)] for p in parameters
    ]
    for i in range(count):
        for p, own in zip(parameters, grads, strict=True):
            p.grad = own[i].copy()
        optimizer.step()
        for p, own in zip(parameters, grads, strict=True):
            np.testing.assert_array_equal(p.grad, own[i])  # the gradient is only read
    return grads


# -- SGD --


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_sgd(settings, dtype, rtol):
    p, q = parameter(dtype=dtype), parameter((5,), dtype, seed=1)
    start = [p.data.copy(), q.data.copy()]
    arrays = [p.data, q.data]
    grads = steps(tn.SGD([p, q], **settings), [p, q], 5)
    for parameter_, array, before, own in zip([p, q], arrays, start, grads, strict=True):
        assert parameter_.data is array  # moved in place
        assert array.dtype == dtype
        before, own = before.astype(np.float64), [g.astype(np.float64) for g in own]
        expected = oracle.sgd(before, own, **settings)
        np.testing.assert_allclose(array, expected, rtol=rtol, atol=rtol)


def test_one_step_by_hand():
    p = Parameter(np.array([1.0]))
    sgd = tn.SGD([p], lr=0.1, momentum=0.5, nesterov=True, weight_decay=0.2)
    p.grad = np.array([2.0])
    sgd.step()  # g = 2 + 0.2·1, v = g, p = 1 − 0.1·(g + 0.5·v)
    assert p.data == pytest.approx(1 - 0.1 * 1.5 * 2.2)
    before = p.data[0]
    sgd.step()  # g = 2 + 0.2·p, v = 0.5·2.2 + g
    g = 2 + 0.2 * before
    assert p.data == pytest.approx(before - 0.1 * (g + 0.5 * (1.1 + g)))


def test_the_velocity_is_not_the_gradients_array():
    p = Parameter(np.array([1.0]))
    sgd = tn.SGD([p], lr=0.1, momentum=0.9)
    p.grad = grad = np.array([2.0])
    sgd.step()
    sgd.step()
    assert grad == 2


def test_groups():
    p, q, r = (parameter(seed=i) for i in range(3))
    start = [a.data.copy() for a in (p, q, r)]
    sgd = tn.SGD(
        [
            {"params": [p], "lr": 0.01},
            {"params": [q], "weight_decay": 0.0, "momentum": 0.0, "nesterov": False},
            {"params": (a for a in [r])},
        ],
        lr=0.1,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.05,
    )
    grads = steps(sgd, [p, q, r], 4)
    usual = dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05)
    for a, before, own, settings in zip(
        (p, q, r), start, grads, [{**usual, "lr": 0.01}, dict(lr=0.1), usual], strict=True
    ):
        np.testing.assert_allclose(a.data, oracle.sgd(before, own, **settings), rtol=1e-13)
    assert [group["lr"] for group in sgd.param_groups] == [0.01, 0.1, 0.1]


def test_the_rate_may_be_set_between_steps():
    p = Parameter(np.array([1.0]))
    sgd = tn.SGD([p], lr=0.1)
    p.grad = np.array([1.0])
    sgd.step()
    sgd.param_groups[0]["lr"] = 0.5
    sgd.step()
    assert p.data == pytest.approx(1 - 0.1 - 0.5)


def test_a_rate_of_numpy_does_not_widen():
    p = parameter(dtype=np.float32)
    sgd = tn.SGD([p], np.float64(0.1), momentum=np.float64(0.9), weight_decay=np.float64(0.1))
    steps(sgd, [p], 2)
    assert p.data.dtype == sgd.velocity[p].dtype == np.float32


def test_parameters_without_a_gradient_stay():
    p, q = parameter(), parameter(seed=1)
    before = q.data.copy()
    p.grad = np.ones_like(p.data)
    tn.SGD([p, q], lr=0.1, momentum=0.9, weight_decay=0.1).step()
    np.testing.assert_array_equal(q.data, before)


def test_parameters_may_be_any_iterable():
    layer = tn.Linear(3, 2, rng=0)
    sgd = tn.SGD((p for p in layer.parameters()), lr=0.1)
    assert sgd.param_groups[0]["params"] == layer.parameters()


def test_a_step_without_gradients():
    with pytest.raises(
        RuntimeError, match=r"^SGD.step: no parameter has a gradient; call backward first$"
    ):
        tn.SGD([parameter()], lr=0.1).step()


def test_a_gradient_of_the_wrong_shape_moves_nothing():
    p, q = parameter(), parameter((2,))
    before = p.data.copy()
    p.grad, q.grad = np.ones((3, 4)), np.ones((2, 1))
    with pytest.raises(
        ValueError, match=r"^SGD.step: expected a gradient of shape \(2,\), got \(2, 1\)$"
    ):
        tn.SGD([p, q], lr=0.1).step()
    np.testing.assert_array_equal(p.data, before)


P = parameter()


@pytest.mark.parametrize(
    "parameters, settings, kind, message",
    [
        ([], {}, ValueError, "SGD: expected parameters, got an empty list"),
        (
            [P, P],
            {},
            ValueError,
            "SGD: a parameter is listed twice; it would be moved twice a step",
        ),
        (
            [{"params": [P]}, {"params": [P]}],
            {},
            ValueError,
            "SGD: a parameter is listed twice; it would be moved twice a step",
        ),
        ([np.ones(3)], {}, TypeError, "SGD: expected Parameters, got ndarray"),
        ([P, {"params": []}], {}, TypeError, "SGD: expected Parameters, got dict"),
        (
            [{"parameters": 1}],
            {},
            TypeError,
            "SGD: expected a group to be a dict with \"params\", got {'parameters': 1}",
        ),
        (
            [{"params": [P]}, ["params"]],
            {},
            TypeError,
            "SGD: expected a group to be a dict with \"params\", got ['params']",
        ),
        (
            [{"params": [P], "rate": 1, "beta": 2}],
            {},
            ValueError,
            "SGD: unknown settings in a group: beta, rate",
        ),
        ([P], dict(lr=-0.1), ValueError, "SGD: expected lr ≥ 0, got -0.1"),
        ([P], dict(lr=np.nan), ValueError, "SGD: expected lr ≥ 0, got nan"),
        ([P], dict(momentum=-1), ValueError, "SGD: expected momentum ≥ 0, got -1"),
        ([P], dict(weight_decay=-1), ValueError, "SGD: expected weight_decay ≥ 0, got -1"),
        ([P], dict(nesterov=True), ValueError, "SGD: nesterov needs momentum > 0"),
        ([{"params": [P], "lr": -1}], {}, ValueError, "SGD: expected lr ≥ 0, got -1"),
    ],
)
def test_wrong_arguments(parameters, settings, kind, message):
    with pytest.raises(kind) as error:
        tn.SGD(parameters, **{"lr": 0.1, **settings})
    assert str(error.value) == message


def test_training_comes_down():
    """Layers, loss and optimiser together learn a rule."""
    network = tn.Sequential(tn.Linear(4, 16, rng=0), tn.ReLU(), tn.Linear(16, 3, rng=1))
    x = normal((64, 4), np.float32)
    labels = (x @ normal((4, 3), np.float32, seed=1)).argmax(axis=1)
    loss, sgd = tn.CrossEntropyLoss(), tn.SGD(network.parameters(), 0.1, 0.9, nesterov=True)
    losses = []
    for _ in range(60):
        losses.append(loss(network(x), labels))
        network.backward_parameters(loss.backward())
        sgd.step()
    assert losses[-1] < 0.1 * losses[0]


# -- OneCycleLR --


def schedule(total_steps, max_lr=0.005, momentum=0.9, **settings):
    """The schedule and its optimizer."""
    sgd = tn.SGD([parameter()], lr=1.0, momentum=momentum)
    return tn.OneCycleLR(sgd, max_lr, total_steps, **settings), sgd


def test_the_published_rates():
    one_cycle, _ = schedule(20 * 469)
    rates = {}
    for epoch in range(1, 21):
        for _ in range(469):
            one_cycle.step()
        rates[epoch] = f"{one_cycle.get_last_lr()[0]:.6f}"
    assert [rates[epoch] for epoch in (1, 2, 3, 4, 5, 20)] == [
        "0.000522",
        "0.001401",
        "0.002601",
        "0.003802",
        "0.004680",
        "0.000000",
    ]


def test_corners_of_the_cycle():
    one_cycle, sgd = schedule(101, max_lr=1.0, pct_start=30 / 101)  # the peak is step 29
    group = sgd.param_groups[0]
    points = {}
    for step in range(101):
        points[step] = group["lr"], group["momentum"]
        assert one_cycle.get_last_lr() == [group["lr"]]
        one_cycle.step()
    assert points[0] == pytest.approx((1 / 25, 0.95))
    assert points[29] == pytest.approx((1.0, 0.85))
    assert points[100] == pytest.approx((1 / 25 / 1e4, 0.95))
    lrs = [lr for lr, _ in points.values()]
    assert max(lrs) == lrs[29]
    assert lrs[:30] == sorted(lrs[:30]) and lrs[29:] == sorted(lrs[29:], reverse=True)
    middle = (29 + 100) // 2, (29 + 100 + 1) // 2
    assert (lrs[middle[0]] + lrs[middle[1]]) / 2 == pytest.approx((1 + 4e-6) / 2)


def test_without_the_momentum_cycle():
    one_cycle, sgd = schedule(10, cycle_momentum=False, momentum=0.7)
    for _ in range(10):
        assert sgd.param_groups[0]["momentum"] == 0.7
        one_cycle.step()
    schedule(10, cycle_momentum=False, momentum=0.0)


def test_each_group_has_its_peak():
    sgd = tn.SGD([{"params": [parameter()]}, {"params": [parameter()]}], lr=1.0, momentum=0.9)
    one_cycle = tn.OneCycleLR(sgd, [0.1, 0.02], 30, div_factor=10)
    assert one_cycle.get_last_lr() == pytest.approx([0.01, 0.002])
    for _ in range(8):  # the peak of 30 steps is step 0.3·30 − 1
        one_cycle.step()
    assert one_cycle.get_last_lr() == pytest.approx([0.1, 0.02])
    assert [group["momentum"] for group in sgd.param_groups] == pytest.approx([0.85, 0.85])


def test_one_peak_for_all_groups():
    sgd = tn.SGD([{"params": [parameter()]}, {"params": [parameter()]}], lr=1.0, momentum=0.9)
    assert tn.OneCycleLR(sgd, 0.1, 30).get_last_lr() == pytest.approx([0.004, 0.004])


def test_a_step_beyond_the_end():
    one_cycle, _ = schedule(3)
    for _ in range(3):
        one_cycle.step()
    last = one_cycle.get_last_lr()
    with pytest.raises(ValueError, match="^OneCycleLR: step 4 of a schedule of 3 steps$"):
        one_cycle.step()
    assert one_cycle.get_last_lr() == last


def rates(total_steps, max_lr=1.0, **settings):
    one_cycle, _ = schedule(total_steps, max_lr, **settings)
    lrs = one_cycle.get_last_lr()
    for _ in range(total_steps):
        one_cycle.step()
        lrs += one_cycle.get_last_lr()
    return lrs


def test_only_down():
    lrs = rates(10, pct_start=0)
    assert lrs[:10] == sorted(lrs[:10], reverse=True)
    assert 0.9 < lrs[0] < 1.0  # as in PyTorch the peak lies one step before the first
    assert lrs[9] == pytest.approx(4e-6)


def test_only_up():
    lrs = rates(10, pct_start=1)
    assert lrs[:10] == sorted(lrs[:10])
    assert lrs[0] == pytest.approx(0.04) and lrs[9] == pytest.approx(1.0)
    assert lrs[10] == pytest.approx(4e-6)  # after the last step; PyTorch divides by zero


@pytest.mark.parametrize("pct_start, first", [(0.3, 4e-6), (0, 4e-6), (1, 1.0)])
def test_one_step(pct_start, first):
    lrs = rates(1, pct_start=pct_start)
    assert lrs[0] == pytest.approx(first)
    assert np.isfinite(lrs).all()


@pytest.mark.parametrize("total_steps", [2, 3, 4, 7])
@pytest.mark.parametrize("pct_start", [0, 0.25, 0.3, 0.5, 1])
def test_short_schedules_stay_within_the_peak(total_steps, pct_start):
    lrs = rates(total_steps, pct_start=pct_start)
    assert 0 <= min(lrs) and max(lrs) <= 1 + 1e-12


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(total_steps=0), "OneCycleLR: expected total_steps ≥ 1, got 0"),
        (
            dict(total_steps=2.5),
            "OneCycleLR: expected total_steps ≥ 1, got 2.5, which is not whole",
        ),
        (
            dict(total_steps=10, pct_start=1.5),
            "OneCycleLR: expected pct_start in [0, 1], got 1.5",
        ),
        (dict(total_steps=10, max_lr=-1), "OneCycleLR: expected max_lr ≥ 0, got -1"),
        (
            dict(total_steps=10, momentum=0.0),
            "OneCycleLR: cycle_momentum needs an optimizer with momentum > 0",
        ),
    ],
)
def test_wrong_schedule(arguments, message):
    with pytest.raises(ValueError) as error:
        schedule(**arguments)
    assert str(error.value) == message


def test_the_momentum_cycle_needs_momentum_in_every_group():
    groups = [{"params": [tn.Parameter(np.ones(1))], "momentum": m} for m in (0.9, 0.0)]
    optimizer = tn.SGD(groups, lr=0.1)
    with pytest.raises(ValueError, match="cycle_momentum needs an optimizer with momentum > 0"):
        tn.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
    assert [group["momentum"] for group in optimizer.param_groups] == [0.9, 0.0]
    tn.OneCycleLR(optimizer, max_lr=0.1, total_steps=10, cycle_momentum=False)


def test_a_peak_of_zero_holds_a_group_still():
    assert rates(4, max_lr=0.0) == [0.0] * 5


def test_as_many_peaks_as_groups():
    with pytest.raises(ValueError):
        schedule(10, max_lr=[0.1, 0.2])


def test_one_cycle_needs_a_rate_for_each_group():
    optimizer = tn.SGD([{"params": [tn.Parameter(np.zeros(1))]}], lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match=r"expected one max_lr, or 1 for the groups, got \[1, 2\]"):
        tn.OneCycleLR(optimizer, [1, 2], total_steps=10)
