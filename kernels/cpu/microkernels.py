"""Two tiles of a matrix product that live in the registers of one core: everything fast is built of them.

tile      C += A B by outer products: one column of A (numbers, spread) times one row of B (vectors).
          Each loaded vector serves ``rows`` multiplications and each number ``vectors`` of them, so the
          fused multiply-add units never wait: 12 × 2 vectors on AVX-512 keeps 24 accumulators in 32
          registers. This is the inner kernel of Goto & van de Geijn (2008), and of BLIS.
dot_tile  C += A Bᵀ where both lie along the depth: ``rows`` × ``columns`` dot products at once, each
          vector loaded once for several of them. No operand is copied or transposed.

Both are generated as LLVM instructions, one loop with its accumulators as loop-carried values; a compiler
given the same loop in Python spills them to memory. ROWS and VECTORS are the sizes that fit the registers of
this machine.
"""

from functools import partial

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import simd
from .simd import _low, _name, address_of, first_lanes, halves, load_at, spread, store_at, sum_of, vector_of

__all__ = ["COLUMNS", "DOT", "ROWS", "VECTORS", "dot_tile", "tile"]

ROWS, VECTORS = {64: (12, 2), 32: (6, 2), 16: (6, 4), 0: (1, 1)}[simd.BYTES]
"""Size of ``tile`` that fits the registers: 32 of 64 bytes, 16 of 32 bytes, 32 of 16 bytes (NEON)."""

COLUMNS = VECTORS * simd.LANES
"""Columns of such a tile for float32."""

DOT = {64: 4, 32: 3, 16: 4, 0: 1}[simd.BYTES]
"""``dot_tile`` of DOT × DOT fits the registers."""


class Matrix:
    """An operand within generated code: where it starts, and where its rows (and columns) lie from there."""

    def __init__(self, builder, base, strides):
        self.builder, self.base, self.word = builder, base, ir.IntType(64)
        self.steps = [s if callable(s) else partial(builder.mul, s) for s in strides]

    def offset(self, i, axis=0):
        """Entries from the start to the i-th row (axis 0) or column (1); i a number or a generated one."""
        return self.steps[axis](ir.Constant(self.word, i) if isinstance(i, int) else i)

    def column(self, p):
        """The function i → address of the entry of row i in column p."""
        first = self.builder.gep(self.base, [self.offset(p, 1)])
        return lambda i: self.builder.gep(first, [self.offset(i)])


def _matrix(context, builder, kinds, values):
    """The operand given as array, start and strides, each a number or a table (of which [i] is looked up)."""

    def step(value, kind):
        if isinstance(kind, types.Array):
            data = context.make_array(kind)(context, builder, value).data
            return lambda i: builder.load(builder.gep(data, [i]))
        return context.cast(builder, value, kind, types.intp)

    base = address_of(context, builder, kinds[0], values[0], values[1], kinds[1])
    return Matrix(builder, base, list(map(step, values[2:], kinds[2:])))


def _fused(builder, vector):
    """The function a·b + c of vectors."""
    low = _low(vector)
    kind = ir.FunctionType(low, [low] * 3)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{_name(vector)}")


