"""The page where one draws a digit: all of it that runs in Python. The rest: test_draw_browser."""

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from cases import WEBASSEMBLY, ctrl_c, mnist, running
from glyphs import GLYPHS, LETTERS, as_a_hand, scribble
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynet as tn
from tinynet.datasets.idx import read_idx
from tinynet.train import MEAN, STD, as_input

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import draw  # noqa: E402
from parts.draw_page import ink  # noqa: E402
from parts.draw_page.explain import explain  # noqa: E402
from parts.draw_page.keep import MARK, Drawn, Kept, as_idx  # noqa: E402
from parts.draw_page.look import (  # noqa: E402
    Look,
    Mistakes,
    activations,
    as_bytes,
    in_batches,
    pixel_gradient,
)
from parts.draw_page.seen import Seen  # noqa: E402


@pytest.fixture(scope="module")
def look():
    """Which has read the first digits only, and that takes no time."""
    look = Look()
    look.seen = Seen(look.seen.images[:300], look.seen.labels[:300], most=1300)
    look.mistakes = Mistakes(look.x[:1300], look.y[:1300])
    look.read_digits(batch_size=64)
    return look


def question(drawing=None, of="logit", k=None, pixel=None):
    drawing = {"strokes": GLYPHS[7]} if drawing is None else drawing
    if pixel is not None:
        pixel = dict(zip(("layer", "channel", "row", "column"), pixel, strict=True))
    return {"drawing": drawing, "gradient": {"of": of, "class": k}, "pixel": pixel}


def from_bytes(body):
    """What the page makes of the bytes of an answer."""

    def arrays(value):
        if "array" not in value:
            return value
        kind = {"Uint8Array": "<u1", "Float32Array": "<f4"}[value["array"]]
        size, start = np.prod(value["shape"], dtype=int), 4 + length + value["start"]
        assert start % 4 == 0
        return np.frombuffer(body, kind, size, start).reshape(value["shape"])

    length = int.from_bytes(body[:4], "little")
    return json.loads(body[4 : 4 + length], object_hook=arrays)


