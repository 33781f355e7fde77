"""Where in a sequence: vectors that are added to embeddings."""

import numpy as np

from .. import ops
from . import init
from .check import positive, shape
from .linear import zeros
from .module import Buffer, Module

__all__ = ["LearnedPositions", "SinusoidalPositions", "sinusoids"]


def sinusoids(length, size):
    """PE[t, 2i] = sin(t / 10000^(2i/D)), PE[t, 2i + 1] = cos(t / 10000^(2i/D)): an array (length, size)."""
    t = np.arange(length)[:, None]
    angle = t / 10000.0 ** (2 * (np.arange(size) // 2) / size)
    return np.where(np.arange(size) % 2 == 0, np.sin(angle), np.cos(angle))


class _Positions(Module):
    def _table(self):
        raise NotImplementedError

    def forward(self, x):
        axes = ("B", "T") if self.batch_first else ("T", "B")
        shape(self, "x", x, *axes, self.embedding_dim)
        length = x.shape[1 if self.batch_first else 0]
        if length > self.max_length:
            raise ValueError(
                f"{type(self).__name__}: x has {length} positions (shape {tuple(x.shape)}), "
                f"expected at most max_length = {self.max_length}"
            )
        table = self._table()[:length]
        return x + (table if self.batch_first else ops.unsqueeze(table, axis=1))

    def extra_repr(self):
        return f"{self.max_length}, {self.embedding_dim}, batch_first={self.batch_first}"


class SinusoidalPositions(_Positions):
    """Fixed waves of many lengths, so that a shift in time is a rotation (Vaswani et al., 2017, §3.5).

    Forward    y_t = x_t + PE_t, PE[t, 2i] = sin(t/10000^(2i/D)), PE[t, 2i + 1] = cos(t/10000^(2i/D))
    Shapes     x (T, B, D) → y (T, B, D); (B, T, D) with ``batch_first``
    Errors     ValueError where T is above max_length, or the last axis is not D
    """

    def __init__(self, max_length, embedding_dim, batch_first=False):
        positive(self, max_length=max_length, embedding_dim=embedding_dim)
        self.max_length, self.embedding_dim, self.batch_first = max_length, embedding_dim, bool(batch_first)
        self.table = Buffer(sinusoids(max_length, embedding_dim).astype(np.float32), persistent=False)

    def _table(self):
        return self.table

    def to(self, target):
        """As ``Module.to``; a wider dtype gets the formula's digits, not float32's."""
        super().to(target)
        init.set_(self.table, sinusoids(self.max_length, self.embedding_dim))
        return self


class LearnedPositions(_Positions):
    """A learnt vector for each position (Gehring et al., 2017).

    Forward    y_t = x_t + weight_t
    Shapes     x (T, B, D), weight (max_length, D) → y (T, B, D); (B, T, D) with ``batch_first``
    Errors     ValueError where T is above max_length, or the last axis is not D
    Begins     weight ~ N(0, 0.02²)
    """

    def __init__(self, max_length, embedding_dim, batch_first=False, *, generator=None):
        positive(self, max_length=max_length, embedding_dim=embedding_dim)
        self.max_length, self.embedding_dim, self.batch_first = max_length, embedding_dim, bool(batch_first)
        self.weight = zeros(max_length, embedding_dim)
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        init.normal_(self.weight, std=0.02, generator=generator)

    def _table(self):
        return self.weight
