"""One kernel on all cores.

The images of a batch are cut into chunks, whose size depends on the batch alone. A kernel does a
run of whole chunks and keeps a partial sum for each; the sums of the chunks are added in order
afterwards. So every number comes out the same, bit for bit, for any number of threads.

The threads are Python's own, over kernels that release the GIL. Numba's parallel loops start
faster, but take three times as long to compile, and their default backend ends the process when
two Python threads use it at once.
"""

import os
import threading
from queue import SimpleQueue

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import inline

CHUNKS = 16  # at most, in a batch: enough to share out evenly, few enough to add up quickly


def default_threads():
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chunk_size(n):
    """Images in a chunk, for a batch of n."""
    return -(-n // CHUNKS)


def chunk_count(n):
    return -(-n // chunk_size(n))


def run(kernel, n, threads, *args):
    """kernel(*args, team, thread) on all threads; each takes chunks until all n images are done."""
    chunk, count = chunk_size(n), chunk_count(n)
    team = np.array([0, n, chunk])
    threads = min(threads, count)
    done = SimpleQueue()
    for t in range(1, threads):
        _workers(threads - 1).put((done, kernel, (*args, team, t)))
    errors = []
    try:
        kernel(*args, team, 0)
    finally:  # whatever happened here, nobody may still be writing when we return
        errors = [error for error in (done.get() for _ in range(1, threads)) if error]
    if errors:
        raise errors[0]


@intrinsic
def _next(typingctx, team):
    """team[0], which then is one more; no two threads get the same."""

    def codegen(context, builder, signature, args):
        data = cgutils.create_struct_proxy(team)(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, context.get_constant(types.intp, 1), "seq_cst")

    return types.intp(team), codegen


if numba.config.DISABLE_JIT:

    def _next(team):
        with _lock:
            team[0] += 1
            return team[0] - 1


@inline
def take(team):
    """(chunk, its first image, its last + 1): one that no thread has taken; first = last: none."""
    part = _next(team)
    first = min(part * team[2], team[1])
    return part, first, min(first + team[2], team[1])


_tasks = SimpleQueue()  # where the worker threads of this process wait
_started = 0
_lock = threading.Lock()


def _workers(count):
    """The queue of tasks, with at least `count` threads waiting at it."""
    global _started
    if _started < count:
        with _lock:
            while _started < count:
                threading.Thread(target=_work, args=(_tasks,), daemon=True).start()
                _started += 1
    return _tasks


def _forget_workers():
    """A forked process has none of its parent's threads."""
    global _tasks, _started, _lock
    _tasks, _started, _lock = SimpleQueue(), 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def _work(tasks):
    while True:
        done, kernel, args = tasks.get()
        error = None
        try:
            kernel(*args)
        except BaseException as e:
            error = e
        # nothing of the task may outlive it here: its arrays belong to the caller
        del kernel, args
        done.put(error)
        del done, error
