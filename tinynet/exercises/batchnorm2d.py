"""Batch normalisation: forward in training and evaluation, and its backward."""

import numpy as np

from ..layers import BatchNorm2d
from .task import Case, Exercise, Task

PIXELS = (0, 2, 3)  # the axes of one channel's values: images, rows, columns


def forward(x, weight, bias, running_mean, running_var, eps, momentum, training):
    norm = layer(weight, bias, running_mean, running_var, eps, momentum, training)
    return norm.forward(x), norm.running_mean, norm.running_var


def backward(dy, x, weight, running_mean, running_var, eps, training):
    norm = layer(weight, 0 * weight, running_mean, running_var, eps, 0.0, training)
    norm.forward(x)
    return norm.backward(dy), norm.weight.grad, norm.bias.grad


def layer(weight, bias, running_mean, running_var, eps, momentum, training):
    norm = BatchNorm2d(len(weight), eps, momentum).train(training)
    norm.weight.data, norm.bias.data = weight, bias
    norm.running_mean, norm.running_var = running_mean.copy(), running_var.copy()
    return norm


def case(what, shape, training, eps=1e-5, momentum=0.1, mean=0.0, spread=1.0, **about):
    rng = np.random.default_rng(sum(shape))
    c = shape[1]
    x = rng.standard_normal(shape) * spread * rng.uniform(0.5, 2, (1, c, 1, 1))
    x += rng.standard_normal((1, c, 1, 1)) * spread + mean
    names = dict(
        x=x,
        weight=rng.uniform(0.5, 2, c),
        bias=rng.standard_normal(c),
        running_mean=rng.standard_normal(c),
        running_var=rng.uniform(0.5, 2, c),
        eps=eps,
        momentum=momentum,
        training=training,
        dy=rng.standard_normal(shape),
    )
    return Case(what, names, **about)


CASES = [
    case("training, one channel", (3, 1, 2, 4), True),
    case("training, several channels", (2, 3, 4, 5), True),
    case("training, as many images as channels", (3, 3, 2, 2), True, momentum=0.3),
    case("training, one image", (1, 2, 4, 3), True, momentum=0.9),
    case("training, values so small that eps matters", (4, 2, 3, 2), True, eps=0.01, spread=0.05),
    case("evaluation", (2, 3, 4, 3), False),
    case("evaluation, one value for each channel", (1, 4, 1, 1), False, momentum=0.3),
    case(
        "training, a mean of 3000 and a spread of 1",
        (4, 2, 3, 5),
        True,
        mean=3000.0,
        only_float32=True,
        tolerance=1e-2,
        hint="Here the mean is 3000 times the spread, so x² needs more digits than float32 has. Do "
        "you subtract two numbers that are almost equal, as E[x²] − E[x]² does? Subtract the mean "
        "first, and square then.",
    ),
]
AXES = {"x": "n c h w", "y": "n c h w", "dy": "n c h w", "dx": "n c h w"}
AXES |= dict.fromkeys("weight bias running_mean running_var dweight dbias".split(), "c")

REGIONS = {
    "in training": lambda training: training,
    "in evaluation": lambda training: not training,
}

FORWARD = Task(
    forward,
    "y running_mean running_var",
    CASES,
    AXES,
    dict.fromkeys(("y", "running_mean", "running_var"), REGIONS),
)
BACKWARD = Task(
    backward, "dx dweight dbias", CASES, AXES, dict.fromkeys(("dx", "dweight", "dbias"), REGIONS)
)


def normalised(x, weight, bias, mean, var, eps):
    """The formula, with whatever statistics: arrays that go with x, or (c,)."""
    mean, var = column(mean), column(var)
    return column(weight) * (x - mean) / np.sqrt(var + eps) + column(bias)


def column(a):
    """(c,) as (c, 1, 1); others as they are."""
    return a[:, None, None] if np.ndim(a) == 1 else a


