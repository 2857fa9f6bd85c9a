import numpy as np
import oracle
import pytest
from cases import CONV_CASES, ConvCase, conv_cases, normal, tolerance, whole
from hypothesis import example, given
from hypothesis import strategies as st

import tinynet as tn

each_case = pytest.mark.parametrize("case", CONV_CASES, ids=str)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


# -- im2col and col2im --


@given(conv_cases(), st.sampled_from([0.0, 1.5, -np.inf]))
def test_im2col_is_nested_loops(case, fill):
    x = normal((case.shape[0], min(case.shape[1], 3), *case.shape[2:]))
    window = case.kernel_size, case.stride, case.padding
    np.testing.assert_array_equal(tn.im2col(x, *window, fill), oracle.im2col(x, *window, fill))


@given(conv_cases())
def test_col2im_is_the_transpose(case):
    """<im2col(x), c> = <x, col2im(c)>, in whole numbers and hence exactly."""
    x = whole(case.shape)
    window = case.kernel_size, case.stride, case.padding
    cols = tn.im2col(x, *window)
    c = whole(cols.shape, seed=1)
    dx = tn.col2im(c, case.shape, *window)
    assert dx.shape == case.shape
    assert np.vdot(cols, c) == np.vdot(x, dx)


def test_im2col_by_hand():
    x = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    assert tn.im2col(x, 2)[0].tolist() == [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    assert tn.col2im(np.ones((1, 4, 4)), x.shape, 2).tolist() == [
        [[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]  # in how many windows each pixel lies
    ]
    assert tn.im2col(x, 3, stride=(2, 1), padding=(1, 0))[0].T.tolist() == [
        [0, 0, 0, 1, 2, 3, 4, 5, 6],
        [4, 5, 6, 7, 8, 9, 0, 0, 0],
    ]


@each_dtype
def test_im2col_and_col2im_keep_the_dtype_and_write_to_new_memory(dtype):
    x = normal((1, 2, 3, 3), dtype)
    cols = tn.im2col(x, 1)
    dx = tn.col2im(cols, x.shape, 1)
    assert cols.dtype == dx.dtype == dtype
    assert not np.shares_memory(x, cols)
    assert not np.shares_memory(cols, dx)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(kernel_size=0), "kernel_size: expected at least 1, got 0"),
        (
            dict(kernel_size=2, stride=(1, 2, 3)),
            "stride: expected an int or a pair (rows, columns), got (1, 2, 3)",
        ),
        (dict(kernel_size=2, padding=-1), "padding: expected at least 0, got -1"),
    ],
)
def test_wrong_windows(arguments, message):
    for function in (
        lambda: tn.im2col(np.zeros((1, 1, 4, 4)), **arguments),
        lambda: tn.col2im(np.zeros((1, 4, 9)), (1, 1, 4, 4), **arguments),
    ):
        with pytest.raises(ValueError) as error:
            function()
        assert str(error.value) == message


# -- the layer --


def check_against_definition(case, x, dy, dtype, **close):
    conv = case.layer(dtype)
    bias = None if conv.bias is None else conv.bias.data.astype(np.float64)
    x64, weight, dy64 = (a.astype(np.float64) for a in (x, conv.weight.data, dy))
    y = conv(x)
    dx = conv.backward(dy)
    expected = oracle.conv2d_backward(x64, weight, dy64, case.stride, case.padding)
    np.testing.assert_allclose(
        y, oracle.conv2d(x64, weight, bias, case.stride, case.padding), **close
    )
    np.testing.assert_allclose(dx, expected[0], **close)
    np.testing.assert_allclose(conv.weight.grad, expected[1], **close)
    if case.bias:
        np.testing.assert_allclose(conv.bias.grad, expected[2], **close)


def output_shape(case):
    return case.layer().output_shape(case.shape)


@given(conv_cases())
@example(ConvCase((5, 33, 11, 9), 33, 5, 1, 2))
def test_definition_in_float64(case):
    x, dy = normal(case.shape), normal(output_shape(case), seed=1)
    check_against_definition(case, x, dy, np.float64, rtol=1e-11, atol=1e-11)


