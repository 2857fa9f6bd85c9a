"""First look, then act: whatever is wrong with an argument is said before anything changes."""

import os
import re

import numpy as np
import pytest
from cases import WEBASSEMBLY, blobs, links, small_network

import tinynet as tn
from tinynet.data_checks import PROBE, check_images, checked_augmentation
from tinynet.inputs import as_input


class Own(tn.Layer):
    """A reader's layer, which does not say its output_shape."""

    def forward(self, x):
        self.save(x)
        return x.copy()

    def backward(self, dy):
        self.saved(dy)
        return dy


def one_pixel(*first):
    """A network whose BatchNorm sees one value an image."""
    layers = tn.Conv2d(1, 4, (9, 6), rng=0), tn.BatchNorm2d(4), tn.Flatten(), tn.Linear(4, 3, rng=0)
    return tn.Sequential(*first, *layers)


def refused(call, model, kind, words):
    """call() raises; weights, statistics and modes of the model are as before."""
    before, modes = model.state_dict(), [layer.training for _, layer in model.named_layers()]
    with pytest.raises(kind) as info:
        call()
    assert words in str(info.value)
    assert "\n" not in str(info.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert modes == [layer.training for _, layer in model.named_layers()]
    assert all(p.grad is None for p in model.parameters())


class DataFrame:
    """What pandas' looks like from outside."""

    shape, ndim, dtype = (20, 54), 2, np.dtype(np.float32)

    def to_numpy(self):
        return np.zeros((20, 54), np.float32)


class Tensor:
    shape = (20, 1, 9, 6)

    def numpy(self):
        return np.zeros((20, 1, 9, 6), np.float32)


X, Y = blobs(20)
FLOAT = as_input(X)


def spoilt(array, index, value):
    array = array.copy()
    array[index] = value
    return array


IMAGES = {
    "a list": (X.tolist(), ValueError, "expected a NumPy array, got list"),
    "a DataFrame": (DataFrame(), ValueError, "expected a NumPy array, got DataFrame; write"),
    "a tensor": (Tensor(), ValueError, "expected a NumPy array, got Tensor; write x.numpy()"),
    "None": (None, ValueError, "expected a NumPy array, got NoneType"),
    "a masked array": (np.ma.masked_array(FLOAT), ValueError, "a NumPy array, got MaskedArray"),
    "records": (FLOAT.view(np.recarray), ValueError, "a NumPy array, got recarray"),
    "no images": (X[:0], ValueError, "got (0, 9, 6)"),
    "no pixels": (X[:, :0], ValueError, "got (20, 0, 6)"),
    "no axis": (FLOAT[:, 0, 0, 0], ValueError, "expected images (N, …), N ≥ 1, got (20,)"),
    "int64": (X.astype(np.int64), TypeError, "of uint8, float32 or float64, got int64"),
    "bool": (X > 9, TypeError, "got bool"),
    "float16": (FLOAT.astype(np.float16), TypeError, "got float16"),
    "objects": (FLOAT.astype(object), TypeError, "got object"),
    "complex": (FLOAT.astype(complex), TypeError, "got complex128"),
    "swapped bytes": (FLOAT.astype(">f4"), TypeError, "got >f4"),
    "NaN": (spoilt(FLOAT, (13, 0, 2, 2), np.nan), ValueError, "image 13, with a pixel of nan"),
    "∞": (
        spoilt(FLOAT, (13, 0, 2, 2), -np.inf),
        FloatingPointError,
        "image 13, with a pixel of -i",
    ),
    "another size": (X[:, :6], ValueError, "(20, 24)"),
    "channels": (np.stack([X, X], 1), ValueError, "(20, 2, 9, 6)"),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
def test_images(name, how):
    x, kind, words = IMAGES[name]
    model = small_network()
    net, small = how(model), dict(progress=False, batch_size=20)
    refused(lambda: tn.fit(net, x, Y, **small), model, kind, words)
    refused(lambda: tn.find_lr(net, x, Y, **small), model, kind, words)
    refused(lambda: tn.evaluate(net, x, Y), model, kind, words)
    refused(lambda: tn.predict_proba(net, x), model, kind, words)
    words = "fit: test: " if "size" in name or name == "channels" else words
    refused(lambda: tn.fit(net, X, Y, test=(x, Y), **small), model, kind, words)


LABELS = {
    "a label too large": (spoilt(Y, 17, 3), ValueError, "labels in 0 … 2, got 3 at index 17"),
    "a negative label": (spoilt(Y, 17, -1), ValueError, "labels in 0 … 2, got -1 at index 17"),
    "too few": (Y[:7], ValueError, "expected 20 labels, one for each image, got (7,)"),
    "a column": (Y[:, None], ValueError, "got (20, 1)"),
    "one-hot": (np.eye(3)[Y], ValueError, "got (20, 3)"),
    "floats": (Y.astype(float), TypeError, "expected integer labels, got float64"),
    "bools": (Y > 1, TypeError, "expected integer labels, got bool"),
    "text": (Y.astype(str), TypeError, "expected integer labels, got <U21"),
    "objects": (Y.astype(object), TypeError, "expected integer labels, got object"),
    "a DataFrame": (DataFrame(), ValueError, "a NumPy array, got DataFrame"),
    "a set": (set(Y.tolist()), ValueError, "a NumPy array, got set"),
    "None": (None, ValueError, "a NumPy array, got NoneType"),
    "ragged": ([[1], [1, 2]], ValueError, "lists of different lengths"),
    "masked": (np.ma.masked_array(Y), ValueError, "a NumPy array, got MaskedArray"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels(name):
    y, kind, words = LABELS[name]
    model = small_network()
    small = dict(progress=False, batch_size=8)
    refused(lambda: tn.fit(model, X, y, **small), model, kind, words)
    refused(lambda: tn.find_lr(model, X, y, **small), model, kind, words)
    refused(lambda: tn.evaluate(model, X, y, batch_size=8), model, kind, words)
    refused(lambda: tn.fit(model, X, Y, test=(X, y), **small), model, kind, words)


def test_labels_of_any_integers_are_the_same():
    states = []
    for y in (Y, Y.tolist(), tuple(Y.tolist()), Y.astype(np.uint8), Y.astype(np.uint64)):
        model = small_network()
        tn.fit(model, X, y, epochs=1, batch_size=8, progress=False)
        states.append(model[0].weight.data)
    for state in states[1:]:
        np.testing.assert_array_equal(state, states[0])


@pytest.mark.parametrize("test, kind, words", [
    (X, ValueError, "fit: test: expected a pair (images, labels), got ndarray"),
    ((X, Y, Y), ValueError, "expected a pair (images, labels), got tuple of 3"),
    (dict(x=X, y=Y), ValueError, "expected a pair (images, labels), got dict"),
    ((FLOAT, Y), TypeError, "fit: test: expected uint8 images, as those trained on are, got float"),
    ((np.repeat(X, 2, 1), Y), ValueError, "expected images of shape (1, 9, 6), as those trained"),
])  # fmt: skip
def test_the_test_is_like_the_training(test, kind, words):
    model = small_network()
    refused(lambda: tn.fit(model, X, Y, test=test, progress=False), model, kind, words)


def test_test_images_of_another_float_are_refused():
    model, words = small_network(), "expected float32 images, as those trained on are, got float64"
    test = (FLOAT.astype(float), Y)
    refused(lambda: tn.fit(model, FLOAT, Y, test=test, progress=False), model, TypeError, words)


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
@pytest.mark.parametrize("first", [(), (Own(),)], ids=["all shapes known", "behind a reader's"])
def test_the_last_batch_of_one_image(how, first):
    x, y = blobs(33)
    model = one_pixel(*first)
    words = "fit: batches of 8 and 1: "
    refused(lambda: tn.fit(how(model), x, y, batch_size=8), model, ValueError, words)
    words = "BatchNorm2d(4): expected more than one value a channel to train on"
    refused(lambda: tn.find_lr(how(model), x, y, batch_size=8), model, ValueError, words)
    # tests are in evaluation mode, where one image is as good as any
    tn.fit(how(model), x[:32], y[:32], test=(x, y), batch_size=8, epochs=1, progress=False)


def test_a_frozen_batchnorm_takes_a_last_batch_of_one():
    x, y = blobs(33)
    model = one_pixel()
    model[1].eval()
    tn.fit(model, x, y, batch_size=8, epochs=1, progress=False)


@pytest.mark.parametrize("layers, words", [
    ((tn.Conv2d(1, 3, 3),), "expected a network that gives logits (N, K), got (8, 3, 7, 4)"),
    ((Own(), tn.Conv2d(1, 3, 3)), "expected a network that gives logits (N, K), got (8, 3, 7, 4)"),
    ((tn.Flatten(),), "expected a parameter to train, got a network that has none"),
])  # fmt: skip
def test_networks_that_are_no_classifiers(layers, words):
    model = tn.Sequential(*layers)
    refused(lambda: tn.fit(model, X, Y, batch_size=8, progress=False), model, ValueError, words)


def test_predictions_are_of_classifiers_only():
    for model in (tn.Conv2d(1, 3, 3), tn.Sequential(Own(), tn.Conv2d(1, 3, 3))):
        words = r"got \(20, 3, 7, 4\) for 20 images"
        with pytest.raises(ValueError, match=f"predict_proba: expected .* logits .*{words}"):
            tn.predict_proba(model, X)
        with pytest.raises(ValueError, match=r"evaluate: expected .* logits \(N, K\), got \(20, 3"):
            tn.evaluate(model, X, Y)


@pytest.mark.parametrize("model", [None, tn.Linear, [tn.Flatten()], "mnist_lite"])
def test_what_is_no_network(model):
    for call in (
        lambda: tn.fit(model, X, Y),
        lambda: tn.find_lr(model, X, Y),
        lambda: tn.evaluate(model, X, Y),
        lambda: tn.predict_proba(model, X),
    ):
        with pytest.raises(TypeError, match="expected model, a Layer, got "):
            call()


@pytest.mark.parametrize("call", [
    lambda size: tn.fit(small_network(), X, Y, epochs=1, progress=False, batch_size=size),
    lambda size: tn.evaluate(small_network(), X, Y, batch_size=size),
    lambda size: tn.predict_proba(small_network(), X, batch_size=size),
    lambda size: tn.find_lr(small_network(), X, Y, steps=2, progress=False, batch_size=size),
])  # fmt: skip
def test_whole_numbers(call):
    for size in (8, 8.0, np.float64(8), np.float32(8), np.int8(8), np.uint64(8)):
        call(size)
    for size in (2.5, 0, -1, "8", None, [8], True, np.nan, np.inf, 8 + 0j):
        with pytest.raises((ValueError, TypeError), match="batch_size"):
            call(size)


@pytest.mark.parametrize("seed, kind", [
    (-1, ValueError), (1.5, TypeError), ("a", TypeError), (True, ValueError), (np.nan, TypeError),
    (object(), TypeError),
])  # fmt: skip
def test_seeds(seed, kind):
    model = small_network()
    for train in (tn.fit, tn.find_lr):
        refused(lambda train=train: train(model, X, Y, seed=seed), model, kind, ": seed: expected")
    same = [small_network() for _ in range(2)]
    for net, good in zip(same, (2, 2.0), strict=True):
        tn.fit(net, X, Y, seed=good, epochs=1, batch_size=8, progress=False)
    np.testing.assert_array_equal(same[0][0].weight.data, same[1][0].weight.data)


@pytest.mark.parametrize("name", ["history_path", "checkpoint_path"])
def test_files_that_cannot_be_written(name, tmp_path):
    read_only = tmp_path / "read only"
    read_only.touch(0o444)
    for path, kind in [
        (tmp_path / "no folder" / "file", FileNotFoundError),
        (tmp_path, OSError),
        *([] if WEBASSEMBLY else [(read_only, PermissionError)]),  # has no such files
        ("", OSError),
        (3, TypeError),
        (b"file", TypeError),
    ]:
        model = small_network()
        paths = {name: path}
        refused(lambda m=model, p=paths: tn.fit(m, X, Y, progress=False, **p), model, kind, name)
    assert os.listdir(tmp_path) == ["read only"]


@links
@pytest.mark.parametrize("name", ["history_path", "checkpoint_path"])
def test_a_link_to_a_file_that_cannot_be_written(name, tmp_path):
    (tmp_path / "read only").touch(0o444)
    (tmp_path / "link").symlink_to("read only")
    model, paths = small_network(), {name: tmp_path / "link"}
    refused(lambda: tn.fit(model, X, Y, progress=False, **paths), model, PermissionError, name)
    assert sorted(os.listdir(tmp_path)) == ["link", "read only"]


@pytest.mark.parametrize("one, other", [("a", "a"), ("a", "folder/../a"), ("folder/a", "folder/a")])
def test_one_file_for_two_by_its_name(one, other, tmp_path):
    model = small_network()
    (tmp_path / "folder").mkdir()
    paths = dict(history_path=str(tmp_path / one), checkpoint_path=tmp_path / other)
    words = "expected two files for history_path and checkpoint_path, got one"
    refused(lambda: tn.fit(model, X, Y, **paths), model, ValueError, words)


@links
def test_one_file_for_two(tmp_path):
    model = small_network()
    (tmp_path / "folder").symlink_to(tmp_path)
    paths = dict(history_path=tmp_path / "a", checkpoint_path=tmp_path / "folder" / "a")
    words = "expected two files for history_path and checkpoint_path, got one"
    refused(lambda: tn.fit(model, X, Y, **paths), model, ValueError, words)


@pytest.mark.parametrize("attribute, name", [("weight", "0.weight"), ("running_var", "2.running")])
def test_weights_that_are_not_finite(attribute, name):
    model = small_network()
    array = model[2].running_var if attribute == "running_var" else model[0].weight.data
    array.flat[1] = np.inf
    for call in (
        lambda: tn.fit(model, X, Y, progress=False),
        lambda: tn.find_lr(model, X, Y, progress=False),
        lambda: tn.evaluate(model, X, Y),
    ):
        refused(call, model, FloatingPointError, f"network of finite numbers, but {name}")
    with np.errstate(all="ignore"):
        model[2].running_var.flat[1] = np.nan
        with pytest.raises(FloatingPointError, match="predict_proba: .* but .* is not finite"):
            tn.predict_proba(model, X)


# -- augmentations --


@pytest.mark.parametrize("augment, kind, words", [
    (lambda i, r: i / 255, TypeError, "return uint8 images, as it was given, got float64"),
    (lambda i, r: (i / 255).astype(np.float32), TypeError, "return uint8 .* got float32"),
    (lambda i, r: i.tolist(), TypeError, "return a NumPy array, got list"),
    (lambda i, r: None, TypeError, "return a NumPy array, got NoneType"),
    (lambda i, r: i[:3], ValueError, r"return 8 images, got shape \(3, 9, 6\)"),
    (lambda i, r: i.reshape(-1), ValueError, "return 8 images"),
    (lambda i, r: i[:, :6], ValueError, "augment: batches of 8: layer 5 .*Linear"),
    (lambda i, r: i // 4, ValueError, r"expected images on the scale .* values in 0 … 4\d of"),
    (lambda i: i, TypeError, r"expected a function of \(images, rng\), got one of \(i\)"),
])  # fmt: skip
@pytest.mark.parametrize("train", [tn.fit, tn.find_lr])
def test_augmentations_that_return_something_else(train, augment, kind, words):
    model = small_network()
    before = model.state_dict()
    with pytest.raises(kind, match=words):
        train(model, X, Y, batch_size=8, augment=augment, progress=False)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_floats_on_another_scale():
    unit = X[:, None] / np.float32(255)
    standardised = lambda i, r: (i - i.mean()) / i.std()  # noqa: E731
    for x, augment in [
        (unit, lambda i, r: i * np.float32(255)),
        (unit, standardised),
        (255 * unit, lambda i, r: i / np.float32(255)),
    ]:
        with pytest.raises(ValueError, match="expected images on the scale of those it is given"):
            tn.fit(small_network(), x, Y, augment=augment, progress=False)
    with pytest.raises(FloatingPointError, match="augment: expected finite images"):
        tn.fit(small_network(), unit, Y, augment=lambda i, r: i * np.float32(np.nan))


@pytest.mark.parametrize("augment", [
    lambda i, r: i[:, ::-1],
    lambda i, r: 255 - i,
    lambda i, r: i * np.uint8(0),
    lambda i, r: r.permuted(i, axis=0),
    lambda i, r: np.clip(i + r.normal(0, 20, i.shape), 0, 255).astype(np.uint8),
    tn.augment.RandomAffine(),
    tn.augment.RandomElastic(),
])  # fmt: skip
def test_augmentations_that_are_as_good_as_any(augment):
    tn.fit(small_network(), X, Y, batch_size=8, epochs=1, augment=augment, progress=False)


def test_the_trial_of_an_augmentation_changes_nothing():
    """Its counters, its own generator and the images are as before: the run sees each first."""
    own, seen, x = np.random.default_rng(3), [], X.copy()

    def augment(images, rng, counted=[]):  # noqa: B006
        counted.append(len(images))
        seen.append(len(images))
        images[...] = 0  # in place
        own.random()
        return images

    model = small_network()
    recipe = tn.Recipe(batch_size=8, augment=augment)
    made = checked_augmentation("fit", model, x, recipe)
    assert made.shape == (8, 9, 6) and not made.any()
    assert seen == [] and augment.__defaults__ == ([],)
    np.testing.assert_array_equal(x, X)
    assert own.random() == np.random.default_rng(3).random()

    class Counts:
        calls = 0

        def __call__(self, images, rng):
            self.calls += 1
            return images

    counts = Counts()
    tn.fit(small_network(), x, Y, batch_size=8, epochs=2, augment=counts, progress=False)
    assert counts.calls == 6
    assert PROBE >= 128


def test_an_augmentation_that_changes_its_dtype_later():
    model, calls = small_network(), []

    def augment(images, rng):
        calls.append(1)
        return images if len(calls) < 3 else images / 255

    with pytest.raises(TypeError, match="augment: expected it to return uint8 images"):
        tn.fit(model, X, Y, batch_size=8, augment=augment, progress=False)


def test_an_augmentations_own_error_stays_as_it_is():
    x, y = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4), np.array([0, 1, 0, 1])
    model = tn.Sequential(tn.Flatten(), tn.Linear(16, 2, rng=0))

    def fails(images, rng):
        raise ValueError("of mine")

    with pytest.raises(ValueError, match="^of mine$"):
        tn.fit(model, x, y, augment=fails, progress=False)
    with pytest.raises(TypeError, match="^fit: augment: expected it to return a NumPy array"):
        tn.fit(model, x, y, augment=lambda images, rng: None, progress=False)


@pytest.mark.parametrize("wrong", [0, 3, 4, 8])
def test_the_image_with_a_pixel_that_is_no_number_is_named(wrong, monkeypatch):
    monkeypatch.setattr("tinynet.data_checks.BLOCK", 4)  # images looked at together
    x = np.zeros((9, 2, 3), np.float32)
    x[wrong, 1, 2] = np.inf
    with pytest.raises(FloatingPointError, match=f"image {wrong}, with a pixel of inf$"):
        check_images("here", x)
    check_images("here", x[:wrong] if wrong else x[1:])


@pytest.mark.parametrize("factor", [2.5, 0.4])
def test_two_and_a_half_times_is_the_same_scale_yet(factor):
    x = np.zeros((4, 1, 9, 6))
    x[..., ::2] = 1.0
    y = np.array([0, 1, 2, 0])
    settings = dict(batch_size=2, epochs=1, progress=False)
    tn.fit(small_network(), x, y, augment=lambda i, r: i * factor, **settings)
    more = factor * 1.01 if factor > 1 else factor / 1.01
    with pytest.raises(ValueError, match="on the scale of those it is given"):
        tn.fit(small_network(), x, y, augment=lambda i, r: i * more, **settings)


class Fixed(tn.Layer):
    """Gives the same, whatever x."""

    def __init__(self, answer):
        self.answer = answer

    def forward(self, x):
        return self.answer


@pytest.mark.parametrize(
    "answer, got", [(np.ones((3, 3)), "(3, 3)"), ([[1, 2, 3]], "list"), (None, "NoneType")]
)
def test_what_are_no_logits(answer, got):
    x, y = blobs(4)
    with pytest.raises(ValueError, match=re.escape(f"logits (1, K) of one image, got {got}")):
        tn.evaluate(Fixed(answer), x, y)
    with pytest.raises(ValueError, match=re.escape(f"gives logits (N, K), got {got} for 4 images")):
        tn.predict_proba(Fixed(answer), x)