def statistics(x, running_mean, running_var, training):
    """(mean, var) that are used."""
    return (x.mean(PIXELS), x.var(PIXELS)) if training else (running_mean, running_var)


# -- y --


def with_axes(x, weight, bias, running_mean, running_var, eps, training, axes):
    """y, with the statistics in training taken over these axes."""
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return normalised(x, weight, bias, mean, var, eps)


for wrong_axes, hint in {
    (2, 3): "Mean and variance are those of each image by itself. In a batch normalisation they "
    "are those of a channel over all images of the batch.",
    (0,): "Each pixel has a mean and a variance of its own, over the images. A channel has one of "
    "each: they run over rows and columns, too.",
    (1, 2, 3): "Mean and variance are those of each image, over its channels. Each channel is "
    "normalised by itself, over all images.",
    (0, 1, 2, 3): "There is one mean and one variance for everything. Each channel is normalised "
    "by its own.",
    (1,): "Mean and variance run over the channels. Each channel is normalised by its own: which "
    "axes hold its values?",
}.items():
    FORWARD.mistake("y", hint, axes=[wrong_axes])(with_axes)


@FORWARD.mistake(
    "y",
    "Mean and variance lie along the wrong axis: an array (c,) beside one of shape (n, c, h, w) "
    "goes along the last axis. How many axes of length 1 does it need behind c?",
    affine=[True, False],
)
def along_columns(x, weight, bias, running_mean, running_var, eps, training, affine):
    mean, var = statistics(x, running_mean, running_var, training)
    xhat = (x - mean) / np.sqrt(var + eps)
    return column(weight) * xhat + column(bias) if affine else weight * xhat + bias


@FORWARD.mistake(
    "y",
    "Batch statistics are used in evaluation, too. There y must not depend on what else is in the "
    "batch: which mean and variance are left?",
)
def batch_in_evaluation(x, weight, bias, eps):
    return normalised(x, weight, bias, x.mean(PIXELS), x.var(PIXELS), eps)


@FORWARD.mistake(
    "y",
    "The running statistics are used in training, too. There the batch is normalised by its own "
    "mean and variance.",
)
def running_in_training(x, weight, bias, running_mean, running_var, eps):
    return normalised(x, weight, bias, running_mean, running_var, eps)


@FORWARD.mistake(
    "y",
    "In training, x is normalised by the running statistics after their update. The batch is "
    "normalised by its own mean and variance; the running ones are for evaluation.",
)
def updated_in_training(x, weight, bias, running_mean, running_var, eps, momentum, training):
    _, mean, var = forward(x, weight, bias, running_mean, running_var, eps, momentum, training)
    return normalised(x, weight, bias, mean, var, eps)


