"""Weights as .safetensors: there and back, with the package's own reader, and damaged."""

import json
import sys

import numpy as np
import pytest
from test_train import small_network

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


def test_cut_anywhere(saved):
    content = saved.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    edges = {1, 7, 8, 9, header - 1, header, header + 1, len(content) - 1}
    for size in {*range(0, len(content), 37), *edges}:
        saved.write_bytes(content[:size])
        refused(saved, "nothing was loaded")
    saved.write_bytes(content + b"\0")
    refused(saved, "expected .* bytes, got")


def test_a_damaged_bit_of_the_header_is_refused_or_changes_nothing(saved):
    content, written = saved.read_bytes(), small_network(3).state_dict()
    header = 8 + int.from_bytes(content[:8], "little")
    model = small_network(4)
    before = model.state_dict()
    for bit in range(0, 8 * header, 7):  # in each byte another
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        saved.write_bytes(damaged)
        try:
            tn.load(model, saved)
        except tn.FileFormatError:
            equal(model.state_dict(), before)
        else:  # a changed name of the metadata, or a blank, is no damage
            equal(model.state_dict(), written)
            model.load_state_dict(before)


@pytest.mark.parametrize("change, words", [
    (lambda s: s.pop("0.bias"), "expected .* bytes"),
    (lambda s: s.update({"0.bias": s["0.bias"].astype(np.int32)}), "0.bias: expected float32"),
    (lambda s: s.update({"other.bias": s.pop("0.bias")}), "missing: 0.bias; unexpected: other"),
    (lambda s: s.update({"0.bias": s["0.bias"][:, None]}), r"0.bias: expected .* got .* \(4, 1\)"),
])  # fmt: skip
def test_other_contents(change, words, tmp_path, safetensors):
    state = small_network().state_dict()
    change(state)
    safetensors.save_file(state, tmp_path / "weights.safetensors")
    refused(tmp_path / "weights.safetensors", words)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    refused(path, "expected 9223372036854")
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    refused(path, "expected .* bytes, got")


def test_without_the_package(saved, monkeypatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for function in (tn.save, tn.load):
        with pytest.raises(ImportError, match=r"pip install 'tinynet\[safetensors\]'"):
            function(small_network(), saved)
