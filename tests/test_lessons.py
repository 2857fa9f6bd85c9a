"""The lessons: each has its parts, and runs, as a script and as a notebook, with its pictures."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba
import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "lessons"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
LESSONS = sorted(FOLDER.glob("*.py"))

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
INTERPRETED = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="hours when interpreted")


TEXT = " [markdown]"
FOLDED = " [markdown] jp-MarkdownHeadingCollapsed=true"  # Jupyter hides what comes below a heading


class Cell(NamedTuple):
    kind: str  # "text" or "code"
    source: str  # of text, without the "# " of each line


def cells(path):
    """[Cell] of a Jupytext percent script."""
    before, *parts = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert not before, "a lesson begins with a cell"
    result = []
    for part in parts:
        mark, source = part.split("\n", 1)
        assert mark in ("", TEXT, FOLDED), f"unknown cell marker: # %%{mark}"
        if mark:
            lines = source.strip().split("\n")
            assert all(line == "#" or line.startswith("# ") for line in lines), part
            result.append(Cell("text", "\n".join(line[2:] for line in lines)))
        else:
            result.append(Cell("code", source.strip() + "\n"))
    return result


def text(path):
    return "\n\n".join(cell.source for cell in cells(path) if cell.kind == "text")


def formulas(words):
    """[formula] between $ signs; what stands in code does not count."""
    words = re.sub(r"`[^`]*`", "", words)
    assert words.count("$") % 2 == 0, "a formula has no end"
    return re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", words, re.DOTALL)


def listed():
    """[name of the file] of the lessons that the README lists."""
    return re.findall(r"^\d+\. \[`(.+)`\]\(\1\): ", README, re.MULTILINE)


def test_the_readme_lists_the_lessons():
    assert LESSONS and listed() == [path.name for path in LESSONS]


@each_lesson
def test_the_header(path):
    header = cells(path)[0]
    assert header.kind == "text"
    number = int(path.name[:2])
    assert re.match(rf"# {number} · \S.+\n\n- \*\*", header.source)
    points = re.findall(r"^- \*\*(\w+):\*\* (.+)$", header.source, re.MULTILINE)
    assert [name for name, _ in points] == ["Time", "Before", "After", "Code"]
    minutes = re.fullmatch(r"(\d+) minutes", points[0][1])
    assert minutes and 15 <= int(minutes[1]) <= 40


@each_lesson
def test_the_derivation(path):
    found = formulas(text(path))
    assert len(found) >= 5 and any(display for display, _ in found)
    shapes = re.findall(r"\([a-z0-9·]+,[a-z0-9·, ]*\)", path.read_text(encoding="utf-8"))
    assert len(shapes) >= 5, "the shapes of arrays, as in (n, c, h, w)"


@each_lesson
def test_the_experiment(path):
    parts = cells(path)
    (start,) = [i for i, c in enumerate(parts) if re.search("^## Experiment", c.source, re.M)]
    code = next(cell for cell in parts[start + 1 :] if cell.kind == "code")
    assert "# Change: " in code.source
    assert re.search(r"\b[Ww]atch\b|\b[Pp]redict\b", parts[start].source), "what to look at"


@each_lesson
def test_questions_have_answers(path):
    headings = re.findall(r"^## (.+)$", text(path), re.MULTILINE)
    assert [name for name in headings if name != "Where to go"][-1] == "Questions"
    last = text(path).split("\n## Questions\n")[1]
    questions = re.findall(r"\*\*Question (\d)\.\*\*", last)
    answers = re.findall(r"(?:\*\*|^### )Answer (\d)", last, re.MULTILINE)
    assert questions == answers == ["1", "2", "3"][: len(questions)] and len(questions) >= 2
    for number in questions:  # in cells of their own, so that one can stop and think in between
        starts = f"**Answer {number}.**", f"### Answer {number}"
        (asked,) = [i for i, c in enumerate(cells(path)) if f"**Question {number}.**" in c.source]
        (told,) = [i for i, c in enumerate(cells(path)) if c.source.startswith(starts)]
        assert asked < told


@each_lesson
def test_the_code_is_portable_and_leaves_nothing(path):
    source = path.read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 10))
    compile(source, path, "exec")
    assert not re.search(r"""["'( ](/(tmp|home|usr|work|Users|mnt)\b|[A-Z]:\\)""", source)
    for word in (".show()", "savefig", "matplotlib.use(", "np.save", "tn.save(", "to_csv"):
        assert word not in source
    assert "%matplotlib" not in source, "a lesson is plain Python, too"


@each_lesson
def test_a_cell_that_draws_shows_the_picture_and_nothing_else(path):
    """In a notebook the value of a cell's last line is shown, such as Text(0.5, 1, 'a title')."""
    for cell in cells(path):
        if cell.kind == "code" and "plt." in cell.source:
            last = ast.parse(cell.source).body[-1]
            if isinstance(last, ast.Expr):
                call = ast.unparse(last.value)
                assert re.match(r"print\(|.*\btight_layout\(|.*\bassert_\w+\(", call), call


def test_links_lead_somewhere():
    for path in [FOLDER / "README.md", *LESSONS]:
        words = README if path.suffix == ".md" else text(path)
        for target in re.findall(r"\]\((?!http)([^)#\s]+)\)", words):
            assert (FOLDER / target).exists(), (path.name, target)


# Runs a lesson as a script, then looks at the figures that it made.
RUNNER = """
import runpy, sys
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

figures, init = [], Figure.__init__

def remember(self, *args, **kwargs):
    init(self, *args, **kwargs)
    figures.append(self)

Figure.__init__ = remember
runpy.run_path(sys.argv[1], run_name="__main__")
assert figures, "no figure"
for figure in figures:
    assert any(axes.has_data() for axes in figure.axes), "an empty figure"
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert np.ptp(np.asarray(canvas.buffer_rgba())) > 0, "a blank picture"
"""


def unexpected(stderr):
    """What is not the notice, on the first run on a machine, that kernels are being compiled."""
    return [line for line in stderr.splitlines() if not line.startswith("tinynet: compil")]


def environment():
    return {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }


@pytest.mark.slow
@INTERPRETED
@each_lesson
def test_a_lesson_runs_as_a_script(path, tmp_path):
    beside = set(FOLDER.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        env=environment(),
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not unexpected(done.stderr), "a warning, or a bar of progress"
    assert done.stdout
    assert not list(tmp_path.iterdir()) and set(FOLDER.rglob("*")) == beside


@pytest.mark.slow
@INTERPRETED
@each_lesson
def test_a_lesson_runs_as_a_notebook(path, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    target = tmp_path / f"{path.stem}.ipynb"
    command = ["--to", "notebook", "--set-kernel", "python3", "--output", target, path]
    subprocess.run([sys.executable, "-m", "jupytext", *command], check=True, capture_output=True)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook's own, which shows pictures
    notebook = nbformat.read(target, as_version=4)
    assert len(notebook.cells) == len(cells(path))
    resources = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=600, resources=resources).execute()  # raises on an error

    pictures = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            assert output.output_type != "error", output
            if output.get("name") == "stderr":
                assert not unexpected(output.text), output
            shown = output.get("data", {})
            if output.output_type == "execute_result":
                assert "image/png" in shown, (cell.source, json.dumps(shown))
            pictures += "image/png" in shown
        drawn = cell.source.count("plt.subplots(")
        if drawn:
            own = [o for o in cell.outputs if "image/png" in o.get("data", {})]
            assert own, f"no picture of: {cell.source}"
    assert pictures
