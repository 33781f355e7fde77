"""Copying a box of the input, padded and taken apart by the stride, for ``convolution_plan.py``."""

from ..jit import njit
from .simd import LANES, bare, deinterleave, load, load_part, prefetch, splat, store, store_part

__all__ = ["copy_box"]


@njit
def copy_box(source, start, channels, corner, end, boxes, copy):
    """copy[c·channel + ((u·R₀ + e₀)·R₁ + e₁)·R₂ + e₂] = source[c, i], 0 unless 0 ≤ i < end.

    i = (corner + e)·stride + low + phase u along each axis; source[c] begins at start + c·S₀·S₁·S₂. Whole
    vectors are written: what reaches beyond a row is overwritten by the next one, and a channel of the copy
    ends with zeros, at least one vector, which the last row shares with a next one. Tiles reach beyond those,
    for sums that nobody wants; what memory held there before is often subnormal, and a product with that
    takes a hundred times as long.
    """
    s0, s1, s2 = boxes.size[0], boxes.size[1], boxes.size[2]
    r0, r1, r2 = boxes.rows[0], boxes.rows[1], boxes.rows[2]
    t0, t1, t2 = boxes.stride[0], boxes.stride[1], boxes.stride[2]
    end0, end1, end2 = end[0], end[1], end[2]
    for c in range(channels):
        u = 0
        while u < len(boxes.phases):
            low0 = corner[0] * t0 + boxes.low[0] + boxes.phases[u, 0]
            low1 = corner[1] * t1 + boxes.low[1] + boxes.phases[u, 1]
            low2 = corner[2] * t2 + boxes.low[2] + boxes.phases[u, 2]
            left = min(max(0, -(low2 // t2)), r2)
            count = max(0, min(r2, (end2 - 1 - low2) // t2 + 1) - left)
            whole = t1 * t2 == 1 and low1 >= 0 and low1 + r1 <= end1 and low2 == 0 and r2 == s2 == end2
            beside = r0 * r1 * r2 if t2 == 2 and _goes_on(boxes.phases, u) else 0
            at = c * boxes.channel + u * r0 * r1 * r2
            for e0 in range(r0):
                i0 = low0 + e0 * t0
                line = start + ((c * s0 + i0) * s1 + low1) * s2
                there = 0 <= i0 < end0
                if whole:  # no gaps on either side: a plane is one row
                    some = r1 * r2 if there else 0
                    _copy_rows(source, line, 0, 0, 1, copy, at, 1, r1 * r2, 0, some, 1, 1)
                elif t2 == 2:
                    _copy_apart(source, line, low1, t1 * s2, low2, end2, copy, at, beside, r1, r2,
                                end1 if there else 0, t1, s0 * s1 * s2)  # fmt: skip
                else:
                    _copy_rows(source, line + low2 + left * t2, low1, t1 * s2, t2, copy, at, r1, r2, left,
                               count if there else 0, end1, t1)  # fmt: skip
                at += r1 * r2
            u += 2 if beside else 1
    filled = len(boxes.phases) * r0 * r1 * r2
    for c in range(channels):
        for e in range(filled, boxes.channel, LANES):
            store(copy, c * boxes.channel + min(e, boxes.channel - LANES), splat(copy, 0))


@njit
def _goes_on(phases, u):
    """Whether phase u + 1 begins one entry after phase u, in the same rows."""
    if u + 1 == len(phases):
        return False
    return (
        phases[u + 1, 0] == phases[u, 0]
        and phases[u + 1, 1] == phases[u, 1]
        and phases[u + 1, 2] == phases[u, 2] + 1
    )


@njit
def _copy_rows(source, first, low, pitch, stride, copy, at, rows, length, left, count, end, step):
    """The rows of a plane: ``left`` zeros, ``count`` entries of the source, zeros.

    One function without helpers: each call with an array counts its users, which costs more than a row.
    """
    nothing = splat(copy, 0)
    for row in range(rows):
        known = count if 0 <= low + row * step < end else 0
        for e in range(0, left if known else length, LANES):
            store(copy, at + e, nothing)
        i, to = first + row * pitch, at + left
        if stride == 1:
            for e in range(0, known - known % LANES, LANES):
                store(copy, to + e, load(source, i + e))
            e = known - known % LANES
            if e < known:
                store(copy, to + e, load_part(source, i + e, known - e))
        elif known:
            store(copy, to + known - known % LANES, nothing)
            for e in range(known):
                copy[to + e] = source[i + e * stride]
        for e in range(left + -(-known // LANES) * LANES, length if known else 0, LANES):
            store(copy, at + e, nothing)
        at += length


@njit
def _copy_apart(
    source, line, low, pitch, column, end2, copy, at, beside, rows, length, end, step, channel
):  # fmt: skip
    """The rows of a plane of stride 2: entries column, column + 2, … of a line of the source.

    Those between them, column + 1, …, go to the rows that lie ``beside`` entries behind, if that is not 0:
    both are read together. What a vector writes beyond its row is written after it, but behind the plane
    may lie what was written before. The next channel, ``channel`` entries behind, is asked for: the processor
    does not foresee every other row.
    """
    source, copy = bare(source), bare(copy)
    nothing, stop = splat(copy, 0), at + rows * length
    left = min(max(0, -(column // 2)), length)  # from here on both are in the source
    for row in range(rows):
        there = 0 <= low + row * step < end
        i = line + row * pitch + column + 2 * left
        known = max(0, end2 - column - 2 * left) if there else 0
        for e in range(0, left if there else length, LANES):
            store_part(copy, at + e, nothing, stop - at - e)
            if beside:
                store(copy, at + beside + e, nothing)
        if there and beside and left and 0 < column + 2 * left < end2 + 1:
            copy[at + beside + left - 1] = source[i - 1]
        for e in range(0, 2 * (length - left) if there else 0, 16):
            prefetch(source, i + channel + e)
        for e in range(left, length if there else 0, LANES):
            rest = known - 2 * (e - left)
            a = load_part(source, i + 2 * (e - left), rest)
            b = load_part(source, i + 2 * (e - left) + LANES, rest - LANES)
            even, odd = deinterleave(a, b)
            store_part(copy, at + e, even, stop - at - e)
            if beside:
                store(copy, at + beside + e, odd)
        at += length
