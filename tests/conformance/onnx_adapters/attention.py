"""Attention with grouped heads, caches, soft caps, inner results; rotary positions; linear attention."""

import math

import numpy as np

from mmscratch import ops

from .registry import adapter


def _heads(x, count):
    """(B, L, heads·D) → (B, heads, L, D); four axes stay as they are."""
    if x.ndim == 4:
        return x
    b, length, width = x.shape
    return ops.permute(ops.reshape(x, shape=(b, length, count, width // count)), axes=(0, 2, 1, 3))


def _flat(x):
    b, heads, length, width = x.shape
    return ops.reshape(ops.permute(x, axes=(0, 2, 1, 3)), shape=(b, length, heads * width))


def _shared(x, heads):
    """Each of the fewer heads of keys and values serves as many query heads that follow each other."""
    return (
        x
        if x.shape[1] == heads
        else ops.take(x, np.repeat(np.arange(x.shape[1]), heads // x.shape[1]), axis=1)
    )


@adapter("Attention")
def attention(c):
    packed = c.x[0].ndim == 3
    q = _heads(c.x[0], c.get("q_num_heads"))
    k, v = (_heads(x, c.get("kv_num_heads")) for x in c.x[1:3])
    past = c.input(4).shape[2] if c.has(4) else 0
    if c.has(4):
        k, v = ops.concatenate([c.x[4], k], axis=2), ops.concatenate([c.x[5], v], axis=2)
    present = (k, v)
    k, v = (_shared(x, q.shape[1]) for x in (k, v))
    mask = _attention_mask(c, q.shape[0], q.shape[2], k.shape[2], past, q.dtype)
    scale, cap = c.get("scale"), c.get("softcap", 0.0)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    if cap or c.wants(3):
        y, inner = _step_by_step(q, k, v, mask, scale, cap, c.get("qk_matmul_output_mode", 0))
    else:
        (y, _), inner = ops.attention(q, k, v, mask, scale=scale), None
    return (_flat(y) if packed else y), *present, inner if c.wants(3) else present[0]


def _attention_mask(c, batch, rows, columns, past, dtype):
    """What is given, causality and the lengths of the keys in one mask to add: −∞ where nothing is seen."""
    mask = c.input(3)
    if mask is not None:
        if mask.dtype == bool:
            mask = ops.where(mask, np.zeros((), dtype), np.full((), -np.inf, dtype))
        if mask.shape[-1] < columns:  # a mask that is too short hides the rest
            pads = [(0, 0)] * (mask.ndim - 1) + [(0, columns - mask.shape[-1])]
            mask = ops.pad(mask, pads=pads, value=-math.inf)
    lengths = c.input(6)
    allowed = None
    if c.get("is_causal", 0):
        first = past  # with lengths of keys the queries are the last ones of each sequence
        at = np.arange(rows)[:, None] + first
        if lengths is not None:
            at = at + (np.asarray(lengths) - rows)[:, None, None, None]
        allowed = ops.less_equal(np.arange(columns)[None, :], np.ascontiguousarray(at))
    if lengths is not None:
        inside = ops.less(np.arange(columns), np.ascontiguousarray(np.asarray(lengths)[:, None, None, None]))
        allowed = inside if allowed is None else ops.logical_and(allowed, inside)
    if allowed is None:
        return mask
    hidden = ops.where(allowed, np.zeros((), dtype), np.full((), -np.inf, dtype))
    return hidden if mask is None else ops.add(mask, hidden)


def _step_by_step(q, k, v, mask, scale, cap, mode):
    """As ``ops.attention_twin``, with a soft cap; and the scores of one stage: raw, capped, masked, final."""
    root = math.sqrt(scale)
    raw = ops.matmul(ops.mul(q, root), ops.transpose(ops.mul(k, root)))
    capped = ops.mul(ops.tanh(ops.div(raw, cap)), cap) if cap else raw
    masked = capped if mask is None else ops.add(capped, mask)
    visible = ops.greater(masked, -math.inf)
    probability = ops.softmax(masked, visible)
    return ops.matmul(probability, v), (raw, capped, masked, probability)[mode]


@adapter("FlexAttention")
def flex_attention(c):
    if c.get("score_mod") is not None or c.get("prob_mod") is not None:
        raise NotImplementedError("subgraphs as attributes")
    q, k, v = c.x[:3]
    k, v = (_shared(x, q.shape[1]) for x in (k, v))
    return ops.attention(q, k, v, scale=c.get("scale"))[0]


@adapter("RotaryEmbedding")
def rotary(c):
    x, cos, sin = c.x[:3]
    packed = x.ndim == 3
    if packed:
        x = _heads(x, c.get("num_heads"))
    if c.has(3):  # a table of positions; else one row a position is given already
        cos, sin = ops.take(cos, c.x[3]), ops.take(sin, c.x[3])
    width = c.get("rotary_embedding_dim", 0) or x.shape[-1]
    half = width // 2
    cos, sin = (ops.unsqueeze(ops.index(t, key=(..., slice(0, half))), axis=1) for t in (cos, sin))
    if c.get("interleaved", 0):
        a, b = (ops.index(x, key=(..., slice(i, width, 2))) for i in (0, 1))
    else:
        a, b = ops.index(x, key=(..., slice(0, half))), ops.index(x, key=(..., slice(half, width)))
    turned = [ops.sub(ops.mul(cos, a), ops.mul(sin, b)), ops.add(ops.mul(sin, a), ops.mul(cos, b))]
    if c.get("interleaved", 0):
        y = ops.reshape(ops.stack(turned, axis=-1), shape=(*x.shape[:-1], width))
    else:
        y = ops.concatenate(turned, axis=-1)
    y = ops.concatenate([y, ops.index(x, key=(..., slice(width, None)))], axis=-1)
    return _flat(y) if packed else y


@adapter("LinearAttention", out=("T", "as is"))
def linear_attention(c):
    """Each head has a state S (D, E) that every step decays, corrects and reads.

    S ← decay · S + k ⊗ change;  o = scale · q S
    """
    rule, heads, shared = c.get("update_rule", "gated_delta"), c.get("q_num_heads"), c.get("kv_num_heads")
    q, k, v = _heads(c.x[0], heads), _heads(c.x[1], shared), _heads(c.x[2], shared)
    b, _, steps, d = q.shape
    scale = c.get("scale", 0.0) or 1 / math.sqrt(d)
    state = c.input(3)
    if state is None:
        state = np.zeros((b, shared, d, v.shape[-1]), q.dtype)
    decay = _heads(c.x[4], shared) if rule.startswith("gated") else None
    beta = ops.broadcast_to(c.x[5], shape=(b, steps, shared)) if rule.endswith("delta") else None
    outputs = []
    for t in range(steps):
        key, value = (ops.unsqueeze(ops.index(a, key=(..., t, slice(None))), axis=-2) for a in (k, v))
        if decay is not None:
            state = ops.mul(
                state, ops.exp(ops.unsqueeze(ops.index(decay, key=(..., t, slice(None))), axis=-1))
            )
        if beta is not None:
            strength = ops.reshape(ops.index(beta, key=(slice(None), t)), shape=(b, shared, 1, 1))
            value = ops.mul(strength, ops.sub(value, ops.matmul(key, state)))
        state = ops.add(state, ops.matmul(ops.transpose(key), value))
        query = ops.unsqueeze(ops.index(q, key=(..., t, slice(None))), axis=-2)
        outputs.append(ops.mul(ops.matmul(query, _shared(state, heads)), scale))
    # The state keeps the dtype it came in; a first one has the dtype of the rest.
    return _flat(ops.concatenate(outputs, axis=2)), state.astype(c.dtype[3] if c.has(3) else c.dtype[0])
