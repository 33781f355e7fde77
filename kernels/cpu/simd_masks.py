"""More words for vectors: masks that come from memory, and questions to a mask.

    load_or(x, i, n, other)     the first n of x[i], x[i+1], …, ``other`` in the lanes from n on
    flags(b, i, n, like)        a mask from n bytes b[i], b[i+1], … of a bool array; False from n on
    every(mask)                 does it hold in all lanes?

As in ``simd.py`` arrays are flat and indices are not checked; n may be larger than the number of lanes.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .simd import _low, _name, _operand, address_of, first_lanes, vector_of

__all__ = ["every", "flags", "load_or"]


@intrinsic
def load_or(typing, x, i, n, other):
    """The first n of x[i : i + lanes], and ``other`` in the lanes from n on, whose memory is not touched."""
    vector = vector_of(x)

    def generate(context, builder, signature, arguments):
        low, align = _low(vector), vector.dtype.bitwidth // 8
        address = address_of(context, builder, x, arguments[0], arguments[1], i)
        address = builder.bitcast(address, low.as_pointer())
        mask = first_lanes(context, builder, arguments[2], n, vector.count)
        rest = _operand(context, builder, arguments[3], other, vector)
        kind = ir.FunctionType(low, [low.as_pointer(), ir.IntType(32), mask.type, low])
        name = f"llvm.masked.load.{_name(vector)}.p0{_name(vector)}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [address, ir.IntType(32)(align), mask, rest])

    return vector(x, i, n, other), generate


@intrinsic
def flags(typing, b, i, n, like):
    """The mask b[i], b[i + 1], … for vectors like ``like`` (an array or vector); False from n on."""
    vector = vector_of(like)

    def generate(context, builder, signature, arguments):
        byte = ir.VectorType(ir.IntType(8), vector.count)
        address = address_of(context, builder, b, arguments[0], arguments[1], i)
        address = builder.bitcast(address, byte.as_pointer())
        mask = first_lanes(context, builder, arguments[2], n, vector.count)
        kind = ir.FunctionType(byte, [byte.as_pointer(), ir.IntType(32), mask.type, byte])
        name = f"llvm.masked.load.v{vector.count}i8.p0v{vector.count}i8"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        nothing = ir.Constant(byte, None)
        loaded = builder.call(function, [address, ir.IntType(32)(1), mask, nothing])
        return builder.icmp_unsigned("!=", loaded, nothing)

    return vector.mask(b, i, n, like), generate


@intrinsic
def every(typing, mask):
    """Does the mask hold in all lanes?"""

    def generate(context, builder, signature, arguments):
        bits = builder.bitcast(arguments[0], ir.IntType(mask.count))
        return builder.icmp_unsigned("==", bits, ir.Constant(bits.type, -1))

    return types.boolean(mask), generate
