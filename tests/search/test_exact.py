"""Exact search: the ids of faiss's IndexFlatIP (golden), and of NumPy in float64."""

import pathlib

import numpy as np
from search_cases import D, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import Exact

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "faiss_search.npz"


def test_ids_and_scores_are_those_of_faiss():
    with np.load(GOLDEN, allow_pickle=False) as g:
        for name in ("small", "wide"):
            x, q = g[f"{name}/x"].astype(np.float32), g[f"{name}/q"].astype(np.float32)
            score, ids = Exact(x.shape[1]).build(x).search(q, 10)
            np.testing.assert_array_equal(ids, g[f"{name}/id"])
            np.testing.assert_allclose(score, g[f"{name}/score"], atol=5e-7)


def test_ids_are_those_of_numpy_on_both_floors():
    for floor in ("reference", kernels.host().__name__.rpartition(".")[2]):
        with kernels.use(floor):
            _, ids = Exact(D).build(rows()).search(queries(), 10)
            np.testing.assert_array_equal(ids, truth())


def test_all_rows_in_order():
    _, ids = Exact(D).build(rows()).search(queries(), 900)
    np.testing.assert_array_equal(ids, truth(900))
