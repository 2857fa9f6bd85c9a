import numpy as np
import oracle
import pytest
from cases import normal

import tinynet as tn

LABELS = np.array([2, 0, 3, 3, 1])
each_smoothing = pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 1.0])


def logits_of(dtype=np.float64, scale=3.0):
    return (scale * normal((5, 4))).astype(dtype)


@each_smoothing
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_definition(smoothing, dtype, rtol):
    logits = logits_of(dtype)
    loss = tn.CrossEntropyLoss(smoothing)
    value = loss.forward(logits, LABELS)
    assert type(value) is float
    expected = oracle.cross_entropy(logits.astype(np.float64), LABELS, smoothing)
    assert value == pytest.approx(expected, rel=rtol)
    assert loss(logits, LABELS) == value
    dlogits = loss.backward()
    assert dlogits.dtype == dtype and dlogits.shape == logits.shape
    # p and q each add up to 1
    np.testing.assert_allclose(dlogits.sum(axis=1), 0, atol=1e-7)


@each_smoothing
def test_exact_gradient(smoothing):
    logits = logits_of()
    loss = tn.CrossEntropyLoss(smoothing)
    loss(logits, LABELS)
    expected = oracle.gradient(lambda z: oracle.cross_entropy(z, LABELS, smoothing), logits)
    np.testing.assert_allclose(loss.backward(), expected, rtol=1e-12, atol=1e-15)


@each_smoothing
def test_numerical_gradient(smoothing):
    logits, loss, eps = logits_of(), tn.CrossEntropyLoss(smoothing), 1e-6
    loss(logits, LABELS)
    dlogits = loss.backward()
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = eps
        slope = (loss(logits + step, LABELS) - loss(logits - step, LABELS)) / (2 * eps)
        assert dlogits[index] == pytest.approx(slope, abs=1e-9)