def equal(got, expected):
    """Dicts, lists and numbers, and arrays bit for bit."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            equal(got[name], value)
    elif isinstance(expected, list | tuple):
        for a, b in zip(got, expected, strict=True):
            equal(a, b)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected, strict=True)
    else:
        assert got == expected


def as_arrays(strokes):
    return [np.array(stroke, float) for stroke in strokes]


# -- ink.py --


def test_digits_of_mnist_stay_as_they_are():
    _, (x, _) = mnist()
    x = x[3000:5000]
    sides = [max(np.ptp(np.flatnonzero(i.any(1))), np.ptp(np.flatnonzero(i.any(0)))) + 1 for i in x]
    cut_off = np.array(sides) != ink.BOX  # at the image's edge; see ink.py
    assert cut_off.sum() == 1
    for image, cut in zip(x, cut_off, strict=True):
        assert np.array_equal(ink.centred(image), image) or cut


@pytest.mark.parametrize("n", [1, 7, 20, 147, 281])
def test_a_side_becomes_20_pixels_whatever_rounding_does(n):
    matrix = ink.averaging(n, 20 / n)  # 147 · (20 / 147) is more than 20, in floats
    assert matrix.shape == (20, n)
    assert matrix.sum(axis=1) == pytest.approx(1)  # each a mean


@pytest.mark.parametrize("factor", [2, 5])
def test_digits_of_mnist_come_back_from_any_size_and_place(factor):
    _, (x, _) = mnist()
    for image in x[:20]:
        large = np.pad(image.repeat(factor, 0).repeat(factor, 1), ((3, 40), (17, 0)))
        assert np.array_equal(ink.centred(large), image)


def centred_in_loops(image):
    """The two rules once more, pixel by pixel: the image scaled, and its centre of mass."""
    ys, xs = np.nonzero(image)
    image = image[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    h, w = image.shape
    side = Fraction(max(h, w), 20)  # of a new pixel, in old ones

    def shares(n):  # for each new pixel [(old pixel, how much of the new one it covers)], one axis
        return [
            [(j, min((i + 1) * side, j + 1) - max(i * side, j)) for j in range(n)]
            for i in range(-(-n // side))
        ]

    rows, columns = (
        [[(j, float(part / side)) for j, part in row if part > 0] for row in shares(n)]
        for n in (h, w)
    )
    small = np.zeros((len(rows), len(columns)))
    for i, j in np.ndindex(small.shape):
        small[i, j] = sum(p * q * image[a, b] for a, p in rows[i] for b, q in columns[j])
    y, x = (np.average(np.arange(n), weights=small.sum(1 - a)) for a, n in enumerate(small.shape))
    return small, y, x


@settings(max_examples=20)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 999))
def test_centring_is_what_its_two_rules_say(h, w, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 256, (h, w), np.uint8) * (rng.random((h, w)) < 0.5)
    image[rng.integers(h), rng.integers(w)] = 255
    got = ink.centred(np.pad(image, 2))
    small, y, x = centred_in_loops(image)
    rows, columns = small.shape
    assert max(small.shape) == 20
    # rounding may go either way where the centre lies between two pixels
    tops, lefts = (
        {min(max(round(14 - c + e), 0), 28 - n) for e in (-1e-9, 1e-9)}
        for c, n in ((y, rows), (x, columns))
    )
    assert any(
        np.abs(got[top : top + rows, left : left + columns] - small).max() < 0.501
        and got.sum() == got[top : top + rows, left : left + columns].sum()
        for top in tops
        for left in lefts
    )


def test_a_line_is_where_the_pen_was():
    strokes = as_arrays([[[0.1, 0.2], [0.6, 0.3], [0.5, 0.9]], [[0.8, 0.8]]])
    got = ink.rasterise(strokes)
    assert max(got.shape) == ink.FINE * ink.BOX
    radius = ink.FINE * ink.PEN / 2
    scale = (ink.FINE * ink.BOX - 2 * radius) / 0.7
    dense = [  # every place of the pen's point, in pixels of the result
        ((a + t * (b - a)) - (0.1, 0.2)) * scale + radius
        for s in strokes
        for a, b in zip(s, s[1:] if len(s) > 1 else s, strict=False)
        for t in np.linspace(0, 1, 1000)
    ]
    dense = np.array(dense)
    for row, column in np.ndindex(got.shape):
        if row % 9 == 0 and column % 2 == 0:
            nearest = np.hypot(*(dense - (column + 0.5, row + 0.5)).T).min()
            if abs(nearest - radius) > 0.01:
                assert got[row, column] == (255 if nearest < radius else 0)


@pytest.mark.parametrize("k", GLYPHS)
def test_drawn_digits_are_centred_and_read(look, k):
    image = ink.digit_of(as_arrays(GLYPHS[k]))
    assert image.shape == (28, 28) and image.dtype == np.uint8
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    if k != 7:  # whose foot would be outside
        for axis in (0, 1):
            assert round(np.average(np.arange(28), weights=image.sum(1 - axis))) == 14
    answer = look.answer(question({"strokes": GLYPHS[k]}))
    assert np.argmax(answer["probabilities"]) == k
    assert answer["probabilities"][k] > 0.9


def test_the_size_and_the_place_of_a_drawing_do_not_matter():
    strokes = [np.round(s * 64) / 64 for s in as_arrays(GLYPHS[5])]  # halved without rounding
    image = ink.digit_of(strokes)
    assert np.array_equal(ink.digit_of([s / 2 + 0.25 for s in strokes]), image)
    assert np.array_equal(ink.digit_of([s / 4 for s in strokes]), image)


def test_the_pen_is_as_wide_as_it_says():
    image = ink.digit_of(as_arrays([[[0.5, 0.1], [0.5, 0.9]]]))
    widths = image[8:20].sum(1) / 255
    assert np.abs(widths - ink.PEN).max() < 0.2
    assert np.abs(widths - widths[0]).max() == 0


def test_a_dot_and_nothing_at_all_are_images_too():
    for strokes in (
        [[[0, 0]]],
        [[[1, 1]]],
        [[[0.5, 0.5], [0.5, 0.5]]],
        [[[0.5, 0.5], [0.501, 0.5]]],
    ):
        image = ink.digit_of(as_arrays(strokes))
        assert 100 < (image > 0).sum() <= 400
    assert not ink.digit_of([]).any()
    assert not ink.centred(np.zeros((5, 5), np.uint8)).any()


# -- explain.py: every number, against the layers --

PLACES = {  # of each map size, pixels at corners, at edges, and inside
    28: [(0, 0), (0, 27), (27, 27), (13, 0), (9, 17)],
    14: [(0, 0), (13, 13), (5, 9)],
    7: [(0, 0), (6, 6), (2, 3)],
    5: [(0, 0), (4, 4), (2, 1)],
    3: [(0, 0), (2, 2)],
    1: [(0, 0)],
}


@pytest.mark.parametrize(
    "drawing", [{"digit": 3}, {"strokes": GLYPHS[4]}], ids=["digit", "strokes"]
)
def test_every_explanation_gives_the_numbers_of_forward(look, drawing):
    model = tn.models.mnist_lite(pretrained=True).eval()
    image = look.answer(question(drawing))["image"]
    x = as_input(image[None])
    for layer in model:
        y = layer(x)
        for row, column in PLACES[y.shape[2] if y.ndim == 4 else 1]:
            for channel in {0, y.shape[1] // 2, y.shape[1] - 1}:
                place = (channel, row, column)
                got = explain(layer, x, y, place)
                assert got["value"] == float(y[0][place[: y.ndim - 1]])
                CHECKS[type(layer)](layer, x[0], got, place)
        x = y


@pytest.mark.parametrize("pixel", [(0, 7, 27, 27), (9, 3, 2, 5), (18, 15, 0, 13), (25, 4, 0, 0)])
def test_the_pixel_that_is_asked_for_is_explained(look, pixel):
    answer = look.answer(question(pixel=pixel))
    got = answer["pixel"]
    layer, *place = pixel
    assert [got.pop(name) for name in ("layer", "channel", "row", "column")] == list(pixel)
    maps = [part["maps"][None] for part in answer["layers"]]
    x = maps[layer - 1] if layer else as_input(answer["image"][None])
    assert got == explain(look.model[layer], x, maps[layer], tuple(place))


def check_convolution(layer, x, got, place):
    o, row, column = place
    top, left = (p - pad for p, pad in zip((row, column), layer.padding, strict=True))
    assert got["source"] == {"top": top, "left": left, "height": 3, "width": 3}
    assert len(got["channels"]) == len(x)
    total = 0.0
    for c, part in enumerate(got["channels"]):
        products = 0.0
        for i, j in np.ndindex(3, 3):
            inside = 0 <= top + i < x.shape[1] and 0 <= left + j < x.shape[2]
            value = float(x[c, top + i, left + j]) if inside else 0.0
            weight = float(layer.weight.data[o, c, i, j])
            assert part["patch"][i][j] == value
            assert part["weights"][i][j] == weight
            assert part["products"][i][j] == pytest.approx(value * weight, rel=1e-6, abs=1e-12)
            products += value * weight
        assert part["sum"] == pytest.approx(products, rel=1e-5, abs=1e-5)
        total += products
    assert got["sum"] == pytest.approx(total, rel=1e-5, abs=1e-5)
    assert got["bias"] == float(layer.bias.data[o])
    assert got["value"] == pytest.approx(total + got["bias"], rel=1e-5, abs=1e-5)


def check_max_pooling(layer, x, got, place):
    c, row, column = place
    window = x[c, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    source = {"channel": c, "top": 2 * row, "left": 2 * column, "height": 2, "width": 2}
    assert got["source"] == source
    assert got["patch"] == window.tolist()
    i, j = got["winner"]
    assert got["patch"][i][j] == got["value"] == window.max()
    assert 2 * i + j == window.argmax()  # of equal ones, the first: it gets the gradient


def check_average_pooling(layer, x, got, place):
    assert got["patch"] == x[place[0]].tolist()
    assert got["count"] == 9
    assert got["sum"] == pytest.approx(float(x[place[0]].sum(dtype=float)), rel=1e-6)
    assert got["value"] == pytest.approx(got["sum"] / 9, rel=1e-6)


def check_batch_norm(layer, x, got, place):
    c = place[0]
    mean, var = float(layer.running_mean[c]), float(layer.running_var[c])
    gamma, beta = float(layer.weight.data[c]), float(layer.bias.data[c])
    assert got["source"]["channel"] == c
    (_, none, start), minus, divided, times, plus = got["steps"]
    assert none is None and start == float(x[place])
    close = dict(rel=1e-5, abs=1e-5)
    std = (var + 1e-5) ** 0.5
    assert minus[1:] == pytest.approx([mean, start - mean], **close)
    assert divided[1:] == pytest.approx([std, (start - mean) / std], **close)
    assert times[1:] == pytest.approx([gamma, gamma * (start - mean) / std], **close)
    assert plus[1] == pytest.approx(beta, **close)
    assert plus[2] == got["value"]  # the same operations in the same order: the same bits


def check_relu(layer, x, got, place):
    start, end = got["steps"]
    assert start[2] == float(x[place])
    assert end[2] == max(start[2], 0) == got["value"]


def check_flatten(layer, x, got, place):
    assert got["source"]["channel"] == place[0]
    assert got["steps"][0][2] == got["value"] == float(x[place[0], 0, 0])


CHECKS = {
    tn.Conv2d: check_convolution,
    tn.MaxPool2d: check_max_pooling,
    tn.AvgPool2d: check_average_pooling,
    tn.BatchNorm2d: check_batch_norm,
    tn.ReLU: check_relu,
    tn.Flatten: check_flatten,
}


@pytest.mark.parametrize("k", [0, 2, 7])
def test_softmax_is_explained_step_by_step(look, k):
    answer = look.answer(question(pixel=(26, k, 0, 0)))
    z = answer["layers"][25]["maps"].astype(float)
    logit, shifted, power, share = answer["pixel"]["steps"]
    assert logit[2] == z[k]
    assert shifted[1:] == pytest.approx([z.max(), z[k] - z.max()])
    assert power[2] == pytest.approx(np.exp(z[k] - z.max()), rel=1e-5)
    total = np.exp(z - z.max()).sum()
    assert share[1:] == pytest.approx([total, np.exp(z[k] - z.max()) / total], rel=1e-5)
    assert share[2] == pytest.approx(answer["probabilities"][k], rel=1e-5)
    assert answer["pixel"]["value"] == answer["probabilities"][k]


# -- look.py --


@pytest.mark.parametrize(
    "drawing", [{"digit": 8}, {"strokes": GLYPHS[9]}, {"strokes": []}], ids=str
)
def test_an_answer_holds_what_the_network_gives(look, drawing):
    answer = look.answer(question(drawing))
    image = answer["image"]
    model = tn.models.mnist_lite(pretrained=True).eval()
    expected = tn.predict_proba(model, image[None])[0]
    assert answer["probabilities"] == pytest.approx(expected.tolist(), rel=1e-6)
    names = [str(layer) for layer in model] + ["softmax"]
    assert [layer["name"] for layer in answer["layers"]] == names
    x = as_input(image[None])
    for layer, part in zip(model, answer["layers"], strict=False):
        x = layer(x)
        assert np.array_equal(part["maps"], x[0])
    if "digit" in drawing:
        assert np.array_equal(image, look.x[8])
        assert (answer["digit"], answer["label"]) == (8, look.y[8])
    else:
        assert np.array_equal(image, ink.digit_of(as_arrays(drawing["strokes"])))
        assert answer["digit"] is answer["label"] is None
    assert answer["pixel"] is None
    equal(from_bytes(as_bytes(answer)), answer)


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("k", [None, 3])
def test_the_gradient_is_the_slope_of_the_class(look, of, k):
    """Against central differences, in float64, for pixels of the test digit that it hangs on."""
    model = tn.models.mnist_lite(pretrained=True).eval()
    image = look.x[18].astype(float) / 255  # a digit that is read with some doubt
    chosen = int(look.y[18]) if k is None else k

    def value(image):
        logits = model((image[None, None] - MEAN) / STD)
        return (logits if of == "logit" else tn.loss.softmax(logits))[0, chosen], logits

    slope, got_k = pixel_gradient(model, value(image)[1], of, k)
    assert got_k == chosen
    for place in zip(
        *np.unravel_index(np.argsort(-np.abs(slope), None)[:25], (28, 28)), strict=True
    ):
        step = np.zeros((28, 28))
        step[place] = 1e-6
        numerical = (value(image + step)[0] - value(image - step)[0]) / 2e-6
        assert slope[place] == pytest.approx(numerical, rel=1e-5)
    answer = look.answer(question({"digit": 18}, of, k))["gradient"]
    assert (answer["of"], answer["class"]) == (of, chosen)
    got = answer["slope"]
    assert np.abs(got - slope).max() < 1e-3 * np.abs(slope).max()  # float32 and float64


def test_mistakes_are_all_that_are_read_wrongly_and_the_nearest_come_first(look):
    n = look.mistakes.read
    p = tn.predict_proba(look.model, look.x[:n])
    wrong = np.flatnonzero(p.argmax(1) != look.y[:n])
    assert [index for index, *_ in look.mistakes.found] == wrong.tolist()
    answer = look.answer(question({"digit": int(wrong[1])}))["mistakes"]
    assert (answer["read"], answer["count"]) == (n, len(wrong))
    nearest = answer["nearest"]
    maps = activations(tn.models.mnist_lite(pretrained=True).eval(), as_input(look.x[wrong]))
    pooled = maps[20].reshape(len(wrong), -1)  # after the second pooling
    distances = np.linalg.norm(pooled - pooled[1], axis=1)
    order = np.argsort(distances)[: len(nearest)]
    assert [m["digit"] for m in nearest] == wrong[order].tolist()
    assert nearest[0]["digit"] == wrong[1]
    assert [m["distance"] for m in nearest] == pytest.approx(distances[order], rel=1e-4, abs=1e-3)
    for m in nearest:
        assert m["label"] == look.y[m["digit"]]
        assert m["read_as"] == p[m["digit"]].argmax() != m["label"]
        assert m["probability"] == pytest.approx(p[m["digit"]].max(), rel=1e-5)
        assert np.array_equal(m["image"], look.x[m["digit"]])


def test_the_next_mistake_is_the_next_one_and_after_the_last_the_first(look):
    wrong = [index for index, *_ in look.mistakes.found]
    after = [*wrong[1:], wrong[0]]
    for index, expected in [(0, wrong[0]), *zip(wrong, after, strict=True)]:
        answer = look.answer(question({"misread_after": index}))
        assert answer["digit"] == expected
        assert np.argmax(answer["probabilities"]) != answer["label"]


def test_before_a_mistake_is_found_it_says_so(look):
    with pytest.raises(ValueError, match="0 of 1,300 test digits are read so far"):
        Mistakes(look.x[:1300], look.y[:1300]).after(0)


def test_how_far_a_drawing_is_from_all_digits_seen(look):
    """Against angles worked out one by one, in float64."""
    model = tn.models.mnist_lite(pretrained=True).eval()

    def vectors(images):
        x = as_input(images)
        for layer in model[:23]:
            x = layer(x)
        return x.reshape(len(images), -1).astype(float)

    def angles(image, others):
        (a,), b = vectors(image[None]), others
        cosines = (b @ a) / (np.linalg.norm(a) * np.linalg.norm(b, axis=1))
        return np.degrees(np.arccos(np.minimum(cosines, 1)))

    (x_train, y_train), _ = mnist()
    trained = vectors(x_train[:300])
    for drawing in ({"strokes": LETTERS["star"]}, {"strokes": GLYPHS[3]}, {"digit": 5}):
        answer = look.answer(question(drawing))
        got, here = answer["seen"], angles(answer["image"], trained)
        assert got["angle"] == pytest.approx(here.min(), abs=1e-2)
        assert np.array_equal(got["image"], x_train[here.argmin()])
        assert got["label"] == y_train[here.argmin()]
        assert (got["compared"], got["digits"]) == (1300, 300)
    usual = look.seen.angles
    assert len(usual) == 1300
    for i in range(0, 1300, 50):
        assert usual[i] == pytest.approx(angles(look.x[i], trained).min(), abs=1e-2)
    assert got["nearer"] == sum(a < np.float32(got["angle"]) for a in usual)
    star = look.answer(question({"strokes": LETTERS["star"]}))["seen"]
    assert star["nearer"] / 1300 > 0.99


def test_before_a_digit_is_compared_it_is_not_said_how_far_a_drawing_is():
    seen = Seen(np.zeros((3, 28, 28), np.uint8), np.zeros(3), most=5)
    assert seen.answer([]) is None


@pytest.mark.slow
def test_strangers_are_told_from_digits_by_the_angle(look):
    """The numbers of the table in seen.py and of the page's text; -s shows them."""
    rng = np.random.default_rng(1)
    (x_train, y_train), (x_test, y_test) = mnist()

    def drawn(figures, times):
        strokes = [as_a_hand(figure, rng) for figure in figures.values() for _ in range(times)]
        return np.array([ink.digit_of(each) for each in strokes])

    turned = np.rot90(x_test[:300][np.isin(y_test[:300], [2, 3, 4, 5, 6, 7, 9])], axes=(1, 2))
    glued = np.concatenate([x_test[:200, :14], x_test[200:400, 14:]], axis=1)
    strangers = {
        "letters and shapes": drawn(LETTERS, 12),
        "scribbles": np.array([ink.digit_of(scribble(rng)) for _ in range(150)]),
        "turned": turned,
        "glued": np.array([ink.centred(x) for x in glued[y_test[:200] != y_test[200:400]]]),
    }
    digits = {"test digits": x_test[8000:], "drawn digits": drawn(GLYPHS, 12)}

    seen = Seen(x_train[:2000], y_train[:2000], most=0)
    learned = []
    for maps in in_batches(look.model, seen.images, 100):
        seen.learn(maps)
        learned.append(maps[23].reshape(len(maps[0]), -1))
    learned = np.concatenate(learned)

    def measures(images):
        """(3, n): how much of a stranger each image is, by three measures."""
        out = []
        for maps in in_batches(look.model, images, 100):
            x = maps[23].reshape(len(maps[0]), -1)
            squares = (x**2).sum(1)[:, None] - 2 * x @ learned.T + (learned**2).sum(1)
            p = tn.loss.softmax(maps[-1].astype(float))
            out.append([1 - p.max(1), squares.min(1), seen.nearest(maps)[0]])
        return np.concatenate(out, axis=1)

    usual, own = (measures(images) for images in digits.values())
    found = {name: measures(images) for name, images in strangers.items()}
    areas = np.array(
        [[above(usual[m], values[m]) for values in found.values()] for m in range(3)]
    )  # of each measure and each kind of stranger
    for row, name in zip(areas, ["softmax", "distance", "angle"], strict=True):
        print(f"\n{name:9}", *(f"{area:.3f}" for area in row), f"mean {row.mean():.3f}", end="")
    parts = {name: values[2] for name, values in found.items()} | {"drawn digits": own[2]}
    for part in (0.9, 0.99):
        beyond = {k: (v > np.quantile(usual[2], part)).mean() for k, v in parts.items()}
        print(f"\nbeyond {part:.0%}:", *(f"{k} {v:.0%}," for k, v in beyond.items()), end="")
    softmax, distance, angle = areas
    assert angle.mean() > max(softmax.mean(), distance.mean()) + 0.01
    assert angle.min() > 0.93
    assert beyond["letters and shapes"] > 0.6 and beyond["drawn digits"] < 0.05


