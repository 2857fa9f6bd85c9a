"""Vectors for kernels: a few numbers of one dtype that the CPU loads, multiplies and adds at once.

Loops that only go along arrays are vectorised by LLVM without our help. A matrix product is not:
its speed comes from sums that stay in registers while many inputs pass by, and for that a kernel
must say which vectors it keeps. On vectors:

    lanes(a)                 how many elements of a's dtype a vector has: a constant, once compiled
    load(a, i)               a[i : i + lanes]
    store(a, i, v)           a[i : i + lanes] = v
    store_head(a, i, v, m)   a[i : i + m] = v[:m], or all of v if m ≥ lanes
    splat(x)                 every lane is x
    add(u, v), sub(u, v), mul(u, v)
    fma(u, v, w)             u·v + w, with one rounding where the CPU has an instruction for it
    gated(v, g)              v, but 0 in the lanes where g ≤ 0: ReLU, and its backward pass
    pick_greater(u, v, a, b) a in the lanes where u > v, or where u is NaN and v is not; else b
    head(v, m)               v, but 0 from lane m on
    evens(u, v)              lanes 0, 2, 4, … of u and then v: every other pixel
    total(v)                 the sum of the lanes, halves first: the same order on every CPU

and on a **tile** of ROWS × VECTORS vectors, sums that stay in registers:

    spread(a, i)                       row r is a[i + r] in every lane
    load_tile(a, i, step)              vector v of row r is a[i + r·step + v·lanes : …]
    store_tile(a, i, step, t)          and back
    add_outer(t, a, i, b, j)           t[r] += a[i + r] · b[j : j + VECTORS·lanes]
    add_products(t, a, i, step, b, j)  t[r][v] += a[i + r·step : …] · b[j[v] : …], lane by lane

Without compilation (NUMBA_DISABLE_JIT=1) a vector is a small NumPy array, so that kernels can be
followed in a debugger, and a load or store outside of its array is an error. Compiled, nothing
checks the index, as in C: kernels are handed arrays with room to spare (`Scratch` in memory.py).
"""

import functools

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from .cpu import vector_bytes

VECTOR_BYTES = vector_bytes()

# A tile's 12 sums, 3 vectors of input and a factor fill the 16 registers of AVX2, and 12 sums are
# enough to hide the 4 cycles that an fma takes. Larger tiles, where there are 32 registers, were
# no faster and fit fewer numbers of channels.
ROWS, VECTORS = 4, 3


def vector_lanes(dtype):
    return VECTOR_BYTES // np.dtype(dtype).itemsize


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

    @property
    def tile(self):
        return types.UniTuple(self, ROWS * VECTORS)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.ir_type)


INT32 = ir.IntType(32)


