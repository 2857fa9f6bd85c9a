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


@wrong("forward", "How many axes of length 1 does it need")
def nothing_broadcast(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = weight * (x - mean) / np.sqrt(var + eps) + bias
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "Each pixel has a mean and a variance of its own")
def over_the_batch_only(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        mean, var = x.mean(0), x.var(0)
    y = wide(weight) * normalise(x, mean, var, eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "those of each image, over its channels")
def layer_norm(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        flat = x.reshape(len(x), -1)
        mean, var = flat.mean(1)[:, None, None, None], flat.var(1)[:, None, None, None]
    y = wide(weight) * normalise(x, mean, var, eps) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "run over the channels")
def over_the_channels(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = wide(running_mean), wide(running_var)
    if training:
        mean = sum(x[:, [c]] for c in range(x.shape[1])) / x.shape[1]
        var = sum((x[:, [c]] - mean) ** 2 for c in range(x.shape[1])) / x.shape[1]
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


@wrong("forward", "The mean is not subtracted")
def not_centred(x, weight, bias, running_mean, running_var, eps, momentum, training):
    _, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * x / wide(np.sqrt(var + eps)) + wide(bias)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "β (bias) is missing")
def no_bias(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = wide(weight) * normalise(x, wide(mean), wide(var), eps)
    return y, *running(x, running_mean, running_var, momentum, training)


@wrong("forward", "γ (weight) is missing")
def no_weight(x, weight, bias, running_mean, running_var, eps, momentum, training):
    mean, var = statistics(x, running_mean, running_var, training)
    y = normalise(x, wide(mean), wide(var), eps) + wide(bias)
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


@wrong("forward", "move in evaluation, too")
def moved_in_evaluation_by_the_biased(
    x, weight, bias, running_mean, running_var, eps, momentum, training
):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean = running_mean + momentum * (x.mean(AXES) - running_mean)
    var = running_var + momentum * (x.var(AXES) - running_var)
    return y, mean, var


@wrong("forward", "running_mean is the mean of this batch alone")
def the_last_mean(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, var = running(x, running_mean, running_var, momentum, training)
    if training:
        mean = np.array([x[:, c].mean() for c in range(x.shape[1])])
    return y, mean, var


@wrong("forward", "running_var is the variance of this batch alone")
def the_last_variance(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, var = running(x, running_mean, running_var, momentum, training)
    return y, mean, unbiased(x) if training else var


@wrong("forward", "running_var is the variance of this batch alone")
def the_last_biased_variance(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, var = running(x, running_mean, running_var, momentum, training)
    if training:
        var = np.array([x[:, c].var() for c in range(x.shape[1])])
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


@wrong("forward", "running_var follows the standard deviation")
def running_biased_deviation(x, weight, bias, running_mean, running_var, eps, momentum, training):
    y = right_y(x, weight, bias, running_mean, running_var, eps, training)
    mean, _ = running(x, running_mean, running_var, momentum, training)
    if training:
        running_var = (1 - momentum) * running_var + momentum * np.sqrt(x.var(AXES))
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


@wrong("backward", "is added that has to be subtracted")
def sign_of_the_xhat_term(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    dx = dy - wide(dbias) / m + xhat * wide(dweight) / m if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "is added that has to be subtracted")
def sign_of_both_terms(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = dy.copy()
    if training:
        dx += (wide(dbias) + xhat * wide(dweight)) / x[:, 0].size
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "A sum stands in dx where a mean belongs")
def not_divided_by_m(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = dy - wide(dbias) - xhat * wide(dweight) if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "A sum stands in dx where a mean belongs")
def mean_term_not_divided_by_m(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    dx = dy - wide(dbias) - xhat * wide(dweight) / m if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "A sum stands in dx where a mean belongs")
def xhat_term_not_divided_by_m(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    dx = dy - wide(dbias) / m - xhat * wide(dweight) if training else dy
    return wide(weight) / s * dx, dweight, dbias


@wrong("backward", "This is the dx of one image at a time")
def dx_image_by_image(dy, x, weight, running_mean, running_var, eps, training):
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = wide(weight) / s * dy
    if training:
        for n, c in np.ndindex(x.shape[:2]):
            slope = (dy[n, c] * xhat[n, c]).mean()
            centred = dy[n, c] - dy[n, c].mean()
            dx[n, c] = weight[c] * (centred - slope * xhat[n, c]) / s[0, c]
    return dx, dweight, dbias


@wrong("backward", "dx is divided by the variance")
def dx_over_the_variance(dy, x, weight, running_mean, running_var, eps, training):
    """x̂'s derivative taken for 1/σ²."""
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    _, var = statistics(x, running_mean, running_var, training)
    dx = dy - wide(dbias) / m - xhat * wide(dweight) / m if training else dy
    return wide(weight) * dx / (wide(var) + eps), dweight, dbias


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


@wrong("backward", "as if the factor 2 of the square")
def root_without_its_half(dy, x, weight, running_mean, running_var, eps, training):
    """Step by step, with d(1/σ) = −1/σ³ in place of −1/(2σ³) for σ²."""
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dxhat = dy * wide(weight)
    dcentred = dxhat / s
    if training:
        centred = xhat * s
        dvar = -(dxhat * centred).sum(AXES, keepdims=True) / s**3
        dcentred = dcentred + dvar * 2 * centred / x[:, 0].size
        dcentred = dcentred - dcentred.mean(AXES, keepdims=True)
    return dcentred, dweight, dbias


@wrong("backward", "Yours subtracts these terms there, too")
def terms_in_evaluation(dy, x, weight, running_mean, running_var, eps, training):
    """The formula for training, with the x̂ of the running statistics in evaluation."""
    xhat, s, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    m = x[:, 0].size
    dx = wide(weight) / (m * s) * (m * dy - wide(dbias) - xhat * wide(dweight))
    return dx, dweight, dbias


@wrong("backward", "In evaluation, dx is divided by the deviation of the batch")
def deviation_of_the_batch(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    if not training:
        dx = dy * wide(weight) / wide(np.sqrt(x.var(AXES) + eps))
    return dx, dweight, dbias


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


@wrong("backward", "This is dbias")
def dweight_like_dbias(dy, x, weight, running_mean, running_var, eps, training):
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, np.einsum("nchw->c", dy), dy.sum(AXES)


@wrong("backward", "It is a mean where a sum belongs")
def means(dy, x, weight, running_mean, running_var, eps, training):
    xhat, _, _, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, (dy * xhat).mean(AXES), dy.mean(AXES)


@wrong("backward", "It is a mean where a sum belongs")
def means_over_the_images(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dweight / len(x), dbias / len(x)


@wrong("backward", "One parameter serves a whole channel")
def both_over_the_batch(dy, x, weight, running_mean, running_var, eps, training):
    xhat, _, _, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    dweight = sum(dy[n] * xhat[n] for n in range(len(x)))
    return dx, dweight, sum(dy[n] for n in range(len(x)))


@wrong("backward", "One parameter serves a whole channel")
def both_over_the_pixels(dy, x, weight, running_mean, running_var, eps, training):
    xhat, _, _, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    n, c = x.shape[:2]
    return dx, (dy * xhat).reshape(n, c, -1).sum(2), dy.reshape(n, c, -1).sum(2)


@wrong("backward", "One parameter serves a whole channel")
def dbias_over_the_batch(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dweight, dy.sum(axis=0)


@wrong("backward", "dbias needs one for each c")
def dbias_one_number(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, _ = rest(dy, x, running_mean, running_var, eps, training)
    dx = right_dx(dy, x, weight, running_mean, running_var, eps, training)
    return dx, dweight, dy.sum()


@wrong("backward", "dx is all zeros")
def only_the_easy_ones(dy, x, weight, running_mean, running_var, eps, training):
    _, _, dweight, dbias = rest(dy, x, running_mean, running_var, eps, training)
    return np.zeros_like(x), dweight, dbias


# -- from a review of hints --


def column(a):
    return a.reshape(1, -1, 1, 1)


def y_of(x, weight, bias, mean, var, eps):
    return column(weight) * (x - column(mean)) / np.sqrt(column(var) + eps) + column(bias)


def forward_with(args, used=None, kept=None, swap=False):
    """used(x), kept(x): the variance in y, and the one that running_var follows."""
    x, weight, bias, running_mean, running_var, eps, momentum, training = args
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        unbiased = kept(x) if kept else x.var((0, 2, 3), ddof=1)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * unbiased
        var = used(x) if used else var
    if swap:
        weight, bias = bias, weight
    return y_of(x, weight, bias, mean, var, eps), running_mean, running_var


def squares(x):
    return ((x - x.mean((0, 2, 3), keepdims=True)) ** 2).sum((0, 2, 3))


@wrong("forward", "of the images alone")
def unbiased_by_n(x, weight, bias, running_mean, running_var, eps, momentum, training):
    args = x, weight, bias, running_mean, running_var, eps, momentum, training
    n = len(x)
    return forward_with(args, kept=lambda x: x.var((0, 2, 3)) * np.float64(n) / (n - 1))


@wrong("forward", "The squares are added up")
def sum_of_squares(x, weight, bias, running_mean, running_var, eps, momentum, training):
    args = x, weight, bias, running_mean, running_var, eps, momentum, training
    return forward_with(args, used=squares)


@wrong("forward", "follows the sum of")
def running_sum_of_squares(x, weight, bias, running_mean, running_var, eps, momentum, training):
    args = x, weight, bias, running_mean, running_var, eps, momentum, training
    return forward_with(args, kept=squares)


@wrong("forward", "γ and β are exchanged")
def gamma_and_beta(x, weight, bias, running_mean, running_var, eps, momentum, training):
    args = x, weight, bias, running_mean, running_var, eps, momentum, training
    return forward_with(args, swap=True)


def backward_with(args, first=None, last=None, gamma=1, used=None, running=False, terms=True):
    """first, last: the m before dy, and the one below the line, as functions of x."""
    dy, x, weight, running_mean, running_var, eps, training = args
    axes = (0, 2, 3)
    batch = training and not running
    mean = x.mean(axes) if batch else running_mean
    var = x.var(axes) if batch else running_var
    s = np.sqrt(var + (eps if used is None else used))
    hat = (x - column(mean)) / column(s)
    right = (x - column(mean)) / np.sqrt(column(var) + eps)
    dweight, dbias = (dy * right).sum(axes), dy.sum(axes)
    scale = column(weight**gamma / s)
    if not training or not terms:
        return scale * dy, dweight, dbias
    m = x.size // x.shape[1]
    m1, m2 = (first(x) if first else m), (last(x) if last else m)
    dx = scale / m2 * (m1 * dy - column(dbias) - hat * column((dy * hat).sum(axes)))
    return dx, dweight, dbias


@wrong("backward", "counts wrongly")
def formula_for_rows(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    return backward_with(args, first=len, last=len)


@wrong("backward", "counts wrongly")
def n_before_dy(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    return backward_with(args, first=len)


def one_less(x):
    return x.size // x.shape[1] - 1


@wrong("backward", "counts wrongly")
def one_less_than_m(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    return backward_with(args, first=one_less, last=one_less)


@wrong("backward", "eps is missing in dx")
def no_eps_in_dx(dy, x, weight, running_mean, running_var, eps, training):
    return backward_with((dy, x, weight, running_mean, running_var, eps, training), used=0.0)


@wrong("backward", "γ stands twice")
def gamma_twice(dy, x, weight, running_mean, running_var, eps, training):
    return backward_with((dy, x, weight, running_mean, running_var, eps, training), gamma=2)


@wrong("backward", "dx is made with the running statistics")
def running_statistics_in_dx(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    return backward_with(args, running=True)[0], *backward_with(args)[1:]


@wrong("backward", "dx is made with the running statistics")
def running_statistics_and_no_terms(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    return backward_with(args, running=True, terms=False)[0], *backward_with(args)[1:]


@wrong("backward", "the x̂ of the running statistics")
def running_statistics_in_dweight(dy, x, weight, running_mean, running_var, eps, training):
    args = dy, x, weight, running_mean, running_var, eps, training
    dx, _, dbias = backward_with(args)
    return dx, backward_with(args, running=True)[1], dbias


@wrong("backward", "eps is missing in dweight")
def no_eps_in_dweight(dy, x, weight, running_mean, running_var, eps, training):
    dx, _, dbias = backward_with((dy, x, weight, running_mean, running_var, eps, training))
    without = backward_with((dy, x, weight, running_mean, running_var, 0.0, training))
    return dx, without[1], dbias
