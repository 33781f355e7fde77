"""Lists of codes of half a byte, gone through in registers (André, Kermarrec & Le Scouarnec, 2015).

With K ≤ 16 codewords a part, a part's table of q_j · u_{j,c} has 16 entries. As bytes they fit a register,
where one instruction looks up the codes of many rows (``kernels/cpu/simd_bytes.py``). So they are rounded:

    b_{j,c} = ⌊(q_j · u_{j,c} − l_j) / δ + ½⌋    l_j = min_c q_j · u_{j,c},  δ = max_j max_c (…) / 255

    q · r̂ = Σ_j q_j · u_{j,code_j} ≈ l + δ Σ_j b_{j,code_j}    l = Σ_j l_j

which is off by at most m δ / 2, typically by δ √(m / 12). Which rows are scored exactly is decided by these
sums, so little depends on them; as scores they would be coarse, and an index without its rows adds floats.
"""

import numpy as np

__all__ = ["BLOCK", "PARTS", "TASK", "WORDS", "blocks_of", "bytes_of", "fast_scan"]

BLOCK = 32
"""Rows whose codes lie together: those of two parts in 32 bytes."""

WORDS = 16
"""Codewords of a part, at most: as many bytes as an instruction picks from."""

PARTS = 256
"""Parts, at most: the sum of so many bytes has 16 bits."""

TASK = 16


def blocks_of(code, cell, cells):
    """Codes (N, m) below 16 → blocks (B, ⌈m/2⌉, BLOCK), ids (B · BLOCK,), starts (C + 1,), sizes (C,).

    Row r of a block has the codes of parts 2p and 2p + 1 in the lower and upper half of byte [p, r]. A cell's
    rows lie in the blocks from its start to the next one's, in the order of their ids; −1 fills the last.
    """
    count, parts = code.shape
    sizes = np.bincount(cell, minlength=cells)
    starts = np.concatenate([[0], np.cumsum(-(-sizes // BLOCK))])
    order = np.argsort(cell, kind="stable")
    first = np.cumsum(sizes) - sizes
    place = starts[cell[order]] * BLOCK + np.arange(count) - first[cell[order]]
    ids = np.full(starts[-1] * BLOCK, -1, np.int64)
    ids[place] = order
    whole = np.zeros((count, parts + parts % 2), np.uint8)
    whole[:, :parts] = code[order]
    blocks = np.zeros((starts[-1] * BLOCK, whole.shape[1] // 2), np.uint8)
    blocks[place] = whole[:, ::2] | whole[:, 1::2] << 4
    blocks = blocks.reshape(-1, BLOCK, blocks.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(blocks), ids, starts, sizes


def bytes_of(table):
    """Entries (m, K) → (b (m, K) of whole numbers below 256, l, δ)."""
    least = table.min(axis=1, keepdims=True)
    above = table - least
    step = above.max() / np.float32(255) or np.float32(1)
    return np.floor(above / step + np.float32(0.5)).astype(np.uint8), least.sum(), step


def fast_scan(
    tasks, queries, coarse, half, panels, words, blocks, ids, starts, sizes, probes, candidates, found
):
    """The R rows of largest q · c + l + δ Σ_j b_{j,code_j} in the cells of largest q · c − ½‖c‖²."""
    parts, piece, _ = panels.shape
    candidates[:], found[:] = -1, -np.inf
    rows = blocks.transpose(0, 2, 1).reshape(-1, blocks.shape[1])
    codes = np.stack([rows & 15, rows >> 4], axis=2).reshape(len(rows), -1)[:, :parts]
    for q, row in enumerate(coarse):
        pieces = queries[q, : parts * piece].reshape(parts, piece)
        table, low, step = bytes_of(np.einsum("jd,jdc->jc", pieces, panels[:, :, :words]))
        cells = np.argsort(-(row + half), kind="stable")[:probes]
        places = np.concatenate([starts[c] * BLOCK + np.arange(sizes[c]) for c in cells])
        base = np.repeat(row[cells] + low, sizes[cells])
        sums = base + step * table[np.arange(parts), codes[places]].sum(axis=1, dtype=np.int64)
        best = np.lexsort((ids[places], -sums))[: candidates.shape[1]]
        candidates[q, : len(best)], found[q, : len(best)] = ids[places[best]], sums[best]
