"""Matrix products of float32 in compiled code: blocks of C, on the tiles of ``microkernels.py``.

    C = φ(A B + bias)     A (M, K), B (K, N), each with any two strides; C (M, N) by rows

Goto & van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008): B is cut into panels of
COLUMNS columns and A into panels of ROWS rows, some steps of the sum at a time. A task computes a block of C:
it copies its part of A whole and its part of B by a few panels, so that the tiles read them from end to end,
in memory of its own: A stays in the second cache, a panel of B in the first. Where copies would cost more
than they bring (small matrices, few rows) both are read where they lie.

Every entry of C is the sum of its products in one order, whoever computes it: the number of threads does not
change a bit. Largest error against float64: about K · 2⁻²⁴ of Σ |a| |b|, in practice
√K · 2⁻²⁴ (tested).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .microkernels import COLUMNS, DOT, ROWS, VECTORS, dot_tile, tile
from .simd import LANES, load, load_part, maximum, store, store_part, transpose
from .simd_math import sigmoid, tanh

__all__ = ["ACTIVATIONS", "activate", "blocks", "dots"]

ACTIVATIONS = {None: 0, "relu": 1, "tanh": 2, "sigmoid": 3}

FEW = max(1, ROWS // 3)
"""Rows of the tile that takes what is left of a block below the tiles of ROWS rows."""

WIDE = 2 * DOT
"""Dot products of a single row taken at once: as many rows of B are read from memory side by side."""

GROUP = 4
"""Panels of B copied at once: rows of 512 bytes are read from memory, and the copy stays in the cache."""


# ── one block ────────────────────────────────────────────────────────────────────────────────────
@njit(inline="always")
def _pack(x, start, across, along, count, depth, width, panel, place):
    """panel[place + p · width + i] = x[start + i · across + p · along] for i < count, p < depth."""
    if across == 1:  # neighbours lie side by side
        for p in range(depth):
            for i in range(0, count, LANES):
                part = load_part(x, start + p * along + i, count - i)
                store_part(panel, place + p * width + i, part, count - i)
        return
    turned = depth // LANES * LANES if along == 1 else 0
    for i in range(0, count, LANES):  # each lies along the sum: block by block in registers
        rows, at, to = min(LANES, count - i), start + i * across, place + i
        for p in range(0, turned, LANES):
            transpose(x, at + p, across, rows, panel, to + p * width, width)
    for j in range(count):
        for p in range(turned, depth):
            panel[place + p * width + j] = x[start + j * across + p * along]


@njit
def _pack_all(x, start, across, along, count, depth, width, panels):
    """All panels of ``width`` lines of an operand, one after the other."""
    whole = count // width * width if across == 1 and width % LANES == 0 else 0
    for p in range(depth if whole else 0):  # neighbours lie side by side, row by row through all panels
        for i in range(0, whole, width):
            for j in range(0, width, LANES):
                store(panels, i * depth + p * width + j, load(x, start + p * along + i + j))
    for i in range(whole, count, width):
        _pack(x, start + i * across, across, along, min(width, count - i), depth, width, panels, i * depth)


@njit
def _panel(a, start, panel, a_row, a_column, b, at, b_row, c, corner, c_row, rows, columns, depth, add):
    """At most COLUMNS columns of a block; ``panel`` entries of a lie between two groups of ROWS rows."""
    if columns == COLUMNS:
        for i in range(0, rows - rows % ROWS, ROWS):
            x, y = start + i // ROWS * panel, corner + i * c_row
            tile(ROWS, VECTORS, a, x, a_row, a_column, b, at, b_row, c, y, c_row, depth, add, None)
        i = rows - rows % ROWS
        start += i // ROWS * panel
        for j in range(0, rows - i - (rows - i) % FEW, FEW):
            x, y = start + j * a_row, corner + (i + j) * c_row
            tile(FEW, VECTORS, a, x, a_row, a_column, b, at, b_row, c, y, c_row, depth, add, None)
        for j in range(rows - i - (rows - i) % FEW, rows - i):
            x, y = start + j * a_row, corner + (i + j) * c_row
            tile(1, VECTORS, a, x, a_row, a_column, b, at, b_row, c, y, c_row, depth, add, None)
        return
    for v in range(0, columns, LANES):
        left = columns - v
        for i in range(0, rows - rows % ROWS, ROWS):
            x, y = start + i // ROWS * panel, corner + i * c_row + v
            tile(ROWS, 1, a, x, a_row, a_column, b, at + v, b_row, c, y, c_row, depth, add, left)
        i = rows - rows % ROWS
        x = start + i // ROWS * panel
        for j in range(0, rows - i - (rows - i) % FEW, FEW):
            y = corner + (i + j) * c_row + v
            tile(FEW, 1, a, x + j * a_row, a_row, a_column, b, at + v, b_row, c, y, c_row, depth, add, left)
        for j in range(rows - i - (rows - i) % FEW, rows - i):
            y = corner + (i + j) * c_row + v
            tile(1, 1, a, x + j * a_row, a_row, a_column, b, at + v, b_row, c, y, c_row, depth, add, left)


@njit
def _packed_panel(a, b, at, c, corner, c_row, rows, columns, depth, add):
    """``_panel`` of packed operands: strides known when compiled leave all registers to the tile."""
    whole = rows // ROWS * ROWS if columns == COLUMNS else 0
    for i in range(0, whole, ROWS):
        x, y = i * depth, corner + i * c_row
        tile(ROWS, VECTORS, a, x, 1, ROWS, b, at, COLUMNS, c, y, c_row, depth, add, None)
    if whole < rows:
        x, y, left = whole * depth, corner + whole * c_row, rows - whole
        _panel(a, x, ROWS * depth, 1, ROWS, b, at, COLUMNS, c, y, c_row, left, columns, depth, add)


@njit(inline="always")
def activate(v, kind):
    """φ(v); kind: 1 … 3 as in ACTIVATIONS."""
    if kind == 1:
        return maximum(v, 0.0)
    if kind == 2:
        return tanh(v)
    return sigmoid(v)


@njit
def _finish(c, start, row, rows, columns, bias, at, kind):
    """c[start + i·row + j] = φ(c[…] + bias[at + j]); a bias of no entries is none."""
    for i in range(rows):
        for j in range(0, columns, LANES):
            place = start + i * row + j
            v = load_part(c, place, columns - j)
            if bias.size:
                v = v + load_part(bias, at + j, columns - j)
            if kind:
                v = activate(v, kind)
            store_part(c, place, v, columns - j)


@njit
def _scratch(size):
    """That many numbers, the first at the start of a line of the cache: no vector lies across two."""
    x = np.empty(size + 16, np.float32)
    first = -(x.ctypes.data // 4) % 16
    return x[first : first + size]


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────
@njit
def _part(size, unit, count, number):
    """Where part ``number`` of ``count`` begins: parts of whole units, at most one unit apart in size."""
    return min(size, -(-size // unit) * number // count * unit)


@parallel
def blocks(
    task, share, a, a_starts, a_row, a_column, b, b_starts, b_row, b_column, c, m, n, k, last, down, across,
    depth, packed, bias, kind,
):  # fmt: skip
    """``share`` blocks of C, cut into down × across of them, of a stack of products C = φ(A B + bias).

    a_starts, b_starts     where each matrix begins; products lie one after the other in c
    last                   K of the last product
    depth                  steps of the sum taken at a time
    packed                 whether A and B are copied; if not, b_column is 1
    kind                   0 … 3 as in ACTIVATIONS; a bias of no entries is none
    """
    height = -(-m // (ROWS * down)) * ROWS
    group = COLUMNS * GROUP if packed else n
    mine_a = _scratch(height * depth if packed else 0)
    mine_b = _scratch(group * depth if packed else 0)
    for block in range(task * share, min(task * share + share, a_starts.size * down * across)):
        number, place = block // (down * across), block % (down * across)
        i, j = place // across, place % across
        top, left = _part(m, ROWS, down, i), _part(n, COLUMNS, across, j)
        rows, columns = _part(m, ROWS, down, i + 1) - top, _part(n, COLUMNS, across, j + 1) - left
        corner = (number * m + top) * n + left
        from_a = a_starts[number] + top * a_row
        from_b = b_starts[number] + left * b_column
        steps = last if number == a_starts.size - 1 else k
        for p in range(0, max(1, steps), depth):
            d, at_a, at_b = min(depth, steps - p), from_a + p * a_column, from_b + p * b_row
            if packed:
                _pack_all(a, at_a, a_row, a_column, rows, d, ROWS, mine_a)
            for g in range(0, columns, group):
                stop = min(columns, g + group)
                if packed:
                    _pack_all(b, at_b + g * b_column, b_column, b_row, stop - g, d, COLUMNS, mine_b)
                for j in range(g, stop, COLUMNS):
                    wide, y = min(COLUMNS, stop - j), corner + j
                    if packed:
                        _packed_panel(mine_a, mine_b, (j - g) * d, c, y, n, rows, wide, d, p > 0)
                    else:
                        step, x = ROWS * a_row, at_b + j
                        _panel(a, at_a, step, a_row, a_column, b, x, b_row, c, y, n, rows, wide, d, p > 0)
        if kind or bias.size:
            _finish(c, corner, n, rows, columns, bias, left, kind)


@njit
def _corner(a, a_start, rows, b, b_start, columns, c, c_start, n, k):
    """At most DOT × DOT dot products, or 2 DOT of one row."""
    if rows == DOT and columns == DOT:
        dot_tile(DOT, DOT, a, a_start, k, b, b_start, k, c, c_start, n, k, False)
    elif rows == 1 and columns == WIDE:
        dot_tile(1, WIDE, a, a_start, k, b, b_start, k, c, c_start, n, k, False)
    else:
        for i in range(rows):
            for j in range(columns):
                at = b_start + j * k
                dot_tile(1, 1, a, a_start + i * k, k, b, at, k, c, c_start + i * n + j, n, k, False)


@parallel
def dots(task, a, a_starts, b, b_starts, c, m, n, k, bias, kind, share):
    """C = φ(A Bᵀ + bias) for few rows of A: B is read once, where it lies; ``share`` of its rows a task.

    a_starts, b_starts as in ``blocks``.
    """
    shares = -(-n // share)
    number, place = task // shares, task % shares
    start, stop, corner = place * share, min(n, (place + 1) * share), number * m * n
    from_a, from_b = a_starts[number], b_starts[number]
    high, wide = (1, WIDE) if m < DOT else (DOT, DOT)
    for j in range(start, stop, wide):
        for i in range(0, m, high):
            at_a, at_b = from_a + i * k, from_b + j * k
            _corner(a, at_a, min(high, m - i), b, at_b, min(wide, stop - j), c, corner + i * n + j, n, k)
    if kind or bias.size:
        _finish(c, corner + start, n, m, stop - start, bias, start, kind)
