"""How modules of Python's library are shown otherwise to our code than to everybody else's."""

import builtins
import os
import sys
from functools import cache
from types import ModuleType

HERE = os.path.dirname(__file__)
LIBRARY = os.path.dirname(os.__file__)
ABSENT, UNSET = object(), object()


@cache
def is_library(file):
    """Whether the code of this file is Python's, an installed package's, or the disguise's."""
    inside = "site-packages" in file or "dist-packages" in file
    return inside or file.startswith((LIBRARY, HERE, "<frozen"))


def caller(*through):
    """The frame that called the function that asks, without those in modules of these names."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in through:
        frame = frame.f_back
    return frame


def is_ours(frame):
    return not is_library(frame.f_code.co_filename)


class Shown:
    """An attribute of a module that our code sees otherwise: `ours`, or not at all.

    What a test sets in its place is seen by all, as usual.
    """

    def __init__(self, name, true, ours):
        self.name, self.true, self.ours, self.set = name, true, ours, UNSET

    def __get__(self, module, _):
        value = self.set
        if value is UNSET:
            value = self.ours if is_ours(sys._getframe(1)) else self.true
        if value is ABSENT:
            raise AttributeError(f"module {module.__name__!r} has no attribute {self.name!r}")
        return value

    def __set__(self, module, value):
        self.set = UNSET if value is self.true else value

    def __delete__(self, module):
        self.set = ABSENT


class Disguise(type):
    """The class of disguised modules; to all who ask, the usual class of modules.

    Python makes each new module by calling the class of sys.
    """

    def __call__(cls, *arguments, **named):
        return ModuleType(*arguments, **named)

    def __instancecheck__(cls, thing):
        return isinstance(thing, ModuleType)


def show(module, absent="", **ours):
    """Show our code this module without these names, and with other values of those."""
    ours = {name: ABSENT for name in absent.split() if hasattr(module, name)} | ours
    shown = {name: Shown(name, getattr(module, name), value) for name, value in ours.items()}
    module.__class__ = Disguise("Disguised", (ModuleType,), shown)


def hide_modules(names):
    """Our code cannot import these; what a test sets in the place of one is seen by all."""
    hidden, true = frozenset(names.split()), builtins.__import__

    def imported(name, *arguments, **named):
        there = isinstance(sys.modules.get(name, os), ModuleType)
        if there and name.partition(".")[0] in hidden and is_ours(sys._getframe(1)):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return true(name, *arguments, **named)

    builtins.__import__ = imported


def spawn_only():
    """New processes begin anew, as multiprocessing's do where nothing can fork, or by default."""
    from multiprocessing import context

    context._default_context._default_context = context._concrete_contexts["spawn"]
    return context


# -- files --


def in_folder(path, folder):
    """The path of what an audit event names, within a folder that is open if one is given."""
    path = os.fsdecode(path)
    return f"/proc/self/fd/{folder}/{path}" if folder not in (-1, None) else path


def check_case(path, source=None):
    """OSError for a file whose name is another's, but for capitals: there they are one file.

    Files that are looked for are found by their exact names all the same. source: what is renamed.
    """
    folder, name = os.path.split(path)
    if not name or os.path.lexists(path):
        return
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return
    for other in names:
        if other.casefold() == name.casefold() and other != os.path.basename(source or ""):
            raise OSError(f"pretend: {path} and {other} would be one file: capitals do not count")


def creates(arguments):
    """Whether the event "open" makes a file where there is none."""
    path, _, flags = arguments
    if not isinstance(path, (str, bytes)) or not isinstance(flags, int):
        return False
    return bool(flags & os.O_CREAT) and not os.path.lexists(path)
