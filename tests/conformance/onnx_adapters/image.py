"""Sampling of images: resizing and grids."""

import itertools
import math

import numpy as np

from mmscratch import ops

from .registry import adapter


def keys_kernel(d, a):
    """Cubic convolution (Keys, 1981, eq. 4, with a free): the weight of a sample at distance d."""
    d = ops.abs(d)
    d2, d3 = ops.square(d), ops.mul(ops.square(d), d)
    near = ops.add(ops.sub(ops.mul(d3, a + 2), ops.mul(d2, a + 3)), 1.0)
    far = ops.sub(ops.add(ops.mul(d3, a), ops.mul(d, 8 * a)), ops.add(ops.mul(d2, 5 * a), 4 * a))
    zero = ops.mul(d, 0.0)
    return ops.where(ops.less_equal(d, 1.0), near, ops.where(ops.less(d, 2.0), far, zero))


def tent(d):
    """Linear interpolation: the weight of a sample at distance d."""
    return ops.maximum(ops.sub(1.0, ops.abs(d)), 0.0)


# ── Resize ───────────────────────────────────────────────────────────────────────────────────────
@adapter("Resize")
def resize(c):
    x = c.x[0]
    axes = [a % x.ndim for a in c.get("axes", range(x.ndim))]
    roi = [0.0] * len(axes) + [1.0] * len(axes)
    if c.opset >= 11 and c.has(1) and c.x[1].size:
        roi = [float(v) for v in c.x[1]]
    crops = c.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    scales = c.input(1 if c.opset < 11 else 2)
    scales = None if scales is None or scales.size == 0 else [float(s) for s in scales]
    sizes = c.ints(3) or None
    if sizes is not None:
        scales, sizes = _scales_of(
            sizes, [x.shape[a] for a in axes], c.get("keep_aspect_ratio_policy", "stretch")
        )
    else:
        sizes = [
            math.floor(x.shape[a] * (roi[i + len(axes)] - roi[i] if crops else 1.0) * s)
            for i, (a, s) in enumerate(zip(axes, scales, strict=True))
        ]
    beyond = np.zeros((), bool)
    dtype, x = x.dtype, x if x.dtype.kind == "f" else ops.cast(x, dtype="float64")
    for i, axis in enumerate(axes):
        at = _coordinates(c, x.shape[axis], sizes[i], scales[i], roi[i], roi[i + len(axes)])
        outside = (at < 0) | (at > x.shape[axis] - 1)
        if crops and outside.any():
            beyond = beyond | outside.reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        if sizes[i] != x.shape[axis] or not np.array_equal(at, np.arange(sizes[i])):
            x = _resample(c, x, axis, at, scales[i])
    if beyond.any():
        full = np.full((), c.get("extrapolation_value", 0.0), x.dtype)
        x = ops.where(np.ascontiguousarray(np.broadcast_to(beyond, x.shape)), full, x)
    return x if dtype.kind == "f" else ops.round(x)


def _scales_of(sizes, old, policy):
    scales = [n / o for n, o in zip(sizes, old, strict=True)]
    if policy != "stretch":
        scale = min(scales) if policy == "not_larger" else max(scales)
        scales, sizes = [scale] * len(old), [math.floor(scale * o + 0.5) for o in old]
    return scales, sizes


def _coordinates(c, n, size, scale, start, end):
    """Where in the n old positions each of the new positions lies."""
    x = np.arange(size, dtype=np.float64)
    mode = c.get("coordinate_transformation_mode", "half_pixel" if c.opset >= 11 else "asymmetric")
    length = scale * n  # as a real number: the new size is this, rounded down
    length = round(length) if abs(length - round(length)) < 1e-9 else length
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and length > 1):
        return (x + 0.5) / scale - 0.5
    if mode == "pytorch_half_pixel":
        return x * 0
    if mode == "half_pixel_symmetric":
        return n / 2 * (1 - size / length) + (x + 0.5) / scale - 0.5
    if mode == "align_corners":
        return x * 0 if length == 1 else x * (n - 1) / (length - 1)
    if mode == "asymmetric":
        return x / scale
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale
    assert mode == "tf_crop_and_resize", mode
    if size == 1:  # the size is that of the crop: the length is no multiple of n
        return x * 0 + (start + end) * (n - 1) / 2
    return start * (n - 1) + x * (end - start) * (n - 1) / (size - 1)