class _Writer:
    """Writes LLVM instructions on vectors like those of the array type a."""

    def __init__(self, context, builder, a):
        self.context, self.builder, self.a = context, builder, a
        self.vector = Vector(a.dtype)
        self.type = self.vector.ir_type

    def index(self, i, plus):
        return self.builder.add(i, self.context.get_constant(types.intp, plus))

    def address(self, array, i):
        data = cgutils.create_struct_proxy(self.a)(self.context, self.builder, array).data
        return self.builder.gep(data, [i])

    def vector_address(self, array, i):
        return self.builder.bitcast(self.address(array, i), self.type.as_pointer())

    def load(self, array, i):
        return self.builder.load(self.vector_address(array, i), align=self.a.dtype.bitwidth // 8)

    def store(self, array, i, v):
        self.builder.store(v, self.vector_address(array, i), align=self.a.dtype.bitwidth // 8)

    def splat_at(self, array, i):
        return _splat(self.builder, self.builder.load(self.address(array, i)), self.vector.count)

    def fma(self, u, v, w):
        # not llvm.fma, which calls a function for each lane where the CPU has no such instruction
        name = f"llvm.fmuladd.v{self.vector.count}f{self.a.dtype.bitwidth}"
        function_type = ir.FunctionType(self.type, [self.type] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, function_type, name)
        return self.builder.call(function, [u, v, w])

    def tile(self, values):
        return self.context.make_tuple(self.builder, self.vector.tile, values)


def _splat(builder, x, count):
    undefined = ir.Constant(ir.VectorType(x.type, count), ir.Undefined)
    one = builder.insert_element(undefined, x, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(INT32, count), None))


def _first(builder, m, count):
    """A mask of the first m lanes."""
    lane = ir.Constant(ir.VectorType(INT32, count), list(range(count)))
    return builder.icmp_signed("<", lane, _splat(builder, builder.trunc(m, INT32), count))


def _masked_store(w, array, i, v, m):
    address, mask = w.vector_address(array, i), _first(w.builder, m, w.vector.count)
    kind = f"v{w.vector.count}f{w.a.dtype.bitwidth}"
    function = cgutils.get_or_insert_function(
        w.builder.module,
        ir.FunctionType(ir.VoidType(), [v.type, address.type, INT32, mask.type]),
        f"llvm.masked.store.{kind}.p0{kind}",
    )
    w.builder.call(function, [v, address, ir.Constant(INT32, w.a.dtype.bitwidth // 8), mask])


# -- vectors --


@intrinsic
def lanes(typingctx, a):
    count = Vector(a.dtype).count

    def codegen(context, builder, signature, args):
        return context.get_constant(types.intp, count)

    return types.intp(a), codegen


@intrinsic
def load(typingctx, a, i):
    def codegen(context, builder, signature, args):
        return _Writer(context, builder, a).load(*args)

    return Vector(a.dtype)(a, types.intp), codegen


@intrinsic
def store(typingctx, a, i, v):
    def codegen(context, builder, signature, args):
        _Writer(context, builder, a).store(*args)
        return context.get_dummy_value()

    return types.void(a, types.intp, v), codegen


@intrinsic
def store_head(typingctx, a, i, v, m):
    def codegen(context, builder, signature, args):
        array, i, value, m = args
        w = _Writer(context, builder, a)
        masked = functools.partial(_masked_store, w, array, i, value, m)
        if VECTOR_BYTES == 64:
            masked()
        else:  # AVX2 is slow at masked stores
            whole = builder.icmp_signed(">=", m, context.get_constant(types.intp, v.count))
            with builder.if_else(whole, likely=True) as (then, otherwise):
                with then:
                    w.store(array, i, value)
                with otherwise:
                    masked()
        return context.get_dummy_value()

    return types.void(a, types.intp, v, types.intp), codegen


@intrinsic
def splat(typingctx, x):
    vector = Vector(x)

    def codegen(context, builder, signature, args):
        return _splat(builder, args[0], vector.count)

    return vector(x), codegen


def _arithmetic(instruction):
    @intrinsic
    def operation(typingctx, u, v):
        def codegen(context, builder, signature, args):
            return getattr(builder, instruction)(*args)

        return u(u, u), codegen

    return operation


add, sub, mul = _arithmetic("fadd"), _arithmetic("fsub"), _arithmetic("fmul")


@intrinsic
def fma(typingctx, u, v, w):
    def codegen(context, builder, signature, args):
        return _Writer(context, builder, u).fma(*args)

    return u(u, u, u), codegen


@intrinsic
def gated(typingctx, v, g):
    def codegen(context, builder, signature, args):
        zero = ir.Constant(v.ir_type, None)
        closed = builder.fcmp_ordered("<=", args[1], zero)  # not where g is NaN
        return builder.select(closed, zero, args[0])

    return v(v, v), codegen


@intrinsic
def pick_greater(typingctx, u, v, a, b):
    def codegen(context, builder, signature, args):
        x, y, a_value, b_value = args
        number = builder.fcmp_ordered("ord", y, y)
        greater = builder.and_(builder.fcmp_unordered(">", x, y), number)
        return builder.select(greater, a_value, b_value)

    return a(u, v, a, b), codegen


@intrinsic
def head(typingctx, v, m):
    def codegen(context, builder, signature, args):
        zero = ir.Constant(v.ir_type, None)
        return builder.select(_first(builder, args[1], v.count), args[0], zero)

    return v(v, types.intp), codegen


@intrinsic
def evens(typingctx, u, v):
    def codegen(context, builder, signature, args):
        chosen = list(range(0, 2 * u.count, 2))
        return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(INT32, u.count), chosen))

    return u(u, u), codegen


@intrinsic
def total(typingctx, v):
    def codegen(context, builder, signature, args):
        (x,) = args
        width = v.count
        while width > 1:
            width //= 2
            halves = [
                ir.Constant(ir.VectorType(INT32, width), list(range(start, start + width)))
                for start in (0, width)
            ]
            undefined = ir.Constant(x.type, ir.Undefined)
            low, high = (builder.shuffle_vector(x, undefined, half) for half in halves)
            x = builder.fadd(low, high)
        return builder.extract_element(x, ir.Constant(INT32, 0))

    return v.dtype(v), codegen


# -- tiles --


@intrinsic
def spread(typingctx, a, i):
    def codegen(context, builder, signature, args):
        w = _Writer(context, builder, a)
        rows = [w.splat_at(args[0], w.index(args[1], r)) for r in range(ROWS)]
        return w.tile([row for row in rows for _ in range(VECTORS)])

    return Vector(a.dtype).tile(a, types.intp), codegen


def _places(w, i, step):
    """The index of every vector of a tile."""
    for _ in range(ROWS):
        for v in range(VECTORS):
            yield w.index(i, v * w.vector.count)
        i = w.builder.add(i, step)


@intrinsic
def load_tile(typingctx, a, i, step):
    def codegen(context, builder, signature, args):
        w = _Writer(context, builder, a)
        return w.tile([w.load(args[0], j) for j in _places(w, *args[1:])])

    return Vector(a.dtype).tile(a, types.intp, types.intp), codegen


@intrinsic
def store_tile(typingctx, a, i, step, t):
    def codegen(context, builder, signature, args):
        w = _Writer(context, builder, a)
        vectors = cgutils.unpack_tuple(builder, args[3])
        for j, v in zip(_places(w, *args[1:3]), vectors, strict=True):
            w.store(args[0], j, v)
        return context.get_dummy_value()

    return types.void(a, types.intp, types.intp, t), codegen


@intrinsic
def add_outer(typingctx, t, a, i, b, j):
    def codegen(context, builder, signature, args):
        t, a_array, i, b_array, j = args
        w = _Writer(context, builder, a)
        sums = cgutils.unpack_tuple(builder, t)
        inputs = [w.load(b_array, w.index(j, v * w.vector.count)) for v in range(VECTORS)]
        for r in range(ROWS):
            factor = w.splat_at(a_array, w.index(i, r))
            for v in range(VECTORS):
                place = r * VECTORS + v
                sums[place] = w.fma(factor, inputs[v], sums[place])
        return w.tile(sums)

    return t(t, a, types.intp, b, types.intp), codegen


@intrinsic
def add_products(typingctx, t, a, i, step, b, j):
    def codegen(context, builder, signature, args):
        t, a_array, i, step, b_array, j = args
        w = _Writer(context, builder, a)
        sums = cgutils.unpack_tuple(builder, t)
        inputs = [w.load(b_array, place) for place in cgutils.unpack_tuple(builder, j)]
        for r in range(ROWS):
            factor = w.load(a_array, i)
            i = builder.add(i, step)
            for v in range(VECTORS):
                place = r * VECTORS + v
                sums[place] = w.fma(factor, inputs[v], sums[place])
        return w.tile(sums)

    return t(t, a, types.intp, types.intp, b, j), codegen


if config.DISABLE_JIT:

    def lanes(a):
        return VECTOR_BYTES // a.dtype.itemsize

    def load(a, i):
        assert 0 <= i <= a.size - lanes(a), f"load at {i} of {a.size}"
        return a[i : i + lanes(a)].copy()

    def store(a, i, v):
        assert 0 <= i <= a.size - lanes(a), f"store at {i} of {a.size}"
        a[i : i + lanes(a)] = v

    def store_head(a, i, v, m):
        m = min(m, v.size)
        assert 0 <= i <= a.size - m, f"store at {i} of {a.size}"
        a[i : i + m] = v[:m]

    def splat(x):
        return np.full(VECTOR_BYTES // x.dtype.itemsize, x)

    def add(u, v):
        return u + v

    def sub(u, v):
        return u - v

    def mul(u, v):
        return u * v

    def fma(u, v, w):
        return u * v + w

    def gated(v, g):
        return np.where(g <= 0, v.dtype.type(0), v)

    def pick_greater(u, v, a, b):
        return np.where((u > v) | (u != u) & (v == v), a, b)

    def head(v, m):
        return np.where(np.arange(v.size) < m, v, v.dtype.type(0))

    def evens(u, v):
        return np.concatenate([u, v])[::2]

    def total(v):
        while v.size > 1:
            v = v[: v.size // 2] + v[v.size // 2 :]
        return v[0]

    def _places(a, i, step):
        return [i + r * step + v * lanes(a) for r in range(ROWS) for v in range(VECTORS)]

    def spread(a, i):
        return tuple(splat(a[i + r]) for r in range(ROWS) for _ in range(VECTORS))

    def load_tile(a, i, step):
        return tuple(load(a, j) for j in _places(a, i, step))

    def store_tile(a, i, step, t):
        for j, v in zip(_places(a, i, step), t, strict=True):
            store(a, j, v)

    def add_outer(t, a, i, b, j):
        inputs = _places(b, j, 0)
        return tuple(a[i + k // VECTORS] * load(b, inputs[k]) + t[k] for k in range(ROWS * VECTORS))

    def add_products(t, a, i, step, b, j):
        return tuple(
            load(a, i + k // VECTORS * step) * load(b, j[k % VECTORS]) + t[k]
            for k in range(ROWS * VECTORS)
        )
