"""Check an exercise, as a tutor would: what is wrong, and where to look.

    python -m tinynet.exercise --copy             # the blanks to fill in, into ./exercises
    python -m tinynet.exercise                    # all exercises, and how far each is
    python -m tinynet.exercise conv2d             # ./conv2d.py, or exercises/conv2d.py
    python -m tinynet.exercise conv2d my.py       # another file
    python -m tinynet.exercise --grade FOLDER     # for teachers: points for all files in it

The exit code is 0 only if everything asked for is right (with --grade: if points were given, few
or many). examples/exercises/README.md says how to work with the exercises, and how to grade them;
tinynet/exercises holds them.
"""

import argparse
import io
import json
import secrets
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from .exercises import EXERCISES, grading
from .exercises.answer import Finding
from .exercises.asking import Limits
from .exercises.diagnose import check as check_answer
from .exercises.run import NotBegun, Unusable, importable, load
from .printing import ending_quietly

BLANKS = Path(__file__).parent / "exercises" / "blanks"
FOLDERS = (Path(), Path("exercises"))  # where a student's file is looked for
WIDTH = 88
HERE = ""  # in the place of a module's name: the functions are at hand, in a notebook


class NoFile(Unusable):
    """There is none where it was looked for."""


class Result(NamedTuple):
    """What became of one function: findings is empty if it is right, or not begun."""

    name: str
    begun: bool
    findings: list[Finding]

    @property
    def state(self):
        return "not begun" if not self.begun else "wrong" if self.findings else "right"


def check(name, *functions):
    """Check functions where they are written, in a notebook or a prompt; True if all is right.

        def forward(x):
            return np.maximum(x, 0)

        tinynet.exercise.check("relu", forward)

    Prints what the command line would. name: of the exercise. functions: by the names that they
    have in the exercise's file, in any order, as many as are written; or all of them in order, by
    whatever names.
    """
    if name not in EXERCISES:
        raise ValueError(f"check: {name!r} is no exercise. There are {', '.join(EXERCISES)}.")
    exercise = EXERCISES[name]
    results = check_answers(exercise, _by_name(exercise, functions))
    print(f"{name}\n{report(exercise, results, HERE)}")
    right = all(result.state == "right" for result in results)
    print("\nAll of it is right." if right else "\nNot right yet.")
    return right


def _by_name(exercise, functions):
    """{name: function} of the functions that check was given."""
    names = [task.name for task in exercise.tasks]
    call = f'check("{exercise.name}", {", ".join(names)})'
    for function in functions:
        if not callable(function):
            raise TypeError(
                f"check: expected functions, as in {call}; got {function!r:.60}. Give the function "
                "itself, without calling it."
            )
    if not functions or len(functions) > len(names):
        raise ValueError(f"check: expected {call}; got {len(functions)} functions.")
    own = [getattr(function, "__name__", "") for function in functions]
    if set(own) <= set(names) and len(set(own)) == len(own):
        return dict.fromkeys(names, _not_begun) | dict(zip(own, functions, strict=True))
    if len(functions) == len(names):
        return dict(zip(names, functions, strict=True))
    raise ValueError(
        f"check: which of {', '.join(names)} is {', '.join(own)}? Name a function as in the "
        f"exercise, or give all {len(names)} in order: {call}."
    )


def _not_begun(*arguments):
    raise NotImplementedError


def check_answers(exercise, answers):
    """[Result], one for each function of the exercise. answers: {name: function}."""
    results = []
    for task in exercise.tasks:
        try:
            results.append(Result(task.name, True, check_answer(task, answers.get(task.name))))
        except NotBegun:
            results.append(Result(task.name, False, []))
    return results


def check_file(exercise, path):
    """([Result], what the file printed meanwhile); raises Unusable if it cannot be loaded."""
    printed = io.StringIO()
    with redirect_stdout(printed), importable(Path(path).resolve().parent):
        return check_answers(exercise, load(path)), printed.getvalue()


