"""The fully connected layer: y = x @ Wᵀ + b."""

import numpy as np

from ..layers import Linear
from .task import Case, Exercise, Task


def forward(x, weight, bias):
    return layer(weight, bias).forward(x)


def backward(dy, x, weight):
    linear = layer(weight, np.zeros(len(weight), weight.dtype))
    linear.forward(x)
    dx = linear.backward(dy)
    return dx, linear.weight.grad, linear.bias.grad


def layer(weight, bias):
    linear = Linear(weight.shape[1], weight.shape[0], rng=0)
    linear.weight.data, linear.bias.data = weight, bias
    return linear


def case(what, n, i, o):
    rng = np.random.default_rng(n + 10 * i + 100 * o)
    arrays = {"x": (n, i), "weight": (o, i), "bias": (o,), "dy": (n, o)}
    return Case(what, {name: rng.standard_normal(shape) for name, shape in arrays.items()})


CASES = [
    case("as many outputs as inputs", 4, 3, 3),
    case("as many rows as inputs and outputs", 3, 3, 3),
    case("more inputs than outputs", 3, 5, 2),
    case("more outputs than inputs", 2, 4, 7),
    case("one row", 1, 5, 3),
]
AXES = {"x": "n i", "weight": "o i", "bias": "o", "y": "n o"}
AXES |= {"dy": "n o", "dx": "n i", "dweight": "o i", "dbias": "o"}

FORWARD = Task(forward, "y", CASES, AXES)
BACKWARD = Task(backward, "dx dweight dbias", CASES, AXES)


@FORWARD.mistake("y", "The bias is missing.")
def no_bias(x, weight):
    return x @ weight.T


@FORWARD.mistake(
    "y",
    "weight has a row for each output, (o, i). Which of its axes has to meet the inputs of x in "
    "the product? Write down the shapes beside the @.",
)
def not_transposed(x, weight, bias):
    return x @ weight + bias


@FORWARD.mistake("y", "The bias lies along the wrong axis: b[o] belongs to column o, of every row.")
def bias_down_the_rows(x, weight, bias):
    return x @ weight.T + bias[:, None]


@FORWARD.mistake("y", "The bias is subtracted.")
def minus_bias(x, weight, bias):
    return x @ weight.T - bias


@FORWARD.mistake(
    "y",
    "The bias is added once for each input. It belongs to the output, once: does it stand inside "
    "the loop over i?",
)
def bias_for_each_input(x, weight, bias):
    return x @ weight.T + x.shape[1] * bias


@BACKWARD.mistake(
    "dx",
    "In y = x @ Wᵀ the weights stand transposed. Do they in dx, too? The shapes (n, o) and (o, i) "
    "tell.",
)
def dx_transposed(dy, weight):
    return dy @ weight.T


@BACKWARD.mistake(
    "dweight",
    "dweight is transposed. Its shape is that of weight, (o, i): which of dy and x stands first, "
    "and which of them transposed?",
)
def dweight_transposed(dy, x):
    return x.T @ dy


@BACKWARD.mistake(
    "dweight",
    "dweight is divided by the number of rows. The loss has its own 1/n, and dy holds it already: "
    "a layer adds up what the rows give.",
)
def dweight_mean(dy, x):
    return dy.T @ x / len(x)


@BACKWARD.mistake(
    "dweight",
    "This is the dweight of the last row alone. Every row has its part: in your loop over them, do "
    "you add?",
)
def dweight_of_last_row(dy, x):
    return np.outer(dy[-1], x[-1])


@BACKWARD.mistake(
    "dbias",
    "dbias lacks the sum over the batch: the same b[o] is added in each row, so each row has its "
    "part in its gradient.",
)
def dbias_not_summed(dy):
    return dy


@BACKWARD.mistake(
    "dbias",
    "dbias is a mean over the rows. The loss has its own 1/n, and dy holds it already: how do "
    "several uses of one b[o] go together, in a mean or in a sum?",
)
def dbias_mean(dy):
    return dy.mean(0)


@BACKWARD.mistake(
    "dbias",
    "dbias is summed over the outputs, and one number is left for each row. There is one bias for "
    "each output: which axis of dy (n, o) has to go?",
)
def dbias_over_outputs(dy):
    return dy.sum(1)


@BACKWARD.mistake(
    "dbias",
    "This counts the rows. In each of them b[o] has the factor 1, which the chain rule multiplies "
    "by dy[n, o].",
)
def dbias_counts(dy):
    return np.full(dy.shape[1], len(dy))


EXERCISE = Exercise("linear", "Linear: three gradients of one matrix product", [FORWARD, BACKWARD])
