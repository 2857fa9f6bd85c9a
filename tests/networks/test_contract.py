"""What layer.py promises of every layer, held by each of ours."""

import numpy as np
import pytest
from cases import LAYOUTS, distinct, normal, tolerance

import tinynet as tn

# name: (make the layer, shape of x)
LAYERS = {
    "Conv2d": (lambda: tn.Conv2d(3, 4, 3, padding=1, rng=0), (2, 3, 6, 5)),
    "Conv2d, 1×1": (lambda: tn.Conv2d(3, 2, 1, rng=0), (2, 3, 4, 5)),
    "Conv2d, strides": (lambda: tn.Conv2d(2, 4, (3, 2), (2, 1), rng=0), (1, 2, 7, 5)),
    "Conv2d, no bias": (lambda: tn.Conv2d(3, 4, 3, bias=False, rng=0), (2, 3, 6, 5)),
    "BatchNorm2d": (lambda: tn.BatchNorm2d(3), (2, 3, 5, 4)),
    "BatchNorm2d, eval": (lambda: tn.BatchNorm2d(3).eval(), (2, 3, 5, 4)),
    "ReLU": (tn.ReLU, (2, 3, 5, 4)),
    "ReLU of rows": (tn.ReLU, (4, 7)),
    "MaxPool2d": (lambda: tn.MaxPool2d(2), (2, 3, 6, 5)),
    "MaxPool2d, overlapping": (lambda: tn.MaxPool2d(3, 2, 1), (2, 3, 6, 5)),
    "AvgPool2d": (lambda: tn.AvgPool2d(2), (2, 3, 6, 5)),
    "AvgPool2d, overlapping": (lambda: tn.AvgPool2d(3, 2, 1), (2, 3, 6, 5)),
    "Flatten": (tn.Flatten, (2, 3, 4, 5)),
    "Linear": (lambda: tn.Linear(6, 4, rng=0), (5, 6)),
    "Linear, no bias": (lambda: tn.Linear(6, 4, bias=False, rng=0), (5, 6)),
    "Sequential": (
        lambda: tn.Sequential(
            tn.Conv2d(3, 4, 3, rng=0),
            tn.ReLU(),
            tn.BatchNorm2d(4),
            tn.MaxPool2d(2),
            tn.Sequential(tn.Flatten(), tn.Linear(8, 3, rng=0)),
        ),
        (2, 3, 6, 5),
    ),
    "Sequential, empty": (tn.Sequential, (2, 3)),
}

each_layer = pytest.mark.parametrize("make, shape", LAYERS.values(), ids=LAYERS.keys())
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def run(layer, x, seed=1):
    """y, dx and the gradients for a random dy."""
    y = layer.forward(x)
    dx = layer.backward(normal(y.shape, y.dtype, seed))
    return y, dx, [p.grad.copy() for p in layer.parameters()]


def assert_same(one, other, **tolerances):
    for a, b in zip(one[:2], other[:2], strict=True):
        np.testing.assert_allclose(a, b, **tolerances)
    for a, b in zip(one[2], other[2], strict=True):
        np.testing.assert_allclose(a, b, **tolerances)


@each_layer
def test_gradients_are_those_of_forward(make, shape):
    tn.gradcheck(make(), distinct(shape))


@each_layer
@each_dtype
def test_dtype_in_is_dtype_out(make, shape, dtype):
    layer = make()
    y, dx, _ = run(layer, normal(shape, dtype))
    assert y.dtype == dx.dtype == dtype
    assert dx.shape == shape
    for p in layer.parameters():
        assert p.grad.dtype == p.data.dtype == np.float32
        assert p.grad.shape == p.data.shape


@each_layer
@each_dtype
def test_parameters_of_float64(make, shape, dtype):
    layer = make()
    for p in layer.parameters():
        p.data = p.data.astype(np.float64)
    y, dx, grads = run(layer, normal(shape, dtype))
    assert y.dtype == dx.dtype == dtype
    assert all(grad.dtype == np.float64 for grad in grads)


