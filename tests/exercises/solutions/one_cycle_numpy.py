"""All steps at once, of which one is picked."""

import numpy as np


def curve(total_steps, pct_start):
    """0 at the first and the last step, 1 at the peak; and which steps come before the peak."""
    steps = np.arange(total_steps)
    top = pct_start * total_steps - 1
    phase = np.where(steps < top, steps / top - 1, (steps - top) / (total_steps - 1 - top))
    return (1 + np.cos(np.pi * phase)) / 2, steps < top


def rate(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    height, rising = curve(total_steps, pct_start)
    low = np.where(rising, max_lr / div_factor, max_lr / div_factor / final_div_factor)
    return (low + (max_lr - low) * height)[step]


def momentum(step, total_steps, base_momentum, max_momentum, pct_start):
    height, _ = curve(total_steps, pct_start)
    return (max_momentum - (max_momentum - base_momentum) * height)[step]
