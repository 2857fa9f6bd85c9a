"""What was computed with PyTorch: used by make_golden.py and by test_golden.py."""

import numpy as np

STEPS = 10
SGD = dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
TRAINING_SCHEDULE = dict(max_lr=0.01, total_steps=STEPS)
LABEL_SMOOTHING = 0.1

# Settings of OneCycleLR; max_lr a list: a group of parameters for each.
SCHEDULES = {
    "default": dict(max_lr=0.1, total_steps=50),
    "changed": dict(
        max_lr=0.3,
        total_steps=50,
        pct_start=0.45,
        base_momentum=0.8,
        max_momentum=0.9,
        div_factor=10.0,
        final_div_factor=100.0,
    ),
    "one momentum": dict(max_lr=0.1, total_steps=50, cycle_momentum=False),
    "groups": dict(max_lr=[0.1, 0.02], total_steps=50),
    "only down": dict(max_lr=0.1, total_steps=50, pct_start=0.0),
    "only up": dict(max_lr=0.1, total_steps=50, pct_start=1.0),
    "one step": dict(max_lr=0.1, total_steps=1),
    "two steps": dict(max_lr=0.1, total_steps=2),
}
EPOCHS, STEPS_AN_EPOCH, PEAK = 20, 469, 0.005  # of the published run


def batch():
    """x (16, 1, 28, 28) in float64, labels (16,): the same batch in each step."""
    rng = np.random.default_rng(2024)
    return rng.standard_normal((16, 1, 28, 28)), rng.integers(0, 10, 16)


def logits():
    """(16, 10), for the loss alone."""
    return 3 * np.random.default_rng(2025).standard_normal((16, 10))
