"""What the checker says of wrong numbers that no exercise's own mistakes explain.

On tasks made for it, so that each answer is wrong in one way; test_exercise.py has the exercises.
"""

import numpy as np
import pytest
from cases import normal
from exercises.unseen import LATER, UNSEEN

from tinynet.exercises import EXERCISES
from tinynet.exercises.answer import Run
from tinynet.exercises.diagnose import check, listed
from tinynet.exercises.kept import kept
from tinynet.exercises.looks import some_axes
from tinynet.exercises.task import Case, Task

SHAPES = [(3, 4), (2, 5), (6, 7)]
NAMES = ["first", "second", "third", "fourth", "fifth", "sixth"]


def curve(x, k):
    return x**3 + 1


def curve_sum(x, k):
    return (x**3).sum(0)


def curve_mean(x, k):
    return (x**3).mean()


def task_of(reference=curve, shapes=SHAPES, ks=(2, 3, 7), axes="n c", **settings):
    arrays = [normal(shape, seed=seed) for seed, shape in enumerate(shapes)]
    cases = [
        Case(name, {"x": x, "k": k})
        for name, x, k in zip(NAMES, arrays, [*ks, 1, 1, 1], strict=False)
    ]
    return Task(reference, "y", cases, {"x": "n c", "y": axes}, **settings)


def said(task, answer):
    """The one Finding."""
    (found,) = check(task, answer)
    return found


def hint(answer, **settings):
    """What is said of answer(right, x, k), on curve's task."""
    task = task_of(**settings)
    return said(task, lambda x, k: answer(task.reference(x, k), x, k)).hint


# -- all numbers have to do with the right ones --


@pytest.mark.parametrize(
    "answer, says",
    [
        (lambda y, x, k: 0 * y, "y is all zeros. Is what you compute written into it?"),
        (lambda y, x, k: x.copy(), "y is the same as the argument x."),
        (lambda y, x, k: -y, "The sign is wrong: every value is −1 times the right one."),
        (
            lambda y, x, k: y * len(x),
            "Every value is n times the right one: a division by n is missing.",
        ),
        (
            lambda y, x, k: y * x.size * k,
            "Every value is n·c·k times the right one: a division by n·c·k is missing.",
        ),
        (
            lambda y, x, k: y / x.size,
            "Every value is the right one divided by n·c: either it is divided once too often, or "
            "a mean was taken where a sum belongs.",
        ),
        (
            lambda y, x, k: y * 1.75,
            "Every value is 1.75 times the right one, in every case that is wrong.",
        ),
        (
            lambda y, x, k: y * (0.5 + len(x)),
            "Every value is the right one times a factor, another in each case (3.5, 2.5, 6.5, …): "
            "what has these values there?",
        ),
        (
            lambda y, x, k: y.T,
            "The numbers are right, but the axes stand in another order: y has to be (n, c), and "
            "yours is (c, n).",
        ),
        (lambda y, x, k: y[::-1], "y is turned round along n."),
        (lambda y, x, k: y[:, ::-1], "y is turned round along c."),
        (lambda y, x, k: y[::-1, ::-1], "y is turned round along n, c."),
        (
            lambda y, x, k: y.ravel(),
            "The numbers are right, but the shape has to be (3, 4), not (12,).",
        ),
        (
            lambda y, x, k: np.roll(y, 1),
            "These are the right numbers in the wrong places. Look at the indices.",
        ),
        (
            lambda y, x, k: y + k,
            "Every value differs from the right one by the same amount, added or left out.",
        ),
    ],
)
def test_relations(answer, says):
    assert hint(answer) == says


def test_a_size_that_some_cases_lack_is_no_factor():
    says = "Every value is 2 times the right one, in every case that is wrong."
    assert hint(lambda y, x, k: 2 * y, ks=(2, 0, 2)) == says
    assert hint(lambda y, x, k: k * y, ks=(2, 2, 2)).startswith("Every value is k times the right")


