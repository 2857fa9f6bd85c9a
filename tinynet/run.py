"""A training run as one object: its parts, how far it is, and its state to keep and to give back.

What a step changes is all here: the weights and BatchNorm's statistics, the velocities of SGD, the
schedule, the average of the weights, the random generator, the position, and the history. A run
that takes over the state of another meets the same numbers in the same order from there on, and
ends with the same bits.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

from .average import WeightAverage
from .checks import matching
from .errors import NotFiniteError
from .inputs import batches
from .layer import Layer
from .loss import CrossEntropyLoss
from .non_finite import check_state_is_finite
from .optim import SGD, OneCycleLR
from .recipes import Recipe
from .state import undone_on_error

COLUMNS = ("epoch", "loss", "accuracy", "test_loss", "test_accuracy", "lr", "momentum", "seconds")


@dataclass
class Position:
    """How far a run is: the epochs that are done, and what is counted in the one under way."""

    epoch: int = 0
    step: int = 0
    seen: int = 0  # examples
    correct: int = 0
    total_loss: float = 0.0  # of all examples seen
    rng_before: dict | None = None  # the random generator's state when the epoch began

    def count(self, examples: int, correct: int, loss: float) -> None:
        self.step += 1
        self.seen += examples
        self.correct += correct
        self.total_loss += loss


class Run:
    """The training of a model by a recipe on so many examples.

    rng: of shuffling and augmentation. schedule: called with the optimizer, gives what sets its
    rate, with step() and get_last_lr(); None for the recipe's OneCycleLR.

    >>> from tinynet import Linear
    >>> model = Linear(2, 2, rng=0)
    >>> run = Run(model, Recipe(epochs=2, batch_size=8), 8, np.random.default_rng(0))
    >>> x, labels = np.eye(8, 2, dtype=np.float32), np.arange(8) % 2
    >>> run.step(x, labels) > run.step(x, labels)
    True
    """

    def __init__(
        self,
        model: Layer,
        recipe: Recipe,
        examples: int,
        rng: np.random.Generator,
        schedule: Callable | None = None,
    ):
        self.model, self.recipe, self.rng = model, recipe, rng
        self.examples = examples
        self.steps = -(-examples // recipe.batch_size)  # in an epoch
        self.loss = CrossEntropyLoss(recipe.label_smoothing)
        groups = decay_groups(model, recipe.weight_decay)
        self.optimizer = SGD(groups, recipe.max_lr, momentum=0.9, nesterov=True)
        if schedule is None:
            total = recipe.epochs * self.steps
            self.schedule = OneCycleLR(self.optimizer, recipe.max_lr, total)
        else:
            self.schedule = schedule(self.optimizer)
        self.average = WeightAverage(model, recipe.average) if recipe.average else None
        self.position, self.history = Position(), []
        self._with_buffers = [pair for pair in model.named_layers() if pair[1].buffer_names]
        self._started = time.perf_counter()

    def step(self, inputs: np.ndarray, labels: np.ndarray) -> float:
        """One step of training on a batch; returns its loss, as it was before the step.

        inputs: (n, …), as the model takes them; labels: (n,). A step is taken whole, or not at
        all: if anything in it raises, weights and running statistics are as they were before.
        NotFiniteError, a FloatingPointError, if the loss or a running statistic is not finite.
        """
        with undone_on_error([layer for _, layer in self._with_buffers]):
            logits = self.model(inputs)  # (n, k)
            loss = self.loss(logits, labels)
            if not np.isfinite(loss):
                raise NotFiniteError("the loss is not finite")
            for prefix, layer in self._with_buffers:
                check_state_is_finite((prefix + name, a) for name, a in layer.own_buffers())
            self.model.backward_parameters(self.loss.backward())
            self.optimizer.step()
        self.schedule.step()
        if self.average:
            self.average.update()
        correct = int((logits.argmax(axis=1) == labels).sum())
        self.position.count(len(labels), correct, loss * len(labels))
        return loss

    def batches(self) -> list:
        """[indices] of the batches of this epoch that are still to come, in random order."""
        size = self.recipe.batch_size
        if self.position.step == 0:
            self.position.rng_before = self.rng.bit_generator.state
            return list(batches(self.examples, size, self.rng))
        again = np.random.Generator(np.random.PCG64())  # the order that the epoch began with
        again.bit_generator.state = self.position.rng_before
        return list(batches(self.examples, size, again))[self.position.step :]

    def averaged(self) -> AbstractContextManager:
        """Within a with statement the model has the weights that are tested, and kept at last."""
        return self.average.in_place() if self.average else nullcontext()

    def end_epoch(self, test: tuple | None = None) -> None:
        """Add a row to the history. test: (loss, accuracy) of a test, if there was one."""
        p, group = self.position, self.optimizer.param_groups[0]
        row = {"epoch": p.epoch + 1, "loss": p.total_loss / p.seen, "accuracy": p.correct / p.seen}
        if test is not None:
            row |= {"test_loss": test[0], "test_accuracy": test[1]}
        row |= {"lr": group["lr"], "momentum": group["momentum"], "seconds": self._seconds()}
        self.history.append(row)
        self.position = Position(p.epoch + 1)
        self._started = time.perf_counter()

    def mean_loss(self) -> float:
        """Of the examples seen in this epoch."""
        return self.position.total_loss / self.position.seen

    def taken(self) -> int:
        """How many steps were taken, in all epochs."""
        return self.position.epoch * self.steps + self.position.step

    def is_within_epoch(self) -> bool:
        """Are there steps of this epoch both behind and before it?"""
        return 0 < self.position.step < self.steps

    def finish(self) -> None:
        """Leave the average of the weights in the model, where there is one."""
        if self.average:
            self.average.swap()

    def _seconds(self):
        """How long the epoch under way has taken."""
        return time.perf_counter() - self._started

    # -- its state --

    def state_dict(self) -> dict:
        """{name: array}: copies of all that a step changes; the shapes follow from the recipe."""
        p, now = self.position, self.rng.bit_generator.state
        history = np.full((self.recipe.epochs, len(COLUMNS)), np.nan)
        for row, epoch in zip(history, self.history, strict=False):
            row[:] = [epoch.get(column, np.nan) for column in COLUMNS]
        state = {
            "progress": np.array([p.epoch, p.step, p.seen, p.correct], np.int64),
            "sums": np.array([p.total_loss, self._seconds() if p.step else 0.0]),
            "rng": _packed(now),
            "rng_before": _packed(p.rng_before or now),
            "history": history,
        }
        for name, part in self._parts().items():
            state |= {f"{name}.{key}": array for key, array in part.state_dict().items()}
        return state

    def load_state_dict(self, state: dict) -> None:
        """Go on from what state_dict gave; ValueError if it makes no sense, nothing changed."""
        state = matching(state, self.state_dict(), "Run")
        position, history = self._position(state), self._history(state)
        now = _unpacked(state["rng"])
        parts = {
            name: {k[len(name) + 1 :]: a for k, a in state.items() if k.startswith(f"{name}.")}
            for name in self._parts()
        }
        steps = position.epoch * self.steps + position.step
        counted = [parts[name]["steps"] for name in ("schedule", "average") if name in parts]
        if any(steps != other for other in counted):
            raise ValueError("how many steps it says it took makes no sense")
        check_state_is_finite((k, a) for k, a in state.items() if k not in ("history", "sums"))
        for name, part in self._parts().items():
            part.load_state_dict(parts[name])
        self.position, self.history = position, history
        self.rng.bit_generator.state = now
        self._started = time.perf_counter() - float(state["sums"][1])

    def _parts(self):
        parts = dict(model=self.model, optimizer=self.optimizer, schedule=self.schedule)
        return parts | (dict(average=self.average) if self.average else {})

    def _position(self, state):
        epoch, step, seen, correct = map(int, state["progress"])
        total_loss, seconds = map(float, state["sums"])
        epochs = self.recipe.epochs
        sensible = (
            0 <= epoch <= epochs
            and 0 <= step < (self.steps if epoch < epochs else 1)
            and seen == step * self.recipe.batch_size
            and 0 <= correct <= seen
            and np.isfinite([total_loss, seconds]).all()
        )
        if not sensible:
            raise ValueError("how far it says it is makes no sense")
        before = _unpacked(state["rng_before"])
        return Position(epoch, step, seen, correct, total_loss, before if step else None)

    def _history(self, state):
        rows = state["history"][: int(state["progress"][0])]
        if rows[:, 0].tolist() != list(range(1, len(rows) + 1)):
            raise ValueError("the history it holds makes no sense")
        history = [dict(zip(COLUMNS, row.tolist(), strict=True)) for row in rows]
        return [
            {k: v for k, v in row.items() if not np.isnan(v)} | {"epoch": int(row["epoch"])}
            for row in history
        ]


def decay_groups(model: Layer, weight_decay: float) -> list:
    """Parameter groups: weight decay for matrices and kernels, none for biases and BatchNorm.

    Parameters whose requires_grad is False are in none.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.data.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.data.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _packed(state):
    """(6,) uint64: the state of a PCG64, whose two large numbers have 128 bits."""
    numbers = []
    for large in (state["state"]["state"], state["state"]["inc"]):
        numbers += [large >> 64, large & (2**64 - 1)]
    return np.array([*numbers, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpacked(packed):
    a, b, c, d, has_uint32, uinteger = map(int, packed)
    if has_uint32 > 1 or uinteger >= 2**32 or d % 2 == 0:
        raise ValueError("the random generator's state makes no sense")
    state = {"state": a << 64 | b, "inc": c << 64 | d}
    return dict(bit_generator="PCG64", state=state, has_uint32=has_uint32, uinteger=uinteger)
