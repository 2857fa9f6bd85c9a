"""A training run that may be stopped anywhere, and then goes on as if it had not been.

A checkpoint holds all that training changes: the weights and BatchNorm's statistics, the velocities
of SGD, the average of the weights, the random generator, how far the run is, and its history. (The
rate and the momentum follow from how far it is.) What goes on from there meets the same numbers in
the same order, and ends with the same bits.

The file is an .npz archive like one of weights (see weights_file.py), and as little trusted: a run
knows which arrays it needs, and reads a file only if it has exactly these.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import FileFormatError
from .weights_file import read_checked, read_npz, write_atomic, write_npz

COLUMNS = ("epoch", "loss", "accuracy", "test_loss", "test_accuracy", "lr", "momentum", "seconds")


@dataclass
class Progress:
    """How far a run is: the epochs that are done, and what is counted in the one under way."""

    epoch: int = 0
    step: int = 0
    seen: int = 0  # examples
    correct: int = 0
    total_loss: float = 0.0  # of all examples seen
    seconds: float = 0.0
    rng_before: dict = None  # the state of the random generator when the epoch began
    history: list = field(default_factory=list)

    def count(self, examples, correct, loss):
        self.step += 1
        self.seen += examples
        self.correct += correct
        self.total_loss += loss

    def next_epoch(self, row):
        vars(self).update(vars(Progress(epoch=self.epoch + 1, history=[*self.history, row])))


class Checkpoint:
    """The file of one run: save() while it runs; load(), in a new process, to go on.

    settings: {name: number or text} of all that the run depends on; the file of a run with others
    is refused. The rest is what the run changes: model, SGD, the average of the weights or None,
    the random generator, Progress.
    """

    def __init__(self, path, settings, model, optimizer, average, rng, progress):
        if type(rng.bit_generator) is not np.random.PCG64:
            kind = type(rng.bit_generator).__name__
            raise ValueError(f"fit: a checkpoint needs a PCG64 generator, as of a seed; got {kind}")
        self.path, self.settings = Path(path), settings
        self.model, self.optimizer, self.average = model, optimizer, average
        self.rng, self.progress = rng, progress

    def save(self):
        """Write the run as it is now; an older file stays until the new one is complete."""
        arrays = self._arrays() | self._described()
        temporary = f".{self.path.name}.tmp"  # always the same: a killed run leaves one at most
        write_atomic(self.path, lambda file: write_npz(file, arrays), temporary)

    def load(self):
        """Put the run where the file says it was. Raises before anything is changed:

        ValueError if it is the file of a run with other settings, FileFormatError if it is
        damaged, OSError if it cannot be read.
        """
        own, described = self._arrays(), self._described()
        what = "no checkpoint of this run"
        found = read_checked(self.path, read_npz, own | described, what)
        names = [_entry(name) for name in self.settings]
        other = [name for name in names if not np.array_equal(found[name], described[name])]
        if other:
            raise ValueError(
                f"{self.path}: {what}: these differ: {', '.join(other)}; nothing was loaded"
            )
        try:
            progress = self._progress(found)
            now = _unpacked(found["rng"])
        except ValueError as error:
            raise FileFormatError(f"{self.path}: {what}: {error}; nothing was loaded") from error
        for name, array in own.items():
            array[...] = found[name]
        vars(self.progress).update(vars(progress))
        self.rng.bit_generator.state = now

    def _arrays(self):
        """{name: array}: the arrays themselves that a step of training changes."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        velocity = self.optimizer.velocity
        for p in parameters:
            velocity.setdefault(p, np.zeros_like(p.data))  # as good as none
        arrays = dict(self.model._state())
        arrays |= {f"velocity.{i}": velocity[p] for i, p in enumerate(parameters)}
        if self.average:
            arrays |= {f"average.{i}": a for i, a in enumerate(self.average.average)}
        return arrays

    def _described(self):
        """{name: array} of the settings and of how far the run is; all have fixed shapes."""
        p = self.progress
        history = np.full((int(self.settings["epochs"]), len(COLUMNS)), np.nan)
        for row, epoch in zip(history, p.history, strict=False):
            row[:] = [epoch.get(column, np.nan) for column in COLUMNS]
        now = self.rng.bit_generator.state
        return {
            **{_entry(name): _number(value) for name, value in self.settings.items()},
            "progress": np.array([p.epoch, p.step, p.seen, p.correct], np.int64),
            "sums": np.array([p.total_loss, p.seconds]),
            "rng": _packed(now),
            "rng_before": _packed(p.rng_before or now),
            "history": history,
        }

    def _progress(self, found):
        epoch, step, seen, correct = map(int, found["progress"])
        total_loss, seconds = map(float, found["sums"])
        s = self.settings
        steps = -(-s["examples"] // s["batch_size"])
        sensible = (
            0 <= epoch <= s["epochs"]
            and 0 <= step < (steps if epoch < s["epochs"] else 1)
            and seen == step * s["batch_size"]
            and 0 <= correct <= seen
            and np.isfinite([total_loss, seconds]).all()
        )
        columns = [c for c in COLUMNS if s["test_examples"] or not c.startswith("test_")]
        rows = found["history"][:epoch]
        if not sensible or rows[:, 0].tolist() != list(range(1, epoch + 1)):
            raise ValueError("how far it says it is makes no sense")
        history = [dict(zip(COLUMNS, row.tolist(), strict=True)) for row in rows]
        history = [{c: row[c] for c in columns} | {"epoch": int(row["epoch"])} for row in history]
        before = _unpacked(found["rng_before"]) if step else None
        return Progress(epoch, step, seen, correct, total_loss, seconds, before, history)


def _entry(setting):
    return f"settings.{setting}"


def _number(setting):
    """A number as it is; of a text a digest, which has a fixed size."""
    if isinstance(setting, str):
        return np.frombuffer(hashlib.sha256(setting.encode()).digest(), np.uint8)
    return np.array(setting, np.float64)


def described(thing):
    """A text that says what an augmentation or a seed is, the same in every process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def digest(*arrays):
    """A text that differs where the arrays do."""
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(f"{array.dtype} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array))
    return whole.hexdigest()


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
