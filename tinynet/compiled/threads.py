"""One kernel on all cores.

The images of a batch are cut into chunks, whose size depends on the batch alone. Each thread takes
the next chunk that nobody has, until none is left, and keeps a partial sum for each chunk; the sums
are added in order afterwards. So every number comes out the same, bit for bit, for any number of
threads, and a core that is slower for a while holds nobody up.

A network's step is some twenty kernels of half a millisecond, so handing out the work must take
microseconds. Python's own means do not: to wake a thread, and to give it the interpreter's lock,
takes 30 to 50 each time. Numba's parallel loops are quick, but take three times as long to compile,
and their default backend ends the process when two Python threads use it at once. So a kernel that
starts puts its arguments and the address of its code where worker threads look (`share`), and they
look without holding the lock (`serve`). A worker that has looked in vain for a millisecond
goes to sleep in Python, and `run` wakes it for the next kernel. Nobody waits for a worker to come:
a kernel whose helpers sleep does all by itself.

What the threads share is a **team**, an array of numbers, each in a cache line of its own:

    NEXT      the next chunk           STATE             odd while a kernel runs; it only grows
    IMAGES    in the batch             ACTIVE            how many workers are in the kernel
    CHUNK     images in a chunk        FAILED            whether one of them met an error
    THREADS   that may take part       CODE              the kernel's address
    LOOKS     that take PATIENCE       ARGUMENTS         of the kernel, from this cell on

A worker adds itself to ACTIVE and only then looks whether STATE still says that the kernel runs;
the thread that started it changes STATE first and then waits until ACTIVE is 0. Atomic operations
keep this order, so no worker is ever in a kernel whose arrays are gone.
"""

import os
import threading
import time
from queue import SimpleQueue

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .cpu import family
from .jit import inline, kernel

CHUNKS = 16  # at most, in a batch: enough to share out evenly, few enough to add up quickly
PATIENCE = 1e-3  # seconds for which a worker looks for work, before it sleeps

NEXT, IMAGES, CHUNK, THREADS, STATE, ACTIVE, FAILED, CODE, LOOKS, ARGUMENTS = range(0, 80, 8)
TEAM_SIZE = 1024  # cells of 8 bytes: most are for the arguments
POINTER, INT32 = ir.IntType(8).as_pointer(), ir.IntType(32)


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


def run(function, n, threads, *args):
    """function(*args, team, thread) for n images, on so many threads."""
    if n == 0:
        return
    threads = min(threads, chunk_count(n))
    alone = threads == 1 or numba.config.DISABLE_JIT
    if alone or not _lock.acquire(blocking=False):  # another Python thread has the workers
        function(*args, _set_up(np.zeros(TEAM_SIZE, np.int64), n, 1), 0)
        return
    try:
        _wake(threads - 1)
        team = _set_up(_team, n, threads)
        try:
            function(*args, team, 0)
        finally:
            if team[STATE] % 2 == 1:  # an error made it leave too early
                finish(team)
        if team[FAILED]:
            raise RuntimeError(f"{function}: failed in a thread; with threads=1 it says how")
    finally:
        _lock.release()


def _set_up(team, n, threads):
    team[NEXT], team[IMAGES], team[CHUNK] = 0, n, chunk_size(n)
    team[THREADS], team[FAILED] = threads, 0
    return team


# -- inside kernels --


@inline
def take(team, thread):
    """(chunk, its first image, its last + 1): one that no thread has taken; first = last: none.

    With none left, thread 0 waits for the others. It may not leave the kernel before them: Numba
    then gives back what counts the references to the arrays.
    """
    part = _add(team, NEXT, 1)
    first = min(part * team[CHUNK], team[IMAGES])
    if thread == 0 and first == team[IMAGES]:
        finish(team)
    return part, first, min(first + team[CHUNK], team[IMAGES])


@inline
def finish(team):
    """No worker may come any more; wait for those that are still in the kernel."""
    if _look(team, STATE) % 2 == 1:
        _add(team, STATE, 1)
    looks = 0
    while _look(team, ACTIVE) > 0:
        looks += 1
        if looks < team[LOOKS]:
            _relax()
        else:
            _yield()


def _cell(context, builder, team, array, i):
    data = cgutils.create_struct_proxy(team)(context, builder, array).data
    return builder.gep(data, [i])


@intrinsic
def _add(typingctx, team, i, x):
    """team[i], which then is x more; no two threads get the same."""

    def codegen(context, builder, signature, args):
        cell = _cell(context, builder, team, args[0], args[1])
        return builder.atomic_rmw("add", cell, args[2], "seq_cst")

    return types.intp(team, types.intp, types.intp), codegen


@intrinsic
def _look(typingctx, team, i):
    """team[i] as it is now. Who waits looks in this way: to add 0 would take the cache line from
    the other cores that look."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_cell(context, builder, team, *args), "seq_cst", 8)

    return types.intp(team, types.intp), codegen


@intrinsic
def _relax(typingctx):
    """Nothing, for a moment: leaves a core's other thread the machine while we wait."""

    def codegen(context, builder, signature, args):
        _pause(builder)
        return context.get_dummy_value()

    return types.void(), codegen


def _pause(builder):
    """The instruction for that, where there is one."""
    kind = family(builder.module.triple)
    if kind == "x86":
        name, operands = "llvm.x86.sse2.pause", []
    elif kind == "arm":  # not its "yield", which most of these CPUs skip
        name, operands = "llvm.aarch64.isb", [ir.Constant(INT32, 15)]
    else:
        return
    function_type = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
    builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), operands)


