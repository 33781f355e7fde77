"""Softmax attention (Vaswani et al., 2017, eq. 1), fused. Equal to ``reference.attention``.

A block takes some queries of one head all the way, in one launch: the products with every key, what softmax
makes of them, and the product with the values. Scores stay in shared memory where that has room for all keys
of these queries, else in the result's memory, which the block then reads back from cache. (Dao et al., 2022,
never write them; here the probabilities are a result, and what backward starts from.)

    forward    S = Q Kᵀ   P = softmax(scale · S + mask)                     O  = P V
    backward   dP = dO Vᵀ   dS = scale · P ⊙ (dP − Σ P ⊙ dP)                dQ = dS K

Both lines are the same kernel with another middle. dV = Pᵀ dO and dK = dSᵀ Q, sums over all queries, are
batched products. Error: that of the products (D and Lk roundings) and of softmax.
"""

import numpy as np

from .elementwise import full
from .launch import SIMULATOR, cached, cuda, device, fold_max, fold_sum, launch, lean_kernel, math, smaller
from .linear import matmul
from .memory import empty
from .stride import broadcast_strides
from .tile import EDGE, FILLED, PLAIN, THREADS, Form, Operand, aligned, complexes, multiplier, place_in_tile

__all__ = ["attention", "attention_backward"]

HELD = {4: 16 if SIMULATOR else 8192, 8: 16 if SIMULATOR else 3072}
"""Bytes of an entry → scores that a block can hold in shared memory."""

DEPTH = 4 if SIMULATOR else 8


# ── the scores' way through softmax, forwards and backwards ──────────────────────────────────────
@device
def _unmasked(v, mask, at, low):
    return v


@device
def _masked(v, mask, at, low):
    return v if mask[at] else low


@device
def _added(v, mask, at, low):
    return v + mask[at]


@cached
def _probabilities(dtype):
    """A row of scores → probabilities, in place and to ``p``; lanes t of EDGE share the row."""
    T = dtype.type
    low, zero, one = T(-np.inf), T(0), T(1)

    @device
    def middle(work, at, p, given, p_at, scratch, t, first, seen, keys, scale):
        top = low
        for j in range(t, seen, EDGE):
            v = work[at + j]
            if not (top >= v or top != top):
                top = v
        top = fold_max(scratch, top, t, first, EDGE)
        shift = zero if top == low else top
        total = zero
        for j in range(t, seen, EDGE):
            e = math.exp(work[at + j] - shift)
            work[at + j] = e
            total += e
        total = fold_sum(scratch, total, t, first, EDGE)
        if total == zero:  # sees no key
            total = one
        for j in range(t, keys, EDGE):
            v = work[at + j] / total if j < seen else zero
            work[at + j] = v
            p[p_at + j] = v

    return middle


@cached
def _score_gradients(dtype):
    """A row of dP → scale · dS, in place and to ``ds``, given P."""
    T = dtype.type

    @device
    def middle(work, at, ds, given, p_at, scratch, t, first, seen, keys, scale):
        total = T(0)
        for j in range(t, keys, EDGE):
            total += given[p_at + j] * work[at + j]
        total = fold_sum(scratch, total, t, first, EDGE)
        for j in range(t, keys, EDGE):
            v = scale * given[p_at + j] * (work[at + j] - total)
            work[at + j] = v
            ds[p_at + j] = v

    return middle


