"""A run: its state, its steps (whole or not at all), what is left out of it, and what stops it."""

import numpy as np
import pytest
from cases import blobs, normal, small_network

import tinynet as tn
from tinynet.average import WeightAverage
from tinynet.inputs import as_input
from tinynet.run import Run

HOW = pytest.mark.parametrize("how", [lambda m: m, tn.compile], ids=["plain", "compiled"])
X, Y = blobs(40)


def equal(state, other):
    assert state.keys() == other.keys()
    for name in state:
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)


def quiet_fit(model, x=X, y=Y, **settings):
    return tn.fit(model, x, y, **{**dict(epochs=2, batch_size=16, progress=False), **settings})


# -- the parts' states --


def parts(seed=0, decay=0.9):
    """A model, its optimizer, schedule and average."""
    model = small_network(seed)
    sgd = tn.SGD(model.parameters(), 0.1, momentum=0.9)
    return model, sgd, tn.OneCycleLR(sgd, 0.1, 10), WeightAverage(model, decay)


def stepped(model, sgd, schedule, average, count):
    for i in range(count):
        for j, p in enumerate(model.parameters()):
            p.grad = normal(p.data.shape, np.float32, seed=10 * i + j)
        sgd.step()
        schedule.step()
        average.update()


def test_parts_go_on_from_their_states():
    whole, first, second = parts(), parts(), parts(seed=7)
    stepped(*whole, 3)
    stepped(*whole, 3)
    stepped(*first, 3)
    for part, own in zip(first, second, strict=True):
        own.load_state_dict(part.state_dict())
    stepped(*first, 3)
    stepped(*second, 3)
    for part, own in zip(whole, second, strict=True):
        equal(part.state_dict(), own.state_dict())
    assert whole[2].get_last_lr() == second[2].get_last_lr()


def test_a_state_is_a_copy_and_complete_before_the_first_step():
    _, sgd, schedule, average = parts()
    state = sgd.state_dict()
    assert list(state) == [f"velocity.{i}" for i in range(6)] and sgd.velocity == {}
    assert all(not a.any() and a.dtype == np.float32 for a in state.values())
    average.state_dict()["0"][...] = 9
    assert not (average.state_dict()["0"] == 9).any()
    assert schedule.state_dict() == {"steps": 0}


@pytest.mark.parametrize("change, words", [
    (lambda s: s.pop(next(iter(s))), "missing: "),
    (lambda s: s.update(more=np.zeros(1)), "unexpected: more"),
    (lambda s: s.update({k: np.zeros((7, 7)) for k in list(s)[-1:]}), r"got float64 \(7, 7\)"),
    (lambda s: s.update({k: v.astype(np.complex64) for k, v in s.items()}), "got complex64"),
])  # fmt: skip
def test_states_that_do_not_fit_change_nothing(change, words):
    model, *others = parts()
    stepped(model, *others, 2)
    for part in others:
        before, state = part.state_dict(), part.state_dict()
        for array in state.values():
            array += 1
        change(state)
        with pytest.raises(ValueError, match=f"^{type(part).__name__}.load_state_dict.*{words}"):
            part.load_state_dict(state)
        equal(part.state_dict(), before)


def test_steps_beyond_the_schedule_are_refused():
    _, sgd, schedule, average = parts()
    for steps in (-1, 11):
        with pytest.raises(ValueError, match=rf"expected steps in 0 … 10, got {steps}"):
            schedule.load_state_dict({"steps": np.array(steps, np.int64)})
    with pytest.raises(ValueError, match="WeightAverage: expected steps ≥ 0, got -1"):
        average.load_state_dict(average.state_dict() | {"steps": np.array(-1, np.int64)})
    assert schedule.steps == average.steps == 0


def begun(seed, steps, how=lambda model: model):
    """A run after so many steps, and the batches of its epoch that are still to come."""
    model = small_network(seed)
    recipe = tn.Recipe(epochs=2, batch_size=16, average=0.9)
    run = Run(how(model), recipe, len(X), np.random.default_rng(seed))
    go_on(run, steps)
    return run


def go_on(run, steps):
    """So many steps; an epoch has three."""
    while steps:
        for batch in run.batches()[:steps]:
            run.step(as_input(X[batch]), Y[batch])
            steps -= 1
        if not run.is_within_epoch():
            run.end_epoch()


@HOW
@pytest.mark.parametrize("k", range(6))
def test_a_run_goes_on_from_its_state(k, how):
    whole, stopped, other = begun(0, 6, how), begun(0, k, how), begun(5, 1, how)
    other.load_state_dict(stopped.state_dict())
    go_on(other, 6 - k)
    state, expected = other.state_dict(), whole.state_dict()
    for s in (state, expected):
        s["history"][:, -1] = 0  # seconds
        s["sums"][1] = 0
    equal(state, expected)