def find(exercise):
    """The path of the student's file for an exercise; raises NoFile if there is none."""
    paths = [folder / f"{exercise.name}.py" for folder in FOLDERS]
    for path in paths:
        if path.is_file():
            return path
    looked = " and ".join(str(path) for path in paths)
    raise NoFile(
        f"There is no file for {exercise.name}: looked for {looked} in {Path.cwd()}. `python -m "
        "tinynet.exercise --copy` puts the blanks there; or give the path of yours."
    )


def report(exercise, results, module=None):
    """What to tell the student, as text. module: the name of the student's module, or HERE."""
    width = max(len(result.name) for result in results)
    lines = [f"  {result.name:{width}}  {result.state}" for result in results]
    by_hand = []
    for result in results:
        for finding in result.findings:
            whole = finding.about == result.name
            title = result.name if whole else f"{result.name}: {finding.about}"
            lines += ["", title, *_wrapped(finding.hint, "  ")]
            lines += [""] * bool(finding.evidence)
            for line in finding.evidence:
                lines += _wrapped(line, "    ")
            if finding.case and not by_hand:
                module = exercise.name if module is None else module
                by_hand = _by_hand(exercise.name, result.name, finding, module)
    return "\n".join(lines + by_hand)


def _by_hand(exercise, function, finding, module):
    names = [exercise, function, finding.case]
    names += [finding.dtype] * (finding.dtype != "float64")
    quoted = ", ".join(f'"{name}"' for name in names)
    where = ["To try this case yourself:"]
    if module != HERE:
        place, name = f"where {module}.py is", module
        if not module.isidentifier():  # such as 3_conv2d, which Python cannot import
            place, name = f"with {module}.py copied to {exercise}.py", exercise
        where = [
            f"To try this case yourself, in Python, {place}:",
            f"    from {name} import {function}",
        ]
    return [
        "",
        *where,
        "    from tinynet.exercises import arguments",
        f"    {function}(*arguments({quoted}))",
    ]


def _wrapped(text, indent):
    return [
        line
        for paragraph in text.split("\n")
        for line in textwrap.wrap(paragraph, WIDTH, initial_indent=indent, subsequent_indent=indent)
    ]


def check_one(exercise, path):
    """Check and print; True if all is right."""
    try:
        path = path or find(exercise)
        print(f"{exercise.name}: {path}")
        results, printed = check_file(exercise, path)
    except Unusable as error:
        print("\n".join(_wrapped(str(error), "  ")))
        return False
    print(report(exercise, results, Path(path).stem))
    if printed:
        print("\nYour code printed (not more than 10 lines are shown):")
        print("\n".join(f"  | {line}" for line in printed.splitlines()[:10]))
    right = all(result.state == "right" for result in results)
    print("\nAll of it is right." if right else "\nNot right yet.")
    return right


def check_all():
    """Print the state of every exercise; True if all are right."""
    states = []
    for exercise in EXERCISES.values():
        try:
            results, _ = check_file(exercise, find(exercise))
        except NoFile:
            state = "no file"
        except Unusable:
            state = "cannot be loaded"
        else:
            state = _summary(results)
        states.append(state)
        print(f"  {exercise.name:13}  {state:34}  {exercise.title}")
    print("\npython -m tinynet.exercise NAME says more.")
    return all(state == "right" for state in states)


def _summary(results):
    """ "right" if all are, otherwise "forward right, backward not begun"."""
    states = {result.state for result in results}
    if len(states) == 1:
        return states.pop()
    return ", ".join(f"{result.name} {result.state}" for result in results)


