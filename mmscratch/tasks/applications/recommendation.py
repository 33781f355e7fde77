"""Recommendation: who likes what, of items that were taken before (warm) and of new ones (cold).

Users and items of ``data.applications.shop``; the pictures are seen through the shipped scene network. Judged
on what was kept back: among warm items those the user took in training are left out of the list, cold items
are a list of their own. NDCG@10 and the share of the kept-back items among the first ten.

    oracle             the order of the true utilities
    visible taste      the order of w_u · a_i: all that can be known of a cold item from its picture
    popularity         how often an item was taken in training;  random: an order by lot
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...data.applications.shop import make_shop
from ...metrics.tied_ranks import ndcg_at
from ...models.applications.recommenders import BPR, VBPR, ImplicitMF, draw_triples
from ...random import Generator
from ..run import check_settings
from .learning import learn, picture_features

__all__ = ["FIGURES", "SETTINGS", "TITLE", "by_counts", "judge", "rows", "taken_of", "train"]

TITLE = "recommendation (NDCG@10 and recall@10 in per cent)"
FIGURES = ("warm NDCG", "warm recall", "cold NDCG", "cold recall")


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """How the factors are trained; ``penalty`` is BPR's λ, ``look`` scales the pictures' features."""

    users: int = 300
    factors: int = 8
    steps: int = 300
    batch_size: int = 1000
    lr: float = 0.03
    penalty: float = 0.03
    look: float = 0.3

    def __post_init__(self):
        check_settings(self, "users", "factors", "steps", "batch_size")


def taken_of(shop):
    """What was taken for training: bool (U, I)."""
    taken = np.zeros(shop.utility.shape, bool)
    np.put_along_axis(taken, shop.train, True, axis=1)
    return taken


def train(name, shop, features, settings, seed):
    """A trained recommender: "MF", "BPR", "VBPR" or "pictures" (VBPR without factors of items)."""
    taken = taken_of(shop)
    if name == "MF":
        return ImplicitMF(settings.factors, alpha=4.0, penalty=20.0, seed=seed).fit(taken)
    users, items = taken.shape
    if name == "BPR":
        model = BPR(users, items, settings.factors, Generator(seed))
    else:
        own = 0 if name == "pictures" else settings.factors
        model = VBPR(users, settings.look * features, own, settings.factors, Generator(seed))
    warm = taken[:, : shop.warm]  # a cold item is not in the shop yet: it is no example of what is not taken

    def loss(rows, generator):
        return model.loss(*draw_triples(warm, len(rows), generator), penalty=settings.penalty)

    return learn(model, loss, int(warm.sum()), settings, seed)


def judge(shop, scores, kept=None):
    """FIGURES of scores (U, I); kept: of warm items, the test's unless told otherwise."""
    kept = shop.test if kept is None else kept
    lists = {"warm": (np.arange(shop.warm), kept), "cold": (np.arange(shop.warm, scores.shape[1]), shop.cold)}
    found = {}
    for where, (items, wanted) in lists.items():
        gain, recall = [], []
        for u, good in enumerate(wanted):
            listed = np.setdiff1d(items, shop.train[u])
            is_good, s = np.isin(listed, good), scores[u, listed].astype(np.float64)
            gain.append(ndcg_at(s, is_good.astype(np.float64), 10))
            recall.append(_recall(s, is_good, 10))
        found |= {f"{where} NDCG": float(np.mean(gain)), f"{where} recall": float(np.mean(recall))}
    return found


def _recall(scores, good, k):
    """The share of the good ones among the first k, those of one score sharing their places."""
    least = np.sort(scores)[::-1][min(k, len(scores)) - 1]
    above, tied = scores > least, scores == least
    share = (k - above.sum()) / tied.sum()
    return float(((above & good).sum() + share * (tied & good).sum()) / good.sum())


def by_counts(shop, scores, edges=(1, 10, 20, 40)):
    """AUC of test items by how often they were taken in training: {"0": …, "1–9": …}.

    For each kept-back item of each user: the share of all items that the user did not take which score below
    it.
    """
    given = [np.concatenate(parts) for parts in zip(shop.train, shop.val, shop.test, shop.cold, strict=True)]
    values, seen = [], []
    for u, parts in enumerate(given):
        others = np.sort(np.delete(scores[u], parts))
        for i in np.concatenate([shop.test[u], shop.cold[u]]):
            low, high = (np.searchsorted(others, scores[u, i], side) for side in ("left", "right"))
            values.append((low + high) / 2 / len(others))
            seen.append(shop.counts[i])
    values, bins = np.array(values), np.digitize(seen, edges)
    names = ["0", *(f"{a}–{b - 1}" for a, b in zip(edges, edges[1:], strict=False)), f"{edges[-1]} …"]
    return {name: float(values[bins == k].mean()) for k, name in enumerate(names) if (bins == k).any()}


def scores_of_all(shop, settings, seed):
    """{row: scores (U, I)}."""
    features, known = picture_features(shop.scenes), shop.counts > 0
    random = np.random.default_rng([seed, 0x7A])
    found = {
        "oracle": shop.utility,
        "visible taste": shop.visible,
        "random": random.uniform(size=shop.utility.shape),
        "popularity": np.tile(shop.counts.astype(np.float64), (len(shop.utility), 1)),
    }
    for name in ("MF", "BPR", "pictures", "VBPR"):
        found[name] = train(name, shop, features, settings, seed).scores(known)
    return found


def rows(seed, settings):
    """{row: FIGURES, and "AUC, n" by how often an item was taken}."""
    shop = make_shop(users=settings.users, seed=seed)
    return {
        name: judge(shop, scores) | {f"AUC, {k}": v for k, v in by_counts(shop, scores).items()}
        for name, scores in scores_of_all(shop, settings, seed).items()
    }
