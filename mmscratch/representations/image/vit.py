"""The Vision Transformer as CLIP has it: a picture as a sentence of patches (Dosovitskiy et al., 2021).

Names of modules and parameters are those of OpenAI's release, so its weights load as they are.
"""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn import init
from ...nn.check import positive, shape

__all__ = ["ResidualAttentionBlock", "Transformer", "VisionTransformer", "quick_gelu"]


def quick_gelu(x):
    """y = x σ(1.702 x): the GELU nearly (Hendrycks & Gimpel, 2016, §2), and what CLIP is trained with.

    Shapes     x (…) → y (…)
    """
    return x * ops.sigmoid(x * 1.702)


class _MLP(nn.Module):
    """y = W₂ QuickGELU(W₁ x + b₁) + b₂"""

    def __init__(self, width, generator):
        self.c_fc = nn.Linear(width, 4 * width, generator=generator)
        self.c_proj = nn.Linear(4 * width, width, generator=generator)

    def forward(self, x):
        return self.c_proj(quick_gelu(self.c_fc(x)))


class ResidualAttentionBlock(nn.Module):
    """One block; the norms stand before what is added, so that the sum itself passes from first to last.

    Forward    a = x + attention(LN(x));  y = a + W₂ QuickGELU(W₁ LN(a) + b₁) + b₂
    Shapes     x (B, T, D) → y (B, T, D), weights (B, G, T, T)
    Source     Xiong et al., 2020 (norm first); Radford et al., 2021, §2.4
    """

    def __init__(self, width, heads, *, generator=None):
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True, generator=generator)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = _MLP(width, generator)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x, causal=False):
        y = self.ln_1(x)
        attended, weights = self.attn(y, y, y, is_causal=causal, average_attn_weights=False)
        x = x + attended
        return x + self.mlp(self.ln_2(x)), weights


class Transformer(nn.Module):
    """``layers`` blocks one after the other.

    Forward    y = block_n(… block_1(x)); with ``causal`` place t sees the places up to t
    Shapes     x (B, T, D) → y (B, T, D); with ``trace`` also the weights of every block, (B, G, T, T) each
    Begins     attention ~ N(0, 1/D), W₁ ~ N(0, 1/2D), and what is added to the sum, out_proj and W₂,
               ~ N(0, 1/(2·layers·D)): the sum keeps its size however many blocks there are
    """

    def __init__(self, width, layers, heads, causal=False, *, generator=None):
        positive(self, width=width, layers=layers, heads=heads)
        self.width, self.causal = width, bool(causal)
        self.resblocks = nn.ModuleList(
            ResidualAttentionBlock(width, heads, generator=generator) for _ in range(layers)
        )
        added = (2 * layers * width) ** -0.5
        for block in self.resblocks:
            init.normal_(block.attn.in_proj_weight, std=width**-0.5, generator=generator)
            init.normal_(block.attn.out_proj.weight, std=added, generator=generator)
            init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5, generator=generator)
            init.normal_(block.mlp.c_proj.weight, std=added, generator=generator)

    def forward(self, x, trace=False):
        weights = []
        for block in self.resblocks:
            x, w = block(x, self.causal)
            if trace:
                weights.append(w)
        return (x, weights) if trace else x


class VisionTransformer(nn.Module):
    """Patches as words: a vector for each by a convolution, a class token before them, a Transformer.

    Forward    x = LN_pre([c; patches] + P);  y = Transformer(x);  z = LN_post(y_0) W
    Shapes     image (B, 3, R, R) → z (B, E); with ``tokens``: y (B, 1 + (R/p)², D), the class token first
    Errors     ValueError where R is not the resolution, or patches do not fill it
    Source     Dosovitskiy et al., 2021, eq. 1–4, with the norm before the blocks of Radford et al., 2021
    """

    def __init__(self, resolution, patch_size, width, layers, heads, output_dim, *, generator=None):
        positive(self, resolution=resolution, patch_size=patch_size, output_dim=output_dim)
        if resolution % patch_size:
            raise ValueError(
                f"VisionTransformer: patch_size {patch_size} must divide resolution {resolution} evenly"
            )
        self.input_resolution = resolution
        self.conv1 = nn.Conv2d(3, width, patch_size, stride=patch_size, bias=False, generator=generator)
        places = 1 + (resolution // patch_size) ** 2
        self.class_embedding = _drawn((width,), width**-0.5, generator)
        self.positional_embedding = _drawn((places, width), width**-0.5, generator)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads, generator=generator)
        self.ln_post = nn.LayerNorm(width)
        self.proj = _drawn((width, output_dim), width**-0.5, generator)

    def forward(self, image, tokens=False, trace=False):
        shape(self, "image", image, "B", 3, self.input_resolution, self.input_resolution)
        patches = self.conv1(image)
        b, d = patches.shape[:2]
        patches = ops.transpose(ops.reshape(patches, shape=(b, d, -1)))
        first = ops.broadcast_to(self.class_embedding, shape=(b, 1, d))
        x = self.ln_pre(ops.concatenate([first, patches], axis=1) + self.positional_embedding)
        y, weights = self.transformer(x, trace=True)
        out = y if tokens else self.ln_post(y[:, 0]) @ self.proj
        return (out, weights) if trace else out


def _drawn(sizes, std, generator):
    return init.normal_(nn.Parameter(np.zeros(sizes, np.float32)), std=std, generator=generator)
