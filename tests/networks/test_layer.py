"""Sequential, parameters and buffers, state_dict, and layers of one's own."""

import numpy as np
import pytest
from cases import normal

import tinynet as tn


def small_network(rng=0):
    """(N, 2, 6, 6) to (N, 3)."""
    rng = np.random.default_rng(rng)
    return tn.Sequential(
        tn.Conv2d(2, 4, 3, rng=rng),
        tn.ReLU(),
        tn.BatchNorm2d(4),
        tn.MaxPool2d(2),
        tn.Sequential(tn.Flatten(), tn.Linear(16, 3, rng=rng)),
    )


class Affine(tn.Layer):
    """y = scale·x + offset, a reader's own layer; says nothing about shapes."""

    buffer_names = ("calls",)

    def __init__(self, size):
        self.scale = tn.Parameter(np.full(size, 2.0, np.float32))
        self.offset = tn.Parameter(np.zeros(size, np.float32))
        self.calls = np.zeros((), np.int64)

    def forward(self, x):
        self.check(x)
        self.calls += 1
        y = self.scale.data.astype(x.dtype) * x + self.offset.data.astype(x.dtype)
        self.save(y, x)
        return y

    def backward(self, dy):
        (x,) = self.saved(dy)
        self.scale.grad = (dy * x).sum(axis=0).astype(self.scale.data.dtype)
        self.offset.grad = dy.sum(axis=0).astype(self.offset.data.dtype)
        return dy * self.scale.data.astype(dy.dtype)


class Residual(tn.Layer):
    """y = x + inner(x): a layer with layers inside."""

    def __init__(self, size):
        self.inner = tn.Sequential(tn.Linear(size, size, rng=0), Affine(size))
        self.weight = tn.Parameter(np.ones(size, np.float32))
        self.note = "not a layer"

    def forward(self, x):
        self.check(x)
        inner = self.inner(x)
        y = x + inner * self.weight.data.astype(x.dtype)
        self.save(y, inner)
        return y

    def backward(self, dy):
        (inner,) = self.saved(dy)
        self.weight.grad = (dy * inner).sum(axis=0).astype(self.weight.data.dtype)
        return dy + self.inner.backward(dy * self.weight.data.astype(dy.dtype))


# -- Sequential --


def test_a_sequential_is_its_layers_in_a_row():
    network, same = small_network(), small_network()
    x, dy = normal((2, 2, 6, 6)), normal((2, 3), seed=1)
    y = x
    for layer in same:
        y = layer.forward(y)
    dx = dy
    for layer in reversed(same.layers):
        dx = layer.backward(dx)
    np.testing.assert_array_equal(network(x), y)
    np.testing.assert_array_equal(network.backward(dy), dx)
    for p, q in zip(network.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad, q.grad)


def test_a_sequential_is_a_sequence():
    network = small_network()
    assert len(network) == 5
    assert list(network) == network.layers
    assert network[0] is network.layers[0] and network[-1] is network.layers[4]
    head = network[:3]
    assert isinstance(head, tn.Sequential) and head.layers == network.layers[:3]
    with pytest.raises(IndexError):
        network[5]


def test_repr():
    assert repr(small_network()) == (
        "Sequential(Conv2d(2→4, k=3), ReLU(), BatchNorm2d(4), MaxPool2d(k=2), "
        "Sequential(Flatten(), Linear(16→3)))"
    )
    assert repr(tn.Parameter(np.zeros((2, 3)))) == "Parameter(2, 3)"


def test_gradient_of_a_network():
    tn.gradcheck(small_network(), normal((2, 2, 6, 6)))


def test_the_first_layer_need_not_give_dx(monkeypatch):
    network, same = small_network(), small_network()
    x, dy = normal((2, 2, 6, 6)), normal((2, 3), seed=1)
    same(x)
    same.backward(dy)

    def not_needed(*_):
        raise AssertionError("col2im was called")

    monkeypatch.setattr("tinynet.layers.conv.col2im", not_needed)
    nested = tn.Sequential(network)
    nested(x)
    assert nested.backward_parameters(dy) is None
    for p, q in zip(network.parameters(), same.parameters(), strict=True):
        np.testing.assert_array_equal(p.grad, q.grad)


