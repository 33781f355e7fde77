"""Max and average pooling: 1 and 2 spatial axes are 3 of which some have length 1.

An axis is described by three small tables: where window o starts inside x, how many of its positions
lie inside x, and how many count for the average. So strided, dilated, overhanging and adaptive windows
are the same loop.
"""

import numpy as np

from ..jit import njit, prange

__all__ = ["pool", "pool_backward"]

SMALL = 1 << 14
"""Below so many window positions one thread is quicker than waking the others."""


def pool(kind, x, kernel, stride, padding, dilation, out, count_padding):
    """y[b, c, o] = max, or mean, of x[b, c, ·] over window o; index: the winner's flat position in S…"""
    tables = _tables(x.shape[2:], kernel, stride, padding, dilation, out, count_padding)
    y = np.empty(x.shape[:2] + tuple(out), x.dtype)
    wide = _work(tables, y) >= SMALL
    if kind == "max":
        index = np.empty(y.shape, np.int64)
        if wide and kernel is not None:
            from . import pooling_vectors

            if pooling_vectors.serves(x, stride):
                pooling_vectors.max_pool(_three(x), tables, kernel, stride, _three(y), _three(index))
                return y, index
        (_max_wide if wide else _max)(_three(x), *tables, _three(y), _three(index))
        return y, index
    (_average_wide if wide else _average)(_three(x), *tables, _three(y))
    return y, None


def pool_backward(kind, dy, index, x_shape, kernel, stride, padding, dilation, count_padding):
    """dx[b, c, i] = Σ dy over the windows that i won (max); Σ dy / divisor over the windows that hold i."""
    dx = np.zeros(x_shape, dy.dtype)
    if kind == "max":
        back = _max_backward if dy.size < SMALL else _max_backward_wide
        back(_three(dy), _three(index), _three(dx))
        return dx
    tables = _tables(x_shape[2:], kernel, stride, padding, dilation, dy.shape[2:], count_padding)
    back = _average_backward if _work(tables, dy) < SMALL else _average_backward_wide
    back(_three(dy), *tables, _three(dx))
    return dx


def _three(x):
    """(B, C, S…) → (B·C, S₀, S₁, S₂)."""
    return x.reshape(-1, *(1,) * (5 - x.ndim), *x.shape[2:]) if x.size else x.reshape(0, 1, 1, 1)


def _work(tables, y):
    """How many positions all windows hold together, at most."""
    _, inside, _, _ = tables
    return y.size * int(inside.max(axis=1, initial=0).prod())


