"""The exercises behind `python -m tinynet.exercise`: what is right, and what is often wrong.

Each file holds one exercise, named like the student's file, whose blank is in blanks/. To add a
mistake, write what an answer with that mistake gives, as a function of those arguments it needs,
and a hint that says where to look without saying the answer:

    @BACKWARD.mistake("dbias", "dbias lacks the sum over the batch: …")
    def dbias_not_summed(dy):
        return dy

The checker names it for answers that agree with it in every case; nothing else is needed, but an
answer with that mistake in tests/exercises, which shows that the hint comes. To add an exercise,
write a file like relu.py here (reference, cases, tasks, mistakes), add it to EXERCISES below, and
put the blank into blanks/.

task.py says what an exercise is made of, run.py runs a student's code, answer.py tries it on a
case, diagnose.py compares it with what is right and with the mistakes, looks.py looks at numbers
that no mistake explains, probes.py tries the answer on other arguments, and kept.py looks for what
it keeps between calls. grading.py gives points, on these cases and on those that unseen.py draws;
asking.py and answering.py run what is graded in a process of its own.
"""

import numpy as np

from . import (
    adam,
    avgpool2d,
    batchnorm2d,
    conv2d,
    cross_entropy,
    dropout,
    he_init,
    linear,
    maxpool2d,
    one_cycle,
    relu,
    sgd,
)
from .task import in_dtype

# in the order in which a course would set them
EXERCISES = {
    module.EXERCISE.name: module.EXERCISE
    for module in (
        relu,
        linear,
        cross_entropy,
        conv2d,
        maxpool2d,
        avgpool2d,
        batchnorm2d,
        sgd,
        one_cycle,
        adam,
        he_init,
        dropout,
    )
}


def arguments(exercise, function, case, dtype=np.float64):
    """[the arguments] of a case that the checker names, to try an answer on it by hand.

    exercise: "conv2d"; function: "forward"; case: "stride 2". Raises KeyError, with the names
    that there are, for one that does not exist.
    """
    task = _named(EXERCISES[exercise].tasks, "name", function)
    values = in_dtype(_named(task.cases, "what", case).arguments, dtype)
    return [values[name] for name in task.argument_names]


def _named(things, attribute, name):
    by_name = {getattr(thing, attribute): thing for thing in things}
    if name not in by_name:
        raise KeyError(f"{name!r} is none of {', '.join(map(repr, by_name))}")
    return by_name[name]
