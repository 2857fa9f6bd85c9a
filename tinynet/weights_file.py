"""Weights in a file: the arrays of state_dict() as one .npz archive, and back.

An .npz is a zip archive with one .npy file a name, each a short header (dtype, shape) and the bytes
of the array; np.load reads it too. A weights file is often somebody else's, so loading trusts
nothing it says: the network knows which names, shapes and dtypes it needs, and only a file with
exactly these is read. Pickled Python objects, which can run code when read, are never loaded.
"""

import os
import secrets
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from .errors import FileFormatError

MAX_HEADER = 1000  # bytes; ours take 118. Python's parser may run out of stack on long ones.


def save(model, path):
    """Write the weights and buffers of a model to an .npz file at exactly this path.

    If it ends in .safetensors, to a file in that format, which PyTorch's users read, too; that
    needs the package safetensors: pip install 'tinynet[safetensors]'.

    The file is written beside its place, and moved there once it is complete and on the disk:
    a crash or a full disk leaves an older file as it was (after a crash, with a hidden
    .tinynet-….tmp beside it, which may be deleted). Raises OSError (FileNotFoundError if the
    folder does not exist) if it cannot be written.

    >>> from tinynet import Linear
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(3, 2), f"{folder}/weights.npz")
    ...     os.listdir(folder)
    ['weights.npz']
    """
    if Path(path).suffix == ".safetensors":
        content = _safetensors("save").save(model.state_dict())
        write_atomic(path, lambda file: file.write(content))
    else:
        write_atomic(path, lambda file: write_npz(file, model.state_dict()))


def write_atomic(path, write, temporary=None):
    """A file at path, as write(file) writes it; or, whatever happens, what was there before.

    temporary: the name that the file has, in the same folder, until it is complete; a new one,
    if it is not given.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: expected a folder that exists, got {path.parent}")
    if path.exists() and not path.is_file():  # the move would replace even /dev/null
        raise FileExistsError(f"save: expected a file to write, got {path}, which is not a file")
    temporary = path.parent / (temporary or f".tinynet-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)  # still there only if something failed
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the move itself, too, is on the disk
        finally:
            os.close(folder)


def load(model, path):
    """Copy the weights and buffers in a file that save wrote into the model: all, or none.

    A .safetensors file may also come from elsewhere: from PyTorch's same network, for instance.
    Names, shapes and dtypes must be exactly the model's own. Raises FileFormatError if they are
    not or the file is damaged, and OSError (FileNotFoundError) if it cannot be opened.

    >>> from tinynet import Linear
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(3, 2), f"{folder}/weights.npz")
    ...     load(Linear(4, 2), f"{folder}/weights.npz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinynet.errors.FileFormatError: ...weight: expected float32 (2, 4), got float32 (2, 3)...
    """
    what = f"no weights for this {type(model).__name__}"
    read = _safetensors_reader() if Path(path).suffix == ".safetensors" else read_npz
    model.load_state_dict(read_checked(path, read, model.state_dict(), what))


def read_checked(path, read, own, otherwise):
    """The arrays of a file, by name, with exactly the names, shapes and dtypes of own.

    read: read_npz, or the like for another format. Raises FileFormatError, which says what the
    file is otherwise, if it has others or is damaged.
    """
    with open(path, "rb") as file:
        try:
            return read(file, own)
        except Exception as error:  # zipfile and numpy raise many kinds on bytes without sense
            raise FileFormatError(
                f"{path}: {otherwise}: {str(error) or type(error).__name__}; nothing was loaded"
            ) from error


def write_npz(file, state):
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in state.items():
            # ZipInfo without a date: the same weights always make the same bytes.
            info = zipfile.ZipInfo(f"{name}.npy")
            with archive.open(info, "w", force_zip64=True) as entry:
                npy.write_array(entry, array, version=(1, 0), allow_pickle=False)


def read_npz(file, own):
    """{name: array} with the names, shapes and dtypes of own, all checked before any is read.

    Raises ValueError where the file has others, and whatever zipfile and numpy raise.
    """
    with zipfile.ZipFile(file) as archive:
        _check_names([f"{name}.npy" for name in own], [e.filename for e in archive.infolist()])
        starts, misfits = {}, []
        for name, here in own.items():
            entry = archive.getinfo(f"{name}.npy")
            shape, dtype, starts[name] = _read_header(archive, entry)
            size = starts[name] + here.nbytes
            if (shape, dtype) != (here.shape, here.dtype):
                misfits.append(_misfit(name, here, shape, dtype))
            elif entry.file_size != size:
                misfits.append(f"{name}: expected {size} bytes, got {entry.file_size}")
        if misfits:
            raise ValueError(_few(misfits, "; "))
        return {name: _read_data(archive, name, starts[name], own[name]) for name in own}


def _safetensors_reader():
    """What read_npz does, for a file of safetensors: a header in JSON, then the arrays' bytes."""
    safetensors = _safetensors("load")

    def read(file, own):
        header = int.from_bytes(file.read(8), "little")
        size = os.fstat(file.fileno()).st_size
        expected = 8 + header + sum(array.nbytes for array in own.values())
        if size != expected:
            raise ValueError(f"expected {expected} bytes, got {size}")
        file.seek(0)
        state = safetensors.load(file.read())
        _check_names(list(own), list(state))
        misfits = [
            _misfit(name, own[name], a.shape, a.dtype)
            for name, a in state.items()
            if (a.shape, a.dtype) != (own[name].shape, own[name].dtype)
        ]
        if misfits:
            raise ValueError(_few(misfits, "; "))
        return state

    return read


def _safetensors(who):
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            f"{who}: needs the package safetensors; install it with: "
            "pip install 'tinynet[safetensors]'"
        ) from None
    return safetensors.numpy


def _misfit(name, own, shape, dtype):
    return f"{name}: expected {own.dtype} {own.shape}, got {dtype} {shape}"


def _check_names(expected, filenames):
    found = Counter(filenames)
    problems = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "there more than once": [name for name, times in found.items() if times > 1],
    }
    if any(problems.values()):
        raise ValueError(
            "; ".join(f"{what}: {_few(names, ', ')}" for what, names in problems.items() if names)
        )


def _read_header(archive, entry):
    """shape, dtype, and the number of bytes before the data."""
    # The other methods of zip unpack without a limit: a few bytes could fill the memory.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"{entry.filename}: expected it stored or deflated, got compression method "
            f"{entry.compress_type}"
        )
    with archive.open(entry) as data:
        version = npy.read_magic(data)
        if version != (1, 0):
            raise ValueError(f"{entry.filename}: expected .npy version (1, 0), got {version}")
        shape, fortran_order, dtype = npy.read_array_header_1_0(data, MAX_HEADER)
        if dtype.hasobject:
            raise ValueError(
                f"{entry.filename}: expected numbers, got Python objects (pickle), which could "
                "run code and are never loaded"
            )
        if fortran_order:
            raise ValueError(f"{entry.filename}: expected C order, got Fortran order")
        return shape, dtype, data.tell()


def _read_data(archive, name, start, here):
    with archive.open(f"{name}.npy") as entry:
        entry.read(start)
        data = entry.read(here.nbytes)  # to the end of the entry: zipfile compares its checksum
    if len(data) != here.nbytes:
        raise ValueError(f"{name}: truncated: expected {here.nbytes} bytes, got {len(data)}")
    return np.ndarray(here.shape, here.dtype, buffer=data)


def _few(items, separator):
    """The first items, and how many more there are."""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return separator.join(items[:3]) + more
