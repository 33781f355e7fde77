"""Reductions, positions of extremes, running sums and products, the k largest."""

import numpy as np

from mmscratch import ops

from .registry import adapter


def _axes(c):
    """The axes to reduce; () for none."""
    axes = c.ints(1, "axes")
    if axes:
        return tuple(a % c.x[0].ndim for a in axes)
    return () if c.get("noop_with_empty_axes", 0) else tuple(range(c.x[0].ndim))


def _reduce(function, x, c):
    axes = _axes(c)
    return function(x, axis=axes, keepdims=bool(c.get("keepdims", 1))) if axes else x


def _float(c):
    x = c.x[0]
    return x if x.dtype.kind == "f" else ops.cast(x, dtype="float64")


adapter("ReduceSum")(lambda c: _reduce(ops.sum, c.x[0], c))
adapter("ReduceMean")(lambda c: _reduce(ops.mean, _float(c), c))
adapter("ReduceProd")(lambda c: _reduce(ops.prod, c.x[0], c))
adapter("ReduceL1")(lambda c: _reduce(ops.sum, ops.abs(c.x[0]), c))
adapter("ReduceL2")(lambda c: ops.sqrt(_reduce(ops.sum, ops.square(_float(c)), c)))
adapter("ReduceSumSquare")(lambda c: _reduce(ops.sum, ops.square(c.x[0]), c))
adapter("ReduceLogSum")(lambda c: ops.log(_reduce(ops.sum, _float(c), c)))


@adapter("ReduceLogSumExp")
def log_sum_exp(c):
    x = _float(c)
    if x.size == 0:
        return ops.log(_reduce(ops.sum, ops.exp(x), c))
    return _reduce(ops.logsumexp, x, c)


def _limits(dtype):
    """The smallest and the largest value that an array of the dtype can hold."""
    if dtype.kind == "b":
        return 0, 1
    return (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


@adapter("ReduceMax", "ReduceMin")
def extreme(c):
    x, largest = c.x[0], c.node.op == "ReduceMax"
    if x.dtype == bool:
        x = ops.cast(x, dtype="int64")
    if x.size == 0:  # the extreme of nothing is the worst value of the dtype: put one in place
        low, high = _limits(c.dtype[0])
        pads = [(0, int(n == 0 and i in _axes(c))) for i, n in enumerate(x.shape)]
        x = ops.pad(x, pads=pads, value=low if largest else high)
    return _reduce(ops.max if largest else ops.min, x, c)


@adapter("ArgMax", "ArgMin", out="int64")
def argument(c):
    x, axis = c.x[0], c.get("axis", 0) % c.x[0].ndim
    find = ops.argmax if c.node.op == "ArgMax" else ops.argmin
    keepdims = bool(c.get("keepdims", 1))
    if not c.get("select_last_index", 0):
        return find(x, axis=axis, keepdims=keepdims)
    return ops.sub(x.shape[axis] - 1, find(ops.flip(x, axes=(axis,)), axis=axis, keepdims=keepdims))


@adapter("CumSum", "CumProd")
def cumulate(c):
    run = ops.cumsum if c.node.op == "CumSum" else ops.cumprod
    return run(
        c.x[0], axis=int(np.asarray(c.x[1]).reshape(-1)[0]),
        exclusive=bool(c.get("exclusive", 0)), reverse=bool(c.get("reverse", 0)),
    )  # fmt: skip


@adapter("TopK", out=("T", "int64"))
def topk(c):
    k = c.get("k") if c.opset < 10 else c.ints(1)[0]
    return ops.topk(c.x[0], k=int(k), axis=c.get("axis", -1), largest=bool(c.get("largest", 1)))
