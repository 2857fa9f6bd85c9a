"""The scikit-learn classifier: its own checks of an estimator, and digits in its tools."""

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from inspect import signature

import numpy as np
import pytest
from cases import INTERPRETED, WEBASSEMBLY

import tinynet as tn

sklearn = pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(INTERPRETED, reason="minutes when interpreted")


@pytest.fixture(scope="module")
def digits():
    """1,000 digits as rows of 8-bit pixels, and their labels as text."""
    (x, y), _ = tn.datasets.mnist()
    return x[:1000].reshape(-1, 784), np.array(["number " + str(label) for label in y[:1000]])


def classifier(**settings):
    from tinynet.sklearn import NetworkClassifier

    return NetworkClassifier(**{"random_state": 0, **settings})


@pytest.mark.skipif(WEBASSEMBLY, reason="scikit-learn maps files, which WebAssembly cannot")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_estimator_checks():
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(classifier(), on_fail=None)
    assert not [r["check_name"] for r in results if r["status"] == "failed"]
    # what scikit-learn skips, as pandas is not installed or its array API is off
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {
        "check_array_api_input",
        "check_classifier_data_not_an_array",
    }
    assert sum(r["status"] == "passed" for r in results) >= 50


def test_settings_have_the_defaults_of_fit():
    ours = signature(type(classifier())).parameters
    assert {name: ours[name].default for name in tn.Recipe()} == tn.Recipe()


def started(random_state):
    """The numpy Generator that a classifier with this random_state builds and trains with."""
    return np.random.default_rng(np.random.RandomState(random_state).randint(2**31))


def linear(n_features, n_classes, rng):
    return tn.Sequential(tn.Flatten(), tn.Linear(n_features, n_classes, rng=rng))


def test_pixels_are_fed_as_fit_feeds_digits(digits):
    x, labels = digits
    model = classifier(image_shape=(28, 28), epochs=2, batch_size=50).fit(x, labels)
    assert list(model.classes_) == [f"number {i}" for i in range(10)]
    assert model.score(x, labels) > 0.8
    p = model.predict_proba(x[:20])
    expected = tn.predict_proba(model.model_, x[:20].reshape(-1, 28, 28))
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-7)
    assert (model.predict(x[:20]) == model.classes_[p.argmax(axis=1)]).all()
    rng, images = started(0), x.reshape(-1, 28, 28)
    by_hand = tn.compile(tn.models.mnist_lite(rng))
    numbers = np.array([int(label[-1]) for label in labels])
    tn.fit(by_hand, images, numbers, epochs=2, batch_size=50, seed=rng, progress=False)
    expected = tn.predict_proba(by_hand, images[:20])
    np.testing.assert_array_equal(p, expected)


def test_rows_are_fed_to_one_hidden_layer(digits):
    x, labels = digits[0].astype(np.float32) / 255, digits[1]
    model = classifier(epochs=3, random_state=4).fit(x, labels)
    rng = started(4)
    layers = tn.Linear(784, 64, rng=rng), tn.ReLU(), tn.Linear(64, 10, rng=rng)
    by_hand = tn.compile(tn.Sequential(*layers))
    numbers = np.array([int(label[-1]) for label in labels])
    rows = tn.fit(by_hand, x, numbers, epochs=3, seed=rng, progress=False)
    np.testing.assert_array_equal(model.predict_proba(x), tn.predict_proba(by_hand, x))
    assert [row["loss"] for row in model.history_] == [row["loss"] for row in rows]


def test_every_setting_reaches_fit(digits):
    x, labels = digits[0][:300], np.arange(300) % 3
    settings = dict(
        epochs=2, batch_size=70, max_lr=0.03, weight_decay=0.1, label_smoothing=0.2, average=0.9,
        augment=tn.augment.RandomAffine(rotation=20),
    )  # fmt: skip
    fed_alike = []
    for change in ({}, *({name: None} for name in settings)):
        chosen = {name: value for name, value in settings.items() if name not in change}
        model = classifier(build=linear, image_shape=28, random_state=2, **chosen).fit(x, labels)
        rng = started(2)
        by_hand = linear(784, 3, rng)
        tn.fit(by_hand, x.reshape(-1, 28, 28), labels, seed=rng, progress=False, **chosen)
        state = by_hand.state_dict()
        for name, array in model.model_.state_dict().items():
            np.testing.assert_array_equal(array, state[name])
        fed_alike.append(state["1.weight"].tobytes())
    assert len(set(fed_alike)) == 8  # each of them makes a difference


