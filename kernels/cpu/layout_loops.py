"""A matrix transpose tile by tile: a tile's rows and columns both stay in cache."""

from ..jit import njit, prange

_TILE = 32


@njit(parallel=True)
def transpose(x, y):
    """y[b, j, i] = x[b, i, j]."""
    batch, rows, columns = x.shape
    across = (rows + _TILE - 1) // _TILE
    down = (columns + _TILE - 1) // _TILE
    for strip in prange(batch * down):
        b, j0 = strip // down, strip % down * _TILE
        j1 = min(columns, j0 + _TILE)
        for tile in range(across):
            i0 = tile * _TILE
            i1 = min(rows, i0 + _TILE)
            for j in range(j0, j1):
                for i in range(i0, i1):
                    y[b, j, i] = x[b, i, j]
