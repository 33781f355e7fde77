"""A generator for networks whose weights will be loaded: it draws zeros, which costs next to nothing."""

import numpy as np

from ..random import Generator

__all__ = ["Blank"]


class Blank(Generator):
    """Weights drawn from it are 0; dropout draws from it as from any generator.

    A hundred million normal numbers take ten seconds to draw, and published weights replace them all.
    """

    def uniform(self, shape=(), low=0.0, high=1.0, dtype="float32"):
        """Zeros, whatever the bounds; nothing of the stream is taken."""
        return np.broadcast_to(np.zeros((), dtype), shape)

    def normal(self, shape=(), mean=0.0, std=1.0, dtype="float32"):
        """Zeros, whatever the mean; nothing of the stream is taken."""
        return np.broadcast_to(np.zeros((), dtype), shape)
