"""Attention: softmax attention by one kernel, its twin from plain operations, and additive attention."""

import math

import numpy as np

from .. import kernels
from ..autograd import primitive
from . import arithmetic, comparison
from .broadcast import broadcast_shapes, reduce_to
from .check import check_arrays, check_number, check_optional
from .constants import full_beside, raw
from .linear import Lead, linear, matmul
from .shape import transpose
from .softmax import softmax
from .triangle import tril

__all__ = ["additive_attention", "additive_scores", "attention", "attention_twin"]


@primitive
def attention(query, key, value, mask=None, *, causal=False, scale=None):
    """Scaled dot-product attention (Vaswani et al., 2017, eq. 1).

    Forward    S = scale · Q Kᵀ + mask;  P = softmax(S) along the keys;  O = P V;  scale = 1/√D unless given
    Backward   ∂L/∂V = Pᵀ dO;  dP = dO Vᵀ (+ ∂L/∂P, where P is used too);  dS = P ⊙ (dP − Σ P ⊙ dP), because
               ∂p/∂s = diag(p) − p pᵀ;  ∂L/∂Q = scale · dS K;  ∂L/∂K = scale · dSᵀ Q;  ∂L/∂mask = dS
    Shapes     query (…, Lq, D), key (…, Lk, D), value (…, Lk, E), mask broadcasting to (…, Lq, Lk)
               → output (…, Lq, E), probability (…, Lq, Lk)
    Errors     ValueError where the shapes do not fit; TypeError for a mask neither bool nor of query's dtype
    Note       mask: bool, True takes part; or float, added. causal: query i sees the keys j ≤ i. A query
               that sees no key gets probabilities and output 0. softmax subtracts the row's maximum first.
    """
    check_arrays("attention", query=query, key=key, value=value)
    check_optional("attention", mask=mask)
    _check(query, key, value, mask)
    if scale is not None:
        check_number("attention", "scale", scale)
    k = kernels.of(query)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    lead, rows, columns = tuple(query.shape[:-2]), query.shape[-2], key.shape[-2]
    q, m, v = _fold(query), _fold(key), _fold(value)
    o, p = k.attention(q, m, v, _fold_mask(k, mask, (*lead, rows, columns)), bool(causal), scale)

    def score_gradient(do, dp):
        dp = _both(k, None if do is None else k.matmul(do.reshape(o.shape), v, False, True), dp, p.shape)
        return k.softmax_backward(dp, p)

    def backward(do, dp):
        dmask = None
        if mask is not None and mask.dtype.kind == "f":

            def dmask():
                return reduce_to(score_gradient(do, dp).reshape(*lead, rows, columns), mask)

        if dp is None:
            dq, dk, dv = k.attention_backward(do.reshape(o.shape), q, m, v, p, scale)
        else:
            ds = score_gradient(do, dp)
            dq = k.map("mul", k.matmul(ds, m, False, False), scale)
            dk = k.map("mul", k.matmul(ds, q, True, False), scale)
            dv = k.full(v.shape, 0, v.dtype) if do is None else k.matmul(p, do.reshape(o.shape), True, False)
        return dq.reshape(query.shape), dk.reshape(key.shape), dv.reshape(value.shape), dmask

    backward.takes_none = True
    return (o.reshape(*lead, rows, value.shape[-1]), p.reshape(*lead, rows, columns)), backward


def _check(query, key, value, mask):
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if min(query.ndim, key.ndim, value.ndim) < 2 or not query.ndim == key.ndim == value.ndim:
        raise ValueError(
            f"attention: expected (…, length, features) three times with equal ranks, got {shapes}"
        )
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        raise ValueError(f"attention: the leading axes must be equal, got {shapes}")
    _check_products("attention", query, key, value)
    if mask is None:
        return
    _check_mask("attention", mask, (*query.shape[:-1], key.shape[-2]), shapes)
    if mask.dtype != bool and mask.dtype != query.dtype:
        raise TypeError(
            f"attention: mask must be bool (True takes part) or {query.dtype} (added), got {mask.dtype}"
        )


def _check_mask(op, mask, full, shapes):
    if mask.ndim > len(full) or any(
        a not in (1, b) for a, b in zip(mask.shape[::-1], full[::-1], strict=False)
    ):
        raise ValueError(f"{op}: mask {tuple(mask.shape)} must broadcast to {full}; {shapes}")


