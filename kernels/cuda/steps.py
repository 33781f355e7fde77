"""One step of LSTM and GRU in one launch: the product with the state, and the gates where it ends.

Forwards the product's columns are ordered so that the gates of a unit are neighbours, all in the registers of
one thread, which goes on from them to the new state (Appleyard, Kočiský & Blunsom, 2016). Backwards a thread
takes the gradients that step t + 1 sends to its units, Σ_k da_{t+1}[b, k] W_hh[k, j], and goes on to da_t.

The state and its gradient are written elsewhere than they are read: other blocks still read.
"""

import numpy as np

from .cells import gru_kernels, lstm_kernels
from .launch import cached, cuda, device, kernel, launch, launch_each, lean_kernel
from .memory import empty
from .tile import EDGE, PLAIN, THREADS, Form, Operand, aligned, choose, complexes, multiplier, place_in_tile

__all__ = ["backward_step", "forward_step", "previous_states"]


@device
def _runs(t, b, lengths, limited):
    """Does sequence b have a step t?"""
    return not limited or t < lengths[b]


@device
def _before(states, start, t, i, b, lengths, limited, steps, reverse, count):
    """Entry i of the state with which step t began: its predecessor's, or the start."""
    previous = t + 1 if reverse else t - 1
    if previous < 0 or previous >= steps or not _runs(previous, b, lengths, limited):
        return start[i]
    return states[previous * count + i]


