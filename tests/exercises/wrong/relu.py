"""Wrong answers to the exercise relu."""

import numpy as np
from exercises.answers import catalogue

wrong, WRONG = catalogue()


@wrong("forward", "lose their sign")
def absolute_value(x):
    return np.sqrt(x**2)


@wrong("forward", "keep the negative values")
def min_for_max(x):
    return np.where(x < 0, x, 0)


@wrong("forward", "leaky ReLU")
def leaky(x):
    return np.maximum(x, 0.01 * x)


@wrong("forward", "leaky ReLU")
def leaky_a_tenth(x):
    y = x.copy()
    y[y < 0] *= 0.1
    return y


@wrong("forward", "leaky ReLU")
def leaky_a_fifth(x):
    return np.where(x >= 0, x, x / 5)


@wrong("forward", "leaky ReLU")
def leaky_three_tenths(x):
    return np.clip(x, 0, None) + 0.3 * np.clip(x, None, 0)


@wrong("forward", "which values are positive")
def mask_alone(x):
    return (x > 0).astype(x.dtype)


@wrong("forward", "It writes to its argument x")
def in_place(x):
    x[x < 0] = 0
    return x


@wrong("forward", "Does it end with `return y`?")
def no_return(x):
    np.maximum(x, 0)


@wrong("forward", "raises ValueError: The truth value of an array")
def if_on_an_array(x):
    if x > 0:
        return x
    return 0 * x


@wrong("forward", "the same as the argument x")
def nothing(x):
    return x.copy()


@wrong("forward", "still raises NotImplementedError")
def not_for_images(x):
    if x.ndim == 4:
        raise NotImplementedError
    return np.maximum(x, 0)


@wrong("forward", "it has to be (5,), and is ()")
def largest_of_all(x):
    return np.max(x, 0)


@wrong("forward", "raises NameError: name 'zero' is not defined")
def unknown_name(x):
    return np.where(x > 0, x, zero)  # noqa: F821


@wrong("forward", "ends the program")
def leaves(x):
    raise SystemExit


@wrong("forward", "it is a list")
def a_list(x):
    return np.maximum(x, 0).tolist()


@wrong("forward", "its dtype is complex128")
def complex_numbers(x):
    return np.maximum(x, 0) + 0j


@wrong("forward", "It is wrong in: rows; images")
def a_loop_over_one_axis(x):
    y = x.copy()
    for i in range(len(x)):
        if (y[i] < 0).all():
            y[i] = 0
    return y


@wrong("forward", "y: The values are wrong only where x < 0")
def one_for_negative(x):
    return np.where(x < 0, 1, x)


@wrong("forward", "wrong only where x = 0")
def one_at_zero(x):
    return np.where(x == 0, 1, np.maximum(x, 0))


@wrong("forward", "Every value is the square of the right one")
def squared(x):
    return np.where(x > 0, x**2, 0)


@wrong("forward", "y: Each wrong value differs from the right one by 1")
def one_more_from_zero_on(x):
    return np.where(x >= 0, x + 1, 0)


@wrong("backward", "right but for x = 0")
def ties_at_zero(dy, x):
    dx = dy.copy()
    dx[x < 0] = 0
    return dx


@wrong("backward", "where is dy?")
def no_dy(dy, x):
    return (x > 0).astype(dy.dtype)


@wrong("backward", "wrong only where x < 0")
def leaky_backward(dy, x):
    slope = np.where(x < 0, 0.01, 1)
    return np.where(x == 0, 0, slope * dy)


@wrong("backward", "where dy is negative")
def mask_of_dy(dy, x):
    return np.where(dy > 0, dy, 0)


@wrong("backward", "comes through unchanged")
def unchanged(dy, x):
    return dy


@wrong("backward", "x, or 1?")
def factor_x(dy, x):
    return dy * x * (x > 0)


@wrong("backward", "stopped where x is positive")
def sides_exchanged(dy, x):
    return dy * (x < 0)


@wrong("backward", "It writes to its argument dy")
def writes_to_dy(dy, x):
    dy[x <= 0] = 0
    return dy


@wrong("backward", "The sign is wrong")
def sign(dy, x):
    return -dy * (x > 0)


@wrong("backward", "float32, and it is float64")
def float64_mask(dy, x):
    mask = np.zeros(x.shape)
    mask[x > 0] = 1
    return dy * mask


# -- from a review of hints --

vectorized = np.vectorize(lambda value: value if value > 0 else 0)


@wrong("forward", "y holds whole numbers")
def whole_numbers(x):
    """np.vectorize takes the dtype of its first value, which is the integer 0 here."""
    return vectorized(x)


@wrong("backward", "This is one sum over everything")
def one_sum(dy, x):
    return np.sum(dy * (x > 0))


mask = None


def keeps_the_mask(x):
    global mask
    mask = x > 0
    return x * mask


@wrong("backward", "kept outside of it (mask)")
def takes_the_mask_that_forward_kept(dy, x):
    return dy * mask


cache = {"x": np.ones(3)}


@wrong("backward", "kept outside of it (cache)")
def takes_x_from_a_cache(dy, x):
    return dy * (cache["x"] > 0)
