"""gradcheck passes what is right, catches what is wrong and names it, and leaves no trace."""

import re

import numpy as np
import pytest
from cases import CONV_CASES, POOL_CASES, distinct, normal, read_only
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynet as tn
from tinynet.gradcheck import _Slopes

PROJECTIONS, EACH_ENTRY = 0, 10**9  # as max_exact


def interesting_batchnorm(channels, kind=tn.BatchNorm2d):
    """One whose weights and running statistics are not 0 and 1."""
    layer = kind(channels)
    weights = [layer.weight.data, layer.bias.data]
    for i, array in enumerate([*weights, layer.running_mean, layer.running_var]):
        array[...] = 0.5 + np.random.default_rng(i).random(channels)
    return layer


def small_network():
    return tn.Sequential(
        tn.Conv2d(1, 3, 3, padding=1, rng=1),
        tn.ReLU(),
        tn.BatchNorm2d(3),
        tn.Sequential(tn.MaxPool2d(2), tn.Flatten()),
        tn.Linear(27, 4, rng=2),
    )


def failure(layer, x, **options):
    """The GradientError that gradcheck raises."""
    with pytest.raises(tn.GradientError) as caught:
        tn.gradcheck(layer, x, **options)
    return caught.value


# -- what is right passes --


@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize("case", CONV_CASES, ids=str)
def test_convolution(case, max_exact):
    tn.gradcheck(case.layer(), normal(case.shape), max_exact=max_exact)


@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize("pool", [tn.MaxPool2d, tn.AvgPool2d])
@pytest.mark.parametrize("case", POOL_CASES, ids=str)
def test_pooling(case, pool, max_exact):
    layer = pool(case.kernel_size, case.stride, case.padding)
    tn.gradcheck(layer, distinct(case.shape), max_exact=max_exact)


@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (3, 1, 1, 1), (1, 2, 3, 3)])
def test_batchnorm(shape, training, max_exact):
    layer = interesting_batchnorm(shape[1]).train(training)
    tn.gradcheck(layer, normal(shape), max_exact=max_exact)


@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize(
    "layer, x",
    [
        (tn.ReLU(), distinct((3, 7))),
        (tn.Flatten(), normal((2, 3, 4, 2))),
        (tn.Linear(5, 3, rng=1), normal((4, 5))),
        (tn.Linear(5, 3, bias=False, rng=1), normal((1, 5))),
        (tn.Sequential(), normal((2, 3))),
    ],
    ids=repr,
)
def test_other_layers(layer, x, max_exact):
    tn.gradcheck(layer, x, max_exact=max_exact)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_network(dtype, training):
    x = read_only(normal((3, 1, 6, 6), dtype))
    tn.gradcheck(small_network().train(training), x)


@pytest.mark.slow
def test_mnist_lite_by_projections():
    network = tn.models.mnist_lite(0)
    report = tn.gradcheck(network, normal((2, 1, 28, 28)), rng=1, max_exact=PROJECTIONS)
    names = [name for name, _ in network.named_parameters()]
    assert [a.name for a in report.arrays] == [*reversed(names), "dx"]


class PReLU(tn.Layer):
    """A reader's own layer: a parameter of no axes, a gradient that is a NumPy scalar."""

    def __init__(self):
        self.slope = tn.Parameter(np.array(0.25, np.float32))

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope.data * x)

    def backward(self, dy):
        self.slope.grad = (dy * np.minimum(self.x, 0)).sum()
        return np.where(self.x > 0, dy, self.slope.data * dy)


class Residual(tn.Layer):
    """A reader's own composite: y = x + inner(x), by two layers that it holds."""

    def __init__(self):
        self.first, self.second = tn.Linear(4, 6, rng=1), tn.Linear(6, 4, rng=2)

    def forward(self, x):
        return x + self.second(self.first(x))

    def backward(self, dy):
        return dy + self.first.backward(self.second.backward(dy))


