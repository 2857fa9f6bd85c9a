"""SGD: weight decay, momentum, and Nesterov's look ahead."""

import numpy as np

from ..layer import Parameter
from ..optim import SGD
from .task import Case, Exercise, Task


def step(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    parameter = Parameter(p.copy())
    parameter.grad = grad
    sgd = SGD([parameter], lr, momentum, nesterov, weight_decay)
    sgd.velocity[parameter] = velocity.copy()
    sgd.step()
    return parameter.data, sgd.velocity[parameter]


def case(what, lr=0.15, momentum=0.0, nesterov=False, weight_decay=0.0, first=False):
    """No rate is 1 − momentum, or momentum: what takes one for the other has to differ."""
    rng = np.random.default_rng(int(1000 * (lr + momentum + weight_decay)))
    p, grad, velocity = rng.standard_normal((3, 2, 3))
    names = dict(p=p, grad=grad, velocity=0 * velocity if first else velocity, lr=lr)
    return Case(what, names | dict(momentum=momentum, nesterov=nesterov, weight_decay=weight_decay))


CASES = [
    case("momentum, the first step", momentum=0.9, first=True),
    case("momentum", momentum=0.9),
    case("a smaller momentum and rate", lr=0.02, momentum=0.6),
    case("weight decay", lr=0.5, momentum=0.8, weight_decay=0.03),
    case("Nesterov", lr=0.3, momentum=0.9, nesterov=True),
    case("Nesterov, the first step", lr=0.2, momentum=0.5, nesterov=True, first=True),
    case("Nesterov, weight decay", lr=0.4, momentum=0.7, nesterov=True, weight_decay=0.2),
]

REGIONS = {
    "where nesterov is True": lambda nesterov: nesterov,
    "where nesterov is False": lambda nesterov: not nesterov,
    "where there is weight decay": lambda weight_decay: weight_decay > 0,
    "where the velocity is not 0 (behind the first step)": lambda velocity: velocity.any(),
}

STEP = Task(step, "p velocity", CASES, regions={"p": REGIONS, "velocity": REGIONS})


@STEP.mistake("p", "p moves up the hill: the gradient points to where the loss grows.")
def ascends(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    new, _ = step(p, grad, velocity, lr, momentum, nesterov, weight_decay)
    return p + (p - new)


@STEP.mistake(
    "p velocity",
    "The new gradient enters the velocity with the factor 1 − momentum, as in a mean. Here the "
    "velocity is a fading sum: v ← μ·v + g.",
)
def damped(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + (1 - momentum) * g
    return p - lr * (g + momentum * v if nesterov else v), v


@STEP.mistake(
    "p velocity",
    "The velocity is a mean, (1 − μ)·v + μ·g, with the weights the wrong way round as well. Here "
    "it is a fading sum: v ← μ·v + g, where μ multiplies the past.",
)
def exchanged(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = (1 - momentum) * velocity + momentum * g
    return p - lr * (g + momentum * v if nesterov else v), v


@STEP.mistake(
    "p",
    "The rate is applied twice: η comes in once, when p moves.",
)
def rate_twice(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    return step(p, grad, velocity, lr**2, momentum, nesterov, weight_decay)[0]


@STEP.mistake(
    "p velocity",
    "The rate stands inside the velocity. Then a change of the rate would act only little by "
    "little; here v holds gradients alone, and η comes in when p moves.",
)
def rate_in_velocity(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = lr * (grad + weight_decay * p)
    v = momentum * velocity + g
    return p - (g + momentum * v if nesterov else v), v


@STEP.mistake(
    "p velocity",
    "The velocity has the opposite sign: here v is a sum of gradients, and p moves against it.",
)
def velocity_downhill(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity - g
    return p + lr * (momentum * v - g if nesterov else v), v


@STEP.mistake(
    "p velocity",
    "The velocity is made of steps, v ← μ·v − η·g, and added to p: another convention. Here it is "
    "a sum of gradients, and η and the minus come in when p moves.",
)
def velocity_of_steps(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = lr * (grad + weight_decay * p)
    v = momentum * velocity - g
    return p + (momentum * v - g if nesterov else v), v


@STEP.mistake(
    "p velocity",
    "momentum multiplies the gradient as well: v ← μ·(v + g). Only the past fades.",
)
def gradient_fades(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * (velocity + g)
    return p - lr * (g + momentum * v if nesterov else v), v


DECAY_SIGN = (
    "The weight decay makes weights larger: λ·p, the gradient of λ/2·‖p‖², is to be added to the "
    "gradient, so that p moves towards 0."
)


@STEP.mistake("p velocity", DECAY_SIGN)
def decay_sign(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    return step(p, grad - 2 * weight_decay * p, velocity, lr, momentum, nesterov, weight_decay)


@STEP.mistake("p velocity", "The weight decay is missing.")
def no_decay(p, grad, velocity, lr, momentum, nesterov):
    return step(p, grad, velocity, lr, momentum, nesterov, 0.0)


@STEP.mistake(
    "p velocity",
    "The weight decay is applied to p after the momentum, past the velocity (as AdamW does). In "
    "this SGD it is a part of the gradient: g = dL/dp + λ·p comes first.",
    rate_with_it=[True, False],
)
def decay_last(p, grad, velocity, lr, momentum, nesterov, weight_decay, rate_with_it):
    new, v = step(p, grad, velocity, lr, momentum, nesterov, 0.0)
    return new - (lr if rate_with_it else 1) * weight_decay * p, v


@STEP.mistake(
    "p velocity",
    "The weight decay is twice as strong: the penalty is λ/2·‖p‖², and its gradient λ·p.",
)
def decay_twice(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    return step(p, grad, velocity, lr, momentum, nesterov, 2 * weight_decay)


@STEP.mistake(
    "p velocity",
    "The weight decay pulls with the sign of p alone (L1). The gradient of λ/2·‖p‖² is λ·p.",
)
def decay_l1(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    return step(p, grad + weight_decay * np.sign(p), velocity, lr, momentum, nesterov, 0.0)


@STEP.mistake(
    "p",
    "Nesterov's look ahead is missing: where nesterov is true, p moves as with plain momentum. (So "
    "it does by g + μ·v with the v from before its update, which is the new v.)",
)
def no_look_ahead(p, grad, velocity, lr, momentum, weight_decay):
    return step(p, grad, velocity, lr, momentum, False, weight_decay)[0]


@STEP.mistake("p", "p looks ahead also where nesterov is false.")
def always_looks_ahead(p, grad, velocity, lr, momentum, weight_decay):
    return step(p, grad, velocity, lr, momentum, True, weight_decay)[0]


@STEP.mistake(
    "p",
    "With nesterov you add g to the whole velocity. The look ahead is one step of momentum: v "
    "fades by the factor μ in it.",
)
def looks_too_far(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    new, v = step(p, grad, velocity, lr, momentum, nesterov, weight_decay)
    return p - lr * (g + v) if nesterov else new


@STEP.mistake(
    "p",
    "The look ahead lacks the weight decay: with nesterov the g in g + μ·v is the same as the one "
    "that went into v.",
)
def looks_without_decay(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    new, v = step(p, grad, velocity, lr, momentum, nesterov, weight_decay)
    return p - lr * (grad + momentum * v) if nesterov else new


@STEP.mistake("p", "p moves by the velocity of the step before. Update v first, then move p.")
def moves_first(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    return p - lr * (g + momentum * velocity if nesterov else velocity)


@STEP.mistake("p", "p moves by the gradient alone: the velocity is computed and not used.")
def no_momentum(p, grad, lr, weight_decay):
    return p - lr * (grad + weight_decay * p)


@STEP.mistake("velocity", "The velocity comes back as it was: the next step needs the new one.")
def old_velocity(velocity):
    return velocity


@STEP.mistake(
    "velocity",
    "With nesterov you return the look ahead, g + μ·v, as the velocity. It moves p, once; what is "
    "kept is v.",
)
def look_ahead_kept(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = step(p, grad, velocity, lr, momentum, nesterov, weight_decay)[1]
    return g + momentum * v if nesterov else v


@STEP.mistake(
    "velocity", "The weight decay does not enter the velocity: g = dL/dp + λ·p comes first."
)
def velocity_without_decay(grad, velocity, momentum):
    return momentum * velocity + grad


EXERCISE = Exercise("sgd", "SGD: weight decay, momentum, and a look ahead", [STEP])
