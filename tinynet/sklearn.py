"""A network as a scikit-learn classifier, for pipelines, cross_val_score and the like.

    from tinynet.sklearn import NetworkClassifier

    digits = NetworkClassifier(image_shape=(28, 28), epochs=4)
    digits.fit(x_train.reshape(-1, 784), y_train).score(x_test.reshape(-1, 784), y_test)

Needs the package scikit-learn: pip install scikit-learn
"""

import numpy as np

from .compiled import compile
from .layers import Linear, ReLU
from .models import mnist_lite
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


def perceptron(n_features, n_classes, rng):
    """The network for rows of numbers where no other is given: one hidden layer, of 64."""
    return Sequential(Linear(n_features, 64, rng=rng), ReLU(), Linear(64, n_classes, rng=rng))


class NetworkClassifier(ClassifierMixin, BaseEstimator):
    """Trains a network of ours by `tinynet.fit`; classes may be any labels.

    build: called as build(n_features, n_classes, rng), gives the network, from rows of features
    to logits (n, n_classes); None: the network for digits if image_shape is (28, 28), otherwise
    one hidden layer. image_shape: (h, w) of the image that a row holds; the network is then fed
    (n, 1, h, w), and n_features is h·w. Rows are fed as they are, in float32, so scale them
    first; but uint8 rows with an image_shape are pixels, normalised as MNIST's.

    epochs, batch_size, max_lr, weight_decay, label_smoothing, average, augment: as for `fit`.
    random_state: of initial weights, shuffling and augmentation.

    Fitted, it has classes_ (the labels, sorted), n_features_in_, model_ (the compiled network)
    and history_.
    """

    def __init__(
        self,
        build=None,
        image_shape=None,
        *,
        epochs=20,
        batch_size=128,
        max_lr=0.1,
        weight_decay=5e-4,
        label_smoothing=0.0,
        average=0.0,
        augment=None,
        random_state=None,
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

    def fit(self, X, y):
        """Train a new network on rows X (n, n_features) and labels y (n,)."""
        X, y = validate_data(self, X, y, dtype=self._dtypes())
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        model = self._network(X.shape[1], len(self.classes_), rng)
        self.model_ = compile(model)
        settings = dict(
            epochs=self.epochs, batch_size=self.batch_size, max_lr=self.max_lr,
            weight_decay=self.weight_decay, label_smoothing=self.label_smoothing,
            average=self.average, augment=self.augment,
        )  # fmt: skip
        self.history_ = fit(
            self.model_, self._inputs(X), labels, seed=rng, progress=False, **settings
        )
        return self

    def predict_proba(self, X):
        """(n, n_classes): the probability of each class, in the order of classes_."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=self._dtypes(), reset=False)
        return predict_proba(self.model_, self._inputs(X), batch_size=self.batch_size)

    def predict(self, X):
        """(n,): the most probable label of each row."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _dtypes(self):
        return [np.float32] if self.image_shape is None else [np.uint8, np.float32]

    def _network(self, n_features, n_classes, rng):
        if self.image_shape is not None:
            h, w = pair(self.image_shape, "NetworkClassifier: image_shape", at_least=1)
            if h * w != n_features:
                raise ValueError(
                    f"NetworkClassifier: expected rows of {h}·{w} = {h * w} pixels, as "
                    f"image_shape says, got {n_features}"
                )
        if self.build is not None:
            return self.build(n_features, n_classes, rng)
        if self.image_shape == (28, 28) and n_classes <= 10:
            return mnist_lite(rng)
        if self.image_shape is not None:
            raise ValueError(
                "NetworkClassifier: expected build, the network for images of "
                f"{self.image_shape} and {n_classes} classes"
            )
        return perceptron(n_features, n_classes, rng)

    def _inputs(self, X):
        return X if self.image_shape is None else X.reshape(len(X), 1, *self.image_shape)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model_")
