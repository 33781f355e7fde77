"""Copying a box of the input, padded and taken apart by the stride, for ``convolution_plan.py``."""

from ..jit import njit
from .simd import LANES, deinterleave, load, load_part, splat, store

__all__ = ["copy_box"]


@njit
def copy_box(source, start, channels, corner, end, boxes, copy):
    """copy[c·channel + ((u·R₀ + e₀)·R₁ + e₁)·R₂ + e₂] = source[c, i], 0 unless 0 ≤ i < end.

    i = (corner + e)·stride + low + phase u along each axis; source[c] begins at start + c·S₀·S₁·S₂. Whole
    vectors are written: what reaches beyond a row is overwritten by the next one, and a channel of the copy
    ends with room for one.
    """
    s0, s1, s2 = boxes.size[0], boxes.size[1], boxes.size[2]
    r0, r1, r2 = boxes.rows[0], boxes.rows[1], boxes.rows[2]
    t0, t1, t2 = boxes.stride[0], boxes.stride[1], boxes.stride[2]
    end0, end1, end2 = end[0], end[1], end[2]
    for u in range(len(boxes.phases)):
        low0 = corner[0] * t0 + boxes.low[0] + boxes.phases[u, 0]
        low1 = corner[1] * t1 + boxes.low[1] + boxes.phases[u, 1]
        low2 = corner[2] * t2 + boxes.low[2] + boxes.phases[u, 2]
        left = min(max(0, -(low2 // t2)), r2)
        count = max(0, min(r2, (end2 - 1 - low2) // t2 + 1) - left)
        whole = t1 * t2 == 1 and low1 >= 0 and low1 + r1 <= end1 and low2 == 0 and r2 == s2 == end2
        for c in range(channels):
            at = c * boxes.channel + u * r0 * r1 * r2
            for e0 in range(r0):
                i0 = low0 + e0 * t0
                first = start + ((c * s0 + i0) * s1 + low1) * s2 + low2 + left * t2
                if not 0 <= i0 < end0:
                    _clear(copy, at, r1 * r2)
                elif whole:  # no gaps on either side: a plane is one row
                    _copy_row(source, first, 1, copy, at, r1 * r2)
                else:
                    _copy_rows(source, first, low1, s2, boxes, copy, at, left, count, end1)
                at += r1 * r2
    for c in range(channels):  # the zeros that the last row shares with a next one
        store(copy, c * boxes.channel + len(boxes.phases) * r0 * r1 * r2, splat(copy, 0))


@njit
def _copy_rows(source, first, low, pitch, boxes, copy, at, left, count, end):
    """The rows of a plane: zeros, ``count`` entries of the source, zeros."""
    rows, length, t1, t2 = boxes.rows[1], boxes.rows[2], boxes.stride[1], boxes.stride[2]
    after = left + -(-count // LANES) * LANES
    for e in range(rows):
        if 0 <= low + e * t1 < end and count > 0:
            _clear(copy, at, left)
            _copy_row(source, first + e * t1 * pitch, t2, copy, at + left, count)
            _clear(copy, at + after, length - after)
        else:
            _clear(copy, at, length)
        at += length


@njit(forceinline=True)
def _clear(copy, at, length):
    """So many zeros from at on, and some beyond."""
    nothing = splat(copy, 0)
    for e in range(0, length, LANES):
        store(copy, at + e, nothing)


@njit(forceinline=True)
def _copy_row(source, first, stride, copy, at, count):
    """copy[at + e] = source[first + e·stride] for e < count; zeros up to a whole vector."""
    e = 0
    if stride == 1:
        while e + LANES <= count:
            store(copy, at + e, load(source, first + e))
            e += LANES
        if e < count:
            store(copy, at + e, load_part(source, first + e, count - e))
    elif stride == 2:
        while e < count:
            i, known = first + 2 * e, 2 * (count - e) - 1
            if known >= 2 * LANES:
                a, b = load(source, i), load(source, i + LANES)
            else:
                a, b = load_part(source, i, known), load_part(source, i + LANES, known - LANES)
            even, _ = deinterleave(a, b)
            store(copy, at + e, even)
            e += LANES
    else:
        store(copy, at + count // LANES * LANES, splat(copy, 0))
        for e in range(count):
            copy[at + e] = source[first + e * stride]
