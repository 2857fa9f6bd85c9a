"""fit and evaluate, the history, what they print, and how they stop."""

import csv

import numpy as np
import pytest
from cases import INTERPRETED, Breaks, blobs, normal, small_network

import tinynet as tn
from tinynet.average import WeightAverage
from tinynet.progress import Bar
from tinynet.train import as_input, batches


def quiet_fit(model, x, y, **settings):
    settings = {"epochs": 3, "batch_size": 16, "max_lr": 0.05, "progress": False, **settings}
    return tn.fit(model, x, y, **settings)


def test_learns_and_returns_its_history(tmp_path):
    x, y = blobs()
    model = small_network()
    path = tmp_path / "history.csv"
    history = quiet_fit(model, x, y, test=blobs(50, seed=1), history_path=path)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert history[-1]["test_accuracy"] == 1 and history[-1]["accuracy"] > 0.95
    assert history[-1]["loss"] < history[0]["loss"]
    optimizer = tn.SGD(model.parameters(), 0.05, momentum=0.9)
    schedule = tn.OneCycleLR(optimizer, 0.05, total_steps=24)
    for step in range(1, 25):
        schedule.step()
        if step % 8 == 0:
            assert history[step // 8 - 1]["lr"] == schedule.get_last_lr()[0]
            assert history[step // 8 - 1]["momentum"] == optimizer.param_groups[0]["momentum"]
    assert all(row["seconds"] > 0 for row in history)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "epoch", "loss", "accuracy", "test_loss", "test_accuracy", "lr", "momentum", "seconds",
    ]  # fmt: skip
    assert [{k: float(v) for k, v in row.items()} for row in rows] == history
    assert list(tmp_path.iterdir()) == [path]  # nothing is left beside it


def test_fit_is_the_loop_that_a_reader_would_write():
    x, y = blobs(40)
    model, same = small_network(), small_network()
    settings = dict(label_smoothing=0.1, weight_decay=0.01, average=0.9)
    history = quiet_fit(model, x, y, test=(x, y), epochs=2, seed=7, **settings)

    weights = [p for p in same.parameters() if p.data.ndim > 1]
    others = [p for p in same.parameters() if p.data.ndim == 1]
    groups = [{"params": weights, "weight_decay": 0.01}, {"params": others}]
    optimizer = tn.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
    schedule = tn.OneCycleLR(optimizer, 0.05, total_steps=2 * 3)
    loss = tn.CrossEntropyLoss(label_smoothing=0.1)
    average = WeightAverage(same, 0.9)
    rng = np.random.default_rng(7)
    for _ in range(2):
        for batch in np.split(rng.permutation(40), [16, 32]):
            loss(same(as_input(x[batch])), y[batch])
            same.backward(loss.backward())
            optimizer.step()
            schedule.step()
            average.update()
    latest = same.state_dict()
    average.swap()  # what fit tests, and leaves behind
    for (name, a), b in zip(model.state_dict().items(), same.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert (model[0].weight.data != latest["0.weight"]).any()
    assert history[-1]["test_loss"] == tn.evaluate(same, x, y, batch_size=16).loss


def test_same_seed_same_bits_plain_and_compiled():
    x, y = blobs(50)
    augment = tn.augment.RandomAffine()
    for make in (small_network, lambda: tn.compile(small_network())):
        states, histories = [], []
        for seed in (1, 1, 2):
            model = make()
            histories.append(quiet_fit(model, x, y, seed=seed, augment=augment))
            states.append(b"".join(a.tobytes() for a in model.state_dict().values()))
        assert states[0] == states[1] != states[2]
        assert histories[0][-1]["loss"] == histories[1][-1]["loss"]


def test_same_bits_for_any_number_of_threads():
    x, y = blobs(50)
    models = [small_network() for _ in range(3)]
    for threads, model in zip((1, 2, 5), models, strict=True):
        quiet_fit(tn.compile(model, threads=threads), x, y, augment=tn.augment.RandomAffine())
    for name, a in models[0].state_dict().items():
        for model in models[1:]:
            np.testing.assert_array_equal(model.state_dict()[name], a, err_msg=name)


def test_batches_hold_every_index_once():
    drawn = list(batches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in drawn] == [4, 4, 2]
    assert sorted(np.concatenate(drawn)) == list(range(10))
    assert not np.array_equal(np.concatenate(drawn), np.arange(10))


def test_evaluate_counts_and_leaves_the_model_as_it_was():
    x, y = blobs(30)
    model = small_network()
    model[2].eval()
    before = model.state_dict()
    result = tn.evaluate(model, x, y, batch_size=7)
    assert model.training and not model[2].training
    for a, b in zip(before.values(), model.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b)
    logits = model.eval()(as_input(x))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert result.accuracy == (logits.argmax(axis=1) == y).mean()
    assert result.loss == pytest.approx(-np.log(p[np.arange(30), y]).mean(), rel=1e-5)


def test_predict_proba_is_the_softmax_of_the_logits():
    model, (x, y) = small_network(), blobs(40)
    quiet_fit(model, x, y)
    model.train()
    p = tn.predict_proba(model, x, batch_size=7)
    assert p.shape == (40, 3) and p.dtype == np.float32 and model[2].training
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert (p.argmax(axis=1) == y).mean() == tn.evaluate(model, x, y).accuracy
    model.eval()
    e = np.exp(model(as_input(x)).astype(np.float64))
    np.testing.assert_allclose(p, e / e.sum(axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("x", [np.zeros((0, 5, 5)), np.zeros(3), [[1]]])
def test_predict_proba_refuses_what_are_no_images(x):
    with pytest.raises(ValueError, match="predict_proba: expected images"):
        tn.predict_proba(small_network(), x)


def test_predict_proba_refuses_an_empty_batch():
    with pytest.raises(ValueError, match="predict_proba: expected batch_size ≥ 1, got 0"):
        tn.predict_proba(small_network(), blobs(4)[0], batch_size=0)


def test_as_input():
    images = np.array([[[0, 255]]], np.uint8)
    x = as_input(images)
    assert x.shape == (1, 1, 1, 2) and x.dtype == np.float32
    np.testing.assert_allclose(x.ravel(), [-0.1307 / 0.3081, (1 - 0.1307) / 0.3081], rtol=1e-6)
    assert as_input(np.zeros((2, 3, 4, 4), np.uint8)).shape == (2, 3, 4, 4)
    floats = normal((2, 1, 3, 3))
    assert as_input(floats) is floats


# -- stopping --


@pytest.mark.parametrize("wrap", [lambda model: model, tn.compile])
def test_a_loss_that_is_not_finite_stops_the_run(wrap, tmp_path):
    x, y = blobs(40)
    model = tn.Sequential(*small_network().layers[:3], Breaks(4), *small_network().layers[3:])
    twin = tn.Sequential(*small_network().layers[:3], Breaks(99), *small_network().layers[3:])
    path = tmp_path / "history.csv"
    with pytest.raises(FloatingPointError) as caught:
        quiet_fit(wrap(model), x, y, history_path=path)
    message = str(caught.value)
    assert "Epoch 2/3, step 2 of 3, rate 0.0" in message
    assert "first not finite: the output of layer 3, Breaks()" in message
    assert path.read_text("utf-8").count("\n") == 2  # the heading and the epoch that went well

    # all is as after the four steps before, running statistics included
    with pytest.raises(KeyboardInterrupt):
        quiet_fit(wrap(twin), x, y, augment=interrupt_at(5))
    for (name, a), b in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


def interrupt_at(step):
    """An augmentation that changes nothing, until it stops the run."""
    calls = iter(range(step - 1))

    def augment(images, rng):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return images

    return augment


def test_names_the_images_where_they_are_to_blame():
    x, y = blobs(20)
    x = as_input(x)
    x[3, 0, 2, 2] = np.inf
    stops = pytest.raises(FloatingPointError, match="first not finite: the images fed in")
    with np.errstate(all="ignore"), stops:
        quiet_fit(small_network(), x, y, batch_size=20)


def test_a_rate_far_too_high_is_caught():
    x, y = blobs(60)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="not finite"):
        quiet_fit(small_network(), x, y, max_lr=1e30, epochs=5)


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(x=[1, 2]), ValueError, "fit: expected images .* got list"),
        (dict(x=np.zeros((0, 9, 6), np.uint8)), ValueError, r"expected images .* got \(0, 9, 6\)"),
        (dict(y=np.zeros(7, int)), ValueError, r"fit: expected 20 labels, .* got \(7,\)"),
        (dict(y=np.zeros(20)), TypeError, "fit: expected integer labels, got float64"),
        (dict(y=np.full(20, 3)), ValueError, r"expected labels in 0 … 2, got 3 at index"),
        (dict(test=(np.zeros((3, 9, 6)), [0])), ValueError, r"fit: test: expected 3 labels"),
        (dict(epochs=0), ValueError, "fit: expected epochs ≥ 1, got 0"),
        (dict(batch_size=0), ValueError, "fit: expected batch_size ≥ 1, got 0"),
        (dict(max_lr=-1), ValueError, "expected lr ≥ 0, got -1"),
        (dict(average=1), ValueError, r"WeightAverage: expected decay in \[0, 1\), got 1"),
        (dict(label_smoothing=2), ValueError, r"expected label_smoothing in \[0, 1\], got 2"),
    ],
)
def test_wrong_arguments_change_nothing(change, error, message):
    x, y = blobs(20)
    model = small_network()
    before = model.state_dict()
    settings = {"x": x, "y": y, **change}
    with pytest.raises(error, match=message):
        quiet_fit(model, settings.pop("x"), settings.pop("y"), **settings)
    for a, b in zip(before.values(), model.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b)


