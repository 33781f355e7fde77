"""How many of the true neighbours were found, and made-up vectors to try it on."""

import numpy as np

__all__ = ["clustered", "recall"]


def recall(found, true):
    """The share of the true neighbours that were found, averaged over queries: recall@k.

    recall = 1/Q Σ_q |found_q ∩ true_q| / k'          found (Q, k) ids, −1 for none;  true (Q, k')

    Errors     ValueError where the two are not of as many queries
    """
    found, true = np.asarray(found), np.asarray(true)
    if found.ndim != 2 or true.ndim != 2 or len(found) != len(true) or not true.size:
        raise ValueError(
            f"recall: expected found (Q, k) and true (Q, k'), got {found.shape} and {true.shape}"
        )
    hit = (true[:, :, None] == found[:, None, :]).any(axis=2)
    return float(hit.mean())


def clustered(n, dimension=128, *, clusters=1000, spread=0.7, decay=0.5, seed=0, world=0):
    """Made-up embeddings: n vectors of unit length around centres, in directions of unequal strength.

    x = y / ‖y‖,  y = c_j + spread · z ⊙ s,   z ~ N(0, I),  s_i ∝ (1 + i)^−decay with Σ s² = 1,
    c_j one of the centres, drawn as z ⊙ s itself; then everything turned by a random rotation

    As in learnt embeddings, the variances of the principal directions fall like a power. ``world`` seeds
    centres and rotation, ``seed`` the vectors: rows and queries are two seeds of one world.
    """
    r = np.random.default_rng([world, dimension, clusters])
    s = (1.0 + np.arange(dimension)) ** -decay
    s /= np.sqrt((s**2).sum())
    centres = r.standard_normal((clusters, dimension)) * s
    turn = np.linalg.qr(r.standard_normal((dimension, dimension)))[0]
    r = np.random.default_rng([world, seed, 1])
    y = centres[r.integers(0, clusters, n)] + spread * r.standard_normal((n, dimension)) * s
    y = (y / np.linalg.norm(y, axis=1, keepdims=True)) @ turn
    return y.astype(np.float32)
