"""The documentation: the examples in all docstrings run, and the site is whole and readable."""

import doctest
import hashlib
import importlib
import inspect
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import time
import types
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

import numpy as np
import pytest
from cases import INTERPRETED

import tinynet as tn
from tinynet.exercises import EXERCISES

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
WITHOUT_EXAMPLE = {"Layer", "Parameter", "FileFormatError", "GradientError", "export_onnx"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name == "tinynet.sklearn":
        pytest.importorskip("sklearn")
    if name.startswith("tinynet.compiled."):
        pytest.importorskip("numba")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(set(tn.__all__) - WITHOUT_EXAMPLE))
def test_public_names_have_one(name):
    public = getattr(tn, name)
    if not inspect.ismodule(public):
        assert ">>>" in public.__doc__


PACKAGES = (
    "jupytext sphinx myst_nb furo sphinx_copybutton sklearn jupyterlite_pyodide_kernel".split()
)
MATHJAX = "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882"  # tex-svg.js of 3.2.2


@pytest.fixture(scope="module")
def made():
    """parts/site, which makes it; without what it needs the test is skipped."""
    for package in PACKAGES:
        pytest.importorskip(package)
    sys.path.insert(0, str(EXAMPLES))
    from parts.site import build, extension, sources

    return types.SimpleNamespace(build=build, extension=extension, sources=sources)


def test_docstrings_as_restructured_text(made):
    text = """Two words of `p.grad` and `Layer`s, **bold**, x_i, a*b, |x| and a `name of
    two lines`.

        y_i = x_i * 2

    1. first, whose
       second line

           z = 1

    Then:

    >>> print("a_b * c")
    a_b * c"""
    assert made.extension.restructured(inspect.cleandoc(text).split("\n")) == [
        r"Two words of :py:obj:`p.grad` and :py:obj:`Layer`\ s, **bold**, x\_i, a\*b, \|x\| and a "
        "``name of two lines``.",
        "",
        "::",
        "",
        "    y_i = x_i * 2",
        "",
        "1. first, whose",
        "   second line",
        "",
        "   ::",
        "",
        "       z = 1",
        "",
        "Then:",
        "",
        '>>> print("a_b * c")',
        "a_b * c",
        "",
    ]


def test_links_to_files_lead_to_pages(made, tmp_path):
    sources = made.sources.Sources(tmp_path)
    text = (
        "[a](02_loss.py#part) [`b`](../../tinynet/layers) "
        "[c](../../tinynet/exercises/blanks/relu.py) [d](../draw.py) [e](../exercises/README.md) "
        "[f](../../LICENSE) [g](../../tinynet/compiled/README.md) [h](../../tests/exercises) "
        "[i](https://example.org) [j](#here) `[k](none.py)` ![l](../results/mistakes.png)"
    )
    lesson = EXAMPLES / "lessons" / "01_forward.py"
    assert sources.relinked(text, lesson, "lessons/01_forward.ipynb") == (
        "[a](02_loss.ipynb#part) [`b`](../reference/tinynet.layers.md) "
        "[c](../exercises/relu.md) [d](../draw.md) [e](../exercises/index.md) "
        "[f](../files/LICENSE.md) [g](../files/tinynet/compiled/README.md) h "
        "[i](https://example.org) [j](#here) `[k](none.py)` ![l](../results/mistakes.png)"
    )
    assert (tmp_path / "results" / "mistakes.png").exists()
    (tmp_path / "gone.md").touch()
    sources.finish()
    assert not (tmp_path / "gone.md").exists()
    assert "MIT License" in (tmp_path / "files" / "LICENSE.md").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="01_forward.py links to none.py"):
        sources.relinked("[a](none.py)", lesson, "lessons/01_forward.ipynb")


def test_code_with_fences_stays_one_block(made):
    block = made.sources.code("a = '````'\n", "a.py")
    assert block == "`````{code-block} python\na = '````'\n`````\n"
    assert "{code-block} text" in made.sources.code("words\n", "LICENSE")


def test_lessons_are_chosen_by_the_beginning_of_their_names(made):
    chosen = made.sources.chosen
    assert [path.stem for path in chosen(["02", "06_b"])] == ["02_loss", "06_batchnorm"]
    with pytest.raises(SystemExit, match="no lesson is called 99…; there are 01_forward, "):
        chosen(["99"])


def test_hints_are_the_checkers_own(made):
    hints = made.sources.hints_of("relu")
    assert len(hints) == made.sources.HINTS
    assert "lose their sign" in hints[0] and "forward   wrong" in hints[0]
    assert "backward  wrong" in hints[1]
    assert all(hint.endswith("Not right yet.\n") for hint in hints)


