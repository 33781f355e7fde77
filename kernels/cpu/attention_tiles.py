"""The matrix products within attention: small, many, each with one operand straight from memory.

``scores`` is A Bᵀ (queries and keys, both lying along their features), ``product`` is C += A B with any
strides of A, so that it serves P V as well as Pᵀ dO. Both stand on the tiles of ``microkernels.py``: TALL
rows by VECTORS, and what is left over of rows by tiles of 2 and 1 rows, of columns by tiles of 2 vectors.
"""

from ..jit import njit
from .microkernels import DOT, dot_tile, tile
from .recurrence_tiles import TALL, VECTORS
from .simd import BYTES, LANES, transpose

__all__ = ["WIDE", "product", "scores"]

WIDE = 4 * LANES
"""Columns of a panel of turned keys, and of the tiles of 2 and 1 rows."""

NARROW = 2 * LANES

ASKING = 4 if BYTES else 1
"""Queries whose dot products with DOT keys fit the registers."""

KEPT = 8192
"""Numbers of a long B that a product takes at a time: they stay in the nearest cache for all rows of A."""


@njit
def product(rows, columns, a, a_start, a_row, a_column, b, b_start, b_row, c, c_start, c_row, depth, add):
    """C = A B or, with add, C += A B: A (rows, depth), any strides, B (depth, columns), C (rows, columns)."""
    share = depth if depth <= rows else max(16, KEPT // columns)
    whole = rows - rows % TALL
    for p in range(0, max(1, depth), max(1, share)):
        part, adds = min(share, depth - p), add or p > 0
        x, y = a_start + p * a_column, b_start + p * b_row
        for i in range(0, whole, TALL):
            at, to = x + i * a_row, c_start + i * c_row
            _band(TALL, VECTORS, columns, a, at, a_row, a_column, b, y, b_row, c, to, c_row, part, adds)
        for i in range(whole, rows - 1, 2):
            at, to = x + i * a_row, c_start + i * c_row
            _band(2, 4, columns, a, at, a_row, a_column, b, y, b_row, c, to, c_row, part, adds)
        if (rows - whole) % 2:
            at, to = x + (rows - 1) * a_row, c_start + (rows - 1) * c_row
            _band(1, 4, columns, a, at, a_row, a_column, b, y, b_row, c, to, c_row, part, adds)


@njit
def _band(rows, vectors, columns, a, at, a_row, a_column, b, b_start, b_row, c, to, c_row, depth, add):
    """So many rows of the product, by tiles of so many vectors (plain values in the source, both)."""
    whole = columns - columns % (vectors * LANES)
    for j in range(0, whole, vectors * LANES):
        y = b_start + j
        tile(rows, vectors, a, at, a_row, a_column, b, y, b_row, c, to + j, c_row, depth, add, None)
    for j in range(whole, columns, NARROW):
        rest, y = columns - j, b_start + j
        tile(rows, 2, a, at, a_row, a_column, b, y, b_row, c, to + j, c_row, depth, add, rest)


@njit
def _turn(b, start, rows, depth, turned):
    """turned[p · WIDE + j] = b[start + j · depth + p] for j < rows ≤ WIDE, p < depth."""
    whole = depth - depth % LANES
    for j in range(0, rows, LANES):
        for p in range(0, whole, LANES):
            transpose(b, start + j * depth + p, depth, min(LANES, rows - j), turned, p * WIDE + j, WIDE)
    for j in range(rows):
        for p in range(whole, depth):
            turned[p * WIDE + j] = b[start + j * depth + p]


@njit
def scores(rows, keys, a, a_start, b, b_start, depth, c, c_row, turned):
    """C = A Bᵀ: A (rows, depth), B (keys, depth), C (rows, keys up to a whole number of WIDE).

    turned: room for WIDE rows of B, turned: then every number of a panel serves all rows. Of no entries: few
    rows do not repay the turning, and are multiplied with B where it lies, DOT of its rows at a time.
    """
    if turned.size:
        for j in range(0, keys, WIDE):
            _turn(b, b_start + j * depth, min(WIDE, keys - j), depth, turned)
            product(rows, WIDE, a, a_start, depth, 1, turned, 0, WIDE, c, j, c_row, depth, False)
        return
    for j in range(0, keys, DOT):
        y = b_start + j * depth
        if keys - j < DOT:
            for i in range(rows):
                for n in range(keys - j):
                    dot_tile(
                        1, 1, a, a_start + i * depth, depth, b, y + n * depth, depth,
                        c, i * c_row + j + n, c_row, depth, False,
                    )  # fmt: skip
            return
        whole = rows - rows % ASKING
        for i in range(0, whole, ASKING):
            x = a_start + i * depth
            dot_tile(ASKING, DOT, a, x, depth, b, y, depth, c, i * c_row + j, c_row, depth, False)
        for i in range(whole, rows):
            x = a_start + i * depth
            dot_tile(1, DOT, a, x, depth, b, y, depth, c, i * c_row + j, c_row, depth, False)
