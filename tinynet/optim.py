"""Stochastic gradient descent, and the one-cycle schedule of its rate.

SGD with momentum keeps for each parameter p a velocity v, a sum of past gradients that fades by
the factor μ (momentum) each step, and moves p against it at the rate η:

    g = dL/dp + λ·p        λ: weight decay, the gradient of λ/2·‖p‖²
    v ← μ·v + g            v starts as the first g
    p ← p − η·v            Nesterov: p ← p − η·(g + μ·v), a look one step ahead

OneCycleLR moves η along two half cosines, from a small rate up to max_lr and down to almost
nothing, and the momentum the other way round: where steps are long, the past counts less.

I. Sutskever et al. On the importance of initialization and momentum in deep learning. ICML 2013.
L. Smith, N. Topin. Super-convergence: very fast training of neural networks using large learning
rates. arXiv:1708.07120, 2018. Both as in PyTorch, whose formulas differ in details.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from .checks import count, matching, setting
from .contract import FLOATS
from .layer import Parameter


class SGD:
    """Gradient descent on parameters, in place.

    parameters: [Parameter], or groups as in PyTorch: dicts with "params": [Parameter] and, where
    a group differs from the rest, "lr", "momentum", "nesterov" or "weight_decay".
    lr: the rate η; read and set it as `param_groups[i]["lr"]`.

    >>> p = Parameter(np.array([3.0]))
    >>> optimizer = SGD([p], lr=0.1, momentum=0.9)
    >>> for _ in range(100):
    ...     p.grad = 2 * p.data  # of p²
    ...     optimizer.step()
    >>> bool(abs(p.data[0]) < 0.05)
    True
    """

    def __init__(
        self,
        parameters: Iterable,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        defaults = dict(lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        groups = list(parameters)
        if not groups:
            raise ValueError("SGD: expected parameters, got an empty list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.param_groups = [_checked_group(group, defaults) for group in groups]
        everything = self._parameters()
        if len(set(everything)) < len(everything):
            raise ValueError("SGD: a parameter is listed twice; it would be moved twice a step")
        self.velocity = {}  # Parameter: array of its shape

    def _parameters(self):
        return [p for group in self.param_groups for p in group["params"]]

    def step(self) -> None:
        """Move every parameter that has a gradient, but those whose requires_grad is False.

        Raises RuntimeError if none has one, and ValueError or TypeError for a gradient or a
        setting that does not fit, before anything is moved.
        """
        moves = [
            (p, group)
            for group in self.param_groups
            for p in group["params"]
            if p.requires_grad and p.grad is not None
        ]
        if not moves:
            raise RuntimeError("SGD.step: no parameter has a gradient; call backward first")
        for group in self.param_groups:
            for name in NUMBERS:
                checked_setting(name, group[name], "SGD.step")
        for p, _ in moves:
            _check_gradient(p)
        for p, group in moves:
            lr, momentum = float(group["lr"]), float(group["momentum"])
            g = p.grad
            if group["weight_decay"]:
                g = g + float(group["weight_decay"]) * p.data
            if momentum:
                if p in self.velocity:
                    v = self.velocity[p]
                    v *= momentum
                    v += g
                else:
                    v = self.velocity[p] = np.array(g, p.data.dtype)
                g = g + momentum * v if group["nesterov"] else v
            p.data -= lr * g

    def state_dict(self) -> dict:
        """{"velocity.i": a copy} of parameter i, in the order of the groups; 0 where none is yet.

        Parameters whose requires_grad is False have none.
        """
        return {
            f"velocity.{i}": self.velocity[p].copy()
            if p in self.velocity
            else np.zeros_like(p.data)
            for i, p in enumerate(self._parameters())
            if p.requires_grad
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from what state_dict gave: ValueError, and nothing loaded, if it does not fit."""
        state = matching(state, self.state_dict(), "SGD")
        for i, p in enumerate(self._parameters()):
            if p.requires_grad:
                self.velocity[p] = state[f"velocity.{i}"].copy()


NUMBERS = ("lr", "momentum", "weight_decay")


def checked_setting(name, value, who="SGD"):
    """A rate, momentum or weight decay, as a float; ValueError or TypeError otherwise."""
    return setting(value, who, f"{name} ≥ 0", lambda number: number >= 0)


def _checked_group(group, defaults):
    if not isinstance(group, dict) or "params" not in group:
        raise TypeError(f'SGD: expected a group to be a dict with "params", got {group!r}')
    group = {**defaults, **group, "params": list(group["params"])}
    unknown = group.keys() - defaults.keys() - {"params"}
    if unknown:
        raise ValueError(f"SGD: unknown settings in a group: {', '.join(sorted(unknown))}")
    for p in group["params"]:
        if not isinstance(p, Parameter):
            raise TypeError(f"SGD: expected Parameters, got {type(p).__name__}")
        _check_data(p, "SGD")
    for name in NUMBERS:
        checked_setting(name, group[name])
    if group["nesterov"] not in (True, False):
        raise TypeError(f"SGD: expected nesterov, True or False, got {group['nesterov']!r}")
    if group["nesterov"] and group["momentum"] == 0:
        raise ValueError("SGD: nesterov needs momentum > 0")
    return group


def _check_data(p, who):
    """Raise unless a step can move the parameter in place."""
    if not isinstance(p.data, np.ndarray) or p.data.dtype.kind != "f":
        got = getattr(p.data, "dtype", type(p.data).__name__)
        raise TypeError(f"{who}: expected parameters that hold arrays of floats, got {got}")
    if not p.data.flags.writeable:
        raise ValueError(f"{who}: {p}: expected an array to write to, but it is read-only")


