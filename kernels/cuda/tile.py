"""The sum over k that is under every matrix product here, by tiles in shared memory and in registers.

    acc[i, j] = Σ_k A[m + i, k] · B[k, n + j]

A block computes a tile of (EDGE · rows) × (EDGE · columns) results, a thread rows × columns of them in
registers. It walks along k by ``depth``: a piece of A and one of B lie in shared memory, twice, so that the
next pieces are on their way from global memory into registers while the present ones are multiplied
(Volkov & Demmel, 2008; Nath, Tomov & Dongarra, 2010). Each entry of a piece is read rows or columns times
from shared memory but only once from global memory: neighbouring threads read neighbouring entries, four
in one 128-bit instruction where a matrix is aligned (``vector.py``), one after the other where not.

What differs between a matrix, a convolution and a recurrent step is only where an entry is found: that is
told by a small device function, ``load(x, start, free, k, p)``, free being the row of A or the column of B.

Order: acc adds up along k, one term after the other, whatever the form of the tile. So the form, chosen
to fill the device, never changes a bit.
"""

from typing import Any, NamedTuple

import numpy as np

from .launch import SIMULATOR, cached, cuda, device
from .stride import divisors, quotient
from .vector import load4, store4

__all__ = [
    "EDGE", "FORMS", "PLAIN", "THREADS", "Form", "Operand", "aligned", "batch", "choose", "complexes",
    "load_plain", "multiplier", "origin", "place_in_tile", "shifter",
]  # fmt: skip

EDGE = 2 if SIMULATOR else 16
"""A block has EDGE × EDGE threads."""

THREADS = EDGE * EDGE


class Form(NamedTuple):
    """How many results a thread computes, and how deep the pieces in shared memory are."""

    rows: int
    columns: int
    depth: int

    @property
    def height(self):
        """Rows of the tile."""
        return EDGE * self.rows

    @property
    def width(self):
        """Columns of the tile."""
        return EDGE * self.columns


FORMS = {4: (Form(8, 8, 8), Form(4, 4, 16), Form(2, 4, 16)), 8: (Form(4, 4, 16), Form(2, 4, 16))}
"""Bytes of an entry → forms, the largest first: 128 × 128, 64 × 64, 32 × 64 results a block."""

FILLED = 128
"""So many blocks fill a device: with fewer, a smaller form is better."""

if SIMULATOR:
    FORMS = {size: (Form(4, 4, 4), Form(2, 4, 8)) for size in (4, 8)}
    FILLED = 4