def above(usual, values):
    """How often one of these values lies above a usual one: the area under the ROC curve."""
    return np.searchsorted(np.sort(usual), values).mean() / len(usual)


BAD = {
    "[]": "expected an object with drawing, gradient, pixel",
    '{"drawing": {"digit": 1}}': "expected an object with drawing, gradient, pixel",
    "not JSON": "Expecting value",
    "": "Expecting value",
    "[" * 50_000: "",
    '{"drawing": {}, "gradient": 0, "pixel": 0}': "drawing: expected one of",
    '{"drawing": {"digit": 1, "strokes": []}, "gradient": 0, "pixel": 0}': "drawing: expected one",
    '{"drawing": {"path": "/etc"}, "gradient": 0, "pixel": 0}': "drawing: unknown kind 'path'",
}
BAD_PARTS = [
    ("drawing", {"digit": 10_000}, "digit: expected an integer in 0 … 9999, got 10000"),
    ("drawing", {"digit": -1}, "digit: expected an integer"),
    ("drawing", {"digit": True}, "digit: expected an integer"),
    ("drawing", {"digit": 1.0}, "digit: expected an integer"),
    ("drawing", {"misread_after": "1"}, "misread_after: expected an integer"),
    ("drawing", {"strokes": 5}, "strokes: expected a list"),
    ("drawing", {"strokes": [[]]}, "strokes: expected a list of lists"),
    ("drawing", {"strokes": [[[0.5]]]}, "strokes: expected points"),
    ("drawing", {"strokes": [[[0.5, 1.01]]]}, "strokes: expected points [x, y] in 0 … 1"),
    ("drawing", {"strokes": [[[0.5, float("nan")]]]}, "strokes: expected points"),
    ("drawing", {"strokes": [[[0.5, float("inf")]]]}, "strokes: expected points"),
    ("drawing", {"strokes": [[[0.5, True]]]}, "strokes: expected points"),
    ("drawing", {"strokes": [[[0.5, None]]]}, "strokes: expected points"),
    ("drawing", {"strokes": [[[0, 0]] * 2001]}, "strokes: expected at most 2,000 points"),
    ("gradient", {"of": "loss", "class": 1}, 'gradient: expected of "logit" or "probability"'),
    ("gradient", {"of": ["logit"], "class": 1}, "gradient: expected of"),
    ("gradient", {"of": "logit", "class": 10}, "class: expected an integer in 0 … 9, got 10"),
    ("gradient", {"of": "logit"}, "expected an object with of, class"),
    ("pixel", {"layer": 27, "channel": 0, "row": 0, "column": 0}, "layer: expected an integer in"),
    ("pixel", {"layer": 0, "channel": 8, "row": 0, "column": 0}, "channel: expected an integer"),
    ("pixel", {"layer": 9, "channel": 7, "row": 14, "column": 0}, "row: expected an integer in 0"),
    ("pixel", {"layer": 26, "channel": 0, "row": 0, "column": 1}, "column: expected an integer"),
    ("pixel", [0, 0, 0, 0], "expected an object with layer, channel, row, column"),
]
BAD |= {json.dumps(question() | {part: value}): text for part, value, text in BAD_PARTS}
BAD |= {'{"drawing": {"digit": 1' + "0" * 9999 + '}, "gradient": 0, "pixel": 0}': ""}


