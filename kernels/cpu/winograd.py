"""Winograd's convolution: forward and input gradient. (Lesson docstring comes with the last commit.)"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from ..precision import is_precise
from . import simd
from .microkernels import tile
from .simd import LANES
from .winograd_tiles import COPIES, LINE, PAIRS, SCRATCH, aligned, copy_in, copy_out, plan
from .winograd_transforms import input_tiles, kernel, output_tiles

__all__ = ["conv", "input_gradient", "tile_size"]

PANEL = 16
"""Filters whose U lie side by side."""

ROWS = {64: 8, 32: 4, 16: 8, 0: 1}[simd.BYTES]
"""ROWS × VECTORS accumulators fit the registers; ROWS divides PANEL."""

VECTORS = 3

BLOCK = VECTORS * LANES
"""Tiles of a block."""

CHUNK = 2
"""Panels of filters multiplied before their sums are transformed back."""

TASKS = 32
"""Into at most so many tasks the blocks are divided."""

FEW = 16
"""Up to so many blocks the filters are divided among the tasks, not the tiles."""

ACTIVATIONS = {None: 0, "relu": 1, "tanh": 2, "sigmoid": 3}


@njit
def _panel(m, w, filters, panel, channels, u, u_at):
    """U of the PANEL filters of one panel: u[u_at + (f · channels + c) · PANEL + k]."""
    at, lane, step, tap = filters
    rest = aligned((9 + 18) * LANES)
    for c in range(channels):
        for k in range(0, PANEL, LANES):
            start = at + (panel * PANEL + k) * lane + c * step
            kernel(m, w, start, lane, tap, u, u_at + c * PANEL + k, channels * PANEL, rest)


@njit
def transform(m, x, image, grid, padding, first, tiles, wide, c0, c1, v, v_at, v_step):
    """V of channels [c0, c1) of tiles [first, first + tiles): v[v_at + f · v_step + c · wide + tile]."""
    size = image[1] * image[2]
    scratch, rest, last = aligned(SCRATCH), aligned(36 * LANES), aligned(LANES)
    copies = np.empty((COPIES, 3), np.int64)
    for group in range(0, tiles, LANES):
        count = min(LANES, tiles - group)
        n, place, ends = plan(first + group, count, m, 2, image, grid, padding, copies, last)
        scratch[:] = 0
        for c in range(c0, c1):
            to = v_at + c * wide + group
            if place >= 0:
                at = place + c * size
                input_tiles(m, x, at, image[2], False, scratch, PAIRS, last, v, to, v_step, rest)
            else:
                copy_in(copies, n, x, c * size, scratch)
                input_tiles(m, scratch, 0, LINE, ends, scratch, PAIRS, last, v, to, v_step, rest)


@njit
def _multiply(m, u, u_at, channels, v, v_at, v_step, wide, rows, sums):
    """sums[(k · n² + f) · wide + tile] = Σ_c U[f, c, k] · V[f, c, tile] for k < rows."""
    n2 = (m + 2) * (m + 2)
    c_row = n2 * wide
    for f in range(n2):
        b = v_at + f * v_step
        for k in range(0, rows, ROWS):
            a = u_at + (k // PANEL * n2 + f) * channels * PANEL + k % PANEL
            c = k * c_row + f * wide
            if wide == 3 * LANES:
                tile(ROWS, 3, u, a, 1, PANEL, v, b, wide, sums, c, c_row, channels, False, None)
            elif wide == 2 * LANES:
                tile(ROWS, 2, u, a, 1, PANEL, v, b, wide, sums, c, c_row, channels, False, None)
            else:
                tile(ROWS, 1, u, a, 1, PANEL, v, b, wide, sums, c, c_row, channels, False, None)


@njit
def _transform_back(m, sums, wide, rows, k0, bias, activation, y, image, grid, first, tiles):
    """y of filters [k0, k0 + rows) in tiles [first, first + tiles)."""
    n2 = (m + 2) * (m + 2)
    size = image[1] * image[2]
    scratch, rest, last = aligned(SCRATCH), aligned(36 * LANES), aligned(LANES)
    copies = np.empty((COPIES, 3), np.int64)
    for group in range(0, tiles, LANES):
        count = min(LANES, tiles - group)
        n, place, _ = plan(first + group, count, m, 0, image, grid, (0, 0), copies, last)
        for k in range(rows):
            b = bias[k0 + k] if bias.size else np.float32(0)
            at = k * n2 * wide + group
            if place >= 0:
                to = place + (k0 + k) * size
                output_tiles(m, sums, at, wide, b, activation, y, to, image[2], rest)
            else:
                output_tiles(m, sums, at, wide, b, activation, scratch, 0, LINE, rest)
                copy_out(copies, n, scratch, y, (k0 + k) * size)


@parallel
def _panels(task, m, w, filters, channels, u):
    _panel(m, w, filters, task, channels, u, task * (m + 2) * (m + 2) * channels * PANEL)


@parallel
def _blocks(task, tasks, m, x, image, grid, padding, total, u, bias, activation, y, out):
    """Some blocks of tiles, from pixels to pixels."""
    n2, channels, width = (m + 2) * (m + 2), image[0], out[0]
    blocks = -(-total // BLOCK)
    v_step = channels * BLOCK + LANES
    v, sums = aligned(n2 * v_step), aligned(CHUNK * PANEL * n2 * BLOCK)
    for block in range(task * blocks // tasks, (task + 1) * blocks // tasks):
        first = block * BLOCK
        tiles = min(BLOCK, total - first)
        wide = -(-tiles // LANES) * LANES
        transform(m, x, image, grid, padding, first, tiles, wide, 0, channels, v, 0, v_step)
        for k in range(0, width, CHUNK * PANEL):
            rows = min(CHUNK * PANEL, width - k)
            _multiply(m, u, k * n2 * channels, channels, v, 0, v_step, wide, rows, sums)
            _transform_back(m, sums, wide, rows, k, bias, activation, y, out, grid, first, tiles)


SHARE = 32
"""Channels transformed by one task of the staged variant."""


@parallel
def _stage(task, m, x, image, grid, padding, total, v):
    """V of a block of tiles and some channels."""
    n2, channels = (m + 2) * (m + 2), image[0]
    shares = -(-channels // SHARE)
    first, c = task // shares * BLOCK, task % shares * SHARE
    tiles = min(BLOCK, total - first)
    wide = -(-tiles // LANES) * LANES
    v_step = channels * BLOCK + LANES
    at = task // shares * n2 * v_step
    transform(m, x, image, grid, padding, first, tiles, wide, c, min(channels, c + SHARE), v, at, v_step)


@parallel
def _filters(task, m, w, filters, channels, grid, total, v, bias, activation, y, out):
    """All tiles, for one panel of filters."""
    n2, k = (m + 2) * (m + 2), task * PANEL
    rows = min(PANEL, out[0] - k)
    u, sums = aligned(n2 * channels * PANEL), aligned(PANEL * n2 * BLOCK)
    v_step = channels * BLOCK + LANES
    _panel(m, w, filters, task, channels, u, 0)
    for block in range(-(-total // BLOCK)):
        first = block * BLOCK
        tiles = min(BLOCK, total - first)
        wide = -(-tiles // LANES) * LANES
        _multiply(m, u, 0, channels, v, block * n2 * v_step, v_step, wide, rows, sums)
        _transform_back(m, sums, wide, rows, k, bias, activation, y, out, grid, first, tiles)


def conv(x, weight, bias, padding, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o + j − padding₀])."""
    filters = _whole_panels(weight, 0)
    out = (len(weight), *(n + sum(p) - 2 for n, p in zip(x.shape[2:], padding, strict=True)))
    step = weight.shape[1] * 9
    bias = np.empty(0, np.float32) if bias is None else bias
    return _apply(x, filters, (0, step, 9, 1), (padding[0][0], padding[1][0]), bias, activation, out)


