"""Where the four files of a data set are, in the folders that people have.

The names end alike and begin with the data set's own:

    train-images-idx3-ubyte, t10k-labels-idx1-ubyte          MNIST, Fashion-MNIST, KMNIST
    qmnist-train-images-idx3-ubyte, qmnist-test-labels-idx2-int
    emnist-letters-train-images-idx3-ubyte, …                EMNIST, of six splits

with .gz or without, in upper or lower case, and with a dot before idx, as some programs unpack
them. They stand in the folder that is given; or in one inside it, such as torchvision's MNIST/raw
or the gzip of NIST's archive; or each in a folder that bears its name, as Kaggle packs them.
"""

import filecmp
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import FileFormatError

EMNIST = {  # the names of each split's classes, in the order of the labels
    "balanced": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
    "byclass": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "bymerge": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
    "digits": "0123456789",
    "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "mnist": "0123456789",
}
NAME = re.compile(
    rf"(?P<prefix>qmnist-|emnist-(?:{'|'.join(EMNIST)})-|)(?P<part>train|t10k|test)[-._]"
    r"(?:(?P<images>images)[-._]idx3[-._]ubyte|labels[-._](?:idx1[-._]ubyte|idx2[-._]int))(?:\.gz)?",
    re.IGNORECASE,
)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
DEPTH = 2  # of folders inside the one that is given
LISTED = 8  # names in an error, at most


class Files(NamedTuple):
    """The files of one data set in one folder.

    prefix: of their names: "", "qmnist-", "emnist-letters-", …
    paths: {("train" or "test", "images" or "labels"): [the files that may be it]}.
    """

    folder: Path
    prefix: str
    paths: dict[tuple[str, str], list[Path]]

    @property
    def split(self) -> str | None:
        """Of EMNIST; None of other data sets."""
        return self.prefix[7:-1] if self.prefix.startswith("emnist-") else None

    @property
    def class_names(self) -> str | None:
        """A letter or digit for each label; None where the names of the files do not tell."""
        return EMNIST["digits"] if self.prefix == "qmnist-" else EMNIST.get(self.split)

    def pair(self, part: str) -> tuple[Path, Path]:
        """The paths of the images and of the labels, of "train" or "test"."""
        return self._path(part, "images"), self._path(part, "labels")

    def _path(self, part, what):
        """The one file that is meant; FileNotFoundError or FileFormatError otherwise."""
        paths = self.paths.get((part, what), [])
        if not paths:
            raise _missing(self.folder, self.prefix, part, what)
        first, *others = [p for p in paths if p.suffix.lower() != ".gz"] or paths
        for other in others:
            if not filecmp.cmp(first, other, shallow=False):
                raise FileFormatError(
                    f"mnist: expected one file with the {part} {what}, got two that differ: "
                    f"{first} and {other}; remove one of them"
                )
        return first


def find(root: Path, split: str | None = None) -> Files:
    """The files of the one data set in a folder, or of this split of EMNIST."""
    _check_folder(root)
    if split is not None and split not in list(EMNIST):
        raise ValueError(f"mnist: expected split, one of {', '.join(EMNIST)}; got {split!r}")
    chosen = _search(root, split, DEPTH)
    if len(chosen) == 1:
        return chosen[0]
    found = chosen or _search(root, None, DEPTH)
    if not found:
        raise _missing(root, "" if split is None else f"emnist-{split}-", "train", "images")
    names = _listed([(f.folder.relative_to(root) / f"{f.prefix}train-…").as_posix() for f in found])
    if not chosen:
        raise FileNotFoundError(
            f"mnist: expected the split {split} of EMNIST in the folder {root}, found {names}"
        )
    splits = [files.split for files in found if files.split]
    by_split = f"pass split, such as {splits[0]!r}, or " if splits and not split else ""
    raise FileFormatError(
        f"mnist: expected one data set in the folder {root}, found {names}; {by_split}give the "
        "folder of one of them"
    )


def _check_folder(root):
    if root.is_dir():
        return
    kind = NotADirectoryError if root.exists() else FileNotFoundError
    file = next((path for path in (root, *root.parents) if path.is_file()), None)
    advice = ""
    if file and file.name.lower().endswith(ARCHIVES):
        advice = f"; unpack {file.name} first"
    elif file:
        advice = f"; {file.name} is a file: give the folder that it is in"
    raise kind(f"mnist: expected a folder, got {root}{advice}")


def _search(folder, split, depth):
    """[Files] in a folder or, where it has none, in those inside it; of this split, if any."""
    entries = _entries(folder)
    found = [files for files in _in_folder(folder, entries) if split in (None, files.split)]
    if not found and depth:
        for entry in entries:
            if entry.is_dir():
                with suppress(PermissionError):  # of a folder that is none of our business
                    found += _search(entry, split, depth - 1)
    return found


def _in_folder(folder, entries):
    sets = {}
    for entry in entries:
        match = NAME.fullmatch(entry.name)
        if not match:
            continue
        key = _key(match)
        inside = _entries(entry) if entry.is_dir() else [entry]
        matches = [(path, NAME.fullmatch(path.name)) for path in inside if path.is_file()]
        paths = [path for path, match in matches if match and _key(match) == key]
        if paths:
            prefix, *part_and_what = key
            sets.setdefault(prefix, {}).setdefault(tuple(part_and_what), []).extend(paths)
    return [Files(folder, prefix, sets[prefix]) for prefix in sorted(sets)]


def _key(match):
    """("emnist-letters-", "train" or "test", "images" or "labels")"""
    part = "train" if match["part"].lower() == "train" else "test"
    return match["prefix"].lower(), part, "images" if match["images"] else "labels"


def _entries(folder):
    """What is in a folder, in order, but for what is hidden."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _missing(folder, prefix, part, what):
    test = "test" if prefix else "t10k"
    labels = "labels-idx2-int" if prefix == "qmnist-" else "labels-idx1-ubyte"
    name = f"{prefix}{part if part == 'train' else test}-"
    name += "images-idx3-ubyte" if what == "images" else labels
    found = _listed([path.name + "/" * path.is_dir() for path in _entries(folder)])
    below = (path for depth in range(DEPTH + 1) for path in folder.glob("*/" * depth + "*"))
    archive = next((path for path in below if path.name.lower().endswith(ARCHIVES)), None)
    advice = f"; unpack {archive.relative_to(folder).as_posix()} first" if archive else ""
    return FileNotFoundError(
        f"mnist: expected {name} or {name}.gz in the folder {folder}, found {found}{advice}"
    )


def _listed(names):
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more if names else "nothing"
