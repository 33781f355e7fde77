"""Every row is looked at: the answer that the quick methods are judged by."""

import numpy as np

from ..autograd import no_grad
from ..ops import cosine_topk
from ..tensor import Tensor
from .index import Index

__all__ = ["Exact"]


class Exact(Index):
    """The k largest of all N cosines.

    id = argtop_k (q · x_n), ‖q‖ = ‖x_n‖ = 1        N D multiplications a query

    One pass over the rows by the streaming kernel (``ops.cosine_topk``): products in float32 say which rows
    cannot be among the best, the others are looked at in float64, and no matrix of scores (Q, N) is made.
    """

    method = "exact"

    def __init__(self, dimension):
        super().__init__(dimension)

    def _insert(self, x):
        self.rows.extend(x)

    def _search(self, q, k):
        with no_grad():
            score, ids = cosine_topk(Tensor(q), Tensor(self.rows.all()), k=k, normalized=True)
        return np.asarray(score.numpy()), np.asarray(ids.numpy())
