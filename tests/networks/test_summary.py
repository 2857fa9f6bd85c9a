"""The table of a network: rows, totals, any layer, and nothing changed by looking."""

import numpy as np
import pytest
from cases import conv_cases, normal
from hypothesis import given

import tinynet as tn

MNIST_LITE = """\
| Layer (type)   |     Output shape | Param # |
|:---------------|-----------------:|--------:|
| Conv2d-1       |  [-1, 8, 28, 28] |      80 |
| ReLU-2         |  [-1, 8, 28, 28] |       0 |
| BatchNorm2d-3  |  [-1, 8, 28, 28] |      16 |
| Conv2d-4       |  [-1, 8, 28, 28] |     584 |
| ReLU-5         |  [-1, 8, 28, 28] |       0 |
| BatchNorm2d-6  |  [-1, 8, 28, 28] |      16 |
| Conv2d-7       |  [-1, 8, 28, 28] |     584 |
| ReLU-8         |  [-1, 8, 28, 28] |       0 |
| BatchNorm2d-9  |  [-1, 8, 28, 28] |      16 |
| MaxPool2d-10   |  [-1, 8, 14, 14] |       0 |
| Conv2d-11      | [-1, 16, 14, 14] |   1,168 |
| ReLU-12        | [-1, 16, 14, 14] |       0 |
| BatchNorm2d-13 | [-1, 16, 14, 14] |      32 |
| Conv2d-14      | [-1, 16, 14, 14] |   2,320 |
| ReLU-15        | [-1, 16, 14, 14] |       0 |
| BatchNorm2d-16 | [-1, 16, 14, 14] |      32 |
| Conv2d-17      | [-1, 16, 14, 14] |   2,320 |
| ReLU-18        | [-1, 16, 14, 14] |       0 |
| BatchNorm2d-19 | [-1, 16, 14, 14] |      32 |
| MaxPool2d-20   |   [-1, 16, 7, 7] |       0 |
| Conv2d-21      |   [-1, 20, 5, 5] |   2,900 |
| ReLU-22        |   [-1, 20, 5, 5] |       0 |
| BatchNorm2d-23 |   [-1, 20, 5, 5] |      40 |
| Conv2d-24      |   [-1, 10, 3, 3] |   1,810 |
| AvgPool2d-25   |   [-1, 10, 1, 1] |       0 |
| Flatten-26     |         [-1, 10] |       0 |

Total params: 11,950
Multiply-adds: 2,176,776 per example (in Conv2d and Linear)
Memory: 47.8 kB of parameters (1 kB = 1000 bytes)
        354.5 kB of activations per example, the outputs of all layers
        709.1 kB of activations and their gradients per example"""


def test_mnist_lite():
    summary = tn.summary(tn.models.mnist_lite(0), (1, 28, 28))
    assert str(summary) == repr(summary) == MNIST_LITE
    assert summary.rows[0] == ("Conv2d-1", (-1, 8, 28, 28), 80)
    assert summary.rows[25] == ("Flatten-26", (-1, 10), 0)
    assert summary.total_params == sum(params for _, _, params in summary.rows) == 11_950
    assert summary.parameter_bytes == 4 * 11_950
    # output pixels · output channels · weights of one of them
    by_hand = [
        (28 * 28, 8, 1 * 9),
        (28 * 28, 8, 8 * 9),
        (28 * 28, 8, 8 * 9),
        (14 * 14, 16, 8 * 9),
        (14 * 14, 16, 16 * 9),
        (14 * 14, 16, 16 * 9),
        (5 * 5, 20, 16 * 9),
        (3 * 3, 10, 20 * 9),
    ]
    assert summary.multiply_adds == sum(p * o * w for p, o, w in by_hand)
    outputs = 9 * 8 * 784 + 8 * 196 + 9 * 16 * 196 + 16 * 49 + 3 * 20 * 25 + 10 * 9 + 10 + 10
    assert summary.activation_bytes == 4 * outputs


@given(conv_cases())
def test_multiply_adds_of_a_convolution(case):
    """Counted on the matrices that one image becomes: W (o, k) @ cols (k, places)."""
    layer = case.layer()
    image = normal((1, *case.shape[1:]), np.float32)
    cols = tn.im2col(image, layer.kernel_size, layer.stride, layer.padding)
    summary = tn.summary(layer, case.shape[1:])
    assert summary.multiply_adds == case.out_channels * cols.size
    assert summary.rows == [("Conv2d-1", (-1, *layer(image).shape[1:]), summary.total_params)]


