"""A small vocabulary of vectors for compiled kernels: one value holds LANES neighbouring numbers.

Compilers turn simple loops into vector instructions, and silently do not when a loop has many arrays
or short inner lengths. Here vectors are written out, so nothing is left to luck:

    v = load(x, i)                  LANES neighbours x[i], x[i+1], … of a flat array
    v = load_part(x, i, n)          the first n of them, 0 in the other lanes: the tail of a row
    store(x, i, v), store_part(x, i, v, n)
    load_pair(x, i), load_pair_part(x, i, n)    two vectors as one value, computed side by side
    store_whole(x, i, v, n)         the first n lanes of v, whole numbers below 2³¹, to an array of int64
    prefetch(x, i)                  asks for the line of cache around x[i]; nothing is read yet
    splat(x, s)                     s in every lane (x: an array or vector that gives the dtype)
    a + b, a - b, a * b, a / b, -a  lane by lane; one side may be a number
    fma(a, b, c)                    a·b + c, rounded once
    a < b, a <= b, a > b, a >= b, a == b, a != b    a mask;  where(mask, a, b) chooses by it
    maximum, minimum, absolute, sqrt, rint
    total(v), largest(v)            one number: the lanes added (in halves: always the same order), their max
    gather(x, i, step)              x[i], x[i+step], …
    below(x, n)                     a mask: the first n lanes
    low, high = widen(v)            the two halves of a float32 vector as float64: for sums that keep digits
    copysign(a, b)                  |a| with the sign of b
    transpose(x, i, x_row, rows, y, j, y_row)    a block of rows × LANES from x to y, turned
    ldexp(v, n)                     v · 2ⁿ for whole n, |n| ≤ 250 (float32), rounded once
    shift_exponent(v, n)            the same where v and the result are normal numbers: two instructions fewer
    power_of_two(n)                 2ⁿ for whole n, −126 ≤ n ≤ 127, by the exponent's bits
    mantissa(v), exponent(v)        v = m · 2ᵉ with 1 ≤ m < 2, for positive normal v
    even, odd = deinterleave(a, b)  lanes 0, 2, 4, … and 1, 3, 5, … of a followed by b
    a, b = interleave(even, odd)    its inverse: even₀ odd₀ even₁ odd₁ …
    turn_quads(a, b, c, d)          lanes 4i … 4i + 3 of the four are a 4 × 4 matrix for each i: all turned
    load_rows(x, i, step, 4)        4 (or another plain number of) vectors, from x[i], x[i + step], … on
    store_rows(x, i, step, vectors) the converse, for a tuple of any length
    bare(x)                         the array (or tuple of arrays) x without its count of users

exp, log, tanh, … on vectors are in ``simd_math.py``, tiles of matrix products in ``microkernels.py``.

The width follows the machine: 64 bytes with AVX-512, 32 with AVX2 and FMA, 16 with NEON (float32: 16, 8,
4 lanes). ``LANES`` is 0 where none of these is there, and kernels then run their plain loops.
MMSCRATCH_VECTOR_BYTES=64|32|16|0 asks for another width (a wider one than the machine has is slow).

Vectors are Numba values of type ``Vector``; every function is one or a few LLVM instructions, the same
on every machine. All arrays are flat (1-d, contiguous); indices are not checked.
"""

import operator
import os

import llvmlite.binding
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

__all__ = [
    "BYTES", "LANES", "Vector", "absolute", "bare", "below", "copysign", "deinterleave", "exponent",
    "fma", "gather", "interleave", "lanes", "largest", "ldexp", "load", "load_pair", "load_pair_part",
    "load_part", "load_rows", "mantissa", "maximum", "minimum", "power_of_two", "prefetch", "rint",
    "shift_exponent", "splat", "sqrt", "store", "store_part", "store_rows", "store_whole", "total",
    "transpose", "turn_quads", "where", "widen",
]  # fmt: skip


