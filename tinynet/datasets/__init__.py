"""Data sets: MNIST, which comes with the package, and any folder in the same layout."""

import hashlib
from pathlib import Path

from ..errors import FileFormatError
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


def mnist(root=None):
    """(x_train, y_train), (x_test, y_test): the MNIST digits, or other images in their layout.

    For the digits: uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,); a pixel is
    0 for paper and 255 for ink.

    root: a folder to read instead of the shipped files, such as one with Fashion-MNIST; of any
    number and size of images. It holds train-images-idx3-ubyte, train-labels-idx1-ubyte,
    t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each as it is or compressed, as a .gz.
    Where both are there, the one without .gz is read.

    Raises FileNotFoundError or NotADirectoryError if a file or the folder is not there, and
    FileFormatError if a file is damaged, or they do not belong together.

    >>> (x_train, y_train), (x_test, y_test) = mnist()
    >>> x_train.shape, y_train[:5]
    ((60000, 28, 28), array([5, 0, 4, 1, 9], dtype=uint8))
    """
    folder = SHIPPED if root is None else Path(root)
    if not folder.is_dir():
        kind = NotADirectoryError if folder.exists() else FileNotFoundError
        raise kind(f"mnist: expected a folder, got {folder}")
    find = _shipped if root is None else _find
    train_path = find(folder, "train-images-idx3-ubyte")
    test_path = find(folder, "t10k-images-idx3-ubyte")
    x_train, y_train = _read_pair(train_path, find(folder, "train-labels-idx1-ubyte"))
    x_test, y_test = _read_pair(test_path, find(folder, "t10k-labels-idx1-ubyte"))
    if x_test.shape[1:] != x_train.shape[1:]:
        raise FileFormatError(
            f"{test_path}: expected images of {_size(x_train)}, as in {train_path.name}, "
            f"got {_size(x_test)}"
        )
    return (x_train, y_train), (x_test, y_test)


def hold_out(x, y, n=10_000):
    """(x, y) without their last n, and the last n: digits to choose settings on.

    What is chosen on the test set is no longer tested by it: choose on digits held out of the
    training set, then train on all of it and look at the test set once.

    >>> train, held_out = hold_out(*mnist()[0])
    >>> len(train[0]), len(held_out[0])
    (50000, 10000)
    """
    if len(x) != len(y) or n != int(n) or not 0 < n < len(x):
        raise ValueError(
            f"hold_out: expected n in 1 … {len(x) - 1} of as many images as labels, got n = {n} "
            f"of {len(x)} images and {len(y)} labels"
        )
    return (x[:-n], y[:-n]), (x[-n:], y[-n:])


def _find(folder, name):
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise FileNotFoundError(f"mnist: expected {name} or {name}.gz in the folder {folder}")


def _shipped(folder, name):
    """The path of a file that came with the package, once it is known to be what was sent."""
    path = folder / f"{name}.gz"
    expected, got = SHA256[path.name], hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        raise FileFormatError(
            f"{path}: damaged: expected SHA-256 {expected}, got {got}; reinstall tinynet"
        )
    return path


def _read_pair(images_path, labels_path):
    """(images (n, h, w), labels (n,))"""
    images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
    if len(labels) != len(images):
        raise FileFormatError(
            f"{labels_path}: expected {len(images)} labels, one for each image in "
            f"{images_path.name}, got {len(labels)}"
        )
    return images, labels


def _size(images):
    return f"{images.shape[1]}×{images.shape[2]} pixels"