class Residual(tn.Layer):
    """A reader's own composite, which uses one of its layers twice."""

    def __init__(self):
        self.inner, self.act = tn.Linear(6, 6, rng=0), tn.ReLU()
        self.scale = tn.Parameter(np.ones(6, np.float32))

    def forward(self, x):
        return x + self.scale.data * self.act(self.inner(self.inner(x)))


class Halves(tn.Layer):
    """A reader's own layer with neither parameters nor output_shape."""

    def forward(self, x):
        return x[:, ::2]


def test_layers_of_ones_own():
    summary = tn.summary(tn.Sequential(Residual(), Halves(), tn.Linear(3, 2)), (6,))
    assert summary.rows == [
        ("Residual-1", (-1, 6), 42 + 6),
        ("Halves-2", (-1, 3), 0),
        ("Linear-3", (-1, 2), 8),
    ]
    assert summary.multiply_adds == 2 * 36 + 6
    assert summary.activation_bytes == 4 * (6 + 3 + 2)


def test_runs_in_eval_mode():
    modes = []

    class Dropout(tn.Layer):
        def forward(self, x):
            modes.append(self.training)
            return x

    layer = Dropout()
    tn.summary(layer, (3,))
    assert modes == [False]
    assert layer.training


def test_nested_sequentials_are_numbered_through():
    inner = tn.Sequential(tn.Linear(3, 4), tn.Sequential(tn.ReLU(), tn.Linear(4, 5)))
    summary = tn.summary(tn.Sequential(tn.Flatten(), inner, tn.ReLU()), (3, 1))
    assert [name for name, _, _ in summary.rows] == [
        "Flatten-1",
        "Linear-2",
        "ReLU-3",
        "Linear-4",
        "ReLU-5",
    ]
    assert summary.multiply_adds == 12 + 20


def test_one_layer_and_small_numbers():
    assert str(tn.summary(tn.ReLU(), (7,))).splitlines() == [
        "| Layer (type) | Output shape | Param # |",
        "|:-------------|-------------:|--------:|",
        "| ReLU-1       |      [-1, 7] |       0 |",
        "",
        "Total params: 0",
        "Multiply-adds: 0 per example (in Conv2d and Linear)",
        "Memory: 0 bytes of parameters (1 kB = 1000 bytes)",
        "        28 bytes of activations per example, the outputs of all layers",
        "        56 bytes of activations and their gradients per example",
    ]


def test_large_numbers():
    text = str(tn.summary(tn.Linear(1500, 1000), (1500,)))
    assert "| Linear-1     |   [-1, 1000] | 1,501,000 |" in text
    assert "6.0 MB of parameters" in text


def test_float64():
    layer = tn.Conv2d(1, 2, 3, dtype=np.float64)
    summary = tn.summary(layer, (1, 5, 4))
    assert summary.parameter_bytes == 8 * 20
    assert summary.activation_bytes == 8 * 2 * 3 * 2


def test_a_shared_parameter_counts_once():
    first, second = tn.Linear(4, 4), tn.Linear(4, 4)
    second.weight = first.weight
    assert tn.summary(tn.Sequential(first, second), (4,)).total_params == 16 + 4 + 4


def test_nothing_is_changed():
    network = tn.models.mnist_lite(0)
    x = normal((2, 1, 28, 28), np.float32)
    network.backward(network(x))
    network[2].eval()
    y = network(x)

    def trace():
        held = [{k: id(v) for k, v in vars(part).items()} for _, part in network.named_layers()]
        return held, [a.tobytes() for a in [*network.state_dict().values()]]

    before = trace()
    tn.summary(network, (1, 28, 28))
    assert trace() == before
    with pytest.raises(ValueError, match=r"layer 19 of Sequential: MaxPool2d"):
        tn.summary(network, (1, 2, 2))
    assert trace() == before
    network.backward(y)  # of the forward before


@pytest.mark.parametrize(
    "shape, kind, message",
    [
        (784, TypeError, r"expected input_shape to be a tuple, .* such as \(1, 28, 28\).* got 784"),
        ([1, 28, 28], TypeError, "expected input_shape to be a tuple"),
        ((1, 28.0, 28), TypeError, "input_shape: expected an int, got 28.0"),
        ((-1, 28, 28), ValueError, "input_shape: expected at least 1, got -1"),
        ((28, 28), ValueError, r"layer 0 of Sequential: Conv2d\(1→8, .*: expected \(N, 1, H, W\)"),
        ((1, 8, 8), ValueError, r"layer 20 of Sequential: Conv2d"),
    ],
)
def test_wrong_input_shape(shape, kind, message):
    with pytest.raises(kind, match=message):
        tn.summary(tn.models.mnist_lite(0), shape)


def test_not_a_layer():
    with pytest.raises(TypeError, match="summary: expected a Layer, got function"):
        tn.summary(lambda x: x, (3,))
