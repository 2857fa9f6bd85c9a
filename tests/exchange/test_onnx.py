"""Exported networks, run by onnxruntime, give what ours give."""

import sys

import numpy as np
import pytest
from cases import links, modes
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


class MyLinear(tn.Linear):
    """Without a name of its own, and perhaps another formula."""


def with_scale(layer):
    layer.scale = tn.Parameter(np.ones(3, np.float32))
    return layer


def replaced(layer, name, array):
    """The layer with an array of its own in place of what it was made with."""
    if isinstance(getattr(layer, name), tn.Parameter):
        getattr(layer, name).data = array
    else:
        setattr(layer, name, array)
    return layer


@pytest.mark.parametrize("model, shape, error, words", [
    (tn.Sequential(tn.ReLU(), Mine()), (3,), TypeError, r"no operator for Mine\(\)"),
    (MyLinear(3, 2), (3,), TypeError, r"no operator for MyLinear, Linear\(3→2\)"),
    (with_scale(tn.Sequential(tn.ReLU())), (3,), TypeError, "no operator that takes scale"),
    (tn.Sequential(with_scale(tn.Linear(3, 2))), (3,), TypeError, "that takes 0.scale"),
    (tn.Sequential(), (3,), ValueError, "expected a network with layers"),
    (small(), (3, 12, 15), ValueError, r"expected \(N, 2, H, W\), got \(2, 3, 12, 15\)"),
    (small(), (2, 12, 0), ValueError, "input_shape: expected at least 1, got 0"),
    (small(), (2, 12, -1), ValueError, "input_shape: expected at least 1, got -1"),
    (small(), (2, 12, 2.5), TypeError, "input_shape: expected a whole number, got 2.5"),
    (small(), (2, (12, 15)), TypeError, "input_shape: expected a whole number, got"),
    (tn.Linear(784, 2), 784, TypeError, r"expected input_shape, .*\(784,\) or .*got 784"),
    (tn.Linear(784, 2), np.int64(784), TypeError, "expected input_shape, .*784"),
    (tn.Linear(784, 2), None, TypeError, "expected input_shape, .*None"),
    (tn.Linear(784, 2), "784", TypeError, "expected input_shape, .*'784'"),
    (tn.Linear(784, 2), {784}, TypeError, "expected input_shape, .*got \\{784\\}"),
    ("model.onnx", (3,), TypeError, "expected model, a Layer, got str"),
    (small().state_dict(), (3,), TypeError, "expected model, a Layer, got dict"),
    (replaced(tn.Linear(3, 2), "weight", np.zeros((2, 4), np.float32)), (3,), ValueError,
     r"Linear\(3→2\): expected weight, floats \(2, 3\), got float32 \(2, 4\)"),
    (replaced(tn.Conv2d(1, 2, 3), "bias", np.zeros(2, np.int64)), (1, 5, 5), ValueError,
     r"expected bias, floats \(2,\), got int64 \(2,\)"),
    (replaced(tn.BatchNorm2d(3), "running_var", 1.0), (3, 5, 5), ValueError,
     r"BatchNorm2d\(3\): expected running_var, floats \(3,\), got float \(\)"),
    (replaced(tn.Linear(3, 2), "bias", np.array([1.0, -1e39])), (3,), ValueError,
     r"expected bias in the range of float32, got float64 up to 1e\+39"),
])  # fmt: skip
def test_what_cannot_be_exported(model, shape, error, words, tmp_path):
    with pytest.raises(error, match=words):
        tn.export_onnx(model, tmp_path / "model.onnx", shape)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, error, words", [
    (3, TypeError, "export_onnx: expected path, a str or os.PathLike, got int"),
    (None, TypeError, "got NoneType"),
    (b"model.onnx", TypeError, "got bytes"),
    ("nowhere/model.onnx", FileNotFoundError, "export_onnx: expected a folder that exists"),
    ("folder.onnx", FileExistsError, "folder.onnx, which is not a file"),
    ("read only.onnx", PermissionError, "read only.onnx, read-only"),
    ("model.npz", ValueError, r"ends in \.onnx, got model\.npz: what reads \.npz files"),
    ("model.PT", ValueError, r"ends in \.onnx, got model\.PT: what reads \.pt files"),
    pytest.param(
        "link.onnx", ValueError, r"ends in \.onnx, got weights\.npz", marks=links
    ),
])  # fmt: skip
def test_where_it_cannot_be_written(name, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "read only.onnx").write_bytes(b"old")
    (tmp_path / "read only.onnx").chmod(0o444)
    if name == "link.onnx":
        (tmp_path / name).symlink_to("weights.npz")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=words):
        tn.export_onnx(small(), name, (2, 12, 15))
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "read only.onnx").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["model", "model.onnx", "model.ONNX", "model.v2", "epoch 0.5"])
def test_any_name_that_promises_nothing_else(name, tmp_path):
    tn.export_onnx(tn.Linear(3, 2, rng=0), str(tmp_path / name), [np.int64(3)])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    x = np.random.default_rng(0).standard_normal((4, 3), np.float32)
    y = run(tmp_path / name, x)
    np.testing.assert_allclose(y, tn.Linear(3, 2, rng=0)(x), rtol=1e-6, atol=1e-6)