def test_layers_of_ones_own():
    report = tn.gradcheck(PReLU(), distinct((3, 4)))
    assert [a[:3] for a in report.arrays] == [("slope", 1, "each entry"), ("dx", 12, "each entry")]
    report = tn.gradcheck(Residual(), normal((3, 4)))
    assert [a.name for a in report.arrays] == [
        "second.bias",
        "second.weight",
        "first.bias",
        "first.weight",
        "dx",
    ]


def test_the_whole_sum_as_output():
    class Sum(tn.Layer):
        def forward(self, x):
            self.shape = x.shape
            return x.sum()

        def backward(self, dy):
            return np.full(self.shape, dy)

    tn.gradcheck(Sum(), normal((3, 4)))


@pytest.mark.parametrize("layer", [tn.ReLU(), tn.MaxPool2d((1, 2))], ids=repr)
@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize("away", [3e-7, 3e-8, 3e-9])
def test_kinks_inside_the_step_are_stepped_around(layer, max_exact, away):
    x = np.array([[[[away, 0.0, 1.0, 2.0]]]])  # a kink, or nearly a tie
    if isinstance(layer, tn.ReLU):
        x[x == 0] = -away
    tn.gradcheck(layer, x, max_exact=max_exact)
    if max_exact == EACH_ENTRY:  # a thousandth of eps is the shortest step
        tn.gradcheck(layer, x, max_exact=max_exact, eps=1e3 * 0.9 * away)
        assert failure(layer, x, eps=1e3 * 1.1 * away).index in [(0, 0, 0, 0), (0, 0, 0, 1)]


@pytest.mark.parametrize("factor, steps", [(1, [1]), (2, [1, 0.1, 0.01, 0.001])])
def test_what_disagrees_is_tried_with_shorter_steps(factor, steps):
    moves = []

    class Watched(tn.Layer):
        def forward(self, x):
            moves.append(x.item() - 3)
            return x.copy()

        def backward(self, dy):
            return factor * dy

    try:
        tn.gradcheck(Watched(), np.array([[3.0]]), eps=1e-4)
    except tn.GradientError:
        assert factor == 2
    moves = [move for move in moves if move]
    there_and_back = [1e-4 * step * sign for step in steps for sign in (1, -1)]
    np.testing.assert_allclose(moves[: len(there_and_back)], there_and_back, rtol=1e-6)
    assert factor == 2 or len(moves) == 2


@pytest.mark.parametrize("seed", range(5))
def test_projections_that_cancel_are_held_to_the_size_of_the_gradient(seed):
    class Offset(tn.Layer):  # the offset costs digits
        def forward(self, x):
            return 1e3 * x + 1e6

        def backward(self, dy):
            return 1e3 * dy

    tn.gradcheck(Offset(), normal((1, 100)), rng=seed, max_exact=PROJECTIONS)


def test_max_exact():
    for max_exact, how in [(14, "10 directions"), (15, "each entry")]:
        report = tn.gradcheck(tn.ReLU(), distinct((3, 5)), max_exact=max_exact)
        assert report.arrays[0].how == how


def test_report():
    report = tn.gradcheck(tn.Linear(40, 30, rng=0), normal((2, 40)))
    assert [a[:3] for a in report.arrays] == [
        ("bias", 30, "each entry"),
        ("weight", 1200, "10 directions"),
        ("dx", 80, "each entry"),
    ]
    assert all(0 < a.largest_error < 1e-7 < 0.01 < a.largest_value for a in report.arrays)
    title, header, *rows = str(report).splitlines()
    assert title == "Gradients of Linear(40→30), all right:"
    assert header.split() == "array entries checked largest error largest value".split()
    assert rows[1].split()[:4] == ["weight", "1,200", "10", "directions"]
    assert len({len(line) for line in [header, *rows]}) == 1
    assert repr(report) == str(report)