def test_pipeline_and_cross_validation(digits):
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, labels = digits[0].astype(np.float32), digits[1]
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=5))
    assert cross_val_score(pipeline, x, labels, cv=3).min() > 0.75
    search = GridSearchCV(classifier(epochs=3), {"max_lr": [1e-6, 0.01]}, cv=2)
    assert search.fit(x / 255, labels).best_params_ == {"max_lr": 0.01}


def test_a_network_of_ones_own(digits):
    built = []

    def build(n_features, n_classes, rng):
        built.append((n_features, n_classes, rng.bit_generator.state))
        return linear(n_features, n_classes, rng)

    x = digits[0].astype(np.float32) / 255
    assert classifier(build=build, epochs=5).fit(x, digits[1]).score(x, digits[1]) > 0.8
    assert built == [(784, 10, started(0).bit_generator.state)]


@pytest.mark.parametrize("n_classes", [2, 3, 11, 26])
def test_images_of_28_by_28_in_any_number_of_classes(n_classes):
    x = np.zeros((52, 784), np.uint8)
    model = classifier(image_shape=(28, 28), epochs=1).fit(x, np.arange(52) % n_classes)
    assert model.predict_proba(x[:3]).shape == (3, n_classes)
    assert model.model_[0].weight.data.shape == (8, 1, 3, 3)


# -- what comes in --


def fed(X, y=None, **settings):
    """What the network is given for X, by fit and by predict, which have to be the same."""
    seen = []

    class Probe(tn.Layer):
        def forward(self, x):
            seen.append(x.copy())
            self.save(x)
            return x.copy()

        def backward(self, dy):
            self.saved(dy)
            return dy

    def build(n_features, n_classes, rng):
        return tn.Sequential(Probe(), tn.Flatten(), tn.Linear(n_features, n_classes, rng=rng))

    y = np.arange(len(X)) % 2 if y is None else y
    model = classifier(build=build, epochs=1, max_lr=1e-30, **settings).fit(X, y)
    trained_on = seen[-1]
    model.predict_proba(X)
    assert sorted(map(bytes, trained_on)) == sorted(map(bytes, seen[-1]))
    return seen[-1]


EXACT = "bool int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64 longdouble object"


