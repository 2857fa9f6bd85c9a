"""Wrong answers to the exercise batchnorm2d: the right one, with a piece of it exchanged."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()
AXES = (0, 2, 3)


def wide(a):
    return np.reshape(a, (1, -1, 1, 1))


def normalise(x, mean, var, eps):
    return (x - mean) / np.sqrt(var + eps)


def unbiased(x):
    m = x[:, 0].size
    return x.var(axis=AXES) * m / (m - 1)


def running(x, old_mean, old_var, momentum, training):
    """Right."""
    if not training:
        return old_mean, old_var
    mean = (1 - momentum) * old_mean + momentum * x.mean(axis=AXES)
    return mean, (1 - momentum) * old_var + momentum * unbiased(x)


def statistics(x, running_mean, running_var, training):
    """Right."""
    return (x.mean(AXES), x.var(AXES)) if training else (running_mean, running_var)


@wrong("forward", "loses accuracy in float32")
def mean_of_squares(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = running_mean, running_var
    if training:
        mean = x.mean(AXES)
        var = (x * x).mean(AXES) - mean * mean
    y = wide(weight) * normalise(x, wide(mean), wide(var), eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "those of each image by itself")
def instance_norm(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    y = wide(weight) * normalise(x, mean, var, eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "How many axes of length 1 does it need")
def not_broadcast(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * (x - mean) / np.sqrt(var + eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "Each pixel has a mean and a variance of its own")
def over_the_batch_only(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        mean, var = x.mean(0), x.var(0)
    y = wide(weight) * normalise(x, mean, var, eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "one mean and one variance for everything")
def over_everything(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        mean, var = x.mean(), x.var()
    y = wide(weight) * normalise(x, mean, var, eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "Batch statistics are used in evaluation, too")
def always_the_batch(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = wide(weight) * normalise(x, wide(x.mean(AXES)), wide(x.var(AXES)), eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "running statistics are used in training, too")
def never_the_batch(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = wide(weight) * normalise(x, wide(running_mean), wide(running_var), eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "after their update")
def the_new_running_ones(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = running(x, running_mean, running_var, momentum, training)
    return wide(weight) * normalise(x, wide(mean), wide(var), eps) + wide(bias), mean, var


@wrong("forward", "normalised by the unbiased variance")
def unbiased_for_y(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = (x.mean(AXES), unbiased(x)) if training else (running_mean, running_var)
    y = wide(weight) * normalise(x, wide(mean), wide(var), eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "eps stands outside the root")
def eps_outside(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * (x - wide(mean)) / (wide(np.sqrt(var)) + eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "eps is missing")
def no_eps(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * (x - wide(mean)) / wide(np.sqrt(var)) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "You divide by the variance")
def no_root(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * (x - wide(mean)) / wide(var + eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "γ and β are missing")
def no_affine_map(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = normalise(x, wide(mean), wide(var), eps)
    return y, *running(x, running_mean, running_var, momentum, training)


def right_y(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    return wide(weight) * normalise(x, wide(mean), wide(var), eps) + wide(bias)


@wrong("forward", "momentum and 1 − momentum are exchanged")
def momentum_exchanged(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    return y, *running(x, running_mean, running_var, 1 - momentum, training)


@wrong("forward", "move in evaluation, too")
def moved_in_evaluation(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean = running_mean + momentum * (x.mean(AXES) - running_mean)
    var = running_var + momentum * (unbiased(x) - running_var)
    return y, mean, var


@wrong("forward", "running_var follows the biased variance")
def biased_for_running(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, _ = running(x, running_mean, running_var, momentum, training)
    if training:
        running_var = (1 - momentum) * running_var + momentum * x.var(AXES)
    return y, mean, running_var


@wrong("forward", "They stay as they came")
def not_moved(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    return y, running_mean, running_var


@wrong("forward", "It writes to its arguments running_mean and running_var")
def moved_in_place(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    if training:
        running_mean *= 1 - momentum
        running_mean += momentum * x.mean(AXES)
        running_var *= 1 - momentum
        running_var += momentum * unbiased(x)
    return y, running_mean, running_var


@wrong("forward", "running_var follows the standard deviation")
def running_deviation(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, _ = running(x, running_mean, running_var, momentum, training)
    if training:
        running_var = (1 - momentum) * running_var + momentum * np.sqrt(unbiased(x))
    return y, mean, running_var


# -- backward --


def rest(dy, x, running_mean, running_var, eps, training):
    """Right: x̂, √(σ² + eps), dγ, dβ."""
    mean, var = statistics(x, running_mean, running_var, training)
    xhat = normalise(x, wide(mean), wide(var), eps)
    return xhat, np.sqrt(wide(var) + eps), (dy * xhat).sum(AXES), dy.sum(AXES)


def right_dx(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    if training:
        dy = dy - wide(dbias) / m - xhat * wide(dweight) / m
    return wide(weight) / s * dy


@wrong("backward", "treats mean and variance as constants")
def statistics_are_constants(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    return wide(weight) * dy / s, dweight, dbias


@wrong("backward", "The term that comes through the mean is missing")
def no_mean_term(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = dy - (xhat * wide(dweight) / x[:, 0].size if training else 0)
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "the one with x̂, is missing")
def no_xhat_term(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = dy - (wide(dbias) / x[:, 0].size if training else 0)
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "is added that has to be subtracted")
def sign_of_the_mean_term(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    dx = dy + wide(dbias) / m - xhat * wide(dweight) / m if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "A sum stands in dx where a mean belongs")
def not_divided_by_m(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = dy - wide(dbias) - xhat * wide(dweight) if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "γ is missing in dx")
def no_gamma(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, np.ones_like(weight), running_mean, running_var, eps, training)
    return dx, dweight, dbias


@wrong("backward", "dx lacks the division")
def no_deviation(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training) * s
    return dx, dweight, dbias


@wrong("backward", "as if the factor 2 of the square")
def square_without_its_two(dy, x, weight, running_mean, running_var, eps, training):
    """Step by step, with d(x − μ)² = (x − μ) in place of 2(x − μ)."""
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dxhat = dy * wide(weight)
    dcentred = dxhat / s
    if training:
        centred = xhat * s
        dvar = (dxhat * centred).sum(AXES, keepdims=True) * -0.5 * s**-3
        dcentred = dcentred + dvar * centred / x[:, 0].size
        dcentred = dcentred - dcentred.mean(AXES, keepdims=True)
    return dcentred, dweight, dbias


@wrong("backward", "Your backward does what is right in training")
def as_in_training(dy, x, weight, running_mean, running_var, eps, training):
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, True)
    _, _, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    return dx, dweight, dbias


@wrong("backward", "dweight is made with x.")
def dweight_with_x(dy, x, weight, running_mean, running_var, eps, training):
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, (dy * x).sum(axis=AXES), dy.sum(axis=AXES)


@wrong("backward", "not yet divided")
def dweight_with_centred_x(dy, x, weight, running_mean, running_var, eps, training):
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    mean, _ = statistics(x, running_mean, running_var, training)
    return dx, (dy * (x - wide(mean))).sum(axis=AXES), dy.sum(axis=AXES)


@wrong("backward", "dweight is made with the x̂ of the batch")
def dweight_of_the_batch(dy, x, weight, running_mean, running_var, eps, training):
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    xhat = normalise(x, wide(x.mean(AXES)), wide(x.var(AXES)), eps)
    return dx, (dy * xhat).sum(AXES), dy.sum(AXES)


@wrong("backward", "It is a mean where a sum belongs")
def means(dy, x, weight, running_mean, running_var, eps, training):
    xhat, _, _, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, (dy * xhat).mean(AXES), dy.mean(AXES)


@wrong("backward", "One parameter serves a whole channel")
def dbias_over_the_batch(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dweight, dy.sum(axis=0)


@wrong("backward", "dx is all zeros")
def only_the_easy_ones(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    return np.zeros_like(x), dweight, dbias
