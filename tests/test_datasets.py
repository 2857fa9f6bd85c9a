"""tinynet.datasets: what is read, and what is refused."""

import gzip
import shutil
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynet as tn
from tinynet.datasets.idx import read_idx

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
MB = 1 << 20


def idx(array, type_code=0x08):
    """The bytes of an IDX file with this array, by the book."""
    sizes = b"".join(struct.pack(">I", n) for n in array.shape)
    return bytes([0, 0, type_code, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def file(tmp_path):
    """file(content) -> the path of a file with these bytes."""

    def write(content):
        path = tmp_path / "some-idx-file"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def folder(tmp_path):
    """folder(name=bytes or array, …) -> a folder of 5 + 2 images 3×4, with these instead.

    The names are x_train, y_train, x_test, y_test.
    """

    def write(**instead):
        rng = np.random.default_rng(0)
        contents = {
            "x_train": rng.integers(0, 256, (5, 3, 4), np.uint8),
            "y_train": np.array([3, 1, 4, 1, 5], np.uint8),
            "x_test": rng.integers(0, 256, (2, 3, 4), np.uint8),
            "y_test": np.array([9, 2], np.uint8),
        }
        contents |= instead
        for name, content in zip(NAMES, contents.values(), strict=True):
            if isinstance(content, np.ndarray):
                content = idx(content)
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return write


def peak_memory(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# -- the digits in the package --


def test_the_shipped_digits():
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist()
    assert x_train.shape == (60000, 28, 28) and y_train.shape == (60000,)
    assert x_test.shape == (10000, 28, 28) and y_test.shape == (10000,)
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8 and array.flags.writeable and array.flags.c_contiguous
    train, test = np.bincount(y_train).tolist(), np.bincount(y_test).tolist()
    assert train == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert x_train.max() == 255 and x_train[:, 0, 0].max() == 0  # ink is 255, the corner is paper


def test_loading_the_digits_takes_their_memory_once():
    path = tn.datasets.SHIPPED / "t10k-images-idx3-ubyte.gz"
    assert peak_memory(lambda: read_idx(path, 3)) < 1.5 * 10000 * 28 * 28 + 3 * MB


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_shipped_file(name, tmp_path, monkeypatch):
    shipped = shutil.copytree(tn.datasets.SHIPPED, tmp_path / "mnist")
    path = shipped / f"{name}.gz"
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # gzip's time stamp: it unpacks as before, and only the sum tells
    path.write_bytes(content)
    monkeypatch.setattr(tn.datasets, "SHIPPED", shipped)
    expected = tn.datasets.SHA256[path.name]
    message = rf"{name}\.gz: damaged: expected SHA-256 {expected}, got [0-9a-f]{{64}}; reinstall"
    with pytest.raises(tn.FileFormatError, match=message):
        tn.datasets.mnist()


# -- a folder in the same layout --


@pytest.mark.parametrize("zipped", [(), NAMES, NAMES[::2]], ids=["raw", "gz", "mixed"])
@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_any_folder_in_the_layout(folder, zipped, kind):
    root = folder()
    for name in zipped:
        (root / f"{name}.gz").write_bytes(gzip.compress((root / name).read_bytes()))
        (root / name).unlink()
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist(kind(root))
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(x_train, rng.integers(0, 256, (5, 3, 4), np.uint8))
    np.testing.assert_array_equal(x_test, rng.integers(0, 256, (2, 3, 4), np.uint8))
    assert y_train.tolist() == [3, 1, 4, 1, 5] and y_test.tolist() == [9, 2]


def test_the_content_not_the_name_tells_whether_it_is_compressed(folder):
    root = folder(x_train=gzip.compress(idx(np.ones((5, 3, 4), np.uint8))))
    (root / NAMES[1]).rename(root / f"{NAMES[1]}.gz")  # though it is not
    (x_train, y_train), _ = tn.datasets.mnist(root)
    assert x_train.sum() == 60 and y_train.tolist() == [3, 1, 4, 1, 5]


def test_the_raw_file_comes_first(folder):
    root = folder()
    expected = tn.datasets.mnist(root)
    (root / f"{NAMES[0]}.gz").write_bytes(b"this is not read")
    other = idx(np.zeros(5, np.uint8))
    (root / f"{NAMES[1]}.gz").write_bytes(gzip.compress(other))  # nor is this, which could be
    for part, again in zip(expected, tn.datasets.mnist(root), strict=True):
        for a, b in zip(part, again, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file(folder, name):
    root = folder()
    (root / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} or {name}.gz in the folder {root}"):
        tn.datasets.mnist(root)


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder, got .*nowhere"):
        tn.datasets.mnist(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder(file):
    with pytest.raises(NotADirectoryError, match="expected a folder, got .*some-idx-file"):
        tn.datasets.mnist(file(b""))


def test_a_folder_in_place_of_a_file(folder):
    root = folder()
    (root / NAMES[3]).unlink()
    (root / NAMES[3]).mkdir()
    with pytest.raises(OSError, match=NAMES[3]):
        tn.datasets.mnist(root)


@pytest.mark.parametrize(
    "instead, message",
    [
        (
            {"y_train": np.zeros(4, np.uint8)},
            f"{NAMES[1]}: expected 5 labels, one for each image in {NAMES[0]}, got 4",
        ),
        (
            {"y_test": np.zeros(3, np.uint8)},
            f"{NAMES[3]}: expected 2 labels, one for each image in {NAMES[2]}, got 3",
        ),
        (
            {"x_train": np.zeros(5, np.uint8)},
            rf"{NAMES[0]}: expected 3 dimensions, got 1 \(images have 3, labels have 1\)",
        ),
        (
            {"y_test": np.zeros((2, 3, 4), np.uint8)},
            rf"{NAMES[3]}: expected 1 dimensions, got 3 \(images have 3, labels have 1\)",
        ),
        (
            {"x_test": np.zeros((2, 4, 3), np.uint8)},
            f"{NAMES[2]}: expected images of 3×4 pixels, as in {NAMES[0]}, got 4×3 pixels",
        ),
        (
            {"x_train": np.zeros((0, 3, 4), np.uint8), "y_train": np.zeros(0, np.uint8)},
            rf"{NAMES[0]}: expected at least one value, got an array of shape \(0, 3, 4\)",
        ),
    ],
)
def test_files_that_do_not_belong_together(folder, instead, message):
    with pytest.raises(tn.FileFormatError, match=message):
        tn.datasets.mnist(folder(**instead))


# -- one IDX file --


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
@settings(derandomize=True, max_examples=30, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_what_is_written_is_read(tmp_path_factory, pack, shape, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.getbasetemp() / "array"
    path.write_bytes(pack(idx(array)))
    read = read_idx(path, len(shape))
    np.testing.assert_array_equal(read, array)
    assert read.dtype == np.uint8 and read.flags.writeable


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
def test_a_file_cut_anywhere(file, pack):
    whole = pack(idx(IMAGES))
    for length in range(len(whole)):
        with pytest.raises(tn.FileFormatError, match="some-idx-file: "):
            read_idx(file(whole[:length]), 3)
    np.testing.assert_array_equal(read_idx(file(whole), 3), IMAGES)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
def test_a_flipped_bit_in_the_header(file, pack):
    for bit in range(8 * 16):
        content = bytearray(idx(IMAGES))
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(tn.FileFormatError, match="some-idx-file: "):
            read_idx(file(pack(bytes(content))), 3)


def test_a_flipped_bit_in_the_gzip_file(file):
    whole = gzip.compress(idx(IMAGES), mtime=0)
    for bit in range(8 * len(whole)):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        try:
            read = read_idx(file(content), 3)
        except tn.FileFormatError:
            continue
        np.testing.assert_array_equal(read, IMAGES)  # a bit that says nothing, as in a time stamp


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"expected an IDX file, which starts with two zero bytes.*got b''"),
        (b"<html>", r"expected an IDX file, .*got b'<htm'"),
        (idx(IMAGES, 0x0D), r"expected values of type 0x08 \(uint8\), got 0x0D \(float32\)"),
        (idx(IMAGES, 0x42), r"expected values of type 0x08 \(uint8\), got 0x42 \(not a type"),
        (idx(IMAGES[0]), "expected 3 dimensions, got 2"),
        (idx(IMAGES)[:11], "truncated in its header: expected 16 bytes, got 11"),
        (idx(IMAGES)[:-3], r"truncated: expected 24 bytes of values for.*\(2, 3, 4\).*, got 21"),
        (idx(IMAGES) + b"!!", "trailing bytes: expected 24 bytes.*, got at least 25"),
        (gzip.compress(idx(IMAGES))[:-9], "damaged gzip file: Compressed file ended"),
        (gzip.compress(idx(IMAGES)) + b"garbage", "damaged gzip file: Not a gzipped file"),
        (gzip.compress(idx(IMAGES))[:-8] + bytes(8), "damaged gzip file: CRC check failed"),
        (gzip.compress(b"")[:10] + b"\xff" * 20, "damaged gzip file: Error -3"),
        (gzip.compress(gzip.compress(idx(IMAGES))), r"expected an IDX file, .*got b'\\x1f\\x8b"),
    ],
)
def test_errors_name_the_file_and_say_what_is_wrong(file, content, message):
    with pytest.raises(tn.FileFormatError, match=f"some-idx-file: {message}"):
        read_idx(file(content), 3)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gz"])
@pytest.mark.parametrize("shape", [(2**32 - 1, 28, 28), (2**32 - 1,) * 3])
def test_a_header_that_promises_billions_takes_no_memory(file, pack, shape):
    header = b"\0\0\x08\x03" + struct.pack(">III", *shape)
    path = file(pack(header + bytes(84)))

    def read():
        with pytest.raises(tn.FileFormatError, match="truncated: .*, got 84"):
            read_idx(path, 3)

    assert peak_memory(read) < 4 * MB


def test_a_gzip_file_that_goes_on_and_on_is_left_early(file):
    bomb = gzip.compress(idx(IMAGES) + bytes(64 * MB), compresslevel=1)
    path = file(bomb[:-4] + b"junk")  # which reading to the end would find first

    def read():
        with pytest.raises(tn.FileFormatError, match="trailing bytes: expected 24 .* at least 25"):
            read_idx(path, 3)

    assert peak_memory(read) < 4 * MB


def test_hold_out_keeps_the_last_ones_apart():
    x, y = np.arange(12).reshape(6, 2), np.arange(6)
    (x_train, y_train), (x_held, y_held) = tn.datasets.hold_out(x, y, 2)
    np.testing.assert_array_equal(np.concatenate([x_train, x_held]), x)
    np.testing.assert_array_equal(y_train, [0, 1, 2, 3])
    np.testing.assert_array_equal(y_held, [4, 5])


@pytest.mark.parametrize("n, count", [(0, 6), (6, 6), (7, 6), (1.5, 6), (2, 5)])
def test_hold_out_needs_images_on_both_sides(n, count):
    with pytest.raises(ValueError, match=f"hold_out: expected n in 1 … 5 .* got n = {n} of 6 im"):
        tn.datasets.hold_out(np.zeros((6, 2)), np.zeros(count), n)
