"""How fast a training step and an evaluation are: tinynet plain and compiled, and PyTorch.

    python examples/benchmark.py               # the 11,950-parameter network, every contender
    python examples/benchmark.py --sizes       # images a second, by batch size
    python examples/benchmark.py --networks    # other networks: wider, 5x5, stride 2, …
    python examples/benchmark.py --where       # time of each operation, plain and compiled
    python examples/benchmark.py --epoch       # a whole epoch beside its bare steps; memory
    python examples/benchmark.py --start       # from process start to the first finished step
    python examples/benchmark.py --no-avx512   # any of these as on a CPU that has only AVX2

Each contender runs in a process of its own, in turn, for some rounds: on a machine that others
use too, only what ran in the same round can be compared. So a ratio is the median of the ratios
of all rounds. A step is forward, loss, backward and an SGD step (Nesterov momentum, weight decay)
on float32 images. PyTorch is measured where it is installed, in four modes.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs without installing, too

OURS, PLAIN, PRODUCT = "tinynet, compiled", "tinynet, plain", "matrix product"
PYTORCH = {  # mode: (memory format channels_last, torch.compile)
    "PyTorch": (False, False),
    "PyTorch, channels_last": (True, False),
    "PyTorch, compile": (False, True),
    "PyTorch, both": (True, True),
}
SIZES = [1, 8, 32, 128, 512, 2048]
NETWORKS = {  # how each differs from the first: see `network`
    "the 11,950-parameter network": {},
    "2 times as wide": {"widths": (16, 32, 40)},
    "4 times as wide": {"widths": (32, 64, 80)},
    "64 channels": {"widths": (64, 64, 64)},
    "33 channels": {"widths": (33, 33, 33)},
    "2 channels": {"widths": (2, 2, 2)},
    "3-channel images of 32x32": {"in_channels": 3, "size": 32},
    "5x5 kernels": {"kernel": 5},
    "1x1 kernels": {"kernel": 1},
    "stride 2 instead of pools": {"stride": 2},
    "no BatchNorm": {"tail": ["relu"]},
    "BatchNorm before ReLU": {"tail": ["norm", "relu"]},
    "2 convolutions, 2 Linear": {"linear": True},
}


def parse():
    parser = argparse.ArgumentParser(
        description="Time training steps and evaluation: tinynet, and PyTorch where it is there.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="processes of each contender")
    add("--seconds", type=float, default=1.0, help="to measure in each process, for each figure")
    add("--batch-size", type=int, default=128, help="images a step")
    add("--threads", type=int, help="of each contender; default: all cores")
    add("--no-avx512", action="store_true", help="let no contender use AVX-512")
    for name, text in [
        ("--sizes", "table of batch sizes"),
        ("--networks", "table of networks"),
        ("--where", "table of the operations of a step"),
        ("--epoch", "a whole epoch beside its bare steps; peak memory"),
        ("--start", "time from process start to the first finished step"),
    ]:
        add(name, action="store_true", help=text)
    add("--only", help=argparse.SUPPRESS)  # measure this contender, here, and print JSON
    add("--network", default=next(iter(NETWORKS)), choices=NETWORKS, help="which one")
    return parser.parse_args()


# -- the networks, for both libraries --


def network(
    widths=(8, 16, 20), in_channels=1, size=28, kernel=3, stride=1, tail=("relu", "norm"),
    linear=False,
):  # fmt: skip
    """(layers, shape of an image); a layer is its kind and its numbers.

    widths: channels of the first three convolutions, the next three, and the seventh. stride: of
    the third and sixth, in place of pools. tail: what follows a convolution.
    """
    layers, shape = [], (in_channels, size, size)

    def conv(i, o, padding, s=1, then=tail):
        layers.append(("conv", i, o, kernel, s, padding))
        layers.extend(("norm", o) if kind == "norm" else (kind,) for kind in then)
        return o

    same, c = kernel // 2, in_channels
    if linear:
        for o in widths[:2]:
            c = conv(c, o, same, then=["relu"])
            layers.append(("maxpool", 2))
        layers.extend([("flatten",), ("linear", c * (size // 4) ** 2, 64), ("relu",)])
        layers.append(("linear", 64, 10))
        return layers, shape
    for o in widths[:2]:
        c = conv(conv(c, o, same), o, same)
        c = conv(c, o, same, stride)
        if stride == 1:
            layers.append(("maxpool", 2))
    c = conv(c, widths[2], 0)
    left = size // 4 - kernel + 1
    padding = max(0, (kernel - left + 1) // 2)
    conv(c, 10, padding, then=[])
    return layers + [("avgpool", left + 2 * padding - kernel + 1), ("flatten",)], shape


def flop_counts(name):
    """Of an image's evaluation, and of its training step, without the first dx: 2 a product."""
    layers, (_, h, _) = network(**NETWORKS[name])
    counts = {"eval": 0, "train": 0}
    for i, (kind, *numbers) in enumerate(layers):
        products = 0
        if kind == "conv":
            c, o, k, s, p = numbers
            h = (h + 2 * p - k) // s + 1
            products = 2 * o * c * k * k * h * h
        elif kind == "linear":
            products = 2 * numbers[0] * numbers[1]
        elif "pool" in kind:
            h //= numbers[0]
        counts["eval"] += products
        counts["train"] += products * (3 if i else 2)
    return counts


