"""A run that is stopped and goes on ends with the bits of one that was not."""

import builtins
import errno
import os

import numpy as np
import pytest
from test_train import blobs, small_network

import tinynet as tn
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
    words = "these differ: model.0: Conv2d in the file, Flatten here; .*model.5.*nothing here"
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


def test_a_disk_that_fails_at_any_call(whole, stop, tmp_path):
    """Each call in turn: what is there then is a whole checkpoint, the last or the one before."""
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
        if k % 40 == 1 or not failed:
            stop(STEPS)
            equal(fit(path, resume=True)[0].state_dict(), whole[0])
        k += 1
    assert k > 100  # faults were tried


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
