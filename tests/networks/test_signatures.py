"""Type checkers of readers' programs know what our public functions take and give."""

import inspect
import types
from pathlib import Path

import pytest

import tinynet as tn


def public():
    """{name: function} of the package and of the public methods of its classes."""
    modules = [tn, tn.augment, tn.datasets, tn.models, tn.plot]
    things = {f"{m.__name__}.{k}": v for m in modules for k, v in vars(m).items() if k[0] != "_"}
    functions = {}
    for name, thing in things.items():
        if not getattr(thing, "__module__", "").startswith("tinynet"):
            continue
        if isinstance(thing, types.FunctionType):
            functions[name] = thing
        elif isinstance(thing, type):
            for method, function in vars(thing).items():
                if method[0] != "_" or method in ("__init__", "__call__"):
                    if isinstance(function, types.FunctionType):
                        functions[f"{name}.{method}"] = function
    return functions


@pytest.mark.parametrize("name", sorted(public()))
def test_public_signatures_have_hints(name):
    signature = inspect.signature(public()[name])
    parameters = list(signature.parameters.values())
    bare = [p.name for p in parameters if p.annotation is p.empty and p.name != "self"]
    assert not bare, f"{name}: no hint for {', '.join(bare)}"
    if not name.endswith("__init__"):
        assert signature.return_annotation is not signature.empty, f"{name}: no hint for its result"


def test_the_package_says_that_it_has_hints():
    assert (Path(tn.__file__).parent / "py.typed").is_file()
