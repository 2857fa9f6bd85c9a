"""What a training run depends on, as text to keep and to compare.

Of what is too large to write down, a fingerprint stands for it: a digest of the images, and, of an
augmentation, of its code and of what it makes of a few of them.
"""

import contextlib
import copy
import functools
import hashlib
import re
from types import CellType, CodeType, FunctionType, MethodType

import numpy as np

from .compiled.network import Compiled
from .layer import Layer
from .recipes import Recipe

PLAIN = (bool, int, float, complex, str, bytes, type(None))


def data_settings(name: str, x: np.ndarray, y: np.ndarray) -> dict:
    """{name: text} of images x and labels y (as int64: their dtype changes nothing)."""
    return {
        f"{name} images": f"{x.dtype} {x.shape}, {digest(x)}",
        f"{name} labels": f"{len(y)}, {digest(y.astype(np.int64))}",
    }


def network_settings(model: Layer) -> dict:
    """{name: value} of each layer: its kind, what it is set to, and the arrays that it holds."""
    settings = {}
    for prefix, layer in model.named_layers():
        name, kind = f"model.{prefix}"[:-1], type(layer).__name__
        settings[name] = f"{settings[name]} {kind}" if name in settings else kind
        if isinstance(layer, Compiled):
            continue  # what it is set to, such as threads, changes no bit
        if not layer.training:
            settings[f"{name}.training"] = False
        for attribute, value in _attributes(layer).items():
            settings[f"{name}.{attribute}"] = value
    for name, p in model.named_parameters():
        frozen = "" if p.requires_grad else ", left out of training"
        settings[f"model.{name}"] = f"{p.data.dtype} {p.data.shape}{frozen}"
    for name, buffer in model.named_buffers():
        settings[f"model.{name}"] = f"{buffer.dtype} {buffer.shape}"
    return settings


def _attributes(layer):
    """{name: value} of a layer's public attributes that are plain values."""
    attributes = {}
    for kind in reversed(type(layer).__mro__):
        if issubclass(kind, Layer) and kind is not Layer:
            attributes |= vars(kind)
    attributes |= vars(layer)
    return {
        name: plain(value)
        for name, value in attributes.items()
        if not name.startswith("_")
        and name not in ("training", "buffer_names")
        and name not in layer.buffer_names
        and is_plain(value)
    }


def is_plain(value) -> bool:
    """A number, a text, None, or a list or tuple of such?"""
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return isinstance(value, (*PLAIN, np.generic))


def plain(value):
    """A plain value as JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int, float, str, type(None))) else repr(value)


def recipe_settings(recipe: Recipe, made: np.ndarray | None) -> dict:
    """{name: value} of a recipe. made: what its augmentation made of a few images."""
    augment = recipe.augment
    settings = dict(recipe) | {"augment": None if augment is None else described(augment)}
    # Our own are their numbers. Their pictures may differ in rounding from machine to machine.
    if augment is not None and type(augment).__module__ != "tinynet.augment":
        settings["augment, code"] = hashlib.sha256(repr(code_of(augment)).encode()).hexdigest()[:16]
        settings["augment, what it makes of images"] = f"{made.dtype} {made.shape}, {digest(made)}"
    return settings


def described(thing) -> str:
    """A text that says what a function or object is, the same in every process."""
    if isinstance(thing, functools.partial):
        arguments = [*map(described, thing.args)]
        arguments += [f"{name}={described(value)}" for name, value in thing.keywords.items()]
        return f"partial({', '.join([described(thing.func), *arguments])})"
    if isinstance(thing, MethodType):
        return f"{described(thing.__self__)}.{thing.__name__}"
    if hasattr(thing, "__qualname__"):  # a function or a class
        return f"{thing.__module__}.{thing.__qualname__}"
    if isinstance(thing, np.random.Generator):
        return f"{thing} at {thing.bit_generator.state}"
    if type(thing).__repr__ is object.__repr__:
        return f"{type(thing).__module__}.{type(thing).__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def code_of(function) -> list:
    """Bytecode, constants and defaults of what runs when a function or object is called."""
    if isinstance(function, functools.partial):
        return code_of(function.func)
    if isinstance(function, MethodType):
        function = function.__func__
    elif not isinstance(function, FunctionType):
        function = type(function).__call__
    if not isinstance(function, FunctionType):
        return [described(function)]  # of another language than Python
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    return [*_code(function.__code__), [described(value) for value in defaults]]


def _code(code):
    constants = [_code(c) if isinstance(c, CodeType) else _constant(c) for c in code.co_consts]
    return [code.co_code, constants, code.co_names, code.co_varnames]


def _constant(value):
    """Its text; a set has another order in every process."""
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def digest(array: np.ndarray) -> str:
    """A text that differs where the values of an array do."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()[:16]


def detached(thing, memo: dict | None = None):
    """A function or object that does the same, and whose calls change nothing of the first one.

    Its own counters and generators, in a closure, in defaults or in attributes, are copied; what
    cannot be copied is shared.
    """
    memo = {} if memo is None else memo
    try:
        if isinstance(thing, FunctionType):
            return memo.get(id(thing)) or _detached_function(thing, memo)
        if isinstance(thing, functools.partial):
            arguments = [detached(value, memo) for value in thing.args]
            named = {name: detached(value, memo) for name, value in thing.keywords.items()}
            return functools.partial(detached(thing.func, memo), *arguments, **named)
        return copy.deepcopy(thing, memo)
    except Exception:  # whatever a copy of somebody's object raises
        return thing


def _detached_function(function, memo):
    cells = function.__closure__ or ()
    own = tuple(CellType() for _ in cells)
    made = FunctionType(function.__code__, function.__globals__, function.__name__, None, own)
    memo[id(function)] = made
    for cell, outer in zip(own, cells, strict=True):
        with contextlib.suppress(ValueError):  # an empty one, of a name not yet given
            cell.cell_contents = detached(outer.cell_contents, memo)
    made.__defaults__ = detached(function.__defaults__, memo)
    made.__kwdefaults__ = detached(function.__kwdefaults__, memo)
    return made
