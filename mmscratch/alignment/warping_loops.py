"""The compiled twin of ``warping.accumulated_twin``."""

import numpy as np

from ..kernels.jit import njit

__all__ = ["accumulated"]


@njit
def accumulated(cost, moves, lengths):
    """g (I, J), and for each cell the number of the step that led there."""
    rows, columns = cost.shape
    table = np.full((rows, columns), np.inf)
    choice = np.zeros((rows, columns), np.int64)
    table[0, 0] = cost[0, 0] * moves[0, 0, 2]
    for i in range(rows):
        for j in range(columns):
            for k in range(lengths.size):
                y, x, paid = i, j, 0.0
                for n in range(lengths[k] - 1, -1, -1):
                    if y < 0 or x < 0:
                        break
                    paid += moves[k, n, 2] * cost[y, x]
                    y, x = y - moves[k, n, 0], x - moves[k, n, 1]
                if y >= 0 and x >= 0 and table[y, x] + paid < table[i, j]:
                    table[i, j], choice[i, j] = table[y, x] + paid, k
    return table, choice
