"""The tile of ``microkernels.py`` as a function of its own: for any strides, and for fewer rows and columns.

A product of matrices calls it from one place; it is compiled once, and its edges cost no code. (``tile`` is
written out wherever it stands, for strides known there.)

On AVX-512 it is 8 × 3 vectors: 11 loads for 24 multiply-adds, where 12 × 2 takes 14. B is asked for some rows
ahead: panels lie in the second cache. Every row of A has an address in a register of its own, so that A may
lie as it likes; left to itself the compiler adds strides up, a chain through each step.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import simd
from .microkernels import Matrix, masks_of, outer_products
from .simd import _name, address_of, vector_of

__all__ = ["AHEAD", "COLUMNS", "FEW", "ROWS", "VECTORS", "shared_tile"]

ROWS, VECTORS = {64: (8, 3), 32: (6, 2), 16: (6, 4), 0: (1, 1)}[simd.BYTES]
"""Size of the tile that fits the registers."""

COLUMNS = VECTORS * simd.LANES
"""Columns of such a tile for float32."""

AHEAD = 8
"""Rows of B that are asked for before their turn; twice as many by a tile of FEW rows."""

FEW = 2
"""Rows of the tile for products of a row or two."""


@intrinsic(prefer_literal=True)
def shared_tile(
    typing, rows, vectors, a, a_start, a_row, a_column, b, b_start, b_row, c, c_start, c_row, depth, add,
    height, width,
):  # fmt: skip
    """C[i, j] (+)= Σ_p A[i, p] · B[p, j] as ``tile``, 0 ≤ i < height, 0 ≤ j < width.

    height   how many of the rows exist (at least 1): in place of the others the last is computed again
    width    how many of the columns exist, or None: all
    """
    if not (isinstance(rows, types.IntegerLiteral) and isinstance(vectors, types.IntegerLiteral)):
        return None
    m, n, vector, part = rows.literal_value, vectors.literal_value, vector_of(b), width != types.none
    kinds = (
        rows, vectors, a, a_start, a_row, a_column, b, b_start, b_row, c, c_start, c_row, depth, add,
        height, width,
    )  # fmt: skip

    def generate(context, builder, signature, values):
        def address(n):
            return address_of(context, builder, kinds[n], values[n], values[n + 1], kinds[n + 1])

        def number(n, kind=types.intp):
            return context.cast(builder, values[n], kinds[n], kind)

        arguments = [address(2), number(4), number(5), address(6), number(8), address(9), number(11)]
        arguments += [number(12), number(13, types.boolean), number(14)]
        arguments += [number(15)] if part else []
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in arguments])
        name = f"tile.{m}.{n}.{_name(vector)}.{part}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        if function.is_declaration:
            function.linkage = "internal"
            function.attributes.add("noinline")
            _write(context, function, m, n, vector)
        builder.call(function, arguments)
        return context.get_dummy_value()

    return types.void(*kinds), generate


def _write(context, function, m, n, vector):
    """The body of the function."""
    builder = ir.IRBuilder(function.append_basic_block())
    a, a_row, a_column, b, b_row, c, c_row, depth, add, height, *width = function.args
    last = builder.sub(height, height.type(1))
    rows = [
        builder.select(builder.icmp_signed("<", last.type(i), last), last.type(i), last) for i in range(m)
    ]
    masks = masks_of(context, builder, width[0], n, vector) if width else [None] * n
    left = _Apart(builder, Matrix(builder, a, [a_row, a_column]), rows)
    right, out = Matrix(builder, b, [b_row]), Matrix(builder, c, [c_row])
    outer_products(
        builder, vector, rows, masks, left, right, out, depth, add, 2 * AHEAD if m <= FEW else AHEAD
    )
    builder.ret_void()


class _Apart:
    """An operand of which every row has an address of its own, about which the compiler knows nothing."""

    def __init__(self, builder, matrix, rows):
        self.builder, self.matrix, self.word = builder, matrix, matrix.word
        self.lines = {i: self._hidden(builder.gep(matrix.base, [matrix.offset(i)])) for i in rows}

    def _hidden(self, value):
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.call(ir.InlineAsm(kind, "", "=r,0"), [value])

    def column(self, p):
        """The function i → address of the entry of row i in column p."""
        offset = self.matrix.offset(p, 1)
        return lambda i: self.builder.gep(self.lines[i], [offset])
