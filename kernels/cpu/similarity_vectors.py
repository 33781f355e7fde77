"""The search for the nearest rows by cosine, float32, in one pass over a database that is never copied.

Equal to ``reference.cosine_topk``. A task owns a range of rows and goes through it in blocks of BLOCK:
products of the block with all queries (a few kB that stay in cache), a vector of them at a time compared with
what the k-th best row so far demands, and an exact look at the rare ones that reach it. An exact look is a
float64 product in one fixed order of addition, and it alone decides: the float32 products only say which rows
need none. So neither blocks nor tasks nor threads decide about a tie. At the end the tasks' lists are merged.

    few queries    dot products, STREAMS rows of the database at once: as fast as memory delivers
    many queries   outer products: queries packed as panels of COLUMNS, ROWS rows of the database spread from
                   where they lie (Goto & van de Geijn, 2008, with A unpacked)

Rows that are multiplied at once come from so many far places of the task's range, at each of which it goes on
row by row. Then the processor sees a few streams, each from end to end, and fetches ahead of all of them;
of neighbouring rows it sees short pieces that begin and end, and memory delivers half as much.

Largest error of a score against float64: its rounding to float32 (6e-8).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .microkernels import COLUMNS, ROWS, VECTORS, dot_tile, tile
from .rows import load_some
from .simd import LANES, fma, load, splat, total, widen
from .simd_masks import every
from .topk_loops import insert

BLOCK = 8 * ROWS
"""Rows whose products are held at a time."""

FEW = 8
"""Up to this many queries dot products are quicker."""

STREAMS = 4
"""Places from which rows are read at once for few queries; for many they are ROWS."""

_f = np.float32
_NAN, _LEAST, _MOST = _f(np.nan), _f(1e-15), _f(1e18)


@njit
def _length(x, start, width):
    """‖row‖ to a few digits; NaN (the row then gets an exact look) where no float32 holds its square well."""
    sums = splat(x, _f(0))
    for d in range(0, width, LANES):
        v = load_some(x, start + d, width - d)
        sums = fma(v, v, sums)
    length = np.sqrt(total(sums))
    return length if _LEAST < length < _MOST else _NAN


@njit
def _dots(queries, count, x, start, apart, rows, width, products):
    """products[q · BLOCK + n] = query q · row n of the block."""
    for n in range(0, rows, STREAMS):
        at = start + n // STREAMS * width
        for q in range(count):
            if rows - n >= STREAMS:
                dot_tile(1, STREAMS, queries, q * width, width, x, at, apart, products, q * BLOCK + n, BLOCK,
                         width, False)  # fmt: skip
            else:
                for i in range(rows - n):
                    dot_tile(1, 1, queries, q * width, width, x, at + i * apart, width, products,
                             q * BLOCK + n + i, BLOCK, width, False)  # fmt: skip


@njit
def _outer(panels, count, x, start, apart, rows, width, products):
    """products[n · count + q] = row n of the block · query q; count whole panels of queries."""
    for column in range(0, count, COLUMNS):
        panel = column * width
        for n in range(0, rows - rows % ROWS, ROWS):
            tile(ROWS, VECTORS, x, start + n // ROWS * width, apart, 1, panels, panel, COLUMNS, products,
                 n * count + column, count, width, False, None)  # fmt: skip
        for n in range(rows - rows % ROWS, rows):
            tile(1, VECTORS, x, start + n * apart, width, 1, panels, panel, COLUMNS, products,
                 n * count + column, count, width, False, None)  # fmt: skip


@njit
def _exact(a, i, b, j, width):
    """Σ a b in float64, added in one order."""
    s, t = widen(splat(a, _f(0)))
    for d in range(0, width, LANES):
        u, v = widen(load_some(a, i + d, width - d)), widen(load_some(b, j + d, width - d))
        s, t = fma(u[0], v[0], s), fma(u[1], v[1], t)
    return total(s) + total(t)


@njit
def _look(q, n, queries, database, width, lengths, normalized, slack, kept, score, index, limits):
    """The exact score of row n, and its place among the best of query q."""
    product, at = lengths[q], n * width
    if not normalized:
        product *= np.sqrt(_exact(database, at, database, at, width))
    exact = _exact(queries, q * width, database, at, width) / product if product != 0 else 0.0
    kept[q] = insert(score[q], index[q], kept[q], _f(exact), n)
    if kept[q] == score.shape[1]:
        limits[q] = score[q, -1] - slack


@parallel
def search(task, tasks, queries, operand, count, database, lengths, normalized, slack, kept, score, index):
    """The best of this task's rows for each query.

    operand: the queries divided by their lengths, as rows for ``_dots`` (count ≤ FEW) or else as panels with
    room for ``count`` queries. Results: kept (tasks, Q), score and index (tasks, Q, k).
    """
    n, width = database.shape
    wanted, flat, few = queries.reshape(-1), database.reshape(-1), count <= FEW
    products, norms = np.empty(BLOCK * count, np.float32), np.ones(BLOCK + LANES, np.float32)
    limits = np.full(count, np.inf, np.float32)
    limits[: lengths.size] = -np.inf  # nothing kept yet: all are good enough
    got, best, where = kept[task], score[task], index[task]
    streams = STREAMS if few else ROWS
    begin, last = task * n // tasks, (task + 1) * n // tasks
    apart, lines = (last - begin) // streams, BLOCK // streams
    blocks = -(-apart // lines)
    for block in range(blocks + 1):
        # Row r of the block is row first + r // streams + r % streams · apart of the database.
        first = begin + block * lines
        rows = min(lines, apart - block * lines) * streams
        if block == blocks:  # the few that are left behind the streams
            first, rows, apart = begin + apart * streams, (last - begin) % streams, 1
        if few:
            _dots(operand, count, flat, first * width, apart * width, rows, width, products)
        else:
            _outer(operand, count, flat, first * width, apart * width, rows, width, products)
        if not normalized:  # only now: the products have brought the rows into the cache
            for r in range(rows):
                norms[r] = _length(flat, (first + r // streams + r % streams * apart) * width, width)
        for i in range(lengths.size if few else rows):
            stop = rows if few else count
            at = i * (BLOCK if few else count)
            for j in range(0, stop, LANES):
                v = load_some(products, at + j, stop - j)
                if few:
                    low = every(v < load(norms, j) * limits[i])
                else:
                    low = every(v < load_some(limits, j, stop - j) * norms[i])
                if low:
                    continue
                for lane in range(j, min(stop, j + LANES)):
                    q, r = (i, lane) if few else (lane, i)
                    if q < lengths.size and not products[at + lane] < limits[q] * norms[r]:
                        row = first + r // streams + r % streams * apart
                        _look(q, row, wanted, flat, width, lengths, normalized, slack, got, best, where,
                              limits)  # fmt: skip


@njit
def merge(kept, score, index, best, where):
    """One list of the tasks' lists, in the order of the tasks: by score, then by row."""
    for q in range(best.shape[0]):
        count = 0
        for task in range(kept.shape[0]):
            for i in range(kept[task, q]):
                count = insert(best[q], where[q], count, score[task, q, i], index[task, q, i])
