import numpy as np
import oracle
import pytest
from cases import normal, tolerance

import tinynet as tn

SHAPES = [(2, 3, 4, 5), (1, 2, 3, 3), (5, 1, 2, 1), (2, 1, 1, 1), (1, 3, 1, 2), (3, 33, 7, 5)]
each_shape = pytest.mark.parametrize("shape", SHAPES)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def batchnorm(channels, dtype=np.float32, **settings):
    """One whose weight, bias and running statistics are not those of the start."""
    bn = tn.BatchNorm2d(channels, **settings)
    bn.weight.data = normal(channels, dtype, seed=2)
    bn.bias.data = normal(channels, dtype, seed=3)
    bn.running_mean = normal(channels, dtype, seed=4)
    bn.running_var = np.abs(normal(channels, dtype, seed=5)) + dtype(0.5)
    return bn


# -- training --


@each_shape
@each_dtype
def test_training(shape, dtype):
    bn = batchnorm(shape[1], dtype)
    x = normal(shape, dtype)
    y = oracle.batchnorm(x.astype(np.float64), bn.weight.data, bn.bias.data, bn.eps)
    np.testing.assert_allclose(bn(x), y, **tolerance(dtype))


@each_shape
def test_running_statistics(shape):
    bn = batchnorm(shape[1], np.float64, momentum=0.3)
    mean, var = bn.running_mean.copy(), bn.running_var.copy()
    for step in (1, 2, 3):
        x = 2 + 3 * normal(shape, seed=step)
        bn(x)
        mean, var = oracle.running_statistics(x, mean, var, momentum=0.3)
        np.testing.assert_allclose(bn.running_mean, mean, rtol=1e-12)
        np.testing.assert_allclose(bn.running_var, var, rtol=1e-12)  # unbiased
        assert bn.num_batches_tracked == step


@pytest.mark.parametrize("momentum", [0, 1])
def test_the_ends_of_momentum(momentum):
    """0 keeps the running statistics, 1 makes them those of the last batch."""
    bn = batchnorm(2, np.float64, momentum=momentum)
    mean, var = bn.running_mean.copy(), bn.running_var.copy()
    x = 2 + 3 * normal((4, 2, 5, 5))
    bn(x - 1), bn(x)
    if momentum:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(bn.running_mean, mean, rtol=1e-12)
    np.testing.assert_allclose(bn.running_var, var, rtol=1e-12)


