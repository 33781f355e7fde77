"""Convolution, pooling, and the folding of columns back into an image."""

import math

import numpy as np

from mmscratch import ops

from .registry import adapter

CONV = {1: ops.conv1d, 2: ops.conv2d, 3: ops.conv3d}
TRANSPOSED = {1: ops.conv_transpose1d, 2: ops.conv_transpose2d, 3: ops.conv_transpose3d}


class Window:
    """The attributes that windows share, one entry an axis."""

    def __init__(self, c, kernel):
        self.n = c.x[0].ndim - 2
        self.kernel = tuple(c.get("kernel_shape", kernel))
        self.stride = tuple(c.get("strides", [1] * self.n))
        self.dilation = tuple(c.get("dilations", [1] * self.n))
        self.extent = [d * (k - 1) for d, k in zip(self.dilation, self.kernel, strict=True)]
        self.auto = c.get("auto_pad", "NOTSET")
        flat = c.get("pads", [0] * 2 * self.n)
        self.pads = list(zip(flat[: self.n], flat[self.n :], strict=True))
        if self.auto.startswith("SAME"):
            self.pads = [
                self._same(*axis) for axis in zip(c.x[0].shape[2:], self.stride, self.extent, strict=True)
            ]
        if self.auto == "VALID":
            self.pads = [(0, 0)] * self.n

    def _same(self, size, stride, extent):
        """As many positions out as ⌈size / stride⌉; the odd one goes after (UPPER) or before."""
        return self.halves(max((-(-size // stride) - 1) * stride + extent + 1 - size, 0))

    def halves(self, total):
        small = total // 2
        return (total - small, small) if self.auto == "SAME_LOWER" else (small, total - small)


@adapter("Conv")
def conv(c):
    w = Window(c, c.x[1].shape[2:])
    return CONV[w.n](
        c.x[0], c.x[1], c.input(2),
        stride=w.stride, padding=w.pads, dilation=w.dilation, groups=c.get("group", 1),
    )  # fmt: skip


@adapter("ConvTranspose")
def conv_transpose(c):
    w = Window(c, c.x[1].shape[2:])
    extra = c.get("output_padding", [0] * w.n)
    sizes = c.get("output_shape")
    full = [
        (size - 1) * stride + extent + 1 + more
        for size, stride, extent, more in zip(c.x[0].shape[2:], w.stride, w.extent, extra, strict=True)
    ]
    if sizes is None and w.auto.startswith("SAME"):
        sizes = [size * stride for size, stride in zip(c.x[0].shape[2:], w.stride, strict=True)]
    if sizes is not None:
        w.pads = []
        for whole, size in zip(full, sizes[-w.n :], strict=True):
            total = whole - size
            small = total // 2
            w.pads.append((small, total - small) if w.auto == "SAME_UPPER" else (total - small, small))
    # All of it, with nothing cut away; then each side is cut, or filled up with the bias, as the pads say.
    y = TRANSPOSED[w.n](c.x[0], c.x[1], None, stride=w.stride, dilation=w.dilation, groups=c.get("group", 1))
    cut = [(0, 0), (0, 0)] + [
        (-before, more - after) for (before, after), more in zip(w.pads, extra, strict=True)
    ]
    y = ops.pad(y, pads=cut)
    if not c.has(2):
        return y
    return ops.add(y, ops.reshape(c.x[2], shape=(-1,) + (1,) * w.n))


def _pool_options(w, c):
    return {"kernel_size": w.kernel, "stride": w.stride, "padding": w.pads, "dilation": w.dilation,
            "ceil_mode": bool(c.get("ceil_mode", 0))}  # fmt: skip


@adapter("MaxPool", out=("T", "int64"))
def max_pool(c):
    x = c.x[0] if c.x[0].dtype.kind == "f" else ops.cast(c.x[0], dtype="float64")
    w = Window(c, None)
    y, index = ops.max_pool(x, op="MaxPool", n=w.n, **_pool_options(w, c))
    if not c.wants(1):
        return y
    # Ours counts within a channel, row by row; ONNX through the whole tensor, and maybe column by column.
    spatial, lead = x.shape[2:], x.shape[:2]
    at = np.unravel_index(index, spatial)
    if c.get("storage_order", 0):
        flat = np.ravel_multi_index(at[::-1], spatial[::-1])
    else:
        flat = index
    channel = np.arange(math.prod(lead)).reshape(*lead, *(1,) * w.n)
    return y, flat + channel * math.prod(spatial)


@adapter("AveragePool")
def average_pool(c):
    w = Window(c, None)
    include = bool(c.get("count_include_pad", 0))
    return ops.avg_pool(c.x[0], op="AveragePool", n=w.n, count_include_pad=include, **_pool_options(w, c))


@adapter("LpPool")
def lp_pool(c):
    return ops.lp_pool(c.x[0], p=c.get("p", 2), **_pool_options(Window(c, None), c))


adapter("GlobalAveragePool")(lambda c: ops.global_avg_pool(c.x[0]))
adapter("GlobalMaxPool")(lambda c: ops.global_max_pool(c.x[0]))
adapter("GlobalLpPool")(
    lambda c: ops.norm(c.x[0], p=c.get("p", 2), axis=tuple(range(2, c.x[0].ndim)), keepdims=True)
)


@adapter("MaxUnpool")
def max_unpool(c):
    x, index = c.x[0], c.x[1]
    w = Window(c, None)
    sizes = [
        (size - 1) * stride + kernel - sum(pair)
        for size, stride, kernel, pair in zip(x.shape[2:], w.stride, w.kernel, w.pads, strict=True)
    ]
    y = ops.max_unpool(x, index % math.prod(sizes), output_size=tuple(sizes))
    if c.has(2):  # a larger output has the rest at its end
        y = ops.pad(
            y, pads=[(0, 0), (0, 0)] + [(0, n - s) for n, s in zip(c.ints(2)[2:], sizes, strict=True)]
        )
    return y


@adapter("Col2Im")
def col2im(c):
    """Each column is a window's entries; where windows overlap they add up: a scatter-add by positions."""
    columns, image, block = c.x[0], c.ints(1), c.ints(2)
    n = len(image)
    stride, dilation = c.get("strides", [1] * n), c.get("dilations", [1] * n)
    flat = c.get("pads", [0] * 2 * n)
    padded = [size + flat[i] + flat[i + n] for i, size in enumerate(image)]
    tables = [
        np.arange(block[i])[:, None] * dilation[i]
        + np.arange((padded[i] - dilation[i] * (block[i] - 1) - 1) // stride[i] + 1) * stride[i]
        for i in range(n)
    ]
    position = np.zeros((), np.int64)
    for i, table in enumerate(tables):  # axes: block…, windows…
        shape = [1] * 2 * n
        shape[i], shape[n + i] = table.shape
        position = position * padded[i] + table.reshape(shape)
    batch, channels = columns.shape[0], columns.shape[1] // math.prod(block)
    values = ops.reshape(columns, shape=(batch * channels, position.size))
    index = np.ascontiguousarray(np.broadcast_to(position.reshape(-1), values.shape))
    empty = np.zeros((batch * channels, math.prod(padded)), columns.dtype)
    y = ops.reshape(ops.scatter_add(empty, index, values, axis=1), shape=(batch, channels, *padded))
    return ops.pad(y, pads=[(0, 0), (0, 0)] + [(-flat[i], -flat[i + n]) for i in range(n)])
