"""What kernels are compiled for: CPUs other than this one, as far as a compiler can tell."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")
import llvmlite.binding as llvm
import numba
from llvmlite import ir

from tinynet.compiled import cpu, threads

X86 = ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "x86_64-apple-darwin22.1.0"]
X86 += ["i686-pc-windows-msvc"]
ARM = ["aarch64-unknown-linux-gnu", "arm64-apple-darwin24.6.0", "aarch64-pc-windows-msvc"]
OTHER = ["riscv64-unknown-linux-gnu", "powerpc64le-unknown-linux-gnu", "armv7l-linux-gnueabihf", ""]


@pytest.mark.parametrize(
    "triple, expected",
    [*((t, "x86") for t in X86), *((t, "arm") for t in ARM), *((t, "other") for t in OTHER)],
)
def test_family(triple, expected):
    assert cpu.family(triple) == expected


@pytest.mark.parametrize(
    "triple, pause", [*((t, "pause") for t in X86), *((t, "isb") for t in ARM), (OTHER[0], None)]
)
def test_the_pause_is_one_that_the_cpu_has(triple, pause):
    module = ir.Module()
    module.triple = triple
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "wait")
    builder = ir.IRBuilder(function.append_basic_block())
    threads._pause(builder)
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine()
    words = machine.emit_assembly(llvm.parse_assembly(str(module))).split()
    assert [word for word in words if word in ("pause", "isb", "yield")] == [pause] * bool(pause)


@pytest.mark.parametrize(
    "host, given, chosen",
    [
        ("oryon-1", None, "neoverse-n1"),
        ("oryon-2", None, "neoverse-n1"),
        ("oryon-1", "generic", "generic"),
        ("apple-m1", None, None),
        ("znver4", None, None),
    ],
)
def test_a_cpu_that_would_end_the_process_has_another_name(monkeypatch, host, given, chosen):
    monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: host)
    monkeypatch.setattr(numba.config, "CPU_NAME", given)
    cpu.choose()
    assert numba.config.CPU_NAME == chosen


@pytest.mark.parametrize(
    "triple, features, length",
    [
        (X86[0], "+sse2,+avx,+avx2,+avx512f,+fma", 64),
        (X86[1], "+sse2,+avx,+avx2,+fma,-avx512f", 32),
        (X86[2], "+sse4.2,+avx", 32),
        (X86[0], "+sse2,+sse4.2,-avx,-avx2", 16),
        (X86[0], "", 16),
        (ARM[0], "+neon,+fp-armv8", 32),
        (ARM[1], "", 32),
    ],
)
def test_vectors_are_what_registers_hold(monkeypatch, triple, features, length):
    monkeypatch.setattr(llvm, "get_process_triple", lambda: triple)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", features)
    assert cpu.vector_bytes() == length


def test_vectors_of_this_cpu(monkeypatch):
    monkeypatch.setattr(llvm, "get_process_triple", lambda: X86[0])
    monkeypatch.setattr(numba.config, "CPU_FEATURES", None)
    monkeypatch.setattr(cpu, "get_host_cpu_features", lambda: "+sse2,+avx,+avx2")
    assert cpu.vector_bytes() == 32


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="kernels are not compiled")
@pytest.mark.skipif(
    cpu.family(llvm.get_process_triple()) != "x86", reason="all others can multiply and add"
)
@pytest.mark.parametrize("name, features", [("westmere", "+sse4.2"), ("generic", "")])
def test_without_fma_no_lane_is_a_call(name, features):
    code = """if True:
        import numpy as np
        from tinynet.compiled.jit import kernel
        from tinynet.compiled.simd import fma, load, store
        @kernel
        def square(a):
            store(a, 0, fma(load(a, 0), load(a, 0), load(a, 0)))
        a = np.arange(64, dtype=np.float32)
        square(a)
        assert (a[:4] == [0, 2, 6, 12]).all()
        (text,) = square.inspect_asm().values()
        calls = [line for line in text.splitlines() if "fma" in line]
        assert "mulps" in text and not calls, calls
    """
    env = os.environ | {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


# -- how long workers wait --


@pytest.mark.parametrize("nanoseconds", [4, 40, 150])
def test_patience_is_a_time(monkeypatch, nanoseconds):
    """On a CPU whose looks take so long."""
    clock, delay = [0.0], [3e-3, 0, 0, 5e-4, 0]  # another program had the core meanwhile

    def serve(team, thread, seen):
        assert thread >= team[threads.THREADS]  # takes part in no kernel
        clock[0] += nanoseconds * 1e-9 * team[threads.LOOKS]
        clock[0] += delay.pop() if team[threads.LOOKS] and delay else 0

    monkeypatch.setattr(threads, "serve", serve)
    monkeypatch.setattr(threads.time, "perf_counter", lambda: clock[0])
    assert threads._looks_in(1e-3) == pytest.approx(1e6 / nanoseconds, rel=1e-3)


def test_a_clock_that_stands_still_ends_in_no_error(monkeypatch):
    monkeypatch.setattr(threads, "serve", lambda *_: None)
    monkeypatch.setattr(threads.time, "perf_counter", lambda: 1.0)
    assert 0 < threads._looks_in(1e-3) < 1 << 32


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there are no workers")
def test_a_worker_gives_up_after_so_many_looks():
    team = np.zeros(threads.TEAM_SIZE, np.int64)
    team[threads.LOOKS] = 100
    assert threads.serve(team, threads.CHUNKS, 8) == 8
