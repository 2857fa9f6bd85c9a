"""Runs of a training recipe, one row of a CSV file each: what reproduce.py and search.py share.

Runs may go side by side, on this machine or on a cluster (see workers.py). Wherever a run went, its
row is the same, but for the seconds; and one process alone writes the file.
"""

import argparse
import contextlib
import csv
import io
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # runs without installing, too

import workers  # noqa: E402

import tinynet as tn  # noqa: E402

RESULTS = ROOT / "examples" / "results"
COLUMNS = ["recipe", "seed", "epochs", "last", "best", "loss", "seconds", "commit", "settings"]


class Failed(Exception):
    """Some runs have failed; the others are kept."""


# -- the programs --


def add_options(parser):
    """What reproduce.py and search.py share: where the file is, and where the runs go."""
    add = parser.add_argument
    add("--out", type=Path, default=RESULTS, help="the folder of the CSV files")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=at_least_1, default=1, help="runs at a time, in processes")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, whose workers do the runs"
    )
    help = "of each run, which change no bit of it; default: all cores, divided by --jobs; "
    add("--threads", type=at_least_1, help=help + "on a cluster, 1")
    add("--table", action="store_true", help="run nothing; show what the file holds")


def at_least_1(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return int(text)


@contextlib.contextmanager
def ending(program):
    """For the main part of a program of this name: it ends with a line that says why."""
    try:
        with tn.printing.ending_quietly():
            yield
    except (Failed, ValueError, OSError, ImportError) as error:
        sys.exit(f"{program}: {error}")
    except KeyboardInterrupt:
        print(f"\n{program}: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


# -- the runs --


def kept_runs(path, runs, options, *, validate):
    """([row], [failure]): the row of each run, from the file at path, or run and added to it.

    runs: [(recipe, settings, seed)]. options: as of add_options. A row is added when its run has
    ended. A run that failed has None for a row, and a failure is a text that says which it was and
    why; the others go on.

    A row has the columns above: the accuracy in percent after the last epoch and after the best
    (which is reported, and chooses nothing), the loss after the last one, and the seconds that
    the run took, reading, augmentation and tests included, compilation not. validate: train on
    50,000 of the training digits and test on the other 10,000; otherwise on all 60,000, and on
    the test set.
    """
    names = [(recipe, str(dict(settings)), str(seed)) for recipe, settings, seed in runs]
    kept = {name_of(row): row for row in read(path)}
    for name in dict.fromkeys(names):
        if name in kept:
            tell(kept[name])
    missing = {name: run for name, run in zip(names, runs, strict=True) if name not in kept}
    how = (validate, threads(options), commit())
    tasks = [(recipe, dict(settings), seed, *how) for recipe, settings, seed in missing.values()]
    failures = []
    ended = workers.outcomes(run, tasks, jobs=options.jobs, scheduler=options.scheduler)
    with contextlib.closing(ended):
        for number, row, error in ended:
            if row is not None:
                kept[name_of(row)] = row
                tell(row)
                error = why_not_added(path, row)
            if error:
                recipe, settings, seed = tasks[number][:3]
                print(f"{recipe}: seed {seed}: failed: {error}", flush=True)
                failures.append(f"recipe {recipe}, seed {seed}, settings {settings}: {error}")
    return [kept.get(name) for name in names], failures


def name_of(row):
    """What tells a row's run from all others."""
    return row["recipe"], row["settings"], row["seed"]


def tell(row):
    seconds = f"{row['seconds']} s"
    print(f"{row['recipe']}: seed {row['seed']}: last {row['last']} %, {seconds}", flush=True)


def why_not_added(path, row):
    """Add the row to the file; if that fails, why, with the row, so that no minutes are lost."""
    try:
        append(path, row)
    except OSError as error:  # a full disk; on Windows, a spreadsheet that has the file open
        told = ", ".join(f"{name} {value}" for name, value in row.items())
        return f"{error}; the run that could not be kept: {told}"
    return None


def raise_failed(failures):
    if failures:
        raise Failed("\n".join([f"{len(failures)} failed; the others are kept", *failures]))


def threads(options):
    """How many a run has; None for all cores."""
    if options.threads or (options.jobs == 1 and not options.scheduler):
        return options.threads
    from tinynet.compiled.threads import default_threads

    return 1 if options.scheduler else max(1, default_threads() // options.jobs)


def run(recipe, settings, seed, validate, threads, commit):
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
        commit,
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


# -- the file --


@contextlib.contextmanager
def alone(path):
    """Nobody else adds to the file at path meanwhile: a second program there is refused."""
    lock = path.with_name(f"{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(lock, "x", encoding="utf-8") as file:
            file.write(f"process {os.getpid()} of {platform.node()}")
    except FileExistsError:
        who = lock.read_text(encoding="utf-8")
        raise ValueError(
            f"{path}: {who} adds to it; if that one has ended, as by a power cut, delete {lock}"
        ) from None
    try:
        yield
    finally:
        lock.unlink()


def read(path):
    """[row] of a file of results; [] if there is none yet."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        text = file.read()
    if text and not text.endswith("\n"):
        raise ValueError(f"{path}: the last row is not whole: delete it, and it is run again")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for number, row in enumerate(rows, start=2):
        if list(row) != COLUMNS or None in row.values():
            raise ValueError(f"{path}, line {number}: expected the columns {', '.join(COLUMNS)}")
    return rows


def append(path, row):
    """Add a row to the file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size if path.exists() else 0
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    if size == 0:
        writer.writeheader()
    writer.writerow(row)
    try:
        with open(path, "a", newline="", encoding="utf-8") as file:
            file.write(text.getvalue())
    except OSError:
        with contextlib.suppress(OSError), open(path, "r+b") as file:
            file.truncate(size)  # a full disk may have taken half of it
        raise


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
