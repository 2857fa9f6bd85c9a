"""Compiled networks against plain ones: every layer, every configuration, the whole network."""

import copy
import pickle

import numpy as np
import oracle
import pytest
from cases import (
    CONV_CASES,
    INTERPRETED,
    LAYOUTS,
    POOL_CASES,
    Doubled,
    conv_cases,
    distinct,
    normal,
    pool_cases,
    tolerance,
    whole,
    wide_network,
)
from hypothesis import assume, given, settings

import tinynet as tn

pytest.importorskip("numba")
from tinynet.compiled import stages

EXAMPLES = settings(max_examples=8 if INTERPRETED else 60)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def assert_same(plain, compiled, x, seed=1, **tolerances):
    """y, dx, gradients and buffers of one forward and backward."""
    y, z = plain(x), compiled(x)
    dy = normal(y.shape, y.dtype, seed)
    dx, dz = plain.backward(dy), compiled.backward(dy)
    assert z.dtype == x.dtype and dz.dtype == x.dtype
    close = {**tolerance(x.dtype), **tolerances}
    np.testing.assert_allclose(z, y, **close)
    np.testing.assert_allclose(dz, dx, **close)
    for (name, p), q in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        scale = max(1, np.abs(p.grad).max())
        assert q.grad.dtype == p.grad.dtype
        np.testing.assert_allclose(q.grad / scale, p.grad / scale, err_msg=name, **close)
    for (name, b), (_, c) in zip(plain.named_buffers(), compiled.named_buffers(), strict=True):
        np.testing.assert_allclose(c, b, err_msg=name, rtol=1e-6, atol=1e-7)  # float32 in any case


def too_slow(case):
    """Whether Python would take seconds for this case."""
    return INTERPRETED and case.shape[0] * case.shape[1] * getattr(case, "out_channels", 8) > 100


# -- convolution --


@each_dtype
@pytest.mark.parametrize("case", CONV_CASES, ids=str)
def test_conv_is_the_definition_and_the_plain_layer(case, dtype):
    plain, compiled = case.layer(dtype), tn.compile(case.layer(dtype))
    x = normal(case.shape, dtype)
    exact = oracle.conv2d(
        x.astype(float),
        plain.weight.data.astype(float),
        None if plain.bias is None else plain.bias.data.astype(float),
        case.stride,
        case.padding,
    )
    np.testing.assert_allclose(compiled(x), exact, **tolerance(dtype))
    assert_same(plain, compiled, x)


@pytest.mark.parametrize("case", CONV_CASES[::3], ids=str)
def test_conv_gradients(case):
    tn.gradcheck(tn.compile(tn.Sequential(case.layer(np.float64))), normal(case.shape))


@EXAMPLES
@given(conv_cases())
def test_conv_and_relu_of_any_window(case):
    assume(not too_slow(case))
    relu = tn.Sequential(case.layer(np.float64), tn.ReLU())
    same = tn.Sequential(case.layer(np.float64), tn.ReLU())
    assert_same(relu, tn.compile(same), normal(case.shape))


def test_conv_skips_the_dx_that_nobody_reads():
    network = tn.compile(tn.Sequential(tn.Conv2d(2, 3, 3, rng=0), tn.ReLU()))
    x = normal((2, 2, 5, 5))
    y = network(x)
    assert network.backward_parameters(y) is None
    # where there is no dx the kernel is given x in its place, and would write over it
    np.testing.assert_array_equal(network.stages[0].x.array, x)
    gradient = network.parameters()[0].grad
    network(x)
    assert network.backward(y).shape == (2, 2, 5, 5)
    np.testing.assert_array_equal(network.parameters()[0].grad, gradient)


def test_layers_before_the_first_that_learns_have_no_backward_pass_that_nobody_reads(monkeypatch):
    network = tn.compile(tn.Sequential(tn.MaxPool2d(2), Doubled(), some_conv(2, 3, 3), tn.ReLU()))
    y = network(normal((2, 2, 9, 8)))
    kernels = []
    run = stages.run
    monkeypatch.setattr(Doubled, "backward", None)
    monkeypatch.setattr(stages, "run", lambda k, *args: kernels.append(k.__name__) or run(k, *args))
    network.backward_parameters(y)
    assert kernels == ["conv_backward"]
    assert network.parameters()[0].grad.any()


