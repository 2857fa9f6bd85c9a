import numpy as np
import pytest
from cases import LAYOUTS, normal

import tinynet as tn


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 7), (2, 3, 4)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_definition(shape, layout):
    x = normal(shape)
    flatten = tn.Flatten()
    y = flatten(layout(x))
    assert y.shape == (shape[0], x.size // shape[0])
    assert y.ravel().tolist() == x.ravel().tolist()
    np.testing.assert_array_equal(flatten.backward(layout(y)), x)


def test_gradient():
    tn.gradcheck(tn.Flatten(), normal((2, 3, 2, 2)))


@pytest.mark.parametrize("shape", [(3,), (), (0, 3), (2, 0, 4)])
def test_wrong_shape(shape):
    with pytest.raises(ValueError) as error:
        tn.Flatten().forward(np.zeros(shape))
    assert str(error.value) == (f"Flatten(): expected (N, …) with two axes or more, got {shape}")


@pytest.mark.parametrize(
    "size, shape", [(1, (2, 3, 1, 1)), ((2, 3), (4, 5, 2, 3)), ([2, 2], (1, 1, 2, 2))]
)
def test_maps_of_the_size_that_was_said(size, shape):
    x = normal(shape)
    flatten = tn.Flatten(size=size)
    np.testing.assert_array_equal(flatten(x), x.reshape(len(x), -1))
    np.testing.assert_array_equal(flatten.backward(flatten(x)), x)


@pytest.mark.parametrize(
    "size, shape, words",
    [
        (1, (2, 3, 2, 2), "Flatten(size=1): expected (N, C, 1, 1), got (2, 3, 2, 2): the netw"),
        ((2, 3), (2, 3, 3, 2), "Flatten(size=2×3): expected (N, C, 2, 3), got (2, 3, 3, 2): the"),
        (1, (2, 3), "Flatten(size=1): expected (N, C, 1, 1), got (2, 3): the network is made"),
        (1, (2, 3, 1), "Flatten(size=1): expected (N, C, 1, 1), got (2, 3, 1): the network is"),
    ],
)
def test_maps_of_another_size(size, shape, words):
    for refuse in (
        lambda: tn.Flatten(size=size)(normal(shape)),
        lambda: tn.Flatten(size=size).output_shape(shape),
    ):
        with pytest.raises(ValueError) as error:
            refuse()
        assert str(error.value).startswith(words)


@pytest.mark.parametrize("size", [0, 1.5, "1", (1, 2, 3), True])
def test_no_size(size):
    with pytest.raises((ValueError, TypeError), match="Flatten: size: expected"):
        tn.Flatten(size=size)


def test_a_subclass_with_an_init_of_its_own():
    class Named(tn.Flatten):
        def __init__(self, name):
            self.name = name

    assert Named("rows")(normal((2, 3, 4))).shape == (2, 12)
    assert repr(tn.Flatten()) == "Flatten()"