# -- typical mistakes are caught, with the right array, index and values --


class WrongSign(tn.Linear):
    def backward(self, dy):
        return -super().backward(dy)


class TransposedWeight(tn.Linear):
    def backward(self, dy):
        super().backward(dy)
        return dy @ self.weight.data.T


class MeanOverBatch(tn.Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.weight.grad /= len(dy)
        return dx


class BiasOfFirstImage(tn.Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        self.bias.grad = dy[0].sum(axis=(1, 2))
        return dx


class FirstImageOnly(tn.Conv2d):
    def backward(self, dy):
        dx = super().backward(dy)
        dx[1:] = 0
        return dx


class OverlapsLost(tn.Conv2d):
    """col2im with = in place of +=, for one input channel."""

    def backward(self, dy):
        dx = super().backward(dy)
        dcols = np.einsum("oij,nohw->nijhw", self.weight.data[:, 0], dy)
        _, kh, kw, oh, ow = dcols.shape
        for i in range(kh):
            for j in range(kw):
                dx[:, 0, i : i + oh, j : j + ow] = dcols[:, i, j]
        return dx


class NoMask(tn.ReLU):
    def backward(self, dy):
        return dy.copy()


class NoDivision(tn.AvgPool2d):
    def backward(self, dy):
        kh, kw = self.kernel_size
        return super().backward(dy) * (kh * kw)


class WithoutMeanTerm(tn.BatchNorm2d):
    def backward(self, dy):
        xhat, weight, std, _ = self.saved(dy)
        self.bias.grad = dy.sum((0, 2, 3))
        self.weight.grad = (dy * xhat).sum((0, 2, 3))
        term = xhat * (dy * xhat).mean((0, 2, 3), keepdims=True)
        return (weight / std)[:, None, None] * (dy - term)


class WithoutVarianceTerm(tn.BatchNorm2d):
    """For dy = 1 its dx is 0, as it should be; another dy shows the mistake."""

    def backward(self, dy):
        xhat, weight, std, _ = self.saved(dy)
        self.bias.grad = dy.sum((0, 2, 3))
        self.weight.grad = (dy * xhat).sum((0, 2, 3))
        return (weight / std)[:, None, None] * (dy - dy.mean((0, 2, 3), keepdims=True))


class TrainingFormulaInEval(tn.BatchNorm2d):
    def backward(self, dy):
        xhat, weight, std, _ = self.saved(dy)
        self.save(dy, xhat, weight, std, True)
        return super().backward(dy)


class EveryTieWins(tn.MaxPool2d):
    """dy goes to each of the largest entries of a 2×2 window, not to the first of them."""

    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dy):
        n, c, h, w = self.x.shape
        windows = self.x.reshape(n, c, h // 2, 2, w // 2, 2)
        winners = windows == windows.max((3, 5), keepdims=True)
        return (winners * dy[:, :, :, None, :, None]).reshape(n, c, h, w)


IMAGES = normal((3, 1, 6, 6), seed=1)

# What is wrong, what would be right, how to make either, x, and the array that is wrong.
MISTAKES = [
    (WrongSign, tn.Linear, lambda kind: kind(5, 4, rng=1), normal((3, 5)), "dx"),
    (TransposedWeight, tn.Linear, lambda kind: kind(4, 4, rng=1), normal((3, 4)), "dx"),
    (MeanOverBatch, tn.Linear, lambda kind: kind(5, 4, rng=1), normal((3, 5)), "weight"),
    (BiasOfFirstImage, tn.Conv2d, lambda kind: kind(1, 4, 3, rng=1), IMAGES, "bias"),
    (FirstImageOnly, tn.Conv2d, lambda kind: kind(1, 4, 3, rng=1), IMAGES, "dx"),
    (OverlapsLost, tn.Conv2d, lambda kind: kind(1, 4, 3, rng=1), IMAGES, "dx"),
    (NoMask, tn.ReLU, lambda kind: kind(), distinct((3, 4)), "dx"),
    (NoDivision, tn.AvgPool2d, lambda kind: kind(2), IMAGES, "dx"),
    (WithoutMeanTerm, tn.BatchNorm2d, lambda kind: interesting_batchnorm(1, kind), IMAGES, "dx"),
    (WithoutVarianceTerm, tn.BatchNorm2d, lambda kind: kind(1), IMAGES, "dx"),
    (TrainingFormulaInEval, tn.BatchNorm2d, lambda kind: kind(1).eval(), IMAGES, "dx"),
    (
        EveryTieWins,
        tn.MaxPool2d,
        # ReLU's zeros are ties, and BatchNorm's bias moves all of them together
        lambda kind: tn.Sequential(tn.ReLU(), tn.BatchNorm2d(1), kind(2)),
        IMAGES - 1,
        "1.bias",
    ),
]


def gradients(layer, x):
    """{name: gradient} by the layer itself, in float64, for the dy that gradcheck takes."""
    for p in layer.parameters():
        p.data = p.data.astype(np.float64)
    y = layer.forward(x)
    dx = layer.backward(np.random.default_rng(0).standard_normal(y.shape))
    return {name: p.grad for name, p in layer.named_parameters()} | {"dx": dx}


@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
@pytest.mark.parametrize("wrong, right, make, x, array", MISTAKES)
def test_mistake(wrong, right, make, x, array, max_exact):
    tn.gradcheck(make(right), x, max_exact=max_exact)
    error = failure(make(wrong), x, max_exact=max_exact)
    assert error.array == array
    theirs, truth = gradients(make(wrong), x)[array], gradients(make(right), x)[array]
    assert np.isclose(error.analytic, theirs[error.index], rtol=1e-10)
    assert np.isclose(error.numerical, truth[error.index], rtol=1e-5, atol=1e-8)
    assert not np.isclose(theirs[error.index], truth[error.index], rtol=1e-5, atol=1e-7)
    what = "dx" if array == "dx" else f"gradient of {array}"
    assert f"backward gives a wrong {what} at index {error.index}\n" in str(error)
    if max_exact == EACH_ENTRY:
        off = ~np.isclose(theirs, truth, rtol=1e-5, atol=1e-7)
        assert f"; {off.sum()} of {off.size} entries disagree" in str(error)
        largest = np.abs(theirs - truth).max()
        assert np.isclose(abs(error.analytic - error.numerical), largest, rtol=1e-5)
    else:
        assert re.search(r"; \d+ of 10 directions disagree", str(error))


def test_message():
    error = failure(WrongSign(5, 4, rng=1), normal((3, 5)))
    first, *rest = str(error).splitlines()
    assert first == f"Linear(5→4): backward gives a wrong dx at index {error.index}"
    assert rest == [
        f"  backward            {error.analytic:.10g}",
        f"  central difference  {error.numerical:.10g}",
        "  relative error 2; 15 of 15 entries disagree",
    ]


def test_the_slope_reported_is_that_of_the_longest_step():
    class Offset(tn.Layer):  # by which a step a thousandth as long keeps no digit
        def forward(self, x):
            return x + 1e6

        def backward(self, dy):
            return 2 * dy

    error = failure(Offset(), normal((3, 4)))
    assert np.isclose(error.numerical, error.analytic / 2, rtol=1e-3)


@pytest.mark.parametrize(
    "factor, relative", [(1.5, "0.33"), (0.5, "0.5"), (0, "1"), (-0.5, "1.5"), (-4, "1.2")]
)
def test_the_relative_error_reported_is_a_part_of_the_larger_value(factor, relative):
    class Wrong(tn.Layer):
        def forward(self, x):
            return x.copy()

        def backward(self, dy):
            return factor * dy

    signs = set()
    for seed in range(5):
        error = failure(Wrong(), np.ones((1, 1)), rng=seed)
        assert f"  relative error {relative}; 1 of 1 entries disagree" in str(error)
        signs.add(np.sign(error.numerical))
    assert signs == {1, -1}


def test_ones_would_hide_what_a_random_dy_shows():
    wrong, right = WithoutVarianceTerm(2), tn.BatchNorm2d(2)
    x, ones = normal((3, 2, 4, 4)), np.ones((3, 2, 4, 4))
    wrong.forward(x), right.forward(x)
    np.testing.assert_allclose(wrong.backward(ones), right.backward(ones), atol=1e-12)
    assert failure(wrong, x).array == "dx"


def test_the_layer_of_a_network_is_named():
    network = tn.Sequential(
        tn.Linear(4, 4, rng=0),
        tn.Sequential(MeanOverBatch(4, 3, rng=1), tn.ReLU()),
        tn.Linear(3, 2, rng=2),
    )
    message = str(failure(network, normal((5, 4))))
    assert message.startswith("Linear(4→3): backward gives a wrong gradient of 1.0.weight at index")
    assert "(all is right from the last layer back to 1.0.bias)" in message
    message = str(failure(tn.Sequential(WrongSign(4, 3, rng=1)), normal((5, 4))))
    assert message.startswith("Sequential: backward gives a wrong dx at index")
    assert "(all is right from the last layer back to 0.weight)" in message


class OneWrongEntry(tn.Layer):
    """y = w·x², summed over the images, whose gradient of w is wrong at one index."""

    def __init__(self, shape, index, error):
        self.w = tn.Parameter(normal(shape, seed=3))
        self.index, self.error = index, error

    def forward(self, x):
        self.x = x
        return self.w.data * x**2

    def backward(self, dy):
        self.w.grad = (dy * self.x**2).sum(axis=0)
        self.w.grad[self.index] += self.error
        return 2 * dy * self.w.data * self.x


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple),
    data=st.data(),
    size=st.sampled_from([1e-3, 0.1, -1.0, 1e6]),
    max_exact=st.sampled_from([PROJECTIONS, EACH_ENTRY]),
    seed=st.integers(0, 1000),
)
def test_one_wrong_entry_is_found(shape, data, size, max_exact, seed):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    layer = OneWrongEntry(shape, index, size)
    error = failure(layer, normal((2, *shape), seed=seed), rng=seed, max_exact=max_exact)
    assert (error.array, error.index) == ("w", index)
    assert np.isclose(error.analytic - error.numerical, size, rtol=1e-3)
    wrong = "1 of " if max_exact else r"\d+ of 10 "
    assert re.search(wrong, str(error))