@FORWARD.mistake(
    "y",
    "x is normalised by the unbiased variance, Σ(x − μ)²/(m − 1). The batch is all there is here, "
    "and nothing is estimated: which m belongs in the formula for y?",
)
def unbiased_y(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    if training:
        var = x.var(PIXELS, ddof=1)
    return normalised(x, weight, bias, mean, var, eps)


@FORWARD.mistake("y", "eps stands outside the root. It is added to the variance, under the root.")
def eps_outside(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    return normalised(x, weight, bias, mean, (np.sqrt(var) + eps) ** 2, 0)


@FORWARD.mistake("y", "eps is missing. It keeps a channel whose values are all equal from 0/0.")
def no_eps(x, weight, bias, running_mean, running_var, training):
    mean, var = statistics(x, running_mean, running_var, training)
    return normalised(x, weight, bias, mean, var, 0)


@FORWARD.mistake("y", "You divide by the variance. To have variance 1, divide by its root.")
def by_variance(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    return normalised(x, weight, bias, mean, (var + eps) ** 2, 0)


@FORWARD.mistake("y", "The mean is not subtracted.")
def no_mean(x, weight, bias, running_mean, running_var, eps, training):
    _, var = statistics(x, running_mean, running_var, training)
    return normalised(x, weight, bias, 0, var, eps)


@FORWARD.mistake(
    "y",
    "The squares are added up and not divided by m: σ² is the mean of (x − μ)² over the channel.",
)
def variance_not_divided(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    m = x.size // x.shape[1] if training else 1
    return normalised(x, weight, bias, mean, var * m, eps)


@FORWARD.mistake("y", "γ and β are exchanged: weight multiplies x̂, and bias is added.")
def exchanged(x, weight, bias, running_mean, running_var, eps, training):
    mean, var = statistics(x, running_mean, running_var, training)
    return normalised(x, bias, weight, mean, var, eps)


@FORWARD.mistake("y", "γ and β are missing: x̂ is only half of the way to y.")
def no_affine(x, running_mean, running_var, eps, training):
    return normalised(x, 1, 0, *statistics(x, running_mean, running_var, training), eps)


@FORWARD.mistake("y", "β (bias) is missing.")
def no_beta(x, weight, running_mean, running_var, eps, training):
    return normalised(x, weight, 0, *statistics(x, running_mean, running_var, training), eps)


@FORWARD.mistake("y", "γ (weight) is missing.")
def no_gamma(x, bias, running_mean, running_var, eps, training):
    return normalised(x, 1, bias, *statistics(x, running_mean, running_var, training), eps)


# -- running statistics --

EXCHANGED = (
    "momentum and 1 − momentum are exchanged. Here momentum is the weight of the new batch, and "
    "0.1 means that nine tenths of the old value stay."
)
IN_EVALUATION = (
    "The running statistics move in evaluation, too. Then the test set would leak into the model, "
    "and the order of the test would matter: they stay as they are."
)
NOT_MOVED = "They stay as they came. In training they move towards the batch's, by momentum."


def move(old, new, momentum):
    return (1 - momentum) * old + momentum * new


@FORWARD.mistake("running_mean", EXCHANGED)
def mean_exchanged(x, running_mean, momentum, training):
    return move(x.mean(PIXELS), running_mean, momentum) if training else running_mean


@FORWARD.mistake("running_var", EXCHANGED)
def var_exchanged(x, running_var, momentum, training):
    return move(x.var(PIXELS, ddof=1), running_var, momentum) if training else running_var


@FORWARD.mistake("running_mean", IN_EVALUATION)
def mean_in_evaluation(x, running_mean, momentum):
    return move(running_mean, x.mean(PIXELS), momentum)


@FORWARD.mistake("running_var", IN_EVALUATION, ddof=[0, 1])
def var_in_evaluation(x, running_var, momentum, ddof):
    return move(running_var, x.var(PIXELS, ddof=ddof), momentum)


@FORWARD.mistake("running_mean", NOT_MOVED)
def mean_not_moved(running_mean):
    return running_mean


@FORWARD.mistake("running_var", NOT_MOVED)
def var_not_moved(running_var):
    return running_var


@FORWARD.mistake(
    "running_mean", "running_mean is the mean of this batch alone: it has to keep some of the past."
)
def mean_of_batch(x, running_mean, training):
    return x.mean(PIXELS) if training else running_mean


@FORWARD.mistake(
    "running_var",
    "running_var is the variance of this batch alone: it has to keep some of the past.",
    ddof=[0, 1],
)
def var_of_batch(x, running_var, training, ddof):
    return x.var(PIXELS, ddof=ddof) if training else running_var


@FORWARD.mistake(
    "running_var",
    "running_var follows the biased variance, Σ(x − μ)²/m. It is an estimate for all data, made "
    "from one batch: which divisor makes such an estimate right on average?",
)
def var_biased(x, running_var, momentum, training):
    return move(running_var, x.var(PIXELS), momentum) if training else running_var


@FORWARD.mistake(
    "running_var",
    "The variance is made unbiased with n/(n − 1), of the images alone. A channel has m = n·h·w "
    "values: Σ(x − μ)²/(m − 1).",
)
def var_of_n(x, running_var, momentum, training):
    n = len(x)
    with np.errstate(all="ignore"):
        var = x.var(PIXELS) * np.divide(n, n - 1)
    return move(running_var, var, momentum) if training else running_var


@FORWARD.mistake(
    "running_var",
    "running_var follows the sum of (x − μ)². It has to be divided by m − 1.",
)
def var_is_sum(x, running_var, momentum, training):
    total = x.var(PIXELS) * (x.size // x.shape[1])
    return move(running_var, total, momentum) if training else running_var


@FORWARD.mistake(
    "running_var",
    "running_var follows the standard deviation. It is a variance: no root.",
    ddof=[0, 1],
)
def var_is_std(x, running_var, momentum, training, ddof):
    return move(running_var, x.std(PIXELS, ddof=ddof), momentum) if training else running_var


# -- backward --


def parts(dy, x, running_mean, running_var, eps, training):
    """x̂ (n, c, h, w) and s (c,)."""
    mean, var = statistics(x, running_mean, running_var, training)
    s = np.sqrt(var + eps)
    return (x - column(mean)) / column(s), s


def dx_with(dy, x, weight, running_mean, running_var, eps, training, mean=1.0, xhat=1.0):
    """dx, with its two correction terms times these factors."""
    hat, s = parts(dy, x, running_mean, running_var, eps, training)
    if training:
        dmean = dy.mean(PIXELS, keepdims=True)
        dhat = (dy * hat).mean(PIXELS, keepdims=True)
        dy = dy - mean * dmean - xhat * hat * dhat
    return column(weight / s) * dy


@BACKWARD.mistake(
    "dx",
    "In training, dx treats mean and variance as constants. They are made of x: each x moves μ "
    "and σ, and through them every x̂ of its channel. Two terms are missing.",
)
def constants(dy, x, weight, running_mean, running_var, eps, training):
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, 0, 0)


@BACKWARD.mistake(
    "dx",
    "The term that comes through the mean is missing in dx: if one x grows, μ grows, and every x̂ "
    "of the channel falls.",
)
def no_mean_term(dy, x, weight, running_mean, running_var, eps, training):
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, 0, 1)


@BACKWARD.mistake(
    "dx",
    "The term that comes through the variance, the one with x̂, is missing in dx: an x far from "
    "the mean makes σ grow, and every x̂ of the channel smaller.",
)
def no_xhat_term(dy, x, weight, running_mean, running_var, eps, training):
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, 1, 0)


@BACKWARD.mistake(
    "dx",
    "In dx, a correction term is added that has to be subtracted.",
    signs=[(-1, 1), (1, -1), (-1, -1)],
)
def wrong_sign(dy, x, weight, running_mean, running_var, eps, training, signs):
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, *signs)


@BACKWARD.mistake(
    "dx",
    "The term through the variance is not quite right in dx: it is as if the factor 2 of the "
    "square were lost, or counted twice.",
    factor=[0.5, 2],
)
def factor_two(dy, x, weight, running_mean, running_var, eps, training, factor):
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, 1, factor)


