"""Integrated gradients: closed forms, the paper's axioms, and faults that must show."""

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.explain import gradients, integrated, integrated_gradients, intercept
from mmscratch.ops.attention import attention_twin
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(3)


def smooth_network():
    layers = [
        nn.Linear(6, 9, activation="tanh", generator=Generator(1)),
        nn.Linear(9, 1, generator=Generator(2)),
    ]
    return nn.Sequential(*layers).to("float64")


def of_network(net):
    return lambda x: ops.squeeze(net(x), axis=1)


X, X0 = RANDOM.normal(size=(2, 5, 6))


def test_completeness_to_rounding_of_a_smooth_network():
    net = smooth_network()
    found = integrated_gradients(of_network(net), X, X0, steps=32)
    ends = [of_network(net)(Tensor(x)).detach().numpy() for x in (X, X0)]
    np.testing.assert_allclose(found.values.sum(1), ends[0] - ends[1], atol=1e-12)
    assert np.abs(found.gap).max() < 1e-12 and np.abs(found.change).min() > 1e-3
    assert all(p.grad is None for p in net.parameters())


def test_completeness_of_a_transformer_with_normalisation():
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, activation="gelu", batch_first=True, generator=Generator(0)
    ).eval()
    layer.to("float64")
    x = RANDOM.normal(size=(3, 5, 8))
    w = RANDOM.normal(size=8)

    def function(t):
        return ops.sum(layer(t)[:, 0] * w, axis=1)

    start = RANDOM.normal(
        size=(1, 5, 8)
    )  # at 0 a layer norm has its steepest place; a generic start does not
    assert np.abs(integrated_gradients(function, x, start, steps=128).gap).max() < 1e-6


def test_polynomials_by_hand():
    """F = a² b c from 0 to x: each factor gets its power's share of F (degree 4: three points are exact)."""
    x = RANDOM.normal(size=(4, 3))
    found = integrated_gradients(lambda t: t[:, 0] * t[:, 0] * t[:, 1] * t[:, 2], x, steps=2)
    wanted = (x[:, 0] ** 2 * x[:, 1] * x[:, 2])[:, None] * np.array([1 / 2, 1 / 4, 1 / 4])
    np.testing.assert_allclose(found.values, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.gap, 0, atol=1e-12)


def test_a_linear_score_gives_its_terms():
    w = RANDOM.normal(size=6)
    found = integrated_gradients(lambda t: ops.sum(t * w, axis=1), X, X0, steps=1)
    np.testing.assert_allclose(found.values, w * (X - X0), rtol=1e-12)


def test_sensitivity_where_the_gradient_is_blind():
    """The paper's example, f(x) = 1 − ReLU(1 − x): from 0 to 2 it rises by 1, and its gradient at 2 is 0."""

    def function(t):
        return 1 - ops.relu(1 - t[:, 0])

    x = np.array([[2.0]])
    at_x = Tensor(x, requires_grad=True)
    assert gradients(function(at_x), at_x)[0] == 0
    found = integrated_gradients(function, x, steps=64)
    assert found.change == 1 and found.values[0, 0] == pytest.approx(1, abs=0.02)


def test_sensitivity_b_an_entry_without_influence_gets_nothing():
    found = integrated_gradients(lambda t: ops.tanh(t[:, 0] * t[:, 2]), X, X0)
    assert (found.values[:, [1, 3, 4, 5]] == 0).all() and (found.values[:, [0, 2]] != 0).all()


def test_implementation_invariance():
    """Two networks that are one function: here a fused and a composed attention; a matrix and its factors."""
    q = RANDOM.normal(size=(3, 4, 6))
    fused, composed = (
        integrated_gradients(
            lambda t, a=a: ops.sum(ops.square(a(t, t, t)[0]), axis=(1, 2)), q, steps=8
        ).values
        for a in (ops.attention, attention_twin)
    )
    np.testing.assert_allclose(fused, composed, atol=1e-12)
    net, mix = smooth_network(), RANDOM.normal(size=(6, 6))
    w = net[0].weight.detach().numpy()

    def factored(t):
        return ops.squeeze(net[1](ops.tanh((t @ mix) @ np.linalg.solve(mix, w.T) + net[0].bias)), axis=1)

    direct = integrated_gradients(of_network(net), X, X0).values
    np.testing.assert_allclose(integrated_gradients(factored, X, X0).values, direct, atol=1e-10)


def test_symmetry_and_linearity():
    twins = np.repeat(RANDOM.normal(size=(4, 1)), 2, axis=1)
    values = integrated_gradients(lambda t: ops.exp(t[:, 0] * t[:, 1]), twins).values
    np.testing.assert_allclose(values[:, 0], values[:, 1], rtol=1e-12)

    def f(t):
        return ops.sum(ops.sin(t), axis=1)

    def g(t):
        return ops.prod(t, axis=1)

    both = integrated_gradients(lambda t: 2 * f(t) - 3 * g(t), X, X0).values
    parts = [integrated_gradients(h, X, X0).values for h in (f, g)]
    np.testing.assert_allclose(both, 2 * parts[0] - 3 * parts[1], atol=1e-12)


