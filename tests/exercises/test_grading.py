"""Grading: points for what is right, and none for what a file does to get them.

tests/exercises/graded.py holds what is handed in, honest and hostile.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import WINDOWS, links, needs_processes
from exercises.answers import NAMES, SOLUTIONS, solutions
from exercises.graded import ANSWERS, HONEST, HOSTILE, RIGHT

from tinynet import exercise
from tinynet.exercises import EXERCISES, asking, grading
from tinynet.exercises.asking import Failed, Limits, array, clean, replies
from tinynet.exercises.diagnose import check
from tinynet.exercises.grading import grade, submissions, tries_of
from tinynet.exercises.run import Unusable, load
from tinynet.exercises.unseen import DRAWN, larger, same_place, twin

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "examples" / "exercises" / "grading"
RELU = EXERCISES["relu"]
shell = pytest.mark.skipif(WINDOWS, reason="a shell script, for Linux machines")


def hand_in(folder, answers):
    """Puts FOLDER/<student>/relu.py there for {student: Answer}."""
    for student, answer in answers.items():
        home = folder / student
        home.mkdir(parents=True)
        named = {"ROOT": ROOT, "FOLDER": home, "EXECUTABLE": sys.executable}
        source = answer.source
        for name, path in named.items():
            source = source.replace(name, Path(path).as_posix())
        (home / "relu.py").write_bytes(source.encode())
    return folder


def points_of(graded):
    return tuple(part.points for part in graded.parts)


def command(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "tinynet.exercise", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )


# -- unseen cases --


def test_every_exercise_has_unseen_cases():
    assert list(DRAWN) == NAMES


def values_of(case):
    return [np.asarray(value) for value in case.arguments.values()]


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_is_of_the_same_kind_and_has_other_numbers(name):
    exercise = EXERCISES[name]
    for case in exercise.tasks[0].cases:
        one, again, other = (twin(exercise, case, np.random.default_rng(s)) for s in (1, 1, 2))
        assert one.what == case.what and one.tolerance == case.tolerance
        assert list(one.arguments) == list(case.arguments)
        for a, b, known in zip(values_of(one), values_of(again), values_of(case), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == known.dtype and a.ndim == known.ndim
        for new in (values_of(one), values_of(again)):
            assert not all(map(np.array_equal, new, values_of(case)))
        assert not all(map(np.array_equal, values_of(one), values_of(other)))


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_are_right_on_unseen_cases(name):
    for task in EXERCISES[name].tasks:
        rng = np.random.default_rng(7)
        cases = [twin(EXERCISES[name], case, rng) for case in task.cases]
        for path in solutions(name):
            assert check(replace(task, cases=cases), load(path)[task.name]) == []


def test_sizes_keep_their_order_and_what_is_equal():
    for seed in range(20):
        n, c, o, one = larger(np.random.default_rng(seed), 3, 3, 5, 1)
        assert one == 1 and n == c < o and n >= 3


@pytest.mark.parametrize(
    "step, place", [(0, "=0"), (4, "peak"), (19, "last"), (1, "up"), (9, "down")]
)
def test_a_step_keeps_its_place_in_the_cycle(step, place):
    for seed in range(20):
        new = same_place(np.random.default_rng(seed), step, 20, 28, 0.25)
        found = {"=0": new == 0, "peak": new == 6, "last": new == 27}
        found |= {"up": 0 < new < 6, "down": 6 < new < 27}
        assert [name for name, yes in found.items() if yes] == [place]


def test_the_order_of_the_tries_tells_nothing_and_comes_from_the_seed():
    task = RELU.tasks[0]
    one, again, other = (
        [(t.case.what, t.unseen, t.dtype) for t in tries_of(RELU, task, np.random.default_rng(s))]
        for s in (1, 1, 2)
    )
    assert one == again != other and sorted(map(str, one)) == sorted(map(str, other))
    assert len(set(one)) == 4 * len(task.cases)


# -- points --


@needs_processes
def test_answers_get_their_points_as_the_readme_shows_them(tmp_path, capsys):
    names = {"ann": "right", "bob": "forward_only", "cy": "wrong_at_zero"}
    names["dee"] = "exits_when_loaded"
    hand_in(tmp_path, {student: ANSWERS[name] for student, name in names.items()})
    assert exercise.main(["--grade", str(tmp_path), "--exercises", "relu"]) == 0
    said = capsys.readouterr().out
    readme = (TEMPLATES.parent / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```\n( +relu +points\n.*?)```", readme, re.DOTALL)[1]
    assert said.startswith(shown)
    graded = [grade("relu", tmp_path / s / "relu.py", seed=4) for s in ("cy", "cy")]
    assert graded[0] == graded[1] and points_of(graded[0]) == (10, 7.5)


@needs_processes
def test_answers_learnt_by_heart_get_nothing(tmp_path):
    known = {
        (a := case.arguments["x"].astype(dtype)).tobytes().hex(): np.maximum(a, 0).tobytes().hex()
        for case in RELU.tasks[0].cases
        for dtype in (np.float64, np.float32)
    }
    path = tmp_path / "relu.py"
    path.write_text(
        f"import numpy as np\nKNOWN = {known!r}\n\ndef forward(x):\n"
        "    y = KNOWN.get(x.tobytes().hex(), '')\n    if not y:\n        return 0 * x\n"
        "    return np.frombuffer(bytes.fromhex(y), x.dtype).reshape(x.shape)\n",
        encoding="utf-8",
    )
    assert [
        f.hint for f in check(RELU.tasks[0], load(path)["forward"])
    ] == []  # the checker is glad
    graded = grade("relu", path, seed=3)
    assert points_of(graded) == (0, 0)
    assert "wrong in 8 of 8 tries; “a few values”, with other numbers" in graded.parts[0].word


@needs_processes
def test_a_file_may_import_another_beside_it_but_not_another_students(tmp_path):
    home = tmp_path / "ann"
    home.mkdir()
    (home / "helper.py").write_text(RIGHT, encoding="utf-8")
    (home / "relu.py").write_text("from helper import *\n", encoding="utf-8")
    assert points_of(grade("relu", home / "relu.py", seed=0)) == (10, 10)
    (tmp_path / "good.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "bad.py").write_text("from good import *\n", encoding="utf-8")
    found, _ = submissions(tmp_path, ["relu"])
    graded = {student: grade("relu", files["relu"], seed=0) for student, files in found.items()}
    assert {s: points_of(g) for s, g in graded.items()} == {"bad": (0, 0), "good": (10, 10)}
    assert "No module named 'good'" in graded["bad"].parts[0].word


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="needs POSIX's root")
def test_roots_process_runs_as_nobody(tmp_path, monkeypatch):
    for python in (sys.executable, "/usr/bin/python3"):
        monkeypatch.setattr(asking.sys, "executable", python)
        asking.other_user.cache_clear()
        if user := asking.other_user():
            break
    else:
        pytest.skip("no Python here that nobody can run with this NumPy")
    path = tmp_path / "relu.py"
    path.write_text(RIGHT.replace("(x, 0)", f"(x, os.getuid() - {user['user']})").replace(
        "import", "import os\nimport", 1), encoding="utf-8")  # fmt: skip
    try:
        assert points_of(grade("relu", path, seed=0)) == (10, 10)
    finally:
        asking.other_user.cache_clear()


@pytest.fixture
def as_on_windows(tmp_path, monkeypatch):
    """Grading without limits of resources, groups of processes, and other users."""
    program = tmp_path / "answering.py"
    source = asking.PROGRAM.read_text(encoding="utf-8")
    program.write_text(f"import sys\nsys.modules['resource'] = None\n{source}", encoding="utf-8")
    monkeypatch.setattr(asking, "PROGRAM", program)
    lacking = ("killpg", "geteuid", "fork", "setsid")
    there = {name: value for name, value in vars(os).items() if name not in lacking}
    monkeypatch.setattr(asking, "os", types.SimpleNamespace(**there | {"name": "nt"}))
    asking.other_user.cache_clear()
    yield
    asking.other_user.cache_clear()


@needs_processes
@pytest.mark.parametrize(
    "name", ["right", "endless", "runs_python", "removes_files", "writes_files"]
)
def test_what_windows_lacks_is_not_needed(name, tmp_path, as_on_windows):
    answer = ANSWERS[name]
    hand_in(tmp_path, {name: answer})
    graded = grade("relu", tmp_path / name / "relu.py", seed=0, limits=Limits(seconds=4))
    assert points_of(graded) == answer.points
    assert any(answer.says in part.word for part in graded.parts)
    assert [path.name for path in (tmp_path / name).iterdir()] == ["relu.py"]


@needs_processes
def test_a_folder_that_a_process_still_has_stays(tmp_path, monkeypatch):
    """As on Windows, where one that was ended may take a moment; the grading goes on."""
    hand_in(tmp_path, {"ann": ANSWERS["right"]})
    kept = []

    def refuse(path, **more):
        kept.append(path)
        raise PermissionError("The process cannot access the file")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refuse)
        assert points_of(grade("relu", tmp_path / "ann" / "relu.py", seed=0)) == (10, 10)
    assert kept


# -- what comes back --


def line(**what):
    return json.dumps(what).encode() + b"\n"


@pytest.mark.parametrize(
    "text, says",
    [
        (b"", "ended (exit code 3) after 0 of 2 calls"),
        (line(not_begun=True), "after 1 of 2 calls"),
        (line(not_begun=True) * 3, "sends what it was not asked for"),
        (line(not_begun=True) * 2 + b"more", "sends what it was not asked for"),
        (line(points=10) * 2, "writes into the answers"),
        (b"[1]\n" * 2, "writes into the answers"),
        (b"{\xff}\n" * 2, "writes into the answers"),
        (b"[" * 10**5 + b"\n", "writes into the answers"),
        (b"9" * 10**5 + b"\n", "writes into the answers"),
        (line(values={}, arguments=[]) * 2, "writes into the answers"),
        (line(unusable="cannot be loaded: \x1b[2J"), "it cannot be loaded: [2J"),
        (line(refused="os.fork"), "no need for (os.fork)"),
    ],
)
def test_what_is_not_as_agreed_is_refused(text, says):
    with pytest.raises(Failed, match=re.escape(says)):
        replies(text, 3, 2)


def test_a_signal_is_named():
    with pytest.raises(Failed, match="signal 9"):
        replies(b"", -9, 2)


def sent(a, **other):
    data = base64.b64encode(a.tobytes()).decode()
    return {"dtype": a.dtype.str, "shape": list(a.shape), "data": data} | other


def test_arrays_come_back_as_they_were():
    for a in (np.arange(6.0).reshape(2, 3), np.float32(3), np.array([True]), np.zeros((0, 2))):
        back = array(sent(np.asarray(a)))
        assert back.dtype == a.dtype and back.shape == a.shape
        np.testing.assert_array_equal(back, a)


@pytest.mark.parametrize(
    "what",
    [
        {}, [], None, 3, "x", {"type": []}, sent(np.zeros(2), dtype="|O"),
        sent(np.zeros(2), dtype=[["f8"]]), sent(np.zeros(2), shape=[3]),
        sent(np.zeros(2), shape=[10**30]), sent(np.zeros(2), shape=[-5, -5]),
        sent(np.zeros(2), shape=[1] * 100 + [2]), sent(np.zeros(2), shape=[1e999]),
        sent(np.zeros(2), shape="22"), sent(np.zeros(2), data=3), sent(np.zeros(2), data="a"),
        sent(np.zeros(2), data="é"), sent(np.zeros(2), data=""), sent(np.zeros(2), data=None),
        sent(np.zeros(2, np.float16)), sent(np.zeros(2, complex)), sent(np.zeros(2, ">f8")),
    ],
)  # fmt: skip
def test_what_is_no_array_gives_words(what):
    assert isinstance(array(what), str)


def test_text_of_strangers_is_one_line_without_control_characters():
    assert clean("a\n  b 20/20\x1b[31m\ud800\u202e") == "a b 20/20 [31m"
    assert len(clean("x" * 1000)) == 200


# -- the folder --


def put(folder, *names, text=RIGHT):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_folder_for_each_student(tmp_path):
    put(tmp_path, "ann/relu.py", "bob/repo/src/relu.py", "bob/.git/relu.py", "cy/a/relu.py")
    put(tmp_path, "cy/b/relu.py", "dan/notes.txt", ".hidden/relu.py", "__MACOSX/relu.py")
    put(tmp_path, "ann/conv2d.py", "ann/helper.py")
    found, names = submissions(tmp_path)
    assert names == ["relu", "conv2d"] and list(found) == ["ann", "bob", "cy", "dan"]
    assert found["ann"]["relu"] == tmp_path / "ann/relu.py"
    assert found["bob"]["relu"] == tmp_path / "bob/repo/src/relu.py"
    assert found["cy"]["relu"] == "there are 2 files relu.py, none of them in the folder itself"
    assert found["dan"]["relu"] == "there is no relu.py"
    assert grading.beside(found["ann"]["relu"], "relu") == [
        tmp_path / "ann/conv2d.py", tmp_path / "ann/helper.py",
    ]  # fmt: skip
    assert submissions(tmp_path, ["sgd", "linear"])[1] == ["linear", "sgd"]


def test_the_folder_of_one_student(tmp_path):
    put(tmp_path, "relu.py", "other/conv2d.py")
    found, names = submissions(tmp_path)
    assert list(found) == [tmp_path.name] and names == ["relu", "conv2d"]
    (tmp_path / "relu.py").unlink()
    found, _ = submissions(tmp_path, ["relu"], one=True)
    assert found == {tmp_path.name: {"relu": "there is no relu.py"}}


@links
def test_links_pipes_and_large_files_are_not_read(tmp_path):
    put(tmp_path, "ann/relu.py", "cy/relu.py", text="#" * (grading.LARGEST_FILE + 1))
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "relu.py").symlink_to(tmp_path / "ann" / "relu.py")
    (tmp_path / "cy" / "relu.py").unlink()
    os.mkfifo(tmp_path / "cy" / "relu.py")
    found, _ = submissions(tmp_path, ["relu"])
    said = [grade("relu", files["relu"], seed=0).parts[0] for files in found.values()]
    assert [part.points for part in said] == [0, 0, 0]
    assert [part.word for part in said] == [
        "relu.py is larger than a megabyte",
        "relu.py is a link, or no file at all",
        "relu.py is a link, or no file at all",
    ]


def test_a_folder_with_nothing_to_grade_is_refused(tmp_path):
    put(tmp_path, "ann/notes.txt")
    for folder, says in ((tmp_path, "nothing to grade"), (tmp_path / "none", "not a folder")):
        with pytest.raises(Unusable, match=says):
            submissions(folder)


# -- the command --


@needs_processes
def test_a_table_json_and_what_gradescope_wants(tmp_path, capsys):
    home = hand_in(tmp_path, {"ann": ANSWERS["forward_only"]}) / "ann"
    reports = tmp_path / "points.json", tmp_path / "results.json"
    wanted = ["--grade", str(home), "--exercises", "relu", "--seed", "5"]
    written = ["--json", str(reports[0]), "--gradescope", str(reports[1])]
    assert exercise.main(wanted + written) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +relu +points\n  ann +10/20 +10/20$", out, re.MULTILINE)
    assert "ann, relu:\n  backward dx: 0 of 10, not begun\n" in out and "--seed 5" in out
    points, results = (json.loads(path.read_text(encoding="utf-8")) for path in reports)
    assert points["seed"] == 5
    (student,) = points["students"]
    assert (student["student"], student["points"], student["out_of"]) == ("ann", 10, 20)
    assert student["exercises"][0]["parts"][1] == {
        "function": "backward", "output": "dx", "points": 0, "word": "not begun", "out_of": 10,
    }  # fmt: skip
    assert results["score"] == 10 == sum(test["score"] for test in results["tests"])
    assert [test["max_score"] for test in results["tests"]] == [10, 10]
    assert results["tests"][1]["name"] == "relu, backward: dx"
    assert results["tests"][1]["output"] == "not begun"
    assert {test["visibility"] for test in results["tests"]} == {"visible"}


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--grade", "."], "nothing to grade in"),
        (["--grade", "none"], "none is not a folder"),
        (["relu", "--grade", "."], "--exercises relu"),
        (["--grade", ".", "--exercises", "gru"], "invalid choice: 'gru'"),
        (["--grade", ".", "--time", "0"], "have to be above 0"),
        (["--grade", ".", "--memory", "-1"], "have to be above 0"),
        (["--grade", ".", "--seed", "-1"], "not below it"),
        (["--grade", ".", "--seed", "x"], "invalid int"),
        (["--grade", ".", "--json", "no/such.json"], "there is no folder no"),
        (["--json", "points.json"], "go with --grade"),
        (["--gradescope", "results.json"], "go with --grade"),
        (["relu", "--exercises", "relu"], "go with --grade"),
    ],
)
def test_wrong_arguments_are_told(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        exercise.main(arguments)
    assert error.value.code == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_where_no_process_can_be_started_it_says_so(tmp_path, monkeypatch, capsys):
    def no_processes(*arguments, **options):
        raise OSError(138, "emscripten does not support processes.")

    put(tmp_path, "relu.py")
    monkeypatch.setattr(asking.subprocess, "Popen", no_processes)
    with pytest.raises(SystemExit) as error:
        exercise.main(["--grade", str(tmp_path)])
    assert error.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "a process of its own, and none can be started here: [Errno 138] emscripten" in said


def test_the_seed_is_drawn_and_told(tmp_path, capsys, monkeypatch):
    put(tmp_path, "relu.py")
    monkeypatch.setattr(grading, "grade", lambda *_: grading.Graded("relu", None, []))
    seeds = set()
    for _ in range(2):
        exercise.main(["--grade", str(tmp_path)])
        seeds.add(re.search(r"--seed (\d+)\.", capsys.readouterr().out)[1])
    assert len(seeds) == 2


# -- templates, and what is installed --


def bash(script, *arguments, folder, **env):
    return subprocess.run(
        ["bash", str(script), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {name: str(value) for name, value in env.items()},
        capture_output=True,
        encoding="utf-8",
    )


@shell
def test_the_template_for_gradescope_writes_results(tmp_path):
    python = tmp_path / "python" / "bin" / "python"  # what setup.sh installs
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    (tmp_path / "results").mkdir()
    put(tmp_path, "submission/relu.py", text=ANSWERS["forward_only"].source)
    script = tmp_path / "run_autograder"
    source = (TEMPLATES / "gradescope" / "run_autograder").read_text(encoding="utf-8")
    script.write_text(source.replace('exercises="conv2d"', 'exercises="relu sgd"'), "utf-8")
    run = bash(script, folder=tmp_path, AUTOGRADER=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    tests = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))["tests"]
    assert [(test["name"], test["score"]) for test in tests] == [
        ("relu, forward: y", 10), ("relu, backward: dx", 0),
        ("sgd, step: p", 0), ("sgd, step: velocity", 0),
    ]  # fmt: skip
    assert tests[2]["output"] == "there is no sgd.py"
    assert bash("-n", TEMPLATES / "gradescope" / "setup.sh", folder=tmp_path).returncode == 0


@shell
def test_the_template_for_github_classroom_gives_what_its_reporter_reads(tmp_path):
    template = TEMPLATES / "github"
    shutil.copytree(template / ".github", tmp_path / ".github")
    put(tmp_path, "relu.py", text=ANSWERS["forward_only"].source)
    workflow = (template / ".github" / "workflows" / "classroom.yml").read_text(encoding="utf-8")
    commands = re.search(r"        run: \|\n((?: {10}.*\n)+)", workflow)[1]
    assert "GRADE_RESULTS: ${{ steps.grade.outputs.result }}" in workflow
    script = tmp_path / "step.sh"
    script.write_text(f'set -e\npython() {{ "{sys.executable}" "$@"; }}\n{commands}', "utf-8")
    output = tmp_path / "output"
    run = bash(
        script, folder=tmp_path, PYTHONPATH=ROOT, EXERCISES="relu", RUNNER_TEMP=tmp_path,
        GITHUB_OUTPUT=output,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    name, _, value = output.read_text(encoding="utf-8").partition("=")
    report = json.loads(base64.b64decode(value))
    assert (name, report["status"], report["max_score"]) == ("result", "fail", 20)
    assert [(test["name"], test["status"], test["message"]) for test in report["tests"]] == [
        ("relu, forward: y", "pass", "10 of 10: right"),
        ("relu, backward: dx", "fail", "0 of 10: not begun"),
    ]


def test_no_answers_are_in_what_is_installed():
    package = Path(exercise.__file__).parent
    installed = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    for solution in SOLUTIONS.glob("*.py"):
        functions = solution.read_text(encoding="utf-8").split("\ndef ")[1:]
        assert functions and not [f for f in functions for text in installed if f in text]
    assert not [path for path in package.rglob("*") if path.name in ("solutions", "wrong", "tests")]


# -- many --


@pytest.mark.slow
def test_a_folder_of_answers_honest_and_hostile(tmp_path):
    folder = hand_in(tmp_path / "answers", ANSWERS)
    report = tmp_path / "points.json"
    limits = "--seed", 1, "--time", 15, "--memory", 600
    run = command("--grade", folder, "--json", report, *limits, folder=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(HOSTILE) >= 30 and len(HONEST) >= 20
    students = json.loads(report.read_text(encoding="utf-8"))["students"]
    assert [s["student"] for s in students] == sorted(ANSWERS)
    got = {s["student"]: tuple(p["points"] for p in s["exercises"][0]["parts"]) for s in students}
    assert got == {name: answer.points for name, answer in ANSWERS.items()}
    said = " ".join(run.stdout.split())
    for name, answer in ANSWERS.items():
        assert " ".join(answer.says.split()) in said, name
    assert (
        not re.search("[\x00-\x09\x0b-\x1f]", run.stdout) and run.stdout.count("forges 20/20") == 1
    )
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == ["relu.py"] * len(ANSWERS)
    some = sorted(set(ANSWERS) - {"endless"})[::5]
    for name in set(ANSWERS) - set(some):
        shutil.rmtree(folder / name)
    command("--grade", folder, "--json", report, *limits, folder=tmp_path)
    again = json.loads(report.read_text(encoding="utf-8"))["students"]
    assert again == [s for s in students if s["student"] in some]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_right_answers_get_all_points(name):
    for path in solutions(name):
        graded = grade(name, path, seed=11)
        assert graded.points == graded.out_of, grading.lost(graded)
