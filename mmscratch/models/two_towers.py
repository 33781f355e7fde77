"""Two towers: texts and pictures in one space, where a product of vectors says whether they belong together.

    S = V Tᵀ      of every picture with every text: cosines, since all rows have unit length

(Frome et al., 2013; Kiros et al., 2014; Radford et al., 2021.) The towers meet in the product only, so a
gallery is encoded once and searched by inner products; a model in which words look at regions is not
(``scan``).
"""

import numpy as np

from .. import nn, ops

__all__ = ["SCORES", "TwoTowers", "cosine_scores", "order_scores", "score_matrix"]


def cosine_scores(v, t):
    """S = V Tᵀ of rows of unit length, the cosine of each with each.

    Shapes     v (N, E), t (M, E) → S (N, M)
    """
    return ops.linear(v, t)


def order_scores(v, t):
    """How far a text is from standing above a picture in the order (Vendrov et al., 2016, eq. 3).

    Forward    S_ij = −‖max(0, t_j − v_i)‖², at most 0: where no coordinate of the text exceeds the picture's,
               the text says less than the picture shows, and holds of it
    Backward   ∂S_ij/∂t_j = −2 max(0, t_j − v_i) = −∂S_ij/∂v_i
    Shapes     v (N, E), t (M, E) → S (N, M)
    """
    excess = ops.relu(ops.unsqueeze(t, axis=0) - ops.unsqueeze(v, axis=1))
    return ops.neg(ops.sum(ops.square(excess), axis=2))


SCORES = {"cosine": cosine_scores, "order": order_scores}
"""Name → function of two sets of vectors."""


class TwoTowers(nn.Module):
    """Two towers, each bringing its sense into one space.

    Forward    v = â, a = pictures(x);  t = ĉ, c = texts(tokens, lengths);  S = scores(v, t)
    Shapes     pictures → v (N, E), texts → t (M, E), S (N, M)
    Errors     ValueError where the towers end in different sizes

    score      cosine; or order: S = −‖max(0, t − v)‖² of absolute values, as the paper has them, |a|/‖a‖
    The first tower may be one of sounds, the second one of pictures: nothing here asks what is encoded.
    """

    def __init__(self, first, second, score="cosine"):
        if score not in SCORES:
            raise ValueError(f"TwoTowers: score: expected {' or '.join(SCORES)}, got {score!r}")
        if first.size != second.size:
            raise ValueError(f"TwoTowers: the towers end in {first.size} and {second.size} numbers")
        self.first, self.second, self.score = first, second, score

    def encode(self, side, *inputs):
        """Rows of unit length of one tower, "first" or "second"."""
        found = getattr(self, side)(*inputs)
        return ops.normalize(ops.abs(found) if self.score == "order" else found)

    def scores(self, v, t):
        """S of encoded rows."""
        return SCORES[self.score](v, t)

    def forward(self, first, second):
        """S of a batch; first and second are the towers' arguments, each a tuple."""
        return self.scores(self.encode("first", *first), self.encode("second", *second))


def score_matrix(towers, v, t):
    """S (N, M) of arrays of encoded rows, in blocks: order scores need all differences at once."""
    block = 8 if towers.score == "order" else 1024
    parts = [towers.scores(v[i : i + block], t) for i in range(0, len(v), block)]
    return np.concatenate(parts) if parts else np.zeros((0, len(t)), t.dtype)
