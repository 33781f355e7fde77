"""Window functions: what a frame is multiplied with before its transform, so that its ends do not ring."""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["WINDOWS", "window"]

WINDOWS = {
    "rectangular": lambda c: np.ones_like(c),
    "hann": lambda c: 0.5 - 0.5 * c,
    "hamming": lambda c: 0.54 - 0.46 * c,
    "blackman": lambda c: 0.42 - 0.5 * c + 0.08 * (2 * c * c - 1),
    "povey": lambda c: (0.5 - 0.5 * c) ** 0.85,
}
"""Name → w as a function of c = cos φ_n. Hann and Hamming: Blackman & Tukey, 1958; povey: Kaldi's, a Hann
window that is not quite zero beside its ends."""


@functools.lru_cache(maxsize=64)
def window(name: str, length: int, periodic: bool = True) -> np.ndarray:
    """w_n of a named window: float64 (length,), not to be written to.

    Forward     c_n = cos(2πn/N) if periodic, cos(2πn/(N − 1)) if symmetric; w_n as WINDOWS says
    periodic    for transforms and overlap-add (shifted copies sum to a constant); symmetric: HTK, Kaldi
    Errors      ValueError for another name, or a length below 1
    """
    if name not in WINDOWS:
        raise ValueError(f"window: name: expected one of {', '.join(WINDOWS)}, got {name!r}")
    if isinstance(length, bool) or not isinstance(length, int | np.integer) or length < 1:
        raise ValueError(f"window: length must be a positive integer, got {length!r}")
    steps = length if periodic else max(length - 1, 1)
    c = np.cos(2 * math.pi * np.arange(length) / steps) if length > 1 else -np.ones(1)
    w = WINDOWS[name](c)
    w.flags.writeable = False
    return w
