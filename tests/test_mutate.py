"""The program that changes tinynet to see what the tests notice: its mutants, and its choices."""

import ast
import random

import mutate
import pytest
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


@pytest.mark.parametrize("file", [*FILES, "tinynet/layers/conv.py", "tinynet/compiled/warp.py"])
def test_the_tests_that_mirror_a_module_come_first(file):
    *_, ((option, *near), apart), (wider, _) = mutate.stages(file)
    assert near[0] == file and len(near) > 1 and option == "--doctest-modules"
    assert all((mutate.ROOT / path).exists() for path in near)
    assert wider[:-1] == [f"--ignore={path}" for path in near[1:]]
    assert bool(apart) == ("compiled" in file)


def test_a_mutant_is_noticed_or_not_and_the_copy_is_whole_again(tmp_path):
    code = "def f(a):\n    unused = 5\n    return a\n"
    test = "from tinynet.loss import f\n\ndef test_f():\n    assert f(0) == 0\n"
    *_, ((_, _, *near), _), _ = mutate.stages("tinynet/loss.py")
    for folder in ("tinynet", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tinynet" / "loss.py").write_text(code)
    (tmp_path / "tinynet" / "__init__.py").touch()
    for path in [*near, "tests/test_z.py"]:
        (tmp_path / path).write_text(test)
    results = {
        mutant.text: mutate.tried(mutant, tmp_path, limit=60)
        for mutant in mutants("tinynet/loss.py", code)
        if mutant.text in ("6", "return None")
    }
    assert {text: r["result"] for text, r in results.items()} == {
        "6": "survived",
        "return None": "killed",
    }
    assert (results["6"]["was"], results["6"]["now"]) == ("unused = 5", "unused = 6")
    assert (tmp_path / "tinynet" / "loss.py").read_text() == code
    assert mutate.run(tmp_path, near, {}, limit=0.01) == "timed out"
