"""Answers to the exercises, for tests: right ones in solutions/, wrong ones in wrong/."""

import importlib
from pathlib import Path
from typing import NamedTuple

from tinynet.exercises import EXERCISES

SOLUTIONS = Path(__file__).parent / "solutions"


class Wrong(NamedTuple):
    """says: what the hint has to contain. function: the answer, in the place of a right one."""

    task: str
    says: str
    function: callable


def catalogue():
    """The decorator that puts a wrong answer into the list, and the list."""
    found = []

    def wrong(task, says):
        def put(function):
            found.append(Wrong(task, says, function))
            return function

        return put

    return wrong, found


def wrong_answers(name):
    """[Wrong] for an exercise."""
    return importlib.import_module(f"exercises.wrong.{name}").WRONG


def solutions(name):
    """The paths of the right answers to an exercise: conv2d.py or conv2d_loops.py, …"""
    return sorted(SOLUTIONS.glob(f"{name}.py")) + sorted(SOLUTIONS.glob(f"{name}_*.py"))


NAMES = list(EXERCISES)
