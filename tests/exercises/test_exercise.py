"""The exercises' checker: right answers pass, and every mistake gets its own hint.

tests/exercises holds the answers: solutions/ right ones in several styles, wrong/ wrong ones with
what the hint has to say.
"""

import functools
import inspect
import itertools
import os
import re
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from cases import needs_threads
from exercises.answers import NAMES, SOLUTIONS, solutions, wrong_answers

import tinynet as tn
from tinynet import exercise
from tinynet.exercise import check_answers, check_file, report
from tinynet.exercises import EXERCISES, arguments
from tinynet.exercises import run as running
from tinynet.exercises.answer import close
from tinynet.exercises.diagnose import check
from tinynet.exercises.run import NotBegun, call, load
from tinynet.exercises.task import in_dtype, named

ROOT = Path(__file__).parents[2]
# without it no program starts on Windows
NEEDED = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
README = ROOT / "examples" / "exercises" / "README.md"
WRONG = [(name, wrong) for name in NAMES for wrong in wrong_answers(name)]
MANY = 10  # variants of a mistake: if there are more, they differ in a small number alone
TASKS = {(name, task.name): task for name in NAMES for task in EXERCISES[name].tasks}


def text_of(findings):
    return "\n".join(line for f in findings for line in (f"{f.about}: {f.hint}", *f.evidence))


# -- right answers --


@pytest.mark.parametrize(
    "name, path", [(name, path) for name in NAMES for path in solutions(name)], ids=str
)
def test_right_answers_pass(name, path):
    results, printed = check_file(EXERCISES[name], path)
    assert [text_of(result.findings) for result in results] == [""] * len(results)
    assert all(result.state == "right" for result in results)


def test_there_are_two_styles_of_answers_or_more():
    assert all(len(solutions(name)) >= 2 for name in NAMES)
    assert len(solutions("conv2d")) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_passes_and_is_called_like_the_blank(name):
    blank = load(exercise.BLANKS / f"{name}.py")
    for task in EXERCISES[name].tasks:
        assert check(task, task.reference) == []
        assert list(inspect.signature(blank[task.name]).parameters) == task.argument_names
        doc = blank[task.name].__doc__
        returned = task.output_names if len(task.output_names) > 1 else []
        assert all(output in doc for output in returned)


# -- wrong answers --


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, wrong", WRONG, ids=[f"{name}-{wrong.function.__name__}" for name, wrong in WRONG]
)
def test_a_wrong_answer_gets_its_own_hint(name, wrong):
    findings = check(TASKS[name, wrong.task], wrong.function)
    said = text_of(findings)
    assert len(findings) == 1, said
    assert wrong.says in said
    others = {
        other.says
        for other in wrong_answers(name)
        if other.task == wrong.task and other.says != wrong.says
    }
    assert not [says for says in others if says in findings[0].hint]


def test_there_are_wrong_answers_of_many_kinds():
    assert all(len({w.says for w in wrong_answers(name)}) >= 8 for name in NAMES)
    assert len({(name, wrong.task, wrong.says) for name, wrong in WRONG}) > 150


@pytest.mark.parametrize("key", TASKS, ids="-".join)
def test_every_known_mistake_differs_from_the_right_answer_and_from_all_others(key):
    task = TASKS[key]
    cases = [task.right(case.arguments) for case in task.cases]
    tables = [[values_or_none(m, case) for case in task.cases] for m in task.mistakes]
    for mistake, table in zip(task.mistakes, tables, strict=True):
        assert not same(table, cases, mistake.outputs), mistake.compute.__name__
    pairs = itertools.combinations(zip(task.mistakes, tables, strict=True), 2)
    for (first, one), (second, other) in pairs:
        if first.hint != second.hint and first.outputs == second.outputs:
            names = first.compute.__name__, second.compute.__name__
            assert not same(one, other, first.outputs), names