def test_single_numbers_are_each_some_factor_of_the_right_one():
    wrong = "The values are not the right ones: in this case 1 of 1 are wrong."
    two = {"reference": curve_mean, "axes": "", "shapes": SHAPES[:2]}
    assert "factor" not in hint(lambda y, x, k: 2 * y, **two)
    assert "same amount" not in hint(lambda y, x, k: y + 2, **two)
    three = {"reference": curve_mean, "axes": ""}  # three that agree are no chance
    assert hint(lambda y, x, k: 2 * y, **three).startswith("Every value is 2 times the right one")
    assert "same amount" in hint(lambda y, x, k: y + 2, **three)
    assert hint(lambda y, x, k: y * (len(x) + 0.5), **three).startswith(wrong)
    wrong = {"reference": curve_sum, "axes": "c"}
    assert "1.5 times" not in hint(lambda y, x, k: 1.5 * y, shapes=[(3, 1), (2, 1)], **wrong)
    assert "1.5 times" in hint(lambda y, x, k: 1.5 * y, shapes=[(3, 1), (2, 3)], **wrong)
    by_amount = "Every value differs from the right one by the same amount, added or left out."
    assert hint(lambda y, x, k: y + 2, shapes=[(3, 2)] * 3, **wrong) == by_amount


def test_relations_hold_in_every_case_that_is_wrong():
    changes = [np.zeros_like, lambda y: -y, lambda y: 2 * y, lambda y: y + 1]
    changes += [np.transpose, np.ravel, np.flip, lambda y: np.roll(y, 1)]
    for change in changes:  # in the second case, and something else in the others
        found = hint(lambda y, x, k, c=change: c(y) if len(x) == 2 else np.cos(y) + 3)
        assert not found.startswith(("Every value", "The numbers are right", "These are"))


def test_sums():
    of_columns = {"reference": curve_sum, "axes": "c"}
    says = "A sum is missing: summed over axis 0 (of size 3), your y would be right."
    assert hint(lambda y, x, k: x**3, **of_columns) == says
    three = hint(lambda y, x, k: np.stack([x**3] * 2, 1) / 2, **of_columns)
    assert three == (
        "A sum is missing: summed over axis 0 (of size 3) and axis 1 (of size 2), your y would be "
        "right."
    )
    says = "This is one sum over everything; y needs one for each c."
    assert hint(lambda y, x, k: (x**3).sum(), **of_columns) == says
    says = "This is one sum over everything; y needs one for each n and c."
    assert hint(lambda y, x, k: y.sum()) == says


def test_axes_are_tried_one_alone_then_more():
    assert list(some_axes(0)) == []
    assert list(some_axes(1)) == [(0,)]
    assert list(some_axes(3)) == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


def test_equal_numbers_are_not_in_wrong_places():
    task = task_of()
    task.cases[1].arguments["x"][:] = 2
    found = said(task, lambda x, k: np.roll(curve(x, k), 1).T)
    assert (
        found.hint
        == "The shape differs: axis 0 has to be as long as n, and is as long as c; "
        + ("axis 1 has to be as long as c, and is as long as n.")
    )


# -- what they look like --


def test_shapes():
    def ones(*shape):
        return lambda y, x, k: np.ones([{"n": len(x), "c": x.shape[1]}.get(s, s) for s in shape])

    says = "The shape differs: axis 1 has to be as long as c, and is as long as n."
    assert hint(ones("n", "n")) == says
    assert hint(ones("n", "n"), ks=(3, 2, 6)) == says  # k is as long, too, and named later
    says = "The shape differs: axis 1 (c) has to be 4 long, and is 3."
    assert hint(ones("n", "n"), shapes=SHAPES[:2]) == says  # two cases may agree by chance
    says = "The shape differs: axis 0 (n) has to be 3 long, and is 1; axis 1 (c) has to be 4 long, "
    assert hint(ones(1, 9)) == says + "and is 9."
    says = "The shape differs: it has to be (3, 4), (n, c), and is (3, 4, 2)."
    assert hint(ones("n", "c", 2)) == says
    task = task_of()
    del task.axes["y"]
    says = "The shape differs: it has to be (3, 4), and is (3, 3)."
    assert said(task, lambda x, k: np.ones((len(x), len(x)))).hint == says