@pytest.mark.parametrize("body", BAD, ids=lambda body: body[:70])
def test_a_bad_question_is_answered_with_what_is_wrong(server, body):
    status, _, answer = ask(server, body)
    assert status == 400
    assert BAD[body] in json.loads(answer)["error"]
    assert len(answer) < 400


def test_threads_do_not_mix(look):
    questions = [
        question({"digit": i}, of, k=i % 10, pixel=(i % 26, 0, 0, 0))
        for i in range(12)
        for of in ("logit", "probability")
    ]
    alone = [look.answer(q) for q in questions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(look.answer, questions))
    equal(together, alone)


# -- keep.py --

NAMES = [
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
]


def keep(kept, *digits):
    for k in digits:
        kept.keep({"strokes": GLYPHS[k], "label": k})
    return kept.state()


def test_what_is_kept_is_what_the_network_sees_and_mnist_reads_it(tmp_path):
    folder = tmp_path / "hand"
    state = keep(Kept(folder), 3, 1, 3)
    images = state.pop("images")
    assert state == {"part": "train", "counts": {"train": 3, "test": 0}, "labels": [3, 1, 3]}
    keep(Kept(folder, "test"), 7)
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist(folder)
    assert np.array_equal(x_train, images)
    assert (y_train.tolist(), y_test.tolist()) == ([3, 1, 3], [7])
    for image, k in zip([*x_train, *x_test], [3, 1, 3, 7], strict=True):
        np.testing.assert_array_equal(image, ink.digit_of(as_arrays(GLYPHS[k])), strict=True)
    assert sorted(path.name for path in folder.iterdir()) == [MARK, *NAMES]
    assert "tinynet.datasets.mnist(" in (folder / MARK).read_text("utf-8")