def _check_products(op, query, key, value):
    """What both products need: Q Kᵀ a common last axis, P V a common length."""
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, value {tuple(value.shape)}"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(f"{op}: expected (…, length, features) three times, got {shapes}")
    if query.shape[-1] != key.shape[-1] or query.shape[-1] == 0:
        raise ValueError(f"{op}: query and key must agree on their last axis, got {shapes}")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"{op}: key and value must have one length (axis −2), got {shapes}")


def _fold(x):
    """(…, L, D) → (B, G, L, D): all leading axes but the last into B."""
    lead = x.shape[:-2]
    return x.reshape(math.prod(lead[:-1]), lead[-1] if lead else 1, *x.shape[-2:])


def _fold_mask(k, mask, full):
    """The mask with four axes, each 1 or full, in the order of ``_fold``."""
    if mask is None:
        return None
    shape = (1,) * (len(full) - mask.ndim) + tuple(mask.shape)
    outer = shape[:-3]
    if len(full) > 4 and outer != full[:-3] and math.prod(outer) != 1:
        shape = (*full[:-3], *shape[-3:])  # partly broadcast axes do not fold into one
        mask, outer = k.expand(mask, shape), shape[:-3]
    inner = shape[-3:] if len(shape) >= 3 else (1, *shape)
    return mask.reshape(math.prod(outer), *inner)


def _both(k, a, b, shape):
    """a + b, where either may be missing."""
    if b is None:
        return a
    b = b.reshape(shape)
    return b if a is None else k.map("add", a, b)


def attention_twin(query, key, value, mask=None, *, causal=False, scale=None):
    """Scaled dot-product attention line by line: ``attention`` composed of plain operations.

    Forward    S = scale · Q Kᵀ + mask;  P = softmax(S) along the keys;  O = P V;  scale = 1/√D unless given
    Shapes     query (…, Lq, D), key (…, Lk, D), value (…, Lk, E), mask broadcasting to (…, Lq, Lk)
               → output (…, Lq, E), probability (…, Lq, Lk)
    """
    check_arrays("attention_twin", query=query, key=key, value=value)
    check_optional("attention_twin", mask=mask)
    _check_products("attention_twin", query, key, value)
    lead = broadcast_shapes("attention_twin", Lead(query), Lead(key), Lead(value))
    if mask is not None:
        full = (*lead, query.shape[-2], key.shape[-2])
        _check_mask("attention_twin", mask, full, f"query {tuple(query.shape)}, key {tuple(key.shape)}")
    if scale is not None:
        check_number("attention_twin", "scale", scale)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    score = arithmetic.mul(matmul(query, transpose(key, axis0=-2, axis1=-1)), scale)
    visible = None
    if mask is not None and raw(mask).dtype.kind == "b":
        visible = mask
    elif mask is not None:
        visible = comparison.greater(mask, -math.inf)
        score = arithmetic.add(score, arithmetic.where(visible, mask, 0.0))
    if causal:
        ones = full_beside(query, score.shape[-2:], 1)
        earlier = comparison.equal(tril(ones), 1.0)
        visible = earlier if visible is None else comparison.logical_and(visible, earlier)
    probability = softmax(score, visible)
    return matmul(probability, value), probability


