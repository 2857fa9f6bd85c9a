"""examples/research/reproduce.py, search.py and pictures.py, on a few digits."""

import contextlib
import csv
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cases import INTERPRETED, ctrl_c, mnist, needs_numba, needs_threads

import tinynet as tn

EXAMPLES = Path(__file__).parents[2] / "examples"
COMPILED = pytest.mark.skipif(INTERPRETED, reason="minutes when interpreted")


@pytest.fixture
def example(monkeypatch):
    """example(name) -> that program as a module, which sees only a few of the digits."""
    train, test = mnist()
    few = (train[0][:40], train[1][:40]), (test[0][:30], test[1][:30])
    monkeypatch.setattr(tn.datasets, "mnist", lambda: few)
    hold_out = tn.datasets.hold_out
    monkeypatch.setattr(tn.datasets, "hold_out", lambda x, y: hold_out(x, y, 10))
    monkeypatch.syspath_prepend(EXAMPLES / "research")
    return importlib.import_module


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def count_fits(monkeypatch):
    """A list to which each later call of fit, but those that only compile, adds its settings."""
    fits, fit = [], tn.fit

    def counted(model, x, y, **settings):
        if len(x) > 16:
            fits.append((len(x), settings))
        return fit(model, x, y, **settings)

    monkeypatch.setattr(tn, "fit", counted)
    return fits


def test_seeds(example):
    seeds = example("experiment").seeds
    assert seeds("0-3") == [0, 1, 2, 3] and seeds("5") == [5] and seeds("0,3-4,9") == [0, 3, 4, 9]


@needs_numba
@COMPILED
def test_reproduce_adds_what_is_missing(example, tmp_path, monkeypatch, capsys):
    reproduce = example("reproduce")
    monkeypatch.setitem(tn.recipes.RECIPES, "quick", tn.recipes.QUICK | dict(epochs=2))
    fits = count_fits(monkeypatch)

    def run(seeds):
        reproduce.main(reproduce.parse(["quick", "--seeds", seeds, "--out", str(tmp_path)]))
        return rows(tmp_path / "quick.csv")

    first = run("0-1")
    assert [row["seed"] for row in first] == ["0", "1"] and len(fits) == 2
    assert list(first[0]) == [
        "recipe", "seed", "epochs", "last", "best", "loss", "seconds", "commit", "settings",
    ]  # fmt: skip
    again = run("0-2")
    assert again[:2] == first and again[2]["seed"] == "2" and len(fits) == 3
    digits, settings = fits[0]
    assert digits == 40  # all of the training digits
    model = tn.compile(tn.models.mnist_lite(rng=0))
    train, test = tn.datasets.mnist()
    history = tn.fit(model, *train, **settings)
    assert first[0]["last"] == f"{100 * history[-1]['test_accuracy']:.2f}"
    assert first[0]["loss"] == f"{tn.evaluate(model, *test).loss:.5f}"
    mean = np.mean([float(row["last"]) for row in again])
    assert f"| quick | 2 | {mean:.3f} |" in capsys.readouterr().out


@needs_numba
@COMPILED
def test_ablation_removes_one_ingredient_at_a_time(example, tmp_path, monkeypatch, capsys):
    reproduce = example("reproduce")
    recipe = tn.recipes.DEFAULT | dict(epochs=1)
    monkeypatch.setitem(tn.recipes.RECIPES, "default", recipe)
    fits = count_fits(monkeypatch)
    arguments = ["default", "--ablation", "--seeds=3", "--out", str(tmp_path)]
    reproduce.main(reproduce.parse(arguments))
    assert {digits for digits, _ in fits} == {30}  # ten are held out
    whole, *others = [settings for _, settings in fits]
    assert {name: whole[name] for name in recipe} == recipe
    for settings in others:
        assert sum(settings[name] != recipe[name] for name in recipe) == 1
    names = [row["recipe"] for row in rows(tmp_path / "default-ablation.csv")]
    assert names[0] == "whole" and len(set(names)) == len(fits) > 3