# -- one contender, in this process --


def tinynet_model(layers):
    """(plain model, loss, optimizer)."""
    import numpy as np

    import tinynet as tn

    rng = np.random.default_rng(0)
    kinds = {
        "conv": lambda i, o, k, s, p: tn.Conv2d(i, o, k, stride=s, padding=p, rng=rng),
        "linear": lambda i, o: tn.Linear(i, o, rng=rng),
        "relu": tn.ReLU, "norm": tn.BatchNorm2d, "maxpool": tn.MaxPool2d,
        "avgpool": tn.AvgPool2d, "flatten": tn.Flatten,
    }  # fmt: skip
    model = tn.Sequential(*(kinds[kind](*numbers) for kind, *numbers in layers))
    optimizer = tn.SGD(model.parameters(), 0.01, 0.9, nesterov=True, weight_decay=5e-4)
    return model, tn.CrossEntropyLoss(), optimizer


def tinynet_functions(net, loss, optimizer, x, y):
    """(a training step, an evaluation), as functions without arguments; net: plain or compiled."""

    def step():
        loss(net.train()(x), y)
        net.backward_parameters(loss.backward())
        optimizer.step()

    return step, lambda: net.eval()(x)


def compiled_functions(options, layers, x, y):
    import tinynet as tn

    model, loss, optimizer = tinynet_model(layers)
    return tinynet_functions(tn.compile(model, threads=options.threads), loss, optimizer, x, y)


def pytorch_functions(options, layers, x, y):
    import torch
    from torch import nn

    if options.threads:
        torch.set_num_threads(options.threads)
    kinds = {
        "conv": lambda i, o, k, s, p: nn.Conv2d(i, o, k, stride=s, padding=p),
        "linear": nn.Linear, "relu": nn.ReLU, "norm": nn.BatchNorm2d, "maxpool": nn.MaxPool2d,
        "avgpool": nn.AvgPool2d, "flatten": nn.Flatten,
    }  # fmt: skip
    model = nn.Sequential(*(kinds[kind](*numbers) for kind, *numbers in layers))
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    channels_last, compiled = PYTORCH[options.only]
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    net = torch.compile(model) if compiled else model
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )

    def step():
        model.train()
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()

    def evaluation():
        model.eval()
        with torch.inference_mode():
            net(x)

    return step, evaluation


def measure(function, seconds):
    """Median milliseconds of a call, over so many seconds and at least 7 calls."""
    for _ in range(4):  # compilation, first use of memory
        function()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 7 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def contend(options):
    import numpy as np

    rng = np.random.default_rng(0)
    if options.only == PRODUCT:
        a, b = rng.standard_normal((2, 2048, 2048), dtype=np.float32)
        out = np.empty_like(a)
        return {"product": measure(lambda: np.matmul(a, b, out), options.seconds)}
    layers, shape = network(**NETWORKS[options.network])
    x = rng.standard_normal((options.batch_size, *shape), dtype=np.float32)
    y = rng.integers(0, 10, options.batch_size)
    if options.only == PLAIN:
        step, evaluation = tinynet_functions(*tinynet_model(layers), x, y)
    else:
        functions = compiled_functions if options.only == OURS else pytorch_functions
        step, evaluation = functions(options, layers, x, y)
    return {
        "train": measure(step, options.seconds),
        "eval": measure(evaluation, options.seconds),
    }


# -- all of them, each in a process of its own --


def environment(options):
    """For the processes: libraries choose for themselves, but for what was asked for here."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    if options.threads:
        names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
        env |= dict.fromkeys(names, str(options.threads))
    if options.no_avx512:
        env |= {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
        env |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
        env |= {"MKL_ENABLE_INSTRUCTIONS": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}
    return env | {"PYTHONIOENCODING": "utf-8"}  # as what they print is read


def run(options, *arguments, **more):
    """What a process of this program prints with these arguments."""
    command = [sys.executable, __file__, f"--seconds={options.seconds}", *arguments]
    if options.threads:
        command.append(f"--threads={options.threads}")
    env = environment(options) | more
    done = subprocess.run(command, capture_output=True, env=env)
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace"))
    return json.loads(done.stdout.splitlines()[-1])


def compete(options, contenders, name, batch_size):
    """{contender: [its figures, round by round]}, without those that failed."""
    figures = {contender: [] for contender in contenders}
    for _ in range(options.rounds):
        for contender in list(figures):
            arguments = f"--only={contender}", f"--network={name}", f"--batch-size={batch_size}"
            try:
                figures[contender].append(run(options, *arguments))
            except RuntimeError as error:
                if contender not in PYTORCH:
                    sys.exit(f"{contender}: {error}")
                last = str(error).strip().splitlines()[-1]
                print(f"left out, for it failed: {contender}: {last}", file=sys.stderr)
                del figures[contender]
    return figures


def modes():
    """PyTorch's modes, if it is installed."""
    return list(PYTORCH) if importlib.util.find_spec("torch") else []


