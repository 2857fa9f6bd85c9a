"""The documentation: the examples in all docstrings run, and the site has no broken link."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

import tinynet as tn

EXAMPLES = Path(__file__).parent.parent / "examples"
MODULES = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
WITHOUT_EXAMPLE = {"Layer", "Parameter", "FileFormatError", "GradientError", "export_onnx"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name == "tinynet.sklearn":
        pytest.importorskip("sklearn")
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(set(tn.__all__) - WITHOUT_EXAMPLE))
def test_public_names_have_one(name):
    public = getattr(tn, name)
    if not inspect.ismodule(public):
        assert ">>>" in public.__doc__


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


@pytest.mark.slow
def test_the_site_is_whole(tmp_path):
    for package in ("pdoc", "jupytext", "nbclient", "nbconvert", "latex2mathml", "sklearn"):
        pytest.importorskip(package)
    command = [sys.executable, EXAMPLES / "docs.py", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    pages = {path: Page(path) for path in tmp_path.rglob("*.html")}
    lessons = {path.stem for path in (EXAMPLES / "lessons").glob("[0-9]*.py")}
    assert {path.stem for path in pages if path.parent.name == "lessons"} == lessons
    for name in MODULES:
        assert tmp_path / f"{name.replace('.', '/')}.html" in pages
    for path, page in pages.items():
        for target in page.loads:
            assert target.startswith("data:") or (path.parent / target).exists(), (path, target)
        for link in page.links:
            target, fragment = urldefrag(link)
            if target.startswith(("http:", "https:")):
                continue
            there = (path.parent / unquote(target)).resolve() if target else path
            assert there.exists(), (path, link)
            if fragment and there in pages:
                assert unquote(fragment) in pages[there].ids, (path, link)
        if path.parent.name == "lessons":
            assert "math" in page.tags and "img" in page.tags, path
            assert page.tags.count("details") == page.tags.count("summary") >= 3, path
