"""The compiled parts of Winograd's convolution (``winograd.py`` says what they compute, and why).

    taps → U        a PANEL of filters at a time
    pixels → V      LANES tiles at a time
    U, V → sums     for BLOCK tiles and some panels, for each of the n² positions f a matrix product
    sums → y        LANES tiles at a time, bias and activation on the way

Two ways to divide this among tasks. ``blocks``: U of all filters first, then every task takes some blocks
of tiles from pixels to pixels. ``stage`` and ``filter_panels``: V of all tiles first, then every task takes
some panels of filters through all tiles; for small images with many channels, where U is the larger part:
it never leaves the core that needs it. Every number is computed by the same operations either way.

    V      v[(f · channels + c) · BLOCK + tile], the step from f to f + 1 longer by LANES: a power of two
           would send all n² writes of a tile to one place of the cache
    U      u[((panel · n² + f) · (channels + 1) + c) · PANEL + k], the one channel more for the same reason

Zero and LINE go into calls as np.int64: a plain constant is a type of its own to Numba, and every new one
would compile the function, with all that is inlined in it, once more.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import simd
from .microkernels import tile
from .simd import LANES, bare, gather, store, transpose
from .winograd_tiles import COPIES, LINE, NEXT, SCRATCH, aligned, copy_in, copy_out, plan
from .winograd_transforms import input_tiles, kernel, lane_of, output_tiles

__all__ = [
    "BLOCK",
    "PANEL",
    "ROWS",
    "SHARE",
    "VECTORS",
    "blocks",
    "filter_panels",
    "panels",
    "stage",
    "transform",
]

PANEL = 16
"""Filters whose U lie side by side."""

ROWS = {64: 8, 32: 4, 16: 8, 0: 1}[simd.BYTES]
"""ROWS × VECTORS accumulators fit the registers; ROWS divides PANEL."""

VECTORS = 3

HIGH = 2 * ROWS
"""Rows of a tile that is one vector wide; divides PANEL too."""

LEFT = 4
"""Up to so many tiles in a block, filters are put across the lanes instead."""

FILTERS = PANEL // max(1, LANES)

BLOCK = VECTORS * LANES
"""Tiles of a block."""

CHUNK = 2
"""Panels of filters multiplied before their sums are transformed back."""

SHARE = 32
"""Channels transformed by one task of the staged variant."""

SLICE = 128
"""Channels whose U are made at a time there: with those of CHUNK panels 0.6 MB."""

DEPTH = 128
"""Channels summed at a time: V of a block, 24 kB of them, stays in the nearest cache for all filters."""

AHEAD = 16
"""Channels by which V is fetched before its turn."""


@njit
def _taps(w, filters, panel, c0, count, taps):
    """Taps of PANEL filters side by side: taps[(c · 9 + j) · PANEL + k] for channels c0 + c, c < count.

    Tap j of filter k, channel c is w[at + k · lane + c · step + j · tap]: (at, lane, step, tap) = filters.
    """
    at, lane, step, tap = filters
    for k in range(0, PANEL, LANES):
        corner = at + (panel * PANEL + k) * lane + c0 * step
        for q in range(0, 9 * count, LANES):
            if tap == 1 and q + LANES <= 9 * count:  # the taps of all channels lie in a row
                transpose(w, corner + q, lane, LANES, taps, q * PANEL + k, PANEL)
            else:
                for p in range(q, min(q + LANES, 9 * count)):
                    store(taps, p * PANEL + k, gather(w, corner + p // 9 * step + p % 9 * tap, lane))


@njit
def _panel(m, w, filters, panel, c0, c1, u, u_at):
    """U of the PANEL filters of one panel: u[u_at + (f · (c1 − c0 + 1) + c) · PANEL + k]."""
    taps, rest = aligned(9 * LANES * PANEL), aligned(18 * LANES)
    step = (c1 - c0 + 1) * PANEL
    for first in range(c0, c1, LANES):
        count = min(LANES, c1 - first)
        _taps(w, filters, panel, first, count, taps)
        for c in range(count):
            for k in range(0, PANEL, LANES):
                to = u_at + (first - c0 + c) * PANEL + k
                kernel(m, taps, c * 9 * PANEL + k, PANEL, u, to, step, rest)


@njit
def transform(m, x, image, grid, padding, first, tiles, wide, c0, c1, v, v_at, v_step):
    """V of channels [c0, c1) of tiles [first, first + tiles): v[v_at + f · v_step + c · wide + tile].

    tiles ≤ BLOCK, a channel after the other: so lines are read from one end to the other, and meanwhile
    those of the next channel are fetched.
    """
    halo = np.int64(2)
    scratch, rest = aligned(VECTORS * SCRATCH), aligned(36 * LANES)
    scratch[:] = 0
    copies, plans = np.empty((VECTORS, COPIES, 3), np.int64), np.empty((VECTORS, 5), np.int64)
    groups = -(-tiles // LANES)
    for g in range(groups):
        count = min(LANES, tiles - g * LANES)
        n, place, rows, lacks = plan(
            first + g * LANES, count, m, halo, image, grid, padding, copies[g], x.size
        )
        plans[g, 0], plans[g, 1], plans[g, 2], plans[g, 3], plans[g, 4] = n, place, rows[0], rows[1], lacks
    _channels(m, x, image, copies, plans, groups, wide, c0, c1, v, v_at, v_step, scratch, rest)


@njit
def _channels(m, x, image, copies, plans, groups, wide, c0, c1, v, v_at, v_step, scratch, rest):
    """The loop of ``transform``, a function of its own so that nobody counts its arrays' users."""
    x, v, scratch, rest = bare(x), bare(v), bare(scratch), bare(rest)
    copies, plans = bare(copies), bare(plans)
    size, line, none = image[1] * image[2], np.int64(LINE), np.int64(0)
    for c in range(c0, c1):
        for g in range(groups):
            n, at, rows, lacks = plans[g, 0], plans[g, 1] + c * size, (plans[g, 2], plans[g, 3]), plans[g, 4]
            to = v_at + c * wide + g * LANES
            if n < 0:
                input_tiles(m, x, at, image[2], m, rows, lacks, size, v, to, v_step, rest)
            else:
                copy_in(copies[g], n, x, c * size, size, scratch[g * SCRATCH :])
                at, beside = np.int64(g * SCRATCH), np.int64(NEXT) if lacks else m
                input_tiles(m, scratch, at, line, beside, rows, none, none, v, to, v_step, rest)


