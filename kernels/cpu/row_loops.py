"""Sums and maxima of one row: four interleaved ones, so that the processor need not wait for each addition.

The order of addition is fixed by the length of the row alone. Sums are kept in float64.
"""

import numpy as np

from ..jit import njit


@njit
def dot(a, b):
    """Σ a b."""
    s0 = s1 = s2 = s3 = 0.0
    whole = a.size // 4 * 4
    for d in range(0, whole, 4):
        s0 += np.float64(a[d]) * np.float64(b[d])
        s1 += np.float64(a[d + 1]) * np.float64(b[d + 1])
        s2 += np.float64(a[d + 2]) * np.float64(b[d + 2])
        s3 += np.float64(a[d + 3]) * np.float64(b[d + 3])
    for d in range(whole, a.size):
        s0 += np.float64(a[d]) * np.float64(b[d])
    return (s0 + s1) + (s2 + s3)


@njit
def total(a):
    """Σ a."""
    s0 = s1 = s2 = s3 = 0.0
    whole = a.size // 4 * 4
    for d in range(0, whole, 4):
        s0 += a[d]
        s1 += a[d + 1]
        s2 += a[d + 2]
        s3 += a[d + 3]
    for d in range(whole, a.size):
        s0 += a[d]
    return (s0 + s1) + (s2 + s3)


@njit
def largest(a):
    """max a, NaN passed over; −∞ for an empty row."""
    low = a.dtype.type(-np.inf)
    m0 = m1 = m2 = m3 = low
    whole = a.size // 4 * 4
    for d in range(0, whole, 4):
        m0 = a[d] if a[d] > m0 else m0
        m1 = a[d + 1] if a[d + 1] > m1 else m1
        m2 = a[d + 2] if a[d + 2] > m2 else m2
        m3 = a[d + 3] if a[d + 3] > m3 else m3
    for d in range(whole, a.size):
        m0 = a[d] if a[d] > m0 else m0
    m0 = m0 if m0 > m1 else m1
    m2 = m2 if m2 > m3 else m3
    return m0 if m0 > m2 else m2
