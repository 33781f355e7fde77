"""Softmax attention: blocks of queries in vectors for float32, the formula itself for float64."""

import numpy as np

from .. import reference
from .simd import LANES

__all__ = ["attention", "attention_backward"]

WORK = 1 << 20
"""Multiplications that are worth a task of their own (about 20 µs of one core)."""

TASKS = 64
"""Into at most so many tasks the heads are dealt."""

FEW = 16
"""Fewer heads than these are cut into blocks of queries."""

HIGH = 128
"""Queries in a block, at most."""

SCORES = 1 << 16
"""Scores in a block: 256 kB."""


def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V."""
    if not LANES or query.dtype != np.float32:
        return reference.attention(query, key, value, mask, causal, scale)
    from . import attention_vectors as vectors

    batch, groups, queries, depth = query.shape
    keys, width = value.shape[2:]
    heads = batch * groups
    out = np.empty((batch, groups, queries, width), np.float32)
    p = np.empty((batch, groups, queries, keys), np.float32)
    height = _height(queries, keys)
    if heads < FEW:
        height = min(height, max(24, -(-queries * heads // FEW)))
    units = heads * -(-queries // height)
    tasks = min(units, TASKS if heads * queries * keys * (depth + width) >= WORK else 1)
    if tasks:
        share = -(-units // tasks)
        seen, added = _NO_FLAGS, _NONE
        seen_steps = added_steps = (0, 0, 0)
        if mask is not None:
            mask, steps = _mask(mask, keys)
            if mask.dtype == bool:
                seen, seen_steps = mask, steps
            else:
                added, added_steps = mask, steps
        vectors.forward(
            -(-units // share), share, height, (heads, groups, queries, keys, depth, width),
            query.reshape(-1), key.reshape(-1), value.reshape(-1), seen, seen_steps, added, added_steps,
            bool(causal), np.float32(scale), out.reshape(-1), p.reshape(-1),
        )  # fmt: skip
    return out, p


_NO_FLAGS, _NONE = np.empty(0, np.bool_), np.empty(0, np.float32)


def _height(queries, keys):
    return max(1, min(queries, HIGH, max(24, SCORES // max(1, keys))))


def _mask(mask, keys):
    """The mask, flat, and its steps from batch to batch, head to head, query to query: 0 if broadcast."""
    if mask.shape[3] != keys:
        mask = np.ascontiguousarray(np.broadcast_to(mask, (*mask.shape[:3], keys)))
    b, g, i, j = mask.shape
    steps = (g * i * j if b > 1 else 0, i * j if g > 1 else 0, j if i > 1 else 0)
    return mask.reshape(-1), steps


def attention_backward(dout, query, key, value, probability, scale):
    """dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q."""
    if not LANES or query.dtype != np.float32:
        return reference.attention_backward(dout, query, key, value, probability, scale)
    from . import attention_vectors as vectors

    batch, groups, queries, depth = query.shape
    keys, width = value.shape[2:]
    heads = batch * groups
    dq, dk, dv = np.empty_like(query), np.empty_like(key), np.empty_like(value)
    height = _height(queries, keys)
    tasks = min(heads, TASKS if heads * queries * keys * 2 * (depth + width) >= WORK else 1)
    if tasks:
        share = -(-heads // tasks)
        vectors.backward(
            -(-heads // share), share, height, (heads, groups, queries, keys, depth, width),
            dout.reshape(-1), query.reshape(-1), key.reshape(-1), value.reshape(-1), probability.reshape(-1),
            np.float32(scale), dq.reshape(-1), dk.reshape(-1), dv.reshape(-1),
        )  # fmt: skip
    return dq, dk, dv
