"""Affine maps, bilinear forms and tables of vectors."""

import numpy as np

from .. import ops
from ..ops.epilogue import check_activation
from ..tensor import Tensor
from . import init
from .check import positive, shape
from .module import Module, Parameter

__all__ = ["Bilinear", "Embedding", "Flatten", "Identity", "Linear", "Unflatten"]


def zeros(*sizes):
    """A parameter of float32 zeros, to be initialised."""
    return Parameter(np.zeros(sizes, np.float32))


class Identity(Module):
    """Forward    y = x"""

    def forward(self, x):
        return x


class Flatten(Module):
    """Axes start_dim … end_dim made into one.

    Shapes     x (B, C, S…) → y (B, C·ΠS), with the defaults
    """

    def __init__(self, start_dim=1, end_dim=-1):
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        return ops.flatten(x, start=self.start_dim, end=self.end_dim)


class Unflatten(Module):
    """Axis dim made into several.

    Shapes     x (B, N), dim 1, sizes (S…) with ΠS = N → y (B, S…)
    """

    def __init__(self, dim, unflattened_size):
        self.dim, self.sizes = dim, tuple(unflattened_size)

    def forward(self, x):
        axis = self.dim % x.ndim
        return ops.reshape(x, shape=(*x.shape[:axis], *self.sizes, *x.shape[axis + 1 :]))


class Linear(Module):
    """An affine map of the last axis.

    Forward    y = φ(x Wᵀ + b); activation φ: None, "relu", "tanh" or "sigmoid", in the same pass
    Shapes     x (…, D), weight (K, D), bias (K,) → y (…, K);  D in_features, K out_features
    Errors     ValueError where x's last axis is not D, or for another activation
    Begins     weight, bias ~ U(−1/√D, 1/√D)
    """

    def __init__(self, in_features, out_features, bias=True, *, activation=None, generator=None):
        positive(self, in_features=in_features, out_features=out_features)
        check_activation("Linear", activation)
        self.activation = activation
        self.in_features, self.out_features = in_features, out_features
        self.weight = zeros(out_features, in_features)
        self.bias = zeros(out_features) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        init.fan_in_uniform_(self.weight, self.bias, generator)

    def forward(self, x):
        shape(self, "x", x, ..., self.in_features)
        return ops.linear(x, self.weight, self.bias, activation=self.activation)

    def extra_repr(self):
        act = f", activation={self.activation!r}" if self.activation else ""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}{act}"


class Bilinear(Module):
    """A bilinear form of two inputs for each output.

    Forward    y_k = x₁ᵀ W_k x₂ + b_k
    Shapes     x1 (…, D), x2 (…, E), weight (K, D, E), bias (K,) → y (…, K)
    Errors     ValueError where a last axis does not fit
    Begins     weight, bias ~ U(−1/√D, 1/√D)
    """

    def __init__(self, in1_features, in2_features, out_features, bias=True, *, generator=None):
        positive(self, in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = zeros(out_features, in1_features, in2_features)
        self.bias = zeros(out_features) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        bound = self.in1_features**-0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def forward(self, x1, x2):
        shape(self, "x1", x1, ..., self.in1_features)
        shape(self, "x2", x2, *x1.shape[:-1], self.in2_features)
        return ops.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self):
        return f"{self.in1_features}, {self.in2_features}, {self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """A table of vectors, looked up by number.

    Forward    y[i…] = weight[index[i…]]
    Shapes     index (I…) integers in [0, V), weight (V, D) → y (I…, D)
    Errors     as ``ops.embedding``: an index out of range, or not an integer
    Begins     weight ~ N(0, 1), the row ``padding_idx`` 0; that row gets no gradient
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, *, generator=None):
        positive(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is not a row of {num_embeddings}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = zeros(num_embeddings, embedding_dim)
        self.reset_parameters(generator)

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None):
        """A module whose table is ``embeddings`` (V, D); ``freeze``: it is not learnt further."""
        embeddings = embeddings.detach().numpy() if isinstance(embeddings, Tensor) else np.asarray(embeddings)
        if embeddings.ndim != 2 or embeddings.dtype.kind != "f":
            raise ValueError(
                "Embedding.from_pretrained: expected floats (V, D), "
                f"got {embeddings.dtype} {embeddings.shape}"
            )
        module = cls(*embeddings.shape, padding_idx=padding_idx)
        module.weight.data = np.array(embeddings, order="C")
        module.weight.requires_grad = not freeze
        return module

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            table = self.weight.detach().numpy().copy()
            table[self.padding_idx] = 0
            init.set_(self.weight, table)

    def forward(self, index):
        return ops.embedding(self.weight, index, padding_idx=self.padding_idx)

    def extra_repr(self):
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