def additive_attention(query, key, value, w_query, w_key, weight, mask=None, bias=None):
    """Additive attention (Bahdanau, Cho & Bengio, 2015, A.1.2), composed of ``additive_scores`` and others.

    Forward    e_ij = weightᵀ tanh(W_q q_i + W_k k_j + bias);  P = softmax(e) along j;  O = P V
    Shapes     query (…, Lq, D), key (…, Lk, F), value (…, Lk, E), w_query (A, D), w_key (A, F), weight (A,),
               mask bool broadcasting to (…, Lq, Lk), bias (A,) → output (…, Lq, E), probability (…, Lq, Lk)
    Note       the projection of the keys does not depend on the query: decoders may make it once and give
               ``additive_scores`` the result
    """
    check_arrays(
        "additive_attention", query=query, key=key, value=value, w_query=w_query, w_key=w_key, weight=weight
    )
    check_optional("additive_attention", mask=mask, bias=bias)
    shapes = ", ".join(
        f"{name} {tuple(x.shape)}"
        for name, x in zip(
            ("query", "key", "value", "w_query", "w_key", "weight"),
            (query, key, value, w_query, w_key, weight),
            strict=True,
        )
    )
    if min(query.ndim, key.ndim, value.ndim) < 2 or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"additive_attention: expected (…, length, features) three times, key and value of one length, "
            f"got {shapes}"
        )
    if (
        (w_query.ndim, w_key.ndim, weight.ndim) != (2, 2, 1)
        or (query.shape[-1], key.shape[-1]) != (w_query.shape[1], w_key.shape[1])
        or not w_query.shape[0] == w_key.shape[0] == weight.shape[0]
    ):
        raise ValueError(
            f"additive_attention: w_query, w_key and weight must be (A, D), (A, F) and (A,), got {shapes}"
        )
    lead = broadcast_shapes("additive_attention", Lead(query), Lead(key), Lead(value))
    if bias is not None and tuple(bias.shape) != tuple(weight.shape):
        raise ValueError(
            f"additive_attention: bias must have shape {tuple(weight.shape)}, got {tuple(bias.shape)}"
        )
    if mask is not None:
        if mask.dtype.kind != "b":
            raise TypeError(f"additive_attention: mask must be bool (True takes part), got {mask.dtype}")
        _check_mask("additive_attention", mask, (*lead, query.shape[-2], key.shape[-2]), shapes)
    score = additive_scores(linear(query, w_query, bias), linear(key, w_key), weight)
    probability = softmax(score, mask)
    return matmul(probability, value), probability


@primitive
def additive_scores(projected_query, projected_key, weight):
    """Bahdanau's alignment model on projected queries and keys.

    Forward    e_ij = weightᵀ u_ij,  u_ij = tanh(q_i + k_j)
    Backward   ∂L/∂q_i = weight ⊙ Σ_j de_ij (1 − u_ij²);  ∂L/∂k_j = weight ⊙ Σ_i de_ij (1 − u_ij²);
               ∂L/∂weight = Σ_ij de_ij u_ij;  u is computed anew, not kept
    Shapes     projected_query (…, Lq, A), projected_key (…, Lk, A), weight (A,) → e (…, Lq, Lk); leading axes
               broadcast against each other
    Errors     ValueError where the shapes do not fit
    Source     Bahdanau, Cho & Bengio, 2015, A.1.2
    """
    check_arrays(
        "additive_scores", projected_query=projected_query, projected_key=projected_key, weight=weight
    )
    query, key, k = projected_query, projected_key, kernels.of(projected_query)
    _check_additive(query, key, weight)
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])

    def together(x):
        full = (*lead, *x.shape[-2:])
        x = x if tuple(x.shape) == full else k.expand(x, full)
        return x.reshape(math.prod(lead), *full[-2:])

    q, m = together(query), together(key)

    def backward(de):
        de = de.reshape(len(q), q.shape[1], m.shape[1])
        dq, dweight = k.additive_scores_backward(de, q, m, weight)

        def dkey():
            dk, _ = k.additive_scores_backward(k.permute(de, (0, 2, 1)), m, q, weight)
            return reduce_to(dk.reshape(*lead, *dk.shape[1:]), key)

        return reduce_to(dq.reshape(*lead, *dq.shape[1:]), query), dkey, dweight

    return k.additive_scores(q, m, weight).reshape(*lead, q.shape[1], m.shape[1]), backward


def _check_additive(query, key, weight):
    shapes = f"query {tuple(query.shape)}, key {tuple(key.shape)}, weight {tuple(weight.shape)}"
    if min(query.ndim, key.ndim) < 2 or weight.ndim != 1:
        raise ValueError(f"additive_scores: expected (…, Lq, A), (…, Lk, A) and (A,), got {shapes}")
    if not query.shape[-1] == key.shape[-1] == weight.shape[0]:
        raise ValueError(f"additive_scores: all three must agree on their last axis, got {shapes}")
    for a, b in zip(query.shape[-3::-1], key.shape[-3::-1], strict=False):
        if a != b and 1 not in (a, b):
            raise ValueError(f"additive_scores: the leading axes must broadcast, got {shapes}")
