"""What a ranker sees of a query q and a document d when each is a vector of its own (a sentence, a picture).

Put side by side, [q; d], they are enough for a network or for trees, and useless to a linear score:

    w · [q; d_i] − w · [q; d_j] = w_q · (q − q) + w_d · (d_i − d_j) = w_d · (d_i − d_j)

The query has cancelled: whoever asks, the documents stand in the same order. What brings the query back is
any feature in which the two meet: their product, their distance, all products of their parts, their cosine.
"""

from __future__ import annotations

import numpy as np

from .queries import check_features, check_queries

__all__ = ["concatenation", "interactions", "query_part"]

KINDS = ("product", "difference", "outer", "cosine")


def concatenation(queries, documents, groups):
    """[q; d] of every document: query-blind under a linear score.

    Shapes     queries (Q, D), documents (N, E), groups (Q,) documents of each → (N, D + E)
    """
    q, d = _both("concatenation", queries, documents, groups, same=False)
    return np.concatenate([q, d], 1)


def interactions(queries, documents, groups, kinds=("product", "difference", "cosine")):
    """Features in which query and document meet, side by side in the order of ``kinds``.

    product      q ⊙ d (D)               difference   |q − d| (D)
    outer        q ⊗ d (D²), rows of q   cosine       q · d / ‖q‖‖d‖ (1), 0 where one is 0

    Shapes     queries (Q, D), documents (N, D), groups (Q,) → (N, F)
    Errors     ValueError for another kind, for sizes that differ (which only outer takes), for groups that do
               not sum to N
    """
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if not kinds or any(k not in KINDS for k in kinds):
        raise ValueError(f"interactions: kinds: expected some of {', '.join(KINDS)}, got {kinds!r}")
    q, d = _both("interactions", queries, documents, groups, same=kinds != ("outer",))
    return np.concatenate([_meet(q, d, kind) for kind in kinds], 1)


def _meet(q, d, kind):
    if kind == "product":
        return q * d
    if kind == "difference":
        return np.abs(q - d)
    if kind == "outer":
        return (q[:, :, None] * d[:, None]).reshape(len(d), -1)
    lengths = np.linalg.norm(q, axis=1) * np.linalg.norm(d, axis=1)
    return ((q * d).sum(1) / np.where(lengths > 0, lengths, 1))[:, None]


def query_part(features, groups):
    """The largest difference of each feature inside a query, over all queries: (F,).

    Where it is 0 the feature is the same for all documents of every query, and no linear score can use it.
    """
    x = check_features("query_part", features)
    begin = check_queries("query_part", groups, len(x))[:-1]
    return (np.maximum.reduceat(x, begin) - np.minimum.reduceat(x, begin)).max(0)


def _both(where, queries, documents, groups, same):
    q, d = check_features(where, queries), check_features(where, documents)
    check_queries(where, groups, len(d))
    if len(q) != len(groups):
        raise ValueError(f"{where}: queries: expected {len(groups)} rows as groups has, got {len(q)}")
    if same and q.shape[1] != d.shape[1]:
        raise ValueError(
            f"{where}: queries have {q.shape[1]} features, documents {d.shape[1]}, expected the same"
        )
    return np.repeat(q, groups, axis=0), d
