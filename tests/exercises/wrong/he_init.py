"""Wrong answers to the exercise he_init."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


@wrong("fan_in", "counts the outputs")
def fan_in_outputs(shape):
    return shape[0]


@wrong("fan_in", "This is the fan_out")
def fan_in_outputs_and_kernel(shape):
    return shape[0] * np.prod(shape[2:], dtype=int)


@wrong("fan_in", "This is the fan_out")
def fan_in_first_three_axes(shape):
    return shape[0] * shape[2] * shape[3] if len(shape) > 2 else shape[1]


@wrong("fan_in", "All weights are counted")
def fan_in_everything(shape):
    return np.prod(shape)


@wrong("fan_in", "The kernel is not counted")
def fan_in_channels(shape):
    return shape[1]


@wrong("fan_in", "The channels are not counted")
def fan_in_kernel(shape):
    return np.prod(shape[2:]) if len(shape) > 2 else shape[1]


@wrong("init", "counts the outputs")
def init_outputs(z):
    return z * np.sqrt(2 / (z.shape[0]))


@wrong("init", "This is the fan_out")
def init_outputs_and_kernel(z):
    return z * np.sqrt(2 / fan_in_outputs_and_kernel(z.shape))


@wrong("init", "This is the fan_out")
def init_first_three_axes(z):
    return z * np.sqrt(2 / fan_in_first_three_axes(z.shape))


@wrong("init", "All weights are counted")
def init_everything(z):
    return z * np.sqrt(2 / (np.prod(z.shape)))


@wrong("init", "The kernel is not counted")
def init_channels(z):
    return z * np.sqrt(2 / (z.shape[1]))


@wrong("init", "The channels are not counted")
def init_kernel(z):
    return z * np.sqrt(2 / (np.prod(z.shape[2:]) if len(z.shape) > 2 else z.shape[1]))


@wrong("fan_in", "outputs are added to the inputs")
def both(shape):
    o, *rest = shape
    return o + np.prod(rest)


@wrong("init", "suits layers without a ReLU")
def one(z):
    return z / np.sqrt(z[0].size)


@wrong("init", "where is the root?")
def variance(z):
    return 2 * z / z[0].size


@wrong("init", "This is Xavier's")
def glorot(z):
    return z * np.sqrt(2.0 / (len(z) + z[0].size))


@wrong("init", "upside down")
def turned(z):
    return z / np.sqrt(2 / z[0].size)


@wrong("init", "Only the fan_in stands below the root")
def two_beside_the_root(z):
    return 2 / np.sqrt(z[0].size) * z


@wrong("init", "It writes to its argument z")
def in_place(z):
    z *= np.sqrt(2 / z[0].size)
    return z


@wrong("init", "float32, and it is float64")
def a_numpy_number(z):
    return z * np.sqrt(np.float64(2 / z[0].size))


@wrong("init", "This is Xavier's")
def init_glorot_with_the_kernel(z):
    return z * np.sqrt(2 / (np.prod(z.shape[1:]) + z.shape[0] * np.prod(z.shape[2:])))