class Tampered(tn.Sequential):
    """A network in which the gradient of one array comes out changed."""

    def __init__(self, network, name, change):
        super().__init__(*network)
        self.name, self.change = name, change

    def backward(self, dy):
        dx = super().backward(dy)
        p = dict(self.named_parameters())[self.name]
        p.grad = self.change(p.grad)
        return dx


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["15.bias", *(pytest.param(n, marks=pytest.mark.slow) for n in ("10.weight", "23.weight"))],
)
def test_one_percent_of_one_gradient_of_mnist_lite(name):
    network = Tampered(tn.models.mnist_lite(0), name, lambda grad: grad * 1.01)
    error = failure(network, normal((2, 1, 28, 28)), max_exact=PROJECTIONS)
    assert error.array == name
    assert np.isclose(error.analytic, 1.01 * error.numerical, rtol=1e-3)


def test_one_entry_of_one_gradient_of_mnist_lite():
    name, index = "20.weight", (19, 3, 0, 2)

    def change(grad):
        grad[index] += 0.1 * np.sqrt(np.square(grad).mean())
        return grad

    network = Tampered(tn.models.mnist_lite(0), name, change)
    error = failure(network, normal((2, 1, 28, 28)), max_exact=PROJECTIONS)
    assert (error.array, error.index) == (name, index)


