"""Layers on graphs: every node hears its neighbours. Batches are dense and masked.

Nodes are (B, N, D), edges an adjacency (B, N, N) with A[i, j] ≠ 0 where node i hears node j; in a relational
graph (B, R, N, N), one such matrix a relation. Places without a node have empty rows and columns in A, and
a mask (B, N), True where a node is: their results are 0.
"""

import math

import numpy as np

from .. import ops
from ..ops.constants import full_beside, raw
from . import init
from .check import positive, probability, shape
from .linear import zeros
from .module import Module

__all__ = ["GCNConv", "GATConv", "RGCNConv", "normalized_adjacency"]


def normalized_adjacency(adjacency, mask=None):
    """The symmetrically normalised adjacency with self-loops (Kipf & Welling, 2017, §2.2).

    Forward    Â = D̃^−½ (A + I) D̃^−½,  D̃_ii = Σ_j (A + I)_ij
    Shapes     adjacency A (…, N, N), mask (…, N) → (…, N, N); rows and columns without a node are 0
    """
    n = adjacency.shape[-1]
    loops = ops.add(adjacency, _beside(adjacency, np.eye(n)))
    if mask is not None:
        there = ops.cast(mask, dtype=str(adjacency.dtype))
        loops = ops.mul(loops, ops.mul(ops.unsqueeze(there, axis=-1), ops.unsqueeze(there, axis=-2)))
    degree = ops.sum(loops, axis=-1)
    root = ops.where(ops.greater(degree, 0.0), ops.rsqrt(ops.maximum(degree, 1e-12)), 0.0)
    return ops.mul(ops.mul(loops, ops.unsqueeze(root, axis=-1)), ops.unsqueeze(root, axis=-2))


def _beside(x, array):
    """A host array in the dtype of x, where x lives."""
    from ..tensor import Tensor

    device = getattr(x, "device", "cpu")
    return Tensor(np.ascontiguousarray(array, dtype=x.dtype)).to(device)


def _floats(module, adjacency, x):
    """The adjacency as numbers like x's."""
    return adjacency if adjacency.dtype == x.dtype else ops.cast(adjacency, dtype=str(x.dtype))


def _only(y, mask):
    """0 where there is no node."""
    return y if mask is None else ops.where(ops.unsqueeze(mask, axis=-1), y, 0.0)


def _check_mask(module, mask, x):
    if mask is not None:
        shape(module, "mask", mask, *x.shape[:-1])
        if str(mask.dtype) != "bool":
            raise ValueError(f"{type(module).__name__}: mask must be bool (True is a node), got {mask.dtype}")