def in_float64(model):
    for p in model.parameters():
        p.data = p.data.astype(np.float64)
    return model


def mixed(model):
    for p in model.parameters()[::2]:
        p.data = p.data.astype(np.float64)
    return model


@pytest.mark.parametrize("change", [in_float64, mixed])
def test_float64_weights_are_rounded(change, tmp_path, onnx):
    """onnxruntime has no convolution in float64; the file is that of a network in use."""
    model = change(small())
    weights = model.state_dict()
    tn.export_onnx(model, tmp_path / "model.onnx", (2, 12, 15))
    file = onnx.load(tmp_path / "model.onnx")
    assert {w.data_type for w in file.graph.initializer} == {onnx.TensorProto.FLOAT}
    x = np.random.default_rng(1).standard_normal((3, 2, 12, 15), np.float32)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x), model(x), rtol=1e-4, atol=1e-5)
    for name, array in model.state_dict().items():  # the model's own are as they were
        assert array.dtype == weights[name].dtype
        np.testing.assert_array_equal(array, weights[name])


def test_a_perceptron_in_float64(tmp_path):
    rng = np.random.default_rng(0)
    model = in_float64(tn.Sequential(tn.Linear(6, 9, rng=rng), tn.ReLU(), tn.Linear(9, 2, rng=rng)))
    tn.export_onnx(model, tmp_path / "model.onnx", (6,))
    x = rng.standard_normal((5, 6), np.float32)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x), model(x), rtol=1e-5, atol=1e-6)


def test_a_network_without_weights(tmp_path):
    model = tn.Sequential(tn.MaxPool2d(2), tn.ReLU(), tn.Flatten())
    tn.export_onnx(model, tmp_path / "model.onnx", (2, 5, 4))
    x = np.random.default_rng(0).standard_normal((3, 2, 5, 4), np.float32)
    np.testing.assert_array_equal(run(tmp_path / "model.onnx", x), model(x))


@pytest.mark.parametrize("eps", [1e-5, 0.5, 3])
def test_epsilon(eps, tmp_path):
    model = tn.BatchNorm2d(2, eps=eps).eval()
    model.running_var[:] = 0.01, 2
    tn.export_onnx(model, tmp_path / "model.onnx", (2, 3, 3))
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 3), np.float32)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x), model(x), rtol=1e-5, atol=1e-6)


def test_versions_that_older_programs_read(tmp_path, onnx):
    tn.export_onnx(small(), tmp_path / "model.onnx", (2, 12, 15))
    file = onnx.load(tmp_path / "model.onnx")
    assert file.ir_version == 8 and file.producer_name == "tinynet"
    assert [(o.domain, o.version) for o in file.opset_import] == [("", 17)]


def test_frozen_and_in_training_it_is_the_same_file_and_stays_so(tmp_path):
    model = small()
    tn.export_onnx(model, tmp_path / "model.onnx", (2, 12, 15))
    expected = (tmp_path / "model.onnx").read_bytes()
    model.train()
    model[1].eval()
    for p in model.parameters():
        p.requires_grad = False
    tn.export_onnx(model, tmp_path / "model.onnx", (2, 12, 15))
    assert (tmp_path / "model.onnx").read_bytes() == expected
    assert [layer.training for layer in model] == [True, False, True, True, True, True]
    assert not any(p.requires_grad for p in model.parameters())


def test_a_layer_that_stands_twice(tmp_path):
    layer = tn.Linear(3, 3, rng=0)
    model = tn.Sequential(tn.Sequential(layer), tn.ReLU(), tn.Sequential(layer))
    tn.export_onnx(model, tmp_path / "model.onnx", (3,))
    x = np.random.default_rng(0).standard_normal((4, 3), np.float32)
    np.testing.assert_allclose(run(tmp_path / "model.onnx", x), model(x), rtol=1e-5, atol=1e-6)


def test_over_what_is_there(tmp_path):
    path = tmp_path / "run7.onnx"
    path.write_bytes(b"old")
    tn.export_onnx(small(), path, (2, 12, 15))
    assert run(path, np.zeros((1, 2, 12, 15), np.float32)).shape == (1, 5)


@links
@modes
def test_over_a_link(tmp_path):
    path, link = tmp_path / "run7.onnx", tmp_path / "latest.onnx"
    path.write_bytes(b"old")
    path.chmod(0o600)
    link.symlink_to(path.name)
    tn.export_onnx(small(), link, (2, 12, 15))
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o600
    assert run(path, np.zeros((1, 2, 12, 15), np.float32)).shape == (1, 5)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx$"):
        tn.export_onnx(small(), tmp_path / "model.onnx", (2, 12, 15))
    with pytest.raises(TypeError, match="expected input_shape"):  # arguments are checked first
        tn.export_onnx(tn.Linear(784, 2), tmp_path / "model.onnx", 784)
