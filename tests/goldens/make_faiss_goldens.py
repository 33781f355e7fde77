"""Freeze what faiss's IndexFlatIP finds: ``python tests/goldens/make_faiss_goldens.py`` (needs faiss-cpu)."""

import pathlib

import faiss
import numpy as np

CASES = {"small": (400, 24, 12, 0), "wide": (700, 128, 8, 1)}


def main():
    found = {"faiss": np.array([int(n) for n in faiss.__version__.split(".")])}
    for name, (n, d, q, seed) in CASES.items():
        r = np.random.default_rng(seed)
        # float16 keeps the file small; both sides read the same numbers
        x, asked = (r.standard_normal((m, d)).astype(np.float16) for m in (n, q))
        rows, queries = x.astype(np.float32), asked.astype(np.float32)
        faiss.normalize_L2(rows)
        faiss.normalize_L2(queries)
        index = faiss.IndexFlatIP(d)
        index.add(rows)
        score, ids = index.search(queries, 10)
        found |= {f"{name}/x": x, f"{name}/q": asked, f"{name}/score": score, f"{name}/id": ids}
    np.savez_compressed(pathlib.Path(__file__).with_name("faiss_search.npz"), **found)


if __name__ == "__main__":
    main()
