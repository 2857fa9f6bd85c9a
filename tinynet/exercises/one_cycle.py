"""The one-cycle schedule: the rate and the momentum of every step."""

import math

import numpy as np

from ..layer import Parameter
from ..optim import SGD, OneCycleLR
from .task import Case, Exercise, Task


def rate(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    schedule = OneCycleLR(
        optimizer(),
        max_lr,
        total_steps,
        pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
    )
    return at(schedule, step)["lr"]


def momentum(step, total_steps, base_momentum, max_momentum, pct_start):
    schedule = OneCycleLR(
        optimizer(),
        1.0,
        total_steps,
        pct_start,
        base_momentum=base_momentum,
        max_momentum=max_momentum,
    )
    return at(schedule, step)["momentum"]


def optimizer():
    return SGD([Parameter(np.zeros(1))], lr=0.1, momentum=0.9)


def at(schedule, step):
    """The settings of the optimizer in this step."""
    for _ in range(step):
        schedule.step()
    return schedule.optimizer.param_groups[0]


def case(what, step, total_steps=20, pct_start=0.25, max_lr=0.4, div_factor=20.0, final=100.0):
    names = dict(step=step, total_steps=total_steps, max_lr=max_lr, pct_start=pct_start)
    names |= dict(div_factor=div_factor, final_div_factor=final)
    return Case(what, names | dict(base_momentum=0.8, max_momentum=0.95))


CASES = [
    case("the first step", 0),
    case("on the way up", 1),
    case("nearly up", 3),
    case("the peak", 4),
    case("on the way down", 9),
    case("far down", 15),
    case("the last step", 19),
    case("another rate, a longer rise", 3, 11, 0.5, 2.0, 10.0, 1000.0),
    case("another rate, after the peak", 7, 11, 0.5, 2.0, 10.0, 1000.0),
]

REGIONS = {
    "in step 0": lambda step: step == 0,
    "in the last step": lambda step, total_steps: step == total_steps - 1,
    "at the peak": lambda step, total_steps, pct_start: step == pct_start * total_steps - 1,
    "on the way up": lambda step, total_steps, pct_start: step < pct_start * total_steps - 1,
    "on the way down": lambda step, total_steps, pct_start: step > pct_start * total_steps - 1,
    "between the ends and the peak": lambda step, total_steps, pct_start: (
        step not in (0, pct_start * total_steps - 1, total_steps - 1)
    ),
}

RATE = Task(rate, "lr", CASES, regions={"lr": REGIONS})
MOMENTUM = Task(momentum, "mu", CASES, regions={"mu": REGIONS})


def half_cosine(part):
    return (1 - math.cos(math.pi * part)) / 2


def along(first, peak, last, step, total_steps, pct_start, top=None, end=None, curve=half_cosine):
    """The schedule: from first to peak to last, where peak, end and curve are changed at will."""
    top = pct_start * total_steps - 1 if top is None else top
    end = total_steps - 1 if end is None else end
    if step <= top:
        return first + (peak - first) * curve(step / top)
    return peak + (last - peak) * curve((step - top) / (end - top))


def rates(max_lr, div_factor, final_div_factor):
    first = max_lr / div_factor
    return first, max_lr, first / final_div_factor


def straight(part):
    return part


def quarter_cosine(part):
    return 1 - math.cos(math.pi / 2 * part)


STRAIGHT = (
    "This goes along straight lines. The first, the last and the highest value are right; between "
    "them the curve is half a cosine, which begins and ends level."
)
PEAK = (
    "The curve is right but for where its peak is: steps are counted from 0, so the first part "
    "ends in step pct_start·total_steps − 1."
)
WHOLE_PEAK = (
    "The peak is moved to a whole step. pct_start·total_steps − 1 may lie between two steps: it "
    "is a number on the curve, no index, and needs no rounding."
)
END = (
    "The curve goes down as if there were a step more. Steps are counted from 0: in which one does "
    "the schedule end?"
)


@RATE.mistake("lr", STRAIGHT)
def rate_straight(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, curve=straight)


@RATE.mistake("lr", PEAK)
def rate_late_peak(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, top=pct_start * total_steps)


@RATE.mistake("lr", WHOLE_PEAK, rounded=[math.floor, math.ceil])
def rate_whole_peak(step, total_steps, max_lr, pct_start, div_factor, final_div_factor, rounded):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, top=rounded(pct_start * total_steps - 1))


@RATE.mistake("lr", END)
def rate_late_end(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, end=total_steps)


