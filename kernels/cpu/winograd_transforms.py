"""The linear maps of Winograd's convolution, each on LANES tiles (or filters) at once.

Every map is M x Mᵀ with a small constant matrix M: a one-dimensional map applied to the rows and then to
the columns. The one-dimensional maps stand first, written out in the few additions they need; the passes
below run them over a tile. m = 4 or 2 is the side of an output tile, n = m + 2 that of an input tile.

                m = 4                                     m = 2
    Bᵀ    4   0  −5   0   1   0                     1   0  −1   0
          0  −4  −4   1   1   0                     0   1   1   0
          0   4  −4  −1   1   0                     0  −1   1   0
          0  −2  −1   2   1   0                     0   1   0  −1
          0   2  −1  −2   1   0
          0   4   0  −5   0   1
    G     1/4   0     0                             1     0    0
         −1/6 −1/6  −1/6                            1/2  1/2  1/2
         −1/6  1/6  −1/6                            1/2 −1/2  1/2
         1/24  1/12  1/6                            0     0    1
         1/24 −1/12  1/6
          0     0     1
    Aᵀ    1   1   1   1   1   0                     1   1   1   0
          0   1  −1   2  −2   0                     0   1  −1  −1
          0   1   1   4   4   0
          0   1  −1   8  −8   1

Source: Lavin & Gray, 2016, sections 4.1 and 4.3 (polynomials evaluated at 0, ±1, ±2, ∞; at 0, ±1, ∞).
"""

from numpy import float32

from ..jit import njit
from . import simd_math
from .simd import (
    LANES,
    below,
    deinterleave,
    fma,
    interleave,
    load,
    load_rows,
    prefetch,
    splat,
    store,
    store_rows,
    turn_quads,
    where,
)
from .winograd_tiles import LEFT, RIGHT

__all__ = ["filter_gradients", "gradient_tiles", "input_tiles", "kernel", "lane_of", "output_tiles"]

_f = float32


# ── one-dimensional: m = 4 ───────────────────────────────────────────────────────────────────────
@njit(forceinline=True)
def _bt4(d0, d1, d2, d3, d4, d5):
    """Bᵀ d."""
    a, b = fma(d2, _f(-4), d4), fma(d1, _f(-4), d3)
    c, e = d4 - d2, (d3 - d1) * _f(2)
    first = fma(d0, _f(4), fma(d2, _f(-5), d4))
    return first, a + b, a - b, c + e, c - e, fma(d1, _f(4), fma(d3, _f(-5), d5))


@njit(forceinline=True)
def _g4(g0, g1, g2):
    """G g."""
    a, b = (g0 + g2) * _f(-1 / 6), g1 * _f(1 / 6)
    c, e = fma(g2, _f(1 / 6), g0 * _f(1 / 24)), g1 * _f(1 / 12)
    return g0 * _f(0.25), a - b, a + b, c + e, c - e, g2


@njit(forceinline=True)
def _at4(m0, m1, m2, m3, m4, m5):
    """Aᵀ m."""
    a, b, c, e = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return m0 + a + c, fma(e, _f(2), b), fma(c, _f(4), a), fma(e, _f(8), b) + m5


@njit(forceinline=True)
def _a4(y0, y1, y2, y3):
    """A y: the transpose of Aᵀ."""
    a, b = y0 + y2, y1 + y3
    c, e = fma(y2, _f(4), y0), fma(y3, _f(8), y1 * _f(2))
    return y0, a + b, a - b, c + e, c - e, y3


@njit(forceinline=True)
def _gt4(u0, u1, u2, u3, u4, u5):
    """Gᵀ u: the transpose of G."""
    a, b, c, e = u1 + u2, u2 - u1, u3 + u4, u3 - u4
    first = fma(u0, _f(0.25), fma(a, _f(-1 / 6), c * _f(1 / 24)))
    return first, fma(b, _f(1 / 6), e * _f(1 / 12)), fma(c - a, _f(1 / 6), u5)


# ── one-dimensional: m = 2 ───────────────────────────────────────────────────────────────────────
@njit(forceinline=True)
def _bt2(d0, d1, d2, d3):
    """Bᵀ d."""
    return d0 - d2, d1 + d2, d2 - d1, d1 - d3


