"""The README's code runs as it stands there, and its commands, and those elsewhere, everywhere."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import shells
from cases import needs_numba
from test_name import texts

import tinynet as tn

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = [ROOT / "README.md", *(ROOT / ".github").glob("*.md")]
TEXTS += [path for folder in ("examples", "tinynet") for path in (ROOT / folder).rglob("*.md")]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@needs_numba
def test_the_network_in_twelve_lines(monkeypatch):
    runs = []
    monkeypatch.setattr(tn, "fit", lambda model, x, y, **settings: runs.append((model, settings)))
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    names = {}
    exec(BLOCKS[0], names)
    assert len(lines) <= 12
    ((network, settings),) = runs
    assert network.model is names["model"]
    assert settings == {**tn.recipes.DEFAULT, "test": settings["test"]}
    assert list(map(repr, names["model"])) == list(map(repr, tn.models.mnist_lite()))


def test_the_loop_without_fit(capsys):
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((4, 1, 28, 28), dtype=np.float32), np.arange(4)
    exec(BLOCKS[1], {"tn": tn, "model": tn.models.mnist_lite(0), "my_batches": [batch] * 3})
    losses = [float(line) for line in capsys.readouterr().out.split()]
    assert len(losses) == 3 and losses[-1] < losses[0]


@needs_numba
def test_a_layer_of_ones_own(capsys):
    names = {}
    exec(BLOCKS[2], names)
    assert "dx" in capsys.readouterr().out
    assert names["model"](np.ones((2, 1, 9, 9), np.float32)).shape == (2, 8, 7, 7)


def anchors(text):
    """What a heading's link on GitHub is called, for all headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", TEXTS, ids=[str(path.relative_to(ROOT)) for path in TEXTS])
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for link in re.findall(
        r"\]\((?!http)([^)]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    ):
        target, _, anchor = link.partition("#")
        # not through the file system: where tinynet is installed, its folder is a link
        file = Path(os.path.normpath(path.parent / target)) if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), link


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


# -- the lines that install, train, test and activate --

# {what: (on Linux and macOS, on Windows)}
WAYS = {
    what: (posix, windows)
    for what, posix, windows in re.findall(
        r"^\| (train|test|activate) \| `(.*?)` \| `(.*?)` \|$", README, re.MULTILINE
    )
}
IN_LESSONS = (  # the lines that make an environment and activate it
    "python3 -m venv .venv && source .venv/bin/activate",
    'cmd /k "py -m venv .venv && .venv\\Scripts\\activate"',
)


def as_on_posix(line):
    """A line for Windows as the one that does the same elsewhere."""
    line = line.replace("\\", "/").replace(".venv/Scripts/", ".venv/bin/")
    line = line.replace(".venv/bin/activate", "source .venv/bin/activate")
    return line.replace("py -m", "python3 -m", 1)


@pytest.mark.parametrize("posix, windows", [*WAYS.values(), IN_LESSONS])
def test_both_shells_of_windows_do_what_the_other_line_does(posix, windows):
    program, option, line = shells.powershell(windows)
    assert program == "cmd" and option in ("/c", "/k")
    if " " in line:  # cmd takes off the quotes around all of it
        assert windows == f'cmd {option} "{line}"'
        assert not re.search(r'["^%<>()@|;,=]|[^& ]&|&[^& ]', line)
    assert shells.cmd(windows) == [program, option, line]
    for step in line.split(" && "):
        assert shells.cmd(step) == step.split()
    assert as_on_posix(line) == posix.replace('"', "")


def test_lessons_have_the_lines_that_make_an_environment():
    lines = (ROOT / "examples" / "lessons" / "README.md").read_text(encoding="utf-8").splitlines()
    assert set(IN_LESSONS) <= set(lines)


def test_the_lines_need_python_alone_and_leave_an_environment_to_activate():
    assert list(WAYS) == ["train", "test", "activate"]
    for posix, windows in (WAYS["train"], WAYS["test"]):
        assert posix.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert windows.startswith('cmd /c "')  # and ends with the program's own exit status
    assert WAYS["activate"][1].startswith("cmd /k ")  # and stays


