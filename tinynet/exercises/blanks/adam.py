"""Exercise: one step of Adam, with decoupled weight decay (AdamW).

Check your answer with

    python -m tinynet.exercise adam

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    """Where the parameters are after one step, and the two averages for the next one.

        m ← β₁·m + (1 − β₁)·g        a fading mean of the gradient g
        v ← β₂·v + (1 − β₂)·g²       and one of its square, element by element
        m̂ = m / (1 − β₁ᵗ)            both begin at 0, and are too small in the first steps:
        v̂ = v / (1 − β₂ᵗ)            this corrects it
        p ← p − η·(m̂ / (√v̂ + eps) + λ·p)

    p, grad, m, v: arrays of one shape. t: the number of this step; the first one is 1. lr (η),
    beta1, beta2, eps: numbers. weight_decay (λ): it pulls the old p towards 0, and does not enter
    the averages.
    Returns (p, m, v): of the same shape; m and v as they are kept, without the correction. None
    of the arguments is written to.
    """
    raise NotImplementedError
