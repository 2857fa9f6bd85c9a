"""The lessons: each has its parts, and runs, as a script and as a notebook, with its pictures."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from cases import INTERPRETED

import tinynet as tn
from tinynet.exercises import EXERCISES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "lessons"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
LESSONS = sorted(FOLDER.glob("*.py"))

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
COMPILED = pytest.mark.skipif(INTERPRETED, reason="hours when interpreted")


TEXT = " [markdown]"
FOLDED = " [markdown] jp-MarkdownHeadingCollapsed=true"  # Jupyter hides what comes below a heading


class Cell(NamedTuple):
    kind: str  # "text", "folded" (a heading above what is hidden at first) or "code"
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
            kind = "folded" if mark == FOLDED else "text"
            result.append(Cell(kind, "\n".join(line[2:] for line in lines)))
        else:
            result.append(Cell("code", source.strip() + "\n"))
    return result


def text(path):
    return "\n\n".join(cell.source for cell in cells(path) if cell.kind != "code")


def minutes_to_read(path):
    """180 words a minute, half a minute for a formula on a line of its own, 15 lines of code."""
    words = re.sub(r"\$\$.+?\$\$", "", text(path), flags=re.DOTALL).split()
    displayed = sum(bool(display) for display, _ in formulas(text(path)))
    code = [cell.source for cell in cells(path) if cell.kind == "code"]
    lines = [line for source in code for line in source.split("\n") if line.strip()]
    return len(words) / 180 + displayed / 2 + len(lines) / 15


def formulas(words):
    """[formula] between $ signs; what stands in code does not count."""
    words = re.sub(r"`[^`]*`", "", words)
    assert words.count("$") % 2 == 0, "a formula has no end"
    return re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", words, re.DOTALL)


def listed():
    """[name of the file] of the lessons that the README lists."""
    return re.findall(r"^\d+\. \[`(.+)`\]\(\1\): ", README, re.MULTILINE)


def test_the_readme_lists_the_lessons():
    assert LESSONS and [path.name for path in LESSONS] == listed()


@each_lesson
def test_the_header(path):
    header = cells(path)[0]
    assert header.kind == "text"
    number = int(path.name[:2])
    assert re.match(rf"# {number} · \S.+\n\n- \*\*", header.source)
    points = re.findall(r"^- \*\*(\w+):\*\* (.+)$", header.source, re.MULTILINE)
    assert [name for name, _ in points] == ["Time", "Before", "After", "Code"]
    minutes = re.fullmatch(r"(\d+) minutes", points[0][1])
    assert minutes and 15 <= int(minutes[1]) <= 45
    assert abs(int(minutes[1]) - minutes_to_read(path)) <= 5, minutes_to_read(path)


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
def test_questions_have_answers_that_are_folded(path):
    parts = cells(path)
    last = text(path).split("\n## Questions\n")[1]
    questions = re.findall(r"\*\*Question (\d)\.\*\*", last)
    assert questions == ["1", "2", "3"][: len(questions)] and len(questions) >= 2
    # All questions stand in one cell, so that one can stop and think; then come the answers.
    (asked,) = [i for i, cell in enumerate(parts) if "**Question 1.**" in cell.source]
    assert all(f"**Question {number}.**" in parts[asked].source for number in questions)
    folded = [(i, cell.source) for i, cell in enumerate(parts) if cell.kind == "folded"]
    answers = [f"### Answer {number}" for number in questions]
    assert [words for _, words in folded] == ["### What the experiment shows", *answers]
    assert asked + 1 == folded[0][0], "nothing stands between the questions and the answers"
    (way,) = [i for i, cell in enumerate(parts) if cell.source.startswith("## Where to go\n")]
    starts = [i for i, _ in folded] + [way]
    for start, end in zip(starts, starts[1:], strict=False):
        hidden = parts[start + 1 : end]
        assert any(cell.kind == "text" for cell in hidden), parts[start].source
        for cell in hidden:  # a heading would end what is hidden
            assert cell.kind == "code" or not re.search("^#{1,6} ", cell.source, re.MULTILINE)


@each_lesson
def test_it_says_where_to_go(path):
    headings = re.findall(r"^## (.+)$", text(path), re.MULTILINE)
    assert headings[-2:] == ["Questions", "Where to go"]
    (last,) = [cell.source for cell in cells(path) if "## Where to go" in cell.source]
    ways = re.findall(r"^- \*\*(\w+?)s?:\*\* ((?:.|\n  )+)", last, re.MULTILINE)
    assert [name for name, _ in ways] == ["Exercise", "Draw", "Next"]
    exercise, draw, following = (" ".join(words.split()) for _, words in ways)
    exercises = re.findall(r"\(\.\./\.\./tinynet/exercises/blanks/(\w+)\.py\)", exercise)
    assert exercise.startswith("none") or f"python -m tinynet.exercise {exercises[0]}" in exercise
    assert "(../draw.py)" in draw and "python examples/draw.py" in draw
    after = listed()[listed().index(path.name) + 1 :]
    assert not after or f"]({after[0]})" in following, f"expected a link to {after[:1]}"


def test_the_teachers_notes_speak_of_every_lesson_and_exercise():
    notes = (FOLDER / "TEACHING.md").read_text(encoding="utf-8")
    schedule, by_lesson, homework = (
        notes.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for name in ("Schedule", "Lesson by lesson", "Homework")
    )
    assert re.findall(r"^\| +\d+ \| \[.+?\]\((.+?)\)", schedule, re.MULTILINE) == listed()
    told = re.split(r"^### (\d+) · .+$", by_lesson, flags=re.MULTILINE)[1:]
    assert [int(number) for number in told[::2]] == [int(name[:2]) for name in listed()]
    for words in told[1::2]:
        assert all(f"\n*{part}" in words for part in ("Aim:*", "Experiment", "They think*")), words
    rows = re.findall(
        r"^\| \[`(\w+)`\]\(\.\./\.\./tinynet/exercises/blanks/\1\.py\) \| (\d+) \|", homework, re.M
    )
    points = {
        name: 10 * sum(len(task.outputs.split()) for task in exercise.tasks)
        for name, exercise in EXERCISES.items()
    }
    assert {name: int(number) for name, number in rows} == points and len(rows) == len(points)
    set_as_homework = set(re.findall(r"\(\.\./\.\./tinynet/exercises/blanks/(\w+)\.py\)", schedule))
    assert set_as_homework == set(EXERCISES)
    for target in re.findall(r"\]\((?!http)([^)#]+)", notes):
        assert (FOLDER / target).exists(), target


def test_the_glossary_names_lessons_in_which_the_words_stand():
    glossary = (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| \[(\d+)\]\((\S+)\) \| (.+) \|$", glossary, re.MULTILINE
    )
    assert len(rows) > 30
    named = set()
    for of_the_field, ours, number, target, meaning in rows:
        assert target in listed() and int(target[:2]) == int(number), target
        words = " ".join((FOLDER / target).read_text(encoding="utf-8").replace("\n# ", " ").split())
        for word in [of_the_field, *ours.split(", ")]:
            assert word == "–" or word.lower() in words.lower(), (word, target)
        assert of_the_field not in named and len(meaning.split()) <= 40, of_the_field
        named.add(of_the_field)
    assert [row[0].lower() for row in rows] == sorted(row[0].lower() for row in rows)


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


def test_words_in_formulas_hold_no_commands():
    r"""MathJax shows \text{fan\_in} with its backslash; \mathrm{fan\_in} is right everywhere."""
    for path in [*FOLDER.glob("*.md"), *LESSONS]:
        assert not re.findall(r"\\text\{[^}]*\\", path.read_text(encoding="utf-8")), path


def test_links_lead_somewhere():
    for path in [*FOLDER.glob("*.md"), *LESSONS]:
        words = path.read_text(encoding="utf-8") if path.suffix == ".md" else text(path)
        for target in re.findall(r"\]\((?!http)([^)#\s]+)\)", words):
            assert (FOLDER / target).exists(), (path.name, target)


@pytest.fixture
def optimisers():
    """The classes of lesson 8, from the one cell that defines them."""
    (cell,) = [c for c in cells(FOLDER / "08_optimisers.py") if "class AdamW" in c.source]
    names = {"np": np, "tn": tn}
    exec(cell.source, names)
    return names


@pytest.mark.parametrize("cycled", [False, True], ids=["constant", "one-cycle"])
@pytest.mark.parametrize(
    "name, settings",
    [
        ("RMSProp", {}),
        ("Adam", {}),
        ("Adam", {"weight_decay": 0.1}),
        ("AdamW", {"weight_decay": 0.1}),
    ],
)
def test_the_optimisers_of_lesson_8_step_as_pytorchs_do(optimisers, name, settings, cycled):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, curvature = rng.standard_normal((3, 4)), np.geomspace(0.01, 100, 12).reshape(3, 4)
    ours, theirs = tn.Parameter(start.copy()), torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = optimisers[name]([ours], lr=0.02, **settings)
    expected = getattr(torch.optim, name.replace("RMSP", "RMSp"))([theirs], lr=0.02, **settings)
    if cycled:
        settings = dict(max_lr=0.1, total_steps=40, cycle_momentum=name != "RMSProp")
        schedule = tn.OneCycleLR(optimizer, **settings)
        expected_schedule = torch.optim.lr_scheduler.OneCycleLR(expected, **settings)
    for _ in range(40):
        noise = rng.standard_normal((3, 4))
        ours.grad = curvature * ours.data + noise
        theirs.grad = torch.from_numpy(curvature) * theirs.detach() + torch.from_numpy(noise)
        optimizer.step()
        expected.step()
        if cycled:
            schedule.step()
            expected_schedule.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_the_optimisers_of_lesson_8_keep_float32(optimisers):
    for name in ("RMSProp", "Adam", "AdamW"):
        p = tn.Parameter(np.ones(3, np.float32))
        p.grad = np.ones(3, np.float32)
        data = p.data
        optimisers[name]([p], lr=0.1).step()
        assert p.data is data and data.dtype == np.float32 and (data < 1).all(), "in place"


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
    assert any(axes.has_data() or axes.texts for axes in figure.axes), "an empty figure"
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert np.ptp(np.asarray(canvas.buffer_rgba())) > 0, "a blank picture"
"""


def unexpected(stderr):
    """What is not the notice, on the first run on a machine, that kernels are being compiled."""
    return [line for line in stderr.splitlines() if not line.startswith("tinynet: compil")]


def environment():
    """In ASCII, of all that can be printed the least; the same lesson as a notebook has UTF-8."""
    more = {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    return os.environ | more


@pytest.mark.slow
@COMPILED
@each_lesson
def test_a_lesson_runs_as_a_script(path, tmp_path):
    beside = set(FOLDER.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, path],
        capture_output=True,
        encoding="ascii",
        cwd=tmp_path,
        env=environment(),
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not unexpected(done.stderr), "a warning, or a bar of progress"
    assert done.stdout
    assert not list(tmp_path.iterdir()) and set(FOLDER.rglob("*")) == beside
