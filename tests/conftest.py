"""Settings for all tests: hypothesis draws the same examples each time, and no test has a clock.

A test that needs what is not there (a browser, root, a package) is skipped. Where that must not go
unnoticed, TINYNET_SKIP_NOTHING is set: then a run fails in which anything was skipped.

Some systems have no Numba, no processes and no threads. There a test is skipped that compiles a
network, or starts a process or a thread, itself; if tinynet does so where it need not, it fails.
"""

import os
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import settings

from tinynet.compiled.available import numba_error

IN_BETWEEN = {"tinynet.compiled.network", "threading", "subprocess", "concurrent.futures.thread"}

settings.register_profile("tinynet", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("tinynet")
os.environ["PYTHONIOENCODING"] = "utf-8"  # what processes that tests start write, and tests read


def pytest_configure(config):
    if os.environ.get("NUMBA_DISABLE_JIT"):  # kernels run as Python, where NaN warns
        config.addinivalue_line("filterwarnings", r"ignore::RuntimeWarning:tinynet\.compiled\.")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except Exception as error:
        if is_missing(error) and is_from_a_test(error):
            pytest.skip(f"{error}")
        raise


def is_missing(error):
    """Whether the error says that this system has no Numba, no processes, or no threads."""
    if sys.platform in ("wasi", "emscripten"):
        if isinstance(error, OSError) and "does not support processes" in str(error):
            return True
        if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
            return True
    return bool(numba_error()) and isinstance(error, ImportError) and "Numba" in str(error)


def is_from_a_test(error):
    """Whether a file in this folder, and not tinynet, called what raised the error."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if frame.f_globals.get("__name__") not in IN_BETWEEN]
    return Path(own[-1].f_code.co_filename).parent == Path(__file__).parent


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("TINYNET_SKIP_NOTHING") and reporter.stats.get("skipped"):
        reporter.write_line("\nfailed: nothing may be skipped here (-rs says what was)", red=True)
        session.exitstatus = 1
