"""The line that says how a stopped run goes on starts it again, pasted into the shell it is for."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import shells
from hypothesis import example, given, settings
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def shell():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield importlib.import_module("parts.shell")


# what Windows has in paths, and much of what shells see in it
CHARACTERS = "ab7 .-_~é漢&%^$`'‘’‚‛“”„–()[]{}!;,=+@#"
PART = st.text(st.sampled_from(CHARACTERS), min_size=1, max_size=8)
ROOT = st.sampled_from(["", ".\\", "..\\", "C:\\", "\\\\server\\share\\"])
FOLDERS = st.builds(lambda root, parts: root + "\\".join(parts), ROOT, st.lists(PART, min_size=1))


def as_near_gives_it(path):
    """A path as it comes from pathlib, and not a name alone."""
    return path if re.match(r"\.|\\\\|C:", path) else f".\\{path}"


def for_each(text):
    """{shell: its line}"""
    named = dict(re.findall("\n  in (cmd|PowerShell): (.*)", text))
    return named or {"cmd": text, "PowerShell": text}


@settings(max_examples=200, deadline=None)
@example(paths=["C:\\Program Files\\python.exe", "C:\\Ann's & Bob's\\a.py", "runs\\50 % off"])
@example(paths=[".venv\\Scripts\\python.exe", "examples\\a.py", "$HOME\\`n\\“both”\\it’s"])
@example(paths=["C:\\a b\\python.exe", "C:\\^a^\\(x86)\\a.py", "%PATH%\\100 %"])
@given(paths=st.lists(FOLDERS, min_size=3, max_size=3))
def test_a_line_on_windows_is_read_as_it_was_meant(shell, paths):
    assert_read_as_meant(shell, paths)


@pytest.mark.parametrize("c", CHARACTERS)
def test_each_character_in_each_word(shell, c):
    for i in range(3):
        for name in (f"{c}a", f"a{c}b", f"a{c}", f"a b{c}"):
            paths = ["C:\\python.exe", "C:\\a.py", "runs\\a"]
            paths[i] = f".\\{name}"
            assert_read_as_meant(shell, paths)


def assert_read_as_meant(shell, paths):
    words = [as_near_gives_it(path) for path in paths]
    words.insert(2, "--resume")
    lines = for_each(shell.for_windows(words))
    assert shells.powershell(lines["PowerShell"]) == words
    if "cmd" in lines:
        assert shells.cmd(lines["cmd"]) == words
    else:
        assert "".join(words).count("%") > 1


@pytest.mark.parametrize("words, line", [
    (["python", "examples/a.py", "--resume", "runs/a-1"],
     "python examples/a.py --resume runs/a-1"),
    (["python", "a.py", "--resume", "my runs/a & b (1)^'s"],
     'python a.py --resume "my runs/a & b (1)^\'s"'),
    (["C:\\Program Files\\python.exe", "é/a.py"],
     '\n  in cmd: "C:\\Program Files\\python.exe" é/a.py'
     '\n  in PowerShell: & "C:\\Program Files\\python.exe" é/a.py'),
    (["python", "a.py", "$x"],
     '\n  in cmd: python a.py "$x"\n  in PowerShell: python a.py \'$x\''),
    (["python", "a.py", "’`"],
     '\n  in cmd: python a.py "’`"\n  in PowerShell: python a.py \'’’`\''),
    (["python", "a.py", "%OS%"], '\n  in PowerShell: python a.py "%OS%"'),
])  # fmt: skip
def test_lines_on_windows(shell, words, line):
    assert shell.for_windows(words) == line


@pytest.mark.parametrize("line", [
    "python a & b.py", "python a.py %PATH%", 'python "a"&b', "python ^a", "bin/python a.py",
    "& python a.py", "python (1).py",
])  # fmt: skip
def test_what_cmd_misreads(line):
    with pytest.raises(shells.Misread):
        shells.cmd(line)


@pytest.mark.parametrize("line", [
    '"C:\\a b\\python" a.py', "python $a", 'python "a`b"', 'python "a $b"', 'python "a"b',
    "python (a)", "python a;b", "python @a", "python a & b", "python 'a", "python {a}",
    "python -a.b",
])  # fmt: skip
def test_what_powershell_misreads(line):
    with pytest.raises(shells.Misread):
        shells.powershell(line)


def test_words_for_programs_on_windows():
    assert shells.argv(r'"a b\c" "d e\\" \"f ""') == ["a b\\c", "d e\\", '"f', ""]
    words = ["p", "a b\\", 'say "a"', "", "\\\\server\\x"]
    assert shells.argv(subprocess.list2cmdline(words)) == words


def test_on_windows_paths_of_arguments_have_slashes(shell, monkeypatch):
    """These are right in Git's bash, too; in cmd a program's name would end at one."""
    monkeypatch.setattr(shell, "WINDOWS", True)
    monkeypatch.setattr(shell, "python", lambda: ".venv\\Scripts\\python.exe")
    line = shell.again(Path("a.py"), "--resume", "runs\\a-1")
    assert line == ".venv\\Scripts\\python.exe ./a.py --resume runs/a-1"


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell reads the line")
@pytest.mark.parametrize("here", ["where it is", "above", "far above", "elsewhere"])
def test_a_line_on_posix_starts_the_program_again(shell, monkeypatch, tmp_path, here):
    above = tmp_path / "it's $HOME & `co`"
    folder = above / "-b “c”"
    folder.mkdir(parents=True)
    program = folder / "print words.py"
    program.write_text("import os, sys\nprint(os.path.abspath(sys.argv[2]))", "utf-8")
    places = {"where it is": folder, "above": above, "far above": tmp_path, "elsewhere": "/"}
    monkeypatch.chdir(places[here])
    line = shell.again(program, "--resume", folder / "-runs")
    assert str(tmp_path) not in line or here == "elsewhere"
    done = subprocess.run(["sh", "-c", line], capture_output=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == (f"{folder / '-runs'}\n", "")


def executable(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


@pytest.mark.skipif(os.name == "nt", reason="executables have .exe there")
def test_python_is_named_as_the_shell_finds_it(shell, monkeypatch, tmp_path):
    ours = executable(tmp_path / ".venv" / "bin" / "python3.12")
    other = executable(tmp_path / "other" / "python3.12")
    monkeypatch.setattr(sys, "executable", str(ours))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{ours.parent}{os.pathsep}{other.parent}")
    assert shell.python() == "python3.12"  # the environment is active
    monkeypatch.setenv("PATH", str(other.parent))
    assert shell.python() == ".venv/bin/python3.12"
    monkeypatch.chdir(ours.parent)
    assert shell.python() == "./python3.12"
    monkeypatch.chdir(other.parent)
    assert shell.python() == str(ours)


def test_no_other_program_quotes_for_a_shell():
    for path in [*EXAMPLES.rglob("*.py"), *(EXAMPLES.parent / "tinynet").rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        assert path.name == "shell.py" or not re.search(r"\bshlex\b|list2cmdline", source), path
