"""Vectors for kernels: a few numbers of one dtype that the CPU loads, multiplies and adds at once.

Loops that only go along arrays are vectorised by LLVM without our help. A matrix product is not:
its speed comes from sums that stay in registers while many inputs pass by, and for that a kernel
must say which vectors it keeps. Eight operations suffice:

    lanes(a)         how many elements of a's dtype a vector has: a constant, once compiled
    load(a, i)       a[i : i + lanes]
    store(a, i, v)   a[i : i + lanes] = v
    splat(x)         every lane is x
    add(u, v)        u + v
    fma(u, v, w)     u·v + w, with one rounding
    gated(v, g)      v, but 0 in the lanes where g ≤ 0: ReLU, and its backward pass
    total(v)         the sum of the lanes, halves first: the same order on every CPU

Without compilation (NUMBA_DISABLE_JIT=1) a vector is a small NumPy array, so that kernels can be
followed in a debugger, and a load or store outside of its array is an error. Compiled, nothing
checks the index, as in C: kernels are handed arrays with room to spare.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, models, register_model

# One register of AVX-512 or AVX2; two of NEON, which has as many in all.
VECTOR_BYTES = 64 if "+avx512f" in (config.CPU_FEATURES or get_host_cpu_features()) else 32


class Vector(types.Type):
    """The Numba type of a vector of float32 or float64."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.count = VECTOR_BYTES // (dtype.bitwidth // 8)
        super().__init__(f"Vector({dtype} x {self.count})")

    @property
    def ir_type(self):
        return ir.VectorType(
            ir.FloatType() if self.dtype.bitwidth == 32 else ir.DoubleType(), self.count
        )


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.ir_type)


def _address(context, builder, array_type, array, i, vector):
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [i]), vector.ir_type.as_pointer())


@intrinsic
def lanes(typingctx, a):
    count = Vector(a.dtype).count

    def codegen(context, builder, signature, args):
        return context.get_constant(types.intp, count)

    return types.intp(a), codegen


@intrinsic
def load(typingctx, a, i):
    vector = Vector(a.dtype)

    def codegen(context, builder, signature, args):
        address = _address(context, builder, a, args[0], args[1], vector)
        return builder.load(address, align=a.dtype.bitwidth // 8)

    return vector(a, types.intp), codegen


@intrinsic
def store(typingctx, a, i, v):
    def codegen(context, builder, signature, args):
        address = _address(context, builder, a, args[0], args[1], v)
        builder.store(args[2], address, align=a.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(a, types.intp, v), codegen


@intrinsic
def splat(typingctx, x):
    vector = Vector(x)

    def codegen(context, builder, signature, args):
        undefined = ir.Constant(vector.ir_type, ir.Undefined)
        one = builder.insert_element(undefined, args[0], ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
        return builder.shuffle_vector(one, undefined, zeros)

    return vector(x), codegen


@intrinsic
def add(typingctx, u, v):
    def codegen(context, builder, signature, args):
        return builder.fadd(*args)

    return u(u, u), codegen


@intrinsic
def gated(typingctx, v, g):
    def codegen(context, builder, signature, args):
        zero = ir.Constant(v.ir_type, None)
        closed = builder.fcmp_ordered("<=", args[1], zero)  # not where g is NaN
        return builder.select(closed, zero, args[0])

    return v(v, v), codegen


@intrinsic
def fma(typingctx, u, v, w):
    def codegen(context, builder, signature, args):
        t = u.ir_type
        name = f"llvm.fma.v{u.count}f{u.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(t, [t] * 3), name)
        return builder.call(function, args)

    return u(u, u, u), codegen


@intrinsic
def total(typingctx, v):
    def codegen(context, builder, signature, args):
        (x,) = args
        width = v.count
        while width > 1:
            width //= 2
            halves = [
                ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(start, start + width)))
                for start in (0, width)
            ]
            undefined = ir.Constant(x.type, ir.Undefined)
            low, high = (builder.shuffle_vector(x, undefined, half) for half in halves)
            x = builder.fadd(low, high)
        return builder.extract_element(x, ir.Constant(ir.IntType(32), 0))

    return v.dtype(v), codegen


if config.DISABLE_JIT:

    def lanes(a):
        return VECTOR_BYTES // a.dtype.itemsize

    def load(a, i):
        assert 0 <= i <= a.size - lanes(a), f"load at {i} of {a.size}"
        return a[i : i + lanes(a)].copy()

    def store(a, i, v):
        assert 0 <= i <= a.size - lanes(a), f"store at {i} of {a.size}"
        a[i : i + lanes(a)] = v

    def splat(x):
        return np.full(VECTOR_BYTES // x.dtype.itemsize, x)

    def add(u, v):
        return u + v

    def fma(u, v, w):
        return u * v + w

    def gated(v, g):
        return np.where(g <= 0, v.dtype.type(0), v)

    def total(v):
        while v.size > 1:
            v = v[: v.size // 2] + v[v.size // 2 :]
        return v[0]
