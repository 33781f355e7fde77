"""Graphs of communities: who is tied to whom tells of what kind they are, and so do features, with noise."""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["Communities", "make_communities"]


@dataclasses.dataclass
class Communities:
    """x (N, D) float32, adjacency (N, N) bool, symmetric and without loops, kind int64 (N,).

    train, val, test (N,) bool: whose kind is told, by whom one chooses, by whom one judges.
    """

    x: np.ndarray
    adjacency: np.ndarray
    kind: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def rewired(self, seed=0):
        """The same graph with its nodes exchanged: every degree stays, and no edge tells anything."""
        order = np.random.default_rng([seed, 1]).permutation(len(self.kind))
        return dataclasses.replace(self, adjacency=self.adjacency[np.ix_(order, order)])


def make_communities(nodes=120, kinds=3, within=8.0, between=2.0, features=12, signal=0.6, told=10, seed=0):
    """A contextual stochastic block model.

    Forward    P(A_ij = 1) = within/(N/K) of one kind, between/(N − N/K) of two: so many expected neighbours
               x_i = signal · u_kind(i) + N(0, I),  u orthonormal directions times √2, so that two kinds lie
               2 signal apart
    Errors     ValueError for sizes that leave a kind without nodes, fewer features than kinds, or a chance
               above 1
    Source     Deshpande, Sen, Montanari & Mossel, 2018 (there: two kinds); Holland, Laskey & Leinhardt, 1983

    Kinds are equally frequent; ``told`` of each are told, as many are there to choose by, the rest to judge.
    """
    if kinds < 2 or nodes % kinds or nodes // kinds <= 2 * told or told < 1:
        raise ValueError(
            f"make_communities: nodes: expected a multiple of kinds = {kinds} with more than 2 · told = "
            f"{2 * told} of each, got {nodes}"
        )
    if features < kinds:
        raise ValueError(f"make_communities: features: expected at least kinds = {kinds}, got {features}")
    size = nodes // kinds
    near, far = within / size, between / (nodes - size)
    if not (0 <= far <= 1 and 0 <= near <= 1):
        raise ValueError(
            f"make_communities: within, between: expected chances from 0 to 1, got {near:.3g} and {far:.3g}"
        )
    random = np.random.default_rng(seed)
    kind = random.permutation(np.repeat(np.arange(kinds), size))
    chance = np.where(kind[:, None] == kind, near, far)
    upper = np.triu(random.random((nodes, nodes)) < chance, 1)
    directions = np.sqrt(2) * np.linalg.qr(random.normal(size=(features, kinds)))[0].T
    x = signal * directions[kind] + random.normal(size=(nodes, features))
    place = np.zeros(nodes, np.int64)
    for k in range(kinds):
        place[np.flatnonzero(kind == k)] = np.arange(size)
    return Communities(
        x.astype(np.float32), upper | upper.T, kind.astype(np.int64), place < told,
        (place >= told) & (place < 2 * told), place >= 2 * told,
    )  # fmt: skip