def test_everything_that_runs_the_tests_runs_the_line_of_the_readme():
    posix, windows = WAYS["test"]
    assert f"\npart '{posix}'\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert re.findall("- run: (.*)", workflow) == [posix, windows]


def test_the_workflow_has_the_oldest_python_and_those_the_readme_names():
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    oldest, newest, on_intel = re.search(
        r"Python (3\.\d+) to (3\.\d+) \(on\s+Intel\s+Macs\s+to\s+(3\.\d+)", README
    ).groups()
    assert f">={oldest}\n" in (ROOT / "setup.cfg").read_text(encoding="utf-8")
    for system in (f'python: ["{oldest}", "{newest}"]', f'macos-15-intel, python: "{oldest}"',
                   f'macos-15-intel, python: "{on_intel}"', f'{{python: "{oldest}", shell: ',
                   f'{{python: "{newest}", shell: '):  # fmt: skip
        assert system in workflow, system


# -- commands that people are told to type --

COMMAND = re.compile(
    r"(?<![\w./\\-])(?:\.venv[/\\]"
    r"|(?:pip3?|py|python3?|jupyter|jupytext) (?:install|wheel|lab|--to|-[mc]|\S+\.py)\b)"
    r"[^\n`]*"
)
POSIX_ALONE = (
    r"&&|\|\||[;<>|$~*]",  # chains (PowerShell 5 has none), pipes, and what only POSIX expands
    r"\s'",  # a quote, which it is not to cmd
    r"^python3\b|^pip3\b|^py\b|\.venv",  # not the active environment's
    r"\\$",  # a line that goes on
)


def told(path, text):
    """The commands in a text, also of a lesson, a docstring or an error message."""
    ways = [way for both in (*WAYS.values(), IN_LESSONS) for way in both]
    for way in sorted(ways, key=len, reverse=True):  # one of them ends as another
        text = text.replace(way, "")
    if path.suffix == ".md":
        return COMMAND.findall(text)
    text = text.replace('\\"', '"')
    # docstrings are seldom pasted by the line, so there a comment may stand behind a command
    return [re.split(r"<|\s+#", command)[0] for command in COMMAND.findall(text)]


def for_posix_alone(command):
    """Whether no shell of Windows, or not the one of macOS, does what this says."""
    bare = re.sub(r'"[^"]*"', '""', command)
    # cmd knows no comments, and zsh none where one types
    return any(re.search(pattern, bare) for pattern in (*POSIX_ALONE, r"\s#"))


def test_commands_are_for_every_shell():
    """But for those that grade on Linux, and those for who develops tinynet."""
    told_by = {
        path.relative_to(ROOT): told(path, text)
        for path, text in texts().items()
        if path.suffix in (".md", ".py", ".html")
        and not {"tests", ".ci", "grading"} & {*path.relative_to(ROOT).parts}
    }
    found = sum(map(len, told_by.values()))
    assert found > 100 and told_by[Path("examples/lessons/README.md")]
    wrong = {str(path): [*filter(for_posix_alone, lines)] for path, lines in told_by.items()}
    assert {path: lines for path, lines in wrong.items() if lines} == {}


@pytest.mark.parametrize("command", [
    "pip install 'onnx'", "python3 -m venv .venv", ".venv/bin/pip install .", "py -m pip list",
    'pip install ".[docs]" && python examples/docs.py', "python a.py > log", "python $HOME/a.py",
    "jupytext --to notebook lessons/*.py", "python -m tinynet.exercise relu ~/relu.py",
    "python examples/research/search.py a=1 \\", "python examples/benchmark.py  # a table",
    "python -c 'import tinynet'",
])  # fmt: skip
def test_what_would_be_found(command):
    (found,) = told(Path("a.md"), f"Do this:\n\n```\n{command}\n```\n")
    assert found == command and for_posix_alone(found)


@pytest.mark.parametrize("command", [
    'pip install ".[docs]"', 'jupytext --to notebook --set-kernel python3 "examples/lessons/*.py"',
    "python -m tinynet.exercise relu", "python -c \"print('a; b')\"", *WAYS["train"], *IN_LESSONS,
])  # fmt: skip
def test_what_would_not(command):
    assert not any(map(for_posix_alone, told(Path("a.md"), f"Type `{command}` there.")))
