"""Softmax and cross-entropy: from logits to one number."""

import numpy as np

from ..loss import CrossEntropyLoss
from .task import Case, Exercise, Task


def forward(logits, labels):
    return CrossEntropyLoss().forward(logits, labels)


def backward(logits, labels):
    loss = CrossEntropyLoss()
    loss.forward(logits, labels)
    return loss.backward()


def drawn(what, n, k):
    rng = np.random.default_rng(n + 10 * k)
    return Case(what, {"logits": rng.standard_normal((n, k)), "labels": rng.integers(0, k, n)})


def given(what, logits, labels, tolerance=1e-4):
    hint = "log(Σ e^z) is needed for logits of any size; what may be subtracted from a whole row?"
    arguments = {"logits": np.array(logits), "labels": np.array(labels)}
    return Case(what, arguments, hint, tolerance)


CASES = [
    drawn("several rows", 4, 3),
    drawn("one row", 1, 3),
    drawn("ten classes", 6, 10),
    drawn("as many rows as classes", 5, 5),
    given("large logits", [[1000.0, 0.0], [0.0, 2.0], [-800.0, 0.0]], [1, 0, 0]),
    given(  # log Σ e^z is about 1000 in it, and has no digits in float32 for a loss of 1e-5;
        # and so far above the row's mean that e^z overflows if the mean is subtracted
        "large logits, the loss near 0",
        [[1000.0, 990.0, *[0.0] * 6], [2.0, 900.0, 880.0, *[0.0] * 5]],
        [0, 1],
        tolerance=0.1,
    ),
    given("rows of very different size", [[1000.0, 1001.0], [-1000.0, -1002.0]], [0, 1]),
]
AXES = {"logits": "n k", "labels": "n", "dlogits": "n k"}

FORWARD = Task(forward, "loss", CASES, AXES)
BACKWARD = Task(
    backward,
    "dlogits",
    CASES,
    AXES,
    regions={
        "dlogits": {"in the columns of the labels": lambda logits, labels: at(logits, labels)}
    },
)


def at(logits, labels):
    return np.arange(logits.shape[1]) == labels[:, None]


def picked(a, labels):
    """a[n, labels[n]] of each row."""
    return a[np.arange(len(a)), labels]


def softmax(z, axis=1):
    """Without the maximum subtracted."""
    return np.exp(z) / np.exp(z).sum(axis, keepdims=True)


def softmax_over_max(z, axis=None):
    """With a maximum subtracted: by default the one of the whole array."""
    return softmax(z - z.max(axis, keepdims=True))


def log_softmax(z, axis=1):
    z = z - z.max(axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))


OVERFLOW = (
    "The formula is right, but e^z overflows for large logits (e^1000 is ∞). softmax stays the "
    "same if one number is subtracted from all logits of a row: which one makes every exponent ≤ "
    "0?"
)
UNDERFLOW = (
    "The formula is right, but the probability of an improbable label underflows to 0, whose "
    "logarithm is −∞. Do not go by way of the probability: write log p with the logits, "
    "z − log Σ e^z, and simplify before computing."
)
ONE_MAXIMUM = (
    "This is right but for rows of very different size. You subtract the maximum of the whole "
    "array, and in a row far below it every e^z underflows to 0. Each row needs its own maximum."
)
WRONG_AXIS = (
    "The softmax runs down the columns, over the batch. The classes of one image share the "
    "probability 1: which axis holds them?"
)


@FORWARD.mistake("loss", OVERFLOW)
def loss_overflows(logits, labels):
    return -np.log(picked(softmax(logits), labels)).mean()


@FORWARD.mistake("loss", OVERFLOW)
def loss_overflows_in_the_sum(logits, labels):
    return (np.log(np.exp(logits).sum(1)) - picked(logits, labels)).mean()


@FORWARD.mistake("loss", ONE_MAXIMUM)
def loss_one_maximum(logits, labels):
    shifted = logits - logits.max()
    return (np.log(np.exp(shifted).sum(1)) - picked(shifted, labels)).mean()


@FORWARD.mistake("loss", UNDERFLOW)
def loss_underflows(logits, labels):
    return -np.log(picked(softmax_over_max(logits, 1), labels)).mean()


