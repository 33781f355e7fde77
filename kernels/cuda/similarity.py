"""Unit length, and nearest neighbours by cosine. Equal to ``reference.similarity``."""

import numpy as np

from .elementwise import map as apply
from .extreme import precedes
from .launch import (
    BLOCK,
    HOLD,
    SIMULATOR,
    cached,
    cuda,
    fits,
    kernel,
    launch,
    launch_rows,
    lean_kernel,
    math,
    row_sum,
    smaller,
)  # fmt: skip
from .layout import concatenate
from .linear import matrices
from .memory import empty
from .reduce import topk, topk_named
from .tile import EDGE, FILLED, PLAIN, THREADS, Form, Operand, aligned, complexes, multiplier, place_in_tile

__all__ = ["cosine_topk", "l2_normalize", "l2_normalize_backward"]

ROWS = 16 if SIMULATOR else 1 << 18
"""Rows of the database whose scores are held at a time, where k is larger than MOST."""

MOST = 4 if SIMULATOR else 16
"""The largest k for which a block keeps the best so far beside its scores."""


@cached
def _kernels(dtype, held):
    T = dtype.type

    @kernel
    def forward(y, norm, x, rows, length, eps, only_zero, only_norm):
        """only_zero: divide by ‖x‖, or by 1 where it is 0. only_norm: that divisor's reciprocal, and no y."""
        scratch = cuda.shared.array(BLOCK, T)
        values = cuda.local.array(HOLD, T)
        t, width, together = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            end = length if r < rows else 0
            base = r * length
            total = T(0)
            if held:
                for s in range(HOLD):
                    j = t + s * width
                    values[s] = T(0)
                    if j < end:
                        values[s] = x[base + j]
                        total += values[s] * values[s]
            else:
                for j in range(t, end, width):
                    total += x[base + j] * x[base + j]
            size = math.sqrt(row_sum(scratch, total))
            divisor = eps if size < eps else size
            if only_zero:
                divisor = T(1) if size == T(0) else size
            if t == 0 and r < rows:
                norm[r] = T(1) / divisor if only_norm else size
            if not only_norm:
                if held:
                    for s in range(HOLD):
                        j = t + s * width
                        if j < end:
                            y[base + j] = values[s] / divisor
                else:
                    for j in range(t, end, width):
                        y[base + j] = x[base + j] / divisor

    @kernel
    def backward(dx, dy, y, norm, rows, length, eps):
        scratch = cuda.shared.array(BLOCK, T)
        t, width, together = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            end = length if r < rows else 0
            base = r * length
            total = T(0)
            for j in range(t, end, width):
                total += y[base + j] * dy[base + j]
            total = row_sum(scratch, total)
            size = norm[r] if r < rows else T(1)
            for j in range(t, end, width):
                d = dy[base + j]
                dx[base + j] = d / eps if size < eps else (d - y[base + j] * total) / size

    return forward, backward


def _normalized(x, eps, only_zero, only_norm=False):
    norm = empty(x.shape[:1], x.dtype)
    y = norm if only_norm else empty(x.shape, x.dtype)
    rows, length = x.shape
    forward, _ = _kernels(x.dtype, fits(length))
    launch_rows(forward, rows, length, y, norm, x, rows, length, x.dtype.type(eps), only_zero, only_norm)
    return y, norm


def l2_normalize(x, eps):
    """y = x / max(‖x‖, eps) for each row → y, ‖x‖; the sum of squares is folded, log₂ D + D/256 roundings."""
    return _normalized(x, eps, False)


def l2_normalize_backward(dy, y, norm, eps):
    """dx = (dy − y Σ y ⊙ dy) / ‖x‖, or dy / eps where ‖x‖ < eps."""
    dx = empty(y.shape, y.dtype)
    rows, length = y.shape
    _, backward = _kernels(y.dtype, fits(length))
    launch_rows(backward, rows, length, dx, dy, y, norm, rows, length, y.dtype.type(eps))
    return dx


