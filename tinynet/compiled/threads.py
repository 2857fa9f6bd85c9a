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
    """kernel(*args, chunk, thread, first, last) for images first … last − 1, over all threads.

    chunk: images in a chunk; thread: 0 … threads − 1, for scratch space of its own.
    """
    chunk, count = chunk_size(n), chunk_count(n)
    threads = min(threads, count)
    cuts = [min(count * t // threads * chunk, n) for t in range(threads + 1)]
    if threads == 1:
        kernel(*args, chunk, 0, 0, n)
        return
    done = SimpleQueue()
    for t in range(1, threads):
        _workers(threads - 1).put((done, kernel, (*args, chunk, t, cuts[t], cuts[t + 1])))
    errors = []
    try:
        kernel(*args, chunk, 0, 0, cuts[1])
    finally:  # whatever happened here, nobody may still be writing when we return
        errors = [error for error in (done.get() for _ in range(1, threads)) if error]
    if errors:
        raise errors[0]


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
