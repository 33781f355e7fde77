"""Product quantisation: a vector as m bytes (Jégou, Douze & Schmid, 2011, section II)."""

import numpy as np

from .clusters import kmeans
from .panel import Panel

__all__ = ["ProductQuantizer"]

SAMPLE = 64
"""Rows a codeword that are learnt from, at most."""


class ProductQuantizer:
    """Each of m pieces of a vector is replaced by the nearest of its own codewords.

    x = (x_1, …, x_m),  x_j of D/m numbers;    code_j = argmin_c ‖x_j − u_{j,c}‖,    x ≈ x̂ = (u_{1,code_1}, …)

    With 256 codewords a piece there are 256^m different x̂, told apart by m bytes and learnt as m small
    clusterings. Distances to a query need no x̂: q · x̂ = Σ_j q_j · u_{j,code_j}, a sum of m entries of a table
    (asymmetric: the query itself is not quantised).

    codewords (m, K, D/m) float32, K ≤ 256
    """

    def __init__(self, codewords):
        self.codewords = np.ascontiguousarray(codewords, np.float32)
        self.parts, self.count, self.piece = self.codewords.shape
        self._panels = [Panel(u) for u in self.codewords]

    @classmethod
    def train(cls, x, parts, count=256, *, seed=0, iterations=10):
        """Codewords for pieces of the rows x (N, D); at most SAMPLE · count rows are learnt from."""
        if x.shape[1] % parts:
            raise ValueError(f"ProductQuantizer: {parts} parts do not divide {x.shape[1]} dimensions")
        if not 1 <= count <= 256:
            raise ValueError(f"ProductQuantizer: count: expected 1 … 256 codewords, got {count!r}")
        if len(x) > SAMPLE * count:
            x = x[np.sort(np.random.default_rng(seed).choice(len(x), SAMPLE * count, replace=False))]
        pieces = x.reshape(len(x), parts, -1)
        return cls(
            np.stack(
                [kmeans(pieces[:, j], count, seed=[seed, j], iterations=iterations) for j in range(parts)]
            )
        )

    def encode(self, x):
        """x (N, D) → code (N, m) uint8."""
        code = np.empty((len(x), self.parts), np.uint8)
        pieces = x.reshape(len(x), self.parts, self.piece)
        for j, panel in enumerate(self._panels):
            code[:, j] = panel.nearest(pieces[:, j])
        return code

    def decode(self, code):
        """code (N, m) → x̂ (N, D)."""
        return self.codewords[np.arange(self.parts), code].reshape(len(code), -1)

    def table(self, q):
        """q (Q, D) → q_j · u_{j,c} (Q, m, K): the sum of a code's entries is q · x̂."""
        pieces = q.reshape(len(q), self.parts, self.piece)
        return np.einsum("qjd,jcd->qjc", pieces, self.codewords)

    def distortion(self, x):
        """1/N Σ ‖x − x̂‖²."""
        off = x - self.decode(self.encode(x))
        return float(np.einsum("nd,nd->n", off, off, dtype=np.float64).mean())
