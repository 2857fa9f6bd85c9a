"""Run a student's code: load the file, call its functions, and put what goes wrong into words.

Nothing here knows an exercise. A call runs in a thread of its own, so that one that never ends can
be given up, and its line be named. Where there are no threads, as in a browser, it runs as it is.
"""

import ast
import linecache
import sys
import threading
import traceback
from contextlib import contextmanager
from pathlib import Path

import numpy as np

TIME_LIMIT = 10  # seconds a call; a slow answer in loops takes a tenth of one
FORBIDDEN = ("tinynet", "torch", "tensorflow", "keras", "jax")  # have the layers in them


class NotBegun(Exception):
    """The function still raises NotImplementedError."""


class Stopped(Exception):
    """The student's code raised an exception; the text says which, and in which line."""


class TimedOut(Stopped):
    """It did not end."""


class Unusable(Exception):
    """The file cannot be checked at all; the text says why."""


def load(path):
    """{name: object} that the file at `path` defines; raises Unusable if it cannot be used."""
    path = Path(path)
    try:
        source = path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from None
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError) as error:
        raise Unusable(_syntax_error(path, error)) from None
    for package, line in _imports(tree):
        if package in FORBIDDEN:
            raise Unusable(
                f"{path}, line {line}, imports {package}, which has this layer ready-made. The "
                "exercise is to write it yourself: NumPy is all you need. Remove the import."
            )
    names = {"__name__": path.stem, "__file__": str(path)}
    linecache.checkcache(str(path))
    try:
        call(exec, [compile(source, str(path), "exec"), names], path)
    except NotBegun:
        raise Unusable(
            f"{path} raises NotImplementedError while it is being loaded, outside its functions."
        ) from None
    except Stopped as error:
        raise Unusable(f"{path} cannot be loaded: it {error}") from None
    return names


@contextmanager
def importable(folder):
    """The student's file may import others beside it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def call(function, arguments, path=None):
    """function(*arguments); raises NotBegun, Stopped or, where there are threads, TimedOut.

    path: the file whose lines are worth naming; by default that of the function.
    """
    path = str(path or getattr(getattr(function, "__code__", None), "co_filename", ""))
    result, error = None, None

    def work():
        nonlocal result, error
        try:
            with np.errstate(all="ignore"):
                result = function(*arguments)
        except BaseException as raised:  # SystemExit, too
            error = raised

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there are no threads here
        work()
        if isinstance(error, KeyboardInterrupt):  # from who waited for it long enough
            raise error from None
    else:
        thread.join(TIME_LIMIT)
    if thread.is_alive():
        frame = sys._current_frames().get(thread.ident)
        stack = traceback.extract_stack(frame) if frame else []
        raise TimedOut(
            f"had not ended after {TIME_LIMIT:g} seconds, which these small arrays do not need. "
            f"Is there a loop that never ends?{_line(stack, path, 'It was')}"
        )
    if isinstance(error, NotImplementedError):
        raise NotBegun
    if error is not None:
        line = _line(traceback.extract_tb(error.__traceback__), path, "It happens")
        if isinstance(error, SystemExit):
            raise Stopped(f"ends the program (sys.exit or exit).{line}")
        text = f": {error}".rstrip(" .:")
        raise Stopped(f"raises {type(error).__name__}{text}{line and '.'}{line}")
    return result


def _line(stack, path, verb):
    """ " It happens in line 12: y = x @ weight" for the innermost line of the file at path."""
    lines = [frame for frame in stack if frame.filename == path]
    return f" {verb} in line {lines[-1].lineno}: {lines[-1].line}" if lines else ""


def _syntax_error(path, error):
    line = getattr(error, "lineno", None)
    if line is None:
        return f"{path} is not Python: {error}."
    text = (error.text or "").strip()
    indented = isinstance(error, IndentationError)
    what = "the indentation is wrong" if indented else "this is not Python"
    return f"{path}, line {line}: {what} ({error.msg}): {text}"


def _imports(tree):
    """(top-level package, line) of each import statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno
