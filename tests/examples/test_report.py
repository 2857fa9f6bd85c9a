"""The page of `mnist_lite.py --report`: its numbers are the run's, and it needs nothing else."""

import base64
import csv
import importlib
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from cases import WINDOWS, write_digits, write_idx

import tinynet as tn

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDER = "some & 'digits'" if WINDOWS else "<some> & 'digits'"  # no name has < there
VOID = {"meta", "img", "br"}  # tags that nothing closes


class Page(HTMLParser):
    """What stands on a page, by section: tables, images, texts; wrong nesting fails."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.section = [], Counter(), None
        self.ids, self.links, self.images = [], [], []
        self.tables, self.text = {}, {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "section":
            self.section = attributes["id"]
            self.text[self.section] = []
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append((self.section, attributes))
        if tag == "table":
            self.tables[self.section] = []
        if tag == "tr":
            self.tables[self.section].append([])
        if tag in ("th", "td"):
            assert tag == "td" or attributes["scope"] in ("row", "col")
            self.tables[self.section][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "th" in self.open or "td" in self.open:
            self.tables[self.section][-1][-1] += data
        elif self.section and data.strip():
            self.text[self.section].append(" ".join(data.split()))  # as a browser shows it


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three epochs on a few digits: (its folder, its page, the test digits)."""
    root = tmp_path_factory.mktemp("report")
    data = write_digits(root / FOLDER, 60, 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        mnist_lite = importlib.import_module("mnist_lite")
        few = ["--epochs=3", "--batch-size=10", "--max-lr=0.02", "--augment=none", "--plain"]
        out = ["--data-dir", str(data), "--out", str(root / "runs")]
        mnist_lite.main(mnist_lite.parse(["--report", "--recipe=quick", *few, *out]))
    (folder,) = (root / "runs").iterdir()
    page = (folder / "report.html").read_text(encoding="utf-8")
    return folder, page, tn.datasets.mnist(data)[1]


def test_the_page_is_whole_and_needs_nothing_else(run):
    _, text, _ = run
    page = Page(text)
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1
    assert page.tags["h2"] == page.tags["section"] == len(page.links) == 8
    assert [link.removeprefix("#") for link in page.links] == page.ids == list(page.text)
    assert len(set(page.ids)) == 8
    for tag in ("script", "link", "iframe", "object", "form"):
        assert page.tags[tag] == 0
    without_pictures = re.sub(r'src="data:[^"]*"', "", text)
    assert not re.search(r"https?:|//|url\(|@import|src=", without_pictures)
    assert "default-src 'none'" in text
    sections = {section for section, _ in page.images}
    assert sections == {"curves", "worst-mistakes", "filters", "feature-maps"}
    for _, image in page.images:
        kind, data = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
        assert image["alt"].strip()


def test_its_numbers_are_those_of_the_run(run):
    folder, text, (x, y) = run
    page = Page(text)
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    accuracies = [float(row["test_accuracy"]) for row in history]
    best = max(accuracies)
    _, *shown, note = page.text["result"]  # after the heading
    assert "to be seen and chose nothing" in note and note in page.text["curves"]
    names, numbers = shown[::2], shown[1::2]
    assert dict(zip(names, numbers, strict=True)) == {
        "test accuracy at the end": f"{accuracies[-1]:.2%}",
        f"the best, after epoch {accuracies.index(best) + 1}": f"{best:.2%}",
        "test loss at the end": f"{float(history[-1]['test_loss']):.4f}",
        "3 epochs took": f"{sum(float(row['seconds']) for row in history):.1f} s",
    }
    settings = dict(page.tables["settings"])
    assert settings["epochs"] == "3" and settings["seed"] == "0" and settings["plain"] == "True"
    assert settings["augment"] == "None" and settings["recipe"] == "quick"
    assert settings["data_dir"].endswith(FOLDER) and settings["run"] == folder.name
    assert settings["numpy"] == np.__version__ and settings["tinynet"] == tn.__version__

    header, *rows = page.tables["curves"]
    names = ["epoch", "loss", "accuracy", "test loss", "test accuracy", "rate", "momentum"]
    assert header == names
    for shown, row in zip(rows, history, strict=True):
        assert shown[0] == row["epoch"]
        assert shown[2] == f"{float(row['accuracy']):.2%}"
        assert shown[4] == f"{float(row['test_accuracy']):.2%}"
        np.testing.assert_allclose(
            [float(shown[i]) for i in (1, 3, 5, 6)],
            [float(row[name]) for name in ("loss", "test_loss", "lr", "momentum")],
            atol=6e-5,
        )

    summary = tn.summary(tn.models.mnist_lite(), (1, 28, 28))
    assert [row[0] for row in page.tables["network"][1:]] == [row[0] for row in summary.rows]
    assert [row[2] for row in page.tables["network"][1:]] == [f"{row[2]:,}" for row in summary.rows]
    assert "11,950 parameters; 2,176,776 multiply-adds" in page.text["network"][1]


def test_its_mistakes_are_those_of_the_saved_weights(run):
    folder, text, (x, y) = run
    page = Page(text)
    model = tn.models.mnist_lite()
    tn.load(model, folder / "weights.npz")
    p = tn.predict_proba(model, x)
    counts = [[0] * 10 for _ in range(10)]
    wrong = []
    for i in range(40):
        read = max(range(10), key=lambda k, i=i: p[i, k])
        counts[y[i]][read] += 1
        if read != y[i]:
            wrong.append((p[i, y[i]], i, read))
    header, *rows = page.tables["confusion-matrix"]
    assert header == ["label", *"0123456789"]
    assert rows == [[str(i), *map(str, counts[i])] for i in range(10)]
    assert f"{len(wrong)} of 40 digits are read wrong" in page.text["confusion-matrix"][1]

    assert len(wrong) > 3  # so that there is something to look at
    captions = page.text["worst-mistakes"][2:]
    images = [image for section, image in page.images if section == "worst-mistakes"]
    expected = sorted(wrong)[:24]
    assert len(images) == len(expected)
    for shown, image, (_, i, read) in zip(
        np.reshape(captions, (-1, 3)), images, expected, strict=True
    ):
        label = f"label {y[i]} ({p[i, y[i]]:.0%})"
        assert shown.tolist() == [f"#{i}", label, f"read as {read} ({p[i, read]:.0%})"]
        np.testing.assert_array_equal(pixels(image["src"]), 255 - x[i])
    read = p[0].argmax()
    sentence = f"test digit 0, a {y[0]}, read as {read} ({p[0, read]:.0%})"
    assert sentence in page.text["feature-maps"][1]


def pixels(uri):
    """The grey values of a PNG in a data URI: (h, w), 0 … 255."""
    from matplotlib.image import imread

    picture = imread(BytesIO(base64.b64decode(uri.split(",")[1])))
    assert (picture[:, :, 0] == picture[:, :, 1]).all()
    return np.round(255 * picture[:, :, 0]).astype(np.uint8)


@pytest.fixture
def report(monkeypatch):
    """The module that writes the page, without pictures of matplotlib, which take a while."""
    monkeypatch.syspath_prepend(EXAMPLES)
    report = importlib.import_module("parts.report")
    monkeypatch.setattr(report, "picture", lambda _, alt: {"src": "data:", "alt": alt, "width": 1})
    return report


ROW = dict(epoch=1, loss=0.5, accuracy=0.9, test_loss=0.1, test_accuracy=1.0)
ROW |= dict(lr=0.0, momentum=0.95, seconds=2.0)
SCRIPT, IMAGE = "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>"


def test_a_run_without_mistakes_and_what_comes_from_outside(report, tmp_path):
    x, y = (a[:12] for a in tn.datasets.mnist()[1])
    hostile = {
        SCRIPT: IMAGE,
        "data_dir": Path("runs") / "<script> & {{ 7 * 7 }}",
        "escaped": "&lt;",
    }
    hostile["a folder's name"] = "no text: \udcff"
    path = tmp_path / "report.html"
    report.write(path, tn.models.mnist_lite(pretrained=True), [ROW], hostile, (x, y))
    page = Page(path.read_text(encoding="utf-8"))
    assert page.text["worst-mistakes"][1] == "All digits are read right."
    assert page.tables["settings"][1:4] == [[a, str(b)] for a, b in hostile.items()][:3]
    assert page.tables["settings"][4] == ["a folder's name", "no text: ?"]
    assert page.tags["script"] == 0
    assert [image["src"] for _, image in page.images] == ["data:"] * 3


def test_names_of_classes_are_escaped_everywhere(report, tmp_path):
    x, y = (a[:12] for a in tn.datasets.mnist()[1])
    names = [f"{i}{SCRIPT}{IMAGE}" for i in range(10)]
    path = tmp_path / "report.html"
    model = tn.models.mnist_lite(rng=0)
    report.write(path, model, [ROW], {}, (x, y), names)
    page = Page(path.read_text(encoding="utf-8"))
    read = tn.predict_proba(model, x).argmax(axis=1)
    wrong = int((read != y).sum())
    assert wrong > 3
    header, *lines = page.tables["confusion-matrix"]
    assert header[1:] == names == [line[0] for line in lines]
    captions = "".join(page.text["worst-mistakes"])
    assert captions.count(SCRIPT + IMAGE) == 2 * wrong
    assert f"a {names[y[0]]}, read as {names[read[0]]}" in page.text["feature-maps"][1]
    alt = [image["alt"] for section, image in page.images if section == "feature-maps"]
    assert alt == page.text["feature-maps"][1:]
    assert page.tags["script"] == 0 and len(page.images) == 3 + wrong


def test_what_the_template_is_not_given_is_no_blank(report):
    jinja2 = importlib.import_module("jinja2")
    with pytest.raises(jinja2.UndefinedError, match="'result' is undefined"):
        report.TEMPLATE.render()


def run_on(root, name, prefix, test, k):
    """A run on random images of k classes, as torchvision keeps them: (its folder, its page)."""
    data = root / name / "raw"
    data.mkdir(parents=True)
    rng = np.random.default_rng(0)
    first = int("letters" in prefix)
    for part, n in (("train", 3 * k), (test, 2 * k)):
        y = rng.permutation(n).astype(np.uint8) % k
        x = rng.integers(0, 256, (n, 28, 28), np.uint8)
        write_idx(data / f"{prefix}{part}-images-idx3-ubyte", x)
        write_idx(data / f"{prefix}{part}-labels-idx1-ubyte", y + np.uint8(first))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        mnist_lite = importlib.import_module("mnist_lite")
        few = ["--epochs=1", "--batch-size=20", "--max-lr=0.02", "--augment=none", "--plain"]
        out = ["--data-dir", str(root / name), "--out", str(root / "runs")]
        mnist_lite.main(mnist_lite.parse(["--report", *few, *out]))
    (folder,) = (root / "runs").iterdir()
    return folder, (folder / "report.html").read_text(encoding="utf-8")


def without_style(text):
    return re.sub(r"<style>.*</style>|class=.digits?.", "", text, flags=re.DOTALL)


@pytest.mark.slow
def test_a_page_of_letters(tmp_path):
    folder, text = run_on(tmp_path, "EMNIST", "emnist-letters-", "test", 26)
    x, y = tn.datasets.mnist(tmp_path)[1]
    page = Page(text)
    names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert "digit" not in without_style(text)
    model = tn.models.mnist_lite(num_classes=26)
    tn.load(model, folder / "weights.npz")
    p = tn.predict_proba(model, x)
    counts = np.zeros((26, 26), int)
    np.add.at(counts, (y, p.argmax(axis=1)), 1)
    header, *rows = page.tables["confusion-matrix"]
    assert header == ["label", *names]
    assert rows == [[names[i], *map(str, counts[i])] for i in range(26)]
    wrong = 52 - counts.trace()
    assert f"{wrong} of 52 letters are read wrong" in page.text["confusion-matrix"][1]
    worst = tn.plot.worst_mistakes(y, p)[0]
    label, read = names[y[worst]], names[p[worst].argmax()]
    captions = page.text["worst-mistakes"][2:5]
    assert captions[0] == f"#{worst}" and captions[1].startswith(f"label {label} (")
    assert captions[2].startswith(f"read as {read} (")
    image = next(image for section, image in page.images if section == "worst-mistakes")
    np.testing.assert_array_equal(pixels(image["src"]), 255 - x[worst])
    assert image["alt"] == f"Test letter {worst}"
    assert re.match(rf"What .* of test letter 0, an? {names[y[0]]}, ", page.text["feature-maps"][1])


@pytest.mark.slow
def test_a_page_of_fashion(tmp_path):
    _, text = run_on(tmp_path, "FashionMNIST", "", "t10k", 10)
    y = tn.datasets.mnist(tmp_path)[1][1]
    page = Page(text)
    assert "digit" not in without_style(text)
    assert page.tables["confusion-matrix"][0] == ["label", *"0123456789"]
    assert "of 20 images are read wrong" in page.text["confusion-matrix"][1]
    assert f"of test image 0, labelled {y[0]}, read as" in page.text["feature-maps"][1]
    assert "multiply-adds for one image." in page.text["network"][1]


def test_only_mnists_digits_are_called_digits(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    is_mnist = importlib.import_module("mnist_lite").is_mnist
    (x, _), _ = tn.datasets.mnist()
    assert is_mnist(x[:5])
    assert not is_mnist(x[1:5]) and not is_mnist(x[:5, :, :27])
    assert not is_mnist(x[:5].transpose(0, 2, 1))


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_package_is_said_before_training(tmp_path, monkeypatch, missing):
    monkeypatch.syspath_prepend(EXAMPLES)
    mnist_lite = importlib.import_module("mnist_lite")
    monkeypatch.delitem(sys.modules, "parts.report", raising=False)
    monkeypatch.delattr(sys.modules["parts"], "report", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    options = mnist_lite.parse(["--report", "--out", str(tmp_path / "runs")])
    words = r"needs matplotlib and Jinja2: pip install matplotlib jinja2$"
    with pytest.raises(SystemExit, match=words):
        mnist_lite.main(options)
    assert not (tmp_path / "runs").exists()