def values_or_none(mistake, case):
    """None where it raises: so would the student's function."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return mistake.values(case.arguments)
    except Exception:
        return None


def same(table, other, outputs):
    """Whether two lists of {output: array} cannot be told apart."""
    for one, two in zip(table, other, strict=True):
        if one is None or two is None:
            if one is not two:
                return False
        elif not all(close(one[name], two[name], 1e-9) for name in outputs):
            return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("key", TASKS, ids="-".join)
def test_every_known_mistake_is_made_by_a_wrong_answer(key):
    """By one that was written without it, so that a slip in the mistake makes them differ."""
    task = TASKS[key]
    answers = [
        (wrong, [returned_or_none(task, wrong.function, case) for case in task.cases])
        for wrong in wrong_answers(key[0])
        if wrong.task == task.name and any(wrong.says in m.hint for m in task.mistakes)
    ]
    made = []  # (mistake, the answer that makes it)
    for mistake in task.mistakes:
        table = [values_or_none(mistake, case) for case in task.cases]
        made += [
            (mistake, wrong)
            for wrong, other in answers
            if wrong.says in mistake.hint and same(table, other, mistake.outputs)
        ]
    variants = Counter(mistake.compute for mistake in task.mistakes)
    for mistake in task.mistakes:
        one_is_enough = variants[mistake.compute] > MANY
        assert any(
            other is mistake or (one_is_enough and other.compute is mistake.compute)
            for other, _ in made
        ), (mistake.compute.__name__, mistake.settings)
    for wrong, _ in answers:  # what makes a mistake in some of the cases would hide a slip in it
        assert any(other is wrong for _, other in made), wrong.function.__name__


def returned_or_none(task, function, case):
    """The same of an answer, on copies of the arguments: some answers write to theirs."""
    arguments = in_dtype(case.arguments, np.float64)
    try:
        value = call(function, [arguments[name] for name in task.argument_names])
        return named(task.output_names, value)
    except Exception:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("key", TASKS, ids="-".join)
def test_an_answer_with_a_known_mistake_gets_its_hint(key):
    task = TASKS[key]
    for mistake in task.mistakes:
        assert [f.hint for f in check(task, answer_with(task, mistake))] == [mistake.hint]


def answer_with(task, mistake):
    """The reference, with the mistake's values in the place of the right ones."""

    def answer(*values):
        given = dict(zip(task.argument_names, values, strict=True))
        floats = [a.dtype for a in values if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        out = named(task.output_names, task.reference(*values)) | mistake.values(given)
        out = tuple(np.asarray(a, *floats[:1]) for a in out.values())
        return out if len(out) > 1 else out[0]

    answer.__signature__ = inspect.signature(task.reference)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("key", TASKS, ids="-".join)
def test_one_wrong_number_in_one_case_is_found(key):
    task = TASKS[key]
    last = [case for case in task.cases if not case.only_float32][-1]

    def answer(*values):
        out = named(task.output_names, task.reference(*values))
        special = (last.arguments[name] for name in task.argument_names)
        if all(np.array_equal(a, b) for a, b in zip(values, special, strict=True)):
            out[wrong] = np.array(out[wrong], np.float64)
            out[wrong][(-1,) * out[wrong].ndim] += 1e-4
        return tuple(out.values()) if len(out) > 1 else out[wrong]

    answer.__signature__ = inspect.signature(task.reference)
    for wrong in task.output_names:
        (found,) = check(task, answer)
        assert (found.about, found.case) == (wrong, last.what)


def test_hints_stand_in_the_order_of_the_outputs_and_once_each():
    def backward(dy, x, weight, running_mean, running_var, eps, training):
        return 2 * x, dy.mean((0, 2, 3)), dy.mean((0, 2, 3))

    findings = check(TASKS["batchnorm2d", "backward"], backward)
    assert [f.about for f in findings][0] == "dx"
    assert "dbias" in findings[-1].about

    def both(x, weight, bias, running_mean, running_var, eps, momentum, training):
        y = (
            EXERCISES["batchnorm2d"]
            .tasks[0]
            .reference(x, weight, bias, running_mean, running_var, eps, momentum, training)[0]
        )
        return y, running_mean, running_var

    assert [f.about for f in check(TASKS["batchnorm2d", "forward"], both)] == [
        "running_mean, running_var"
    ]


def test_of_two_mistakes_the_one_that_explains_most_is_named_with_its_cases():
    def forward(x, weight, bias, stride, padding):  # no bias; and the padding on one side
        x = np.pad(x, ((0, 0), (0, 0), (2 * padding, 0), (2 * padding, 0)))
        return TASKS["conv2d", "forward"].reference(x, weight, 0 * bias, stride, 0)

    (found,) = check(TASKS["conv2d", "forward"], forward)
    said = text_of([found])
    assert "The bias is missing" in found.hint
    assert "This explains what is wrong in: one image, one channel, one filter; several" in said
    assert "Something else is wrong in: padding 1; padding 2" in said


def test_what_is_written_is_said_beside_what_is_wrong():
    def forward(x):
        x[x < 0] = 1
        return x

    said = text_of(check(TASKS["relu", "forward"], forward))
    assert "It writes to its argument x" in said and "y[0]: expected 0, got 1" in said


# -- files --


@pytest.fixture
def answer_file(tmp_path, monkeypatch):
    """Writes relu.py in an empty folder, which becomes the current one; returns its path."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "relu.py"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


RIGHT = "import numpy as np\n\ndef forward(x):\n    return np.maximum(x, 0)\n\n"
RIGHT += "def backward(dy, x):\n    return dy * (x > 0)\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_blanks_are_not_begun(name, capsys):
    results, printed = check_file(EXERCISES[name], exercise.BLANKS / f"{name}.py")
    assert {result.state for result in results} == {"not begun"} and not printed
    assert exercise.main([name, str(exercise.BLANKS / f"{name}.py")]) == 1
    assert "not begun" in capsys.readouterr().out


def test_one_function_may_be_right_before_the_other_is_begun(answer_file, capsys):
    text = RIGHT.replace("return dy * (x > 0)", "raise NotImplementedError")
    answer_file(text)
    assert exercise.main(["relu"]) == 1
    assert "forward   right\n  backward  not begun" in capsys.readouterr().out
    assert exercise.main([]) == 1
    assert "forward right, backward not begun" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text, says",
    [
        ("def forward(x)\n    return x\n", "line 1: this is not Python"),
        ("def forward(x):\n\treturn x\n    return 2\n", "line 3: the indentation is wrong"),
        ("import tinynet as tn\n" + RIGHT, "line 1, imports tinynet"),
        ("def forward(x):\n    from tinynet.layers import ReLU\n", "line 2, imports tinynet"),
        ("import torch.nn.functional as F\n", "imports torch"),
        ("import numpy as np\nnp.nothing\n", "It happens in line 2: np.nothing"),
        ("raise NotImplementedError\n", "outside its functions"),
        ("exit()\n", "ends the program"),
        (b"x = '\xff'\n", "is not Python"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(answer_file, capsys, text, says):
    answer_file(text)
    assert exercise.main(["relu"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert says in said and "Traceback" not in said
    assert exercise.main([]) == 1
    assert "cannot be loaded" in capsys.readouterr().out


def test_a_function_that_is_not_there_is_missed(answer_file, capsys):
    answer_file(RIGHT.split("def backward")[0] + "backward = 3\n")
    assert exercise.main(["relu"]) == 1
    assert "There is no function backward" in capsys.readouterr().out


def test_an_exception_is_told_with_the_students_line(answer_file, capsys):
    answer_file(RIGHT.replace("np.maximum(x, 0)", "np.maximum(x, [0, 0])"))
    assert exercise.main(["relu"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "raises ValueError: operands could not be broadcast" in said
    assert "It happens in line 4: return np.maximum(x, [0, 0])" in said


def test_what_the_file_prints_is_shown_below(answer_file, capsys):
    answer_file(RIGHT.replace("    return np", "    print('x', x.shape)\n    return np"))
    assert exercise.main(["relu"]) == 0
    out = capsys.readouterr().out
    assert out.index("All of it is right") > 0
    assert out.count("  | x (") == 10


def test_a_file_may_import_another_beside_it(answer_file, tmp_path):
    helper = tmp_path / "helper_of_relu.py"
    helper.write_text("import numpy as np\nlargest = np.maximum\n", encoding="utf-8")
    path = answer_file(
        "from helper_of_relu import largest\n" + RIGHT.replace("np.maximum", "largest")
    )
    results, _ = check_file(EXERCISES["relu"], path)
    assert {result.state for result in results} == {"right"}
    assert str(tmp_path) not in sys.path


@pytest.fixture
def no_threads(monkeypatch):
    """As in a browser."""

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(running.threading.Thread, "start", start)


def test_without_threads_answers_are_called_as_they_are(answer_file, capsys, no_threads):
    answer_file(RIGHT)
    assert exercise.main(["relu"]) == 0
    answer_file(RIGHT.replace("np.maximum(x, 0)", "np.maximum(x, [0, 0])"))
    assert exercise.main(["relu"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "raises ValueError: operands could not be broadcast" in said
    assert "It happens in line 4: return np.maximum(x, [0, 0])" in said
    answer_file(RIGHT.replace("np.maximum(x, 0)", "exit()"))
    assert exercise.main(["relu"]) == 1
    assert "ends the program" in capsys.readouterr().out


def test_without_threads_who_waits_ends_it(answer_file, no_threads):
    answer_file("def forward(x):\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        exercise.main(["relu"])


@needs_threads
def test_a_loop_that_never_ends_is_given_up_and_its_line_named(answer_file, capsys, monkeypatch):
    monkeypatch.setattr(running, "TIME_LIMIT", 0.3)
    answer_file(
        "import time\nended = []\nnames = globals()\n\ndef forward(x):\n"
        "    while not ended:\n        time.sleep(0.01)\n"
    )
    kept = []
    monkeypatch.setattr(exercise, "load", lambda path: kept.append(load(path)) or kept[0])
    started = time.perf_counter()
    try:
        assert exercise.main(["relu"]) == 1
    finally:
        kept[0]["ended"].append(True)  # so that its thread ends, too
    assert time.perf_counter() - started < 5
    said = " ".join(capsys.readouterr().out.split())
    assert "had not ended after 0.3 seconds" in said and "It was in line" in said


def test_a_file_that_is_not_there_is_missed_with_the_places(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exercise.main(["conv2d"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "looked for conv2d.py and exercises/conv2d.py in" in said.replace("\\", "/")
    assert exercise.main(["conv2d", "mine.py"]) == 1
    assert "mine.py cannot be read" in capsys.readouterr().out
    assert exercise.main([]) == 1
    assert capsys.readouterr().out.count("no file") == len(NAMES)


# -- the README --


def test_the_readme_shows_what_the_checker_says(capsys):
    readme = README.read_text(encoding="utf-8")
    right = load(solutions("conv2d")[0])
    wrong = next(w for w in wrong_answers("conv2d") if w.says.startswith("dbias lacks the sum"))
    said = report(
        EXERCISES["conv2d"],
        check_answers(EXERCISES["conv2d"], right | {"backward": wrong.function}),
    )
    shown = re.search(r"conv2d: exercises/conv2d.py\n(.*?)\n```", readme, re.DOTALL)[1]
    assert said.startswith(shown)


def test_the_readme_lists_the_exercises_in_order_and_its_layer_trains(monkeypatch):
    readme = README.read_text(encoding="utf-8")
    assert (
        re.findall(
            r"^\| \[`(\w+)`\]\(\.\./\.\./tinynet/exercises/blanks/\1\.py\)", readme, re.MULTILINE
        )
        == NAMES
    )
    assert all(EXERCISES[name].title for name in NAMES)
    block = next(b for b in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "fit" in b)
    runs = []
    monkeypatch.setattr(tn, "fit", lambda model, x, y, **settings: runs.append((model, x)))
    monkeypatch.syspath_prepend(SOLUTIONS)
    exec(block, {"__name__": "readme"})
    ((model, x),) = runs
    assert model(tn.train.as_input(x[:2])).shape == (2, 10)
    monkeypatch.delitem(sys.modules, "relu")


# -- trying by hand --


def test_a_case_can_be_tried_by_hand(answer_file, capsys):
    answer_file(RIGHT.replace("x > 0", "x >= 0"))
    exercise.main(["relu"])
    assert 'backward(*arguments("relu", "backward", "with zeros"))' in capsys.readouterr().out
    dy, x = arguments("relu", "backward", "with zeros")
    assert dy.shape == x.shape and (x == 0).any() and x.dtype == np.float64
    assert arguments("relu", "forward", "images", np.float32)[0].dtype == np.float32
    x[0] = 7
    assert arguments("relu", "backward", "with zeros")[1][0] == 0
    answer_file(RIGHT.replace("np.maximum(x, 0)", "np.maximum(x, np.float64(0))"))
    exercise.main(["relu"])
    said = capsys.readouterr().out
    assert 'forward(*arguments("relu", "forward", "a few values", "float32"))' in said
    with pytest.raises(KeyError, match="'wit zeros' is none of 'a few values'"):
        arguments("relu", "backward", "wit zeros")


def test_not_begun_is_not_a_finding():
    def forward(x):
        raise NotImplementedError

    with pytest.raises(NotBegun):
        check(TASKS["relu", "forward"], forward)
    assert [r.state for r in check_answers(EXERCISES["relu"], {"forward": forward})] == [
        "not begun",
        "wrong",
    ]


def test_a_function_need_not_be_written_with_def():
    assert check(TASKS["relu", "forward"], functools.partial(np.maximum, 0)) == []
    assert check(TASKS["relu", "forward"], np.abs)[0].hint.startswith("Negative values come out")


# -- from a notebook --


def forward(x):
    return np.maximum(x, 0)


def backward(dy, x):
    return dy * (x >= 0)


def the_factor(dy, x):
    return dy * (x > 0)


def test_a_notebook_gets_the_words_of_the_command(answer_file, capsys):
    path = answer_file(RIGHT.replace("x > 0", "x >= 0"))
    assert exercise.main(["relu", str(path)]) == 1
    command_said = capsys.readouterr().out.replace(f"relu: {path}", "relu")
    assert exercise.check("relu", forward, backward) is False
    said = capsys.readouterr().out
    for line in command_said.splitlines():
        assert line in said or "where relu.py is" in line or "from relu import" in line
    assert "To try this case yourself:\n    from tinynet.exercises import arguments" in said
    assert exercise.check("relu", backward, forward) is False  # in any order, by their names
    assert capsys.readouterr().out == said
    assert exercise.check("relu", forward, the_factor) is True  # or all in order
    assert "All of it is right." in capsys.readouterr().out
    assert exercise.check("relu", forward) is False
    assert "forward   right\n  backward  not begun" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error, arguments, says",
    [
        (ValueError, ("conv", forward), "'conv' is no exercise. There are relu, linear"),
        (ValueError, ("relu",), 'expected check("relu", forward, backward); got 0 functions'),
        (ValueError, ("relu", forward, backward, forward), "got 3 functions"),
        (TypeError, ("relu", forward, 3), "got 3. Give the function itself"),
        (ValueError, ("relu", the_factor), "which of forward, backward is the_factor"),
    ],
)
def test_check_says_what_it_expects(error, arguments, says):
    with pytest.raises(error, match=re.escape(says)):
        exercise.check(*arguments)


# -- the command itself --


def command(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "tinynet.exercise", *map(str, arguments)],
        cwd=folder,
        env=NEEDED | {"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def test_the_command_on_a_right_and_on_a_wrong_file(answer_file):
    path = answer_file(RIGHT)
    right = command("relu", folder=path.parent)
    assert (right.returncode, right.stderr) == (0, "")
    assert "All of it is right." in right.stdout
    path.write_text(RIGHT.replace("x > 0", "x >= 0"), encoding="utf-8")
    wrong = command("relu", path, folder=ROOT)
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert "right but for x = 0" in wrong.stdout and "Not right yet." in wrong.stdout


def test_copy_hands_out_the_blanks_and_keeps_what_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exercise.main(["--copy"]) == 0
    folder = tmp_path / "exercises"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(NAMES)
    for name in NAMES:
        assert (folder / f"{name}.py").read_text("utf-8") == (
            exercise.BLANKS / f"{name}.py"
        ).read_text("utf-8")
    said = capsys.readouterr().out
    assert f"{len(NAMES)} blanks" in said and "then: python -m tinynet.exercise relu\n" in said
    (folder / "relu.py").write_text(RIGHT, "utf-8")
    (folder / "sgd.py").unlink()
    assert exercise.main(["--copy"]) == 0
    said = capsys.readouterr().out
    assert "1 blanks" not in said and "1 blank is" in said and "adam.py" in said
    assert (folder / "relu.py").read_text("utf-8") == RIGHT and (folder / "sgd.py").is_file()
    assert exercise.main(["relu"]) == 0  # found in the folder without being told
    assert exercise.main(["--copy", "else/where"]) == 0
    path = Path("else/where/relu.py")
    assert f"then: python -m tinynet.exercise relu {path}\n" in capsys.readouterr().out


def test_copy_says_why_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    for given, words in (
        (["--copy", "taken"], "--copy: "),
        (["--copy", "taken/below"], "--copy: "),
        (["relu", "--copy", "mine"], "--copy takes all blanks"),
    ):
        with pytest.raises(SystemExit, match="2"):
            exercise.main(given)
        assert words in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_the_command_alone_lists_the_exercises(tmp_path):
    assert exercise.main(["--copy", str(tmp_path)]) == 0
    listing = command(folder=tmp_path)
    assert (listing.returncode, listing.stderr) == (1, "")
    assert listing.stdout.count("not begun") == len(NAMES)
    assert [line.split()[0] for line in listing.stdout.splitlines()[: len(NAMES)]] == NAMES


def test_the_command_says_what_it_does(capsys):
    with pytest.raises(SystemExit, match="0"):
        exercise.main(["--help"])
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m tinynet.exercise")
    for words in ("Check an exercise; without a name", "the exercise", "your file", *NAMES):
        assert words in said
