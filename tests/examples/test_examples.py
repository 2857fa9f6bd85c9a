"""The example programs, run as a user runs them."""

import csv
import importlib.util
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from cases import INTERPRETED, LIMITED, WINDOWS, ctrl_c, needs_numba, write_digits, write_idx

import tinynet as tn

EXAMPLES = Path(__file__).parents[2] / "examples"


def mnist_lite(*arguments):
    return subprocess.run(
        [sys.executable, EXAMPLES / "mnist_lite.py", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
    )


def start(*arguments):
    command = [sys.executable, EXAMPLES / "mnist_lite.py", *map(str, arguments)]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    return subprocess.Popen(command, **pipes)


def percent(text):
    return float(text.rstrip("%"))


@pytest.fixture
def digits(tmp_path):
    """A folder with 60 and 30 of the real digits, in raw IDX files."""
    return write_digits(tmp_path / "some digits", 60, 30)


COMPILED = pytest.mark.skipif(INTERPRETED, reason="minutes when interpreted")


@pytest.mark.parametrize(
    "how",
    [["--plain", "--augment=none"], pytest.param([], marks=[COMPILED, needs_numba])],
    ids=str,
)
def test_mnist_lite_on_a_few_digits(how, digits, tmp_path):
    common = ["--data-dir", digits, "--batch-size", 20, "--threads", 1]
    done = mnist_lite("--epochs", 2, *common, "--out", tmp_path / "runs", *how)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("| Layer (type)")
    assert "Total params: 11,950" in lines
    tests = [line for line in lines if re.fullmatch(r"Test Accuracy: \d+\.\d\d%", line)]
    assert len(tests) == 2
    accuracies = [line.split()[-1] for line in tests]
    assert f"Last Test Accuracy: {accuracies[-1]}" in lines
    assert any(
        line.startswith(f"Best Test Accuracy: {max(accuracies, key=percent)} (epoch")
        for line in lines
    )
    assert any("to be seen and chose nothing" in line for line in lines)
    assert "Epoch 2/2: 100%" in done.stderr and "Testing: 100%" in done.stderr

    (folder,) = (tmp_path / "runs").iterdir()
    assert f"Weights and history: {folder}" in lines
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        history = list(csv.DictReader(file))
    assert [f"{float(row['test_accuracy']):.2%}" for row in history] == accuracies
    model = tn.models.mnist_lite()
    tn.load(model, folder / "weights.npz")
    test = tn.datasets.mnist(digits)[1]
    assert f"{tn.evaluate(model, *test).accuracy:.2%}" == accuracies[-1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--epochs", "0"], "argument --epochs: expected at least 1, got 0"),
        (["--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--max-lr", "-3"], "argument --max-lr: expected at least 0, got -3.0"),
        (["--max-lr", "inf"], "argument --max-lr: expected a finite number, got inf"),
        (["--max-lr", "nan"], "argument --max-lr: expected at least 0, got nan"),
        (["--recipe", "better"], "argument --recipe: invalid choice: 'better'"),
        (["--threads", "0"], "argument --threads: expected at least 1"),
        (["--data-dir", "no/such/folder"], "mnist_lite: mnist: expected a folder, got"),
    ],
)
def test_mnist_lite_refuses_wrong_arguments(arguments, words, tmp_path):
    done = mnist_lite(*arguments, "--out", tmp_path / "runs")
    assert done.returncode != 0 and words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def emnist_letters(folder, n=120):
    """A folder as torchvision leaves it, with two splits of EMNIST; letters are boxes there."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        y = np.arange(n, dtype=np.uint8) % 26
        x = np.zeros((n, 28, 28), np.uint8)
        for image, letter in zip(x, y, strict=True):
            image[4 + letter % 6 * 2 :][:8, 4 + letter // 6 * 2 :][:, :8] = 255
        x += rng.integers(0, 40, x.shape, np.uint8) // 2
        for split, labels in (("letters", y + np.uint8(1)), ("byclass", y)):
            name = f"emnist-{split}-{part}"
            write_idx(folder / f"{name}-images-idx3-ubyte", x.transpose(0, 2, 1).copy())
            write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    return folder


@pytest.mark.slow
def test_mnist_lite_on_letters(tmp_path):
    """From torchvision's folder to weights of 26 classes, stopped and resumed on the way."""
    root, out = emnist_letters(tmp_path / "EMNIST" / "raw").parent, tmp_path / "runs"
    letters = ["--data-dir", root, "--split", "letters", "--plain", "--batch-size", 30]
    done = mnist_lite(*letters, "--epochs", 2, "--augment=none", "--out", out)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\| Conv2d-24 +\| +\[-1, 26, 3, 3\] \|", done.stdout)
    (folder,) = out.iterdir()
    model = tn.models.mnist_lite(num_classes=26)
    tn.load(model, folder / "weights.npz")
    test = tn.datasets.mnist(root, "letters")[1]
    assert f"Last Test Accuracy: {tn.evaluate(model, *test).accuracy:.2%}" in done.stdout
    (folder / "weights.npz").unlink()
    again = mnist_lite("--resume", folder)  # all of it is done
    assert again.returncode == 0 and (folder / "weights.npz").exists(), again.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["--split", "lettres"],
            "mnist: expected split, one of balanced, byclass, bymerge, digits",
        ),
        (["--split", "digits"], "mnist: expected the split digits of EMNIST in the folder "),
        ([], "mnist: expected one data set in the folder "),
    ],
)
def test_mnist_lite_says_what_is_wrong_with_a_split(arguments, words, tmp_path):
    root = emnist_letters(tmp_path / "EMNIST" / "raw").parent.parent
    done = mnist_lite("--data-dir", root, *arguments, "--out", tmp_path / "runs")
    assert_one_line(done, f"mnist_lite: {words}")
    assert not (tmp_path / "runs").exists()