def take_back(kept, index):
    """The last digit for -1, as of a list."""
    count = len(kept.state()["labels"])
    return kept.take_back({"index": index % count, "count": count})


@pytest.fixture(params=["memory", "folder"])
def kept(request, tmp_path):
    return Drawn() if request.param == "memory" else Kept(tmp_path)


def test_any_digit_can_be_taken_back(kept):
    keep(kept, 5, 6, 0, 7)
    for index, label, left in [(1, 6, [5, 0, 7]), (-1, 7, [5, 0]), (0, 5, [0]), (0, 0, [])]:
        state = take_back(kept, index)
        assert (state["label"], state["labels"]) == (label, left)
        for image, k in zip(state["images"], left, strict=True):
            np.testing.assert_array_equal(image, ink.digit_of(as_arrays(GLYPHS[k])), strict=True)
    with pytest.raises(ValueError, match="no digit is kept"):
        kept.take_back({"index": 0, "count": 0})
    assert keep(kept, 2)["labels"] == [2]


def test_a_folder_is_gone_on_with(tmp_path):
    keep(Kept(tmp_path), 5, 6)
    kept = Kept(tmp_path)
    assert keep(kept, 0)["labels"] == [5, 6, 0]
    for _ in range(3):
        take_back(kept, -1)
    assert [path.name for path in tmp_path.iterdir()] == [MARK]


def test_two_clicks_take_back_one_digit(kept):
    keep(kept, 5, 6)
    kept.take_back({"index": 1, "count": 2})
    with pytest.raises(ValueError, match="count: expected 1, as many as are kept"):
        kept.take_back({"index": 1, "count": 2})
    assert kept.state()["labels"] == [5]