@intrinsic
def _yield(typingctx):
    """Let another thread have this core, where the system has a call for it."""

    def codegen(context, builder, signature, args):
        if hasattr(os, "sched_yield"):
            function_type = ir.FunctionType(ir.IntType(32), [])
            builder.call(
                cgutils.get_or_insert_function(builder.module, function_type, "sched_yield"), []
            )
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def share(typingctx, team, thread):
    """The first line of a kernel: thread 0 calls the others into the same kernel, with its own
    arguments, but for the last, which is their number."""

    def codegen(context, builder, signature, args):
        kernel, values = builder.function, builder.function.args[2:]  # after Numba's own two
        integer = args[1].type
        arguments = ir.LiteralStructType([value.type for value in values])
        assert context.get_abi_sizeof(arguments) <= 8 * (TEAM_SIZE - ARGUMENTS)
        place = _cell(context, builder, team, args[0], integer(ARGUMENTS))
        place = builder.bitcast(place, arguments.as_pointer())
        with builder.if_then(builder.icmp_signed("==", args[1], integer(0))):
            for i, value in enumerate(values):
                builder.store(value, builder.gep(place, [INT32(0), INT32(i)]))
            worker = _worker_function(context, builder.module, kernel, place.type)
            code = _cell(context, builder, team, args[0], integer(CODE))
            builder.store(builder.ptrtoint(worker, integer), code)
            state = _cell(context, builder, team, args[0], integer(STATE))
            builder.atomic_rmw("add", state, integer(1), "seq_cst")
        return context.get_dummy_value()

    return types.void(team, types.intp), codegen


def _worker_function(context, module, kernel, place_type):
    """bool (*arguments, thread): the kernel as a worker calls it; whether it failed."""
    function = ir.Function(
        module,
        ir.FunctionType(ir.IntType(1), [POINTER, context.get_value_type(types.intp)]),
        module.get_unique_name("tinynet_worker"),
    )
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    arguments, thread = function.args
    place = builder.bitcast(arguments, place_type)
    count = len(kernel.args) - 2
    values = [builder.load(builder.gep(place, [INT32(0), INT32(i)])) for i in range(count - 1)]
    own = [builder.alloca(argument.type.pointee) for argument in kernel.args[:2]]
    for pointer in own:
        builder.store(ir.Constant(pointer.type.pointee, None), pointer)
    status = builder.call(kernel, [*own, *values, thread])
    builder.ret(builder.icmp_signed("!=", status, INT32(0)))
    return function


@intrinsic
def _call(typingctx, team, thread):
    """Call the team's kernel; whether it failed."""

    def codegen(context, builder, signature, args):
        function_type = ir.FunctionType(ir.IntType(1), [POINTER, args[1].type])
        code, arguments = (
            _cell(context, builder, team, args[0], args[1].type(i)) for i in (CODE, ARGUMENTS)
        )
        function = builder.inttoptr(builder.load(code), function_type.as_pointer())
        return builder.call(function, [builder.bitcast(arguments, POINTER), args[1]])

    return types.boolean(team, types.intp), codegen


@kernel
def serve(team, thread, seen):
    """Take part in kernels as thread number `thread`, until none came in so many looks.

    seen: the STATE of the last kernel that it took part in; returns the newest.
    """
    looks = 0
    while looks < team[LOOKS]:
        state = _look(team, STATE)
        if state % 2 == 1 and state != seen and thread < team[THREADS]:
            _add(team, ACTIVE, 1)
            if _look(team, STATE) == state:
                if _call(team, thread):
                    _add(team, FAILED, 1)
            _add(team, ACTIVE, -1)
            seen, looks = state, 0
        else:
            looks += 1
            _relax()
    return seen


# -- the workers: Python's threads, asleep most of the time --

_team = np.zeros(TEAM_SIZE, np.int64)
_workers = []
_lock = threading.Lock()


class _Worker:
    def __init__(self, number, team):
        self.number, self.team = number, team
        self.asleep, self.alarm = False, SimpleQueue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        seen = -1
        while True:
            seen = serve(self.team, self.number, seen)
            self.asleep = True
            self.alarm.get()

    def wake(self):
        if self.asleep:
            self.asleep = False
            self.alarm.put(None)


def _wake(count):
    """See that so many workers are there, and awake."""
    if not _workers:
        _team[LOOKS] = _looks_in(PATIENCE)
    while len(_workers) < count:
        _workers.append(_Worker(len(_workers) + 1, _team))
    for worker in _workers[:count]:
        worker.wake()


def _looks_in(seconds):
    """How many looks take so long: a pause is ten cycles on one CPU and more than a hundred on
    another. Compiles serve, too, so that the workers need not, all at once."""
    team, count = np.zeros(TEAM_SIZE, np.int64), 2_000
    serve(team, CHUNKS, -1)
    team[LOOKS], took = count, []
    for _ in range(5):
        start = time.perf_counter()
        serve(team, CHUNKS, -1)
        took.append(time.perf_counter() - start)
    return max(count, round(count * seconds / max(min(took), 1e-6)))


def _forget_workers():
    """A forked process has none of its parent's threads."""
    global _team, _workers, _lock
    _team, _workers, _lock = np.zeros(TEAM_SIZE, np.int64), [], threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


if numba.config.DISABLE_JIT:

    def _add(team, i, x):
        team[i] += x
        return team[i] - x

    def _look(team, i):
        return team[i]

    def share(team, thread):
        pass