def test_several_inputs_share_one_change():
    """Two senses, one score: the change is divided among all entries of both; batches change nothing."""
    a, b = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=(7, 4))
    join = RANDOM.normal(size=(3, 4))
    pick = RANDOM.integers(0, 2, 7)

    def function(s, t, chosen):
        both = ops.stack([ops.sum((s @ join) * t, axis=1), ops.sum(ops.tanh(t), axis=1)], axis=1)
        return ops.take_along(both, chosen[:, None], axis=1)[:, 0]

    whole = integrated_gradients(function, (a, b), context=(pick,))
    pieces = integrated_gradients(function, (a, b), context=(pick,), batch_size=3)
    assert [v.shape for v in whole.values] == [(7, 3), (7, 4)]
    assert np.abs(whole.gap).max() < 1e-12
    for one, other in zip(whole.values, pieces.values, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)
    bilinear = ((a @ join) * b).sum(1)
    np.testing.assert_allclose(whole.values[0].sum(1), np.where(pick == 0, bilinear / 2, 0), atol=1e-12)


def test_of_a_rectified_network_the_gap_is_told_and_falls():
    net = nn.Sequential(
        nn.Linear(6, 40, activation="relu", generator=Generator(1)), nn.Linear(40, 1, generator=Generator(2))
    ).to("float64")
    gaps = [np.abs(integrated_gradients(of_network(net), X, X0, steps=n).gap).mean() for n in (8, 64, 512)]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-3


@pytest.mark.parametrize("fault", ["nodes", "weights", "sign", "end"])
def test_a_seeded_fault_breaks_completeness(monkeypatch, fault):
    true = np.polynomial.legendre.leggauss

    class Legendre:
        @staticmethod
        def leggauss(n):
            x, w = true(n)
            return {
                "nodes": (2 * x - 1, w),
                "weights": (x, 2 * w),
                "sign": (-x - 2, w),
                "end": (x * 0 + 1, w),
            }[fault]

    class Polynomial:
        legendre = Legendre

    class Numpy:
        polynomial = Polynomial

        def __getattr__(self, name):
            return getattr(np, name)

    monkeypatch.setattr(integrated, "np", Numpy())
    gap = integrated_gradients(of_network(smooth_network()), X, X0).gap
    assert np.abs(gap).max() > 1e-3


def test_what_is_refused():
    net = of_network(smooth_network())
    with pytest.raises(ValueError, match=r"shape \(5,\), one score each, got shape \(5, 6\)"):
        integrated_gradients(lambda t: t * 2, X)
    with pytest.raises(ValueError, match="have no gradient"):
        integrated_gradients(lambda t: Tensor(t.detach().numpy().sum(1)), X)
    with pytest.raises(ValueError, match=r"broadcasts to the input's \(5, 6\), got \(5,\)"):
        integrated_gradients(net, X, np.zeros(5))
    with pytest.raises(ValueError, match="steps: expected an integer from 1"):
        integrated_gradients(net, X, steps=0)
    with pytest.raises(TypeError, match="expected float32 or float64, got int64"):
        integrated_gradients(net, np.ones((2, 6), int))
    with pytest.raises(ValueError, match="context: expected 5 rows"):
        integrated_gradients(net, X, context=(np.zeros(3),))


def test_intercept_looks_changes_and_leaves_no_trace():
    net = smooth_network()
    kept = []
    with (
        intercept(net[0], lambda y: kept.append(y) or y * 0),
        intercept(net[0], lambda y: kept.append(y) or y),
    ):
        changed = net(Tensor(X))
    assert len(kept) == 2 and "forward" not in vars(net[0])
    np.testing.assert_allclose(changed.detach().numpy(), np.broadcast_to(net[1].bias.data, (5, 1)))
    assert (kept[1].detach().numpy() == 0).all()
    with pytest.raises(ZeroDivisionError), intercept(net[0], lambda y: 1 / 0):
        net(Tensor(X))
    assert "forward" not in vars(net[0])


def test_gradients_in_the_middle_and_of_leaves():
    net = smooth_network()
    kept = []
    x = Tensor(X, requires_grad=True)
    net[1].weight.grad = np.full(net[1].weight.shape, 7.0)
    with intercept(net[0], lambda y: kept.append(y) or y):
        scores = of_network(net)(x)
    of_x, of_hidden = gradients(scores, x, kept[0])
    h, w = kept[0].detach().numpy(), [p.weight.detach().numpy() for p in net]
    np.testing.assert_allclose(of_hidden, np.broadcast_to(w[1], h.shape), rtol=1e-12)
    np.testing.assert_allclose(of_x, (of_hidden * (1 - h**2)) @ w[0], rtol=1e-12)
    assert (net[1].weight.grad == 7).all() and net[0].weight.grad is None
