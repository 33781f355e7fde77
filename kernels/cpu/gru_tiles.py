"""GRU in float32 on vectors: a whole sequence in one call, forward and back.

``recurrence_tiles.py`` says how a step is divided; every function here is like its namesake in
``lstm_tiles.py``. The third gate needs its two products apart, so a tile holds four vectors: n of x, r, z,
and q, n of h. The product with x adds to the first three, that with h to the last three.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .recurrence_tiles import (
    LANES,
    TALL,
    TALL_OF_THREE,
    VECTORS,
    divide,
    pack_gates,
    pack_rows,
    product,
    product_of_three,
    put,
    put3,
    put4,
    share,
    take,
    take4,
    turns,
)
from .recurrence_units import gru_unit, gru_unit_backward
from .simd import load, splat, store

__all__ = ["backward", "forward"]


# ── forward ──────────────────────────────────────────────────────────────────────────────────────
def forward(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """``reference.gru``; lengths is an array here."""
    steps, batch, features = x.shape
    hidden = h0.shape[1]
    blocks = -(-hidden // LANES)
    hs, gates = np.empty((steps, batch, hidden), x.dtype), np.empty((steps, batch, 4 * hidden), x.dtype)
    h = np.empty((2, batch, (blocks + 1) * LANES), x.dtype)
    h[0, :, :hidden] = h0
    two = 2 * hidden
    bias = np.concatenate([b_ih[two:], b_ih[:two] + b_hh[:two], b_hh[two:]])
    weights = np.empty(blocks * (3 * (features + hidden) + 4) * LANES, x.dtype)
    flat = [a.reshape(-1) for a in (x, w_ih, w_hh, bias, h, hs, gates)]
    division = divide(steps, batch, (features + hidden) * 3 * hidden, TALL_OF_THREE)
    pieces, _, by_rows = division
    scratch = np.empty(pieces * TALL_OF_THREE * 4 * LANES, x.dtype)
    sizes = (steps, batch, features, hidden)
    rounds = 1 + (1 if by_rows else steps)
    _forward.rounds(rounds, pieces, division, *flat, weights, scratch, lengths, sizes, bool(reverse))
    return hs, h[steps % 2, :, :hidden].copy(), gates


@parallel
def _forward(task, division, x, w_ih, w_hh, bias, h, hs, gates, weights, scratch, lengths, sizes, reverse):
    """One piece: in the first round of packing the weights, then of one step or all."""
    pieces, _, by_rows = division
    number, piece = task // pieces - 1, task % pieces
    if number < 0:
        _pack(piece, pieces, weights, w_ih, w_hh, bias, sizes)
        return
    first, last = turns(number, sizes[0], by_rows)
    for step in range(first, last):
        t = sizes[0] - 1 - step if reverse else step
        _step(piece, division, t, step % 2, x, weights, h, hs, gates, lengths, scratch, sizes)


@njit
def _pack(piece, pieces, weights, w_ih, w_hh, bias, sizes):
    """A block's rows of w_ihᵀ (n, r, z side by side), then of w_hhᵀ (r, z, n), then its bias."""
    _, _, features, hidden = sizes
    blocks = -(-hidden // LANES)
    none, one, two = np.int64(0), np.int64(1), np.int64(2)  # for literals a copy each would be compiled
    three, four = two + one, two + two
    for block in range(piece * blocks // pieces, (piece + 1) * blocks // pieces):
        start = block * (3 * (features + hidden) + 4) * LANES
        pack_gates(weights, start, block, w_ih, three, two, three, hidden, features)
        pack_gates(weights, start + 3 * features * LANES, block, w_hh, three, none, three, hidden, hidden)
        pack_gates(
            weights, start + 3 * (features + hidden) * LANES, block, bias, four, none, four, hidden, one
        )


@njit
def _step(piece, division, t, side, x, weights, h, hs, gates, lengths, scratch, sizes):
    """The piece's tasks of step t: the gates and h of one block of hidden units and a few rows."""
    _, batch, features, hidden = sizes
    wide, blocks, tiles = 4 * LANES, -(-hidden // LANES), division[1]
    stride = (blocks + 1) * LANES
    old, new = side * batch * stride, (1 - side) * batch * stride
    a = piece * TALL_OF_THREE * wide
    begin, end, base, among = share(piece, division, blocks)
    for task in range(begin, end):
        block, place = task // among, base + task % among
        first, last = place * batch // tiles, (place + 1) * batch // tiles
        count, start = last - first, block * (3 * (features + hidden) + 4) * LANES
        bias = start + 3 * (features + hidden) * LANES
        for k in range(0, count * wide, LANES):
            store(scratch, a + k, load(weights, bias + k % wide))
        at = (t * batch + first) * features
        product_of_three(count, x, at, features, features, weights, start, scratch, a, wide)
        at, start = old + first * stride, start + 3 * features * LANES
        product_of_three(count, h, at, stride, hidden, weights, start, scratch, a + LANES, wide)
        unit, n = block * LANES, hidden - block * LANES
        for b in range(first, last):
            at, k = (t * batch + b) * hidden + unit, b * stride + unit
            gate = (t * batch + b) * 4 * hidden + unit
            before, zero = load(h, old + k), splat(h, 0)
            if t < lengths[b]:
                pn, pr, pz, pq = take4(scratch, a + (b - first) * wide, LANES, LANES)
                activated, h_new = gru_unit(pn, pr, pz, pq, before)
                put4(gates, gate, hidden, activated, n)
                put(hs, at, h_new, n)
                store(h, new + k, h_new)
            else:
                put4(gates, gate, hidden, (zero, zero, zero, zero), n)
                put(hs, at, zero, n)
                store(h, new + k, before)


# ── backward ─────────────────────────────────────────────────────────────────────────────────────
def backward(dhs, dh_last, w_hh, h_before, gates, lengths, reverse):
    """``reference.gru_backward`` but for the products over all steps: dgates_x, dgates_h (T, B, 3H) of the
    pre-activations, their sums over T and B, dh0."""
    steps, batch, hidden = h_before.shape
    groups = -(-hidden // (4 * LANES))
    dgates = np.empty((2, steps, batch, 3 * hidden), gates.dtype)
    around = np.empty((2, batch, 3 * hidden + LANES), gates.dtype)
    dh = np.zeros((batch, groups * 4 * LANES), gates.dtype)
    dh[:, :hidden] = dh_last
    division = divide(steps, batch, 3 * hidden * hidden, TALL)
    pieces, tiles, by_rows = division
    dbias = np.zeros((tiles, 4 * hidden), gates.dtype)
    weights = np.empty(groups * 3 * hidden * 4 * LANES, gates.dtype)
    flat = [a.reshape(-1) for a in (dhs, w_hh, h_before, gates, *dgates, around, dh, dbias)]
    rounds, sizes = 1 + (1 if by_rows else steps + 1), (steps, batch, hidden)
    _backward.rounds(rounds, pieces, division, *flat, weights, lengths, sizes, bool(reverse))
    dbias = dbias.sum(axis=0)  # r, z, n, q
    dbias_h = np.concatenate([dbias[: 2 * hidden], dbias[3 * hidden :]])
    return *dgates, dbias[: 3 * hidden].copy(), dbias_h, dh[:, :hidden].copy()


@parallel
def _backward(
    task,
    division,
    dhs,
    w_hh,
    h_before,
    gates,
    dgates_x,
    dgates_h,
    around,
    dh,
    dbias,
    weights,
    lengths,
    sizes,
    reverse,
):
    """``_forward`` in the opposite order of time; the last round is only the product that gives dh0."""
    pieces, _, by_rows = division
    number, piece = task // pieces - 1, task % pieces
    steps, _, hidden = sizes
    if number < 0:
        pack_rows(piece, pieces, weights, w_hh, 3 * hidden, hidden)
        return
    first, last = turns(number, steps + 1, by_rows)
    for step in range(first, last):
        t = step if reverse else steps - 1 - step
        _step_backward(
            piece, division, step, t, dhs, h_before, gates, dgates_x, dgates_h, around, dh, dbias, weights,
            lengths, sizes,
        )  # fmt: skip


@njit
def _step_backward(
    piece,
    division,
    step,
    t,
    dhs,
    h_before,
    gates,
    dgates_x,
    dgates_h,
    around,
    dh,
    dbias,
    weights,
    lengths,
    sizes,
):
    """The piece's tasks of step t: dh += dgates W_hh of the step that came before, then dgates."""
    steps, batch, hidden = sizes
    wide, blocks, tiles = 4 * LANES, -(-hidden // LANES), division[1]
    groups = -(-blocks // 4)
    stride = 3 * hidden + LANES
    old, new = (1 - step % 2) * batch * stride, step % 2 * batch * stride
    begin, end, base, among = share(piece, division, groups)
    for task in range(begin, end):
        group, place = task // among, base + task % among
        first, last = place * batch // tiles, (place + 1) * batch // tiles
        if step > 0:
            at, start, to = old + first * stride, group * 3 * hidden * wide, (first * groups + group) * wide
            panel = VECTORS * LANES * 3 * hidden
            product(
                last - first, around, at, stride, 3 * hidden, weights, start, panel, dh, to, groups * wide
            )
        if step == steps:
            continue
        for block in range(group * 4, min(group * 4 + 4, blocks)):
            _block_backward(
                block, place, first, last, t, dhs, h_before, gates, dgates_x, dgates_h, around, new, dh,
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
    h_before,
    gates,
    dgates_x,
    dgates_h,
    around,
    new,
    dh,
    dbias,
    lengths,
    sizes,
):
    """dgates and their sum, of one block of hidden units and a few rows; dh becomes the direct path's."""
    _, batch, hidden = sizes
    stride, wide = 3 * hidden + LANES, -(-hidden // (4 * LANES)) * 4 * LANES
    unit, n = block * LANES, hidden - block * LANES
    zero = splat(dh, 0)
    sr, sz, sn, sq = zero, zero, zero, zero
    for b in range(first, last):
        at, k = (t * batch + b) * hidden + unit, b * wide + unit
        gate = 3 * (t * batch + b) * hidden + unit
        dr, dz, dn, dq = zero, zero, zero, zero
        if t < lengths[b]:
            activated = take4(gates, gate + (t * batch + b) * hidden, hidden, n)
            d, direct = gru_unit_backward(activated, take(h_before, at, n), load(dh, k) + take(dhs, at, n))
            dr, dz, dn, dq = d
            store(dh, k, direct)
            sr, sz, sn, sq = sr + dr, sz + dz, sn + dn, sq + dq
        put3(dgates_x, gate, hidden, (dr, dz, dn), n)
        put3(dgates_h, gate, hidden, (dr, dz, dq), n)
        put3(around, new + b * stride + unit, hidden, (dr, dz, dq), n)
    at = place * 4 * hidden + unit
    br, bz, bn, bq = take4(dbias, at, hidden, n)
    put4(dbias, at, hidden, (br + sr, bz + sz, bn + sn, bq + sq), n)
