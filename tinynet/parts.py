"""Where the parts of a layer are: Parameters and layers in its attributes, however nested.

    self.conv = Conv2d(…)                 "conv.weight", "conv.bias"
    self.parts = [Conv2d(…), ReLU()]      "parts.0.weight", …, as of PyTorch's ModuleList
    self.heads = {"digit": Linear(…)}     "heads.digit.weight", …, as of its ModuleDict

What stands elsewhere (in a set, whose order changes from run to run; in an object that is no
layer; behind a reference to the layer around it) could not be saved under a name that lasts, so it
is refused, rather than left untrained.
"""

import collections
import functools
import types

import numpy as np

# What holds no parts, for certain: looked at no further.
PLAIN = (int, float, complex, str, bytes, type(None), np.generic, np.dtype, range, type)
PLAIN += (types.ModuleType, types.BuiltinFunctionType, types.FunctionType, types.MethodType)
DEPTH = 4  # how far objects are searched that should hold no parts


class Part:
    """Base class of Parameter and Layer."""


def parts_of(layer, skip=()):
    """[(name, Part)] directly inside a layer, in the order of its attributes.

    skip: attributes to leave out. Raises TypeError or ValueError for parts that have no name.
    """
    found, hidden = [], []
    for name, value in list(vars(layer).items()):  # a list: another thread may add one meanwhile
        if name not in skip and not _is_plain(value):
            _find(layer, name, value, (), found, hidden)
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        (name, _), *_ = collections.Counter(names).most_common(1)
        raise ValueError(f"{_title(layer)}: two of its parts are called {name!r}; rename one")
    if hidden:
        known = _add_ids(found, {id(layer)})
        for name, holder, part in hidden:
            if id(part) not in known:
                raise TypeError(
                    f"{_title(layer)}.{name}: holds a {_title(part)} in a {_title(holder)}, where "
                    "it would not be found, trained and saved; make it an attribute, or part of a "
                    "list, tuple or dict (of the layer around it keep a weakref.ref)"
                )
    return found


def _is_plain(value):
    return isinstance(value, PLAIN) or (type(value) is np.ndarray and value.dtype != object)


def _find(layer, name, value, around, found, hidden):
    """Add the parts in an attribute's value to found; around: the containers that it stands in."""
    if isinstance(value, Part):
        found.append((name, value))
    elif isinstance(value, (list, tuple, dict)):
        if any(value is container for container in around):
            raise ValueError(f"{_title(layer)}.{name}: expected parts, got a list inside itself")
        pairs = list(value.items()) if isinstance(value, dict) else enumerate(list(value))
        for key, inner in pairs:
            if not _is_plain(inner):
                _find(layer, f"{name}.{key}", inner, (*around, value), found, hidden)
    else:
        hidden += [(name, value, part) for part in _hidden(value, DEPTH, set())]


def _hidden(value, depth, seen):
    """The Parts inside something that is no place for them."""
    if isinstance(value, Part):
        yield value
    elif depth and not _is_plain(value) and id(value) not in seen:
        seen.add(id(value))
        for inner in _contents(value):
            yield from _hidden(inner, depth - 1, seen)


def _add_ids(found, ids):
    """The ids of the parts that were found, and of all inside them, added to a set."""
    for _, part in found:
        if id(part) not in ids:
            ids.add(id(part))
            if hasattr(part, "children"):
                _add_ids(parts_of(part), ids)
    return ids


def _contents(value):
    if isinstance(value, np.ndarray):
        return list(value.flat)
    if isinstance(value, (dict, collections.UserDict)):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset, collections.deque, collections.UserList)):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    return list(getattr(value, "__dict__", {}).values())


def _title(thing):
    return type(thing).__name__
