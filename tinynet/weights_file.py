"""Weights in a file: the arrays of state_dict() as one .npz archive, and back.

An .npz is a zip archive with one .npy file a name, each a short header (dtype, shape) and the bytes
of the array; np.load reads it too. A weights file is often somebody else's, so loading trusts
nothing it says: the network knows which names, shapes and dtypes it needs, and only a file with
exactly these is read. Pickled Python objects, which can run code when read, are never loaded.
"""

import json
import os
import zipfile
from collections import Counter

import numpy as np
from numpy.lib import format as npy

from .errors import FileFormatError
from .files import check_ending, check_place, checked_path, ending, write_atomic
from .layer import Layer

MAX_HEADER = 1000  # bytes; ours take 118. Python's parser may run out of stack on long ones.
ENDINGS = (".npz", ".safetensors")
ZIP = b"PK\3\4"  # how an archive begins
DTYPES = dict(  # safetensors' names, and NumPy's
    BOOL="bool", U8="uint8", I8="int8", U16="uint16", I16="int16", U32="uint32", I32="int32",
    U64="uint64", I64="int64", F16="float16", BF16="bfloat16", F32="float32", F64="float64",
)  # fmt: skip


def save(model: Layer, path: str | os.PathLike) -> None:
    """Write the weights and buffers of a model to an .npz file at exactly this path.

    If it ends in .safetensors, to a file in that format, which PyTorch's users read, too; that
    needs the package safetensors: pip install safetensors. A name that promises another format
    ("w.pt", "w.h5") is refused; one that promises none ("weights") is an .npz file, too.

    The file is written beside its place, and moved there once it is complete and on the disk:
    a crash or a full disk leaves an older file as it was (after a crash, with a hidden
    .tinynet-….tmp beside it, which may be deleted). A link stays a link, and the file that it
    leads to is replaced; the new file has the mode of the old one.

    Raises, before anything is written, TypeError for what is no Layer or no path, ValueError for
    a name of another format, and OSError if the file cannot be written: FileNotFoundError without
    its folder, PermissionError if it or the folder is read-only.

    >>> from tinynet import Linear
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(3, 2), f"{folder}/weights.npz")
    ...     os.listdir(folder)
    ['weights.npz']
    """
    path = _checked(model, path, "save")
    check_ending(path, ENDINGS, "save")
    kind = ending(path) if ending(path) in ENDINGS else ".npz"
    check_ending(check_place(path, "save"), (kind,), "save")  # what a link leads to, too
    state = model.state_dict()
    if kind == ".safetensors":
        others = [f"{k} {a.dtype}" for k, a in state.items() if a.dtype.name not in DTYPES.values()]
        if others:
            raise ValueError(f"save: .safetensors has no such dtype: {_few(others, ', ')}")
        content = _safetensors("save").save(state)
        write_atomic(path, lambda file: file.write(content))
    else:
        write_atomic(path, lambda file: write_npz(file, state))


def load(model: Layer, path: str | os.PathLike) -> None:
    """Copy the weights and buffers in a file that save wrote into the model: all, or none.

    An .npz file is known by its first bytes, whatever its name. A .safetensors file may also come
    from elsewhere: from PyTorch's same network, for instance. Names, shapes and dtypes must be
    exactly the model's own. Raises FileFormatError if they are not or the file is damaged,
    OSError (FileNotFoundError) if it cannot be opened, TypeError for what is no Layer or no path.

    >>> from tinynet import Linear
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(3, 2), f"{folder}/weights.npz")
    ...     load(Linear(4, 2), f"{folder}/weights.npz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tinynet.errors.FileFormatError: ...weight: expected float32 (2, 4), got float32 (2, 3)...
    """
    path = _checked(model, path, "load")
    read = read_npz
    if ending(path) == ".safetensors":
        read = _safetensors_reader()
    what = f"no weights for this {type(model).__name__}"
    model.load_state_dict(read_checked(path, read, model.state_dict(), what))


def _checked(model, path, who):
    if not isinstance(model, Layer):
        raise TypeError(f"{who}: expected model, a Layer, got {type(model).__name__}")
    return checked_path(path, who)


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
            shape, dtype, starts[name] = read_header(archive, entry)
            size = starts[name] + here.nbytes
            if (shape, dtype) != (here.shape, here.dtype):
                misfits.append(_misfit(name, here, shape, dtype))
            elif entry.file_size != size:
                misfits.append(f"{name}: expected {size} bytes, got {entry.file_size}")
        if misfits:
            raise ValueError(_few(misfits, "; "))
        return {name: read_data(archive, name, starts[name], own[name]) for name in own}


def _safetensors_reader():
    """What read_npz does, for a file of safetensors: a header in JSON, then the arrays' bytes."""
    safetensors = _safetensors("load")

    def read(file, own):
        if file.read(4) == ZIP:  # save once wrote an .npz to "w.SAFETENSORS"
            return read_npz(file, own)
        size = _check_safetensors(file, own)
        file.seek(0)
        return safetensors.load(file.read(size))

    return read


def _check_safetensors(file, own):
    """The size of a file of safetensors with the names, shapes and dtypes of own, in bytes.

    Raises ValueError where it has others, before more than its header is read.
    """
    file.seek(0)
    start = 8 + int.from_bytes(file.read(8), "little")
    size = os.fstat(file.fileno()).st_size
    if size < start:
        raise ValueError(f"expected {start} bytes or more, got {size}")
    most = MAX_HEADER * (len(own) + 100)  # the metadata, too, may take some
    if start > most:
        raise ValueError(f"expected a header of at most {most} bytes, got {start}")
    entries, data_size = _safetensors_header(file.read(start - 8))
    if size != start + data_size:
        raise ValueError(f"expected {start + data_size} bytes, got {size}")
    _check_names(list(own), [name for name, _, _ in entries])
    misfits = [
        _misfit(name, own[name], shape, dtype)
        for name, shape, dtype in entries
        if (shape, dtype) != (own[name].shape, own[name].dtype.name)
    ]
    if misfits:
        raise ValueError(_few(misfits, "; "))
    needed = sum(array.nbytes for array in own.values())
    if data_size != needed:
        raise ValueError(f"expected arrays of {needed} bytes together, got {data_size}")
    return size


def _safetensors_header(content):
    """[(name, shape, dtype)] of the arrays, and where the last of them ends."""
    try:
        pairs = json.loads(content, object_pairs_hook=list)  # a name may be there twice
        entries = [(name, dict(entry)) for name, entry in pairs if name != "__metadata__"]
        size = max((int(entry["data_offsets"][1]) for _, entry in entries), default=0)
        return [
            (name, tuple(entry["shape"]), DTYPES.get(entry["dtype"], entry["dtype"]))
            for name, entry in entries
        ], size
    except Exception as error:  # Python raises many kinds on what is no such header
        raise ValueError("expected a header of safetensors, got one without sense") from error


def _safetensors(who):
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            f"{who}: needs the package safetensors; install it with: pip install safetensors"
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


def read_header(archive, entry):
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


def read_data(archive, name, start, here):
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