# ── the nearest by cosine ────────────────────────────────────────────────────────────────────────
@cached
def _search_kernel(dtype, form, scaled, fours):
    T = dtype.type
    rows, columns, _ = form
    height, width, results = form.height, form.width, form.rows * form.columns
    space_size = complexes(form, dtype)
    line = width + 1
    tile_size, best_size = height * line, height * MOST
    scores = multiplier(dtype, form, vector_a=fours[0], vector_b=fours[1])

    @lean_kernel
    def search(values, names, queries, database, factor, sizes, k, share, parts, pq, pd):
        """The k best of each part of the database for each query; position −1 where a part is too short.

        A tile of scores is computed and looked through, a thread a query: most scores do not even reach
        the worst of the best.
        """
        space = cuda.shared.array(space_size, np.complex128).view(T)
        tile = cuda.shared.array(tile_size, T)
        best = cuda.shared.array(best_size, T)
        place = cuda.shared.array(best_size, np.int64)
        acc = cuda.local.array(results, T)
        q_size, n_size, depth = sizes
        t = cuda.threadIdx.x
        ty, tx = t // EDGE, t % EDGE
        for item in range(cuda.blockIdx.x, (q_size + height - 1) // height * parts, cuda.gridDim.x):
            part = item % parts
            q0 = item // parts * height
            for i in range(t, best_size, THREADS):
                best[i] = T(0)
                place[i] = -1
            end = smaller(n_size, (part + 1) * share)
            for n0 in range(part * share, end, width):
                scores(acc, space, queries, 0, q0, q_size, pq, database, 0, n0, end, pd, 0, depth)
                for j in range(columns):
                    n = place_in_tile(tx, j, columns)
                    by = T(1)
                    if scaled and n0 + n < end:
                        by = factor[n0 + n]
                    for i in range(rows):
                        tile[place_in_tile(ty, i, rows) * line + n] = acc[i * columns + j] * by
                cuda.syncthreads()
                if t < height:
                    for n in range(smaller(width, end - n0)):
                        v, name = tile[t * line + n], n0 + n
                        at = t * MOST + k - 1
                        if precedes(v, name, best[at], place[at]):
                            while at > t * MOST and precedes(v, name, best[at - 1], place[at - 1]):
                                best[at] = best[at - 1]
                                place[at] = place[at - 1]
                                at -= 1
                            best[at] = v
                            place[at] = name
                cuda.syncthreads()
            cuda.syncthreads()
            for i in range(t, height * k, THREADS):
                q, j = i // k, i % k
                if q0 + q < q_size:
                    to = ((q0 + q) * parts + part) * k + j
                    values[to] = best[q * MOST + j]
                    names[to] = place[q * MOST + j]
            cuda.syncthreads()

    return search


def _search(queries, database, k, factor):
    """The k ≤ MOST best by score · factor: of the share of each block, then of their best."""
    (q, depth), n = queries.shape, database.shape[0]
    many = Form(4 if queries.dtype.itemsize == 4 else 2, 4, 8)  # as much as 48 KB of shared memory hold
    form = many if q > EDGE else Form(1, 4, 8)
    groups = -(-q // form.height)
    share = max(-(-n * groups // (2 * FILLED)), 4 * k, form.width)
    share = -(-share // form.width) * form.width
    parts = -(-n // share)
    values, names = empty((q, parts * k), queries.dtype), empty((q, parts * k), np.int64)
    lines = (*PLAIN, depth, 1)
    fours = (
        aligned(Operand(queries, lines, False), q, depth),
        aligned(Operand(database, lines, False), n, depth),
    )
    run = _search_kernel(queries.dtype, form, factor is not None, fours)
    factors = queries if factor is None else factor
    blocks = min(groups * parts, 4 if SIMULATOR else 1 << 30)
    options = (factors, (q, n, depth), k, share, parts, lines, lines)
    launch(run, blocks, THREADS, values, names, queries, database, *options)
    return (values, names) if parts == 1 else topk_named(values, names, k)


def cosine_topk(queries, database, k, normalized):
    """The k rows with the largest cosine to each query, falling, lower id first on ties → score, id.

    For k ≤ MOST no matrix of scores is ever written: a block computes a tile of them, keeps the k best so
    far beside it, and goes on (as Johnson, Douze & Jégou, 2019, select in registers). For larger k the
    database is walked through in stretches: the scores of a stretch, its k best, and the best of those and
    the ones before. Either way the memory used does not grow with the database, but for one factor 1/‖d‖ a
    row. Error: D roundings.
    """
    if not normalized:
        queries, _ = _normalized(queries, 0, True)
    if 0 < k <= MOST and queries.size and database.size:
        factor = None if normalized else _normalized(database, 0, True, only_norm=True)[1]
        return _search(queries, database, k, factor)
    best = None
    for first in range(0, database.shape[0], ROWS):
        stretch = database.rows(first, min(database.shape[0], first + ROWS))
        if not normalized:
            stretch, _ = _normalized(stretch, 0, True)
        score, row = topk(matrices(queries, stretch, transpose_b=True), min(k, stretch.shape[0]))
        row = apply("add", row, first)
        if best is not None:
            score, row = (concatenate(pair, 1) for pair in zip(best, (score, row), strict=True))
            score, row = topk_named(score, row, min(k, score.shape[1]))
        best = score, row
    return best
