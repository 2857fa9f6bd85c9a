"""What counts as a number, and as a whole one."""

from fractions import Fraction

import numpy as np
import pytest

from tinynet.checks import count, number, number_up_to, setting, whole_number

WHOLE = [32, 32.0, np.int8(32), np.uint64(32), np.float16(32), np.float64(32), np.array(32)]
NOT_WHOLE = [2.5, "2", None, [2], np.nan, np.inf, 2j, np.float32(2.5), np.array([2, 3])]
HUGE = 10**400


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_whole_numbers(value):
    assert whole_number(value, "it") == 32 and type(whole_number(value, "it")) is int
    assert count(value, "fit", "epochs") == 32


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
def test_what_is_no_whole_number(value):
    with pytest.raises(TypeError, match="^it: expected a whole number, got"):
        whole_number(value, "it")
    with pytest.raises((TypeError, ValueError), match="^fit: "):
        count(value, "fit", "epochs")


@pytest.mark.parametrize("value", [0, -1, 0.0, True, False, np.bool_(True)], ids=repr)
def test_too_small_or_a_truth_value(value):
    with pytest.raises((ValueError, TypeError), match="^it: expected"):
        whole_number(value, "it")


def test_the_bound_itself():
    assert whole_number(2, "it", at_least=2) == 2 and count(1, "fit", "epochs") == 1
    with pytest.raises(ValueError, match="^it: expected at least 2, got 1$"):
        whole_number(1, "it", at_least=2)
    with pytest.raises(ValueError, match="^fit: expected epochs ≥ 1, got 0$"):
        count(0, "fit", "epochs")
    with pytest.raises(ValueError, match="^fit: expected epochs ≥ 1, got 2.5, which is not whole$"):
        count(2.5, "fit", "epochs")


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float16(0.5), Fraction(1, 2)], ids=repr)
def test_numbers(value):
    assert number(value, "it", 0, 1) == number_up_to(1)(value, "A: b") == 0.5
    assert setting(value, "it", "b", lambda v: v > 0) == 0.5
    assert type(number(value, "it")) is float


@pytest.mark.parametrize("value", [None, "1", 1j, [1.0], True, np.ones(1)], ids=repr)
def test_what_is_no_number(value):
    for check in (number, lambda v, w: setting(v, w, "b", lambda v: True)):
        with pytest.raises(TypeError, match="^it: expected .*a number, got"):
            check(value, "it")


@pytest.mark.parametrize(
    "value, bounds, expected",
    [
        (np.nan, (), "a finite number"),
        (np.inf, (), "a finite number"),
        (HUGE, (), "a finite number"),
        (-0.1, (0,), "a number of at least 0"),
        (1.1, (0, 1), "a number in 0 … 1"),
        (-0.1, (0, 1), "a number in 0 … 1"),
    ],
)
def test_numbers_out_of_range(value, bounds, expected):
    with pytest.raises(ValueError, match=f"^it: expected {expected}, got"):
        number(value, "it", *bounds)


def test_the_ends_of_a_range():
    assert number_up_to(1)(1, "A: b") == 1 and number_up_to(1)(0, "A: b") == 0
    assert number(0, "it", 0, 1) == 0 and number(1, "it", 0, 1) == 1


def test_an_int_beyond_every_float():
    assert whole_number(HUGE, "it") == HUGE
    with pytest.raises(ValueError, match="expected b, a number in 0 … 1"):
        number_up_to(1)(HUGE, "A: b")
    with pytest.raises(ValueError, match="^it: expected b, got 1000"):
        setting(HUGE, "it", "b", lambda v: True)
