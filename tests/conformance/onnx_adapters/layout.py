"""Shapes: reshaping, transposing, joining, cutting, padding."""

import math

import numpy as np

from mmscratch import ops

from .registry import TYPES, adapter

adapter("Constant", out="as is")(lambda c: _constant(c))
adapter("Shape", out="int64")(lambda c: np.array(c.x[0].shape[c.get("start", 0) : c.get("end")], np.int64))
adapter("Transpose")(lambda c: ops.permute(c.x[0], axes=tuple(c.get("perm", range(c.x[0].ndim)[::-1]))))
adapter("Concat")(lambda c: ops.concatenate(c.x, axis=c.get("axis", 1)))


def _constant(c):
    for name, value in c.node.attributes.items():
        if name == "value":
            return value
        kind = name.removeprefix("value_").rstrip("s")
        return np.asarray(value, {"float": np.float32, "int": np.int64, "string": object}[kind])


@adapter("Cast", out="as is")
def cast(c):
    return c.x[0].astype(TYPES[c.get("to")])


@adapter("Reshape")
def reshape(c):
    x, shape = c.x[0], c.ints(1, "shape")
    if not c.get("allowzero", 0):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    return ops.reshape(x, shape=tuple(shape))


@adapter("Flatten")
def flatten(c):
    x, axis = c.x[0], c.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return ops.reshape(x, shape=(math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@adapter("Squeeze")
def squeeze(c):
    x, axes = c.x[0], c.ints(1, "axes")
    gone = {a % x.ndim for a in axes} if axes is not None else {i for i, n in enumerate(x.shape) if n == 1}
    assert all(x.shape[a] == 1 for a in gone), "only axes of size 1 can go"
    return ops.reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in gone))


@adapter("Unsqueeze")
def unsqueeze(c):
    x, axes = c.x[0], c.ints(1, "axes")
    rank = x.ndim + len(axes)
    new, old = {a % rank for a in axes}, iter(x.shape)
    return ops.reshape(x, shape=tuple(1 if i in new else next(old) for i in range(rank)))


@adapter("Split")
def split(c):
    x, axis, sizes = c.x[0], c.get("axis", 0), c.ints(1, "split")
    if sizes is None:
        count = c.get("num_outputs", len(c.node.outputs))
        size = -(-x.shape[axis] // count)
        sizes = [min(size, max(0, x.shape[axis] - i * size)) for i in range(count)]
    return tuple(ops.split(x, sizes=tuple(sizes), axis=axis))


@adapter("Slice")
def slice_(c):
    x = c.x[0]
    starts, ends = (c.get("starts"), c.get("ends")) if c.opset < 10 else (c.ints(1), c.ints(2))
    axes = c.get("axes") if c.opset < 10 else c.ints(3)
    steps = c.ints(4) or [1] * len(starts)
    key = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes or range(len(starts)), steps, strict=True):
        n = x.shape[axis]
        # Running backwards, an end before the beginning is not "the last": it means "to the very first";
        # and a start before the beginning is the very first.
        if step < 0:
            start, end = max(start, -n), None if end < -n else end
        key[axis] = slice(start, end, step)
    return ops.index(x, key=tuple(key))


@adapter("Pad")
def pad(c):
    x, mode = c.x[0], c.get("mode", "constant")
    flat = c.ints(1, "pads") or c.get("paddings")
    value = c.x[2].item() if c.has(2) and c.x[2].size else c.get("value", 0.0)
    axes = [a % x.ndim for a in (c.ints(3) or range(x.ndim))]
    pads = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        pads[axis] = (int(flat[i]), int(flat[i + len(axes)]))
    if mode == "wrap":
        for axis, (before, after) in enumerate(pads):
            x = ops.take(x, np.arange(-before, x.shape[axis] + after) % x.shape[axis], axis=axis)
        return x
    if mode == "reflect":  # more than one reflection: the positions go to and fro
        for axis, (before, after) in enumerate(pads):
            n = x.shape[axis]
            turn = np.abs(np.arange(-before, n + after)) % max(2 * n - 2, 1)
            x = ops.take(x, np.minimum(turn, 2 * n - 2 - turn) if n > 1 else turn, axis=axis)
        return x
    return ops.pad(x, pads=pads, mode=mode, value=value)


