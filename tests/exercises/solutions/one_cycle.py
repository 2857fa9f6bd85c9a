"""A helper for half a cosine."""

import math


def half_cosine(a, b, t):
    return b + (a - b) * (1 + math.cos(math.pi * t)) / 2


def schedule(first, peak, last, step, total_steps, pct_start):
    top, end = pct_start * total_steps - 1, total_steps - 1
    if step < top:
        return half_cosine(first, peak, step / top)
    return half_cosine(peak, last, (step - top) / (end - top))


def rate(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    first = max_lr / div_factor
    return schedule(first, max_lr, first / final_div_factor, step, total_steps, pct_start)


def momentum(step, total_steps, base_momentum, max_momentum, pct_start):
    return schedule(max_momentum, base_momentum, max_momentum, step, total_steps, pct_start)
