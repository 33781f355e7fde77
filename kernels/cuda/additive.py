"""Scores of additive attention. Equal to ``reference.additive``.

Threads share a query and key in the forward pass, as in a softmax over A entries; going back, each thread has
one entry of one query and walks over the keys, so that neighbours read neighbours. tanh is computed anew
and nothing of Lq · Lk · A entries is stored. Error: one rounding of each tanh, and that of the sums.
"""

import numpy as np

from .elementwise import full
from .launch import BLOCK, cached, cuda, kernel, launch_each, launch_rows, math, row_sum
from .memory import empty
from .reduce import reduce_rows_into

__all__ = ["additive_scores", "additive_scores_backward"]


@cached
def _kernels(dtype):
    T = dtype.type

    @kernel
    def forward(e, query, key, weight, rows, size, queries, keys):
        scratch = cuda.shared.array(BLOCK, T)
        together = cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            i = r // keys
            q = i * size
            k = (i // queries * keys + r - i * keys) * size
            end = size if r < rows else 0
            sums = T(0)
            for a in range(cuda.threadIdx.x, end, cuda.blockDim.x):
                sums += weight[a] * math.tanh(query[q + a] + key[k + a])
            sums = row_sum(scratch, sums)
            if cuda.threadIdx.x == 0 and r < rows:
                e[r] = sums

    @kernel
    def backward(dquery, parts, de, query, key, weight, count, size, queries, keys):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            i = item // size
            a = item - i * size
            q = query[item]
            k = i // queries * keys * size + a
            d, w = T(0), T(0)
            for j in range(keys):
                u = math.tanh(q + key[k + j * size])
                g = de[i * keys + j]
                w += g * u
                d += g * (T(1) - u * u)
            dquery[item] = weight[a] * d
            parts[item] = w

    return forward, backward


def additive_scores(query, key, weight):
    """e_ij = Σ weight ⊙ tanh(query_i + key_j)."""
    (batch, queries, size), keys = query.shape, key.shape[1]
    e, rows = empty((batch, queries, keys), query.dtype), batch * queries * keys
    launch_rows(_kernels(query.dtype)[0], rows, size, e, query, key, weight, rows, size, queries, keys)
    return e


def additive_scores_backward(de, query, key, weight):
    """dquery_i = weight ⊙ Σ_j de_ij (1 − u²), dweight = Σ de u."""
    (batch, queries, size), keys = query.shape, key.shape[1]
    if query.size == 0:
        return empty(query.shape, query.dtype), full(weight.shape, 0, query.dtype)
    dquery, parts, dweight = (empty(s, query.dtype) for s in (query.shape, query.shape, weight.shape))
    walk = (query.size, size, queries, keys)
    launch_each(_kernels(query.dtype)[1], query.size, dquery, parts, de, query, key, weight, *walk)
    reduce_rows_into(dweight, parts, batch * queries)
    return dquery, dweight
