"""Points for a folder of students' files, in a table, as JSON, and as Gradescope wants them.

Each function of each file answers in a process of its own (asking.py), which knows arguments and
nothing else. What is right is computed here, from tinynet's own layers, and so are the points.

Everything that a function returns is worth 10 points: forward's y, backward's dx, dweight and
dbias. It is tried on every known case and on that case's twin, which has other numbers (unseen.py),
in float64 and in float32. Of the 10 it has the share in which case and twin are both right, so that
answers learnt by heart have none. A process that does not come to its end has none at all.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import EXERCISES
from .answer import CLOSE, close
from .asking import Failed, Limits, ask, clean
from .run import Unusable
from .task import in_dtype
from .unseen import twin

POINTS = 10  # for each thing that a function returns
DEFAULT = Limits()
LARGEST_FILE = 1 << 20  # bytes
WIDTH = max(map(len, EXERCISES))  # of a column


class Part(NamedTuple):
    """What a student has for one output of one function. word: why it is not all."""

    function: str
    output: str
    points: float
    word: str


class Graded(NamedTuple):
    """One exercise of one student. file: its path, or None if there is none."""

    exercise: str
    file: Path | None
    parts: list

    @property
    def points(self):
        return round(sum(part.points for part in self.parts), 2)

    @property
    def out_of(self):
        return out_of(self.exercise)


class Try(NamedTuple):
    """A call: the arguments of a case or of its twin, in one dtype, and what is right."""

    case: object
    unseen: bool
    arguments: dict
    right: dict
    dtype: np.dtype


def out_of(name):
    return POINTS * sum(len(task.output_names) for task in EXERCISES[name].tasks)


# -- the files --


def submissions(folder, names=None, one=False):
    """({student: {exercise: its file, or words on why there is none}}, the exercises graded).

    folder holds a folder for each student, FOLDER/<student>/<exercise>.py; or it is the folder of
    one, FOLDER/<exercise>.py; or, if a single exercise is named, it holds FOLDER/<student>.py.
    names: the exercises; by default those that anyone has a file for. one: it is the folder of one
    student, whatever is in it. Raises Unusable if there is nothing to grade.
    """
    folder = Path(folder)
    names = names and [name for name in EXERCISES if name in names]
    if not folder.is_dir():
        raise Unusable(f"{folder} is not a folder.")
    flat = [path for path in sorted(folder.glob("*.py")) if path.stem not in EXERCISES]
    if one or any((folder / f"{name}.py").exists() for name in EXERCISES):
        students = {folder.resolve().name: folder}
    elif names and len(names) == 1 and flat:
        return {path.stem: {names[0]: usable(path)} for path in flat}, names
    else:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        students = {path.name: path for path in inside if not hidden(path.name)}
    found = {
        student: {name: file_in(home, name) for name in names or EXERCISES}
        for student, home in students.items()
    }
    graded = names or [
        name for name in EXERCISES if any(isinstance(f[name], Path) for f in found.values())
    ]
    if not found or not graded:
        raise Unusable(
            f"There is nothing to grade in {folder}: expected {folder / '<student>/<exercise>.py'},"
            f" where an exercise is one of {', '.join(EXERCISES)}; or the files of one student; or "
            "<student>.py for each, with the exercise named (--exercises)."
        )
    return found, graded


def file_in(home, name):
    """The student's file for an exercise, or words on why there is none."""
    paths = []
    if os.path.lexists(home / f"{name}.py"):
        paths = [home / f"{name}.py"]
    else:
        for where, folders, files in os.walk(home):
            folders[:] = [folder for folder in folders if not hidden(folder)]
            paths += [Path(where, file) for file in files if file == f"{name}.py"]
    if not paths:
        return f"there is no {name}.py"
    if len(paths) > 1:
        return f"there are {len(paths)} files {name}.py, none of them in the folder itself"
    return usable(paths[0])


def hidden(name):
    return name.startswith((".", "__"))


def usable(path):
    """The path, or words on why this file is not read."""
    about = os.lstat(path)
    if not stat.S_ISREG(about.st_mode):
        return f"{path.name} is a link, or no file at all"
    if about.st_size > LARGEST_FILE:
        return f"{path.name} is larger than a megabyte"
    return path


def beside(path, name):
    """The student's files that an answer may import: not those of others, FOLDER/<student>.py."""
    if path.name != f"{name}.py":
        return []
    return [p for p in sorted(path.parent.glob("*.py")) if p != path and usable(p) == p]


# -- points --


def grade(name, file, seed, limits=DEFAULT):
    """The Graded of a file for an exercise; file may be words on why there is none."""
    exercise = EXERCISES[name]
    if not isinstance(file, Path):
        parts = [nothing(task, file) for task in exercise.tasks]
        return Graded(name, None, sum(parts, []))
    parts = []
    for number, task in enumerate(exercise.tasks):
        rng = np.random.default_rng([seed, list(EXERCISES).index(name), number])
        tries = tries_of(exercise, task, rng)
        calls = [[t.arguments[a] for a in task.argument_names] for t in tries]
        several = len(task.output_names) > 1
        try:
            replies = ask([file, *beside(file, name)], task.name, calls, several, limits)
        except Failed as error:
            parts += nothing(task, str(error))
        else:
            parts += parts_of(task, tries, replies)
    return Graded(name, file, parts)


def nothing(task, word):
    return [Part(task.name, output, 0.0, word) for output in task.output_names]