@RATE.mistake("lr", "Peak and end both come a step late: steps are counted from 0.")
def rate_all_late(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    top = pct_start * total_steps
    return along(*three, step, total_steps, pct_start, top, total_steps)


@RATE.mistake("lr", "The rate goes down to where it began. It ends final_div_factor times lower.")
def no_final(step, total_steps, max_lr, pct_start, div_factor):
    return along(*rates(max_lr, div_factor, 1), step, total_steps, pct_start)


@RATE.mistake(
    "lr",
    "The last rate is max_lr / final_div_factor. The final factor divides the first rate, which is "
    "itself max_lr / div_factor.",
)
def final_of_maximum(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    first, peak, _ = rates(max_lr, div_factor, final_div_factor)
    return along(first, peak, max_lr / final_div_factor, step, total_steps, pct_start)


@RATE.mistake("lr", "The last rate is 0. It has to be small: the first one / final_div_factor.")
def final_zero(step, total_steps, max_lr, pct_start, div_factor):
    return along(max_lr / div_factor, max_lr, 0, step, total_steps, pct_start)


@RATE.mistake("lr", "The rate begins at 0. It has to begin at max_lr / div_factor.")
def begins_at_zero(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    _, peak, last = rates(max_lr, div_factor, final_div_factor)
    return along(0, peak, last, step, total_steps, pct_start)


@RATE.mistake(
    "lr",
    "The curve is half as far along the cosine as it should be: a half cosine is cos from 0 to π.",
)
def rate_quarter(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, curve=quarter_cosine)


NOT_FROM_THE_PEAK = (
    "On the way up it is right. On the way down t runs as if from step 0: it has to be 0 at the "
    "peak and 1 in the last step."
)
NO_PI = "π is missing in the cosine: over half a cosine the angle runs from 0 to π."
ENDS_EXCHANGED = (
    "Each half cosine runs from its end to its beginning: 1 + cos is 2 at t = 0, so a (where it "
    "comes from) is what it multiplies."
)


def down_from_step_0(first, peak, last, step, total_steps, pct_start, length):
    """length: of the way down, from the peak or as a part of all steps."""
    top = pct_start * total_steps - 1
    if step <= top:
        return first + (peak - first) * half_cosine(step / top)
    end = total_steps - 1 if length == "all" else total_steps - 1 - top
    return peak + (last - peak) * half_cosine(step / end)


@RATE.mistake("lr", NOT_FROM_THE_PEAK, length=["all", "down"])
def rate_not_from_the_peak(
    step, total_steps, max_lr, pct_start, div_factor, final_div_factor, length
):
    three = rates(max_lr, div_factor, final_div_factor)
    return down_from_step_0(*three, step, total_steps, pct_start, length)


def no_pi(part):
    return (1 - math.cos(part)) / 2


@RATE.mistake("lr", NO_PI)
def rate_no_pi(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, curve=no_pi)


def backwards(part):
    return half_cosine(1 - part)


@RATE.mistake("lr", ENDS_EXCHANGED)
def rate_backwards(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = rates(max_lr, div_factor, final_div_factor)
    return along(*three, step, total_steps, pct_start, curve=backwards)


@RATE.mistake(
    "lr",
    "First and last rate are exchanged: it begins at max_lr / div_factor and ends far lower.",
)
def first_and_last_exchanged(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    first, peak, last = rates(max_lr, div_factor, final_div_factor)
    return along(last, peak, first, step, total_steps, pct_start)


@RATE.mistake("lr", "The rate only falls, from max_lr: the way up is missing.")
def no_rise(step, total_steps, max_lr, div_factor, final_div_factor):
    _, peak, last = rates(max_lr, div_factor, final_div_factor)
    return along(peak, peak, last, step, total_steps, 0, top=-1e-12)


@MOMENTUM.mistake(
    "mu",
    "The momentum rises with the rate. It goes the other way: where steps are long, the past "
    "counts less.",
)
def with_the_rate(step, total_steps, base_momentum, max_momentum, pct_start):
    return along(base_momentum, max_momentum, base_momentum, step, total_steps, pct_start)


@MOMENTUM.mistake("mu", STRAIGHT)
def momentum_straight(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return along(*three, step, total_steps, pct_start, curve=straight)


@MOMENTUM.mistake("mu", PEAK)
def momentum_late_peak(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return along(*three, step, total_steps, pct_start, top=pct_start * total_steps)


@MOMENTUM.mistake("mu", WHOLE_PEAK, rounded=[math.floor, math.ceil])
def momentum_whole_peak(step, total_steps, base_momentum, max_momentum, pct_start, rounded):
    three = max_momentum, base_momentum, max_momentum
    return along(*three, step, total_steps, pct_start, top=rounded(pct_start * total_steps - 1))


@MOMENTUM.mistake("mu", END)
def momentum_late_end(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return along(*three, step, total_steps, pct_start, end=total_steps)


@MOMENTUM.mistake("mu", NOT_FROM_THE_PEAK, length=["all", "down"])
def momentum_not_from_the_peak(step, total_steps, base_momentum, max_momentum, pct_start, length):
    three = max_momentum, base_momentum, max_momentum
    return down_from_step_0(*three, step, total_steps, pct_start, length)


@MOMENTUM.mistake("mu", NO_PI)
def momentum_no_pi(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return along(*three, step, total_steps, pct_start, curve=no_pi)


@MOMENTUM.mistake(
    "mu", "The momentum stays low after the peak. It has to come back to max_momentum."
)
def stays_low(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, base_momentum
    return along(*three, step, total_steps, pct_start)


EXERCISE = Exercise(
    "one_cycle", "One cycle: the rate and the momentum of every step", [RATE, MOMENTUM]
)