def test_only_the_first_layer_goes_without_dx():
    network = tn.Sequential(tn.Linear(4, 3, rng=0), tn.Linear(3, 2, rng=1))
    network(normal((5, 4)))
    assert network.backward_parameters(normal((5, 2))) is None
    assert network[0].weight.grad is not None


@pytest.mark.parametrize("layers", [(tn.ReLU(),), (Affine(3),), ()])
def test_without_dx_also_where_that_saves_no_work(layers):
    network = tn.Sequential(*layers)
    network(normal((2, 3)))
    assert network.backward_parameters(normal((2, 3))) is None


@pytest.mark.parametrize(
    "x, kind, message",
    [
        (
            np.zeros((2, 3, 6, 6)),
            ValueError,
            "layer 0 of Sequential: Conv2d(2→4, k=3): expected (N, 2, H, W), got (2, 3, 6, 6)",
        ),
        (
            np.zeros((2, 2, 6, 6), np.int64),
            TypeError,
            "layer 0 of Sequential: Conv2d(2→4, k=3): expected float32 or float64, got int64",
        ),
        (
            [1, 2],
            TypeError,
            "layer 0 of Sequential: Conv2d(2→4, k=3): expected a NumPy array, got list",
        ),
        (
            np.zeros((2, 2, 3, 6)),
            ValueError,
            "layer 3 of Sequential: MaxPool2d(k=2): expected (N, C, H, W) with H ≥ 2 and W ≥ 2, "
            "so that the window fits, got (2, 4, 1, 4)",
        ),
        (
            np.zeros((2, 2, 6, 8)),
            ValueError,
            "layer 4 of Sequential: layer 1 of Sequential: Linear(16→3): expected (N, 16), "
            "got (2, 24)",
        ),
    ],
)
def test_an_error_says_which_layer_and_nothing_has_changed(x, kind, message):
    network = small_network()
    before = network.state_dict()
    with pytest.raises(kind) as error:
        network.forward(x)
    assert str(error.value) == message
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_errors_of_backward_say_which_layer():
    network = small_network()
    network(normal((2, 2, 6, 6)))
    with pytest.raises(
        ValueError, match=r"^layer 4 of Sequential: layer 1 of .*: Linear\(16→3\): "
    ):
        network.backward(np.ones((3, 3)))
    with pytest.raises(TypeError, match=r"^layer 4 of Sequential: layer 1 of .*: Linear\(16→3\): "):
        network.backward(np.ones((2, 3), np.float32))
    network.backward(np.ones((2, 3)))


def test_a_network_reports_the_layer_after_one_of_unknown_shape():
    network = tn.Sequential(Affine(4), tn.Linear(5, 2))
    assert network.output_shape((3, 4)) is None
    with pytest.raises(ValueError) as error:
        network(np.zeros((3, 4)))
    assert str(error.value) == "layer 1 of Sequential: Linear(5→2): expected (N, 5), got (3, 4)"


def test_what_a_sequential_is_made_of():
    with pytest.raises(TypeError, match="^Sequential: layer 1 is a function, not a Layer$"):
        tn.Sequential(tn.ReLU(), lambda x: x)
    with pytest.raises(TypeError, match="^Sequential: layer 0 is a list, not a Layer$"):
        tn.Sequential([tn.ReLU()])
    relu = tn.ReLU()
    with pytest.raises(ValueError, match=r"^Sequential: layer 2, ReLU\(\), stands in it twice"):
        tn.Sequential(relu, tn.Flatten(), relu)


# -- parameters, buffers, modes --


def test_train_and_eval_reach_all_layers():
    network = tn.Sequential(tn.Sequential(tn.BatchNorm2d(2)), tn.Flatten(), Residual(2))
    everything = [layer for _, layer in network.named_layers()]
    assert len(everything) == 8
    assert all(layer.training for layer in everything)
    assert network.eval() is network
    assert not any(layer.training for layer in everything)
    assert network.train() is network
    assert all(layer.training for layer in everything)
    network.train(False)
    assert not any(layer.training for layer in everything)


def test_names_of_parameters_and_buffers():
    network = small_network()
    assert [name for name, _ in network.named_parameters()] == [
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
        "4.1.weight",
        "4.1.bias",
    ]
    assert [name for name, _ in network.named_buffers()] == [
        "2.running_mean",
        "2.running_var",
        "2.num_batches_tracked",
    ]
    parameters = network.parameters()
    assert parameters[0] is network[0].weight and parameters[-1] is network[4][1].bias
    assert all(p.grad is None for p in parameters)
    assert network.named_buffers()[0][1] is network[2].running_mean


