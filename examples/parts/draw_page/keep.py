"""The digits that the reader drew and labelled: in memory, or in a folder as MNIST keeps its own.

Such a folder, and the zip archive that the page hands out, hold MNIST's four files, not compressed,
which `tinynet.datasets.mnist(folder)` reads:

    train-images-idx3-ubyte, train-labels-idx1-ubyte    the part "train"
    t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte      the part "test"

and MARK, a note that says whose folder it is: without it, nothing is ever written there.

A part is two files, and a program may be killed between writing one and the other. So the images
are written first, and only what has a label counts: one image too many at the end is what such an
interrupt leaves, and it is dropped. To drop a digit, the images are written twice, one behind the
other, as they were and as they will be; then the labels, whose number tells which of the two
counts; then the images once.
"""

import io
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np

from tinynet.datasets.idx import read_idx
from tinynet.files import write_atomic

from .ink import SIZE, digit_of
from .look import checked_int, checked_strokes, fields, short

PREFIX = {"train": "train", "test": "t10k"}  # of the names of a part's files
MARK = "drawn-digits.txt"
NOTE = (
    "Digits drawn and labelled on the page of tinynet's examples/draw.py. To read both parts:\n"
    "(x_train, y_train), (x_test, y_test) = tinynet.datasets.mnist(this_folder)\n"
)
ZIPPED = "my_hand"  # the folder in the archive


class Drawn:
    """The digits of both parts, in memory: they are gone when the program ends."""

    def __init__(self, part="train"):
        self.part = part  # to which digits are added
        self.lock = threading.Lock()
        self._parts = dict.fromkeys(PREFIX, nothing())

    def state(self):
        """For the page: {"part", "counts": of both, and of that part "images" and "labels"}."""
        with self.lock:
            return self._state()

    def choose(self, asked):
        """Go on with another part, asked as {"part"}. The new state."""
        (part,) = fields(asked, "part")
        if part not in [*PREFIX]:  # a list, for what cannot be a key
            raise ValueError(f"part: expected one of {', '.join(PREFIX)}, got {short(part)}")
        with self.lock:
            self.part = part
            return self._state()

    def keep(self, asked):
        """Keep a drawing, asked as {"strokes", "label"}: as the network sees it. The new state."""
        strokes, label = fields(asked, "strokes", "label")
        strokes, label = checked_strokes(strokes), checked_int(label, "label", 10)
        if not strokes:
            raise ValueError("strokes: expected a drawing, got blank paper; draw a digit first")
        image = digit_of(strokes)
        with self.lock:
            images, labels = self._read(self.part)
            images = np.concatenate([images, image[None]])
            self._write(self.part, images, np.append(labels, label).astype(np.uint8))
            return self._state()

    def take_back(self, asked):
        """Drop a digit, asked as {"index", "count": all that the page knows of}.

        The new state, and "label": what it was labelled.
        """
        index, count = fields(asked, "index", "count")
        with self.lock:
            images, labels = self._read(self.part)
            if count != len(labels):  # clicked twice, or on another page that is open as well
                raise ValueError(f"count: expected {len(labels)}, as many as are kept by now")
            if not len(labels):
                raise ValueError("count: no digit is kept that could be taken back")
            i = checked_int(index, "index", len(labels))
            rest = np.delete(images, i, axis=0), np.delete(labels, i)
            self._write(self.part, *rest, before=images)
            return self._state() | {"label": int(labels[i])}

    def zipped(self):
        """The bytes of a zip archive with the files of the parts that have digits, and the note."""
        with self.lock:
            parts = {part: self._read(part) for part in PREFIX}
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{ZIPPED}/{MARK}", NOTE)
            for part, arrays in parts.items():
                for path, array in zip(paths(ZIPPED, part), arrays, strict=True):
                    if len(array):
                        archive.writestr(path.as_posix(), as_idx(array))
        return content.getvalue()

    def close(self):
        """Wait for what is being written, and write nothing from now on."""
        self.lock.acquire()

    def _state(self):
        images, labels = self._read(self.part)
        return {
            "part": self.part,
            "counts": {part: len(self._read(part)[1]) for part in PREFIX},
            "images": images,
            "labels": labels.tolist(),
        }

    def _read(self, part):
        """(images (n, 28, 28), labels (n,))"""
        return self._parts[part]

    def _write(self, part, images, labels, before=None):
        """What a part holds from now on; before: the images, if this is what is left of them."""
        self._parts[part] = images, labels