def tries_of(exercise, task, rng):
    """[Try] in an order that says nothing: all cases and their twins, in both dtypes."""
    tries = []
    for case in task.cases:
        for unseen in (False, True):
            this = twin(exercise, case, rng) if unseen else case
            for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
                if dtype == np.float64 and case.only_float32:
                    continue
                arguments = in_dtype(this.arguments, dtype)
                tries.append(Try(case, unseen, arguments, task.right(arguments), dtype))
    return [tries[i] for i in rng.permutation(len(tries))]


def parts_of(task, tries, replies):
    """[Part], one for each output."""
    pairs = {(t.case.what, t.dtype) for t in tries}
    parts = []
    for place, output in enumerate(task.output_names):
        wrong = {}
        for t, reply in zip(tries, replies, strict=True):
            if word := fault(task, t, reply, place, output):
                wrong[t.case.what, t.dtype, t.unseen] = word
        failed = {key[:2] for key in wrong}
        points = round(POINTS * (1 - len(failed) / len(pairs)), 2)
        parts.append(Part(task.name, output, points, in_words(task, wrong, failed, pairs)))
    return parts


def fault(task, t, reply, place, output):
    """What is wrong with an output of one try, in a few words, or ""."""
    if reply.error:
        return reply.error
    if (count := len(task.output_names)) != len(reply.values):
        return f"expected {count} value{'s' * (count > 1)}, got {len(reply.values)}"
    got, right = reply.values[place], t.right[output]
    if isinstance(got, str):
        return got
    if got.shape != right.shape:
        return f"expected shape {right.shape}, got {got.shape}"
    tolerance = t.case.tolerance if np.float32 in (t.dtype, got.dtype) else CLOSE
    if not close(got, right, tolerance):
        return "the values are wrong"
    if right.ndim and got.dtype != t.dtype:
        return f"the values are right, but {got.dtype} for {t.dtype} arguments"
    names = [
        name
        for name, a in zip(task.argument_names, reply.arguments, strict=False)
        if isinstance(t.arguments[name], np.ndarray) and not as_it_was(a, t.arguments[name])
    ]
    return f"it writes to its argument {names[0]}" if names else ""


def as_it_was(a, before):
    return isinstance(a, np.ndarray) and a.dtype == before.dtype and np.array_equal(a, before)


def in_words(task, wrong, failed, pairs):
    """ "wrong in 3 of 22 tries; “stride 2”: expected shape …" from {(case, dtype, unseen): …}."""
    if not wrong:
        return ""
    if set(wrong.values()) == {"not begun"} and len(failed) == len(pairs):
        return "not begun"
    order = [case.what for case in task.cases]
    case, dtype, unseen = min(  # the plainest: known, early in the list, in float64
        wrong, key=lambda key: (key[2], order.index(key[0]), key[1] == np.float32)
    )
    where = f"“{case}”" + (", with other numbers" if unseen else "")
    where += ", in float32" if dtype == np.float32 else ""
    return f"wrong in {len(failed)} of {len(pairs)} tries; {where}: {wrong[case, dtype, unseen]}"


# -- reports --


def number(points):
    return f"{points:.2f}".rstrip("0").rstrip(".")


def row(cells, first):
    """A line of the table: what stands first, that wide, and the other cells to the right."""
    return f"  {cells[0]:{first}}" + "".join(f"  {cell:>{WIDTH}}" for cell in cells[1:])


def head(names):
    """The cells of its first line."""
    return ["", *names, "points"]


def cells(student, graded):
    """The cells of a student's line."""
    return [clean(student), *map(of_all, graded), of_all(*graded)]


def of_all(*graded):
    """ "32.5/40"."""
    return f"{number(sum(g.points for g in graded))}/{sum(g.out_of for g in graded)}"


def lost(graded):
    """Lines on where a student lost points in one exercise."""
    lines = []
    for word in dict.fromkeys(part.word for part in graded.parts if part.word):
        parts = [part for part in graded.parts if part.word == word]
        what = {}
        for part in parts:
            what.setdefault(part.function, []).append(part.output)
        named = "; ".join(f"{name} {', '.join(outputs)}" for name, outputs in what.items())
        points = sum(part.points for part in parts)
        lines.append(f"{named}: {number(points)} of {POINTS * len(parts)}, {word}")
    return lines


def as_json(results, seed):
    """What a program can read. results: {student: [Graded]}."""
    return {
        "seed": seed,
        "students": [
            {
                "student": student,
                "points": round(sum(g.points for g in graded), 2),
                "out_of": sum(g.out_of for g in graded),
                "exercises": [
                    {
                        "exercise": g.exercise,
                        "file": g.file and str(g.file),
                        "points": g.points,
                        "out_of": g.out_of,
                        "parts": [part._asdict() | {"out_of": POINTS} for part in g.parts],
                    }
                    for g in graded
                ],
            }
            for student, graded in results.items()
        ],
    }


def as_gradescope(graded):
    """Gradescope's results.json for one student: a test for each output of each function."""
    return {
        "score": round(sum(g.points for g in graded), 2),
        "visibility": "visible",
        "tests": [
            {
                "name": f"{g.exercise}, {part.function}: {part.output}",
                "score": part.points,
                "max_score": POINTS,
                "output": part.word or "right",
                "output_format": "text",
                "visibility": "visible",
            }
            for g in graded
            for part in g.parts
        ],
    }
