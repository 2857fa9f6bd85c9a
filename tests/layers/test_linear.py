import numpy as np
import oracle
import pytest
from cases import normal, tolerance

import tinynet as tn

SIZES = [(1, 1, 1), (1, 5, 3), (4, 1, 2), (7, 6, 5), (3, 100, 10)]  # n, in, out


@pytest.mark.parametrize("n, i, o", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_definition(n, i, o, dtype):
    linear = tn.Linear(i, o, rng=3)
    x, dy = normal((n, i), dtype), normal((n, o), dtype, seed=1)
    weight, bias = linear.weight.data, linear.bias.data
    np.testing.assert_allclose(linear(x), oracle.linear(x, weight, bias), **tolerance(dtype))
    # summed in float64; the gradients come in the parameters' dtype, which is float32
    dx, dweight, dbias = linear.backward(dy), linear.weight.grad, linear.bias.grad
    x, dy, weight = (a.astype(np.float64) for a in (x, dy, weight))
    np.testing.assert_allclose(dx, np.einsum("no,oi->ni", dy, weight), **tolerance(dtype))
    close = {"rtol": 1e-6, "atol": 1e-6 if dtype == np.float32 else 0}
    np.testing.assert_allclose(dweight, np.einsum("no,ni->oi", dy, x), **close)
    np.testing.assert_allclose(dbias, np.einsum("no->o", dy), **close)


@pytest.mark.parametrize("n, i, o", SIZES)
@pytest.mark.parametrize("bias", [True, False])
def test_gradient(n, i, o, bias):
    tn.gradcheck(tn.Linear(i, o, bias, rng=3), normal((n, i)))


def test_exact_gradient():
    linear = tn.Linear(4, 3, rng=3)
    weight, bias = (p.data.astype(np.float64) for p in (linear.weight, linear.bias))
    linear.weight.data, linear.bias.data = weight, bias
    x, dy = normal((5, 4)), normal((5, 3), seed=1)
    linear(x)
    dx = linear.backward(dy)

    def loss(x=x, weight=weight, bias=bias):
        return np.sum(oracle.linear(x, weight, bias) * dy)

    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(dx, oracle.gradient(loss, x), **close)
    np.testing.assert_allclose(
        linear.weight.grad, oracle.gradient(lambda w: loss(weight=w), weight), **close
    )
    np.testing.assert_allclose(
        linear.bias.grad, oracle.gradient(lambda b: loss(bias=b), bias), **close
    )


def test_without_bias():
    linear = tn.Linear(4, 3, bias=False, rng=3)
    assert linear.bias is None
    assert [name for name, _ in linear.named_parameters()] == ["weight"]
    x = normal((2, 4))
    np.testing.assert_allclose(linear(x), x @ linear.weight.data.T.astype(np.float64))


def test_without_dx():
    linear, same = tn.Linear(4, 3, rng=3), tn.Linear(4, 3, rng=3)
    x, dy = normal((2, 4)), normal((2, 3), seed=1)
    linear(x), same(x)
    assert linear.backward_parameters(dy) is None
    same.backward(dy)
    np.testing.assert_array_equal(linear.weight.grad, same.weight.grad)
    np.testing.assert_array_equal(linear.bias.grad, same.bias.grad)


def test_initial_weights_are_pytorchs():
    linear = tn.Linear(100, 200, rng=0)
    for values, spread in [(linear.weight.data, 0.01), (linear.bias.data, 0.2)]:
        assert values.dtype == np.float32
        assert 0.095 < np.abs(values).max() <= 0.1  # ±1/√100
        assert np.std(values) == pytest.approx(0.1 / np.sqrt(3), rel=spread)
        assert abs(np.mean(values)) < spread * 0.1
    assert linear.weight.data.shape == (200, 100)
    assert linear.bias.data.shape == (200,)


def test_same_seed_same_weights():
    one, other = tn.Linear(4, 3, rng=5), tn.Linear(4, 3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(one.weight.data, other.weight.data)
    np.testing.assert_array_equal(one.bias.data, other.bias.data)
    assert not np.array_equal(one.weight.data, tn.Linear(4, 3, rng=6).weight.data)


@pytest.mark.parametrize("shape", [(2, 5), (4,), (2, 4, 1), (0, 4), ()])
def test_wrong_shape(shape):
    with pytest.raises(ValueError) as error:
        tn.Linear(4, 3).forward(np.zeros(shape))
    assert str(error.value) == f"Linear(4→3): expected (N, 4), got {shape}"


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        ((0, 3), ValueError, "Linear: in_features: expected at least 1, got 0"),
        ((4, -1), ValueError, "Linear: out_features: expected at least 1, got -1"),
        ((4.0, 3), TypeError, "Linear: in_features: expected an int, got 4.0"),
        ((4, None), TypeError, "Linear: out_features: expected an int, got None"),
        ((4, True), ValueError, "Linear: out_features: expected at least 1, got True"),
    ],
)
def test_wrong_arguments(arguments, kind, message):
    with pytest.raises(kind) as error:
        tn.Linear(*arguments)
    assert str(error.value) == message