# -- batch normalisation, ReLU, pools --


@each_dtype
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 2, 7, 7), (19, 1, 1, 1), (5, 8, 2, 9)])
def test_batchnorm(shape, training, dtype):
    def layer():
        norm = tn.BatchNorm2d(shape[1])
        norm.weight.data[:] = normal(shape[1], seed=5)
        norm.bias.data[:] = normal(shape[1], seed=6)
        norm.running_mean[:] = normal(shape[1], seed=7)
        return norm.train(training)

    assert_same(layer(), tn.compile(layer()), normal(shape, dtype) * 3 + 1)
    x = normal(shape)
    assume_variance = shape[0] * shape[2] * shape[3] > 2
    if assume_variance:
        tn.gradcheck(tn.compile(layer()), x)


def test_batchnorm_of_values_far_from_zero():
    x = normal((20, 2, 9, 9), np.float32) + np.float32(1000)
    exact = oracle.batchnorm(x.astype(np.float64), np.ones(2), np.zeros(2), 1e-5)
    norm = tn.compile(tn.BatchNorm2d(2))
    np.testing.assert_allclose(norm(x), exact, rtol=0, atol=2e-4)
    var = x.astype(np.float64).var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(norm.model.running_var, 0.9 + 0.1 * var, rtol=1e-6)


@each_dtype
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (4, 7), (17, 1)])
def test_relu(shape, dtype):
    assert_same(tn.ReLU(), tn.compile(tn.ReLU()), whole(shape, dtype))


@pytest.mark.parametrize("layers", [[tn.ReLU], [lambda: tn.Conv2d(1, 1, 1, rng=0), tn.ReLU]])
def test_relu_lets_nan_through(layers):
    network = tn.compile(tn.Sequential(*(layer() for layer in layers)))
    x = np.array([[[[np.nan, -np.inf, np.inf, 1.0]]]])
    y = network(x)
    assert np.isnan(y[..., 0]) and np.isfinite(y[..., 3])
    assert sorted(y[0, 0, 0, 1:3]) == [0, np.inf]


@each_dtype
@pytest.mark.parametrize("kind", [tn.MaxPool2d, tn.AvgPool2d])
@pytest.mark.parametrize("case", POOL_CASES, ids=str)
def test_pools_with_ties(case, kind, dtype):
    plain, same = kind(*case[1:]), kind(*case[1:])
    assert_same(plain, tn.compile(same), whole(case.shape, dtype))


@EXAMPLES
@given(pool_cases())
def test_pools_of_any_window(case):
    assume(not too_slow(case))
    for kind in (tn.MaxPool2d, tn.AvgPool2d):
        plain, same = kind(*case[1:]), kind(*case[1:])
        assert_same(plain, tn.compile(same), whole(case.shape))


@pytest.mark.parametrize("kind", [tn.MaxPool2d, tn.AvgPool2d])
def test_pool_gradients(kind):
    for case in POOL_CASES[::3]:
        tn.gradcheck(tn.compile(kind(*case[1:])), distinct(case.shape))


@pytest.mark.parametrize("kind", [tn.MaxPool2d, tn.AvgPool2d])
def test_pools_of_a_whole_image(kind):
    """Its entries are too many to compile a kernel for them alone."""
    assert_same(kind(30), tn.compile(kind(30)), distinct((2, 1, 30, 30)))


def test_max_pool_of_nan_and_infinities():
    x = whole((1, 1, 6, 6))
    x[0, 0, 1, 2], x[0, 0, 3, 3], x[0, 0, 4:, 4:] = np.nan, np.inf, -np.inf
    plain, compiled = tn.MaxPool2d(2), tn.compile(tn.MaxPool2d(2))
    np.testing.assert_array_equal(compiled(x), plain(x))
    dy = np.ones((1, 1, 3, 3))
    np.testing.assert_array_equal(compiled.backward(dy), plain.backward(dy))


# -- networks --


@pytest.mark.parametrize("n", [1, 2] if INTERPRETED else [1, 2, 17, 128])
def test_whole_network(n):
    plain, same = tn.models.mnist_lite(3), tn.models.mnist_lite(3)
    assert_same(plain, tn.compile(same), normal((n, 1, 28, 28)), atol=1e-10)