def assert_one_line(done, words):
    assert done.returncode == 1 and done.stderr.startswith(words), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda root: shutil.rmtree(root), "mnist: expected a folder, got "),
        (lambda root: [path.unlink() for path in root.iterdir()], "mnist: expected train-images"),
        (lambda root: (root / "t10k-labels-idx1-ubyte").unlink(), "mnist: expected t10k-labels-"),
        (lambda root: damage(root / "t10k-images-idx3-ubyte"), "{root}/t10k-images-idx3-ubyte: tr"),
        (lambda root: relabel(root, "t10k", 10), "expected test labels in 0 … 9, as in the train"),
        (lambda root: resize(root, 48), "layer 25 of Sequential: Flatten(size=1): expected (N, C"),
        (lambda root: resize(root, 20), "layer 24 of Sequential: AvgPool2d(k=3): expected (N, C,"),
    ],
    ids=["no folder", "empty", "no labels", "damaged", "label 10", "48 pixels", "20 pixels"],
)
def test_mnist_lite_says_what_is_wrong_with_the_data(change, words, digits, tmp_path):
    change(digits)
    done = mnist_lite("--data-dir", digits, "--out", tmp_path / "runs")
    assert_one_line(done, f"mnist_lite: {words.format(root=digits)}")
    assert not (tmp_path / "runs").exists()


def damage(path):
    path.write_bytes(path.read_bytes()[:-1])


def relabel(root, part, label):
    write_idx(root / f"{part}-labels-idx1-ubyte", np.full(30, label, np.uint8))


def resize(root, size):
    for part, n in (("train", 60), ("t10k", 30)):
        write_idx(root / f"{part}-images-idx3-ubyte", np.zeros((n, size, size), np.uint8))


def test_mnist_lite_names_a_damaged_file(digits, tmp_path):
    path = digits / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    done = mnist_lite("--data-dir", digits, "--out", tmp_path / "runs")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert f"mnist_lite: {path}: truncated: expected 60 bytes" in done.stderr


def test_mnist_lite_stops_where_the_loss_is_not_finite(digits, tmp_path):
    done = mnist_lite("--plain", "--data-dir", digits, "--max-lr", 1e30, "--out", tmp_path / "runs")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "mnist_lite: fit: the loss is not finite (Epoch" in done.stderr
    assert not list((tmp_path / "runs").glob("*/weights.npz"))


