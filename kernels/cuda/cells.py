"""The pointwise half of LSTM and GRU: formulas of one entry (b, j) of the state, b the batch, j the unit."""

from .elementwise import scalar_function
from .launch import cached, cuda, device, kernel, math

__all__ = ["gru_kernels", "lstm_kernels"]


@cached
def lstm_kernels(dtype):
    """The formulas of one entry forwards and backwards, and the kernels that apply them to a step."""
    sigmoid, one = scalar_function("sigmoid", dtype), dtype.type(1)

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

    return forward_point, backward_point, cell, cell_backward


@cached
def gru_kernels(dtype):
    """The formulas of one entry forwards and backwards, and the kernels that apply them to a step."""
    sigmoid, one = scalar_function("sigmoid", dtype), dtype.type(1)

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

    return forward_point, backward_point, cell, cell_backward
