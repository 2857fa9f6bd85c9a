"""Wrong answers to the exercise linear."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


@wrong("forward", "The bias is missing")
def no_bias(x, weight, bias):
    return np.dot(x, weight.T)


@wrong("forward", "Which of its axes has to meet the inputs")
def weight_not_transposed(x, weight, bias):
    return np.dot(x, weight) + bias


@wrong("forward", "The bias lies along the wrong axis")
def bias_for_rows(x, weight, bias):
    return (weight @ x.T).T + bias.reshape(-1, 1)


@wrong("forward", "The bias is subtracted")
def bias_subtracted(x, weight, bias):
    y = np.zeros((len(x), len(weight)), x.dtype)
    for n, o in np.ndindex(y.shape):
        y[n, o] = np.dot(weight[o], x[n]) - bias[o]
    return y


@wrong("forward", "stand in another order")
def transposed_result(x, weight, bias):
    return weight @ x.T + bias[:, None]


@wrong("forward", "It is called as forward(x, weight, bias). Yours takes")
def too_few_arguments(x, weight):
    return x @ weight.T


@wrong("backward", "dx has to be (n, i), and yours is (i, n)")
def dx_on_its_side(dy, x, weight):
    return weight.T @ dy.T, dy.T @ x, dy.sum(0)


@wrong("backward", "Do they in dx, too?")
def dx_with_transposed_weight(dy, x, weight):
    return dy @ weight.T, dy.T @ x, dy.sum(0)


@wrong("backward", "dweight is transposed")
def dweight_transposed(dy, x, weight):
    return dy @ weight, x.T @ dy, dy.sum(0)


@wrong("backward", "dweight is divided by the number of rows")
def dweight_averaged(dy, x, weight):
    dweight = sum(np.outer(dy[n], x[n]) for n in range(len(x))) / len(x)
    return dy @ weight, dweight, dy.sum(0)


@wrong("backward", "dweight of the last row alone")
def dweight_assigned(dy, x, weight):
    for n in range(len(x)):
        dweight = np.outer(dy[n], x[n])
    return dy @ weight, dweight, dy.sum(0)


@wrong("backward", "dbias lacks the sum over the batch")
def dbias_not_summed(dy, x, weight):
    return dy @ weight, dy.T @ x, dy


@wrong("backward", "dbias is a mean")
def dbias_averaged(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.mean(axis=0)


@wrong("backward", "one number is left for each row")
def dbias_wrong_axis(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum(axis=1)


@wrong("backward", "This counts the rows")
def dbias_of_ones(dy, x, weight):
    return dy @ weight, dy.T @ x, np.ones_like(dy).sum(axis=0)


@wrong("backward", "one sum over everything")
def dbias_one_number(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum()


@wrong("backward", "the shape has to be")
def dbias_keepdims(dy, x, weight):
    return dy @ weight, dy.T @ x, dy.sum(axis=0, keepdims=True)


@wrong("backward", "twice the first dweight")
def accumulates(dy, x, weight, kept={}):  # noqa: B006
    kept[weight.shape] = kept.get(weight.shape, 0) + dy.T @ x
    return dy @ weight, kept[weight.shape], dy.sum(axis=0)


@wrong("backward", "has to return 3 values")
def two_of_three(dy, x, weight):
    return dy @ weight, dy.T @ x


@wrong("backward", "dx is None")
def not_yet_dx(dy, x, weight):
    return None, dy.T @ x, dy.sum(0)


# -- from a review of hints --


@wrong("forward", "y holds whole numbers")
def integers(x, weight, bias):
    y = np.zeros((len(x), len(weight)), dtype=int)
    for n, row in enumerate(x):
        y[n] = weight @ row + bias
    return y


@wrong("forward", "once for each input")
def bias_in_the_inner_loop(x, weight, bias):
    y = np.zeros((len(x), len(weight)))
    for n, o in np.ndindex(y.shape):
        for i in range(x.shape[1]):
            y[n, o] += x[n, i] * weight[o, i] + bias[o]
    return y


@wrong("backward", "returns (dweight, dbias, dx)")
def another_order(dy, x, weight):
    return dy.T @ x, dy.sum(axis=0), dy @ weight
