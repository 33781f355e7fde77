"""Entries of small tables picked by half bytes and added, 32 rows at a time: one instruction looks 16 up.

    mask = pick_sums(codes, i, pairs, table, least, sums)

is the loop of a fast scan (André, Kermarrec & Le Scouarnec, Cache Locality Is Not Enough, VLDB 2015): a table
of 16 bytes fits a register, and the instruction that shuffles bytes (AVX2 vpshufb, NEON tbl) looks up as many
codes at once as it has bytes. Sums are kept as 16-bit numbers without widening any byte: one register adds up
pairs of neighbouring rows as they lie, another their upper halves; at the end the one is freed of the other.

Where the machine has no such instruction the same sums are added one by one.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.cpython.unsafe.numbers import trailing_zeros
from numba.extending import intrinsic

from ..jit import njit
from . import simd
from .microkernels import _loop

__all__ = ["MOST", "ROWS", "lowest", "pick_sums"]

ROWS = 32
"""Rows of a block, for any machine."""

MOST = 256
"""Bytes that may be added: their sum has 16 bits."""


def _shuffle():
    """(bytes of a register, LLVM's name of the instruction that picks bytes of one by the other); or None."""
    have = simd._features() if simd.BYTES else set()
    if simd.BYTES >= 32 and "+avx2" in have:
        return 32, "llvm.x86.avx2.pshuf.b"
    if "+ssse3" in have:
        return 16, "llvm.x86.ssse3.pshuf.b.128"
    if "+neon" in have:
        return 16, "llvm.aarch64.neon.tbl1.v16i8"
    return None


_SHUFFLE = _shuffle()


if _SHUFFLE is None:

    @njit
    def pick_sums(codes, i, pairs, table, least, sums):
        mask = 0
        for row in range(ROWS):
            total = 0
            for p in range(pairs):
                code = int(codes[i + p * ROWS + row])
                total += int(table[32 * p + code % 16]) + int(table[32 * p + 16 + code // 16])
            sums[row] = total
            mask |= int(total >= least) << row
        return mask

    @njit
    def lowest(mask):
        row = 0
        while mask >> row & 1 == 0:
            row += 1
        return row

else:

    @intrinsic
    def pick_sums(typing, codes, i, pairs, table, least, sums):
        """sums[r] = Σ_p table[32 p + c % 16] + table[32 p + 16 + c // 16], c = codes[i + 32 p + r], r < 32.

        codes, table (bytes), sums (32 numbers of 16 bits): flat arrays; pairs: at most MOST / 2
        → the rows whose sum is at least ``least`` (0 … 65535), bit r for row r
        """
        kinds = codes, i, pairs, table, least, sums

        def generate(context, builder, signature, values):
            def data(n):
                return context.make_array(kinds[n])(context, builder, values[n]).data

            start = builder.gep(data(0), [context.cast(builder, values[1], i, types.intp)])
            count = context.cast(builder, values[2], pairs, types.intp)
            limit = builder.trunc(context.cast(builder, values[4], least, types.intp), ir.IntType(16))
            return _sums(builder, start, count, data(3), limit, data(5))

        return types.int64(*kinds), generate

    @njit
    def lowest(mask):
        """The number of the lowest bit that is set, of a mask other than 0."""
        return trailing_zeros(mask)


def _sums(builder, codes, count, table, limit, sums):
    """Instructions of ``pick_sums``."""
    width, name = _SHUFFLE
    byte, word = ir.IntType(8), ir.IntType(16)
    bytes_, words = ir.VectorType(byte, width), ir.VectorType(word, width // 2)
    kind = ir.FunctionType(bytes_, [bytes_, bytes_])
    pick = cgutils.get_or_insert_function(builder.module, kind, name)
    parts = ROWS // width
    half, eight = ir.Constant(bytes_, [4] * width), ir.Constant(words, [8] * (width // 2))
    lower = ir.Constant(bytes_, [15] * width)

    def at(base, offset, kind):
        return builder.bitcast(builder.gep(base, [offset]), kind.as_pointer())

    def body(p, carried):
        first = builder.mul(p, p.type(ROWS))
        pair = []
        for side in (0, 16):
            small = builder.load(
                at(table, builder.add(first, p.type(side)), ir.VectorType(byte, 16)), align=1
            )
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), width), [n % 16 for n in range(width)])
            pair.append(builder.shuffle_vector(small, small, lanes))
        result = []
        for n in range(parts):
            code = builder.load(at(codes, builder.add(first, p.type(n * width)), bytes_), align=1)
            whole, upper = carried[2 * n : 2 * n + 2]
            for small, chosen in zip(
                pair, (builder.and_(code, lower), builder.lshr(code, half)), strict=True
            ):
                found = builder.bitcast(builder.call(pick, [small, chosen]), words)
                whole, upper = builder.add(whole, found), builder.add(upper, builder.lshr(found, eight))
            result += [whole, upper]
        return result

    added = _loop(builder, count, [ir.Constant(words, None)] * (2 * parts), body)
    mask = ir.IntType(64)(0)
    order = [n // 2 + n % 2 * (width // 2) for n in range(width)]
    for n in range(parts):
        whole, upper = added[2 * n : 2 * n + 2]
        even = builder.sub(whole, builder.shl(upper, eight))
        total = builder.shuffle_vector(even, upper, ir.Constant(ir.VectorType(ir.IntType(32), width), order))
        builder.store(total, at(sums, ir.IntType(64)(n * width), total.type), align=2)
        least = builder.insert_element(ir.Constant(total.type, ir.Undefined), limit, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        least = builder.shuffle_vector(least, least, zeros)
        bits = builder.bitcast(builder.icmp_unsigned(">=", total, least), ir.IntType(width))
        mask = builder.or_(mask, builder.shl(builder.zext(bits, mask.type), mask.type(n * width)))
    return mask
