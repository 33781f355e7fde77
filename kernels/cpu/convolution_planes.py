"""Depthwise convolution by 3 × 3 at every position, for float32: whole planes, taps in registers.

    y[b, c, i, o] = φ(bias[c] + Σ_{j, l} w[c, j, l] · x[b, c, i + j − padding₀, o + l − padding₀])

The general way (``convolution_depthwise.py``) looks every tap up in a table. Where a channel's kernel is nine
numbers they stay in registers, and so does what is read: HEIGHT rows of outputs meet HEIGHT + 2 rows of
inputs, each of which is read at its three places once, for all the outputs that it serves.

A plane is copied to a frame of zeros, rows a ``pitch`` apart that is a whole number of vectors and longer
than what the last vector of a row meets. So the zeros, written once a task, stay: before a row lie those
behind the last one. dx is the same of dy, with the taps turned round. A tap's dW is a sum of
products of vectors, kept lane by lane over all images of a chunk.

Equals ``conv``, ``conv_input_gradient`` and ``conv_weight_gradient`` of the reference floor where groups,
input and output channels are as many. Relative to the sum of absolute values the error is below 4e-6
(tested).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from .gemm import ACTIVATIONS, activate
from .simd import (
    LANES,
    bare,
    fma,
    load,
    load_part,
    load_rows,
    prefetch,
    splat,
    store,
    store_part,
    store_rows,
    total,
)
from .winograd_tiles import aligned

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient", "serves"]

HEIGHT = 4
"""Rows of outputs at once: enough sums that no multiplication waits for the one before."""

FRAME = 1 << 17
"""Numbers that a frame may take: it stays in the second cache."""

TASKS = 32
"""Pieces of work, at most."""

_NONE = np.empty(0, np.float32)


def serves(weight_shape, size, stride, padding, dilation):
    """Whether it is 3 × 3 at every position of planes of moderate size, padded by less than the kernel."""
    if weight_shape[2:] != (3, 3) or math.prod(stride) * math.prod(dilation) != 1:
        return False
    return max(map(max, padding)) < 3 and math.prod(_frame(size, padding)) <= FRAME


def conv(x, weight, bias, padding, activation=None):
    """y[b, c, o] = φ(bias[c] + Σ_j weight[c, j] · x[b, c, o + j − padding₀])."""
    y = np.empty(
        (*x.shape[:2], *(n + sum(p) - 2 for n, p in zip(x.shape[2:], padding, strict=True))), x.dtype
    )
    bias = _NONE if bias is None else bias
    _run(x, weight.reshape(-1), bias, ACTIVATIONS[activation], padding, y)
    return y


def conv_input_gradient(dy, weight, x_shape, padding):
    """dx[b, c, i] = Σ_j weight[c, j] · dy[b, c, i − j + padding₀]."""
    dx = np.empty(x_shape, dy.dtype)
    turned = np.ascontiguousarray(weight.reshape(-1, 9)[:, ::-1])
    _run(dy, turned.reshape(-1), _NONE, 0, [(2 - first, 2 - last) for first, last in padding], dx)
    return dx


def conv_weight_gradient(dy, x, weight_shape, padding):
    """dW[c, j] = Σ_{b, o} dy[b, c, o] · x[b, c, o + j − padding₀]."""
    batch, channels = x.shape[:2]
    chunks = min(batch, -(-TASKS // channels))
    parts, jobs = np.empty((chunks, *weight_shape), dy.dtype), min(TASKS, chunks * channels)
    _weights(
        jobs, jobs, chunks, batch, channels, dy.reshape(-1), dy.shape[2:], x.reshape(-1), x.shape[2:],
        (padding[0][0], padding[1][0]), _frame(x.shape[2:], padding), parts.reshape(-1),
    )  # fmt: skip
    return parts[0] if chunks == 1 else parts.sum(axis=0)


def _run(x, weight, bias, kind, padding, y):
    jobs = min(TASKS, math.prod(x.shape[:2]))
    _planes(
        jobs, jobs, math.prod(x.shape[:2]), x.shape[1], x.reshape(-1), x.shape[2:], weight, bias, kind,
        (padding[0][0], padding[1][0]), _frame(x.shape[2:], padding), y.reshape(-1), y.shape[2:],
    )  # fmt: skip


def _frame(size, padding):
    """Rows of the frame, and numbers from one to the next."""
    (top, bottom), (left, right) = padding
    lanes = max(1, LANES)
    out = size[1] + left + right - 2
    meets = max(size[1], -(-out // lanes) * lanes + 2 - left) + left
    return top + size[0] + bottom + HEIGHT, -(-meets // lanes) * lanes


@njit(forceinline=True)
def _fill(x, at, size, pitch, frame, first):
    """The rows of a plane into the frame, from frame[first] on."""
    for row in range(size[0]):
        for e in range(0, size[1], LANES):
            store(frame, first + row * pitch + e, load_part(x, at + row * size[1] + e, size[1] - e))


@njit(forceinline=True)
def _ask(x, at, count):
    """Have so many numbers of the next plane brought near."""
    for e in range(0, count, 16):
        prefetch(x, at + e)


@njit(forceinline=True)
def _row(frame, at, u, v, w, sums):
    """sums + u · frame[at] + v · frame[at + 1] + w · frame[at + 2]."""
    return fma(load(frame, at + 2), w, fma(load(frame, at + 1), v, fma(load(frame, at), u, sums)))


@parallel
def _planes(task, jobs, planes, channels, x, size, weight, bias, kind, corner, shape, y, out):
    """Several planes, one after the other in the same frame."""
    frame = aligned(LANES + shape[0] * shape[1])
    frame[:] = 0
    for n in range(planes * task // jobs, planes * (task + 1) // jobs):
        c = n % channels
        shift = bias[c] if bias.size else np.float32(0)
        _plane(n, size, x, weight, c * 9, shift, kind, corner, shape[1], frame, y, out)


@njit
def _plane(n, size, x, weight, w, shift, kind, corner, pitch, frame, y, out):
    """All outputs of a plane; meanwhile the numbers of the next one are asked for, and its place in y."""
    x, weight, frame, y = bare(x), bare(weight), bare(frame), bare(y)
    _fill(x, n * size[0] * size[1], size, pitch, frame, LANES + corner[0] * pitch)
    w0, w1, w2 = splat(x, weight[w]), splat(x, weight[w + 1]), splat(x, weight[w + 2])
    w3, w4, w5 = splat(x, weight[w + 3]), splat(x, weight[w + 4]), splat(x, weight[w + 5])
    w6, w7, w8 = splat(x, weight[w + 6]), splat(x, weight[w + 7]), splat(x, weight[w + 8])
    following = (n + 1) * size[0] * size[1]
    for i in range(0, out[0], HEIGHT):
        rows = out[0] - i
        _ask(x, following + i * size[1], HEIGHT * size[1])
        _ask(y, ((n + 1) * out[0] + i) * out[1], HEIGHT * out[1])
        for o in range(0, out[1], LANES):
            at, to, left = LANES + i * pitch + o - corner[1], (n * out[0] + i) * out[1] + o, out[1] - o
            a = splat(x, shift)
            b, c, d = a, a, a
            p, q, r = load(frame, at), load(frame, at + 1), load(frame, at + 2)
            a = fma(r, w2, fma(q, w1, fma(p, w0, a)))
            at += pitch
            p, q, r = load(frame, at), load(frame, at + 1), load(frame, at + 2)
            a, b = fma(r, w5, fma(q, w4, fma(p, w3, a))), fma(r, w2, fma(q, w1, fma(p, w0, b)))
            at += pitch
            p, q, r = load(frame, at), load(frame, at + 1), load(frame, at + 2)
            a, b = fma(r, w8, fma(q, w7, fma(p, w6, a))), fma(r, w5, fma(q, w4, fma(p, w3, b)))
            c = fma(r, w2, fma(q, w1, fma(p, w0, c)))
            at += pitch
            p, q, r = load(frame, at), load(frame, at + 1), load(frame, at + 2)
            b, c = fma(r, w8, fma(q, w7, fma(p, w6, b))), fma(r, w5, fma(q, w4, fma(p, w3, c)))
            d = fma(r, w2, fma(q, w1, fma(p, w0, d)))
            at += pitch
            p, q, r = load(frame, at), load(frame, at + 1), load(frame, at + 2)
            c, d = fma(r, w8, fma(q, w7, fma(p, w6, c))), fma(r, w5, fma(q, w4, fma(p, w3, d)))
            d = _row(frame, at + pitch, w6, w7, w8, d)
            store_part(y, to, a, left)
            if rows > 1:
                store_part(y, to + out[1], b, left)
            if rows > 2:
                store_part(y, to + 2 * out[1], c, left)
            if rows > 3:
                store_part(y, to + 3 * out[1], d, left)
    numbers = out[0] * out[1]
    for e in range(0, numbers if kind else 0, LANES):  # still in the first cache
        left = numbers - e
        store_part(y, n * numbers + e, activate(load_part(y, n * numbers + e, left), kind), left)


@parallel
def _weights(task, jobs, chunks, batch, channels, dy, out, x, size, corner, shape, parts):
    """dW of several channels, over one chunk of the images each."""
    frame, sums = aligned(LANES + shape[0] * shape[1]), aligned(9 * LANES)
    frame[:] = 0
    units = chunks * channels
    for unit in range(units * task // jobs, units * (task + 1) // jobs):
        c, chunk = unit % channels, unit // channels
        sums[:] = 0
        for b in range(batch * chunk // chunks, batch * (chunk + 1) // chunks):
            _plane_weights(b * channels + c, dy, out, x, size, corner, shape[1], frame, sums)
        for t in range(9):
            parts[(chunk * channels + c) * 9 + t] = total(load(sums, t * LANES))


@njit
def _plane_weights(n, dy, out, x, size, corner, pitch, frame, sums):
    """sums[t] += Σ dy · x of tap t over a plane, each lane by itself."""
    dy, x, frame, sums = bare(dy), bare(x), bare(frame), bare(sums)
    _fill(x, n * size[0] * size[1], size, pitch, frame, LANES + corner[0] * pitch)
    for o in range(0, out[1], LANES):
        left = out[1] - o
        s0, s1, s2, s3, s4, s5, s6, s7, s8 = load_rows(sums, 0, LANES, 9)
        a, b = splat(x, 0), splat(x, 0)  # the two rows of dy before: what is read serves three of them
        at = LANES + o - corner[1]
        for i in range(out[0] + 2):
            p, q = load_part(frame, at, left), load_part(frame, at + 1, left)
            r = load_part(frame, at + 2, left)
            c = load_part(dy, (n * out[0] + i) * out[1] + o, left if i < out[0] else 0)
            if i < out[0]:  # what is not there is not multiplied: 0 · NaN would be NaN
                s0, s1, s2 = fma(c, p, s0), fma(c, q, s1), fma(c, r, s2)
            if 1 <= i <= out[0]:
                s3, s4, s5 = fma(b, p, s3), fma(b, q, s4), fma(b, r, s5)
            if i >= 2:
                s6, s7, s8 = fma(a, p, s6), fma(a, q, s7), fma(a, r, s8)
            a, b = b, c
            at += pitch
            if o == 0:
                _ask(x, (n + 1) * size[0] * size[1] + i * size[1], size[1])
                _ask(dy, (n + 1) * out[0] * out[1] + i * out[1], out[1])
        store_rows(sums, 0, LANES, (s0, s1, s2, s3, s4, s5, s6, s7, s8))