@pytest.mark.parametrize("image_shape", [None, (2, 3)])
@pytest.mark.parametrize("dtype", [*EXACT.split(), ">i4", ">f4", ">f8"])
def test_numbers_of_every_dtype_stay_what_they_are(dtype, image_shape):
    X = np.array([[0, 1, 2, 100, 3, 7], [5, 4, 0, 0, 127, 1]]).astype(dtype)
    x = fed(X, image_shape=image_shape)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.reshape(2, 6), X.astype(np.float32))
    assert x.shape == ((2, 6) if image_shape is None else (2, 1, 2, 3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_fractions_and_negative_numbers_stay_what_they_are(dtype):
    X = np.random.default_rng(0).standard_normal((8, 6)).astype(dtype)
    np.testing.assert_array_equal(fed(X, image_shape=(3, 2)).reshape(8, 6), X.astype(np.float32))


def test_uint8_is_pixels_where_there_are_images_only():
    X = np.array([[0, 255, 7, 100], [1, 2, 3, 4]], np.uint8)
    np.testing.assert_array_equal(fed(X), X)
    as_pixels = tn.train.as_input(X.reshape(2, 2, 2))
    np.testing.assert_array_equal(fed(X, image_shape=(2, 2)), as_pixels)
    np.testing.assert_array_equal(fed(X.astype(int), image_shape=(2, 2)).reshape(2, 4), X)


@pytest.mark.parametrize("large", [2**24 + 1, 2**31, 2**53, -(2**53)])
@pytest.mark.parametrize("dtype", [None, object])
def test_large_whole_numbers_are_not_cut(large, dtype):
    X = np.array([[large, 1], [3, 4]], dtype)
    for image_shape in (None, (1, 2)):
        x = fed(X, image_shape=image_shape)
        assert x.dtype == np.float64
        np.testing.assert_array_equal(x.reshape(2, 2).astype(object), X.astype(object))


@pytest.mark.parametrize("X, words", [
    ([[2**53 + 1]], f"expected whole numbers up to 2⁵³.*, got {2**53 + 1}"),
    ([[-(2**63)]], f"expected whole numbers up to 2⁵³.*, got {2**63}"),
    (np.array([[2**64 - 1]], np.uint64), f"expected whole numbers up to 2⁵³.*, got {2**64 - 1}"),
    (np.array([[2**60 + 1]], object), f"expected whole numbers up to 2⁵³.*, got {2**60 + 1}"),
    ([[1e39]], r"expected values up to 3.4e\+38.*, got 1e\+39 \(float64\)"),
    ([[-1e300]], r"expected values up to 3.4e\+38.*, got 1e\+300 \(float64\)"),
    ([[np.inf]], "contains infinity"),
    ([[np.nan]], "contains NaN"),
    ([["one"]], "bytes/strings"),
    ([[1j]], "Complex data not supported"),
    (np.array([["2026-11-27"]], "M8[D]"), r"expected rows of numbers, got datetime64\[D\]"),
    (np.array([[1]], "m8[s]"), r"expected rows of numbers, got timedelta64\[s\]"),
    (np.ma.masked_array([[1.0]], True), "expected X without a mask, got MaskedArray"),
    ([1.0], "Expected 2D array, got 1D array"),
    ([[[1.0]]], "Found array with dim 3"),
])  # fmt: skip
def test_rows_that_are_refused(X, words):
    X = X * 2 if isinstance(X, list) else np.repeat(X, 2, axis=0)
    with pytest.raises((ValueError, TypeError), match=words):
        classifier(build=linear, epochs=1).fit(X, [0, 1])
    if np.ndim(X) == 2:
        fitted = classifier(build=linear, epochs=1).fit([[1], [2]], [0, 1])
        with pytest.raises((ValueError, TypeError), match=words):
            fitted.predict(X)


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "coo_array"])
def test_sparse_rows_are_refused(kind):
    from scipy import sparse

    with pytest.raises(TypeError, match="Sparse data was passed"):
        classifier().fit(getattr(sparse, kind)(np.eye(4)), [0, 1, 0, 1])


@pytest.mark.parametrize("y, classes", [
    (["b", "a", "b", "c"], ["a", "b", "c"]),
    (np.array(["b", "a", "b", "c"], object), ["a", "b", "c"]),
    ([True, False, True, True], [False, True]),
    ([2.0, 1.0, 2.0, 7.0], [1.0, 2.0, 7.0]),
    (np.array([-1, 5, 5, -1], np.int8), [-1, 5]),
    (np.array([2**53, 2**53 + 1, 2**53, 2**53]), [2**53, 2**53 + 1]),
    (np.array(["2026", "2025"] * 2, "M8[Y]"), ["2025", "2026"]),
])  # fmt: skip
def test_labels_of_every_kind(y, classes):
    model = classifier(build=linear, epochs=60, batch_size=4, max_lr=1.0).fit(np.eye(4), y)
    assert model.classes_.dtype == np.asarray(y).dtype
    assert (
        model.classes_.astype(object).tolist()
        == np.array(classes, model.classes_.dtype).astype(object).tolist()
    )
    assert (model.predict(np.eye(4)) == np.asarray(y)).all()


