"""The simulated systems of tests/pretend: what is taken away from our code, and what is left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRETEND = Path(__file__).parents[1] / "pretend"
TRY = """
import os, sys

def refused(function, kind, *words):
    try:
        function()
    except kind as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(f"expected {kind.__name__}")
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "PRETEND" in os.environ, reason="Linux alone pretends"
)


def pretend(system, code, tmp_path, **more):
    """What a program prints as if on this system."""
    path = tmp_path / "program.py"
    path.write_text(TRY + code, encoding="utf-8")
    command = [sys.executable, PRETEND, system, "-X", "utf8=0", path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


WINDOWS = {
    "names": """
import select, signal, socket, time
assert (os.name, sys.platform) == ("nt", "win32")
lacking = "fork register_at_fork sched_getaffinity geteuid chown killpg mkfifo O_NONBLOCK".split()
assert not [name for name in lacking if hasattr(os, name)]
assert not hasattr(signal, "SIGKILL") and hasattr(signal, "SIGINT")
assert not hasattr(socket, "AF_UNIX") and not hasattr(select, "poll")
for name in ("resource", "fcntl", "pwd", "termios"):
    refused(lambda: __import__(name), ModuleNotFoundError, name)
sys.modules["pwd"] = 3
import pwd
assert pwd == 3
refused(lambda: exec("from os import fork"), ImportError, "fork")
assert {time.time() * 64 % 1, time.monotonic() * 64 % 1} == {0}
""",
    "the library still works": """
import glob, importlib, multiprocessing, pathlib, shutil, socket, tempfile, threading, zipfile
assert importlib.import_module("os") is os and isinstance(os, type(pathlib))
assert isinstance(importlib, type(sys)) and type(sys)("a").__name__ == "a"
with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
    (pathlib.Path(folder) / "a" / "b").mkdir(parents=True)
    shutil.copytree(folder, folder + "2")
    shutil.rmtree(folder + "2")
    assert glob.glob("*", root_dir=folder) == ["a"]
assert not os.path.exists(folder)
assert multiprocessing.get_all_start_methods() and multiprocessing.get_start_method() == "spawn"
refused(lambda: multiprocessing.get_context("fork"), ValueError, "fork")
""",
    "files that are open or read-only": """
import mmap
from pathlib import Path
a, b = Path("a"), Path("b")
a.write_bytes(b"1"), b.write_bytes(b"2")
with open(a, "rb") as file:
    for call in (a.unlink, lambda: os.remove(a), lambda: os.replace(b, a), lambda: a.rename("c")):
        refused(call, PermissionError, "used by another process")
    held = mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ)
refused(a.unlink, PermissionError, "used by another process")
held.close()
a.chmod(0o400)
assert a.stat().st_mode & 0o777 == 0o444
for call in (a.unlink, lambda: os.replace(b, a), lambda: a.write_bytes(b"")):
    refused(call, PermissionError)
a.chmod(0o600)
os.replace(b, a)
assert a.read_bytes() == b"2" and not b.exists()
a.unlink()
""",
    "names, folders and links": """
from pathlib import Path
Path("Name").touch()
refused(lambda: Path("nAME").touch(), OSError, "capitals")
refused(lambda: Path("NAME").mkdir(), OSError, "capitals")
Path("Name").rename("NAME")
for name in ("a:b", "what?", "nul.txt", "COM1", 'a"b', "a|b"):
    refused(lambda: Path(name).touch(), OSError)
    refused(lambda: Path(name).mkdir(), OSError)
for call in (lambda: os.open(".", os.O_RDONLY), lambda: open("."), Path(".").read_bytes):
    refused(call, PermissionError)
refused(lambda: Path("link").symlink_to("NAME"), OSError, "privilege")
refused(lambda: open("/proc/self/status"), FileNotFoundError)
Path("folder").mkdir()
os.chdir("folder")
refused(lambda: os.rmdir("../folder"), PermissionError)
""",
    "texts": """
from pathlib import Path
Path("a").write_text("é\\n")
assert Path("a").read_bytes() == b"\\xe9\\r\\n" and Path("a").read_text() == "é\\n"
with open("a", "w") as file:
    refused(lambda: print("→", file=file), UnicodeEncodeError)
with open("a", "w", newline="", encoding="utf-8") as file:
    file.write("→\\n")
assert Path("a").read_bytes() == "→\\n".encode()
import json  # reads its own as it always does
""",
    "processes": """
import signal, subprocess, time
def run(code, **more):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, **more)
assert run("import os; print(os.name)", env={"SYSTEMROOT": ""}).stdout.split() == [b"nt"]
refused(lambda: run("1", env={}), OSError, "SYSTEMROOT")
refused(lambda: subprocess.run(["ls"]), FileNotFoundError, "ls")
refused(lambda: subprocess.run("true", shell=True), FileNotFoundError)
refused(lambda: run("1", preexec_fn=print), ValueError, "preexec_fn")
assert run("import faulthandler; faulthandler._sigsegv()").returncode == 0xC0000005
os.environ["PYTHONIOENCODING"] = "cp1252"
assert run("print('\\xe9')", text=True).stdout == "é\\n"
process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
refused(lambda: process.send_signal(signal.SIGINT), ValueError, "Unsupported signal")
process.kill()
assert process.wait() == 1
""",
    "a closed pipe": """
import subprocess
code = "for _ in range(10**5): print('a' * 99)"
for more in ([], ["-u"]):
    command = [sys.executable, *more, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        error = process.stderr.read().decode()
    assert "OSError: [Errno 22] Invalid argument" in error and "BrokenPipe" not in error, error
""",
}
MACOS = {
    "names": """
import select, signal
assert (os.name, sys.platform) == ("posix", "darwin")
assert not [name for name in ("sched_getaffinity", "pipe2", "O_TMPFILE") if hasattr(os, name)]
assert hasattr(os, "fork") and hasattr(os, "sched_yield") and not hasattr(select, "epoll")
assert hasattr(signal, "SIGKILL") and not hasattr(signal, "SIGPWR")
refused(lambda: open("/proc/self/status"), FileNotFoundError)
refused(lambda: os.listdir("/proc"), FileNotFoundError)
""",
    "memory": """
import resource
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 4 << 20  # bytes
refused(lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30,) * 2), ValueError)
resource.setrlimit(resource.RLIMIT_CPU, (99, 99))
""",
    "files": """
import tempfile
from pathlib import Path
Path("Name").touch()
refused(lambda: Path("nAME").touch(), OSError, "capitals")
Path("Name").rename("NAME")
with open("NAME") as file:
    os.remove("NAME")
with tempfile.TemporaryDirectory() as folder:
    assert os.path.realpath(folder) != folder
""",
    "processes": """
import multiprocessing, signal, subprocess, time
assert multiprocessing.get_start_method() == "spawn"
assert multiprocessing.get_context("fork")
process = subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True)
for _ in range(10_000):  # until it has ended, and nobody has asked for its exit code
    try:
        os.killpg(process.pid, 0)
    except PermissionError:
        break
    time.sleep(0.001)
refused(lambda: os.killpg(process.pid, signal.SIGKILL), PermissionError)
process.wait()
refused(lambda: os.killpg(process.pid, signal.SIGKILL), ProcessLookupError)
refused(lambda: subprocess.run(["taskset"]), FileNotFoundError)
code = "import sys; print(sys.platform)"
assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"darwin\\n"
""",
}


@pytest.mark.parametrize("what", WINDOWS)
def test_windows(what, tmp_path):
    pretend("windows", WINDOWS[what], tmp_path)


@pytest.mark.parametrize("what", MACOS)
def test_macos(what, tmp_path):
    pretend("macos", MACOS[what], tmp_path)


def test_installed_packages_see_linux(tmp_path):
    package = tmp_path / "site-packages" / "somebodys"
    package.mkdir(parents=True)
    code = "import os, resource, sys\nseen = os.name, sys.platform, hasattr(os, 'fork')\n"
    (package / "__init__.py").write_text(code, encoding="utf-8")
    code = "import somebodys; print(*somebodys.seen)"
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    assert pretend("windows", code, tmp_path, env=environment) == "posix linux True\n"


def test_an_unknown_system(tmp_path):
    done = subprocess.run([sys.executable, PRETEND, "beos"], capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and "expected one of windows, macos, got beos" in done.stderr


def test_what_a_test_sets_is_seen_by_all(tmp_path):
    code = """
import pathlib, signal
import pytest
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(os, "getpid", lambda: 7)
    patch.setattr(os, "linesep", "x")
    patch.delattr(signal, "SIGKILL")
    assert os.getpid() == 7 and os.linesep == "x"
assert os.linesep == "\\r\\n" and os.getpid() != 7
assert not hasattr(signal, "SIGKILL")
"""
    pretend("windows", code, tmp_path)
