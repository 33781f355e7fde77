"""The small ranking problem of ``goldens/ranking.npz``, and problems with a known answer."""

import pathlib

import numpy as np

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "ranking.npz"
EXAMPLE = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ltr_lightgbm"


def golden():
    """Arrays by name; ``bounds`` besides."""
    with np.load(GOLDENS) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    found["bounds"] = np.concatenate([[0], np.cumsum(found["groups"])])
    return found


def linear_problem(queries=30, documents=8, features=5, seed=0):
    """Labels 0 … 3 by the quarter of the query in which w · x stands: x, y, groups, w.

    Every query has an offset of its own in all features, which says nothing.
    """
    r = np.random.default_rng(seed)
    w = r.standard_normal(features)
    x = r.standard_normal((queries, documents, features))
    rank = np.argsort(np.argsort(x @ w, axis=1), axis=1)
    x += 3 * r.standard_normal((queries, 1, features))
    y = rank * 4 // documents
    return x.reshape(-1, features), y.reshape(-1), np.full(queries, documents), w
