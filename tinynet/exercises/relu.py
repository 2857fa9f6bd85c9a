"""ReLU: y = max(x, 0)."""

import numpy as np

from ..layers import ReLU
from .task import Case, Exercise, Task


def forward(x):
    return ReLU().forward(x)


def backward(dy, x):
    layer = ReLU()
    layer.forward(x)
    return layer.backward(dy)


def case(what, x, seed):
    x = np.array(x, np.float64)
    dy = np.random.default_rng(seed).standard_normal(x.shape)
    return Case(what, {"x": x, "dy": dy})


CASES = [
    case("a few values", [-2.0, -0.5, 0.3, 1.5, 3.0], 1),
    case("with zeros", [0.0, -1.0, 0.0, 2.0, 0.0, 0.7], 2),
    case("rows", np.random.default_rng(3).standard_normal((4, 3)), 4),
    case("images", np.random.default_rng(5).standard_normal((2, 3, 4, 5)), 6),
]

PARTS = {
    "where x < 0": lambda x: x < 0,
    "where x = 0": lambda x: x == 0,
    "where x > 0": lambda x: x > 0,
}

FORWARD = Task(forward, "y", CASES, regions={"y": PARTS})
BACKWARD = Task(backward, "dx", CASES, regions={"dx": PARTS})


@FORWARD.mistake("y", "You keep the negative values and stop the positive ones.")
def keeps_negative(x):
    return np.minimum(x, 0)


@FORWARD.mistake(
    "y", "Negative values come out positive. They have to become 0, not lose their sign."
)
def absolute(x):
    return np.abs(x)


@FORWARD.mistake(
    "y",
    "Negative values still pass, made smaller: that is a leaky ReLU. Here they have to become 0.",
    slope=[0.01, 0.1, 0.2, 0.3],
)
def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


@FORWARD.mistake(
    "y", "This says which values are positive, with 1 and 0. The values themselves pass."
)
def step(x):
    return x > 0


@BACKWARD.mistake(
    "dx",
    "This is right but for x = 0. There ReLU has no derivative; the convention is that dx = 0. "
    "Look at the comparison: is x = 0 on the side that passes?",
)
def passes_at_zero(dy, x):
    return np.where(x >= 0, dy, 0)


@BACKWARD.mistake(
    "dx",
    "This is the slope of ReLU. The chain rule needs it multiplied by what comes from above: where "
    "is dy?",
)
def slope_alone(x):
    return x > 0


@BACKWARD.mistake(
    "dx",
    "You stop dy where dy is negative. A gradient may be negative; what decides whether it "
    "passes is the x that forward saw.",
)
def looks_at_dy(dy):
    return np.maximum(dy, 0)


@BACKWARD.mistake("dx", "dy comes through unchanged. Where y does not move with x, dx has to be 0.")
def unchanged(dy):
    return dy


@BACKWARD.mistake(
    "dx", "You multiply dy by y. What is the derivative of max(x, 0) where x > 0: x, or 1?"
)
def times_y(dy, x):
    return dy * np.maximum(x, 0)


@BACKWARD.mistake("dx", "dy passes where x is negative and is stopped where x is positive.")
def other_side(dy, x):
    return np.where(x < 0, dy, 0)


EXERCISE = Exercise("relu", "ReLU: what a kink does to a gradient", [FORWARD, BACKWARD])
