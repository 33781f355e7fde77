"""The pointwise kernels of LSTM and GRU: a thread an entry (b, j) of the state, b the batch, j the unit."""

from .elementwise import scalar_function
from .launch import cached, cuda, device, kernel, launch_each, math
from .memory import empty

__all__ = ["gru_kernels", "lstm_kernels", "previous_states"]


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


@cached
def lstm_kernels(dtype):
    """cell, cell backward, step, step backward."""
    T = dtype.type
    sigmoid, one, zero = scalar_function("sigmoid", dtype), T(1), T(0)

    @device
    def forward_point(i, f, g, o, c):
        """→ i, f, g, o after σ and tanh, c', h."""
        i, f, g, o = sigmoid(i), sigmoid(f), math.tanh(g), sigmoid(o)
        c_new = f * c + i * g
        return i, f, g, o, c_new, o * math.tanh(c_new)

    @device
    def backward_point(dh, dc, i, f, g, o, c, c_new):
        """→ the gradients of the four pre-activations, and of c."""
        tanh_c = math.tanh(c_new)
        dc = dc + dh * o * (one - tanh_c * tanh_c)
        di, df, dg = dc * g * i * (one - i), dc * c * f * (one - f), dc * i * (one - g * g)
        return di, df, dg, dh * tanh_c * o * (one - o), dc * f

    @kernel
    def cell(h, c_new, activated, gates, c, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = item // hidden * 4 * hidden + item % hidden
            i, f, g, o, c_next, h_next = forward_point(
                gates[at], gates[at + hidden], gates[at + 2 * hidden], gates[at + 3 * hidden], c[item]
            )
            activated[at] = i
            activated[at + hidden] = f
            activated[at + 2 * hidden] = g
            activated[at + 3 * hidden] = o
            c_new[item] = c_next
            h[item] = h_next

    @kernel
    def cell_backward(dgates, before, dh, dc, gates, c, c_new, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = item // hidden * 4 * hidden + item % hidden
            i, f, g, o = gates[at], gates[at + hidden], gates[at + 2 * hidden], gates[at + 3 * hidden]
            di, df, dg, do, dc_before = backward_point(dh[item], dc[item], i, f, g, o, c[item], c_new[item])
            dgates[at] = di
            dgates[at + hidden] = df
            dgates[at + 2 * hidden] = dg
            dgates[at + 3 * hidden] = do
            before[item] = dc_before

    @kernel
    def step(hs, gates, cells, h, c, from_x, from_h, lengths, limited, t, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            at = b * 4 * hidden + item % hidden
            now = t * count * 4 + at
            i, f, g, o, h_next = zero, zero, zero, zero, zero
            if _runs(t, b, lengths, limited):
                i, f, g, o, c_next, h_next = forward_point(
                    from_x[now] + from_h[at],
                    from_x[now + hidden] + from_h[at + hidden],
                    from_x[now + 2 * hidden] + from_h[at + 2 * hidden],
                    from_x[now + 3 * hidden] + from_h[at + 3 * hidden],
                    c[item],
                )
                c[item] = c_next
                h[item] = h_next
            hs[t * count + item] = h_next
            cells[t * count + item] = c[item]
            gates[now] = i
            gates[now + hidden] = f
            gates[now + 2 * hidden] = g
            gates[now + 3 * hidden] = o

    @kernel
    def step_backward(
        da, carried, dh, dc, dhs, gates, cells, c0, lengths, limited, steps, reverse, t, count, hidden
    ):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            now = t * count * 4 + b * 4 * hidden + item % hidden
            di, df, dg, do, past = zero, zero, zero, zero, dh[item]
            if _runs(t, b, lengths, limited):
                i, f, g, o = gates[now], gates[now + hidden], gates[now + 2 * hidden], gates[now + 3 * hidden]
                c = _before(cells, c0, t, item, b, lengths, limited, steps, reverse, count)
                total = dh[item] + dhs[t * count + item]
                di, df, dg, do, dc_before = backward_point(
                    total, dc[item], i, f, g, o, c, cells[t * count + item]
                )
                dc[item] = dc_before
                past = zero
            carried[item] = past
            da[now] = di
            da[now + hidden] = df
            da[now + 2 * hidden] = dg
            da[now + 3 * hidden] = do

    return cell, cell_backward, step, step_backward


@cached
def gru_kernels(dtype):
    """cell, cell backward, step, step backward."""
    T = dtype.type
    sigmoid, one, zero = scalar_function("sigmoid", dtype), T(1), T(0)

    @device
    def forward_point(xr, xz, xn, hr, hz, q, h):
        """→ r, z, n, h'."""
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = math.tanh(xn + r * q)
        return r, z, n, (one - z) * n + z * h

    @device
    def backward_point(dh, r, z, n, q, h):
        """→ the gradients of r's and z's pre-activations, n's x part, n's h part, and of h directly."""
        dn = dh * (one - z) * (one - n * n)
        return dn * q * r * (one - r), dh * (h - n) * z * (one - z), dn, dn * r, dh * z

    @kernel
    def cell(h_new, gates, gates_x, gates_h, h, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            at = b * 3 * hidden + item % hidden
            to = b * 4 * hidden + item % hidden
            q = gates_h[at + 2 * hidden]
            r, z, n, h_next = forward_point(
                gates_x[at],
                gates_x[at + hidden],
                gates_x[at + 2 * hidden],
                gates_h[at],
                gates_h[at + hidden],
                q,
                h[item],
            )
            gates[to] = r
            gates[to + hidden] = z
            gates[to + 2 * hidden] = n
            gates[to + 3 * hidden] = q
            h_new[item] = h_next

    @kernel
    def cell_backward(dgates_x, dgates_h, direct, dh, gates, h, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            at = b * 3 * hidden + item % hidden
            of = b * 4 * hidden + item % hidden
            dr, dz, dn, dq, past = backward_point(
                dh[item],
                gates[of],
                gates[of + hidden],
                gates[of + 2 * hidden],
                gates[of + 3 * hidden],
                h[item],
            )
            dgates_x[at] = dr
            dgates_x[at + hidden] = dz
            dgates_x[at + 2 * hidden] = dn
            dgates_h[at] = dr
            dgates_h[at + hidden] = dz
            dgates_h[at + 2 * hidden] = dq
            direct[item] = past

    @kernel
    def step(hs, gates, h, from_x, from_h, lengths, limited, t, count, hidden):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            at = b * 3 * hidden + item % hidden
            now = t * count * 3 + at
            to = t * count * 4 + b * 4 * hidden + item % hidden
            r, z, n, q, h_next = zero, zero, zero, zero, zero
            if _runs(t, b, lengths, limited):
                q = from_h[at + 2 * hidden]
                r, z, n, h_next = forward_point(
                    from_x[now], from_x[now + hidden], from_x[now + 2 * hidden],
                    from_h[at], from_h[at + hidden], q, h[item],
                )  # fmt: skip
                h[item] = h_next
            hs[t * count + item] = h_next
            gates[to] = r
            gates[to + hidden] = z
            gates[to + 2 * hidden] = n
            gates[to + 3 * hidden] = q

    @kernel
    def step_backward(
        dax, dah, carried, dh, dhs, gates, hs, h0, lengths, limited, steps, reverse, t, count, hidden
    ):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            b = item // hidden
            now = t * count * 3 + b * 3 * hidden + item % hidden
            of = t * count * 4 + b * 4 * hidden + item % hidden
            dr, dz, dn, dq, past = zero, zero, zero, zero, dh[item]
            if _runs(t, b, lengths, limited):
                h = _before(hs, h0, t, item, b, lengths, limited, steps, reverse, count)
                dr, dz, dn, dq, past = backward_point(
                    dh[item] + dhs[t * count + item],
                    gates[of], gates[of + hidden], gates[of + 2 * hidden], gates[of + 3 * hidden], h,
                )  # fmt: skip
            carried[item] = past
            dax[now] = dr
            dax[now + hidden] = dz
            dax[now + 2 * hidden] = dn
            dah[now] = dr
            dah[now + hidden] = dz
            dah[now + 2 * hidden] = dq

    return cell, cell_backward, step, step_backward
