"""With one-hot targets, and NumPy's logaddexp."""

import numpy as np


def forward(logits, labels):
    target = np.eye(logits.shape[1])[labels]
    log_sum = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(((log_sum - logits) * target).sum() / len(logits))


def backward(logits, labels):
    target = np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    exps = np.exp(logits - logits.max(1)[:, None])
    p = exps / exps.sum(1)[:, None]
    return (p - target) / len(logits)
