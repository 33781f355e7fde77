"""Max and average pooling over 1 to 3 spatial axes, tap by tap.

Every axis has a table of positions (O, J): window o's j-th position. Tap j = (j₀, …) picks column jₐ of
each table; adaptive windows, which differ in length, are filled up with positions outside x.
"""

import math

import numpy as np

__all__ = ["pool", "pool_backward"]


def pool(kind, x, kernel, stride, padding, dilation, out, count_padding):
    """y[b, c, o] = max, or mean, of x[b, c, ·] over window o; index: the winner's flat position in S…

    A window that lies wholly outside x gives −∞ with index −1 (max), or 0 (average).
    """
    spatial = x.shape[2:]
    tables = _tables(spatial, kernel, stride, padding, dilation, out)
    y = np.full(x.shape[:2] + tuple(out), -np.inf if kind == "max" else 0, x.dtype)
    index = np.full(y.shape, -1, np.int64)
    for at, inside in _taps(tables, spatial):
        value = x[(slice(None), slice(None), *at)]
        if kind == "average":
            y += np.where(inside, value, 0)
            continue
        here = np.ravel_multi_index(at, spatial)
        better = inside & ((index < 0) | (value > y) | (np.isnan(value) & ~np.isnan(y)))
        y = np.where(better, value, y)
        index = np.where(better, here, index)
    if kind == "max":
        return y, index
    return y / _divisor(tables, spatial, padding, count_padding).astype(x.dtype), None


def pool_backward(kind, dy, index, x_shape, kernel, stride, padding, dilation, count_padding):
    """dx[b, c, i] = Σ dy over the windows that i won (max); Σ dy / divisor over the windows that hold i."""
    batch, channels, *spatial = x_shape
    dx = np.zeros(x_shape, dy.dtype)
    if kind == "max":
        rows = np.arange(batch * channels)[:, None]
        dy, index = (a.reshape(batch * channels, math.prod(dy.shape[2:])) for a in (dy, index))
        won = np.where(index < 0, 0, dy)
        np.add.at(dx.reshape(batch * channels, math.prod(spatial)), (rows, np.maximum(index, 0)), won)
        return dx
    tables = _tables(spatial, kernel, stride, padding, dilation, dy.shape[2:])
    share = dy / _divisor(tables, spatial, padding, count_padding).astype(dy.dtype)
    for at, inside in _taps(tables, spatial):
        np.add.at(dx, (slice(None), slice(None), *at), np.where(inside, share, 0))
    return dx


def _tables(spatial, kernel, stride, padding, dilation, out):
    """For each axis its positions (O, J): o·stride − padding₀ + j·dilation, or ⌊o·S/O⌋ … ⌈(o+1)·S/O⌉."""
    tables = []
    for axis, (size, count) in enumerate(zip(spatial, out, strict=True)):
        o = np.arange(count)[:, None]
        if kernel is None:
            start, end = o * size // count, -(-(o + 1) * size // count)
            j = np.arange((end - start).max(initial=0))
            tables.append(np.where(start + j < end, start + j, size))
        else:
            j = np.arange(kernel[axis])
            tables.append(o * stride[axis] - padding[axis][0] + j * dilation[axis])
    return tables


def _taps(tables, spatial):
    """For each tap: the positions it reads, one array an axis, broadcasting to O…, and which are inside x."""
    for tap in np.ndindex(*(table.shape[1] for table in tables)):
        columns = np.ix_(*(table[:, j] for table, j in zip(tables, tap, strict=True)))
        inside = np.array(True)
        for column, size in zip(columns, spatial, strict=True):
            inside = inside & (column >= 0) & (column < size)
        yield tuple(np.clip(c, 0, n - 1) for c, n in zip(columns, spatial, strict=True)), inside


def _divisor(tables, spatial, padding, count_padding):
    """How many positions of each window count: a product of counts by axis, (O…)."""
    divisor = np.array(1)
    for axis, (table, size) in enumerate(zip(tables, spatial, strict=True)):
        if count_padding and padding is not None:
            counts = table < size + padding[axis][1]
        else:
            counts = (table >= 0) & (table < size)
        divisor = divisor[..., None] * counts.sum(axis=1)
    return np.maximum(divisor, 1)
