"""What lesson 9 derives of soft attention: its gradient by hand, the penalty's target, who asks.

The survey (§3.1.2) has weights between the picture and "each word"; they stand between the decoder's state at
a step and the R regions. Sources: Bahdanau, Cho & Bengio, 2015; Xu et al., 2015, eq. 4 to 6, 14 and §4.2.1.
"""

import numpy as np
import pytest

from mmscratch import gradcheck, ops, tensor
from mmscratch.autograd import no_grad
from mmscratch.models.caption_losses import doubly_stochastic_penalty
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

R, D, A, H = 5, 4, 3, 6
NAMES = ("regions", "state", "W_a", "U_a", "v", "w")


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    shapes = ((R, D), (H,), (A, D), (A, H), (A,), (H,))
    return {name: rng.normal(size=shape) for name, shape in zip(NAMES, shapes, strict=True)}


def look(regions, state, W_a, U_a, v, w):
    """z = β Σ α_i a_i with the library's operations."""
    keys = ops.matmul(regions, ops.permute(W_a, axes=(1, 0)))
    query = ops.matmul(U_a, state)
    energies = ops.additive_scores(ops.reshape(query, shape=(1, 1, A)), ops.reshape(keys, shape=(1, R, A)), v)
    alpha = ops.softmax(ops.reshape(energies, shape=(R,)))
    return ops.sigmoid(ops.matmul(w, state)) * ops.matmul(alpha, regions)


def by_hand(x, g, *, faults=()):
    """Gradients of g · z, from the last line to the first; ``faults`` seed errors."""
    a, h = x["regions"], x["state"]
    s = np.tanh(a @ x["W_a"].T + x["U_a"] @ h)
    e = s @ x["v"]
    alpha = np.exp(e) / np.exp(e).sum()
    seen, beta = alpha @ a, 1 / (1 + np.exp(-x["w"] @ h))
    d = g if "no gate on the way back" in faults else beta * g
    de = alpha * ((a if "no competition" in faults else a - seen) @ d)
    u = de[:, None] * x["v"] * (1 if "no slope of tanh" in faults else 1 - s**2)
    slope = beta * (1 - beta) * ((g if "gate of ones" in faults else seen) @ g)
    into_regions = (
        np.outer(alpha, d) if "only through the sum" in faults else np.outer(alpha, d) + u @ x["W_a"]
    )
    return {
        "regions": into_regions, "state": x["U_a"].T @ u.sum(0) + slope * x["w"], "W_a": u.T @ a,
        "U_a": np.outer(u.sum(0), h), "v": de @ s, "w": slope * h,
    }  # fmt: skip


def by_autograd(x, g):
    leaves = {name: tensor(value, requires_grad=True) for name, value in x.items()}
    (look(**leaves) * Tensor(g)).sum().backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


def agree(one, other):
    return all(np.allclose(one[name], other[name], rtol=1e-9, atol=1e-12) for name in NAMES)


def test_the_gradient_by_hand_is_autograd_and_the_definition(values):
    g = np.random.default_rng(1).normal(size=D)
    assert agree(by_hand(values, g), by_autograd(values, g))
    assert gradcheck(lambda *x: (look(*x) * Tensor(g)).sum(), *values.values())


@pytest.mark.parametrize(
    "fault",
    ["no gate on the way back", "no competition", "no slope of tanh", "gate of ones", "only through the sum"],
)
def test_seeded_faults_are_caught(values, fault):
    g = np.random.default_rng(1).normal(size=D)
    assert not agree(by_hand(values, g, faults=(fault,)), by_autograd(values, g))