def without_ties(model, x, gap):
    """The images of x in which no ReLU's input is nearer to 0 than gap, and no window's largest
    two entries to each other: where float32 may take another branch than float64."""
    while True:
        clear, a = np.ones(len(x), bool), x
        for layer in model.layers:
            if isinstance(layer, tn.ReLU):
                clear &= np.abs(a).min((1, 2, 3)) > gap
            if isinstance(layer, tn.MaxPool2d):
                n, c, h, w = a.shape
                windows = a.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
                largest = np.sort(windows.reshape(n, -1, 4))[..., 2:]
                equal = largest[..., 0] == largest[..., 1]  # as after a ReLU: in float32, too
                clear &= (np.where(equal, 1, np.diff(largest)[..., 0]) > gap).all(1)
            a = layer(a)
        if clear.all():
            return x
        x = x[clear]  # and once more, with the statistics of those that are left


@pytest.mark.skipif(INTERPRETED, reason="thousands of pixels")
@pytest.mark.parametrize("n", [8, pytest.param(160, marks=pytest.mark.slow)])
def test_float32_is_within_1e_4_of_float64(n):
    models = [tn.models.mnist_lite(3) for _ in range(3)]
    x = without_ties(models[0], normal((n, 1, 28, 28), np.float32).astype(float), gap=2e-6)
    assert len(x) >= n / 5
    results = []
    for network, dtype in [(models[1], np.float64), (tn.compile(models[2]), np.float32)]:
        y = network(x.astype(dtype))
        dx = network.backward(normal(y.shape, np.float32).astype(dtype))
        results.append([y, dx, *(p.grad for p in network.parameters())])
    for exact, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-4 * np.abs(exact).max())


@pytest.mark.skipif(INTERPRETED, reason="some hundred forward passes")
def test_whole_network_gradients():
    tn.gradcheck(tn.compile(tn.models.mnist_lite(0)), normal((3, 1, 28, 28)), max_exact=16)


def some_norm(channels):
    """A BatchNorm2d that is not as it begins."""
    norm = tn.BatchNorm2d(channels)
    norm.weight.data[:] = normal(channels, seed=5)  # some are negative
    norm.bias.data[:] = normal(channels, seed=6)
    norm.running_mean[:] = normal(channels, seed=7)
    return norm


def some_conv(i, o, *arguments, **named):
    return tn.Conv2d(i, o, *arguments, rng=3, **named)