def _tables(spatial, kernel, stride, padding, dilation, out, count_padding):
    """Of each window: first position in x, number in x, number that counts, (3, longest O); the step (3,)."""
    first = np.zeros((3, max(out, default=0)), np.int64)
    inside, counted, step = np.ones_like(first), np.ones_like(first), np.ones(3, np.int64)
    for axis, (size, count) in enumerate(zip(spatial, out, strict=True)):
        row = 3 - len(spatial) + axis
        o = np.arange(count)
        if kernel is None:
            start, end = o * size // count, -(-(o + 1) * size // count)
            first[row, :count], inside[row, :count], counted[row, :count] = start, end - start, end - start
            continue
        (before, after), d = padding[axis], dilation[axis]
        start = o * stride[axis] - before
        left_out = np.maximum(-(start // d), 0)
        within = np.clip((size - 1 - start) // d + 1, 0, kernel[axis])
        padded = np.clip((size + after - 1 - start) // d + 1, 0, kernel[axis])
        first[row, :count] = start + left_out * d
        inside[row, :count] = np.maximum(within - left_out, 0)
        counted[row, :count] = padded if count_padding else inside[row, :count]
        step[row] = d
    return first, inside, np.maximum(counted, 1), step


@njit
def _max_row(x, first, inside, counted, step, y, index):
    """One (b, c): x (S₀, S₁, S₂) → y, index (O₀, O₁, O₂)."""
    _, s1, s2 = x.shape
    for o0 in range(y.shape[0]):
        for o1 in range(y.shape[1]):
            for o2 in range(y.shape[2]):
                best, winner = x.dtype.type(-np.inf), -1
                for j0 in range(inside[0, o0]):
                    i0 = first[0, o0] + j0 * step[0]
                    for j1 in range(inside[1, o1]):
                        i1 = first[1, o1] + j1 * step[1]
                        for j2 in range(inside[2, o2]):
                            i2 = first[2, o2] + j2 * step[2]
                            value = x[i0, i1, i2]
                            # not (value <= best): a NaN wins; best != best: and stays
                            if winner < 0 or not (value <= best or best != best):
                                best, winner = value, (i0 * s1 + i1) * s2 + i2
                y[o0, o1, o2], index[o0, o1, o2] = best, winner


@njit
def _average_row(x, first, inside, counted, step, y):
    """One (b, c); summed in float64."""
    for o0 in range(y.shape[0]):
        for o1 in range(y.shape[1]):
            for o2 in range(y.shape[2]):
                total = 0.0
                for j0 in range(inside[0, o0]):
                    i0 = first[0, o0] + j0 * step[0]
                    for j1 in range(inside[1, o1]):
                        i1 = first[1, o1] + j1 * step[1]
                        for j2 in range(inside[2, o2]):
                            total += x[i0, i1, first[2, o2] + j2 * step[2]]
                y[o0, o1, o2] = total / (counted[0, o0] * counted[1, o1] * counted[2, o2])


@njit
def _average_backward_row(dy, first, inside, counted, step, dx):
    for o0 in range(dy.shape[0]):
        for o1 in range(dy.shape[1]):
            for o2 in range(dy.shape[2]):
                number = counted[0, o0] * counted[1, o1] * counted[2, o2]
                share = dy.dtype.type(dy[o0, o1, o2] / number)
                for j0 in range(inside[0, o0]):
                    i0 = first[0, o0] + j0 * step[0]
                    for j1 in range(inside[1, o1]):
                        i1 = first[1, o1] + j1 * step[1]
                        for j2 in range(inside[2, o2]):
                            dx[i0, i1, first[2, o2] + j2 * step[2]] += share


@njit
def _max_backward_row(dy, index, dx):
    dy, index, dx = dy.reshape(-1), index.reshape(-1), dx.reshape(-1)
    for o in range(dy.size):
        if index[o] >= 0:
            dx[index[o]] += dy[o]


# ── all (b, c): by one thread, and by several ────────────────────────────────────────────────────
@njit
def _max(x, first, inside, counted, step, y, index):
    for r in range(len(x)):
        _max_row(x[r], first, inside, counted, step, y[r], index[r])


@njit(parallel=True)
def _max_wide(x, first, inside, counted, step, y, index):
    for r in prange(len(x)):
        _max_row(x[r], first, inside, counted, step, y[r], index[r])


@njit
def _average(x, first, inside, counted, step, y):
    for r in range(len(x)):
        _average_row(x[r], first, inside, counted, step, y[r])


@njit(parallel=True)
def _average_wide(x, first, inside, counted, step, y):
    for r in prange(len(x)):
        _average_row(x[r], first, inside, counted, step, y[r])


@njit
def _average_backward(dy, first, inside, counted, step, dx):
    for r in range(len(dx)):
        _average_backward_row(dy[r], first, inside, counted, step, dx[r])


@njit(parallel=True)
def _average_backward_wide(dy, first, inside, counted, step, dx):
    for r in prange(len(dx)):
        _average_backward_row(dy[r], first, inside, counted, step, dx[r])


@njit
def _max_backward(dy, index, dx):
    for r in range(len(dx)):
        _max_backward_row(dy[r], index[r], dx[r])


@njit(parallel=True)
def _max_backward_wide(dy, index, dx):
    for r in prange(len(dx)):
        _max_backward_row(dy[r], index[r], dx[r])
