"""tinynet.save and tinynet.load: weights come back bit for bit, or nothing happens."""

import io
import os
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from cases import links, modes

import tinynet as tn

MB = 1 << 20


def network(channels=2, rng=0):
    """A small network with every kind of state, whose numbers are no longer the initial ones."""
    rng = np.random.default_rng(rng)
    model = tn.Sequential(
        tn.Conv2d(1, channels, 3, rng=rng),
        tn.BatchNorm2d(channels),
        tn.Flatten(),
        tn.Linear(channels * 4, 3, rng=rng),
    )
    model.forward(rng.standard_normal((5, 1, 4, 4), np.float32))
    return model


def same(state, other):
    """Whether two states have the same names in the same order, and arrays of the same bits."""
    return list(state) == list(other) and all(
        (a.dtype, a.shape, a.tobytes())
        == (other[name].dtype, other[name].shape, other[name].tobytes())
        for name, a in state.items()
    )


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write(path, entries, method=zipfile.ZIP_STORED):
    """A zip file of these [(name, bytes)]."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def entries_of(model):
    return [(f"{name}.npy", npy(array)) for name, array in model.state_dict().items()]


def patch_all(path, local, central, value):
    """Write a 16-bit field at these places of every local and every central header of a zip."""
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = content.find(magic)
        while at >= 0:
            struct.pack_into("<H", content, at + offset, value)
            at = content.find(magic, at + 1)
    path.write_bytes(content)


def claim_size(path, size):
    """Let the directory of a zip file say that its first entry unpacks to so many bytes."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, size)
    path.write_bytes(content)


def refused(model, path, message):
    """load raises this, with the file's name, and leaves the model alone."""
    before = model.state_dict()
    with pytest.raises(tn.FileFormatError, match=message) as error:
        tn.load(model, path)
    assert str(error.value).startswith(f"{path}: no weights for this ")
    assert str(error.value).endswith("; nothing was loaded")
    assert same(model.state_dict(), before)


# -- save --


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
@pytest.mark.parametrize("name", ["weights.npz", "weights", "weights.final"])
def test_round_trip(tmp_path, name, kind):
    model, other, path = network(), network(rng=1), tmp_path / name
    assert not same(model.state_dict(), other.state_dict())
    assert tn.save(model, kind(path)) is None
    assert [p.name for p in tmp_path.iterdir()] == [name]  # no suffix added, nothing left over
    arrays = dict(other.named_parameters())["0.weight"].data
    assert tn.load(other, kind(path)) is None
    assert same(model.state_dict(), other.state_dict())
    assert dict(other.named_parameters())["0.weight"].data is arrays  # an optimiser may hold it


def test_every_bit_comes_back(tmp_path):
    model, other = network(), network(rng=1)
    weight = model[0].weight.data.reshape(-1)
    weight[:6] = np.nan, -0.0, np.inf, -np.inf, 1e-45, 3.4e38
    weight[6:7].view(np.uint32)[:] = 0x7FC12345  # a NaN with a message
    tn.save(model, tmp_path / "w.npz")
    tn.load(other, tmp_path / "w.npz")
    assert same(model.state_dict(), other.state_dict())


def test_numpy_reads_what_save_wrote_and_the_other_way_round(tmp_path):
    model, other = network(), network(rng=1)
    tn.save(model, tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        assert same(dict(file), model.state_dict())
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "numpy.npz", **other.state_dict())
        tn.load(model, tmp_path / "numpy.npz")
        assert same(model.state_dict(), other.state_dict())


