"""From weights to links: thresholds, groups, and two directions made one."""

import numpy as np

__all__ = ["grouped", "links_above", "normalised", "symmetrised"]

RULES = ("intersection", "union", "grow-diag")


def links_above(weights, threshold):
    """A = {(j, i): w_ji ≥ τ}, of each pair of sequences: matrices (J, I) → bool (J, I)."""
    return [np.asarray(w) >= threshold for w in weights]


def normalised(weights):
    """Rows of sum 1; a row of zeros, which has no opinion, becomes uniform.

    Shapes     weights (J, I) ≥ 0 → (J, I)
    """
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 2 or weights.shape[1] == 0 or not (weights >= 0).all():
        raise ValueError(
            f"normalised: weights: expected numbers ≥ 0 (J, I), I ≥ 1, got shape {weights.shape}"
        )
    total = weights.sum(1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / weights.shape[1])


def grouped(weights, owner, groups):
    """Weights on the parts of things → on the things: sums over the parts of each.

    Shapes     weights (J, K), owner (K,) int, −1 for parts of nothing (NULL) → (J, groups)
    """
    weights, owner = np.asarray(weights, np.float64), np.asarray(owner)
    if weights.ndim != 2 or owner.shape != weights.shape[1:] or (owner >= groups).any():
        raise ValueError(
            f"grouped: expected weights (J, K) and owner (K,) below {groups}, got {weights.shape} and "
            f"{owner.shape}"
        )
    out = np.zeros((len(weights), groups))
    for k in np.flatnonzero(owner >= 0):
        out[:, owner[k]] += weights[:, k]
    return out


def symmetrised(forward, backward, rule="grow-diag"):
    """Links of two directions, (J, I) each, as one set (Och & Ney, 2003; Koehn, Och & Marcu, 2003).

    intersection    what both say: precise
    union           what either says: complete
    grow-diag       begins with the intersection and takes in, again and again, what either says that touches
                    a link (diagonally too) and whose row or column has no link yet
    """
    forward, backward = np.asarray(forward, bool), np.asarray(backward, bool)
    if forward.shape != backward.shape or forward.ndim != 2:
        raise ValueError(f"symmetrised: expected two (J, I), got {forward.shape} and {backward.shape}")
    if rule not in RULES:
        raise ValueError(f"symmetrised: rule: expected {', '.join(RULES)}, got {rule!r}")
    union = forward | backward
    if rule == "union":
        return union
    out = forward & backward
    grown = rule == "grow-diag"
    while grown:
        grown = False
        for j, i in np.argwhere(union & ~out):
            free = not out[j].any() or not out[:, i].any()
            if free and out[max(j - 1, 0) : j + 2, max(i - 1, 0) : i + 2].any():
                out[j, i] = grown = True
    return out