@pytest.mark.parametrize("y, words", [
    ([0.5, 1, 2, 3], "Unknown label type"),
    ([0, 1, np.nan, 1], "contains NaN"),
    (["a", None, "b", "a"], "expected labels of one kind, got NoneType and str"),
    (np.array([1, "a", 2, 2], object), "expected labels of one kind, got int and str"),
    (np.ma.masked_array([0, 1, 0, 1], [1, 0, 0, 0]), "expected y without a mask, got MaskedArray"),
    (np.eye(4), "y should be a 1d array"),
    ([0, 1, 0], "inconsistent numbers of samples"),
])  # fmt: skip
def test_labels_that_are_refused(y, words):
    with pytest.raises((ValueError, TypeError), match=words):
        classifier(build=linear, epochs=1).fit(np.eye(4), y)


def test_float32_and_float64_train_and_predict_alike(digits):
    x, labels = digits[0] / 255, digits[1]  # float64
    settings = dict(build=linear, image_shape=(28, 28), epochs=8, max_lr=0.02)
    one, other = (classifier(**settings).fit(x.astype(d), labels) for d in ("f4", "f8"))
    expected = one.predict_proba(x.astype(np.float32))
    for model in (one, other):
        for dtype in (np.float32, np.float64):
            np.testing.assert_array_equal(model.predict_proba(x.astype(dtype)), expected)
    assert one.score(x, labels) > 0.8


def test_pixels_and_floats_are_not_taken_for_each_other():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 4)).astype(np.uint8)
    y = np.arange(20) % 2
    on_pixels = classifier(build=linear, image_shape=(2, 2), epochs=1).fit(pixels, y)
    for X in (pixels / 255, pixels.astype(np.float32), pixels.astype(int), pixels.tolist()):
        with pytest.raises(ValueError, match="expected uint8 rows, as in fit, got (float|int)"):
            on_pixels.predict(X)
    on_floats = classifier(build=linear, image_shape=(2, 2), epochs=1).fit(pixels / 255, y)
    with pytest.raises(ValueError, match="expected no uint8 rows, as in fit, got uint8"):
        on_floats.predict(pixels)
    on_rows = classifier(build=linear, epochs=1).fit(pixels, y)  # no images: numbers, all alike
    same = on_rows.predict_proba(pixels.astype(float))
    np.testing.assert_array_equal(on_rows.predict_proba(pixels), same)


def test_tensors_hold_what_arrays_hold():
    torch = pytest.importorskip("torch")
    X = np.random.default_rng(0).integers(0, 256, (6, 4))
    for dtype in (torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64):
        tensor = torch.tensor(X).to(dtype)
        labels = torch.tensor([0, 1, 0, 1, 1, 0])
        x = fed(tensor, labels, image_shape=(2, 2))
        np.testing.assert_array_equal(x, fed(tensor.numpy(), labels.numpy(), image_shape=(2, 2)))
    with pytest.raises(RuntimeError, match="requires grad"):
        fed(torch.ones(6, 4, requires_grad=True))
    with pytest.raises(TypeError, match="BFloat16"):
        fed(torch.ones(6, 4, dtype=torch.bfloat16))


def test_tables_hold_what_arrays_hold():
    pandas = pytest.importorskip("pandas")
    n = 2**24 + 1
    for columns, dtype in [
        ({"a": [1, 2, 3], "b": [0.1, 0.2, 0.3]}, np.float32),
        ({"a": [True, False, True], "b": [0.1, 0.2, 0.3]}, np.float32),
        ({"a": [1, 2, n], "b": [0.5, 0.25, 3.0]}, np.float64),
        ({"a": pandas.array([1, 2, n], dtype="Int64"), "b": [1, 2, 3]}, np.float64),
        ({"a": np.array([1, 2, n], np.uint64), "b": [1, -2, 3]}, np.float64),
    ]:
        table = pandas.DataFrame(columns)
        x = fed(table, pandas.Series(["x", "y", "x"], dtype="category"))
        assert x.dtype == dtype
        expected = np.stack([np.array(column).astype(dtype) for column in columns.values()], 1)
        np.testing.assert_array_equal(x, expected)
    for column, words in [
        (pandas.array([1, 2, None], dtype="Int64"), "contains NaN"),
        (pandas.array([True, False, None], dtype="boolean"), "contains NaN"),
        (["x", "y", "z"], "could not convert string to float: 'x'"),
        (pandas.Categorical(["x", "y", "x"]), "expected rows of numbers, got object"),
        (pandas.to_datetime(["2026-11-27"] * 3), "datetime64|DateTime64"),
        ([1, 2, 2**53 + 1], f"expected whole numbers up to 2⁵³.*, got {2**53 + 1}"),
    ]:
        with pytest.raises((ValueError, TypeError), match=words):
            fed(pandas.DataFrame({"a": column, "b": [0.5, 1, 2]}))
    labels = pandas.Series([2**53, 2**53 + 1, 2**53], dtype="Int64")
    model = classifier(build=linear, epochs=1).fit(np.eye(3), labels)
    assert model.classes_.tolist() == [2**53, 2**53 + 1]
    for labels in (pandas.array([1, None, 2], dtype="Int64"), pandas.Series(["a", None, "b"])):
        with pytest.raises(ValueError, match="expected a label for each row, got y with NA in it"):
            classifier(build=linear, epochs=1).fit(np.eye(3), labels)


