"""What LSTM and GRU on vectors share: how weights are packed, the product of a step, how a step is divided.

A step is cut into tasks. Forward, a task is one block of LANES hidden units (all their gates, side by side)
of a few rows of the batch: TALL rows × 4 vectors are a tile or two of the matrix product that live in the
registers, and the gates are applied to them while they are in the cache. Backward, a task is 4 blocks of dh.
Each number is computed whole by one task, in one order: results do not depend on the number of threads.

A call runs rounds of pieces (``pool.py``), at the end of which the threads meet: in the first the weights are
packed, the others run the steps. There are two ways to cut these (``divide``):

    by rows     a piece is a tile, through all steps, in one round: the rows of a batch know nothing of each
                other, so no thread waits for another, or reads what another has just written
    by units    a piece is a few tasks of one step, and each step is a round. Each thread then reads only its
                part of the weights, where all of them would not fit a core's cache

Where there is too little to share, one thread does it all: waking the others would take longer.
"""

from ..jit import njit
from . import simd
from .microkernels import tile
from .simd import lanes, load, load_part, splat, store, store_part, transpose

__all__ = [
    "LANES", "PIECES", "POINTWISE", "SHARED", "TALL", "TALL_OF_THREE", "VECTORS", "divide", "pack_gates",
    "pack_rows", "pieces_of", "product", "product_of_three", "put", "put3", "put4", "share", "split", "take",
    "take4", "turns",
]  # fmt: skip

LANES = simd.LANES
TALL, VECTORS = {64: (6, 4), 32: (6, 2), 16: (6, 4), 0: (1, 4)}[simd.BYTES]
"""Rows and vectors of a tile that fits the registers; of AVX2's 16 a tile of 3 × 4 would need 17 (12 sums, 4
vectors of B, a number of A), so there two of 6 × 2 stand side by side."""

TALL_OF_THREE = {64: 6, 32: 4, 16: 6, 0: 1}[simd.BYTES]
"""Rows of a tile 3 vectors wide that fits the registers."""

PIECES = 16
"""Pieces that the tasks of a shared step are handed out in."""

SHARED = 1_000_000
"""From this many multiplications a round on, threads share it (about 20 µs of one core)."""

NEAR = 1 << 17
"""Weights of up to so many numbers stay in a core's second cache from step to step (512 kB: Zen 3's)."""

EVEN = 4
"""By rows there are a multiple of so many pieces, a tile in each, which two or four threads share evenly."""

POINTWISE = 100
"""As many multiplications take the time of one unit's gates."""


def pieces_of(multiplications):
    """Into how many pieces a step of so much work is cut; one piece is run without waking a thread."""
    return PIECES if multiplications >= SHARED else 1


