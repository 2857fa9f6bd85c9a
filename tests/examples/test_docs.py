"""The documentation: the examples in all docstrings run, and the site is whole and readable."""

import doctest
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import time
import types
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import numpy as np
import pytest

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


PACKAGES = ("pdoc", "jupytext", "nbclient", "nbconvert", "math_core", "sklearn")


@pytest.fixture(scope="module")
def made():
    """docs_site, which makes the HTML; without what it needs the test is skipped."""
    for package in PACKAGES:
        pytest.importorskip(package)
    sys.path.insert(0, str(EXAMPLES))
    from parts.docs_site import build, convert, pages, text

    return types.SimpleNamespace(build=build, convert=convert, pages=pages, text=text)


def test_bold_and_boxes_and_fences_of_formulas(made):
    math = made.convert.mathml(r"\mathbf 1 \mathbf 1^T")
    assert math.count("𝟏") == 2  # a bold 1 of Unicode: browsers know no mathvariant="bold"
    math = made.convert.mathml(r"\boxed{\Bigl( x \Bigr)}", display=True)
    assert '<mrow class="box">' in math and "menclose" not in math
    assert re.search('<mo[^>]* minsize="1.6[^>]*>\\(</mo>', math)
    math = made.convert.mathml(r"\left(\frac12\right)")
    assert "<mo>(</mo>" in math  # which stretches, unlike one with stretchy="false"


def test_a_formula_that_cannot_be_read_stops_it(made):
    with pytest.raises(Exception, match="nonsense"):
        made.convert.of_markdown(r"$\nonsense{x}$")


def test_formulas_are_found_in_text_and_not_in_code(made):
    body = made.convert.of_markdown(
        "`$HOME` and $a * b * c$, $x < 1$ and **$d_i$**:\n\n"
        "$$\\begin{matrix}1\\\\\n2\\end{matrix}$$\n\n"
        "| a |\n|:--|\n| $y_i$ |\n\n```\ncost = $5\n```\n"
    )
    assert body.count("<math") == 5 and body.count('<math display="block"') == 1
    assert "<code>$HOME</code>" in body and "cost = $5" in body
    assert "</math>,</span>" in body  # no comma begins a line
    assert "<em>" not in body and "&lt;" in body and body.count("<mtr>") == 2


def test_what_is_folded(made):
    from nbformat.v4 import new_code_cell, new_markdown_cell

    collapsed = {"jp-MarkdownHeadingCollapsed": True}
    cells = [
        new_markdown_cell("## Questions\n\n**Question 1.** Why?"),
        new_markdown_cell("### Answer 1", metadata=collapsed),
        new_markdown_cell("Because."),
        new_code_cell("1 + 1"),
        new_markdown_cell("**Question 2.** Where?"),
        new_markdown_cell("**Answer 2.** There."),
        new_markdown_cell("### What the experiment shows\n\nMuch.", metadata=collapsed),
        new_markdown_cell("## Where to go"),
    ]
    parts = [
        (title, [cell.source.strip() for cell in part if cell.source.strip()])
        for title, part in made.convert.folded(cells)
    ]
    assert parts == [
        (None, ["## Questions\n\n**Question 1.** Why?"]),
        ("Answer 1", ["Because.", "1 + 1"]),
        (None, ["**Question 2.** Where?"]),
        ("Answer 2", ["There."]),
        ("What the experiment shows", ["Much."]),
        (None, ["## Where to go"]),
    ]
    notebook = types.SimpleNamespace(cells=cells)
    assert made.convert.of_notebook(notebook).count("<summary>") == 3


def test_headings_get_names_and_the_text_its_sections(made):
    body, headings = made.text.with_ids(
        "<h1>T</h1><p>One &amp; two</p><h2>What it <em>does</em></h2><p>p<b>q</b></p>"
        "<h3>What it does</h3>"
    )
    assert headings == [(2, "what-it-does", "What it does"), (3, "what-it-does-1", "What it does")]
    assert made.text.Sections(body).found == [
        ["", "", "T One & two"],
        ["what-it-does", "What it does", "pq"],
        ["what-it-does-1", "What it does", ""],
    ]


