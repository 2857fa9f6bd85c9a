"""Weights as .safetensors: there and back, with the package's own reader, and damaged."""

import json
import sys
import tracemalloc

import numpy as np
import pytest
from cases import small_network

import tinynet as tn


@pytest.fixture(scope="module", autouse=True)
def safetensors():
    return pytest.importorskip("safetensors.numpy")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "weights.safetensors"
    tn.save(small_network(3), path)
    return path


def equal(state, other):
    assert state.keys() == other.keys()
    for name in state:
        assert state[name].dtype == other[name].dtype
        np.testing.assert_array_equal(state[name], other[name], err_msg=name)


def test_there_and_back(saved, safetensors):
    expected = small_network(3).state_dict()
    model = small_network(4)
    tn.load(model, saved)
    equal(model.state_dict(), expected)
    equal(safetensors.load_file(saved), expected)


def test_a_file_of_somebody_else(tmp_path, safetensors):
    state = small_network(5).state_dict()
    safetensors.save_file(state, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    model = small_network()
    tn.load(model, tmp_path / "theirs.safetensors")
    equal(model.state_dict(), state)


def refused(path, words):
    model = small_network()
    before = model.state_dict()
    with pytest.raises(tn.FileFormatError, match=words):
        tn.load(model, path)
    equal(model.state_dict(), before)


def test_cut_anywhere_and_every_bit_of_the_header(saved):
    content, expected = saved.read_bytes(), small_network(3).state_dict()
    header = 8 + int.from_bytes(content[:8], "little")
    for size in [*range(0, header + 9, 7), *range(header, len(content), 97), len(content) - 1]:
        saved.write_bytes(content[:size])
        refused(saved, "nothing was loaded")
    for bit in range(0, 8 * header, 7):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        saved.write_bytes(damaged)
        model = small_network()
        before = model.state_dict()
        try:
            tn.load(model, saved)
        except tn.FileFormatError:
            equal(model.state_dict(), before)
        else:  # a blank that became another says nothing
            equal(model.state_dict(), expected)
    saved.write_bytes(content + b"\0")
    refused(saved, "expected .* bytes, got")


@pytest.mark.parametrize("change, words", [
    (lambda s: s.pop("0.bias"), "Sequential: missing: 0.bias; nothing was loaded"),
    (lambda s: s.update(more=np.zeros(3)), "Sequential: unexpected: more; nothing"),
    (lambda s: s.update({"other.bias": s.pop("0.bias")}),
     "missing: 0.bias; unexpected: other.bias; nothing"),
    (lambda s: [s.update({f"model.{k}": s.pop(k)}) for k in list(s)],
     "missing: 0.weight, 0.bias, .* more; unexpected: .*model.* more"),
    (lambda s: s.update({"0.bias": s["0.bias"].astype(np.int32)}),
     r"0.bias: expected float32 \(4,\), got int32 \(4,\); nothing"),
    (lambda s: s.update({"0.bias": s["0.bias"].astype(np.float64)}),
     r"0.bias: expected float32 \(4,\), got float64 \(4,\); nothing"),
    (lambda s: s.update({"0.bias": s["0.bias"].astype(np.float16)}),
     r"0.bias: expected float32 \(4,\), got float16 \(4,\); nothing"),
    (lambda s: s.update({"0.bias": s["0.bias"][:, None]}),
     r"0.bias: expected float32 \(4,\), got float32 \(4, 1\); nothing"),
    (lambda s: s.update({"0.bias": s["0.bias"][:3].copy()}),
     r"0.bias: expected float32 \(4,\), got float32 \(3,\); nothing"),
    (lambda s: s.update({k: a.astype(np.float64) for k, a in s.items()}),
     r"expected float32 .*, got float64 .* and \d+ more; nothing"),
])  # fmt: skip
def test_other_contents(change, words, tmp_path, safetensors):
    state = small_network().state_dict()
    change(state)
    safetensors.save_file(state, tmp_path / "weights.safetensors")
    refused(tmp_path / "weights.safetensors", words)


def write(path, header, data=b""):
    """A file of safetensors with this header: an object for JSON, or bytes."""
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def headed(state):
    """(header, data) of a state, in order."""
    header, data = {}, b""
    for name, a in state.items():
        offsets = [len(data), len(data) + a.nbytes]
        dtype = {"float32": "F32", "int64": "I64"}[a.dtype.name]
        header[name] = dict(dtype=dtype, shape=a.shape, data_offsets=offsets)
        data += a.tobytes()
    return header, data


@pytest.mark.parametrize("dtype, size, words", [
    ("BF16", 2, "got bfloat16"), ("F8_E4M3", 1, "got F8_E4M3"), ("BOOL", 1, "got bool"),
    ("U64", 8, "got uint64"), ("F1000", 4, "got F1000"),
])  # fmt: skip
def test_dtypes_that_numpy_has_not_and_others(dtype, size, words, tmp_path):
    path, state = tmp_path / "weights.safetensors", small_network(3).state_dict()
    header, data = headed(state)
    name = list(header)[-1]
    start = header[name]["data_offsets"][0]
    end = start + size * state[name].size
    header[name] |= dict(dtype=dtype, data_offsets=[start, end])
    write(path, header, data[:start] + bytes(end - start))
    refused(path, f"{name}: expected .*, {words} ")


@pytest.mark.parametrize("header", [
    b"", b"{", b"3", b"null", b"[]x", b"\xff\xfe", b"[" * 90_000, b'{"a": 3}', b'{"a": {}}',
    b'{"0.bias": {"dtype": "F32", "shape": 4, "data_offsets": [0, 16]}}',
    b'{"0.bias": {"dtype": "F32", "shape": [4], "data_offsets": 16}}',
    b'{"0.bias": {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]}}',
    b'{"0.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, "x"]}}',
    b'{"0.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, ' + b"9" * 5000 + b"]}}",
])  # fmt: skip
def test_a_header_without_sense(header, tmp_path):
    path = tmp_path / "weights.safetensors"
    write(path, header, bytes(16))
    refused(path, "without sense|expected .* bytes, got")


def test_a_name_twice(tmp_path):
    path = tmp_path / "weights.safetensors"
    header, data = headed(small_network(3).state_dict())
    text = json.dumps(header)
    entry = json.dumps({"0.bias": header["0.bias"]})[1:-1]
    write(path, f"{text[:-1]}, {entry}}}".encode(), data)
    refused(path, "there more than once: 0.bias; nothing")


def test_arrays_that_overlap_or_leave_gaps(tmp_path):
    path = tmp_path / "weights.safetensors"
    header, data = headed(small_network(3).state_dict())
    names = list(header)
    start, end = header[names[-1]]["data_offsets"]
    header[names[-1]]["data_offsets"] = [start + 8, end + 8]  # a gap
    write(path, header, data + bytes(8))
    refused(path, "expected arrays of .* bytes together, got")
    header[names[-1]]["data_offsets"] = [start, end]
    header["0.bias"]["data_offsets"] = [0, 16]  # over 0.weight
    write(path, header, data)
    refused(path, "nothing was loaded")


def test_a_header_that_claims_more_than_there_is(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    refused(path, "expected 9223372036854")
    write(path, {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    refused(path, "expected .* bytes, got")


@pytest.mark.parametrize("what", ["header", "data", "metadata"])
def test_a_large_file_is_refused_before_memory_is_taken(what, tmp_path):
    path, size = tmp_path / "weights.safetensors", 200_000_000
    header, _ = headed(small_network(3).state_dict())
    if what == "header":
        write(path, b"{}" + b" " * 998)
        with open(path, "r+b") as file:
            file.write((size - 8).to_bytes(8, "little"))
    elif what == "metadata":
        write(path, {"__metadata__": {"note": "x" * 30_000_000}} | header)
        size = path.stat().st_size
    else:
        header["0.bias"]["data_offsets"][1] = size
        write(path, header)
        size += path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        refused(path, "expected .*, got")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["W.SAFETENSORS", "w.SafeTensors", ".safetensors"])
def test_the_ending_in_any_letters(name, tmp_path, safetensors):
    path, expected = tmp_path / name, small_network(3).state_dict()
    tn.save(small_network(3), path)
    equal(safetensors.load_file(path), expected)
    model = small_network()
    tn.load(model, path)
    equal(model.state_dict(), expected)


def test_npz_archives_that_were_written_under_that_name(tmp_path):
    """As save did before it knew capital letters."""
    path, expected = tmp_path / "W.SAFETENSORS", small_network(3).state_dict()
    with open(path, "wb") as file:
        np.savez(file, **expected)
    model = small_network()
    tn.load(model, path)
    equal(model.state_dict(), expected)


@pytest.mark.parametrize("array", [np.array([None] * 4), np.ones(4, complex), np.array(["1"] * 4)])
def test_a_dtype_that_the_format_has_not_leaves_the_old_file(array, saved):
    before, model = saved.read_bytes(), small_network()
    dict(model.named_parameters())["0.bias"].data = array
    with pytest.raises(ValueError, match=f"has no such dtype: 0.bias {array.dtype}"):
        tn.save(model, saved)
    assert saved.read_bytes() == before and list(saved.parent.iterdir()) == [saved]


def test_without_the_package(saved, monkeypatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for function in (tn.save, tn.load):
        with pytest.raises(ImportError, match="pip install safetensors$"):
            function(small_network(), saved)
