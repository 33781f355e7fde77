"""Cross-modal attention: each modality's steps look at another's, aligned or not."""

from __future__ import annotations

from ... import nn, ops
from ...nn.check import positive
from ...nn.position import SinusoidalPositions
from .base import Fusion, last_step

__all__ = ["CrossModalBlock", "CrossModalFusion", "CrossModalTransformer"]


class CrossModalBlock(nn.Module):
    """One layer of a cross-modal transformer (Tsai et al., 2019, eq. 3 and 5).

    Forward    Q = LN(z) W_Q, K = LN(s) W_K, V = LN(s) W_V, in each head;
               ẑ = softmax(Q Kᵀ/√d_k) V W_o + LN(z);  y = f(LN(ẑ)) + LN(ẑ),  f(u) = W₂ relu(W₁ u + b₁) + b₂
    Shapes     z (B, N, D), s (B, S, D), mask (B, S) bool, True takes part → y (B, N, D), weights (B, N, S)
    Note       the residual is of what is normalised, as the equations have it; the authors' program adds z
               itself. Where no step of s takes part the attention is 0
    """

    def __init__(self, width, heads, dropout=0.0, generator=None):
        self.attention = nn.MultiheadAttention(
            width, heads, dropout=dropout, batch_first=True, generator=generator
        )
        self.norm_z, self.norm_s, self.norm_out = (nn.LayerNorm(width) for _ in range(3))
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width, activation="relu", generator=generator),
            nn.Linear(4 * width, width, generator=generator),
        )

    def forward(self, z, s, mask=None):
        z, s = self.norm_z(z), self.norm_s(s)
        hidden = None if mask is None else ops.logical_not(mask)
        told, weights = self.attention(z, s, s, key_padding_mask=hidden)
        u = self.norm_out(told + z)
        return self.feed(u) + u, weights


class CrossModalTransformer(nn.Module):
    """The first modality, enriched by a second, layer by layer (Tsai et al., 2019, §3.2, β → α).

    Forward    Z⁰ = x_α;  Zⁱ = block_i(Zⁱ⁻¹, x_β)
    Shapes     x_α (B, N, D), x_β (B, S, D), mask (B, S) → (B, N, D), the last layer's weights (B, N, S)
    Note       every layer looks at the low-level x_β, never at a Z of β
    """

    def __init__(self, width, heads, layers, dropout=0.0, generator=None):
        self.blocks = nn.ModuleList(
            [CrossModalBlock(width, heads, dropout, generator) for _ in range(layers)]
        )

    def forward(self, x, other, mask=None):
        weights = None
        for block in self.blocks:
            x, weights = block(x, other, mask)
        return x, weights


class CrossModalFusion(Fusion):
    """Multimodal transformer, MulT (Tsai et al., 2019, eq. 1–6): for sequences that are not aligned.

    Forward    x̂_m = conv(x_m) + PE;  Z_{β→α} = cross-modal transformer(x̂_α, x̂_β) for every β ≠ α;
               Z_α = transformer([Z_{β→α}; Z_{γ→α}; …]);  h = W [last Z_1; …; last Z_M] + b
    Shapes     x_m (B, N_m, D_m) or (B, D_m) → h (B, H); M (M − 1) directed pairs of ``width`` each
    Errors     ValueError for an even kernel, a length above ``max_length``
    Note       of a modality that is missing no step is looked at, and its own Z counts as 0
    """

    sequences = True

    def __init__(self, sizes, hidden, generator=None, width=16, heads=2, layers=1, kernel=1, dropout=0.0,
                 max_length=512):  # fmt: skip
        super().__init__(sizes, hidden)
        positive(self, width=width, heads=heads, layers=layers, kernel=kernel)
        if kernel % 2 == 0:
            raise ValueError(f"CrossModalFusion: kernel: expected an odd number, got {kernel}")
        m, wide = len(self.sizes), (len(self.sizes) - 1) * width
        self.convolutions = nn.ModuleList([
            nn.Conv1d(d, width, kernel, padding=kernel // 2, bias=False, generator=generator)
            for d in self.sizes
        ])  # fmt: skip
        self.place = SinusoidalPositions(max_length, width, batch_first=True)
        self.crossed = nn.ModuleList([
            nn.ModuleList([
                CrossModalTransformer(width, heads, layers, dropout, generator) for _ in range(m - 1)
            ])
            for _ in range(m)
        ])  # fmt: skip
        layer = nn.TransformerEncoderLayer(
            wide, heads, 4 * wide, dropout, batch_first=True, norm_first=True, generator=generator
        )
        self.own = nn.ModuleList([
            nn.TransformerEncoder(layer, layers, nn.LayerNorm(wide), generator=generator) for _ in range(m)
        ])  # fmt: skip
        self.out = nn.Linear(m * wide, hidden, generator=generator)

    def join(self, x, there, masks):
        x = [self._embed(net, v) for net, v in zip(self.convolutions, x, strict=True)]
        ends = []
        for a, nets in enumerate(self.crossed):
            others = [b for b in range(len(x)) if b != a]
            z = [net(x[a], x[b], masks[b])[0] for net, b in zip(nets, others, strict=True)]
            hidden = ops.logical_not(masks[a])
            z = self.own[a](ops.concatenate(z, axis=2), src_key_padding_mask=hidden)
            ends.append(last_step(z, masks[a]))
        return self.out(ops.concatenate(ends, axis=1))

    def _embed(self, net, x):
        return self.place(ops.transpose(net(ops.transpose(x))))
