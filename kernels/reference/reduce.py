"""Reductions, running sums and products, the k largest."""

import numpy as np

from ..quiet import quietly

_REDUCE = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}
_SCAN = {"sum": np.cumsum, "prod": np.cumprod}
_IDENTITY = {"sum": 0, "prod": 1}


def reduce(kind, x, axes, keepdims):
    """Sum, maximum, minimum or product over the axes."""
    return np.asarray(quietly(_REDUCE[kind], x, axis=axes, keepdims=keepdims), order="C")


def extreme_backward(dy, x, y, axes):
    """dx = dy / n where x = y, n of these in a set; else 0. A set with NaN gets NaN."""
    winners = (x == y).astype(x.dtype)
    share = quietly(np.divide, dy, winners.sum(axis=axes, keepdims=True, dtype=x.dtype))
    return np.asarray(quietly(np.multiply, winners, share), order="C")


def argreduce(kind, x, axis):
    """Position of the first maximum or minimum along axis."""
    position = np.argmax(x, axis) if kind == "max" else np.argmin(x, axis)
    return np.asarray(position, dtype=np.int64)


def scan(kind, x, axis, exclusive, reverse):
    """y_i = x_0 ∘ … ∘ x_i; exclusive leaves x_i itself out; reverse starts from the other end."""
    x = np.moveaxis(x, axis, -1)
    if reverse:
        x = x[..., ::-1]
    if exclusive:
        first = np.full(x.shape[:-1] + (1,), _IDENTITY[kind], x.dtype)
        x = np.concatenate([first, x[..., :-1]], axis=-1)[..., : x.shape[-1]]
    y = quietly(_SCAN[kind], x, axis=-1, dtype=x.dtype)
    if reverse:
        y = y[..., ::-1]
    return np.moveaxis(y, -1, axis).copy()


def topk(x, k):
    """The k largest of each row, falling; lower index first on ties; NaN counts as the largest."""
    # A stable rising sort of the reversed row, read backwards, puts equal entries in index order.
    last = x.shape[-1] - 1
    index = last - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    index = index[..., :k].astype(np.int64, order="C")
    return np.take_along_axis(x, index, axis=-1), index