def test_not_finite():
    def answer(*values):
        def put(y, x, k):
            y = np.cos(y)
            y.flat[: len(values)] = values
            return y

        return put

    assert hint(answer(np.nan)).startswith("1 of 12 values are NaN. Which operation makes them: ")
    assert hint(answer(np.inf, -np.inf)).startswith("2 of 12 values are ∞. Which operation")
    both = hint(answer(np.nan, np.inf, 1))
    assert both.startswith("2 of 12 values are NaN or ∞. ") and both.endswith("negative number?")
    # of what is not finite where it is right nothing is said
    task = task_of(lambda x, k: x**3 + np.where(x > 1, np.inf, 0))
    task.cases = task.cases[2:]
    wrong = said(task, lambda x, k: np.where(x > 1, np.inf, np.cos(x) + 2)).hint
    assert wrong.startswith("The values are not the right ones")


def test_where_they_are_wrong():
    def at(rows, columns):
        def answer(y, x, k):
            y = y.copy()
            y[rows, columns] = np.cos(y[rows, columns]) + 2
            return y

        return answer

    everywhere = slice(None)
    for places, says in [
        ((everywhere, 0), "in the first c"),
        ((everywhere, -1), "in the last c"),
        ((-1, everywhere), "in the last n"),
        ((everywhere, [0, -1]), "in the first and in the last c"),
        ((slice(1, None), everywhere), "behind the first n"),
        ((slice(-1), everywhere), "before the last n"),
    ]:  # n is 2 in the second case, where "last" and "behind the first" are one
        assert hint(at(*places)).startswith(f"The values are wrong only {says}.")
    says = "The values are not the right ones: in this case {} of 12 are wrong."
    assert hint(at(everywhere, everywhere)).startswith(says.format(12))
    found = hint(at([0, 1, 2, 2], [0, 1, 2, 3]), shapes=[(3, 4), (3, 4)])
    assert found.startswith(says.format(4))


@pytest.mark.parametrize(
    "answer, shapes",
    [
        (lambda y, x, k: put(y, (slice(None), 1)), SHAPES),  # 1 is the last of no case
        (lambda y, x, k: put(y, (0, slice(None))), [(3, 4), (2, 4)]),  # one case can tell
        (lambda y, x, k: put(y, (0, slice(None))) if len(x) == 3 else put(y, 1), SHAPES),
    ],
)
def test_an_accident_of_one_case_is_no_place(answer, shapes):
    assert "only" not in hint(answer, shapes=shapes)


def put(y, places):
    y = y.copy()
    y[places] = np.cos(y[places]) + 2
    return y


def test_regions():
    task = task_of(regions={"y": {"where x is negative": lambda x: x < 0}})
    found = said(task, lambda x, k: np.where(x < 0, np.sin(x), x**3 + 1))
    assert found.hint.startswith("The values are wrong only where x is negative.")
    found = said(task, lambda x, k: np.where(x < 1, np.sin(x), x**3 + 1))
    assert found.hint.startswith("The values are not the right ones: in this case ")
    # in the first case only there, in others elsewhere, too
    found = said(task, lambda x, k: np.where(x < (0 if len(x) == 3 else 1), np.sin(x), x**3 + 1))
    assert "negative" not in found.hint


# -- of several cases, which --


def in_case(number, otherwise):
    """An answer that is right but in the case with this many rows."""
    return lambda x, k: otherwise(x) if len(x) == SHAPES[number][0] else curve(x, k)


def unlike(x):
    return np.cos(x) + 2


def no(x):
    raise ValueError("no")


def not_begun(x):
    raise NotImplementedError


def test_what_tells_right_cases_from_wrong_ones():
    def but_for(right):
        shapes = [(1, 4), (3, 3), (1, 2), (4, 4)]
        task = task_of(shapes=shapes, ks=(4, 5, 2, 3))
        return said(task, lambda x, k: curve(x, k) if right(x, k) else unlike(x)).evidence[-1]

    says = "In all that are right, {}; in none that is wrong."
    assert but_for(lambda x, k: len(x) == 1) == says.format("n is 1")
    # c and k are the same there, too: an axis and a number, by chance
    assert but_for(lambda x, k: len(x) == 1 or k == 9) == says.format("n is 1")
    assert but_for(lambda x, k: len(x) == x.shape[1]) == says.format("n and c are the same")
    assert but_for(lambda x, k: k == 5).startswith("It is wrong in")  # one case alone