class Kept(Drawn):
    """The digits of a folder. They are on the disk only: each request reads them.

    Raises ValueError or OSError, with a sentence for the reader, for a folder that cannot be used.
    """

    def __init__(self, folder, part="train"):
        super().__init__(part)
        self.folder = Path(folder)
        self._check_folder()
        for each in PREFIX:
            images, labels = self._read(each)
            if len(self._stored(each)[0]) != len(labels):  # an interrupt left it so
                self._write(each, images, labels)
        if not (self.folder / MARK).exists():
            self.folder.mkdir(exist_ok=True)
            write_atomic(self.folder / MARK, lambda file: file.write(NOTE.encode()), who="keep")

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
        images, labels = self._stored(part)
        belonging = those_of(images, len(labels))
        if belonging is None:
            images_path, labels_path = paths(self.folder, part)
            raise ValueError(
                f"{labels_path}: expected {len(images)} labels, one for each image in "
                f"{images_path.name}, got {len(labels)}"
            )
        return belonging, labels

    def _stored(self, part):
        """(images, labels) as the files have them."""
        images_path, labels_path = paths(self.folder, part)
        images, labels = nothing()
        if images_path.exists():
            images = read_idx(images_path, ndim=3)
        if labels_path.exists():
            labels = read_idx(labels_path, ndim=1)
        if images.shape[1:] != (SIZE, SIZE):
            size = "×".join(map(str, images.shape[1:]))
            raise ValueError(f"{images_path}: expected images of 28×28, got {size}")
        if labels.size and labels.max() > 9:
            raise ValueError(f"{labels_path}: expected labels in 0 … 9, got {labels.max()}")
        return images, labels

    def _write(self, part, images, labels, before=None):
        """Both files of a part; the order decides what an interrupt between them leaves."""
        images_path, labels_path = paths(self.folder, part)
        put(images_path, images if before is None else np.concatenate([before, images]))
        put(labels_path, labels)
        if before is not None:
            put(images_path, images)


def nothing():
    """(images, labels) of a part that is empty."""
    return np.zeros((0, SIZE, SIZE), np.uint8), np.zeros(0, np.uint8)


def those_of(images, n):
    """Those images that n labels belong to, whatever an interrupt left; None if it was none."""
    if len(images) - n in (0, 1):
        return images[:n]
    half = (len(images) + 1) // 2  # written twice, when one was dropped
    before, after = images[:half], images[half:]
    if n not in (len(before), len(after)) or len(before) != len(after) + 1:
        return None
    changed = (before[:-1] != after).any(axis=(1, 2))
    dropped = changed.argmax() if changed.any() else len(after)
    if not np.array_equal(np.delete(before, dropped, axis=0), after):
        return None
    return before if n == len(before) else after


def paths(folder, part):
    """The paths of a part's images and labels."""
    prefix = Path(folder) / PREFIX[part]
    return [Path(f"{prefix}-{name}") for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]


def put(path, array):
    """Write an array, or no file where it is empty: mnist() refuses one without a value."""
    if len(array):
        content = as_idx(array)
        write_atomic(path, lambda file: file.write(content), who="keep")
    else:
        path.unlink(missing_ok=True)


def as_idx(array):
    """The bytes of an IDX file: two zeros, 8 for uint8, the number of dimensions; sizes; values."""
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + np.ascontiguousarray(array, np.uint8).tobytes()
