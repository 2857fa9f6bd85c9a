"""The pages as Sphinx reads them: files of the repository, with links that lead to pages."""

import contextlib
import csv
import importlib
import inspect
import io
import os
import pkgutil
import re
import sys
from pathlib import Path, PurePosixPath

import jupytext
import nbformat
from pygments.lexers import find_lexer_class_for_filename

import tinynet as tn
from tinynet.exercise import BLANKS, check
from tinynet.exercises import EXERCISES
from tinynet.exercises.run import importable

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
LESSONS, RESULTS = EXAMPLES / "lessons", EXAMPLES / "results"
ANSWERS = ROOT / "tests"  # the folder in which `exercises` holds answers to the exercises
PAGES = {  # of files that have one of their own
    ROOT / "README.md": "readme.md",
    ROOT / "tinynet" / "README.md": "reading.md",
    LESSONS / "README.md": "lessons/index.md",
    LESSONS / "GLOSSARY.md": "lessons/glossary.md",
    LESSONS / "TEACHING.md": "lessons/teaching.md",
    EXAMPLES / "exercises" / "README.md": "exercises/index.md",
    RESULTS / "README.md": "results/index.md",
    EXAMPLES / "draw.py": "draw.md",
}
LINK = re.compile(  # code, or [label](path#fragment) to a file
    r"(```.*?```)|\[((?:`[^`]*`|[^\]`])*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)|(`[^`\n]*`)",
    re.DOTALL,
)
HINTS = 3  # shown on the page of an exercise


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


def write_sources(folder, run):
    """Write the sources of all pages; returns the notebooks of the lessons that are to be run."""
    sources = Sources(folder)
    notebooks = [write_lesson(sources, path, run) for path in chosen(None)]
    write_texts(sources)
    for name in EXERCISES:
        write_exercise(sources, name)
    write_reference(sources)
    sources.finish()
    return [path for path in notebooks if path is not None]


class Sources:
    """A folder of pages' sources. `write` writes one; `finish` those that others have linked to.

    A source that stays the same is not written again, so that Sphinx knows its page is made.
    """

    def __init__(self, folder):
        self.folder = folder
        self.written = set()
        self.linked = {}  # {source of a page: the file of the repository that it shows}

    def write(self, source, text):
        return self._put(source, text.encode())

    def copy(self, path, source):
        self._put(source, path.read_bytes())

    def _put(self, source, content):
        path = self.folder / source
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        self.written.add(path)
        return path

    def relinked(self, markdown, path, source):
        """The Markdown of a file of the repository with its links to others made links from a page
        of the site: to their pages, or to a copy of the file."""

        def replace(match):
            _, label, target, fragment, _ = match.groups()
            if target is None:  # code
                return match[0]
            file = (path.parent / target).resolve()
            if not file.exists():
                raise FileNotFoundError(f"{path} links to {target}, which is not there")
            there = self.at(file)
            if there is None:
                return label
            link = PurePosixPath(os.path.relpath(there, os.path.dirname(source) or "."))
            return f"[{label}]({link}{fragment or ''})"

        return LINK.sub(replace, markdown)

    def template(self, name, source):
        """The text of a page, to be filled in."""
        path = HERE / name
        return self.relinked(path.read_text(encoding="utf-8"), path, source)

    def at(self, path):
        """The source of the page of a file or folder of the repository; None for a folder that has
        no text about it."""
        if path.is_dir() and not module(path):
            path = path / "README.md"
            if not path.exists():
                return None
        source = source_of(path)
        if path.suffix in {".png", ".svg"}:
            self.copy(path, source)
        elif source.startswith("files/"):
            self.linked[source] = path
        return source

    def finish(self):
        shown = set()
        while left := self.linked.keys() - shown:
            for source in sorted(left):
                self.write_file(source, self.linked[source])
            shown |= left
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.written:
                path.unlink()  # of a file that has gone since

    def write_file(self, source, path):
        """Write the page that shows a file of the repository."""
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            text = self.relinked(text, path, source)
        else:
            text = f"# {path.relative_to(ROOT).as_posix()}\n\n{code(text, path.name)}"
        self.write(source, f"---\norphan: true\n---\n\n{text}")


def source_of(path):
    """The source of the page of a file or a package of the repository."""
    if path in PAGES:
        return PAGES[path]
    if path.parent == LESSONS and path.suffix == ".py":
        return f"lessons/{path.stem}.ipynb"
    if path.parent == BLANKS and path.stem in EXERCISES:
        return f"exercises/{path.stem}.md"
    if path.parent == RESULTS and path.suffix == ".png":
        return f"results/{path.name}"
    if module(path):
        return f"reference/{module(path)}.md"
    inside = path.relative_to(ROOT).as_posix()
    return f"files/{inside}" if path.suffix in {".md", ".png", ".svg"} else f"files/{inside}.md"


def module(path):
    """The name of the module of tinynet that a file or a folder is, or None."""
    inside = path.relative_to(ROOT)
    if inside.parts[:1] != ("tinynet",) or path.stem == "__main__" or BLANKS in path.parents:
        return None
    if path.is_dir():
        return ".".join(inside.parts) if (path / "__init__.py").exists() else None
    if path.suffix != ".py":
        return None
    inside = inside.parent if path.stem == "__init__" else inside.with_suffix("")
    return ".".join(inside.parts)


def code(text, name):
    """A block of code, in the colours of a file of that name."""
    lexer = find_lexer_class_for_filename(name)
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", text))])
    return f"{fence}{{code-block}} {lexer.aliases[0] if lexer else 'text'}\n{text}{fence}\n"