def test_where_it_is_right_and_where_wrong():
    found = said(task_of(), in_case(1, unlike))
    assert found.case == "second"
    assert found.evidence[0].startswith("Case “second”: x (2, 5), k 3")
    assert found.evidence[2:] == ["It is right in: first; third.", "It is wrong in: second."]
    assert len(said(task_of(), lambda x, k: unlike(x)).evidence) == 2


def test_a_case_that_is_wrong_alone_has_its_own_hint():
    task = task_of()
    for case in task.cases:
        case.hint = f"What about the {case.what}?"
    assert said(task, in_case(1, unlike)).hint == "What about the second?"
    for wrong in (1, 3):
        found = said(task, lambda x, k, n=wrong: curve(x, k) if len(x) == n else unlike(x))
        assert "What about" not in found.hint
    assert said(task, in_case(1, lambda x: -curve(x, 0))).hint.startswith("The sign is wrong")


@pytest.mark.parametrize(
    "stop, words",
    [(no, "raises ValueError: no"), (not_begun, "still raises NotImplementedError.")],
)
def test_cases_in_which_it_stops(stop, words):
    found = said(task_of(), in_case(1, stop))
    assert found.hint.startswith(f"It {words}") and found.case == "second"
    assert found.hint.endswith("\nIt runs in the case “first”: what is different here?")
    assert found.evidence == ["Case “second”: x (2, 5), k 3"]
    # beside wrong numbers it is told in a line
    found = said(task_of(), lambda x, k: stop(x) if len(x) == 2 else unlike(x))
    assert found.case == "first" and found.hint.startswith("The values are not the right ones")
    assert found.evidence[2].startswith(f"In the case “second” it {words}")
    assert len(found.evidence) == 3


def test_of_two_wrong_outputs_the_first_tells_where_it_stops():
    def both(x, k):
        return x**3 + 1, np.exp(x)

    def answer(x, k):
        return no(x) if len(x) == 2 else (np.cos(x) + 2, np.sin(x))

    task = task_of(both)
    task.outputs = "y z"
    y, z = check(task, answer)
    assert [line for line in y.evidence if "“second”" in line] == y.evidence[2:]
    assert not [line for line in z.evidence if "“second”" in line]
    task.axes["z"] = "n c"
    first, second = check(task, lambda x, k: (*answer(x, k)[:1], -np.exp(x)))
    assert "“second”" in first.evidence[2] and len(second.evidence) == 2


def test_a_case_that_is_not_begun_writes_to_nothing():
    def answer(x, k):
        if len(x) == 2:
            raise NotImplementedError
        x += 1
        return curve(x - 1, k)

    writes, stops = check(task_of(), answer)
    assert "It writes to its argument x" in writes.hint and writes.case == "first"
    assert stops.case == "second" and "still raises" in stops.hint


def test_an_answer_that_runs_once_only():
    calls = []

    def answer(x, k):
        if calls:
            raise NotImplementedError
        calls.append(x)
        return curve(x, k)

    about = "Called a second time with the same arguments, it"
    assert said(task_of(), answer).hint == (
        f"{about} raises NotImplementedError. What has it kept?"
    )


def test_one_case_that_is_written_to_is_enough():
    def answer(x, k):
        if len(x) == 6:
            x += 1
            return curve(x - 1, k)
        return curve(x, k)

    found = said(task_of(), answer)
    assert "It writes to its argument x" in found.hint and found.case == "third"


def test_of_many_factors_three_are_named():
    answer = hint(lambda y, x, k: y * (0.5 + len(x)), shapes=[*SHAPES, (8, 2)], ks=(2, 3, 7, 4))
    assert "another in each case (3.5, 2.5, 6.5, …)" in answer


def test_float32():
    def stops(x, k):
        return no(x) if x.dtype == np.float32 and len(x) == 2 else curve(x, k)

    found = said(task_of(), stops)
    assert found.hint.startswith("In float64 it is right; in float32 it raises ValueError: no")
    assert (found.case, found.dtype) == ("second", "float32")

    def loses(x, k):
        return curve(x, k) + (x.dtype == np.float32) * x.dtype.type(0.125)

    task = task_of()
    words = "This is right in float64 and loses accuracy in float32. "
    found = said(task, loses)
    assert found.hint == words + "Which numbers of very different size meet in a sum?"
    assert (found.case, found.dtype) == ("first", "float32")
    task.cases[0].hint = "What about the first?"
    assert said(task, loses).hint == words + "What about the first?"


