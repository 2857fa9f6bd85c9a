"""The page that `mnist_lite.py --report` writes: one training run, in one HTML file.

The file needs nothing else: pictures stand in it as data URIs, and its content security policy
forbids the browser to fetch anything. What comes from outside, such as the path of a folder, is
escaped wherever it is put into HTML.
"""

import base64
import platform
from contextlib import suppress
from html import escape
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO

import matplotlib.image
import numpy as np

import tinynet as tn

MISTAKES = 24  # shown, at most
MANY = 12  # classes, more than which make a table of small cells
DIGITS = list("0123456789")
SEEN = (
    "The tests after each epoch are there to be seen and chose nothing: the weights are those at "
    "the end. The best of several tests is too good to be reported as the result."
)
AN = set("8AEFHILMNORSXaefhilmnorsx")  # spoken with a vowel first: an A, an 8


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
    sections = {
        "Result": result(history),
        "Settings": table("Settings", ("setting", "value"), (settings | versions()).items()),
        "Network": layers(network, x.shape[1:], noun),
        "Curves": curves(history),
        "Confusion matrix": confusion(y, p.argmax(axis=1), names, noun),
        "Worst mistakes": mistakes(x, y, p, names, noun),
        "Filters": filters(network.leaves()[0]),
        "Feature maps": feature_maps(network, x[0], y[0], p[0], names, noun),
    }
    links, body = [], []
    for heading, content in sections.items():
        name = heading.lower().replace(" ", "-")
        links.append(f'<li><a href="#{name}">{heading}</a></li>')
        body.append(f'<section id="{name}">\n<h2>{heading}</h2>\n{content}\n</section>')
    page = PAGE.format(style=STYLE, links="\n".join(links), body="\n".join(body))
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
    numbers = {
        "test accuracy at the end": f"{accuracies[-1]:.2%}",
        f"the best, after epoch {accuracies.index(best) + 1}": f"{best:.2%}",
        "test loss at the end": f"{history[-1]['test_loss']:.4f}",
        f"{len(history)} epochs took": f"{seconds:.1f} s",
    }
    items = [f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers.items()]
    return f'<dl class="numbers">{"".join(items)}</dl>\n<p>{SEEN}</p>'


def versions():
    """Of what the numbers depend on to the last bit."""
    versions = {"python": platform.python_version(), "tinynet": tn.__version__}
    for name in ("numpy", "numba"):
        with suppress(PackageNotFoundError):  # plain networks need no Numba
            versions[name] = version(name)
    return versions


def layers(network, shape, noun):
    summary = tn.summary(network, (1, *shape))
    rows = [(name, "×".join(map(str, out[1:])), f"{n:,}") for name, out, n in summary.rows]
    return (
        f"<p>{summary.total_params:,} parameters; {summary.multiply_adds:,} multiply-adds "
        f"for one {noun}.</p>\n"
        + table("Network", ("layer", f"output of one {noun}", "parameters"), rows)
    )


def curves(history):
    first, last = history[0], history[-1]
    alt = (
        f"Four curves over {len(history)} epochs. The test loss goes from {first['test_loss']:.4f} "
        f"to {last['test_loss']:.4f}, the test accuracy from {first['test_accuracy']:.2%} to "
        f"{last['test_accuracy']:.2%}. Learning rate and momentum follow the one-cycle schedule."
    )
    names = ("epoch", "loss", "accuracy", "test_loss", "test_accuracy", "lr", "momentum")
    form = ("d", ".4f", ".2%", ".4f", ".2%", ".6f", ".4f")
    rows = [
        [format(epoch[name], how) for name, how in zip(names, form, strict=True)]
        for epoch in history
    ]
    header = [name.replace("_", " ").replace("lr", "rate") for name in names]
    return (
        f"<p>{SEEN}</p>\n"
        + picture("Curves", tn.plot.history(history), alt)
        + f"<details><summary>As a table</summary>\n{table('Epochs', header, rows)}</details>"
    )


def confusion(labels, predictions, names, noun):
    """A table: a row for each label, a column for what it was read as."""
    k = len(names)
    counts = np.zeros((k, k), int)
    np.add.at(counts, (labels, predictions), 1)
    wrong = counts - np.diag(np.diag(counts))
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = []
    for i in range(k):
        cells = []
        for j, count in enumerate(counts[i]):
            if i == j:
                look = 'class="right"'
            elif count:
                look = f'style="--share: {0.7 * count / wrong.max():.2f}"'  # of orange
            else:
                look = 'class="none"'
            cells.append(f"<td {look}>{count}</td>")
        rows.append(f'<tr><th scope="row">{names[i]}</th>{"".join(cells)}</tr>')
    look = "confusion many" if k > MANY else "confusion"
    content = (
        f'<table class="{look}"><thead><tr><th scope="col"><span class="hidden">label</span></th>'
        f"{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table>"
    )
    return (
        f"<p>{wrong.sum():,} of {len(labels):,} {noun}s are read wrong. Rows: the label; columns: "
        "what it was read as; the more orange, the more often.</p>\n"
    ) + scroll("Confusion matrix", content)