def test_links_to_files_lead_to_pages(made, tmp_path):
    site = made.pages.Site(tmp_path)
    text = (
        "[a](02_loss.py#part) [`b`](../../tinynet/layers) "
        "[c](../../tinynet/exercises/blanks/relu.py) [d](../draw.py) [e](../exercises/README.md) "
        "[f](../../LICENSE) [g](../../tinynet/compiled/README.md) [h](../../tests/exercises) "
        "[i](https://example.org) [j](#here) `[k](none.py)`"
    )
    assert site.relinked(text, EXAMPLES / "lessons", "lessons/01_forward.html") == (
        "[a](02_loss.html#part) [`b`](../tinynet/layers.html) [c](../exercises/relu.html) "
        "[d](../draw.html) [e](../exercises/index.html) [f](../files/LICENSE) "
        "[g](../files/tinynet/compiled/README.html) h [i](https://example.org) [j](#here) "
        "`[k](none.py)`"
    )
    assert (tmp_path / "files" / "LICENSE").exists()
    with pytest.raises(FileNotFoundError, match="lessons/01_forward.html links to none.py"):
        site.relinked("[a](none.py)", EXAMPLES / "lessons", "lessons/01_forward.html")


def test_lessons_are_chosen_by_the_beginning_of_their_names(made):
    assert [path.stem for path in made.build.chosen(["02", "06_b"])] == ["02_loss", "06_batchnorm"]
    with pytest.raises(SystemExit, match="no lesson is called 99…; there are 01_forward, "):
        made.build.chosen(["99"])


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(one, other):
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("night", [False, True])
def test_colours_can_be_read(made, night):
    """At least 4.5 : 1, as WCAG 2 asks (AA)."""
    from pygments.lexers import PythonLexer
    from pygments.token import Whitespace

    css = (EXAMPLES / "parts" / "docs_site" / "style.css").read_text(encoding="utf-8")
    pairs = re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", css)
    colours = {name: values[night] for name, *values in pairs}
    for name in ("ink", "quiet", "link"):
        for ground in ("ground", "soft"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    assert contrast(colours["ink"], colours["mark"]) >= 4.5
    style = made.convert.Night if night else made.convert.Day
    files = EXAMPLES.rglob("*.py")
    kinds = {
        kind for path in files for kind, _ in PythonLexer().get_tokens(path.read_text("utf-8"))
    }
    kinds.discard(Whitespace)
    used = {f"#{style.style_for_token(kind)['color'] or colours['ink'][1:]}" for kind in kinds}
    assert len(used) > 4
    assert all(contrast(colour, colours["soft"]) >= 4.5 for colour in used), used


class Page(HTMLParser):
    """Where a page leads to, what it loads, and the names of its parts."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.ids, self.tags = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag != "a":
            self.loads += [attributes[name] for name in ("href", "src") if name in attributes]


class Site:
    """The site, made once for all tests below."""

    def __init__(self, folder):
        command = [sys.executable, EXAMPLES / "docs.py", "--out", folder]
        run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        assert run.returncode == 0, run.stderr
        self.folder, self.printed = folder, run.stdout
        self.pages = {path: Page(path) for path in folder.rglob("*.html")}
        self.lessons = sorted(path for path in self.pages if re.match(r"\d\d_", path.name))

    def text(self, address):
        return (self.folder / address).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(made, tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"))


@pytest.mark.slow
def test_the_site_is_whole(site):
    lessons = {path.stem for path in (EXAMPLES / "lessons").glob("[0-9]*.py")}
    assert {path.stem for path in site.lessons} == lessons
    for name in MODULES:
        assert site.folder / f"{name.replace('.', '/')}.html" in site.pages
    for name in EXERCISES:
        assert f"tinynet.exercise {name}</code>" in site.text(f"exercises/{name}.html")
    for path, page in site.pages.items():
        for target in page.loads:
            assert target.startswith("data:") or (path.parent / target).exists(), (path, target)
        for link in page.links:
            target, fragment = urldefrag(link)
            if target.startswith(("http:", "https:")):
                continue
            there = (path.parent / unquote(target)).resolve() if target else path
            assert there.exists(), (path, link)
            if fragment and there in site.pages:
                assert unquote(fragment) in site.pages[there].ids, (path, link)
    for path in site.lessons:
        tags = site.pages[path].tags
        assert {"math", "img"} <= set(tags), path
        assert tags.count("details") == tags.count("summary") >= 3, path
        assert "<summary>Answer 1</summary>" in site.text(f"lessons/{path.name}")
        assert re.search(r"lesson \d\d_\w+ … [\d.]+ s\n", site.printed)


@pytest.mark.slow
def test_lessons_lead_to_their_neighbours(site):
    names = [None, *(path.name for path in site.lessons), None]
    for before, name, after in zip(names, names[1:-1], names[2:], strict=False):
        text = site.text(f"lessons/{name}")
        for way, there in (("prev", before), ("next", after)):
            links = re.findall(rf'<a rel="{way}" href="(.*?)">', text)
            assert links == [there, there] * (there is not None)  # above and below


@pytest.mark.slow
def test_formulas_of_the_lessons(site):
    """No TeX is left, nothing is bold by mathvariant only, and each bold letter is one."""
    for path in site.lessons:
        text = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", site.text(path), flags=re.DOTALL)
        source = (EXAMPLES / "lessons" / f"{path.stem}.py").read_text(encoding="utf-8")
        assert not re.search(r"\\[a-z]{2}|\$|mathvariant=\"bold|menclose", text), path
        assert len(re.findall("[𝐀-𝐳𝟎-𝟗]", text)) >= source.count(r"\mathbf"), path


@pytest.mark.slow
def test_the_index_of_the_search(site):
    start, _, index = site.text("find-index.js").partition(" = ")
    sections = json.loads(index.rstrip(";\n"))
    assert start == "window.SECTIONS"
    for title, address, heading, text in sections:
        path, fragment = urldefrag(address)
        assert not fragment or fragment in site.pages[site.folder / path].ids
        assert title and bool(fragment) == bool(heading) and "base64" not in text
    found = {address for _, address, _, text in sections if "one-cycle" in text}
    assert any(address.startswith("lessons/07_sgd.html#") for address in found)


def browser_for(site, folder):
    from test_draw_browser import start_browser

    browser = start_browser(folder)
    if isinstance(browser, str):
        pytest.skip(browser)
    return browser


@pytest.mark.slow
def test_in_a_browser(site, tmp_path):
    browser = browser_for(site, tmp_path)
    try:
        for width, mobile in ((1280, False), (390, True)):
            size = dict(width=width, height=844, deviceScaleFactor=1, mobile=mobile)
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            check_layout(site, browser)
        check_formulas(site, browser)
        check_search(site, browser)
        assert not browser.get_log("browser")
        for entry in browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]  # chrome: is the browser's own first page
                assert url.startswith(("file:", "data:", "chrome:")), url
    finally:
        browser.quit()


def check_layout(site, browser):
    """No page of the lessons is wider than the window."""
    for path in [*site.lessons, site.folder / "index.html", site.folder / "exercises/index.html"]:
        browser.get(path.as_uri())
        wide = "return document.documentElement.scrollWidth - innerWidth"
        assert browser.execute_script(wide) <= 0, path


def check_formulas(site, browser):
    """The box is drawn, brackets grow with what is in them, and the font is the site's."""
    browser.get((site.folder / "lessons/06_batchnorm.html").as_uri())
    border, bracket, letter, font = browser.execute_script("""
        await document.fonts.ready;
        const box = document.querySelector("mrow.box");
        const height = (tag, text) => [...box.querySelectorAll(tag)]
          .find((element) => element.textContent === text).getBoundingClientRect().height;
        return [getComputedStyle(box).borderTopWidth, height("mo", "("), height("mi", "m"),
          document.fonts.check("16px 'tinynet math'")];
    """)
    assert border != "0px" and bracket > 1.5 * letter and font


def check_search(site, browser):
    """By keyboard: a word, the results, the first of them; an answer opens when led to."""
    browser.get((site.folder / "lessons/01_forward.html").as_uri())
    browser.find_element("id", "search").send_keys("overflow softmax")
    links = wait(lambda: browser.find_elements("css selector", "#found a"))
    assert "02_loss.html" in links[0].get_attribute("href")
    assert re.search(r"\d+ sections?", browser.find_element("id", "count").text)
    assert browser.find_element("css selector", "#found mark").text.lower() in (
        "overflow",
        "softmax",
    )
    browser.find_element("id", "search").send_keys("\n")
    wait(lambda: "02_loss.html" in browser.current_url)


def wait(condition):
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline, "the page did not get there"
        time.sleep(0.05)
    return value