def test_the_same_weights_make_the_same_bytes(tmp_path):
    for name in "ab":
        tn.save(network(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as archive:  # at any time
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_names_that_are_also_parameters_of_numpy(tmp_path):
    class Odd(tn.Layer):
        def __init__(self):
            self.file = tn.Parameter(np.ones(2, np.float32))
            self.allow_pickle = tn.Parameter(np.ones((), np.float64))

    tn.save(Odd(), tmp_path / "w.npz")
    tn.load(Odd(), tmp_path / "w.npz")


def test_a_model_without_weights(tmp_path):
    tn.save(tn.ReLU(), tmp_path / "w.npz")
    tn.load(tn.ReLU(), tmp_path / "w.npz")
    refused(network(), tmp_path / "w.npz", "missing: 0.weight.npy")


@modes
def test_permissions_are_the_usual_ones(tmp_path):
    umask = os.umask(0o027)
    try:
        tn.save(network(), tmp_path / "w.npz")
    finally:
        os.umask(umask)
    assert (tmp_path / "w.npz").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, function):
    path = tmp_path / "w.npz"
    tn.save(network(), path)
    before = path.read_bytes()

    def full(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="the disk is full"):
        tn.save(network(rng=1), path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


def test_a_state_that_cannot_be_saved_leaves_the_old_file(tmp_path):
    path, model = tmp_path / "w.npz", network()
    tn.save(model, path)
    before = path.read_bytes()
    model[3].bias.data = np.array([None, 1, 2])
    with pytest.raises(ValueError, match="[Oo]bject arrays cannot be saved"):
        tn.save(model, path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


def test_the_file_is_complete_before_it_takes_its_place(tmp_path, monkeypatch):
    replace, synced = os.replace, []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))

    def check(source, target):
        assert synced == [os.stat(source).st_size] and source.parent == target.parent
        tn.load(network(rng=1), source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", check)
    tn.save(network(), tmp_path / "w.npz")


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder that exists, got .*nowhere"):
        tn.save(network(), tmp_path / "nowhere" / "w.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "w.npz").mkdir()
    with pytest.raises(OSError, match="w.npz, which is not a file"):
        tn.save(network(), tmp_path / "w.npz")
    with pytest.raises(OSError, match="w.npz"):
        tn.load(network(), tmp_path / "w.npz")


@pytest.mark.parametrize("model", [
    {"weight": np.ones(2)}, None, "w.npz", tn.Linear, tn.Parameter(np.ones(2, np.float32)),
    [tn.Linear(2, 1)],
])  # fmt: skip
def test_what_is_no_model(tmp_path, model):
    path = tmp_path / "w.npz"
    tn.save(network(), path)
    before = path.read_bytes()
    for function in (tn.save, tn.load):
        with pytest.raises(TypeError, match=f"{function.__name__}: expected model, a Layer, got "):
            function(model, path)
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == before


@pytest.mark.parametrize("path", [3, None, b"w.npz", 2.5, io.BytesIO(), ["w.npz"], network()])
def test_what_is_no_path(path):
    for function in (tn.save, tn.load):
        words = (
            f"{function.__name__}: expected path, a str or os.PathLike, got {type(path).__name__}"
        )
        with pytest.raises(TypeError, match=words):
            function(network(), path)


OTHERS = (
    "w.pt w.pth W.PT w.h5 w.hdf5 w.weights.h5 w.keras w.onnx w.pkl w.Pickle w.ckpt w.bin w.npy "
    "w.npz.gz w.tar w.zip w.csv w.json w.txt train.py .pt"
)


@pytest.mark.parametrize("name", OTHERS.split())
def test_names_of_other_formats(tmp_path, name):
    (tmp_path / name).write_bytes(b"somebody's")
    with pytest.raises(ValueError, match=r"save: expected a name that ends in \.npz or \.safeten"):
        tn.save(network(), tmp_path / name)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"somebody's"]
    suffix = re.escape(name.lower()[name.rindex(".") :])
    with pytest.raises(ValueError, match=f"got new {re.escape(name)}: what reads {suffix} files"):
        tn.save(network(), tmp_path / f"new {name}")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["W.NPZ", ".npz", "epoch 0.98", "w.npz.bak", "pt", "ä.v2", " .n "])
def test_names_that_promise_nothing_else(tmp_path, name):
    model = network(rng=1)
    tn.save(network(), tmp_path / name)
    with np.load(tmp_path / name) as file:
        assert same(dict(file), network().state_dict())
    tn.load(model, tmp_path / name)
    assert same(model.state_dict(), network().state_dict())


@pytest.mark.parametrize("name", ["w.pt", "w.bin", "w.txt"])
def test_a_file_that_save_once_wrote_under_another_name(tmp_path, name):
    model = network(rng=1)
    with open(tmp_path / name, "wb") as file:
        np.savez(file, **network().state_dict())
    tn.load(model, tmp_path / name)
    assert same(model.state_dict(), network().state_dict())


def test_the_shipped_weights_are_saved_as_the_same_bytes(tmp_path):
    """But for the headers around them, which 3.11.2 and 3.11.7 do not write alike."""
    tn.save(tn.models.mnist_lite(pretrained=True), tmp_path / "w.npz")
    assert contents(tmp_path / "w.npz") == contents(tn.models.PRETRAINED)


def contents(path):
    """What a zip archive holds, in order."""
    with zipfile.ZipFile(path) as archive:
        return [(e.filename, e.date_time, archive.read(e)) for e in archive.infolist()]


@links
def test_a_link_to_a_file_of_another_format(tmp_path):
    """What would be written has the format that the link's name says, or .npz."""
    for link, target in [("latest", "run.safetensors"), ("w.npz", "run.pt"), ("new", "run.h5")]:
        (tmp_path / link).symlink_to(target)
        (tmp_path / target).write_bytes(b"old")
        with pytest.raises(ValueError, match=r"save: expected a name that ends in \.npz, got run"):
            tn.save(network(), tmp_path / link)
        assert (tmp_path / target).read_bytes() == b"old" and (tmp_path / link).is_symlink()


# -- load: files that are not whole --


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="w.npz"):
        tn.load(network(), tmp_path / "w.npz")


