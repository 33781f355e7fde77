"""Compiled loops that keep the k best seen so far in a short sorted list."""

from ..jit import njit, prange


@njit
def before(a, i, b, j):
    """Does value a at index i come before value b at index j? Larger first, NaN largest, then lower index."""
    if a != a or b != b:
        return (a != a) and (b == b or i < j)
    return a > b or (a == b and i < j)


@njit
def insert(values, index, kept, value, i):
    """Put (value, i) into the sorted list of ``kept`` entries, dropping the last if full → how many now."""
    if kept < values.size:
        place = kept
        kept += 1
    else:
        place = kept - 1
        if not before(value, i, values[place], index[place]):
            return kept
    while place > 0 and before(value, i, values[place - 1], index[place - 1]):
        values[place], index[place] = values[place - 1], index[place - 1]
        place -= 1
    values[place], index[place] = value, i
    return kept


@njit(parallel=True)
def topk(x, values, index):
    for n in prange(x.shape[0]):
        row, best, where = x[n], values[n], index[n]
        kept = 0
        for i in range(row.size):
            # The second half is insert's own first question, asked here to spare most of the calls.
            if kept < best.size or not row[i] <= best[-1]:
                kept = insert(best, where, kept, row[i], i)
