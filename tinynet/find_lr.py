"""The learning-rate range test: how long may steps be?

Train a copy of the network for a few hundred steps while the rate grows by the same factor at
each, from far too small to far too large, and look at the loss (`tinynet.plot.rate_finder` draws
it). At first it hardly moves; then it falls, the faster the larger the rate; then steps jump across
the valley, the loss turns, and soon explodes. A good peak rate lies before the turn.

It sees only the beginning of training, so it says where to search rather than what to choose.

L. Smith. Cyclical learning rates for training neural networks. WACV 2017.
"""

import numpy as np

from .loss import CrossEntropyLoss
from .optim import SGD
from .state import preserved
from .train import augmented, batches, checked_data, decay_groups, progress_bar

EXPLODED = 4  # times the lowest running mean of the loss so far


def find_lr(
    model,
    x,
    y,
    *,
    lowest=1e-4,
    highest=10.0,
    steps=200,
    batch_size=128,
    weight_decay=5e-4,
    augment=None,
    seed=0,
    progress=True,
):
    """(rates, losses) of steps whose rate grows from lowest to highest: float64 arrays (n,).

    model, x, y, batch_size, weight_decay, augment, seed, progress: as for `fit`, which steps as
    this does (SGD, Nesterov momentum 0.9). losses[i] is a batch's before the step at rates[i].
    The test ends early, with n < steps, when the running mean of the loss is four times its
    lowest, or a loss is not finite (it is not among the losses). The model is afterwards what it
    was, bit for bit: weights, gradients, running statistics, mode. Bad arguments raise ValueError
    or TypeError.

    >>> from tinynet import Flatten, Linear, Sequential, datasets
    >>> (x, y), _ = datasets.mnist()
    >>> model = Sequential(Flatten(), Linear(784, 10, rng=0))
    >>> rates, losses = find_lr(model, x[:2000], y[:2000], steps=50, progress=False)
    >>> print(rates[:3].round(6), losses[0] > losses.min())
    [0.0001   0.000126 0.00016 ] True
    """
    y = checked_data("find_lr", x, y, batch_size)
    if not 0 < lowest < highest < np.inf:
        raise ValueError(f"find_lr: expected 0 < lowest < highest, got {lowest} and {highest}")
    if steps != int(steps) or steps < 2:
        raise ValueError(f"find_lr: expected steps ≥ 2, got {steps}")
    rng = np.random.default_rng(seed)
    loss = CrossEntropyLoss()
    rates = np.geomspace(lowest, highest, int(steps))
    losses = []
    with preserved(model), progress_bar(len(rates), "Rate finder", progress) as bar:
        for p in model.parameters():
            p.data = p.data.copy()  # `preserved` puts the arrays themselves back afterwards
        model.train()
        optimizer = SGD(decay_groups(model, weight_decay), lowest, momentum=0.9, nesterov=True)
        inputs_and_labels = augmented(x, y, _endless(len(x), batch_size, rng), augment, rng)
        with np.errstate(over="ignore", invalid="ignore"):  # exploding is what it is here for
            for rate, (inputs, labels) in zip(rates, inputs_and_labels, strict=False):
                value = loss(model(inputs), labels)
                if not np.isfinite(value):
                    break
                losses.append(value)
                mean = smoothed(losses)
                if mean[-1] > EXPLODED * mean.min():
                    break
                model.backward_parameters(loss.backward())
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
                bar.step(f"loss={mean[-1]:.4f}, lr={rate:.6f}")
    return rates[: len(losses)], np.array(losses)


def smoothed(values, keep=0.8):
    """The running mean of values (n,): each counts by the factor `keep` less a step later.

    >>> smoothed([3.0, 0.0, 0.0], keep=0.5)
    array([3.        , 1.        , 0.42857143])
    """
    total = weight = 0.0
    means = []
    for value in values:
        total = keep * total + value
        weight = keep * weight + 1
        means.append(total / weight)
    return np.array(means)


def _endless(n, batch_size, rng):
    """Batches of indices, one epoch after the other."""
    while True:
        yield from batches(n, batch_size, rng)