@needs_numba
@COMPILED
def test_a_run_that_cannot_be_kept_is_told(example, tmp_path, monkeypatch):
    """As where a spreadsheet has the file open, on Windows: minutes of work are not lost."""
    reproduce, experiment = example("reproduce"), example("experiment")
    monkeypatch.setitem(tn.recipes.RECIPES, "quick", tn.recipes.QUICK | dict(epochs=1))

    append = experiment.append

    def refuse(path, row):
        if row["seed"] == "3":
            raise PermissionError(13, "Permission denied", str(path))
        append(path, row)

    monkeypatch.setattr(experiment, "append", refuse)
    words = "quick.csv'; the run .* kept: recipe quick, seed 3, epochs 1, last [0-9.]+, .* settings"
    with pytest.raises(experiment.Failed, match=words):
        reproduce.main(reproduce.parse(["quick", "--seeds", "3-4", "--out", str(tmp_path)]))
    assert [row["seed"] for row in rows(tmp_path / "quick.csv")] == ["4"]


def test_a_damaged_file_of_results_is_named(example, tmp_path):
    reproduce = example("reproduce")
    (tmp_path / "default.csv").write_text("recipe,seed\ndefault,0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"default.csv, line 2: expected the columns recipe, seed"):
        reproduce.main(reproduce.parse(["default", "--table", "--out", str(tmp_path)]))


def test_halving_keeps_the_better_half(example):
    halve = example("search").halve
    loss = {"a": 5.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": 4.0}
    ran = []

    def run(runs):
        ran.extend((name, settings["epochs"], seed) for name, settings, seed in runs)
        return [loss[name] + seed for name, _, seed in runs]

    left = halve({name: dict(epochs=99) for name in loss}, [(1, 1), (4, 2), (8, 1)], run)
    assert left == ["b", "d"]
    assert [name for name, epochs, _ in ran if epochs == 1] == list("abcde")
    assert [(name, seed) for name, epochs, seed in ran if epochs == 4] == [
        ("b", 0), ("d", 0), ("c", 0), ("b", 1), ("d", 1), ("c", 1),
    ]  # fmt: skip
    assert [name for name, epochs, _ in ran if epochs == 8] == ["b", "d"]


def test_halving_leaves_out_what_failed(example):
    loss = {"a": None, "b": 3.0, "c": 1.0, "d": 2.0}
    ran = []

    def run(runs):
        ran.append([name for name, _, _ in runs])
        return [loss[name] if seed else 0.0 for name, _, seed in runs]

    candidates = {name: {} for name in loss}
    assert example("search").halve(candidates, [(1, 2), (2, 2)], run) == ["c", "d"]
    assert ran == [[*"abcdabcd"], [*"cdcd"]]  # of the three that are left, two are the better half
    assert example("search").halve({"a": {}}, [(1, 2), (2, 2)], run) == []


def test_changes_to_a_recipe(example):
    changed = example("search").changed
    recipe = changed(tn.recipes.DEFAULT, "max_lr=0.3,batch_size=64,displacement=1,rotation=5")
    assert recipe["max_lr"] == 0.3 and recipe["batch_size"] == 64
    assert recipe["augment"].displacement == 1 and recipe["augment"].affine.rotation == 5
    unchanged = set(recipe) - {"max_lr", "batch_size", "augment"}
    assert all(recipe[name] == tn.recipes.DEFAULT[name] for name in unchanged)
    assert tn.recipes.DEFAULT["augment"].affine.rotation != 5
    assert changed(tn.recipes.QUICK, "rotation=5")["augment"].rotation == 5
    with pytest.raises(ValueError, match="no number named 'speed' to change; there are epochs, "):
        changed(tn.recipes.DEFAULT, "speed=3")
    with pytest.raises(ValueError, match="could not convert string to float: 'fast'"):
        changed(tn.recipes.DEFAULT, "max_lr=fast")


@needs_numba
@COMPILED
def test_search_runs_on_held_out_digits_and_goes_on(example, tmp_path, monkeypatch):
    search = example("search")
    assert search.parse([]).rounds == [(10, 1), (20, 2), (20, 5)]
    fits = count_fits(monkeypatch)
    arguments = ["max_lr=0.3", "--rounds", "1x1", "2x1", "--out", str(tmp_path)]
    search.main(search.parse(arguments))
    assert [digits for digits, _ in fits] == [30] * 3
    assert [settings["epochs"] for _, settings in fits] == [1, 1, 2]
    before = rows(tmp_path / "search.csv")
    search.main(search.parse(arguments))
    assert rows(tmp_path / "search.csv") == before and len(fits) == 3


# -- runs side by side --


def without_seconds(rows):
    """The rows in the order of their seeds; only their seconds say where and when they ran."""
    order = sorted(rows, key=lambda row: (row["recipe"], int(row["seed"])))
    return [{name: row[name] for name in row if name != "seconds"} for row in order]


@needs_numba
@COMPILED
@needs_threads
def test_jobs_give_the_rows_that_one_process_gives(example, tmp_path, monkeypatch):
    joblib = pytest.importorskip("joblib")
    reproduce, search = example("reproduce"), example("search")
    monkeypatch.setitem(tn.recipes.RECIPES, "quick", tn.recipes.QUICK | dict(epochs=1))

    def run(program, *arguments, out):
        program.main(program.parse([*arguments, "--out", str(tmp_path / out)]))

    quick, round_ = ["quick", "--seeds=0-3"], ["max_lr=0.3", "--rounds", "1x2", "2x1"]
    run(reproduce, *quick, out="one")
    run(search, *round_, out="one")
    with joblib.parallel_config("threading"):  # so that these, too, see only a few of the digits
        run(reproduce, *quick, "--jobs=2", out="two")
        run(search, *round_, "--jobs=2", out="two")
        for name, count in (("quick.csv", 4), ("search.csv", 5)):
            one, two = (rows(tmp_path / folder / name) for folder in ("one", "two"))
            assert without_seconds(one) == without_seconds(two) and len(two) == count
        fits = count_fits(monkeypatch)
        run(reproduce, "quick", "--seeds=2-4,4", "--jobs=2", out="two")
    assert len(fits) == 1  # the others were there
    assert [int(row["seed"]) for row in rows(tmp_path / "two" / "quick.csv")][4:] == [4]


@needs_numba
def test_jobs_share_the_cores(example, monkeypatch):
    reproduce, threads = example("reproduce"), example("experiment").threads
    cores = importlib.import_module("tinynet.compiled.threads")
    monkeypatch.setattr(cores, "default_threads", lambda: 8)
    expected = {
        "": None,
        "--jobs=3": 2,
        "--jobs=9": 1,
        "--jobs=2 --threads=8": 8,
        "--threads=5": 5,
        "--scheduler=tcp://there:8786": 1,
        "--scheduler=tcp://there:8786 --threads=4": 4,
    }
    for arguments, count in expected.items():
        assert threads(reproduce.parse(["quick", *arguments.split()])) == count


def test_options_that_make_no_sense(example, capsys):
    parse = example("reproduce").parse
    for arguments, words in (
        (["--jobs=0"], "--jobs: expected at least 1, got 0"),
        (["--threads=0"], "--threads: expected at least 1, got 0"),
        (["--jobs=2", "--scheduler=tcp://a:1"], "not allowed with argument --jobs"),
    ):
        with pytest.raises(SystemExit):
            parse(["quick", *arguments])
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "option, module, words",
    [
        ("--jobs=2", "joblib", r"--jobs needs joblib: pip install joblib$"),
        ("--scheduler=tcp://a:1", "dask.distributed", r"pip install \"dask\[distributed\]\"$"),
    ],
)
@needs_numba
def test_what_is_missing_is_said(example, tmp_path, monkeypatch, option, module, words):
    reproduce = example("reproduce")
    monkeypatch.setitem(importlib.import_module("sys").modules, module, None)
    with pytest.raises(ImportError, match=words):
        reproduce.main(reproduce.parse(["quick", option, "--out", str(tmp_path)]))
    assert not [*tmp_path.iterdir()]


@needs_numba
def test_a_run_that_fails_leaves_the_others_alone(example, tmp_path, monkeypatch, capsys):
    """Nor is it taken for done: with its cause gone, the same command runs it."""
    reproduce, experiment = example("reproduce"), example("experiment")
    broken = {1: FloatingPointError("diverged"), 2: MemoryError("none left")}

    def run(recipe, settings, seed, validate, threads, commit):
        if seed in broken:
            raise broken[seed]
        values = [recipe, seed, settings["epochs"], 99, 99, 0.1, 1, commit, settings]
        return dict(zip(experiment.COLUMNS, map(str, values), strict=True))

    monkeypatch.setattr(experiment, "run", run)
    arguments = ["quick", "--seeds=0-3", "--out", str(tmp_path)]
    with pytest.raises(experiment.Failed) as told:
        reproduce.main(reproduce.parse(arguments))
    head, first, second = str(told.value).splitlines()
    assert head == "2 failed; the others are kept"
    settings = str(dict(tn.recipes.QUICK))
    assert first == f"recipe quick, seed 1, settings {settings}: FloatingPointError: diverged"
    assert second.endswith(": MemoryError: none left")
    assert "quick: seed 1: failed: FloatingPointError" in capsys.readouterr().out
    assert [row["seed"] for row in rows(tmp_path / "quick.csv")] == ["0", "3"]
    broken.clear()
    reproduce.main(reproduce.parse(arguments))
    assert [row["seed"] for row in rows(tmp_path / "quick.csv")] == ["0", "3", "1", "2"]


def test_the_order_of_rows_does_not_matter(example):
    experiment = example("experiment")
    for name in ("default-ablation", "search"):
        kept = experiment.read(EXAMPLES / "results" / f"{name}.csv")
        shuffled = [kept[i] for i in np.random.default_rng(0).permutation(len(kept))]
        assert experiment.table(shuffled) == experiment.table(kept)


def test_two_programs_do_not_write_to_one_file(example, tmp_path):
    reproduce, alone = example("reproduce"), example("experiment").alone
    with alone(tmp_path / "quick.csv"), alone(tmp_path / "best.csv"):
        with pytest.raises(ValueError, match=r"quick.csv: process \d+ of .* delete .*csv.lock"):
            reproduce.main(reproduce.parse(["quick", "--out", str(tmp_path)]))
        reproduce.main(reproduce.parse(["quick", "--table", "--out", str(tmp_path)]))
    assert not [*tmp_path.iterdir()]


def test_no_half_row_stays(example, tmp_path, monkeypatch):
    experiment = example("experiment")
    path, row = tmp_path / "quick.csv", dict.fromkeys(experiment.COLUMNS, "1")
    true = open

    class Full:
        """A file on a disk with room for five more bytes."""

        def __init__(self, *arguments, **named):
            self.file = true(*arguments, **named)

        def __enter__(self):
            return self

        def write(self, text):
            self.file.write(text[:5])
            self.file.flush()
            raise OSError(28, "No space left on device")

        def __exit__(self, *error):
            self.file.close()

    def full(path, mode, **named):
        return Full(path, mode, **named) if mode == "a" else true(path, mode, **named)

    for kept in ([], [row], [row, row]):
        with monkeypatch.context() as patch:
            patch.setattr(experiment, "open", full, raising=False)
            with pytest.raises(OSError, match="No space left"):
                experiment.append(path, row)
        assert experiment.read(path) == kept
        experiment.append(path, row)
    path.write_bytes(path.read_bytes()[:-3])  # the machine went off
    with pytest.raises(ValueError, match="quick.csv: the last row is not whole"):
        experiment.read(path)


@needs_numba
def test_workers_that_would_give_other_bits_are_refused(example, capsys):
    example("experiment")
    workers = example("workers")
    here = workers.surroundings()
    workers.check_surroundings(here, here)
    assert {"tinynet's code", "Python", "NumPy", "Numba", "the CPU", "training images"} <= {*here}

    class Client:
        def __init__(self, **found):
            self.found = found

        def run(self, function, on_error):
            assert function is workers.surroundings and on_error == "return"
            return self.found

    check = workers._check_workers
    check(Client(first=here, second=here), here)
    assert capsys.readouterr().out == ""
    check(Client(), here)
    assert capsys.readouterr().out == "no workers are there yet; waiting\n"
    words = f"worker second: .* same bits: NumPy is 1.0 there, {np.__version__} here"
    with pytest.raises(ValueError, match=words):
        check(Client(first=here, second=here | {"NumPy": "1.0"}), here)
    with pytest.raises(ValueError, match="worker first cannot run tinynet: .* named 'tinynet'"):
        check(Client(first=ModuleNotFoundError("No module named 'tinynet'")), here)
    outcome = workers.attempt(len, 3, (["a", "b"],), here)
    assert outcome == (3, 2, None)
    outcome = workers.attempt(len, 3, (["a", "b"],), here | {"Numba": "0"})  # one that came later
    assert outcome.result is None and "Numba is" in outcome.error


# -- in processes that are killed --

# What each process begins with: tinynet sees a few of the digits, and a run that begins leaves a
# file, named after its seed and process, and waits until there is another that lets its seed go on.
FEW_DIGITS = """
import os, pathlib, time
import tinynet as tn

train, test = tn.datasets.mnist()
few = (train[0][:40], train[1][:40]), (test[0][:30], test[1][:30])
tn.datasets.mnist = lambda: few
tn.recipes.RECIPES["quick"] |= dict(epochs=2)
fit, gates = tn.fit, pathlib.Path(os.environ["GATES"])

def fit_behind_a_gate(model, x, y, **settings):
    if len(x) > 16:  # otherwise it only compiles
        seed = settings["seed"]
        (gates / f"{seed} begun {os.getpid()}").touch()
        while not (gates / f"{seed} open").exists():
            time.sleep(0.01)
    return fit(model, x, y, **settings)

tn.fit = fit_behind_a_gate
"""


class Gates:
    """Programs on a few digits, whose runs wait to be let through."""

    def __init__(self, folder):
        self.folder, self.results = folder / "gates", folder / "results"
        self.folder.mkdir()
        (folder / "sitecustomize.py").write_text(FEW_DIGITS, encoding="utf-8")
        paths = os.pathsep.join([str(folder), str(EXAMPLES.parent)])
        self.environment = os.environ | {"PYTHONPATH": paths, "GATES": str(self.folder)}
        self.started = []

    def start(self, *arguments):
        """A process that Python has begun with these arguments."""
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def start_cluster(self):
        """A Dask cluster of two workers, which gives up a run that killed two: its address."""
        file = self.folder / "scheduler.json"
        self.environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
        cli = "distributed.cli.dask_"
        options = "--port=0", "--no-dashboard", f"--scheduler-file={file}"
        self.start("-m", f"{cli}scheduler", *options)
        wait_for(lambda: file.exists() and file.read_text("utf-8"))
        options = "--nworkers=2", "--nthreads=1", "--no-dashboard", f"--scheduler-file={file}"
        self.start("-m", f"{cli}worker", *options)
        return json.loads(file.read_text("utf-8"))["address"]

    def reproduce(self, seeds, *options, out=None):
        program = EXAMPLES / "research" / "reproduce.py"
        out = self.results if out is None else out
        return self.start(program, "quick", f"--seeds={seeds}", f"--out={out}", *options)

    def open(self, *seeds):
        for seed in seeds:
            (self.folder / f"{seed} open").touch()

    def begun(self, seed):
        """[pid] of the processes that have begun a run with this seed."""
        return [int(path.name.split()[-1]) for path in self.folder.glob(f"{seed} begun *")]

    def ends(self, seeds, *options, out=None):
        """reproduce.py ends well."""
        program = self.reproduce(seeds, *options, out=out)
        _, error = program.communicate(timeout=120)
        assert program.returncode == 0, error

    def rows_of_one_process(self, seeds):
        self.ends(seeds, out=self.folder)
        return without_seconds(rows(self.folder / "quick.csv"))

    def rows(self):
        path = self.results / "quick.csv"
        return rows(path) if path.exists() else []


@pytest.fixture
def gates(tmp_path):
    gates = Gates(tmp_path)
    yield gates
    for process in gates.started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and what it has started, which has its pipes
        process.communicate()


def wait_for(what, seconds=120):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def has_ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@needs_numba
@COMPILED
@ctrl_c
@pytest.mark.slow
def test_jobs_of_which_one_is_killed_and_that_are_stopped(gates):
    pytest.importorskip("joblib")
    gates.open(0)
    program = gates.reproduce("0-3", "--jobs=2")
    wait_for(gates.rows)
    (victim,) = wait_for(lambda: gates.begun(1))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(gates.begun(1)) == 2)  # begun again
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, error = program.communicate(timeout=60)
    print(error)
    assert program.returncode == 130
    assert "reproduce: stopped; the same command goes on from here" in error
    assert "Traceback" not in error
    wait_for(lambda: all(has_ended(pid) for seed in range(4) for pid in gates.begun(seed)))
    kept = gates.rows()
    assert [row["seed"] for row in kept] == ["0"]

    gates.open(1, 2, 3)
    gates.ends("0-3", "--jobs=2")
    found = gates.rows()
    assert found[0] == kept[0] and len(gates.begun(0)) == 1
    assert without_seconds(found) == gates.rows_of_one_process("0-3")