@adapter("Expand")
def expand(c):
    shape = np.broadcast_shapes(c.x[0].shape, tuple(c.ints(1)))
    return ops.broadcast_to(c.x[0], shape=shape)


@adapter("Tile")
def tile(c):
    x = c.x[0]
    if c.opset < 6:
        repeats = [1] * x.ndim
        repeats[c.ints(2)[0]] = c.ints(1)[0]
    else:
        repeats = c.ints(1)
    return ops.tile(x, repeats=tuple(repeats))


@adapter("Trilu")
def trilu(c):
    k = c.ints(1)[0] if c.has(1) else 0
    keep = ops.triu if c.get("upper", 1) else ops.tril
    x = c.x[0]
    return keep(x, diagonal=k) if x.size else x


@adapter("EyeLike", out="as is")
def eye_like(c):
    rows, columns = c.x[0].shape
    at = np.arange(rows) + c.get("k", 0)
    inside = (at >= 0) & (at < columns)
    hot = ops.one_hot(np.where(inside, at, 0), num_classes=columns)
    eye = ops.mul(hot, inside.astype(np.int64)[:, None])
    return eye.astype(TYPES[c.get("dtype")] if c.get("dtype") else c.dtype[0])


@adapter("Range")
def range_(c):
    start, limit, delta = (np.asarray(x).reshape(()) for x in c.x)
    count = max(math.ceil((limit - start) / delta), 0)
    ones = np.ones(count, start.dtype)
    return ops.add(ops.mul(ops.cumsum(ones, axis=0, exclusive=True), delta), start)


@adapter("DepthToSpace")
def depth_to_space(c):
    x, s = c.x[0], c.get("blocksize")
    b, d, h, w = x.shape
    if c.get("mode", "DCR") == "DCR":
        x, order = ops.reshape(x, shape=(b, s, s, d // s**2, h, w)), (0, 3, 4, 1, 5, 2)
    else:
        x, order = ops.reshape(x, shape=(b, d // s**2, s, s, h, w)), (0, 1, 4, 2, 5, 3)
    return ops.reshape(ops.permute(x, axes=order), shape=(b, d // s**2, h * s, w * s))


@adapter("SpaceToDepth")
def space_to_depth(c):
    x, s = c.x[0], c.get("blocksize")
    b, d, h, w = x.shape
    x = ops.permute(ops.reshape(x, shape=(b, d, h // s, s, w // s, s)), axes=(0, 3, 5, 1, 2, 4))
    return ops.reshape(x, shape=(b, d * s**2, h // s, w // s))


@adapter("CenterCropPad")
def center_crop_pad(c):
    x, sizes = c.x[0], c.ints(1)
    pads = [(0, 0)] * x.ndim
    for axis, size in zip(c.get("axes", range(x.ndim)), sizes, strict=True):
        more = size - x.shape[axis]  # an odd one goes to the end, whether it comes or goes
        before = more // 2 if more >= 0 else -(-more // 2)
        pads[axis] = (before, more - before)
    return ops.pad(x, pads=pads)


@adapter("ReverseSequence")
def reverse_sequence(c):
    x, lengths = c.x[0], np.asarray(c.x[1])
    time, batch = c.get("time_axis", 0), c.get("batch_axis", 1)
    t = np.arange(x.shape[time])
    at = np.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)  # (B, T)
    at = at if (batch, time) == (0, 1) else at.T
    index = np.broadcast_to(at.reshape(at.shape + (1,) * (x.ndim - 2)), x.shape)
    return ops.take_along(x, np.ascontiguousarray(index), axis=time)