@FORWARD.mistake(
    "loss",
    "You subtract the mean of the row. softmax allows it, but e^z still overflows where one logit "
    "stands far above the mean: which number of the row makes every exponent ≤ 0?",
)
def loss_minus_mean(logits, labels):
    z = logits - logits.mean(1, keepdims=True)
    return (np.log(np.exp(z).sum(1)) - picked(z, labels)).mean()


@FORWARD.mistake(
    "loss",
    "The maximum is subtracted in Σ e^z and not in the logit of the label. Both have to be "
    "shifted, or the maximum added again behind the logarithm.",
)
def loss_half_shifted(logits, labels):
    z = logits - logits.max(1, keepdims=True)
    return (np.log(np.exp(z).sum(1)) - picked(logits, labels)).mean()


@FORWARD.mistake(
    "loss",
    "−log p is averaged over all classes. Only the class of the label counts: n terms, and their "
    "mean.",
)
def loss_mean_of_all_classes(logits):
    return -log_softmax(logits).mean()


HIDDEN = (
    "Something small is added to p, or p is clipped, before the logarithm. That hides the −∞ of an "
    "improbable label and gives a loss that is too small there: it has to grow as z does. Write "
    "log p with the logits instead, z − log Σ e^z."
)


TINY = [*(10.0**-k for k in range(5, 21)), 1e-30, 1e-100, 1e-300]
TINY += [float(np.finfo(dtype).eps) for dtype in (np.float32, np.float64)]


@FORWARD.mistake("loss", HIDDEN, tiny=TINY)
def loss_of_p_plus_tiny(logits, labels, tiny):
    return -np.log(picked(softmax_over_max(logits, 1), labels) + tiny).mean()


@FORWARD.mistake("loss", HIDDEN, tiny=TINY)
def loss_of_p_at_least_tiny(logits, labels, tiny):
    return -np.log(np.maximum(picked(softmax_over_max(logits, 1), labels), tiny)).mean()


@FORWARD.mistake("loss", HIDDEN, tiny=TINY)
def loss_of_clipped_p(logits, labels, tiny):
    return -np.log(np.clip(picked(softmax_over_max(logits, 1), labels), tiny, 1 - tiny)).mean()


@FORWARD.mistake("loss", "The loss of the rows is added up. It has to be their mean.")
def loss_sum(logits, labels):
    return -picked(log_softmax(logits), labels).sum()


WHOLE_ARRAY = (
    "The sum of the softmax runs over the whole array. Each row has probabilities of its own, "
    "which add up to 1: over which axis?"
)


@FORWARD.mistake("loss", WHOLE_ARRAY)
def loss_whole_array(logits, labels):
    return -np.log(picked(softmax(logits, None), labels)).mean()


@FORWARD.mistake("loss", WHOLE_ARRAY)
def loss_whole_array_over_max(logits, labels):
    z = logits - logits.max()
    return (np.log(np.exp(z).sum()) - picked(z, labels)).mean()


@FORWARD.mistake("loss", "There is a loss for each row. The mean over them is missing.")
def loss_of_each_row(logits, labels):
    return -picked(log_softmax(logits), labels)


@FORWARD.mistake(
    "loss",
    "The mean runs over all n·k entries. Only one of each row counts, so there are n to divide by.",
)
def loss_mean_of_everything(logits, labels):
    return -picked(log_softmax(logits), labels).sum() / logits.size


@FORWARD.mistake("loss", "The sign is wrong: log p is negative, and a loss has to be positive.")
def loss_sign(logits, labels):
    return picked(log_softmax(logits), labels).mean()


@FORWARD.mistake("loss", WRONG_AXIS)
def loss_wrong_axis(logits, labels):
    return -picked(log_softmax(logits, 0), labels).mean()


@FORWARD.mistake("loss", WRONG_AXIS)
def loss_wrong_axis_overflows(logits, labels):
    return -np.log(picked(softmax(logits, 0), labels)).mean()


@FORWARD.mistake(
    "loss", "The logarithm is missing: this is the mean probability of the labels.", sign=[1, -1]
)
def loss_no_log(logits, labels, sign):
    return sign * picked(np.exp(log_softmax(logits)), labels).mean()


@FORWARD.mistake(
    "loss",
    "This is the logarithm to another base. The loss is the natural one, np.log.",
    base=[2, 10],
)
def loss_other_base(logits, labels, base):
    return -picked(log_softmax(logits), labels).mean() / np.log(base)


