"""Files that are written whole or not at all, and where they may be written.

What stands at a path may be a year's work, so a file is first written beside its place and then
moved there in one step: who reads it finds the old one or the new one, never half of either.
"""

import contextlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

WASI = sys.platform == "wasi"  # has no modes and owners of files, and cannot sync folders

# Endings that promise a format to whoever reads the file next.
FORMATS = frozenset(
    (
        ".npz .npy .safetensors .onnx .ort .pt .pth .pt2 .ptl .torch .pkl .pickle .joblib .dill "
        ".ckpt .bin .h5 .hdf5 .hdf .keras .pb .tflite .mlmodel .pdparams .params .caffemodel "
        ".msgpack .gguf .ggml .mat .csv .tsv .json .txt .yaml .yml .zip .gz .bz2 .xz .zst .tar "
        ".tgz .py .ipynb"
    ).split()
)

PATIENCE = 1.0  # seconds that another program may hold a file that is to be replaced


def checked_path(path: str | os.PathLike, who: str) -> Path:
    """path as a Path; TypeError if it is none: open would take 3 as a file that is open."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        kind = type(path).__name__
        raise TypeError(f"{who}: expected path, a str or os.PathLike, got {kind}")
    if os.path.basename(path) in ("", ".", ".."):  # "runs/" is a folder; Path drops the slash
        raise IsADirectoryError(f"{who}: expected path, the name of a file, got {path!r}")
    return Path(path)


def ending(path: Path) -> str:
    """What follows the last dot of a name, and the dot, in small letters: ".npz", or ""."""
    _, dot, after = path.name.rpartition(".")
    return dot + after.lower()


def check_ending(path: Path, own: tuple[str, ...], who: str):
    """ValueError if the name promises a format of FORMATS that is none of our own.

    Names that promise nothing, such as "weights" and "weights.final", are as good as any.
    """
    if ending(path) in FORMATS.difference(own):
        raise ValueError(
            f"{who}: expected a name that ends in {' or '.join(own)}, got {path.name}: "
            f"what reads {ending(path)} files could not read this one"
        )


def check_place(path: str | os.PathLike, who: str) -> Path:
    """The file that writing to this path would write, links followed; OSError if it may not be.

    A folder that does not exist or may not be written; a file that is read-only, and what is no
    file. Nothing is changed.
    """
    path = checked_path(path, who)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{who}: expected a folder that exists, got {target.parent}")
    try:
        mode = os.stat(path).st_mode  # raises OSError for links that lead to each other
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):  # a move would replace even /dev/null
        raise FileExistsError(f"{who}: expected a file to write, got {path}, which is not a file")
    # root may write anything, hence the owner's bit, too
    if mode is not None and not ((WASI or mode & stat.S_IWUSR) and _may(target, os.W_OK)):
        raise PermissionError(f"{who}: expected a file that may be written, got {path}, read-only")
    if not _may(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"{who}: expected a folder that may be written, got {target.parent}, read-only"
        )
    return target


def _may(path, what):
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def write_atomic(
    path: str | os.PathLike,
    write: Callable[[BinaryIO], object],
    temporary: str | None = None,
    who: str = "save",
):
    """A file at path, as write(file) writes it; or, whatever happens, what was there before.

    A link stays, and what it leads to is replaced. The new file has the mode of the old one, and
    its owner and group where the process may set them; where there was none, the usual ones. Of a
    file with several names (hard links) only this one gets the new content: the others keep the
    old file, which is never written to.

    temporary: the name that the file has, in the same folder, until it is complete; a new one,
    if it is not given. who: begins the errors, those of check_place.
    """
    target = check_place(path, who)
    temporary = target.parent / (temporary or f".tinynet-{secrets.token_hex(8)}.tmp")
    old = target.stat() if target.exists() else None
    temporary.unlink(missing_ok=True)  # of a process that was killed
    try:
        # never readable for more than the complete file: 0o666 less the umask if it is new
        create = 0o666 if old is None else 0o600
        with open(
            temporary, "wb", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, create)
        ) as file:
            if old is not None and not WASI:
                _make_alike(temporary, old)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, target, who)
    finally:
        with contextlib.suppress(PermissionError):  # what failed before is what matters
            temporary.unlink(missing_ok=True)  # still there only if something failed
    if os.name == "posix" and not WASI:
        with contextlib.suppress(PermissionError):  # a folder that may be written but not read
            _sync_folder(target.parent)


def _replace(source, target, who):
    """Move a file to its place.

    Windows refuses while any program has open what stands there: a virus scanner or a backup for a
    moment, a spreadsheet for as long as it shows it.
    """
    last = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(source, target)
        except PermissionError as error:
            if os.name != "nt":
                raise
            if time.monotonic() >= last:
                raise PermissionError(
                    f"{who}: expected a file that may be replaced, got {target}, which another "
                    f"program seems to have open (tried for {PATIENCE:g} s); close it there"
                ) from error
        time.sleep(PATIENCE / 20)


def _make_alike(path, old):
    """Give a new file the owner, group and mode that another has."""
    mode = stat.S_IMODE(old.st_mode)
    if os.name == "posix":
        for owner in ((old.st_uid, -1), (-1, old.st_gid)):
            with contextlib.suppress(OSError):  # only root gives files to others
                os.chown(path, *owner)
        if os.stat(path).st_gid != old.st_gid:
            mode &= ~stat.S_IRWXG  # what one group may is not for another
    os.chmod(path, mode)  # after chown, which may clear bits


def _sync_folder(path):
    """The move itself, too, is on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
