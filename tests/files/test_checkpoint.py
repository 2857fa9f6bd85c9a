"""A run that is stopped and goes on ends with the bits of one that was not."""

import builtins
import csv
import errno
import functools
import json
import os

import numpy as np
import pytest
from cases import Breaks, blobs, small_network

import tinynet as tn
from tinynet.fingerprint import network_settings
from tinynet.weights_file import load

STEPS = 3 * 7  # three epochs of 100 images, 16 a batch


class Stopped(Exception):
    pass


def augment(images, rng):
    return np.roll(images, rng.integers(-1, 2), axis=2)


def fit(path, model=None, **changes):
    """(model, history) of a run, as it is where nothing is changed."""
    model = small_network() if model is None else model
    x, y = blobs(100)
    settings = dict(epochs=3, batch_size=16, max_lr=0.05, average=0.9, augment=augment)
    settings |= dict(test=(x, y), checkpoint_every=3, progress=False) | changes
    history = tn.fit(model, x, y, checkpoint_path=path, **settings)
    return model, [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(weights, history) of the run that is not stopped."""
    model, history = fit(tmp_path_factory.mktemp("whole") / "checkpoint.npz")
    return model.state_dict(), history


@pytest.fixture
def stop(monkeypatch):
    """stop(k): the step after the first k is not taken."""
    step = tn.SGD.step

    def stop(k):
        steps = iter(range(k))

        def counted(self):
            if next(steps, None) is None:
                raise Stopped
            step(self)

        monkeypatch.setattr(tn.SGD, "step", counted)

    yield stop


def equal(state, other):
    assert state.keys() == other.keys()
    for name in state:
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)


def test_a_checkpoint_changes_nothing_of_a_run(whole):
    model, history = fit(None)
    equal(model.state_dict(), whole[0])
    assert history == whole[1]


@pytest.mark.parametrize("k", range(STEPS))
def test_stopped_anywhere(k, whole, stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    stop(k)
    with pytest.raises(Stopped):
        fit(path)
    stop(STEPS - k + 3)  # three at most are done again
    model, history = fit(path, resume=True)
    equal(model.state_dict(), whole[0])
    assert history == whole[1]


def test_stopped_again_and_again(whole, stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    for _ in range(4):
        stop(4)  # one, perhaps, is done again
        with pytest.raises(Stopped):
            fit(path, resume=True)
    stop(STEPS)
    model, history = fit(path, resume=True)
    equal(model.state_dict(), whole[0])
    assert history == whole[1]
    assert fit(path, resume=True)[1] == history  # nothing is left to do


def test_without_average_test_and_steps(stop, tmp_path):
    path, settings = tmp_path / "checkpoint.npz", dict(average=0, test=None, checkpoint_every=None)
    whole = fit(tmp_path / "other.npz", **settings)
    stop(10)
    with pytest.raises(Stopped):
        fit(path, **settings)
    stop(14)
    model, history = fit(path, resume=True, **settings)
    equal(model.state_dict(), whole[0].state_dict())
    assert history == whole[1] and "test_loss" not in history[0]


CHANGES = dict(
    epochs=4, batch_size=10, max_lr=0.1, weight_decay=0.1, label_smoothing=0.1, average=0.8,
    augment=None, seed=1, test=None,
)  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_other_settings(name, whole, stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    stop(12)
    with pytest.raises(Stopped):
        fit(path)
    model = small_network()
    before = model.state_dict()
    with pytest.raises(ValueError, match="no checkpoint of this run: these differ: ") as info:
        fit(path, model, resume=True, **{name: CHANGES[name]})
    was = dict(epochs=3, batch_size=16, max_lr=0.05, weight_decay=5e-4, label_smoothing=0.0)
    was |= dict(average=0.9, augment="test_checkpoint.augment", seed=0)
    words = f"{name}: {was.get(name)} in the file, {CHANGES[name]} here"
    assert ("test images: uint8 (100" if name == "test" else words) in str(info.value)
    assert not isinstance(info.value, tn.FileFormatError)  # it is a good file, of another run
    equal(model.state_dict(), before)


def test_other_digits_and_another_network(stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    stop(12)
    with pytest.raises(Stopped):
        fit(path)
    x, y = blobs(100)
    settings = dict(epochs=3, batch_size=16, max_lr=0.05, average=0.9, augment=augment)
    settings |= dict(test=(x, y), progress=False, checkpoint_path=path, resume=True)
    x[0, 0, 0] ^= 1
    with pytest.raises(ValueError, match=r"these differ: .*training images: uint8 \(100, 9, 6\)"):
        tn.fit(small_network(), x, y, **settings)
    other = tn.Sequential(tn.Flatten(), tn.Linear(54, 3))
    words = "these differ: model.0: Conv2d in the file, Flatten here; .*; and .. more; nothing"
    with pytest.raises(ValueError, match=words):
        fit(path, other, resume=True)


@pytest.mark.parametrize("name, value, words", [
    ("progress", [1, 7, 112, 0], "makes no sense"),
    ("progress", [4, 0, 0, 0], "makes no sense"),
    ("progress", [1, 2, 31, 0], "makes no sense"),
    ("progress", [1, 2, 32, 33], "makes no sense"),
    ("progress", [-1, 2, 32, 3], "makes no sense"),
    ("sums", [np.nan, 1], "makes no sense"),
    ("rng", [1, 2, 3, 4, 0, 0], "random generator's state"),
    ("rng", [1, 2, 3, 5, 2, 0], "random generator's state"),
])  # fmt: skip
def test_contents_that_make_no_sense(name, value, words, stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    stop(12)
    with pytest.raises(Stopped):
        fit(path)
    arrays = dict(np.load(path))
    arrays[name][...] = value
    np.savez(path, **arrays)
    model = small_network()
    before = model.state_dict()
    with pytest.raises(tn.FileFormatError, match=words):
        fit(path, model, resume=True)
    equal(model.state_dict(), before)


@pytest.mark.parametrize("settings, words", [
    (dict(checkpoint_path=None, resume=True), "resume needs a checkpoint_path"),
    (dict(checkpoint_every=0), "expected checkpoint_every ≥ 1, got 0"),
    (dict(seed=np.random.Generator(np.random.MT19937(0))), "needs a PCG64 generator.*MT19937"),
])  # fmt: skip
def test_wrong_arguments(settings, words, tmp_path):
    x, y = blobs(20)
    settings = dict(checkpoint_path=tmp_path / "checkpoint.npz") | settings
    with pytest.raises(ValueError, match=words):
        tn.fit(small_network(), x, y, progress=False, **settings)


def failing(monkeypatch, k):
    """Let the k-th call that puts something on the disk fail; the counter tells how many came."""
    calls = []

    def call(function, *arguments):
        calls.append(function)
        if len(calls) == k:
            if function.__name__ == "write":  # a disk that fills: a part is written
                function(bytes(arguments[0])[: len(arguments[0]) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*arguments)

    class File:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            return call(self.file.write, data)

        def flush(self):
            return call(self.file.flush)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

    real_open, fsync, replace = builtins.open, os.fsync, os.replace

    def opened(path, mode="r", *arguments, **more):
        file = real_open(path, mode, *arguments, **more)
        return File(file) if mode == "wb" else file

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(os, "fsync", lambda *a: call(fsync, *a))
    monkeypatch.setattr(os, "replace", lambda *a: call(replace, *a))
    return calls


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_a_disk_that_fails_at_any_call(every, whole, stop, tmp_path):
    """Calls in turn: what is there then is a whole checkpoint, the last or the one before."""
    path = tmp_path / "checkpoint.npz"
    stop(5)
    with pytest.raises(Stopped):
        fit(path)
    good, (k, failed) = path.read_bytes(), (1, True)
    while failed:
        path.write_bytes(good)
        with pytest.MonkeyPatch.context() as patch:
            calls = failing(patch, k)
            stop(3)  # one checkpoint more, after step 6
            with pytest.raises((OSError, Stopped)) as info:
                fit(path, resume=True, checkpoint_every=6)
            failed = info.type is OSError
        assert len(calls) >= k or not failed
        assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.npz"], calls[-1]
        if failed and calls[-1].__name__ in ("write", "flush"):
            assert path.read_bytes() == good
        if k % (40 * every) == 1 or not failed:
            stop(STEPS)
            equal(fit(path, resume=True)[0].state_dict(), whole[0])
        k += every
    assert k > 100  # calls there were


def test_no_checkpoint_yet_is_the_start(whole, tmp_path):
    model, history = fit(tmp_path / "none.npz", resume=True)
    equal(model.state_dict(), whole[0])
    with pytest.raises(FileNotFoundError, match="expected a folder that exists"):
        fit(tmp_path / "no folder" / "checkpoint.npz")


def test_weights_are_no_checkpoint_nor_the_reverse(stop, tmp_path):
    model = small_network()
    tn.save(model, tmp_path / "weights.npz")
    with pytest.raises(tn.FileFormatError, match="no checkpoint of this run: missing"):
        fit(tmp_path / "weights.npz", resume=True)
    fit(tmp_path / "checkpoint.npz")
    with pytest.raises(tn.FileFormatError, match="unexpected"):
        load(model, tmp_path / "checkpoint.npz")


# -- another run is told as another, and by what --


def net(*more, **norm):
    layers = small_network().layers
    return tn.Sequential(*layers[:2], tn.BatchNorm2d(4, **norm), *layers[3:], *more)


def own(factor=1, calls=3, word="a"):
    """Augmentations of one name, with a counter and other values inside."""
    counter = [calls]

    def augment(images, rng):
        counter[0] += 1
        return images * np.uint8(factor)

    return augment


def roll(images, rng, by=1):
    return np.roll(images, by, axis=2)


def threshold(images, rng):
    return np.where(images > 250, 255, images).astype(np.uint8)


threshold_251 = type(threshold)(
    threshold.__code__.replace(
        co_consts=tuple(251 if c == 250 else c for c in threshold.__code__.co_consts)
    ),
    threshold.__globals__,
    "threshold",
)
threshold_251.__qualname__ = threshold.__qualname__  # no pixel of blobs is so bright: code alone


class Roll:
    """An augmentation without a repr of its own."""

    def __init__(self, by):
        self.by = by

    def __call__(self, images, rng):
        return np.roll(images, self.by, axis=2)

    def back(self, images, rng):
        return np.roll(images, -self.by, axis=2)


class Scale(tn.Layer):
    """A reader's layer with settings of its own, and a counter that is nobody's business."""

    kind = "plain"

    def __init__(self, factors=(1, 2), kind=None):
        self.factors = factors
        self.kind = kind or self.kind
        self._calls = 0

    def forward(self, x):
        self._calls += 1
        self.save(x)
        return x * np.float32(self.factors[0])

    def backward(self, dy):
        self.saved(dy)
        return dy * np.float32(self.factors[0])


def flatten_first(model):
    model[5].weight.requires_grad = False
    return model


def norm_frozen(model):
    model[2].eval()
    return model


X, Y = blobs(100)
OTHER = X.copy()
OTHER[50, 3, 3] ^= 1
OTHER_LABEL = Y.copy()
OTHER_LABEL[50] = (Y[50] + 1) % 3
AFFINE = tn.augment.RandomAffine

OTHERS = {
    "eps": (
        dict(model=net),
        dict(model=lambda: net(eps=0.01)),
        "model.2.eps: 1e-05 in the file, 0.01",
    ),
    "momentum": (
        dict(model=net),
        dict(model=lambda: net(momentum=0.5)),
        "model.2.momentum: 0.1 in",
    ),
    "a layer": (
        dict(model=net),
        dict(model=lambda: net(tn.ReLU())),
        "model.6: nothing in the file",
    ),
    "one trained": (
        dict(model=net),
        dict(model=lambda: flatten_first(net())),
        "model.5.weight: float32 (3, 36) in",
    ),
    "one frozen": (
        dict(model=net),
        dict(model=lambda: norm_frozen(net())),
        "model.2.training: nothing in the f",
    ),
    "compiled": (
        dict(model=net),
        dict(model=lambda: tn.compile(net())),
        "model: Sequential in the file, Comp",
    ),
    "a tuple": (
        dict(model=lambda: net(Scale())),
        dict(model=lambda: net(Scale((1, 3)))),
        "model.6.factors: [1, 2] in the file, [1, 3] here",
    ),
    "a text": (
        dict(model=lambda: net(Scale())),
        dict(model=lambda: net(Scale(kind="x"))),
        "model.6.kind: plain in the file, x here",
    ),
    "a function's closure": (
        dict(augment=own()),
        dict(augment=own(0)),
        "augment, what it makes of images: uint8 (16, 9",
    ),
    "a function's constant": (
        dict(augment=threshold),
        dict(augment=threshold_251),
        "augment, code: ",
    ),
    "a default": (
        dict(augment=roll),
        dict(augment=lambda i, r, by=1: roll(i, r, by)),
        "augment: test_checkpo",
    ),
    "partial": (
        dict(augment=functools.partial(roll, by=1)),
        dict(augment=functools.partial(roll, by=-1)),
        "augment: partial(test_checkpoint.roll, by=1) in the file, partial(test_checkpoint.roll, ",
    ),
    "an object": (dict(augment=Roll(1)), dict(augment=Roll(2)), "augment, what it makes of images"),
    "a method": (
        dict(augment=Roll(1)),
        dict(augment=Roll(1).back),
        "augment: test_checkpoint.Roll ",
    ),
    "ours": (
        dict(augment=AFFINE()),
        dict(augment=AFFINE(shift=1.0)),
        "shift=2.0) in the file, Rand",
    ),
    "test images": (
        dict(test=(X, Y)),
        dict(test=(OTHER, Y)),
        "these differ: test images: uint8 (100, 9, 6), ",
    ),
    "test labels": (
        dict(test=(X, Y)),
        dict(test=(X, OTHER_LABEL)),
        "these differ: test labels: 100",
    ),
    "labels": (dict(y=Y), dict(y=OTHER_LABEL), "these differ: training labels: 100, "),
    "images": (dict(x=X), dict(x=OTHER), "these differ: training images: uint8 (100, 9, 6), "),
    "a generator": (
        dict(seed=lambda: np.random.default_rng(1)),
        dict(seed=lambda: np.random.default_rng(2)),
        "these differ: seed: Generator(PCG64) at ",
    ),
}


def resumed(path, first, second, after=9):
    """Train a run for a while, then resume it as another."""

    def run(path, resume, model=net, x=X, y=Y, seed=0, **more):
        settings = dict(epochs=2, batch_size=16, progress=False, checkpoint_every=1) | more
        seed = seed() if callable(seed) else seed
        made = model()
        tn.fit(made, x, y, seed=seed, checkpoint_path=path, resume=resume, **settings)
        return made

    step = tn.SGD.step
    with pytest.MonkeyPatch.context() as patch:
        steps = iter(range(after))

        def counted(self):
            if next(steps, None) is None:
                raise Stopped
            step(self)

        patch.setattr(tn.SGD, "step", counted)
        with pytest.raises(Stopped):
            run(path, False, **first)
    whole = run(path.with_name("whole.npz"), False, **first)
    return whole, run(path, True, **second)


@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_by_name(name, tmp_path):
    first, second, words = OTHERS[name]
    with pytest.raises(ValueError, match="no checkpoint of this run: these differ: ") as info:
        resumed(tmp_path / "c.npz", first, second)
    assert words in str(info.value)
    assert not isinstance(info.value, tn.FileFormatError)


@pytest.mark.parametrize("first, second", [
    (dict(augment=own(calls=3)), dict(augment=own(calls=9))),
    (dict(augment=Roll(1)), dict(augment=Roll(1))),
    (dict(augment=functools.partial(roll, by=2)), dict(augment=functools.partial(roll, by=2))),
    (dict(augment=AFFINE()), dict(augment=AFFINE())),
    (dict(model=lambda: net(Scale())), dict(model=lambda: net(Scale([1, 2])))),
    (dict(model=lambda: net().eval()), dict(model=net)),
    (dict(model=lambda: norm_frozen(net())), dict(model=lambda: norm_frozen(net()))),
    (dict(model=lambda: flatten_first(net())), dict(model=lambda: flatten_first(net()))),
    (dict(y=Y), dict(y=Y.tolist())),
    (dict(x=X), dict(x=np.asfortranarray(X))),
    (dict(max_lr=0.1, epochs=2), dict(max_lr=np.float64(0.1), epochs=2.0)),
    (dict(recipe=tn.Recipe(average=0.9)), dict(average=0.9)),
    (dict(model=lambda: tn.compile(net(), threads=1)), dict(model=lambda: tn.compile(net()))),
    (dict(model=lambda: net(Breaks(99))), dict(model=lambda: net(Breaks(99)))),
])  # fmt: skip
def test_the_same_run_in_other_words_goes_on(first, second, tmp_path):
    whole, other = resumed(tmp_path / "c.npz", first, second)
    equal(whole.state_dict(), other.state_dict())


def test_a_checkpoint_of_an_older_version(tmp_path):
    path = tmp_path / "checkpoint.npz"
    np.savez(path, **{"settings.epochs": np.float64(3), "progress": np.zeros(4, np.int64)})
    with pytest.raises(tn.FileFormatError, match="older version of tinynet wrote it.*start .*anew"):
        fit(path, resume=True)


@pytest.mark.parametrize("text, words", [
    (b"[1, 2]", "settings: expected names and values, got list"),
    (b"{", "no checkpoint of this run: "),
    (b"[" * 100_000, "no checkpoint of this run: "),
    (b"\xff", "no checkpoint of this run: "),
    (bytes(1_000_001), "expected uint8 of at most 1,000,000 bytes"),
])  # fmt: skip
def test_settings_that_make_no_sense(text, words, tmp_path):
    path, model = tmp_path / "checkpoint.npz", small_network()
    fit(path, epochs=1)
    arrays = dict(np.load(path)) | {"settings": np.frombuffer(text, np.uint8)}
    np.savez(path, **arrays)
    before = model.state_dict()
    with pytest.raises(tn.FileFormatError, match=words):
        fit(path, model, epochs=1, resume=True)
    equal(model.state_dict(), before)


def test_what_a_file_says_is_shown_short_and_harmless(tmp_path):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    arrays = dict(np.load(path))
    settings = json.loads(arrays["settings"].tobytes())
    settings |= {"seed": "\x1b[2J" + "9" * 1000, "\x1b[31m": 1}
    arrays["settings"] = np.frombuffer(json.dumps(settings).encode(), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="seed: .*9…? in the file, 0 here; .*: 1 in the f") as info:
        fit(path, epochs=1, resume=True)
    assert str(info.value).isprintable() and len(str(info.value)) < 600


def test_settings_too_large_for_a_checkpoint(tmp_path):
    model = net(Scale(kind="x" * 1_000_000))
    with pytest.raises(ValueError, match="at most 1,000,000 bytes of settings"):
        tn.fit(model, X, Y, checkpoint_path=tmp_path / "c.npz", progress=False)
    assert not list(tmp_path.iterdir())


def test_without_resume_a_run_begins_anew(whole, stop, tmp_path):
    path = tmp_path / "checkpoint.npz"
    stop(12)
    with pytest.raises(Stopped):
        fit(path, seed=1)  # of another run, which cannot be gone on with
    stop(STEPS)
    model, history = fit(path)
    equal(model.state_dict(), whole[0])
    assert history == whole[1]


# -- the history and the checkpoint of its epoch --


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def test_no_epoch_is_lost_if_the_history_cannot_be_written(whole, tmp_path, monkeypatch):
    """As where a spreadsheet has opened it, on Windows."""
    path, table = tmp_path / "checkpoint.npz", tmp_path / "history.csv"
    replace, tables = os.replace, []

    def refuse(source, target):
        if str(target).endswith(".csv"):
            tables.append(target)
            if len(tables) == 2:
                raise OSError("no space left")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        fit(path, history_path=table)
    assert len(rows(table)) == 1
    model, history = fit(path, history_path=table, resume=True)
    equal(model.state_dict(), whole[0])
    assert history == whole[1]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in rows(table)] == history
    assert len(tables) == 2 + 1 + 1  # the second once more, when it was resumed


def test_a_resumed_run_writes_its_history_anew(tmp_path):
    path, table = tmp_path / "checkpoint.npz", tmp_path / "history.csv"
    fit(path, history_path=table)
    before = table.read_bytes()
    table.unlink()
    fit(path, history_path=table, resume=True)
    assert table.read_bytes() == before


def test_a_layers_settings_are_those_of_its_class_too():
    class Scale(tn.Layer):
        factor, names = 2.0, ("a", "b")

        def __init__(self):
            self.times, self._hidden = 3, 4

    settings = network_settings(Scale())
    own = {name: value for name, value in settings.items() if name.startswith("model.")}
    assert own == {"model.factor": 2.0, "model.names": ["a", "b"], "model.times": 3}