# ── the kernel ───────────────────────────────────────────────────────────────────────────────────
@cached
def _kernel(dtype, form, held, see, middle_of, fours):
    """see: how a mask acts on a score, or None: scores are left as they are (backward)."""
    T = dtype.type
    low = T(-np.inf)
    rows, columns, _ = form
    height, width, results = form.height, form.width, form.rows * form.columns
    space_size = complexes(form, dtype)
    held_size = HELD[dtype.itemsize] if held else 4
    four_x, four_y, four_z = fours
    scores = multiplier(dtype, form, vector_a=four_x, vector_b=four_y)
    mix = multiplier(dtype, form, by_free_b=True, vector_b=four_z)
    middle = middle_of(dtype)

    @lean_kernel
    def fused(out, p, given, x, y, z, mask, mask_steps, sizes, causal, scale, px, py, pz, pw):
        """out = middle(x yᵀ) z, with middle(…) in p. sizes: heads in all, heads a batch entry, Lq, Lk, and
        the columns of x and of z."""
        space = cuda.shared.array(space_size, np.complex128).view(T)
        kept = cuda.shared.array(held_size, T)
        scratch = cuda.shared.array(THREADS, T)
        acc = cuda.local.array(results, T)
        total, heads, queries, keys, inner, outer = sizes
        ty, tx = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        tiles = (queries + height - 1) // height
        for tile in range(cuda.blockIdx.x, total * tiles, cuda.gridDim.x):
            head = tile // tiles
            q0 = tile % tiles * height
            count = smaller(height, queries - q0)
            p_at = (head * queries + q0) * keys
            work, work_at = (kept, 0) if held else (p, p_at)
            end = smaller(keys, q0 + count) if causal else keys
            beside = head // heads * mask_steps[0] + head % heads * mask_steps[1]
            from_x, from_y = (head * queries + q0) * inner, head * keys * inner
            for n0 in range(0, end, width):
                scores(acc, space, x, from_x, 0, count, px, y, from_y, n0, keys, py, 0, inner)
                for i in range(rows):
                    row = place_in_tile(ty, i, rows)
                    for j in range(columns):
                        n = n0 + place_in_tile(tx, j, columns)
                        if row < count and n < keys:
                            v = acc[i * columns + j]
                            if see is not None:
                                place = beside + (q0 + row) * mask_steps[2] + n * mask_steps[3]
                                v = see(scale * v, mask, place, low)
                            work[work_at + row * keys + n] = v
            cuda.syncthreads()
            for i in range(rows):
                row = ty + i * EDGE
                here = keys if row < count else 0
                seen = smaller(here, q0 + row + 1) if causal else here
                at = row * keys
                middle(work, work_at + at, p, given, p_at + at, scratch, tx, ty * EDGE, seen, here, scale)
            cuda.syncthreads()
            for n0 in range(0, outer, width):
                mix(acc, space, work, work_at, 0, count, pw, z, head * keys * outer, n0, outer, pz, 0, end)
                for i in range(rows):
                    row = place_in_tile(ty, i, rows)
                    for j in range(columns):
                        n = n0 + place_in_tile(tx, j, columns)
                        if row < count and n < outer:
                            out[((head * queries) + q0 + row) * outer + n] = acc[i * columns + j]
            cuda.syncthreads()

    return fused


def _form(heads, queries, keys, itemsize):
    """The tile of a block, and whether it can hold its scores."""
    first = None
    for rows in (4, 2, 1):
        form = Form(rows, 4, DEPTH)
        if rows > 1 and (2 * queries <= form.height or heads * -(-queries // form.height) < FILLED):
            continue
        first = first or form
        if form.height * keys <= HELD[itemsize]:
            return form, True
    return first, False


def _fused(middle, see, out, p, given, x, y, z, mask, steps, causal, scale):
    """out = middle(x yᵀ) z for x (B, G, Lq, ·), y (B, G, Lk, ·), z (B, G, Lk, ·); p gets middle(…)."""
    batch, heads, queries, keys = p.shape
    inner, outer = x.shape[-1], z.shape[-1]
    form, held = _form(batch * heads, queries, keys, p.dtype.itemsize)
    lines = (*PLAIN, inner, 1)
    px, py, pz, pw = lines, lines, (*PLAIN, 1, outer), (*PLAIN, keys, 1)
    fours = (
        aligned(Operand(x, px, False), queries, inner),
        aligned(Operand(y, py, False), keys, inner),
        aligned(Operand(z, pz, True), outer, keys),
    )
    run = _kernel(p.dtype, form, held, see, middle, fours)
    blocks = batch * heads * -(-queries // form.height)
    sizes = (batch * heads, heads, queries, keys, inner, outer)
    arguments = (out, p, given, x, y, z, mask, steps, sizes, bool(causal), p.dtype.type(scale))
    launch(run, min(blocks, 4 if SIMULATOR else 1 << 30), THREADS, *arguments, px, py, pz, pw)


def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V → O, P. A query that sees no key has P = 0 and O = 0."""
    p = empty((*query.shape[:3], key.shape[2]), query.dtype)
    if p.size == 0:
        return full((*query.shape[:3], value.shape[3]), 0, query.dtype), p
    out = empty((*query.shape[:3], value.shape[3]), query.dtype)
    see = _unmasked if mask is None else _masked if mask.dtype == bool else _added
    steps = (0, 0, 0, 0) if mask is None else broadcast_strides(mask.shape, p.shape)
    mask = query if mask is None else mask
    _fused(_probabilities, see, out, p, p, query, key, value, mask, steps, causal, scale)
    return out, p


def attention_backward(dout, query, key, value, probability, scale):
    """dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q."""
    dvalue = matmul(probability, dout, True, False)
    if probability.size == 0:
        return full(query.shape, 0, query.dtype), full(key.shape, 0, key.dtype), dvalue
    dquery, dscore = empty(query.shape, query.dtype), empty(probability.shape, query.dtype)
    arrays = (dquery, dscore, probability, dout, value, key, query)
    _fused(_score_gradients, None, *arrays, (0, 0, 0, 0), False, scale)
    return dquery, matmul(dscore, query, True, False), dvalue