def input_gradient(dy, weight, x_shape, padding):
    """dx[b, c, i] = Σ_{k, j} weight[k, c, j] · dy[b, k, i − j + padding₀]: filters turned round."""
    filters = _whole_panels(weight, 1)
    step = filters.shape[1] * 9
    corner = (2 - padding[0][0], 2 - padding[1][0])
    return _apply(dy, filters, (8, 9, step, -1), corner, np.empty(0, np.float32), None, x_shape[1:])


def tile_size():
    """The side m of an output tile: 4, in precise mode 2."""
    return 2 if is_precise() else 4


def flat(x):
    """The numbers of an array in C order, one after the other."""
    return np.ascontiguousarray(x).reshape(-1)


def _apply(x, weight, filters, padding, bias, activation, out):
    """Convolve with the filters at weight[at + k · lane + c · step + j · tap]; ``out`` (K, rows, columns)."""
    m = tile_size()
    batch, channels = x.shape[:2]
    y = np.empty((batch, *out), np.float32)
    grid = (-(-out[1] // m), -(-out[2] // m))
    total, n2 = batch * grid[0] * grid[1], (m + 2) ** 2
    x_flat, w_flat, y_flat = flat(x), flat(weight), flat(y)
    image, activation = x.shape[1:], ACTIVATIONS[activation]
    blocks, panels = -(-total // BLOCK), -(-out[0] // PANEL)
    if blocks <= FEW:
        v = aligned_array(blocks * n2 * (channels * BLOCK + LANES))
        _stage(blocks * -(-channels // SHARE), m, x_flat, image, grid, padding, total, v)
        _filters(panels, m, w_flat, filters, channels, grid, total, v, bias, activation, y_flat, out)
    else:
        u, tasks = aligned_array(panels * n2 * channels * PANEL), min(TASKS, blocks)
        _panels(panels, m, w_flat, filters, channels, u)
        _blocks(tasks, tasks, m, x_flat, image, grid, padding, total, u, bias, activation, y_flat, out)
    return y


def aligned_array(size):
    """As ``winograd_tiles.aligned``."""
    room = np.empty(size + 16, np.float32)
    skip = -room.ctypes.data % 64 // 4
    return room[skip : skip + size]


def _whole_panels(weight, axis):
    """Zero filters added along the axis until panels are full."""
    missing = -weight.shape[axis] % PANEL
    if not missing:
        return weight
    return np.pad(weight, [(0, missing if a == axis else 0) for a in range(weight.ndim)])