def test_errors_too_small_for_one_entry():
    class Offset(tn.Layer):  # 0.9 of what an entry may be off, on all entries
        def forward(self, x):
            return np.zeros_like(x)

        def backward(self, dy):
            return np.full_like(dy, 0.9e-7)

    tn.gradcheck(Offset(), normal((40, 50)), max_exact=EACH_ENTRY)
    error = failure(Offset(), normal((40, 50)))
    assert "this entry alone agrees" in str(error)


# -- hints about kinks --


def test_a_kink_is_hinted_at():
    x = np.array([[1.0, 0.0, -1.0]])
    error = failure(tn.ReLU(), x)
    assert error.index == (0, 1)
    assert "x may be near a kink or a tie" in str(error)
    error = failure(tn.MaxPool2d(2), np.zeros((1, 1, 2, 2)))
    assert "x may be near a kink or a tie" in str(error)


def test_a_curve_is_no_kink():
    class Square(tn.Layer):
        def forward(self, x):
            self.x = x
            return x * x

        def backward(self, dy):
            return 2 * dy * self.x + 1e-5

    error = failure(Square(), np.array([[0.0]]))  # the slopes on its sides are not quite equal
    assert "kink" not in str(error)


# -- broken contracts --


class Fine(tn.Layer):
    """y = w·x; each test breaks something about it."""

    def __init__(self):
        self.w = tn.Parameter(np.full(3, 2.0))

    def forward(self, x):
        self.x = x
        return self.w.data * x

    def backward(self, dy):
        self.w.grad = (dy * self.x).sum(axis=0)
        return dy * self.w.data


