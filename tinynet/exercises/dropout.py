"""Dropout: values set to 0 at random in training, the others made larger."""

import numpy as np

from .task import Case, Exercise, Task


def forward(x, uniform, p, training):
    return x * (uniform >= p) / (1 - p) if training else x.copy()


def backward(dy, uniform, p, training):
    return forward(dy, uniform, p, training)


def case(what, shape, p, training=True):
    rng = np.random.default_rng(int(100 * p) + sum(shape))
    x, dy = rng.standard_normal((2, *shape))
    return Case(what, dict(x=x, uniform=rng.random(shape), p=p, training=training, dy=dy))


def at_the_edge(what, p):
    """Some of the random numbers are p itself, and are not less than p."""
    edge = case(what, (3, 4), p)
    edge.arguments["uniform"][::2, ::2] = p
    return edge


CASES = [
    case("a few values", (6,), 0.3),
    case("rows", (4, 5), 0.4),
    case("much is dropped", (5, 4), 0.8),
    case("images", (2, 3, 4, 5), 0.15),
    case("nothing is dropped", (3, 4), 0.0),
    at_the_edge("exactly p, kept", 0.5),
    at_the_edge("exactly 0, with p = 0, kept", 0.0),
    case("evaluation", (4, 5), 0.4, training=False),
    case("evaluation, images", (2, 3, 2, 4), 0.7, training=False),
]
REGIONS = {
    "in evaluation": lambda training: not training,
    "where a value is dropped": lambda uniform, p, training: (uniform < p) & training,
    "where a value is kept": lambda uniform, p, training: (uniform >= p) & training,
    "in training": lambda training: training,
}

FORWARD = Task(forward, "y", CASES, regions={"y": REGIONS})
BACKWARD = Task(backward, "dx", CASES, regions={"dx": REGIONS})

NOT_SCALED = (
    "What is kept is not made larger by 1 / (1 − p): in training a part is missing, and the mean "
    "is smaller than in evaluation."
)
TIMES_KEPT = "What is kept is multiplied by 1 − p, where it has to be divided by it."
OVER_P = "What is kept is divided by p. It is kept with the probability 1 − p."
OTHER_SIDE = (
    "What has to be dropped is kept, and the other way round: a value is dropped where uniform < p."
)
LESS_OR_EQUAL = (
    "This is right but where uniform is p itself, which is not less than p: such a value is kept. "
    "Which comparison do you make?"
)
PROBABILITY_TO_KEEP = (
    "p is taken as the probability to keep: x / p where uniform < p. Here it is the probability "
    "that a value is dropped."
)
IN_EVALUATION = "Values are dropped in evaluation, too. There nothing is: look at training."
SCALED_IN_EVALUATION = (
    "In evaluation there is a factor. The 1 / (1 − p) of training makes it needless: all values "
    "pass as they are."
)


def dropped(a, uniform, p, training, factor, side=1):
    """a in evaluation; in training a times a factor where it is kept."""
    kept = side * (uniform - p) >= 0
    return a * kept * factor if training else a


@FORWARD.mistake("y", NOT_SCALED)
def not_scaled(x, uniform, p, training):
    return dropped(x, uniform, p, training, 1)


@BACKWARD.mistake("dx", NOT_SCALED)
def dx_not_scaled(dy, uniform, p, training):
    return dropped(dy, uniform, p, training, 1)


@FORWARD.mistake("y", TIMES_KEPT)
def times_kept(x, uniform, p, training):
    return dropped(x, uniform, p, training, 1 - p)


@BACKWARD.mistake("dx", TIMES_KEPT)
def dx_times_kept(dy, uniform, p, training):
    return dropped(dy, uniform, p, training, 1 - p)


@FORWARD.mistake("y", OVER_P)
def over_p(x, uniform, p, training):
    return dropped(x, uniform, p, training, np.divide(1, p))


@BACKWARD.mistake("dx", OVER_P)
def dx_over_p(dy, uniform, p, training):
    return dropped(dy, uniform, p, training, np.divide(1, p))


@FORWARD.mistake("y", OTHER_SIDE)
def other_side(x, uniform, p, training):
    return dropped(x, uniform, p, training, 1 / (1 - p), side=-1)


@BACKWARD.mistake("dx", OTHER_SIDE)
def dx_other_side(dy, uniform, p, training):
    return dropped(dy, uniform, p, training, 1 / (1 - p), side=-1)


def dropped_at_p(a, uniform, p, training):
    return a * (uniform > p) / (1 - p) if training else a


@FORWARD.mistake("y", LESS_OR_EQUAL)
def less_or_equal(x, uniform, p, training):
    return dropped_at_p(x, uniform, p, training)


@BACKWARD.mistake("dx", LESS_OR_EQUAL)
def dx_less_or_equal(dy, uniform, p, training):
    return dropped_at_p(dy, uniform, p, training)


@FORWARD.mistake("y", PROBABILITY_TO_KEEP)
def probability_to_keep(x, uniform, p, training):
    return np.where(uniform < p, np.divide(x, p), 0) if training else x


@BACKWARD.mistake("dx", PROBABILITY_TO_KEEP)
def dx_probability_to_keep(dy, uniform, p, training):
    return probability_to_keep(dy, uniform, p, training)


@FORWARD.mistake("y", IN_EVALUATION)
def in_evaluation(x, uniform, p):
    return dropped(x, uniform, p, True, 1 / (1 - p))


@BACKWARD.mistake("dx", IN_EVALUATION)
def dx_in_evaluation(dy, uniform, p):
    return dropped(dy, uniform, p, True, 1 / (1 - p))


@FORWARD.mistake("y", SCALED_IN_EVALUATION)
def scaled_in_evaluation(x, uniform, p, training):
    return dropped(x, uniform, p, training, 1 / (1 - p)) * (1 if training else 1 - p)


@FORWARD.mistake(
    "y",
    "This is dropout as it was first written: nothing is scaled in training, and y = (1 − p)·x in "
    "evaluation. Here the factor stands in training, so that evaluation needs none.",
)
def first_form(x, uniform, p, training):
    return dropped(x, uniform, p, training, 1) * (1 if training else 1 - p)


@BACKWARD.mistake(
    "dx",
    "dy comes through unchanged. Where x was dropped, y does not move with it: dx has to be 0.",
)
def unchanged(dy):
    return dy


@BACKWARD.mistake("dx", "Everything passes, with the factor. Where x was dropped, dx has to be 0.")
def all_scaled(dy, p, training):
    return dy / (1 - p) if training else dy


@BACKWARD.mistake("dx", "This is the factor of each x. The chain rule multiplies it by dy.")
def without_dy(uniform, p, training):
    return dropped(np.ones_like(uniform), uniform, p, training, 1 / (1 - p))


EXERCISE = Exercise("dropout", "Dropout: a part of the values, made larger", [FORWARD, BACKWARD])
