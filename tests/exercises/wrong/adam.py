"""Wrong answers to the exercise adam."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


def adam(
    args, correct=(True, True), late=0, root=np.sqrt, inside=0, decay=None, sign=-1, power=True
):
    p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay = args
    m = m * beta1 + grad * (1 - beta1)
    v = v * beta2 + grad**2 * (1 - beta2)
    t = t + late if power else 1
    first = m / (1 - beta1**t) if correct[0] else m
    second = v / (1 - beta2**t) if correct[1] else v
    length = np.sqrt(second + eps) if inside else root(second) + eps
    pull = lr * weight_decay * p if decay is None else decay(p, lr, weight_decay)
    return p + sign * (lr * first / length + pull), m, v


@wrong("step", "up the hill")
def ascent(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), sign=1)


@wrong("step", "The correction is missing")
def no_corrections(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), correct=(False, False))


@wrong("step", "The correction is missing")
def first_correction_only(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), correct=(True, False))


@wrong("step", "The correction is missing")
def second_correction_only(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), correct=(False, True))


@wrong("step", "one step too many or too few")
def one_step_more(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), late=1)


@wrong("step", "one step too many or too few")
def one_step_less(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), late=-1)


@wrong("step", "without the power t")
def no_power(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), power=False)


@wrong("step", "m̂ by the root")
def no_root(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), root=np.abs)


@wrong("step", "eps stands below the root")
def eps_below_the_root(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), inside=1)


@wrong("step", "The weight decay is missing")
def no_decay(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam(
        (p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay), decay=lambda p, lr, decay: 0
    )


@wrong("step", "not multiplied by the learning rate")
def decay_without_the_rate(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam(
        (p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay),
        decay=lambda p, lr, decay: decay * p,
    )


@wrong("step", "Adam with L2")
def decay_in_the_gradient(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return adam((p, grad + weight_decay * p, m, v, t, lr, beta1, beta2, eps, 0.0))


@wrong("step", "of the step before")
def moves_first(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    first, second = m / (1 - beta1**t), v / (1 - beta2**t)
    _, new_m, new_v = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return p - lr * first / (np.sqrt(second) + eps) - lr * weight_decay * p, new_m, new_v


@wrong("step", "enters with the factor 1")
def sum_of_gradients(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], beta1 * m + grad, right[2]


@wrong("step", "enters with the factor 1")
def sum_of_squares(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], right[1], beta2 * v + grad**2


@wrong("step", "are exchanged")
def beta1_exchanged(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], m + beta1 * (grad - m), right[2]


@wrong("step", "are exchanged")
def beta2_exchanged(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], right[1], v + beta2 * (grad**2 - v)


@wrong("step", "enters v as it is")
def no_square(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], right[1], v + (1 - beta2) * (grad - v)


@wrong("step", "v is made with β₁")
def beta1_in_both(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return right[0], right[1], v + (1 - beta1) * (grad**2 - v)


@wrong("step", "is the corrected one")
def keeps_the_corrected_m(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return (
        right[0],
        adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))[1] / (1 - beta1**t),
        right[2],
    )


@wrong("step", "is the corrected one")
def keeps_the_corrected_v(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    right = adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))
    return (
        right[0],
        right[1],
        adam((p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay))[2] / (1 - beta2**t),
    )


@wrong("step", "It writes to its arguments m and v")
def in_place(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m *= beta1
    m += (1 - beta1) * grad
    v *= beta2
    v += (1 - beta2) * grad**2
    pull = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return p - lr * (pull + weight_decay * p), m, v