@BACKWARD.mistake(
    "dx",
    "A sum stands in dx where a mean belongs: what becomes of the 1/m of μ and of σ²?",
    is_sum=[(1, 1), (1, 0), (0, 1)],
)
def sums(dy, x, weight, running_mean, running_var, eps, training, is_sum):
    m = x.size // x.shape[1]
    factors = (m if yes else 1 for yes in is_sum)
    return dx_with(dy, x, weight, running_mean, running_var, eps, training, *factors)


@BACKWARD.mistake(
    "dx",
    "This is the dx of one image at a time: the two sums in it run over the images of the batch, "
    "too.",
)
def image_by_image(dy, x, weight, running_mean, running_var, eps, training):
    hat, s = parts(dy, x, running_mean, running_var, eps, training)
    if training:
        axes = (2, 3)
        dhat = (dy * hat).mean(axes, keepdims=True)
        dy = dy - dy.mean(axes, keepdims=True) - hat * dhat
    return column(weight / s) * dy


@BACKWARD.mistake(
    "dx",
    "The 1/m of the formula counts wrongly. m is the number of values that μ and σ² are means of: "
    "all n·h·w of a channel. (A formula for rows, where m = n, does not fit images; and m − 1 "
    "belongs in running_var alone.)",
    is_n=[(True, True), (True, False), (False, False)],
)
def wrong_m(dy, x, weight, running_mean, running_var, eps, training, is_n):
    """dx of m·dy − Σdy − x̂·Σ(dy·x̂), over m, with another m in one place or in both."""
    if not training:
        return dx_with(dy, x, weight, running_mean, running_var, eps, training)
    hat, s = parts(dy, x, running_mean, running_var, eps, training)
    total, hat_total = (a.sum(PIXELS, keepdims=True) for a in (dy, dy * hat))
    m = x.size // x.shape[1]
    first, last = (len(x) if n else m for n in is_n)
    if is_n == (False, False):
        first = last = m - 1
    return column(weight / s) * (first * dy - total - hat * hat_total) / last


