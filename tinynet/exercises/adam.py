"""Adam: a fading mean of the gradient, divided by the root of that of its square."""

import numpy as np

from .task import Case, Exercise, Task


def step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return moved(p, m, v, t, lr, beta1, beta2, eps, weight_decay), m, v


def moved(p, m, v, t, lr, beta1, beta2, eps, weight_decay):
    """The new p, with the new averages."""
    mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * (mhat / (np.sqrt(vhat) + eps) + weight_decay * p)


def case(what, t, lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.0):
    rng = np.random.default_rng(t + int(1000 * (lr + beta1)))
    p, grad, m, v = rng.standard_normal((4, 2, 3))
    old = t > 1  # both averages are 0 before the first step
    names = dict(p=p, grad=grad, m=old * m, v=old * v**2, t=t, lr=lr, beta1=beta1, beta2=beta2)
    return Case(what, names | dict(eps=eps, weight_decay=weight_decay))


CASES = [
    case("the first step", 1),
    case("the second step", 2),
    case("other β", 3, lr=0.02, beta1=0.7, beta2=0.95),
    case("so late that nothing is corrected", 5000, lr=0.3),
    case("eps matters", 4, lr=0.05, eps=0.3),
    case("weight decay", 5, lr=0.2, beta1=0.8, weight_decay=0.5),
    case("weight decay, the first step", 1, lr=0.4, beta2=0.9, weight_decay=0.1),
]
REGIONS = {
    "where there is weight decay": lambda weight_decay: weight_decay > 0,
    "where t is small": lambda t: t < 100,
    "where the averages are not 0 (behind the first step)": lambda t: t > 1,
}

STEP = Task(step, "p m v", CASES, regions=dict.fromkeys("pmv", REGIONS))


def step_with(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay, correct=(True, True)):
    """step, with its corrections, or without the first, the second, or both."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    mhat = m / (1 - beta1**t) if correct[0] else m
    vhat = v / (1 - beta2**t) if correct[1] else v
    return p - lr * (mhat / (np.sqrt(vhat) + eps) + weight_decay * p)


@STEP.mistake("p", "p moves up the hill: the step is subtracted, the weight decay too.")
def ascends(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    new = step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay)[0]
    return 2 * p - new


@STEP.mistake(
    "p",
    "The correction is missing: in the first steps m and v still hold some of the 0 that they "
    "began with. Which of the two, m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ), do you use?",
    correct=[(False, False), (True, False), (False, True)],
)
def not_corrected(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay, correct):
    return step_with(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay, correct)


@STEP.mistake(
    "p",
    "The correction counts one step too many or too few. The first step is t = 1, and in it "
    "m̂ = g: put it into your formula.",
    late=[-1, 1],
)
def another_t(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay, late):
    _, m, v = step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay)
    return moved(p, m, v, t + late, lr, beta1, beta2, eps, weight_decay)


@STEP.mistake("p", "The correction divides by 1 − β, without the power t: it has to fade.")
def without_power(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    _, m, v = step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay)
    return moved(p, m, v, 1, lr, beta1, beta2, eps, weight_decay)


@STEP.mistake("p", "m̂ is divided by v̂. The step is m̂ by the root of it.")
def no_root(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    _, m, v = step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay)
    mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * (mhat / (vhat + eps) + weight_decay * p)


@STEP.mistake("p", "eps stands below the root. Here it is added to √v̂, behind the root.")
def eps_in_the_root(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    _, m, v = step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay)
    mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * (mhat / np.sqrt(vhat + eps) + weight_decay * p)


@STEP.mistake("p", "The weight decay is missing.")
def no_decay(p, grad, m, v, t, lr, beta1, beta2, eps):
    return step(p, grad, m, v, t, lr, beta1, beta2, eps, 0.0)[0]


@STEP.mistake("p", "The weight decay is not multiplied by the learning rate: η·λ·p is subtracted.")
def decay_without_rate(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return step(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay / lr)[0]


@STEP.mistake(
    "p m v",
    "The weight decay is added to the gradient and enters the averages (Adam with L2). Decoupled, "
    "it pulls p alone: g is dL/dp without it.",
)
def decay_in_the_gradient(p, grad, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return step(p, grad + weight_decay * p, m, v, t, lr, beta1, beta2, eps, 0.0)


@STEP.mistake("p", "p moves with the m and v of the step before. Update both first.")
def old_averages(p, m, v, t, lr, beta1, beta2, eps, weight_decay):
    return moved(p, m, v, t, lr, beta1, beta2, eps, weight_decay)


SUM = (
    "The new one enters with the factor 1. This is a mean, not the sum of SGD's momentum: the "
    "weights β and 1 − β add up to 1."
)
EXCHANGED = "β and 1 − β are exchanged: β is the weight of the past, and near 1."


@STEP.mistake("m", SUM)
def m_is_a_sum(grad, m, beta1):
    return beta1 * m + grad


@STEP.mistake("v", SUM)
def v_is_a_sum(grad, v, beta2):
    return beta2 * v + grad**2


@STEP.mistake("m", EXCHANGED)
def m_exchanged(grad, m, beta1):
    return (1 - beta1) * m + beta1 * grad


@STEP.mistake("v", EXCHANGED)
def v_exchanged(grad, v, beta2):
    return (1 - beta2) * v + beta2 * grad**2


@STEP.mistake("v", "The gradient enters v as it is: v is the mean of its square.")
def v_of_the_gradient(grad, v, beta2):
    return beta2 * v + (1 - beta2) * grad


@STEP.mistake("v", "v is made with β₁. It fades more slowly than m, with β₂.")
def v_with_beta1(grad, v, beta1):
    return beta1 * v + (1 - beta1) * grad**2


CORRECTED = (
    "What comes back is the corrected one. The correction is for this step alone: what is kept is "
    "the mean without it."
)


@STEP.mistake("m", CORRECTED)
def m_corrected(grad, m, t, beta1):
    return (beta1 * m + (1 - beta1) * grad) / (1 - beta1**t)


@STEP.mistake("v", CORRECTED)
def v_corrected(grad, v, t, beta2):
    return (beta2 * v + (1 - beta2) * grad**2) / (1 - beta2**t)


EXERCISE = Exercise("adam", "Adam: a step of the same length for each parameter", [STEP])
