"""examples/research/reproduce.py, search.py and pictures.py, on a few digits."""

import csv
import importlib
from pathlib import Path

import numpy as np
import pytest
from cases import INTERPRETED, mnist, needs_numba

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

    def refuse(path, row):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(experiment, "append", refuse)
    words = "quick.csv'; the run .* kept: recipe quick, seed 3, epochs 1, last [0-9.]+, .* settings"
    with pytest.raises(OSError, match=words):
        reproduce.main(reproduce.parse(["quick", "--seeds", "3", "--out", str(tmp_path)]))


def test_a_damaged_file_of_results_is_named(example, tmp_path):
    reproduce = example("reproduce")
    (tmp_path / "default.csv").write_text("recipe,seed\ndefault,0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"default.csv, line 2: expected the columns recipe, seed"):
        reproduce.main(reproduce.parse(["default", "--table", "--out", str(tmp_path)]))


def test_halving_keeps_the_better_half(example):
    halve = example("search").halve
    loss = {"a": 5.0, "b": 1.0, "c": 3.0, "d": 2.0, "e": 4.0}
    ran = []

    def run(name, settings, seed):
        ran.append((name, settings["epochs"], seed))
        return loss[name] + seed

    left = halve({name: dict(epochs=99) for name in loss}, [(1, 1), (4, 2), (8, 1)], run)
    assert left == ["b", "d"]
    assert [name for name, epochs, _ in ran if epochs == 1] == list("abcde")
    assert [(name, seed) for name, epochs, seed in ran if epochs == 4] == [
        ("b", 0), ("d", 0), ("c", 0), ("b", 1), ("d", 1), ("c", 1),
    ]  # fmt: skip
    assert [name for name, epochs, _ in ran if epochs == 8] == ["b", "d"]


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
