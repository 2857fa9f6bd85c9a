"""The scikit-learn classifier: its own checks of an estimator, and digits in its tools."""

import sys
from inspect import signature

import numba
import numpy as np
import pytest

import tinynet as tn

sklearn = pytest.importorskip("sklearn")
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="minutes when interpreted")


@pytest.fixture(scope="module")
def digits():
    """1,000 digits as rows of 8-bit pixels, and their labels as text."""
    (x, y), _ = tn.datasets.mnist()
    return x[:1000].reshape(-1, 784), np.array(["number " + str(label) for label in y[:1000]])


def classifier(**settings):
    from tinynet.sklearn import NetworkClassifier

    return NetworkClassifier(**{"random_state": 0, **settings})


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


def test_pixels_are_fed_as_fit_feeds_digits(digits):
    x, labels = digits
    model = classifier(image_shape=(28, 28), epochs=2, batch_size=50).fit(x, labels)
    assert list(model.classes_) == [f"number {i}" for i in range(10)]
    assert model.score(x, labels) > 0.8
    p = model.predict_proba(x[:20])
    expected = tn.predict_proba(model.model_, x[:20].reshape(-1, 28, 28))
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-7)
    assert (model.predict(x[:20]) == model.classes_[p.argmax(axis=1)]).all()
    same = classifier(image_shape=(28, 28), epochs=2, batch_size=50).fit(x, labels)
    np.testing.assert_array_equal(same.predict_proba(x[:20]), p)


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
        built.append((n_features, n_classes))
        return tn.Sequential(tn.Linear(n_features, n_classes, rng=rng))

    x = digits[0].astype(np.float32) / 255
    assert classifier(build=build, epochs=5).fit(x, digits[1]).score(x, digits[1]) > 0.8
    assert built == [(784, 10)]


@pytest.mark.parametrize("settings, words", [
    (dict(image_shape=(28, 27)), r"expected rows of 28·27 = 756 pixels.*got 784"),
    (dict(image_shape=(14, 56)), r"expected build, the network for images of \(14, 56\)"),
    (dict(epochs=0), "expected epochs ≥ 1, got 0"),
])  # fmt: skip
def test_wrong_settings(settings, words, digits):
    with pytest.raises(ValueError, match=words):
        classifier(**settings).fit(*digits)


def test_without_the_package(monkeypatch):
    monkeypatch.delitem(sys.modules, "tinynet.sklearn", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"pip install scikit-learn"):
        import tinynet.sklearn  # noqa: F401