def test_fine():
    tn.gradcheck(Fine(), normal((2, 3)))


def broken(**methods):
    """A Fine layer with other methods, and what gradcheck says to it."""
    layer = type("Broken", (Fine,), methods)()
    return str(failure(layer, normal((2, 3))))


def test_forward_changes_x():
    def forward(self, x):
        self.x = np.copy(x)
        x *= self.w.data
        return x

    assert "Broken(): forward changed x" in broken(forward=forward)


def test_backward_changes_dy():
    def backward(self, dy):
        self.w.grad = (dy * self.x).sum(axis=0)
        dy *= self.w.data
        return dy

    assert "Broken(): backward changed dy" in broken(backward=backward)


def test_backward_changes_x():
    def backward(self, dy):
        dx = Fine.backward(self, dy)
        self.x *= 0
        return dx

    assert "Broken(): backward changed x" in broken(backward=backward)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda dx: None, "expected dx to be an array, got NoneType"),
        (lambda dx: dx[:1], r"expected dx to have shape \(2, 3\), got \(1, 3\)"),
        (lambda dx: dx.T, r"expected dx to have shape \(2, 3\), got \(3, 2\)"),
        (lambda dx: dx.astype(np.float32), "expected dx to be float64, .* got float32"),
        (lambda dx: dx / [1, 0, 1], r"expected dx to be finite, got -?inf at index \(0, 1\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_dx_is_not_as_it_should_be(change, message):
    def backward(self, dy):
        return change(Fine.backward(self, dy))

    assert re.search(message, broken(backward=backward))


@pytest.mark.parametrize(
    "grad, message",
    [
        (None, "expected w.grad after backward to be an array, got NoneType"),
        (np.zeros((2, 3)), r"expected w.grad after backward to have shape \(3,\), got \(2, 3\)"),
        (
            np.array([0, np.nan, 0]),
            r"expected w.grad after backward to be finite, got nan at .*\(1,\)",
        ),
    ],
)
def test_a_parameters_gradient_is_not_as_it_should_be(grad, message):
    def backward(self, dy):
        self.w.grad = grad
        return dy * self.w.data

    assert re.search(message, broken(backward=backward))


def test_a_gradient_from_before_does_not_count():
    layer = type("Broken", (Fine,), {"backward": lambda self, dy: dy * self.w.data})()
    layer.w.grad = np.zeros(3)
    assert "expected w.grad after backward to be an array" in str(failure(layer, normal((2, 3))))


@pytest.mark.parametrize(
    "y, message",
    [
        (None, "expected forward's y to be an array, got NoneType"),
        (np.zeros((2, 3), np.float32), "expected forward's y to be float64, .* got float32"),
        (np.full((2, 3), np.inf), r"expected forward's y to be finite, got inf at index \(0, 0\)"),
    ],
)
def test_y_is_not_as_it_should_be(y, message):
    assert re.search(message, broken(forward=lambda self, x: y))


def test_gradient_is_added_not_assigned():
    def backward(self, dy):
        dw = (dy * self.x).sum(axis=0)
        self.w.grad = dw if self.w.grad is None else self.w.grad + dw
        return dy * self.w.data

    message = broken(backward=backward)
    assert "gave another gradient of w" in message
    assert "assign p.grad, not to add to it" in message


class Dropout(tn.Layer):
    rng = np.random.default_rng(0)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) < 0.5 if self.training else np.ones(x.shape)
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("error, same", [(1e-12, True), (1e-9, False)])
def test_the_same_but_for_rounding(size, error, same):
    class Unsteady(tn.Layer):  # of its first two y one is a little larger
        calls = 0

        def forward(self, x):
            self.calls += 1
            return size * x * (1 + error * (self.calls == 1))

        def backward(self, dy):
            return size * dy

    if same:
        tn.gradcheck(Unsteady(), normal((3, 4)), atol=1e-5 * size)
    else:
        message = str(failure(Unsteady(), normal((3, 4)), atol=1e-5 * size))
        assert "forward gave two different y for one x" in message


