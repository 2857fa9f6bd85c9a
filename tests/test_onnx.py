"""Exported networks, run by onnxruntime, give what ours give."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinynet as tn


@pytest.fixture(scope="module", autouse=True)
def onnx():
    pytest.importorskip("onnxruntime")
    return pytest.importorskip("onnx")


def run(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (y,) = session.run(["y"], {"x": x})
    return y


def small(padding=1, stride=2, kernel=3, rng=0):
    rng = np.random.default_rng(rng)
    model = tn.Sequential(
        tn.Conv2d(2, 4, kernel, stride, padding, rng=rng),
        tn.Sequential(tn.ReLU(), tn.BatchNorm2d(4)),
        tn.MaxPool2d((2, 3), 1, (1, 0)),
        tn.AvgPool2d(3, 2, 1),
        tn.Flatten(),
    )
    features = model.output_shape((1, 2, 12, 15))[1]
    model = tn.Sequential(*model, tn.Linear(features, 5, bias=False, rng=rng))
    norm = model[1][1]
    for a in (norm.weight.data, norm.bias.data, norm.running_mean):
        a[...] = rng.standard_normal(4)
    norm.running_var[...] = rng.uniform(0.5, 2, 4)
    return model.eval()


def test_the_digits_network(tmp_path, onnx):
    model = tn.models.mnist_lite(pretrained=True).eval()
    path = tmp_path / "mnist_lite.onnx"
    tn.export_onnx(model.train(), path, (1, 28, 28))
    x = tn.train.as_input(tn.datasets.mnist()[1][0][:100])
    np.testing.assert_allclose(run(path, x), model.eval()(x), rtol=1e-4, atol=1e-4)

    file = onnx.load(path)
    onnx.checker.check_model(file, full_check=True)
    assert file.opset_import[0].version == 17
    names = [weight.name for weight in file.graph.initializer]
    unused = {name for name in model.state_dict() if name.endswith("num_batches_tracked")}
    assert set(names) == set(model.state_dict()) - unused
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in [*file.graph.input, *file.graph.value_info, *file.graph.output]
    }
    assert shapes["x"] == ["n", 1, 28, 28] and shapes["y"] == ["n", 10]
    assert shapes["y.9"] == ["n", 8, 14, 14]
    assert [node.name for node in file.graph.node][:3] == ["Conv2d-1", "ReLU-2", "BatchNorm2d-3"]


@given(st.integers(0, 2), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
def test_windows_of_all_kinds(padding, stride, kernel, rng):
    import tempfile

    model = small(padding, stride, kernel, rng)
    x = np.random.default_rng(rng).standard_normal((3, 2, 12, 15), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        tn.export_onnx(model, f"{folder}/model.onnx", (2, 12, 15))
        np.testing.assert_allclose(run(f"{folder}/model.onnx", x), model(x), rtol=1e-4, atol=1e-5)


def test_compiled_and_plain_make_the_same_file(tmp_path):
    model = small()
    tn.export_onnx(model, tmp_path / "plain.onnx", (2, 12, 15))
    tn.export_onnx(tn.compile(model), tmp_path / "compiled.onnx", (2, 12, 15))
    assert (tmp_path / "plain.onnx").read_bytes() == (tmp_path / "compiled.onnx").read_bytes()


class Mine(tn.Layer):
    def output_shape(self, shape):
        return shape


@pytest.mark.parametrize("model, shape, error, words", [
    (tn.Sequential(tn.ReLU(), Mine()), (3,), TypeError, r"no operator for Mine\(\)"),
    (small(), (3, 12, 15), ValueError, r"expected \(N, 2, H, W\), got \(2, 3, 12, 15\)"),
    (small(), (2, 12, 0), ValueError, "input_shape: expected at least 1, got 0"),
])  # fmt: skip
def test_what_cannot_be_exported(model, shape, error, words, tmp_path):
    with pytest.raises(error, match=words):
        tn.export_onnx(model, tmp_path / "model.onnx", shape)
    assert not list(tmp_path.iterdir())


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'tinynet\[onnx\]'"):
        tn.export_onnx(small(), tmp_path / "model.onnx", (2, 12, 15))
