"""Dynamic time warping: the cheapest monotone path through a table of costs (Sakoe & Chiba, 1978).

Two sequences that tell the same at different speeds, d_ij the cost of unit i of one being unit j of the
other. A path from (1, 1) to (I, J) only ever steps forwards; g_ij is the cost of the cheapest one to (i, j):

    plain     g_ij = d_ij + min(g_{i−1,j−1}, g_{i−1,j}, g_{i,j−1})
    P = 0     g_ij = min(g_{i−1,j−1} + 2 d_ij, g_{i−1,j} + d_ij, g_{i,j−1} + d_ij)
    P = 1     g_ij = min(g_{i−1,j−1} + 2 d_ij,
                         g_{i−1,j−2} + 2 d_{i,j−1} + d_ij, g_{i−2,j−1} + 2 d_{i−1,j} + d_ij)

(table I; P = ½ and 2 alike). "plain" is what most programs do. The symmetric forms weigh a diagonal step
twice, so that every path weighs I + J, and g_IJ / (I + J) compares sequences of different lengths. The slope
constraint P: after m steps one way at least P·m diagonal ones, so no unit is dwelt on for long; P > 0 has no
path where one side is too long (more than 2 : 1 for P = 1).

Windows keep the path near the diagonal, where it belongs if the speeds hardly differ.
"""

from dataclasses import dataclass

import numpy as np

from .. import kernels

__all__ = ["STEPS", "Warp", "band", "dtw", "parallelogram", "path_links", "squared_distances"]

_TWICE, _DOWN, _ALONG = (1, 1, 2), (1, 0, 1), (0, 1, 1)

STEPS = {
    "plain": [[(1, 1, 1)], [_DOWN], [_ALONG]],
    0: [[_TWICE], [_DOWN], [_ALONG]],
    0.5: [
        [_TWICE],
        [_TWICE, _DOWN],
        [_TWICE, _ALONG],
        [_TWICE, _DOWN, _DOWN],
        [_TWICE, _ALONG, _ALONG],
    ],
    1: [[_TWICE], [_TWICE, _DOWN], [_TWICE, _ALONG]],
    2: [[_TWICE], [_TWICE, _TWICE, _DOWN], [_TWICE, _TWICE, _ALONG]],
}
"""Name or P → steps; a step is moves (Δi, Δj, weight of the cost at the cell that the move leads to)."""


@dataclass(frozen=True)
class Warp:
    """What ``dtw`` found.

    path    int (K, 2): cells (i, j) from (0, 0) to (I − 1, J − 1), each forwards of the one before
    cost    g at the end
    mean    cost / (I + J); of "plain" steps cost / K
    table   g (I, J), ∞ where no path comes
    """

    path: np.ndarray
    cost: float
    mean: float
    table: np.ndarray


def dtw(cost, steps="plain", window=None):
    """The cheapest path.

    Shapes     cost d (I, J) ≥ 0; window bool (I, J), True where the path may go, or None → Warp
    Errors     ValueError for other costs, unknown steps, or where no path leads to the end
    Note       of several cheapest paths, at each cell the step named first in ``STEPS`` (the diagonal)
    """
    cost = np.ascontiguousarray(cost, np.float64)
    if cost.ndim != 2 or 0 in cost.shape or not (cost >= 0).all():
        raise ValueError(
            f"dtw: cost: expected numbers ≥ 0 (I, J), got shape {cost.shape}, least {cost.min()}"
        )
    if steps not in STEPS:
        raise ValueError(f"dtw: steps: expected {', '.join(map(str, STEPS))}, got {steps!r}")
    if window is not None:
        if np.shape(window) != cost.shape:
            raise ValueError(f"dtw: window {np.shape(window)} of cost {cost.shape}: expected one shape")
        cost = np.where(window, cost, np.inf)
    table, choice = _accumulated(cost, *_laid_out(STEPS[steps]))
    if not np.isfinite(table[-1, -1]):
        raise ValueError(
            f"dtw: no path from the first cell to the last of {cost.shape} with steps {steps!r}"
            f"{'' if window is None else ' inside the window'}"
        )
    path = _path(choice, STEPS[steps])
    over = len(path) if steps == "plain" else sum(cost.shape)
    return Warp(path, float(table[-1, -1]), float(table[-1, -1] / over), table)


