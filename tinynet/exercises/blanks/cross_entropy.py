"""Exercise: softmax and cross-entropy, from logits to one number.

Check your answer with

    python -m tinynet.exercise cross_entropy

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(logits, labels):
    """The loss: the mean over the rows of −log p[n, labels[n]].

    p is the softmax of the logits, row by row: p[n,k] = e^logits[n,k] / Σ_j e^logits[n,j].

    logits: (n, k), any numbers, of size 1000 as well. labels: (n,) integers in 0 … k − 1.
    Returns the loss, one number.

    For example, logits [[0, 0]] with labels [1] give log 2 ≈ 0.693.
    """
    raise NotImplementedError


def backward(logits, labels):
    """dlogits = dL/dlogits, for the loss L of forward.

    Arguments as for forward. Returns dlogits: (n, k).

    Nothing comes from above: the loss is the last step. Write log p with the logits, and take the
    derivative with respect to one of them; look at the label's class and at the others.
    """
    raise NotImplementedError
