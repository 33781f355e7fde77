"""Attention layers: scaled dot product, additive (Bahdanau), and with several heads."""

from .. import ops
from ..ops.constants import full_beside
from . import init
from .check import positive, probability, shape
from .linear import Linear, zeros
from .module import Module

__all__ = ["AdditiveAttention", "DotAttention", "MultiheadAttention"]


def _attend(module, query, key, value, mask, causal, scale):
    """The module's rule, with dropout on the probabilities when it trains → output, probability."""
    output, probability = module.rule(query, key, value, mask, causal=causal, scale=scale)
    return _dropped(module, output, probability, value), probability


def _dropped(module, output, probability, value):
    if not module.training or module.dropout == 0:
        return output
    kept = ops.dropout(probability, p=module.dropout, generator=module.generator)
    return ops.matmul(kept, value)


class DotAttention(Module):
    """Scaled dot-product attention (Vaswani et al., 2017, eq. 1); without parameters.

    Forward    P = softmax(scale · Q Kᵀ), O = P V, scale = 1/√D unless given
    Shapes     query (…, Lq, D), key (…, Lk, D), value (…, Lk, E), mask broadcasting to (…, Lq, Lk)
               → output (…, Lq, E), probability (…, Lq, Lk)
    Errors     ValueError where query and key, or key and value, do not fit

    mask: bool, True takes part (as in ``ops.attention``); or float, added to the scores.
    """

    rule = staticmethod(ops.attention)

    def __init__(self, scale=None, dropout=0.0, *, generator=None):
        self.scale, self.generator = scale, generator
        self.dropout = probability(self, "dropout", dropout)

    def forward(self, query, key, value, mask=None, causal=False):
        return _attend(self, query, key, value, mask, causal, self.scale)

    def extra_repr(self):
        return f"scale={self.scale}, dropout={self.dropout}"


