"""Training: the loop, and the test.

`fit` is the whole of it: forward, loss, backward, step, for each batch of each epoch.
"""

import csv
import io
import os
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .checkpoint import Checkpoint
from .checks import count
from .data_checks import (
    as_in_training,
    begin_training,
    check_files,
    check_images,
    check_layer,
    check_model,
    checked_augmentation,
    checked_rng,
    checked_test,
    checked_test_data,
    checked_training_data,
)
from .errors import NotFiniteError
from .files import write_atomic
from .fingerprint import data_settings, described, network_settings, recipe_settings
from .inputs import MEAN, STD, as_input, batches, feed  # noqa: F401  (also from here: tn.train)
from .layer import Layer
from .loss import CrossEntropyLoss, softmax
from .non_finite import check_model_is_finite, culprits, origin
from .recipes import Recipe, changed
from .run import Run
from .state import evaluating


class Evaluation(NamedTuple):
    """Mean loss and the part of labels that were predicted, in 0 … 1."""

    loss: float
    accuracy: float


def fit(
    model: Layer,
    x: np.ndarray,
    y: np.ndarray,
    *,
    recipe: Recipe = Recipe(),  # noqa: B008  (it is frozen)
    test: tuple | None = None,
    seed: int | np.random.Generator | None = 0,
    history_path: str | os.PathLike | None = None,
    checkpoint_path: str | os.PathLike | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: bool = True,
    **settings: object,
) -> list:
    """Train a classifier with SGD (Nesterov) on a one-cycle schedule; returns its history.

    model: a Layer that gives logits (N, K), plain or compiled. x: images, uint8 (N, H, W) or
    floats as the model takes them (see `as_input`); y: (N,) integer labels in 0 … K − 1. recipe:
    how to train, and settings: those of its fields that are other than in it, by name, such as
    epochs=5 (see `Recipe`). test: (x, y) to evaluate on after each epoch. seed: of shuffling and
    augmentation. progress: show bars, and the test accuracy of each epoch.

    Parameters whose requires_grad is False are left as they are. A network in evaluation mode is
    put into training mode; but layers of a network in training mode keep the mode they have.

    checkpoint_path: a file to keep the run in, after each epoch and, if checkpoint_every is given,
    every so many steps. With resume, a run goes on from that file, where there is one, and ends
    with the same weights, bit for bit, as if it had not been stopped; the arguments, the network
    and the data must be those that the file was made with.

    The history is a list with a dict for each epoch: epoch, loss, accuracy (of the batches as
    they were trained on), test_loss, test_accuracy, lr, momentum (at the epoch's end), seconds.
    It is written to history_path, as CSV, after each epoch.

    Raises FloatingPointError if a loss, weights or running statistics are not finite: if it came
    in a step, the weights are then as they were before it. Bad arguments raise ValueError or
    TypeError before anything is changed, and so do a checkpoint of another run and
    (FileFormatError, a ValueError) a damaged one. OSError if a file cannot be written; an older
    one then stays as it was.

    >>> from tinynet import Flatten, Linear, Sequential, datasets
    >>> (x, y), _ = datasets.mnist()
    >>> model = Sequential(Flatten(), Linear(784, 10, rng=0))
    >>> history = fit(model, x[:1000], y[:1000], epochs=5, max_lr=0.01, progress=False)
    >>> history[-1]["accuracy"] > 0.8
    True
    """
    recipe = changed("fit", recipe, settings)
    y = checked_training_data("fit", model, x, y, recipe.batch_size)
    if test is not None:
        test = checked_test("fit: test", model, x, test, recipe.batch_size)
    made = None
    if recipe.augment is not None:
        made = checked_augmentation("fit", model, x, recipe)
    rng = checked_rng("fit", seed)
    check_files("fit", history_path=history_path, checkpoint_path=checkpoint_path)
    every = _checked_checkpoints(checkpoint_path, checkpoint_every, resume, rng)
    run = Run(model, recipe, len(x), rng)
    checkpoint = None
    if checkpoint_path is not None:
        data = data_settings("training", x, y) | (data_settings("test", *test) if test else {})
        own = recipe_settings(recipe, made) | {"seed": described(seed)} | data
        with as_in_training(model):
            checkpoint = Checkpoint(checkpoint_path, run, own | network_settings(model))
        if resume and checkpoint.path.exists():
            checkpoint.load()
            write_history(run.history, history_path)

    begin_training(model)
    while run.position.epoch < recipe.epochs:
        name = f"Epoch {run.position.epoch + 1}/{recipe.epochs}"
        with progress_bar(run.steps, name, progress, run.position.step) as bar:
            for batch in run.batches():
                inputs, labels = feed(x[batch], recipe.augment, rng), y[batch]
                with _explained(run, inputs, batch, name):
                    run.step(inputs, labels)  # forward, loss, backward, step
                bar.step(f"loss={run.mean_loss():.4f}, lr={run.schedule.get_last_lr()[0]:.6f}")
                if checkpoint and every and run.is_within_epoch() and run.taken() % every == 0:
                    _check_weights(model, f"step {run.taken()}")
                    checkpoint.save()
        _check_weights(model, name)
        result = None
        if test is not None:
            with run.averaged():
                who = f"fit: the loss is not finite ({name}, test)"
                result = _evaluate(who, model, test, recipe.batch_size, progress)
            if progress:
                print(f"Test Accuracy: {result.accuracy:.2%}", flush=True)
        run.end_epoch(result)
        if checkpoint:
            checkpoint.save()  # first: if the history cannot be written, no epoch is lost
        write_history(run.history, history_path)
    run.finish()
    return run.history


