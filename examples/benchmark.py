"""Milliseconds for one training step of the 11,950-parameter network: plain, compiled, PyTorch.

    python examples/benchmark.py             # PyTorch is measured where it is installed

Each contender runs in a process of its own, in turn, for some rounds: on a machine that others
use too, only ratios within a round compare like with like. A step is forward, loss, backward and
an SGD step (Nesterov momentum, weight decay) on float32 digits.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without installing, too

WARM_UP = 3  # steps not counted: compilation, first use of memory


def parse():
    parser = argparse.ArgumentParser(
        description="Time training steps of the 11,950-parameter network.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="processes of each contender")
    parser.add_argument("--steps", type=int, default=30, help="steps a process")
    parser.add_argument("--batch-size", type=int, default=128, help="digits a step")
    parser.add_argument("--threads", type=int, help="of each contender; default: all cores")
    parser.add_argument("--only", choices=CONTENDERS, help="time this one here, print its median")
    return parser.parse_args()


def tinynet_step(options, compiled):
    import numpy as np

    import tinynet as tn

    model = tn.models.mnist_lite(rng=0)
    network = tn.compile(model, threads=options.threads) if compiled else model
    loss = tn.CrossEntropyLoss()
    optimizer = tn.SGD(model.parameters(), 0.01, 0.9, nesterov=True, weight_decay=5e-4)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((options.batch_size, 1, 28, 28), dtype=np.float32)
    y = rng.integers(0, 10, options.batch_size)

    def step():
        loss(network(x), y)
        network.backward(loss.backward(), need_dx=False)
        optimizer.step()

    return step


def pytorch_step(options):
    import torch
    from torch import nn

    if options.threads:
        torch.set_num_threads(options.threads)

    def block(i, o, padding=1):
        return nn.Conv2d(i, o, 3, padding=padding), nn.ReLU(), nn.BatchNorm2d(o)

    model = nn.Sequential(
        *(*block(1, 8), *block(8, 8), *block(8, 8), nn.MaxPool2d(2)),
        *(*block(8, 16), *block(16, 16), *block(16, 16), nn.MaxPool2d(2)),
        *(*block(16, 20, 0), nn.Conv2d(20, 10, 3), nn.AvgPool2d(3), nn.Flatten()),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    x = torch.randn(options.batch_size, 1, 28, 28)
    y = torch.randint(0, 10, (options.batch_size,))

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return step


CONTENDERS = {
    "tinynet, plain": lambda options: tinynet_step(options, compiled=False),
    "tinynet, compiled": lambda options: tinynet_step(options, compiled=True),
    "PyTorch, default": pytorch_step,
}


def median_milliseconds(step, steps):
    for _ in range(WARM_UP):
        step()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main():
    options = parse()
    if options.only:
        print(median_milliseconds(CONTENDERS[options.only](options), options.steps))
        return
    names = [
        name
        for name in CONTENDERS
        if "PyTorch" not in name or importlib.util.find_spec("torch") is not None
    ]
    rounds = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            rounds[name].append(float(printed))
    reference = rounds["tinynet, compiled"]
    print(f"batch {options.batch_size}, {options.rounds} rounds of {options.steps} steps")
    print("| | ms a step (median) | least | most | times compiled tinynet's (median) |")
    print("|:--|--:|--:|--:|--:|")
    for name, ms in rounds.items():
        ratio = statistics.median(a / b for a, b in zip(ms, reference, strict=True))
        print(
            f"| {name} | {statistics.median(ms):.1f} | {min(ms):.1f} | {max(ms):.1f} "
            f"| {ratio:.2f} |"
        )


if __name__ == "__main__":
    main()