@needs_numba
@COMPILED
@ctrl_c
@pytest.mark.slow
def test_a_cluster_of_which_a_worker_is_killed(gates):
    """A run that was lost with its worker is done by another; one that kills each is given up."""
    pytest.importorskip("dask.distributed")
    address = gates.start_cluster()
    killed = set()

    def kill_the_worker_at(seed):
        (victim,) = wait_for(lambda: {*gates.begun(seed)} - killed)
        killed.add(victim)
        os.kill(victim, signal.SIGKILL)

    gates.open(0)
    program = gates.reproduce("0-3", f"--scheduler={address}")
    wait_for(lambda: len(gates.rows()) == 1)
    kill_the_worker_at(1)
    wait_for(lambda: len(gates.begun(1)) == 2)
    gates.open(1, 2)
    wait_for(lambda: len(gates.rows()) == 3 and gates.begun(3))
    os.killpg(program.pid, signal.SIGINT)  # the worker at the fourth run stops, too
    _, error = program.communicate(timeout=120)
    assert program.returncode == 130 and "Traceback" not in error
    wait_for(lambda: all(map(has_ended, gates.begun(3))))
    assert [len(gates.begun(seed)) for seed in range(4)] == [1, 2, 1, 1]

    killed.update(gates.begun(3))
    program = gates.reproduce("0-3", f"--scheduler={address}")
    kill_the_worker_at(3)
    kill_the_worker_at(3)
    _, error = program.communicate(timeout=120)
    assert program.returncode == 1
    assert "reproduce: 1 failed; the others are kept\nrecipe quick, seed 3, settings {" in error
    assert "KilledWorker" in error and "Traceback" not in error
    assert without_seconds(gates.rows()) == gates.rows_of_one_process("0-2")


