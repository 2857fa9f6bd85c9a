"""How compiled networks run: on threads, from the cache, and in how much memory."""

import ast
import gc
import os
import re
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from cases import INTERPRETED, forks, normal, wide_network

import tinynet as tn

numba = pytest.importorskip("numba")
from tinynet.compiled import jit, stages, threads  # noqa: E402
from tinynet.compiled.threads import chunk_count, run, share, take  # noqa: E402


@jit.kernel
def note_who(seen, takers, work, unused, team, thread):
    """seen[image] += 1; takers[chunk] = the thread that had it; work: how long to take for it."""
    share(team, thread)
    part, first, last = take(team, thread)
    while first < last:
        seen[first:last] += 1
        takers[part] = thread
        for _ in range(work):
            take(unused, 0)  # something that no compiler leaves out
        part, first, last = take(team, thread)


@jit.kernel
def fail_as_a_helper(work, unused, team, thread):
    share(team, thread)
    if thread > 0:
        raise ValueError("not for the caller to see")
    for _ in range(work):
        take(unused, 0)


@pytest.mark.parametrize("threads", [1, 2, 3, 20])
def test_run_covers_every_image_once_in_whole_chunks(threads):
    for n in (1, 2, 15, 16, 17, 100, 128):
        assert chunk_count(n) <= 16
        seen, takers = np.zeros(n, int), np.full(chunk_count(n), -1)
        run(note_who, n, threads, seen, takers, 0, np.zeros(64, int))
        assert (seen == 1).all()
        assert takers.min() >= 0 and takers.max() < threads


def until(happens, tries=2000):
    """Whether it does, some time: who comes first among threads is nobody's to say."""
    return any(happens() for _ in range(tries))


@pytest.mark.skipif(INTERPRETED, reason="one thread does it all")
def test_helpers_take_part_and_their_errors_reach_the_caller():
    seen, takers = np.zeros(160, int), np.zeros(16, int)

    def helped():
        run(note_who, 160, 3, seen, takers, 1000, np.zeros(64, int))
        return takers.any()

    def failed():
        try:
            run(fail_as_a_helper, 10, 3, 10_000, np.zeros(64, int))
        except RuntimeError as error:
            assert "fail_as_a_helper" in str(error) and "threads=1" in str(error)
            return True

    assert until(helped)
    assert until(failed)
    assert until(helped)  # the helpers are still there


def test_an_error_of_the_caller_leaves_the_helpers_working():
    def wrong(team, thread):
        raise KeyError("thread 0")

    for many in (1, 3):
        with pytest.raises(KeyError, match="thread 0"):
            run(wrong, 10, many)
        network = tn.compile(wide_network(), threads=many)
        network(normal((4, 2, 9, 9)))


@pytest.mark.skipif(INTERPRETED, reason="one thread does it all")
def test_as_many_helpers_as_are_asked_for(monkeypatch):
    class Worker:
        def __init__(self, number, team):
            self.number, self.woken = number, 0

        def wake(self):
            self.woken += 1

    workers = []
    monkeypatch.setattr(threads, "_workers", workers)
    monkeypatch.setattr(threads, "_Worker", Worker)
    for count in (2, 1, 3, 0):
        threads._wake(count)
    assert [(worker.number, worker.woken) for worker in workers] == [(1, 3), (2, 2), (3, 1)]


