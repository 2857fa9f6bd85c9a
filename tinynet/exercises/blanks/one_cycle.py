"""Exercise: the one-cycle schedule, which says the rate and the momentum of each step.

Check your answer with

    python -m tinynet.exercise one_cycle
"""

import math


def rate(step, total_steps, max_lr, pct_start, div_factor, final_div_factor):
    """The rate in a step, on two half cosines: up to max_lr, then down to almost nothing.

    Steps are counted from 0; the last one is total_steps − 1. The rate is

        max_lr / div_factor                       in step 0,
        max_lr                                    in step pct_start·total_steps − 1,
        max_lr / div_factor / final_div_factor    in the last step.

    From a to b, half a cosine is b + (a − b)·(1 + cos(π·t))/2, where t runs from 0 to 1.
    Returns the rate, one number.
    """
    raise NotImplementedError


def momentum(step, total_steps, base_momentum, max_momentum, pct_start):
    """The momentum in a step, on two half cosines with the same steps as the rate.

    It goes the other way: it is max_momentum in step 0 and in the last one, and base_momentum
    where the rate is highest. Returns the momentum, one number.
    """
    raise NotImplementedError
