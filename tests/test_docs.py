"""What the documentation says is so: the examples of all docstrings run, as doctests."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tinynet as tn

MODULES = [name for _, name, _ in pkgutil.walk_packages(tn.__path__, "tinynet.")]
WITHOUT_EXAMPLE = {"Layer", "Parameter", "FileFormatError", "GradientError"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(set(tn.__all__) - WITHOUT_EXAMPLE))
def test_public_names_have_one(name):
    public = getattr(tn, name)
    if not inspect.ismodule(public):
        assert ">>>" in public.__doc__
