"""Settings for all tests: hypothesis draws the same examples each time, and no test has a clock.

A test that needs what is not there (a browser, root, a package) is skipped. Where that must not go
unnoticed, TINYNET_SKIP_NOTHING is set: then a run fails in which anything was skipped.

Some systems have no Numba, and WebAssembly has no processes, no threads, no modes of files, …
There a test is skipped that compiles a network, or starts a process, itself; if tinynet does so
where it need not, the test fails.
"""

import os
import re
import traceback
from pathlib import Path

import pytest
from cases import WEBASSEMBLY
from hypothesis import settings

from tinynet.compiled.available import numba_error

ABSENT = re.compile(  # what errors say of it
    "does not support processes|can't start new thread|module '(os|socket)' has no attribute"
    "|not permitted: '.*' -> '"  # a link
)
IN_BETWEEN = {  # the test and the error
    "tinynet.compiled.network",
    "tinynet.exercises.asking",
    "tinynet.exercises.grading",
    "concurrent.futures._base",
    "concurrent.futures.thread",
    "pathlib",
    "subprocess",
    "threading",
}

settings.register_profile("tinynet", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("tinynet")
os.environ["PYTHONIOENCODING"] = "utf-8"  # what processes that tests start write, and tests read


def pytest_configure(config):
    if os.environ.get("NUMBA_DISABLE_JIT"):  # kernels run as Python, where NaN warns
        config.addinivalue_line("filterwarnings", r"ignore::RuntimeWarning:tinynet\.compiled\.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and is_missing(call.excinfo.value) and is_from_a_test(call.excinfo.tb):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] + 1, f"Skipped: {call.excinfo.value}")
    return report


def is_missing(error):
    """Whether the error says that this system has no Numba, no processes, no threads, …"""
    if WEBASSEMBLY and ABSENT.search(str(error)):
        return True
    return bool(numba_error()) and isinstance(error, ImportError) and "Numba" in str(error)


def is_from_a_test(tb):
    """Whether a file in this folder, and not tinynet, called what raised the error."""
    frames = [frame for frame, _ in traceback.walk_tb(tb)]
    own = [frame for frame in frames if frame.f_globals.get("__name__") not in IN_BETWEEN]
    return Path(__file__).parent in Path(own[-1].f_code.co_filename).parents


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("TINYNET_SKIP_NOTHING") and reporter.stats.get("skipped"):
        reporter.write_line("\nfailed: nothing may be skipped here (-rs says what was)", red=True)
        session.exitstatus = 1
