"""Ask a student's function for its results, in a process of its own with limits.

answering.py runs in it. What comes back is read with a bound and checked piece by piece: it is
text from a stranger, of whom nothing more is believed than that these are the numbers it gives.
"""

import base64
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .run import Unusable

PROGRAM = Path(__file__).with_name("answering.py")
MOST_BYTES = 8 << 20  # of all that a process sends; the cases of one function need a tenth of it
DTYPES = {
    np.dtype(kind).str: np.dtype(kind)
    for kind in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
}


class Limits(NamedTuple):
    """For one function of one file: all its calls together."""

    seconds: float = 60
    megabytes: int = 1024


class Failed(Exception):
    """The process did not come to its end; the text says why, as something that the file does."""


class Reply(NamedTuple):
    """What one call gave. values: arrays, or words on what is none; arguments: as they were after
    the call; error: why there are no values."""

    values: list = []
    arguments: list = []
    error: str = ""


def ask(files, function, calls, several, limits):
    """[Reply], one for each call; raises Failed, or Unusable where no process can be started.

    files: paths, the first of which defines the function; it may import the others. calls: lists
    of arguments. several: whether a tuple of results is wanted.
    """
    request = {
        "file": files[0].name,
        "function": function,
        "calls": [[sendable(a) for a in arguments] for arguments in calls],
        "several": several,
        "numpy": numpy_folder(),
        "seconds": int(np.ceil(limits.seconds)) + 1,  # of CPU, should nobody be left to end it
        "megabytes": limits.megabytes,
    }
    with temporary_folder() as folder, tempfile.TemporaryFile() as stdin:
        for path in files:
            copy(path, Path(folder, path.name))
        os.chmod(folder, 0o755)  # for the user who runs it
        stdin.write(json.dumps(request).encode())
        stdin.seek(0)
        text, code = run(PROGRAM.read_text(encoding="utf-8"), folder, stdin, limits.seconds)
    return replies(text, code, len(calls))


@contextlib.contextmanager
def temporary_folder():
    """A folder that is removed, if it can be: on Windows a process that was just ended may keep it
    for a moment, which is no reason to stop grading."""
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy(path, target):
    try:
        source = path.read_bytes()
    except OSError as error:
        raise Failed(f"it cannot be read: {error.strerror}") from None
    target.write_bytes(source)
    target.chmod(0o644)


def run(program, folder, stdin, seconds):
    """(what it wrote to stdout, exit code) of a program; raises Failed or Unusable."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", program],
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
            **other_user(),
        )
    except OSError as error:
        raise Unusable(
            "Grading runs every function in a process of its own, and none can be started here: "
            f"{error}"
        ) from None
    received = []
    reader = threading.Thread(
        target=lambda: received.append(process.stdout.read(MOST_BYTES + 1)), daemon=True
    )
    reader.start()
    reader.join(seconds)
    late = reader.is_alive()
    if not late:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # for its exit code, which ending it would change
    end(process)
    reader.join(1)
    if not reader.is_alive():  # as it is while somebody else holds the pipe's other end
        process.stdout.close()
    if late:
        raise Failed(f"it had not ended after {seconds:g} seconds")
    if len(received[0]) > MOST_BYTES:
        raise Failed("it sends more than there is to say")
    return received[0], process.returncode


def end(process):
    """End it, if it still runs, and all that it started."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def environment():
    """Nothing of ours, but for what Windows needs; NumPy may start no threads."""
    names = "OPENBLAS_NUM_THREADS OMP_NUM_THREADS MKL_NUM_THREADS VECLIB_MAXIMUM_THREADS"
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    return kept | dict.fromkeys(names.split(), "1")


def numpy_folder():
    return str(Path(np.__file__).parent.parent)


@functools.cache
def other_user():
    """Arguments of Popen that make root's process one of nobody's, who owns nothing.

    Empty where we are not root, or where nobody cannot run this Python, as if it is in /root.
    """
    if not hasattr(os, "geteuid") or os.geteuid():
        return {}
    import pwd

    try:
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        imports = f"import sys; sys.path.append({numpy_folder()!r}); import numpy"
        with temporary_folder() as folder:
            os.chmod(folder, 0o755)
            command = [sys.executable, "-I", "-S", "-B", "-c", imports]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)
    except (KeyError, OSError, subprocess.SubprocessError):
        return {}
    return user


def sendable(argument):
    """A number as it is, of an array its dtype, shape and bytes in base64."""
    if not isinstance(argument, np.ndarray):
        return argument
    data = base64.b64encode(argument.tobytes()).decode()
    return {"dtype": argument.dtype.str, "shape": argument.shape, "data": data}


# -- what came back --


def replies(text, code, count):
    """[Reply] from the lines of a process; raises Failed if there are not as many as calls."""
    lines = text.split(b"\n")
    complete = lines[-1] == b""
    found = [parsed(line) for line in lines[:-1]]
    last = found[-1] if found else {}
    if isinstance(last.get("unusable"), str):
        raise Failed(f"it {clean(last['unusable'])}")
    if isinstance(last.get("refused"), str):
        raise Failed(f"it does what an answer has no need for ({clean(last['refused'])})")
    if len(found) < count:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise Failed(f"its process ended ({how}) after {len(found)} of {count} calls")
    if len(found) > count or not complete:
        raise Failed("it sends what it was not asked for")
    return [reply(what) for what in found]


def parsed(line):
    """The dict in a line; raises Failed if it is anything else."""
    try:
        what = json.loads(line)
    except (ValueError, RecursionError):
        what = None
    if not isinstance(what, dict):
        raise Failed("it writes into the answers")
    return what


def reply(what):
    if what.get("not_begun") is True:
        return Reply(error="not begun")
    if isinstance(what.get("raises"), str):
        return Reply(error=f"it raises {clean(what['raises'])}")
    values, arguments = what.get("values"), what.get("arguments")
    if not isinstance(values, list) or not isinstance(arguments, list):
        raise Failed("it writes into the answers")
    return Reply([array(a) for a in values], [array(a) for a in arguments])


def array(what):
    """The array that a dict describes, or words on what is none."""
    try:
        if "type" in what:
            return f"expected an array, got {clean(what['type'])}"
        dtype, shape = DTYPES.get(what["dtype"]), tuple(map(int, what["shape"]))
        if dtype is None:
            return f"expected float32 or float64, got {clean(what['dtype'])}"
        if what["data"] == "" and 0 not in shape:
            return f"its shape {shape} is far too large"
        return np.frombuffer(base64.b64decode(what["data"]), dtype).reshape(shape)
    except (TypeError, KeyError, ValueError, OverflowError):
        return "expected an array, got what cannot be read as one"


def clean(text, most=200):
    """Text of a stranger in one line, without what a terminal would obey."""
    words = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return words if len(words) <= most else words[: most - 1] + "…"