class GCNConv(Module):
    """A graph convolution (Kipf & Welling, 2017, eq. 2).

    Forward    Y = D̃^−½ (A + I) D̃^−½ X Wᵀ + b,  D̃ the row sums of A + I
    Shapes     x X (B, N, D), adjacency A (B, N, N) bool or numbers, mask (B, N) → Y (B, N, K);
               weight W (K, D), bias (K,)
    Errors     ValueError naming the argument whose shape does not fit
    Begins     weight Xavier uniform, bias 0, as the authors'
    Note       the paper's A is symmetric; with another, row i still says whom node i hears
    """

    def __init__(self, in_features, out_features, bias=True, *, generator=None):
        positive(self, in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = zeros(out_features, in_features)
        self.bias = zeros(out_features) if bias else None
        init.xavier_uniform_(self.weight, generator=generator)

    def forward(self, x, adjacency, mask=None):
        shape(self, "x", x, "B", "N", self.in_features)
        shape(self, "adjacency", adjacency, x.shape[0], x.shape[1], x.shape[1])
        _check_mask(self, mask, x)
        a = normalized_adjacency(_floats(self, adjacency, x), mask)
        y = ops.matmul(a, ops.linear(x, self.weight))
        return _only(y if self.bias is None else ops.add(y, self.bias), mask)

    def extra_repr(self):
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class RGCNConv(Module):
    """A relational graph convolution: weights for each relation (Schlichtkrull et al., 2018, eq. 2).

    Forward    y_i = W₀ x_i + b + Σ_r 1/c_{i,r} Σ_{j: A_r[i, j]} A_r[i, j] W_r x_j,  c_{i,r} = Σ_j A_r[i, j];
               with ``bases`` V_1 … V_P: W_r = Σ_p a_{r,p} V_p (eq. 3), fewer numbers for many relations
    Shapes     x (B, N, D), adjacency A (B, R, N, N) bool or numbers ≥ 0, mask (B, N) → y (B, N, K);
               weight (R, K, D), or bases (P, K, D) and coefficients (R, P); root W₀ (K, D), bias (K,)
    Errors     ValueError naming the argument whose shape does not fit
    Begins     every matrix Xavier uniform, coefficients U(−1/√P, 1/√P), bias 0
    """

    def __init__(self, in_features, out_features, relations, bases=None, bias=True, *, generator=None):
        positive(self, in_features=in_features, out_features=out_features, relations=relations)
        self.in_features, self.out_features, self.relations = in_features, out_features, relations
        self.weight = self.bases = self.coefficients = None
        if bases is None:
            self.weight = zeros(relations, out_features, in_features)
        else:
            positive(self, bases=bases)
            self.bases = zeros(bases, out_features, in_features)
            self.coefficients = zeros(relations, bases)
            init.uniform_(self.coefficients, -(bases**-0.5), bases**-0.5, generator)
        self.root = zeros(out_features, in_features)
        self.bias = zeros(out_features) if bias else None
        bound = math.sqrt(6 / (in_features + out_features))
        for matrix in (self.weight, self.bases, self.root):
            if matrix is not None:
                init.uniform_(matrix, -bound, bound, generator)

    def forward(self, x, adjacency, mask=None):
        shape(self, "x", x, "B", "N", self.in_features)
        b, n = x.shape[:2]
        shape(self, "adjacency", adjacency, b, self.relations, n, n)
        _check_mask(self, mask, x)
        a = _floats(self, adjacency, x)
        if mask is not None:
            a = ops.mul(a, ops.reshape(ops.cast(mask, dtype=str(x.dtype)), shape=(b, 1, 1, n)))
        count = ops.sum(a, axis=-1, keepdims=True)
        a = ops.div(a, ops.where(ops.greater(count, 0.0), count, 1.0))
        weight = self.weight
        if weight is None:
            weight = ops.einsum("rp,pkd->rkd", self.coefficients, self.bases)
        heard = ops.matmul(a, ops.unsqueeze(x, axis=1))  # (B, R, N, D): the mean of whom one hears
        y = ops.add(ops.einsum("brnd,rkd->bnk", heard, weight), ops.linear(x, self.root))
        return _only(y if self.bias is None else ops.add(y, self.bias), mask)

    def extra_repr(self):
        return f"{self.in_features}, {self.out_features}, relations={self.relations}"


class GATConv(Module):
    """Graph attention (Veličković et al., 2018, eq. 1–6).

    Forward    z = X W_gᵀ for each head g;  e_ij = LeakyReLU(u_gᵀ z_i + v_gᵀ z_j), slope 0.2: a = [u; v];
               α_i = softmax_j(e_ij) over the neighbours j of i, and i itself;  y_i^g = Σ_j α_ij z_j;
               heads side by side (``concat``), or their mean (the paper's last layer); + b
               with ``relations`` R, an edge of relation r adds w_{g,r} to e_ij (of several, their sum):
               an extension named here, not in the paper
    Shapes     x X (B, N, D), adjacency (B, N, N), or (B, R, N, N) with relations, mask (B, N)
               → y (B, N, G·K) or (B, N, K), α (B, G, N, N) if ``need_weights``;
               weight (G·K, D), source u (G, K), target v (G, K), edge w (G, R), bias
    Errors     ValueError naming the argument whose shape does not fit
    Begins     weight, u and v Xavier uniform, w and b 0; dropout of α while training
    """

    def __init__(self, in_features, out_features, heads=1, concat=True, relations=None, negative_slope=0.2,
                 dropout=0.0, bias=True, *, generator=None):  # fmt: skip
        positive(self, in_features=in_features, out_features=out_features, heads=heads)
        self.in_features, self.out_features, self.heads = in_features, out_features, heads
        self.concat, self.relations, self.negative_slope = bool(concat), relations, float(negative_slope)
        self.dropout, self.generator = probability(self, "dropout", dropout), generator
        self.weight = zeros(heads * out_features, in_features)
        self.source, self.target = zeros(heads, out_features), zeros(heads, out_features)
        self.edge = None
        if relations is not None:
            positive(self, relations=relations)
            self.edge = zeros(heads, relations)
        self.bias = zeros(heads * out_features if concat else out_features) if bias else None
        for parameter in (self.weight, self.source, self.target):
            init.xavier_uniform_(parameter, generator=generator)

    def forward(self, x, adjacency, mask=None, need_weights=False):
        shape(self, "x", x, "B", "N", self.in_features)
        b, n = x.shape[:2]
        typed = () if self.relations is None else (self.relations,)
        shape(self, "adjacency", adjacency, b, *typed, n, n)
        _check_mask(self, mask, x)
        g, k = self.heads, self.out_features
        z = ops.reshape(ops.linear(x, self.weight), shape=(b, n, g, k))
        z = ops.permute(z, axes=(0, 2, 1, 3))
        to = ops.matmul(z, ops.reshape(self.source, shape=(g, k, 1)))  # (B, G, N, 1)
        of = ops.matmul(z, ops.reshape(self.target, shape=(g, k, 1)))
        scores = ops.add(to, ops.permute(of, axes=(0, 1, 3, 2)))
        if self.relations is not None:
            scores = ops.add(scores, ops.einsum("gr,brij->bgij", self.edge, _floats(self, adjacency, x)))
        scores = ops.leaky_relu(scores, negative_slope=self.negative_slope)
        alpha = ops.softmax(scores, _beside_mask(scores, self._neighbours(adjacency, mask, n)))
        kept = ops.dropout(alpha, p=self.dropout, generator=self.generator) if self._drops() else alpha
        y = ops.matmul(kept, z)  # (B, G, N, K)
        if self.concat:
            y = ops.reshape(ops.permute(y, axes=(0, 2, 1, 3)), shape=(b, n, g * k))
        else:
            y = ops.mean(y, axis=1)
        y = _only(y if self.bias is None else ops.add(y, self.bias), mask)
        return (y, alpha) if need_weights else y

    def _drops(self):
        return self.training and self.dropout > 0

    def _neighbours(self, adjacency, mask, n):
        """Whom each node attends to: (B, 1, N, N) bool, itself included."""
        edges = ops.not_equal(adjacency, 0) if str(adjacency.dtype) != "bool" else adjacency
        if self.relations is not None:
            edges = ops.any(edges, axis=1)
        itself = ops.cast(_beside(full_beside(edges, (1,), 0.0, "float32"), np.eye(n)), dtype="bool")
        edges = ops.logical_or(edges, itself)
        if mask is not None:
            edges = ops.logical_and(edges, ops.unsqueeze(mask, axis=-2))
        return ops.unsqueeze(edges, axis=1)

    def extra_repr(self):
        return f"{self.in_features}, {self.out_features}, heads={self.heads}, concat={self.concat}"


def _beside_mask(scores, edges):
    return ops.broadcast_to(raw(edges), shape=tuple(scores.shape))