@BACKWARD.mistake(
    "dx", "eps is missing in dx. Forward divided by √(σ² + eps): the same root belongs here."
)
def dx_no_eps(dy, x, weight, running_mean, running_var, training):
    return dx_with(dy, x, weight, running_mean, running_var, 0.0, training)


@BACKWARD.mistake(
    "dx",
    "In training, dx is made with the running statistics. Forward normalised by those of the "
    "batch: x̂ and √(σ² + eps) have to be the same here.",
    terms=[True, False],
)
def dx_running(dy, x, weight, running_mean, running_var, eps, training, terms):
    hat, s = parts(dy, x, running_mean, running_var, eps, False)
    if training and terms:
        dhat = (dy * hat).mean(PIXELS, keepdims=True)
        dy = dy - dy.mean(PIXELS, keepdims=True) - hat * dhat
    return column(weight / s) * dy


@BACKWARD.mistake("dx", "γ stands twice in dx. It multiplies dy once: dx̂ = γ·dy.")
def dx_gamma_twice(dy, x, weight, running_mean, running_var, eps, training):
    return dx_with(dy, x, weight**2, running_mean, running_var, eps, training)


@BACKWARD.mistake("dx", "γ is missing in dx. y = γ·x̂ + β, so dx̂ is not dy.")
def dx_no_gamma(dy, x, running_mean, running_var, eps, training):
    return dx_with(dy, x, np.ones(x.shape[1]), running_mean, running_var, eps, training)


@BACKWARD.mistake(
    "dx", "dx lacks the division by √(σ² + ε): a wide channel moves x̂ less than a narrow one."
)
def dx_not_divided(dy, x, weight, running_mean, running_var, eps, training):
    _, s = parts(dy, x, running_mean, running_var, eps, training)
    return dx_with(dy, x, weight * s, running_mean, running_var, eps, training)


@BACKWARD.mistake("dx", "dx is divided by the variance. Which power of σ does x̂ hold?")
def dx_by_variance(dy, x, weight, running_mean, running_var, eps, training):
    _, s = parts(dy, x, running_mean, running_var, eps, training)
    return dx_with(dy, x, weight / s, running_mean, running_var, eps, training)


@BACKWARD.mistake(
    "dx",
    "In evaluation, mean and variance are constants, the running ones: dx has no terms that come "
    "through them there. Your backward does what is right in training.",
)
def dx_as_in_training(dy, x, weight, running_mean, running_var, eps):
    return dx_with(dy, x, weight, running_mean, running_var, eps, True)


