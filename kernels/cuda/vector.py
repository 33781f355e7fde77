"""What a device does in one instruction and Python does not say: 128-bit loads and stores, high products.

    load4(x, at)              x[at], x[at + 1], x[at + 2], x[at + 3]
    store4(x, at, a, b, c, d) the converse
    high(a, b)                ⌊a · b / 2⁶⁴⌋

Memory is moved in transactions of 16 bytes a thread at most. Numba has no arrays of vector types, so the
two intrinsics write the LLVM instruction themselves: for float32 one load of ``<4 x float>``, for float64 two
of ``<2 x double>``. The address must be a multiple of 16 bytes; who calls has made sure of it, and the
simulator checks it.

Shared memory is as aligned as its dtype; so tiles are declared complex128 (16 bytes) and viewed as T.
"""

from .launch import SIMULATOR

__all__ = ["high", "load4", "store4"]

if SIMULATOR:
    import numpy as np

    def _check(x, at):
        array = np.asarray(getattr(x, "_ary", x))
        address = array.ctypes.data + int(at) * array.itemsize
        if address % 16 or not 0 <= at <= array.size - 4:
            raise IndexError(
                f"four entries from {at} of {array.size}: outside, or not at a multiple of 16 bytes"
            )
        return array

    def load4(x, at):
        """Entries at … at + 3."""
        return tuple(_check(x, at)[at : at + 4])

    def store4(x, at, a, b, c, d):
        """x[at … at + 3] = a, b, c, d."""
        _check(x, at)[at : at + 4] = a, b, c, d

    def high(a, b):
        """The upper 64 bits of the product of two 64-bit integers."""
        return int(a) * int(b) >> 64

else:
    from llvmlite import ir
    from numba.core import types
    from numba.cuda import libdevice
    from numba.cuda.extending import intrinsic

    high = libdevice.mul64hi

    def _vectors(context, builder, array_type, array, at):
        """Pointers to the 16-byte pieces of four entries, and how many entries a piece has."""
        item = context.get_data_type(array_type.dtype)
        per = 16 // context.get_abi_sizeof(item)
        pointer = builder.gep(context.make_array(array_type)(context, builder, array).data, [at])
        vector = ir.VectorType(item, per)
        pointer = builder.bitcast(pointer, vector.as_pointer(pointer.type.addrspace))
        pieces = [builder.gep(pointer, [ir.Constant(ir.IntType(32), i)]) for i in range(4 // per)]
        return pieces, vector, per

    def _lane(i):
        return ir.Constant(ir.IntType(32), i)

    @intrinsic
    def load4(typing, x, at):
        """Entries at … at + 3."""

        def codegen(context, builder, signature, arguments):
            pieces, _, per = _vectors(context, builder, signature.args[0], *arguments)
            loaded = [builder.load(piece, align=16) for piece in pieces]
            entries = [builder.extract_element(v, _lane(i)) for v in loaded for i in range(per)]
            return context.make_tuple(builder, signature.return_type, entries)

        return types.UniTuple(x.dtype, 4)(x, types.int64), codegen

    @intrinsic
    def store4(typing, x, at, a, b, c, d):
        """x[at … at + 3] = a, b, c, d."""

        def codegen(context, builder, signature, arguments):
            pieces, vector, per = _vectors(context, builder, signature.args[0], *arguments[:2])
            for n, piece in enumerate(pieces):
                value = ir.Constant(vector, ir.Undefined)
                for i in range(per):
                    value = builder.insert_element(value, arguments[2 + n * per + i], _lane(i))
                builder.store(value, piece, align=16)
            return context.get_dummy_value()

        return types.void(x, types.int64, *(x.dtype,) * 4), codegen