def test_known_values():
    loss = tn.CrossEntropyLoss()
    assert loss(np.zeros((3, 10)), np.array([0, 5, 9])) == pytest.approx(np.log(10))
    assert loss(np.array([[0.0]]), np.array([0])) == 0
    np.testing.assert_array_equal(loss.backward(), [[0]])
    assert loss(np.log([[0.7, 0.2, 0.1]]), np.array([1])) == pytest.approx(-np.log(0.2))
    np.testing.assert_allclose(loss.backward(), [[0.7, -0.8, 0.1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_smoothing
def test_huge_logits(dtype, smoothing):
    loss = tn.CrossEntropyLoss(smoothing)
    huge = np.array([[1e30, 0.0, -1e30], [-1e30, 1e30, 1e30]], dtype)
    assert np.isfinite(loss(huge, np.array([0, 1])))
    assert np.isfinite(loss.backward()).all()
    if smoothing == 0:
        assert loss(huge, np.array([0, 1])) == pytest.approx(np.log(2) / 2)
        np.testing.assert_allclose(loss.backward(), [[0, 0, 0], [0, -0.25, 0.25]])
    # moving all logits of an image moves no probability
    near = logits_of(dtype)
    assert loss(near + dtype(100), LABELS) == pytest.approx(loss(near, LABELS), rel=1e-4)


def test_a_class_that_is_ruled_out():
    loss = tn.CrossEntropyLoss()
    logits = np.array([[0.0, -np.inf, 0.0], [1.0, 1.0, -np.inf]])
    assert loss(logits, np.array([0, 1])) == pytest.approx(np.log(2))
    np.testing.assert_allclose(loss.backward(), [[-0.25, 0, 0.25], [0.25, -0.25, 0]])
    assert loss(logits, np.array([1, 0])) == np.inf


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_labels_of_any_integer_type(dtype):
    loss, logits = tn.CrossEntropyLoss(0.1), logits_of()
    expected = loss(logits, LABELS), loss.backward()
    assert loss(logits, LABELS.astype(dtype)) == expected[0]
    np.testing.assert_array_equal(loss.backward(), expected[1])
    assert loss(logits, LABELS.tolist()) == expected[0]


def test_many_classes_and_small_labels():
    """uint8 labels must not wrap round where they index."""
    logits, labels = normal((300, 300)), np.full(300, 255, np.uint8)
    loss = tn.CrossEntropyLoss()
    assert loss(logits, labels) == pytest.approx(oracle.cross_entropy(logits, labels), rel=1e-12)


def test_the_sum_over_many_images_loses_no_digits():
    """In float32 it would lose some: each of these adds the same."""
    one = tn.CrossEntropyLoss()(np.zeros((1, 10), np.float32), np.zeros(1, int))
    n = 100_003
    many = tn.CrossEntropyLoss()(np.zeros((n, 10), np.float32), np.arange(n) % 10)
    assert many == pytest.approx(one, rel=1e-12)


def test_nothing_is_written_to():
    logits, labels = logits_of(), LABELS.copy()
    logits.flags.writeable = labels.flags.writeable = False
    loss = tn.CrossEntropyLoss(0.1)
    loss(logits, labels)
    loss.backward()
    np.testing.assert_array_equal(logits, logits_of())


@pytest.mark.parametrize("view", [lambda a: a[::-1], lambda a: np.asfortranarray(a)])
def test_memory_layouts(view):
    loss = tn.CrossEntropyLoss()
    logits = view(logits_of())
    value = loss(logits, LABELS), loss.backward()
    assert loss(np.ascontiguousarray(logits), LABELS) == pytest.approx(value[0], rel=1e-14)
    np.testing.assert_allclose(loss.backward(), value[1], rtol=1e-13)


def test_backward_once_for_each_forward():
    loss = tn.CrossEntropyLoss()
    message = r"^CrossEntropyLoss: backward without a forward before it \(each forward allows one"
    with pytest.raises(RuntimeError, match=message):
        loss.backward()
    loss(logits_of(), LABELS)
    loss.backward()
    with pytest.raises(RuntimeError, match=message):
        loss.backward()


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan])
def test_wrong_smoothing(smoothing):
    with pytest.raises(ValueError) as error:
        tn.CrossEntropyLoss(smoothing)
    assert str(error.value) == (
        f"CrossEntropyLoss: expected label_smoothing in [0, 1], got {smoothing}"
    )


@pytest.mark.parametrize(
    "logits, labels, kind, message",
    [
        ([[1.0, 2.0]], [0], TypeError, "expected float32 or float64 logits, got list"),
        (
            np.ones((1, 2), np.int64),
            [0],
            TypeError,
            "expected float32 or float64 logits, got int64",
        ),
        (np.ones(4), [0], ValueError, "expected logits (N, K), got (4,)"),
        (np.ones((0, 4)), [], ValueError, "expected logits (N, K), got (0, 4)"),
        (np.ones((2, 3, 4)), [0, 1], ValueError, "expected logits (N, K), got (2, 3, 4)"),
        (
            np.ones((3, 4)),
            [0, 1],
            ValueError,
            "expected 3 labels, one for each row of logits (3, 4), got (2,)",
        ),
        (
            np.ones((2, 4)),
            [[0], [1]],
            ValueError,
            "expected 2 labels, one for each row of logits (2, 4), got (2, 1)",
        ),
        (np.ones((2, 4)), [0.0, 1.0], TypeError, "expected integer labels, got float64"),
        (np.ones((2, 4)), [True, False], TypeError, "expected integer labels, got bool"),
        (np.ones((2, 4)), [0, 4], ValueError, "expected labels in 0 … 3, got 4 at index 1"),
        (np.ones((3, 4)), [0, -1, 9], ValueError, "expected labels in 0 … 3, got -1 at index 1"),
    ],
)
def test_wrong_input(logits, labels, kind, message):
    loss = tn.CrossEntropyLoss()
    with pytest.raises(kind) as error:
        loss(logits, labels)
    assert str(error.value) == f"CrossEntropyLoss: {message}"
