"""Fourier transforms as products with the transform's matrix, and window functions."""

import math

import numpy as np

from mmscratch import ops

from .registry import TYPES, adapter


def _turns(rows, columns, n):
    """cos and sin of 2πjk/n: rows j, columns k. The product is reduced mod n first, so no angle is large."""
    angle = ops.mul(
        ops.cast(np.outer(np.arange(rows), np.arange(columns)) % n, dtype="float64"), 2 * math.pi / n
    )
    return ops.cos(angle), ops.sin(angle)


def _transform(re, im, n, bins, inverse):
    """(…, n) real and imaginary part → (…, bins): Σ_j x_j e^(∓2πijk/n), over n for the inverse."""
    cos, sin = (ops.cast(t, dtype=re.dtype) for t in _turns(n, bins, n))
    sin = sin if inverse else ops.neg(sin)
    y_re, y_im = ops.matmul(re, cos), ops.matmul(re, sin)
    if im is not None:
        y_re, y_im = ops.sub(y_re, ops.matmul(im, sin)), ops.add(y_im, ops.matmul(im, cos))
    if inverse:
        y_re, y_im = ops.div(y_re, float(n)), ops.div(y_im, float(n))
    return y_re, y_im


def _part(x, i):
    """Real or imaginary part of (…, 1 or 2); None where there is none."""
    return ops.index(x, key=(..., i)) if i < x.shape[-1] else None


@adapter("DFT")
def dft(c):
    x = c.x[0]
    axis = c.get("axis", 1) if c.opset < 20 else (c.ints(2) or [-2])[0]
    axis = axis % x.ndim
    inverse, onesided = bool(c.get("inverse", 0)), bool(c.get("onesided", 0))
    last = x.ndim - 2
    parts = [
        None if p is None else ops.transpose(p, axis0=axis, axis1=last) for p in (_part(x, 0), _part(x, 1))
    ]
    size = parts[0].shape[-1]
    half = (
        inverse and onesided
    )  # half of a spectrum, whose other half is its mirror image, back to a real signal
    n = (c.ints(1) or [2 * (size - 1) if half else size])[0]
    if half:
        parts = [_mirrored(p, n, sign) for p, sign in zip(parts, (1.0, -1.0), strict=True)]
    parts = [None if p is None else _resized(p, n) for p in parts]
    y = _transform(*parts, n, n // 2 + 1 if onesided and not inverse else n, inverse)
    y = [ops.transpose(p, axis0=axis, axis1=last) for p in (y[:1] if half else y)]
    return ops.stack(y, axis=-1)


def _resized(x, n):
    pads = [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])]
    return ops.pad(x, pads=pads)


def _mirrored(x, n, sign):
    if x is None:
        return None
    x = _resized(x, n // 2 + 1)
    tail = ops.index(x, key=(..., slice(1, (n + 1) // 2)))
    return ops.concatenate([x, ops.mul(ops.flip(tail, axes=(-1,)), sign)], axis=-1)


@adapter("STFT")
def stft(c):
    """Frames by position, each windowed and transformed."""
    x, step = c.x[0], c.ints(1)[0]
    window = c.input(2)
    size = c.ints(3)[0] if c.has(3) else window.shape[0]
    re, im = _part(x, 0) if x.ndim == 3 else x, _part(x, 1) if x.ndim == 3 else None
    count = (re.shape[1] - size) // step + 1
    at = np.arange(count)[:, None] * step + np.arange(size)
    parts = [None if p is None else ops.take(p, at, axis=1) for p in (re, im)]
    if window is not None:
        if window.shape[0] < size:  # a short window stands in the middle of its frame
            before = (size - window.shape[0]) // 2
            window = ops.pad(window, pads=[(before, size - window.shape[0] - before)])
        parts = [None if p is None else ops.mul(p, window) for p in parts]
    bins = size // 2 + 1 if c.get("onesided", 1) else size
    return ops.stack(_transform(*parts, size, bins, False), axis=-1)


@adapter("HannWindow", "HammingWindow", "BlackmanWindow", out="as is")
def window(c):
    n = c.ints(0)[0]
    period = n if c.get("periodic", 1) else n - 1
    weights = {
        "HannWindow": (0.5, -0.5),
        "HammingWindow": (25 / 46, -21 / 46),
        "BlackmanWindow": (0.42, -0.5, 0.08),
    }[c.node.op]
    turn = ops.mul(np.arange(n, dtype=np.float64), 2 * math.pi / period)
    y = ops.mul(turn, 0.0)
    for k, a in enumerate(weights):
        y = ops.add(y, ops.mul(ops.cos(ops.mul(turn, float(k))), a))
    return y.astype(TYPES[c.get("output_datatype", 1)])
