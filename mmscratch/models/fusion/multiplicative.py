"""The full bilinear form of two vectors, and what is linear in each of them."""

from __future__ import annotations

from ... import nn

__all__ = ["MultiplicativeInteraction"]


class MultiplicativeInteraction(nn.Module):
    """Multiplicative interaction (Jayakumar et al., 2020, eq. 1); its first term: Tenenbaum & Freeman, 2000.

    Forward    h_k = vᵀ W_k q + (U v)_k + (V q)_k + b_k
    Shapes     v (M, D), q (M, E), W (H, D, E) → h (M, H)
    Note       for two modalities it is ``TensorFusion``, whose weight holds W, U, V and b side by side
    """

    def __init__(self, picture, question, hidden, generator=None):
        self.both = nn.Bilinear(picture, question, hidden, generator=generator)
        self.v = nn.Linear(picture, hidden, bias=False, generator=generator)
        self.q = nn.Linear(question, hidden, bias=False, generator=generator)

    def forward(self, v, q):
        return self.both(v, q) + self.v(v) + self.q(q)