# -- bars --


def test_log_files_get_one_line_a_bar(capsys):
    x, y = blobs(40)
    quiet_fit(small_network(), x, y, test=blobs(20), epochs=2, progress=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == 4 and "\r" not in err
    assert lines[0].startswith("Epoch 1/2: 100%|") and "| 3/3 [" in lines[0]
    assert "loss=" in lines[0] and "lr=0.0" in lines[0]
    assert lines[1].startswith("Testing: 100%|") and "| 2/2 [" in lines[1]
    assert out.count("Test Accuracy: ") == 2 and out.rstrip().endswith("%")


def test_terminals_get_a_live_bar(capsys, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Bar(3, "Epoch 1/1") as bar:
        for _ in range(3):
            bar.step("loss=0.5")
    err = capsys.readouterr().err
    assert "Epoch 1/1: 100%" in err and "loss=0.5" in err and "\r" in err
    with Bar(5, "Epoch 1/1", done=3) as bar:  # an epoch that goes on
        bar.step()
        assert (bar.bar.initial, bar.bar.n) == (3, 4)
    assert " 80%" in capsys.readouterr().err


def test_a_bar_that_is_not_wanted_is_silent(capsys):
    with Bar(2, "Testing", show=False) as bar:
        bar.step()
    assert capsys.readouterr() == ("", "")


def test_without_a_place_for_errors_no_bar_is_shown(capsys, monkeypatch):
    import sys

    monkeypatch.setattr(sys, "stderr", None)  # closed, or a program without a console
    with Bar(2, "Testing") as bar:
        bar.step()
        bar.step()
    assert capsys.readouterr() == ("", "")


# -- the real digits --


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="minutes without compilation")
def test_one_epoch_of_mnist():
    train, test = tn.datasets.mnist()
    model = tn.models.mnist_lite(rng=0)
    history = tn.fit(tn.compile(model), *train, test=test, epochs=1, progress=False)
    assert history[0]["test_accuracy"] > 0.975
    assert tn.evaluate(model, test[0][:500], test[1][:500]).accuracy > 0.97  # plain, as well


@pytest.mark.parametrize(
    "wrong, words",
    [
        ([5], "image 5"),
        ([5, 7], "image 5 and 1 more of 4"),
        ([2, 4, 5, 6, 7], "image 2"),  # alone in its batch
    ],
)
def test_the_images_whose_logits_are_no_numbers_are_counted(wrong, words):
    class Logits(tn.Layer):
        """NaN where the image is all 255."""

        def forward(self, x):
            return np.where(x.max(axis=(1, 2, 3)) > 2.7, np.nan, 0.5)[:, None] * np.ones((1, 3))

    x = np.zeros((9, 4, 4), np.uint8)
    x[wrong] = 255
    with pytest.raises(FloatingPointError, match=f"finite logits, got nan for {words}$"):
        tn.predict_proba(tn.Sequential(Logits()), x, batch_size=4)
