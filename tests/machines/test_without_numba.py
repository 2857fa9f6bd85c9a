"""All but `tinynet.compile` works where Numba cannot be imported, and what compiles says so."""

import importlib.metadata
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cases import needs_numba

import tinynet as tn
from tinynet.compiled import available

ROOT = Path(__file__).parents[2]
MISSING = r"compile: Numba, .*\(not there\)\. .*pip install numba .* the same .*: leave out compile"
TRAINING = """
import sys
import numpy as np
import tinynet as tn
from tinynet import exercise

rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (40, 28, 28), np.uint8), rng.integers(0, 10, 40)
model, augment = tn.models.mnist_lite(0), tn.augment.RandomElastic()
history = tn.fit(model, x, y, test=(x, y), epochs=2, batch_size=16, augment=augment)
rates, losses = tn.find_lr(model, x, y, augment=augment, steps=3, progress=False)
assert len(history) == 2 and np.isfinite(losses).all()

def forward(x):
    return np.maximum(x, 0)

def backward(dy, x):
    return dy * (x > 0)

assert exercise.check("relu", forward, backward)
assert not {"numba", "llvmlite"} & {name.split(".")[0] for name in sys.modules}
"""


@pytest.fixture
def without_numba(monkeypatch):
    for module in ("augment", "compiled.network"):
        monkeypatch.setattr(f"tinynet.{module}.numba_error", lambda: "not there")


def python(*arguments):
    """A new process of Python without Numba: what is first on its path stands in its place."""
    path = os.pathsep.join([str(ROOT / "tests" / "without_numba"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
    )


def test_training_with_augmentation_and_an_exercise():
    done = python("-c", TRAINING)
    assert done.returncode == 0, done.stderr
    assert "All of it is right." in done.stdout


def test_the_main_program_says_what_to_do_and_leaves_no_folder(tmp_path):
    done = python(ROOT / "examples" / "mnist_lite.py", "--out", tmp_path / "runs")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"mnist_lite: compile: .*No module named 'numba'.* --plain\n", done.stderr)
    assert not (tmp_path / "runs").exists()


def test_compile_says_what_is_missing(without_numba):
    for use in (tn.compile, tn.compiled.network.Compiled):
        with pytest.raises(ImportError, match=MISSING):
            use(tn.ReLU())
    with pytest.raises(TypeError, match="compile: expected a Layer, got int"):
        tn.compile(3)


@needs_numba
def test_a_pickle_of_a_compiled_network_says_what_is_missing(without_numba, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("tinynet.compiled.network.numba_error", str)
        pickled = pickle.dumps(tn.compile(tn.ReLU()))
    with pytest.raises(ImportError, match=MISSING):
        pickle.loads(pickled)


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("No module named 'numba'"), OSError("no shared object file")]
)
def test_whatever_numba_raises_when_it_is_imported_is_told(error, monkeypatch):
    class Broken:
        def find_spec(self, name, *_):
            if name == "numba":
                raise error

    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    assert available.numba_error.__wrapped__() == str(error)


def test_a_report_names_numba_only_where_it_is(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(ROOT / "examples")
    report = importlib.import_module("parts.report")

    def version(name):
        if name == "numba":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.2"

    monkeypatch.setattr(report, "version", version)
    assert report.versions().keys() == {"python", "tinynet", "numpy"}
