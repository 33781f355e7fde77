"""The matrix product, with whatever is done to a result before it is written.

    out[z, m, n] = φ(Σ_k A[z, m, k] · B[z, k, n] + extra)

matmul, linear, the recurrent layers' long products, every convolution and its two gradients are this, with
other addresses ("implicit GEMM": the matrix of a convolution is never written out).

    tiled    the tiles of ``tile.py``
    slim     one side has SLIM rows or fewer: there is nothing to share, the other matrix is read once and the
             time is that of reading it. Neighbouring threads read neighbours, each with its own share of k,
             and the shares are folded.
    parts    long sums with few results are cut into parts, computed side by side and added in their order

Error: sums are kept in the dtype of the operands, k roundings at most for k terms; where sums are cut or
shared, as many as the longest share has terms, and a few. Order: a matter of the sizes alone.
"""

import numpy as np

from .elementwise import scalar_function
from .launch import SIMULATOR, cached, cuda, device, kernel, larger, launch, launch_each, lean_kernel, smaller
from .memory import empty
from .tile import (
    EDGE,
    FORMS,
    THREADS,
    aligned,
    choose,
    complexes,
    multiplier,
    origin,
    place_in_tile,
    shifter,
)  # fmt: skip
from .vector import load4, store4

__all__ = ["Target", "product", "store_plain"]

SLIM = 4 if SIMULATOR else 8
"""The most rows of a product that is computed row by row."""

PART = 8 if SIMULATOR else 512
"""Terms that a part of a sum has at least."""

SPLIT = 2 if SIMULATOR else 64
"""With fewer tiles than this, long sums are cut."""

ACROSS = 2 if SIMULATOR else 32
"""Threads that read neighbouring entries, in slim products."""


# ── where results go ─────────────────────────────────────────────────────────────────────────────
@device
def store_plain(start, i, j, p):
    """Entry (i, j) of a stored matrix: p[9], p[10] are the steps of the two."""
    return start + i * p[9] + j * p[10]


class Target:
    """out, and what is added to and done with a result on its way there.

    at: device function (start, i, j, p) → place; groups: do four neighbours along j lie together, aligned?
    extra: an array, or None; entry (z, m, n) is extra[z · steps₀ + m · steps₁ + n · steps₂].
    activation: the name of a formula of ``scalar.py``, or None.
    """

    def __init__(
        self, out, place, at=store_plain, groups=False, extra=None, steps=(0, 0, 0), activation=None
    ):
        self.out, self.place, self.at, self.groups = out, place, at, groups and out.start % 4 == 0
        self.extra, self.steps, self.activation = extra, steps, activation

    def bare(self, out):
        """The same places in another array, and nothing done to the results."""
        return Target(out, self.place, self.at, self.groups)

    @property
    def arguments(self):
        """What kernels get beside out."""
        return self.out if self.extra is None else self.extra, self.place, self.steps


@device
def _same(x):
    return x


@cached
def _finisher(dtype, added, activation):
    """What is done to a sum before it is written."""
    apply = _same if activation is None else scalar_function(activation, dtype)

    @device
    def finish(value, extra, at):
        if added:
            value += extra[at]
        return apply(value)

    return finish