def band(rows, columns, radius):
    """Sakoe and Chiba's window, |i − j| ≤ r, about the diagonal of a table that need not be square.

    Shapes     → bool (I, J): |j − i (J − 1) / (I − 1)| ≤ r
    Note       with r below the slope of the diagonal some row may be left without a neighbour
    """
    if not radius >= 0:
        raise ValueError(f"band: radius: expected at least 0, got {radius!r}")
    slope = (columns - 1) / max(rows - 1, 1)
    return np.abs(np.arange(columns) - np.arange(rows)[:, None] * slope) <= radius


def parallelogram(rows, columns, slope=2.0):
    """Itakura's window (1975): from both ends no steeper than ``slope``, no flatter than its inverse.

    Shapes     → bool (I, J), in units of the whole: u = i / (I − 1), v = j / (J − 1)
    """
    if not slope >= 1:
        raise ValueError(f"parallelogram: slope: expected at least 1, got {slope!r}")
    u = np.linspace(0, 1, rows)[:, None] if rows > 1 else np.ones((1, 1))
    v = np.linspace(0, 1, columns) if columns > 1 else np.ones(1)
    if rows == 1 or columns == 1:
        return np.ones((rows, columns), bool)
    near = 1e-12
    begin = (v <= slope * u + near) & (v >= u / slope - near)
    end = (1 - v <= slope * (1 - u) + near) & (1 - v >= (1 - u) / slope - near)
    return begin & end


def squared_distances(x, y):
    """d_ij = ‖x_i − y_j‖²: (I, D), (J, D) → (I, J)."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"squared_distances: expected (I, D) and (J, D), got {x.shape} and {y.shape}")
    return ((x[:, None] - y) ** 2).sum(2)


def path_links(path, shape):
    """The cells of a path as links: bool (I, J)."""
    out = np.zeros(shape, bool)
    out[tuple(np.asarray(path).T)] = True
    return out


def _laid_out(steps):
    """Steps as arrays: (Δi, Δj, weight) of each move (steps, moves, 3), padded; how many moves each has."""
    moves = np.zeros((len(steps), max(map(len, steps)), 3), np.int64)
    for row, step in zip(moves, steps, strict=True):
        row[: len(step)] = step
    return moves, np.array([len(step) for step in steps])


def _accumulated(cost, moves, lengths):
    """g (I, J) and for each cell the number of the step that led there; compiled where there is Numba."""
    if kernels.host().__name__.endswith(".cpu"):
        from .warping_loops import accumulated

        return accumulated(cost, moves, lengths)
    return accumulated_twin(cost, moves, lengths)


def accumulated_twin(cost, moves, lengths):
    """The formula as it stands: g_ij = min over steps of g where the step began + the costs on its way."""
    table = np.full(cost.shape, np.inf)
    choice = np.zeros(cost.shape, np.int64)
    table[0, 0] = cost[0, 0] * moves[0, 0, 2]  # as if reached by a diagonal step
    for i in range(cost.shape[0]):
        for j in range(cost.shape[1]):
            for k, step in enumerate(moves):
                y, x, paid = i, j, 0.0
                for di, dj, weight in step[: lengths[k]][::-1]:  # backwards from (i, j)
                    if y < 0 or x < 0:
                        break
                    paid += weight * cost[y, x]
                    y, x = y - di, x - dj
                if y >= 0 and x >= 0 and table[y, x] + paid < table[i, j]:
                    table[i, j], choice[i, j] = table[y, x] + paid, k
    return table, choice


def _path(choice, steps):
    i, j = choice.shape[0] - 1, choice.shape[1] - 1
    path = [(i, j)]
    while i or j:
        for di, dj, _ in steps[choice[i, j]][::-1]:
            i, j = path[-1][0] - di, path[-1][1] - dj
            path.append((i, j))
    return np.array(path[::-1])
