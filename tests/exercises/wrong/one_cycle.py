"""Wrong answers to the exercise one_cycle."""

import math

from exercises.answers import catalogue

wrong, WRONG = catalogue()


def cosine(a, b, t):
    return b + (a - b) * (1 + math.cos(math.pi * t)) / 2


def straight(a, b, t):
    return a + (b - a) * t


def two_parts(curve, values, step, top, end):
    first, peak, last = values
    if step <= top:
        return curve(first, peak, step / top)
    return curve(peak, last, (step - top) / (end - top))


@wrong("rate", "straight lines")
def triangle(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(straight, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "where its peak is")
def late_peak(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, pct_start * total_steps, total_steps - 1)


@wrong("rate", "as if there were a step more")
def late_end(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps)


@wrong("rate", "Peak and end both come a step late")
def counted_from_one(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, pct_start * total_steps, total_steps)


@wrong("rate", "itself max_lr / div_factor")
def final_from_the_maximum(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / final_div_factor
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "goes down to where it began")
def no_final_factor(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "The last rate is 0")
def down_to_zero(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, 0
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "The rate begins at 0")
def up_from_zero(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = 0, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "half as far along the cosine")
def cosine_to_the_right_angle(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    def quarter(a, b, t):
        return b + (a - b) * math.cos(math.pi * t / 2)

    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(quarter, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("rate", "The rate only falls")
def only_down(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    return cosine(max_lr, max_lr / div_factor / final_div_factor, step / (total_steps - 1))


@wrong("momentum", "rises with the rate")
def same_way(step, total_steps, base_momentum, max_momentum, pct_start):
    values = base_momentum, max_momentum, base_momentum
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("momentum", "stays low after the peak")
def never_back(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, base_momentum
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("momentum", "straight lines")
def momentum_triangle(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, max_momentum
    return two_parts(straight, values, step, pct_start * total_steps - 1, total_steps - 1)


@wrong("momentum", "where its peak is")
def momentum_late_peak(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, max_momentum
    return two_parts(cosine, values, step, pct_start * total_steps, total_steps - 1)


@wrong("momentum", "as if there were a step more")
def momentum_late_end(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, max_momentum
    return two_parts(cosine, values, step, pct_start * total_steps - 1, total_steps)


# -- from a review of hints --


def two_phases(points, step, total_steps, pct_start, angle=None, down=None):
    """angle(t): in the cosine. down(step): the t of the second phase."""
    a, b, c = points
    angle = angle or (lambda t: math.pi * t)
    top = pct_start * total_steps - 1
    if step <= top:
        return b + (a - b) * (1 + math.cos(angle(step / top))) / 2
    t = down(step) if down else (step - top) / (total_steps - 1 - top)
    return c + (b - c) * (1 + math.cos(angle(t))) / 2


def points(max_lr, div_factor, final_div_factor):
    return max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor


@wrong("rate", "as if from step 0")
def rate_of_all_steps(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = points(max_lr, div_factor, final_div_factor)
    return two_phases(three, step, total_steps, pct_start, down=lambda s: s / (total_steps - 1))


@wrong("rate", "as if from step 0")
def rate_of_the_steps_down(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = points(max_lr, div_factor, final_div_factor)
    steps_down = total_steps - pct_start * total_steps
    return two_phases(three, step, total_steps, pct_start, down=lambda s: s / steps_down)


@wrong("momentum", "as if from step 0")
def momentum_of_all_steps(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return two_phases(three, step, total_steps, pct_start, down=lambda s: s / (total_steps - 1))


@wrong("momentum", "as if from step 0")
def momentum_of_the_steps_down(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    steps_down = total_steps - pct_start * total_steps
    return two_phases(three, step, total_steps, pct_start, down=lambda s: s / steps_down)


@wrong("rate", "π is missing")
def rate_in_radians(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = points(max_lr, div_factor, final_div_factor)
    return two_phases(three, step, total_steps, pct_start, angle=lambda t: t)


@wrong("momentum", "π is missing")
def momentum_in_radians(step, total_steps, base_momentum, max_momentum, pct_start):
    three = max_momentum, base_momentum, max_momentum
    return two_phases(three, step, total_steps, pct_start, angle=lambda t: t)


@wrong("rate", "from its end to its beginning")
def rate_from_end_to_beginning(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = points(max_lr, div_factor, final_div_factor)
    return two_phases(three, step, total_steps, pct_start, angle=lambda t: math.pi * (1 - t))


@wrong("rate", "First and last rate are exchanged")
def ends_exchanged(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    three = points(max_lr, div_factor, final_div_factor)[::-1]
    return two_phases(three, step, total_steps, pct_start)


@wrong("rate", "moved to a whole step")
def peak_rounded_down(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, int(pct_start * total_steps) - 1, total_steps - 1)


@wrong("rate", "moved to a whole step")
def peak_rounded_up(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    values = max_lr / div_factor, max_lr, max_lr / div_factor / final_div_factor
    return two_parts(cosine, values, step, round(pct_start * total_steps) - 1, total_steps - 1)


@wrong("momentum", "moved to a whole step")
def momentum_peak_rounded_down(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, max_momentum
    top = math.floor(pct_start * total_steps) - 1
    return two_parts(cosine, values, step, top, total_steps - 1)


@wrong("momentum", "moved to a whole step")
def momentum_peak_rounded_up(step, total_steps, base_momentum, max_momentum, pct_start):
    values = max_momentum, base_momentum, max_momentum
    top = math.ceil(pct_start * total_steps) - 1
    return two_parts(cosine, values, step, top, total_steps - 1)