# ── the kernels ──────────────────────────────────────────────────────────────────────────────────
@cached
def _tiled_kernel(dtype, form, loads, at, groups, added, activation):
    T = dtype.type
    rows, columns, _ = form
    height, width, results = form.height, form.width, form.rows * form.columns
    space_size = complexes(form, dtype)
    accumulate = multiplier(dtype, form, *loads)
    finish = _finisher(dtype, added, activation)
    four = groups and columns % 4 == 0
    group = 4 if four else 1
    shift_rows, shift_groups = shifter(results, columns), shifter(columns, group)

    @lean_kernel
    def tiled(out, a, b, extra, sizes, chunk, part_step, pa, pb, po, steps):
        space = cuda.shared.array(space_size, np.complex128).view(T)
        acc = cuda.local.array(results, T)
        row = cuda.local.array(columns, T)
        z_size, m_size, n_size, k_size = sizes
        ty, tx = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        tiles_m, tiles_n = (m_size + height - 1) // height, (n_size + width - 1) // width
        parts = larger(1, (k_size + chunk - 1) // chunk)
        for tile in range(cuda.blockIdx.x, tiles_m * tiles_n * parts * z_size, cuda.gridDim.x):
            n0 = tile % tiles_n * width
            rest = tile // tiles_n
            m0 = rest % tiles_m * height
            rest //= tiles_m
            part = rest % parts
            z = rest // parts
            k_end = smaller(k_size, (part + 1) * chunk)
            from_a, from_b = origin(z, pa), origin(z, pb)
            accumulate(acc, space, a, from_a, m0, m_size, pa, b, from_b, n0, n_size, pb, part * chunk, k_end)
            start = origin(z, po) + part * part_step
            for i in range(rows):
                m = m0 + place_in_tile(ty, i, rows)
                for j in range(columns):
                    row[j] = acc[j]
                shift_rows(acc)
                for j in range(0, columns, group):
                    n = n0 + place_in_tile(tx, j, columns)
                    if m < m_size and n < n_size:
                        e, to = z * steps[0] + m * steps[1] + n * steps[2], at(start, m, n, po)
                        v = finish(row[0], extra, e)
                        if four:
                            v1 = finish(row[1], extra, e + steps[2])
                            v2 = finish(row[2], extra, e + 2 * steps[2])
                            v3 = finish(row[3], extra, e + 3 * steps[2])
                            store4(out, to, v, v1, v2, v3)
                        else:
                            out[to] = v
                    shift_groups(row)

    return tiled


@cached
def _slim_kernel(dtype, rows, loads, swapped, at, added, activation):
    """A has ``rows`` rows at most; B is read once. swapped: A and B have changed places, so m and n have."""
    T = dtype.type
    load_a, load_b, _, by_free, _, four = loads
    lanes_n = ACROSS if by_free else THREADS // ACROSS
    lanes_k = THREADS // lanes_n
    shares = rows * THREADS
    finish = _finisher(dtype, added, activation)
    group = 4 if four else 1
    apart = lanes_n if by_free else 1  # threads from one share of a result to the next

    @kernel
    def slim(out, a, b, extra, sizes, chunk, part_step, pa, pb, po, steps):
        scratch = cuda.shared.array(shares, T)
        acc = cuda.local.array(rows, T)
        z_size, m_size, n_size, k_size = sizes
        t = cuda.threadIdx.x
        tn, tk = (t % lanes_n, t // lanes_n) if by_free else (t // lanes_k, t % lanes_k)
        tiles = (n_size + lanes_n - 1) // lanes_n
        parts = larger(1, (k_size + chunk - 1) // chunk)
        for item in range(cuda.blockIdx.x, tiles * parts * z_size, cuda.gridDim.x):
            n = item % tiles * lanes_n + tn
            part = item // tiles % parts
            z = item // tiles // parts
            from_a, from_b = origin(z, pa), origin(z, pb)
            for i in range(rows):
                acc[i] = T(0)
            if n < n_size:
                for k in range(
                    part * chunk + tk * group, smaller(k_size, (part + 1) * chunk), lanes_k * group
                ):
                    if four:
                        v = load4(b, from_b + n * pb[9] + k * pb[10])
                        for i in range(rows):
                            if i < m_size:
                                acc[i] += v[0] * load_a(a, from_a, i, k, pa)
                                acc[i] += v[1] * load_a(a, from_a, i, k + 1, pa)
                                acc[i] += v[2] * load_a(a, from_a, i, k + 2, pa)
                                acc[i] += v[3] * load_a(a, from_a, i, k + 3, pa)
                    else:
                        w = load_b(b, from_b, n, k, pb)
                        for i in range(rows):
                            if i < m_size:
                                acc[i] += w * load_a(a, from_a, i, k, pa)
            cuda.syncthreads()
            for i in range(rows):
                scratch[i * THREADS + t] = acc[i]
            cuda.syncthreads()
            half = lanes_k // 2
            while half > 0:
                if tk < half:
                    for i in range(rows):
                        scratch[i * THREADS + t] += scratch[i * THREADS + t + half * apart]
                cuda.syncthreads()
                half //= 2
            start = origin(z, po) + part * part_step
            if tk == 0 and n < n_size:
                for i in range(rows):
                    if i < m_size:
                        beside = z * steps[0] + i * steps[1] + n * steps[2]
                        value = finish(scratch[i * THREADS + t], extra, beside)
                        out[at(start, n, i, po) if swapped else at(start, i, n, po)] = value

    return slim


@cached
def _join_kernel(dtype, at, added, activation):
    T = dtype.type
    finish = _finisher(dtype, added, activation)

    @kernel
    def join(out, partial, extra, sizes, parts, part_step, po, steps):
        """Adds the parts of each sum in their order."""
        z_size, m_size, n_size, _ = sizes
        for item in range(cuda.grid(1), z_size * m_size * n_size, cuda.gridsize(1)):
            n = item % n_size
            m = item // n_size % m_size
            z = item // (n_size * m_size)
            place = at(origin(z, po), m, n, po)
            total = T(0)
            for part in range(parts):
                total += partial[place + part * part_step]
            out[place] = finish(total, extra, z * steps[0] + m * steps[1] + n * steps[2])

    return join


# ── the choice ───────────────────────────────────────────────────────────────────────────────────
def _run(target, a, b, sizes, form, chunk, parts):
    """Queue one kernel: slim where ``form`` is None."""
    z, m, n, k = sizes
    dtype, added = target.out.dtype, target.extra is not None
    four_a, four_b = aligned(a, m, k), aligned(b, n, k)
    extra, place, steps = target.arguments
    if form is not None:
        loads = (a.load, b.load, a.by_free, b.by_free, four_a, four_b)
        run = _tiled_kernel(dtype, form, loads, target.at, target.groups, added, target.activation)
        blocks = -(-m // form.height) * -(-n // form.width) * parts * z
    else:
        swapped = m > n
        if swapped:
            a, b, m, n, four_b = b, a, n, m, four_a
            steps = (steps[0], steps[2], steps[1])
        rows = 1 << (m - 1).bit_length()
        loads = (a.load, b.load, a.by_free, b.by_free, False, four_b and not b.by_free)
        run = _slim_kernel(dtype, rows, loads, swapped, target.at, added, target.activation)
        blocks = -(-n // (ACROSS if b.by_free else THREADS // ACROSS)) * parts * z
    arguments = (target.out, a.array, b.array, extra, (z, m, n, k), chunk, target.out.size // parts)
    launch(run, min(blocks, 4 if SIMULATOR else 1 << 30), THREADS, *arguments, a.place, b.place, place, steps)


def product(target, a, b, sizes):
    """Queue the product of two operands; sizes (Z, M, N, K). Returns the target's array."""
    z, m, n, k = sizes
    out = target.out
    if out.size == 0:
        return out
    slim = min(m, n) <= SLIM
    form = None if slim else choose(FORMS[out.dtype.itemsize], m, n, z)
    tiles = z * (-(-max(m, n) // ACROSS) if slim else -(-m // (4 * EDGE)) * -(-n // (4 * EDGE)))
    parts = min(16, k // PART) if tiles < SPLIT else 1
    chunk = -(-k // max(parts, 1))
    chunk = max(4, -(-chunk // 4) * 4)  # whole groups of four
    parts = max(1, -(-k // chunk))
    if parts == 1:
        _run(target, a, b, sizes, form, chunk, 1)
        return out
    partial = empty((parts, *out.shape), out.dtype)
    _run(target.bare(partial), a, b, sizes, form, chunk, parts)
    extra, place, steps = target.arguments
    join = _join_kernel(out.dtype, target.at, target.extra is not None, target.activation)
    launch_each(join, z * m * n, out, partial, extra, sizes, parts, out.size, place, steps)
    return out
