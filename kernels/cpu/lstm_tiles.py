"""LSTM in float32 on vectors: a whole sequence in one call, forward and back.

``recurrence_tiles.py`` says how a step is divided. Arrays are flat in the compiled functions; what they hold
and in which order is said at ``forward`` and ``backward``.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .recurrence_tiles import (
    LANES,
    TALL,
    VECTORS,
    divide,
    pack_gates,
    pack_rows,
    product,
    put,
    put4,
    share,
    take,
    take4,
    turns,
)
from .recurrence_units import lstm_unit, lstm_unit_backward
from .simd import load, splat, store

__all__ = ["backward", "forward"]


# ── forward ──────────────────────────────────────────────────────────────────────────────────────
def forward(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """``reference.lstm``; lengths is an array here."""
    steps, batch, features = x.shape
    hidden = h0.shape[1]
    blocks = -(-hidden // LANES)
    hs, gates = np.empty((steps, batch, hidden), x.dtype), np.empty((steps, batch, 4 * hidden), x.dtype)
    cells = np.empty_like(hs)
    h = np.empty(
        (2, batch, (blocks + 1) * LANES), x.dtype
    )  # rows a power of two apart would fight for the cache
    h[0, :, :hidden] = h0
    weights = np.empty(blocks * (features + hidden + 1) * 4 * LANES, x.dtype)
    flat = [a.reshape(-1) for a in (x, w_ih, w_hh, bias, h, c0, hs, gates, cells)]
    division = divide(steps, batch, (features + hidden) * 4 * hidden, TALL)
    pieces, _, by_rows = division
    scratch = np.empty(pieces * TALL * 4 * LANES, x.dtype)
    sizes = (steps, batch, features, hidden)
    rounds = 1 + (1 if by_rows else steps)
    _forward.rounds(rounds, pieces, division, *flat, weights, scratch, lengths, sizes, bool(reverse))
    c = cells[0 if reverse else -1] if steps else c0
    return hs, h[steps % 2, :, :hidden].copy(), c.copy(), gates, cells


@parallel
def _forward(
    task, division, x, w_ih, w_hh, bias, h, c0, hs, gates, cells, weights, scratch, lengths, sizes, reverse
):
    """One piece: in the first round of packing the weights, then of one step or all."""
    pieces, _, by_rows = division
    number, piece = task // pieces - 1, task % pieces
    if number < 0:
        _pack(piece, pieces, weights, w_ih, w_hh, bias, sizes)
        return
    steps, batch, _, hidden = sizes
    first, last = turns(number, steps, by_rows)
    for step in range(first, last):
        t = steps - 1 - step if reverse else step
        c, c_start = (cells, (t + 1 if reverse else t - 1) * batch * hidden) if step > 0 else (c0, 0)
        _step(
            piece, division, t, step % 2, x, weights, h, c, c_start, hs, gates, cells, lengths, scratch, sizes
        )


@njit
def _pack(piece, pieces, weights, w_ih, w_hh, bias, sizes):
    """A block's rows of w_ihᵀ, then of w_hhᵀ, each in panels of VECTORS gates side by side, then its bias."""
    _, _, features, hidden = sizes
    wide, blocks = 4 * LANES, -(-hidden // LANES)
    none, one, gates = np.int64(0), np.int64(1), np.int64(4)  # for literals a copy each would be compiled
    side = gates * VECTORS // 4
    for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
        start = block * (features + hidden + 1) * wide
        for j in range(0, 4, VECTORS):
            to = start + j * features * LANES
            pack_gates(weights, to, block, w_ih, side, j, gates, hidden, features)
            to = start + features * wide + j * hidden * LANES
            pack_gates(weights, to, block, w_hh, side, j, gates, hidden, hidden)
        pack_gates(weights, start + (features + hidden) * wide, block, bias, gates, none, gates, hidden, one)


@njit
def _step(piece, division, t, side, x, weights, h, c, c_start, hs, gates, cells, lengths, scratch, sizes):
    """The piece's tasks of step t: the gates, c and h of one block of hidden units and a few rows."""
    _, batch, features, hidden = sizes
    wide, blocks, tiles = 4 * LANES, -(-hidden // LANES), division[1]
    stride = (blocks + 1) * LANES
    old, new = side * batch * stride, (1 - side) * batch * stride
    a = piece * TALL * wide
    begin, end, base, among = share(piece, division, blocks)
    for task in range(begin, end):
        block, place = task // among, base + task % among
        first, last = place * batch // tiles, (place + 1) * batch // tiles
        count, start = last - first, block * (features + hidden + 1) * wide
        for k in range(0, count * wide, LANES):
            store(scratch, a + k, load(weights, start + (features + hidden) * wide + k % wide))
        at = (t * batch + first) * features
        panel = VECTORS * LANES
        product(count, x, at, features, features, weights, start, panel * features, scratch, a, wide)
        at, start = old + first * stride, start + features * wide
        product(count, h, at, stride, hidden, weights, start, panel * hidden, scratch, a, wide)
        unit, n = block * LANES, hidden - block * LANES
        for b in range(first, last):
            at, c_at = (t * batch + b) * hidden + unit, c_start + b * hidden + unit
            gate, k = (t * batch + b) * 4 * hidden + unit, b * stride + unit
            if t < lengths[b]:
                pre = take4(scratch, a + (b - first) * wide, LANES, LANES)
                activated, c_new, h_new = lstm_unit(pre, take(c, c_at, n))
                put4(gates, gate, hidden, activated, n)
                put(cells, at, c_new, n)
                put(hs, at, h_new, n)
                store(h, new + k, h_new)
            else:
                zero = splat(h, 0)
                put4(gates, gate, hidden, (zero, zero, zero, zero), n)
                put(cells, at, take(c, c_at, n), n)
                put(hs, at, zero, n)
                store(h, new + k, load(h, old + k))


# ── backward ─────────────────────────────────────────────────────────────────────────────────────
def backward(dhs, dh_last, dc_last, w_hh, c0, gates, cells, lengths, reverse):
    """dgates (T, B, 4H) of the pre-activations, their sum over T and B, dh0, dc0: ``reference.lstm_backward``
    but for the products over all steps."""
    steps, batch, hidden = cells.shape
    groups = -(-hidden // (4 * LANES))
    dgates = np.empty_like(gates)
    around = np.empty(
        (2, batch, 4 * hidden + LANES), gates.dtype
    )  # of two steps, in rows as those of h above
    dh = np.zeros((batch, groups * 4 * LANES), gates.dtype)
    dh[:, :hidden] = dh_last
    division = divide(steps, batch, 4 * hidden * hidden, TALL)
    pieces, tiles, by_rows = division
    dc, dbias = dc_last.copy(), np.zeros((tiles, 4 * hidden), gates.dtype)
    weights = np.empty(groups * 4 * hidden * 4 * LANES, gates.dtype)
    flat = [a.reshape(-1) for a in (dhs, w_hh, c0, gates, cells, dgates, around, dh, dc, dbias)]
    rounds, sizes = 1 + (1 if by_rows else steps + 1), (steps, batch, hidden)
    _backward.rounds(rounds, pieces, division, *flat, weights, lengths, sizes, bool(reverse))
    return dgates, dbias.sum(axis=0), dh[:, :hidden].copy(), dc


@parallel
def _backward(
    task,
    division,
    dhs,
    w_hh,
    c0,
    gates,
    cells,
    dgates,
    around,
    dh,
    dc,
    dbias,
    weights,
    lengths,
    sizes,
    reverse,
):
    """``_forward`` in the opposite order of time; the last round is only the product that gives dh0."""
    pieces, _, by_rows = division
    number, piece = task // pieces - 1, task % pieces
    steps, batch, hidden = sizes
    if number < 0:
        pack_rows(piece, pieces, weights, w_hh, 4 * hidden, hidden)
        return
    first, last = turns(number, steps + 1, by_rows)
    for step in range(first, last):
        t = step if reverse else steps - 1 - step
        before = t + 1 if reverse else t - 1
        c, c_start = (c0, 0) if step >= steps - 1 else (cells, before * batch * hidden)
        _step_backward(
            piece, division, step, t, dhs, c, c_start, gates, cells, dgates, around, dh, dc, dbias, weights,
            lengths, sizes,
        )  # fmt: skip


@njit
def _step_backward(
    piece,
    division,
    step,
    t,
    dhs,
    c,
    c_start,
    gates,
    cells,
    dgates,
    around,
    dh,
    dc,
    dbias,
    weights,
    lengths,
    sizes,
):
    """The piece's tasks of step t: dh += dgates W_hh of the step that came before, then dgates and dc."""
    steps, batch, hidden = sizes
    wide, blocks, tiles = 4 * LANES, -(-hidden // LANES), division[1]
    groups = -(-blocks // 4)
    stride = 4 * hidden + LANES
    old, new = (1 - step % 2) * batch * stride, step % 2 * batch * stride
    begin, end, base, among = share(piece, division, groups)
    for task in range(begin, end):
        group, place = task // among, base + task % among
        first, last = place * batch // tiles, (place + 1) * batch // tiles
        if step > 0:  # gate by gate: the rows of one stay in the nearest cache
            at, to = old + first * stride, (first * groups + group) * wide
            start, panel = group * 4 * hidden * wide, VECTORS * LANES
            for gate in range(4):
                product(
                    last - first, around, at + gate * hidden, stride, hidden, weights,
                    start + gate * hidden * panel, 4 * hidden * panel, dh, to, groups * wide,
                )  # fmt: skip
        if step == steps:
            continue
        for block in range(group * 4, min(group * 4 + 4, blocks)):
            _block_backward(
                block, place, first, last, t, dhs, c, c_start, gates, cells, dgates, around, new, dh, dc,
                dbias, lengths, sizes,
            )  # fmt: skip


@njit
def _block_backward(
    block,
    place,
    first,
    last,
    t,
    dhs,
    c,
    c_start,
    gates,
    cells,
    dgates,
    around,
    new,
    dh,
    dc,
    dbias,
    lengths,
    sizes,
):
    """dgates, their sum and dc of one block of hidden units and a few rows; dh, now used, becomes 0."""
    _, batch, hidden = sizes
    stride, wide = 4 * hidden + LANES, -(-hidden // (4 * LANES)) * 4 * LANES
    unit, n = block * LANES, hidden - block * LANES
    zero = splat(dh, 0)
    nothing = (zero, zero, zero, zero)
    si, sf, sg, so = nothing
    for b in range(first, last):
        at, k = (t * batch + b) * hidden + unit, b * hidden + unit
        gate, d = (t * batch + b) * 4 * hidden + unit, nothing
        if t < lengths[b]:
            dh_at = load(dh, b * wide + unit) + take(dhs, at, n)
            activated, c_at = take4(gates, gate, hidden, n), take(c, c_start + k, n)
            d, dc_at = lstm_unit_backward(activated, c_at, take(cells, at, n), dh_at, take(dc, k, n))
            put(dc, k, dc_at, n)
            store(dh, b * wide + unit, zero)
            si, sf, sg, so = si + d[0], sf + d[1], sg + d[2], so + d[3]
        put4(dgates, gate, hidden, d, n)
        put4(around, new + b * stride + unit, hidden, d, n)
    at = place * 4 * hidden + unit
    bi, bf, bg, bo = take4(dbias, at, hidden, n)
    put4(dbias, at, hidden, (bi + si, bf + sf, bg + sg, bo + so), n)
