"""The weight gradient of the 3 × 3 convolution, in Winograd's domain. Equals ``conv_weight_gradient``.

With y = Aᵀ[U ⊙ V]A of each tile, U = G g Gᵀ and V = Bᵀ d B (``winograd.py``), the chain rule gives

    D  = A dy Aᵀ                     of each tile of dy: the gradient of U ⊙ V
    dU[f, k, c] = Σ_tiles D[f, k, tile] · V[f, c, tile]
    dW[k, c] = Gᵀ dU[·, k, c] G      of each filter, once

The middle line is a matrix product for each of the n² positions f. Its sum runs over tiles, so V is turned
to have channels side by side: V[f, tile, c]. A task takes a SHARE of both kinds of channels and a chunk of
the tiles, and goes through them TILES at a time: transforms both, and adds the product to its own dU. All
three stay in the second cache; only pixels come from farther away. The chunks' sums are added in order.

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

SHARE = 64
"""Output and input channels of a task: its part of dU takes 590 kB."""

TILES = 3 * LANES
"""Tiles taken at a time: V and D of a task take 440 kB each."""

TASKS = 16
"""If the shares are fewer, tiles are divided into chunks to make so many tasks."""


def weight_gradient(dy, x, weight_shape, padding):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o + j − padding₀]."""
    m = tile_size()
    (width, channels), out = weight_shape[:2], dy.shape[1:]
    grid = (-(-out[1] // m), -(-out[2] // m))
    total, corner = len(x) * grid[0] * grid[1], (padding[0][0], padding[1][0])
    shares = (-(-width // SHARE), -(-channels // SHARE))
    size = (_whole(min(SHARE, width), ROWS), _whole(min(SHARE, channels), LANES))
    chunks = max(1, min(-(-TASKS // (shares[0] * shares[1])), total // TILES))
    du = aligned_array(chunks * shares[0] * shares[1] * (m + 2) ** 2 * size[0] * size[1])
    (x, image), (dy, out) = part(x, 0, 1), part(dy, 0, 1)
    dweight = np.empty(weight_shape, np.float32)
    tasks = chunks * shares[0] * shares[1]
    _chunk(tasks, chunks, shares, size, m, x, image, dy, out, grid, corner, total, du)
    _filters(width, chunks, shares, size, m, du, channels, dweight.reshape(-1))
    return dweight


def _whole(count, unit):
    """The next multiple of the unit."""
    return -(-count // unit) * unit


@njit
def _turned(m, x, image, grid, padding, first, count, c0, c1, v, v_at, v_step, c_row):
    """V of LANES tiles and channels [c0, c1): v[v_at + f · v_step + tile · c_row + c − c0]."""
    n2 = (m + 2) * (m + 2)
    room = LANES + 1  # not a power of two: the n² numbers of a tile would share one place of the cache
    straight = aligned(n2 * room * LANES)
    wide, step = np.int64(LANES), np.int64(room * LANES)
    for c in range(c0, c1, LANES):
        end = min(c1, c + LANES)
        transform(m, x, image, grid, padding, first, count, wide, c, end, straight, -c * wide, step)
        for f in range(n2):
            transpose(straight, f * step, LANES, LANES, v, v_at + f * v_step + c - c0, c_row)


@njit
def _gradients(m, dy, image, grid, first, count, k0, k1, d, d_at, row, step):
    """D of LANES tiles and output channels [k0, k1): d[d_at + f · step + (k − k0) · row + tile]."""
    size = image[1] * image[2]
    scratch, rest = aligned(SCRATCH), aligned(36 * LANES)
    copies = np.empty((COPIES, 3), np.int64)
    zero, line = np.int64(0), np.int64(LINE)  # see ``winograd_blocks.py``
    n, place, _, _ = plan(first, count, m, zero, image, grid, (zero, zero), copies, dy.size)
    scratch[:] = 0
    for k in range(k0, k1):
        if n < 0:
            gradient_tiles(m, dy, place + k * size, image[2], d, d_at + (k - k0) * row, step, rest)
        else:
            copy_in(copies, n, dy, k * size, size, scratch)
            gradient_tiles(m, scratch, zero, line, d, d_at + (k - k0) * row, step, rest)


@njit
def _products(n2, rows, c_row, tiles, d, row, d_step, v, v_step, du, at):
    """du[at + (f · rows + k) · c_row + c] += Σ_tile D[f, k, tile] · V[f, tile, c]."""
    for f in range(n2):
        c = 0
        while c < c_row:
            left = (c_row - c) // LANES
            vectors = 2 if left == 2 or left == 4 else min(VECTORS, left)
            b = f * v_step + c
            for k in range(0, rows, ROWS):
                a, to = f * d_step + k * row, at + (f * rows + k) * c_row + c
                if vectors == 3:
                    tile(ROWS, 3, d, a, row, 1, v, b, c_row, du, to, c_row, tiles, True, None)
                elif vectors == 2:
                    tile(ROWS, 2, d, a, row, 1, v, b, c_row, du, to, c_row, tiles, True, None)
                else:
                    tile(ROWS, 1, d, a, row, 1, v, b, c_row, du, to, c_row, tiles, True, None)
            c += vectors * LANES


@parallel
def _chunk(task, chunks, shares, size, m, x, image, dy, out, grid, padding, total, du):
    """dU of one share of the channels, summed over one chunk of the tiles."""
    n2, (rows, c_row), share = (m + 2) * (m + 2), size, task // chunks
    number, chunk = -(-total // TILES), task % chunks
    k0, c0 = share // shares[1] * SHARE, share % shares[1] * SHARE
    k1, c1 = min(out[0], k0 + SHARE), min(image[0], c0 + SHARE)
    v_step, d_step = TILES * c_row + LANES, rows * TILES + LANES  # see ``winograd_blocks.py``
    v, d = aligned(n2 * v_step), aligned(n2 * d_step)
    at, row = task * n2 * rows * c_row, np.int64(TILES)
    du[at : at + n2 * rows * c_row] = 0
    for block in range(chunk * number // chunks, (chunk + 1) * number // chunks):
        first = block * TILES
        tiles = min(TILES, total - first)
        for group in range(0, tiles, LANES):
            count = min(LANES, tiles - group)
            _turned(m, x, image, grid, padding, first + group, count, c0, c1, v, group * c_row, v_step, c_row)
            _gradients(m, dy, out, grid, first + group, count, k0, k1, d, group, row, d_step)
        groups = -(-tiles // LANES) * LANES
        _products(n2, rows, c_row, groups, d, row, d_step, v, v_step, du, at)


@parallel
def _filters(task, chunks, shares, size, m, du, channels, dweight):
    """dW of output channel ``task``: Gᵀ dU G of the chunks' sum; nine taps of a channel side by side."""
    n2, (rows, c_row) = (m + 2) * (m + 2), size
    rest, taps, sides = aligned(36 * LANES), aligned(9 * LANES), aligned(9 * LANES)
    total = aligned(36 * LANES)
    for c in range(0, channels, LANES):
        part = (task // SHARE * shares[1] + c // SHARE) * chunks
        for f in range(n2):
            at = (part * n2 * rows + f * rows + task % SHARE) * c_row + c % SHARE
            number = load(du, at)
            for chunk in range(1, chunks):
                number = number + load(du, at + chunk * n2 * rows * c_row)
            store(total, f * LANES, number)
        filter_gradients(m, total, 0, LANES, taps, 0, LANES, rest)
        for j in range(0, 9, LANES):
            transpose(taps, j * LANES, LANES, min(LANES, 9 - j), sides, j, 9)
        numbers = 9 * min(LANES, channels - c)
        for i in range(0, numbers, LANES):
            n = numbers - i
            store_part(dweight, (task * channels + c) * 9 + i, load_part(sides, i, n), n)