NEIGHBOURS = {  # what is done in one kernel, and what looks like it but may not be
    "conv norm conv": lambda: [some_conv(2, 3, 3), some_norm(3), some_conv(3, 2, 3, padding=1)],
    "conv relu norm conv": lambda: [
        *(some_conv(2, 33, 3, padding=1), tn.ReLU(), some_norm(33)),
        *(some_conv(33, 5, 3, stride=2, padding=1), tn.ReLU(), some_norm(5), some_conv(5, 2, 1)),
    ],
    "conv norm relu conv": lambda: [
        *(some_conv(2, 3, 5, padding=2), some_norm(3), tn.ReLU()),
        *(some_conv(3, 4, 3, stride=3, padding=1), some_norm(4), tn.ReLU(), some_conv(4, 2, 1)),
    ],
    "conv norm pool": lambda: [some_conv(2, 3, 3), some_norm(3), tn.MaxPool2d(3, 2, padding=1)],
    "conv norm relu pool": lambda: [some_conv(2, 3, 1), some_norm(3), tn.ReLU(), tn.MaxPool2d(2)],
    "norm average": lambda: [some_norm(2), tn.AvgPool2d(2), some_norm(2)],
    "norm relu": lambda: [some_norm(2), tn.ReLU()],
    "norm relu norm": lambda: [some_norm(2), tn.ReLU(), some_norm(2), tn.ReLU(), tn.Flatten()],
    "norm norm conv": lambda: [some_norm(2), some_norm(2), some_conv(2, 3, 3)],
    "conv relu relu norm": lambda: [some_conv(2, 3, 3), tn.ReLU(), tn.ReLU(), some_norm(3)],
    "norm first, wide padding": lambda: [some_norm(2), some_conv(2, 3, 2, padding=3)],
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layers", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbours_that_share_a_kernel(layers, training):
    plain, same = (tn.Sequential(*layers()).train(training) for _ in range(2))
    compiled = tn.compile(same)
    # groups of images, and parts of one; channels that are whole vectors of pixels, and not
    sizes = [(3, 5, 5), (1, 9, 8)]
    if not INTERPRETED:
        sizes += [(19, 9, 8), (40, 9, 7)]
    for seed, (n, h, w) in enumerate(sizes):
        assert_same(plain, compiled, normal((n, 2, h, w), seed=seed))
    if training:
        tn.gradcheck(compiled, normal((2, 2, 9, 8)), max_exact=20)


@pytest.mark.skipif(INTERPRETED, reason="thousands of pixels")
@pytest.mark.parametrize("padding, rtol", [(0, 1e-5), (1, 1e-4)])
def test_statistics_of_activations_far_from_zero(padding, rtol):
    """With padding the first row and column are far from the mean, and their sums must not take
    digits from all the others. Without, the variance is so small that a pivot of 0 takes them."""
    x = normal((20, 1, 20, 20), np.float32) + np.float32(1000)
    layers = [some_conv(1, 2, 3, padding=padding), tn.BatchNorm2d(2)]
    for network, dtype in [
        (tn.Sequential(*layers), np.float64),
        (tn.compile(tn.Sequential(layers[0], tn.BatchNorm2d(2))), np.float32),
    ]:
        network(x.astype(dtype))
        *_, norm = network.leaves()
        if dtype == np.float64:
            exact = norm.running_mean.copy(), norm.running_var.copy()
    np.testing.assert_allclose(norm.running_mean, exact[0], rtol=1e-5)
    np.testing.assert_allclose(norm.running_var, exact[1], rtol=rtol)


@pytest.mark.skipif(INTERPRETED, reason="thousands of pixels")
def test_nan_and_infinity_of_one_batch_do_not_reach_the_next():
    network, fresh = (tn.compile(tn.models.mnist_lite(0)) for _ in range(2))
    for bad in (np.nan, np.inf):
        x = np.full((40, 1, 28, 28), bad, np.float32)
        with np.errstate(all="ignore"):
            y = network(x)
            network.backward(np.full_like(y, bad))
    network.load_state_dict(fresh.state_dict())
    for n in (33, 5):
        x, dy = normal((n, 1, 28, 28), np.float32), normal((n, 10), np.float32)
        np.testing.assert_array_equal(network(x), fresh(x))
        np.testing.assert_array_equal(network.backward(dy), fresh.backward(dy))
        for p, q in zip(network.parameters(), fresh.parameters(), strict=True):
            np.testing.assert_array_equal(p.grad, q.grad)


@each_layout
@each_dtype
def test_any_network_in_any_memory_layout(dtype, layout):
    x = normal((3, 2, 9, 9), dtype)
    laid_out = layout(x)
    plain, compiled = wide_network(), tn.compile(wide_network())
    y, z = plain(x), compiled(laid_out)
    np.testing.assert_array_equal(laid_out, x)
    dy = normal(y.shape, dtype)
    np.testing.assert_allclose(z, y, **tolerance(dtype))
    np.testing.assert_allclose(
        compiled.backward(layout(dy)), plain.backward(dy), **tolerance(dtype)
    )


def test_batches_and_images_of_other_sizes_in_between():
    plain, compiled = wide_network(), tn.compile(wide_network())
    for seed, n in enumerate([5, 2, 7, 1]):
        assert_same(plain, compiled, normal((n, 2, 9, 9), seed=seed))
        assert_same(plain, compiled, normal((n, 2, 9, 9), np.float32, seed=seed))
    plain, compiled = (tn.Sequential(*wide_network()[:6]) for _ in range(2))
    compiled = tn.compile(compiled)
    for h, w in [(9, 9), (7, 12), (15, 8), (9, 9)]:
        assert_same(plain, compiled, normal((3, 2, h, w)))


@pytest.mark.parametrize("n", [1, 3, 33])
def test_the_same_bits_for_any_number_of_threads(n):
    results = []
    for threads in (1, 2, 3, 8):
        network = tn.compile(wide_network(), threads=threads)
        y = network(normal((n, 2, 9, 9), np.float32))
        dx = network.backward(normal(y.shape, np.float32))
        state = list(network.state_dict().values())
        results.append([y, dx, *(p.grad for p in network.parameters()), *state])
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_the_caller_holds_stays():
    network = tn.compile(wide_network())
    x, x2 = normal((3, 2, 9, 9)), normal((3, 2, 9, 9), seed=1)
    y = network(x)
    dx = network.backward(np.ones_like(y))
    gradient = network.parameters()[2].grad
    held = [y, dx, gradient]
    copies = [a.copy() for a in held]
    network(x2)
    network.backward(-np.ones_like(y))
    for a, b in zip(held, copies, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_caller_may_change_x_before_backward():
    x = normal((3, 2, 9, 9))
    plain, compiled = wide_network(), tn.compile(wide_network())
    y = compiled(x)
    plain(x.copy())
    x[...] = 0
    dy = normal(y.shape)
    np.testing.assert_allclose(compiled.backward(dy), plain.backward(dy), **tolerance(np.float64))


def test_shares_parameters_buffers_and_mode():
    model = tn.models.mnist_lite(0)
    network = tn.compile(model)
    assert [n for n, _ in network.named_parameters()] == [n for n, _ in model.named_parameters()]
    assert all(p is q for p, q in zip(network.parameters(), model.parameters(), strict=True))
    assert network.state_dict().keys() == model.state_dict().keys()
    network.eval()
    assert not model[2].training and not network.training
    model.train()
    assert model[2].training
    again = tn.compile(network, threads=1)
    assert again.model is model and again.threads == 1
    nested = tn.compile(tn.Sequential(tn.compile(wide_network()), tn.ReLU()))
    assert len(nested.layers) == len(wide_network().layers) + 3
    assert "compile(Sequential(Conv2d" in repr(network)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda network: pickle.loads(pickle.dumps(network))}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_is_a_network_of_its_own(copied):
    """Also between forward and backward: it computes the same, and shares nothing."""
    x, dy = normal((3, 2, 9, 9)), normal((3, 4))
    network = tn.compile(wide_network(), threads=3)
    network.model[2].eval()
    network(x)
    other = copied(network)
    assert type(other) is type(network) and other.threads == 3
    assert repr(other) == repr(network)
    assert [part.training for part in other.layers] == [part.training for part in network.layers]
    with pytest.raises(RuntimeError, match="backward without a forward"):
        other.backward(dy)
    state = network.state_dict()
    for name, a in other.state_dict().items():
        np.testing.assert_array_equal(a, state[name], err_msg=name)
    other(x - 1)
    for p in other.parameters():
        p.data += 1
    for name, a in network.state_dict().items():
        np.testing.assert_array_equal(a, state[name], err_msg=name)
    dx = network.backward(dy)  # of the forward before the copy
    assert_same(copied(network.model), network, x, seed=2)
    again = tn.compile(wide_network())
    again.model[2].eval()
    again(x)
    np.testing.assert_array_equal(again.backward(dy), dx)


def test_a_pickle_is_without_the_memory_of_the_kernels():
    network = tn.compile(tn.Sequential(some_conv(2, 3, 3), tn.ReLU()))
    x = normal((400, 2, 9, 9))
    size = len(pickle.dumps(network))
    network.backward(network(x))
    assert len(pickle.dumps(network)) < size + 2000 < x.nbytes / 50


def test_a_subclass_is_not_taken_for_its_parent():
    class Leaky(tn.ReLU):
        def forward(self, x):
            super().forward(x)
            return np.where(x > 0, x, 0.1 * x)

    network = tn.compile(tn.Sequential(tn.Conv2d(1, 2, 1, rng=0), Leaky()))
    assert network(normal((1, 1, 4, 4))).min() < 0


def test_a_subclass_of_sequential_runs_as_it_says():
    class Residual(tn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

        def backward(self, dy):
            return dy + super().backward(dy)

    def network():
        return tn.Sequential(Residual(tn.Conv2d(2, 2, 3, padding=1, rng=0), tn.ReLU()), tn.ReLU())

    assert_same(network(), tn.compile(network()), normal((2, 2, 5, 5)))
    assert len(network().leaves()) == 2
    assert len(tn.summary(tn.compile(network()), (2, 5, 5)).rows) == 2


def test_backward_needs_a_forward_and_the_right_dy():
    network = tn.compile(wide_network())
    with pytest.raises(RuntimeError, match="backward without a forward"):
        network.backward(np.ones((3, 4)))
    y = network(normal((3, 2, 9, 9)))
    with pytest.raises(ValueError, match=r"expected dy of shape \(3, 4\)"):
        network.backward(np.ones((3, 5)))
    with pytest.raises(TypeError, match="expected dy of dtype float64"):
        network.backward(np.ones((3, 4), np.float32))
    network.backward(np.ones_like(y))
    with pytest.raises(RuntimeError, match="backward without a forward"):
        network.backward(np.ones_like(y))


def test_errors_name_the_layer_before_anything_changes():
    model = tn.Sequential(tn.BatchNorm2d(2), tn.Conv2d(3, 4, 3, rng=0))
    network = tn.compile(model)
    with pytest.raises(ValueError, match=r"layer 1 of Sequential: Conv2d\(3→4, k=3\): expected"):
        network(normal((2, 2, 5, 5)))
    assert model[0].num_batches_tracked == 0
    with pytest.raises(TypeError, match="layer 0 of Sequential: .* expected float32 or float64"):
        network(np.ones((2, 2, 5, 5), int))
    # what comes out of a reader's layer is not known beforehand, and checked on the way
    odd = tn.compile(tn.Sequential(Doubled(), tn.Conv2d(3, 4, 3, rng=0)))
    with pytest.raises(ValueError, match=r"Conv2d\(3→4, k=3\): expected \(N, 3, H, W\)"):
        odd(normal((2, 2, 5, 5)))
    with pytest.raises(RuntimeError, match="backward without a forward"):
        odd.backward(normal((2, 2, 5, 5)))


def test_a_parameter_of_another_shape_never_reaches_a_kernel():
    for layer in (tn.Conv2d(2, 4, 3, rng=0), tn.BatchNorm2d(2)):
        layer.weight.data = layer.weight.data[:1]
        with pytest.raises(ValueError, match=r"expected a parameter of \(\d"):
            tn.compile(layer)(normal((2, 2, 5, 5)))


def test_wrong_arguments():
    with pytest.raises(TypeError, match="compile: expected a Layer, got list"):
        tn.compile([tn.ReLU()])
    with pytest.raises(ValueError, match="compile: expected threads ≥ 1, got 0"):
        tn.compile(tn.ReLU(), threads=0)
    with pytest.raises(TypeError, match="compile: threads: expected a whole number, got 1.5"):
        tn.compile(tn.ReLU(), threads=1.5)


def test_every_stage_names_its_layer():
    network = tn.compile(wide_network())
    network(normal((3, 2, 9, 9)))
    kinds = [type(stage).__name__ for stage in network.stages]
    assert kinds == [
        "BatchNormStage", "ConvStage", "BatchNormStage", "ReLUStage", "PlainStage", "ConvStage",
        "MaxPoolStage", "AvgPoolStage", "PlainStage", "PlainStage", "ReLUStage",
    ]  # fmt: skip
    assert all(stage.layer in network.layers for stage in network.stages)
    assert stages.PATTERNS[0][1] is stages.ConvStage


@pytest.mark.parametrize("n", [17, 19, 37])
def test_frames_that_are_not_full_hold_nothing_of_other_images(n):
    """Several small images share a frame; the last chunk of these batches has fewer."""
    rng = np.random.default_rng(n)
    plain = tn.Sequential(tn.Conv2d(2, 3, 3, padding=1, rng=0), tn.ReLU(), tn.BatchNorm2d(3))
    compiled = tn.compile(copy.deepcopy(plain), threads=1)
    x = rng.standard_normal((n, 2, 5, 4))
    dy = rng.standard_normal((n, 3, 5, 4))
    for network in (plain, compiled):
        network(x)
        network.backward(dy)
    for ours, theirs in zip(compiled.parameters(), plain.parameters(), strict=True):
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11)
