"""What LSTM and GRU on vectors share: how weights are packed, the product of a step, how a step is divided.

A step is cut into tasks. Forward, a task is one block of LANES hidden units (all their gates, side by side)
of a few rows of the batch: TALL rows × 4 vectors is a tile of the matrix product that lives in the registers,
and the gates are applied to it while it is in the cache. Backward, a task is 4 blocks of dh. Each number is
computed whole by one task, in one order: results do not depend on the number of threads.

A call runs rounds of pieces (``pool.py``): in the first the weights are packed, each other one is a step. The
threads meet at the end of a round. Where a step is too small to be shared, one thread does it all: waking
the others would take longer than the step.
"""

from ..jit import njit
from . import simd
from .microkernels import tile
from .simd import gather, lanes, load, load_part, splat, store, store_part

__all__ = [
    "LANES", "PIECES", "POINTWISE", "SHARED", "TALL", "pack_gates", "pack_rows", "pieces_of", "product",
    "product_of_three", "put", "put3", "put4", "split", "take", "take4",
]  # fmt: skip

LANES = simd.LANES
TALL = {64: 6, 32: 3, 16: 6, 0: 1}[simd.BYTES]
"""Rows of a tile that is 4 vectors wide and fits the registers of this machine."""

PIECES = 16
"""Pieces that the tasks of a shared step are handed out in."""

SHARED = 1_000_000
"""From this many multiplications a step on, threads share it (about 20 µs of one core)."""

POINTWISE = 100
"""As many multiplications take the time of one unit's gates."""


def pieces_of(multiplications):
    """Into how many pieces a step of so much work is cut; one piece is run without waking a thread."""
    return PIECES if multiplications >= SHARED else 1


@njit
def split(batch):
    """In how many tiles the rows are taken: tile i has the rows from i·batch // tiles on, at most TALL."""
    return -(-batch // TALL)


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
def pack_gates(packed, start, block, w, gates, first, hidden, depth):
    """packed[k, j, lane] = w[gate · hidden + block · lanes + lane, k], gate = (first + j) mod gates.

    w (gates · hidden, depth); packed begins at start; units from hidden on are 0.
    """
    width = lanes(packed)
    known = min(hidden - block * width, width)
    for j in range(gates):
        row = (first + j) % gates * hidden + block * width
        for k in range(depth):
            to = start + (k * gates + j) * width
            if known == width:
                store(packed, to, gather(w, row * depth + k, depth))
            else:
                store(packed, to, splat(packed, 0))
                for lane in range(known):
                    packed[to + lane] = w[(row + lane) * depth + k]


@njit
def pack_rows(piece, pieces, packed, w, rows, hidden):
    """packed[group, k, lane] = w[k, group · 4 lanes + lane], 0 from hidden on; the groups of one piece.

    w (rows, hidden); a group is 4 vectors of every row of w.
    """
    width = lanes(packed)
    groups = -(-hidden // (4 * width))
    for group in range(piece * groups // pieces, (piece + 1) * groups // pieces):
        for k in range(rows):
            for j in range(4):
                at = (group * 4 + j) * width
                store(packed, ((group * rows + k) * 4 + j) * width, take(w, k * hidden + at, hidden - at))


@njit
def product(rows, a, a_start, a_row, depth, b, b_start, c, c_start, c_row):
    """C += A B: A (rows, depth), rows ≤ TALL; B (depth, 4 vectors), packed; C (rows, 4 vectors)."""
    wide = 4 * lanes(b)
    if rows == 6:
        tile(6, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 5:
        tile(5, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 4:
        tile(4, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 3:
        tile(3, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    elif rows == 2:
        tile(2, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)
    else:
        tile(1, 4, a, a_start, a_row, 1, b, b_start, wide, c, c_start, c_row, depth, True, None)


@njit
def product_of_three(rows, a, a_start, a_row, depth, b, b_start, c, c_start, c_row):
    """``product`` with B and the part of C three vectors wide."""
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
