"""Convolution by 1 × 1 (Lin et al., Network in Network, 2014) for float32: products of matrices.

    y[b] = φ(W x[b] + bias)     dx[b] = Wᵀ dy[b]     dW = Σ_b dy[b] x[b]ᵀ

x[b] (C, S) is an image as it lies in memory: channels by positions. So the images are a stack of right
operands that share one left operand, W, which is packed once for all of them; the blocks are those of
``gemm.py``. A stride only means that some pixels are never read: they are left out in one pass before, and
dx has zeros in their places.

Equals ``conv``, ``conv_input_gradient`` and ``conv_weight_gradient`` of the reference floor where the kernel
is one position and nothing is padded. An output is one sum in order of the channels; dW is one of chunks of
images, in order. Relative to the sum of absolute values the error is below 4e-6 (tested).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from .gemm import ACTIVATIONS, _multiply, _pack_all, _part, _scratch, activate
from .linear import DEPTH, HEIGHT
from .shared_tile import COLUMNS, ROWS
from .simd import LANES, deinterleave, interleave, load_part, prefetch, splat, store_part

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient"]

TASKS = 16
"""Pieces of work that keep all threads busy."""

POSITIONS = 8 * COLUMNS
"""Positions of an image that are packed at once, at most."""

SQUARE = 33 * ROWS, 8 * COLUMNS
"""Rows and columns of dW that are summed together, at most: both packed operands stay in the second cache."""

ROOM = 1 << 10
"""Numbers by which a strided image is asked for before its turn: no processor foresees every other row."""

SMALL = 1 << 18
"""Multiplications that are worth a task."""


def conv(x, weight, bias, stride, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_c weight[k, c] · x[b, c, o·stride])."""
    x = _every(x, stride)
    y = np.empty((len(x), len(weight), *x.shape[2:]), x.dtype)
    steps = weight.shape[1], 1
    bias = np.empty(0, np.float32) if bias is None else bias
    _stack(weight, steps, groups, len(weight) // groups, x, bias, ACTIVATIONS[activation], y)
    return y


def conv_input_gradient(dy, weight, x_shape, stride, groups):
    """dx[b, c, o·stride] = Σ_k weight[k, c] · dy[b, k, o]; 0 elsewhere."""
    dx = np.empty((*x_shape[:2], *dy.shape[2:]), dy.dtype)
    steps = 1, weight.shape[1]
    _stack(weight, steps, groups, weight.shape[1], dy, np.empty(0, np.float32), 0, dx)
    return dx if math.prod(stride) == 1 else _apart(dx, x_shape, stride)


def conv_weight_gradient(dy, x, weight_shape, stride, groups):
    """dW[k, c] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride]."""
    x = _every(x, stride)
    rows, columns, positions = weight_shape[0] // groups, weight_shape[1], math.prod(x.shape[2:])
    down, across = -(-rows // SQUARE[0]), -(-columns // SQUARE[1])
    blocks = groups * down * across
    worth = max(1, len(x) * rows * columns * groups * positions // SMALL)
    chunks = min(len(x), -(-min(TASKS, worth) // blocks))
    steps = _even(positions, DEPTH, LANES)
    parts = np.empty((chunks, *weight_shape), np.float32)
    _squares(
        chunks * blocks, dy.reshape(-1), x.reshape(-1), len(x), groups, rows, columns, positions,
        down, across, chunks, steps, parts.reshape(-1),
    )  # fmt: skip
    return parts[0] if chunks == 1 else parts.sum(axis=0)


def _even(size, most, unit):
    """A length for pieces of ``size``: whole units, at most ``most``, the pieces as equal as can be."""
    pieces = -(-size // most)
    return -(-size // (pieces * unit)) * unit


def _stack(weight, steps, groups, rows, x, bias, kind, y):
    """y = φ(A x + bias) for every image and group, A (rows, C) the weight of the group with those strides."""
    depth, positions = x.shape[1] // groups, math.prod(x.shape[2:])
    some = -(-depth // -(-depth // DEPTH))
    packed = np.empty(groups * -(-rows // ROWS) * ROWS * depth, np.float32)
    _pack(groups * -(-depth // some), weight.reshape(-1), *steps, rows, depth, some, packed)
    stack = len(x) * groups
    ranges = -(-positions // POSITIONS)
    if stack * ranges < TASKS:
        ranges = min(-(-TASKS // stack), -(-positions // COLUMNS))
    jobs = max(1, min(stack * ranges, 2 * TASKS, stack * rows * depth * positions // SMALL))
    _products(
        jobs, jobs, packed, groups, rows, depth, some, x.reshape(-1), stack, positions, ranges, bias, kind,
        y.reshape(-1),
    )  # fmt: skip


@parallel
def _pack(task, weight, across, along, rows, depth, some, packed):
    """Some steps of the weight of a group: panels of ROWS rows, as the tiles read them."""
    pieces = -(-depth // some)
    group, p = task // pieces, task % pieces * some
    height, d = -(-rows // ROWS) * ROWS, min(some, depth - p)
    first = group * rows * depth + p * along
    _pack_all(weight, first, across, along, rows, d, ROWS, packed[(group * depth + p) * height :])


@parallel
def _products(task, jobs, packed, groups, rows, depth, some, x, stack, positions, ranges, bias, kind, y):
    """Several ranges of positions of images, one after the other."""
    height = -(-rows // ROWS) * ROWS
    mine = _scratch(-(-positions // (COLUMNS * ranges)) * COLUMNS * some)
    for unit in range(stack * ranges * task // jobs, stack * ranges * (task + 1) // jobs):
        n, place = unit // ranges, unit % ranges
        left, right = _part(positions, COLUMNS, ranges, place), _part(positions, COLUMNS, ranges, place + 1)
        for p in range(0, depth, some):
            d = min(some, depth - p)
            at = (n * depth + p) * positions + left
            _pack_all(x, at, 1, positions, right - left, d, COLUMNS, mine)
            for top in range(0, rows, HEIGHT):
                high = min(HEIGHT, rows - top)
                a = packed[(n % groups * depth + p) * height + top * d :]
                wide, corner = right - left, (n * rows + top) * positions + left
                _multiply(a, 0, 1, ROWS, ROWS * d, mine, 0, COLUMNS, COLUMNS * d, y, corner, positions,
                          high, wide, d, p > 0)  # fmt: skip
                if p + d == depth and (kind or bias.size):
                    _finish(y, corner, positions, high, wide, bias, n % groups * rows + top, kind)


@njit
def _finish(y, corner, pitch, rows, columns, bias, first, kind):
    """y = φ(y + bias) of a block that was just computed."""
    for i in range(rows):
        for j in range(0, columns, LANES):
            at = corner + i * pitch + j
            v = load_part(y, at, columns - j)
            if bias.size:
                v = v + bias[first + i]
            if kind:
                v = activate(v, kind)
            store_part(y, at, v, columns - j)


@parallel
def _squares(
    task, dy, x, images, groups, rows, columns, positions, down, across, chunks, steps, parts
):  # fmt: skip
    """A block of dW of one group, summed over a chunk of the images."""
    place, rest = task % (down * across), task // (down * across)
    group, chunk = rest % groups, rest // groups
    top, left = _part(rows, ROWS, down, place // across), _part(columns, COLUMNS, across, place % across)
    high = _part(rows, ROWS, down, place // across + 1) - top
    wide = _part(columns, COLUMNS, across, place % across + 1) - left
    mine_a, mine_b = (
        _scratch(-(-high // ROWS) * ROWS * steps),
        _scratch(-(-wide // COLUMNS) * COLUMNS * steps),
    )
    corner = ((chunk * groups + group) * rows + top) * columns + left
    first = images * chunk // chunks
    for b in range(first, images * (chunk + 1) // chunks):
        for p in range(0, positions, steps):
            d, n, add = min(steps, positions - p), b * groups + group, b > first or p > 0
            _pack_all(dy, (n * rows + top) * positions + p, positions, 1, high, d, ROWS, mine_a)
            _pack_all(x, (n * columns + left) * positions + p, positions, 1, wide, d, COLUMNS, mine_b)
            _multiply(mine_a, 0, 1, ROWS, ROWS * d, mine_b, 0, COLUMNS, COLUMNS * d, parts, corner, columns,
                      high, wide, d, add)  # fmt: skip


# ── strides ──────────────────────────────────────────────────────────────────────────────────────
def _every(x, stride):
    """x[:, :, ::s₀, ::s₁, …], contiguous."""
    if math.prod(stride) == 1:
        return x
    axes = list(zip(x.shape[2:], stride, strict=True))
    y = np.empty((*x.shape[:2], *(-(-n // s) for n, s in axes)), x.dtype)
    planes, jobs = len(x) * x.shape[1], min(len(x) * x.shape[1], TASKS)
    _take(jobs, jobs, planes, x.reshape(-1), *_three(x.shape[2:], stride), y.reshape(-1))
    return y


def _apart(small, shape, stride):
    """The converse: zeros between the entries."""
    x = np.empty(shape, small.dtype)
    planes, jobs = len(x) * x.shape[1], min(len(x) * x.shape[1], TASKS)
    _spread(jobs, jobs, planes, small.reshape(-1), *_three(shape[2:], stride), x.reshape(-1))
    return x


def _three(*sizes):
    """Three axes, the first of length 1 where there are fewer."""
    return [(1,) * (3 - len(size)) + tuple(map(int, size)) for size in sizes]


@parallel
def _take(task, jobs, planes, x, size, stride, y):
    """y = every stride-th entry of some planes of x."""
    s0, s1, s2 = size
    t0, t1, t2 = stride
    o0, o1, o2 = -(-s0 // t0), -(-s1 // t1), -(-s2 // t2)
    for n in range(planes * task // jobs, planes * (task + 1) // jobs):
        for i in range(o0):
            for j in range(o1):
                at, to = ((n * s0 + i * t0) * s1 + j * t1) * s2, ((n * o0 + i) * o1 + j) * o2
                if t2 == 2:
                    for e in range(0, s2, 16):
                        prefetch(x, at + ROOM + e)
                    for e in range(0, o2, LANES):
                        low = load_part(x, at + 2 * e, s2 - 2 * e)
                        high = load_part(x, at + 2 * e + LANES, s2 - 2 * e - LANES)
                        even, _ = deinterleave(low, high)
                        store_part(y, to + e, even, o2 - e)
                else:
                    for e in range(o2):
                        y[to + e] = x[at + e * t2]


@parallel
def _spread(task, jobs, planes, y, size, stride, x):
    """x = y at every stride-th entry, 0 between, of some planes."""
    s0, s1, s2 = size
    t0, t1, t2 = stride
    o0, o1, o2 = -(-s0 // t0), -(-s1 // t1), -(-s2 // t2)
    nothing = splat(x, 0)
    for n in range(planes * task // jobs, planes * (task + 1) // jobs):
        for i in range(s0):
            for j in range(s1):
                at, to = ((n * o0 + i // t0) * o1 + j // t1) * o2, ((n * s0 + i) * s1 + j) * s2
                met = i % t0 == 0 and j % t1 == 0
                if met and t2 == 2:
                    for e in range(0, s2, 2 * LANES):
                        low, high = interleave(load_part(y, at + e // 2, o2 - e // 2), nothing)
                        store_part(x, to + e, low, s2 - e)
                        store_part(x, to + e + LANES, high, s2 - e - LANES)
                    continue
                for e in range(0, s2, LANES):
                    store_part(x, to + e, nothing, s2 - e)
                if met:
                    for e in range(o2):
                        x[to + e * t2] = y[at + e]
