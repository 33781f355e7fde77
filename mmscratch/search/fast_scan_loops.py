"""The compiled twin of ``fast_scan.fast_scan``."""

import numpy as np

from ..kernels.cpu.simd_bytes import ROWS, lowest, pick_sums
from ..kernels.jit import njit
from ..kernels.pool import parallel
from .ivfpq_loops import BINS, hand_over, largest, tables, thin

__all__ = ["TASK", "fast_scan"]

TASK = 16
"""Queries of one task."""

_f = np.float32


@njit
def rounded(table, parts, words, bytes_):
    """bytes_[16 j + c] of table[16 j + c]; → (l, δ) as ``fast_scan.bytes_of``."""
    low, height = _f(0), _f(0)
    for j in range(parts):
        least = most = table[16 * j]
        for c in range(1, words):
            least, most = min(least, table[16 * j + c]), max(most, table[16 * j + c])
        low, height = low + least, max(height, most - least)
        table[16 * j : 16 * j + words] -= least
    step = height / _f(255)
    if step == 0:
        step = _f(1)
    for j in range(parts):
        for c in range(16 * j, 16 * j + words):
            bytes_[c] = np.uint8(np.floor(table[c] / step + _f(0.5)))
    return low, step


@parallel
def fast_scan(
    task, queries, coarse, half, panels, words, blocks, ids, starts, sizes, probes, candidates, found
):
    """``fast_scan.fast_scan`` of TASK queries; the arrays are those of ``fast_scan.blocks_of``."""
    parts, most, pairs = panels.shape[0], candidates.shape[1], blocks.shape[1]
    table, small = np.empty(parts * 16, _f), np.zeros(pairs * 32, np.uint8)
    cells, sums = np.empty(probes, np.int64), np.empty(ROWS, np.uint16)
    room = 2 * most + ROWS
    score, which, wanted = np.empty(room, _f), np.empty(room, np.int64), queries.reshape(-1)
    flat, bins = blocks.reshape(-1), np.empty(BINS, np.int64)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        tables(wanted, q * queries.shape[1], panels, 16, table)
        low, step = rounded(table, parts, words, small)
        largest(coarse[q], half, cells)
        kept, limit = 0, _f(-np.inf)
        for cell in cells:
            base = coarse[q, cell] + low
            for block in range(starts[cell], starts[cell + 1]):
                # One less than the least sum that can reach the limit: what is let in is compared again.
                least = min(max((limit - base) / step - _f(1), _f(0)), _f(65535))
                mask = pick_sums(flat, block * pairs * ROWS, pairs, small, np.int64(least), sums)
                left = sizes[cell] - (block - starts[cell]) * ROWS
                if left < ROWS:
                    mask &= (1 << left) - 1
                while mask != 0:
                    row = lowest(mask)
                    mask &= mask - 1
                    score[kept], which[kept] = base + step * _f(sums[row]), ids[block * ROWS + row]
                    kept += 1
                if kept >= 2 * most:
                    kept, limit = thin(score, which, kept, most, bins)
        hand_over(score, which, kept, candidates[q], found[q])