class AdditiveAttention(Module):
    """Additive attention (Bahdanau, Cho & Bengio, 2015, appendix A.1.2).

    Forward    e_ij = vᵀ tanh(W_q q_i + W_k k_j);  P = softmax_j(e);  O = P · values
    Shapes     query (…, Lq, D), key (…, Lk, F), value (…, Lk, E), mask bool broadcasting to (…, Lq, Lk)
               → output (…, Lq, E), probability (…, Lq, Lk); W_q (A, D), W_k (A, F), v (A,), bias (A,) or None
    Errors     ValueError where a last axis does not fit

    mask: bool, True takes part. value None: the keys are attended to themselves.
    """

    def __init__(self, query_size, key_size, attention_size, bias=False, dropout=0.0, *, generator=None):
        positive(self, query_size=query_size, key_size=key_size, attention_size=attention_size)
        self.query_size, self.key_size, self.generator = query_size, key_size, generator
        self.dropout = probability(self, "dropout", dropout)
        self.W_q, self.W_k = zeros(attention_size, query_size), zeros(attention_size, key_size)
        self.v = zeros(attention_size)
        self.bias = zeros(attention_size) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew: each ~ U(−1/√n, 1/√n), n its last axis; bias 0."""
        for parameter in (self.W_q, self.W_k, self.v):
            bound = parameter.shape[-1] ** -0.5
            init.uniform_(parameter, -bound, bound, generator)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, query, key, value=None, mask=None):
        shape(self, "query", query, ..., "Lq", self.query_size)
        shape(self, "key", key, ..., "Lk", self.key_size)
        value = key if value is None else value
        output, p = ops.additive_attention(
            query, key, value, self.W_q, self.W_k, self.v, mask, self.bias
        )  # fmt: skip
        return _dropped(self, output, p, value), p

    def extra_repr(self):
        return f"{self.query_size}, {self.key_size}, {self.v.shape[0]}"


class MultiheadAttention(Module):
    """Attention with several heads, each in a subspace of its own (Vaswani et al., 2017, §3.2.2).

    Forward    head_g = attention(Q W_gᵠ + b_gᵠ, K W_gᴷ + b_gᴷ, V W_gⱽ + b_gⱽ);
               O = [head_1; …; head_G] W_oᵀ + b_o
    Shapes     query (Lq, B, D), key (Lk, B, F), value (Lk, B, E) → output (Lq, B, D),
               weights (B, Lq, Lk), or (B, G, Lq, Lk) with average_attn_weights=False; batch before length
               with ``batch_first``; without the batch axis for a single sequence
    Errors     ValueError naming the argument whose shape does not fit
    Begins     input projections Xavier uniform, their biases and the output's 0, out_proj as ``Linear``

    The masks are PyTorch's, so True *hides* here: key_padding_mask (B, Lk), attn_mask (Lq, Lk) or
    (B·G, Lq, Lk); a float mask is added to the scores. ``is_causal``: query i sees keys j ≤ i (no mask
    needs to be given with it). A query that sees no key gets zeros from the heads. Who wants to look at the
    weights of every head puts another ``rule`` in the place of ``ops.attention`` (``explain.rollout``).
    """

    rule = staticmethod(ops.attention)

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, kdim=None, vdim=None, batch_first=False,
                 *, generator=None):  # fmt: skip
        positive(self, embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads {num_heads} must divide embed_dim {embed_dim} evenly"
            )
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, bool(batch_first)
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.generator = probability(self, "dropout", dropout), generator
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = zeros(3 * embed_dim, embed_dim)
        else:
            self.q_proj_weight = zeros(embed_dim, embed_dim)
            self.k_proj_weight = zeros(embed_dim, self.kdim)
            self.v_proj_weight = zeros(embed_dim, self.vdim)
        self.in_proj_bias = zeros(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, generator=generator)
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the projections anew."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight, generator=generator)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):  # fmt: skip
        single = query.ndim == 2
        if single:
            query, key, value = (ops.unsqueeze(x, axis=0) for x in (query, key, value))
            if key_padding_mask is not None:
                key_padding_mask = ops.unsqueeze(key_padding_mask, axis=0)
        elif not self.batch_first:
            query, key, value = (ops.permute(x, axes=(1, 0, 2)) for x in (query, key, value))
        shape(self, "query", query, "B", "Lq", self.embed_dim)
        shape(self, "key", key, query.shape[0], "Lk", self.kdim)
        shape(self, "value", value, query.shape[0], key.shape[1], self.vdim)
        mask = self._mask(key_padding_mask, attn_mask, query, key)
        q, k, v = (self._heads(x) for x in self._project(query, key, value))
        output, weights = self._together(q, k, v, mask, is_causal)
        if single:
            output = ops.squeeze(output, axis=0)
        elif not self.batch_first:
            output = ops.permute(output, axes=(1, 0, 2))
        if not need_weights:
            return output, None
        weights = ops.mean(weights, axis=1) if average_attn_weights else weights
        return output, ops.squeeze(weights, axis=0) if single else weights

    def keys_values(self, key, value):
        """K and V of every head, which a decoder keeps from step to step (its cache); batch first.

        Shapes     key (B, Lk, F), value (B, Lk, E) → K, V (B, G, Lk, D/G)
        """
        shape(self, "key", key, "B", "Lk", self.kdim)
        shape(self, "value", value, key.shape[0], key.shape[1], self.vdim)
        (w_k, b_k), (w_v, b_v) = self._projections()[1:]
        return self._heads(ops.linear(key, w_k, b_k)), self._heads(ops.linear(value, w_v, b_v))

    def attend(self, query, keys, values, mask=None):
        """What ``forward`` makes of a query, from K and V that were projected before; batch first.

        Shapes     query (B, Lq, D), keys, values (B, G, Lk, D/G), mask broadcasting to (B, G, Lq, Lk), True
                   takes part → output (B, Lq, D), weights (B, G, Lq, Lk)
        """
        shape(self, "query", query, "B", "Lq", self.embed_dim)
        w_q, b_q = self._projections()[0]
        return self._together(self._heads(ops.linear(query, w_q, b_q)), keys, values, mask, False)

    def _together(self, q, k, v, mask, causal):
        """Attention in every head, the heads side by side, the output projection."""
        output, weights = _attend(self, q, k, v, mask, causal, None)
        side_by_side = (q.shape[0], q.shape[2], self.embed_dim)
        return self.out_proj(ops.reshape(ops.permute(output, axes=(0, 2, 1, 3)), shape=side_by_side)), weights

    def _projections(self):
        """(weight, bias) for query, key and value."""
        sizes, bias = [self.embed_dim] * 3, self.in_proj_bias
        biases = (None,) * 3 if bias is None else ops.split(bias, sizes=sizes, axis=0)
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        if self.in_proj_weight is not None:
            weights = ops.split(self.in_proj_weight, sizes=sizes, axis=0)
        return list(zip(weights, biases, strict=True))

    def _project(self, query, key, value):
        if self.in_proj_weight is not None and query is key and key is value:  # one product instead of three
            projected = ops.linear(query, self.in_proj_weight, self.in_proj_bias)
            return ops.split(projected, sizes=[self.embed_dim] * 3, axis=-1)
        inputs = (query, key, value)
        return [ops.linear(x, w, b) for x, (w, b) in zip(inputs, self._projections(), strict=True)]

    def _heads(self, x):
        """(B, L, D) → (B, G, L, D/G)."""
        sizes = (*x.shape[:2], self.num_heads, self.embed_dim // self.num_heads)
        return ops.permute(ops.reshape(x, shape=sizes), axes=(0, 2, 1, 3))

    def _mask(self, padding, attn, query, key):
        """Both masks as one for ``ops.attention``: bool with True taking part, or float to be added."""
        b, lq, lk = query.shape[0], query.shape[1], key.shape[1]
        if padding is not None:
            shape(self, "key_padding_mask", padding, b, lk)
            padding = ops.reshape(padding, shape=(b, 1, 1, lk))
        if attn is not None:
            lead = () if attn.ndim == 2 else (b * self.num_heads,)
            shape(self, "attn_mask", attn, *lead, lq, lk)
            attn = ops.reshape(attn, shape=(b, self.num_heads, lq, lk) if lead else (1, 1, lq, lk))
        masks = [m for m in (padding, attn) if m is not None]
        if not masks:
            return None
        if all(str(m.dtype) == "bool" for m in masks):
            hidden = masks[0] if len(masks) == 1 else ops.logical_or(*masks)
            return ops.logical_not(hidden)
        added = [_added(m, query) for m in masks]
        return added[0] if len(added) == 1 else ops.add(*added)

    def extra_repr(self):
        return f"{self.embed_dim}, {self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"


def _added(mask, query):
    """A mask to be added to the scores: −∞ where a bool mask hides."""
    if str(mask.dtype) == "bool":
        return ops.where(mask, full_beside(query, (), float("-inf")), 0.0)
    return mask