def mistakes(x, labels, p, names, noun):
    """The images themselves, each with what was said about it."""
    worst = tn.plot.worst_mistakes(labels, p)[:MISTAKES]
    if len(worst) == 0:
        return f"<p>All {noun}s are read right.</p>"
    items = []
    for i in worst:
        label, read = labels[i], p[i].argmax()
        items.append(
            f'<figure><img class="digit" src="{digit_uri(x[i])}" alt="Test {noun} {i}">'
            f"<figcaption>#{i}<br>label {names[label]} ({p[i, label]:.0%})<br>"
            f"read as {names[read]} ({p[i, read]:.0%})</figcaption></figure>"
        )
    return (
        f"<p>The {len(worst)} whose label got the smallest probability, the worst first.</p>\n"
        f'<div class="digits">{"".join(items)}</div>'
    )


def filters(conv):
    o, c, h, w = conv.weight.data.shape
    alt = f"The {o * c} kernels of the first layer, {h}×{w} weights each, in colours."
    return picture("Filters", tn.plot.filters(conv), alt)


def feature_maps(network, image, label, p, names, noun):
    name, read = names[label], p.argmax()
    article = "an" if name in AN else "a"
    what = f"labelled {name}" if noun == "image" else f"{article} {name}"
    sentence = (
        f"What each layer makes of test {noun} 0, {what}, read as {names[read]} ({p[read]:.0%})."
    )
    figure = tn.plot.feature_maps(network, image)
    return f"<p>{sentence}</p>\n" + picture("Feature maps", figure, sentence)


# -- HTML --


def table(name, header, rows):
    """A table whose first column names the rows; header and cells are text, and escaped."""
    head = "".join(f'<th scope="col">{escape(str(column))}</th>' for column in header)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>')
    body = "\n".join(lines)
    return scroll(name, f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>")


def picture(name, figure, alt):
    """A matplotlib figure as an image, which on small screens keeps its size."""
    png = BytesIO()
    figure.savefig(png, format="png", dpi=120, bbox_inches="tight")
    width = 80 * figure.get_figwidth()  # pixels of the page
    image = f'<img src="{data_uri(png)}" alt="{escape(alt)}" style="width: {width:.0f}px">'
    return scroll(name, image, "paper")


def scroll(name, content, look=""):
    """What may be wider than the screen; keyboards can scroll it, and screen readers name it."""
    return (
        f'<div class="scroll {look}" tabindex="0" role="region" aria-label="{name}">{content}</div>'
    )


def digit_uri(image):
    png = BytesIO()
    grey = np.repeat(255 - image[:, :, None], 3, axis=2)  # (h, w, 3), ink on paper
    matplotlib.image.imsave(png, grey, format="png")
    return data_uri(png)


def data_uri(png):
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A training run of tinynet</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>A training run of tinynet</h1>
<nav aria-label="Sections"><ul>
{links}
</ul></nav>
{body}
</main>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --back: #fff; --faint: #666; --line: #ddd;
  --link: #0061a8; --wrong: 213, 94, 0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --back: #161616; --faint: #a5a5a5; --line: #3c3c3c; --link: #7cc0f5; }
  .paper, .digit { filter: brightness(0.88); }
}
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.5rem; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 0.2rem 0; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
.numbers div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.numbers dt { color: var(--faint); font-size: 0.85rem; }
.numbers dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: normal; color: var(--faint); }
tr > :first-child { text-align: left; padding-left: 0; white-space: nowrap; }
#settings th, #settings td { text-align: left; vertical-align: top; overflow-wrap: anywhere; }
#settings td { min-width: 10rem; }
.confusion th, .confusion td { text-align: center; padding: 0.3rem; min-width: 2.2rem;
  border: 1px solid var(--line); }
.confusion.many { font-size: 0.7rem; }
.confusion.many th, .confusion.many td { min-width: 0; padding: 0.1rem 0.2rem; }
@media (max-width: 30rem) {
  .confusion { font-size: 0.75rem; }
  .confusion th, .confusion td { min-width: 0; padding: 0.3rem 0.15rem; width: 2rem; }
}
.confusion td { background: rgba(var(--wrong), var(--share, 0)); }
.confusion tr > :first-child { text-align: center; padding: 0.3rem; }
.confusion .right { font-weight: bold; }
.confusion .none { color: var(--faint); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.paper { background: #fff; border-radius: 6px; width: fit-content; max-width: 100%; }
.paper img { display: block; height: auto; }
.digits { display: grid; gap: 0.75rem;
  grid-template-columns: repeat(auto-fill, minmax(6.9rem, 1fr)); }
figure { margin: 0; font-size: 0.78rem; }
.digit { width: 84px; image-rendering: pixelated; border: 1px solid var(--line); display: block; }
summary { cursor: pointer; padding: 0.5rem 0; }
"""