@FORWARD.mistake(
    "loss", "All classes are added up. Only the one of the label counts, where q is 1."
)
def loss_of_all_classes(logits):
    return -log_softmax(logits).sum() / len(logits)


@FORWARD.mistake(
    "loss",
    "The other classes count, too, with −log(1 − p), as for yes-or-no questions (binary "
    "cross-entropy). After a softmax only the label's own −log p does.",
)
def loss_binary(logits, labels):
    p = np.exp(log_softmax(logits))
    return -np.log(np.where(at(logits, labels), p, 1 - p)).sum(1).mean()


def gradient(p, labels):
    return (p - at(p, labels)) / len(p)


@BACKWARD.mistake("dlogits", OVERFLOW)
def gradient_overflows(logits, labels):
    return gradient(softmax(logits), labels)


@BACKWARD.mistake("dlogits", ONE_MAXIMUM)
def gradient_one_maximum(logits, labels):
    return gradient(softmax_over_max(logits), labels)


@BACKWARD.mistake(
    "dlogits",
    "The 1/n is missing: the loss is a mean over the n rows, so each of them moves it by 1/n of "
    "its own loss.",
)
def gradient_of_the_sum(logits, labels):
    return gradient(np.exp(log_softmax(logits)), labels) * len(logits)


@BACKWARD.mistake(
    "dlogits",
    "It is divided by n twice. One 1/n belongs to the mean over the rows; where does the other "
    "come from?",
)
def divided_twice(logits, labels):
    return gradient(np.exp(log_softmax(logits)), labels) / len(logits)


@BACKWARD.mistake("dlogits", "It is divided by n·k. The loss is a mean over the n rows alone.")
def divided_by_size(logits, labels):
    return gradient(np.exp(log_softmax(logits)), labels) / logits.shape[1]


@BACKWARD.mistake(
    "dlogits",
    "The sign is wrong. A larger logit at the label makes the loss smaller, so the gradient is "
    "negative there.",
)
def gradient_sign(logits, labels):
    return -gradient(np.exp(log_softmax(logits)), labels)


@BACKWARD.mistake(
    "dlogits",
    "These are the probabilities, divided by n. The loss also holds −z at the label: what does "
    "that give?",
)
def probabilities(logits):
    return np.exp(log_softmax(logits)) / len(logits)


@BACKWARD.mistake(
    "dlogits",
    "1 is subtracted in the columns of all labels, in every row (as p[:, labels] does). Each row "
    "has one label of its own: the rows need an index, too.",
)
def columns_of_all_labels(logits, labels):
    p = np.exp(log_softmax(logits))
    p[:, labels] -= 1
    return p / len(p)


@BACKWARD.mistake(
    "dlogits",
    "The label's number is subtracted from all of its row. A label says which column it is: 1 is "
    "subtracted there, 0 elsewhere.",
)
def minus_the_number(logits, labels):
    return (np.exp(log_softmax(logits)) - labels[:, None]) / len(logits)


@BACKWARD.mistake(
    "dlogits",
    "Only the column of the label is filled. The other logits stand in Σ e^z, too: if one of them "
    "grows, the loss grows.",
)
def label_column_alone(logits, labels):
    return np.where(at(logits, labels), gradient(np.exp(log_softmax(logits)), labels), 0)


@BACKWARD.mistake("dlogits", WRONG_AXIS)
def gradient_wrong_axis(logits, labels):
    return gradient(np.exp(log_softmax(logits, 0)), labels)


@BACKWARD.mistake("dlogits", WHOLE_ARRAY)
def gradient_whole_array(logits, labels):
    return gradient(softmax(logits, None), labels)


@BACKWARD.mistake("dlogits", WHOLE_ARRAY)
def gradient_whole_array_over_max(logits, labels):
    return gradient(softmax(logits - logits.max(), None), labels)


@BACKWARD.mistake(
    "dlogits",
    "This is the gradient with respect to the probabilities, −1/p at the label. Go one step "
    "further back, through the softmax: a logit moves the probabilities of all classes.",
)
def with_respect_to_p(logits, labels):
    p = np.exp(log_softmax(logits))
    return np.where(at(p, labels), -1 / p, 0) / len(p)


EXERCISE = Exercise(
    "cross_entropy", "Softmax and cross-entropy, for logits of any size", [FORWARD, BACKWARD]
)