def test_a_runs_state_that_makes_no_sense_changes_nothing():
    run = begun(0, 4)
    good, before = begun(1, 4).state_dict(), run.state_dict()
    before.pop("sums")
    for name, value, words in [
        ("progress", [1, 3, 48, 0], "how far it says it is"),
        ("schedule.steps", 3, "how many steps"),
        ("average.steps", 5, "how many steps"),
        ("optimizer.velocity.0", np.nan, "optimizer.velocity.0 is not finite"),
        ("model.2.running_var", np.inf, "model.2.running_var is not finite"),
        ("rng", [1, 2, 3, 4, 0, 0], "random generator's state"),
        ("history", 7, "the history"),
    ]:
        bad = {key: array.copy() for key, array in good.items()}
        bad[name][...] = value
        with pytest.raises(ValueError, match=words):
            run.load_state_dict(bad)
        state = run.state_dict()
        state.pop("sums")
        equal(state, before)


class Fails(tn.Layer):
    """The identity, whose forward or backward raises from a certain call on."""

    def __init__(self, where, calls):
        self.where, self.calls = where, calls

    def forward(self, x):
        self.fail("forward")
        self.save(x)
        return x.copy()

    def backward(self, dy):
        self.saved(dy)
        self.fail("backward")
        return dy

    def fail(self, where):
        self.calls -= where == self.where
        if self.calls < 0:
            raise KeyError(where)


@HOW
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_step_is_taken_whole_or_not_at_all(where, how):
    model = tn.Sequential(*small_network().layers[:4], Fails(where, 1), *small_network().layers[4:])
    run = Run(how(model), tn.Recipe(epochs=2, batch_size=16), 40, np.random.default_rng(0))
    x = as_input(X[:16])
    run.step(x, Y[:16])
    before = run.state_dict()
    with pytest.raises(KeyError):
        run.step(x, Y[:16])
    state = run.state_dict()
    state["sums"] = before["sums"]
    equal(state, before)


# -- fine-tuning --


@HOW
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_parameters_left_out_stay_bit_for_bit(how, average):
    model = small_network()
    for p in model[0].parameters():
        p.requires_grad = False
    before = model.state_dict()
    quiet_fit(how(model), weight_decay=0.1, average=average, max_lr=0.1)
    after = model.state_dict()
    for name in ("0.weight", "0.bias"):
        assert after[name].tobytes() == before[name].tobytes()
    for name in ("2.weight", "2.running_mean", "5.weight", "5.bias"):
        assert (after[name] != before[name]).any()


@HOW
def test_a_batchnorm_that_was_frozen_stays_frozen(how):
    model = small_network()
    model[2].eval()
    before = model.state_dict()
    quiet_fit(how(model), test=(X, Y))
    after = model.state_dict()
    for name in ("2.running_mean", "2.running_var", "2.num_batches_tracked"):
        np.testing.assert_array_equal(after[name], before[name])
    assert (after["2.weight"] != before["2.weight"]).any()  # only its statistics stand still
    assert model.training and model[0].training and not model[2].training
    rates, _ = tn.find_lr(how(model), X, Y, steps=3, progress=False)
    assert len(rates) == 3 and not model[2].training


@HOW
def test_a_network_in_evaluation_mode_is_trained_whole(how):
    model, same = small_network(), small_network()
    net = how(model.eval())
    quiet_fit(net)
    quiet_fit(how(same))
    equal(model.state_dict(), same.state_dict())
    assert net.training and all(layer.training for layer in model)
    assert model[2].num_batches_tracked == 6


@HOW
def test_a_frozen_base_and_a_new_head(how):
    model = small_network()
    base, head = tn.Sequential(*model.layers[:5]), model[5]
    base.freeze()
    net = how(tn.Sequential(base, head))
    before = base.state_dict()
    for mode in (True, False):
        net.train(mode)
        quiet_fit(net)
        equal(base.state_dict(), before)
    assert not any(layer.training for layer in base) and head.training
    assert all(p.grad is None for p in base.parameters())
    head.freeze()
    with pytest.raises(ValueError, match="fit: expected a parameter to train"):
        quiet_fit(net)


def test_sgd_leaves_out_what_is_left_out():
    p, q = (tn.Parameter(np.ones(2)) for _ in range(2))
    q.requires_grad = False
    sgd = tn.SGD([p, q], 0.1, momentum=0.9, weight_decay=0.1)
    p.grad, q.grad = np.ones(2), np.ones(2)
    sgd.step()
    assert (q.data == 1).all() and (p.data < 1).all() and q not in sgd.velocity
    assert list(sgd.state_dict()) == ["velocity.0"]
    p.requires_grad = False
    with pytest.raises(RuntimeError, match="no parameter has a gradient"):
        sgd.step()


# -- numbers that are not finite --


def absurd(value, index=17):
    """Images as a network is fed them, one of them with an absurd pixel."""
    x = as_input(X).copy()
    x[index, 0, 4, 3] = value
    return x


@HOW
@pytest.mark.parametrize("value", [1e20, -1e25, 3e38])
def test_one_absurd_pixel(value, how):
    model = small_network()
    net = how(model)
    states = {}
    before = model.state_dict()
    real = Run.step

    def step(self, inputs, labels):
        states["before"] = self.model.state_dict()
        return real(self, inputs, labels)

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(Run, "step", step)
        with pytest.raises(FloatingPointError) as info:
            quiet_fit(net, absurd(value), test=(as_input(X), Y), epochs=3)
    message = str(info.value)
    assert "image 17" in message and "(Epoch 1/3, step " in message
    assert "The weights are as they were before this step" in message
    assert "first not finite: " in message and "BatchNorm2d(4)" in message
    equal(model.state_dict(), states["before"])
    assert before.keys() == states["before"].keys()


