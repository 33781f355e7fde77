"""Features in few steps: each number becomes the index of its interval, so a tree need only count."""

from __future__ import annotations

import numpy as np

__all__ = ["bin_edges", "binned"]


def bin_edges(x, max_bin=255):
    """Where to cut each feature: a list of ascending float64 arrays of at most max_bin − 1 numbers.

    With at most max_bin different values every gap is cut in its middle. With more, the cuts are laid so that
    the bins hold about equally many rows, again in the middle of gaps: a value is never torn apart, and one
    that fills a bin by itself has it for itself.
    """
    return [_edges(x[:, d], max_bin) for d in range(x.shape[1])]


def _edges(column, max_bin):
    values, counts = np.unique(column, return_counts=True)
    if len(values) > max_bin:
        kept, left, room = [], len(column), max_bin
        inside, full = 0, left / room
        counts = counts.tolist()  # Python's numbers: a loop over NumPy's takes five times as long
        for i, (count, after) in enumerate(zip(counts[:-1], counts[1:], strict=True)):
            inside += count
            # close the bin when it is full, or when the next value would fill one alone
            if inside >= full or after >= full:
                kept.append(i)
                left, room, inside = left - inside, room - 1, 0
                if room == 1:
                    break
                full = left / room
        cuts = np.array(kept, np.int64)
    else:
        cuts = np.arange(len(values) - 1)
    low, high = values[cuts], values[cuts + 1]
    middle = low + (high - low) / 2
    return np.where(middle < high, middle, low)  # neighbours among floats: the middle may round up


def binned(x, edges):
    """Bin of every number: uint8 (D, N), a row a feature. Bin b is what lies in (edge b − 1, edge b]."""
    found = np.empty((x.shape[1], x.shape[0]), np.uint8)
    for d, cuts in enumerate(edges):
        found[d] = np.searchsorted(cuts, x[:, d], side="left")
    return found