@pytest.mark.parametrize("image_shape", [(2, 2), [2, 2], 2, np.int64(2), (np.uint8(2), 2)])
def test_image_shape_is_an_int_or_a_pair(image_shape):
    from sklearn.base import clone

    x = fed(np.eye(4), image_shape=image_shape)
    assert x.shape == (4, 1, 2, 2)
    model = classifier(image_shape=image_shape)
    assert model.get_params()["image_shape"] is image_shape
    assert clone(model).image_shape == image_shape


def test_the_digits_network_for_28_however_it_is_said():
    x, y = np.zeros((20, 784), np.float32), np.arange(20) % 10
    for image_shape in ([28, 28], 28, np.int32(28)):
        model = classifier(image_shape=image_shape, epochs=1).fit(x, y)
        assert len(model.model_.layers) == 26


# -- first look, then act --


def other_size(n_features, n_classes, rng):
    return tn.Linear(n_features, n_classes + 1, rng=rng)


class Tired(tn.Layer):
    """Fails in the second epoch."""

    passes = 0

    def forward(self, x):
        self.save(x)
        return x.copy()

    def backward(self, dy):
        self.saved(dy)
        self.passes += 1
        if self.passes == 2:
            raise ValueError("enough of it")
        return dy


def tiring(n_features, n_classes, rng):
    return tn.Sequential(tn.Linear(n_features, n_classes, rng=rng), Tired())


X = np.random.default_rng(0).random((20, 4))
Y = np.arange(20) % 2


@pytest.mark.parametrize("change, X, y, words", [
    (dict(build=tn.Linear(4, 2)), X, Y, "expected build, a function .* got Linear"),
    (dict(build="mnist_lite"), X, Y, "expected build, a function .* got str"),
    (dict(build=lambda *_: None), X, Y, "expected build to give a tinynet Layer, got NoneType"),
    (dict(build=other_size), X, Y, r"with 2 logits for an image, one for each class, got \(3,\)"),
    (dict(build=lambda n, k, rng: tn.Linear(5, k)), X, Y, r"Linear\(5→2\): expected \(N, 5\)"),
    (dict(build=lambda n, k, rng: tn.Conv2d(1, k, 1), image_shape=2), X, Y, r"got \(1, 2, 2, 2\)"),
    (dict(image_shape="22"), X, Y, "image_shape: expected .*, got '22'"),
    (dict(image_shape=(2,)), X, Y, r"image_shape: expected an int or a pair.*, got \(2,\)"),
    (dict(image_shape=3), X, Y, "expected rows of 3·3 = 9 pixels.*, got 4"),
    (dict(epochs=2.5), X, Y, "got 2.5"),
    (dict(batch_size=0), X, Y, "batch_size"),
    (dict(max_lr=-1), X, Y, "max_lr|lr"),
    (dict(average=1), X, Y, "average|decay"),
    (dict(label_smoothing=2), X, Y, "label_smoothing"),
    (dict(weight_decay=-1), X, Y, "weight_decay"),
    (dict(random_state="seed"), X, Y, "'seed' cannot be used to seed"),
    (dict(build=tiring, epochs=3), X, Y, "enough of it"),
    ({}, X[:, :3] * 1e300, Y, "expected values up to"),
    ({}, X[:, :3], Y + 0.5, "Unknown label type"),
    ({}, X[:, :3], Y[:3], "inconsistent numbers"),
])  # fmt: skip
def test_a_fit_that_fails_leaves_what_was_fitted(change, X, y, words):
    model = classifier(build=linear, epochs=1)
    model.fit(np.random.default_rng(1).random((30, 4)), np.arange(30) % 3)
    before, p = dict(vars(model)), model.predict_proba(np.eye(4))
    with pytest.raises((ValueError, TypeError), match=words):
        model.set_params(**change).fit(X, y)
    model.set_params(build=linear, image_shape=None, batch_size=128)
    fitted = [name for name in before if name.endswith("_")]
    assert len(fitted) == 6 and all(vars(model)[name] is before[name] for name in fitted)
    np.testing.assert_array_equal(model.predict_proba(np.eye(4)), p)
    fresh = classifier(build=linear).set_params(**change)
    with pytest.raises((ValueError, TypeError), match=words):
        fresh.fit(X, y)
    assert not any(name.endswith("_") for name in vars(fresh))


