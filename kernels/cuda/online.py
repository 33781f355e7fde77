"""The running maximum and sum of exponentials of a row (Milakov & Gimelshein, 2018).

    (m, s) stands for s · eᵐ = Σ eˣ;   (m, s) and (n, r) together:  M = max(m, n),  s · e^(m−M) + r · e^(n−M)

So one walk over a row gives both its maximum and its log Σ exp, whatever order the pieces come in. A row
of −∞ alone, or of nothing, is (−∞, 0); NaN and +∞ come through as NaN.
"""

import numpy as np

from .launch import cached, cuda, device, math, top_of

__all__ = ["online"]


@cached
def online(dtype):
    """(add, fold): one more entry to a thread's (m, s); and the (m, s) of a row from those of its threads.

    fold is for rows as ``launch_rows`` gives them; every thread of the block must come there.
    """
    T = dtype.type
    low, zero = T(-np.inf), T(0)

    @device
    def share(top, total, new_top):
        """s · e^(m−M), and 0 for nothing (−∞ − −∞ would be NaN)."""
        return zero if top == low else total * math.exp(top - new_top)

    @device
    def add(top, total, x):
        if x == low:
            return top, total
        if top >= x:
            return top, total + math.exp(x - top)
        return x, share(top, total, x) + math.exp(x - x)  # 1, but NaN for +∞ and NaN

    @device
    def join(top, total, other, more):
        new = top_of(top, other)
        return new, share(top, total, new) + share(other, more, new)

    @device
    def fold(tops, totals, top, total):
        """tops, totals: BLOCK entries of shared memory each."""
        t = cuda.threadIdx.x
        first = cuda.threadIdx.y * cuda.blockDim.x
        cuda.syncthreads()
        tops[first + t] = top
        totals[first + t] = total
        cuda.syncthreads()
        half = cuda.blockDim.x // 2
        while half > 0:
            if t < half:
                at = first + t
                m, s = join(tops[at], totals[at], tops[at + half], totals[at + half])
                tops[at] = m
                totals[at] = s
            cuda.syncthreads()
            half //= 2
        return tops[first], totals[first]

    return add, fold
