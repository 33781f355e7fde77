"""Rankers judged by cross-validation over queries: every query is held out once, none is ever split.

    python -m mmscratch.ranking.cross_validate rank.train.gz
    python -m mmscratch.ranking.cross_validate rank.train.gz --only LambdaMART --seeds 5 --json out.json

The queries are dealt into folds by a seed (``folds``); a row is the mean NDCG over all queries and over the
seeds of the ranker (the folds stay). Beside it the standard error over queries, of NDCG@1: what differs by
less says little. For the file of LightGBM's example with the folds of seed 0, its own numbers stand in
``lightgbm_folds.json`` (with its version and settings) and are printed below.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys

import numpy as np

from ..data.errors import DataError
from ..data.files import write_whole
from ..data.letor import load_letor
from . import LambdaMART, LambdaRank, ListNet, RankNet, RankSVM
from .gain import ndcg_of_queries

__all__ = ["CANDIDATES", "cross_validate", "folds", "main", "of_queries"]

RECORDED = pathlib.Path(__file__).with_name("lightgbm_folds.json")
CUTOFFS = (1, 3, 5)

CANDIDATES = {
    "RankSVM": lambda seed: RankSVM(0.1, tol=0.1, random_state=seed),
    "RankNet": lambda seed: RankNet(random_state=seed),
    "ListNet": lambda seed: ListNet(random_state=seed),
    "LambdaRank": lambda seed: LambdaRank(random_state=seed),
    "LambdaMART": lambda seed: LambdaMART(random_state=seed),
}


def folds(queries, parts=5, seed=0):
    """0 … queries − 1 in random order, in so many parts of about one size: a list of ascending arrays."""
    if not 2 <= parts <= queries:
        raise ValueError(f"folds: parts: expected 2 to {queries} (the queries), got {parts}")
    return [np.sort(p) for p in np.array_split(np.random.default_rng(seed).permutation(queries), parts)]


def of_queries(x, y, groups, chosen):
    """The documents of the chosen queries: x, y, groups."""
    begin = np.concatenate([[0], np.cumsum(groups)])
    rows = np.concatenate([np.arange(begin[q], begin[q + 1]) for q in chosen])
    return x[rows], y[rows], groups[chosen]


def cross_validate(make, x, y, groups, parts=5, seed=0, seeds=1, cutoffs=CUTOFFS):
    """NDCG of each query when its fold was held out: (seeds, Q, cutoffs).

    make(seed) → a ranker, not fitted
    """
    found = np.zeros((seeds, len(groups), len(cutoffs)))
    dealt = folds(len(groups), parts, seed)
    for i, held in enumerate(dealt):
        learn = np.sort(np.concatenate([part for j, part in enumerate(dealt) if j != i]))
        train, test = of_queries(x, y, groups, learn), of_queries(x, y, groups, held)
        for s in range(seeds):
            scores = make(s).fit(*train).predict(test[0])
            for c, k in enumerate(cutoffs):
                found[s, held, c] = ndcg_of_queries(test[1], scores, test[2], k)
    return found


def main(arguments=None):
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", help="LibSVM or LETOR text, with qid: or a .query file beside it")
    parser.add_argument("--only", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    args = parser.parse_args(arguments)
    try:
        x, y, groups = load_letor(args.path)
        folds(len(groups), args.folds)
    except (DataError, ValueError) as error:
        print(f"cross_validate: {error}", file=sys.stderr)
        return 2
    print(f"{len(groups)} queries, {len(y)} documents, {x.shape[1]} features; {args.folds} folds\n")
    print(f"{'':28}", *(f"ndcg@{k}" for k in CUTOFFS), "  ± se@1")
    record = {"random order": _row("random order", _chance(y, groups))}
    for name in args.only:
        found = cross_validate(CANDIDATES[name], x, y, groups, args.folds, args.fold_seed, args.seeds)
        record[name] = _row(name, found)
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else None
    if recorded and _same(recorded, groups, args):
        for name, row in recorded["rows"].items():
            print(f"{f'LightGBM {name}, recorded':28}", *(f"{v:7.3f}" for v in row["ndcg"]))
    if args.json:
        write_whole(args.json, (json.dumps(record, indent=1) + "\n").encode())
    return 0


def _chance(y, groups):
    rng = np.random.default_rng(0)
    scores = [rng.random(len(y)) for _ in range(20)]
    return np.array([np.stack([ndcg_of_queries(y, s, groups, k) for k in CUTOFFS], 1) for s in scores])


def _row(name, found):
    """Prints and returns the means; (seeds, Q, cutoffs)."""
    mean, by_query = found.mean((0, 1)), found[..., 0].mean(0)
    error = by_query.std(ddof=1) / np.sqrt(len(by_query))
    print(f"{name:28}", *(f"{v:6.3f} " for v in mean), f"{error:7.3f}", flush=True)
    return {"ndcg": [round(float(v), 4) for v in mean], "se@1": round(float(error), 4)}


def _same(recorded, groups, args):
    return recorded["groups"] == groups.tolist() and (args.folds, args.fold_seed) == (
        5,
        recorded["fold_seed"],
    )


if __name__ == "__main__":
    sys.exit(main())
