"""A network as a scikit-learn classifier, for pipelines, cross_val_score and the like.

    from tinynet.sklearn import NetworkClassifier

    digits = NetworkClassifier(image_shape=(28, 28), epochs=4)
    digits.fit(x_train.reshape(-1, 784), y_train).score(x_test.reshape(-1, 784), y_test)

Needs the package scikit-learn: pip install scikit-learn
"""

import copy
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .compiled import compile
from .compiled.available import numba_error
from .layer import Layer
from .layers import Linear, ReLU
from .models import mnist_lite
from .recipes import SETTINGS, Recipe, changed
from .sequential import Sequential
from .train import fit, predict_proba
from .windows import pair

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(
        "tinynet.sklearn needs scikit-learn; install it with: pip install scikit-learn"
    ) from None

IN_FLOAT32, IN_FLOAT64 = 2**24, 2**53  # how far each holds every whole number
LARGEST = np.finfo(np.float32).max


def perceptron(n_features, n_classes, rng):
    """The network for rows of numbers where no other is given: one hidden layer, of 64."""
    return Sequential(Linear(n_features, 64, rng=rng), ReLU(), Linear(64, n_classes, rng=rng))


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Trains a network of ours by `tinynet.fit`; classes may be any labels.

    build: called as build(n_features, n_classes, rng), gives a new network, from rows of features
    to logits (n, n_classes); None: the network for digits if image_shape is (28, 28), otherwise
    one hidden layer. image_shape: (h, w) of the image that a row holds, or one int for both; the
    network is then fed (n, 1, h, w), and n_features is h·w.

    Rows are fed as they are, in float32, so scale them first; but uint8 rows with an image_shape
    are pixels, normalised as MNIST's, and a network fitted on pixels must be asked about pixels.
    Whole numbers beyond ±2²⁴, not all of which float32 holds, are fed in float64. What neither
    holds (beyond ±2⁵³, or floats beyond ±3.4e38) raises ValueError. X may be what scikit-learn
    makes an array of: lists, DataFrames of numbers, tensors; not sparse or masked arrays.

    epochs, batch_size, max_lr, weight_decay, label_smoothing, average, augment: as of a `Recipe`.
    random_state: of initial weights, shuffling and augmentation.

    Fitted, it has classes_ (the labels, sorted), n_features_in_, model_ (the network, compiled
    where there is Numba), input_shape_ (of a row as it is fed), pixels_ (whether rows are pixels)
    and history_.
    """

    def __init__(
        self,
        build: Callable | None = None,
        image_shape: int | tuple[int, int] | None = None,
        *,
        epochs: int = Recipe.epochs,
        batch_size: int = Recipe.batch_size,
        max_lr: float = Recipe.max_lr,
        weight_decay: float = Recipe.weight_decay,
        label_smoothing: float = Recipe.label_smoothing,
        average: float = Recipe.average,
        augment: Callable | None = Recipe.augment,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.build = build
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.max_lr = max_lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.average = average
        self.augment = augment
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> "NetworkClassifier":
        """Train a new network on rows X (n, n_features) and labels y (n,).

        ValueError or TypeError: rows, labels or settings that will not do; FloatingPointError as
        from `tinynet.fit`. Whatever is raised, what was fitted before stays as it was.
        """
        fitted = copy.copy(self)
        fitted._fit(X, y)
        self.__dict__ = fitted.__dict__
        return self

    def _fit(self, X, y):
        recipe = changed("NetworkClassifier", Recipe(), {k: getattr(self, k) for k in SETTINGS})
        rows, y = validate_data(self, _unmasked("X", X), _labels(y), dtype="numeric")
        self.classes_, labels = _classes(y)
        self.input_shape_ = self._input_shape(self.n_features_in_)
        self.pixels_ = self.image_shape is not None and rows.dtype == np.uint8
        inputs = self._inputs(X, rows)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        network = self._network(self.n_features_in_, len(self.classes_), rng)
        self.model_ = network if numba_error() else compile(network)
        p = predict_proba(self.model_, inputs[:1])
        if p.shape != (1, len(self.classes_)):
            raise ValueError(
                f"NetworkClassifier: expected build to give a network with {len(self.classes_)} "
                f"logits for an image, one for each class, got {p.shape[1:]}"
            )
        self.history_ = fit(self.model_, inputs, labels, recipe=recipe, seed=rng, progress=False)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """(n, n_classes): the probability of each class, in the order of classes_."""
        check_is_fitted(self)
        rows = validate_data(self, _unmasked("X", X), dtype="numeric", reset=False)
        if len(self.input_shape_) > 1 and self.pixels_ != (rows.dtype == np.uint8):
            raise ValueError(
                f"NetworkClassifier: expected {'uint8' if self.pixels_ else 'no uint8'} rows, as "
                f"in fit, got {rows.dtype}: with an image_shape, uint8 rows are pixels, which are "
                "normalised, and others are fed as they are"
            )
        return predict_proba(self.model_, self._inputs(X, rows), batch_size=self.batch_size)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """(n,): the most probable label of each row."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _input_shape(self, n_features):
        """(n_features,), or (1, h, w) of an image."""
        if self.image_shape is None:
            return (n_features,)
        h, w = pair(self.image_shape, "NetworkClassifier: image_shape", at_least=1)
        if h * w != n_features:
            raise ValueError(
                f"NetworkClassifier: expected rows of {h}·{w} = {h * w} pixels, as "
                f"image_shape says, got {n_features}"
            )
        return 1, h, w

    def _inputs(self, X, rows):
        """What the network is fed, for what X was and the rows that scikit-learn made of it."""
        if not self.pixels_:
            rows = rows.astype(_float_dtype(X, rows), copy=False)
        return rows.reshape(len(rows), *self.input_shape_)

    def _network(self, n_features, n_classes, rng):
        if self.build is not None:
            return self._built(n_features, n_classes, rng)
        if self.image_shape is None:
            return perceptron(n_features, n_classes, rng)
        if self.input_shape_ == (1, 28, 28):
            return mnist_lite(rng, num_classes=n_classes)
        raise ValueError(
            "NetworkClassifier: expected build, the network for images of "
            f"{self.input_shape_[1:]} and {n_classes} classes"
        )

    def _built(self, n_features, n_classes, rng):
        if isinstance(self.build, Layer) or not callable(self.build):
            raise TypeError(
                "NetworkClassifier: expected build, a function (n_features, n_classes, rng) that "
                f"gives a network, got {type(self.build).__name__}"
            )
        model = self.build(n_features, n_classes, rng)
        if not isinstance(model, Layer):
            raise TypeError(
                "NetworkClassifier: expected build to give a tinynet Layer, got "
                f"{type(model).__name__}"
            )
        return model

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model_")


