"""What tinynet.plot draws is what the arrays say, and networks are after it as they were."""

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynet as tn
from tinynet import plot
from tinynet.find_lr import smoothed

pytest.importorskip("matplotlib")


def small_network(seed=0):
    """8×8 images to logits of 3 classes, with BatchNorm, so that there are running statistics."""
    return tn.Sequential(
        tn.Conv2d(1, 4, 3, padding=1, rng=seed),
        tn.ReLU(),
        tn.BatchNorm2d(4),
        tn.MaxPool2d(2),
        tn.Flatten(),
        tn.Linear(64, 3, rng=seed),
    )


def images(n, size=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), np.uint8)


def state(model):
    """All that a network holds, as text and bytes: two that are equal hold the same."""
    arrays = [(name, p.data) for name, p in model.named_parameters()]
    arrays += [(name, p.grad) for name, p in model.named_parameters()] + model.named_buffers()
    modes = [layer.training for _, layer in model.named_layers()]
    return modes, [(name, None if a is None else a.tobytes()) for name, a in arrays]


def shown(axes):
    """The array of the only image in axes."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def tiles(array, h, w):
    """The maps that stand side by side in an image, row by row: (n, h, w)."""
    rows, columns = array.shape[0] // h, array.shape[1] // w
    return array.reshape(rows, h, columns, w).swapaxes(1, 2).reshape(-1, h, w)


def titles(figure):
    return [axes.get_title() + axes.get_title(loc="left") for axes in figure.axes]


def ink(figure):
    """The figure drawn, as the bytes of a PNG: nothing is wrong that only drawing would show."""
    png = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    return png


# -- digits --


@settings(max_examples=15)
@given(n=st.integers(1, 7), columns=st.integers(1, 9))
def test_digits_shows_each_image_under_its_title(n, columns):
    x = images(n)
    figure = plot.digits(x, range(n), columns)
    assert len(figure.axes) == n
    for i, axes in enumerate(figure.axes):
        np.testing.assert_array_equal(shown(axes), x[i])
        assert axes.get_title() == str(i)
        assert axes.images[0].get_clim() == (0, 255)
        place = axes.get_subplotspec()
        assert (place.rowspan.start, place.colspan.start) == divmod(i, columns)


def test_digits_of_floats_are_scaled_together():
    x = images(3) / 255 - 0.5
    figure = plot.digits(x)
    assert {axes.images[0].get_clim() for axes in figure.axes} == {(x.min(), x.max())}
    assert titles(figure) == [""] * 3
    one_row = 5 / 4  # 5 inches for 4 columns; no room is left for titles
    assert plot.digits(x, columns=4).get_size_inches().tolist() == [5, one_row]
    assert plot.digits(images(6), columns=4).get_size_inches().tolist() == [5, 2 * one_row]
    ink(figure)


def test_augmentation_shows_an_image_and_what_becomes_of_it():
    x, augment = images(2), tn.augment.RandomAffine()
    figure = plot.augmentation(x, augment, ways=3, seed=5)
    assert len(figure.axes) == 2 * 4
    rng = np.random.default_rng(5)
    for i in range(2):
        row = [shown(axes) for axes in figure.axes[4 * i : 4 * i + 4]]
        np.testing.assert_array_equal(row[0], x[i])
        np.testing.assert_array_equal(row[1:], augment(x[[i, i, i]], rng))
    widths = [axes.spines["left"].get_linewidth() for axes in figure.axes]
    assert widths[0] == widths[4] == max(widths) > widths[1]


LABELS = np.array([0, 1, 2, 2, 1])
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.7, 0.3, 0.0], [0.0, 0.6, 0.4], [0.1, 0.0, 0.9], [0.45, 0.1, 0.45]]
)


def test_worst_mistakes_are_those_whose_label_got_least():
    assert plot.worst_mistakes(LABELS, PROBABILITIES).tolist() == [4, 1, 2]
    assert plot.worst_mistakes([0], [[0.9, 0.1]]).tolist() == []


def test_mistakes_shows_the_worst_with_their_probabilities():
    x = images(5)
    figure = plot.mistakes(x, LABELS, PROBABILITIES)
    assert [shown(axes).tobytes() for axes in figure.axes] == [x[i].tobytes() for i in (4, 1, 2)]
    assert titles(figure) == [
        "#4\nlabel 1 (10%)\nread as 0 (45%)",
        "#1\nlabel 1 (30%)\nread as 0 (70%)",
        "#2\nlabel 2 (40%)\nread as 1 (60%)",
    ]
    assert figure.get_suptitle() == "3 of 5 are read wrong; the worst first"
    two = plot.mistakes(x, LABELS, PROBABILITIES, count=2)
    assert titles(two) == titles(figure)[:2]
    assert two.get_suptitle() == "3 of 5 are read wrong; the 2 worst"
    none = plot.mistakes(x, PROBABILITIES.argmax(axis=1), PROBABILITIES)
    assert none.axes == [] and none.get_suptitle() == "All 5 are read right"
    ink(none)


# -- networks --


@pytest.mark.parametrize("o, c", [(3, 1), (11, 1), (3, 2), (1, 4)])
def test_filters_shows_every_kernel_in_order(o, c):
    conv = tn.Conv2d(c, o, (3, 2), rng=0)
    figure = plot.filters(conv)
    weight = conv.weight.data
    kernels = tiles(shown(figure.axes[0]), 3, 2)
    np.testing.assert_array_equal(kernels[: o * c], weight.reshape(-1, 3, 2))
    assert np.isnan(kernels[o * c :]).all()
    low, high = figure.axes[0].images[0].get_clim()
    assert -low == high == np.abs(weight).max()
    if c > 1:
        names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
        assert names == [str(i) for i in range(o)]
        middles = figure.axes[0].get_xticks(), figure.axes[0].get_yticks()
        np.testing.assert_array_equal(middles[0], np.arange(c) * 2 + 0.5)
        np.testing.assert_array_equal(middles[1], np.arange(o) * 3 + 1)
    assert str(conv) in figure.get_suptitle()
    ink(figure)


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
@pytest.mark.parametrize("uint8", [True, False])
def test_feature_maps_are_the_layers_outputs_in_evaluation_mode(how, uint8):
    model = small_network()
    model(tn.train.as_input(images(20)))  # moves the running statistics
    image = images(1)[0]
    x = tn.train.as_input(image[None])
    before = state(model)
    figure = plot.feature_maps(how(model), image if uint8 else x[0])
    assert state(model) == before
    np.testing.assert_array_equal(shown(figure.axes[0]), image if uint8 else x[0, 0])
    model.eval()
    for i, (layer, axes) in enumerate(zip(model, figure.axes[1:], strict=True)):
        x = layer(x)
        maps = shown(axes)
        if x.ndim == 4:
            maps = tiles(maps, *x.shape[2:])
        np.testing.assert_array_equal(maps.reshape(x.shape), x)
        size = f"{x.shape[1]} × {x.shape[2]}×{x.shape[3]}" if x.ndim == 4 else f"{x.shape[1]}"
        ends = f"from {x.min():.3g} to {x.max():.3g}"
        assert axes.get_title(loc="left") == f"{i}: {layer}: {size}, {ends}"
        low, high = axes.images[0].get_clim()
        assert -low == high == np.abs(x).max()
    ink(figure)


def test_many_feature_maps_stand_in_several_rows():
    conv = tn.Conv2d(1, 47, 1, rng=0)
    figure = plot.feature_maps(conv, images(1)[0])
    maps = tiles(shown(figure.axes[1]), 8, 8)
    assert len(maps) == 60 and np.isnan(maps[47:]).all()
    expected = conv(tn.train.as_input(images(1)))[0]
    np.testing.assert_array_equal(maps[:47], expected)
    for lines in figure.axes[1].collections:  # thick enough to be seen between the pixels
        assert lines.get_linewidth().tolist() == [1.5] and lines.get_edgecolor()[0][0] == 128 / 255
    assert not figure.axes[1].get_xticks().size and not figure.axes[1].get_yticks().size
    upright, level = (lines.get_segments() for lines in figure.axes[1].collections)
    assert [line[:, 0].tolist() for line in upright] == [[8 * i - 0.5] * 2 for i in range(1, 20)]
    assert [line[:, 1].tolist() for line in level] == [[8 * i - 0.5] * 2 for i in (1, 2)]
    assert upright[0][:, 1].tolist() == [-0.5, 23.5] and level[0][:, 0].tolist() == [-0.5, 159.5]
    one_row = plot.feature_maps(tn.Conv2d(1, 20, 1, rng=0), images(1)[0])
    more = figure.get_figheight() - one_row.get_figheight()
    assert more == pytest.approx(2 * 8 / 20)  # two rows of squares, 20 of them over 8 inches
    assert figure.axes[1].get_title(loc="left").startswith(f"0: {conv}: 47 × 8×8, from ")


def test_feature_maps_use_the_width_they_have():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for layers, full in ([tn.Conv2d(1, 47, 1, rng=0)], 8.0), ([*small_network()], 8 / 2):
        figure = plot.feature_maps(tn.Sequential(*layers), images(1)[0])
        FigureCanvasAgg(figure).draw()
        inches = figure.axes[1].get_window_extent().width / figure.dpi
        assert inches > 0.97 * full  # too low a figure would make its maps smaller


def bars(axes):
    (patch,) = axes.patches
    return patch.get_data().values, patch.get_data().edges


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
@pytest.mark.parametrize("training", [True, False])
def test_histograms_count_outputs_and_gradients(how, training):
    model, x, y = small_network().train(training), images(30), np.arange(30) % 3
    loss = tn.CrossEntropyLoss()
    loss(model(tn.train.as_input(x)), y)
    model.backward(loss.backward())
    before = state(model)
    figure = plot.histograms(how(model), x, y)
    assert state(model) == before

    outputs, gradients = [tn.train.as_input(x)], []
    for layer in model:
        outputs.append(layer(outputs[-1]))
    loss(outputs[-1], y)
    dy = loss.backward()
    for layer in reversed(model.layers):
        gradients.insert(0, dy)
        dy = layer.backward(dy)
    columns = figure.axes[0::2], figure.axes[1::2]
    for column, arrays, log in ((columns[0], outputs[1:], False), (columns[1], gradients, True)):
        first_edges = bars(column[0])[1]
        for axes, array in zip(column, arrays, strict=True):
            counts, edges = bars(axes)
            values = np.sort(np.abs(array[array != 0]) if log else array, axis=None)
            assert counts.sum() == values.size
            # bars counted in another way: how many values lie below each inner edge
            below = np.searchsorted(values, edges[1:-1], side="left")
            np.testing.assert_array_equal(np.cumsum(counts)[:-1], below)
            np.testing.assert_array_equal(edges, first_edges)
            text = f"std {array.std():.2g}, zeros {(array == 0).mean():.0%}"
            assert [t.get_text() for t in axes.texts] == [text]
            assert axes.get_xscale() == ("log" if log else "linear")
            assert axes.get_yscale() == "log" and axes.get_xlim() == (edges[0], edges[-1])
    names = [axes.get_ylabel() for axes in columns[0]]
    assert names == [f"{i}: {layer}" for i, layer in enumerate(model)]
    ink(figure)


def test_histograms_without_labels_and_of_zeros():
    model = small_network()
    assert len(plot.histograms(model, images(4)).axes) == len(model)
    relu = tn.Sequential(tn.Flatten(), tn.ReLU())
    x = np.zeros((2, 1, 2, 2), np.float32)
    figure = plot.histograms(relu, x, [0, 1])
    assert bars(figure.axes[0])[0].sum() == 8
    assert bars(figure.axes[1])[0].sum() == 0  # ReLU lets no gradient through at 0
    ink(figure)


# -- training --


def test_history_draws_what_fit_returned(tmp_path):
    x, y = images(40), np.arange(40) % 3
    settings = dict(epochs=3, batch_size=10, max_lr=0.01, progress=False)
    path = tmp_path / "history.csv"
    rows = tn.fit(small_network(), x, y, test=(x[:9], y[:9]), history_path=path, **settings)
    figure = plot.history(rows)
    lines = [line.get_ydata() for axes in figure.axes for line in axes.lines]
    columns = ["loss", "test_loss", "accuracy", "test_accuracy", "lr", "momentum"]
    for name, line in zip(columns, lines, strict=True):
        factor = 100 if "accuracy" in name else 1
        np.testing.assert_allclose(line, [factor * row[name] for row in rows])
    for axes in figure.axes:
        assert axes.get_xlabel() == "epoch" and axes.get_ylabel() and axes.get_title()
        assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    last = f"{rows[-1]['test_accuracy']:.2%}"
    assert figure.get_suptitle() == f"3 epochs: test accuracy {last} at the end"
    untested = [{k: v for k, v in row.items() if "test" not in k} for row in rows]
    assert [len(axes.lines) for axes in plot.history(untested).axes] == [1, 1, 1, 1]
    assert ink(figure) == ink(plot.history(read_csv(path)))
    scales = [axes.get_yscale() for axes in figure.axes]
    assert scales == ["log", "linear", "linear", "linear"]  # a loss falls by powers of ten


def read_csv(path):
    names, *rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_rate_finder_marks_the_lowest_point_of_the_running_mean():
    rates = np.geomspace(1e-3, 1, 5)
    losses = np.array([2.0, 1.0, 0.5, 0.2, 4.0])
    axes = plot.rate_finder(rates, losses).axes[0]
    dots, line, mark = axes.lines
    np.testing.assert_array_equal(dots.get_xydata(), np.stack([rates, losses], 1))
    np.testing.assert_array_equal(line.get_ydata(), smoothed(losses))
    assert mark.get_xdata().item() == rates[3]
    assert axes.get_xscale() == "log" and "rate" in axes.get_xlabel()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_confusion_matrix_counts_as_a_loop_does(pairs):
    labels, predictions = map(list, zip(*pairs, strict=True))
    k = max(labels + predictions) + 1
    counts = [[0] * k for _ in range(k)]
    for label, prediction in pairs:
        counts[label][prediction] += 1
    figure = plot.confusion_matrix(labels, predictions)
    (axes,) = figure.axes
    texts = {text.get_position()[::-1]: int(text.get_text()) for text in axes.texts}
    assert texts == {(i, j): counts[i][j] for i in range(k) for j in range(k) if counts[i][j]}
    colours = np.asarray(axes.collections[0].get_array()).reshape(k, k)
    wrong = [[0 if i == j else counts[i][j] for j in range(k)] for i in range(k)]
    np.testing.assert_array_equal(colours, wrong)
    right = sum(counts[i][i] for i in range(k))
    title = (
        f"{len(pairs) - right} of {len(pairs)} are read wrong: accuracy {right / len(pairs):.2%}"
    )
    assert figure.get_suptitle() == title
    assert axes.yaxis_inverted()  # label 0 above, as in a table


# -- architecture --


def test_architecture_draws_a_box_for_each_output():
    model = tn.Sequential(
        tn.Sequential(tn.Conv2d(1, 4, 3), tn.ReLU()),
        tn.MaxPool2d(2),
        tn.Flatten(),
        tn.Linear(36, 2),
    )
    before = state(model)
    figure = plot.architecture(model, (1, 8, 8))
    assert state(model) == before
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == [
        "input\n1 × 8 × 8",
        "Conv2d(1→4, k=3)\n4 × 6 × 6 · 40 parameters",
        "ReLU()\n4 × 6 × 6",
        "MaxPool2d(k=2)\n4 × 3 × 3",
        "Flatten()\n36",
        "Linear(36→2)\n2 · 74 parameters",
    ]
    boxes = axes.patches
    heights = [box.get_height() / boxes[0].get_height() for box in boxes]
    np.testing.assert_allclose(heights, [1, 6 / 8, 6 / 8, 3 / 8, 1, 2 / 8])  # 36 values: no higher
    widths = [round(box.get_width(), 3) for box in boxes]
    assert widths == [0.312, 0.8, 0.8, 0.8, 0.312, 0.312]  # by channels: 1, 4, 4, 4, 1, 1
    colours = [box.get_facecolor() for box in boxes]
    assert colours[1] == colours[5] and colours[2] == colours[4]
    assert len({colours[i] for i in (0, 1, 2, 3)}) == 4
    assert figure.get_suptitle() == "114 parameters; 1,368 multiply-adds for an example"
    assert ink(figure) == ink(plot.architecture(tn.compile(model), (1, 8, 8)))


def test_architecture_of_vectors_and_of_many_layers():
    layers = [tn.Linear(5, 5, rng=i) if i % 2 else tn.ReLU() for i in range(60)]
    figure = plot.architecture(tn.Sequential(*layers), (5,))
    assert [len(axes.patches) for axes in figure.axes] == [27, 27, 7]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1  # boxes of one size in all rows
    ends = [axes.texts[i].get_text() for axes, i in zip(figure.axes[1:], (0, -1), strict=False)]
    assert ends == ["ReLU()\n5", "Linear(5→5)\n5 · 30 parameters"]
    heights = {box.get_height() for axes in figure.axes for box in axes.patches}
    assert len(heights) == 1


def test_architecture_says_what_is_wrong():
    with pytest.raises(TypeError, match=r"plot\.architecture: expected a Layer, got list"):
        plot.architecture([tn.ReLU()], (5,))
    with pytest.raises(ValueError, match=r"Conv2d\(1→4, k=3\)"):
        plot.architecture(tn.Sequential(tn.Conv2d(1, 4, 3)), (2, 8, 8))
    with pytest.raises(TypeError, match="input_shape"):
        plot.architecture(tn.ReLU(), 5)


# -- all --


class Tensor:
    """What a tensor or a table looks like: it has a shape and a dtype, and is no array."""

    shape, ndim, dtype = (8, 8), 2, np.dtype(np.float32)

    def __len__(self):
        return 8

    def __bool__(self):
        raise ValueError("ambiguous")


def flip(x, rng):
    return x[:, ::-1]


X, MODEL, TENSOR = images(3), small_network(), Tensor()
MASKED = np.ma.masked_array([1, 2], [True, False])
NAN = tn.Conv2d(1, 2, 3, rng=0)
NAN.weight.data[0] = np.nan


@pytest.mark.parametrize(
    "function, arguments, error, words",
    [
        ("digits", (X[:, None],), ValueError, "expected images (n, h, w), numbers, n ≥ 1, got "
         "uint8 (3, 1, 8, 8)"),
        ("digits", ([1, 2],), ValueError, "(n, h, w), numbers, n ≥ 1, got list"),
        ("digits", (X[:0],), ValueError, "(n, h, w), numbers, n ≥ 1, got uint8 (0, 8, 8)"),
        ("digits", (X, "ab"), ValueError, "expected 3 titles, got 2"),
        ("digits", (X, None, 0), ValueError, "expected columns ≥ 1, got 0"),
        ("augmentation", (X[0], None), ValueError, "plot.augmentation: expected images (n, h, w)"),
        ("augmentation", (X, tn.augment.RandomAffine(), 0), ValueError, "expected ways ≥ 1, got 0"),
        ("filters", (tn.ReLU(),), TypeError, "expected a Conv2d, got ReLU"),
        ("feature_maps", ("model", X[0]), TypeError, "expected a Layer, got str"),
        ("feature_maps", (MODEL, X[0, 0]), ValueError, "expected one image (h, w) or (c, h, w)"),
        ("feature_maps", (MODEL, X), ValueError, "layer 0 of Sequential: Conv2d(1→4, k=3, p=1)"),
        ("feature_maps", (NAN, X[0]), ValueError, "output of layer 0: Conv2d(1→2, k=3) is not fin"),
        ("histograms", (None, X), TypeError, "expected a Layer, got NoneType"),
        ("histograms", (MODEL, X, [0, 1]), ValueError, "expected 3 labels, one for each row"),
        ("histograms", (NAN, X), ValueError, "plot.histograms: the output of layer 0: Conv2d"),
        ("history", ([],), ValueError, "expected what fit returned, a list of at least one dict"),
        ("history", ([{"epoch": 1}],), ValueError, "with epoch, loss, accuracy, lr, momentum; got"),
        ("rate_finder", ([0.1, 1.0], [2.0]), ValueError, "expected 2 losses, got 1"),
        ("rate_finder", ([0.0, 1.0], [2.0, 1.0]), ValueError, "expected rates > 0, got 0.0"),
        ("confusion_matrix", ([0, 1], [1]), ValueError, "expected 2 predictions, got 1"),
        ("confusion_matrix", ([], []), ValueError, "expected labels (n,), integers, n ≥ 1"),
        ("confusion_matrix", ([0.5], [1]), ValueError, "expected labels (n,), integers"),
        ("confusion_matrix", ([-1], [1]), ValueError, "expected classes ≥ 0, got a negative one"),
        ("mistakes", (X, LABELS, PROBABILITIES), ValueError, "expected 5 images, got 3"),
        ("mistakes", (X, LABELS[:3], PROBABILITIES), ValueError, "n = 3 labels, got (5, 3)"),
        ("mistakes", (X, [0, 1, 3], PROBABILITIES[:3]), ValueError, "labels in 0 … 2, got 3"),
        ("mistakes", (X, [0, -1, 0], PROBABILITIES[:3]), ValueError, "labels in 0 … 2, got -1"),
        ("mistakes", (X, LABELS[:3], PROBABILITIES[:3], 0), ValueError, "count ≥ 1, got 0"),
        # what is no array, though it may have its shape
        ("digits", (TENSOR,), ValueError, "(n, h, w), numbers, n ≥ 1, got Tensor"),
        ("augmentation", (TENSOR, None), ValueError, "(n, h, w), numbers, n ≥ 1, got Tensor"),
        ("mistakes", (TENSOR, LABELS, PROBABILITIES), ValueError, "n ≥ 1, got Tensor"),
        ("feature_maps", (MODEL, TENSOR), ValueError, "(h, w) or (c, h, w), got Tensor"),
        ("history", (TENSOR,), ValueError, "expected what fit returned, a list of at least one "
         "dict with epoch, loss, accuracy, lr, momentum; got Tensor"),
        ("confusion_matrix", (MASKED, [0, 1]), TypeError, "labels without a mask, got MaskedArray"),
        ("rate_finder", (MASKED, [0, 1]), TypeError, "rates without a mask, got MaskedArray"),
        ("mistakes", (X[:2], [0, 1], np.ma.masked_array(np.eye(2), True)), TypeError,
         "expected probabilities without a mask, got MaskedArray"),
        ("histograms", (MODEL, np.ma.masked_array(X, True)), TypeError, "x without a mask"),
        ("worst_mistakes", ([0], [["1.0"]]), ValueError, "probabilities, finite numbers, got <U3"),
        ("worst_mistakes", ([0], [[np.nan, 1.0]]), ValueError, "or some that are not finite"),
        # numbers that are none, or none that make sense
        ("digits", (X, None, 2.5), TypeError, "columns: expected a whole number, got 2.5"),
        ("digits", (X, None, "8"), TypeError, "columns: expected a whole number, got '8'"),
        ("digits", (X, None, True), ValueError, "expected columns ≥ 1, got True"),
        ("augmentation", (X, flip, np.float32(0.5)), TypeError, "ways: expected a whole number"),
        ("mistakes", (X, LABELS[:3], PROBABILITIES[:3], 1.5), TypeError, "count: expected a whole"),
        ("confusion_matrix", ([10**6], [1]), ValueError, "expected classes < 1000, got 1000000"),
        # augmentations
        ("augmentation", (X, None), TypeError, "expected augment, a function (images, rng) that"),
        ("augmentation", (X, lambda x, rng: x / 255), ValueError, "as it was given, uint8 "
         "(10, 8, 8), got float64 (10, 8, 8)"),
        ("augmentation", (X, lambda x, rng: x[:, 1:]), ValueError, "got uint8 (10, 7, 8)"),
        ("augmentation", (X, lambda x, rng: list(x)), ValueError, "got list"),
    ],
)  # fmt: skip
def test_wrong_arguments(function, arguments, error, words):
    before = state(MODEL)
    with pytest.raises(error, match=re.escape(words)) as caught:
        getattr(plot, function)(*arguments)
    if "layer 0 of" not in words and "one for each row" not in words:  # those are the network's own
        assert str(caught.value).startswith(f"plot.{function}: ")
    assert state(MODEL) == before


@pytest.mark.parametrize("three", [3.0, np.int8(3), np.float64(3)])
def test_whole_numbers_count_however_they_are_written(three):
    assert len(plot.augmentation(X, flip, ways=three).axes) == 12
    assert plot.digits(X, columns=three).get_figwidth() == plot.digits(X, columns=3).get_figwidth()
    shown = plot.mistakes(images(5), LABELS, PROBABILITIES, count=three)
    assert len(shown.axes) == 3


def test_classes_as_high_as_their_dtype_allows():
    labels = np.array([255, 0, 255], np.uint8)
    assert plot.confusion_matrix(labels, labels[::-1].copy()).get_suptitle().startswith("0 of 3")


class Broken(tn.Layer):
    """A reader's layer: what it returns is handed in."""

    def __init__(self, y=np.copy, dx=np.copy):
        self.y, self.dx = y, dx

    def forward(self, x):
        self.save(x)
        return self.y(x)

    def backward(self, dy):
        self.saved(dy)
        return self.dx(dy)


