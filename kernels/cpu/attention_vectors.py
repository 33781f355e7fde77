"""Softmax attention of float32 in vectors, a block of queries at a time: equals ``reference/attention.py``.

A block's scores stay in cache from Q Kᵀ through softmax to P V, and going back from dO Vᵀ to dQ, dK and dV;
P is written once, being a result. Sums go over the keys in one order, whatever the threads.

Largest errors against the formula in float64, entries ~ N(0, 1), 300 keys, D 64 (a test measures them):

    P and the gradients 3e-6 of their largest entry     O 3e-6 of the largest value
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .attention_tiles import WIDE, product, scores
from .simd import LANES, below, largest, load, load_part, splat, store, store_part, total, where
from .simd_masks import flags
from .softmax_vectors import exp_below

_f = np.float32
_0, _1, _LOW = _f(0), _f(1), _f(-np.inf)


@njit
def _row_stride(keys):
    """From one row of scores to the next: never a power of two, or they would fight for the cache."""
    return -(-keys // WIDE) * WIDE + LANES


@njit
def _softmax(score, at, keys, known, scale, seen, seen_at, added, added_at, p, to):
    """A row of scores → e^(s − max s) / Σ, s = scale · score + mask for ``known`` first keys; also in p."""
    top = splat(score, _LOW)
    for j in range(0, keys, LANES):
        v = load(score, at + j) * scale
        if added.size:
            v = v + load_part(added, added_at + j, keys - j)
        if seen.size:
            v = where(flags(seen, seen_at + j, known - j, score), v, _LOW)
        else:
            v = where(below(score, known - j), v, _LOW)
        store(score, at + j, v)
        top = where(v > top, v, top)  # NaN is passed over here; the sum will have it
    highest = largest(top)
    highest = _0 if highest == _LOW else highest
    sums = splat(score, _0)
    for j in range(0, keys, LANES):
        e = exp_below(load(score, at + j) - highest)
        store(score, at + j, e)
        sums = sums + e
    weight = total(sums)
    factor = _0 if weight == _0 else _1 / weight
    for j in range(0, keys, LANES):
        v = load(score, at + j) * factor
        store(score, at + j, v)
        store_part(p, to + j, v, keys - j)


@njit
def _softmax_backward(d, at, keys, scale, p, to):
    """A row of dP → scale · P ⊙ (dP − Σ P ⊙ dP)."""
    sums = splat(d, _0)
    for j in range(0, keys, LANES):
        sums = sums + load_part(p, to + j, keys - j) * load_part(d, at + j, keys - j)
    along = total(sums)
    for j in range(0, keys, LANES):
        v = load_part(p, to + j, keys - j) * (load(d, at + j) - along) * scale
        store(d, at + j, v)


@njit
def _turning(rows, keys, depth):
    """Room for turned keys, where there are rows enough to repay the turning."""
    return np.empty(WIDE * depth if rows * 12 > depth else 0, np.float32)


@parallel
def forward(task, share, height, sizes, q, k, v, seen, seen_steps, added, added_steps, causal, scale, out, p):
    """Units [task · share, …): ``height`` queries of a head, from scores to out, and P into p."""
    heads, groups, queries, keys, depth, width = sizes
    blocks = -(-queries // height)
    stride = _row_stride(keys)
    score = np.empty(height * stride, np.float32)
    turned = _turning(min(height, queries), keys, depth)
    for unit in range(task * share, min(heads * blocks, (task + 1) * share)):
        head, first = unit // blocks, unit % blocks * height
        rows = min(height, queries - first)
        known = min(keys, first + rows) if causal else keys
        row = head * queries + first
        scores(rows, known, q, row * depth, k, head * keys * depth, depth, score, stride, turned)
        b, g = head // groups, head % groups
        for i in range(rows):
            see = b * seen_steps[0] + g * seen_steps[1] + (first + i) * seen_steps[2]
            add = b * added_steps[0] + g * added_steps[1] + (first + i) * added_steps[2]
            known = min(keys, first + i + 1) if causal else keys
            _softmax(score, i * stride, keys, known, scale, seen, see, added, add, p, (row + i) * keys)
        product(
            rows, width, score, 0, stride, 1, v, head * keys * width, width, out, row * width, width, keys,
            False,
        )  # fmt: skip


@parallel
def backward(task, share, height, sizes, dout, q, k, v, p, scale, dq, dk, dv):
    """Heads [task · share, …), ``height`` queries at a time: dS, and what it and P give to dq, dk and dv."""
    heads, _, queries, keys, depth, width = sizes
    stride = _row_stride(keys)
    d = np.empty(height * stride, np.float32)
    turned = _turning(min(height, queries), keys, width)
    for head in range(task * share, min(heads, (task + 1) * share)):
        at_k, at_v = head * keys * depth, head * keys * width
        for first in range(0, queries, height):
            rows, row = min(height, queries - first), head * queries + first
            scores(rows, keys, dout, row * width, v, at_v, width, d, stride, turned)
            for i in range(rows):
                _softmax_backward(d, i * stride, keys, scale, p, (row + i) * keys)
            product(rows, depth, d, 0, stride, 1, k, at_k, depth, dq, row * depth, depth, keys, False)
            product(keys, depth, d, 0, 1, stride, q, row * depth, depth, dk, at_k, depth, rows, first > 0)
            product(
                keys,
                width,
                p,
                row * keys,
                1,
                keys,
                dout,
                row * width,
                width,
                dv,
                at_v,
                width,
                rows,
                first > 0,
            )
