"""Compute pytorch.npz, the values that test_golden.py holds tinynet to.

    python -m pip install torch numpy
    python tests/golden/make_golden.py

Only for developers, and only when recipe.py changes: the tests need the file, not PyTorch.
"""

from pathlib import Path

import numpy as np
import recipe
import torch
from torch import nn

FILE = Path(__file__).with_name("pytorch.npz")


def mnist_lite():
    def block(in_channels, out_channels, padding=1):
        return [
            nn.Conv2d(in_channels, out_channels, 3, padding=padding),
            nn.ReLU(),
            nn.BatchNorm2d(out_channels),
        ]

    return nn.Sequential(
        *block(1, 8),
        *block(8, 8),
        *block(8, 8),
        nn.MaxPool2d(2),
        *block(8, 16),
        *block(16, 16),
        *block(16, 16),
        nn.MaxPool2d(2),
        *block(16, 20, padding=0),
        nn.Conv2d(20, 10, 3),
        nn.AvgPool2d(3),
        nn.Flatten(),
    )


def with_prefix(prefix, tensors):
    return {f"{prefix}/{name}": tensor.detach().numpy().copy() for name, tensor in tensors}


def train(initial, dtype):
    """A short training run; {name: array} of what it went through."""
    model = mnist_lite().to(dtype)
    model.load_state_dict(initial)
    x, labels = recipe.batch()
    x, labels = torch.tensor(x, dtype=dtype), torch.tensor(labels)
    optimizer = torch.optim.SGD(model.parameters(), **recipe.SGD)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, **recipe.TRAINING_SCHEDULE)
    losses, gradients = [], {}
    for _ in range(recipe.STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        gradients = gradients or with_prefix(
            "gradient", [(name, p.grad) for name, p in model.named_parameters()]
        )
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    return {
        "losses": np.array(losses),
        **gradients,  # of the first step
        **with_prefix("final", model.named_buffers()),
        "final/logits": model(x).detach().numpy(),
    }


def smoothed_loss():
    z = torch.tensor(recipe.logits(), requires_grad=True)
    labels = torch.tensor(recipe.batch()[1])
    loss = nn.functional.cross_entropy(z, labels, label_smoothing=recipe.LABEL_SMOOTHING)
    loss.backward()
    return {"smoothed/loss": loss.detach().numpy(), "smoothed/gradient": z.grad.numpy()}


def schedule(max_lr, total_steps, every=1, **settings):
    """Rates and momenta after 0, every, 2·every, … steps: (times, groups, 2)."""
    count = len(max_lr) if isinstance(max_lr, list) else 1
    groups = [{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(count)]
    optimizer = torch.optim.SGD(groups, **recipe.SGD)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr, total_steps, **settings)
    values = []
    # At total_steps PyTorch divides by zero for pct_start = 1; the long one is taken to its end.
    for step in range(total_steps + (every > 1)):
        if step:
            optimizer.step()
            one_cycle.step()
        if step % every == 0:
            values.append([(group["lr"], group["momentum"]) for group in optimizer.param_groups])
    return np.array(values)


def main():
    # A seed whose float32 run has no near-ties in ReLU or max pooling: with weights moved by a
    # rounding error, the losses move by rounding errors only (and not by 1e-3, as with others).
    torch.manual_seed(2)
    initial = mnist_lite().state_dict()
    published = schedule(recipe.PEAK, recipe.EPOCHS * recipe.STEPS_AN_EPOCH, recipe.STEPS_AN_EPOCH)
    arrays = {
        **with_prefix("initial", initial.items()),  # float32, exact in float64 too
        **train(initial, torch.float64),
        "losses in float32": train(initial, torch.float32)["losses"],
        **smoothed_loss(),
        **{f"schedule/{name}": schedule(**s) for name, s in recipe.SCHEDULES.items()},
        "schedule/published": published,
    }
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size:,} bytes, ", end="")
    print(f"PyTorch {torch.__version__}; losses {arrays['losses']}")


if __name__ == "__main__":
    main()
