"""Where the tiles of Winograd's convolution lie in images, and how their pixels get to a straight line.

All tiles of all images make one list: image by image, row of tiles by row of tiles. LANES neighbours in
this list are transformed together, one in each lane. They may be a stretch of one row of tiles, away from
every border; then their pixels are neighbours in memory too, and are read and written in place. Else the
group consists of several stretches, or overlaps the padding; then its pixels are copied to lines that look
as if it were one long stretch, zeros where there is padding:

    line r of the group    m · LANES + 2 pixels, from scratch[r · LINE] on
    the same from pixel m  what lies to the right of each tile, from scratch[NEXT + r · LINE] on: of several
                           stretches, since a tile that ends one has others there than the next lane's

One stretch that reaches beyond the image by no more than whole lines, or a pixel at its left or right, is
read where it is all the same: what does not exist is known to be zero.

Which pixels go where is the same for every channel. So ``plan`` writes it down once as a list of copies
(place in the images, place in the scratch, how many), and every channel only runs down the list.
"""

import numpy as np

from ..jit import njit
from .simd import LANES, bare, load, load_part, prefetch, store, store_part

__all__ = ["COPIES", "LEFT", "LINE", "NEXT", "RIGHT", "SCRATCH", "aligned", "copy_in", "copy_out", "plan"]

LINE = 5 * LANES
"""Room for a line: 4 · LANES pixels and four more."""

NEXT = 6 * LINE

SCRATCH = 12 * LINE

LEFT, RIGHT = 1, 2
"""What a stretch may lack: the first pixel of its first tile, the last one of its last."""

COPIES = 2 * 6 * LANES
"""At most so many copies a group: each of LANES stretches, 6 lines, the line itself and the next pixels."""


@njit
def aligned(size):
    """An uninitialised float32 array that begins where a vector's cache line does."""
    room = np.empty(size + 16, np.float32)
    skip = (64 - room.ctypes.data % 64) % 64 // 4
    return room[skip : skip + size]


@njit
def _note(copies, n, row, start, stop, width, place):
    """Note the copy of pixels [start, stop) of a row, those of them that are not padding."""
    first, end = max(start, 0), min(stop, width)
    if first < end:
        copies[n, 0], copies[n, 1], copies[n, 2] = row + first, place + first - start, end - first
        n += 1
    return n


@njit
def plan(first, count, m, halo, image, grid, padding, copies, size):
    """How to reach tiles [first, first + count), count ≤ LANES → (copies, place, rows, lacks).

    m, halo    a tile is m + halo pixels wide and high, m apart from the next
    image      (channels, height, width, from one image to the next); places count from channel 0 of image 0
    grid       (rows of tiles, tiles in a row) of an image
    padding    (top, left): pixels by which the first tile stands out of the image
    size       of the array: what lies outside of it is not touched
    copies     their number; −1: none, the group is read or written where it is
    place      of its first pixel then
    rows       first and end of the rows that exist then, lacks: LEFT, RIGHT or their sum; of copies: whether
               there is more than one stretch
    """
    channels, height, width, pitch = image
    down, across = grid
    lane, n = 0, np.int64(0)
    several = halo > 0 and across - first % across < count
    while lane < count:
        b, at = divmod(first + lane, down * across)
        tiles = min(across - at % across, count - lane)
        top, left = at // across * m - padding[0], at % across * m - padding[1]
        right = left + m * tiles
        base = b * pitch
        start, end = max(0, -top), min(m + halo, height - top)
        if tiles == LANES and left >= -min(halo, 1) and right + min(halo, 1) <= width and start < end:
            lowest = base + (top + start) * width + left
            beyond = base + ((channels - 1) * height + top + end - 1) * width + right + (m if halo else 0)
            whole = end - start == m + halo
            if (whole or halo) and lowest >= 0 and beyond <= size:
                lacks = (LEFT if left < 0 else 0) + (RIGHT if right + halo > width else 0)
                return np.int64(-1), base + top * width + left, (start, end), np.int64(lacks)
        for r in range(start, end):
            row = base + (top + r) * width
            n = _note(copies, n, row, left, right + (0 if several else halo), width, r * LINE + m * lane)
            if several:
                n = _note(copies, n, row, left + m, right + halo, width, NEXT + r * LINE + m * lane)
        lane += tiles
    return n, np.int64(0), (np.int64(0), m + halo), np.int64(several)


@njit
def _move(x, at, y, to, size):
    """y[to : to + size] = x[at : at + size], in whole vectors where there are so many."""
    if size < LANES:
        store_part(y, to, load_part(x, at, size), size)
        return
    for j in range(0, size - LANES, LANES):
        store(y, to + j, load(x, at + j))
    store(y, to + size - LANES, load(x, at + size - LANES))


@njit
def copy_in(copies, n, x, base, ahead, scratch):
    """The pixels of one channel (``base`` behind channel 0) to the lines; what is padding stays as it is.

    Those that lie ``ahead`` of them will be wanted next.
    """
    copies, x, scratch = bare(copies), bare(x), bare(scratch)
    for i in range(n):
        at, size = copies[i, 0] + base, copies[i, 2]
        for j in range(0, size, 16):
            prefetch(x, at + ahead + j)
        _move(x, at, scratch, copies[i, 1], size)


@njit
def copy_out(copies, n, scratch, y, base, ahead):
    """The converse; pixels outside the image are dropped."""
    copies, scratch, y = bare(copies), bare(scratch), bare(y)
    for i in range(n):
        to, size = copies[i, 0] + base, copies[i, 2]
        for j in range(0, size, 16):
            prefetch(y, to + ahead + j)
        _move(scratch, copies[i, 1], y, to, size)
