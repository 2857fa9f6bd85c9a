"""He initialisation: weights of such a size that ReLU layers keep the size of what passes."""

import math

import numpy as np

from .task import Case, Exercise, Task


def fan_in(shape):
    return math.prod(shape[1:])


def init(z):
    return z * math.sqrt(2 / math.prod(z.shape[1:]))


def case(what, *shape):
    return Case(what, {"shape": shape, "z": np.random.default_rng(sum(shape)).normal(size=shape)})


CASES = [
    case("a linear layer", 3, 8),
    case("a linear layer, more outputs than inputs", 7, 5),
    case("a convolution of one channel", 3, 1, 3, 3),
    case("a convolution of several channels", 2, 4, 3, 3),
    case("a convolution, a kernel that is not square", 5, 2, 3, 1),
    case("a convolution, 1 × 1", 4, 6, 1, 1),
]
SHAPES = {
    "in linear layers": lambda z: z.ndim == 2,
    "in convolutions": lambda z: z.ndim == 4,
}

FAN_IN = Task(fan_in, "fan_in", CASES, regions={"fan_in": SHAPES})
INIT = Task(init, "weight", CASES, regions={"weight": SHAPES})

FAN_OUT = (
    "This counts the outputs (fan_out). shape begins with the outputs, o: what is behind it is "
    "added up for one of them."
)
FAN_OUT_OF_IT = (
    "This is the fan_out: how many outputs one input has a part in. The shape of a convolution is "
    "(o, c, kh, kw): which of these are added up for one output pixel?"
)
ALL = (
    "All weights are counted. One output reads those of its own row, or of its own filter: how "
    "many are they?"
)
CHANNELS_ALONE = (
    "The kernel is not counted. An output pixel of a convolution is a sum over a patch of kh·kw "
    "pixels, in each channel."
)
KERNEL_ALONE = (
    "The channels are not counted. An output pixel of a convolution is a sum over the patch of "
    "all c channels."
)


def outputs(shape):
    return shape[0]


def fan_out(shape):
    return shape[0] * math.prod(shape[2:])


def fan_out_of_convolutions(shape):
    return fan_out(shape) if len(shape) == 4 else shape[1]


def all_weights(shape):
    return math.prod(shape)


def channels_alone(shape):
    return shape[1]


def kernel_alone(shape):
    return math.prod(shape[2:]) if len(shape) == 4 else shape[1]


def weights_with(count):
    """The weights that a wrong fan_in makes."""
    return lambda z: z * math.sqrt(2 / count(z.shape))


for hint, count in (
    (FAN_OUT, outputs),
    (FAN_OUT_OF_IT, fan_out),
    (FAN_OUT_OF_IT, fan_out_of_convolutions),
    (ALL, all_weights),
    (CHANNELS_ALONE, channels_alone),
    (KERNEL_ALONE, kernel_alone),
):
    FAN_IN.mistake("fan_in", hint)(count)
    INIT.mistake("weight", hint)(weights_with(count))


@FAN_IN.mistake("fan_in", "The outputs are added to the inputs: this is for the mean of both.")
def in_and_out(shape):
    return math.prod(shape[1:]) + shape[0]


@INIT.mistake(
    "weight",
    "The standard deviation is √(1 / fan_in), which suits layers without a ReLU. A ReLU lets half "
    "of the variance pass: what makes up for it?",
)
def without_two(z):
    return z * math.sqrt(1 / math.prod(z.shape[1:]))


@INIT.mistake(
    "weight",
    "z is multiplied by the variance, 2 / fan_in. A factor k makes a standard deviation of k: "
    "where is the root?",
)
def without_root(z):
    return z * 2 / math.prod(z.shape[1:])


@INIT.mistake(
    "weight",
    "This is Xavier's (Glorot's) size, √(2 / (fan_in + fan_out)). He's counts the inputs alone.",
    kernel=[True, False],
)
def xavier(z, kernel):
    """kernel: whether fan_out counts the pixels of the kernel, too."""
    outputs = z.shape[0] * (math.prod(z.shape[2:]) if kernel else 1)
    return z * math.sqrt(2 / (math.prod(z.shape[1:]) + outputs))


@INIT.mistake("weight", "The factor is upside down: more inputs need smaller weights.")
def upside_down(z):
    return z * math.sqrt(math.prod(z.shape[1:]) / 2)


@INIT.mistake("weight", "Only the fan_in stands below the root: it has to hold the 2 as well.")
def two_outside(z):
    return z * 2 / math.sqrt(math.prod(z.shape[1:]))


EXERCISE = Exercise("he_init", "He initialisation: how large weights begin", [FAN_IN, INIT])