def test_both_parts_come_in_an_archive_that_mnist_reads(kept, tmp_path):
    keep(kept, 3, 1)
    assert kept.choose({"part": "test"})["labels"] == []
    state = keep(kept, 7)
    assert (state["part"], state["counts"]) == ("test", {"train": 2, "test": 1})
    with zipfile.ZipFile(io.BytesIO(kept.zipped())) as archive:
        archive.extractall(tmp_path / "out")
    folder = tmp_path / "out" / "my_hand"
    (x_train, y_train), (x_test, y_test) = tn.datasets.mnist(folder)
    assert (y_train.tolist(), y_test.tolist()) == ([3, 1], [7])
    for image, k in zip([*x_train, *x_test], [3, 1, 7], strict=True):
        np.testing.assert_array_equal(image, ink.digit_of(as_arrays(GLYPHS[k])), strict=True)
    assert keep(Kept(folder), 9)["labels"] == [3, 1, 9]  # and --keep goes on with it


def test_an_archive_of_one_part_has_its_two_files(kept):
    keep(kept, 3)
    with zipfile.ZipFile(io.BytesIO(kept.zipped())) as archive:
        assert archive.namelist() == [f"my_hand/{name}" for name in (MARK, NAMES[2], NAMES[3])]


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


CHANGES = [([], None), ([0], None), ([0, 0], None), ([0, 1, 2], None)]  # to keep one more
CHANGES += [([3], 0), ([3, 3], 0), ([3, 3], 1), ([0, 1, 2, 1], 1), ([0, 1, 2, 1], 3)]  # to drop one


@pytest.mark.parametrize("moment", range(6))
@pytest.mark.parametrize("before, dropped", CHANGES)
def test_an_interrupt_at_any_moment_loses_nothing(tmp_path, monkeypatch, before, dropped, moment):
    """Killed before the n-th change to the folder: it is as before, or as it was to become."""
    kept = Kept(tmp_path)
    keep(kept, *before)
    after = [*before, 9] if dropped is None else [*before[:dropped], *before[dropped + 1 :]]
    changes = iter(range(moment))

    def interrupted(function):
        def call(*arguments, **named):
            if next(changes, None) is None:
                raise Killed
            return function(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted(os.replace))
        patch.setattr(Path, "unlink", interrupted(Path.unlink))
        try:
            keep(kept, 9) if dropped is None else take_back(kept, dropped)
            expected = [after]
        except Killed:
            expected = [before, after]
    labels = Kept(tmp_path).state()["labels"]  # which mends it, if need be
    assert labels in expected
    assert [len(part) for part in read_part(tmp_path)] == [len(labels)] * 2
    keep(Kept(tmp_path), 4)
    images, stored = read_part(tmp_path)
    assert stored.tolist() == [*labels, 4]
    for image, k in zip(images, stored, strict=True):
        assert np.array_equal(image, ink.digit_of(as_arrays(GLYPHS[k])))


def read_part(folder):
    """(images, labels) of the part "train", which may be empty; without keep.py."""
    images, labels = (folder / name for name in NAMES[2:])
    if not images.exists() and not labels.exists():
        return [], []
    return read_idx(images, 3), read_idx(labels, 1)


def test_two_threads_keep_all(kept):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: keep(kept, k % 10), range(40)))
    images, labels = (kept.state()[name] for name in ("images", "labels"))
    assert sorted(labels) == sorted([*range(10)] * 4)
    for image, k in zip(images, labels, strict=True):
        assert np.array_equal(image, ink.digit_of(as_arrays(GLYPHS[k])))


def test_after_close_nothing_is_written(tmp_path):
    kept = Kept(tmp_path)
    kept.close()
    thread = threading.Thread(target=keep, args=(kept, 1), daemon=True)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive() and not (tmp_path / NAMES[2]).exists()
    kept.lock.release()
    thread.join()


def foreign_file(folder):
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")


def other_data_set(folder):
    (folder / NAMES[2]).write_bytes(as_idx(np.zeros((2, 28, 28))))
    (folder / NAMES[3]).write_bytes(as_idx(np.zeros(2)))


def damage(name, content):
    def damaged(folder):
        keep(Kept(folder), 1, 2)
        keep(Kept(folder, "test"), 1, 2)
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content(path.read_bytes()))

    return damaged