def test_regions_compete_and_what_has_no_weight_gets_no_gradient():
    """∂L/∂e_i = α_i (a_i − ẑ)·d: the sum is 0, and α_i = 0 gives 0."""
    rng = np.random.default_rng(2)
    e, a, d = np.array([0.3, -0.2, 0.5, -60.0]), rng.normal(size=(4, D)), rng.normal(size=D)
    leaf = tensor(e, requires_grad=True)
    (ops.matmul(ops.softmax(leaf), Tensor(a)) * Tensor(d)).sum().backward()
    alpha = np.exp(e) / np.exp(e).sum()
    np.testing.assert_allclose(leaf.grad, alpha * ((a - alpha @ a) @ d), rtol=1e-10, atol=1e-25)
    assert abs(leaf.grad.sum()) < 1e-12 and abs(leaf.grad[3]) < 1e-20


@pytest.mark.parametrize("steps, cells", [(10, 196), (4, 7), (7, 7)])
def test_the_papers_target_has_a_floor_that_even_looks_reach(steps, cells):
    """Σ_i (1 − Σ_t α_ti)² ≥ (R − T)²/R; only T = R can reach 0. With τ = T/R the floor is 0."""
    rng = np.random.default_rng(3)
    floor = (cells - steps) ** 2 / cells
    for sharpness in (0.1, 1.0, 5.0):
        alpha = ops.softmax(Tensor(sharpness * rng.normal(size=(1, steps, cells)))).numpy()
        assert ((1 - alpha.sum(1)) ** 2).sum() >= floor - 1e-9
    even = np.full((1, steps, cells), 1 / cells)
    assert ((1 - even.sum(1)) ** 2).sum() == pytest.approx(floor, abs=1e-9)
    assert doubly_stochastic_penalty(Tensor(even), Tensor(np.ones((1, steps)))).item() == pytest.approx(0)


def test_both_targets_move_the_energies_alike():
    """1 − s_i and τ − s_i differ by a constant, which the softmax's Jacobian takes to 0; padding included."""
    rng = np.random.default_rng(4)
    energies, mask = rng.normal(size=(2, 6, 9)), np.ones((2, 6))
    mask[1, 4:] = 0
    slopes = []
    for penalty in (
        lambda p: ((1 - (p * Tensor(mask[:, :, None])).sum(1)) ** 2).mean(),
        lambda p: doubly_stochastic_penalty(p, Tensor(mask)),
    ):
        leaf = tensor(energies, requires_grad=True)
        penalty(ops.softmax(leaf)).backward()
        slopes.append(leaf.grad)
    np.testing.assert_allclose(*slopes, atol=1e-14)
    assert np.abs(slopes[0]).max() > 1e-3


@pytest.mark.parametrize("score", ["additive", "dot"])
@pytest.mark.parametrize("query, hears", [("previous", False), ("current", True)])
def test_only_the_current_state_has_heard_the_word_before(query, hears, score):
    model = AttentionCaptioner(9, D, 8, 6, 5, query=query, score=score, generator=Generator(0))
    picture = Tensor(np.random.default_rng(5).normal(size=(1, R, D)).astype(np.float32))
    with no_grad():
        alphas = [model(picture, Tensor(np.array([[1, 4, word, 0]])))[1].numpy()[0] for word in (5, 6)]
    np.testing.assert_array_equal(alphas[0][:2], alphas[1][:2])
    assert np.allclose(alphas[0][2], alphas[1][2], atol=1e-7) != hears
    np.testing.assert_allclose(alphas[0].sum(1), 1, rtol=1e-5)  # over the regions, at each step


def test_at_one_step_it_is_the_state_that_decides_where_to_look():
    """The same picture, the same word before, another state: other weights."""
    model = AttentionCaptioner(9, D, 8, 6, 5, generator=Generator(0))
    picture = Tensor(np.random.default_rng(5).normal(size=(1, R, D)).astype(np.float32))
    with no_grad():
        tokens = [[1, 4, 5, 7, 0], [1, 8, 6, 7, 0]]
        one, other = (model(picture, Tensor(np.array([line])))[1].numpy()[0, 3] for line in tokens)
    assert np.abs(one - other).max() > 1e-5