def _features():
    features = config.CPU_FEATURES
    if features is None:
        features = llvmlite.binding.get_host_cpu_features().flatten()
    return set(features.split(","))


def _vector_bytes():
    wanted = os.environ.get("MMSCRATCH_VECTOR_BYTES")
    if wanted is not None:
        if wanted not in ("64", "32", "16", "0"):
            raise ValueError(f"MMSCRATCH_VECTOR_BYTES: expected 64, 32, 16 or 0, got {wanted!r}")
        return int(wanted)
    if config.DISABLE_JIT:
        return 0
    have = _features()
    if "+avx512f" in have:
        return 64
    if {"+avx2", "+fma"} <= have:
        return 32
    return 16 if "+neon" in have else 0


BYTES = _vector_bytes()
LANES = BYTES // 4
"""Numbers of float32 in a vector (half as many of float64); 0: this machine has no vectors for us."""


# ── the type ─────────────────────────────────────────────────────────────────────────────────────
class Vector(types.Type):
    """``count`` numbers of one dtype (a Numba float, or a boolean: then it is a mask)."""

    def __init__(self, dtype, count):
        self.dtype, self.count = dtype, count
        super().__init__(name=f"Vector({dtype}, {count})")

    @property
    def mask(self):
        return Vector(types.boolean, self.count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        element = ir.IntType(1) if vector.dtype == types.boolean else _element(vector.dtype)
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def _element(dtype):
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def vector_of(x):
    """The Vector type that goes with an array type or Vector type."""
    if isinstance(x, Vector):
        return x
    if isinstance(x, types.Array) and x.ndim == 1 and x.dtype in (types.float32, types.float64):
        return Vector(x.dtype, BYTES * 8 // x.dtype.bitwidth)
    return None


def _low(vector):
    """The LLVM type of a vector."""
    element = ir.IntType(1) if vector.dtype == types.boolean else _element(vector.dtype)
    return ir.VectorType(element, vector.count)


def _name(vector):
    """As LLVM spells it in the names of its own functions: v16f32."""
    return f"v{vector.count}f{vector.dtype.bitwidth}"


def spread(builder, scalar, count):
    """Instructions: a number in every lane."""
    undefined = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
    return builder.shuffle_vector(
        one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    )


def _operand(context, builder, value, kind, vector):
    """A vector as it is, or a number in every lane."""
    if isinstance(kind, Vector):
        return value
    return spread(builder, context.cast(builder, value, kind, vector.dtype), vector.count)


def address_of(context, builder, array_type, array, index, index_type):
    """Instructions: the address of array[index]."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [context.cast(builder, index, index_type, types.intp)])


# ── memory ───────────────────────────────────────────────────────────────────────────────────────
@intrinsic
def lanes(typing, x):
    """How many numbers a vector of x's dtype holds."""
    count = vector_of(x).count
    return types.intp(x), lambda context, builder, signature, arguments: context.get_constant(
        types.intp, count
    )


def load_at(builder, address, vector, mask=None):
    """Instructions: the vector at that address; with a mask 0 in the other lanes, which are not touched."""
    low, align = _low(vector), vector.dtype.bitwidth // 8
    address = builder.bitcast(address, low.as_pointer())
    if mask is None:
        return builder.load(address, align=align)
    kind = ir.FunctionType(low, [low.as_pointer(), ir.IntType(32), mask.type, low])
    name = f"llvm.masked.load.{_name(vector)}.p0{_name(vector)}"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, [address, ir.IntType(32)(align), mask, ir.Constant(low, None)])


def store_at(builder, address, value, vector, mask=None):
    """Instructions: the vector to that address, all lanes or those of the mask."""
    low, align = _low(vector), vector.dtype.bitwidth // 8
    address = builder.bitcast(address, low.as_pointer())
    if mask is None:
        builder.store(value, address, align=align)
        return
    _store_masked(builder, address, value, _name(vector), align, mask)


def _store_masked(builder, address, value, name, align, mask):
    """Instructions: those lanes of the value to the address; name: LLVM's of the value's type."""
    kind = ir.FunctionType(ir.VoidType(), [value.type, address.type, ir.IntType(32), mask.type])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.{name}.p0{name}")
    if BYTES == 64:
        builder.call(function, [value, address, ir.IntType(32)(align), mask])
        return
    with builder.if_else(_every(builder, mask)) as (whole, some):
        with whole:
            builder.store(value, address, align=align)
        with some:
            builder.call(function, [value, address, ir.IntType(32)(align), mask])


def _every(builder, mask):
    """Instructions: whether the mask holds in all lanes. Then a plain store will do, which before AVX-512 is
    another thing: on Zen 3 a masked one is microcode and takes 13 times as long, NEON has none.
    """
    word = ir.IntType(mask.type.count)
    return builder.icmp_unsigned("==", builder.bitcast(mask, word), word(-1))


def first_lanes(context, builder, n, kind, count):
    """Instructions: the mask of the lanes below n (of Numba type ``kind``)."""
    wide = ir.VectorType(ir.IntType(32), count)
    n = context.cast(builder, n, kind, types.intp)
    top = ir.Constant(n.type, count)  # a larger n must not wrap around in 32 bits
    n = builder.select(builder.icmp_signed("<", n, top), n, top)
    number = ir.Constant(wide, list(range(count)))
    return builder.icmp_signed("<", number, spread(builder, builder.trunc(n, ir.IntType(32)), count))


@intrinsic
def load(typing, x, i):
    """x[i : i + lanes]."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        return load_at(builder, address_of(context, builder, x, arguments[0], arguments[1], i), vector)

    return vector(x, i), generate


@intrinsic
def store(typing, x, i, v):
    """x[i : i + lanes] = v."""

    def generate(context, builder, signature, arguments):
        store_at(builder, address_of(context, builder, x, arguments[0], arguments[1], i), arguments[2], v)
        return context.get_dummy_value()

    return types.void(x, i, v), generate


def _lines(context, builder, x, i, i_kind, step, step_kind, arrays_kind, count):
    """Instructions: the addresses of x[i], x[i + step], …: count of them."""
    first = address_of(context, builder, arrays_kind, x, i, i_kind)
    step = context.cast(builder, step, step_kind, types.intp)
    return [builder.gep(first, [builder.mul(step, ir.Constant(step.type, n))]) for n in range(count)]


@intrinsic(prefer_literal=True)
def load_rows(typing, x, i, step, count):
    """The vectors that start at x[i], x[i + step], …, a tuple of count (a plain number in the source)."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    vector = vector_of(x)
    kind = types.UniTuple(vector, count.literal_value)

    def generate(context, builder, signature, arguments):
        lines = _lines(context, builder, arguments[0], arguments[1], i, arguments[2], step, x, len(kind))
        return context.make_tuple(builder, kind, [load_at(builder, line, vector) for line in lines])

    return kind(x, i, step, count), generate


@intrinsic
def store_rows(typing, x, i, step, values):
    """Each vector of the tuple to x[i], x[i + step], …"""

    def generate(context, builder, signature, arguments):
        lines = _lines(context, builder, arguments[0], arguments[1], i, arguments[2], step, x, len(values))
        for n, line in enumerate(lines):
            store_at(builder, line, builder.extract_value(arguments[3], n), values.dtype)
        return context.get_dummy_value()

    return types.void(x, i, step, values), generate


@intrinsic
def load_part(typing, x, i, n):
    """The first n of x[i : i + lanes], and 0 in the lanes from n on; memory behind them is not touched."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        address = address_of(context, builder, x, arguments[0], arguments[1], i)
        return load_at(builder, address, vector, first_lanes(context, builder, arguments[2], n, vector.count))

    return vector(x, i, n), generate


@intrinsic
def load_pair(typing, x, i):
    """x[i : i + 2 lanes] as one value."""
    pair = _pair_of(x)

    def generate(context, builder, signature, arguments):
        return load_at(builder, address_of(context, builder, x, arguments[0], arguments[1], i), pair)

    return pair(x, i), generate


@intrinsic
def load_pair_part(typing, x, i, n):
    """The first n of them, as ``load_part``."""
    pair = _pair_of(x)

    def generate(context, builder, signature, arguments):
        address = address_of(context, builder, x, arguments[0], arguments[1], i)
        return load_at(builder, address, pair, first_lanes(context, builder, arguments[2], n, pair.count))

    return pair(x, i, n), generate


def _pair_of(x):
    """The type of two vectors side by side."""
    vector = vector_of(x)
    return Vector(vector.dtype, 2 * vector.count)


@intrinsic
def store_part(typing, x, i, v, n):
    """The first n lanes of v to x[i : i + n]; nothing else is written."""

    def generate(context, builder, signature, arguments):
        address = address_of(context, builder, x, arguments[0], arguments[1], i)
        store_at(builder, address, arguments[2], v, first_lanes(context, builder, arguments[3], n, v.count))
        return context.get_dummy_value()

    return types.void(x, i, v, n), generate


@intrinsic
def store_whole(typing, x, i, v, n):
    """The first n lanes of v, rounded towards zero, to x[i : i + n]: x of int64, |v| below 2³¹."""

    def generate(context, builder, signature, arguments):
        near, far = (ir.VectorType(ir.IntType(bits), v.count) for bits in (32, 64))
        whole = builder.sext(builder.fptosi(arguments[2], near), far)
        address = builder.bitcast(address_of(context, builder, x, *arguments[:2], i), far.as_pointer())
        mask = first_lanes(context, builder, arguments[3], n, v.count)
        _store_masked(builder, address, whole, f"v{v.count}i64", 8, mask)
        return context.get_dummy_value()

    return types.void(x, i, v, n), generate


@intrinsic
def gather(typing, x, i, step):
    """x[i], x[i + step], x[i + 2·step], …: lanes of them."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        first = address_of(context, builder, x, arguments[0], arguments[1], i)
        stride = context.cast(builder, arguments[2], step, types.intp)
        result = ir.Constant(_low(vector), ir.Undefined)
        for lane in range(vector.count):
            at = builder.gep(first, [builder.mul(stride, ir.Constant(stride.type, lane))])
            result = builder.insert_element(result, builder.load(at), ir.IntType(32)(lane))
        return result

    return vector(x, i, step), generate


@intrinsic
def prefetch(typing, x, i):
    """Bring the line of cache around x[i] near; i may lie outside x, where nothing happens."""

    def generate(context, builder, signature, arguments):
        number, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        address = address_of(context, builder, x, arguments[0], arguments[1], i)
        # to read, moderately near (the second cache), data
        near = [number(0), number(2), number(1)]
        builder.call(function, [builder.bitcast(address, byte), *near])
        return context.get_dummy_value()

    return types.void(x, i), generate


@intrinsic
def below(typing, x, n):
    """The mask that holds in the first n lanes of a vector of x's dtype."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        return first_lanes(context, builder, arguments[1], n, vector.count)

    return vector.mask(x, n), generate


@intrinsic
def splat(typing, x, s):
    """The number s in every lane of a vector of x's dtype."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        return _operand(context, builder, arguments[1], s, vector)

    return vector(x, s), generate


def borrowed(context, builder, kind, value):
    """Instructions: the value, with arrays (also those in tuples) that do not know whose memory theirs is."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = ir.Constant(array.meminfo.type, None)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        for i, inner in enumerate(kind.types):
            part = borrowed(context, builder, inner, builder.extract_value(value, i))
            value = builder.insert_value(value, part, i)
    return value


@intrinsic
def bare(typing, x):
    """The array x (or tuple of arrays), whose users nobody counts: of an argument, which its caller holds.

    Numba counts an array's users at every call with it, also where the call is inlined and has a branch:
    two calls and a spilled register or thirty, in the midst of a loop.
    """

    def generate(context, builder, signature, arguments):
        return borrowed(context, builder, x, arguments[0])

    return x(x), generate


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────
def _binary_code(instruction, compare=False):
    """(a, b) → signature and code of an instruction on vectors; one of the two may be a number."""

    def generator(a, b):
        vector = a if isinstance(a, Vector) else b

        def generate(context, builder, signature, arguments):
            a_low = _operand(context, builder, arguments[0], a, vector)
            b_low = _operand(context, builder, arguments[1], b, vector)
            return instruction(builder, a_low, b_low)

        return (vector.mask if compare else vector)(a, b), generate

    return generator


def _binary(instruction):
    """An intrinsic of two operands, one of which may be a number."""
    generator = _binary_code(instruction)
    return intrinsic(lambda typing, a, b: generator(a, b))


def _give(symbol, generator, *accepted):
    """Give vectors the operator: its type and its code, no function of its own (which takes time)."""

    def suits(*kinds):
        return any(all(map(isinstance, kinds, classes)) for classes in accepted)

    @type_callable(symbol)
    def typer(context):
        if len(accepted[0]) == 1:
            return lambda a: generator(a)[0].return_type if suits(a) else None
        return lambda a, b: generator(a, b)[0].return_type if suits(a, b) else None

    def code(context, builder, signature, arguments):
        return generator(*signature.args)[1](context, builder, signature, arguments)

    for classes in accepted:
        lower_builtin(symbol, *classes)(code)


def _operator(symbol, instruction, compare=False):
    """Give vectors the operator of two, one of which may be a number."""
    either = (Vector, Vector), (Vector, types.Number), (types.Number, Vector)
    _give(symbol, _binary_code(instruction, compare), *either)


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))
for _symbol, _sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "==")):
    _operator(
        getattr(operator, _symbol),
        lambda builder, a, b, sign=_sign: builder.fcmp_ordered(sign, a, b),
        compare=True,
    )
_operator(operator.ne, lambda builder, a, b: builder.fcmp_unordered("!=", a, b), compare=True)


def _mask_operator(symbol, instruction):
    def generator(a, b):
        return a(a, b), lambda context, builder, signature, arguments: instruction(builder, *arguments)

    _give(symbol, generator, (Vector, Vector))


_mask_operator(operator.and_, lambda builder, a, b: builder.and_(a, b))
_mask_operator(operator.or_, lambda builder, a, b: builder.or_(a, b))


def _llvm(name, arity):
    """An intrinsic that is one LLVM function of vectors (numbers among the operands are spread)."""

    def generator(*kinds):
        vector = next(k for k in kinds if isinstance(k, Vector))

        def generate(context, builder, signature, arguments):
            low = _low(vector)
            operands = [
                _operand(context, builder, v, k, vector) for v, k in zip(arguments, kinds, strict=True)
            ]
            kind = ir.FunctionType(low, [low] * arity)
            function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.{_name(vector)}")
            return builder.call(function, operands)

        return vector(*kinds), generate

    if arity == 1:
        return intrinsic(lambda typing, a: generator(a))
    if arity == 2:
        return intrinsic(lambda typing, a, b: generator(a, b))
    return intrinsic(lambda typing, a, b, c: generator(a, b, c))


fma = _llvm("fma", 3)
sqrt = _llvm("sqrt", 1)
rint = _llvm("rint", 1)
absolute = _llvm("fabs", 1)
copysign = _llvm("copysign", 2)
_give(
    operator.neg,
    lambda a: (a(a), lambda context, builder, signature, arguments: builder.fneg(arguments[0])),
    (Vector,),
)
maximum = _binary(lambda builder, a, b: larger_of(builder, a, b))
minimum = _binary(lambda builder, a, b: smaller_of(builder, a, b))


@intrinsic
def where(typing, mask, a, b):
    """a in the lanes where the mask holds, b in the others; one of them may be a number."""
    vector = a if isinstance(a, Vector) else b

    def generate(context, builder, signature, arguments):
        a_low = _operand(context, builder, arguments[1], a, vector)
        b_low = _operand(context, builder, arguments[2], b, vector)
        return builder.select(arguments[0], a_low, b_low)

    return vector(mask, a, b), generate


def _power(builder, whole, fraction, bias, low):
    """Instructions: 2ⁿ for a vector of integers n, by writing the exponent's bits."""
    constant = lambda number: ir.Constant(whole.type, [number] * whole.type.count)  # noqa: E731
    return builder.bitcast(builder.shl(builder.add(whole, constant(bias)), constant(fraction)), low)


@intrinsic
def power_of_two(typing, n):
    """2ⁿ: n whole, −126 ≤ n ≤ 127 (float32) or −1022 ≤ n ≤ 1023 (float64)."""

    def generate(context, builder, signature, arguments):
        bits, fraction, bias = (32, 23, 127) if n.dtype == types.float32 else (64, 52, 1023)
        whole = builder.fptosi(arguments[0], ir.VectorType(ir.IntType(bits), n.count))
        return _power(builder, whole, fraction, bias, _low(n))

    return n(n), generate


@intrinsic
def ldexp(typing, v, n):
    """v · 2ⁿ, n whole: one instruction of AVX-512; else two products, as 2ⁿ alone may not be a number."""

    def generate(context, builder, signature, arguments):
        low = _low(v)
        if v.dtype == types.float32 and v.count == 16 and "+avx512f" in _features():
            kind = ir.FunctionType(low, [low, low, low, ir.IntType(16), ir.IntType(32)])
            name = "llvm.x86.avx512.mask.scalef.ps.512"
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            all_lanes, rounding_as_set = ir.IntType(16)(-1), ir.IntType(32)(4)
            return builder.call(function, [*arguments, arguments[0], all_lanes, rounding_as_set])
        bits, fraction, bias = (32, 23, 127) if v.dtype == types.float32 else (64, 52, 1023)
        whole = builder.fptosi(arguments[1], ir.VectorType(ir.IntType(bits), v.count))
        half = builder.ashr(whole, ir.Constant(whole.type, [1] * v.count))
        for part in (half, builder.sub(whole, half)):
            arguments = [builder.fmul(arguments[0], _power(builder, part, fraction, bias, low))]
        return arguments[0]

    return v(v, n), generate


@intrinsic
def shift_exponent(typing, v, n):
    """v · 2ⁿ, n whole, where v and the result are normal numbers: n is added to the exponent's bits."""

    def generate(context, builder, signature, arguments):
        bits, fraction = (32, 23) if v.dtype == types.float32 else (64, 52)
        whole = ir.VectorType(ir.IntType(bits), v.count)
        shift = builder.shl(builder.fptosi(arguments[1], whole), ir.Constant(whole, [fraction] * v.count))
        return builder.bitcast(builder.add(builder.bitcast(arguments[0], whole), shift), _low(v))

    return v(v, n), generate


@intrinsic
def mantissa(typing, v):
    """m of v = m · 2ᵉ with 1 ≤ m < 2, for positive normal v."""

    def generate(context, builder, signature, arguments):
        bits, fraction, bias = (32, 23, 127) if v.dtype == types.float32 else (64, 52, 1023)
        whole = ir.VectorType(ir.IntType(bits), v.count)
        raw = builder.bitcast(arguments[0], whole)
        raw = builder.and_(raw, ir.Constant(whole, [(1 << fraction) - 1] * v.count))
        raw = builder.or_(raw, ir.Constant(whole, [bias << fraction] * v.count))
        return builder.bitcast(raw, _low(v))

    return v(v), generate


@intrinsic
def exponent(typing, v):
    """e of v = m · 2ᵉ with 1 ≤ m < 2, as a vector of floats, for positive normal v."""

    def generate(context, builder, signature, arguments):
        bits, fraction, bias = (32, 23, 127) if v.dtype == types.float32 else (64, 52, 1023)
        whole = ir.VectorType(ir.IntType(bits), v.count)
        raw = builder.lshr(builder.bitcast(arguments[0], whole), ir.Constant(whole, [fraction] * v.count))
        return builder.sitofp(builder.sub(raw, ir.Constant(whole, [bias] * v.count)), _low(v))

    return v(v), generate


# ── between vectors ──────────────────────────────────────────────────────────────────────────────
def turned(builder, rows, count):
    """Instructions: ``count`` vectors of ``count`` lanes, transposed.

    Stage by stage, blocks of 1, 2, 4, … lanes change places across the diagonal (Eklundh, 1972).
    """
    rows, size = list(rows), 1
    while size < count:
        low = [lane if not lane & size else lane - size + count for lane in range(count)]
        high = [lane + size if not lane & size else lane + count for lane in range(count)]
        kind = ir.VectorType(ir.IntType(32), count)
        for i in (i for i in range(count) if not i & size):
            a, b = rows[i], rows[i + size]
            rows[i] = builder.shuffle_vector(a, b, ir.Constant(kind, low))
            rows[i + size] = builder.shuffle_vector(a, b, ir.Constant(kind, high))
        size *= 2
    return rows


@intrinsic
def transpose(typing, x, i, x_row, rows, y, j, y_row, whole=False):
    """y[j + q·y_row + p] = x[i + p·x_row + q] for p < rows ≤ lanes, q < lanes: a block, turned.

    whole    whole vectors are stored, in the order of q: where y is written from its start to its end, what
             comes next covers the lanes from ``rows`` on, and no store needs a mask
    """
    vector = vector_of(x)
    whole = types.Omitted(False) if whole is False else whole

    def generate(context, builder, signature, arguments):
        source = address_of(context, builder, x, arguments[0], arguments[1], i)
        target = address_of(context, builder, y, arguments[4], arguments[5], j)
        x_step = context.cast(builder, arguments[2], x_row, types.intp)
        y_step = context.cast(builder, arguments[6], y_row, types.intp)
        known = context.cast(builder, arguments[3], rows, types.intp)
        lines = []
        for p in range(vector.count):  # in place of a row that is not there the first is read, and not kept
            number = ir.Constant(known.type, p)
            there = builder.icmp_signed("<", number, known)
            number = builder.select(there, number, ir.Constant(known.type, 0))
            lines.append(load_at(builder, builder.gep(source, [builder.mul(x_step, number)]), vector))
        mask = first_lanes(context, builder, known, types.intp, vector.count)
        columns = turned(builder, lines, vector.count)
        places = [builder.gep(target, [builder.mul(y_step, y_step.type(q))]) for q in range(vector.count)]
        full = builder.icmp_signed("==", known, known.type(vector.count))
        if not isinstance(whole, types.Omitted):
            full = builder.or_(full, context.cast(builder, arguments[7], whole, types.boolean))
        with builder.if_else(full) as (all_lanes, some):
            with all_lanes:
                for place, column in zip(places, columns, strict=True):
                    store_at(builder, place, column, vector)
            with some:
                for place, column in zip(places, columns, strict=True):
                    store_at(builder, place, column, vector, mask)
        return context.get_dummy_value()

    return types.void(x, i, x_row, rows, y, j, y_row, whole), generate


def chosen(builder, a, b, numbers):
    """Instructions: those lanes of a followed by b."""
    kind = ir.VectorType(ir.IntType(32), len(numbers))
    return builder.shuffle_vector(a, b, ir.Constant(kind, list(numbers)))


def interleaved(builder, a, b, count):
    """Instructions: a₀ b₀ a₁ b₁ …, as two vectors."""
    order = [lane // 2 + lane % 2 * count for lane in range(2 * count)]
    return chosen(builder, a, b, order[:count]), chosen(builder, a, b, order[count:])


def _pair(two):
    """(a, b) → two vectors."""

    @intrinsic
    def apply(typing, a, b):
        kind = types.UniTuple(a, 2)

        def generate(context, builder, signature, arguments):
            return context.make_tuple(builder, kind, two(builder, *arguments, a.count))

        return kind(a, b), generate

    return apply


interleave = _pair(interleaved)
deinterleave = _pair(
    lambda builder, a, b, count: [chosen(builder, a, b, range(first, 2 * count, 2)) for first in (0, 1)]
)


@intrinsic
def turn_quads(typing, a, b, c, d):
    """Four vectors; in each quarter of 4 lanes their 4 × 4 numbers change rows for columns.

    Nothing leaves its 128 bits: a single cheap instruction for each shuffle, which others are not on AVX2.
    """
    kind = types.UniTuple(a, 4)

    def generate(context, builder, signature, arguments):
        def mixed(x, y, order):
            lanes = [q + lane % 4 + lane // 4 * a.count for q in range(0, a.count, 4) for lane in order]
            return chosen(builder, x, y, lanes)

        a0, b0, c0, d0 = arguments
        low, high, low2, high2 = (0, 4, 1, 5), (2, 6, 3, 7), (0, 1, 4, 5), (2, 3, 6, 7)
        ab, ab2, cd, cd2 = mixed(a0, b0, low), mixed(a0, b0, high), mixed(c0, d0, low), mixed(c0, d0, high)
        turned = [mixed(x, y, order) for x, y in ((ab, cd), (ab2, cd2)) for order in (low2, high2)]
        return context.make_tuple(builder, kind, turned)

    return kind(a, b, c, d), generate


@intrinsic
def widen(typing, v):
    """The first half of the lanes and the second half, as two vectors of float64."""
    count = v.count // 2
    kind = types.UniTuple(Vector(types.float64, count), 2)

    def generate(context, builder, signature, arguments):
        parts = [chosen(builder, arguments[0], arguments[0], range(n, n + count)) for n in (0, count)]
        return context.make_tuple(builder, kind, [builder.fpext(part, _low(kind.dtype)) for part in parts])

    return kind(v), generate


# ── across the lanes ─────────────────────────────────────────────────────────────────────────────
def halves(builder, value, count, instruction):
    """Instructions: the lanes folded, upper half onto lower, until one is left."""
    while count > 1:
        count //= 2
        half = ir.VectorType(ir.IntType(32), count)
        undefined = ir.Constant(value.type, ir.Undefined)
        low = builder.shuffle_vector(value, undefined, ir.Constant(half, list(range(count))))
        high = builder.shuffle_vector(value, undefined, ir.Constant(half, list(range(count, 2 * count))))
        value = instruction(builder, low, high)
    return builder.extract_element(value, ir.IntType(32)(0))


def _fold(instruction):
    """v → one number."""

    @intrinsic
    def fold(typing, v):
        def generate(context, builder, signature, arguments):
            return halves(builder, arguments[0], v.count, instruction)

        return v.dtype(v), generate

    return fold


def sum_of(builder, a, b):
    """Instructions: a + b."""
    return builder.fadd(a, b)


def larger_of(builder, a, b):
    """The larger; NaN if one of the two is."""
    a_wins = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("uno", a, a))
    return builder.select(a_wins, a, b)


def smaller_of(builder, a, b):
    """The smaller; NaN if one of the two is."""
    a_wins = builder.or_(builder.fcmp_ordered("<", a, b), builder.fcmp_unordered("uno", a, a))
    return builder.select(a_wins, a, b)


total = _fold(sum_of)
largest = _fold(larger_of)