def choose(forms, m, n, batch=1):
    """The first form of which m × n results make tiles enough, or the last."""
    for form in forms:
        if -(-m // form.height) * -(-n // form.width) * batch >= FILLED:
            return form
    return forms[-1]


# ── addresses ────────────────────────────────────────────────────────────────────────────────────
# Address parameters are a tuple of integers p. The first nine place batch entry z = (z₀, z₁, z₂):
#     p[0:3], p[3:6] = divisors for the sizes of z₁ and z₂;  p[6], p[7], p[8] = what a step of each adds
OWN = 9
"""Where the parameters of the loading function begin."""


def batch(shape, strides):
    """The first nine address parameters for batch axes (three at most) of a shape with strides."""
    fill = 3 - len(shape)
    shape, strides = (1,) * fill + tuple(shape), (0,) * fill + tuple(strides)
    return (*divisors(shape[1], shape[2]), *strides)


PLAIN = batch((), ())
"""A single matrix."""


@device
def origin(z, p):
    """Where batch entry z begins."""
    middle = quotient(z, p, 3)
    outer = quotient(middle, p, 0)
    return outer * p[6] + (middle - outer * p[0]) * p[7] + (z - middle * p[3]) * p[8]


@device
def load_plain(x, start, free, k, p):
    """Entry (free, k) of a stored matrix: p[9], p[10] are the steps of the two."""
    return x[start + free * p[9] + k * p[10]]


class Operand(NamedTuple):
    """A or B of a product: an array, and where its entries are found.

    by_free: entries that are neighbours along m (of A) or n (of B) lie together; else those along k.
    """

    array: Any
    place: tuple
    by_free: bool
    load: Any = load_plain


def aligned(operand, free, k):
    """Can its (free, k) entries be read four at a time, along the axis on which they lie together?"""
    if operand.load is not load_plain:
        return False
    along, across = operand.place[OWN : OWN + 2] if operand.by_free else operand.place[OWN + 1 : OWN - 1 : -1]
    steps = (operand.array.start, *operand.place[6:9], across, free if operand.by_free else k)
    return along == 1 and all(n % 4 == 0 for n in steps)


# ── one tile ─────────────────────────────────────────────────────────────────────────────────────
PAD = 4
"""Entries by which a line of a piece is longer than used: its columns then lie in different banks."""


def _piece(form):
    """Entries of one piece of A, and of one of B."""
    return form.depth * (form.height + PAD), form.depth * (form.width + PAD)


def complexes(form, dtype):
    """The shared memory of a form, two pieces of A and two of B, counted in complex128."""
    return 2 * sum(_piece(form)) * dtype.itemsize // 16


def _bits(n):
    return n.bit_length() - 1


@device
def place_in_tile(thread, i, each):
    """Which row (or column) of the tile is the thread's i-th of ``each``.

    They come in groups of four, read in one instruction, EDGE · 4 apart.
    """
    group = 4 if each % 4 == 0 else each
    return i // group * (EDGE * group) + thread * group + i % group


@cached
def shifter(count, by):
    """The device function that moves the last count − by of ``count`` entries in registers to the front.

    Registers have no addresses: a local array lies in them only where each index is known when the kernel is
    compiled, so where the loops over it are unrolled. The compiler does not unroll a loop whose body is long
    (a convolution's address, an activation). Such a loop takes the first entries each time, or puts the last,
    and shifts the others: all indices are known, unrolled or not.
    """

    @device
    def shift(values):
        for i in range(count - by):
            values[i] = values[i + by]

    return shift


@cached
def _mover(dtype, size, depth, load, by_free, vector):
    """(fetch, put): one operand's next piece, size × depth, into registers, and from there to shared memory.

    A thread has ``turns`` groups of ``group`` neighbours; vector: four in one instruction.
    """
    T = dtype.type
    group = 4 if vector else 1
    count = size * depth // group
    turns = -(-count // THREADS)
    even = count % THREADS == 0
    inner = (size if by_free else depth) // group
    mask, shift = inner - 1, _bits(inner)
    line = size + PAD
    last = (turns - 1) * group
    shift_groups = shifter(turns * group, group)

    @device
    def fetch(held, x, start, first, end, k0, k_end, p):
        t = cuda.threadIdx.x
        for s in range(turns):
            e = t + s * THREADS
            low, rest = (e & mask) * group, e >> shift
            free, k = first + (low if by_free else rest), k0 + (rest if by_free else low)
            inside = free < end and k < k_end and (even or e < count)
            shift_groups(held)
            if vector:
                v = (T(0), T(0), T(0), T(0))
                if inside:
                    v = load4(x, start + free * p[9] + k * p[10])
                held[last] = v[0]
                held[last + 1] = v[1]
                held[last + 2] = v[2]
                held[last + 3] = v[3]
            else:
                held[last] = load(x, start, free, k, p) if inside else T(0)

    @device
    def put(held, space, base):
        t = cuda.threadIdx.x
        for s in range(turns):
            e = t + s * THREADS
            low, rest = (e & mask) * group, e >> shift
            at = base + (rest * line + low if by_free else low * line + rest)
            if even or e < count:
                if vector and by_free:
                    store4(space, at, held[4 * s], held[4 * s + 1], held[4 * s + 2], held[4 * s + 3])
                else:
                    for i in range(group):
                        space[at + i * line] = held[group * s + i]

    return fetch, put, turns * group


@cached
def _reader(each):
    """A thread's ``each`` entries of one line of a piece, from shared memory into registers."""

    @device
    def read(values, space, base, thread):
        if each % 4 == 0:
            for g in range(each // 4):
                v = load4(space, base + g * (EDGE * 4) + thread * 4)
                values[4 * g] = v[0]
                values[4 * g + 1] = v[1]
                values[4 * g + 2] = v[2]
                values[4 * g + 3] = v[3]
        else:
            for i in range(each):
                values[i] = space[base + thread * each + i]

    return read


@cached
def multiplier(dtype, form, load_a=load_plain, load_b=load_plain, by_free_a=False, by_free_b=False,
               vector_a=False, vector_b=False):  # fmt: skip
    """The device function that fills acc (rows · columns, in a row) with the sums of one tile.

    space: ``complexes`` of shared memory, viewed as dtype. A's entries (free, k) count up to (m_end, k_end),
    B's up to (n_end, k_end); outside they are 0. Every thread of the block must come here.
    """
    T = dtype.type
    rows, columns, depth = form
    fetch_a, put_a, held_by_a = _mover(dtype, form.height, depth, load_a, by_free_a, vector_a)
    fetch_b, put_b, held_by_b = _mover(dtype, form.width, depth, load_b, by_free_b, vector_b)
    read_row, read_column = _reader(rows), _reader(columns)
    line_a, line_b = form.height + PAD, form.width + PAD
    piece_a, piece_b = _piece(form)
    both = piece_a + piece_b

    @device
    def multiply(acc, space, base):
        row = cuda.local.array(rows, T)
        column = cuda.local.array(columns, T)
        ty, tx = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        for k in range(depth):
            read_row(row, space, base + k * line_a, ty)
            read_column(column, space, base + piece_a + k * line_b, tx)
            for i in range(rows):
                for j in range(columns):
                    acc[i * columns + j] += row[i] * column[j]

    @device
    def accumulate(acc, space, a, from_a, m0, m_end, pa, b, from_b, n0, n_end, pb, k_first, k_end):
        held_a = cuda.local.array(held_by_a, T)
        held_b = cuda.local.array(held_by_b, T)
        for i in range(rows * columns):
            acc[i] = T(0)
        fetch_a(held_a, a, from_a, m0, m_end, k_first, k_end, pa)
        fetch_b(held_b, b, from_b, n0, n_end, k_first, k_end, pb)
        cuda.syncthreads()  # whatever was in space has been used
        put_a(held_a, space, 0)
        put_b(held_b, space, piece_a)
        cuda.syncthreads()
        base = np.int64(0)
        for k in range(k_first, k_end, depth):
            more = k + depth < k_end
            if more:
                fetch_a(held_a, a, from_a, m0, m_end, k + depth, k_end, pa)
                fetch_b(held_b, b, from_b, n0, n_end, k + depth, k_end, pb)
            multiply(acc, space, base)
            if more:
                base = both - base  # the pieces of the step before: nobody reads them any more
                put_a(held_a, space, base)
                put_b(held_b, space, base + piece_a)
            cuda.syncthreads()

    return accumulate