def _resample(c, x, axis, at, scale):
    n, mode = x.shape[axis], c.get("mode", "nearest")
    if mode == "nearest":
        rule = c.get("nearest_mode", "round_prefer_floor" if c.opset >= 11 else "floor")
        near = {"round_prefer_floor": np.ceil(at - 0.5), "round_prefer_ceil": np.floor(at + 0.5),
                "floor": np.floor(at), "ceil": np.ceil(at)}[rule]  # fmt: skip
        return ops.take(x, np.clip(near, 0, n - 1).astype(np.int64), axis=axis)
    # A smaller picture with antialias: the kernel is as much wider as the picture is smaller.
    shrink = min(scale, 1.0) if c.get("antialias", 0) else 1.0
    reach = math.ceil((2 if mode == "cubic" else 1) / shrink)
    taps = np.floor(at)[:, None].astype(np.int64) + np.arange(1 - reach, reach + 1)
    distance = ops.mul(ops.sub(at[:, None], ops.cast(taps, dtype="float64")), shrink)
    weight = keys_kernel(distance, c.get("cubic_coeff_a", -0.75)) if mode == "cubic" else tent(distance)
    if c.get("exclude_outside", 0):
        weight = ops.mul(weight, ((taps >= 0) & (taps < n)).astype(np.float64))
    weight = ops.div(weight, ops.sum(weight, axis=1, keepdims=True))
    matrix = ops.scatter_add(np.zeros((len(at), n)), np.clip(taps, 0, n - 1), weight, axis=1)
    y = ops.matmul(
        ops.cast(matrix, dtype=x.dtype), ops.reshape(ops.transpose(x, axis0=0, axis1=axis), shape=(n, -1))
    )
    swapped = list(x.shape)
    swapped[0], swapped[axis] = swapped[axis], swapped[0]
    return ops.transpose(ops.reshape(y, shape=(len(at), *swapped[1:])), axis0=0, axis1=axis)


# ── GridSample, AffineGrid ───────────────────────────────────────────────────────────────────────
def look_up(x, positions, inside):
    """x (B, C, S…) at whole positions, one (B, P) array an axis → (B, C, P), 0 where not inside."""
    b, channels, *space = x.shape
    flat = np.zeros_like(positions[0])
    for p, n in zip(positions, space, strict=True):
        flat = flat * n + np.clip(p, 0, n - 1)
    index = np.ascontiguousarray(np.broadcast_to(flat[:, None], (b, channels, flat.shape[1])))
    found = ops.take_along(ops.reshape(x, shape=(b, channels, -1)), index, axis=2)
    return ops.mul(found, np.ascontiguousarray(inside[:, None].astype(x.dtype)))


def _reflected(x, n, aligned):
    """Positions thrown back at both borders: the first and last position, or half a position beyond them."""
    low, high = (0.0, n - 1.0) if aligned else (-0.5, n - 0.5)
    span = high - low
    if span == 0:
        return np.zeros_like(x)
    turn = np.abs(x - low) % (2 * span)
    return np.minimum(turn, 2 * span - turn) + low


@adapter("GridSample")
def grid_sample(c):
    x, grid = c.x
    space, aligned = x.shape[2:], bool(c.get("align_corners", 0))
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(c.get("mode", "linear"), c.get("mode", "linear"))
    border = c.get("padding_mode", "zeros")
    b, out = grid.shape[0], grid.shape[1:-1]
    at = []
    for i, n in enumerate(space):  # the grid names the last axis first
        g = np.asarray(ops.index(grid, key=(..., len(space) - 1 - i)), np.float64).reshape(b, -1)
        p = (g + 1) / 2 * (n - 1) if aligned else ((g + 1) * n - 1) / 2
        if border == "reflection" and mode != "cubic":
            p = _reflected(p, n, aligned)
        if border != "zeros" and mode != "cubic":
            p = np.clip(p, 0, n - 1)
        at.append(p)
    reach = {"nearest": [0], "linear": [0, 1], "cubic": [-1, 0, 1, 2]}[mode]
    total = None
    for tap in itertools.product(reach, repeat=len(space)):
        positions, inside, weight = [], np.ones(at[0].shape, bool), np.ones(at[0].shape)
        for p, offset, n in zip(at, tap, space, strict=True):
            whole = np.rint(p) if mode == "nearest" else np.floor(p) + offset
            if mode != "nearest":
                d = ops.sub(p, whole)
                weight = ops.mul(weight, keys_kernel(d, -0.75) if mode == "cubic" else tent(d))
            if border == "reflection" and mode == "cubic":
                whole = np.clip(np.rint(_reflected(whole, n, aligned)), 0, n - 1)
            inside = inside & (((whole >= 0) & (whole <= n - 1)) | (border == "border"))
            positions.append(whole.astype(np.int64))
        part = ops.mul(look_up(x, positions, inside), np.ascontiguousarray(weight[:, None].astype(x.dtype)))
        total = part if total is None else ops.add(total, part)
    return ops.reshape(total, shape=(b, x.shape[1], *out))


@adapter("AffineGrid")
def affine_grid(c):
    theta, size = c.x[0], c.ints(1)[2:]
    steps = []
    for n in size:
        i = np.arange(n, dtype=np.float64)
        steps.append(i * 2 / (n - 1) - 1 if c.get("align_corners", 0) and n > 1 else (2 * i + 1) / n - 1)
    axes = np.meshgrid(*steps, indexing="ij")
    points = np.stack([a.reshape(-1) for a in axes[::-1]] + [np.ones(math.prod(size))], axis=-1).astype(
        theta.dtype
    )
    y = ops.matmul(points, ops.transpose(theta))
    return ops.reshape(y, shape=(theta.shape[0], *size, len(size)))
