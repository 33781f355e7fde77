"""Ranked retrieval as TREC judges it: relevance judgements (qrels) and a run, the measures of trec_eval.

    symbol   what
    R        relevant documents of the query (judged 1 or higher);  N  those judged 0
    r_i      1 if the document at rank i is relevant, else 0;  g_i  its judgement, 0 where there is none
    P@k      Σ_{i≤k} r_i / k

    map          Σ_i r_i P@i / R, summed over the ranks retrieved
    Rprec        P@R;   Rprec_mult_c: at ⌊cR + 0.9⌋
    recip_rank   1 / rank of the first relevant one
    bpref        Σ over retrieved relevant (1 − min(n, R) / min(N, R)) / R, n judged 0 above it
                                                                         (Buckley & Voorhees, 2004)
    ndcg         Σ_i g_i / log2(i + 1), over the same sum of the best order (Järvelin & Kekäläinen, 2002,
                 with linear gain)
    iprec_at_recall_c   the largest P@i at any i that has found ⌊cR + 0.5⌋ relevant ones
    infAP        average precision estimated where not all were judged (Yilmaz & Aslam, 2006)
    gm_map, gm_bpref    geometric means over the queries, each value at least 10⁻⁵ (Robertson, 2006)

The order is that of the scores; where they tie, of the names, the last in the alphabet first. The column of
ranks in a run is not looked at. Means are over the queries that are in both files; counts are summed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .gain import best_dcg, discounts

__all__ = ["evaluate_queries", "evaluate_run", "measures_of", "ranked"]

CUTOFFS = (5, 10, 15, 20, 30, 100, 200, 500, 1000)
RECALLS = tuple(i / 10 for i in range(11))
MULTIPLES = tuple(i / 5 for i in range(1, 11))
SUMMED = ("num_ret", "num_rel", "num_rel_ret", "num_nonrel_judged_ret")
LOWEST, TINY = 1e-5, 1e-5


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Document names by score, the highest first; ties by name, the last in the alphabet first.

    Scores are compared as float32, as trec_eval keeps them.
    """
    return sorted(scores, key=lambda name: (np.float32(scores[name]), name), reverse=True)


def measures_of(judged: Mapping[str, int], scores: Mapping[str, float]) -> dict[str, float]:
    """Every measure of one query.

    judged      document → judgement; 1 or higher is relevant, below 0 counts as in the pool but not judged
    scores      document → score of the run
    """
    order = ranked(scores)
    grades = np.array([judged.get(name, -2) for name in order], np.int64)  # −2: in no pool
    positive = np.sort([g for g in judged.values() if g > 0])[::-1]
    total, others = len(positive), sum(g == 0 for g in judged.values())
    hit = (grades > 0).astype(np.float64)
    found, ranks = np.cumsum(hit), np.arange(1, len(order) + 1)
    precision = found / ranks
    share = hit * precision
    values = {
        "num_ret": len(order),
        "num_rel": total,
        "num_rel_ret": int(hit.sum()),
        "num_nonrel_judged_ret": int((grades == 0).sum()),
        "map": _over(share.sum(), total),
        "Rprec": _at(found, total) / max(total, 1),
        "bpref": _bpref(grades, total, others),
        "recip_rank": 1.0 / (1 + int(hit.argmax())) if hit.any() else 0.0,
        "infAP": _over(_inferred(grades), total),
        "ndcg": _ndcg(grades, positive, max(len(order), len(positive))),
        "utility": float(hit.sum() - (len(order) - hit.sum())),
        "set_P": _over(hit.sum(), len(order)),
        "set_recall": _over(hit.sum(), total),
        "set_relative_P": _over(hit.sum(), min(len(order), total)),
    }
    p, r = values["set_P"], values["set_recall"]
    values |= {"set_map": p * r, "set_F": _over(2 * p * r, p + r)}
    interpolated = [_interpolated(found, precision, c, total) for c in RECALLS]
    values |= {f"iprec_at_recall_{c:.2f}": v for c, v in zip(RECALLS, interpolated, strict=True)}
    values["11pt_avg"] = float(np.mean(interpolated))
    for c in MULTIPLES:
        k = int(c * total + 0.9)
        values[f"Rprec_mult_{c:.2f}"] = _over(_at(found, k), k)
    for k in CUTOFFS:
        here = _at(found, k)
        values |= {
            f"P_{k}": here / k,
            f"recall_{k}": _over(here, total),
            f"relative_P_{k}": _over(here, min(k, total)),
            f"map_cut_{k}": _over(share[:k].sum(), total),
            f"ndcg_cut_{k}": _ndcg(grades, positive, k),
        }
    return values | {f"success_{k}": float(_at(found, k) > 0) for k in (1, 5, 10)}


def evaluate_queries(
    qrels: Mapping[str, Mapping[str, int]], run: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Query → measure → value, for the queries that are in both; ValueError where none is."""
    queries = sorted(set(qrels) & set(run))
    if not queries:
        raise ValueError("evaluate_queries: no query of the run has judgements")
    return {q: measures_of(qrels[q], run[q]) for q in queries}


def evaluate_run(
    qrels: Mapping[str, Mapping[str, int]], run: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Measure → its mean over the queries (of counts the sum); ``num_q`` is how many there are."""
    each = evaluate_queries(qrels, run)
    names = next(iter(each.values()))
    found = {"num_q": len(each)}
    for name in names:
        values = [of[name] for of in each.values()]
        found[name] = sum(values) if name in SUMMED else float(np.mean(values))
    for name in ("map", "bpref"):
        logs = [math.log(max(of[name], LOWEST)) for of in each.values()]
        found[f"gm_{name}"] = math.exp(sum(logs) / len(logs))
    return found


def _over(a, b):
    return float(a / b) if b else 0.0


def _at(found, k):
    """How many relevant ones are in the first k."""
    return float(found[min(k, len(found)) - 1]) if k > 0 and len(found) else 0.0


def _bpref(grades, total, others):
    above = np.cumsum(grades == 0)[grades > 0]
    lost = np.minimum(above, total) / max(min(others, total), 1)
    return _over((1 - np.where(above > 0, lost, 0)).sum(), total)


def _interpolated(found, precision, recall, total):
    """The best precision from the rank on that has found this share of all relevant ones."""
    enough = found >= int(recall * total + 0.5)
    return float(precision[enough].max()) if enough.any() else 0.0


def _ndcg(grades, positive, k):
    """Gain is the judgement itself; what is not relevant gains nothing."""
    gains = np.maximum(grades[:k], 0)
    return _over((gains * discounts(len(gains))).sum(), best_dcg(positive, k, "linear"))


def _inferred(grades):
    """Σ over relevant ones of the expected precision at their rank, by what was judged above them."""
    total, pool, judged_0, relevant = 0.0, 0, 0, 0
    for rank, grade in enumerate(grades, start=1):
        if grade > 0:
            expected = 1.0
            if rank > 1:
                share = (relevant + TINY) / (relevant + judged_0 + 2 * TINY)
                expected = 1 / rank + (rank - 1) / rank * (pool / (rank - 1)) * share
            total += expected
        pool += grade > -2
        judged_0 += grade == 0
        relevant += grade > 0
    return total
