"""Wrong answers to the exercise dropout."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


@wrong("forward", "is not made larger")
def forward_not_scaled(x, uniform, p, training):
    return np.where(uniform < p, 0, x) if training else x


@wrong("forward", "is multiplied by 1 − p")
def forward_times(x, uniform, p, training):
    return np.where(uniform < p, 0, (1 - p) * x) if training else x


@wrong("forward", "is divided by p")
def forward_over_p(x, uniform, p, training):
    return np.where(uniform < p, 0, x / np.float64(p)) if training else x


@wrong("forward", "What has to be dropped is kept")
def forward_other_side(x, uniform, p, training):
    return np.where(uniform <= p, x / (1 - p), 0) if training else x


@wrong("forward", "but where uniform is p itself")
def forward_at_p(x, uniform, p, training):
    return np.where(uniform <= p, 0, x / (1 - p)) if training else x


@wrong("backward", "but where uniform is p itself")
def backward_at_p(dy, uniform, p, training):
    return np.where(uniform <= p, 0, dy / (1 - p)) if training else dy


@wrong("forward", "dropped in evaluation, too")
def forward_always(x, uniform, p, training):
    return np.where(uniform < p, 0, x / (1 - p))


@wrong("backward", "is not made larger")
def backward_not_scaled(dy, uniform, p, training):
    return np.where(uniform < p, 0, dy) if training else dy


@wrong("backward", "is multiplied by 1 − p")
def backward_times(dy, uniform, p, training):
    return np.where(uniform < p, 0, (1 - p) * dy) if training else dy


@wrong("backward", "is divided by p")
def backward_over_p(dy, uniform, p, training):
    return np.where(uniform < p, 0, dy / np.float64(p)) if training else dy


@wrong("backward", "What has to be dropped is kept")
def backward_other_side(dy, uniform, p, training):
    return np.where(uniform <= p, dy / (1 - p), 0) if training else dy


@wrong("backward", "dropped in evaluation, too")
def backward_always(dy, uniform, p, training):
    return np.where(uniform < p, 0, dy / (1 - p))


@wrong("forward", "In evaluation there is a factor")
def factor_in_both(x, uniform, p, training):
    return np.where(uniform < p, 0, x / (1 - p)) if training else (1 - p) * x


@wrong("forward", "as it was first written")
def first_form(x, uniform, p, training):
    return np.where(uniform < p, 0, x) if training else (1 - p) * x


@wrong("forward", "It writes to its argument x")
def in_place(x, uniform, p, training):
    if training:
        x[uniform < p] = 0
        x /= 1 - p
    return x


@wrong("backward", "dy comes through unchanged")
def nothing_done(dy, uniform, p, training):
    return dy.copy()


@wrong("backward", "Everything passes, with the factor")
def factor_alone(dy, uniform, p, training):
    return dy / (1 - p) if training else dy


@wrong("backward", "multiplies it by dy")
def the_mask(dy, uniform, p, training):
    return (uniform >= p) / (1 - p) if training else np.ones_like(dy)


@wrong("forward", "the probability to keep")
def forward_keeps_p(x, uniform, p, training):
    return np.where(uniform < p, x / p if p else 0, 0) if training else x


@wrong("backward", "the probability to keep")
def backward_keeps_p(dy, uniform, p, training):
    return (uniform < p) * dy / (p or 1) if training else dy
