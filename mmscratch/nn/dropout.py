"""Dropout."""

from .. import ops
from .check import probability
from .module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training, each entry set to 0 with probability p, the others scaled up (Srivastava et al., 2014).

    Forward    y = x ⊙ m / (1 − p), m_i = 0 with probability p and else 1;  y = x when not training
    Shapes     x (…) → y (…)
    Errors     ValueError where p is not in [0, 1]

    generator: whence the masks are drawn; without one from ``mmscratch.random.default_generator``.
    """

    def __init__(self, p=0.5, *, generator=None):
        self.p = probability(self, "p", p)
        self.generator = generator

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        return ops.dropout(x, p=self.p, generator=self.generator)

    def extra_repr(self):
        return f"p={self.p}"