def small():
    return tn.Linear(2, 1, rng=0)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_cut_anywhere(tmp_path, save):
    path, model = tmp_path / "w.npz", small()
    save(path, **model.state_dict())
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(model, path, "nothing was loaded")


@pytest.mark.filterwarnings("ignore")  # numpy's and Python's, on headers that make no sense
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_byte_anywhere(tmp_path, save):
    path, model = tmp_path / "w.npz", small()
    save(path, **model.state_dict())
    whole, before = path.read_bytes(), model.state_dict()
    for at in range(len(whole)):
        for value in (whole[at] ^ 1, whole[at] ^ 0x80, 0xFF):
            content = bytearray(whole)
            content[at] = value
            path.write_bytes(content)
            try:
                tn.load(model, path)
            except tn.FileFormatError as error:
                assert str(path) in str(error)
            assert same(model.state_dict(), before)  # also if that byte says nothing to us


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY\1\0", b"<html>" * 99, bytes(99)])
def test_a_file_that_is_no_archive(tmp_path, content):
    (tmp_path / "w.npz").write_bytes(content)
    refused(network(), tmp_path / "w.npz", "File is not a zip file")


def test_a_wrong_checksum(tmp_path):
    path, model = tmp_path / "w.npz", network()
    tn.save(model, path)
    content = path.read_bytes()
    weights = model[3].weight.data.tobytes()
    path.write_bytes(content.replace(weights, weights[:-1] + bytes([weights[-1] ^ 1])))
    refused(model, path, "Bad CRC-32 for file '3.weight.npy'")


# -- load: archives that lie, or are for somebody else --


def test_pickled_objects_are_refused(tmp_path):
    model, path = network(), tmp_path / "w.npz"
    state = model.state_dict()

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it ran"),)

    state["0.bias"] = np.array([Bomb(), None])
    np.savez(path, **state)
    refused(model, path, r"0.bias.npy: expected numbers, got Python objects \(pickle\)")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda e: e[1:], "missing: 0.weight.npy;"),
        (lambda e: e[3:], "missing: 0.weight.npy, 0.bias.npy, 1.weight.npy;"),
        (lambda e: e[4:], "missing: 0.weight.npy, 0.bias.npy, 1.weight.npy and 1 more;"),
        (lambda e: e + [("x.npy", b"")], "unexpected: x.npy;"),
        (lambda e: e + [(f"{i}.txt", b"") for i in range(9)], "unexpected: .*2.txt and 6 more;"),
        (lambda e: [("0.w.npy", e[0][1]), *e[1:]], "missing: 0.weight.npy; unexpected: 0.w.npy;"),
        (lambda e: [("0.weight", e[0][1]), *e[1:]], "0.weight.npy; unexpected: 0.weight;"),
        (lambda e: [("../0.bias.npy", e[1][1]), *e], "unexpected: ../0.bias.npy;"),
    ],
)
def test_names(tmp_path, change, message):
    model = network()
    path = write(tmp_path / "w.npz", change(entries_of(network(rng=1))))
    refused(model, path, message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path):
    entries = entries_of(network(rng=1))
    path = write(tmp_path / "w.npz", [*entries, entries[0]])
    refused(network(), path, "there more than once: 0.weight.npy;")