@pytest.mark.parametrize("how", [lambda model: model, tn.compile], ids=["plain", "compiled"])
@pytest.mark.parametrize("answer", [lambda x: None, lambda x: 1.0, np.float64, lambda x: x[1:]])
def test_a_layer_that_breaks_the_contract_is_named(how, answer):
    layers = tn.Flatten(), tn.Linear(64, 3, rng=0)
    for broken, forward in ((Broken(y=answer), True), (Broken(dx=answer), False)):
        model = how(tn.Sequential(tn.Conv2d(1, 1, 1, rng=0), broken, *layers))
        before = state(model)
        with pytest.raises((ValueError, TypeError), match=r"^Broken\(\): .*expected"):
            plot.histograms(model, X, [0, 1, 2])
        if forward:
            with pytest.raises((ValueError, TypeError), match=r"^Broken\(\): .*expected"):
                plot.feature_maps(model, X[0])
        assert state(model) == before


@pytest.fixture(scope="module")
def pictures():
    """{name of the function: a figure of it}"""
    rng, model, x = np.random.default_rng(0), small_network(), images(6)
    probabilities, labels = rng.dirichlet(np.ones(10), 30), np.arange(30) % 10
    rows = [
        dict(epoch=i, loss=2 / i, accuracy=i / 9, test_loss=2.2 / i, test_accuracy=i / 10)
        | dict(lr=0.1 / i, momentum=0.9)
        for i in range(1, 9)
    ]
    return {
        "architecture": plot.architecture(tn.models.mnist_lite(0), (1, 28, 28)),
        "digits": plot.digits(images(7), ["a short title"] * 7, columns=4),
        "augmentation": plot.augmentation(images(2), flip),
        "mistakes": plot.mistakes(images(30), labels, probabilities),
        "filters": plot.filters(tn.models.mnist_lite(0)[3]),
        "feature_maps": plot.feature_maps(model, x[0]),
        "histograms": plot.histograms(model, x, labels[:6] % 3),
        "history": plot.history(rows),
        "rate_finder": plot.rate_finder(10.0 ** np.arange(-5, 1), [2.3, 2.2, 2, 1, 0.5, 9]),
        "confusion_matrix": plot.confusion_matrix(labels, rng.integers(0, 10, 30)),
    }


