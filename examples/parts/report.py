"""The page that `mnist_lite.py --report` writes: one training run, in one HTML file.

The file needs nothing else: pictures stand in it as data URIs, and its content security policy
forbids the browser to fetch anything. What it looks like is in report.html.jinja2, which escapes
all that is put into it, such as the path of a folder.
"""

import base64
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path

import jinja2
import matplotlib.image
import numpy as np

import tinynet as tn

MISTAKES = 24  # shown, at most
DIGITS = list("0123456789")
AN = set("8AEFHILMNORSXaefhilmnorsx")  # spoken with a vowel first: an A, an 8
TEMPLATE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("report.html.jinja2")


def write(path, network, history, settings, test, names=DIGITS):
    """Write the page of a run that has ended.

    path: of the file. network: mnist_lite as trained, plain or compiled. history: what `fit`
    returned, with a test after each epoch. settings: {name: value}, shown as they are.
    test: (x, y), the images it was tested on, uint8 (n, h, w), and their labels (n,). names: of
    the classes, each a digit or a letter; None for numbers, of images of anything.
    """
    x, y = test
    p = tn.predict_proba(network, x)  # (n, k)
    noun = called(names)
    names = [str(i) for i in range(p.shape[1])] if names is None else names[: p.shape[1]]
    summary = tn.summary(network, (1, *x.shape[1:]))
    page = TEMPLATE.render(
        noun=noun,
        names=names,
        result=result(history),
        settings=settings | versions(),
        summary=summary,
        layers=[(name, "×".join(map(str, out[1:])), f"{n:,}") for name, out, n in summary.rows],
        curves=curves(history),
        epochs=[epoch_row(epoch) for epoch in history],
        confusion=confusion(y, p.argmax(axis=1), len(names)),
        mistakes=mistakes(x, y, p, names),
        filters=filters(network.leaves()[0]),
        feature_maps=feature_maps(network, x[0], y[0], p[0], names, noun),
    )
    path.write_text(page, encoding="utf-8", errors="replace")  # of a path that is no text


def called(names):
    """The word for one of the images."""
    if names is None:
        return "image"
    kinds = {"digit" if name.isdigit() else "letter" for name in names}
    return kinds.pop() if len(kinds) == 1 else "character"


def result(history):
    accuracies = [epoch["test_accuracy"] for epoch in history]
    best = max(accuracies)
    seconds = sum(epoch["seconds"] for epoch in history)
    return {
        "test accuracy at the end": f"{accuracies[-1]:.2%}",
        f"the best, after epoch {accuracies.index(best) + 1}": f"{best:.2%}",
        "test loss at the end": f"{history[-1]['test_loss']:.4f}",
        f"{len(history)} epochs took": f"{seconds:.1f} s",
    }


def versions():
    """Of what the numbers depend on to the last bit."""
    versions = {"python": platform.python_version(), "tinynet": tn.__version__}
    for name in ("numpy", "numba"):
        with suppress(PackageNotFoundError):  # plain networks need no Numba
            versions[name] = version(name)
    return versions


def curves(history):
    first, last = history[0], history[-1]
    alt = (
        f"Four curves over {len(history)} epochs. The test loss goes from {first['test_loss']:.4f} "
        f"to {last['test_loss']:.4f}, the test accuracy from {first['test_accuracy']:.2%} to "
        f"{last['test_accuracy']:.2%}. Learning rate and momentum follow the one-cycle schedule."
    )
    return picture(tn.plot.history(history), alt)


def epoch_row(epoch):
    names = ("epoch", "loss", "accuracy", "test_loss", "test_accuracy", "lr", "momentum")
    form = ("d", ".4f", ".2%", ".4f", ".2%", ".6f", ".4f")
    return [format(epoch[name], how) for name, how in zip(names, form, strict=True)]


def confusion(labels, predictions, k):
    """How many images with label i were read as j, and how many are read wrong."""
    counts = np.zeros((k, k), int)
    np.add.at(counts, (labels, predictions), 1)
    wrong = counts - np.diag(np.diag(counts))
    return {
        "counts": counts.tolist(),
        "all": len(labels),
        "wrong": int(wrong.sum()),
        "most": int(wrong.max()),
    }


def mistakes(x, labels, p, names):
    """The images themselves, each with what was said about it."""
    return [
        {
            "number": i,
            "src": digit_uri(x[i]),
            "label": f"{names[labels[i]]} ({p[i, labels[i]]:.0%})",
            "read": f"{names[p[i].argmax()]} ({p[i].max():.0%})",
        }
        for i in tn.plot.worst_mistakes(labels, p)[:MISTAKES]
    ]


def filters(conv):
    o, c, h, w = conv.weight.data.shape
    alt = f"The {o * c} kernels of the first layer, {h}×{w} weights each, in colours."
    return picture(tn.plot.filters(conv), alt)


def feature_maps(network, image, label, p, names, noun):
    name, read = names[label], p.argmax()
    article = "an" if name in AN else "a"
    what = f"labelled {name}" if noun == "image" else f"{article} {name}"
    sentence = (
        f"What each layer makes of test {noun} 0, {what}, read as {names[read]} ({p[read]:.0%})."
    )
    return picture(tn.plot.feature_maps(network, image), sentence)


def picture(figure, alt):
    """A matplotlib figure as an image, which on small screens keeps its size."""
    png = BytesIO()
    figure.savefig(png, format="png", dpi=120, bbox_inches="tight")
    return {"src": data_uri(png), "alt": alt, "width": round(80 * figure.get_figwidth())}


def digit_uri(image):
    png = BytesIO()
    grey = np.repeat(255 - image[:, :, None], 3, axis=2)  # (h, w, 3), ink on paper
    matplotlib.image.imsave(png, grey, format="png")
    return data_uri(png)


def data_uri(png):
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