def with_entry(name, content):
    """The entries of network(rng=1), one of them with this content."""
    return [(n, content if n == name else c) for n, c in entries_of(network(rng=1))]


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((3, 9), np.float32), r"3.weight: expected float32 \(3, 8\), got float32 \(3, 9"),
        (np.zeros((8, 3), np.float32), r"expected float32 \(3, 8\), got float32 \(8, 3\);"),
        (np.zeros(24, np.float32), r"expected float32 \(3, 8\), got float32 \(24,\);"),
        (np.zeros((3, 8), np.float64), r"expected float32 \(3, 8\), got float64 \(3, 8\);"),
        (np.zeros((3, 8), np.int32), r"expected float32 \(3, 8\), got int32 \(3, 8\);"),
        (np.zeros((3, 8), ">f4"), r"expected float32 \(3, 8\), got >f4 \(3, 8\);"),
        (np.zeros((3, 8), "f4").T.copy().T, "3.weight.npy: expected C order, got Fortran order;"),
    ],
)
def test_one_array_is_not_what_the_network_has(tmp_path, array, message):
    path = write(tmp_path / "w.npz", with_entry("3.weight.npy", npy(array)))
    refused(network(), path, message)


def test_the_weights_of_another_network(tmp_path):
    tn.save(network(channels=4), tmp_path / "w.npz")
    message = (
        r"Sequential: 0.weight: expected float32 \(2, 1, 3, 3\), got float32 \(4, 1, 3, 3\); "
        r"0.bias: expected float32 \(2,\), got float32 \(4,\); 1.weight: .* and 4 more; nothing"
    )
    refused(network(), tmp_path / "w.npz", message)


NPY = npy(network(rng=1)[3].weight.data)


@pytest.mark.filterwarnings("ignore")  # numpy's and Python's, on headers that make no sense
@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "EOF: reading magic string"),
        (NPY[:50], "EOF: reading array header"),
        (NPY[:-4], "3.weight: expected 224 bytes, got 220"),
        (NPY + b"more", "3.weight: expected 224 bytes, got 228"),
        (b"PICKLE" + NPY[6:], "magic string is not correct"),
        (NPY[:6] + b"\3\0" + NPY[8:], r"expected .npy version \(1, 0\), got \(3, 0\)"),
        (NPY[:8] + b"\xff\xff" + NPY[10:] + bytes(70000), "Header info length"),
        (NPY.replace(b"'<f4'", b"(1,) "), "not a valid dtype"),
        (NPY.replace(b"'<f4'", b"[8]  "), "not a valid dtype"),
        (NPY.replace(b"(3, 8)", b"(-3,8)"), r"got float32 \(-3, 8\)"),
        (NPY.replace(b"{'descr'", b"(((((((("), "EOF in multi-line statement"),
        (NPY.replace(b"{'descr'", b"{'DESCR'"), "Header does not contain the correct keys"),
        (NPY[:8] + struct.pack("<H", 9000) + b"(" * 9000, "Header info length"),
        (NPY[:8] + struct.pack("<H", 9000) + b"-" * 9000, "Header info length"),
    ],
)
def test_an_npy_header_that_makes_no_sense(tmp_path, content, message):
    path = write(tmp_path / "w.npz", with_entry("3.weight.npy", content))
    refused(network(), path, message)


def test_encryption(tmp_path):
    path = write(tmp_path / "w.npz", entries_of(network()))
    patch_all(path, 6, 8, 1)
    refused(network(), path, "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_compression_without_a_limit_or_unknown(tmp_path, method):
    path = write(tmp_path / "w.npz", entries_of(network()))
    patch_all(path, 8, 10, method)
    refused(network(), path, f"expected it stored or deflated, got compression method {method}")


SHORT = [("weight.npy", npy(small().weight.data)[:-4]), ("bias.npy", npy(small().bias.data))]


def test_an_entry_shorter_than_the_directory_says(tmp_path):
    # The checksum is that of the short data, so only counting the bytes tells.
    path = write(tmp_path / "w.npz", SHORT, zipfile.ZIP_DEFLATED)
    claim_size(path, 128 + 8)
    refused(small(), path, "weight: truncated: expected 8 bytes, got 4")


def test_an_entry_much_longer_than_the_directory_says(tmp_path):
    long = [("weight.npy", npy(small().weight.data) + bytes(64 * MB))]
    path = write(tmp_path / "w.npz", long + SHORT[1:], zipfile.ZIP_DEFLATED)
    claim_size(path, 128 + 8)
    tracemalloc.start()
    try:
        refused(small(), path, "Bad CRC-32 for file 'weight.npy'")
        assert tracemalloc.get_traced_memory()[1] < 4 * MB
    finally:
        tracemalloc.stop()
