"""Cross-modal retrieval judged: Recall@K, ranks, MRR, MAP, NDCG, both ways, and retrieval by truth.

    R@K            share of queries with a relevant item among the first K (Hodosh et al., 2013). With several
                   captions a picture, the best of them counts. (TREC's recall@K is another thing: it is
                   the share of a query's relevant items that are found; TREC's name for ours is success@K)
    median, mean rank    of the first relevant item, from 1
    MRR, MAP, NDCG@k     see `tied_ranks`, `gain`
    rsum           100 · (R@1 + R@5 + R@10 of both directions), at most 600 (Lee et al., 2018)

All shares are in 0 … 1. Ties: "expected" unless told otherwise, the exact mean over all ways to break them,
so that constant scores get K/N, chance, and identical captions share what they find. "pessimistic" asks for
more (constant scores get 0); "optimistic" would call constant scores perfect, and is there to show it.
What collapses only nearly, to scores that differ in their last bits, gets chance under every rule.

Retrieval by truth ("semantic"): an item is relevant if the caption is true of the picture, whoever wrote it
for which picture. Beside it stands what no ranker by truth can pass in instance retrieval, the ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .tied_ranks import TIES, FirstRelevant, average_precision, check_ties, first_relevant, ndcg_at

__all__ = [
    "TIES",
    "FirstRelevant",
    "ambiguity_ceiling",
    "as_relevant",
    "cross_modal_scores",
    "first_relevant",
    "five_fold_scores",
    "retrieval_scores",
    "semantic_scores",
]

CUTOFFS = (1, 5, 10)
TRUE = 3  # the grade of a caption all of whose conjuncts hold
I2T, T2I = "i→t", "t→i"


def as_relevant(relevant, shape: tuple[int, int]) -> np.ndarray:
    """Relevance in any of its forms → bool (Q, N).

    relevant   bool (Q, N); or ids of relevant items: (Q,) one a query, (Q, P) P a query, or Q lists of ids
    Errors     ValueError for another form, an id outside the gallery, or a query without relevant items;
               whole numbers (Q, N) could be either and are refused: write grades > 0, or lists of ids
    """
    queries, items = shape
    if isinstance(relevant, np.ndarray) and relevant.dtype == bool:
        if relevant.shape != shape:
            raise ValueError(f"relevant: expected bool {shape} as the scores, got {relevant.shape}")
        found = relevant
    else:
        if isinstance(relevant, np.ndarray) and relevant.shape == shape:
            raise ValueError(f"relevant: {relevant.dtype} {shape} may be grades or ids; expected bool or ids")
        if len(relevant) != queries:
            raise ValueError(f"relevant: expected ids for {queries} queries, got {len(relevant)}")
        found = np.zeros(shape, bool)
        for q, ids in enumerate(relevant):
            ids = np.atleast_1d(np.asarray(ids, np.int64 if np.size(ids) == 0 else None))
            if ids.dtype.kind not in "iu" or ids.size and not (0 <= ids.min() and ids.max() < items):
                raise ValueError(f"relevant: query {q}: expected ids 0 … {items - 1}, got {ids.tolist()}")
            found[q, ids] = True
    empty = ~found.any(1)
    if empty.any():
        raise ValueError(
            f"relevant: query {int(empty.argmax())} has no relevant item ({empty.sum()} have none)"
        )
    return found


def retrieval_scores(
    scores,
    relevant,
    grades=None,
    ks: Sequence[int] = CUTOFFS,
    ties: str = "expected",
    lists: bool = True,
    ndcg_k: int | None = 10,
) -> dict[str, float]:
    """One direction: queries × items scored, against what is relevant.

    scores     (Q, N), the higher the better
    relevant   see `as_relevant`
    grades     (Q, N) ≥ 0 for NDCG; None: 1 where relevant, else 0
    ties       "expected", "pessimistic" or "optimistic"
    lists      False leaves out MAP and NDCG, which sort every row
    Returns    {"R@1", …, "median rank", "mean rank", "MRR", "MAP", "NDCG@10", "NDCG@10, linear gain"}; the
               last only with grades, since of 0 and 1 both gains say the same
    Errors     ValueError where shapes do not fit or a score is NaN
    """
    scores = _checked(scores)
    relevant = as_relevant(relevant, scores.shape)
    check_ties(ties)
    first = first_relevant(scores, relevant)
    found = {f"R@{k}": float(first.within(k, ties).mean()) for k in ks}
    rank = first.rank(ties)
    found |= {"median rank": float(np.median(rank)), "mean rank": float(rank.mean())}
    found["MRR"] = float(first.reciprocal(ties).mean())
    if not lists:
        return found
    rows = list(zip(scores, relevant, strict=True))
    found["MAP"] = float(np.mean([average_precision(s, r, ties) for s, r in rows]))
    name = "NDCG" if ndcg_k is None else f"NDCG@{ndcg_k}"
    labels = relevant.astype(np.float64) if grades is None else _graded(grades, scores.shape)
    for gain in ("exponential", "linear")[: 1 if grades is None else 2]:
        each = [ndcg_at(s, y, ndcg_k, gain, ties) for s, y in zip(scores, labels, strict=True)]
        found[name if gain == "exponential" else f"{name}, linear gain"] = float(np.mean(each))
    return found


def cross_modal_scores(
    similarity, owner, ks: Sequence[int] = CUTOFFS, ties: str = "expected", lists: bool = True
) -> dict[str, float]:
    """Both directions of instance retrieval: a picture looks for its captions, a caption for its picture.

    similarity   (P, C) pictures × captions
    owner        (C,) the picture each caption belongs to, 0 … P − 1; every picture has at least one
    Returns      the scores of `retrieval_scores` under "i→t …" and "t→i …", and "rsum" if ks are 1, 5, 10
    """
    similarity = _checked(similarity)
    own = _owned(owner, similarity.shape)
    return _both(similarity, own, None, ks, ties, lists)


def five_fold_scores(similarity, owner, folds: int = 5, **options) -> dict[str, float]:
    """The 1K protocol of COCO: 5,000 test pictures in five folds of 1,000, in their order; means over folds.

    A picture meets only the captions of its own fold, so the gallery is a fifth and figures are higher than
    on all 5,000 ("5K"): never compare one with the other. Options as in `cross_modal_scores`.
    """
    similarity = _checked(similarity)
    pictures = len(similarity)
    owner = np.asarray(owner)
    _owned(owner, similarity.shape)
    if not 1 <= folds <= pictures or pictures % folds:
        raise ValueError(f"folds: expected a divisor of the {pictures} pictures, got {folds}")
    size, each = pictures // folds, []
    for begin in range(0, pictures, size):
        inside = (owner >= begin) & (owner < begin + size)
        here = similarity[begin : begin + size][:, inside]
        each.append(cross_modal_scores(here, owner[inside] - begin, **options))
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def semantic_scores(
    similarity, grades, ks: Sequence[int] = CUTOFFS, ties: str = "expected", lists: bool = True
) -> dict[str, float]:
    """Both directions by truth: relevant is what is true (grade 3); NDCG by the grades 0 … 3 of conjuncts.

    similarity, grades   (P, C) pictures × captions; see `mmscratch.data.scenes.relevance_matrix`
    Returns              as `cross_modal_scores`
    """
    similarity = _checked(similarity)
    grades = _graded(grades, similarity.shape)
    return _both(similarity, grades == TRUE, grades, ks, ties, lists)


def ambiguity_ceiling(truth, owner, ks: Sequence[int] = CUTOFFS) -> dict[str, float]:
    """Instance recall of a ranker that knows which captions are true of which pictures, and nothing else.

    A caption that is true of m pictures leaves m that cannot be told apart by truth; its own is first in one
    of m orders, so R@1 is the mean of 1/m, R@K of min(K/m, 1); from a picture with p captions of its own
    among m that are true, 1 − C(m − p, K) / C(m, K). It is the score of the truth itself as similarity.

    A model may pass it by a little, honestly: by guessing which of the pictures a speaker would have said it
    of (few objects leave little else to say). Passing it by much means that something leaks.

    truth      bool (P, C);  owner (C,) as in `cross_modal_scores`
    Errors     ValueError where a caption is not true of its own picture
    """
    truth = np.asarray(truth)
    if truth.ndim != 2 or truth.dtype != bool:
        raise ValueError(f"truth: expected bool (P, C), got {truth.dtype} {truth.shape}")
    own = _owned(owner, truth.shape)
    lies = own & ~truth
    if lies.any():
        picture, caption = np.argwhere(lies)[0]
        raise ValueError(f"truth: caption {caption} is not true of its own picture {picture}")
    return _both(truth.astype(np.float64), own, None, ks, "expected", False)


def _both(similarity, relevant, grades, ks, ties, lists):
    found = {}
    for way, turn in ((I2T, lambda x: x), (T2I, lambda x: None if x is None else np.ascontiguousarray(x.T))):
        here = retrieval_scores(turn(similarity), turn(relevant), turn(grades), ks, ties, lists)
        found |= {f"{way} {name}": value for name, value in here.items()}
    if tuple(ks) == CUTOFFS:
        found["rsum"] = 100 * sum(found[f"{way} R@{k}"] for way in (I2T, T2I) for k in ks)
    return found


def _owned(owner, shape):
    """owner (C,) → bool (P, C)."""
    owner = np.asarray(owner)
    pictures, captions = shape
    if owner.shape != (captions,) or owner.dtype.kind not in "iu":
        raise ValueError(
            f"owner: expected the picture of each caption ({captions},), got {owner.dtype} {owner.shape}"
        )
    if owner.min() < 0 or owner.max() >= pictures:
        raise ValueError(f"owner: expected 0 … {pictures - 1}, got {owner.min()} … {owner.max()}")
    return owner[None, :] == np.arange(pictures)[:, None]


def _checked(scores):
    scores = np.asarray(scores)
    if scores.ndim != 2 or 0 in scores.shape or scores.dtype.kind not in "fiu":
        raise ValueError(f"scores: expected numbers, queries × items, got {scores.dtype} {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"scores: row {int(np.isnan(scores).any(1).argmax())} has NaN")
    return scores


def _graded(grades, shape):
    grades = np.asarray(grades)
    if grades.shape != shape or grades.dtype.kind not in "fiu" or not (grades >= 0).all():
        raise ValueError(
            f"grades: expected numbers ≥ 0 {shape} as the scores, got {grades.dtype} {grades.shape}"
        )
    return grades.astype(np.float64)
