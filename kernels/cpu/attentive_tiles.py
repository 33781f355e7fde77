"""The attentive LSTM in float32 on vectors: a whole sequence in one call, forward and back.

What one caption needs is nobody else's: a task is ROWS of the batch, taken through all steps, and no thread
waits for another. Its states, gates and looks stay in the nearest caches, where every product, softmax and
sum of a step finds them; the weights, packed once for all tasks in a first round, pass by once a step.
u = tanh(projected + q) is never stored: backward computes it once more, for all three of its gradients.

Arrays are flat in the compiled functions. ``sizes`` are steps T, batch B, words E, D, hidden H, regions R
and A; a row of what a step reads, [x; z; h], has ``depth`` = E + D + H entries.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .recurrence_tiles import (
    LANES,
    TALL,
    VECTORS,
    pack_gates,
    pack_rows,
    product,
    put,
    put4,
    split,
    take,
    take4,
)
from .recurrence_units import lstm_unit, lstm_unit_backward
from .rows import load_or, store_some
from .simd import fma, load, splat, store, total
from .simd_math import exp, sigmoid, tanh

__all__ = ["backward", "forward"]

ROWS = 24
"""Rows of the batch in a task, at most: four tiles of 6, so that a fetched weight serves them all."""

WIDE = 4 * LANES
"""Columns that ``product`` computes at a time."""

_0, _1 = np.float32(0), np.float32(1)


def _wide(columns):
    """Columns up to the next whole ``product``."""
    return -(-columns // WIDE) * WIDE


def _flat(*arrays):
    return [a.reshape(-1) for a in arrays]


# ── forward ──────────────────────────────────────────────────────────────────────────────────────
def forward(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current):
    """``reference.attentive_lstm``."""
    (steps, batch, words), (_, count, size), (hidden, inner) = x.shape, regions.shape, w_ask.T.shape
    w, depth = np.concatenate([w_ih, w_hh], axis=1), words + size + hidden
    widths = hidden, size, count, depth, inner, 4 * hidden, hidden
    hs, zs, alphas, read, asked, gates, cells = (np.empty((steps, batch, n), x.dtype) for n in widths)
    asked_bias = np.zeros(_wide(inner), x.dtype)
    asked_bias[:inner] = b_ask
    packed = np.empty(-(-hidden // LANES) * WIDE * (depth + 1), x.dtype)
    packed_ask = np.empty(hidden * _wide(inner), x.dtype)
    tasks = -(-batch // ROWS)
    scratch = np.empty(tasks * ROWS * _wide(inner), x.dtype)
    given = _flat(x, regions, projected, h0, c0, w, bias, np.ascontiguousarray(w_ask.T), asked_bias, weight)
    results = _flat(hs, zs, alphas, read, asked, gates, cells)
    sizes = (steps, batch, words, size, hidden, count, inner - 1)
    _forward.rounds(2, tasks, tasks, *given, *results, packed, packed_ask, scratch, sizes, current)
    return hs, zs, alphas, read, asked, gates, cells


@parallel
def _forward(
    task, tasks, x, regions, projected, h0, c0, w, bias, w_ask, b_ask, weight, hs, zs, alphas, read, asked,
    gates, cells, packed, packed_ask, scratch, sizes, current,
):  # fmt: skip
    """In the first round a share of packing the weights, in the second all steps of some rows."""
    steps, batch, words, size, hidden, _, inner = sizes
    if task < tasks:
        _pack(task, tasks, packed, w, bias, hidden, words + size + hidden)
        pack_rows(task, tasks, packed_ask, w_ask, hidden, inner + 1)
        return
    task -= tasks
    first, last, depth = task * batch // tasks, (task + 1) * batch // tasks, words + size + hidden
    mine = task * ROWS * (b_ask.size)
    for b in range(first, last):
        for k in range(size):
            read[b * depth + words + k] = _0
        for k in range(hidden):
            read[b * depth + words + size + k] = h0[b * hidden + k]
    for t in range(steps):
        for b in range(first, last):
            for k in range(words):
                read[(t * batch + b) * depth + k] = x[(t * batch + b) * words + k]
        if not current:
            at = (t * batch + first) * depth + words + size
            _look(
                first, last, t, t, read, at, depth, regions, projected, packed_ask, b_ask, weight, zs, alphas,
                read, asked, scratch, mine, sizes,
            )  # fmt: skip
        _step(first, last, t, c0, packed, hs, read, gates, cells, scratch, mine, sizes)
        if current:
            at = (t * batch + first) * hidden
            _look(
                first, last, t, t + 1, hs, at, hidden, regions, projected, packed_ask, b_ask, weight, zs,
                alphas, read, asked, scratch, mine, sizes,
            )  # fmt: skip


@njit
def _pack(piece, pieces, packed, w, bias, hidden, depth):
    """For each block of units the rows of wᵀ in panels of VECTORS gates side by side, then its bias."""
    blocks = -(-hidden // LANES)
    none, one, gates = np.int64(0), np.int64(1), np.int64(4)  # for literals a copy each would be compiled
    side = gates * VECTORS // 4
    for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
        start = block * (depth + 1) * WIDE
        for j in range(0, 4, VECTORS):
            pack_gates(packed, start + j * depth * LANES, block, w, side, j, gates, hidden, depth)
        pack_gates(packed, start + depth * WIDE, block, bias, gates, none, gates, hidden, one)


@njit
def _step(first, last, t, c0, packed, hs, read, gates, cells, scratch, mine, sizes):
    """Gates, c and h of step t, one block of units after the other; h also to what the next step reads."""
    steps, batch, words, size, hidden, _, _ = sizes
    depth, tiles = words + size + hidden, split(last - first, TALL)
    c, c_start = (cells, (t - 1) * batch * hidden) if t > 0 else (c0, 0)
    for block in range(-(-hidden // LANES)):
        unit, n, start = block * LANES, hidden - block * LANES, block * (depth + 1) * WIDE
        for tile in range(tiles):
            low, high = _tile(tile, tiles, first, last)
            for k in range(0, (high - low) * WIDE, LANES):
                store(scratch, mine + k, load(packed, start + depth * WIDE + k % WIDE))
            at, panel = (t * batch + low) * depth, VECTORS * LANES * depth
            product(high - low, read, at, depth, depth, packed, start, panel, scratch, mine, WIDE)
            for b in range(low, high):
                row = t * batch + b
                pre = take4(scratch, mine + (b - low) * WIDE, LANES, LANES)
                activated, c_new, h = lstm_unit(pre, take(c, c_start + b * hidden + unit, n))
                put4(gates, row * 4 * hidden + unit, hidden, activated, n)
                put(cells, row * hidden + unit, c_new, n)
                put(hs, row * hidden + unit, h, n)
                if t + 1 < steps:
                    put(read, (row + batch) * depth + words + size + unit, h, n)


@njit
def _tile(tile, tiles, first, last):
    """The rows of one tile of those of a task."""
    return first + tile * (last - first) // tiles, first + (tile + 1) * (last - first) // tiles


@njit
def _look(
    first, last, t, reader, h, h_start, h_row, regions, projected, packed_ask, b_ask, weight, zs, alphas,
    read, asked, scratch, mine, sizes,
):  # fmt: skip
    """The look of step t, asked by the h that lie at h_start; z also to what step ``reader`` reads."""
    steps, batch, words, size, hidden, count, inner = sizes
    wide, depth, tiles = b_ask.size, words + size + hidden, split(last - first, TALL)
    for b in range(last - first):
        for k in range(0, wide, LANES):
            store(scratch, mine + b * wide + k, load(b_ask, k))
    for column in range(0, wide, WIDE):
        for tile in range(tiles):
            low, high = _tile(tile, tiles, 0, last - first)
            product(
                high - low, h, h_start + low * h_row, h_row, hidden, packed_ask, column * hidden,
                VECTORS * LANES * hidden, scratch, mine + low * wide + column, wide,
            )  # fmt: skip
    for b in range(first, last):
        row, q = t * batch + b, mine + (b - first) * wide
        at, alpha = row * (inner + 1), row * count
        for a in range(0, inner, LANES):
            put(asked, at + a, take(scratch, q + a, inner - a), inner - a)
        put(asked, at + inner, sigmoid(take(scratch, q + inner, 1)), 1)
        for i in range(count):
            sums = splat(weight, _0)
            for a in range(0, inner, LANES):
                n = inner - a
                u = tanh(take(asked, at + a, n) + take(projected, (b * count + i) * inner + a, n))
                sums = fma(take(weight, a, n), u, sums)
            alphas[alpha + i] = total(sums)
        _softmax(alphas, alpha, count)
        gate = asked[at + inner]
        for d in range(0, size, LANES):
            n, z = size - d, splat(zs, _0)
            for i in range(count):
                z = fma(take(regions, (b * count + i) * size + d, n), alphas[alpha + i], z)
            put(zs, row * size + d, z * gate, n)
            if reader < steps:
                put(read, (reader * batch + b) * depth + words + d, z * gate, n)


@njit
def _softmax(x, start, count):
    """x = softmax(x) of ``count`` entries from start on."""
    top, sums = x[start], splat(x, _0)
    for i in range(1, count):
        top = max(top, x[start + i])
    for i in range(0, count, LANES):
        e = exp(load_or(x, start + i, count - i, np.float32(-np.inf)) - top)
        store_some(x, start + i, count - i, e)
        sums = sums + e
    factor = _1 / total(sums)
    for i in range(count):
        x[start + i] *= factor


# ── backward ─────────────────────────────────────────────────────────────────────────────────────
def backward(
    dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, alphas, asked, gates, cells,
    current,
):  # fmt: skip
    """``reference.attentive_lstm_backward`` up to the products over all steps.

    → dx, dregions, dprojected, dh0, dc0, dgates, dasked, dbias, db_ask, dweight
    """
    (steps, batch, hidden), (_, count, size), inner = dhs.shape, regions.shape, len(w_ask)
    w, words = np.concatenate([w_ih, w_hh], axis=1), w_ih.shape[1] - size
    depth, kind, tasks = words + size + hidden, dhs.dtype, -(-batch // ROWS)
    dgates, dasked, dx = np.empty_like(gates), np.empty_like(asked), np.empty((steps, batch, words), kind)
    dregions, dprojected = np.empty_like(regions), np.zeros_like(projected)
    du, dc = np.empty_like(dzs), np.zeros_like(c0)
    parts = [np.zeros((tasks, n), kind) for n in (4 * hidden, inner, inner - 1)]
    packed, packed_ask = np.empty(4 * hidden * _wide(depth), kind), np.empty(inner * _wide(hidden), kind)
    # one more vector a row: rows a power of two apart would fight for the cache
    state = np.zeros((tasks, ROWS, max(_wide(depth), words + size + _wide(hidden)) + LANES), kind)
    around = np.empty((tasks, ROWS, 4 * hidden + LANES), kind)
    scores = np.empty(tasks * count, kind)
    given = _flat(dhs, dzs, dalphas, regions, projected, c0, w, w_ask, weight, alphas, asked, gates, cells)
    results = _flat(dx, dregions, dprojected, dc, dgates, dasked, *parts)
    sizes = (steps, batch, words, size, hidden, count, inner - 1)
    room = (*_flat(du, state, around), scores, packed, packed_ask)
    _backward.rounds(2, tasks, tasks, *given, *results, *room, sizes, state.shape[2], current)
    dh = np.empty_like(c0)
    for task in range(tasks):
        first, last = task * batch // tasks, (task + 1) * batch // tasks
        dh[first:last] = state[task, : last - first, words + size : depth]
    return dx, dregions, dprojected, dh, dc, dgates, dasked, *(p.sum(axis=0) for p in parts)


@parallel
def _backward(
    task, tasks, dhs, dzs, dalphas, regions, projected, c0, w, w_ask, weight, alphas, asked, gates, cells, dx,
    dregions, dprojected, dc, dgates, dasked, dbias, db_ask, dweight, du, state, around, scores, packed,
    packed_ask, sizes, wide, current,
):  # fmt: skip
    """``_forward`` in the opposite order of time. A row of state, ``wide`` apart, is [dx; dz; dh]."""
    steps, batch, words, size, hidden, count, inner = sizes
    depth = words + size + hidden
    if task < tasks:
        pack_rows(task, tasks, packed, w, 4 * hidden, depth)
        pack_rows(task, tasks, packed_ask, w_ask, inner + 1, hidden)
        return
    task -= tasks
    first, last, mine = task * batch // tasks, (task + 1) * batch // tasks, task * ROWS * wide
    for t in range(steps - 1, -1, -1):
        if current:
            _look_back(
                task, first, last, t, dzs, dalphas, regions, projected, weight, alphas, asked, dprojected,
                dasked, db_ask, dweight, du, state, mine, wide, scores, packed_ask, sizes,
            )  # fmt: skip
        _step_back(
            task, first, last, t, dhs, c0, gates, cells, dc, dgates, dbias, state, mine, wide, around, packed,
            sizes,
        )  # fmt: skip
        for b in range(first, last):
            for k in range(words):
                dx[(t * batch + b) * words + k] = state[mine + (b - first) * wide + k]
        if not current:
            _look_back(
                task, first, last, t, dzs, dalphas, regions, projected, weight, alphas, asked, dprojected,
                dasked, db_ask, dweight, du, state, mine, wide, scores, packed_ask, sizes,
            )  # fmt: skip
    for b in range(first, last):
        for i in range(count):
            for d in range(0, size, LANES):
                n, sums = size - d, splat(du, _0)
                for t in range(steps):
                    row = t * batch + b
                    sums = fma(take(du, row * size + d, n), alphas[row * count + i], sums)
                put(dregions, (b * count + i) * size + d, sums, n)


@njit
def _step_back(
    task, first, last, t, dhs, c0, gates, cells, dc, dgates, dbias, state, mine, wide, around, packed, sizes
):
    """dgates and dc of step t; then state = dgates W."""
    _, batch, words, size, hidden, _, _ = sizes
    depth, stride, tiles = words + size + hidden, 4 * hidden + LANES, split(last - first, TALL)
    c, c_start = (cells, (t - 1) * batch * hidden) if t > 0 else (c0, 0)
    ours = task * ROWS * stride
    for unit in range(0, hidden, LANES):
        n, k = hidden - unit, task * 4 * hidden + unit
        si, sf, sg, so = take4(dbias, k, hidden, n)
        for b in range(first, last):
            row, at = t * batch + b, b * hidden + unit
            activated, c_new = (
                take4(gates, row * 4 * hidden + unit, hidden, n),
                take(cells, row * hidden + unit, n),
            )
            dh = take(state, mine + (b - first) * wide + words + size + unit, n) + take(
                dhs, row * hidden + unit, n
            )
            d, dc_at = lstm_unit_backward(activated, take(c, c_start + at, n), c_new, dh, take(dc, at, n))
            put(dc, at, dc_at, n)
            put4(dgates, row * 4 * hidden + unit, hidden, d, n)
            put4(around, ours + (b - first) * stride + unit, hidden, d, n)
            si, sf, sg, so = si + d[0], sf + d[1], sg + d[2], so + d[3]
        put4(dbias, k, hidden, (si, sf, sg, so), n)
    zero, panel = splat(state, _0), VECTORS * LANES
    for k in range(0, (last - first) * wide, LANES):
        store(state, mine + k, zero)
    for column in range(0, depth, WIDE):
        for gate in range(4):  # gate by gate: the rows of one stay in the nearest cache
            for tile in range(tiles):
                low, high = _tile(tile, tiles, 0, last - first)
                product(
                    high - low, around, ours + low * stride + gate * hidden, stride, hidden, packed,
                    4 * hidden * column + gate * hidden * panel, 4 * hidden * panel, state,
                    mine + low * wide + column, wide,
                )  # fmt: skip


@njit
def _look_back(
    task, first, last, t, dzs, dalphas, regions, projected, weight, alphas, asked, dprojected, dasked, db_ask,
    dweight, du, state, mine, wide, scores, packed_ask, sizes,
):  # fmt: skip
    """From dz of step t: its dasked and du = σ(s) dz, its parts of the others; dh += dasked W_ask."""
    _, batch, words, size, hidden, count, inner = sizes
    for b in range(first, last):
        row, dz = t * batch + b, mine + (b - first) * wide + words
        at, alpha, e = row * (inner + 1), row * count, task * count
        gate = asked[at + inner]
        for d in range(0, size, LANES):
            n = size - d
            dz_at = take(state, dz + d, n) + take(dzs, row * size + d, n)
            put(state, dz + d, dz_at, n)
            put(du, row * size + d, dz_at * gate, n)
        by_alpha, mean = _0, _0
        for i in range(count):
            sums = splat(state, _0)
            for d in range(0, size, LANES):
                n = size - d
                sums = fma(take(state, dz + d, n), take(regions, (b * count + i) * size + d, n), sums)
            s = total(sums)
            by_alpha += alphas[alpha + i] * s
            scores[e + i] = dalphas[alpha + i] + gate * s
            mean += alphas[alpha + i] * scores[e + i]
        for i in range(count):
            scores[e + i] = alphas[alpha + i] * (scores[e + i] - mean)
        for a in range(0, inner, LANES):
            n, sums = inner - a, splat(weight, _0)
            q, v, dv = take(asked, at + a, n), take(weight, a, n), take(dweight, task * inner + a, n)
            for i in range(count):
                k, g = (b * count + i) * inner + a, scores[e + i]
                u = tanh(q + take(projected, k, n))
                dv = fma(u, g, dv)
                d = v * fma(-u, u, _1) * g
                sums = sums + d
                put(dprojected, k, take(dprojected, k, n) + d, n)
            put(dweight, task * inner + a, dv, n)
            put(dasked, at + a, sums, n)
        dasked[at + inner] = by_alpha * gate * (_1 - gate)
        for a in range(inner + 1):
            db_ask[task * (inner + 1) + a] += dasked[at + a]
    tiles = split(last - first, TALL)
    for column in range(0, hidden, WIDE):
        for tile in range(tiles):
            low, high = _tile(tile, tiles, 0, last - first)
            product(
                high - low, dasked, (t * batch + first + low) * (inner + 1), inner + 1, inner + 1, packed_ask,
                column * (inner + 1), VECTORS * LANES * (inner + 1), state,
                mine + low * wide + words + size + column, wide,
            )  # fmt: skip
