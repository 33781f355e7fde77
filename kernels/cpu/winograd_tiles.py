"""Where the tiles of Winograd's convolution lie in images, and how their pixels get to a straight line.

All tiles of all images make one list: image by image, row of tiles by row of tiles. LANES neighbours in
this list are transformed together, one in each lane. They may be a stretch of one row of tiles, away from
every border; then their pixels are neighbours in memory too, and are read and written in place. Else the
group consists of several stretches, or overlaps the padding; then its pixels are copied to lines that look
as if it were one long stretch, zeros where there is padding:

    line r of the group    m · LANES + 2 pixels, from scratch[r · LINE] on
    pairs of line r        the two pixels to the right of each tile that ends a stretch: they are not the
                           first two of the next lane. From scratch[PAIRS + r · 2 · LANES] on

Which pixels go where is the same for every channel. So ``plan`` writes it down once as a list of copies
(place in the images, place in the scratch, how many), and every channel only runs down the list.
"""

import numpy as np

from ..jit import njit
from .simd import LANES, load_part, store_part

__all__ = ["COPIES", "LINE", "PAIRS", "SCRATCH", "aligned", "copy_in", "copy_out", "plan"]

LINE = 5 * LANES
"""Room for a line: 4 · LANES pixels and two more."""

PAIRS = 6 * LINE

SCRATCH = PAIRS + 6 * 2 * LANES

COPIES = 2 * 6 * LANES
"""At most so many copies a group: each of LANES stretches, 6 lines, the line itself and its pair."""


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
def plan(first, count, m, halo, image, grid, padding, copies, last):
    """Copies for tiles [first, first + count), count ≤ LANES → (their number, place, ends).

    m, halo    a tile is m + halo pixels wide and high, m apart from the next
    image      (channels, height, width, from one image to the next); places count from channel 0 of image 0
    grid       (rows of tiles, tiles in a row) of an image
    padding    (top, left): pixels by which the first tile stands out of the image
    place      of the first pixel if the group can be read or written where it is, else −1
    ends       whether there are pairs; last[lane] is then 1 where a stretch ends
    """
    _, height, width, pitch = image
    down, across = grid
    lane, n, ends = 0, np.int64(0), False
    last[:] = 0
    while lane < count:
        b, at = divmod(first + lane, down * across)
        tiles = min(across - at % across, count - lane)
        top, left = at // across * m - padding[0], at % across * m - padding[1]
        right = left + m * tiles
        base = b * pitch
        if tiles == LANES and min(top, left) >= 0 and top + m + halo <= height and right + halo <= width:
            return 0, base + top * width + left, False
        paired = halo > 0 and lane + tiles < LANES
        for r in range(max(0, -top), min(m + halo, height - top)):
            row = base + (top + r) * width
            beyond = 0 if paired else halo
            n = _note(copies, n, row, left, right + beyond, width, r * LINE + m * lane)
            if paired:
                place = PAIRS + 2 * (r * LANES + lane + tiles - 1)
                n = _note(copies, n, row, right, right + halo, width, place)
        lane += tiles
        if paired:
            last[lane - 1] = 1
            ends = True
    return n, -1, ends


@njit
def copy_in(copies, n, x, base, scratch):
    """The pixels of one channel (``base`` behind channel 0) to the lines; what is padding stays as it is."""
    for i in range(n):
        at, to, size = copies[i, 0] + base, copies[i, 1], copies[i, 2]
        for j in range(0, size, LANES):
            store_part(scratch, to + j, load_part(x, at + j, size - j), size - j)


@njit
def copy_out(copies, n, scratch, y, base):
    """The converse; pixels outside the image are dropped."""
    for i in range(n):
        to, at, size = copies[i, 0] + base, copies[i, 1], copies[i, 2]
        for j in range(0, size, LANES):
            store_part(y, to + j, load_part(scratch, at + j, size - j), size - j)
