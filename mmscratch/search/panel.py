"""Which of a few hundred vectors is each row's nearest? The inner step of clustering, quantising, hashing.

‖x − c‖² = ‖x‖² − 2 (x · c − ½‖c‖²): the nearest c has the largest x · c − ½‖c‖², and the c's stand as columns
of a panel (D, C), padded to whole vectors by columns that never win.
"""

import numpy as np

from .. import kernels
from .rows import LINE

__all__ = ["Panel", "nearest", "products"]


class Panel:
    """Vectors c (C, D) as columns: ``products(x)`` = x · c,  ``nearest(x)`` = argmin_c ‖x − c‖."""

    def __init__(self, vectors):
        c = np.ascontiguousarray(vectors, np.float32)
        self.count, self.width = c.shape
        columns = -(-self.count // LINE) * LINE
        self.columns = np.zeros((self.width, columns), np.float32)
        self.columns[:, : self.count] = c.T
        self.offset = np.full(columns, -np.inf, np.float32)
        self.offset[: self.count] = -0.5 * (c.astype(np.float64) ** 2).sum(axis=1)
        self._zero = np.zeros(columns, np.float32)

    def products(self, x):
        """x (N, ≥ D) → x · c (N, C)."""
        out = np.empty((len(x), self.columns.shape[1]), np.float32)
        _run("products", x, self.columns, self._zero, out)
        return out[:, : self.count]

    def nearest(self, x):
        """x (N, ≥ D) → the nearest vector of each row (N,), the first of equally near ones."""
        out = np.empty(len(x), np.int64)
        _run("nearest", x, self.columns, self.offset, out)
        return out


def products(tasks, x, panel, bias, out):
    """``panel_loops.products`` in NumPy."""
    out[:] = x[:, : len(panel)] @ panel + bias


def nearest(tasks, x, panel, bias, out):
    """``panel_loops.nearest`` in NumPy."""
    for rows in np.array_split(np.arange(len(x)), -(-len(x) * panel.shape[1] // (1 << 22)) or 1):
        out[rows] = (x[rows][:, : len(panel)] @ panel + bias).argmax(axis=1)


def _run(name, x, *what):
    if not len(x):
        return
    if kernels.host().__name__.endswith(".cpu"):
        from . import panel_loops as steps

        tasks = -(-len(x) // steps.TASK)
    else:
        from . import panel as steps

        tasks = 1
    getattr(steps, name)(tasks, np.ascontiguousarray(x), *what)