def toctree(pages):
    lines = "\n".join(pages)
    return f"\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{lines}\n```\n" if pages else ""


def write_lesson(sources, path, run):
    """Write the notebook of a lesson; returns its path if it is to be run, else None."""
    notebook = jupytext.read(path)
    source = source_of(path)
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"  # which is drawn at random otherwise
        if cell.cell_type == "markdown":
            cell.source = sources.relinked(cell.source, path, source)
            if cell.metadata.get("jp-MarkdownHeadingCollapsed"):
                cell.source = "{.folded}\n" + cell.source
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    if path not in run:
        notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        notebook.metadata["mystnb"] = {"execution_mode": "off"}
    written = sources.write(source, nbformat.writes(notebook))
    return written if path in run else None


def write_texts(sources):
    """Write the first page, and those of the texts beside lessons, exercises and results."""
    below = {
        "lessons/index.md": [path.stem for path in chosen(None)],
        "exercises/index.md": [f"{name} <{name}>" for name in EXERCISES],
    }
    for path, source in PAGES.items():
        if path.suffix == ".md":
            text = sources.relinked(path.read_text(encoding="utf-8"), path, source)
            if source == "results/index.md":
                text += tables()
            sources.write(source, text + toctree(below.get(source, [])))
    sources.copy(HERE / "draw.md", "draw.md")
    page = sources.template("index.md", "index.md")
    sources.write("index.md", page.format(lessons="".join(map(row_of, chosen(None)))))


def row_of(path):
    """A row of the table of lessons: the title, the time, the exercises."""
    text = path.read_text(encoding="utf-8")
    title = re.search(r"^# # (.+)", text, re.MULTILINE)[1]
    time = re.search(r"\*\*Time:\*\* (.+)", text)[1]
    names = re.findall(r"blanks/(\w+)\.py\)", text.partition("## Where to go")[2])
    exercises = ", ".join(f"[{name}](exercises/{name}.md)" for name in names)
    return f"| [{title}]({source_of(path)}) | {time} | {exercises} |\n"


def tables():
    """The runs of examples/results, a table for each file."""
    return "\n## Every run\n" + "".join(
        f"\n### {path.name}\n\n{table(path)}" for path in sorted(RESULTS.glob("*.csv"))
    )


def table(path):
    """A table of the runs in a CSV file, without the column of settings, which is wide."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file)]
    shown = [i for i, name in enumerate(rows[0]) if name != "settings"]
    lines = [[row[i].replace("_", r"\_") for i in shown] for row in rows]
    lines.insert(1, [":--"] + ["--:"] * (len(shown) - 1))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_exercise(sources, name):
    """Write the page of an exercise: its blank, and some of the hints that wrong answers get."""
    blank = BLANKS / f"{name}.py"
    sources.copy(blank, f"exercises/{blank.name}")
    hints = "".join(f"\n```{{code-block}} text\n{text}```\n" for text in hints_of(name))
    page = sources.template("exercise.md", f"exercises/{name}.md")
    text = blank.read_text(encoding="utf-8")
    page = page.format(name=name, code=code(text, blank.name), hints=hints)
    sources.write(f"exercises/{name}.md", page)


def hints_of(name):
    """What the checker prints of wrong answers: of the first that the tests have for a function."""
    with importable(ANSWERS):
        wrong = importlib.import_module("exercises.answers").wrong_answers(name)
    tasks = [task.name for task in EXERCISES[name].tasks]
    by_task = [[answer for answer in wrong if answer.task == task] for task in tasks]
    picked = [answers[i] for i in range(HINTS) for answers in by_task if i < len(answers)][:HINTS]
    return [said_of(name, answer) for answer in picked]


def said_of(name, answer):
    def not_begun(*arguments):
        raise NotImplementedError

    functions = dict.fromkeys([task.name for task in EXERCISES[name].tasks], not_begun)
    functions[answer.task] = answer.function
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        check(name, *functions.values())
    return printed.getvalue()


def write_reference(sources):
    """Write a page for each module, and the one that lists them: in the bar beside every page they
    would be most of it, and of the time that the pages take."""
    found = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
    names = ["tinynet", *(name for name in found if not name.endswith("__main__"))]
    for name in names:
        sources.write(f"reference/{name}.md", f"---\norphan: true\n---\n\n{reference(name)}")
    rows = "".join(f"| [`{name}`]({name}.md) | {about(name)} |\n" for name in names)
    page = (HERE / "reference.md").read_text(encoding="utf-8").format(modules=rows)
    sources.write("reference/index.md", page)


def about(name):
    """The first sentence of a module's text."""
    text = (importlib.import_module(name).__doc__ or "").strip().split("\n\n")[0]
    return " ".join(text.split()).replace("|", r"\|")


def reference(name):
    """The page of a module, whose docstrings the extension beside this file reads."""
    page = f"# {name}\n\n[All modules](index.md)\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"
    if name == "tinynet":
        rows = "".join(f"| {place(public)} |\n" for public in tn.__all__)
        page += f"\n| | |\n|:--|:--|\n{rows}"
    return page


def place(name):
    """Where a public name of tinynet is described, and what it is."""
    public = getattr(tn, name)
    if inspect.ismodule(public):
        return f"[`tn.{name}`]({public.__name__}.md) | {about(public.__name__)}"
    first = inspect.getdoc(public).split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
    return f"{{py:obj}}`tn.{name} <{public.__module__}.{public.__qualname__}>` | {first}"