def test_dropout():
    layer = tn.Sequential(tn.Linear(3, 4, rng=0), Dropout())
    message = str(failure(layer, normal((2, 3))))
    assert "forward gave two different y for one x" in message
    assert "eval mode" in message
    tn.gradcheck(layer.eval(), normal((2, 3)))


# -- the arguments --


@pytest.mark.parametrize(
    "layer, x, kind, message",
    [
        (tn.ReLU(), np.ones((1, 2), np.int64), TypeError, "expected x of float32.* got int64"),
        (tn.ReLU(), np.ones((1, 2), np.float16), TypeError, "got float16"),
        (tn.ReLU(), [[1.0, 2.0]], TypeError, "got list"),
        (tn.ReLU(), np.array([[np.nan]]), ValueError, "expected x of finite values"),
        (tn.ReLU(), np.ones((0, 2)), ValueError, "expected x of finite values"),
        (np.tanh, np.ones((1, 2)), TypeError, "expected a Layer, got ufunc"),
        (tn.Linear(3, 2), np.ones((1, 2)), ValueError, r"Linear\(3→2\): expected \(N, 3\)"),
    ],
)
def test_wrong_arguments(layer, x, kind, message):
    with pytest.raises(kind, match=message):
        tn.gradcheck(layer, x)


def test_rng():
    layer, x = tn.Linear(3, 2, rng=0), normal((4, 3))
    same = [
        str(tn.gradcheck(layer, x, **options))
        for options in [{}, {"rng": 0}, {"rng": np.random.default_rng(0)}]
    ]
    assert len(set(same)) == 1
    assert str(tn.gradcheck(layer, x, rng=1)) != same[0]


def test_tolerances_and_step():
    layer, x = OneWrongEntry((3,), (1,), 1e-3), normal((2, 3))
    assert failure(layer, x).index == (1,)
    tn.gradcheck(layer, x, atol=2e-3)
    tn.gradcheck(layer, x, rtol=0.1)
    tn.gradcheck(Fine(), x, eps=1e-3)
    failure(Fine(), x, atol=0, rtol=1e-14)


# -- no trace --