@njit(forceinline=True)
def _g2(g0, g1, g2):
    """G g."""
    a, b = (g0 + g2) * _f(0.5), g1 * _f(0.5)
    return g0, a + b, a - b, g2


@njit(forceinline=True)
def _at2(m0, m1, m2, m3):
    """Aᵀ m."""
    return m0 + m1 + m2, m1 - m2 - m3


@njit(forceinline=True)
def _a2(y0, y1):
    """A y."""
    return y0, y0 + y1, y0 - y1, -y1


@njit(forceinline=True)
def _gt2(u0, u1, u2, u3):
    """Gᵀ u."""
    a, b = (u1 + u2) * _f(0.5), (u1 - u2) * _f(0.5)
    return u0 + a, b, a + u3


# ── two-dimensional ──────────────────────────────────────────────────────────────────────────────
# Four (two) pixels of each of LANES tiles, side by side in memory, become four (two) vectors with a tile in
# each lane. Which tile is in which lane hardly matters, as long as all that meet do it alike; only the first
# and the last one must be in the first and the last lane.
@njit(forceinline=True)
def lane_of(m, t):
    """The lane of tile t."""
    return t if m == 2 else t % (LANES // 4) * 4 + t // (LANES // 4)


@njit(forceinline=True)
def _quarters(x, at):
    """Pixels 0, 1, 2 and 3 of tiles of 4."""
    return turn_quads(*load_rows(x, at, LANES, 4))


@njit(forceinline=True)
def _halves(x, at):
    """Pixels 0 and 1 of tiles of 2."""
    return deinterleave(load(x, at), load(x, at + LANES))


@njit
def input_tiles(m, x, at, row, beside, rows, lacks, ahead, v, v_at, v_step, rest):
    """V = Bᵀ d B of LANES tiles in a row: v[v_at + f·v_step + lane], f = 0 … n²−1.

    The tiles' first m pixels are m · LANES neighbours from x[at] on, in n lines a distance ``row`` apart; the
    two others of each tile are the first of m, likewise, ``beside`` these. Of the lines only rows[0] ≤ r <
    rows[1] exist, and no first (last) pixel if the group lacks what is LEFT (RIGHT): these are zeros.
    ahead: what lies there will be wanted next. rest: room for n² vectors.
    """
    n = m + 2
    for r in range(n):
        line = at + r * row
        for e in range(0, m * LANES if ahead else 0, 16):
            prefetch(x, line + ahead + e)
        if m == 4:
            if rows[0] <= r < rows[1]:
                p0, p1, p2, p3 = _quarters(x, line)
                p4, p5, _, _ = _quarters(x, line + beside)
                if lacks & LEFT:
                    p0 = where(below(x, 1), _f(0), p0)
                if lacks & RIGHT:
                    p5 = where(below(x, LANES - 1), p5, _f(0))
                store_rows(rest, r * 6 * LANES, LANES, _bt4(p0, p1, p2, p3, p4, p5))
            else:
                p0 = splat(x, 0)
                store_rows(rest, r * 6 * LANES, LANES, (p0, p0, p0, p0, p0, p0))
        elif rows[0] <= r < rows[1]:
            q0, q1 = _halves(x, line)
            q2, q3 = _halves(x, line + beside)
            if lacks & LEFT:
                q0 = where(below(x, 1), _f(0), q0)
            if lacks & RIGHT:
                q3 = where(below(x, LANES - 1), q3, _f(0))
            store_rows(rest, r * 4 * LANES, LANES, _bt2(q0, q1, q2, q3))
        else:
            q0 = splat(x, 0)
            store_rows(rest, r * 4 * LANES, LANES, (q0, q0, q0, q0))
    for j in range(n):
        if m == 4:
            store_rows(v, v_at + j * v_step, 6 * v_step, _bt4(*load_rows(rest, j * LANES, 6 * LANES, 6)))
        else:
            store_rows(v, v_at + j * v_step, 4 * v_step, _bt2(*load_rows(rest, j * LANES, 4 * LANES, 4)))


@njit
def gradient_tiles(m, x, at, row, v, v_at, v_step, rest):
    """A dy Aᵀ of LANES tiles of m × m pixels in a row, laid out as V is in ``input_tiles``."""
    for r in range(m):
        if m == 4:
            store_rows(rest, r * 6 * LANES, LANES, _a4(*_quarters(x, at + r * row)))
        else:
            store_rows(rest, r * 4 * LANES, LANES, _a2(*_halves(x, at + r * row)))
    for j in range(m + 2):
        if m == 4:
            store_rows(v, v_at + j * v_step, 6 * v_step, _a4(*load_rows(rest, j * LANES, 6 * LANES, 4)))
        else:
            store_rows(v, v_at + j * v_step, 4 * v_step, _a2(*load_rows(rest, j * LANES, 4 * LANES, 2)))


@njit(forceinline=True)
def _relu(v):
    return where(v < _f(0), _f(0), v)


@njit(forceinline=True)
def _activate(v, activation):
    """2: tanh, 3: sigmoid."""
    return simd_math.tanh(v) if activation == 2 else simd_math.sigmoid(v)


@njit
def output_tiles(m, x, at, step, bias, activation, y, y_at, row, ahead, rest):
    """y = φ(Aᵀ M A + bias) of LANES tiles: m lines of m · LANES pixels from y[y_at] on, ``row`` apart.

    M: x[at + f·step + lane]. ahead: where the next are to be written.
    """
    for j in range(m + 2):
        if m == 4:
            store_rows(rest, j * LANES, 6 * LANES, _at4(*load_rows(x, at + j * step, 6 * step, 6)))
        else:
            store_rows(rest, j * LANES, 4 * LANES, _at2(*load_rows(x, at + j * step, 4 * step, 4)))
    for i in range(m):
        to = y_at + i * row
        for e in range(0, m * LANES if ahead else 0, 16):
            prefetch(y, to + ahead + e)
        if m == 4:
            p0, p1, p2, p3 = _at4(*load_rows(rest, i * 6 * LANES, LANES, 6))
            p0, p1, p2, p3 = p0 + bias, p1 + bias, p2 + bias, p3 + bias
            if activation == 1:
                p0, p1, p2, p3 = _relu(p0), _relu(p1), _relu(p2), _relu(p3)
            store_rows(y, to, LANES, turn_quads(p0, p1, p2, p3))
        else:
            q0, q1 = _at2(*load_rows(rest, i * 4 * LANES, LANES, 4))
            q0, q1 = q0 + bias, q1 + bias
            if activation == 1:
                q0, q1 = _relu(q0), _relu(q1)
            store_rows(y, to, LANES, interleave(q0, q1))
        if activation > 1:
            for j in range(m):
                store(y, to + j * LANES, _activate(load(y, to + j * LANES), activation))


@njit
def kernel(m, taps, at, step, u, u_at, u_step, rest):
    """U = G g Gᵀ of LANES filters: u[u_at + f·u_step + lane]; tap j is taps[at + j·step + lane]."""
    n = m + 2
    for j in range(3):
        if m == 4:
            store_rows(rest, j * LANES, 3 * LANES, _g4(*load_rows(taps, at + j * step, 3 * step, 3)))
        else:
            store_rows(rest, j * LANES, 3 * LANES, _g2(*load_rows(taps, at + j * step, 3 * step, 3)))
    for i in range(n):
        if m == 4:
            store_rows(u, u_at + i * n * u_step, u_step, _g4(*load_rows(rest, 3 * i * LANES, LANES, 3)))
        else:
            store_rows(u, u_at + i * n * u_step, u_step, _g2(*load_rows(rest, 3 * i * LANES, LANES, 3)))


@njit
def filter_gradients(m, u, u_at, u_step, w, at, w_step, rest):
    """Gᵀ dU G of LANES filters: w[at + j·w_step + lane], j = 0 … 8, from u[u_at + f·u_step + lane]."""
    for j in range(m + 2):
        if m == 4:
            store_rows(rest, j * LANES, 6 * LANES, _gt4(*load_rows(u, u_at + j * u_step, 6 * u_step, 6)))
        else:
            store_rows(rest, j * LANES, 4 * LANES, _gt2(*load_rows(u, u_at + j * u_step, 4 * u_step, 4)))
    for i in range(3):
        if m == 4:
            store_rows(w, at + 3 * i * w_step, w_step, _gt4(*load_rows(rest, i * 6 * LANES, LANES, 6)))
        else:
            store_rows(w, at + 3 * i * w_step, w_step, _gt2(*load_rows(rest, i * 4 * LANES, LANES, 4)))