@each_layer
@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_memory_layout_and_no_writing(make, shape, dtype, layout):
    x = distinct(shape, dtype)
    expected = run(make(), x)
    layer, x_there = make(), layout(x)
    y = layer.forward(x_there)
    dy = normal(y.shape, dtype, seed=1)
    dy_there = layout(dy)
    dx = layer.backward(dy_there)
    assert_same((y, dx, [p.grad for p in layer.parameters()]), expected, **tolerance(dtype))
    np.testing.assert_array_equal(x_there, x)
    np.testing.assert_array_equal(dy_there, dy)


@each_layer
def test_gradients_are_assigned_not_added(make, shape):
    layer = make()
    first, second = run(layer, normal(shape)), run(layer, normal(shape))
    assert_same(first, second, **tolerance(np.float64))


@each_layer
def test_backward_belongs_to_the_last_forward(make, shape):
    once, twice = make(), make()
    twice.forward(normal((3, *shape[1:]), seed=5))
    assert_same(run(once, normal(shape)), run(twice, normal(shape)), **tolerance(np.float64))


def test_an_empty_sequential_hands_through():
    x = normal((2, 3))
    assert tn.Sequential().forward(x) is x
    assert tn.Sequential().backward(x) is x


each_real_layer = pytest.mark.parametrize(
    "make, shape",
    [case for name, case in LAYERS.items() if name != "Sequential, empty"],
    ids=[name for name in LAYERS if name != "Sequential, empty"],
)


@each_real_layer
def test_backward_without_a_forward(make, shape):
    message = r"backward without a forward before it \(each forward allows one backward\)"
    layer = make()
    with pytest.raises(RuntimeError, match=message):
        layer.backward(normal(shape))
    y, *_ = run(layer, normal(shape))
    with pytest.raises(RuntimeError, match=message):
        layer.backward(y)
    assert_same(run(layer, normal(shape)), run(make(), normal(shape)), **tolerance(np.float64))


@each_real_layer
def test_a_wrong_dy_leaves_the_layer_usable(make, shape):
    layer, x = make(), normal(shape)
    dy = normal(layer.forward(x).shape, seed=1)
    with pytest.raises(ValueError, match=r"backward expected dy of shape \(.*, got \(1, 2, 3\)"):
        layer.backward(np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match=r"backward expected dy of shape \(.*, got list"):
        layer.backward(dy.tolist())
    with pytest.raises(TypeError, match="backward expected dy of dtype float64.*got float32"):
        layer.backward(dy.astype(np.float32))
    with pytest.raises(ValueError, match="backward expected dy of shape"):
        layer.backward(dy[:1] if len(dy) > 1 else np.concatenate([dy, dy]))
    assert all(p.grad is None for p in layer.parameters())
    dx = layer.backward(dy)
    assert_same(
        (dy, dx, [p.grad for p in layer.parameters()]),
        (dy, *run(make(), x)[1:]),
        **tolerance(np.float64),
    )


@each_real_layer
def test_what_x_may_be(make, shape):
    layer, x = make(), normal(shape)
    for wrong, got in [
        (x.tolist(), "expected a NumPy array, got list"),
        (None, "expected a NumPy array, got NoneType"),
        (x.astype(np.int64), "expected float32 or float64, got int64"),
        (x.astype(np.float16), "expected float32 or float64, got float16"),
        (x.astype(complex), "expected float32 or float64, got complex128"),
        (x > 0, "expected float32 or float64, got bool"),
    ]:
        with pytest.raises(TypeError, match=got):
            layer.forward(wrong)


@each_layer
def test_output_shape(make, shape):
    layer = make()
    assert layer.output_shape(shape) == layer.forward(normal(shape)).shape


@each_layer
def test_calling_is_forward(make, shape):
    x = normal(shape)
    np.testing.assert_array_equal(make()(x), make().forward(x))
