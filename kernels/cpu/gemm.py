"""Matrix products of float32 in compiled code: blocks of C, on the tiles of ``microkernels.py``.

    C = φ(A B + bias)     A (M, K), B (K, N), each with any two strides; C (M, N) by rows

Goto & van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008): B is cut into panels of
COLUMNS columns and A into panels of ROWS rows, some steps of the sum at a time. A task computes a block of C:
it copies its part of B by a few panels, so that the tiles read them from end to end, in memory of its own;
they stay in the second cache, a panel of A in the first. A is copied (its part whole) only if its rows do not
lie along the sum: a tile reads few of them, side by side. Where copies of B would cost more than they bring
(small matrices, few rows) it is read where it lies.

Every entry of C is the sum of its products in one order, whoever computes it: the number of threads does not
change a bit. Largest error against float64: about K · 2⁻²⁴ of Σ |a| |b|, in practice
√K · 2⁻²⁴ (tested).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .microkernels import DOT, dot_tile
from .rows import load_some, store_some
from .shared_tile import COLUMNS, FEW, ROWS, VECTORS, shared_tile
from .simd import LANES, fma, load, load_part, maximum, prefetch, splat, store, store_part, transpose
from .simd_math import sigmoid, tanh

__all__ = ["ACTIVATIONS", "activate", "blocks", "dots", "slabs"]

ACTIVATIONS = {None: 0, "relu": 1, "tanh": 2, "sigmoid": 3}

WIDE = 2 * DOT
"""Dot products of a single row taken at once: as many rows of B are read from memory side by side."""

NEAR = 1 << 12
"""A of the next product of a stack is asked for if it is at most so many numbers."""

GROUP = 10
"""Panels of B copied at once: they stay in the second cache (with AVX-512 720 kB) while A passes by."""


# ── one block ────────────────────────────────────────────────────────────────────────────────────
@njit(inline="always")
def _pack(x, start, across, along, count, depth, width, panel, place, more):
    """panel[place + p · width + i] = x[start + i · across + p · along] for i < count, p < depth.

    more    another panel is written behind this one afterwards, and its rows are a vector at most or whole
            ones: whole vectors may be stored, of which the last lanes are written again (on AVX2 a store
            with a mask takes many times as long)
    """
    if across == 1:  # neighbours lie side by side
        for p in range(depth):
            for i in range(0, count, LANES):
                part = load_part(x, start + p * along + i, count - i)
                if more:
                    store(panel, place + p * width + i, part)
                else:
                    store_part(panel, place + p * width + i, part, count - i)
        return
    turned = depth // LANES * LANES if along == 1 else 0
    for i in range(0, count, LANES):  # each lies along the sum: block by block in registers
        rows, at, to = min(LANES, count - i), start + i * across, place + i
        for p in range(0, turned, LANES):
            for r in range(LANES, 2 * LANES):
                prefetch(x, at + r * across + p)
            transpose(x, at + p, across, rows, panel, to + p * width, width, more)
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
    covered = (width < LANES or width % LANES == 0) and depth * width >= LANES
    for i in range(whole, count, width):
        high, more = min(width, count - i), covered and count - i > width
        _pack(x, start + i * across, across, along, high, depth, width, panels, i * depth, more)


@njit
def _multiply(a, x, a_row, a_column, a_panel, b, y, b_row, b_panel, c, z, c_row, rows, columns, depth, add):
    """C (+)= A B, rows by columns, from operands in panels of ROWS rows and COLUMNS columns, or as they lie.

    A panel of A stays in the first cache while all panels of B, from the second, pass by.
    a_panel, b_panel    entries from one panel to the next
    """
    for i in range(0, rows, ROWS):
        high, from_a, to = min(ROWS, rows - i), x + i // ROWS * a_panel, z + i * c_row
        for j in range(0, columns, COLUMNS):
            from_b, left = y + j // COLUMNS * b_panel, columns - j
            if left < COLUMNS:
                _edge(a, from_a, a_row, a_column, b, from_b, b_row, c, to + j, c_row, depth, add, high, left)
            elif high > FEW:
                shared_tile(ROWS, VECTORS, a, from_a, a_row, a_column, b, from_b, b_row, c, to + j, c_row,
                            depth, add, high, None)  # fmt: skip
            else:
                shared_tile(FEW, VECTORS, a, from_a, a_row, a_column, b, from_b, b_row, c, to + j, c_row,
                            depth, add, high, None)  # fmt: skip


@njit
def _edge(a, x, a_row, a_column, b, y, b_row, c, z, c_row, depth, add, rows, columns):
    """The last columns, fewer than COLUMNS: two vectors or one at a time."""
    for j in range(0, columns, 2 * LANES):
        left = columns - j
        if left > LANES:
            shared_tile(
                ROWS, 2, a, x, a_row, a_column, b, y + j, b_row, c, z + j, c_row, depth, add, rows, left
            )
        else:
            shared_tile(
                ROWS, 1, a, x, a_row, a_column, b, y + j, b_row, c, z + j, c_row, depth, add, rows, left
            )


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
    task, a, b, c, bias, kind, a_starts, b_starts, m, n, k, a_row, a_column, b_row, b_column, last, share,
    down, across, depth, pack_a, pack_b,
):  # fmt: skip
    """``share`` blocks of C, cut into down × across of them, of a stack of products C = φ(A B + bias).

    kind                   0 … 3 as in ACTIVATIONS; a bias of no entries is none
    a_starts, b_starts     where each matrix begins; products lie one after the other in c
    last                   K of the last product
    depth                  steps of the sum taken at a time
    pack_a, pack_b         whether A and B are copied; if B is not, b_column is 1
    """
    group = COLUMNS * GROUP if pack_b else max(n, 1)
    mine_a = _scratch(ROWS * (-(-m // (ROWS * down))) * depth if pack_a else 0)
    mine_b = _scratch(min(group, -(-n // (COLUMNS * across)) * COLUMNS) * depth if pack_b else 0)
    cuts = down * across
    for block in range(task * share, min(task * share + share, a_starts.size * cuts)):
        number, top, left, rows, columns = block, 0, 0, m, n
        if cuts > 1:  # else small products, each of which would wait for these divisions
            number, place = block // cuts, block % cuts
            i, j = place // across, place % across
            top, left = _part(m, ROWS, down, i), _part(n, COLUMNS, across, j)
            rows, columns = _part(m, ROWS, down, i + 1) - top, _part(n, COLUMNS, across, j + 1) - left
        corner = (number * m + top) * n + left
        if share > 1 and number + 1 < a_starts.size and m * k <= NEAR:
            for i in range(0, m * k, 16):  # not so B: the tiles ask for it row by row, and run into the next
                prefetch(a, a_starts[number + 1] + i)
        steps = last if number == a_starts.size - 1 else k
        for p in range(0, max(1, steps), depth):
            d = min(depth, steps - p)
            x, from_a = a, a_starts[number] + top * a_row + p * a_column
            step_a, next_a, panel_a = a_row, a_column, ROWS * a_row
            if pack_a:
                _pack_all(a, from_a, a_row, a_column, rows, d, ROWS, mine_a)
                x, from_a, step_a, next_a, panel_a = mine_a, 0, 1, ROWS, ROWS * d
            for g in range(0, columns, group):
                wide = min(columns - g, group)
                y, from_b = b, b_starts[number] + (left + g) * b_column + p * b_row
                step_b, panel_b = b_row, COLUMNS
                if pack_b:
                    _pack_all(b, from_b, b_column, b_row, wide, d, COLUMNS, mine_b)
                    y, from_b, step_b, panel_b = mine_b, 0, COLUMNS, COLUMNS * d
                _multiply(x, from_a, step_a, next_a, panel_a, y, from_b, step_b, panel_b, c, corner + g, n,
                          rows, wide, d, p > 0)  # fmt: skip
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
def dots(task, a, b, c, bias, kind, a_starts, b_starts, m, n, k, share):
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


@parallel
def slabs(task, a, a_row, a_column, b, parts, m, n, k, share):
    """parts[task] = A B, the ``share`` steps of the sum that are this task's: few rows of A, long ones of B.

    Four rows of B are read side by side, each from end to end, as memory delivers them; the sums that they
    are added to stay in the cache.
    """
    start, stop, corner = task * share, min(k, (task + 1) * share), task * m * n
    parts[corner : corner + m * n] = 0
    whole = start + (stop - start) // 4 * 4
    for p in range(start, whole, 4):
        _four_rows(a, p * a_column, a_row, a_column, b, p * n, parts, corner, m, n)
    for p in range(whole, stop):
        for i in range(m):
            x = a[i * a_row + p * a_column]
            for j in range(n):
                parts[corner + i * n + j] += x * b[p * n + j]


@njit
def _four_rows(a, x, a_row, a_column, b, y, c, z, m, n):
    """C += four columns of A times four rows of B."""
    for i in range(m):
        at, to = x + i * a_row, z + i * n
        s, t = splat(c, a[at]), splat(c, a[at + a_column])
        u, v = splat(c, a[at + 2 * a_column]), splat(c, a[at + 3 * a_column])
        for j in range(0, n, LANES):
            left = n - j
            w = fma(s, load_some(b, y + j, left), load_some(c, to + j, left))
            w = fma(t, load_some(b, y + n + j, left), w)
            w = fma(u, load_some(b, y + 2 * n + j, left), w)
            store_some(c, to + j, left, fma(v, load_some(b, y + 3 * n + j, left), w))
