"""Runs of a training recipe, one row of a CSV file each: what reproduce.py and search.py share."""

import csv
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # runs without installing, too

import tinynet as tn  # noqa: E402

RESULTS = ROOT / "examples" / "results"
COLUMNS = ["recipe", "seed", "epochs", "last", "best", "loss", "seconds", "commit", "settings"]


def kept_run(path, recipe, settings, seed, *, validate, threads=None):
    """The run of a recipe with this seed, as a row: from the file at path, or run and added to it.

    A row has the columns above: the accuracy in percent after the last epoch and after the best
    (which is reported, and chooses nothing), the loss after the last one, and the seconds that
    the run took, reading, augmentation and tests included, compilation not. validate: train on
    50,000 of the training digits and test on the other 10,000; otherwise on all 60,000, and on
    the test set.
    """
    settings = dict(settings)
    wanted = dict(recipe=recipe, settings=str(settings), seed=str(seed))
    row = next((row for row in read(path) if wanted.items() <= row.items()), None)
    if row is None:
        row = run(recipe, settings, seed, validate, threads)
        try:
            append(path, row)
        except OSError as error:  # a full disk; on Windows, a spreadsheet that has the file open
            told = ", ".join(f"{name} {value}" for name, value in row.items())
            raise OSError(f"{error}; the run that could not be kept: {told}") from error
    print(f"{recipe}: seed {seed}: last {row['last']} %, {row['seconds']} s", flush=True)
    return row


def run(recipe, settings, seed, validate, threads):
    """One run, as a row. All values are text, as a CSV file gives them back."""
    compile_kernels(settings, threads)
    started = time.perf_counter()
    train, test = tn.datasets.mnist()
    if validate:
        train, test = tn.datasets.hold_out(*train)
    model = tn.compile(tn.models.mnist_lite(rng=seed), threads=threads)
    history = tn.fit(model, *train, test=test, seed=seed, progress=False, **settings)
    seconds = time.perf_counter() - started
    accuracies = [epoch["test_accuracy"] for epoch in history]
    values = [
        recipe,
        seed,
        settings["epochs"],
        f"{100 * accuracies[-1]:.2f}",
        f"{100 * max(accuracies):.2f}",
        f"{history[-1]['test_loss']:.5f}",
        f"{seconds:.1f}",
        commit(),
        settings,
    ]
    return dict(zip(COLUMNS, map(str, values), strict=True))


def compile_kernels(settings, threads):
    """Two batches' training, so that no run's seconds include compilation."""
    (x, y), _ = tn.datasets.mnist()
    model = tn.compile(tn.models.mnist_lite(rng=0), threads=threads)
    few = settings | dict(epochs=1, batch_size=8)
    tn.fit(model, x[:16], y[:16], test=(x[:8], y[:8]), progress=False, **few)


def commit():
    """The commit that runs here, with a + if the code differs from it."""
    git = ["git", "-C", ROOT]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, check=True
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain", "tinynet", "examples/*.py"],
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.decode("ascii").strip() + ("+" if changed.stdout else "")


def read(path):
    """[row] of a file of results; [] if there is none yet."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=2):
        if list(row) != COLUMNS or None in row.values():
            raise ValueError(f"{path}, line {number}: expected the columns {', '.join(COLUMNS)}")
    return rows


def append(path, row):
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def table(rows):
    """Mean and standard deviation of each recipe's runs, as a Markdown table, the best first."""
    groups = {}
    for row in rows:
        groups.setdefault((row["recipe"], row["settings"]), []).append(row)
    lines = []
    for (recipe, _), group in groups.items():
        last = [float(row["last"]) for row in group]
        loss = statistics.mean(float(row["loss"]) for row in group)
        seconds = statistics.median(float(row["seconds"]) for row in group)
        deviation = statistics.stdev(last) if len(last) > 1 else float("nan")
        lines.append(
            (
                -statistics.mean(last),
                f"| {recipe} | {group[0]['epochs']} | {statistics.mean(last):.3f} "
                f"| {deviation:.3f} | {min(last):.2f} | {len(last)} | {loss:.5f} | {seconds:.0f} |",
            )
        )
    head = ["| recipe | epochs | mean % | deviation | least | runs | loss | s (median) |"]
    return "\n".join(head + ["|:--|" + "--:|" * 7] + [line for _, line in sorted(lines)])


def seeds(text):
    """ "0-9" or "0,3,5" as a list of ints."""
    parts = [part.split("-") for part in text.split(",")]
    return [
        seed for first, *last in parts for seed in range(int(first), int((last or [first])[0]) + 1)
    ]
