"""The program that changes tinynet to see what the tests notice: its mutants, and its choices."""

import argparse
import ast
import random

import mutate
import pytest
from cases import forks, needs_numba
from mutants import mutants, mutated

FILES = sorted(
    path.relative_to(mutate.ROOT).as_posix() for path in mutate.ROOT.glob("tinynet/*.py")
)


def all_of(source):
    """[the whole mutated source]"""
    return [mutated(source, mutant) for mutant in mutants("some.py", source)]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("a + b", {"(a - b)", "pass"}),
        ("a += 2", {"a -= 2", "a += 3", "a += 1", "pass"}),
        ("y = 0 <= x < n", {"y = (0 < x < n)", "y = (0 > x < n)", "y = (0 <= x <= n)",
            "y = (0 <= x >= n)", "y = 1 <= x < n", "y = -1 <= x < n"}),
        ("y = x is not None and z", {"y = (x is not None or z)", "y = (x is None) and z"}),
        ("y = -x", {"y = x"}),
        ("y = x if c else z", {"y = (z if c else x)"}),
        ("if not c:\n    y = x", {"if c:\n    y = x"}),
        ("y = [x for x in z if x]", {"y = [x for x in z if (not x)]"}),
        ("y = x[a:b]", {"y = x[:b]", "y = x[a:]"}),
        ("y = range(n)", {"y = range(n - 1)"}),
        ("y = range(a, n, b)", {"y = range(a, n - 1, b)"}),
        ("y = x.any(axis=c, out=z)", {"y = x.all(axis=c, out=z)", "y = x.any(axis=c)",
            "y = x.any(out=z)"}),
        ("y = 0.5, True, 0.0", {"y = 1.0, True, 0.0", "y = 0.5, False, 0.0", "y = 0.5, True, 1.0"}),
        ("def f():\n    return a, b, c", {"def f():\n    return (b, a, c)"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("self.x = y", {"pass"}),
        ("for x in y:\n    continue", {"for x in y:\n    pass"}),
        ("if c:\n    raise A(2 + 2)", {"if (not c):\n    raise A(2 + 2)", "if c:\n    pass"}),
        ('y = "é", a + b  # in bytes', {'y = "é", (a - b)  # in bytes'}),
    ],
)  # fmt: skip
def test_mutants(source, expected):
    assert set(all_of(source)) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A text with 2 + 2."""\nfrom a import b\nimport c',
        'def f(a: "x" = None, *, b: int | float) -> 1 + 1:\n    """A text."""',
        "@decorated(2, a=3)\nclass A(b.c[2]):\n    def __repr__(self):\n        return 2 + 2",
        "y = f'{a + b}', 'a text'",
        'case("large", (2, 3), stride=2)',
    ],
)
def test_what_is_left_alone(source):
    assert {mutant.kind for mutant in mutants("some.py", source)} <= {"statement"}
    assert len(all_of(source)) <= 1


@pytest.mark.parametrize("file", ["loss", "state", "layers/linear", "compiled/plan"])
def test_every_mutant_is_python_and_differs_in_one_place(file):
    source = (mutate.ROOT / f"tinynet/{file}.py").read_text(encoding="utf-8")
    found, before = mutants(file, source), source.encode()
    assert len(found) > 10
    for mutant in random.Random(0).sample(found, min(len(found), 50)):
        text = mutated(source, mutant)
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(source)), mutant
        after = text.encode()
        assert after.startswith(before[: mutant.start]) and after.endswith(before[mutant.end :])
        assert before[: mutant.start].count(b"\n") == mutant.line - 1


def test_the_same_seed_gives_the_same_sample():
    files = FILES[::5]
    one = mutate.sample(files, 50, seed=1)
    assert len(set(one)) == 50 and len({mutant.file for mutant in one}) > 2
    assert mutate.sample(files[::-1], 50, seed=1) == one
    assert mutate.sample(files, 50, seed=2) != one
    assert mutate.sample(["tinynet/errors.py"], 50, seed=0) == []


def test_functions():
    assert mutate.function("tests/test_a.py::test_b[x-3.5] (call)") == "tests/test_a.py::test_b"
    assert mutate.function("tests/test_a.py::test_b") == "tests/test_a.py::test_b"
    assert mutate.function("tests/test_a.py::test_b[x] (setup)") == "tests/test_a.py"
    assert mutate.function("") == ""


def test_tests_that_reach_a_line():
    source = "a = 1\n\ndef f(x=2):\n    if x:\n        return 3\n    return 4\n"
    reach = mutate.Reach({})
    seconds = {"test_z.py::quick": 1, "test_z.py::slow": 9, "test_m.py::mine": 5, "test_y.py::y": 2}
    reach.seconds = {f"tests/{name}": time for name, time in seconds.items()}
    imported = ["test_y.py::y"]  # by this one
    reached = {1: imported, 3: imported, 4: seconds, 5: ["test_z.py", "test_m.py::mine"]}
    for line, names in reached.items():
        reach.lines["tinynet/m.py"][line] = {f"tests/{name}" for name in names}

    def found(line):
        mutant = mutate.Mutant("tinynet/m.py", line, 0, 1, "constant", "2")
        mine, others = reach.tests_of(mutant, source)
        assert mine == ["tests/test_m.py::mine"]
        return [name.removeprefix("tests/") for name in others]

    z = ["test_z.py::quick", "test_z.py::slow"]
    assert found(5) == z  # a fixture of test_z.py reaches it: all its tests, the quickest first
    everything = ["test_z.py::quick", "test_y.py::y", "test_z.py::slow"]
    assert found(4) == everything
    assert found(3) == found(6) == found(1) == everything  # those of the function; of the module


def test_kernels_run_as_python_first_and_long_tests_not_at_all():
    reaches = mutate.Reach({}), mutate.Reach(mutate.PYTHON)
    for reach in reaches:
        reach.seconds = {"tests/test_a.py::test": 0.5}
        for file in ("tinynet/compiled/conv.py", "tinynet/loss.py"):
            reach.lines[file][2] = {"tests/test_a.py::test"}

    source = "def f():\n    return 1\n"

    def environments(file, most=100):
        mutant = mutate.Mutant(file, 2, 0, 1, "constant", "2")
        return [environment for environment, _, _ in mutate.stages(mutant, source, reaches, most)]

    assert environments("tinynet/loss.py", most=0.4) == []
    assert environments("tinynet/compiled/conv.py") == [mutate.PYTHON, {}]
    assert environments("tinynet/loss.py") == [{}]


CODE = "def f(a):\n    unused = 5\n    return a\n\n\ndef g(a):\n    return a\n"
TEST = """
import subprocess, sys
import pytest
from tinynet.loss import f, g

