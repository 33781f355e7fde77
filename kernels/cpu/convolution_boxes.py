"""Copying a box of the input, padded and taken apart by the stride, for ``convolution_plan.py``."""

from ..jit import njit
from .simd import deinterleave, lanes, load, load_part, splat, store

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
        right = max(left, min(r2, (end2 - 1 - low2) // t2 + 1))
        whole = t1 * t2 == 1 and low1 >= 0 and low1 + r1 <= end1 and low2 == 0 and r2 == s2 == end2
        for c in range(channels):
            at = c * boxes.channel + u * r0 * r1 * r2
            for e0 in range(r0):
                i0 = low0 + e0 * t0
                first = start + ((c * s0 + i0) * s1 + low1) * s2 + low2
                if whole and 0 <= i0 < end0:  # no gaps on either side: a plane is one row
                    _copy_row(source, first, 1, 0, r1 * r2, copy, at, r1 * r2)
                    at += r1 * r2
                    continue
                for e1 in range(r1):
                    if 0 <= i0 < end0 and 0 <= low1 + e1 * t1 < end1 and left < right:
                        _copy_row(source, first + e1 * t1 * s2, t2, left, right, copy, at, r2)
                    else:
                        _clear(copy, at, 0, r2)
                    at += r2
    for c in range(channels):  # the zeros that the last row shares with a next one
        store(copy, c * boxes.channel + len(boxes.phases) * r0 * r1 * r2, splat(copy, 0))


@njit(forceinline=True)
def _clear(copy, at, begin, end):
    """Zeros from at + begin to at + end, and some beyond."""
    nothing = splat(copy, 0)
    for e in range(begin, end, lanes(copy)):
        store(copy, at + e, nothing)


@njit(forceinline=True)
def _copy_row(source, first, stride, left, right, copy, at, length):
    """copy[at + e] = source[first + e·stride] for left ≤ e < right; zeros before, after and beyond."""
    _clear(copy, at, 0, left)
    count = lanes(copy)
    e = left
    if stride == 1:
        while e + count <= right:
            store(copy, at + e, load(source, first + e))
            e += count
        if e < right:
            store(copy, at + e, load_part(source, first + e, right - e))
    elif stride == 2:
        while e < right:
            i = first + 2 * e
            if e + count < right:
                a, b = load(source, i), load(source, i + count)
            else:
                known = 2 * (right - e) - 1
                a, b = load_part(source, i, known), load_part(source, i + count, known - count)
            even, _ = deinterleave(a, b)
            store(copy, at + e, even)
            e += count
    else:
        while e < right:
            copy[at + e] = source[first + e * stride]
            e += 1
    _clear(copy, at, right, length)