@given(conv_cases())
def test_definition_in_float32(case):
    x, dy = normal(case.shape, np.float32), normal(output_shape(case), np.float32, seed=1)
    check_against_definition(case, x, dy, np.float32, **tolerance(np.float32))


@each_case
def test_gradient(case):
    tn.gradcheck(case.layer(), normal(case.shape))


@each_case
def test_exact_gradient(case):
    conv = case.layer(np.float64)
    weight, bias = conv.weight.data, conv.bias.data if case.bias else None
    x = normal(case.shape)
    dy = normal(conv(x).shape, seed=1)
    dx = conv.backward(dy)

    def loss(x=x, weight=weight):
        return np.sum(oracle.conv2d(x, weight, bias, case.stride, case.padding) * dy)

    close = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(dx, oracle.gradient(loss, x), **close)
    np.testing.assert_allclose(
        conv.weight.grad, oracle.gradient(lambda w: loss(weight=w), weight), **close
    )


def test_a_pixel_reaches_only_its_windows():
    x = np.zeros((1, 1, 5, 5))
    x[0, 0, 0, 0] = np.nan
    y = tn.Conv2d(1, 1, 3, rng=0)(x)
    assert np.isnan(y).tolist() == [[[[True, False, False], [False] * 3, [False] * 3]]]


def test_without_bias():
    conv, same = tn.Conv2d(2, 3, 3, bias=False, rng=0), tn.Conv2d(2, 3, 3, rng=0)
    assert conv.bias is None
    assert [name for name, _ in conv.named_parameters()] == ["weight"]
    same.bias.data[:] = 0
    x = normal((2, 2, 4, 4))
    np.testing.assert_array_equal(conv(x), same(x))


def test_without_dx_no_col2im(monkeypatch):
    conv, same = tn.Conv2d(2, 3, 3, rng=0), tn.Conv2d(2, 3, 3, rng=0)
    x, dy = normal((2, 2, 4, 4)), normal((2, 3, 2, 2), seed=1)
    same(x)
    same.backward(dy)

    def not_needed(*_):
        raise AssertionError("col2im was called")

    monkeypatch.setattr("tinynet.layers.conv.col2im", not_needed)
    conv(x)
    assert conv.backward_parameters(dy) is None
    np.testing.assert_array_equal(conv.weight.grad, same.weight.grad)
    np.testing.assert_array_equal(conv.bias.grad, same.bias.grad)
    conv(x)
    with pytest.raises(AssertionError, match="col2im was called"):
        conv.backward(dy)


# -- initial weights --


def test_initial_weights_are_pytorchs():
    conv = tn.Conv2d(25, 400, (4, 1), rng=0)
    assert conv.weight.data.shape == (400, 25, 4, 1)
    assert conv.bias.data.shape == (400,)
    for values, spread in [(conv.weight.data, 0.01), (conv.bias.data, 0.1)]:
        assert values.dtype == np.float32
        assert 0.095 < np.abs(values).max() <= 0.1  # ±1/√(25·4·1)
        assert np.std(values) == pytest.approx(0.1 / np.sqrt(3), rel=spread)
        assert abs(np.mean(values)) < spread * 0.1