def trace(layer):
    """All that gradcheck might change: which objects a layer holds, and the bits in its arrays."""
    objects = [
        (name, {k: id(v) for k, v in vars(part).items()}, part.training)
        for name, part in layer.named_layers()
    ]
    bits = [
        (id(p.data), id(p.grad), p.data.tobytes(), p.grad.tobytes()) for p in layer.parameters()
    ]
    buffers = [(name, id(a), a.dtype, a.tobytes()) for name, a in layer.named_buffers()]
    return objects, bits, buffers


@pytest.fixture
def used_network():
    """Half in training mode, half not; with gradients and statistics from an earlier batch, and
    with what its last forward saved for a backward still to come."""
    network = small_network()
    x = normal((5, 1, 6, 6), np.float32, seed=9)
    network.backward(network(x))
    network[2].eval()
    network(x)
    return network


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("max_exact", [PROJECTIONS, EACH_ENTRY])
def test_success_leaves_no_trace(used_network, training, max_exact):
    used_network[2].train(training)
    x = normal((2, 1, 6, 6), np.float32)
    before, x_before = trace(used_network), x.tobytes()
    tn.gradcheck(used_network, x, max_exact=max_exact)
    assert trace(used_network) == before
    assert x.tobytes() == x_before
    used_network.backward(np.ones((5, 4), np.float32))  # of the forward before gradcheck


@pytest.mark.parametrize(
    "wrong, kind, message",
    [
        ("gradient", tn.GradientError, "backward gives a wrong gradient of 4.bias at index"),
        ("contract", tn.GradientError, "to be finite, got nan"),
        ("shape", ValueError, r"expected \(N, 27\)"),
        ("forward", ValueError, "layer 5 of Sequential: no"),
        ("perturbed", ValueError, "layer 5 of Sequential: no"),
    ],
)
def test_failure_leaves_no_trace(used_network, wrong, kind, message):
    used_network[2].train()

    class Last(tn.Layer):
        calls = 0

        def forward(self, x):
            Last.calls += 1
            if wrong == "forward" or wrong == "perturbed" and Last.calls > 7:
                raise ValueError("no")
            return x.copy()

        def backward(self, dy):
            return dy * {"gradient": 2, "contract": np.nan}.get(wrong, 1)

    network = tn.Sequential(*used_network, Last())
    x = normal((2, 1, 5 if wrong == "shape" else 6, 6), np.float32)
    before, x_before = trace(network), x.tobytes()
    with pytest.raises(kind, match=message):
        tn.gradcheck(network, x)
    assert trace(network) == before
    assert x.tobytes() == x_before


def test_a_gradient_that_was_none_is_none_again():
    layer = tn.Linear(3, 2)
    tn.gradcheck(layer, normal((4, 3)))
    assert layer.weight.grad is None
    with pytest.raises(RuntimeError, match="backward without a forward"):
        layer.backward(normal((4, 2)))


def test_buffers_are_the_same_at_each_forward():
    class Whitening(tn.Layer):
        """y = x / (1 + count), in which count is a buffer that forward replaces or writes to."""

        buffer_names = ("count",)

        def __init__(self, in_place):
            self.count = np.zeros(())
            self.in_place = in_place

        def forward(self, x):
            if self.in_place:
                self.count += 1
            else:
                self.count = self.count + 1
            self.scale = 1 / (1 + self.count)
            return x * self.scale

        def backward(self, dy):
            return dy * self.scale

    for in_place in (True, False):
        layer = Whitening(in_place)
        count = layer.count
        tn.gradcheck(layer, normal((2, 3)))
        assert layer.count is count and count == 0


def test_slopes_agree_up_to_the_tolerance_itself():
    assert _Slopes(1.5, 1.0, 0.5).agree
    assert not _Slopes(1.5, 1.0, 0.25).agree
    assert not _Slopes(np.nan, 1.0, 0.5).agree
