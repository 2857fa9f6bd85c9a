"""Softmax and cross-entropy: from logits to one number.

For an image with logits z (one a class), softmax gives probabilities p_k = e^{z_k} / Σ_j e^{z_j},
and the loss is the cross-entropy between them and the target q, averaged over the n images:

    L = −1/n · Σ_images Σ_k q_k · log p_k

q is 1 at the label and 0 elsewhere; with label smoothing ε it is (1 − ε) there plus ε/K on each
of the K classes. Backward: log p_k = z_k − log Σ_j e^{z_j}, whose derivative with respect to z_i
is [i = k] − p_i; summed with the weights q_k (which add up to 1), −Σ_k q_k([i = k] − p_i) is

    dz = (p − q) / n

C. Szegedy et al. Rethinking the Inception architecture for computer vision. CVPR 2016 (label
smoothing).
"""

import numpy as np

from .checks import setting
from .contract import FLOATS


class CrossEntropyLoss:
    """Mean cross-entropy of logits (N, K) and integer labels (N,) in 0 … K − 1.

    label_smoothing: ε in [0, 1], as in PyTorch.

    >>> loss = CrossEntropyLoss()
    >>> round(loss(np.zeros((1, 4)), [2]), 4)  # four classes, equally likely: log 4
    1.3863
    >>> loss.backward()
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """

    def __init__(self, label_smoothing: float = 0.0):
        self.label_smoothing = checked_smoothing(label_smoothing)
        self._saved = None

    def forward(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The loss, a float. logits: (N, K), float32 or float64; labels: (N,), any integers."""
        labels = check_labels(logits, labels)
        n, k = logits.shape
        target = np.full((n, k), self.label_smoothing / k, logits.dtype)
        target[np.arange(n), labels] += 1 - self.label_smoothing
        log_p = log_softmax(logits)
        self._saved = log_p, target
        some = target > 0  # 0 · log 0 counts as 0, for classes with a logit of −∞
        return float(-np.sum(target[some] * log_p[some], dtype=np.float64) / n)

    def backward(self) -> np.ndarray:
        """dlogits (N, K), once for each forward."""
        if self._saved is None:
            raise RuntimeError(
                "CrossEntropyLoss: backward without a forward before it "
                "(each forward allows one backward)"
            )
        log_p, target = self._saved
        self._saved = None
        return (np.exp(log_p) - target) / len(target)

    def __call__(self, logits: np.ndarray, labels: np.ndarray) -> float:
        return self.forward(logits, labels)


def checked_smoothing(value):
    """A label_smoothing, as a float; ValueError or TypeError otherwise."""
    expected = "label_smoothing in [0, 1]"
    return setting(value, "CrossEntropyLoss", expected, lambda part: 0 <= part <= 1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities p (N, K) of logits (N, K): positive, and each row adds up to 1.

    >>> softmax(np.log([[1.0, 1.0, 2.0]]))
    array([[0.25, 0.25, 0.5 ]])
    """
    return np.exp(log_softmax(logits))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p (N, K), for p that underflows, too."""
    shifted = logits - logits.max(axis=1, keepdims=True)  # the same p, and no overflow
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def check_labels(logits, labels):
    """labels as an integer array that fits logits; ValueError or TypeError otherwise."""
    if not isinstance(logits, np.ndarray) or logits.dtype not in FLOATS:
        got = getattr(logits, "dtype", type(logits).__name__)
        raise TypeError(f"CrossEntropyLoss: expected float32 or float64 logits, got {got}")
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"CrossEntropyLoss: expected logits (N, K), got {logits.shape}")
    labels = np.asarray(labels)
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"CrossEntropyLoss: expected {logits.shape[0]} labels, one for each row of logits "
            f"{logits.shape}, got {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"CrossEntropyLoss: expected integer labels, got {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= logits.shape[1]))
    if wrong.size:
        raise ValueError(
            f"CrossEntropyLoss: expected labels in 0 … {logits.shape[1] - 1}, got "
            f"{labels[wrong[0]]} at index {wrong[0]}"
        )
    return labels
