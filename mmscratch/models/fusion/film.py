"""Feature-wise linear modulation: one modality scales and shifts what is made of the other."""

from __future__ import annotations

from ... import nn, ops

__all__ = ["FiLM"]


class FiLM(nn.Module):
    """The second (a question) scales and shifts what is made of the first (Perez et al., 2018, eq. 2).

    Forward    h = relu((1 + γ) ⊙ (W v + b) + β),  [γ; β] = U q + c
    Shapes     v (M, D), q (M, E) → h (M, H)
    Note       1 + γ: at the start the picture passes through
    """

    def __init__(self, picture, question, hidden, generator=None):
        self.v = nn.Linear(picture, hidden, generator=generator)
        self.q = nn.Linear(question, 2 * hidden, generator=generator)

    def forward(self, v, q):
        gamma, beta = ops.chunk(self.q(q), chunks=2, axis=1)
        return ops.film(self.v(v), gamma, beta, relu=True)
