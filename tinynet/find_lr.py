"""The learning-rate range test: how long may steps be?

Train a copy of the network for a few hundred steps while the rate grows by the same factor at
each, from far too small to far too large, and look at the loss (`tinynet.plot.rate_finder` draws
it). At first it hardly moves; then it falls, the faster the larger the rate; then steps jump across
the valley, the loss turns, and soon explodes. A good peak rate lies before the turn.

It sees only the beginning of training, so it says where to search rather than what to choose.

L. Smith. Cyclical learning rates for training neural networks. WACV 2017.
"""

import numbers

import numpy as np

from .checks import count
from .data_checks import begin_training, checked_augmentation, checked_rng, checked_training_data
from .errors import NotFiniteError
from .inputs import batches, feed
from .layer import Layer
from .optim import SGD
from .recipes import Recipe, changed
from .run import Run
from .state import preserved
from .train import progress_bar

EXPLODED = 4  # times the lowest running mean of the loss so far


def find_lr(
    model: Layer,
    x: np.ndarray,
    y: np.ndarray,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008  (it is frozen)
    lowest: float = 1e-4,
    highest: float = 10.0,
    steps: int = 200,
    seed: int | np.random.Generator | None = 0,
    progress: bool = True,
    **settings: object,
) -> tuple:
    """(rates, losses) of steps whose rate grows from lowest to highest: float64 arrays (n,).

    model, x, y, recipe, seed, progress, settings: as for `fit`, which steps as this does (SGD,
    Nesterov momentum 0.9); of the recipe epochs, max_lr and average are not used. losses[i] is a
    batch's before the step at rates[i].
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
    recipe = changed("find_lr", recipe, settings)
    y = checked_training_data("find_lr", model, x, y, recipe.batch_size)
    if recipe.augment is not None:
        checked_augmentation("find_lr", model, x, recipe)
    rng = checked_rng("find_lr", seed)
    rates = _checked_rates(lowest, highest, steps)
    losses = []
    with preserved(model), progress_bar(len(rates), "Rate finder", progress) as bar:
        for p in model.parameters():
            p.data = p.data.copy()  # `preserved` puts the arrays themselves back afterwards
        begin_training(model)
        run = Run(model, recipe | dict(average=0), len(x), rng, lambda sgd: Growing(sgd, rates))
        with np.errstate(over="ignore", invalid="ignore"):  # exploding is what it is here for
            for rate, batch in zip(rates, _endless(len(x), recipe.batch_size, rng), strict=False):
                try:
                    loss = run.step(feed(x[batch], recipe.augment, rng), y[batch])
                except NotFiniteError:
                    break
                losses.append(loss)
                mean = smoothed(losses)
                if mean[-1] > EXPLODED * mean.min():
                    break
                bar.step(f"loss={mean[-1]:.4f}, lr={rate:.6f}")
    return rates[: len(losses)], np.array(losses)


class Growing:
    """A schedule of given rates, one a step; the last one stays."""

    def __init__(self, optimizer: SGD, rates: np.ndarray):
        self.optimizer, self.rates = optimizer, iter(rates)
        self.step()

    def step(self) -> None:
        """Set the rate for the next optimizer step."""
        rate = next(self.rates, None)
        for group in self.optimizer.param_groups if rate is not None else ():
            group["lr"] = rate


def _checked_rates(lowest, highest, steps):
    """The rates (steps,), each larger than the one before by the same factor."""
    for name, rate in dict(lowest=lowest, highest=highest).items():
        if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
            raise TypeError(f"find_lr: expected {name}, a number, got {rate!r}")
    if not 0 < lowest < highest < np.inf:
        raise ValueError(f"find_lr: expected 0 < lowest < highest, got {lowest} and {highest}")
    return np.geomspace(lowest, highest, count(steps, "find_lr", "steps", at_least=2))


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
