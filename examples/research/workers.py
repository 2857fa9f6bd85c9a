"""Where runs go: one after another here, side by side in processes, or to a cluster's workers.

Wherever that is, each task ends in an outcome, which comes as soon as the task has ended: what its
function returned, or why there is nothing. An error of one task leaves the others alone.
"""

import contextlib
import hashlib
import pickle
import platform
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinynet as tn


class Outcome(NamedTuple):
    number: int  # of the task
    result: Any = None
    error: str | None = None


KILLED = "a process was killed, of those that ran side by side; memory may not suffice for so many"


def outcomes(
    function: Callable, tasks: list, *, jobs: int = 1, scheduler: str | None = None
) -> Iterator:
    """An Outcome for each task, as they end: of function(*task).

    jobs: how many processes of this machine. scheduler: the address of a Dask cluster's scheduler;
    then its workers do the tasks.
    """
    if not tasks:
        return
    if scheduler is not None:
        yield from _on_cluster(function, tasks, scheduler)
    elif jobs > 1:
        yield from _in_processes(function, tasks, jobs)
    else:
        yield from (attempt(function, number, task) for number, task in enumerate(tasks))


def attempt(function, number, task, expected=None):
    """The outcome of function(*task). expected: the surroundings in which it may run."""
    try:
        if expected is not None:
            check_surroundings(surroundings(), expected)
        return Outcome(number, function(*task))
    except Exception as error:  # whatever it is, the other tasks go on
        return Outcome(number, error=described(error))


def described(error):
    return f"{type(error).__name__}: {error}"


def _in_processes(function, tasks, jobs):
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise ImportError("--jobs needs joblib: pip install joblib") from None
    parallel = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    left = dict(enumerate(tasks))
    while left:
        before = len(left)
        try:
            for outcome in parallel(delayed(attempt)(function, *task) for task in [*left.items()]):
                del left[outcome.number]
                yield outcome
        except BrokenProcessPool:  # one was killed, and joblib has ended the others
            if len(left) == before:  # since they were last begun, nothing but that came of it
                yield from (Outcome(number, error=KILLED) for number in left)
                return


# -- a cluster --
#
# By Dask's own futures. Under joblib's Dask backend a program waits for ever if a task is given up,
# as Dask does when several workers have died of it: joblib is not told.


def _on_cluster(function, tasks, scheduler):
    try:
        import cloudpickle
        from dask.distributed import Client, as_completed
    except ImportError:
        raise ImportError('--scheduler needs Dask: pip install "dask[distributed]"') from None
    for name in (__name__, function.__module__):  # workers have tinynet, and not these files
        cloudpickle.register_pickle_by_value(sys.modules[name])

    here = surroundings()

    def sent(number, task):
        """What a worker calls: as bytes, for the scheduler, who looks, may not have tinynet."""
        code = cloudpickle.dumps(partial(attempt, function, number, task, here))
        return lambda: pickle.loads(code)()

    with Client(scheduler) as client:
        _check_workers(client, here)
        futures = {client.submit(sent(*task), pure=False): task[0] for task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                try:
                    outcome = future.result()
                except Exception as error:  # given up by Dask, or the scheduler has gone
                    outcome = Outcome(futures[future], error=described(error))
                future.release()  # or Dask would do it again if its worker died afterwards
                yield outcome
        except (KeyboardInterrupt, GeneratorExit):
            _stop(client, futures)
            raise


def _stop(client, futures):
    """The workers stop what they are at, which Dask alone does not make them: they begin anew.

    But for those that are at somebody else's tasks, too, and those that no nanny would begin anew.
    """
    print("stopping the workers", file=sys.stderr, flush=True)
    own = {future.key for future in futures}
    busy = [worker for worker, keys in client.processing().items() if keys and own.issuperset(keys)]
    client.cancel([*futures])
    with contextlib.suppress(ValueError):
        client.restart_workers(busy, timeout=30, raise_for_error=False)


def _check_workers(client, here):
    """ValueError if there is a worker that would not give the bits that this process gives."""
    found = client.run(surroundings, on_error="return")
    if not found:
        print("no workers are there yet; waiting", flush=True)
    for worker, there in found.items():
        if isinstance(there, Exception):
            raise ValueError(f"worker {worker} cannot run tinynet: {described(there)}")
        try:
            check_surroundings(there, here)
        except ValueError as error:
            raise ValueError(f"worker {worker}: {error}") from None


def check_surroundings(there, here):
    for name, value in here.items():
        if there[name] != value:
            raise ValueError(
                f"runs would not give the same bits: {name} is {there[name]} there, {value} here"
            )


def surroundings():
    """{name: text} of all that a run's bits depend on, besides its settings."""
    import llvmlite.binding as llvm
    import numba
    from numba.core.codegen import get_host_cpu_features

    package = Path(tn.__file__).parent
    sources = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).parts):
        name = path.relative_to(package).as_posix()
        sources.update(f"{name}\n{path.read_text(encoding='utf-8')}\n".encode())
    train, test = tn.datasets.mnist()
    features = numba.config.CPU_FEATURES or get_host_cpu_features()
    return {
        "tinynet's code": sources.hexdigest()[:16],
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "the CPU": f"{numba.config.CPU_NAME or llvm.get_host_cpu_name()} "
        f"({hashlib.sha256(features.encode()).hexdigest()[:8]})",
        **tn.fingerprint.data_settings("training", *train),
        **tn.fingerprint.data_settings("test", *test),
    }
