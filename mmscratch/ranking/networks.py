"""RankNet, ListNet and LambdaRank: a neural score, taught by its neighbours in the query.

One step takes some queries, scores their documents, and asks a rule for ∂ℓ/∂s: how hard each document is
pulled up or down (``pairwise.pulls``, ``listwise.top_one``). Backpropagation takes it from there to the
weights. The rule is all in which the three differ: LambdaRank has no loss that could be differentiated, and
needs none.

    s(x) = v · relu(… relu(W₁ x̂ + b₁) …),   x̂ = (x − mean) / deviation of the training documents
    hidden=(): s(x) = v · x̂, a linear score

There is no bias on the score: it would cancel in every query.
"""

from __future__ import annotations

import copy

import numpy as np

from .. import nn, optim
from ..autograd import no_grad
from ..random import Generator
from ..tensor import Tensor
from .gain import ndcg
from .listwise import top_one
from .pairwise import pulls, swap_scales
from .ranker import Ranker, check_number, check_whole

__all__ = ["LambdaRank", "ListNet", "RankNet"]


class _Network(Ranker):
    def __init__(self, hidden=(), *, epochs=20, lr=1e-3, weight_decay=0.1, dropout=0.0, queries=8,
                 random_state=0):  # fmt: skip
        self.hidden, self.epochs, self.lr, self.weight_decay = hidden, epochs, lr, weight_decay
        self.dropout, self.queries, self.random_state = dropout, queries, random_state
        self._check()

    def _check(self):
        name = type(self).__name__
        if not isinstance(self.hidden, tuple | list):
            raise ValueError(f"{name}: hidden: expected the sizes of the hidden layers, got {self.hidden!r}")
        for size in self.hidden:
            check_whole(name, "hidden", size)
        check_whole(name, "epochs", self.epochs)
        check_whole(name, "queries", self.queries)
        check_whole(name, "random_state", self.random_state, least=0)
        check_number(name, "lr", self.lr)
        check_number(name, "weight_decay", self.weight_decay, inclusive=True)
        if check_number(name, "dropout", self.dropout, inclusive=True) >= 1:
            raise ValueError(f"{name}: dropout: expected a number in [0, 1), got {self.dropout!r}")

    def _rule(self, scores, y, bounds):
        raise NotImplementedError

    def _build(self, generator):
        layers, width = [], self.n_features_in_
        for size in self.hidden:
            layers.append(nn.Linear(width, size, activation="relu", generator=generator))
            layers.append(nn.Dropout(self.dropout, generator=generator))
            width = size
        layers.append(nn.Linear(width, 1, bias=False, generator=generator))
        return nn.Sequential(*layers)

    def _fit(self, x, y, bounds, judge):
        generator = Generator(self.random_state)
        self.mean_, deviation = x.mean(0), x.std(0)
        self.scale_ = np.where(deviation > 0, deviation, 1.0)
        self.network_ = self._build(generator)
        x = self._standard(x)
        optimizer = optim.AdamW(self.network_.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        self.losses_, self.judged_, best = [], [], None
        for _ in range(self.epochs):
            self.losses_.append(self._epoch(x, y, bounds, optimizer, generator))
            if judge is not None:
                self.judged_.append(ndcg(judge[1], self._score(judge[0]), judge[2], 5))
                if best is None or self.judged_[-1] > max(self.judged_[:-1]):
                    best = copy.deepcopy(self.network_)
        self.network_ = best or self.network_

    def _epoch(self, x, y, bounds, optimizer, generator):
        """Every query once, ``queries`` a step; → mean ℓ of a query."""
        total, turn = 0.0, generator.permutation(len(bounds) - 1)
        self.network_.train()
        for begin in range(0, len(turn), self.queries):
            some = turn[begin : begin + self.queries]
            rows = np.concatenate([np.arange(bounds[q], bounds[q + 1]) for q in some])
            own = np.concatenate([[0], np.cumsum(bounds[some + 1] - bounds[some])])
            scores = self.network_(Tensor(x[rows]))
            loss, slope, _ = self._rule(scores.detach().numpy()[:, 0].astype(np.float64), y[rows], own)
            optimizer.zero_grad()
            scores.backward(np.ascontiguousarray(slope[:, None] / len(some), np.float32))
            optimizer.step()
            total += loss
        self.network_.eval()
        return total / len(turn)

    def _standard(self, x):
        return ((x - self.mean_) / self.scale_).astype(np.float32)

    def _score(self, x):
        with no_grad():
            return self.network_(Tensor(self._standard(x))).numpy()[:, 0].astype(np.float64)

    def _arrays(self):
        weights = {f"network.{k}": np.asarray(v) for k, v in self.network_.state_dict().items()}
        return {"mean": self.mean_, "scale": self.scale_, **weights}

    def _restore(self, arrays):
        self.mean_, self.scale_ = arrays.pop("mean"), arrays.pop("scale")
        for name, value in (("mean", self.mean_), ("scale", self.scale_)):
            if value.shape != (self.n_features_in_,) or value.dtype != np.float64:
                raise ValueError(f"{name} is {value.dtype} {value.shape}, expected ({self.n_features_in_},)")
        self.network_ = self._build(Generator(0)).eval()
        self.network_.load_state_dict({k.removeprefix("network."): v for k, v in arrays.items()})


_SETTINGS = """

    hidden           sizes of hidden layers; (): a linear score
    epochs, lr       AdamW, weight_decay its decay;   dropout after each hidden layer
    queries          a step takes so many
    random_state     weights at the beginning, order, dropout

    With ``eval_set`` the network of the epoch with the best NDCG@5 there is kept (``judged_``).
    losses_          mean ℓ of a query, of each epoch
"""


class RankNet(_Network):
    def _rule(self, scores, y, bounds):
        return pulls(scores, y, bounds)

    __doc__ = (
        "Cross entropy on pairs of a query (Burges et al., 2005): ``pairwise.pulls``, w = 1." + _SETTINGS
    )


class ListNet(_Network):
    def _rule(self, scores, y, bounds):
        return top_one(scores, y, bounds)

    __doc__ = "Cross entropy of whole lists (Cao et al., 2007): ``listwise.top_one``." + _SETTINGS


class LambdaRank(_Network):
    """RankNet's pairs weighed by the change of NDCG (Burges, Ragno & Le, 2006): ``pairwise.pulls``."""

    def _rule(self, scores, y, bounds):
        return pulls(scores, y, bounds, scales=swap_scales(y, bounds))

    __doc__ += _SETTINGS
