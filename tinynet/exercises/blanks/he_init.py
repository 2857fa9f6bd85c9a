"""Exercise: He initialisation, the size of the first weights before a ReLU.

Check your answer with

    python -m tinynet.exercise he_init

Arrays come in float64 and in float32; what you return has the same dtype.
"""

import numpy as np


def fan_in(shape):
    """How many numbers are added up for one output, with weights of this shape.

    shape: (o, i) of a fully connected layer, or (o, c, kh, kw) of a convolution, where an output
    pixel is a sum over a patch of all c channels. Returns fan_in, one whole number.

    For example, shape (10, 784) gives 784.
    """
    raise NotImplementedError


def init(z):
    """The first weights: normal numbers with mean 0 and standard deviation √(2 / fan_in).

    z: standard normal numbers (mean 0, standard deviation 1), in the shape of the weights, (o, i)
    or (o, c, kh, kw). Returns weight: of the same shape and dtype.

    In a real network z comes from a random generator. Here it is given, so that the right answer
    is one.
    """
    raise NotImplementedError
