"""The Dirichlet energy: the sum over edges, the quadratic form, and where repeated propagation ends."""

import numpy as np
import pytest

from mmscratch.data.communities import make_communities
from mmscratch.metrics import dirichlet_energy, smoothing
from mmscratch.nn.graph import normalized_adjacency
from mmscratch.tasks.trends.graphs import propagate
from mmscratch.tensor import Tensor

GRAPH = make_communities(nodes=60, told=5, seed=2)
X = GRAPH.x.astype(np.float64)


def hat(adjacency):
    return normalized_adjacency(Tensor(adjacency[None].astype(np.float64))).numpy()[0]


def test_it_is_the_sum_over_edges_and_the_quadratic_form():
    degree, total = 1 + GRAPH.adjacency.sum(1), 0.0
    for i, j in np.argwhere(GRAPH.adjacency):
        total += np.square(X[i] / np.sqrt(degree[i]) - X[j] / np.sqrt(degree[j])).sum() / 2
    found = dirichlet_energy(X, GRAPH.adjacency)
    assert found == pytest.approx(total / np.square(X).sum())
    form = np.trace(X.T @ (np.eye(60) - hat(GRAPH.adjacency)) @ X) / np.trace(X.T @ X)
    assert found == pytest.approx(form) and 0 < found < 2
    assert dirichlet_energy(7 * X, GRAPH.adjacency) == pytest.approx(found)  # size does not matter


def test_two_nodes_by_hand():
    """An edge: both degrees with loops 2; opposite signs differ by 2/√2 along it."""
    edge = np.array([[0, 1], [1, 0]])
    assert dirichlet_energy([[1.0], [1.0]], edge) == pytest.approx(0)
    assert dirichlet_energy([[1.0], [-1.0]], edge) == pytest.approx(1)


def test_propagation_ends_at_the_dominant_eigenvector_as_fast_as_the_second_allows():
    """Â^k X → u₁ u₁ᵀ X, u₁ ∝ √(1 + d), the rest at most |λ₂|^k ‖X‖: over-smoothing, proved."""
    a = hat(GRAPH.adjacency)
    values, vectors = np.linalg.eigh(a)
    degree = 1 + GRAPH.adjacency.sum(1)
    first = np.sqrt(degree / degree.sum())
    assert values[-1] == pytest.approx(1) and abs(first @ vectors[:, -1]) == pytest.approx(1)
    second, limit = np.abs(values[:-1]).max(), np.outer(first, first @ X)
    assert second < 0.95  # connected
    for k in (1, 3, 10, 40):
        left = np.linalg.norm(propagate(X, GRAPH.adjacency, k) - limit)
        assert left <= second**k * np.linalg.norm(X) + 1e-12
    np.testing.assert_allclose(propagate(X, GRAPH.adjacency, 400), limit, atol=1e-9)
    energies = [dirichlet_energy(propagate(X, GRAPH.adjacency, k), GRAPH.adjacency) for k in (0, 2, 4, 8, 16)]
    assert all(b < a for a, b in zip(energies, energies[1:], strict=False)) and energies[-1] < 1e-3
    assert dirichlet_energy(limit, GRAPH.adjacency) == pytest.approx(0, abs=1e-12)


def test_of_a_complete_graph_one_step_is_enough():
    full = ~np.eye(5, dtype=bool)
    once = propagate(X[:5], full, 1)
    np.testing.assert_allclose(once, np.tile(X[:5].mean(0), (5, 1)))


@pytest.mark.parametrize("fault", ["no loops", "unscaled"])
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    true = smoothing.dirichlet_energy

    def wrong(x, adjacency):
        x, a = np.asarray(x, float), np.asarray(adjacency, float)
        d = a.sum(1) + (fault == "unscaled")
        y = x / np.sqrt(np.maximum(d, 1e-9))[:, None]
        form = a.sum(1) @ np.square(y).sum(1) - np.einsum("ij,id,jd->", a, y, y)
        return form if fault == "unscaled" else form / np.square(x).sum()

    monkeypatch.setitem(globals(), "dirichlet_energy", wrong)
    with pytest.raises(AssertionError):
        test_it_is_the_sum_over_edges_and_the_quadratic_form()
    assert true is smoothing.dirichlet_energy


@pytest.mark.parametrize(
    "x, a, message",
    [
        (X, GRAPH.adjacency[:5, :5], r"expected x \(N, D\) and adjacency \(N, N\)"),
        (X[:2], np.array([[0, 1], [0, 0]]), "symmetric"),
        (X[:2], np.array([[0, -1], [-1, 0]]), "without negative"),
        (X[:2] * 0, np.ones((2, 2)), "not all 0"),
    ],
)
def test_what_is_refused(x, a, message):
    with pytest.raises(ValueError, match=message):
        dirichlet_energy(x, a)
