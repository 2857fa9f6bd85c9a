"""IDX, the file format of MNIST: a short header, then the bytes of one array.

    byte 0, 1   two zeros
    byte 2      the type of the values; 0x08 is uint8, 0x0C int32
    byte 3      the number of dimensions
    then        the size of each dimension, four bytes, the most significant first
    then        the values, the last index moving fastest; of several bytes, the most
                significant first

A file from outside may say anything, so its header is a promise to check, not to trust: memory is
taken for the bytes that have come, never for those that were announced.
"""

import gzip
import math
import os
import struct
import zlib

import numpy as np

from ..errors import FileFormatError

GZIP_MAGIC = b"\x1f\x8b"  # how a gzip file starts; an IDX file starts with two zeros
TYPES = {
    0x08: "uint8",
    0x09: "int8",
    0x0B: "int16",
    0x0C: "int32",
    0x0D: "float32",
    0x0E: "float64",
}
ARCHIVES = {b"PK\x03\x04": "a zip archive", b"\xfd7zX": "an xz file", b"7z\xbc\xaf": "a 7z archive"}
CHUNK = 1 << 20


def read_idx(path: str | os.PathLike, ndim: int, dtype: str = "uint8") -> np.ndarray:
    """The array of `ndim` dimensions in an IDX file, raw or compressed with gzip.

    dtype: the name of the type it must have, one of TYPES. The content decides whether the file
    is compressed, not the name. Raises FileFormatError if the file is anything but one such
    array, whole and with nothing after it, and OSError if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            zipped = file.peek(2)[:2] == GZIP_MAGIC
            return _read(gzip.GzipFile(fileobj=file) if zipped else file, path, ndim, dtype)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFormatError(f"{path}: damaged gzip file: {error}") from error


def _read(file, path, ndim, dtype):
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        archive = f": {ARCHIVES[magic]}, unpack it first" if magic in ARCHIVES else ""
        raise FileFormatError(
            f"{path}: expected an IDX file, which starts with two zero bytes, a type and a number "
            f"of dimensions, got {magic!r}{archive}"
        )
    if TYPES.get(magic[2]) != dtype:
        code = next(code for code, name in TYPES.items() if name == dtype)
        raise FileFormatError(
            f"{path}: expected values of type 0x{code:02X} ({dtype}), got 0x{magic[2]:02X} "
            f"({TYPES.get(magic[2], 'not a type of IDX')})"
        )
    if magic[3] != ndim:
        usual = "QMNIST's labels have 2" if ndim == 2 else "images have 3, labels have 1"
        raise FileFormatError(f"{path}: expected {ndim} dimensions, got {magic[3]} ({usual})")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise FileFormatError(
            f"{path}: truncated in its header: expected {4 + 4 * ndim} bytes, got {4 + len(sizes)}"
        )
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape:
        raise FileFormatError(f"{path}: expected at least one value, got an array of shape {shape}")

    stored = np.dtype(dtype).newbyteorder(">")
    # of Python's ints: the product may well exceed 64 bits
    promised = math.prod(shape) * stored.itemsize
    data = bytearray()
    # One byte more than promised is asked for: it tells of trailing bytes, and reaching the end
    # instead makes gzip compare its checksum.
    while chunk := file.read(min(CHUNK, promised + 1 - len(data))):
        data += chunk
    if len(data) != promised:
        what = "truncated" if len(data) < promised else "trailing bytes"
        at_least = "" if len(data) < promised else "at least "
        raise FileFormatError(
            f"{path}: {what}: expected {promised} bytes of values for the shape {shape} in its "
            f"header, got {at_least}{len(data)}"
        )
    return np.frombuffer(data, stored).reshape(shape).astype(dtype, copy=False)