@needs_numba
@COMPILED
@pytest.mark.slow
def test_pictures(example, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    pictures = example("pictures")
    monkeypatch.setattr("sys.argv", ["pictures.py", "--out", str(tmp_path / "new")])
    pictures.main()
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"augmentation.png", "mistakes.png"}
    for name in names:
        assert (tmp_path / "new" / name).read_bytes().startswith(b"\x89PNG")


@needs_numba
def test_wrong_and_doubtful_labels_are_framed(example, monkeypatch):
    pytest.importorskip("matplotlib")
    pictures = example("pictures")
    _, (x, y) = tn.datasets.mnist()
    p = np.full((30, 10), 0.01)
    read = y.astype(int)
    read[[2, 5, 7]] = (y[[2, 5, 7]] + 1) % 10
    p[np.arange(30), read] = [0.9 + i / 1000 for i in range(30)]
    monkeypatch.setattr(tn, "predict_proba", lambda model, images: p)
    monkeypatch.setattr(pictures, "WRONG_LABELS", {3, 5})
    monkeypatch.setattr(pictures, "DOUBTFUL_LABELS", {7, 8})
    figure = pictures.mistakes()
    assert "3 of 30 test digits are read wrong" in figure.get_suptitle()
    frames = {}
    for axes in figure.axes:
        line = axes.spines["left"]
        index = int(axes.get_title().split("\n")[0].removeprefix("#"))
        frames[index] = to_hex(line.get_edgecolor()), line.get_linewidth() > 2
    red, orange = to_hex("tab:red"), to_hex("tab:orange")
    assert frames == {2: (to_hex("lightgray"), False), 5: (red, True), 7: (orange, True)}


def to_hex(color):
    return importlib.import_module("matplotlib.colors").to_hex(color)


def test_pictures_say_what_they_need(example, monkeypatch):
    pictures = example("pictures")
    for module in ("matplotlib", "tinynet.plot.figure"):
        monkeypatch.setitem(importlib.import_module("sys").modules, module, None)
    monkeypatch.setattr("sys.argv", ["pictures.py"])
    with pytest.raises(SystemExit, match=r"needs matplotlib.*pip install matplotlib"):
        pictures.main()