def _prefetch(builder, address, write=1):
    """Have the line of the cache fetched (to be written); nothing waits, and no address is wrong."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(fetch, [builder.bitcast(address, byte), word(write), word(3), word(1)])


def _if(builder, condition, then, otherwise):
    """values = then() if condition else otherwise."""
    before = builder.block
    with builder.if_then(condition):
        values, inside = then(), builder.block
    return _join(builder, values, inside, otherwise, before)


def _join(builder, values, block, others, other):
    """The values if ``block`` was left for here, the others if ``other`` was."""
    results = []
    for a, b in zip(values, others, strict=True):
        phi = builder.phi(a.type)
        phi.add_incoming(a, block)
        phi.add_incoming(b, other)
        results.append(phi)
    return results


def _loop(builder, count, start, body):
    """values = start; for p in range(count): values = body(p, values). The values stay in registers."""
    head = builder.block
    loop, end = builder.append_basic_block("tile.loop"), builder.append_basic_block("tile.end")
    zero = ir.Constant(count.type, 0)
    builder.cbranch(builder.icmp_signed(">", count, zero), loop, end)
    builder.position_at_end(loop)
    p = builder.phi(count.type)
    carried = [builder.phi(v.type) for v in start]
    values = body(p, carried)
    after = builder.add(p, ir.Constant(count.type, 1))
    again = builder.icmp_signed("<", after, count)
    for phi, first, then in zip([p, *carried], [zero, *start], [after, *values], strict=True):
        phi.add_incoming(first, head)
        phi.add_incoming(then, builder.block)
    last = builder.block
    builder.cbranch(again, loop, end)
    builder.position_at_end(end)
    return _join(builder, start, head, values, last)


@intrinsic(prefer_literal=True)
def tile(
    typing,
    rows,
    vectors,
    a,
    a_start,
    a_row,
    a_column,
    b,
    b_start,
    b_row,
    c,
    c_start,
    c_row,
    depth,
    add,
    part,
    ahead=None,
):
    """C[i, j] (+)= Σ_p A[i, p] · B[p, j], 0 ≤ i < rows, 0 ≤ j < vectors · lanes, 0 ≤ p < depth.

    rows, vectors   plain numbers in the source (they decide how many registers are used)
    A[i, p] = a[a_start + i·a_row + p·a_column],  B[p, j] = b[b_start + p·b_row + j],
    C[i, j] = c[c_start + i·c_row + j]; all three arrays flat, of one dtype
    b_row           a stride, or a table of them (int64): B[p, j] = b[b_start + b_row[p] + j]
    add             whether C is added to (True) or overwritten (False)
    part            None, or how many of the columns exist: the others are neither read nor written
    ahead           so many rows of B (a plain number) are fetched before their turn; for a B farther away
                    than the second cache, whose lines the processor does not foresee soon enough
    """
    ahead = types.Omitted(None) if ahead is None else ahead
    if not (isinstance(rows, types.IntegerLiteral) and isinstance(vectors, types.IntegerLiteral)):
        return None
    m, n = rows.literal_value, vectors.literal_value
    vector = vector_of(b)
    kinds = (
        rows,
        vectors,
        a,
        a_start,
        a_row,
        a_column,
        b,
        b_start,
        b_row,
        c,
        c_start,
        c_row,
        depth,
        add,
        part,
        ahead,
    )

    def generate(context, builder, signature, values):
        left = _matrix(context, builder, kinds[2:6], values[2:6])
        right = _matrix(context, builder, kinds[6:9], values[6:9])
        out = _matrix(context, builder, kinds[9:12], values[9:12])
        masks = [None] * n
        if part != types.none:
            masks = masks_of(context, builder, context.cast(builder, values[14], part, types.intp), n, vector)
        count = context.cast(builder, values[12], depth, types.intp)
        adds = context.cast(builder, values[13], add, types.boolean)
        if isinstance(add, types.BooleanLiteral):
            adds = add.literal_value
        early = ahead.literal_value if isinstance(ahead, types.IntegerLiteral) else 0
        outer_products(builder, vector, range(m), masks, left, right, out, count, adds, early)
        return context.get_dummy_value()

    return types.void(*kinds), generate


def masks_of(context, builder, columns, n, vector):
    """For n vectors, which of their lanes are among the first ``columns``."""
    left = [builder.sub(columns, ir.Constant(columns.type, j * vector.count)) for j in range(n)]
    return [first_lanes(context, builder, x, types.intp, vector.count) for x in left]


def outer_products(builder, vector, rows, masks, left, right, out, count, add, ahead):
    """Instructions of ``tile``. rows: their numbers; masks: one, or None, for each vector of columns."""
    m, n = len(rows), len(masks)
    wide = [ir.Constant(left.word, j * vector.count) for j in range(n)]
    where = [[builder.gep(builder.gep(out.base, [out.offset(i)]), [w]) for w in wide] for i in rows]
    fused = _fused(builder, vector)

    def step(p, sums):
        line = builder.gep(right.base, [right.offset(p)])
        lines = [
            load_at(builder, builder.gep(line, [w]), vector, mask)
            for w, mask in zip(wide, masks, strict=True)
        ]
        if ahead:
            later = builder.gep(right.base, [right.offset(builder.add(p, ir.Constant(p.type, ahead)))])
            for w in wide:
                _prefetch(builder, builder.gep(later, [w]), write=0)
        column = left.column(p)
        result = []
        for i, row in enumerate(rows):
            number = spread(builder, builder.load(column(row)), vector.count)
            result += [builder.call(fused, [number, lines[j], sums[i * n + j]]) for j in range(n)]
        return result

    for place in (place for line in where for place in line):
        _prefetch(builder, place)
    sums = _loop(builder, count, [ir.Constant(_low(vector), None)] * (m * n), step)

    def added():
        held = [load_at(builder, where[i][j], vector, masks[j]) for i in range(m) for j in range(n)]
        return [builder.fadd(x, y) for x, y in zip(held, sums, strict=True)]

    if isinstance(add, bool):
        sums = added() if add else sums
    else:
        sums = _if(builder, add, added, sums)
    for i in range(m):
        for j in range(n):
            store_at(builder, where[i][j], sums[i * n + j], vector, masks[j])


@intrinsic(prefer_literal=True)
def dot_tile(typing, rows, columns, a, a_start, a_row, b, b_start, b_row, c, c_start, c_row, depth, add):
    """C[i, j] (+)= Σ_p A[i, p] · B[j, p], 0 ≤ i < rows, 0 ≤ j < columns, 0 ≤ p < depth (any depth).

    rows, columns, add   plain values in the source, as in ``tile``
    A[i, p] = a[a_start + i·a_row + p],  B[j, p] = b[b_start + j·b_row + p],
    C[i, j] = c[c_start + i·c_row + j]; b_row (and a_row) a stride, or a table of them as in ``tile``
    The lanes of a vector are partial sums; they are added, in halves, at the end.
    """
    if not (isinstance(rows, types.IntegerLiteral) and isinstance(columns, types.IntegerLiteral)):
        return None
    if not isinstance(add, types.BooleanLiteral):
        return None
    m, n = rows.literal_value, columns.literal_value
    vector = vector_of(b)
    kinds = (rows, columns, a, a_start, a_row, b, b_start, b_row, c, c_start, c_row, depth, add)

    def generate(context, builder, signature, values):
        left = _matrix(context, builder, kinds[2:5], values[2:5])
        right = _matrix(context, builder, kinds[5:8], values[5:8])
        out = _matrix(context, builder, kinds[8:11], values[8:11])
        fused = _fused(builder, vector)
        a_lines = [builder.gep(left.base, [left.offset(i)]) for i in range(m)]
        b_lines = [builder.gep(right.base, [right.offset(j)]) for j in range(n)]

        def products(at, sums, mask=None):
            ys = [load_at(builder, builder.gep(line, [at]), vector, mask) for line in b_lines]
            result = []
            for i in range(m):
                x = load_at(builder, builder.gep(a_lines[i], [at]), vector, mask)
                result += [builder.call(fused, [x, ys[j], sums[i * n + j]]) for j in range(n)]
            return result

        count = context.cast(builder, values[11], depth, types.intp)
        lanes = ir.Constant(count.type, vector.count)
        whole = builder.sdiv(count, lanes)
        zeros = [ir.Constant(_low(vector), None)] * (m * n)
        sums = _loop(builder, whole, zeros, lambda p, carried: products(builder.mul(p, lanes), carried))
        done = builder.mul(whole, lanes)
        rest = builder.sub(count, done)

        def tail(p, carried):
            return products(done, carried, first_lanes(context, builder, rest, types.intp, vector.count))

        some = builder.zext(builder.icmp_signed(">", rest, ir.Constant(rest.type, 0)), rest.type)
        sums = _loop(builder, some, sums, tail)
        for i in range(m):
            for j in range(n):
                where = builder.gep(builder.gep(out.base, [out.offset(i)]), [ir.Constant(count.type, j)])
                value = halves(builder, sums[i * n + j], vector.count, sum_of)
                if add.literal_value:
                    value = builder.fadd(builder.load(where), value)
                builder.store(value, where)
        return context.get_dummy_value()

    return types.void(*kinds), generate
