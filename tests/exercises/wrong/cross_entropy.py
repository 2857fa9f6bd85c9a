"""Wrong answers to the exercise cross_entropy."""

import math

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


def softmax(z, axis=1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_p(logits, labels):
    """Right: the log-probability of each row's label."""
    z = logits - logits.max(1, keepdims=True)
    return z[np.arange(len(z)), labels] - np.log(np.exp(z).sum(1))


@wrong("forward", "e^z overflows")
def no_maximum(logits, labels):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


@wrong("forward", "e^z overflows")
def no_maximum_in_log_sum_exp(logits, labels):
    losses = [np.log(np.exp(z).sum()) - z[label] for z, label in zip(logits, labels, strict=True)]
    return np.mean(losses)


@wrong("forward", "underflows to 0, whose logarithm")
def log_of_softmax(logits, labels):
    p = softmax(logits)
    return -sum(np.log(p[n, label]) for n, label in enumerate(labels)) / len(labels)


@wrong("forward", "Each row needs its own maximum")
def one_maximum(logits, labels):
    z = logits - np.max(logits)
    log_sum = np.log(np.sum(np.exp(z), axis=1))
    return np.mean(log_sum - z[np.arange(len(z)), labels])


@wrong("forward", "Something small is added to p")
def epsilon_in_log(logits, labels):
    p = softmax(logits)[np.arange(len(labels)), labels]
    return -np.mean(np.log(p + 1e-12))


@wrong("forward", "Something small is added to p")
def large_epsilon_in_log(logits, labels):
    p = softmax(logits)
    return -sum(np.log(p[n, label] + 1e-5) for n, label in enumerate(labels)) / len(labels)


@wrong("forward", "Something small is added to p")
def p_not_below_epsilon(logits, labels):
    p = softmax(logits)[np.arange(len(labels)), labels]
    p[p < 1e-5] = 1e-5
    return -np.log(p).mean()


@wrong("forward", "Something small is added to p")
def p_not_below_the_smallest_number(logits, labels):
    p = softmax(logits)[np.arange(len(labels)), labels]
    return -np.mean([math.log(max(probability, 1e-300)) for probability in p])


@wrong("forward", "Something small is added to p")
def p_between_epsilon_and_one(logits, labels):
    """Away from both ends, as it is done for a binary cross-entropy."""
    p = softmax(logits)[np.arange(len(labels)), labels]
    p = np.where(p < 1e-5, 1e-5, np.where(p > 1 - 1e-5, 1 - 1e-5, p))
    return -np.log(p).mean()


@wrong("forward", "Something small is added to p")
def p_between_machine_epsilon_and_one(logits, labels):
    eps = 2.0**-52
    p = [softmax(logits)[n, label] for n, label in enumerate(labels)]
    return -np.mean([math.log(min(max(probability, eps), 1 - eps)) for probability in p])


@wrong("forward", "It has to be their mean")
def sum_of_rows(logits, labels):
    return -log_p(logits, labels).sum()


@wrong("forward", "over all n·k entries")
def mean_of_one_hot(logits, labels):
    one_hot = np.eye(logits.shape[1])[labels]
    return -(log_p(logits, labels)[:, None] * one_hot).mean()


@wrong("forward", "a loss has to be positive")
def sign(logits, labels):
    return log_p(logits, labels).mean()


@wrong("forward", "down the columns")
def softmax_over_the_batch(logits, labels):
    z = logits - logits.max(0)
    z = z - np.log(np.exp(z).sum(0))
    return -z[np.arange(len(z)), labels].mean()


@wrong("forward", "down the columns")
def softmax_over_the_batch_no_maximum(logits, labels):
    e = np.exp(logits)
    p = e / e.sum(axis=0)
    return -np.mean([np.log(p[n, label]) for n, label in enumerate(labels)])


@wrong("forward", "The logarithm is missing")
def no_logarithm(logits, labels):
    return -softmax(logits)[np.arange(len(labels)), labels].mean()


@wrong("forward", "The logarithm is missing")
def mean_probability(logits, labels):
    return sum(softmax(logits)[n, label] for n, label in enumerate(labels)) / len(labels)


@wrong("forward", "to another base")
def base_two(logits, labels):
    return -(log_p(logits, labels) / math.log(2)).mean()


@wrong("forward", "to another base")
def base_ten(logits, labels):
    return -(log_p(logits, labels) * np.log10(np.e)).mean()


@wrong("forward", "All classes are added up")
def all_classes(logits, labels):
    loss = 0
    for z in logits:
        z = z - z.max()
        loss -= (z - np.log(np.exp(z).sum())).sum()
    return loss / len(logits)


@wrong("forward", "The sum of the softmax runs over the whole array")
def softmax_over_everything_no_maximum(logits, labels):
    e = np.exp(logits)
    p = e / e.sum()
    return -np.log(p[np.arange(len(p)), labels]).mean()


@wrong("forward", "The sum of the softmax runs over the whole array")
def softmax_over_everything(logits, labels):
    e = np.exp(logits - np.max(logits))
    z = logits - np.max(logits) - np.log(np.sum(e))
    return -z[np.arange(len(z)), labels].mean()


@wrong("forward", "The mean over them is missing")
def one_for_each_row(logits, labels):
    return -log_p(logits, labels)


@wrong("backward", "e^z overflows")
def gradient_no_maximum(logits, labels):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@wrong("backward", "Each row needs its own maximum")
def gradient_one_maximum(logits, labels):
    e = np.exp(logits - np.max(logits))
    p = e / e.sum(axis=1, keepdims=True)
    for n, label in enumerate(labels):
        p[n, label] -= 1
    return p / len(p)


@wrong("backward", "The 1/n is missing")
def no_mean(logits, labels):
    p = softmax(logits)
    p[np.arange(len(p)), labels] -= 1
    return p


@wrong("backward", "divided by n twice")
def divided_twice(logits, labels):
    n = len(logits)
    dloss = np.full((n, 1), 1 / n, logits.dtype)
    return dloss * (softmax(logits) - np.eye(logits.shape[1], dtype=logits.dtype)[labels]) / n


@wrong("backward", "divided by n·k")
def divided_by_everything(logits, labels):
    p = softmax(logits)
    p[np.arange(len(p)), labels] -= 1
    return p / p.size


@wrong("backward", "the gradient is negative there")
def q_minus_p(logits, labels):
    return (np.eye(logits.shape[1])[labels] - softmax(logits)) / len(logits)


@wrong("backward", "The loss also holds −z at the label")
def p_alone(logits, labels):
    return softmax(logits) / len(logits)


@wrong("backward", "wrong only in the columns of the labels")
def one_not_divided(logits, labels):
    p = softmax(logits) / len(logits)
    p[np.arange(len(p)), labels] -= 1
    return p


@wrong("backward", "in the columns of all labels")
def all_labels_in_every_row(logits, labels):
    p = softmax(logits)
    p[:, labels] -= 1
    return p / len(p)


@wrong("backward", "down the columns")
def gradient_over_the_batch(logits, labels):
    p = softmax(logits, axis=0)
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@wrong("backward", "with respect to the probabilities")
def stops_at_p(logits, labels):
    p = softmax(logits)
    dp = np.zeros_like(p)
    for n, label in enumerate(labels):
        dp[n, label] = -1 / p[n, label]
    return dp / len(p)


@wrong("backward", "The sum of the softmax runs over the whole array")
def gradient_over_everything(logits, labels):
    p = np.exp(logits) / np.sum(np.exp(logits))
    p[np.arange(len(p)), labels] -= 1
    return p / len(p)


@wrong("backward", "The sum of the softmax runs over the whole array")
def gradient_over_everything_with_maximum(logits, labels):
    e = np.exp(logits - np.max(logits))
    return (e / np.sum(e) - np.eye(logits.shape[1])[labels]) / len(logits)


# -- from a review of hints --


@wrong("forward", "You subtract the mean of the row")
def the_mean_instead_of_the_maximum(logits, labels):
    z = logits - logits.mean(axis=1)[:, None]
    total = np.exp(z).sum(axis=1)
    return np.mean([np.log(total[i]) - z[i, k] for i, k in enumerate(labels)])


@wrong("forward", "not in the logit of the label")
def label_without_its_shift(logits, labels):
    largest = logits.max(axis=1)
    total = np.array([np.exp(row - m).sum() for row, m in zip(logits, largest, strict=True)])
    return np.mean(np.log(total) - logits[np.arange(len(labels)), labels])


@wrong("forward", "averaged over all classes")
def mean_of_all_entries(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1, keepdims=True)) - z)


@wrong("forward", "differs from the right one by the same amount")
def one_added(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return 1 - np.mean(log_p[np.arange(len(labels)), labels])


@wrong("forward", "has to depend on logits where k is 0, 1")
def binary(logits, labels):
    """Of classes 0 and 1: −q·log p − (1 − q)·log(1 − p) with the p of class 1."""
    p = 1 / (1 + np.exp(-np.clip(logits[:, -1], -30, 30)))
    return -np.mean(labels * np.log(p) + (1 - labels) * np.log(1 - p))


@wrong("backward", "The label's number is subtracted")
def p_minus_labels(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - labels[:, None]) / len(labels)


@wrong("backward", "Only the column of the label is filled")
def the_column_of_the_label(logits, labels):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    dlogits = np.zeros_like(logits)
    for i, k in enumerate(labels):
        dlogits[i, k] = (e[i, k] / e[i].sum() - 1) / len(labels)
    return dlogits


@wrong("forward", "as for yes-or-no questions")
def binary_of_each_class(logits, labels):
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    onehot = np.eye(logits.shape[1])[labels]
    return -np.log(np.where(onehot, p, 1 - p)).sum(axis=1).mean()
