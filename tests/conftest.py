"""Settings for all tests: hypothesis draws the same examples each time, and no test has a clock.

A test that needs what is not there (a browser, root, a package) is skipped. Where that must not go
unnoticed, TINYNET_SKIP_NOTHING is set: then a run fails in which anything was skipped.
"""

import os

from hypothesis import settings

settings.register_profile("tinynet", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("tinynet")
os.environ["PYTHONIOENCODING"] = "utf-8"  # what processes that tests start write, and tests read


def pytest_configure(config):
    if os.environ.get("NUMBA_DISABLE_JIT"):  # kernels run as Python, where NaN warns
        config.addinivalue_line("filterwarnings", r"ignore::RuntimeWarning:tinynet\.compiled\.")


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("TINYNET_SKIP_NOTHING") and reporter.stats.get("skipped"):
        reporter.write_line("\nfailed: nothing may be skipped here (-rs says what was)", red=True)
        session.exitstatus = 1