def _check_gradient(p):
    """Raise unless the gradient fits its parameter."""
    data, grad = p.data, p.grad
    if type(data) is type(grad) is np.ndarray and data.dtype is grad.dtype in FLOATS:
        if data.shape == grad.shape and data.flags.writeable:
            return  # as nearly always
    _check_data(p, "SGD.step")
    if not isinstance(p.grad, np.ndarray) or p.grad.dtype.kind != "f":
        got = getattr(p.grad, "dtype", type(p.grad).__name__)
        raise TypeError(f"SGD.step: {p}: expected a gradient that is an array of floats, got {got}")
    if p.grad.shape != p.data.shape:
        raise ValueError(
            f"SGD.step: expected a gradient of shape {p.data.shape}, got {p.grad.shape}"
        )


class OneCycleLR:
    """The one-cycle schedule: call step() after each optimizer.step().

    optimizer: an SGD; max_lr: the peak rate, a number or one for each group; total_steps: of the
    whole run. The rate goes from max_lr / div_factor to max_lr over the first `pct_start` of the
    steps, then down to max_lr / div_factor / final_div_factor. With cycle_momentum the momentum
    goes from max_momentum to base_momentum and back meanwhile.

    >>> optimizer = SGD([Parameter(np.zeros(1))], lr=0.1, momentum=0.9)
    >>> schedule = OneCycleLR(optimizer, max_lr=0.1, total_steps=100)
    >>> rates = []
    >>> for _ in range(100):
    ...     rates += schedule.get_last_lr()
    ...     schedule.step()
    >>> f"{rates[0]:.4f}, {max(rates):.4f} at step {np.argmax(rates)}, {rates[-1]:.7f}"
    '0.0040, 0.1000 at step 29, 0.0000004'
    """

    def __init__(
        self,
        optimizer: SGD,
        max_lr: float | Sequence,
        total_steps: int,
        pct_start: float = 0.3,
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ):
        if not isinstance(optimizer, SGD):
            raise TypeError(f"OneCycleLR: expected an SGD, got {type(optimizer).__name__}")
        groups = optimizer.param_groups
        if np.ndim(max_lr) and np.shape(max_lr) != (len(groups),):
            raise ValueError(
                f"OneCycleLR: expected one max_lr, or {len(groups)} for the groups, got {max_lr}"
            )
        rates = max_lr if np.ndim(max_lr) else [max_lr] * len(groups)
        self.max_lrs = [_of_schedule(rate, "max_lr ≥ 0", lambda v: v >= 0) for rate in rates]
        self.total_steps = count(total_steps, "OneCycleLR", "total_steps")
        self.pct_start = _of_schedule(pct_start, "pct_start in [0, 1]", lambda v: 0 <= v <= 1)
        self.base_momentum, self.max_momentum = (
            _of_schedule(value, "base_momentum and max_momentum ≥ 0", lambda v: v >= 0)
            for value in (base_momentum, max_momentum)
        )
        self.div_factor, self.final_div_factor = (
            _of_schedule(value, "div_factor and final_div_factor > 0", lambda v: v > 0)
            for value in (div_factor, final_div_factor)
        )
        if cycle_momentum and not all(g["momentum"] for g in groups):
            raise ValueError("OneCycleLR: cycle_momentum needs an optimizer with momentum > 0")
        self.optimizer = optimizer
        self.cycle_momentum = cycle_momentum
        self._go_to(0)

    def step(self) -> None:
        """Set the rate and momentum for the next optimizer step."""
        if self.steps == self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {self.steps + 1} of a schedule of {self.total_steps} steps"
            )
        self._go_to(self.steps + 1)

    def state_dict(self) -> dict:
        """{"steps": how many were taken}; rate and momentum follow from it."""
        return {"steps": np.array(self.steps, np.int64)}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what state_dict gave: ValueError, and nothing changed, if it does not fit."""
        steps = int(matching(state, self.state_dict(), "OneCycleLR")["steps"])
        if not 0 <= steps <= self.total_steps:
            raise ValueError(f"OneCycleLR: expected steps in 0 … {self.total_steps}, got {steps}")
        self._go_to(steps)

    def _go_to(self, steps):
        """Set the rate and momentum that follow so many optimizer steps."""
        self.steps = steps
        for group, max_lr in zip(self.optimizer.param_groups, self.max_lrs, strict=True):
            start = max_lr / self.div_factor
            group["lr"] = self._at(start, max_lr, start / self.final_div_factor)
            if self.cycle_momentum:
                high, low = self.max_momentum, self.base_momentum
                group["momentum"] = self._at(high, low, high)

    def get_last_lr(self) -> list:
        """[the rate of each group, as last set]."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _at(self, first, peak, last):
        """The value at this step, on half cosines first → peak → last."""
        top = self.pct_start * self.total_steps - 1  # the step of the peak, not always whole
        end = self.total_steps - 1
        if self.steps <= top:
            return _cosine(first, peak, self.steps / top if top else 1)
        return _cosine(peak, last, (self.steps - top) / (end - top) if end > top else 1)


def _of_schedule(value, expected, fits):
    return setting(value, "OneCycleLR", expected, fits)


def _cosine(start, end, part):
    """From start (part = 0) to end (part = 1) along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))
