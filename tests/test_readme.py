"""The README's code runs as it stands there."""

import re
from pathlib import Path

import numpy as np
from cases import needs_numba

import tinynet as tn

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@needs_numba
def test_the_network_in_twelve_lines(monkeypatch):
    runs = []
    monkeypatch.setattr(tn, "fit", lambda model, x, y, **settings: runs.append((model, settings)))
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    names = {}
    exec(BLOCKS[0], names)
    assert len(lines) <= 12
    ((network, settings),) = runs
    assert network.model is names["model"]
    assert settings == {**tn.recipes.DEFAULT, "test": settings["test"]}
    assert list(map(repr, names["model"])) == list(map(repr, tn.models.mnist_lite()))


def test_the_loop_without_fit(capsys):
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((4, 1, 28, 28), dtype=np.float32), np.arange(4)
    exec(BLOCKS[1], {"tn": tn, "model": tn.models.mnist_lite(0), "my_batches": [batch] * 3})
    losses = [float(line) for line in capsys.readouterr().out.split()]
    assert len(losses) == 3 and losses[-1] < losses[0]


@needs_numba
def test_a_layer_of_ones_own(capsys):
    names = {}
    exec(BLOCKS[2], names)
    assert "dx" in capsys.readouterr().out
    assert names["model"](np.ones((2, 1, 9, 9), np.float32)).shape == (2, 8, 7, 7)


def test_links_lead_somewhere():
    root = Path(__file__).parent.parent
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (root / target).exists(), target
