"""Cases for grading that no student has seen: each known case again, with other numbers.

A twin keeps what is special about its case (a stride, a padding, ties, large logits) and has other
values and, where that changes nothing, other sizes. All of it is drawn from one generator, so a
seed gives the same cases again.
"""

from dataclasses import replace

import numpy as np

from .task import by_name


def twin(exercise, case, rng):
    """A Case of the same kind, with other numbers."""
    arguments = case.arguments | DRAWN[exercise.name](rng, case)
    if "dy" in arguments:
        y = by_name(exercise.tasks[0].reference, arguments)
        shape = (y[0] if isinstance(y, tuple) else y).shape
        arguments["dy"] = rng.standard_normal(shape)
    return replace(case, arguments=arguments)


def larger(rng, *sizes):
    """Sizes that are not smaller: 1 stays 1, equal ones stay equal, and the order stays."""
    distinct = sorted(set(sizes) - {1})
    more = np.cumsum(rng.integers(0, 3, len(distinct))).tolist()
    new = {1: 1} | {size: size + m for size, m in zip(distinct, more, strict=True)}
    return [new[size] for size in sizes]


def further(rng, sizes, stride):
    """Rows and columns of an image with room for 0 to 2 windows more, so that what is out of
    reach stays out of reach."""
    return [size + stride * int(rng.integers(0, 3)) for size in sizes]


# -- one function for each exercise: {name: value} of the arguments that are drawn anew --


def relu(rng, case):
    x = rng.standard_normal(larger(rng, *case.arguments["x"].shape))
    if (case.arguments["x"] == 0).any():
        x[rng.permutation(len(x))[: len(x) // 2]] = 0
    return {"x": x}


def linear(rng, case):
    o, i = case.arguments["weight"].shape
    n, i, o = larger(rng, len(case.arguments["x"]), i, o)
    shapes = {"x": (n, i), "weight": (o, i), "bias": (o,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def cross_entropy(rng, case):
    logits, labels = case.arguments["logits"], case.arguments["labels"]
    n, k = logits.shape
    if np.abs(logits).max() < 100:
        n, k = larger(rng, n, k)
        return {"logits": rng.standard_normal((n, k)), "labels": rng.integers(0, k, n)}
    rows, columns = rng.permutation(n), rng.permutation(k)  # each label stays with its logit
    logits = logits[rows][:, columns] * rng.uniform(1, 1.15)
    return {"logits": logits, "labels": np.argsort(columns)[labels[rows]]}


def conv2d(rng, case):
    x, weight, stride = (case.arguments[name] for name in ("x", "weight", "stride"))
    n, c, o = larger(rng, *x.shape[:2], len(weight))
    shapes = {"x": (n, c, *further(rng, x.shape[2:], stride))}
    shapes |= {"weight": (o, c, *weight.shape[2:]), "bias": (o,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def pooling(rng, case):
    x, stride = case.arguments["x"], case.arguments["stride"]
    shape = *larger(rng, *x.shape[:2]), *further(rng, x.shape[2:], stride)
    if (x == np.round(x)).all():  # ties: whole numbers, 0 in half of the places
        return {"x": np.maximum(rng.integers(-3, 4, shape), 0).astype(np.float64)}
    below_zero = x.mean() if (x < 0).all() else 0
    return {"x": rng.standard_normal(shape) + below_zero}


def batchnorm2d(rng, case):
    x = case.arguments["x"]
    shape = larger(rng, *x.shape)
    c = shape[1]
    normal = rng.standard_normal(shape) * rng.uniform(0.5, 2, (1, c, 1, 1))
    return {
        "x": x.mean() + x.std() * (normal + rng.standard_normal((1, c, 1, 1))),
        "weight": rng.uniform(0.5, 2, c),
        "bias": rng.standard_normal(c),
        "running_mean": rng.standard_normal(c),
        "running_var": rng.uniform(0.5, 2, c),
        "momentum": float(rng.uniform(0.05, 0.95)),
    }


def sgd(rng, case):
    p, grad, velocity = rng.standard_normal((3, *larger(rng, *case.arguments["p"].shape)))
    drawn = {"p": p, "grad": grad, "lr": float(rng.uniform(0.01, 0.5))}
    drawn["velocity"] = velocity if case.arguments["velocity"].any() else 0 * velocity
    for name, low, high in (("momentum", 0.3, 0.95), ("weight_decay", 0.02, 0.3)):
        if case.arguments[name]:
            drawn[name] = float(rng.uniform(low, high))
    return drawn


def one_cycle(rng, case):
    step, total, part = (case.arguments[name] for name in ("step", "total_steps", "pct_start"))
    longer = total + 4 * int(rng.integers(1, 6))  # a peak in a whole step stays in one
    return {
        "step": same_place(rng, step, total, longer, part),
        "total_steps": longer,
        "max_lr": float(rng.uniform(0.1, 3)),
        "div_factor": float(rng.uniform(5, 50)),
        "final_div_factor": float(rng.uniform(50, 2000)),
        "base_momentum": float(rng.uniform(0.6, 0.85)),
        "max_momentum": float(rng.uniform(0.9, 0.99)),
    }


def same_place(rng, step, total, longer, part):
    """A step that lies in the longer cycle as this one does in its own."""
    peak, new_peak = part * total - 1, part * longer - 1
    if step in (0, peak, total - 1):
        return int({0: 0, peak: new_peak, total - 1: longer - 1}[step])
    if step < peak:
        return int(rng.integers(1, np.ceil(new_peak)))
    return int(rng.integers(np.floor(new_peak) + 1, longer - 1))


def adam(rng, case):
    shape = larger(rng, *case.arguments["p"].shape)
    old = case.arguments["m"].any()  # both averages are 0 before the first step
    p, grad, m = rng.standard_normal((3, *shape))
    drawn = {"p": p, "grad": grad, "m": old * m, "v": old * rng.uniform(0.1, 2, shape)}
    drawn |= {"lr": float(rng.uniform(0.01, 0.5)), "beta1": float(rng.uniform(0.6, 0.95))}
    drawn["beta2"] = float(rng.uniform(0.9, 0.99))
    if case.arguments["weight_decay"]:
        drawn["weight_decay"] = float(rng.uniform(0.05, 0.5))
    return drawn


def dropout(rng, case):
    shape = larger(rng, *case.arguments["x"].shape)
    p = float(rng.uniform(0.1, 0.8)) if case.arguments["p"] else 0.0
    return {"x": rng.standard_normal(shape), "uniform": rng.random(shape), "p": p}


def he_init(rng, case):
    shape = tuple(larger(rng, *case.arguments["shape"]))
    return {"shape": shape, "z": rng.standard_normal(shape)}


DRAWN = {  # the exercise's name: what draws its cases
    "relu": relu,
    "linear": linear,
    "cross_entropy": cross_entropy,
    "conv2d": conv2d,
    "maxpool2d": pooling,
    "avgpool2d": pooling,
    "batchnorm2d": batchnorm2d,
    "sgd": sgd,
    "one_cycle": one_cycle,
    "adam": adam,
    "he_init": he_init,
    "dropout": dropout,
}
