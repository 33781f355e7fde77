"""The weight gradient of the 3 × 3 convolution, in Winograd's domain. Equals ``conv_weight_gradient``.

With y = Aᵀ[U ⊙ V]A of each tile, U = G g Gᵀ and V = Bᵀ d B (``winograd.py``), the chain rule gives

    D  = A dy Aᵀ                     of each tile of dy: the gradient of U ⊙ V
    dU[f, k, c] = Σ_tiles D[f, k, tile] · V[f, c, tile]
    dW[k, c] = Gᵀ dU[·, k, c] G      of each filter, once

The middle line is a matrix product for each of the n² positions f. Its sum runs over tiles, so V is turned
to have channels side by side: V[f, tile, c]. Tiles are taken by the SPAN, as many as stay in cache; within
one span each f and each stretch of output channels is a task, and the sums are added span by span.

Algorithm: Lavin & Gray, 2016, section 3 (the form F(3×3, 4×4) of the same maps, transposed).
float32 error against float64, rms, relative to the result's rms: 1e-6 (F(2×2), precise mode: 4e-7).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .microkernels import tile
from .simd import LANES, load, load_part, store, store_part, transpose
from .winograd import aligned_array, part, tile_size
from .winograd_blocks import ROWS, VECTORS, transform
from .winograd_tiles import COPIES, LINE, SCRATCH, aligned, copy_in, plan
from .winograd_transforms import filter_gradients, gradient_tiles

__all__ = ["weight_gradient"]

MEMORY = 1 << 23
"""Bytes of V and D together: a part of the cache that cores share."""

SHARE = 64
"""Channels transformed by one task, output channels multiplied by one."""


def weight_gradient(dy, x, weight_shape, padding):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o + j − padding₀]."""
    m = tile_size()
    (width, channels), n2, out = weight_shape[:2], (m + 2) ** 2, dy.shape[1:]
    grid = (-(-out[1] // m), -(-out[2] // m))
    total, corner = len(x) * grid[0] * grid[1], (padding[0][0], padding[1][0])
    c_row, k_rows = -(-channels // LANES) * LANES, -(-width // ROWS) * ROWS
    span = _span(total, n2 * (c_row + k_rows))
    v, d = aligned_array(n2 * span * c_row), aligned_array(n2 * (k_rows * (span + LANES) + LANES))
    du, dweight = aligned_array(n2 * k_rows * c_row), np.empty(weight_shape, np.float32)
    du[:] = 0
    (x, image), (dy, out) = part(x, 0, 1), part(dy, 0, 1)
    shares = -(-channels // SHARE) + -(-width // SHARE)
    for first in range(0, total, span):
        tiles = min(span, total - first)
        groups = -(-tiles // LANES)
        _stage(groups * shares, m, x, image, dy, out, grid, corner, first, tiles, span, v, d)
        _products(n2 * -(-width // SHARE), m, v, d, du, width, channels, groups * LANES, span)
    _filters(width, m, du, k_rows, channels, dweight.reshape(-1))
    return dweight


def _span(total, numbers):
    """How many tiles are taken at a time, if each has so many numbers."""
    fit = max(LANES, MEMORY // (4 * numbers) // LANES * LANES)
    return min(fit, max(1, -(-total // LANES)) * LANES)


RUN = 64
"""Products summed before the sum is added to the others: rounding errors grow with the root of the longest
chain of additions, here of RUN + tiles / RUN instead of tiles."""


@njit
def _turned(m, x, image, grid, padding, first, count, c0, c1, v, v_at, span):
    """V of LANES tiles and channels [c0, c1): v[v_at + (f · span + tile) · c_row + c]."""
    n2, c_row = (m + 2) * (m + 2), -(-image[0] // LANES) * LANES
    room = SHARE + 1  # not a power of two: the n² numbers of a tile would share one place of the cache
    straight = aligned(n2 * room * LANES)
    wide, step = np.int64(LANES), np.int64(room * LANES)
    transform(m, x, image, grid, padding, first, count, wide, c0, c1, straight, -c0 * wide, step)
    for f in range(n2):
        for c in range(c0, c1, LANES):
            at, to = (f * room + c - c0) * LANES, v_at + f * span * c_row + c
            transpose(straight, at, LANES, LANES, v, to, c_row)


@njit
def _gradients(m, dy, image, grid, first, count, k0, k1, d, d_at, row, step):
    """D of LANES tiles and output channels [k0, k1): d[d_at + f · step + k · row + tile]."""
    size = image[1] * image[2]
    scratch, rest, last = aligned(SCRATCH), aligned(36 * LANES), aligned(LANES)
    copies = np.empty((COPIES, 3), np.int64)
    zero, line = np.int64(0), np.int64(LINE)  # np.int64: see ``winograd_blocks.py``
    n, place, _ = plan(first, count, m, zero, image, grid, (zero, zero), copies, last)
    scratch[:] = 0
    for k in range(k0, k1):
        if place >= 0:
            gradient_tiles(m, dy, place + k * size, image[2], d, d_at + k * row, step, rest)
        else:
            copy_in(copies, n, dy, k * size, scratch)
            gradient_tiles(m, scratch, zero, line, d, d_at + k * row, step, rest)


@parallel
def _stage(task, m, x, image, dy, out, grid, padding, first, tiles, span, v, d):
    """V or D of a group of tiles and some channels."""
    shares = -(-image[0] // SHARE)
    both = shares + -(-out[0] // SHARE)
    group, share = task // both * LANES, task % both
    count = min(LANES, tiles - group)
    if share < shares:
        c0, c1 = share * SHARE, min(image[0], (share + 1) * SHARE)
        c_row = -(-image[0] // LANES) * LANES
        _turned(m, x, image, grid, padding, first + group, count, c0, c1, v, group * c_row, span)
    else:
        k0 = (share - shares) * SHARE
        row = span + LANES  # not a power of two: rows would share the same places of the cache
        step = -(-out[0] // ROWS) * ROWS * row + LANES
        _gradients(m, dy, out, grid, first + group, count, k0, min(out[0], k0 + SHARE), d, group, row, step)


@njit
def _product(vectors, d, a, row, v, b, c_row, du, u, tiles):
    """ROWS × vectors · LANES entries of dU from u on: the sum over the tiles is added, RUN by RUN."""
    sums = aligned(ROWS * VECTORS * LANES)
    for first in range(0, tiles, RUN):
        n, at = min(RUN, tiles - first), b + first * c_row
        if vectors == 3:
            tile(ROWS, 3, d, a + first, row, 1, v, at, c_row, sums, 0, 3 * LANES, n, False, None)
        elif vectors == 2:
            tile(ROWS, 2, d, a + first, row, 1, v, at, c_row, sums, 0, 2 * LANES, n, False, None)
        else:
            tile(ROWS, 1, d, a + first, row, 1, v, at, c_row, sums, 0, LANES, n, False, None)
        for k in range(ROWS):
            for i in range(0, vectors * LANES, LANES):
                to = u + k * c_row + i
                store(du, to, load(du, to) + load(sums, k * vectors * LANES + i))


@parallel
def _products(task, m, v, d, du, width, channels, tiles, span):
    """dU[f, k, c] += Σ_tile D[f, k, tile] · V[f, tile, c] for one f and some k."""
    chunks = -(-width // SHARE)
    f, k0 = task // chunks, task % chunks * SHARE
    c_row, k_rows, row = -(-channels // LANES) * LANES, -(-width // ROWS) * ROWS, span + LANES
    for c in range(0, c_row, VECTORS * LANES):
        b, vectors = f * span * c_row + c, min(VECTORS, (c_row - c) // LANES)
        for k in range(k0, min(k0 + SHARE, k_rows), ROWS):
            a, u = (f * k_rows + k) * row + f * LANES, (f * k_rows + k) * c_row + c
            _product(vectors, d, a, row, v, b, c_row, du, u, tiles)


@parallel
def _filters(task, m, du, k_rows, channels, dweight):
    """dW of output channel ``task``: Gᵀ dU G, and the nine taps of a channel side by side."""
    c_row = -(-channels // LANES) * LANES
    rest, taps, sides = aligned(36 * LANES), aligned(9 * LANES), aligned(9 * LANES)
    for c in range(0, channels, LANES):
        filter_gradients(m, du, task * c_row + c, k_rows * c_row, taps, 0, LANES, rest)
        for j in range(0, 9, LANES):
            transpose(taps, j * LANES, LANES, min(LANES, 9 - j), sides, j, 9)
        numbers = 9 * min(LANES, channels - c)
        for i in range(0, numbers, LANES):
            n = numbers - i
            store_part(dweight, (task * channels + c) * 9 + i, load_part(sides, i, n), n)
