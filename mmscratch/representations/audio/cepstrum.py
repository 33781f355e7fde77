"""From mel energies to cepstral coefficients: logarithms, the cosine transform, lifters, differences."""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["dct_matrix", "deltas", "lifter_weights", "power_to_db", "regression_deltas"]


def power_to_db(
    power: np.ndarray, reference: float = 1.0, floor: float = 1e-10, top_db: float | None = 80.0
) -> np.ndarray:
    """Power as decibels: 10·log₁₀(max(power, floor)/reference), nothing more than top_db below the loudest.

    top_db     looks at the whole array: whatever is in it shares one loudest value; None: no such limit
    Errors     ValueError where reference or floor is not positive, or top_db is negative
    """
    if not reference > 0 or not floor > 0:
        raise ValueError(f"power_to_db: expected reference and floor > 0, got {reference} and {floor}")
    if top_db is not None and top_db < 0:
        raise ValueError(f"power_to_db: top_db must not be negative, got {top_db}")
    power = np.asarray(power)
    db = 10 * (np.log10(np.maximum(power, floor)) - np.log10(max(reference, floor)))
    if top_db is not None and db.size:
        db = np.maximum(db, db.max() - top_db)
    return db.astype(power.dtype, copy=False) if power.dtype.kind == "f" else db


@functools.lru_cache(maxsize=64)
def dct_matrix(bands: int, count: int, first: str = "ortho") -> np.ndarray:
    """The first rows of the cosine transform (DCT-II; Ahmed, Natarajan & Rao, 1974): float64 (count, bands).

    Forward    c_k = s_k Σ_j m_j cos(πk(j + ½)/bands),  s_k = √(2/bands)
    first      of s_0: "ortho": √(1/bands), so that all rows are orthonormal; "htk": √(2/bands) as the others
    """
    if not 1 <= count <= bands:
        raise ValueError(f"dct: count must be from 1 to {bands}, the number of bands, got {count}")
    if first not in ("ortho", "htk"):
        raise ValueError(f"dct: first: expected ortho or htk, got {first!r}")
    k, j = np.arange(count)[:, None], np.arange(bands)
    matrix = np.sqrt(2 / bands) * np.cos(np.pi * k * (j + 0.5) / bands)
    if first == "ortho":
        matrix[0] *= np.sqrt(0.5)
    matrix.flags.writeable = False
    return matrix


def lifter_weights(count: int, lifter: float, start: int = 0) -> np.ndarray:
    """Weights that raise the middle coefficients: 1 + (L/2)·sin(πn/L), n = start … (Juang et al., 1987).

    start      0 in HTK and Kaldi (c_0 keeps weight 1), 1 in librosa, whose n counts from one
    lifter     L; 0 for none (all weights 1)
    """
    if lifter < 0:
        raise ValueError(f"lifter: expected at least 0, got {lifter}")
    n = np.arange(start, start + count)
    return np.ones(count) if lifter == 0 else 1 + lifter / 2 * np.sin(np.pi * n / lifter)


def deltas(x: np.ndarray, width: int = 9, order: int = 1) -> np.ndarray:
    """The order-th derivative along time, by a polynomial of that degree through `width` frames each.

    Forward    least squares over the frames t − h … t + h, h = (width − 1)/2; its derivative at t. In the
               first and last h frames: the polynomial of the first or last whole window, read off there
               (Savitzky & Golay, 1964; what librosa's ``delta`` does).
    Shapes     x (T, D) → (T, D)
    Errors     ValueError where width is even, at most order, or more than T
    """
    x = np.asarray(x)
    if width < 3 or width % 2 == 0 or order < 1 or order >= width:
        raise ValueError(f"deltas: expected an odd width above order, got width {width}, order {order}")
    if len(x) < width:
        raise ValueError(f"deltas: width {width} needs as many frames, got {len(x)}")
    windows = np.lib.stride_tricks.sliding_window_view(x, width, axis=0)  # (T − width + 1, D, width)
    whole = windows @ _savitzky_golay(width, order).astype(x.dtype)
    return np.pad(whole, [(width // 2, width // 2), (0, 0)], mode="edge")


@functools.lru_cache(maxsize=64)
def _savitzky_golay(width, order):
    """Weights of a window's frames in the order-th derivative of their polynomial of degree ``order``.

    That derivative, order!·a_order, is the same all along the window: so the ends repeat their window's.
    """
    n = np.arange(width) - width // 2
    fit = np.linalg.pinv(n[:, None].astype(float) ** np.arange(order + 1))  # frames → a_0 … a_order
    return math.factorial(order) * fit[order]


def regression_deltas(x: np.ndarray, window: int = 2) -> np.ndarray:
    """d_t = Σ_{θ=1}^{Θ} θ(c_{t+θ} − c_{t−θ}) / 2Σθ², the first and last frame repeated beyond the ends.

    (Young et al., The HTK Book, eq. 5.16; Kaldi's add-deltas.) Twice for the second derivative.
    Shapes     x (T, D) → (T, D)
    """
    if window < 1:
        raise ValueError(f"regression_deltas: window must be at least 1, got {window}")
    x = np.asarray(x)
    if not len(x):
        return x.copy()
    theta = np.arange(1, window + 1)
    y = np.pad(x, [(window, window), *[(0, 0)] * (x.ndim - 1)], mode="edge")
    t = len(x)
    total = sum(k * (y[window + k : window + k + t] - y[window - k : window - k + t]) for k in theta)
    return (total / x.dtype.type(2 * (theta**2).sum())).astype(x.dtype, copy=False)