@BACKWARD.mistake(
    "dx",
    "In evaluation, x̂ is made with the running statistics, and dx has no terms that come through "
    "them. Yours subtracts these terms there, too.",
)
def dx_terms_in_evaluation(dy, x, weight, running_mean, running_var, eps, training):
    hat, s = parts(dy, x, running_mean, running_var, eps, training)
    dhat = (dy * hat).mean(PIXELS, keepdims=True)
    return column(weight / s) * (dy - dy.mean(PIXELS, keepdims=True) - hat * dhat)


@BACKWARD.mistake(
    "dx",
    "In evaluation, dx is divided by the deviation of the batch. Which one did forward divide by?",
)
def dx_batch_deviation(dy, x, weight, running_mean, running_var, eps, training):
    if training:
        return dx_with(dy, x, weight, running_mean, running_var, eps, True)
    return column(weight / np.sqrt(x.var(PIXELS) + eps)) * dy


@BACKWARD.mistake("dweight", "dweight is made with x. γ is multiplied by x̂ in forward, not by x.")
def dweight_with_x(dy, x):
    return (dy * x).sum(PIXELS)


@BACKWARD.mistake("dweight", "dweight is made with x − μ, not yet divided by √(σ² + ε).")
def dweight_not_divided(dy, x, running_mean, running_var, training):
    mean, _ = statistics(x, running_mean, running_var, training)
    return (dy * (x - column(mean))).sum(PIXELS)


@BACKWARD.mistake("dweight", "This is dbias: dweight needs dy times what γ was multiplied by.")
def dweight_is_dbias(dy):
    return dy.sum(PIXELS)


@BACKWARD.mistake(
    "dweight", "In evaluation, dweight is made with the x̂ of the batch's own statistics."
)
def dweight_batch(dy, x, running_mean, running_var, eps):
    hat, _ = parts(dy, x, running_mean, running_var, eps, True)
    return (dy * hat).sum(PIXELS)


@BACKWARD.mistake(
    "dweight",
    "In training, dweight is made with the x̂ of the running statistics. Forward's x̂ came from the "
    "batch.",
)
def dweight_running(dy, x, running_mean, running_var, eps):
    hat, _ = parts(dy, x, running_mean, running_var, eps, False)
    return (dy * hat).sum(PIXELS)


@BACKWARD.mistake(
    "dweight", "eps is missing in dweight. Forward's x̂ has √(σ² + eps) below the line."
)
def dweight_no_eps(dy, x, running_mean, running_var, training):
    hat, _ = parts(dy, x, running_mean, running_var, 0.0, training)
    return (dy * hat).sum(PIXELS)


MEANS = (
    "It is a mean where a sum belongs. Each use of the parameter counts in full; the loss's "
    "own 1/n is in dy already."
)
ONE_SUM = (
    "A sum is missing. One parameter serves a whole channel: its gradient is summed over images, "
    "rows and columns."
)


@BACKWARD.mistake("dweight", MEANS, axes=[0, PIXELS])
def dweight_mean(dy, x, running_mean, running_var, eps, training, axes):
    hat, _ = parts(dy, x, running_mean, running_var, eps, training)
    return (dy * hat).mean(axes, keepdims=True).sum(PIXELS)


@BACKWARD.mistake("dbias", MEANS, axes=[0, PIXELS])
def dbias_mean(dy, axes):
    return dy.mean(axes, keepdims=True).sum(PIXELS)


@BACKWARD.mistake("dweight", ONE_SUM, axes=[0, (2, 3)])
def dweight_one_sum(dy, x, running_mean, running_var, eps, training, axes):
    hat, _ = parts(dy, x, running_mean, running_var, eps, training)
    return (dy * hat).sum(axes)


@BACKWARD.mistake("dbias", ONE_SUM, axes=[0, (2, 3)])
def dbias_one_sum(dy, axes):
    return dy.sum(axes)


EXERCISE = Exercise(
    "batchnorm2d", "BatchNorm: training, evaluation, and three ways back to x", [FORWARD, BACKWARD]
)
