"""The digits that the reader drew and labelled, kept in a folder as MNIST keeps its own.

The folder holds MNIST's four files, not compressed, which `tinynet.datasets.mnist(folder)` reads:

    train-images-idx3-ubyte, train-labels-idx1-ubyte    the part "train"
    t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte      the part "test"

and MARK, a note that says whose folder it is: without it, nothing is ever written there.

A part is two files, and a program may be killed between writing one and the other. So the images
are written first, and only what has a label counts: one image too many at the end is what such an
interrupt leaves, and it is dropped. To take a digit back goes the other way, labels first.
"""

import struct
import threading
from pathlib import Path

import numpy as np

from tinynet.datasets.idx import read_idx
from tinynet.files import write_atomic

from .ink import SIZE, digit_of
from .look import checked_int, checked_strokes, fields

PREFIX = {"train": "train", "test": "t10k"}  # of the names of a part's files
MARK = "drawn-digits.txt"
NOTE = (
    "Digits drawn and labelled on the page of tinynet's examples/draw.py --keep. To read them:\n"
    "(x_train, y_train), (x_test, y_test) = tinynet.datasets.mnist(this_folder)\n"
)


class Kept:
    """The digits of one part of a folder. They are on the disk only: each request reads them.

    Raises ValueError or OSError, with a sentence for the reader, for a folder that cannot be used.
    """

    def __init__(self, folder, part="train"):
        self.folder, self.part = Path(folder), part
        self.lock = threading.Lock()
        self._check_folder()
        for each in PREFIX:
            images, labels, surplus = self._read(each)
            if surplus:
                self._write(each, images, labels)
        if not (self.folder / MARK).exists():
            self.folder.mkdir(exist_ok=True)
            write_atomic(self.folder / MARK, lambda file: file.write(NOTE.encode()), who="keep")

    def state(self):
        """{"part", "counts": how many of each digit are kept}, for the page."""
        with self.lock:
            return self._state(self._read(self.part)[1])

    def keep(self, asked):
        """Keep a drawing, asked as {"strokes", "label"}: as the network sees it. The new state."""
        strokes, label = fields(asked, "strokes", "label")
        strokes, label = checked_strokes(strokes), checked_int(label, "label", 10)
        if not strokes:
            raise ValueError("strokes: expected a drawing, got blank paper; draw a digit first")
        image = digit_of(strokes)
        with self.lock:
            images, labels, _ = self._read(self.part)
            images, labels = np.concatenate([images, image[None]]), np.append(labels, label)
            self._write(self.part, images, labels.astype(np.uint8))
            return self._state(labels)

    def take_back(self, asked):
        """Drop the last of the digits, asked as {"count": all that the page knows of}.

        The new state, and "label": what it was labelled.
        """
        (count,) = fields(asked, "count")
        with self.lock:
            images, labels, _ = self._read(self.part)
            if count != len(labels):  # clicked twice, or on another page that is open as well
                raise ValueError(f"count: expected {len(labels)}, as many as are kept by now")
            if not len(labels):
                raise ValueError("count: no digit is kept that could be taken back")
            self._write(self.part, images[:-1], labels[:-1], images_first=False)
            return self._state(labels[:-1]) | {"label": int(labels[-1])}

    def close(self):
        """Wait for what is being written, and write nothing from now on."""
        self.lock.acquire()

    def _state(self, labels):
        return {"part": self.part, "counts": np.bincount(labels, minlength=10).tolist()}

    def _paths(self, part):
        """The paths of a part's images and labels."""
        prefix = self.folder / PREFIX[part]
        return [Path(f"{prefix}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]

    def _check_folder(self):
        if not self.folder.exists():
            if not self.folder.parent.is_dir():
                raise FileNotFoundError(f"there is no folder {self.folder.parent} to make it in")
            return
        if not self.folder.is_dir():
            raise NotADirectoryError("expected a folder, got a file")
        found = [path.name for path in self.folder.iterdir() if not path.name.startswith(".")]
        if found and MARK not in found:
            raise ValueError(
                "expected a new or an empty folder, or one with digits from this page, found "
                f"{min(found)} in it and no {MARK}; give another folder"
            )

    def _read(self, part):
        """(images (n, 28, 28), labels (n,), whether there was one image more)."""
        paths = self._paths(part)
        images, labels = np.zeros((0, SIZE, SIZE), np.uint8), np.zeros(0, np.uint8)
        if paths[0].exists():
            images = read_idx(paths[0], ndim=3)
        if paths[1].exists():
            labels = read_idx(paths[1], ndim=1)
        if images.shape[1:] != (SIZE, SIZE):
            size = "×".join(map(str, images.shape[1:]))
            raise ValueError(f"{paths[0]}: expected images of 28×28, got {size}")
        if labels.size and labels.max() > 9:
            raise ValueError(f"{paths[1]}: expected labels in 0 … 9, got {labels.max()}")
        surplus = len(images) - len(labels)
        if surplus not in (0, 1):
            raise ValueError(
                f"{paths[1]}: expected {len(images)} labels, one for each image in "
                f"{paths[0].name}, got {len(labels)}"
            )
        return images[: len(labels)], labels, surplus == 1

    def _write(self, part, images, labels, images_first=True):
        """Both files of a part; the order decides what an interrupt between them leaves."""
        steps = list(zip(self._paths(part), (images, labels), strict=True))
        for path, array in steps if images_first else reversed(steps):
            if len(array):
                content = as_idx(array)
                write_atomic(path, lambda file, content=content: file.write(content), who="keep")
            else:
                path.unlink(missing_ok=True)  # mnist() refuses a file without a value


def as_idx(array):
    """The bytes of an IDX file: two zeros, 8 for uint8, the number of dimensions; sizes; values."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + np.ascontiguousarray(array, np.uint8).tobytes()
