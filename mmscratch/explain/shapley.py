"""Shapley values: what each player, here each modality, brought to what all reached together. Exact.

With M modalities there are 2^M coalitions, eight for picture, sound and text: no sampling, no approximation.
"""

import itertools
import math

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor
from .tape import arrays, rows, score

__all__ = ["modality_shapley", "shapley_values", "shares"]

MOST = 16  # players: 65,536 coalitions


def shapley_values(value, players):
    """The share of each player in the value of all of them.

    Forward    φ_i = Σ_{S ⊆ N∖{i}} |S|! (M − |S| − 1)! / M! · (v(S ∪ {i}) − v(S))
               = the mean over all M! orders of arrival of what i adds to those who came before
    Shapes     value: a set of players (frozenset) → a number or an array; → {player: φ of that shape}
    Errors     ValueError for no player, more than 16, or one named twice
    Source     Shapley, 1953. The only division that is efficient (Σ φ_i = v(N) − v(∅)), symmetric (who adds
               the same gets the same), gives nothing to a dummy (who never adds anything), and is additive
               (φ of v + w is φ of v and φ of w)
    Note       ``value`` is asked once for each of the 2^M coalitions. It may be anything: a score, a loss, an
               accuracy over a test set
    """
    players = list(players)
    if not 1 <= len(players) <= MOST or len(set(players)) != len(players):
        raise ValueError(f"shapley_values: players: expected 1 to {MOST}, each once, got {players}")
    m = len(players)
    found = {
        frozenset(s): np.asarray(value(frozenset(s)), np.float64)
        for size in range(m + 1)
        for s in itertools.combinations(players, size)
    }
    weight = [math.factorial(s) * math.factorial(m - s - 1) / math.factorial(m) for s in range(m)]
    return {
        i: sum(weight[len(s)] * (found[s | {i}] - found[s]) for s in found if i not in s) for i in players
    }


def modality_shapley(function, inputs, baselines, *, context=()):
    """The share of each modality in a score, against the score of none.

    Forward    v(S) = F(x_m where m ∈ S, else its baseline);  φ as in ``shapley_values``
    Shapes     inputs {name: array (B, …)}, baselines {name: array broadcasting to it}, function(**tensors by
               name, *context first) → (B,); → {name: φ (B,)}, Σ φ = F(x) − F(baselines)
    Errors     ValueError where the names differ, or a baseline does not broadcast

    A baseline is what the model is given where the modality is missing: the mean of the training set,
    silence, the empty text, or what modality dropout trained it with. Another one is another question.
    """
    title = "modality_shapley"
    if set(inputs) != set(baselines):
        raise ValueError(
            f"{title}: baselines: expected one for each of {sorted(inputs)}, got {sorted(baselines)}"
        )
    xs = dict(zip(inputs, arrays(title, list(inputs.values())), strict=True))
    count = len(next(iter(xs.values())))
    context = rows(title, context, count)
    absent = {}
    for name, x in xs.items():
        start = np.asarray(baselines[name], x.dtype)
        try:
            absent[name] = np.ascontiguousarray(np.broadcast_to(start, x.shape))
        except ValueError:
            raise ValueError(
                f"{title}: baselines: expected a shape that broadcasts to {name}'s {x.shape}, got "
                f"{start.shape}"
            ) from None

    def value(present):
        given = {name: Tensor(x if name in present else absent[name]) for name, x in xs.items()}
        with no_grad():
            return score(title, lambda *c: function(*c, **given), (), context, count).numpy()

    return shapley_values(value, xs)


def shares(phi):
    """How much each modality counts, whichever way it pulls (MM-SHAP): {name: share}, which sum to 1.

    Forward    |φ_m| / Σ_n |φ_n|, for each example; 1/M where all are 0
    Source     Parcalabescu & Frank, 2023, eq. 3
    """
    size = {name: np.abs(values) for name, values in phi.items()}
    total = sum(size.values())
    return {
        name: np.where(total > 0, values / np.where(total > 0, total, 1), 1 / len(size))
        for name, values in size.items()
    }
