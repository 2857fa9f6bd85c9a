import numpy as np
import oracle
import pytest
from cases import POOL_CASES, PoolCase, distinct, normal, pool_cases, tolerance, whole
from hypothesis import example, given

import tinynet as tn

NAN, INF = np.nan, np.inf
each_case = pytest.mark.parametrize("case", POOL_CASES, ids=str)
each_kind = pytest.mark.parametrize("kind", [tn.MaxPool2d, tn.AvgPool2d])


def layer(kind, case):
    return kind(case.kernel_size, case.stride, case.padding)


# -- maximum --


@given(pool_cases())
@example(PoolCase((2, 3, 9, 8), 3, stride=1, padding=1))  # overlapping
def test_maximum_with_ties(case):
    """Few different whole numbers: nearly every window holds its maximum more than once, and
    sums of gradients are exact. The first maximum gets the gradient."""
    pool = layer(tn.MaxPool2d, case)
    x = whole(case.shape)
    y, winner = oracle.maxpool(x, *case.window)
    np.testing.assert_array_equal(pool(x), y)
    dy = whole(y.shape, seed=1)
    np.testing.assert_array_equal(pool.backward(dy), oracle.maxpool_backward(x, dy, *case.window))


@given(pool_cases())
def test_maximum_in_float32(case):
    pool = layer(tn.MaxPool2d, case)
    x = normal(case.shape, np.float32)
    y, _ = oracle.maxpool(x, *case.window)
    np.testing.assert_array_equal(pool(x), y)
    dy = normal(y.shape, np.float32, seed=1)
    expected = oracle.maxpool_backward(x.astype(np.float64), dy, *case.window)
    np.testing.assert_allclose(pool.backward(dy), expected, **tolerance(np.float32))


@each_case
def test_maximum_gradient(case):
    tn.gradcheck(layer(tn.MaxPool2d, case), distinct(case.shape))


def test_the_first_of_equal_ones_wins():
    pool = tn.MaxPool2d(2, stride=1)
    x = np.array([[0.0, 0, 0], [0, 1, 1], [0, 1, 0]])[None, None]
    assert pool(x).tolist() == [[[[1, 1], [1, 1]]]]
    dy = np.array([[1.0, 10], [100, 1000]])[None, None]
    assert pool.backward(dy).tolist() == [[[[0, 0, 0], [0, 1111, 0], [0, 0, 0]]]]


def test_padding_is_never_the_maximum():
    x = np.full((1, 1, 3, 3), -5.0)
    assert (tn.MaxPool2d(3, 1, padding=1)(x) == -5).all()


def test_maximum_of_nan_and_infinities():
    pool = tn.MaxPool2d((1, 2))
    x = np.array([[NAN, 1.0], [1.0, NAN], [INF, 1.0], [-INF, 1.0], [-INF, -INF], [INF, NAN]])
    assert pool(x[None, None]).ravel().tolist() == pytest.approx(
        [NAN, NAN, INF, 1, -INF, NAN], nan_ok=True
    )
    dx = pool.backward(np.ones((1, 1, 6, 1)))
    assert dx[0, 0].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]


# -- mean --


@given(pool_cases())
def test_mean(case):
    pool = layer(tn.AvgPool2d, case)
    x = normal(case.shape)
    y = oracle.avgpool(x, *case.window)
    np.testing.assert_allclose(pool(x), y, rtol=1e-13, atol=1e-14)
    dy = normal(y.shape, seed=1)
    expected = oracle.avgpool_backward(x, dy, *case.window)
    np.testing.assert_allclose(pool.backward(dy), expected, rtol=1e-13, atol=1e-14)


@given(pool_cases())
def test_mean_in_float32(case):
    pool = layer(tn.AvgPool2d, case)
    x = normal(case.shape, np.float32)
    y = oracle.avgpool(x.astype(np.float64), *case.window)
    np.testing.assert_allclose(pool(x), y, **tolerance(np.float32))
    dy = normal(y.shape, np.float32, seed=1)
    expected = oracle.avgpool_backward(x.astype(np.float64), dy, *case.window)
    np.testing.assert_allclose(pool.backward(dy), expected, **tolerance(np.float32))


@each_case
def test_mean_gradient(case):
    tn.gradcheck(layer(tn.AvgPool2d, case), normal(case.shape))


@each_case
def test_mean_exact_gradient(case):
    pool, x = layer(tn.AvgPool2d, case), normal(case.shape)
    dy = normal(pool(x).shape, seed=1)
    dx = oracle.gradient(lambda x: np.sum(oracle.avgpool(x, *case.window) * dy), x)
    np.testing.assert_allclose(pool.backward(dy), dx, rtol=1e-13, atol=1e-14)


def test_the_mean_counts_padding():
    y = tn.AvgPool2d(2, padding=1)(np.full((1, 1, 2, 2), 4.0))
    assert y.tolist() == [[[[1, 1], [1, 1]]]]


# -- both --


@each_kind
def test_the_stride_is_the_kernel_size_unless_given(kind):
    assert kind(3).stride == (3, 3)
    assert kind((3, 2)).stride == (3, 2)
    assert kind(3, 2).stride == (2, 2)
    assert kind(3, (2, 1)).stride == (2, 1)


@each_kind
def test_repr(kind):
    name = kind.__name__
    assert repr(kind(2)) == f"{name}(k=2)"
    assert repr(kind(3, 2, 1)) == f"{name}(k=3, s=2, p=1)"
    assert repr(kind((3, 2), padding=(1, 0))) == f"{name}(k=3×2, p=1×0)"


@each_kind
@pytest.mark.parametrize(
    "shape, expected",
    [
        ((3, 4, 4), ""),
        ((2, 3, 0, 4), ""),
        ((2, 3, 1, 4), " with H ≥ 3 and W ≥ 1, so that the window fits,"),
    ],
)
def test_wrong_shape(kind, shape, expected):
    with pytest.raises(ValueError) as error:
        kind((3, 2), padding=(0, 1)).forward(np.zeros(shape))
    expected = expected or ","
    assert str(error.value) == (
        f"{kind.__name__}(k=3×2, p=0×1): expected (N, C, H, W){expected} got {shape}"
    )


@each_kind
@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((0,), ValueError, "kernel_size: expected at least 1, got 0"),
        (("2",), TypeError, "kernel_size: expected an int, got '2'"),
        (((2,),), ValueError, "kernel_size: expected an int or a pair (rows, columns), got (2,)"),
        ((2, 0), ValueError, "stride: expected at least 1, got 0"),
        ((2, 1.5), TypeError, "stride: expected an int, got 1.5"),
        ((2, 2, -1), ValueError, "padding: expected at least 0, got -1"),
        (
            (3, 1, 2),
            ValueError,
            "expected padding of at most half the kernel size (3, 3), got (2, 2)",
        ),
        (
            ((4, 1), 1, (2, 1)),
            ValueError,
            "expected padding of at most half the kernel size (4, 1), got (2, 1)",
        ),
    ],
)
def test_wrong_arguments(kind, arguments, error, message):
    with pytest.raises(error) as raised:
        kind(*arguments)
    assert str(raised.value) == f"{kind.__name__}: {message}"
