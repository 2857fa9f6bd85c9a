"""What the site is made of, step by step."""

import pkgutil
import re
import sys
import time
import warnings
from contextlib import contextmanager

import jupytext
import nbclient
import pdoc

import tinynet as tn
from tinynet.exercises import EXERCISES as ORDER

from . import convert
from .pages import BLANKS, EXERCISES, HERE, LESSONS, ROOT, Site, address_of, relative, title_of


def build(folder, names=None):
    """Write the site into a folder, with the lessons whose names begin so; None: with all."""
    started = time.perf_counter()
    paths = chosen(names)
    with step("the reference"):
        modules = write_reference(folder)
    site = Site(folder)
    lessons = write_lessons(site, paths)
    with step("the exercises, and all else"):
        exercises = write_exercises(site)
        write_texts(site)
        write_index(site, lessons, exercises, modules)
        site.finish()
    print(f"The documentation: {folder / 'index.html'} ({time.perf_counter() - started:.0f} s)")


@contextmanager
def step(what):
    """Says what is done, and then how long it took."""
    print(f"{what} … ", end="", flush=True)
    started = time.perf_counter()
    yield
    print(f"{time.perf_counter() - started:.1f} s", flush=True)


def chosen(names):
    """The files of the lessons whose names begin so; of all lessons for None."""
    paths = sorted(LESSONS.glob("[0-9]*.py"))
    if names is None:
        return paths
    for name in names:
        if not any(path.stem.startswith(name) for path in paths):
            have = ", ".join(path.stem for path in paths)
            sys.exit(f"docs: no lesson is called {name}…; there are {have}")
    return [path for path in paths if path.stem.startswith(tuple(names))]


def write_reference(folder):
    """Write the pages of all modules; returns [(name, the first sentence of its text)]."""
    found = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
    names = ["tinynet", *(name for name in found if not name.endswith("__main__"))]
    pdoc.render.configure(template_directory=HERE / "pdoc")
    with warnings.catch_warnings():  # those in tinynet.__all__ are found twice, and written once
        warnings.filterwarnings("ignore", "The module specification", UserWarning)
        pdoc.pdoc(*names, output_directory=folder)
    return [(name, (sys.modules[name].__doc__ or "").strip().split("\n\n")[0]) for name in names]


def write_lessons(site, paths):
    """Run the lessons and write their pages; returns [(address, title, minutes)]."""
    notebooks = [jupytext.read(path) for path in paths]
    heads = [notebook.cells[0].source for notebook in notebooks]
    pages = [(address_of(path), title_of(head)) for path, head in zip(paths, heads, strict=True)]
    for i, (path, notebook) in enumerate(zip(paths, notebooks, strict=True)):
        address, title = pages[i]
        with step(f"lesson {path.stem}"):
            run(notebook)
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    cell.source = site.relinked(cell.source, path.parent, address)
            site.add(address, title, convert.of_notebook(notebook), **neighbours(pages, i))
    times = [re.search(r"\*\*Time:\*\* (.+)", head)[1] for head in heads]
    return [(*page, minutes) for page, minutes in zip(pages, times, strict=True)]


def run(notebook):
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": ROOT}},
        extra_arguments=["--log-level=ERROR"],  # not that it listens unencrypted, on this machine
    ).execute()


def neighbours(pages, i):
    """What comes before and after page i, for the page's links."""
    return {
        "before": pages[i - 1] if i > 0 else None,
        "after": pages[i + 1] if i + 1 < len(pages) else None,
    }


def write_exercises(site):
    """Write a page for each blank; returns [(address, title)]."""
    paths = [BLANKS / f"{name}.py" for name in ORDER]
    pages = [(address_of(path), path.stem) for path in paths]
    for i, path in enumerate(paths):
        address, name = pages[i]
        code = convert.of_python(path.read_text(encoding="utf-8"))
        file = relative(site.copied(path), address)
        body = site.templates.get_template("exercise.html").render(name=name, file=file, code=code)
        site.add(address, f"Exercise: {name}", body, **neighbours(pages, i))
    return pages


def write_texts(site):
    """Write the pages of the texts beside lessons and exercises, and of the page to draw on."""
    for path in [*sorted(LESSONS.glob("*.md")), EXERCISES / "README.md"]:
        site.add_markdown(path)
    text = (HERE / "draw.md").read_text(encoding="utf-8")
    site.add("draw.html", title_of(text), convert.of_markdown(text))


def write_index(site, lessons, exercises, modules):
    body = site.templates.get_template("index.html").render(
        about=tn.__doc__, lessons=lessons, exercises=exercises, modules=modules
    )
    site.add("index.html", "tinynet", body)
