"""Matrix products of float32 in compiled code: packed blocks, and the tile of ``microkernels.py``.

    C = φ(A B + bias)     A (M, K), B (K, N), each with any two strides; C (M, N) by rows

Goto & van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008): B is cut into panels of
COLUMNS columns and A into panels of ROWS rows, each copied so that the tile reads it from end to end.
DEPTH steps of the sum are taken at a time, so that a panel of B stays near while A's pass over it.

Every entry of C is the sum of its products in one fixed order, DEPTH by DEPTH, whoever computes it: the
cutting into tasks does not change a bit. Largest error against float64: about K · 2⁻²⁴ of Σ |a| |b|, in
practice √K · 2⁻²⁴ (tested).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .microkernels import COLUMNS, DOT, ROWS, VECTORS, dot_tile, tile
from .simd import LANES, load_part, maximum, store_part, transpose
from .simd_math import sigmoid, tanh

__all__ = ["ACTIVATIONS", "activate", "dots", "one", "stack"]

ACTIVATIONS = {None: 0, "relu": 1, "tanh": 2, "sigmoid": 3}

DEPTH = 384
"""Steps of the sum taken at a time: a panel of B is 48 kB with AVX-512."""

WIDTH = 84 * COLUMNS
"""Columns of B packed at a time: 4 MB."""

HEIGHT = 8 * ROWS
"""Rows of A in a task, or fewer."""

HALF = max(1, ROWS // 2)

TASKS = 16
"""Into so many tasks a product is cut at least, if it is large enough."""


@njit(inline="always")
def _pack(x, start, across, along, count, depth, width, panel):
    """panel[p · width + i] = x[start + i · across + p · along] for i < count, p < depth; 0 up to width."""
    if count < width:
        for i in range(depth * width):
            panel[i] = 0
    if across == 1:  # neighbours lie side by side
        for p in range(depth):
            for i in range(0, count, LANES):
                part = load_part(x, start + p * along + i, count - i)
                store_part(panel, p * width + i, part, count - i)
        return
    turned = depth // LANES * LANES if along == 1 else 0
    for i in range(0, count, LANES):  # each lies along the sum: block by block in registers
        for p in range(0, turned, LANES):
            transpose(x, start + i * across + p, across, min(LANES, count - i), panel, p * width + i, width)
    for j in range(count):
        for p in range(turned, depth):
            panel[p * width + j] = x[start + j * across + p * along]


@njit(inline="always")
def activate(v, kind):
    """φ(v); kind: 1 … 3 as in ACTIVATIONS."""
    if kind == 1:
        return maximum(v, 0.0)
    if kind == 2:
        return tanh(v)
    return sigmoid(v)


@njit(inline="always")
def finish(c, start, row, rows, columns, bias, at, kind):
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


@njit(inline="always")
def _move(x, start, row, y, place, y_row, rows, columns):
    """A rectangle of x to y."""
    for i in range(rows):
        for j in range(0, columns, LANES):
            v = load_part(x, start + i * row + j, columns - j)
            store_part(y, place + i * y_row + j, v, columns - j)


@njit(inline="always")
def _groups(m, panels):
    """Into how many groups the panels are divided, and how many rows a task takes."""
    height = max(ROWS, min(HEIGHT, -(-m // ROWS) * ROWS))
    blocks = -(-m // height)
    groups = min(max(1, -(-TASKS // blocks)), max(1, panels // 4))
    return groups, height


@njit(inline="always")
def _panel(panel, b, start, b_row, b_column, columns, depth, packed):
    """Pack one panel of B: columns [panel · COLUMNS, …) of the ``columns`` that begin at ``start``."""
    column = panel * COLUMNS
    count = min(COLUMNS, columns - column)
    place = panel * depth * COLUMNS
    _pack(b, start + column * b_column, b_column, b_row, count, depth, COLUMNS, packed[place:])


@njit(inline="always")
def _block(a, start, a_row, a_column, b, first, last, c, place, c_row, rows, columns, depth, add):
    """Panels [first, last) of rows × columns entries of C, of which entry (0, 0) lies at ``place``.

    b: packed panels. add: to what C holds, or in its place.
    """
    packed = np.empty(-(-rows // ROWS) * ROWS * depth, np.float32)
    beside = np.zeros(ROWS * COLUMNS, np.float32)  # for tiles that hang over the end of C
    if not add:
        for i in range(rows):
            for j in range(first * COLUMNS, min(columns, last * COLUMNS)):
                c[place + i * c_row + j] = 0
    for i in range(0, rows, ROWS):
        _pack(a, start + i * a_row, a_row, a_column, min(ROWS, rows - i), depth, ROWS, packed[i * depth :])
    for panel in range(first, last):
        wide, at = min(COLUMNS, columns - panel * COLUMNS), panel * depth * COLUMNS
        for i in range(0, rows, ROWS):
            high, corner = min(ROWS, rows - i), place + i * c_row + panel * COLUMNS
            whole = high == ROWS and wide == COLUMNS
            if not whole:
                _move(c, corner, c_row, beside, 0, COLUMNS, high, wide)
            target, start_c, row_c = (c, corner, c_row) if whole else (beside, 0, COLUMNS)
            tile(
                ROWS,
                VECTORS,
                packed,
                i * depth,
                1,
                ROWS,
                b,
                at,
                COLUMNS,
                target,
                start_c,
                row_c,
                depth,
                True,
                None,
            )
            if not whole:
                _move(beside, 0, COLUMNS, c, corner, c_row, high, wide)


@parallel
def pack_panels(task, b, start, b_row, b_column, columns, depth, packed):
    """One panel of B."""
    _panel(task, b, start, b_row, b_column, columns, depth, packed)


@parallel
def blocks(task, a, start, a_row, a_column, b, c, place, n, m, columns, depth, add, bias, left, kind):
    """A block of C: some rows of it, and some panels; the last part of the sum brings bias and activation.

    kind: 0 … 3 as in ACTIVATIONS, −1 while parts of the sum are missing.
    """
    panels = -(-columns // COLUMNS)
    groups, height = _groups(m, panels)
    share = -(-panels // groups)
    top, first = task // groups * height, task % groups * share
    last, rows = min(panels, first + share), min(height, m - top)
    corner = place + top * n
    if first >= last:
        return
    _block(a, start + top * a_row, a_row, a_column, b, first, last, c, corner, n, rows, columns, depth, add)
    if kind > 0 or (kind == 0 and bias.size):
        first, last = first * COLUMNS, min(columns, last * COLUMNS)
        finish(c, corner + first, n, rows, last - first, bias, left + first, kind)


@njit(inline="always")
def _corner(a, a_start, rows, b, b_start, columns, c, c_start, n, k):
    """At most DOT × DOT dot products."""
    if rows == DOT and columns == DOT:
        dot_tile(DOT, DOT, a, a_start, k, b, b_start, k, c, c_start, n, k, False)
        return
    for i in range(rows):
        for j in range(columns):
            dot_tile(1, 1, a, a_start + i * k, k, b, b_start + j * k, k, c, c_start + i * n + j, n, k, False)


@njit(inline="always")
def _unpacked(a, a_start, a_row, a_column, b, b_start, b_row, c, place, m, n, k):
    """C = A B for few rows: both read where they lie."""
    for j in range(0, n, COLUMNS):
        for i in range(0, m - m % HALF, HALF):
            start, at = a_start + i * a_row, place + i * n + j
            if n - j >= COLUMNS:  # without masks it is faster
                tile(
                    HALF, VECTORS, a, start, a_row, a_column, b, b_start + j, b_row, c, at, n, k, False, None
                )
            else:
                tile(
                    HALF, VECTORS, a, start, a_row, a_column, b, b_start + j, b_row, c, at, n, k, False, n - j
                )
        for i in range(m - m % HALF, m):
            start, at = a_start + i * a_row, place + i * n + j
            tile(1, VECTORS, a, start, a_row, a_column, b, b_start + j, b_row, c, at, n, k, False, n - j)


@parallel
def stack(task, a, a_starts, a_row, a_column, b, b_starts, b_row, b_column, c, m, n, k):
    """Matrix number ``task`` of a stack, C = A B, nothing copied: b_column is 1, or a_column and b_row."""
    a_start, b_start, place = a_starts[task], b_starts[task], task * m * n
    if b_column == 1:
        _unpacked(a, a_start, a_row, a_column, b, b_start, b_row, c, place, m, n, k)
        return
    for j in range(0, n, DOT):
        for i in range(0, m, DOT):
            at_a, at_b = a_start + i * k, b_start + j * k
            _corner(a, at_a, min(DOT, m - i), b, at_b, min(DOT, n - j), c, place + i * n + j, n, k)


@parallel
def dots(task, a, b, c, m, n, k, bias, kind, share):
    """C = φ(A Bᵀ + bias) for few rows of A: B is read once, where it lies; ``share`` of its rows a task."""
    start, stop = task * share, min(n, (task + 1) * share)
    for j in range(start, stop, DOT):
        for i in range(0, m, DOT):
            _corner(a, i * k, min(DOT, m - i), b, j * k, min(DOT, stop - j), c, i * n + j, n, k)
    if kind or bias.size:
        finish(c, start, n, m, stop - start, bias, start, kind)


def one(a, steps_a, b, steps_b, c, sizes, bias, kind):
    """C = φ(A B + bias) on all threads; flat arrays, steps (row, column), sizes (M, N, K)."""
    m, n, k = sizes
    packed = np.empty(-(-min(n, WIDTH) // COLUMNS) * COLUMNS * min(k, DEPTH), np.float32)
    for left in range(0, n, WIDTH):
        columns = min(WIDTH, n - left)
        panels = -(-columns // COLUMNS)
        groups, height = _groups.py_func(m, panels)
        for p in range(0, k, DEPTH):
            depth = min(DEPTH, k - p)
            start = p * steps_b[0] + left * steps_b[1]
            pack_panels(panels, b, start, *steps_b, columns, depth, packed)
            count, ending = -(-m // height) * groups, kind if p + depth == k else -1
            blocks(
                count, a, p * steps_a[1], *steps_a, packed, c, left, n, m, columns, depth, p > 0,
                bias, left, ending,
            )  # fmt: skip
