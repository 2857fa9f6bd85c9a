"""Exercise: batch normalisation of images, in training and in evaluation.

Check your answer with

    python -m tinynet.exercise batchnorm2d

The longest of the exercises: write forward first, and check it; then dweight and dbias; then dx.

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def forward(x, weight, bias, running_mean, running_var, eps, momentum, training):
    """y = γ·x̂ + β with x̂ = (x − μ) / √(σ² + eps), channel by channel.

    In training, μ and σ² are mean and variance of the m = n·h·w values that a channel has in this
    batch: μ = Σx / m and σ² = Σ(x − μ)² / m. The running statistics move towards them:

        running_mean ← (1 − momentum) · running_mean + momentum · μ
        running_var  ← (1 − momentum) · running_var  + momentum · Σ(x − μ)² / (m − 1)

    In evaluation, μ and σ² are the running statistics, which stay as they are.

    x: (n, c, h, w). weight (γ), bias (β), running_mean, running_var: (c,). eps, momentum:
    numbers. training: True or False.
    Returns (y, running_mean, running_var): (n, c, h, w), (c,), (c,). None of the arguments is
    written to.
    """
    raise NotImplementedError


def backward(dy, x, weight, running_mean, running_var, eps, training):
    """The gradients of the loss L with respect to x, γ and β, from dy = dL/dy.

    dy: (n, c, h, w). The others as forward had them (the running statistics before they moved).
    Returns (dx, dweight, dbias): (n, c, h, w), (c,), (c,).

    In training, one x reaches its channel's y three ways: directly, through μ, and through σ².
    Add up the three. In evaluation μ and σ² are constants: which of the three ways is left?
    """
    raise NotImplementedError