@pytest.mark.skipif(INTERPRETED, reason="one thread does it all")
def test_two_callers_at_once():
    """The second finds the helpers busy, and does its work alone; the bits are the same."""
    x = normal((40, 2, 9, 9), np.float32)
    expected = tn.compile(wide_network(), threads=1)(x)
    results = []

    def train():
        network = tn.compile(wide_network(), threads=2)
        results.extend(network(x) for _ in range(50))

    callers = [threading.Thread(target=train) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 150
    for result in results:
        np.testing.assert_array_equal(result, expected)


@forks
def test_works_after_fork():
    network = tn.compile(wide_network(), threads=2)
    x = normal((4, 2, 9, 9))
    y = network(x)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(network(x).shape, y.shape) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_runs_where_no_cache_can_be_written(monkeypatch):
    real = numba.njit

    def no_place_to_write(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    def double(x):
        return 2 * x

    with monkeypatch.context() as patch:
        patch.setattr(numba, "njit", no_place_to_write)
        kernel = jit.kernel(double)
    assert kernel(2.0) == 4.0


PROGRAM = """
import sys
import numpy as np, tinynet as tn
layers = [tn.ReLU(), tn.MaxPool2d(2)]
if sys.argv[1] == "convolutions":
    first, second = tn.Conv2d(3, 3, 3, padding=1, rng=0), tn.Conv2d(3, 2, 3, rng=1)
    layers = [first, tn.ReLU(), tn.BatchNorm2d(3), second, tn.BatchNorm2d(2), tn.MaxPool2d(2)]
network = tn.compile(tn.Sequential(*layers))
y = network(np.random.default_rng(0).standard_normal((40, 3, 9, 9), dtype=np.float32))
dx = network.backward(y)
print([a.tobytes().hex() for a in (y, dx, *(p.grad for p in network.parameters()))])
"""


TRAINING = """
import numpy as np, tinynet as tn
from numba.core.dispatcher import Dispatcher
from tinynet.compiled import batchnorm, conv, pool, relu, threads, warp

rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (40, 28, 28), np.uint8), rng.integers(0, 10, 40)
network, augment = tn.compile(tn.models.mnist_lite(0)), tn.augment.RandomAffine()
tn.fit(network, x, y, test=(x, y), epochs=2, batch_size=16, augment=augment, progress=False)
print({
    name: len(thing.signatures)
    for module in (batchnorm, conv, pool, relu, threads, warp)
    for name, thing in vars(module).items()
    if isinstance(thing, Dispatcher) and thing.__module__ == module.__name__
    and hasattr(thing.stats, "cache_path") and thing.stats.cache_path and thing.signatures
})
"""


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
def test_a_training_run_compiles_each_kernel_once():
    """Each layout, dtype or type of number that differs would compile it anew, for seconds."""
    done = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    signatures = ast.literal_eval(done.stdout)
    assert {"conv_forward", "conv_backward", "maxpool_backward", "warp_images"} <= signatures.keys()
    assert set(signatures.values()) == {1}, signatures


def allocated(function, times):
    """Bytes (kept, at most held at once) by so many calls, beyond what one call before left.

    What waits for the garbage collection, of earlier tests too, is collected before each look.
    """
    tracemalloc.start()
    try:
        function()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(times):
            function()
        _, peak = tracemalloc.get_traced_memory()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, peak - before


@pytest.mark.skipif(INTERPRETED, reason="thousands of pixels")
def test_a_step_allocates_nothing_large():
    """Fresh arrays cost page faults, more than the arithmetic. One of this network's is 3 MB."""
    model = tn.models.mnist_lite(0)
    network, loss = tn.compile(model), tn.CrossEntropyLoss()
    optimizer = tn.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x, labels = normal((128, 1, 28, 28), np.float32), np.arange(128) % 10

    def step():
        loss(network(x), labels)
        network.backward_parameters(loss.backward())
        optimizer.step()

    for _ in range(3):
        step()
    kept, most = allocated(step, times=20)
    assert most < 500_000  # not nothing: Python's own free lists, and what other threads receive
    assert kept < 500_000


@pytest.mark.skipif(INTERPRETED, reason="thousands of pixels")
def test_memory_stays_where_sizes_and_dtypes_take_turns():
    network = tn.compile(tn.models.mnist_lite(0)[:-1])  # without Flatten, of images of any size

    def pass_all():
        for size in (28, 30, 32, 46):
            for dtype in (np.float32, np.float64):
                y = network(np.ones((5, 1, size, size), dtype))
                network.backward(np.ones_like(y))

    kept, _ = allocated(pass_all, times=3)
    assert kept < 500_000  # the arrays of one plan are at least 2 MB
    for size in range(28, 52, 2):
        network(np.ones((5, 1, size, size), np.float32))
    assert len(network.stages[0].plans) <= stages.PLANS


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.parametrize("kernels", ["few", "convolutions"])
def test_the_first_run_says_that_it_compiles_and_the_next_finds_the_cache(kernels, tmp_path):
    def run():
        command = [sys.executable, "-c", PROGRAM, kernels]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")

    cold, warm = run(), run()
    assert cold.returncode == 0, cold.stderr
    assert "tinynet: compiling kernels" in cold.stderr
    assert re.search(r"tinynet: compiled \d+ kernels in \d+\.\d s", cold.stderr)
    assert warm.stderr == ""
    assert warm.stdout == cold.stdout  # the same bits


def test_what_is_said_of_compiling(monkeypatch, capsys):
    """Once that it begins; of kernels within a kernel, the time of the whole counts."""
    clock = iter([1.0, 3.0, 10.0, 15.5])
    monkeypatch.setattr(jit.time, "perf_counter", lambda: next(clock))
    notice = jit._Notice()
    monkeypatch.setattr(jit, "_notice", notice)
    with jit.announced():
        for depth in (1, 3):
            for _ in range(depth):
                notice.on_start(None)
            for _ in range(depth):
                notice.on_end(None)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("tinynet: compiling kernels for this CPU")
    assert last == "tinynet: compiled 2 kernels in 7.5 s"
    with jit.announced():
        pass
    assert capsys.readouterr().err == ""


def test_import_tinynet_does_not_import_numba():
    program = "import sys, tinynet; print([m for m in ('numba', 'tqdm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "[]", done.stderr
