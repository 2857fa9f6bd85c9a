"""Data sets: MNIST, which comes with the package, and any folder in the same layout."""

import hashlib
import os
from pathlib import Path

import numpy as np

from ..checks import whole_number
from ..errors import FileFormatError
from .folder import EMNIST, Files, find
from .idx import read_idx

SHIPPED = Path(__file__).parent / "mnist"
SHA256 = {  # of the shipped files
    "train-images-idx3-ubyte.gz": (
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"
    ),
    "train-labels-idx1-ubyte.gz": (
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b"
    ),
}
BY_CHANCE = 1e-6  # the probability below which something is no accident


def mnist(
    root: str | os.PathLike | None = None, split: str | None = None
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(x_train, y_train), (x_test, y_test): the MNIST digits, or other images in their layout.

    For the digits: uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,); a pixel is
    0 for paper and 255 for ink.

    root: a folder to read instead of the shipped files, such as one with Fashion-MNIST, KMNIST,
    QMNIST or EMNIST; of any number and size of images. It holds train-images-idx3-ubyte,
    train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, or the names that
    EMNIST and QMNIST give them, each as it is or compressed, as a .gz; or a folder inside it does,
    as in torchvision's MNIST/raw. Where both are there, the one without .gz is read.
    split: of EMNIST, "balanced", "byclass", "bymerge", "digits", "letters" or "mnist", where the
    folder has more than one. Its images, which lie on their side in the files, come out upright,
    and the labels of its letters, 1 … 26 in the files, as 0 … 25.

    Raises FileNotFoundError or NotADirectoryError if a file or the folder is not there, and
    FileFormatError if a file is damaged, they do not belong together, or it is not plain which of
    several is meant.

    >>> (x_train, y_train), (x_test, y_test) = mnist()
    >>> x_train.shape, y_train[:5]
    ((60000, 28, 28), array([5, 0, 4, 1, 9], dtype=uint8))
    """
    files = _files(root, split)
    train, test = files.pair("train"), files.pair("test")  # all four, before one is read
    (x_train, y_train), (x_test, y_test) = _read_pair(*train), _read_pair(*test)
    if x_test.shape[1:] != x_train.shape[1:]:
        raise FileFormatError(
            f"{test[0]}: expected images of {_size(x_train)}, as in {train[0].name}, "
            f"got {_size(x_test)}"
        )
    if files.split:  # EMNIST stores its images column by column
        x_train, x_test = (np.ascontiguousarray(x.transpose(0, 2, 1)) for x in (x_train, x_test))
    y_train, y_test = _from_zero(files, y_train, y_test)
    return (x_train, y_train), (x_test, y_test)


def class_names(
    root: str | os.PathLike | None = None, split: str | None = None
) -> list[str] | None:
    """What the labels of `mnist(root, split)` stand for, where the names of its files tell it.

    None for files with MNIST's names in a folder of yours: they may be anything.

    >>> class_names()
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """
    names = _files(root, split).class_names
    if root is None:
        names = EMNIST["digits"]
    return None if names is None else list(names)


def hold_out(
    x: np.ndarray, y: np.ndarray, n: int = 10_000
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(x, y) without their last n, and the last n: digits to choose settings on.

    What is chosen on the test set is no longer tested by it: choose on digits held out of the
    training set, then train on all of it and look at the test set once.

    Raises ValueError for labels in an order that leaves out of one part a class which chance would
    have put in both: data that are sorted by class have to be shuffled first.

    >>> train, held_out = hold_out(*mnist()[0])
    >>> len(train[0]), len(held_out[0])
    (50000, 10000)
    """
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            got = "a number" if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"hold_out: expected {name}, a NumPy array (N, …), got {got}")
    try:
        count = whole_number(n, "hold_out: n")
    except (TypeError, ValueError):
        count = 0
    if len(x) != len(y) or not 0 < count < len(x):
        raise ValueError(
            f"hold_out: expected n in 1 … {len(x) - 1} of as many images as labels, got n = {n} "
            f"of {len(x)} images and {len(y)} labels"
        )
    if y.ndim == 1 and y.dtype.kind in "iu":
        _check_order(y, count)
    return (x[:-count], y[:-count]), (x[-count:], y[-count:])


def _check_order(y, n):
    """Raise if a class is missing before or among the last n labels, and that is no accident.

    A rare class may be missing by chance. That all m of its labels came to stand in one part,
    which is a share s of the whole, has the probability s^m at most; and shuffled labels differ
    from their neighbours about as often as two that are drawn, sorted ones hardly ever.
    """
    classes, counts = np.unique(y, return_counts=True)
    pairs = len(y) * (len(y) - 1)
    expected = (len(y) - 1) * (1 - (counts * (counts - 1.0)).sum() / pairs)
    in_order = np.count_nonzero(y[1:] != y[:-1]) <= expected / 2
    share = n / len(y)
    parts = (y[:-n], share, "before the last"), (y[-n:], 1 - share, "among the last")
    for part, other_share, where in parts:
        missing = ~np.isin(classes, part)
        unlikely = missing & (in_order | (other_share**counts < BY_CHANCE))
        if unlikely.any():
            raise ValueError(
                f"hold_out: expected labels in random order, got none of class "
                f"{classes[unlikely][0]} {where} {n}; are they sorted by class? Shuffle x and y "
                "alike first: order = np.random.default_rng(0).permutation(len(y))"
            )


def _files(root, split):
    if root is not None:
        return find(Path(root), split)
    if split is not None:
        raise ValueError(f"mnist: split={split!r} needs root, the folder with the files of EMNIST")
    paths = {}
    for name in SHA256:
        part = "train" if name.startswith("train") else "test"
        paths[part, "images" if "images" in name else "labels"] = [_shipped(SHIPPED, name)]
    return Files(SHIPPED, "", paths)


def _shipped(folder, name):
    """The path of a file that came with the package, once it is known to be what was sent."""
    path = folder / name
    expected, got = SHA256[name], hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        raise FileFormatError(
            f"{path}: damaged: expected SHA-256 {expected}, got {got}; reinstall tinynet-numpy"
        )
    return path


def _read_pair(images_path, labels_path):
    """(images (n, h, w), labels (n,))"""
    images = read_idx(images_path, ndim=3)
    if "idx2" in labels_path.name.lower():  # QMNIST: the class, then who wrote it, and so on
        table = read_idx(labels_path, ndim=2, dtype="int32")
        if table.shape[1] != 8:
            raise FileFormatError(f"{labels_path}: expected labels (N, 8), got {table.shape}")
        labels = table[:, 0]
    else:
        labels = read_idx(labels_path, ndim=1)
    if len(labels) != len(images):
        raise FileFormatError(
            f"{labels_path}: expected {len(images)} labels, one for each image in "
            f"{images_path.name}, got {len(labels)}"
        )
    return images, labels


def _from_zero(files, *parts):
    """The labels of the training and the test set as uint8, counted from 0."""
    names = files.class_names or range(256)
    first = int(files.split == "letters" and min(labels.min() for labels in parts) > 0)
    last = first + len(names) - 1
    for part, labels in zip(("train", "test"), parts, strict=True):
        wrong = labels[(labels < first) | (labels > last)]
        if len(wrong):
            raise FileFormatError(
                f"{files.pair(part)[1]}: expected labels in {first} … {last}, got {wrong[0]}"
            )
    return [(labels - first).astype(np.uint8) for labels in parts]


def _size(images):
    return f"{images.shape[1]}×{images.shape[2]} pixels"