# -- state_dict --

# Convolution, ReLU, BatchNorm seven times with two poolings between, then a last convolution.
MNIST_LITE_STATE = (
    "0.weight 0.bias "
    "2.weight 2.bias 2.running_mean 2.running_var 2.num_batches_tracked "
    "3.weight 3.bias "
    "5.weight 5.bias 5.running_mean 5.running_var 5.num_batches_tracked "
    "6.weight 6.bias "
    "8.weight 8.bias 8.running_mean 8.running_var 8.num_batches_tracked "
    "10.weight 10.bias "
    "12.weight 12.bias 12.running_mean 12.running_var 12.num_batches_tracked "
    "13.weight 13.bias "
    "15.weight 15.bias 15.running_mean 15.running_var 15.num_batches_tracked "
    "16.weight 16.bias "
    "18.weight 18.bias 18.running_mean 18.running_var 18.num_batches_tracked "
    "20.weight 20.bias "
    "22.weight 22.bias 22.running_mean 22.running_var 22.num_batches_tracked "
    "23.weight 23.bias"
).split()


def test_state_of_mnist_lite_has_pytorchs_names():
    state = tn.models.mnist_lite(0).state_dict()
    assert list(state) == MNIST_LITE_STATE
    for name, array in state.items():
        assert array.dtype == (np.int64 if "num_batches" in name else np.float32)
    assert state["3.weight"].shape == (8, 8, 3, 3)
    assert state["2.num_batches_tracked"].shape == ()