def test_f():
    assert f(0) == 0

def test_g():
    code = "from tinynet.loss import g; assert g(0) == 0"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
"""


@needs_numba
@forks
def test_a_mutant_is_noticed_or_not_and_the_copy_is_whole_again(tmp_path):
    pytest.importorskip("coverage")
    for folder in ("tinynet", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tinynet" / "__init__.py").touch()
    (tmp_path / "tinynet" / "loss.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "tests" / "test_loss.py").write_text(TEST, encoding="utf-8")
    reach = mutate.Reach({})
    reach.record("tests/test_loss.py", tmp_path, tmp_path)
    names = ["tests/test_loss.py::test_f", "tests/test_loss.py::test_g"]
    assert sorted(reach.seconds) == names
    lines = {n: sorted(reached) for n, reached in reach.lines["tinynet/loss.py"].items()}
    assert [lines[n] for n in (2, 3, 7)] == [names[:1], names[:1], names[1:]]

    options = argparse.Namespace(limit=60, most=60)
    results = [
        mutate.tried(mutant, [reach], options, tmp_path)
        for mutant in mutants("tinynet/loss.py", CODE)
        if mutant.text in ("6", "return None")
    ]
    assert [r["result"] for r in results] == ["survived", "killed", "killed"]
    assert [r["functions"] for r in results] == [1, 1, 1]
    assert (results[0]["was"], results[0]["now"]) == ("unused = 5", "unused = 6")
    assert (tmp_path / "tinynet" / "loss.py").read_text(encoding="utf-8") == CODE
    assert mutate.run(mutate.notice, tmp_path, {}, names, limit=0.01) is None


@needs_numba
@forks
def test_tests_that_fail_without_a_mutant_end_it(tmp_path):
    pytest.importorskip("coverage")
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests" / "test_a.py"
    path.write_text("def test_a():\n    assert False", encoding="utf-8")
    with pytest.raises(SystemExit, match="(?s)assert False.*test_a.py fails without a mutant"):
        mutate.Reach({}).record("tests/test_a.py", tmp_path, tmp_path)