def median(rounds, key):
    return statistics.median(figures[key] for figures in rounds)


def ratio(rounds, others, key):
    """How many times as long as the others, in the same round (median)."""
    pairs = zip(rounds, others, strict=True)
    return statistics.median(ours[key] / theirs[key] for ours, theirs in pairs)


def main_table(options):
    contenders = [OURS, PLAIN, *modes(), PRODUCT]
    figures = compete(options, contenders, options.network, options.batch_size)
    rate = 2 * 2048**3 / 1e6 / median(figures.pop(PRODUCT), "product")
    counts = flop_counts(options.network)
    print(f"batch {options.batch_size}, {options.rounds} rounds of {options.seconds} s a figure;")
    print(f"a large float32 matrix product (NumPy): {rate:.0f} GFLOP/s")
    for key, title in (("train", "training step"), ("eval", "evaluation")):
        print(f"\n| {title} | ms (median) | least | most | times ours | GFLOP/s | of product |")
        print("|:--|--:|--:|--:|--:|--:|--:|")
        for name, rounds in figures.items():
            ms = [r[key] for r in rounds]
            speed = counts[key] * options.batch_size / 1e6 / statistics.median(ms)
            print(
                f"| {name} | {statistics.median(ms):.2f} | {min(ms):.2f} | {max(ms):.2f} "
                f"| {ratio(rounds, figures[OURS], key):.2f} | {speed:.0f} | {speed / rate:.0%} |"
            )


def fastest_pytorch(figures, key):
    """(its mode, its median, times ours), or dashes."""
    there = [mode for mode in PYTORCH if mode in figures]
    if not there:
        return "-", float("nan"), float("nan")
    mode = min(there, key=lambda mode: median(figures[mode], key))
    return mode, median(figures[mode], key), ratio(figures[mode], figures[OURS], key)


def size_table(options):
    print("| batch | | ours, images/s | PyTorch's fastest, images/s | times as fast |")
    print("|--:|:--|--:|--:|--:|")
    for n in SIZES:
        figures = compete(options, [OURS, *modes()], options.network, n)
        for key, title in (("train", "training"), ("eval", "evaluation")):
            mode, ms, times = fastest_pytorch(figures, key)
            ours = n / median(figures[OURS], key) * 1000
            print(f"| {n} | {title} | {ours:,.0f} | {n / ms * 1000:,.0f} ({mode}) | {times:.2f} |")


def network_table(options):
    print(
        "| network | | ours, ms | GFLOP/s | plain, ms | times ours "
        "| PyTorch's fastest, ms | times ours |"
    )
    print("|:--|:--|--:|--:|--:|--:|--:|--:|")
    for name in NETWORKS:
        figures = compete(options, [OURS, PLAIN, *modes()], name, options.batch_size)
        counts = flop_counts(name)
        for key, title in (("train", "training"), ("eval", "evaluation")):
            mode, ms, times = fastest_pytorch(figures, key)
            ours, plain = (median(figures[who], key) for who in (OURS, PLAIN))
            speed = counts[key] * options.batch_size / 1e6 / ours
            slower = ratio(figures[PLAIN], figures[OURS], key)
            print(
                f"| {name} | {title} | {ours:.2f} | {speed:.0f} | {plain:.1f} | {slower:.1f} "
                f"| {ms:.2f} ({mode}) | {times:.2f} |",
                flush=True,
            )


# -- where the time goes, a whole epoch, and the start --


