"""Readers of two modalities: an encoder for each, and any fusion of ``models.fusion`` joins them."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn.check import positive
from ...tensor import tensor
from ..fusion import make

__all__ = [
    "GRAPH_LAYERS",
    "GraphEncoder",
    "PairReader",
    "ScanEncoder",
    "SeriesEncoder",
    "WordEncoder",
    "word_ids",
]

GRAPH_LAYERS = ("gcn", "gat", "bag")


def word_ids(texts, vocabulary=None):
    """Texts as numbers: (N, T) int64, 0 where there is no word or one that is not known; and the vocabulary.

    vocabulary    word → number from 1; None: made of these texts, in alphabetical order
    Errors     ValueError where no text has a word
    """
    tokens = [text.split() if isinstance(text, str) else list(text) for text in texts]
    longest = max((len(t) for t in tokens), default=0)
    if longest == 0:
        raise ValueError("word_ids: texts: expected at least one word, got none")
    if vocabulary is None:
        vocabulary = {w: i for i, w in enumerate(sorted({w for t in tokens for w in t}), start=1)}
    ids = np.zeros((len(tokens), longest), np.int64)
    for row, words in zip(ids, tokens, strict=True):
        row[: len(words)] = [vocabulary.get(w, 0) for w in words]
    return ids, vocabulary


class WordEncoder(nn.Module):
    """Words to a vector: the last state of a GRU (Cho et al., 2014).

    Forward    h = GRU(E[w_1], …, E[w_n]);  0 of a text without words
    Shapes     ids (B, T), 0 behind the last word → h (B, H)
    """

    def __init__(self, words, size=16, hidden=16, generator=None):
        positive(self, words=words, size=size, hidden=hidden)
        self.embedding = nn.Embedding(words + 1, size, padding_idx=0, generator=generator)
        self.gru = nn.GRU(size, hidden, batch_first=True, generator=generator)

    def forward(self, ids):
        ids = np.asarray(ids)
        # The place behind the last word that is known; unknown ones between others are read as zeros.
        lengths = np.where(ids != 0, np.arange(1, ids.shape[1] + 1), 0).max(axis=1)
        h = self.gru(self.embedding(tensor(ids)), lengths=np.maximum(lengths, 1))[1][0]
        return ops.where(tensor(lengths[:, None] > 0), h, 0.0)


class ScanEncoder(nn.Module):
    """Pictures to a vector: three convolutions, the mean over places; and of each place, is a lesion here?

    Forward    A = relu(conv(relu(conv(relu(conv(x)))))), strides 1, 2, 2;  h = mean_{ij} A_ij;  l = w · A_ij
               + b
    Shapes     x (B, 1, 32, 32) → h (B, C);  ``lesion_logits`` (B, 8, 8)
    """

    def __init__(self, channels=(12, 24, 32), generator=None):
        a, b, c = channels
        self.channels = c
        self.conv1 = nn.Conv2d(1, a, 3, padding=1, activation="relu", generator=generator)
        self.conv2 = nn.Conv2d(a, b, 3, stride=2, padding=1, activation="relu", generator=generator)
        self.conv3 = nn.Conv2d(b, c, 3, stride=2, padding=1, activation="relu", generator=generator)
        self.lesion = nn.Conv2d(c, 1, 1, generator=generator)

    def grid(self, images):
        """A: (B, C, 8, 8)."""
        return self.conv3(self.conv2(self.conv1((images - 0.4) * 4)))

    def forward(self, images):
        return ops.mean(self.grid(images), axis=(2, 3))

    def lesion_logits(self, images):
        """One number a place: (B, 8, 8)."""
        return self.lesion(self.grid(images))[:, 0]


class GraphEncoder(nn.Module):
    """Molecular graphs to a vector.

    Forward    X_0 one-hot atoms;  X_{k+1} = relu(layer(X_k, A)), k = 0, 1, 2;  h = mean over the atoms of X_3
               layer: GCN (Kipf & Welling, 2017), GAT (Veličković et al., 2018), or "bag", a linear map of
               (atom, number of bonds) that hears no neighbour
    Shapes     atoms (B, N) numbers, −1 where none; bonds (B, N, N) bool → h (B, H)
    Errors     ValueError for an unknown layer
    """

    def __init__(self, kinds, kind="gcn", hidden=24, generator=None):
        if kind not in GRAPH_LAYERS:
            raise ValueError(f"GraphEncoder: kind: expected one of {', '.join(GRAPH_LAYERS)}, got {kind!r}")
        self.kinds, self.kind = kinds, kind
        sizes = [kinds + 1, hidden, hidden, hidden]
        if kind == "bag":
            layers = [nn.Linear(a, b, generator=generator) for a, b in zip(sizes, sizes[1:], strict=False)]
        elif kind == "gcn":
            layers = [nn.GCNConv(a, b, generator=generator) for a, b in zip(sizes, sizes[1:], strict=False)]
        else:
            layers = [nn.GATConv(a, b // 4, heads=4, generator=generator)
                      for a, b in zip(sizes, sizes[1:], strict=False)]  # fmt: skip
        self.layers = nn.ModuleList(layers)

    def forward(self, atoms, bonds):
        atoms, bonds = np.asarray(atoms), np.asarray(bonds)
        mask = tensor(atoms >= 0)
        marks = np.eye(self.kinds, dtype=np.float32)[np.maximum(atoms, 0)]
        degree = bonds.sum(2, dtype=np.float32)[..., None] / 4
        x = tensor(np.where(atoms[..., None] >= 0, np.concatenate([marks, degree], 2), np.float32(0)))
        edges = tensor(bonds)
        for layer in self.layers:
            x = ops.relu(layer(x) if self.kind == "bag" else layer(x, edges, mask))
        share = (atoms >= 0) / (atoms >= 0).sum(1, keepdims=True)
        return ops.sum(x * tensor(share[..., None].astype(np.float32)), axis=1)


class SeriesEncoder(nn.Module):
    """A time series to a vector: the last state of a GRU.

    Shapes     x (B, T, D) → h (B, H)
    """

    def __init__(self, size, hidden=16, generator=None):
        self.gru = nn.GRU(size, hidden, batch_first=True, generator=generator)

    def forward(self, x):
        return self.gru(x)[1][0]


class PairReader(nn.Module):
    """Two encoders, a fusion, a linear map to classes; or one encoder alone.

    Forward    z = W fuse(e_1(x_1), e_2(x_2)) + b;  with ``only`` m: z = W relu(V e_m(x_m) + c) + b
    Shapes     x_m: tuples of what encoder m takes, B rows each; present (B, 2) bool → z (B, K)
    Errors     ValueError for an unknown fusion or a modality other than 0 and 1; the fusions' own

    fusion     a name of ``models.fusion`` that gives features (not a late one)
    """

    def __init__(
        self, encoders, sizes, classes, fusion="tensor", hidden=16, only=None, generator=None, **options
    ):
        if only not in (None, 0, 1):
            raise ValueError(f"PairReader: only: expected None, 0 or 1, got {only!r}")
        self.encoders, self.only = nn.ModuleList(encoders), only
        if only is None:
            self.fuse = make(fusion, sizes, hidden, generator=generator, **options)
            if self.fuse.decides:
                raise ValueError(f"PairReader: fusion: expected one that gives features, got {fusion!r}")
        else:
            self.fuse = nn.Linear(sizes[only], hidden, activation="relu", generator=generator)
        self.head = nn.Linear(hidden, classes, generator=generator)

    def forward(self, first, second, present=None):
        if self.only is not None:
            return self.head(self.fuse(self.encoders[self.only](*(first, second)[self.only])))
        h = [encoder(*x) for encoder, x in zip(self.encoders, (first, second), strict=True)]
        return self.head(self.fuse(*h, present=present))

    def loss(self, target, first, second, present=None):
        """The mean over the rows of −ln p(target): a tensor ()."""
        return ops.cross_entropy(self(first, second, present=present), tensor(np.asarray(target, np.int64)))