def test_a_mistake_that_explains_a_part():
    def task():
        task = task_of(shapes=[*SHAPES, (7, 3)])
        task.mistake("y", "It is the sine.")(lambda x: np.sin(x))
        task.mistake("y", "It is the exponential.")(lambda x: np.exp(x))
        task.mistake("y", "It is a root.")(lambda x: np.sqrt(-1 - x**2))
        return task

    def answer(*functions):
        by_rows = dict(zip([3, 2, 6, 7], functions, strict=True))
        return lambda x, k: by_rows[len(x)](x)

    def right(x):
        return curve(x, 0)

    assert said(task(), answer(np.sin, np.sin, np.sin, np.sin)).hint == "It is the sine."
    found = said(task(), answer(np.sin, right, np.sin, right))  # the sine would be wrong in all
    assert not found.hint.startswith("It is")
    found = said(task(), answer(unlike, np.sin, np.sin, np.sin))
    assert found.hint == "It is the sine." and found.case == "second"
    assert found.evidence[0].startswith("Case “second”") and "y[0, 0]: " in found.evidence[1]
    assert found.evidence[2:] == [
        "This explains what is wrong in: second; third; fourth.",
        "Something else is wrong in: first.",
    ]
    found = said(task(), answer(np.exp, np.exp, np.sin, np.sin))  # each explains a half only
    assert not found.hint.startswith("It is")
    partly = task()  # what makes wrong what is right explains nothing
    partly.mistake("y", "It is odd.")(lambda x: np.tan(x) if len(x) < 6 else np.exp(x))
    found = said(partly, answer(np.tan, np.tan, right, right))
    assert not found.hint.startswith("It is")
    found = said(task(), answer(np.sin, right, unlike, right))  # one may agree by chance
    assert found.hint.startswith("The values are not the right ones")
    found = said(task(), answer(lambda x: x * np.nan, lambda x: x * np.nan, right, right))
    assert found.hint.startswith("12 of 12 values are NaN")


@pytest.mark.parametrize(
    "count, names",
    [
        (1, "first"),
        (4, "first; second; third; fourth"),
        (5, "first; second; third; fourth; and 1 more"),
        (6, "first; second; third; fourth; and 2 more"),
    ],
)
def test_four_cases_are_named(count, names):
    runs = [Run(Case(name, {}), {}, {}, {}, "", [], None) for name in NAMES[:count]]
    assert listed(runs) == names


# -- wrong answers that no mistake was written for --


@pytest.mark.slow
@pytest.mark.parametrize("answer", UNSEEN, ids=[a.function.__name__ for a in UNSEEN])
def test_an_unseen_answer_gets_the_hint_that_was_judged(answer):
    (task,) = (t for t in EXERCISES[answer.exercise].tasks if t.name == answer.task)
    assert answer.says in check(task, answer.function)[0].hint


def test_most_unseen_answers_get_a_hint_that_is_right_or_helps():
    for answers in (UNSEEN[:LATER], UNSEEN[LATER:]):
        judged = [a.judgement for a in answers]
        assert set(judged) <= {"right", "helps", "no use"}  # none misleads
        assert judged.count("no use") <= 0.1 * len(judged)
    assert LATER >= 60 and len(UNSEEN) - LATER >= 20


# -- tried on other arguments --


def affine(x, weight, bias):
    return x @ weight.T + bias


def affine_task():
    rng = np.random.default_rng(0)
    shapes = [(3, 4, 2), (2, 3, 3), (4, 2, 5)]
    cases = [
        Case(name, {"x": rng.normal(size=(n, i)), "weight": rng.normal(size=(o, i)), "bias": b})
        for name, (n, i, o) in zip(NAMES, shapes, strict=False)
        for b in [rng.normal(size=o)]
    ]
    axes = {"x": "n i", "weight": "o i", "bias": "o", "y": "n o"}
    return Task(affine, "y", cases, axes)


