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
