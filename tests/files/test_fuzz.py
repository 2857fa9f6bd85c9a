"""Damaged files, thousands of them: each is refused by name, or read as what it then says.

Whatever a file holds, reading it raises nothing but FileFormatError, takes no memory beyond a few
times its size, and leaves the network as it was unless all of it was loaded.
"""

import gzip
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from cases import blobs, modes, small_network
from test_checkpoint import fit

import tinynet as tn
from tinynet.checkpoint import Checkpoint
from tinynet.datasets.idx import read_idx
from tinynet.run import Run

CASES = 4000  # a format
pytestmark = pytest.mark.slow


def weights(path):
    tn.save(small_network(1), path)


def checkpoint(path):
    fit(path, checkpoint_every=None, epochs=1)


def deflated(path):
    tn.save(small_network(1), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def idx(path):
    x = blobs(20)[0]
    sizes = b"".join(size.to_bytes(4, "big") for size in x.shape)
    path.write_bytes(bytes([0, 0, 8, x.ndim]) + sizes + x.tobytes())


def idx_gz(path):
    idx(path)
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def idx_int32(path):
    table = np.random.default_rng(0).integers(-(2**31), 2**31, (20, 8)).astype(">i4")
    path.write_bytes(bytes([0, 0, 0x0C, 2, 0, 0, 0, 20, 0, 0, 0, 8]) + table.tobytes())


def safetensors(path):
    pytest.importorskip("safetensors")
    tn.save(small_network(1), path)


def load_weights(model, path):
    tn.load(model, path)


def load_checkpoint(model, path):
    # one epoch is done and one is all there is: nothing is trained
    fit(path, model, checkpoint_every=None, epochs=1, resume=True, average=0.9)


def load_idx(model, path):
    images = read_idx(path, ndim=3)
    assert images.dtype == np.uint8 and images.ndim == 3


def load_idx_int32(model, path):
    table = read_idx(path, ndim=2, dtype="int32")
    assert table.dtype == np.int32 and table.ndim == 2


def damaged(content, rng):
    """One to four of the things that happen to files, and that people do to them."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        size = max(1, len(content))
        at = int(rng.integers(size) if rng.random() < 0.5 else rng.integers(min(size, 200)))
        if rng.random() < 0.3:  # a zip's directory is at its end
            at = size - 1 - at
        kind = rng.integers(7)
        if kind == 0 and content:
            content[at] ^= 1 << rng.integers(8)
        elif kind == 1 and content:
            content[at] = rng.integers(256)
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : at + rng.integers(1, 40)]
        elif kind == 4:
            content[at:at] = rng.bytes(rng.integers(1, 40))
        elif kind == 5:  # a length that lies
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1])) % 256**width
            content[at : at + width] = value.to_bytes(width, str(rng.choice(["little", "big"])))
        else:
            other = int(rng.integers(size))
            content[at : at + 30] = content[other : other + 30]
    return bytes(content)


@pytest.mark.parametrize("make, load, name", [
    (weights, load_weights, "weights.npz"),
    (deflated, load_weights, "deflated.npz"),
    (checkpoint, load_checkpoint, "checkpoint.npz"),
    (safetensors, load_weights, "weights.safetensors"),
    (idx, load_idx, "images-idx3-ubyte"),
    (idx_gz, load_idx, "images-idx3-ubyte.gz"),
    (idx_int32, load_idx_int32, "labels-idx2-int"),
])  # fmt: skip
def test_damaged_files(make, load, name, tmp_path):
    path = tmp_path / name
    make(path)
    content = path.read_bytes()
    load(small_network(), path)  # the undamaged one
    rng = np.random.default_rng(0)
    refused = 0
    model = small_network()
    before = model.state_dict()
    tracemalloc.start()
    try:
        for case in range(CASES):
            path.write_bytes(damaged(content, rng))
            tracemalloc.reset_peak()
            start = tracemalloc.get_traced_memory()[0]
            try:
                load(model, path)
            except tn.FileFormatError as error:
                refused += 1
                assert name in str(error), case
                for key, array in model.state_dict().items():
                    np.testing.assert_array_equal(array, before[key], err_msg=str(case))
            except ValueError as error:
                assert "these differ: " in str(error), case
            else:
                model.load_state_dict(before)
            peak = tracemalloc.get_traced_memory()[1] - start
            assert peak < 2_000_000 + 5 * len(content), (case, peak)  # 1 MB is a buffer
    finally:
        tracemalloc.stop()
    print(f"{name}: {CASES} damaged files, {refused} refused, the others read as they are")
    assert refused > CASES / 2


def test_every_length_and_every_bit_of_a_checkpoint(tmp_path):
    """A small one, so that all of them can be tried."""

    def begun(seed):
        model, rng = tn.Linear(3, 2, rng=seed), np.random.default_rng(seed)
        run = Run(model, tn.Recipe(epochs=1, batch_size=5), 10, rng)
        run.step(rng.standard_normal((5, 3), np.float32), np.arange(5) % 2)
        return run, Checkpoint(tmp_path / "checkpoint.npz", run, {"epochs": 1})

    (first, checkpoint), (run, own) = begun(0), begun(1)
    checkpoint.save()
    path, saved = tmp_path / "checkpoint.npz", first.model.state_dict()
    content = path.read_bytes()
    start, before = run.state_dict(), run.model.state_dict()

    def refused(damaged):
        path.write_bytes(damaged)
        try:
            own.load()
        except ValueError as error:
            assert "checkpoint.npz: no checkpoint of this run" in str(error)
            assert isinstance(error, tn.FileFormatError) or "these differ: " in str(error)
            for name, array in run.model.state_dict().items():
                np.testing.assert_array_equal(array, before[name])
            return True
        for name, array in run.model.state_dict().items():  # all of it, as it was saved
            np.testing.assert_array_equal(array, saved[name])
        run.load_state_dict(start)
        return False

    assert not refused(content)
    assert all(refused(content[:length]) for length in range(len(content)))
    read = 0
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        read += not refused(bytes(damaged))
    # in dates, permissions and the sizes before an entry, which zipfile takes from the directory
    print(f"{9 * len(content)} damaged files, {read} read as the undamaged one is")
    assert read < 8 * len(content) / 4


READERS = dict(
    weights=("w.npz", lambda path: tn.load(small_network(), path)),
    safetensors=("w.safetensors", lambda path: tn.load(small_network(), path)),
    checkpoint=("c.npz", lambda path: fit(path, resume=True)),
    idx=("images-idx3-ubyte", lambda path: read_idx(path, ndim=3)),
)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["folder", pytest.param("no permission", marks=modes)])
def test_nothing_to_read(reader, kind, tmp_path):
    if reader == "safetensors":
        pytest.importorskip("safetensors")
    name, read = READERS[reader]
    path = tmp_path / name
    if kind == "folder":
        path.mkdir()
        with pytest.raises(OSError, match=name):
            read(path)
        return
    path.touch()
    path.chmod(0)
    for folder in list(tmp_path.parents)[:3]:  # pytest's own, which others cannot enter
        folder.chmod(0o755)
    tmp_path.chmod(0o755)
    root = os.geteuid() == 0  # who may read anything
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(PermissionError, match=name):
            read(path)
    finally:
        if root:
            os.seteuid(0)


def test_an_archive_that_would_unpack_to_gigabytes(tmp_path):
    path = tmp_path / "weights.npz"
    weights(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(content)
                for _ in range(300 if name == "0.weight.npy" else 0):
                    entry.write(bytes(10_000_000))
    path.write_bytes(packed.getvalue())
    tracemalloc.start()
    with pytest.raises(tn.FileFormatError, match="0.weight: expected .* bytes, got 3000000"):
        tn.load(small_network(), path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_no_pickle_anywhere():
    from pathlib import Path

    for path in Path(tn.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in (
            "import pickle",
            "pickle.load",
            "allow_pickle=True",
            "import joblib",
            "joblib.load",
            "marshal.load(",
            "marshal.loads(",
        ):
            assert word not in text, (path, word)