@kernel
def _previous(out, states, start, lengths, limited, steps, reverse, count, hidden, total):
    for at in range(cuda.grid(1), total, cuda.gridsize(1)):
        t = at // count
        i = at - t * count
        out[at] = _before(states, start, t, i, i // hidden, lengths, limited, steps, reverse, count)


def previous_states(states, start, lengths, limited, steps, reverse):
    """(T, B, H): the state with which each step began."""
    out = empty(states.shape, states.dtype)
    sizes = (start.size, start.shape[1], out.size)
    launch_each(_previous, out.size, out, states, start, lengths, limited, steps, reverse, *sizes)
    return out


# ── what follows the product ─────────────────────────────────────────────────────────────────────
@cached
def _lstm_ends(dtype):
    """(after the product of a step, after that of a step backwards), for one entry: state = (b, unit)."""
    T = dtype.type
    zero = T(0)
    forward_point, backward_point, _, _ = lstm_kernels(dtype)

    @device
    def forward(acc, i, h_new, h, hs, gates, cells, c, from_x, bias, t, b, unit, runs, count, hidden):
        item = b * hidden + unit
        now = t * count * 4 + b * 4 * hidden + unit
        gate_i, gate_f, gate_g, gate_o, h_next = zero, zero, zero, zero, zero
        h_new[item] = h[item]
        if runs:
            gate_i, gate_f, gate_g, gate_o, c_next, h_next = forward_point(
                from_x[now] + acc[4 * i],
                from_x[now + hidden] + acc[4 * i + 1],
                from_x[now + 2 * hidden] + acc[4 * i + 2],
                from_x[now + 3 * hidden] + acc[4 * i + 3],
                c[item],
            )
            c[item] = c_next
            h_new[item] = h_next
        hs[t * count + item] = h_next
        cells[t * count + item] = c[item]
        gates[now] = gate_i
        gates[now + hidden] = gate_f
        gates[now + 2 * hidden] = gate_g
        gates[now + 3 * hidden] = gate_o

    @device
    def backward(dh, dax, dah, carried, dc, dhs, gates, cells, before, t, b, unit, runs, count, hidden):
        item = b * hidden + unit
        now = t * count * 4 + b * 4 * hidden + unit
        di, df, dg, do = zero, zero, zero, zero
        carried[item] = dh
        if runs:
            i, f, g, o = gates[now], gates[now + hidden], gates[now + 2 * hidden], gates[now + 3 * hidden]
            total = dh + dhs[t * count + item]
            di, df, dg, do, dc_before = backward_point(
                total, dc[item], i, f, g, o, before, cells[t * count + item]
            )
            dc[item] = dc_before
            carried[item] = zero
        dah[now] = di
        dah[now + hidden] = df
        dah[now + 2 * hidden] = dg
        dah[now + 3 * hidden] = do

    return forward, backward


@cached
def _gru_ends(dtype):
    """The same for GRU, which has no cells, and b_hh as its bias."""
    T = dtype.type
    zero = T(0)
    forward_point, backward_point, _, _ = gru_kernels(dtype)

    @device
    def forward(acc, i, h_new, h, hs, gates, cells, c, from_x, bias, t, b, unit, runs, count, hidden):
        item = b * hidden + unit
        now = t * count * 3 + b * 3 * hidden + unit
        to = t * count * 4 + b * 4 * hidden + unit
        r, z, n, q, h_next = zero, zero, zero, zero, zero
        h_new[item] = h[item]
        if runs:
            q = acc[3 * i + 2] + bias[2 * hidden + unit]
            r, z, n, h_next = forward_point(
                from_x[now],
                from_x[now + hidden],
                from_x[now + 2 * hidden],
                acc[3 * i] + bias[unit],
                acc[3 * i + 1] + bias[hidden + unit],
                q,
                h[item],
            )
            h_new[item] = h_next
        hs[t * count + item] = h_next
        gates[to] = r
        gates[to + hidden] = z
        gates[to + 2 * hidden] = n
        gates[to + 3 * hidden] = q

    @device
    def backward(dh, dax, dah, carried, dc, dhs, gates, cells, before, t, b, unit, runs, count, hidden):
        item = b * hidden + unit
        now = t * count * 3 + b * 3 * hidden + unit
        of = t * count * 4 + b * 4 * hidden + unit
        dr, dz, dn, dq, past = zero, zero, zero, zero, dh
        if runs:
            r, z, n, q = gates[of], gates[of + hidden], gates[of + 2 * hidden], gates[of + 3 * hidden]
            dr, dz, dn, dq, past = backward_point(dh + dhs[t * count + item], r, z, n, q, before)
        carried[item] = past
        dax[now] = dr
        dax[now + hidden] = dz
        dax[now + 2 * hidden] = dn
        dah[now] = dr
        dah[now + hidden] = dz
        dah[now + 2 * hidden] = dq

    return forward, backward


_ENDS = {4: _lstm_ends, 3: _gru_ends}


# ── the kernels ──────────────────────────────────────────────────────────────────────────────────
@cached
def _forward_kernel(dtype, form, four):
    T = dtype.type
    rows, own, _ = form
    height, width, results = form.height, form.width, rows * own
    space_size = complexes(form, dtype)
    accumulate = multiplier(dtype, form, vector_a=four, vector_b=four)
    end, _ = _ENDS[own](dtype)

    @lean_kernel
    def step(h_new, h, weight, hs, gates, cells, c, from_x, bias, lengths, limited, t, batch, hidden, pa, pb):
        space = cuda.shared.array(space_size, np.complex128).view(T)
        acc = cuda.local.array(results, T)
        ty, tx = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        columns = own * hidden
        tiles_n = (columns + width - 1) // width
        tiles = (batch + height - 1) // height * tiles_n
        for tile in range(cuda.blockIdx.x, tiles, cuda.gridDim.x):
            b0, n0 = tile // tiles_n * height, tile % tiles_n * width
            accumulate(acc, space, h, 0, b0, batch, pa, weight, 0, n0, columns, pb, 0, hidden)
            unit = n0 // own + tx
            for i in range(rows):
                b = b0 + place_in_tile(ty, i, rows)
                if b < batch and unit < hidden:
                    runs = _runs(t, b, lengths, limited)
                    count = batch * hidden
                    end(acc, i, h_new, h, hs, gates, cells, c, from_x, bias, t, b, unit, runs, count, hidden)

    return step


@cached
def _backward_kernel(dtype, form, own, four_a, four_b):
    T = dtype.type
    rows, columns, _ = form
    height, width, results = form.height, form.width, rows * columns
    space_size = complexes(form, dtype)
    accumulate = multiplier(dtype, form, by_free_b=True, vector_a=four_a, vector_b=four_b)
    _, end = _ENDS[own](dtype)

    @lean_kernel
    def step(
        dax, dah, carried, dc, weight, dhs, gates, cells, start, lengths, limited,
        steps, reverse, t, first, batch, hidden, pa, pb,
    ):  # fmt: skip
        """first: nothing comes from a later step."""
        space = cuda.shared.array(space_size, np.complex128).view(T)
        acc = cuda.local.array(results, T)
        ty, tx = cuda.threadIdx.x // EDGE, cuda.threadIdx.x % EDGE
        count = batch * hidden
        terms = 0 if first else own * hidden
        after = (t - 1 if reverse else t + 1) * count * own
        tiles_n = (hidden + width - 1) // width
        tiles = (batch + height - 1) // height * tiles_n
        for tile in range(cuda.blockIdx.x, tiles, cuda.gridDim.x):
            b0, n0 = tile // tiles_n * height, tile % tiles_n * width
            accumulate(acc, space, dah, after, b0, batch, pa, weight, 0, n0, hidden, pb, 0, terms)
            for i in range(rows):
                b = b0 + place_in_tile(ty, i, rows)
                for j in range(columns):
                    unit = n0 + place_in_tile(tx, j, columns)
                    if b < batch and unit < hidden:
                        at = b * hidden + unit
                        before = _before(cells, start, t, at, b, lengths, limited, steps, reverse, count)
                        dh, runs = acc[i * columns + j] + carried[at], _runs(t, b, lengths, limited)
                        last = (before, t, b, unit, runs, count, hidden)
                        end(dh, dax, dah, carried, dc, dhs, gates, cells, *last)

    return step


_DEPTH = 16


def forward_step(own, h_new, h, weight, hs, gates, cells, c, from_x, bias, lengths, limited, t):
    """Queue step t; own: gates of a unit in which h takes part; weight (own·H, H): rows unit · own + gate."""
    batch, hidden = h.shape
    form = choose([Form(rows, own, _DEPTH) for rows in (4, 2, 1)], batch, own * hidden)
    a, b = Operand(h, (*PLAIN, hidden, 1), False), Operand(weight, (*PLAIN, hidden, 1), False)
    run = _forward_kernel(h.dtype, form, aligned(a, batch, hidden) and aligned(b, own * hidden, hidden))
    blocks = -(-batch // form.height) * -(-own * hidden // form.width)
    arguments = (h_new, h, weight, hs, gates, cells, c, from_x, bias, lengths, limited, t)
    launch(run, max(blocks, 1), THREADS, *arguments, batch, hidden, a.place, b.place)


def backward_step(
    own, dax, dah, carried, dc, weight, dhs, gates, cells, start, lengths, limited, steps, reverse, t, first
):
    """Queue step t backwards; cells, start: the states of which ``before`` is one; weight (own·H, H)."""
    batch, hidden = start.shape
    forms = [Form(rows, columns, _DEPTH) for rows, columns in ((2, 4), (1, 4), (1, 2))]
    form = choose(forms, batch, hidden)
    a = Operand(dah, (*PLAIN, own * hidden, 1), False)
    b = Operand(weight, (*PLAIN, 1, hidden), True)
    fours = aligned(a, batch, own * hidden), aligned(b, hidden, own * hidden)
    run = _backward_kernel(dah.dtype, form, own, *fours)
    blocks = -(-batch // form.height) * -(-hidden // form.width)
    arguments = (dax, dah, carried, dc, weight, dhs, gates, cells, start, lengths, limited, steps, reverse, t)
    launch(run, max(blocks, 1), THREADS, *arguments, first, batch, hidden, a.place, b.place)