DAMAGED = {
    "a foreign file": (foreign_file, f"found thesis.txt in it and no {MARK}; give another folder"),
    "another data set": (other_data_set, f"found {NAMES[2]} in it and no {MARK}"),
    "truncated": (damage(NAMES[2], lambda b: b[:-1]), "truncated: expected 1568 bytes"),
    "trailing": (damage(NAMES[3], lambda b: b + b"\0"), "trailing bytes"),
    "no IDX": (damage(NAMES[1], b"hello"), "expected an IDX file"),
    "empty": (damage(NAMES[0], b""), "expected an IDX file"),
    "a label of 10": (damage(NAMES[1], lambda b: b[:-1] + b"\n"), "labels in 0 … 9, got 10"),
    "another size": (
        damage(NAMES[0], as_idx(np.zeros((2, 20, 20)))),
        "expected images of 28×28, got 20×20",
    ),
    "a label too many": (damage(NAMES[3], as_idx(np.zeros(3))), "expected 2 labels"),
    "not what dropping one leaves": (
        damage(NAMES[2], as_idx(np.ones((5, 28, 28)) * np.arange(5)[:, None, None])),
        "expected 5 labels",
    ),
    "two labels less": (damage(NAMES[2], as_idx(np.zeros((4, 28, 28)))), "expected 4 labels"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_foreign_or_damaged_folder_is_refused_and_left_as_it_is(tmp_path, case, capsys):
    make, message = DAMAGED[case]
    make(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SystemExit) as end:  # before anything else is done
        draw.main(draw.parse(["--no-browser", "--keep", str(tmp_path)]))
    assert end.value.code.startswith(f"draw: cannot keep digits in {tmp_path}: ")
    assert message in end.value.code
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="expected a folder, got a file"):
        Kept(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Kept(tmp_path / "a" / "b")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / ".DS_Store").touch()  # as file managers leave them
    assert Kept(tmp_path / "hidden").state()["labels"] == []


def test_a_part_without_a_folder_is_refused(capsys):
    with pytest.raises(SystemExit):
        draw.parse(["--part", "test"])
    assert "--part needs --keep" in capsys.readouterr().err


# -- draw.py: the server --


@contextmanager
def serving(*arguments):
    if WEBASSEMBLY:
        pytest.skip("no sockets in WebAssembly")
    with running(draw.Server(0, *arguments)) as server:
        yield server


@pytest.fixture(scope="module")
def server(look):
    with serving(look) as server:
        yield server


@pytest.fixture
def keeper(look, tmp_path):
    """A server that keeps digits in tmp_path."""
    with serving(look, Kept(tmp_path)) as server:
        yield server


def ask(server, body, path="/look", method="POST", **headers):
    """(status, headers, body). Headers: names with _ for -; None leaves one out."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = body.encode() if isinstance(body, str) else body
    given = {"Host": f"127.0.0.1:{server.port}"}
    if method == "POST":
        given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    result = response.status, response.headers, response.read()
    connection.close()
    return result


def test_the_server_answers_as_look_does(server, look):
    q = question(pixel=(3, 1, 2, 3))
    status, headers, body = ask(server, json.dumps(q))
    assert status == 200 and headers["Content-Type"] == "application/octet-stream"
    equal(from_bytes(body), look.answer(q))


def test_two_questions_go_over_one_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    body = json.dumps(question())
    answers = []
    for _ in range(2):
        connection.request("POST", "/look", body, {"Content-Type": "application/json"})
        answers.append(connection.getresponse().read())
        used = connection.sock
    assert answers[0] == answers[1] and used is not None
    connection.close()


def test_all_files_are_served_under_a_strict_policy(server):
    folder = EXAMPLES / "parts" / "draw_page"
    for path, (name, kind) in draw.FILES.items():
        status, headers, body = ask(server, None, path, "GET")
        assert status == 200, path
        assert body == (folder / name).read_bytes()
        assert headers["Content-Type"] == kind
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "Access-Control-Allow-Origin" not in headers
        # An SVG is named by an address that nothing fetches; lessons are text, to be read.
        if kind not in ("image/svg+xml", "text/plain; charset=utf-8"):
            assert not re.search(rb"https?://", body)
    files = {path.name for path in folder.iterdir() if path.suffix in {".html", ".css", ".js"}}
    assert files <= {name for name, _ in draw.FILES.values()}
    scripts = "".join(path.read_text("utf-8") for path in folder.glob("*.js"))
    assert set(re.findall(r'from "\.(/\w+\.js)"', scripts)) <= set(draw.FILES)
    links = scripts + (folder / "index.html").read_text("utf-8")
    assert set(re.findall(r'["/](\d\d_\w+)["."]', links)) == set(draw.LESSONS)


@pytest.mark.parametrize(
    "host",
    [None, "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"],
)
@pytest.mark.parametrize("method, path", [("GET", "/"), ("POST", "/look")])
def test_other_hosts_are_refused(server, host, method, path):
    host = host and host.format(port=server.port)
    status, _, body = ask(server, json.dumps(question()), path, method, Host=host)
    assert status == 403
    assert "only its own page" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1", "file://", ""],
)
def test_pages_from_elsewhere_are_refused(server, origin):
    origin = origin.format(port=server.port)
    assert ask(server, json.dumps(question()), Origin=origin)[0] == 403
    assert ask(server, None, "/", "GET", Origin=origin)[0] == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_its_own_page_is_answered(server, name):
    here = f"{name}:{server.port}"
    assert ask(server, json.dumps(question()), Host=here, Origin=f"http://{here}")[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_only_json_is_taken(server, kind):
    """A page elsewhere can send other kinds without asking first."""
    assert ask(server, json.dumps(question()), Content_Type=kind)[0] == 415


@pytest.mark.parametrize("length", [str(draw.MOST_BYTES + 1), "9" * 30])
def test_a_large_body_is_refused_unread(server, length):
    status, headers, body = ask(server, b"", Content_Length=length)  # nothing is sent at all
    assert status == 413 and headers["Connection"] == "close"
    assert "131,072 bytes" in json.loads(body)["error"]


@pytest.mark.parametrize("length", [None, "-1", "1e3", "+5", "5 5", "٣", ""])
def test_a_body_needs_a_length(server, length):
    length = length and length.encode()  # as it is, on the way
    assert ask(server, b"", Content_Length=length)[0] == 411


def test_a_body_in_chunks_is_refused(server):
    assert ask(server, b"0\r\n\r\n", Transfer_Encoding="chunked")[0] == 411


def test_a_digit_of_the_most_points_is_small_enough():
    strokes = [[[1 / 3, 0.1 + 0.2]] * 2000]
    assert len(json.dumps(question({"strokes": strokes}))) < draw.MOST_BYTES


@pytest.mark.parametrize(
    "path",
    [
        "/look",
        "/draw.py",
        "/../draw.py",
        "/look.py",
        "/page.js/",
        "/%2e%2e/draw.py",
        "/?x",
        "*",
    ],
)
def test_there_is_nothing_else_to_get(server, path):
    assert ask(server, None, path, "GET")[0] == 404


@pytest.mark.parametrize("path", ["/", "/page.js", "/look/", "/look?x"])
def test_there_is_nothing_else_to_ask(server, path):
    assert ask(server, json.dumps(question()), path)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"])
def test_other_methods_are_refused(server, method):
    status, headers, body = ask(server, None, "/look", method)
    assert status == 501
    assert "Unsupported method" in json.loads(body)["error"]
    assert "Access-Control-Allow-Origin" not in headers


def test_what_is_no_request_is_refused_in_the_same_form(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"one two three four\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert json.loads(answer.splitlines()[-1])["error"]


def test_who_goes_away_early_does_no_harm(server, capfd):
    body = json.dumps(question()).encode()
    head = f"POST /look HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for sent in (head.encode() + body, head.encode() + body[:10], head.encode()[:20]):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            reset = struct.pack("ii", 1, 0)  # closed at once: what the server writes comes back
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            connection.sendall(sent)
    assert ask(server, json.dumps(question()))[0] == 200
    assert capfd.readouterr().err == ""


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    with socket.socket() as other:
        other.settimeout(5)
        # another address of this machine's own, which a server on all addresses would answer at
        assert other.connect_ex(("127.0.0.2", server.port)) != 0


def test_a_port_in_use_is_said_in_a_sentence(server):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "draw.py", "--no-browser", "--port", str(server.port)],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"draw: cannot listen on port {server.port}: ")
    assert "Without --port, a free one is taken." in done.stderr


def test_the_server_keeps_digits_and_takes_them_back(keeper, tmp_path):
    def kept():
        return from_bytes(ask(keeper, None, "/kept", "GET")[2])

    assert kept()["labels"] == kept()["read"] == []
    for k, label in ((4, 4), (8, 8), (4, 9)):
        status, _, body = ask(keeper, json.dumps({"strokes": GLYPHS[k], "label": label}), "/keep")
        assert status == 200
    state = from_bytes(body)
    equal(kept(), state)
    assert (state["labels"], state["read"]) == ([4, 8, 9], [4, 8, 4])  # as the network reads it
    status, _, body = ask(keeper, json.dumps({"index": 1, "count": 3}), "/take_back")
    state = from_bytes(body)
    assert status == 200 and (state["label"], state["read"]) == (8, [4, 4])
    assert read_part(tmp_path)[1].tolist() == [4, 9]
    status, _, body = ask(keeper, json.dumps({"part": "test"}), "/choose")
    assert status == 200 and from_bytes(body)["counts"] == {"train": 2, "test": 0}
    assert from_bytes(body)["labels"] == []


def test_without_a_folder_digits_are_kept_as_long_as_the_server_runs(look, tmp_path):
    with serving(look) as server:
        for k in (1, 7):
            status, _, _ = ask(server, json.dumps({"strokes": GLYPHS[k], "label": k}), "/keep")
            assert status == 200
        status, headers, archive = ask(server, None, "/my_hand.zip", "GET")
    assert status == 200 and headers["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(archive)).testzip() is None
    with serving(look) as server:
        assert from_bytes(ask(server, None, "/kept", "GET")[2])["labels"] == []


def test_kept_digits_are_read_once_each_and_right(look):
    images = np.concatenate([look.x[:40], look.x[5:6]])
    expected = tn.predict_proba(look.model, images).argmax(1).tolist()
    look.readings.clear()
    assert look.read(images[:30]) == expected[:30]
    assert look.read(images) == expected
    assert len(look.readings) == 40


@pytest.mark.parametrize(
    "path, asked, message",
    [
        ("/keep", {"strokes": GLYPHS[1], "label": 10}, "label: expected an integer in 0 … 9"),
        ("/keep", {"strokes": GLYPHS[1], "label": -1}, "label: expected an integer in 0 … 9"),
        ("/keep", {"strokes": GLYPHS[1], "label": True}, "label: expected an integer in 0 … 9"),
        ("/keep", {"strokes": GLYPHS[1], "label": "1"}, "label: expected an integer in 0 … 9"),
        ("/keep", {"strokes": GLYPHS[1]}, "expected an object with strokes, label"),
        ("/keep", {"strokes": [], "label": 1}, "draw a digit first"),
        ("/keep", {"strokes": [[[2, 0]]], "label": 1}, "strokes: expected points"),
        ("/keep", {"strokes": GLYPHS[1], "label": 1, "folder": "/"}, "expected an object with"),
        ("/keep", [], "expected an object with strokes, label"),
        ("/take_back", {"index": 0, "count": 1}, "count: expected 0"),
        ("/take_back", {}, "expected an object with index, count"),
        ("/choose", {"part": "both"}, "part: expected one of train, test, got 'both'"),
        ("/choose", {"part": ["train"]}, "part: expected one of"),
        ("/choose", {}, "expected an object with part"),
    ],
    ids=str,
)
def test_bad_requests_keep_nothing(keeper, tmp_path, path, asked, message):
    status, _, body = ask(keeper, json.dumps(asked), path)
    assert status == 400 and message in json.loads(body)["error"]
    assert [p.name for p in tmp_path.iterdir()] == [MARK]


@pytest.mark.parametrize("path", ["/keep", "/take_back"])
def test_requests_that_change_files_are_checked_as_all_others(keeper, tmp_path, path):
    keep(keeper.kept, 1)
    drawn, dropped = {"strokes": GLYPHS[1], "label": 1}, {"index": 0, "count": 1}
    body = json.dumps(drawn if path == "/keep" else dropped)
    assert ask(keeper, body, path, Origin="http://evil.example")[0] == 403
    assert ask(keeper, body, path, Host="evil.example")[0] == 403
    assert ask(keeper, body, path, Content_Type="text/plain")[0] == 415
    assert ask(keeper, b"", path, Content_Length=str(draw.MOST_BYTES + 1))[0] == 413
    assert ask(keeper, None, path, "GET")[0] == 404
    for own in ("/kept", "/my_hand.zip"):
        assert ask(keeper, None, own, "GET", Origin="http://evil.example")[0] == 403
        headers = ask(keeper, None, own, "GET")[1]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert len(read_part(tmp_path)[1]) == 1


@pytest.mark.parametrize("index", [-1, 2, True, "0", None])
def test_only_a_digit_that_is_there_is_taken_back(kept, index):
    keep(kept, 1, 2)
    with pytest.raises(ValueError, match="index: expected an integer in 0 … 1"):
        kept.take_back({"index": index, "count": 2})
    assert kept.state()["labels"] == [1, 2]


def test_a_folder_that_is_gone_is_said(keeper, tmp_path):
    shutil.rmtree(tmp_path)
    body = json.dumps({"strokes": GLYPHS[1], "label": 1})
    status, _, answer = ask(keeper, body, "/keep")
    assert status == 500 and "expected a folder that exists" in json.loads(answer)["error"]


@pytest.mark.parametrize("value", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_refused(value, capsys):
    with pytest.raises(SystemExit):
        draw.parse(["--port", value])
    assert "--port" in capsys.readouterr().err


@ctrl_c
def test_it_starts_by_one_command_and_ends_by_ctrl_c():
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "draw.py", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    )
    try:
        line = process.stdout.readline()
        address = re.match(r"Draw a digit: http://127\.0\.0\.1:(\d+)/ ", line)
        connection = http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read().startswith(b"<!doctype html>")
        process.send_signal(signal.SIGINT)  # while a connection is open
        out, err = process.communicate(timeout=20)
        connection.close()
    finally:
        process.kill()
    assert (process.returncode, out.strip(), err) == (0, "Ended.", "")
