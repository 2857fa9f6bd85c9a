"""Training: shuffled batches, the loop, and the test.

The loop in `fit` is the whole of it: forward, loss, backward, step, for each batch of each epoch.
"""

import csv
import io
import time
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from .average import WeightAverage
from .checkpoint import Checkpoint, Progress, described, digest
from .loss import CrossEntropyLoss, softmax
from .optim import SGD, OneCycleLR
from .state import evaluating
from .weights_file import write_atomic

MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST's training digits, in 0 … 1


class Evaluation(NamedTuple):
    """Mean loss and the part of labels that were predicted, in 0 … 1."""

    loss: float
    accuracy: float


def fit(
    model,
    x,
    y,
    *,
    test=None,
    epochs=20,
    batch_size=128,
    max_lr=0.1,
    weight_decay=5e-4,
    label_smoothing=0.0,
    average=0.0,
    augment=None,
    seed=0,
    history_path=None,
    checkpoint_path=None,
    checkpoint_every=None,
    resume=False,
    progress=True,
):
    """Train a classifier with SGD (Nesterov) on a one-cycle schedule; returns its history.

    model: a Layer that gives logits (N, K), plain or compiled. x: images, uint8 (N, H, W) or
    floats as the model takes them (see `as_input`); y: (N,) integer labels. test: (x, y) to
    evaluate on after each epoch. max_lr: the peak rate. weight_decay: of weights with two axes or
    more, not of biases and BatchNorm. average: the decay, a step, of an average of the weights
    (see `WeightAverage`) that is tested after each epoch and left in the model at the end; 0 for
    the weights themselves. augment: called with (images, rng), gives images. seed: of shuffling and
    augmentation. progress: show bars, and the test accuracy of each epoch.

    checkpoint_path: a file to keep the run in, after each epoch and, if checkpoint_every is given,
    every so many steps. With resume, a run goes on from that file, where there is one, and ends
    with the same weights, bit for bit, as if it had not been stopped; the arguments must be those
    that the file was made with.

    The history is a list with a dict for each epoch: epoch, loss, accuracy (of the batches as
    they were trained on), test_loss, test_accuracy, lr, momentum (at the epoch's end), seconds.
    It is written to history_path, as CSV, after each epoch.

    Raises FloatingPointError if the loss is not finite: the weights are then as they were before
    that step. Bad arguments raise ValueError or TypeError before anything is changed, and so do
    a checkpoint of another run and (FileFormatError, a ValueError) a damaged one. OSError if a
    file cannot be written; an older one then stays as it was.

    >>> from tinynet import Flatten, Linear, Sequential, datasets
    >>> (x, y), _ = datasets.mnist()
    >>> model = Sequential(Flatten(), Linear(784, 10, rng=0))
    >>> history = fit(model, x[:1000], y[:1000], epochs=5, max_lr=0.01, progress=False)
    >>> history[-1]["accuracy"] > 0.8
    True
    """
    y = checked_data("fit", x, y, batch_size)
    if test is not None:
        test = test[0], checked_data("fit: test", *test, batch_size)
    if epochs < 1:
        raise ValueError(f"fit: expected epochs ≥ 1, got {epochs}")
    if resume and checkpoint_path is None:
        raise ValueError("fit: resume needs a checkpoint_path to go on from")
    if checkpoint_every is not None and not checkpoint_every >= 1:
        raise ValueError(f"fit: expected checkpoint_every ≥ 1, got {checkpoint_every}")
    rng = np.random.default_rng(seed)
    loss = CrossEntropyLoss(label_smoothing)
    optimizer = SGD(decay_groups(model, weight_decay), max_lr, momentum=0.9, nesterov=True)
    steps = -(-len(x) // batch_size)  # in an epoch
    schedule = OneCycleLR(optimizer, max_lr, epochs * steps)  # sets rate and momentum
    mean = WeightAverage(model, average) if average else None
    at = Progress()
    checkpoint = None
    if checkpoint_path is not None:
        settings = dict(
            epochs=epochs, batch_size=batch_size, max_lr=max_lr, weight_decay=weight_decay,
            label_smoothing=label_smoothing, average=average, augment=described(augment),
            seed=described(seed), model=described(model), examples=len(x), data=digest(x, y),
            test_examples=0 if test is None else len(test[0]),
        )  # fmt: skip
        checkpoint = Checkpoint(checkpoint_path, settings, model, optimizer, mean, rng, at)
        if resume and checkpoint.path.exists():
            checkpoint.load()
            schedule.go_to(at.epoch * steps + at.step)
            if mean:
                mean.steps = schedule.steps

    def after_step():
        done = at.epoch * steps + at.step
        if checkpoint and checkpoint_every and done % checkpoint_every == 0 and at.step < steps:
            at.seconds = time.perf_counter() - started
            checkpoint.save()

    while at.epoch < epochs:
        started = time.perf_counter() - at.seconds
        with progress_bar(steps, f"Epoch {at.epoch + 1}/{epochs}", progress, at.step) as bar:
            inputs = augmented(x, y, _order(len(x), batch_size, rng, at), augment, rng)
            _train_epoch(model, inputs, loss, optimizer, schedule, mean, at, bar, after_step)
        row = {"epoch": at.epoch + 1, "loss": at.total_loss / at.seen}
        row |= {"accuracy": at.correct / at.seen}
        if test is not None:
            with mean.in_place() if mean else nullcontext():
                result = evaluate(model, *test, batch_size=batch_size, progress=progress)
            row |= {"test_loss": result.loss, "test_accuracy": result.accuracy}
            if progress:
                print(f"Test Accuracy: {result.accuracy:.2%}", flush=True)
        group = optimizer.param_groups[0]
        row |= {"lr": group["lr"], "momentum": group["momentum"]}
        row["seconds"] = time.perf_counter() - started
        at.next_epoch(row)
        if history_path is not None:
            write_history(at.history, history_path)
        if checkpoint:
            checkpoint.save()
    if mean:
        mean.swap()
    return at.history


def _train_epoch(model, inputs_and_labels, loss, optimizer, schedule, mean, at, bar, after_step):
    """One pass over the batches, with a step after each; `at` counts them."""
    model.train()
    for inputs, labels in inputs_and_labels:
        buffers = [(b, b.copy()) for _, b in model.named_buffers()]
        logits = model(inputs)  # (n, k)
        value = loss(logits, labels)
        if not np.isfinite(value):
            rate = schedule.get_last_lr()[0]
            where = f"{bar.description}, step {bar.done + 1} of {bar.total}, rate {rate:.6g}"
            _stop(model, inputs, buffers, where)
        model.backward_parameters(loss.backward())
        optimizer.step()
        schedule.step()
        if mean:
            mean.update()

        correct = int((logits.argmax(axis=1) == labels).sum())
        at.count(len(labels), correct, value * len(labels))
        bar.step(f"loss={at.total_loss / at.seen:.4f}, lr={schedule.get_last_lr()[0]:.6f}")
        after_step()
    if not all(np.isfinite(p.data).all() for p in model.parameters()):
        raise FloatingPointError(f"fit: weights are not finite after {bar.description}")


def evaluate(model, x, y, *, batch_size=128, progress=False):
    """Evaluation(loss, accuracy) of a classifier in evaluation mode, on images x and labels y.

    x, y as for `fit`. The model's training mode is left as it was.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> evaluate(models.mnist_lite(pretrained=True), x[:500], y[:500]).accuracy
    1.0
    """
    y = checked_data("evaluate", x, y, batch_size)
    loss = CrossEntropyLoss()
    total_loss = correct = 0
    with evaluating(), progress_bar(-(-len(x) // batch_size), "Testing", progress) as bar:
        for start in range(0, len(x), batch_size):
            labels = y[start : start + batch_size]
            logits = model(as_input(x[start : start + batch_size]))  # (n, k)
            total_loss += loss(logits, labels) * len(labels)
            correct += int((logits.argmax(axis=1) == labels).sum())
            bar.step()
    return Evaluation(total_loss / len(x), correct / len(x))


def predict_proba(model, x, *, batch_size=128):
    """(N, K): the probabilities that a classifier gives to each class, for images as for `fit`.

    The model's training mode is left as it was.

    >>> from tinynet import datasets, models
    >>> _, (x, y) = datasets.mnist()
    >>> predict_proba(models.mnist_lite(pretrained=True), x[:1]).round(2)
    array([[0., 0., 0., 0., 0., 0., 0., 1., 0., 0.]], dtype=float32)
    """
    _checked_images("predict_proba", x, batch_size)
    with evaluating():
        starts = range(0, len(x), batch_size)
        return np.concatenate(
            [softmax(model(as_input(x[start : start + batch_size]))) for start in starts]
        )


def batches(n, batch_size, rng):
    """Indices 0 … n − 1 in random order, batch_size at a time; the last batch may be smaller."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def _order(n, batch_size, rng, at):
    """The batches of the epoch under way that are still to come, as lists of indices."""
    now = rng.bit_generator.state
    if at.step == 0:
        at.rng_before = now
        return list(batches(n, batch_size, rng))
    rng.bit_generator.state = at.rng_before  # a run that goes on within an epoch: the same order
    order = list(batches(n, batch_size, rng))
    rng.bit_generator.state = now
    return order[at.step :]


def augmented(x, y, batches, augment, rng):
    """(what the network is fed, labels) of each batch of indices."""
    for batch in batches:
        images = x[batch] if augment is None else augment(x[batch], rng)
        yield as_input(images), y[batch]


def as_input(images):
    """What a network is fed: float arrays as they are; uint8 images as float32, normalised.

    uint8 (N, H, W) → (N, 1, H, W); (N, C, H, W) stays. Pixels become (p/255 − MEAN) / STD.
    """
    if images.dtype != np.uint8:
        return images
    if images.ndim == 3:
        images = images[:, None]
    return images * np.float32(1 / (255 * STD)) - np.float32(MEAN / STD)


def write_history(history, path):
    """The history as CSV, whole or not at all: a column for each key, a row for each epoch."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, history[0].keys())
    writer.writeheader()
    writer.writerows(history)
    write_atomic(path, lambda file: file.write(text.getvalue().encode()))


def progress_bar(total, description, show, done=0):
    from .progress import Bar  # tqdm takes a while to import; `import tinynet` does not wait for it

    return Bar(total, description, show, done)


def checked_data(who, x, y, batch_size):
    """y as an array, if x, y and batch_size go together."""
    _checked_images(who, x, batch_size)
    y = np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"{who}: expected {len(x)} labels, one for each image, got {y.shape}")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{who}: expected integer labels, got {y.dtype}")
    return y


def _checked_images(who, x, batch_size):
    if not isinstance(x, np.ndarray) or x.ndim < 2 or len(x) == 0:
        got = getattr(x, "shape", type(x).__name__)
        raise ValueError(f"{who}: expected images (N, …), an array with N ≥ 1, got {got}")
    if batch_size != int(batch_size) or batch_size < 1:
        raise ValueError(f"{who}: expected batch_size ≥ 1, got {batch_size}")


def decay_groups(model, weight_decay):
    """Parameter groups: weight decay for matrices and kernels, none for biases and BatchNorm."""
    parameters = model.parameters()
    groups = [
        {"params": [p for p in parameters if p.data.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.data.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _stop(model, inputs, buffers_before, where):
    """Undo what the forward pass did to the buffers, and raise, naming the layer to look at."""

    def undo():
        for buffer, before in buffers_before:
            buffer[...] = before

    undo()
    culprit = None if np.isfinite(inputs).all() else "the images fed in"
    x = inputs
    for i, layer in enumerate(model.leaves()):
        if culprit:
            break
        x = layer.forward(x)
        if not np.isfinite(x).all():
            culprit = f"the output of layer {i}, {layer}"
    undo()
    raise FloatingPointError(
        f"fit: the loss is not finite ({where}); first not finite: {culprit or 'the loss itself'}. "
        "The weights are as they were before this step. A lower max_lr often helps."
    )