def test_same_seed_same_network():
    one, same, other = (tn.models.mnist_lite(seed).state_dict() for seed in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert not np.array_equal(one["0.weight"], other["0.weight"])
    # one stream of random numbers, not the same numbers in each layer
    assert not np.array_equal(one["3.weight"], one["6.weight"])


def test_a_state_is_a_copy():
    network = small_network()
    state = network.state_dict()
    before = network.state_dict()
    for array in state.values():
        array[...] = 7
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_loading_a_state():
    network, other = small_network(0), small_network(1)
    network(normal((3, 2, 6, 6)))
    other.eval()(normal((3, 2, 6, 6)))
    arrays = [p.data for p in other.parameters()] + [a for _, a in other.named_buffers()]
    state = network.state_dict()
    assert other.load_state_dict(state) == ([], [])
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
        assert not np.shares_memory(array, state[name])
    # in place: whoever holds the arrays (an optimiser, a compiled network) sees the new values
    after = [p.data for p in other.parameters()] + [a for _, a in other.named_buffers()]
    assert all(a is b for a, b in zip(arrays, after, strict=True))
    x = normal((3, 2, 6, 6), seed=4)
    np.testing.assert_array_equal(network.eval()(x), other.eval()(x))


def test_loading_rounds_and_widens():
    network = small_network(0)
    state = {
        name: array.astype(np.float64 if array.dtype.kind == "f" else np.int32)
        for name, array in small_network(1).state_dict().items()
    }
    network.load_state_dict(state)
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
        assert array.dtype == (np.int64 if "num_batches" in name else np.float32)


# name: (what makes a state of small_network unfit, message)
CHANGES = {
    "missing": (lambda s: s.pop("2.running_var"), "missing: 2.running_var"),
    "unexpected": (lambda s: s.update({"9.weight": np.ones(1)}), "unexpected: 9.weight"),
    "shape": (
        lambda s: s.update({"0.weight": np.ones((4, 2, 3))}),
        "0.weight: expected shape (4, 2, 3, 3), got (4, 2, 3)",
    ),
    "shape of a scalar": (
        lambda s: s.update({"2.num_batches_tracked": np.ones(1, np.int64)}),
        "2.num_batches_tracked: expected shape (), got (1,)",
    ),
    "kind": (
        lambda s: s.update({"0.bias": np.ones(4, np.int64)}),
        "0.bias: expected float32, got int64",
    ),
    "kind of a count": (
        lambda s: s.update({"2.num_batches_tracked": np.ones(())}),
        "2.num_batches_tracked: expected int64, got float64",
    ),
    "several": (
        lambda s: (s.pop("0.bias"), s.pop("2.bias"), s.update({"0.weight": np.ones(1)})),
        "0.weight: expected shape (4, 2, 3, 3), got (1,); missing: 0.bias, 2.bias",
    ),
}


@pytest.mark.parametrize("change, message", CHANGES.values(), ids=CHANGES)
def test_loading_is_all_or_nothing(change, message):
    network, state = small_network(0), small_network(1).state_dict()
    before = network.state_dict()
    change(state)
    with pytest.raises(ValueError) as error:
        network.load_state_dict(state)
    assert str(error.value) == f"Sequential.load_state_dict: nothing was loaded; {message}"
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_loading_what_fits():
    network, state = small_network(0), small_network(1).state_dict()
    before = network.state_dict()
    del state["0.bias"]
    state["extra"] = np.ones(3)
    assert network.load_state_dict(state, strict=False) == (["0.bias"], ["extra"])
    np.testing.assert_array_equal(network[0].bias.data, before["0.bias"])
    np.testing.assert_array_equal(network[0].weight.data, state["0.weight"])
    state["4.1.weight"] = np.ones(3)  # a wrong shape is never loaded
    with pytest.raises(ValueError, match=r"4.1.weight: expected shape \(3, 16\), got \(3,\)"):
        network.load_state_dict(state, strict=False)


# -- layers of one's own --


def test_ones_own_layers_are_found():
    layer = tn.Sequential(Residual(3))
    names = [
        "0.weight",
        "0.inner.0.weight",
        "0.inner.0.bias",
        "0.inner.1.scale",
        "0.inner.1.offset",
    ]
    assert [name for name, _ in layer.named_parameters()] == names
    assert [name for name, _ in layer.named_buffers()] == ["0.inner.1.calls"]
    assert list(layer.state_dict()) == [*names, "0.inner.1.calls"]
    layer(normal((2, 3)))
    assert layer.state_dict()["0.inner.1.calls"] == 1
    other = tn.Sequential(Residual(3))
    other.load_state_dict(layer.state_dict())
    assert other[0].inner[1].calls == 1


@pytest.mark.parametrize("make", [Affine, Residual])
def test_ones_own_layers_keep_the_contract(make):
    layer = make(3)
    tn.gradcheck(layer, normal((4, 3)))
    y = layer(normal((4, 3), np.float32))
    with pytest.raises(ValueError, match=f"^{make.__name__}\\(\\): backward expected dy of shape"):
        layer.backward(y[:2])
    assert layer.backward(y).dtype == np.float32


def test_a_kind_of_parameter_is_a_parameter():
    class Named(tn.Parameter):
        pass

    layer = tn.Layer()
    layer.scale = Named(np.ones(2, np.float32))
    assert list(layer.state_dict()) == [name for name, _ in layer.named_parameters()] == ["scale"]


def test_a_layer_without_passes():
    class Nothing(tn.Layer):
        pass

    with pytest.raises(NotImplementedError, match="^Nothing has no forward$"):
        Nothing()(np.ones(1))
    with pytest.raises(NotImplementedError, match="^Nothing has no backward$"):
        Nothing().backward(np.ones(1))


def test_loading_what_float32_cannot_hold():
    linear = tn.Linear(2, 2, rng=0)
    before = linear.state_dict()
    state = {name: array.astype(np.float64) for name, array in before.items()}
    state["weight"][1, 1] = 1e300  # one of four
    with pytest.raises(ValueError, match="weight: expected values that float32 can hold"):
        linear.load_state_dict(state)
    state["weight"][1, 1] = np.inf  # which it can
    state["bias"] = np.broadcast_to(np.float64(1.5), (2,))
    linear.load_state_dict(state)
    assert np.isinf(linear.weight.data[1, 1]) and linear.bias.data[0] == 1.5
    linear.bias.data.flags.writeable = False
    with pytest.raises(ValueError, match="bias: expected an array to write to"):
        linear.load_state_dict(before)


def test_errors_name_a_layer_by_its_sizes_and_a_network_by_its_kind():
    for layer, title in [
        (tn.Conv2d(1, 2, 3), r"Conv2d\(1→2, k=3\)"),
        (Affine(3), r"Affine\(\)"),
        (tn.compile(tn.Sequential(tn.ReLU())), "Compiled"),
    ]:
        with pytest.raises(RuntimeError, match=f"^{title}: backward without a forward before it"):
            layer.backward(np.ones((2, 3)))
