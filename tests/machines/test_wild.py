"""tinynet where things are missing: no place to write, no home, one core, others at work, too.

Each in a process of its own, which trains a small network for a step or two.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import INTERPRETED, forks, modes

import tinynet as tn

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
PACKAGE = Path(tn.__file__).parent
TRAIN = """
import threading
import numpy as np
import tinynet as tn

(x, y), _ = tn.datasets.mnist()
def train(seed=0, threads=None, wait=None, compiled=True):
    model = tn.models.mnist_lite(rng=seed)
    if compiled:
        model = tn.compile(model, threads=threads)
    if wait:
        wait.wait()
    augment = tn.augment.RandomElastic()
    settings = dict(epochs=1, batch_size=32, augment=augment, average=0.9, seed=seed)
    tn.fit(model, x[:96], y[:96], progress=False, **settings)
    return b"".join(a.tobytes() for a in model.state_dict().values())
"""
PRINT = "import zlib; print('weights', zlib.crc32(train()))"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(INTERPRETED, reason="minutes when interpreted"),
]


def run(code, path=PACKAGE.parent, prefix=(), **environment):
    """What a new process with this code prints."""
    done = start(code, path, prefix, **environment)
    out, error = done.communicate()
    assert done.returncode == 0, error
    return out


def start(code, path=PACKAGE.parent, prefix=(), **environment):
    environment = {**os.environ, "PYTHONPATH": str(path), **environment}
    environment = {name: value for name, value in environment.items() if value is not None}
    command = [*prefix, sys.executable, "-W", "error", "-c", TRAIN + code]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    return subprocess.Popen(command, env=environment, cwd=path, **pipes)


@pytest.fixture(scope="module")
def expected():
    return run(PRINT)


def test_the_same_bits_run_after_run_for_any_number_of_threads(expected):
    code = "import zlib; print('weights', *{zlib.crc32(train(threads=n)) for n in (1, 2, 4, 8)})"
    assert run(code) == expected


def test_plain_layers_give_the_same_bits_for_any_number_of_threads():
    """Those of NumPy's matrix product, which it counts when it is imported."""
    code = PRINT.replace("train()", "train(compiled=False)")
    assert len({run(code, OPENBLAS_NUM_THREADS=str(n)) for n in (1, 2, 4, 8)}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="chooses a core, as Linux alone can")
def test_on_one_core(expected):
    one = min(os.sched_getaffinity(0))
    assert run(PRINT, prefix=["taskset", "-c", str(one)]) == expected


@modes
@pytest.mark.skipif(ROOT and sys.platform != "linux", reason="root, who may write anywhere")
def test_nowhere_to_write(expected, tmp_path):
    """A package that cannot be written, no home, no cache folder: kernels are compiled anew."""
    import shutil

    ignore = shutil.ignore_patterns("__pycache__")
    root = tmp_path / "read only"
    shutil.copytree(PACKAGE, root / "tinynet", ignore=ignore)
    for path in [*sorted(root.rglob("*"), reverse=True), root]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    # root may write anything, but not without the capability
    prefix = ["setpriv", "--bounding-set=-dac_override"] if ROOT else []
    nowhere = str(root / "nowhere")
    environment = dict(HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR=None)
    code = "import os\nassert not os.access(tn.__path__[0], os.W_OK)\n" + PRINT
    assert run(code, root, prefix, **environment) == expected
    assert not list(root.rglob("*.nbi")) and not list(root.rglob("__pycache__"))


def test_two_processes_share_a_new_cache(expected, tmp_path):
    both = [start(PRINT, NUMBA_CACHE_DIR=str(tmp_path / "cache")) for _ in range(2)]
    for process in both:
        out, error = process.communicate()
        assert process.returncode == 0, error
        assert out == expected


def test_two_threads_each_train_a_network_of_their_own(expected):
    code = """
import zlib
results, together = {}, threading.Barrier(3)
def work(seed):
    results[seed] = zlib.crc32(train(seed, wait=together))
workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
alone = {seed: zlib.crc32(train(seed)) for seed in range(3)}
assert results == alone, (results, alone)
print('weights', results[0])
"""
    assert run(code) == expected


@forks
def test_after_fork(expected):
    code = """
import os, zlib
before = zlib.crc32(train())
child = os.fork()
if child == 0:
    os._exit(0 if zlib.crc32(train()) == before else 1)
assert os.waitpid(child, 0)[1] == 0
assert zlib.crc32(train()) == before
print('weights', before)
"""
    code = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)" + code
    assert run(code) == expected


def test_a_folder_with_blanks_and_other_scripts(expected, tmp_path):
    import shutil

    folder = tmp_path / "Übung 1 – 数字"
    shutil.copytree(PACKAGE, folder / "tinynet", ignore=shutil.ignore_patterns("__pycache__"))
    assert run(PRINT, folder) == expected


@pytest.mark.parametrize("layout", ["big-endian", "read-only", "every second", "Fortran"])
def test_arrays_of_any_kind(layout):
    (x, y), _ = tn.datasets.mnist()
    x, y = x[:64], y[:64]
    settings = dict(epochs=1, batch_size=32, progress=False, augment=tn.augment.RandomAffine())
    plain = tn.models.mnist_lite(rng=0)
    tn.fit(tn.compile(plain), x, y, **settings)
    if layout == "big-endian":
        y = y.astype(">i4")
    elif layout == "read-only":
        x.flags.writeable = y.flags.writeable = False
    elif layout == "every second":
        x, y = np.repeat(x, 2, axis=0)[::2], np.repeat(y, 2)[::2]
    else:
        x = np.asfortranarray(x)
    other = tn.models.mnist_lite(rng=0)
    tn.fit(tn.compile(other), x, y, **settings)
    for name, a in plain.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], a, err_msg=name)


EXAMPLE = PACKAGE.parent / "examples" / "mnist_lite.py"


def test_a_pipe_that_is_closed(tmp_path):
    """python examples/mnist_lite.py | head -1"""
    command = [sys.executable, EXAMPLE, "--plain", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        error = process.stderr.read()
    assert b"Traceback" not in error