def test_same_seed_same_weights():
    one, other = tn.Conv2d(2, 3, 3, rng=5), tn.Conv2d(2, 3, 3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(one.weight.data, other.weight.data)
    np.testing.assert_array_equal(one.bias.data, other.bias.data)
    assert not np.array_equal(one.weight.data, tn.Conv2d(2, 3, 3, rng=6).weight.data)
    assert not np.array_equal(tn.Conv2d(2, 3, 3).weight.data, tn.Conv2d(2, 3, 3).weight.data)


@each_dtype
def test_dtype_of_the_weights(dtype):
    conv = tn.Conv2d(2, 3, 3, rng=5, dtype=dtype)
    assert conv.weight.data.dtype == conv.bias.data.dtype == dtype
    np.testing.assert_allclose(conv.weight.data, tn.Conv2d(2, 3, 3, rng=5).weight.data, rtol=1e-6)


# -- errors --


@pytest.mark.parametrize(
    "arguments, shape, message",
    [
        (
            dict(),
            (64, 16, 28, 28),
            "Conv2d(8→16, k=3): expected (N, 8, H, W), got (64, 16, 28, 28)",
        ),
        (dict(), (8, 28, 28), "Conv2d(8→16, k=3): expected (N, 8, H, W), got (8, 28, 28)"),
        (dict(), (0, 8, 28, 28), "Conv2d(8→16, k=3): expected (N, 8, H, W), got (0, 8, 28, 28)"),
        (
            dict(),
            (1, 8, 2, 28),
            "Conv2d(8→16, k=3): expected (N, 8, H, W) with H ≥ 3 and W ≥ 3, so that the window "
            "fits, got (1, 8, 2, 28)",
        ),
        (
            dict(kernel_size=(5, 3), stride=2, padding=(1, 0)),
            (1, 8, 9, 2),
            "Conv2d(8→16, k=5×3, s=2, p=1×0): expected (N, 8, H, W) with H ≥ 3 and W ≥ 3, so that "
            "the window fits, got (1, 8, 9, 2)",
        ),
    ],
)
def test_wrong_shape(arguments, shape, message):
    conv = tn.Conv2d(8, 16, **{"kernel_size": 3, **arguments})
    with pytest.raises(ValueError) as error:
        conv.forward(np.zeros(shape))
    assert str(error.value) == message


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        ((0, 4, 3), ValueError, "Conv2d: in_channels: expected at least 1, got 0"),
        ((3, -4, 3), ValueError, "Conv2d: out_channels: expected at least 1, got -4"),
        ((3.5, 4, 3), TypeError, "Conv2d: in_channels: expected an int, got 3.5"),
        ((3, "4", 3), TypeError, "Conv2d: out_channels: expected an int, got '4'"),
        ((3, 4, 0), ValueError, "Conv2d: kernel_size: expected at least 1, got 0"),
        ((3, 4, (3, 0)), ValueError, "Conv2d: kernel_size: expected at least 1, got 0"),
        ((3, 4, 3.0), TypeError, "Conv2d: kernel_size: expected an int, got 3.0"),
        (
            (3, 4, (3, 3, 3)),
            ValueError,
            "Conv2d: kernel_size: expected an int or a pair (rows, columns), got (3, 3, 3)",
        ),
        ((3, 4, 3, 0), ValueError, "Conv2d: stride: expected at least 1, got 0"),
        ((3, 4, 3, None), TypeError, "Conv2d: stride: expected an int, got None"),
        ((3, 4, 3, 1, -1), ValueError, "Conv2d: padding: expected at least 0, got -1"),
        ((3, 4, 3, 1, "same"), TypeError, "Conv2d: padding: expected an int, got 'same'"),
    ],
)
def test_wrong_arguments(arguments, kind, message):
    with pytest.raises(kind) as error:
        tn.Conv2d(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "conv, text",
    [
        (tn.Conv2d(1, 8, 3), "Conv2d(1→8, k=3)"),
        (tn.Conv2d(1, 8, 3, padding=1), "Conv2d(1→8, k=3, p=1)"),
        (tn.Conv2d(1, 8, (3, 5), (2, 1), (0, 2)), "Conv2d(1→8, k=3×5, s=2×1, p=0×2)"),
        (tn.Conv2d(np.int64(1), 8, [2, 2], np.int32(2)), "Conv2d(1→8, k=2, s=2)"),
    ],
)
def test_repr(conv, text):
    assert repr(conv) == text


@pytest.mark.parametrize("dtype", [int, np.float16, bool])
def test_only_floats_can_be_learned(dtype):
    with pytest.raises(TypeError, match="^Conv2d: expected dtype float32 or float64, got "):
        tn.Conv2d(1, 1, 1, dtype=dtype)