def copy(folder):
    """Put the blank of every exercise into a folder; what is already there stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for name in EXERCISES:
        blank, path = BLANKS / f"{name}.py", folder / f"{name}.py"
        try:
            with open(path, "x", encoding="utf-8") as file:  # never over what a student wrote
                file.write(blank.read_text(encoding="utf-8"))
        except FileExistsError:
            kept.append(path.name)
    new = len(EXERCISES) - len(kept)
    print(f"{new} {'blank is' if new == 1 else 'blanks are'} new in {folder}")
    if kept:
        print(f"Left as they were: {', '.join(kept)}")
    first = next(iter(EXERCISES))
    where = "" if folder in FOLDERS else f" {folder / first}.py"
    print(f"Fill in {folder / first}.py, then: python -m tinynet.exercise {first}{where}")


def grade_all(options):
    """Grade a folder, print a line for each student as it comes, and write the reports."""
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    limits = Limits(options.time, options.memory)
    one = options.gradescope is not None
    found, names = grading.submissions(options.grade, options.exercises, one)
    first = max(len(grading.clean(student)) for student in found)
    print(grading.row(grading.head(names), first))
    results = {}
    for student, files in found.items():
        results[student] = [grading.grade(name, files[name], seed, limits) for name in names]
        print(grading.row(grading.cells(student, results[student]), first), flush=True)
    for student, graded in results.items():
        for one in graded:
            if lines := grading.lost(one):
                print(f"\n{grading.clean(student)}, {one.exercise}:")
                print("\n".join(line for text in lines for line in _wrapped(text, "  ")))
    print(f"\nThe unseen cases are those of --seed {seed}.")
    if options.json:
        write(options.json, grading.as_json(results, seed))
    if options.gradescope:
        write(options.gradescope, grading.as_gradescope(*results.values()))


def write(path, report):
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tinynet.exercise",
        description="Check an exercise; without a name, say how far each of them is.",
    )
    parser.add_argument("name", nargs="?", choices=EXERCISES, help="the exercise")
    parser.add_argument("path", nargs="?", type=Path, help="your file, if it is elsewhere")
    parser.add_argument(
        "--copy", nargs="?", type=Path, const=FOLDERS[-1], metavar="FOLDER",
        help="put the blanks into a folder (default: %(const)s); what is there stays",
    )  # fmt: skip
    add_grading(parser.add_argument_group("grading, for teachers"))
    options = parser.parse_args(arguments)
    if options.grade is not None:
        return grade(options, parser)
    if options.json or options.gradescope or options.exercises:
        parser.error("--exercises, --json and --gradescope go with --grade FOLDER")
    if options.copy is not None:
        return copy_blanks(options, parser)
    if options.name is None:
        return 0 if check_all() else 1
    return 0 if check_one(EXERCISES[options.name], options.path) else 1


def add_grading(group):
    group.add_argument("--grade", type=Path, metavar="FOLDER", help="of <student>/<exercise>.py")
    group.add_argument(
        "--exercises", nargs="+", choices=EXERCISES, metavar="NAME",
        help="those to grade (default: those that anyone has a file for)",
    )  # fmt: skip
    group.add_argument("--seed", type=int, help="of the unseen cases (default: drawn, and printed)")
    group.add_argument(
        "--time", type=float, default=Limits().seconds, metavar="SECONDS",
        help="for all calls of one function (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--memory", type=int, default=Limits().megabytes, metavar="MB",
        help="for one process (default: %(default)s)",
    )  # fmt: skip
    group.add_argument("--json", type=Path, metavar="FILE", help="write the points for programs")
    group.add_argument(
        "--gradescope",
        type=Path,
        metavar="FILE",
        help="FOLDER is one student's: write its results.json",
    )


def copy_blanks(options, parser):
    if options.name:
        parser.error("--copy takes all blanks, and a folder: --copy exercises")
    try:
        copy(options.copy)
    except OSError as error:
        parser.error(f"--copy: {error}")
    return 0


def grade(options, parser):
    if options.name:
        parser.error(f"with --grade, name exercises like this: --exercises {options.name}")
    if options.time <= 0 or options.memory <= 0 or (options.seed or 0) < 0:
        parser.error("--time and --memory have to be above 0, and --seed not below it")
    for path in (options.json, options.gradescope):
        if path and not path.parent.is_dir():  # told now, and not when all is graded
            parser.error(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        grade_all(options)
    except Unusable as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    with ending_quietly():
        sys.exit(main())
