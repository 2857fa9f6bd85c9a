"""Check an exercise, as a tutor would: what is wrong, and where to look.

    python -m tinynet.exercise                    # all exercises, and how far each is
    python -m tinynet.exercise conv2d             # ./conv2d.py, or examples/exercises/conv2d.py
    python -m tinynet.exercise conv2d my.py       # another file

The exit code is 0 only if everything asked for is right. examples/exercises/README.md says how
to work with the exercises; tinynet/exercises holds them.
"""

import argparse
import io
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from .exercises import EXERCISES
from .exercises.answer import Finding
from .exercises.diagnose import check as check_answer
from .exercises.run import NotBegun, Unusable, importable, load

FOLDERS = (Path(), Path("examples/exercises"))  # where a student's file is looked for
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
        f"There is no file for {exercise.name}: looked for {looked} in {Path.cwd()}. The blanks "
        "are in examples/exercises of tinynet's repository; go there, or give the path of yours."
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
    where = [
        f"To try this case yourself, in Python, where {module}.py is:",
        f"    from {module} import {function}",
    ]
    return [
        "",
        *(["To try this case yourself:"] if module == HERE else where),
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


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m tinynet.exercise",
        description="Check an exercise; without a name, say how far each of them is.",
    )
    parser.add_argument("name", nargs="?", choices=EXERCISES, help="the exercise")
    parser.add_argument("path", nargs="?", type=Path, help="your file, if it is elsewhere")
    options = parser.parse_args(arguments)
    if options.name is None:
        return 0 if check_all() else 1
    return 0 if check_one(EXERCISES[options.name], options.path) else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # σ² on a console that has no σ
    sys.exit(main())