def test_outputs_are_kept_for_the_same_tinynet_only(made, tmp_path, monkeypatch):
    monkeypatch.setattr(made.build, "ROOT", tmp_path)
    source = tmp_path / "tinynet" / "layer.py"
    source.parent.mkdir()
    source.write_text("a = 1\n", encoding="utf-8")
    before = made.build.fingerprint()
    (source.parent / "README.md").touch()
    assert made.build.fingerprint() == before
    source.write_text("a = 2\n", encoding="utf-8")
    assert made.build.fingerprint() != before


def notebook(path, code):
    from nbformat import v4, writes

    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [v4.new_code_cell(code)]
    path.write_text(writes(v4.new_notebook(cells=cells, metadata=kernel)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_lessons_run_once_and_one_that_fails_stops_all(made, tmp_path, capsys):
    good = notebook(tmp_path / "01_good.ipynb", "print(1 + 1)")
    made.build.run_lessons([good], tmp_path / "outputs")
    assert re.fullmatch(r"lesson 01_good: [\d.]+ s\n", capsys.readouterr().out)
    bad = notebook(tmp_path / "02_bad.ipynb", "assert 1 + 1 == 3")
    with pytest.raises(SystemExit, match="lesson 02_bad failed:(.|\n)*AssertionError"):
        made.build.run_lessons([good, bad], tmp_path / "outputs")
    said = "1 of 2 lessons have not changed, and are not run again\n"
    assert capsys.readouterr().out == said


def test_the_formulas_script_is_mathjax_as_published(made, tmp_path):
    made.build.copy_mathjax(tmp_path)
    script = (tmp_path / "mathjax.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == MATHJAX


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("style", ["pygments_style", "pygments_dark_style"])
def test_colours_of_code_can_be_read(made, style):
    """At least 4.5 : 1, as WCAG 2 asks (AA)."""
    from pygments.lexers import PythonLexer
    from pygments.styles import get_style_by_name
    from pygments.token import Whitespace

    settings = runpy.run_path(EXAMPLES / "parts" / "site" / "conf.py")
    style = get_style_by_name(settings[style])
    files = (EXAMPLES / "lessons").glob("*.py")
    kinds = {
        kind for path in files for kind, _ in PythonLexer().get_tokens(path.read_text("utf-8"))
    }
    kinds.discard(Whitespace)
    used = {f"#{style.style_for_token(kind)['color']}" for kind in kinds} - {"#None"}
    assert len(used) > 4
    assert all(contrast(colour, style.background_color) >= 4.5 for colour in used), used


class Page(HTMLParser):
    """Where a page leads to, what it loads, and the names of its parts."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.ids, self.tags, self.near = [], [], set(), [], {}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids.add(attributes.get("id"))
        if tag == "link" and attributes.get("rel") in ("prev", "next"):
            self.near[attributes["rel"]] = attributes["href"]
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag != "a":
            self.loads += [attributes[name] for name in ("href", "src") if name in attributes]


class Site:
    """The site, made once for all tests below, where print and paths know ASCII only."""

    def __init__(self, folder):
        command = [sys.executable, EXAMPLES / "docs.py", "--out", folder]
        environment = os.environ | {"PYTHONIOENCODING": "ascii", "MPLBACKEND": "Agg"}
        run = subprocess.run(command, capture_output=True, encoding="ascii", env=environment)
        assert run.returncode == 0, run.stdout + run.stderr
        self.folder, self.printed, self.complained = folder, run.stdout, run.stderr
        self.pages = {
            path: Page(path)
            for path in folder.rglob("*.html")
            if path.parent.name == "try" or folder / "try" not in path.parents  # JupyterLite's own
        }
        self.lessons = sorted(path for path in self.pages if re.match(r"\d\d_", path.name))

    def text(self, address):
        return (self.folder / address).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(made, tmp_path_factory):
    if INTERPRETED:
        pytest.skip("hours when interpreted")
    return Site(tmp_path_factory.mktemp("é日") / "site")


@pytest.mark.slow
def test_the_site_is_whole(site):
    lessons = {path.stem for path in (EXAMPLES / "lessons").glob("[0-9]*.py")}
    assert {path.stem for path in site.lessons} == lessons
    for name in ["tinynet", *MODULES]:
        assert site.folder / "reference" / f"{name}.html" in site.pages
    for name in EXERCISES:
        text = site.text(f"exercises/{name}.html")
        assert name in text and text.count("Not right yet.") == 3
    assert "99.62" in site.text("results/index.html")
    assert not site.complained and "The documentation: " in site.printed
    for name in lessons:
        assert re.search(rf"^lesson {name}: [\d.]+ s$", site.printed, re.MULTILINE)


@pytest.mark.slow
def test_no_link_is_broken(site):
    for path, page in site.pages.items():
        for target in page.loads:
            file = unquote(urlsplit(target).path)  # without ?v=…
            assert target.startswith("data:") or (path.parent / file).exists(), (path, target)
        for link in page.links:
            target, fragment = urldefrag(link)
            if target.startswith(("http:", "https:")):
                continue
            file, query = unquote(urlsplit(target).path), urlsplit(target).query
            there = (path.parent / file).resolve() if file else path
            assert there.exists(), (path, link)
            for notebook in parse_qs(query).get("path", []):  # which JupyterLite opens
                assert (path.parent / "files" / notebook).exists(), (path, link)
            if fragment and there in site.pages:
                assert unquote(fragment) in site.pages[there].ids, (path, link)


@pytest.mark.slow
def test_the_lessons_have_their_parts(site):
    names = ["index.html", *(path.name for path in site.lessons), "glossary.html"]
    for before, name, after in zip(names, names[1:], names[2:], strict=False):
        page = site.pages[site.folder / "lessons" / name]
        near = {way: link.rpartition("/")[2] for way, link in page.near.items()}
        assert near == {"prev": before, "next": after}
        text = site.text(f"lessons/{name}")
        folded = re.findall(r'<details class="folded" id="[\w-]+">\n<summary>(.*)</summary>', text)
        assert folded[:2] == ["What the experiment shows", "Answer 1"] and len(folded) > 2
        assert page.tags.count("img") > 0 and "tinynet: compil" not in text


@pytest.mark.slow
def test_the_lessons_ran_as_notebooks(site):
    """A cell that draws has its picture; nothing else is shown but what is printed."""
    from jupyter_cache import get_cache
    from nbformat import read

    (outputs,) = site.folder.parent.glob(".site-build/outputs-*")
    cache = get_cache(outputs)
    for path in site.folder.parent.glob(".site-build/sources/lessons/*.ipynb"):
        _, ran = cache.merge_match_into_notebook(read(path, as_version=4))
        cells = [cell for cell in ran.cells if cell.cell_type == "code"]
        for cell in cells:
            shown = [output.get("data", {}) for output in cell.outputs]
            pictures = sum("image/png" in data for data in shown)
            assert pictures or "plt.subplots(" not in cell.source, cell.source
            for output, data in zip(cell.outputs, shown, strict=True):
                assert output.output_type != "execute_result" or "image/png" in data, cell.source
                if output.get("name") == "stderr":  # the notice that kernels are being compiled
                    lines = output.text.splitlines()
                    assert all(line.startswith("tinynet: compil") for line in lines), output


def browser_for(folder):
    from test_draw_browser import start_browser

    browser = start_browser(folder)
    if isinstance(browser, str):
        pytest.skip(browser)
    return browser


@pytest.mark.slow
def test_in_a_browser(site, tmp_path):
    browser = browser_for(tmp_path)
    try:
        for width, mobile in ((390, True), (1280, False)):
            size = dict(width=width, height=844, deviceScaleFactor=1, mobile=mobile)
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            check_pages(site, browser)
        check_search(site, browser)
        assert browser.get_log("browser") == []
        for entry in browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]  # chrome: is the browser's own first page
                assert url.startswith(("file:", "data:", "chrome:", "blob:")), url
    finally:
        browser.quit()


LOOK = """
const done = arguments[arguments.length - 1];
for (const box of document.querySelectorAll("details")) box.open = true;
(window.MathJax?.startup?.promise ?? Promise.resolve()).then(() => requestAnimationFrame(() => {
  const wide = [...document.querySelectorAll("article mjx-container")].filter(
    (element) => element.getBoundingClientRect().right > innerWidth);
  done({
    tooWide: document.documentElement.scrollWidth - innerWidth,
    sticksOut: wide.map((element) => element.outerHTML.slice(0, 200)),
    formulas: document.querySelectorAll("article mjx-container").length,
    written: document.querySelectorAll("article .math").length,
    faults: document.querySelectorAll("[data-mml-node=merror]").length,
  });
}));
"""


def check_pages(site, browser):
    """No page is wider than the window, and every formula of the lessons is one."""
    others = ["index", "exercises/index", "exercises/conv2d", "results/index", "lessons/teaching"]
    others += ["lessons/glossary", "reference/index", "reference/tinynet.layers.conv", "readme"]
    for path in [*site.lessons, *(site.folder / f"{name}.html" for name in others)]:
        browser.get(path.as_uri())
        seen = browser.execute_async_script(LOOK)
        assert seen["tooWide"] <= 0 and not seen["sticksOut"] and not seen["faults"], (path, seen)
        assert seen["formulas"] == seen["written"], (path, seen)
        assert seen["formulas"] >= 5 or path not in site.lessons


def check_search(site, browser):
    """From a file, without a server: by keyboard, a word, the results, and the first of them."""
    browser.get((site.folder / "lessons/01_forward.html").as_uri())
    box = browser.find_element("css selector", "input[name=q]")
    browser.execute_script(
        "arguments[0].value = 'overflow softmax'; arguments[0].form.submit()", box
    )
    links = wait(lambda: browser.find_elements("css selector", "#search-results li a"))
    assert any("02_loss.html" in link.get_attribute("href") for link in links)


def wait(condition):
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "the page did not get there"
        time.sleep(0.05)
    return value
