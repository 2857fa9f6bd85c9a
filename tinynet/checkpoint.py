"""A training run that may be stopped anywhere, and then goes on as if it had not been.

A checkpoint is the state that a run gives (see run.py), and a text that says which run it is: all
that its result depends on, by name. It knows nothing else of the run.

The file is an .npz archive like one of weights (see weights_file.py), and as little trusted: a run
knows which arrays it needs, and reads a file only if it has exactly these.
"""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

from .errors import FileFormatError
from .files import write_atomic
from .run import Run
from .weights_file import read_checked, read_data, read_header, read_npz, write_npz

MAX_TEXT = 1_000_000  # bytes of settings
MAX_SHOWN, MOST = 150, 8  # characters of a value, and values, in a message
NOTHING = ("nothing", None)
WHAT = "no checkpoint of this run"


class Checkpoint:
    """The file of one run: save() while it runs; load(), in a new process, to go on.

    settings: {name: number, text, list, bool or None} of all that the run depends on; the file of
    a run with others is refused.
    """

    def __init__(self, path: str | os.PathLike, run: Run, settings: dict):
        self.path, self.run = Path(path), run
        text = json.dumps(settings).encode()
        if len(text) > MAX_TEXT:
            raise ValueError(
                f"a checkpoint holds at most {MAX_TEXT:,} bytes of settings of a network and its "
                f"training, got {len(text):,}"
            )
        self.settings = _texts(json.loads(text))  # as a file gives them back: lists for tuples
        self._text = np.frombuffer(text, np.uint8)

    def save(self) -> None:
        """Write the run as it is now; an older file stays until the new one is complete."""
        arrays = {"settings": self._text} | self.run.state_dict()
        temporary = f".{self.path.name}.tmp"  # always the same: a killed run leaves one at most
        write_atomic(self.path, lambda file: write_npz(file, arrays), temporary, "fit")

    def load(self) -> None:
        """Put the run where the file says it was. Raises before anything is changed:

        ValueError if it is the file of a run with other settings, FileFormatError if it is
        damaged or of an older version, OSError if it cannot be read.
        """
        text, settings = read_checked(self.path, _read_settings, None, WHAT)
        differ = differences(settings, self.settings)
        if differ:
            raise ValueError(
                f"{self.path}: {WHAT}: these differ: {'; '.join(differ)}; nothing was loaded"
            )
        state = read_checked(self.path, read_npz, {"settings": text} | self.run.state_dict(), WHAT)
        del state["settings"]
        try:
            self.run.load_state_dict(state)
        except ValueError as error:
            raise FileFormatError(f"{self.path}: {WHAT}: {error}; nothing was loaded") from error


def differences(theirs: dict, ours: dict) -> list:
    """["name: value in the file, value here"] of settings that differ, as _texts gives them."""
    names = [*ours, *(name for name in theirs if name not in ours)]
    differ = [
        f"{_shown(name)}: {_shown(theirs.get(name, NOTHING)[0])} in the file, "
        f"{_shown(ours.get(name, NOTHING)[0])} here"
        for name in names
        if theirs.get(name) != ours.get(name)
    ]
    return differ[:MOST] + ([f"and {len(differ) - MOST} more"] if len(differ) > MOST else [])


def _texts(settings):
    """{name: (the value's text, its type)}."""
    return {
        name: (value if isinstance(value, str) else repr(value), type(value))
        for name, value in settings.items()
    }


def _shown(text):
    """A text from outside, short, and without what a terminal might obey."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _read_settings(file, _):
    """The array of a file's settings, and what it says; for read_checked."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if "settings.npy" not in names:
            if "settings.epochs.npy" in names:
                raise ValueError(
                    "an older version of tinynet wrote it, and this one cannot read it; start the "
                    "run anew, without resume"
                )
            raise ValueError("missing: settings")
        entry = archive.getinfo("settings.npy")
        shape, dtype, start = read_header(archive, entry)
        if dtype != np.uint8 or len(shape) != 1 or shape[0] > MAX_TEXT:
            raise ValueError(
                f"settings: expected uint8 of at most {MAX_TEXT:,} bytes, got {dtype} {shape}"
            )
        if entry.file_size != start + shape[0]:
            raise ValueError(f"settings: expected {start + shape[0]} bytes, got {entry.file_size}")
        text = read_data(archive, "settings", start, np.empty(shape, np.uint8))
    settings = json.loads(text.tobytes())
    if not isinstance(settings, dict):
        raise ValueError(f"settings: expected names and values, got {type(settings).__name__}")
    return text, _texts(settings)
