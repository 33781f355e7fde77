"""The draw of one word from a row of scores: temperature, top-k, nucleus."""

import dataclasses
import numbers

import numpy as np

from .. import ops
from .rules import check_count

__all__ = ["Draw"]


@dataclasses.dataclass(frozen=True)
class Draw:
    """From log p of every word and one random number, a word.

    Forward    q = softmax(log p / temperature)
               top_k: of those the k of greatest q, the lower id on ties; 1 is greedy (Fan et al., 2018, §5.2)
               top_p: of what is left, scaled to sum to 1, the shortest list falling in q whose sum reaches
               top_p (Holtzman, Buys, Du, Forbes & Choi, 2020, eq. 2); 1 keeps all
               y = the first v with Σ_{w ≤ v} q(w) > u · Σ_w q(w)                       (eq. 3 of the same)
    Shapes     scores (N, V), u (N,) in [0, 1) → y (N,)
    Errors     ValueError for temperature ≤ 0, top_k < 1, top_p outside (0, 1]
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self):
        if not (_is_number(self.temperature) and 0 < self.temperature < np.inf):
            raise ValueError(f"temperature must be more than 0 and finite, got {self.temperature!r}")
        if self.top_k is not None:
            check_count("top_k", self.top_k, 1)
        if self.top_p is not None and not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p!r}")

    def weights(self, scores):
        """What each word is drawn in proportion to: (N, V) → (N, V) in float64, 0 for what is cut away."""
        highest = scores.max(axis=1, keepdims=True)
        if not (highest > -np.inf).all():
            raise ValueError("scores: expected a word that may be said in every row, got −inf throughout")
        q = np.exp((scores.astype(np.float64) - highest) / self.temperature)
        if self.top_k is not None and self.top_k < q.shape[1]:
            _, best = ops.topk(q, k=self.top_k)
            kept = np.zeros_like(q)
            np.put_along_axis(kept, best, np.take_along_axis(q, best, axis=1), axis=1)
            q = kept
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-q, axis=1, kind="stable")
            falling = np.take_along_axis(q, order, axis=1)
            # A word is kept if those before it do not reach top_p yet: the first always is.
            before = np.cumsum(np.pad(falling, ((0, 0), (1, 0)))[:, :-1], axis=1)
            falling[before >= self.top_p * falling.sum(axis=1, keepdims=True)] = 0
            np.put_along_axis(q, order, falling, axis=1)
        return q

    def __call__(self, scores, u):
        heap = np.cumsum(self.weights(scores), axis=1)
        # u ≤ 1 − 2⁻⁵³, so u · total is less than total after rounding too: there is such a v, and q(v) > 0.
        return (heap > (u * heap[:, -1])[:, None]).argmax(axis=1)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
