"""Wrong answers to the exercise sgd."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


@wrong("step", "up the hill")
def ascent(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p + lr * (g + momentum * v if nesterov else v), v


@wrong("step", "with the factor 1 − momentum")
def a_mean_of_gradients(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + (1 - momentum) * g
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "The rate stands inside the velocity")
def rate_inside(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = lr * (grad + weight_decay * p)
    v = momentum * velocity + g
    return p - (g + momentum * v if nesterov else v), v


@wrong("step", "The velocity has the opposite sign")
def downhill_velocity(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity - g
    return p + lr * (momentum * v - g if nesterov else v), v


@wrong("step", "momentum multiplies the gradient as well")
def gradient_times_momentum(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = velocity + g
    v *= momentum
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "The weight decay makes weights larger")
def decay_sign(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad - weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "The weight decay is missing")
def no_decay(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad
    return p - lr * (grad + momentum * v if nesterov else v), v


@wrong("step", "after the momentum")
def decoupled_decay(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad
    moved = p - lr * (grad + momentum * v if nesterov else v)
    return moved - lr * weight_decay * p, v


@wrong("step", "after the momentum")
def decay_without_the_rate(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad
    moved = p - lr * (grad + momentum * v if nesterov else v)
    return moved - weight_decay * p, v


@wrong("step", "with the sign of p alone")
def decay_of_l1(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = np.where(p > 0, grad + weight_decay, grad - weight_decay)
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "twice as strong")
def decay_without_the_half(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + 2 * weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "look ahead is missing")
def no_nesterov(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad + weight_decay * p
    return p - lr * v, v


@wrong("step", "where nesterov is false")
def always_nesterov(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v), v


@wrong("step", "you add g to the whole velocity")
def ahead_without_momentum(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + v if nesterov else v), v


@wrong("step", "The look ahead lacks the weight decay")
def ahead_without_decay(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    v = momentum * velocity + grad + weight_decay * p
    return p - lr * (grad + momentum * v if nesterov else v), v


@wrong("step", "the velocity of the step before")
def moves_before_updating(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    new_p = p - lr * (g + momentum * velocity if nesterov else velocity)
    return new_p, momentum * velocity + g


@wrong("step", "the velocity is computed and not used")
def plain_descent(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    return p - lr * g, momentum * velocity + g


@wrong("step", "The velocity comes back as it was")
def velocity_not_returned(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), velocity


@wrong("step", "The weight decay does not enter the velocity")
def decay_beside_the_velocity(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    """p moves as it should, and the next step lacks the decay of this one."""
    decay = weight_decay * p
    v = momentum * velocity + grad
    return p - lr * (grad + decay + momentum * (v + decay) if nesterov else v + decay), v


@wrong("step", "you return the look ahead")
def keeps_the_look_ahead(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    if nesterov:
        v = g + momentum * v
    return p - lr * v, v


@wrong("step", "It writes to its argument p")
def in_place(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    p -= lr * (g + momentum * v if nesterov else v)
    return p, v


@wrong("step", "float32, and it is float64")
def numpy_numbers(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    lr = np.float64(lr)
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return p - lr * (g + momentum * v if nesterov else v), v


# -- from a review of hints --


@wrong("step", "is a mean, (1 − μ)·v + μ·g")
def a_mean_the_other_way_round(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = velocity + momentum * (g - velocity)
    return p - lr * (g + momentum * v if nesterov else v), v


@wrong("step", "The rate is applied twice")
def the_rate_twice(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    change = lr * (g + momentum * v if nesterov else v)
    return p - lr * change, v


@wrong("step", "returns (velocity, p)")
def velocity_first(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity + g
    return v, p - lr * (g + momentum * v if nesterov else v)


@wrong("step", "made of steps")
def steps_added_up(p, grad, velocity, lr, momentum, nesterov, weight_decay):
    g = grad + weight_decay * p
    v = momentum * velocity - lr * g
    return p + (momentum * v - lr * g if nesterov else v), v