@each_dtype
def test_the_start(dtype):
    bn = tn.BatchNorm2d(3)
    assert (bn.eps, bn.momentum) == (1e-5, 0.1)
    assert (bn.weight.data == 1).all() and (bn.bias.data == 0).all()
    assert (bn.running_mean == 0).all() and (bn.running_var == 1).all()
    assert bn.num_batches_tracked == 0
    buffers = bn.running_mean, bn.running_var, bn.num_batches_tracked
    x = normal((4, 3, 5, 5), dtype)
    y = bn(x)
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(y.var((0, 2, 3)), 1, atol=1e-4)
    for here, there in zip(buffers, (bn.running_mean, bn.running_var), strict=False):
        assert here is there  # moved in place
        assert here.dtype == np.float32
    assert bn.num_batches_tracked is buffers[2] and buffers[2].dtype == np.int64
    mean, var = oracle.running_statistics(x.astype(np.float64), np.zeros(3), np.ones(3), 0.1)
    np.testing.assert_allclose(bn.running_mean, mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(bn.running_var, var, rtol=1e-5)


@each_shape
def test_gradient(shape):
    tn.gradcheck(batchnorm(shape[1]), normal(shape))


@pytest.mark.parametrize("eps", [1e-5, 0.5])  # a large one too: the formula is exact with it
@each_shape
def test_exact_gradient(shape, eps):
    bn = batchnorm(shape[1], np.float64, eps=eps)
    x, dy = normal(shape), normal(shape, seed=1)
    bn(x)
    check_exact_gradient(bn, x, dy)


def check_exact_gradient(bn, x, dy, **statistics):
    dx = bn.backward(dy)

    def loss(x=x, weight=bn.weight.data, bias=bn.bias.data):
        return np.sum(oracle.batchnorm(x, weight, bias, bn.eps, **statistics) * dy)

    x = x[:, :3]  # one channel knows nothing of another, so three will do
    dy, dx = dy[:, :3], dx[:, :3]
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(dx, oracle.gradient(loss, x), **close)
    dweight = oracle.gradient(lambda w: loss(x, weight=w), bn.weight.data)
    dbias = oracle.gradient(lambda b: loss(x, bias=b), bn.bias.data)
    np.testing.assert_allclose(bn.weight.grad[:3], dweight[:3], **close)
    np.testing.assert_allclose(bn.bias.grad[:3], dbias[:3], **close)


def test_a_constant_channel():
    bn = tn.BatchNorm2d(1)
    x = np.full((2, 1, 3, 3), 7.0)
    np.testing.assert_array_equal(bn(x), 0)
    dx = bn.backward(normal(x.shape))
    assert np.isfinite(dx).all()


def test_precision_with_a_large_mean():
    """The mean is taken off before squaring: E[x²] − E[x]² would leave nothing in float32."""
    x = (1000 + normal((128, 2, 28, 28))).astype(np.float32)
    bn = tn.BatchNorm2d(2)
    y = bn(x)
    exact = oracle.batchnorm(x.astype(np.float64), np.ones(2), np.zeros(2), 1e-5)
    np.testing.assert_allclose(y, exact, rtol=0, atol=2e-4)
    var = x.astype(np.float64).var((0, 2, 3))
    np.testing.assert_allclose(bn.running_var, 0.9 + 0.1 * var, rtol=1e-5)


def test_nan_stays_in_its_channel():
    x = normal((2, 2, 3, 3))
    x[0, 0, 0, 0] = np.nan
    y = tn.BatchNorm2d(2)(x)
    assert np.isnan(y[:, 0]).all() and np.isfinite(y[:, 1]).all()


# -- evaluation --


@pytest.mark.parametrize("shape", [*SHAPES, (1, 2, 1, 1)])
@each_dtype
def test_evaluation(shape, dtype):
    bn = batchnorm(shape[1], dtype).eval()
    mean, var = bn.running_mean.copy(), bn.running_var.copy()
    x = normal(shape, dtype)
    y = oracle.batchnorm(x.astype(np.float64), bn.weight.data, bn.bias.data, bn.eps, mean, var)
    np.testing.assert_allclose(bn(x), y, **tolerance(dtype))
    np.testing.assert_array_equal(bn.running_mean, mean)
    np.testing.assert_array_equal(bn.running_var, var)
    assert bn.num_batches_tracked == 0


@each_shape
def test_evaluation_gradient(shape):
    tn.gradcheck(batchnorm(shape[1]).eval(), normal(shape))


@each_shape
def test_evaluation_exact_gradient(shape):
    bn = batchnorm(shape[1], np.float64).eval()
    x, dy = normal(shape), normal(shape, seed=1)
    bn(x)
    check_exact_gradient(bn, x, dy, mean=bn.running_mean, var=bn.running_var)


def test_backward_goes_the_way_forward_went():
    x, dy = normal((2, 3, 4, 4)), normal((2, 3, 4, 4), seed=1)
    bn, same = batchnorm(3), batchnorm(3)
    bn(x), same(x)
    bn.eval()
    np.testing.assert_array_equal(bn.backward(dy), same.backward(dy))


# -- errors --


def test_one_value_has_no_variance():
    bn = tn.BatchNorm2d(3)
    with pytest.raises(ValueError) as error:
        bn(np.ones((1, 3, 1, 1)))
    assert str(error.value) == (
        "BatchNorm2d(3): expected more than one value a channel to train on (one value has no "
        "variance), got (1, 3, 1, 1)"
    )
    assert bn.num_batches_tracked == 0 and (bn.running_mean == 0).all()
    bn.eval()(np.ones((1, 3, 1, 1)))


@pytest.mark.parametrize("shape", [(2, 4, 5, 5), (2, 3, 5), (3,), (0, 3, 5, 5), (2, 3, 0, 5)])
def test_wrong_shape(shape):
    for bn in tn.BatchNorm2d(3), tn.BatchNorm2d(3).eval():
        with pytest.raises(ValueError) as error:
            bn(np.zeros(shape))
        assert str(error.value) == f"BatchNorm2d(3): expected (N, 3, H, W), got {shape}"
        assert bn.num_batches_tracked == 0


@pytest.mark.parametrize(
    "channels, kind, message",
    [
        (0, ValueError, "BatchNorm2d: num_features: expected at least 1, got 0"),
        (2.0, TypeError, "BatchNorm2d: num_features: expected an int, got 2.0"),
    ],
)
def test_wrong_arguments(channels, kind, message):
    with pytest.raises(kind) as error:
        tn.BatchNorm2d(channels)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(eps=-1), "expected eps, a number in 0 … inf, got -1"),
        (dict(eps="1"), "expected eps, a number in 0 … inf, got '1'"),
        (dict(momentum=None), "expected momentum, a number in 0 … 1, got None"),
        (dict(momentum=1.5), "expected momentum, a number in 0 … 1, got 1.5"),
    ],
)
def test_settings_that_make_no_sense(settings, words):
    with pytest.raises(ValueError, match=f"^BatchNorm2d: {words}$"):
        tn.BatchNorm2d(3, **settings)