@pytest.mark.slow
def test_what_is_written_stays_in_the_picture_and_apart(pictures):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    assert {*pictures, "worst_mistakes"} == set(plot.__all__)
    for name, figure in pictures.items():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        ticks = {t for axes in figure.axes for t in axes.get_xticklabels(which="both")}
        ticks |= {t for axes in figure.axes for t in axes.get_yticklabels(which="both")}
        texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
        boxes = [t.get_window_extent(canvas.get_renderer()) for t in texts if t not in ticks]
        assert len(boxes) > 0, name
        for i, box in enumerate(boxes):
            assert box.x0 > -1 and box.x1 < figure.bbox.width + 1, (name, texts[i])
            assert box.y0 > -1 and box.y1 < figure.bbox.height + 1, (name, texts[i])
            for other in boxes[:i]:
                wide = min(box.x1, other.x1) - max(box.x0, other.x0)
                high = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert wide < 1 or high < 1, (name, texts[i])


def test_what_stands_beside_values_can_be_read(pictures):
    texts = [t for name in ("histograms", "confusion_matrix") for axes in pictures[name].axes
             for t in axes.texts]  # fmt: skip
    texts += [axes.yaxis.label for axes in pictures["histograms"].axes]
    texts += [axes.title for name in ("digits", "mistakes") for axes in pictures[name].axes]
    assert {text.get_fontsize() for text in texts if text.get_text()} == {9.0}