def test_two_runs_in_one_second_have_a_folder_each(tmp_path, monkeypatch):
    example = load_example("mnist_lite", monkeypatch)
    options = example.parse(["--out", str(tmp_path / "runs"), "--seed", "3"])
    options.arguments = []
    folders = [example.new_folder(options) for _ in range(5)]
    assert len(set(folders)) == 5 and all(folder.is_dir() for folder in folders)
    (tmp_path / "file").touch()
    options.out = tmp_path / "file"
    with pytest.raises(OSError, match="file"):
        example.new_folder(options)


def assert_same_run(folder, other):
    """The same weights, and all that is in the history but for the seconds."""
    ours, theirs = (dict(np.load(run / "weights.npz")) for run in (folder, other))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert history(folder) == history(other)


def history(folder):
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture
def whole(digits, tmp_path):
    """(the arguments of a run but for its last, the folder of a whole run)"""
    arguments = ["--plain", "--data-dir", digits, "--epochs", 8, "--batch-size", 30]
    arguments += ["--checkpoint-every", 2, "--out"]
    assert mnist_lite(*arguments, tmp_path / "whole").returncode == 0
    return arguments, *(tmp_path / "whole").iterdir()


@ctrl_c
@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_weights(whole, tmp_path):
    common, whole = whole
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start(*common, tmp_path / "stopped")  # a job in the background would ignore Ctrl-C
    signal.signal(signal.SIGINT, before)
    while not list((tmp_path / "stopped").glob("*/checkpoint.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    error = process.communicate()[1]
    assert process.returncode == 130 and "Traceback" not in error
    (stopped,) = (tmp_path / "stopped").iterdir()
    again = re.search("mnist_lite: stopped; to go on: (.*)", error)[1]
    assert not (stopped / "weights.npz").exists()
    done = subprocess.run(again, shell=True, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert f"Weights and history: {stopped}" in done.stdout
    assert_same_run(stopped, whole)


@pytest.mark.slow
def test_what_cannot_be_gone_on_with(whole):
    _, stopped = whole
    refused = mnist_lite("--resume", stopped, "--seed", 1)
    assert refused.returncode != 0 and "these differ: seed: 0 in the file, 1 here" in refused.stderr
    path = stopped / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-1])
    refused = mnist_lite("--resume", stopped)
    assert refused.returncode != 0 and f"{path}: no checkpoint of this run" in refused.stderr
    (stopped / "arguments.json").unlink()
    refused = mnist_lite("--resume", stopped)
    assert refused.returncode != 0 and "mnist_lite: no run to go on with in" in refused.stderr


@pytest.mark.slow
def test_a_run_whose_pipe_was_closed_goes_on_to_the_same_weights(whole, tmp_path):
    """The reader of `… | head` has seen enough."""
    common, whole = whole
    with start(*common, tmp_path / "piped") as process:
        next(line for line in process.stdout if "Test Accuracy" in line)
        process.stdout.close()
        error = process.stderr.read()
    assert process.returncode == 1 and "Traceback" not in error and "ignored" not in error
    (piped,) = (tmp_path / "piped").iterdir()
    why = "[Errno 22] Invalid argument" if WINDOWS else "[Errno 32] Broken pipe"
    assert f"mnist_lite: stopped: {why}; to go on: " in error
    assert mnist_lite("--resume", piped).returncode == 0
    assert_same_run(piped, whole)


@COMPILED
@pytest.mark.slow
def test_killed_at_random_moments(digits, tmp_path):
    """Real processes, SIGKILL, compiled kernels and augmentation: the weights are the same."""
    common = ["--data-dir", digits, "--epochs", 40, "--batch-size", 15, "--checkpoint-every", 3]
    assert mnist_lite(*common, "--out", tmp_path / "whole").returncode == 0
    (whole,) = (tmp_path / "whole").iterdir()
    rng = np.random.default_rng(0)
    kills = within = rounds = 0
    while kills < 30:
        rounds += 1
        out = tmp_path / f"killed {rounds}"
        process = start(*common, "--threads", rng.integers(1, 3), "--out", out)
        while process.poll() is None:
            try:
                process.wait(timeout=rng.uniform(0.5, 3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                folders = list(out.glob("*"))
                if folders and (folders[0] / "arguments.json").exists():
                    within += (folders[0] / "checkpoint.npz").exists()
                    process = start("--resume", folders[0], "--threads", rng.integers(1, 3))
                else:
                    shutil.rmtree(out, ignore_errors=True)
                    process = start(*common, "--out", out)
        error = process.communicate()[1]
        assert process.returncode == 0, error
        (folder,) = out.iterdir()
        assert_same_run(folder, whole)
        # a kill within a save leaves what it had written, under a hidden name
        left = {path.name for path in folder.iterdir() if not fnmatch(path.name, ".*.tmp")}
        assert left == {"arguments.json", "checkpoint.npz", "history.csv", "weights.npz"}
    assert within >= 10  # that many after a checkpoint
    print(f"{kills} kills, {within} of them after the first checkpoint, in {rounds} runs")


@pytest.fixture
def small_disk(tmp_path):
    """A folder that holds 400 kB; only root can make one."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount a small file system: {error}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
def test_a_disk_that_fills(digits, tmp_path, small_disk):
    common = ["--plain", "--data-dir", digits, "--epochs", 15, "--batch-size", 20, "--out"]
    assert mnist_lite(*common, tmp_path / "whole").returncode == 0
    (whole,) = (tmp_path / "whole").iterdir()
    process = start(*common, small_disk)
    while not list(small_disk.glob("*/checkpoint.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(OSError), open(small_disk / "of somebody else", "wb") as file:
        while True:
            file.write(bytes(1000))
            file.flush()
    error = process.communicate()[1]
    assert process.returncode == 1 and "No space left on device; to go on: " in error
    assert "Traceback" not in error
    (folder,) = small_disk.glob("mnist_lite*")
    (small_disk / "of somebody else").unlink()
    done = mnist_lite("--resume", folder)
    assert done.returncode == 0, done.stderr
    assert_same_run(folder, whole)


def test_help_names_every_option_and_default():
    text = " ".join(mnist_lite("--help").stdout.split())
    for option in (
        "--recipe", "--epochs", "--batch-size", "--max-lr", "--augment", "--seed", "--validate",
        "--checkpoint-every", "--resume",
        "--data-dir", "--split", "--plain", "--threads", "--report", "--out",
    ):  # fmt: skip
        assert option in text
    assert f"{{{','.join(tn.recipes.RECIPES)}}}" in text and "(default: default)" in text
    assert "SUPPRESS" not in text


def load_example(name, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module(name)


@pytest.mark.parametrize("recipe", tn.recipes.RECIPES)
def test_mnist_lite_hands_the_recipe_to_fit(recipe, digits, tmp_path, monkeypatch):
    given = {}

    def fit(model, x, y, **settings):
        given.update(settings)
        raise FloatingPointError("stop here")

    module = load_example("mnist_lite", monkeypatch)
    monkeypatch.setattr(tn, "fit", fit)

    def settings(*arguments):
        common = ["--plain", "--data-dir", str(digits), "--out", str(tmp_path / arguments[-1])]
        with pytest.raises(FloatingPointError):
            module.main(module.parse([*common, *arguments]))
        return {name: given[name] for name in chosen}

    chosen = dict(**tn.recipes.RECIPES[recipe])
    assert settings("--recipe", recipe) == chosen
    changed = settings("--recipe", recipe, "--epochs=3", "--batch-size=7", "--max-lr=0.5")
    expected = {**chosen, "epochs": 3, "batch_size": 7, "max_lr": 0.5}
    assert changed == expected
    assert settings("--recipe", recipe, "--augment=none")["augment"] is None


def test_mnist_lite_validates_on_training_digits(tmp_path, monkeypatch):
    def fit(model, x, y, test, **settings):
        (x_train, y_train), _ = tn.datasets.mnist()
        np.testing.assert_array_equal(x, x_train[:50_000])
        np.testing.assert_array_equal(test[0], x_train[50_000:])
        np.testing.assert_array_equal(test[1], y_train[50_000:])
        raise FloatingPointError("stop here")

    module = load_example("mnist_lite", monkeypatch)
    monkeypatch.setattr(tn, "fit", fit)
    with pytest.raises(FloatingPointError, match="stop here"):
        module.main(module.parse(["--plain", "--validate", "--out", str(tmp_path / "runs")]))


def benchmark(*arguments, prefix=()):
    return subprocess.run(
        [
            sys.executable,
            *prefix,
            EXAMPLES / "benchmark.py",
            "--rounds=1",
            "--seconds=0",
            *arguments,
        ],
        capture_output=True,
        encoding="utf-8",
    )


@needs_numba
@pytest.mark.skipif(INTERPRETED, reason="times compiled code")
@pytest.mark.parametrize(
    "arguments, rows",
    [
        pytest.param(  # PyTorch, where it is there, compiles for a minute
            [],
            ["tinynet, compiled", "tinynet, plain", "training step", "evaluation"],
            marks=pytest.mark.slow,
        ),
        (["--where"], ["Conv2d(1→8, k=3, p=1)", "MaxPool2d(k=2)", "whole step, with loss and SGD"]),
        pytest.param(  # compiles every kernel anew
            ["--no-avx512", "--threads=1"],
            ["tinynet, compiled", "tinynet, plain"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_benchmark_prints_its_table(arguments, rows):
    done = benchmark("--batch-size=8", *arguments)
    assert done.returncode == 0, done.stderr
    for row in rows:
        assert f"| {row} |" in done.stdout


@pytest.mark.slow
@needs_numba
@pytest.mark.skipif(INTERPRETED, reason="times compiled code")
def test_benchmark_without_pytorch():
    code = "import runpy, sys; sys.modules['torch'] = None; "
    code += "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    done = benchmark("--batch-size=8", prefix=["-c", code])
    assert done.returncode == 0, done.stderr
    for row in ["tinynet, compiled", "tinynet, plain", "training step", "evaluation"]:
        assert f"| {row} |" in done.stdout
    assert "PyTorch" not in done.stdout


def load_benchmark():
    spec = importlib.util.spec_from_file_location("benchmark", EXAMPLES / "benchmark.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("system, of_a_megabyte", [("linux", 1024), ("darwin", 1024 * 1024)])
def test_benchmark_knows_the_unit_of_memory(system, of_a_megabyte, monkeypatch):
    usage = types.SimpleNamespace(ru_maxrss=300 * of_a_megabyte)
    fake = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: usage)
    monkeypatch.setitem(sys.modules, "resource", fake)
    benchmark = load_benchmark()
    monkeypatch.setattr(benchmark, "sys", types.SimpleNamespace(platform=system))
    assert benchmark.peak_megabytes() == 300


def test_benchmark_says_where_memory_is_not_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert load_benchmark().peak_megabytes() == "not known on this system"


def test_benchmark_measures_this_process():
    peak = load_benchmark().peak_megabytes()
    assert peak == "not known on this system" if LIMITED else 20 < peak < 100_000


def test_benchmark_counts_what_the_summary_counts():
    module = load_benchmark()
    counts = module.flop_counts("the 11,950-parameter network")
    summary = tn.summary(tn.models.mnist_lite(), (1, 28, 28))
    assert counts["eval"] == 2 * summary.multiply_adds
    assert counts["eval"] < counts["train"] < 3 * counts["eval"]
    for numbers in module.NETWORKS.values():  # each can be built, and ends in ten logits
        layers, (c, h, w) = module.network(**numbers)
        model, _, _ = module.tinynet_model(layers)
        assert model(np.zeros((2, c, h, w), np.float32)).shape == (2, 10)


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="hours when interpreted")
def test_the_default_run_ends_above_99_4_percent(tmp_path):
    done = mnist_lite("--out", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    last = re.search(r"^Last Test Accuracy: (\S+)%$", done.stdout, re.MULTILINE)
    assert float(last.group(1)) > 99.4
    (weights,) = (tmp_path / "runs").glob("*/weights.npz")
    model = tn.models.mnist_lite()
    tn.load(model, weights)
    x, y = tn.datasets.mnist()[1]
    assert np.isclose(tn.evaluate(tn.compile(model), x, y).accuracy, float(last.group(1)) / 100)