@njit
def _multiply(m, u, u_at, channels, v, v_at, v_step, tiles, rows, sums, at, more):
    """sums[at + (k · n² + f) · wide + tile] = Σ_c U[f, c, k] · V[f, c, tile] for k < rows; more: is added."""
    n2, wide = (m + 2) * (m + 2), -(-tiles // LANES) * LANES
    if tiles <= LEFT < LANES:
        _multiply_few(m, u, u_at, channels, v, v_at, v_step, wide, tiles, rows, sums, at, more)
        return
    c_row = n2 * wide
    for f in range(n2):
        for c0 in range(0, channels, DEPTH):
            b, depth, add = v_at + f * v_step + c0 * wide, min(DEPTH, channels - c0), more or c0 > 0
            for k in range(0, rows, ROWS if wide > LANES else HIGH):
                a = u_at + ((k // PANEL * n2 + f) * (channels + 1) + c0) * PANEL + k % PANEL
                c = at + k * c_row + f * wide
                if wide == 3 * LANES:
                    tile(ROWS, 3, u, a, 1, PANEL, v, b, wide, sums, c, c_row, depth, add, None, AHEAD)
                elif wide == 2 * LANES:
                    tile(ROWS, 2, u, a, 1, PANEL, v, b, wide, sums, c, c_row, depth, add, None, AHEAD)
                else:
                    tile(HIGH, 1, u, a, 1, PANEL, v, b, wide, sums, c, c_row, depth, add, None, AHEAD)


@njit
def _multiply_few(m, u, u_at, channels, v, v_at, v_step, wide, tiles, rows, sums, at, more):
    """The same for at most LEFT tiles: filters, not tiles, lie across the lanes, so that none is idle."""
    n2, few, lanes = (m + 2) * (m + 2), aligned(LEFT * PANEL), np.empty(LEFT, np.int64)
    for t in range(LEFT):
        lanes[t] = lane_of(m, t)
    for f in range(n2):
        a = v_at + f * v_step
        for k in range(0, rows, PANEL):
            b = u_at + (k // PANEL * n2 + f) * (channels + 1) * PANEL
            tile(LEFT, FILTERS, v, a, lanes, wide, u, b, PANEL, few, 0, PANEL, channels, False, None)
            for i in range(min(PANEL, rows - k)):
                for t in range(tiles):
                    to = at + ((k + i) * n2 + f) * wide + lanes[t]
                    sums[to] = few[t * PANEL + i] + (sums[to] if more else np.float32(0))


@njit
def _transform_back(m, sums, sums_at, wide, rows, k0, bias, activation, y, image, grid, first, tiles):
    """y of filters [k0, k0 + rows) in tiles [first, first + tiles)."""
    scratch, rest, copies = aligned(SCRATCH), aligned(36 * LANES), np.empty((COPIES, 3), np.int64)
    _filters(
        m, sums, sums_at, wide, rows, k0, bias, activation, y, image, grid, first, tiles, scratch, rest,
        copies,
    )  # fmt: skip


@njit
def _filters(
    m, sums, sums_at, wide, rows, k0, bias, activation, y, image, grid, first, tiles, scratch, rest, copies
):
    """The loops of ``_transform_back``, likewise."""
    sums, bias, y = bare(sums), bare(bias), bare(y)
    scratch, rest, copies = bare(scratch), bare(rest), bare(copies)
    n2, size = (m + 2) * (m + 2), image[1] * image[2]
    zero, line = np.int64(0), np.int64(LINE)
    for group in range(0, tiles, LANES):
        count = min(LANES, tiles - group)
        n, place, _, _ = plan(first + group, count, m, zero, image, grid, (zero, zero), copies, y.size)
        for k in range(rows):
            b = bias[k0 + k] if bias.size else np.float32(0)
            at = sums_at + k * n2 * wide + group
            if n < 0:
                to = place + (k0 + k) * size
                output_tiles(m, sums, at, wide, b, activation, y, to, image[2], size, rest)
            else:
                output_tiles(m, sums, at, wide, b, activation, scratch, zero, line, zero, rest)
                copy_out(copies, n, scratch, y, (k0 + k) * size, size)


@parallel
def panels(task, m, w, filters, channels, u):
    """U of one panel of filters."""
    _panel(m, w, filters, task, np.int64(0), channels, u, task * (m + 2) * (m + 2) * (channels + 1) * PANEL)


@parallel
def blocks(task, tasks, m, x, image, grid, padding, total, u, bias, activation, y, out):
    """Some blocks of tiles, from pixels to pixels."""
    n2, channels, width, zero = (m + 2) * (m + 2), image[0], out[0], np.int64(0)
    number = -(-total // BLOCK)
    v_step = channels * BLOCK + LANES
    v, sums = aligned(n2 * v_step), aligned(CHUNK * PANEL * n2 * BLOCK)
    for block in range(task * number // tasks, (task + 1) * number // tasks):
        first = block * BLOCK
        tiles = min(BLOCK, total - first)
        wide = -(-tiles // LANES) * LANES
        transform(m, x, image, grid, padding, first, tiles, wide, zero, channels, v, zero, v_step)
        for k in range(0, width, CHUNK * PANEL):
            rows = min(CHUNK * PANEL, width - k)
            _multiply(
                m, u, k * n2 * (channels + 1), channels, v, zero, v_step, tiles, rows, sums, zero, False
            )
            _transform_back(m, sums, zero, wide, rows, k, bias, activation, y, out, grid, first, tiles)


@parallel
def stage(task, m, x, image, grid, padding, total, v):
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
def filter_panels(task, m, w, filters, some, channels, grid, total, v, bias, activation, y, out):
    """All tiles, ``some`` panels of filters; SLICE channels at a time, whose U stay in the second cache."""
    n2, k0, number = (m + 2) * (m + 2), task * some * PANEL, -(-total // BLOCK)
    rows = min(some * PANEL, out[0] - k0)
    size = some * PANEL * n2 * BLOCK if channels > SLICE else 0  # sums of a block wait for the next slice
    u = aligned(n2 * (min(channels, SLICE) + 1) * some * PANEL)
    sums = aligned(max(size * number, some * PANEL * n2 * BLOCK))
    v_step = channels * BLOCK + LANES
    for c0 in range(0, channels, SLICE):
        c1 = min(channels, c0 + SLICE)
        for panel in range(-(-rows // PANEL)):
            _panel(m, w, filters, task * some + panel, c0, c1, u, panel * n2 * (c1 - c0 + 1) * PANEL)
        for block in range(number):
            first = block * BLOCK
            tiles = min(BLOCK, total - first)
            wide = -(-tiles // LANES) * LANES
            at, v_at, zero = block * size, block * n2 * v_step + c0 * wide, np.int64(0)
            _multiply(m, u, zero, c1 - c0, v, v_at, v_step, tiles, rows, sums, at, c0 > 0)
            if c1 == channels:
                _transform_back(m, sums, at, wide, rows, k0, bias, activation, y, out, grid, first, tiles)