def test_a_fit_that_succeeds_forgets_the_one_before():
    model = classifier(build=linear, epochs=1).fit(X, Y)
    model.fit(X[:, :3], np.arange(20) % 5)
    assert model.n_features_in_ == 3 and model.input_shape_ == (3,)
    assert model.predict_proba(X[:, :3]).shape == (20, 5)


def test_settings_changed_after_fit_count_from_the_next_fit():
    model = classifier(build=linear, image_shape=(1, 4), epochs=1).fit(X, Y)
    p = model.predict_proba(X)
    np.testing.assert_array_equal(model.set_params(image_shape=None).predict_proba(X), p)
    assert model.fit(X, Y).input_shape_ == (4,)


def test_a_pickle_is_the_weights_and_not_the_last_rows():
    x, y = np.random.default_rng(0).random((500, 784)), np.arange(500) % 2
    model = classifier(epochs=1).fit(x, y)
    p = model.predict_proba(x)
    weights = sum(parameter.data.nbytes for parameter in model.model_.parameters())
    assert len(pickle.dumps(model)) < weights + 3000
    for same in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(same.predict_proba(x), p)
        assert same.classes_.tolist() == [0, 1] and same.n_features_in_ == 784


@pytest.mark.parametrize("image_shape", [None, (28, 28)])
def test_threads_may_ask_the_same_classifier(image_shape, digits):
    x, labels = digits
    model = classifier(image_shape=image_shape, epochs=1).fit(x, labels)
    parts = [x[i : i + n] for i, n in ((0, 1), (100, 200), (300, 37), (500, 150))]
    alone = [model.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            answers = list(pool.map(model.predict_proba, parts))
            for answer, expected in zip(answers, alone, strict=True):
                np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("settings, words", [
    (dict(image_shape=(28, 27)), r"expected rows of 28·27 = 756 pixels.*got 784"),
    (dict(image_shape=(14, 56)), r"expected build, the network for images of \(14, 56\)"),
    (dict(epochs=0), "expected epochs ≥ 1, got 0"),
])  # fmt: skip
def test_wrong_settings(settings, words, digits):
    with pytest.raises(ValueError, match=words):
        classifier(**settings).fit(*digits)


def test_without_numba_it_trains_a_plain_network(monkeypatch):
    for module in ("sklearn", "augment", "compiled.network"):
        monkeypatch.setattr(f"tinynet.{module}.numba_error", lambda: "not there")
    x, y = np.eye(3, dtype=np.float32).repeat(20, axis=0), np.repeat(["a", "b", "c"], 20)
    fitted = classifier(epochs=20, max_lr=0.1).fit(x, y)
    assert fitted.score(x, y) == 1 and type(fitted.model_) is tn.Sequential


def test_without_the_package(monkeypatch):
    monkeypatch.delitem(sys.modules, "tinynet.sklearn", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"install it with: pip install scikit-learn$"):
        import tinynet.sklearn  # noqa: F401
