"""The CPU that kernels are compiled for: the one they run on, or what NUMBA_CPU_NAME and
NUMBA_CPU_FEATURES say in its place."""

import llvmlite.binding as llvm
import numba
from numba.core.codegen import get_host_cpu_features


def choose():
    """Call before the first kernel: another name for CPUs that LLVM knows by name alone.

    For Oryon (Snapdragon X) it has no model of the machine and ends the process at the first loop
    that it looks at; Neoverse N1 has the same instructions.
    """
    if numba.config.CPU_NAME is None and llvm.get_host_cpu_name().startswith("oryon"):
        numba.config.CPU_NAME = "neoverse-n1"


def family(triple):
    """ "x86", "arm" or "other": what code is made for, of which LLVM's triple tells.

    Not what the machine is: a Python for x86 runs on Windows' and Apple's ARM machines, too.
    """
    architecture = triple.split("-")[0]
    if architecture in ("x86_64", "amd64", "i386", "i486", "i586", "i686"):
        return "x86"
    return "arm" if architecture.startswith(("aarch64", "arm64")) else "other"


def vector_bytes():
    """How long the vectors of simd.py are: a register of AVX-512, AVX or SSE; two of NEON's, which
    has as many in all as AVX."""
    if family(llvm.get_process_triple()) != "x86":
        return 32
    given = numba.config.CPU_FEATURES  # "" says that there are none
    features = (get_host_cpu_features() if given is None else given).split(",")
    return 64 if "+avx512f" in features else 32 if "+avx" in features or "+avx2" in features else 16
