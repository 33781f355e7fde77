"""Scores of additive attention for float32, in vectors: equals ``reference/additive.py``.

u = tanh(q + k) lives in a register and is never stored: backward computes it once more, which takes less time
than reading it, and no memory of Lq · Lk · A numbers. A task is ``height`` queries; what weight gets is
summed task by task, and the tasks' sums are added in their order.

Largest errors against the formula in float64 (a test measures them): 1e-6 of Σ |weight| for scores, 2e-6 of
Σ |de| for gradients.
"""

from numpy import float32

from ..pool import parallel
from .simd import fma, lanes, load_part, splat, store_part, total
from .simd_math import tanh

__all__ = ["gradients", "scores"]

_0, _1 = float32(0), float32(1)


@parallel
def scores(task, height, query, key, weight, queries, keys, e):
    """e of the queries of one task."""
    size = weight.size
    for row in range(task * height, min(query.size // size, (task + 1) * height)):
        q, first = row * size, row // queries * keys * size
        for j in range(keys):
            k, sums = first + j * size, splat(weight, _0)
            for a in range(0, size, lanes(weight)):
                n = size - a
                u = tanh(load_part(query, q + a, n) + load_part(key, k + a, n))
                sums = fma(load_part(weight, a, n), u, sums)
            e[row * keys + j] = total(sums)


@parallel
def gradients(task, height, de, query, key, weight, queries, keys, dquery, dweight):
    """dquery of the queries of one task, and what they give to dweight: a row of its own."""
    size = weight.size
    first_row, end = task * height, min(query.size // size, (task + 1) * height)
    for a in range(0, size, lanes(weight)):
        n, w = size - a, splat(weight, _0)
        for row in range(first_row, end):
            q, d = load_part(query, row * size + a, n), splat(weight, _0)
            k = row // queries * keys * size + a
            for j in range(keys):
                u = tanh(q + load_part(key, k + j * size, n))
                g = de[row * keys + j]
                w = fma(u, g, w)
                d = fma(fma(-u, u, _1), g, d)
            store_part(dquery, row * size + a, d * load_part(weight, a, n), n)
        store_part(dweight, task * size + a, w, n)