def divide(steps, batch, weights, tall):
    """How ``steps`` steps of ``weights`` multiplications a row are cut: pieces, tiles, by_rows.

    tiles   in how many the rows are taken, at most ``tall`` each (``split``)
    """
    tiles = split(batch, tall)
    if weights > NEAR:
        return pieces_of(batch * weights), tiles, False
    if steps * batch * weights < SHARED:
        return 1, tiles, True
    tiles = min(batch, -(-tiles // EVEN) * EVEN)
    return tiles, tiles, True


@njit
def split(batch, tall):
    """In how many tiles the rows are taken: tile i has those from i·batch // tiles on, at most ``tall``."""
    return -(-batch // tall)


@njit
def share(piece, division, blocks):
    """The tasks of one step that are this piece's: the first, one past the last, and ``base`` and ``count``.

    Task i is for block i // count and for tile base + i % count.
    """
    pieces, tiles, by_rows = division
    if by_rows:
        count = tiles // pieces
        return 0, blocks * count, piece * count, count
    return piece * blocks * tiles // pieces, (piece + 1) * blocks * tiles // pieces, 0, tiles


@njit
def turns(number, steps, by_rows):
    """The steps of round ``number``: the first, and one past the last."""
    return (0, steps) if by_rows else (number, number + 1)


@njit(forceinline=True)
def take(x, i, n):
    """The vector at x[i], or the first n of its lanes where it reaches over the end of a row."""
    return load(x, i) if n >= lanes(x) else load_part(x, i, n)


@njit(forceinline=True)
def put(x, i, v, n):
    """The vector to x[i], or the first n of its lanes."""
    if n >= lanes(x):
        store(x, i, v)
    else:
        store_part(x, i, v, n)


@njit(forceinline=True)
def take4(x, i, step, n):
    """Four vectors at x[i], x[i + step], …: one of each gate."""
    return take(x, i, n), take(x, i + step, n), take(x, i + 2 * step, n), take(x, i + 3 * step, n)


@njit(forceinline=True)
def put4(x, i, step, vectors, n):
    """Four vectors to x[i], x[i + step], …"""
    put(x, i, vectors[0], n)
    put(x, i + step, vectors[1], n)
    put(x, i + 2 * step, vectors[2], n)
    put(x, i + 3 * step, vectors[3], n)


@njit(forceinline=True)
def put3(x, i, step, vectors, n):
    """Three vectors to x[i], x[i + step], …"""
    put(x, i, vectors[0], n)
    put(x, i + step, vectors[1], n)
    put(x, i + 2 * step, vectors[2], n)


@njit
def pack_gates(packed, start, block, w, count, first, gates, hidden, depth):
    """packed[k, j, lane] = w[gate · hidden + block · lanes + lane, k] for j < count.

    gate = (first + j) mod gates; w (gates · hidden, depth); packed begins at start; units from hidden on
    are 0.
    """
    width = lanes(packed)
    known, whole = min(hidden - block * width, width), depth - depth % width
    for k in range(depth * count if known < width else 0):
        store(packed, start + k * width, splat(packed, 0))
    for j in range(count):
        row, to = ((first + j) % gates * hidden + block * width) * depth, start + j * width
        for k in range(0, whole, width):
            transpose(w, row + k, depth, known, packed, to + k * count * width, count * width)
        for k in range(whole, depth):
            for lane in range(known):
                packed[to + k * count * width + lane] = w[row + lane * depth + k]


@njit
def pack_rows(piece, pieces, packed, w, rows, hidden):
    """packed[panel, k, i] = w[k, panel · VECTORS · lanes + i], i < VECTORS · lanes; 0 from hidden on.

    w (rows, hidden); the panels of one piece, in all a whole number of times 4 vectors.
    """
    width, wide = lanes(packed), VECTORS * lanes(packed)
    panels = -(-hidden // (4 * width)) * (4 // VECTORS)
    for panel in range(piece * panels // pieces, (piece + 1) * panels // pieces):
        for k in range(rows):
            for j in range(0, wide, width):
                at = panel * wide + j
                store(packed, (panel * rows + k) * wide + j, take(w, k * hidden + at, hidden - at))


@njit
def product(rows, a, a_start, a_row, depth, b, b_start, b_panel, c, c_start, c_row):
    """C += A B: A (rows, depth), rows ≤ TALL; B (depth, 4 vectors), packed; C (rows, 4 vectors).

    b_panel   from one panel of VECTORS of B to the next
    """
    wide = VECTORS * lanes(b)
    for j in range(4 // VECTORS):
        x, y = b_start + j * b_panel, c_start + j * wide
        if rows == 6:
            tile(6, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)
        elif rows == 5:
            tile(5, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)
        elif rows == 4:
            tile(4, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)
        elif rows == 3:
            tile(3, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)
        elif rows == 2:
            tile(2, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)
        else:
            tile(1, VECTORS, a, a_start, a_row, 1, b, x, wide, c, y, c_row, depth, True, None)


@njit
def product_of_three(rows, a, a_start, a_row, depth, b, b_start, c, c_start, c_row):
    """``product`` with B and the part of C three vectors wide, rows ≤ TALL_OF_THREE."""
    wide = 3 * lanes(b)
    if rows == 6:
        tile(6, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 5:
        tile(5, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 4:
        tile(4, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 3:
        tile(3, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 2:
        tile(2, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    else:
        tile(1, 3, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
