import numpy as np
import oracle
import pytest
from cases import distinct, normal

import tinynet as tn

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize("shape", [(1,), (4, 7), (2, 3, 5, 4), (1, 1, 1, 1), (2, 2, 2, 2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_definition(shape, dtype):
    x, dy = normal(shape, dtype), normal(shape, dtype, seed=1)
    relu = tn.ReLU()
    np.testing.assert_array_equal(relu(x), oracle.relu(x))
    np.testing.assert_array_equal(relu.backward(dy), dy * (x > 0))


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4, 3)])
def test_gradient(shape):
    tn.gradcheck(tn.ReLU(), distinct(shape))


def test_at_zero_the_gradient_is_zero():
    relu = tn.ReLU()
    assert (relu(np.array([0.0, -0.0])) == 0).all()
    assert (relu.backward(np.array([3.0, 3.0])) == 0).all()


def test_nan_and_infinities():
    relu = tn.ReLU()
    np.testing.assert_array_equal(relu(np.array([NAN, INF, -INF])), [NAN, INF, 0])
    np.testing.assert_array_equal(relu.backward(np.array([1.0, 2.0, 3.0]))[1:], [2, 0])


def test_only_a_positive_x_lets_nan_of_dy_through():
    relu = tn.ReLU()
    relu(np.array([-1.0, 1.0]))
    np.testing.assert_array_equal(relu.backward(np.array([NAN, NAN])), [0, NAN])


def test_repr():
    assert repr(tn.ReLU()) == "ReLU()"