def _unmasked(name, values):
    if isinstance(values, np.ma.MaskedArray):  # scikit-learn would take what is under the mask
        raise TypeError(f"NetworkClassifier: expected {name} without a mask, got MaskedArray")
    return values


def _labels(y):
    """y for scikit-learn, which makes floats of pandas' nullable integers if it is to do it."""
    if not hasattr(y, "isna"):
        return _unmasked("y", y)
    if np.any(y.isna()):
        raise ValueError("NetworkClassifier: expected a label for each row, got y with NA in it")
    return y.to_numpy()


def _classes(y):
    """(the classes, sorted; the place of each label among them)."""
    try:
        classes, labels = np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise TypeError(
            f"NetworkClassifier: expected labels of one kind, got {' and '.join(kinds)}"
        ) from None
    check_classification_targets(y)
    return classes, labels


def _float_dtype(X, rows):
    """float32, or float64 where whole numbers of X need it; raises if rows do not fit in.

    X: what rows were made of, by a conversion that may have rounded whole numbers.
    """
    if rows.dtype.kind not in "biuf":
        raise TypeError(f"NetworkClassifier: expected rows of numbers, got {rows.dtype}")
    if rows.dtype.kind == "f":
        largest = max(rows.max(), -rows.min())
        if largest > LARGEST:
            raise ValueError(
                f"NetworkClassifier: expected values up to {LARGEST:.2g}, as float32 holds them, "
                f"got {largest:.2g} ({rows.dtype})"
            )
    of_objects = isinstance(X, np.ndarray) and X.dtype == object
    columns = (
        [column for _, column in X.items()] if hasattr(X, "items") else [X if of_objects else rows]
    )
    whole = max(map(_largest_whole, columns))
    if whole > IN_FLOAT64:
        raise ValueError(
            "NetworkClassifier: expected whole numbers up to 2⁵³, as float64 holds them, "
            f"got {whole}"
        )
    return np.float64 if whole > IN_FLOAT32 else np.float32


def _largest_whole(values):
    """The size of the largest whole number in an array, or a column, of integers or objects."""
    if values.dtype.kind in "iu":
        return max(int(values.max()), -int(values.min()))
    if values.dtype.kind == "O":
        whole = [abs(int(v)) for v in np.ravel(values) if isinstance(v, (int, np.integer))]
        return max(whole, default=0)
    return 0