@HOW
def test_statistics_that_are_not_finite_stop_find_lr(how):
    model = small_network()
    before = model.state_dict()
    with np.errstate(all="ignore"):
        rates, losses = tn.find_lr(how(model), absurd(1e20), Y, batch_size=40, progress=False)
    assert len(rates) == len(losses) == 0
    equal(model.state_dict(), before)


class Statistic(tn.Layer):
    """A reader's layer, with a buffer that it replaces, and that is infinite at the fourth call."""

    buffer_names = ("seen",)

    def __init__(self):
        self.seen = np.zeros(1, np.float32)

    def forward(self, x):
        if self.training:
            self.seen = self.seen + 1
            if self.seen == 4:
                self.seen = self.seen * np.float32(np.inf)
        self.save(x)
        return x.copy()

    def backward(self, dy):
        self.saved(dy)
        return dy


@HOW
def test_a_readers_statistic_is_named(how):
    model = tn.Sequential(tn.Flatten(), Statistic(), tn.Linear(54, 3, rng=0))
    with pytest.raises(FloatingPointError, match="seen is not finite .Epoch 2/2, step 1 of 3") as e:
        quiet_fit(how(model))
    assert "first not finite: seen of layer 1, Statistic()" in str(e.value)
    assert model[1].seen == 3


def test_weights_spoilt_by_a_step_are_named():
    class Explodes(tn.Layer):
        def forward(self, x):
            self.save(x)
            return x.copy()

        def backward(self, dy):
            self.saved(dy)
            return dy * np.float32(np.inf)

    model = tn.Sequential(tn.Flatten(), tn.Linear(54, 3, rng=0), Explodes())
    with np.errstate(all="ignore"):
        with pytest.raises(
            FloatingPointError, match="first not finite: 1.weight, since an earlier"
        ):
            quiet_fit(model)
        model = tn.Sequential(tn.Flatten(), tn.Linear(54, 3, rng=0), Explodes())
        with pytest.raises(FloatingPointError, match="fit: weights are not finite after Epoch 1/1"):
            quiet_fit(model, batch_size=40, epochs=1)


def test_one_weight_alone_stops_the_run_and_no_checkpoint_keeps_it(tmp_path, monkeypatch):
    real, path = tn.SGD.step, tmp_path / "checkpoint.npz"
    model = small_network()
    steps = []

    def step(self):
        real(self)
        steps.append(1)
        if len(steps) == 3:
            model[5].bias.data[1] = np.inf

    monkeypatch.setattr(tn.SGD, "step", step)
    with pytest.raises(FloatingPointError, match="5.bias is not finite"):
        quiet_fit(model, checkpoint_path=path, checkpoint_every=1)
    taken = np.load(path)["schedule.steps"]
    assert taken == 2 and np.isfinite(np.load(path)["model.5.bias"]).all()


@HOW
def test_tests_whose_answer_is_not_finite(how):
    model = tn.Sequential(tn.Flatten(), tn.Linear(54, 3, rng=0), tn.Linear(3, 3, rng=1))
    model[1].weight.data *= 1e3
    x = absurd(3e38, index=31)
    with np.errstate(all="ignore"):
        for call, who in [
            (lambda: tn.evaluate(how(model), x, Y, batch_size=7), "evaluate"),
            (lambda: tn.predict_proba(how(model), x, batch_size=7), "predict_proba"),
            (lambda: quiet_fit(how(model), as_input(X), test=(x, Y), max_lr=1e-9), "test."),
        ]:
            with pytest.raises(FloatingPointError, match=f"{who}: expected finite .* image 31$"):
                call()


def test_a_class_that_is_never_meant_may_have_a_logit_of_minus_infinity():
    class Mask(tn.Layer):
        def forward(self, x):
            self.save(x)
            y = x.copy()
            y[:, 3] = -np.inf
            return y

        def backward(self, dy):
            self.saved(dy)
            return dy * (np.arange(4) < 3).astype(dy.dtype)

    model = tn.Sequential(tn.Flatten(), tn.Linear(54, 4, rng=0), Mask())
    history = quiet_fit(model, test=(X, Y), max_lr=0.01)
    assert np.isfinite(history[-1]["test_loss"])
    assert (tn.predict_proba(model, X)[:, 3] == 0).all()


def test_an_average_follows_a_buffer_that_is_replaced():
    model = tn.Sequential(tn.Flatten(), Statistic(), tn.Linear(54, 3, rng=0))
    average = WeightAverage(model, 0.5)
    for _ in range(2):
        model(as_input(X))
        average.update()
    with average.in_place():
        assert model[1].seen == pytest.approx((0.5 * 1 + 2) / 1.5)
    assert model[1].seen == 2