def where(options):
    """Milliseconds of each operation of a step, plain and compiled, in this process."""
    import numpy as np

    import tinynet as tn

    layers, shape = network(**NETWORKS[options.network])
    rng = np.random.default_rng(0)
    x = rng.standard_normal((options.batch_size, *shape), dtype=np.float32)
    y = rng.integers(0, 10, options.batch_size)
    model, loss, optimizer = tinynet_model(layers)
    net = tn.compile(model, threads=options.threads)
    step, _ = tinynet_functions(net, loss, optimizer, x, y)
    plain_step, _ = tinynet_functions(model, loss, optimizer, x, y)
    step()  # makes the stages
    stage_of = {id(stage.layer): stage for stage in net.stages}

    def timed(things):
        """{id of thing: (forward ms, backward ms)}, medians; their methods are wrapped for that."""
        times = {id(thing): ([], []) for thing in things}

        def wrap(thing, name, into):
            method = getattr(thing, name)

            def wrapped(*arguments, **named):
                start = time.perf_counter()
                result = method(*arguments, **named)
                into.append(1000 * (time.perf_counter() - start))
                return result

            setattr(thing, name, wrapped)

        for thing in things:
            forward, backward = times[id(thing)]
            wrap(thing, "forward", forward)
            wrap(thing, "backward", backward)
            if hasattr(thing, "backward_parameters"):  # of the first layer that learns
                wrap(thing, "backward_parameters", backward)
        return times

    ours = timed(net.stages)
    whole = measure(step, options.seconds)
    plain_times = timed(model.layers)
    plain_whole = measure(plain_step, options.seconds)
    print("milliseconds of an operation; a stage of the compiled network may stand for several")
    print("\n| layer | plain: forward | backward | compiled: forward | backward | GFLOP/s |")
    print("|:--|--:|--:|--:|--:|--:|")
    shape = x.shape
    for i, layer in enumerate(model.layers):
        row = [f"{statistics.median(t):.2f}" for t in plain_times[id(layer)]]
        shape = layer.output_shape(shape)
        speed = ""
        if id(layer) in stage_of:
            both = [statistics.median(t) for t in ours[id(stage_of[id(layer)])]]
            row += [f"{t:.2f}" for t in both]
            if hasattr(layer, "in_channels"):
                products = 2 * np.prod(shape) * layer.in_channels * np.prod(layer.kernel_size)
                speed = f"{products * (3 if i else 2) / 1e6 / sum(both):.0f}"
        else:
            row += ["with the one before", ""]
        print(f"| {layer} | {' | '.join(row)} | {speed} |")
    print(f"| whole step, with loss and SGD | {plain_whole:.2f} | | {whole:.2f} | | |")


def epoch(options):
    """Epochs as the main job runs them, each beside the bare steps and test of as many images."""
    import tinynet as tn

    (x, y), test = tn.datasets.mnist()
    net = tn.compile(tn.models.mnist_lite(rng=0), threads=options.threads)
    augment = tn.augment.RandomAffine()
    images = tn.train.as_input(x[:128])
    step, evaluation = compiled_functions(options, network()[0], images, y[:128])
    whole, bare = [], []
    for seed in range(4):  # the first one compiles
        history = tn.fit(net, x, y, test=test, epochs=1, augment=augment, seed=seed, progress=False)
        whole.append(history[0]["seconds"])
        milliseconds = len(x) / 128 * measure(step, options.seconds)
        milliseconds += len(test[0]) / 128 * measure(evaluation, options.seconds / 2)
        bare.append(milliseconds / 1000)
    return {
        "seconds an epoch": statistics.median(whole[1:]),
        "of bare steps and test": statistics.median(bare[1:]),
        "ratio": statistics.median(a / b for a, b in zip(whole[1:], bare[1:], strict=True)),
        "peak MB": peak_megabytes(),
    }


def peak_megabytes():
    """The most memory that this process has had, or words where Python cannot tell."""
    try:
        import resource
    except ImportError:  # Windows
        return "not known on this system"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes, not kB


def first_step(options):
    import numpy as np

    x, y = np.zeros((128, 1, 28, 28), np.float32), np.arange(128) % 10
    step, _ = compiled_functions(options, network()[0], x, y)
    step()
    return {"finished": time.time()}


def start_table(options):
    """Nothing cached, then cached: seconds until the first step is finished."""
    print("| seconds to the first finished step | median | least | most |\n|:--|--:|--:|--:|")
    cold, warm = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for seconds in (cold, warm):
                began = time.time()
                done = run(options, "--only=first step", NUMBA_CACHE_DIR=folder)
                seconds.append(done["finished"] - began)
    for name, seconds in (("nothing cached", cold), ("kernels cached", warm)):
        print(
            f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} "
            f"| {max(seconds):.2f} |"
        )


def main():
    options = parse()
    if options.only:
        here = {"first step": first_step, "epoch": epoch}
        print(json.dumps(here.get(options.only, contend)(options)))
        return
    from tinynet.printing import ending_quietly  # not where PyTorch is measured

    with ending_quietly():
        show(options)


def show(options):
    if options.where:
        where(options)
    elif options.epoch:
        for _ in range(options.rounds):
            print(run(options, "--only=epoch"), flush=True)
    elif options.start:
        start_table(options)
    elif options.sizes:
        size_table(options)
    elif options.networks:
        network_table(options)
    else:
        main_table(options)


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:  # there is no Numba, and nothing to compare with
        sys.exit(f"benchmark: {error}")
