"""tinynet.datasets: what is read, and what is refused."""

import functools
import gzip
import re
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
    with pytest.raises(
        FileNotFoundError, match=f"{name} or {name}.gz in the folder {re.escape(str(root))}"
    ):
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


# -- the folders that people have --

X = np.random.default_rng(1).integers(0, 256, (7, 4, 4), np.uint8)  # 5 to train on, 2 to test
Y = np.array([3, 1, 4, 1, 5, 9, 2], np.uint8)
LETTERS = np.array([3, 1, 26, 1, 5, 9, 2], np.uint8)
PARTS = {"train": slice(0, 5), "test": slice(5, 7)}


def rich(y):
    """QMNIST's labels: the class and seven more numbers, of which the file has int32."""
    return np.stack([y.astype(np.int32), *np.full((7, len(y)), 4000, np.int32)], axis=1)


def put(folder, name="{}-{}", x=X, y=Y, test="t10k", dot="-", pack=bytes, end=""):
    """Four files; name: of a part and a kind, such as "emnist-letters-{}-{}"."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in PARTS.items():
        part = test if part == "test" else part
        images = folder / f"{name.format(part, 'images')}{dot}idx3-ubyte{end}"
        images.write_bytes(pack(idx(x[rows])))
        if "qmnist" in name.lower():
            labels = idx(rich(y[rows]).astype(">i4"), 0x0C)
            kind = "idx2-int"
        else:
            labels, kind = idx(y[rows]), "idx1-ubyte"
        (folder / f"{name.format(part, 'labels')}{dot}{kind}{end}").write_bytes(pack(labels))
    return folder


def emnist(folder, split="letters", y=LETTERS, x=X, **how):
    """As NIST stores them: the images lie on their side."""
    sideways = np.ascontiguousarray(x.transpose(0, 2, 1))
    return put(folder, f"emnist-{split}-{{}}-{{}}", sideways, y, "test", **how)


def assert_reads(root, x=X, y=Y, split=None):
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist(root, split)
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y)
    assert len(x_train) == len(y_train) == 5
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8 and array.flags.writeable and array.flags.c_contiguous


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST", "QMNIST", "EMNIST"])
@pytest.mark.parametrize("given", [".", "..", "../.."], ids=["raw", "of the set", "of all sets"])
def test_torchvisions_layout(name, given, tmp_path):
    raw = tmp_path / name / "raw"
    if name == "EMNIST":
        emnist(raw)
        (raw / "gzip.zip").write_bytes(b"PK\3\4 the rest of it")
        assert_reads(raw / given, y=LETTERS - 1)
    elif name == "QMNIST":
        put(raw, "qmnist-{}-{}", test="test")
        (raw / "xnist-images-idx3-ubyte.xz").write_bytes(b"not read")
        assert_reads(raw / given)
    else:
        put(raw, pack=gzip.compress, end=".gz")  # torchvision leaves both
        put(raw)
        assert_reads(raw / given)


@pytest.mark.parametrize("end, pack", [("", bytes), (".gz", gzip.compress)])
@pytest.mark.parametrize("dot", [".", "-"])
@pytest.mark.parametrize("change", [str, str.upper, str.title], ids=["as is", "UPPER", "Title"])
def test_names_with_a_dot_and_in_other_cases(end, pack, dot, change, tmp_path):
    put(tmp_path, dot=dot, end=end, pack=pack)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / change(path.name))
    assert_reads(tmp_path)


def test_test_as_the_name_of_the_test_set(tmp_path):
    assert_reads(put(tmp_path, test="test"))


@pytest.mark.parametrize("dot", [".", "-"])
def test_an_archive_whose_folders_bear_the_names(dot, tmp_path):
    put(tmp_path / "files", dot=dot)
    archive = tmp_path / "archive"
    for path in (tmp_path / "files").iterdir():
        folder = archive / path.name.replace(".", "-")
        folder.mkdir(parents=True)
        path.rename(folder / path.name)
    assert_reads(archive)
    put(archive, dot=".")  # Kaggle's has them twice
    assert_reads(archive)
    assert_reads(tmp_path)
    y = archive / "t10k-labels.idx1-ubyte"
    y.write_bytes(idx(np.array([0, 0], np.uint8)))
    with pytest.raises(tn.FileFormatError, match="test labels, got two that differ: .* and .*; re"):
        tn.datasets.mnist(archive)


def test_unpacked_beside_the_compressed_under_its_inner_name(tmp_path):
    put(tmp_path, pack=gzip.compress, end=".gz")
    put(tmp_path, dot=".")
    assert_reads(tmp_path)


def test_t10k_and_test_that_differ(tmp_path):
    put(put(tmp_path), test="test", y=Y[::-1])
    with pytest.raises(tn.FileFormatError, match="t10k-labels.* and .*test-labels.*; remove one"):
        tn.datasets.mnist(tmp_path)


@pytest.mark.parametrize("split", tn.datasets.EMNIST)
@pytest.mark.parametrize("end, pack", [("", bytes), (".gz", gzip.compress)])
def test_emnist_comes_out_upright_and_from_0(split, end, pack, tmp_path):
    k = len(tn.datasets.EMNIST[split])
    first = int(split == "letters")
    y = np.array([3, 1, 4, first, 5, 9, first + k - 1], np.uint8)
    emnist(tmp_path / "gzip", split, y, end=end, pack=pack)
    assert_reads(tmp_path, y=y - first)
    assert_reads(tmp_path / "gzip", y=y - first, split=split)
    assert tn.datasets.class_names(tmp_path)[y[0] - first] == ("C" if first else "3")


def test_emnist_of_images_that_are_not_square(tmp_path):
    x = np.arange(7 * 3 * 5, dtype=np.uint8).reshape(7, 3, 5)
    emnist(tmp_path, x=x)
    assert_reads(tmp_path, x, LETTERS - 1)


def test_letters_that_were_counted_from_0_already(tmp_path):
    emnist(tmp_path, y=LETTERS - 1)
    assert_reads(tmp_path, y=LETTERS - 1)


@pytest.mark.parametrize(
    "split, labels, message",
    [
        ("letters", [27, 1, 1, 1, 1, 1, 1], r"train-labels.*: expected labels in 1 … 26, got 27"),
        ("letters", [1, 1, 1, 1, 1, 0, 26], r"test-labels.*: expected labels in 0 … 25, got 26"),
        ("digits", [1, 1, 1, 1, 1, 1, 10], r"test-labels.*: expected labels in 0 … 9, got 10"),
        ("balanced", [47, 0, 1, 1, 1, 1, 1], r"train-labels.*: expected labels in 0 … 46, got 47"),
    ],
)
def test_labels_of_no_class_of_the_split(split, labels, message, tmp_path):
    emnist(tmp_path, split, np.array(labels, np.uint8))
    with pytest.raises(tn.FileFormatError, match=message):
        tn.datasets.mnist(tmp_path)


def test_a_split_is_chosen_from_several(tmp_path):
    for i, split in enumerate(("byclass", "letters", "digits")):
        emnist(tmp_path / "EMNIST" / "raw", split, np.full(7, i + 1, np.uint8))
    put(tmp_path / "MNIST" / "raw")
    for folder in (tmp_path, tmp_path / "EMNIST", tmp_path / "EMNIST" / "raw"):
        assert_reads(folder, y=np.full(7, 1), split="letters")
        assert_reads(folder, y=np.full(7, 3), split="digits")
        with pytest.raises(tn.FileFormatError, match="one data set in .*pass split, such as 'by"):
            tn.datasets.mnist(folder)
    with pytest.raises(tn.FileFormatError, match=r"EMNIST/raw/emnist-digits-train-….* MNIST/raw/"):
        tn.datasets.mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match="split balanced of EMNIST .*, found .*letters"):
        tn.datasets.mnist(tmp_path, "balanced")
    with pytest.raises(FileNotFoundError, match="split letters of EMNIST .*, found train-…"):
        tn.datasets.mnist(tmp_path / "MNIST" / "raw", split="letters")
    put(tmp_path)  # what stands in the folder itself is meant
    assert_reads(tmp_path)
    assert_reads(tmp_path, y=np.full(7, 1), split="letters")


@pytest.mark.parametrize("split", ["Letters", "lettres", "", 3, ["letters"]])
def test_no_such_split(split, tmp_path):
    emnist(tmp_path)
    with pytest.raises(ValueError, match="mnist: expected split, one of balanced, .*; got"):
        tn.datasets.mnist(tmp_path, split)


def test_a_split_without_a_folder():
    for function in (tn.datasets.mnist, tn.datasets.class_names):
        with pytest.raises(ValueError, match="mnist: split='letters' needs root"):
            function(split="letters")


def test_several_data_sets(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        put(tmp_path / name / "raw")
    message = (
        "one data set in the folder .*, found FashionMNIST/raw/train-…, MNIST/raw/train-…; give"
    )
    with pytest.raises(tn.FileFormatError, match=message):
        tn.datasets.mnist(tmp_path)


@pytest.mark.parametrize(
    "y, code, message",
    [
        (rich(Y).astype(">i4")[:, :7], 0x0C, r"expected labels \(N, 8\), got \(\d, 7\)"),
        (rich(Y + np.uint8(7)).astype(">i4"), 0x0C, "expected labels in 0 … 9, got 10"),
        (-rich(Y).astype(">i4"), 0x0C, "expected labels in 0 … 9, got -3"),
        (rich(Y).astype(">i4")[:, 0], 0x0C, "expected 2 dimensions, got 1 .QMNIST's labels have 2"),
        (rich(Y).astype(np.uint8), 0x08, r"expected values of type 0x0C \(int32\), got 0x08"),
    ],
    ids=["7 columns", "too large", "negative", "1 axis", "uint8"],
)
def test_other_labels_under_qmnists_names(y, code, message, tmp_path):
    put(tmp_path, "qmnist-{}-{}", test="test")
    path = tmp_path / "qmnist-train-labels-idx2-int"
    path.write_bytes(idx(y[PARTS["train"]], code))
    with pytest.raises(tn.FileFormatError, match=f"{path.name}: {message}"):
        tn.datasets.mnist(tmp_path)


@pytest.mark.parametrize("name", ["MNIST", "QMNIST", "EMNIST"])
@pytest.mark.parametrize("at", range(4))
def test_a_file_is_missing(name, at, tmp_path):
    raw = tmp_path / name / "raw"
    if name == "EMNIST":
        emnist(raw)
    else:
        put(raw, *(["qmnist-{}-{}", X, Y, "test"] if name == "QMNIST" else []))
    gone = sorted(raw.iterdir())[at]
    gone.unlink()
    for folder in (raw, tmp_path):
        where = re.escape(str(raw))
        message = f"{gone.name} or {gone.name}.gz in the folder {where}, found .*(images|labels)"
        with pytest.raises(FileNotFoundError, match=message):
            tn.datasets.mnist(folder)


@pytest.mark.parametrize(
    "content", [[], ["a.csv", "training.pt"], [f"{i:02}.png" for i in range(99)]]
)
def test_nothing_of_use(content, tmp_path):
    for name in content:
        (tmp_path / name).touch()
    found = {0: "nothing", 2: "a.csv, training.pt"}.get(len(content), "00.png, .* and 91 more")
    message = f"{NAMES[0]} or {NAMES[0]}.gz in the folder .*, found {found}$"
    with pytest.raises(FileNotFoundError, match=message):
        tn.datasets.mnist(tmp_path)


@pytest.mark.parametrize(
    "path", ["archive.zip", "EMNIST/raw/gzip.zip", "mnist/MNIST.tar.gz", "mnist/mnist.TGZ"]
)
def test_an_archive_that_was_not_unpacked(path, tmp_path):
    archive = tmp_path / path
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(b"PK\3\4")
    for folder in {tmp_path, archive.parent}:
        relative = archive.relative_to(folder).as_posix()
        with pytest.raises(FileNotFoundError, match=f"found .*; unpack {relative} first"):
            tn.datasets.mnist(folder)
    with pytest.raises(NotADirectoryError, match=f"got .*; unpack {archive.name} first"):
        tn.datasets.mnist(archive)
    with pytest.raises(FileNotFoundError, match=f"got .*; unpack {archive.name} first"):
        tn.datasets.mnist(archive / "MNIST" / "raw")


def test_one_of_the_files_in_place_of_the_folder(tmp_path):
    put(tmp_path)
    with pytest.raises(NotADirectoryError, match="a file: give the folder that it is in"):
        tn.datasets.mnist(tmp_path / NAMES[0])


def test_what_is_hidden_is_not_looked_at(tmp_path):
    put(tmp_path / "MNIST")
    put(tmp_path / ".Trash", y=Y[::-1])
    (tmp_path / "MNIST" / f"._{NAMES[0]}").write_bytes(b"of macOS")
    assert_reads(tmp_path)


def test_class_names(tmp_path):
    assert tn.datasets.class_names() == list("0123456789")
    assert tn.datasets.class_names(put(tmp_path / "a")) is None
    put(tmp_path / "b", "qmnist-{}-{}", test="test")
    assert tn.datasets.class_names(tmp_path / "b") == list("0123456789")
    emnist(emnist(tmp_path / "c"), "bymerge")
    names = tn.datasets.class_names(tmp_path / "c", "bymerge")
    assert len(names) == 47 and names[36:39] == ["a", "b", "d"]


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

    wide = np.random.default_rng(seed).integers(-(2**31), 2**31, shape, np.int32)
    path.write_bytes(pack(idx(wide.astype(">i4"), 0x0C)))
    read = read_idx(path, len(shape), "int32")
    np.testing.assert_array_equal(read, wide)
    assert read.dtype == np.int32 and read.dtype.isnative and read.flags.writeable


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


packed = functools.partial(gzip.compress, mtime=0)  # the same bytes, and names of tests, always


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
        (b"PK\3\4 and so on", r"expected an IDX file, .*: a zip archive, unpack it first"),
        (packed(idx(IMAGES))[:-9], "damaged gzip file: Compressed file ended"),
        (packed(idx(IMAGES)) + b"garbage", "damaged gzip file: Not a gzipped file"),
        (packed(idx(IMAGES))[:-8] + bytes(8), "damaged gzip file: CRC check failed"),
        (packed(b"")[:10] + b"\xff" * 20, "damaged gzip file: Error -3"),
        (packed(packed(idx(IMAGES))), r"expected an IDX file, .*got b'\\x1f\\x8b"),
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


@pytest.mark.parametrize("n", [2.0, np.float64(2), np.int8(2)])
def test_hold_out_takes_whole_numbers_of_any_type(n):
    x, y = np.arange(12).reshape(6, 2), np.arange(6)
    assert tn.datasets.hold_out(x, y, n)[1][1].tolist() == [4, 5]


@pytest.mark.parametrize("n", ["2", None, np.nan, np.inf, True, -2])
def test_hold_out_of_no_number(n):
    with pytest.raises(ValueError, match=f"hold_out: expected n in 1 … 5 .* got n = {n} of 6"):
        tn.datasets.hold_out(np.zeros((6, 2)), np.zeros(6), n)


@pytest.mark.parametrize("name", ["x", "y"])
@pytest.mark.parametrize("value", [[1, 2, 3], "abc", None, np.array(3)], ids=str)
def test_hold_out_of_no_arrays(name, value):
    arrays = {"x": np.zeros((3, 2)), "y": np.zeros(3, int)} | {name: value}
    with pytest.raises(TypeError, match=f"hold_out: expected {name}, a NumPy array"):
        tn.datasets.hold_out(**arrays, n=1)


def test_hold_out_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    x, y = np.zeros((3, 2)), np.zeros(3, int)
    with pytest.raises(TypeError, match="expected x, a NumPy array .*, got DataFrame"):
        tn.datasets.hold_out(pandas.DataFrame(x), y, 1)
    with pytest.raises(TypeError, match="expected y, a NumPy array .*, got Series"):
        tn.datasets.hold_out(x, pandas.Series(y), 1)


BLOCKS = np.repeat(np.arange(10), 60)
RANDOM = np.random.default_rng(0).integers(0, 9, 600)


@pytest.mark.parametrize("n", [1, 7, 60, 100, 300, 599])
@pytest.mark.parametrize(
    "y",
    [
        BLOCKS,
        BLOCKS[::-1],
        np.repeat([3, 0, 7], 200),
        np.repeat([0, 1], [590, 10]),
        np.r_[0, 5, BLOCKS, 3][:600],  # all but
    ],
    ids=["in order", "falling", "in blocks", "two", "nearly"],
)
def test_hold_out_of_labels_sorted_by_class(y, n):
    with pytest.raises(ValueError, match="none of class .* are they sorted by class. Shuffle x"):
        tn.datasets.hold_out(np.zeros((600, 2)), y, n)
    order = np.random.default_rng(0).permutation(600)
    tn.datasets.hold_out(np.zeros((600, 2)), y[order], n)


def test_hold_out_of_a_class_that_was_added_at_an_end():
    y = np.r_[RANDOM, np.full(100, 9)]
    with pytest.raises(ValueError, match="got none of class 9 before the last 100; "):
        tn.datasets.hold_out(y, y, 100)
    with pytest.raises(ValueError, match="got none of class 9 among the last 100; "):
        tn.datasets.hold_out(y, y[::-1], 100)


@pytest.mark.parametrize("n", [1, 2, 50, 100, 599])
def test_hold_out_of_random_labels_with_rare_classes(n):
    rng = np.random.default_rng(0)
    for _ in range(100):
        y = rng.integers(0, rng.integers(1, 30), 600)
        y[rng.integers(600, size=3)] = 200, 201, 202
        y[-1] = 203
        tn.datasets.hold_out(y, y, n)
    numbers = rng.standard_normal(600)  # not classes at all
    tn.datasets.hold_out(numbers, np.sort(numbers), n)


@pytest.mark.parametrize("n, count", [(0, 6), (6, 6), (7, 6), (1.5, 6), (2, 5)])
def test_hold_out_needs_images_on_both_sides(n, count):
    with pytest.raises(ValueError, match=f"hold_out: expected n in 1 … 5 .* got n = {n} of 6 im"):
        tn.datasets.hold_out(np.zeros((6, 2)), np.zeros(count), n)
