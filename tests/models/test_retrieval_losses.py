"""Losses of two towers: PyTorch's goldens, closed forms, numeric gradients, and what they must ignore."""

import pathlib

import numpy as np
import pytest

from mmscratch.gradcheck import gradcheck
from mmscratch.models.retrieval_losses import (
    LOSSES,
    HardestNegative,
    InfoNCE,
    SigLIP,
    SumHinge,
    build_loss,
)
from mmscratch.tensor import Tensor, tensor

GOLDENS = pathlib.Path(__file__).parents[1] / "goldens" / "retrieval.npz"
KINDS = ("sum", "hardest", "infonce/share", "infonce/mask", "siglip/share", "siglip/mask")
B = 5


def made(kind):
    name, _, several = kind.partition("/")
    return build_loss(name, several=several or "share").to("float64")


@pytest.fixture(scope="module")
def goldens():
    with np.load(GOLDENS, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def scores():
    return np.random.default_rng(0).normal(size=(B, B)) / 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["plain", "several", "queue"])
def test_value_and_gradients_are_pytorchs(goldens, case, kind):
    rows, columns = (
        tensor(goldens[f"{case}/{n}"], "float64", requires_grad=True) for n in ("rows", "columns")
    )
    loss = made(kind)
    if kind.startswith("infonce"):  # the parameter is float32: give it the oracle's digits
        loss.tau.data = np.array(np.log(1 / 0.07))
    if kind.startswith("siglip"):
        loss.tau.data = np.array(np.log(10.0))
    value = loss(rows, columns, goldens[f"{case}/positives"], goldens[f"{case}/column_positives"])
    value.backward()
    np.testing.assert_allclose(value.item(), goldens[f"{case}/{kind}/value"], rtol=1e-12)
    np.testing.assert_allclose(rows.grad, goldens[f"{case}/{kind}/d_rows"], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(columns.grad, goldens[f"{case}/{kind}/d_columns"], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_the_definition_of_the_derivative(kind, scores):
    positives = np.eye(B, dtype=bool)
    positives[0, 2] = True
    loss = made(kind)
    assert gradcheck(lambda s: loss(s, positives=positives), scores)
    if not kind.startswith(("sum", "hardest")):

        def by_parameters(tau, *rest):
            loss.tau = tau
            if rest:
                loss.bias = rest[0]
            return loss(Tensor(scores), positives=positives)

        extra = [np.array(-1.0)] if kind.startswith("siglip") else []
        assert gradcheck(by_parameters, np.array(0.7), *extra)


def test_warming_hardest_negative_has_its_derivative_too(scores):
    loss = HardestNegative()
    loss.share = 0.3
    assert gradcheck(lambda s: loss(s), scores)


def test_infonce_gradient_is_p_minus_identity_over_b(scores):
    loss = InfoNCE().to("float64")
    s = tensor(scores, "float64", requires_grad=True)
    loss.one_way(s, np.eye(B, dtype=bool)).backward()
    scale = np.exp(loss.tau.item())
    p = np.exp(scale * scores)
    p /= p.sum(1, keepdims=True)
    np.testing.assert_allclose(s.grad / scale, (p - np.eye(B)) / B, atol=1e-12)


def test_hinges_term_by_term(scores):
    m, total, worst = 0.2, 0.0, 0.0
    for s in (scores, scores.T):
        for i in range(B):
            costs = [max(0, m + s[i, j] - s[i, i]) for j in range(B) if j != i]
            total, worst = total + sum(costs), worst + max(costs)
    s = tensor(scores, "float64")
    assert SumHinge(m)(s).item() == pytest.approx(total, rel=1e-12)
    assert HardestNegative(m)(s).item() == pytest.approx(worst, rel=1e-12)
    loss = HardestNegative(m)
    loss.share = 0.25
    assert loss(s).item() == pytest.approx(0.25 * worst + 0.75 * total / (B - 1), rel=1e-12)


@pytest.mark.parametrize("kind", ["sum", "hardest", "infonce/mask", "siglip/mask"])
def test_a_positive_is_no_negative(kind, scores):
    """What the model says of a masked pair does not matter, and no gradient reaches it."""
    positives = np.eye(B, dtype=bool)
    positives[1, 3] = positives[3, 1] = True
    other = scores.copy()
    other[1, 3], other[3, 1] = 0.99, 0.98
    a, b = (tensor(s, "float64", requires_grad=True) for s in (scores, other))
    loss = made(kind)
    first, second = loss(a, positives=positives), loss(b, positives=positives)
    assert first.item() == second.item() != loss(b).item()
    second.backward()
    assert b.grad[1, 3] == b.grad[3, 1] == 0


@pytest.mark.parametrize("kind", ["infonce/share", "siglip/share"])
def test_a_shared_positive_is_pulled_and_not_pushed(kind, scores):
    positives = np.eye(B, dtype=bool)
    positives[1, 3] = positives[3, 1] = True
    s = tensor(np.zeros((B, B)), "float64", requires_grad=True)
    made(kind)(s, positives=positives).backward()
    assert s.grad[1, 3] < 0 and s.grad[3, 1] < 0 and s.grad[0, 1] > 0


def test_blind_values():
    """2·B·(B − 1)·m, 2·B·m, ln B: what equal scores cost; of SigLIP the least that any constant costs."""
    equal = tensor(np.full((B, B), 0.3), "float64")
    for kind, value in (("sum", 2 * B * (B - 1) * 0.2), ("hardest", 2 * B * 0.2), ("infonce", np.log(B))):
        loss = made(kind)
        assert loss.blind(B) == pytest.approx(value, rel=1e-6)
        assert loss(equal).item() == pytest.approx(value, rel=1e-6)
    loss = SigLIP().to("float64")
    loss.bias.data = np.array(np.log((1 / B) / (1 - 1 / B)))
    assert loss(tensor(np.zeros((B, B)), "float64")).item() == pytest.approx(loss.blind(B), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_blind_with_several_positives_is_what_equal_scores_cost(kind):
    positives = np.eye(B, 2 * B, dtype=bool)
    positives[0, 7] = positives[2, 3] = True
    equal, loss = tensor(np.zeros((B, 2 * B)), "float64"), made(kind)
    if kind.startswith("siglip"):
        hidden = 2 if kind.endswith("mask") else 0
        p = (B + 2 - hidden) / (2 * B * B - hidden)
        loss.bias.data = np.array(np.log(p / (1 - p)))
    cost = loss(equal, equal, positives, positives).item()
    assert loss.blind(positives) == pytest.approx(cost, rel=1e-6)


def test_temperature_begins_and_is_kept():
    loss = InfoNCE()
    assert loss.tau.item() == pytest.approx(np.log(1 / 0.07), rel=1e-6)
    loss.tau.data = np.array(7.0, np.float32)
    loss.settle()
    assert loss.tau.item() == pytest.approx(np.log(100), rel=1e-6)
    assert loss.tau.data.dtype == np.float32 and isinstance(loss.tau.data, np.ndarray)


def test_errors_name_what_came():
    s = tensor(np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match=r"both directions be given, got \(3, 4\)"):
        SumHinge()(s)
    with pytest.raises(ValueError, match=r"3 rows need as many columns"):
        SumHinge()(tensor(np.zeros((3, 2), np.float32)), s)
    square = tensor(np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"positives: expected bool \(3, 3\)"):
        InfoNCE()(square, positives=np.eye(3))
    with pytest.raises(ValueError, match="own column"):
        InfoNCE()(square, positives=np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="several: expected share or mask, got 'both'"):
        InfoNCE(several="both")
    with pytest.raises(ValueError, match="margin: expected more than 0, got -1"):
        SumHinge(-1)
    with pytest.raises(ValueError, match=f"loss: expected {' or '.join(LOSSES)}, got 'triplet'"):
        build_loss("triplet")
