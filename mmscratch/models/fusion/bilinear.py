"""Every entry of the picture times every entry of the question, at a price: MLB, MUTAN, MCB.

A full bilinear form h_k = vᵀ T_k q has D·E·H parameters. Each of these is one of a smaller kind.
"""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...autograd import primitive
from ...nn.module import Buffer

__all__ = ["BILINEAR", "MCB", "MLB", "MUTAN", "circular_convolution", "count_sketch_matrix"]


class MLB(nn.Module):
    """Low-rank bilinear pooling (Kim et al., 2017, eq. 6, 8).

    Forward    h = P (tanh(V v + b_v) ⊙ tanh(U q + b_q)) + b;  but for tanh, T_k = Σ_r P_kr V_r U_rᵀ
    Shapes     v (M, D), q (M, E) → h (M, H)
    """

    def __init__(self, picture, question, hidden, generator=None, rank=128):
        self.v = nn.Linear(picture, rank, activation="tanh", generator=generator)
        self.q = nn.Linear(question, rank, activation="tanh", generator=generator)
        self.join = nn.Linear(rank, hidden, generator=generator)

    def forward(self, v, q):
        return self.join(self.v(v) * self.q(q))


class MUTAN(nn.Module):
    """Tucker decomposition with a core of low rank (Ben-younes et al., 2017, eq. 10).

    Forward    h = Σ_{r ≤ R} (M_r ṽ) ⊙ (N_r q̃),  ṽ = tanh(W_v v + b_v), q̃ = tanh(W_q q + b_q)
    Shapes     v (M, D), q (M, E) → h (M, H)
    """

    def __init__(self, picture, question, hidden, generator=None, rank=5):
        self.rank, self.size = rank, hidden
        self.v = nn.Linear(picture, hidden, activation="tanh", generator=generator)
        self.q = nn.Linear(question, hidden, activation="tanh", generator=generator)
        self.m = nn.Linear(hidden, rank * hidden, bias=False, generator=generator)
        self.n = nn.Linear(hidden, rank * hidden, bias=False, generator=generator)

    def forward(self, v, q):
        both = self.m(self.v(v)) * self.n(self.q(q))
        return ops.sum(ops.reshape(both, shape=(both.shape[0], self.rank, self.size)), axis=1)


def count_sketch_matrix(size, out, random):
    """S (out, size) with one ±1 in each column, at a random place: Ψ(x) = S x (Charikar et al., 2002).

    Note       E⟨Ψ(x), Ψ(y)⟩ = ⟨x, y⟩ over the draws of S
    """
    found = np.zeros((out, size), np.float32)
    found[random.integers(0, out, size), np.arange(size)] = random.choice([-1.0, 1.0], size)
    return found


@primitive
def circular_convolution(a, b):
    """Circular convolution of rows, by the fast Fourier transform.

    Forward    y[k] = Σ_i a[i] b[(k − i) mod d] = F⁻¹(F a ⊙ F b)
    Backward   ∂L/∂a = F⁻¹(F ∂L/∂y ⊙ conj F b), and with a and b exchanged
    Shapes     a (M, d), b (M, d) → y (M, d)
    Errors     ValueError where the shapes differ; TypeError for arrays on a device (it is NumPy's transform)
    """
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        raise TypeError(
            "circular_convolution: a, b: expected arrays on the host; it does not run on a device"
        )
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"circular_convolution: a {a.shape} and b {b.shape}: expected the same (M, d)")
    d, fa, fb = a.shape[1], np.fft.rfft(a), np.fft.rfft(b)

    def back(f):
        return np.ascontiguousarray(np.fft.irfft(f, d), dtype=a.dtype)

    def backward(dy):
        fdy = np.fft.rfft(dy)
        return back(fdy * fb.conj()), back(fdy * fa.conj())

    return back(fa * fb), backward


class MCB(nn.Module):
    """Compact bilinear pooling (Fukui et al., 2016; Gao et al., 2016).

    Forward    z = Ψ_v(v) ∗ Ψ_q(q), the count sketch of v ⊗ q (Pham & Pagh, 2013);
               s = sign(z) √|z|;  h = W s / ‖s‖ + b
    Shapes     v (M, D), q (M, E) → h (M, H)
    Note       the sketches are drawn once and not learnt; √ is z / √(|z| + 10⁻⁸), which has a slope at 0
    """

    def __init__(self, picture, question, hidden, generator=None, sketch=1024):
        seed = int(generator.seed) if hasattr(generator, "seed") else 0
        random = np.random.default_rng([seed, 0x5E7C])
        self.sketch_v = Buffer(count_sketch_matrix(picture, sketch, random))
        self.sketch_q = Buffer(count_sketch_matrix(question, sketch, random))
        self.join = nn.Linear(sketch, hidden, generator=generator)

    def forward(self, v, q):
        z = circular_convolution(ops.linear(v, self.sketch_v), ops.linear(q, self.sketch_q))
        return self.join(ops.normalize(z * ops.rsqrt(ops.abs(z) + 1e-8)))


BILINEAR = {"mlb": MLB, "mutan": MUTAN, "mcb": MCB}
"""Name → class of (size of v, size of q, size of h, generator=)."""