def test_training_and_test_are_told_apart(pictures):
    """By colour, line and mark, for those who see no colours and those who print in black."""
    for axes in pictures["history"].axes[:2]:
        training, test = axes.lines
        for look in ("color", "linestyle", "marker"):
            assert getattr(training, f"get_{look}")() != getattr(test, f"get_{look}")()
        assert [t.get_text() for t in axes.get_legend().get_texts()] == ["training", "test"]


def test_numbers_stand_in_the_middle_of_their_field_and_right_answers_are_bold():
    (axes,) = plot.confusion_matrix([0, 0, 0, 1], [1, 1, 1, 1]).axes
    for text in axes.texts:
        assert (text.get_ha(), text.get_va(), text.get_color()) == ("center", "center", "black")
    assert {t.get_position(): t.get_fontweight() for t in axes.texts} == {
        (1, 0): "normal",
        (1, 1): "bold",
    }
    colours = axes.collections[0]
    assert (colours.norm.vmin, colours.norm.vmax) == (0, 4.5)  # 3 is not the darkest: black on it


def test_all_functions_are_public_and_documented():
    for name in plot.__all__:
        assert getattr(plot, name).__doc__


PROGRAM = """
import sys, tinynet as tn
import numpy as np
assert "matplotlib" not in sys.modules
figure = tn.plot.digits(np.zeros((1, 4, 4)))
assert "matplotlib.pyplot" not in sys.modules  # hence no backend was chosen, no window opened
sys.modules["matplotlib"] = sys.modules["tinynet.plot.figure"] = None
try:
    tn.plot.digits(np.zeros((1, 4, 4)))
except ImportError as error:
    print(error)
"""


def test_matplotlib_is_imported_when_first_needed_and_pyplot_never():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "tinynet.plot needs matplotlib; install it with: pip install matplotlib"
    )
