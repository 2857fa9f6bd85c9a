"""How kernels are compiled: options, cache, and the notice that it takes a while."""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numba
from numba.core import event
from tqdm import tqdm

from . import cpu

cpu.choose()  # before the first kernel

OPTIONS = dict(
    nogil=True,  # threads run side by side
    error_model="numpy",  # 1/0 is inf; Python's test for it would stop loops from vectorising
    # What may be rounded otherwise: a·b + c in one step, and the sign of zero. Not the order of
    # sums (with it, code just compiled and code from the cache differ in their last bits), and
    # not NaN, which must stay visible.
    fastmath={"nsz", "contract"},
)


def kernel(function):
    """Compile on first use, for each dtype; keep the result for later runs where that works."""
    if numba.config.DISABLE_JIT:
        return function
    try:
        compiled = numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder that can be written
        return numba.njit(**OPTIONS)(function)
    _forget_outdated(compiled)
    return compiled


def inline(function):
    """A part of kernels: compiled into each that calls it."""
    return numba.njit(**OPTIONS)(function)


def _forget_outdated(compiled):
    """Remove cached code that is older than any file here.

    Numba notices when a kernel's own file changes, but not when a file does that it imports.
    """
    helpers = max(path.stat().st_mtime for path in Path(__file__).parent.glob("*.py"))
    pattern = f"{compiled.py_func.__qualname__}-*.nbi"
    stem = Path(compiled.py_func.__code__.co_filename).stem
    for index in Path(compiled.stats.cache_path).glob(f"{stem}.{pattern}"):
        try:
            if index.stat().st_mtime < helpers:
                os.remove(index)
        except OSError:
            pass  # another process was quicker, or it is not ours to remove


class _Notice(event.Listener):
    """Counts the kernels of tinynet that are being compiled, and the time."""

    def __init__(self):
        self.depth = self.kernels = 0
        self.seconds = 0.0
        self.announced = False

    def on_start(self, e):
        if self.depth == 0:
            self.started = time.perf_counter()
            if not self.announced:
                self.announced = True
                say("compiling kernels for this CPU (kept for later runs where that is possible) …")
        self.depth += 1

    def on_end(self, e):
        self.depth -= 1
        if self.depth == 0:
            self.kernels += 1
            self.seconds += time.perf_counter() - self.started


_notice = _Notice()


@contextmanager
def announced():
    """Say on stderr, where kernels had to be compiled inside, how many and how long that took."""
    with event.install_listener("numba:compile", _notice):
        yield
    if _notice.kernels:
        plural = "" if _notice.kernels == 1 else "s"
        say(f"compiled {_notice.kernels} kernel{plural} in {_notice.seconds:.1f} s")
        _notice.kernels, _notice.seconds = 0, 0.0


def say(text):
    tqdm.write(f"tinynet: {text}", file=sys.stderr)