@pytest.mark.parametrize(
    "answer, says",
    [
        (
            lambda x, w, b: x[:, 1:] @ w[:, 1:].T + b,
            "has to depend on x where i is 0, and does not",
        ),
        (lambda x, w, b: np.sin(x @ w.T) + w.sum(), "depends on weight where o is 1, and should"),
        (lambda x, w, b: x @ (w * abs(w)).T + b, "right if all of weight were 1: look at how"),
        (
            lambda x, w, b: np.tanh(x @ w.T + b),
            "n = 1, i = 1, o = 1, all of x 0, all of weight 0, all of bias 1: y[0, 0] has to be 1, "
            "and is 0.7616.",
        ),
    ],
)
def test_what_tries_show(answer, says):
    assert says in said(affine_task(), lambda x, weight, bias: answer(x, weight, bias)).hint


def test_a_number_that_is_not_used_is_named():
    def power(x, k):
        return np.abs(x) ** k + x

    says = "y does not depend on k, and should."
    assert says in said(task_of(power), lambda x, k: np.abs(x) ** 1.5 + x).hint


def test_a_number_that_is_needless_is_named():
    says = "Where it is wrong, y depends on k, and should not."
    assert says in said(task_of(lambda x, k: np.tanh(x)), lambda x, k: np.sin(k * x)).hint


def test_what_grows():
    def mean_free(x, k):
        return x - x.mean()

    says = "If x grows by 1 everywhere, y has to stay the same; yours does not."
    assert says in said(task_of(mean_free), lambda x, k: x - x.mean() + abs(x)).hint
    says = "If x doubles, y has to become 2 times as large; yours does not."
    assert says in said(task_of(mean_free), lambda x, k: x - x.mean() + x**3).hint

    def infinite_in_a_later_case(x, k):
        y = mean_free(x, k) + 0.3 * abs(mean_free(x, k))
        return np.where((x == x.min()) & (k == 7), -np.inf, y)

    assert "doubles" not in said(task_of(mean_free), infinite_in_a_later_case).hint


def test_tries_end_with_the_answer_that_stops_on_other_arguments():
    calls = []

    def answer(x, k):
        calls.append(x)
        return no(x) if len(calls) > 4 else np.tan(x)

    assert said(task_of(), answer).hint.startswith("The values are not the right ones")


def test_a_region_in_which_it_is_right_says_nothing():
    def more(x, k):
        return k * x + x**2

    task = task_of(more, regions={"y": {"for k above 2": lambda k: k > 2}})
    hint = said(task, lambda x, k: more(x, k) + np.sin(x) * (k > 2)).hint
    assert hint.startswith("The values are wrong only for k above 2.")
    assert "if k were" not in hint


# -- something kept --


def remembers(x):
    remembers.x = x


def takes_it(x):
    return x + remembers.x


def by_default(x, cache={}):  # noqa: B006
    return cache.setdefault("x", x)


SCALE = np.ones(3)


def a_constant(x):
    return SCALE * x


FRAMES = {}


def a_frame_for_each_shape(x, weight, bias, stride, padding):
    if (x.shape, padding) not in FRAMES:
        FRAMES[x.shape, padding] = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    task = EXERCISES["conv2d"].tasks[0]
    return task.reference(FRAMES[x.shape, padding], weight, bias, stride, 0)


def test_what_is_kept_by_shape_is_found_with_other_numbers():
    (found,) = check(EXERCISES["conv2d"].tasks[0], a_frame_for_each_shape)
    assert "kept outside of it (FRAMES)" in found.hint and found.case is None
    assert "with its numbers in other places" in found.evidence[0]


def test_a_length_that_agrees_by_chance_is_given_as_a_number():
    def answer(
        x, weight, bias, stride, padding
    ):  # (… + 1) // stride, where … // stride + 1 is right
        y = EXERCISES["conv2d"].tasks[0].reference(x, weight, bias, stride, padding)
        oh, ow = ((x.shape[i] + 2 * padding - weight.shape[i] + 1) // stride for i in (2, 3))
        return y[:, :, :oh, :ow]

    (found,) = check(EXERCISES["conv2d"].tasks[0], answer)
    assert found.hint == (
        "The shape differs: axis 2 (oh) has to be 3 long, and is 2; axis 3 (ow) has to be 2 long, "
        "and is 1."
    )


def test_what_is_kept_is_named():
    remembers(SCALE)
    assert kept(takes_it) == "remembers.x"
    assert kept(by_default) == "a value by default"
    assert kept(a_constant) is None and kept(np.maximum) is None
