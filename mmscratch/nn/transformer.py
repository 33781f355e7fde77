"""Transformer encoder and decoder layers, and stacks of them (Vaswani et al., 2017)."""

import numpy as np

from .. import ops
from .attention import MultiheadAttention
from .check import positive
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

__all__ = [
    "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
    "causal_mask",
]  # fmt: skip

ACTIVATIONS = {"relu": ops.relu, "gelu": ops.gelu}


def causal_mask(length):
    """bool (T, T), True where attention is hidden: keys after the query. The attn_mask of a decoder."""
    return ~np.tri(length, dtype=bool)


class _Layer(Module):
    """What encoder and decoder layers share: the feed-forward half, and where the norms stand."""

    def _feed_forward(self, d_model, size, dropout, activation, bias, norm_first, generator):
        positive(self, d_model=d_model, dim_feedforward=size)
        if not callable(activation) and activation not in ACTIVATIONS:
            raise ValueError(
                f"{type(self).__name__}: activation must be one of {tuple(ACTIVATIONS)} or a function, "
                f"got {activation!r}"
            )
        self.linear1 = Linear(d_model, size, bias=bias, generator=generator)
        self.dropout = Dropout(dropout, generator=generator)
        self.linear2 = Linear(size, d_model, bias=bias, generator=generator)
        self.activation = activation if callable(activation) else ACTIVATIONS[activation]
        self.norm_first = bool(norm_first)

    def _residual(self, x, norm, block):
        """x + block(norm(x)) with the norm first, else norm(x + block(x))."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a network applied to each position alone; each within a residual.

    Forward    a = norm1(x + attention(x, x, x));  y = norm2(a + W₂ act(W₁ a + b₁) + b₂)
               with ``norm_first``: a = x + attention(norm1(x)), y = a + W₂ act(W₁ norm2(a) + b₁) + b₂
    Shapes     src (T, B, D) → y (T, B, D); (B, T, D) with ``batch_first``
    Errors     as ``MultiheadAttention``; ValueError for an unknown activation
    Source     Vaswani et al., 2017, §3.1; norm first: Xiong et al., 2020

    Masks as in ``MultiheadAttention``: True hides.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu",
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, *,
                 generator=None):  # fmt: skip
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, generator=generator
        )
        self._feed_forward(d_model, dim_feedforward, dropout, activation, bias, norm_first, generator)
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout, generator=generator)
        self.dropout2 = Dropout(dropout, generator=generator)

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        def attend(x):
            output, _ = self.self_attn(
                x, x, x, attn_mask=src_mask, key_padding_mask=src_key_padding_mask, is_causal=is_causal,
                need_weights=False,
            )  # fmt: skip
            return self.dropout1(output)

        def transform(x):
            return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        return self._residual(self._residual(src, self.norm1, attend), self.norm2, transform)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to what an encoder made, then a network applied to each position alone.

    Forward    a = norm1(x + attention(x, x, x));  c = norm2(a + attention(a, memory, memory));
               y = norm3(c + W₂ act(W₁ c + b₁) + b₂); with ``norm_first`` the norms stand before the blocks
    Shapes     tgt (T, B, D), memory (S, B, D) → y (T, B, D); batch before length with ``batch_first``
    Errors     as ``MultiheadAttention``; ValueError for an unknown activation
    Source     Vaswani et al., 2017, §3.1

    Masks as in ``MultiheadAttention``: True hides. ``tgt_is_causal=True`` hides the future without a mask.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu",
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, *,
                 generator=None):  # fmt: skip
        def attention():
            return MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, generator=generator
            )

        self.self_attn, self.multihead_attn = attention(), attention()
        self._feed_forward(d_model, dim_feedforward, dropout, activation, bias, norm_first, generator)
        for i in (1, 2, 3):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias))
        for i in (1, 2, 3):
            setattr(self, f"dropout{i}", Dropout(dropout, generator=generator))

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False):  # fmt: skip
        def attend_self(x):
            output, _ = self.self_attn(
                x, x, x, attn_mask=tgt_mask, key_padding_mask=tgt_key_padding_mask, is_causal=tgt_is_causal,
                need_weights=False,
            )  # fmt: skip
            return output

        def attend_memory(x):
            output, _ = self.multihead_attn(
                x, memory, memory, attn_mask=memory_mask, key_padding_mask=memory_key_padding_mask,
                is_causal=memory_is_causal, need_weights=False,
            )  # fmt: skip
            return output

        return self.blocks(tgt, attend_self, attend_memory)

    def blocks(self, x, attend_self, attend_memory):
        """The three blocks and their residuals, for a caller that says how the two attentions are made.

        A decoder of one word at a time attends to keys and values that it has kept from the words before.
        """

        def transform(x):
            return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))

        x = self._residual(x, self.norm1, lambda x: self.dropout1(attend_self(x)))
        x = self._residual(x, self.norm2, lambda x: self.dropout2(attend_memory(x)))
        return self._residual(x, self.norm3, transform)


def _copies(layer, n, generator):
    """n copies of a layer, each with parameters drawn anew: identical ones would be a strange beginning."""

    def reset(module):
        if hasattr(module, "reset_parameters"):
            module.reset_parameters(generator)

    return ModuleList(layer.copy().apply(reset) for _ in range(n))


class TransformerEncoder(Module):
    """``num_layers`` encoder layers one after the other, then a norm if given.

    Forward    y = norm(layer_n(… layer_1(src)))
    Shapes     src (T, B, D) → y (T, B, D); (B, T, D) if the layer is ``batch_first``

    The layers are made like ``encoder_layer``, each with parameters drawn anew from ``generator``.
    """

    def __init__(self, encoder_layer, num_layers, norm=None, *, generator=None):
        positive(self, num_layers=num_layers)
        self.layers = _copies(encoder_layer, num_layers, generator)
        self.norm = norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=False):
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """``num_layers`` decoder layers one after the other, then a norm if given.

    Forward    y = norm(layer_n(… layer_1(tgt, memory) …, memory))
    Shapes     tgt (T, B, D), memory (S, B, D) → y (T, B, D); batch first if the layer is ``batch_first``

    The layers are made like ``decoder_layer``, each with parameters drawn anew from ``generator``.
    """

    def __init__(self, decoder_layer, num_layers, norm=None, *, generator=None):
        positive(self, num_layers=num_layers)
        self.layers = _copies(decoder_layer, num_layers, generator)
        self.norm = norm

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False):  # fmt: skip
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                tgt_is_causal, memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)
