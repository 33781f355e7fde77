"""Softmax attention (Vaswani et al., 2017, eq. 1). Equal to ``reference.attention``.

Two matrix products with a row kernel between them, which scales, masks and normalizes the scores where
they lie. The probabilities are a result anyway, so nothing would be saved by not writing them.
Error: that of the products (D and Lk roundings) and of softmax.
"""

import numpy as np

from .launch import BLOCK, cached, cuda, device, kernel, launch_blocks, math, row_max, row_sum, smaller
from .linear import matmul
from .stride import broadcast_strides

__all__ = ["attention", "attention_backward"]


@device
def _unmasked(v, mask, at, low):
    return v


@device
def _masked(v, mask, at, low):
    return v if mask[at] else low


@device
def _added(v, mask, at, low):
    return v + mask[at]


@cached
def _softmax_kernel(dtype, see):
    T = dtype.type
    low, zero, one = T(-np.inf), T(0), T(1)

    @kernel
    def scores_to_probabilities(score, mask, mask_steps, rows, heads, queries, keys, causal, scale):
        """In place, a block a row: P = softmax(scale · S + mask), 0 where nothing is seen."""
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * keys
            i = r % queries
            head = r // queries
            at = head // heads * mask_steps[0] + head % heads * mask_steps[1] + i * mask_steps[2]
            seen = smaller(keys, i + 1) if causal else keys
            top = low
            for j in range(t, seen, cuda.blockDim.x):
                v = see(scale * score[base + j], mask, at + j * mask_steps[3], low)
                score[base + j] = v
                if not (top >= v or top != top):
                    top = v
            top = row_max(scratch, top)
            shift = zero if top == low else top
            total = zero
            for j in range(t, seen, cuda.blockDim.x):
                e = math.exp(score[base + j] - shift)
                score[base + j] = e
                total += e
            total = row_sum(scratch, total)
            if total == zero:
                total = one
            for j in range(t, keys, cuda.blockDim.x):
                score[base + j] = score[base + j] / total if j < seen else zero

    return scores_to_probabilities


@cached
def _gradient_kernel(dtype):
    T = dtype.type

    @kernel
    def score_gradient(dp, p, rows, keys, scale):
        """In place, a block a row: scale · dS = scale · P ⊙ (dP − Σ P ⊙ dP)."""
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * keys
            total = T(0)
            for j in range(base + t, base + keys, cuda.blockDim.x):
                total += p[j] * dp[j]
            total = row_sum(scratch, total)
            for j in range(base + t, base + keys, cuda.blockDim.x):
                dp[j] = scale * p[j] * (dp[j] - total)

    return score_gradient


def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V → O, P."""
    score = matmul(query, key, False, True)
    batch, heads, queries, keys = score.shape
    see = _unmasked if mask is None else _masked if mask.dtype == bool else _added
    steps = (0, 0, 0, 0) if mask is None else broadcast_strides(mask.shape, score.shape)
    rows = batch * heads * queries
    sizes = (rows, heads, queries, keys, bool(causal), score.dtype.type(scale))
    run = _softmax_kernel(score.dtype, see)
    launch_blocks(run, rows if keys else 0, keys, score, score if mask is None else mask, steps, *sizes)
    return matmul(score, value, False, False), score


def attention_backward(dout, query, key, value, probability, scale):
    """dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q."""
    dvalue = matmul(probability, dout, True, False)
    dscore = matmul(dout, value, False, True)
    batch, heads, queries, keys = dscore.shape
    rows = batch * heads * queries
    run = _gradient_kernel(dscore.dtype)
    launch_blocks(run, rows if keys else 0, keys, dscore, probability, rows, keys, dscore.dtype.type(scale))
    return matmul(dscore, key, False, False), matmul(dscore, query, True, False), dvalue
