"""What an exercise is: functions to fill in, cases to try them on, mistakes that are known.

A `Task` is one function of an exercise. Its reference is tinynet's own layer, so an exercise
cannot drift from the code. A mistake is a function, too: it computes what an answer with that
mistake would give. Arguments are passed by name everywhere: a reference or a mistake names those
of a case's arguments that it needs.
"""

import inspect
import itertools
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass
class Case:
    """One set of arguments to try an answer on, and what is special about it.

    what: a few words for the reader. arguments: {name: array or number}; arrays of floats are
    float64 here, and tried in float64 and then in float32. hint: what to say if the answer is
    right in all earlier cases and wrong here, where no mistake explains it. tolerance: the error
    allowed in float32, as a part of the largest value. only_float32: where float64 would hide it.
    """

    what: str
    arguments: dict
    hint: str = ""
    tolerance: float = 1e-4
    only_float32: bool = False


class Mistake(NamedTuple):
    """outputs: the names of those that it makes wrong; compute(…): what it gives for them, with
    these settings beside the arguments."""

    outputs: tuple
    hint: str
    compute: callable
    settings: dict

    def values(self, arguments):
        """{output: array} of what the mistake gives."""
        return named(self.outputs, by_name(self.compute, {**arguments, **self.settings}))


@dataclass
class Task:
    """One function to fill in.

    reference: the right answer; its name and its arguments are those of the function. outputs:
    the names of what it returns, "y" or "dx dweight dbias". axes: {name of an array: the names
    of its axes, "n c h w"}, for messages. regions: {output: {"where …": mask(…)}}, parts of an
    output that are worth telling apart if an answer is wrong only there.
    """

    reference: callable
    outputs: str
    cases: list
    axes: dict = field(default_factory=dict)
    regions: dict = field(default_factory=dict)
    mistakes: list = field(default_factory=list)

    @property
    def name(self):
        return self.reference.__name__

    @property
    def output_names(self):
        return self.outputs.split()

    @property
    def argument_names(self):
        return list(inspect.signature(self.reference).parameters)

    def mistake(self, outputs, hint, **choices):
        """Decorator of a function that computes what a mistake gives for these outputs.

        Mistakes are tried in the order in which they stand; several functions may share a hint.
        choices: name=[values], for an argument of that function that is tried with each value.
        """

        def register(compute):
            for values in itertools.product(*choices.values()):
                settings = dict(zip(choices, values, strict=True))
                self.mistakes.append(Mistake(tuple(outputs.split()), hint, compute, settings))
            return compute

        return register

    def right(self, arguments):
        """{output: array} of the right answer, in float64."""
        return named(self.output_names, by_name(self.reference, in_dtype(arguments, np.float64)))

    def axis_names(self, array_name, ndim):
        """The names of an array's axes, or "axis 0", "axis 1", … where they have none."""
        names = self.axes.get(array_name, "").split()
        return names if len(names) == ndim else [f"axis {i}" for i in range(ndim)]

    def sizes(self, values):
        """{name: size} of the named axes of arrays, and of numbers above 0; values: {name: …}."""
        sizes = {}
        for name, value in values.items():
            if name in self.axes:
                sizes.update(zip(self.axes[name].split(), np.shape(value), strict=True))
            elif type(value) in (int, float) and value > 0:
                sizes[name] = value
        return sizes


@dataclass
class Exercise:
    """name: also that of the student's file; title: what it is about; tasks: in order."""

    name: str
    title: str
    tasks: list


EMPTY_SLICE = (  # a hint of several exercises
    "dx is right where there is padding, and empty where padding is 0: a slice "
    "[padding:-padding] is [0:0] then. Where does x begin in the frame, and how long is it?"
)


def by_name(function, arguments):
    """function(…) with those of the arguments that it names."""
    return function(*(arguments[name] for name in inspect.signature(function).parameters))


def named(names, values):
    """{name: array} of what a function returned: one value, or a tuple of several."""
    values = values if len(names) > 1 else (values,)
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


def in_dtype(arguments, dtype):
    """Fresh copies of the arguments; floating-point arrays in this dtype."""
    return {
        name: np.array(value, dtype if value.dtype.kind == "f" else value.dtype)
        if isinstance(value, np.ndarray)
        else value
        for name, value in arguments.items()
    }
