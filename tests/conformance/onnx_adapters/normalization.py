"""Normalizations."""

import math

import numpy as np

from mmscratch import ops

from .registry import adapter


def _by_channel(x, parameter):
    return ops.reshape(parameter, shape=(-1,) + (1,) * (x.ndim - 2))


@adapter("BatchNormalization", out=("T", "T3"))
def batch_norm(c):
    x, scale, bias, mean, var = c.x
    eps, momentum = c.get("epsilon", 1e-5), c.get("momentum", 0.9)
    trains = c.get("training_mode", 0) if c.opset >= 14 else len([o for o in c.node.outputs if o]) > 1
    if not trains:
        return ops.batch_norm(x, scale, bias, running_mean=mean, running_var=var, training=False, eps=eps)
    y, seen_mean, seen_var = ops.batch_norm_train(x, scale, bias, eps=eps)

    def moved(old, new):
        return ops.add(ops.mul(old, momentum), ops.mul(new, 1 - momentum))

    return y, moved(mean, seen_mean), moved(var, seen_var), seen_mean, seen_var


adapter("InstanceNormalization")(lambda c: ops.instance_norm(*c.x, eps=c.get("epsilon", 1e-5)))


@adapter("GroupNormalization")
def group_norm(c):
    x, scale, bias = c.x
    groups = c.get("num_groups")
    if c.opset < 21:  # one scale a group, not a channel
        each = np.repeat(np.arange(groups), x.shape[1] // groups)
        scale, bias = ops.take(scale, each), ops.take(bias, each)
    return ops.group_norm(x, scale, bias, num_groups=groups, eps=c.get("epsilon", 1e-5))


@adapter("LayerNormalization", out=("T", "float32"))
def layer_norm(c):
    x, axis = c.x[0], c.get("axis", -1) % c.x[0].ndim
    eps, shape = c.get("epsilon", 1e-5), x.shape[axis:]
    # Scale and bias may be smaller and broadcast.
    scale, bias = (None if p is None else ops.broadcast_to(p, shape=shape) for p in (c.input(1), c.input(2)))
    y = ops.layer_norm(x, scale, bias, normalized_shape=shape, eps=eps)
    if len(c.node.outputs) == 1:
        return y
    axes = tuple(range(axis, x.ndim))
    mean = ops.mean(x, axis=axes, keepdims=True)
    variance = ops.var(x, axis=axes, keepdims=True, correction=0)
    return y, mean, ops.reciprocal(ops.sqrt(ops.add(variance, eps)))


@adapter("RMSNormalization")
def rms_norm(c):
    x, scale = c.x
    shape = x.shape[c.get("axis", -1) % x.ndim :]
    if np.broadcast_shapes(scale.shape, shape) != shape:  # a scale that reaches over other axes too
        y = ops.rms_norm(x, normalized_shape=shape, eps=c.get("epsilon", 1e-5))
        return ops.mul(y, scale)
    scale = ops.broadcast_to(scale, shape=shape)
    return ops.rms_norm(x, scale, normalized_shape=shape, eps=c.get("epsilon", 1e-5))


@adapter("LpNormalization")
def lp_normalization(c):
    x, axis = c.x[0], c.get("axis", -1)
    if c.get("p", 2) == 2:
        return ops.normalize(x, axis=axis % x.ndim)
    size = ops.sum(ops.abs(x), axis=axis, keepdims=True)
    zero = ops.equal(size, 0.0)
    return ops.where(zero, ops.mul(x, 0.0), ops.div(x, ops.where(zero, np.ones((), x.dtype), size)))


@adapter("MeanVarianceNormalization")
def mean_variance(c):
    x, axes = c.x[0], tuple(a % c.x[0].ndim for a in c.get("axes", [0, 2, 3]))
    centred = ops.sub(x, ops.mean(x, axis=axes, keepdims=True))
    return ops.div(centred, ops.add(ops.std(x, axis=axes, keepdims=True, correction=0), 1e-9))


@adapter("LRN")
def local_response(c):
    """Divided by a power of the squares of neighbouring channels: a window that slides over channels."""
    x, size = c.x[0], c.get("size")
    before, after = (size - 1) // 2, -(-(size - 1) // 2)
    pads = [(0, 0), (before, after)] + [(0, 0)] * (x.ndim - 2)
    square = ops.pad(ops.square(x), pads=pads)
    total = ops.mul(x, 0.0)
    for i in range(size):
        total = ops.add(total, ops.index(square, key=(slice(None), slice(i, i + x.shape[1]))))
    inner = ops.add(ops.mul(total, c.get("alpha", 1e-4) / size), c.get("bias", 1.0))
    return ops.div(x, ops.pow(inner, c.get("beta", 0.75)))


@adapter("Det")
def determinant(c):
    """Gauß: the product of the pivots, each column cleared by an outer product, largest entry first."""
    x = c.x[0]
    n = x.shape[-1]
    matrices = ops.reshape(x, shape=(math.prod(x.shape[:-2]), n, n))
    values = []
    for b in range(matrices.shape[0]):
        rest, value = ops.index(matrices, key=b), np.ones((), x.dtype)
        for size in range(n, 0, -1):
            row = int(ops.argmax(ops.abs(ops.index(rest, key=(slice(None), 0)))))
            order = np.array([row, *(i for i in range(size) if i != row)])
            rest = ops.take(rest, order)
            pivot = ops.index(rest, key=(0, 0))
            value = ops.mul(value, ops.mul(pivot, -1.0 if row % 2 else 1.0))
            if float(pivot) == 0.0:
                break
            factor = ops.div(ops.index(rest, key=(slice(1, None), 0)), pivot)
            cleared = ops.outer(factor, ops.index(rest, key=(0, slice(1, None))))
            rest = ops.sub(ops.index(rest, key=(slice(1, None), slice(1, None))), cleared)
        values.append(value)
    return ops.reshape(ops.stack(values), shape=x.shape[:-2])


@adapter("MatMul")
def matmul(c):
    a, b = c.x
    if a.dtype.kind != "f":
        return ops.matmul(ops.cast(a, dtype="float64"), ops.cast(b, dtype="float64"))
    return ops.matmul(a, b)


@adapter("Gemm")
def gemm(c):
    a, b = (x if x.dtype.kind == "f" else ops.cast(x, dtype="float64") for x in c.x[:2])
    a = ops.transpose(a) if c.get("transA", 0) else a
    b = ops.transpose(b) if c.get("transB", 0) else b
    y = ops.mul(ops.matmul(a, b), c.get("alpha", 1.0))
    if not c.has(2):
        return y
    return ops.add(y, ops.mul(ops.cast(c.x[2], dtype=y.dtype), c.get("beta", 1.0)))


adapter("Einsum")(lambda c: ops.einsum(c.get("equation"), *c.x))