def _checked_checkpoints(path, every, resume, rng):
    """checkpoint_every as an int, or None, if all that is said of checkpoints makes sense."""
    if resume and path is None:
        raise ValueError("fit: resume needs a checkpoint_path to go on from")
    if path is not None and type(rng.bit_generator) is not np.random.PCG64:
        kind = type(rng.bit_generator).__name__
        raise ValueError(f"fit: a checkpoint needs a PCG64 generator, as of a seed; got {kind}")
    return None if every is None else count(every, "fit", "checkpoint_every")


def _check_weights(model, when):
    try:
        check_model_is_finite(model)
    except NotFiniteError as error:
        raise NotFiniteError(f"fit: weights are not finite after {when}: {error}") from None


@contextmanager
def _explained(run, inputs, batch, name):
    """If a step ends in numbers that are not finite: say when, and which layer or image it was."""
    try:
        yield
    except NotFiniteError as error:
        rate = run.schedule.get_last_lr()[0]
        where = f"{name}, step {run.position.step + 1} of {run.steps}, rate {rate:.6g}"
        images = [str(batch[i]) for i in culprits(run.model, inputs)]
        hint = "A lower max_lr often helps."
        if images:
            hint = f"The cause seems to be image {' and '.join(images)}: its numbers are absurd."
        raise NotFiniteError(
            f"fit: {error} ({where}); first not finite: {origin(run.model, inputs)}. "
            f"The weights are as they were before this step. {hint}"
        ) from None


def evaluate(
    model: Layer, x: np.ndarray, y: np.ndarray, *, batch_size: int = 128, progress: bool = False
) -> Evaluation:
    """Evaluation(loss, accuracy) of a classifier in evaluation mode, on images x and labels y.

    x, y as for `fit`. The model's training mode is left as it was. Raises ValueError or TypeError
    for bad arguments, and FloatingPointError if the network's answer is not finite.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> evaluate(models.mnist_lite(pretrained=True), x[:500], y[:500]).accuracy
    1.0
    """
    batch_size = count(batch_size, "evaluate", "batch_size")
    y = checked_test_data("evaluate", model, x, y, batch_size)
    return _evaluate("evaluate", model, (x, y), batch_size, progress)


def _evaluate(who, model, test, batch_size, progress):
    """evaluate, where x and y are known to be right."""
    x, y = test
    loss = CrossEntropyLoss()
    total_loss = correct = 0
    with evaluating(), progress_bar(-(-len(x) // batch_size), "Testing", progress) as bar:
        for start in range(0, len(x), batch_size):
            labels = y[start : start + batch_size]
            logits = _logits(who, model, x[start : start + batch_size], start)  # (n, k)
            value = loss(logits, labels)
            if not np.isfinite(value):
                raise NotFiniteError(
                    f"{who}: expected a finite loss, got {value} for images {start} … "
                    f"{start + len(labels) - 1}"
                )
            total_loss += value * len(labels)
            correct += int((logits.argmax(axis=1) == labels).sum())
            bar.step()
    return Evaluation(total_loss / len(x), correct / len(x))


def predict_proba(model: Layer, x: np.ndarray, *, batch_size: int = 128) -> np.ndarray:
    """(N, K): the probabilities that a classifier gives to each class, for images as for `fit`.

    The model's training mode is left as it was. Raises ValueError or TypeError for bad arguments,
    and FloatingPointError if the network's answer is not finite.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> predict_proba(models.mnist_lite(pretrained=True), x[:1]).round(2)
    array([[0., 0., 0., 0., 0., 0., 0., 1., 0., 0.]], dtype=float32)
    """
    check_layer("predict_proba", model)
    batch_size = count(batch_size, "predict_proba", "batch_size")
    check_images("predict_proba", x)
    starts = range(0, len(x), batch_size)
    with evaluating():
        logits = [_logits("predict_proba", model, x[i : i + batch_size], i) for i in starts]
    return np.concatenate([softmax(some) for some in logits])


def _logits(who, model, images, start):
    """The logits (n, K) of images start, start + 1, …, if they are numbers (or −∞: never)."""
    logits = model(as_input(images))
    if not isinstance(logits, np.ndarray) or logits.ndim != 2 or len(logits) != len(images):
        got = getattr(logits, "shape", type(logits).__name__)
        raise ValueError(
            f"{who}: expected a network that gives logits (N, K), got {got} for {len(images)} "
            "images"
        )
    wrong = np.flatnonzero(~(logits < np.inf).all(axis=1))  # NaN, too
    if wrong.size:
        check_model(who, model)
        which = f"image {start + wrong[0]}"
        if len(wrong) > 1:
            which += f" and {len(wrong) - 1} more of {len(images)}"
        raise NotFiniteError(
            f"{who}: expected finite logits, got {logits[wrong[0]].max()} for {which}"
        )
    return logits


def write_history(history: list, path: str | os.PathLike | None) -> None:
    """The history as CSV, whole or not at all: a column for each key, a row for each epoch."""
    if path is None or not history:
        return
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, history[0].keys())
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, lambda file: file.write(text.getvalue().encode()), who="fit")


def progress_bar(total: int, description: str, show: bool, done: int = 0):
    from .progress import Bar  # tqdm takes a while to import; `import tinynet` does not wait for it

    return Bar(total, description, show, done)
