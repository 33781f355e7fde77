"""Recommenders: gradients, the monotone descent of ALS, the formula in plain words, cold items."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.gradcheck import gradcheck
from mmscratch.models.applications.recommenders import BPR, VBPR, ImplicitMF, bpr_loss, draw_triples
from mmscratch.models.applications.sequences import NextItem
from mmscratch.random import Generator
from mmscratch.tensor import tensor

random = np.random.default_rng(0)
TAKEN = random.uniform(size=(20, 15)) < 0.25
FEATURES = random.normal(size=(15, 6))


def test_als_never_rises_and_each_half_step_is_a_minimum():
    mf = ImplicitMF(factors=3, alpha=4.0, penalty=2.0, rounds=6).fit(TAKEN)
    assert all(a >= b - 1e-9 for a, b in zip(mf.losses_, mf.losses_[1:], strict=False))
    p, best = TAKEN.astype(float), mf.losses_[-1]
    assert best == pytest.approx(mf.loss(p))
    for _ in range(20):  # the items were solved for last: no step away from them is better
        y = mf.y.copy()
        mf.y = y + 1e-3 * random.normal(size=y.shape)
        assert mf.loss(p) > best
        mf.y = y


def test_als_solves_its_normal_equations_one_user_at_a_time():
    mf = ImplicitMF(factors=3, alpha=4.0, penalty=2.0, rounds=1).fit(TAKEN)
    y, p = np.random.default_rng(0).normal(scale=0.1, size=(15, 3)), TAKEN.astype(float)
    for u in (0, 7):
        c = np.diag(1 + 4 * p[u])
        np.testing.assert_allclose(
            mf.x[u], np.linalg.solve(y.T @ c @ y + 2 * np.eye(3), y.T @ c @ p[u]), rtol=1e-8
        )


def test_bpr_gradient_is_what_is_derived():
    above, below = random.normal(size=(2, 6))
    assert gradcheck(bpr_loss, above, below)
    a, b = tensor(above, requires_grad=True), tensor(below, requires_grad=True)
    bpr_loss(a, b).backward()
    np.testing.assert_allclose(a.grad, -(1 - 1 / (1 + np.exp(below - above))) / 6, atol=1e-12)
    np.testing.assert_allclose(a.grad, -b.grad)


def _double(model):
    """The model in float64, with numbers that are not small."""
    for p in model.parameters():
        p.data = random.normal(size=p.shape)
    if isinstance(model, VBPR):
        model.features = tensor(FEATURES)
    return model


@pytest.mark.parametrize("make", [lambda: BPR(20, 15, 3), lambda: VBPR(20, FEATURES, 3, 4),
                                  lambda: VBPR(20, FEATURES, 0, 4)])  # fmt: skip
def test_gradients_of_models(make):
    model = _double(make())
    triples = [np.array(k) for k in ([0, 3, 3], [1, 2, 2], [4, 4, 7])]
    model.loss(*triples, penalty=0.1).backward()
    parameters = [p for p in model.parameters() if p.grad is not None]
    # Without factors of items, their tables are no part of the scores; the penalty still holds them.
    assert len(parameters) == (6 if isinstance(model, VBPR) else 3)
    for p in parameters:
        slope = p.grad.copy()
        for place in list(np.ndindex(p.shape))[:: max(1, p.size // 8)]:
            value = p.data[place]
            around = []
            for step in (1e-5, -1e-5):
                p.data[place] = value + step
                with no_grad():
                    around.append(model.loss(*triples, penalty=0.1).item())
            p.data[place] = value
            assert abs((around[0] - around[1]) / 2e-5 - slope[place]) < 1e-7


def test_scores_are_forward_of_every_pair():
    for model in (_double(BPR(20, 15, 3)), _double(VBPR(20, FEATURES, 3, 4))):
        u, i = np.divmod(np.arange(300), 15)
        with no_grad():
            one = model(tensor(u), tensor(i)).numpy().reshape(20, 15)
        np.testing.assert_allclose(model.scores(), one, rtol=1e-5, atol=1e-5)


def test_of_a_cold_item_bpr_knows_nothing_and_vbpr_the_picture():
    known = np.arange(15) < 10
    assert np.ptp(_double(BPR(20, 15, 3)).scores(known)[:, 10:]) == 0
    model = _double(VBPR(20, FEATURES, 3, 4))
    seen = (
        model.taste.weight.data @ model.project.weight.data @ FEATURES.T
        + model.common.weight.data @ FEATURES.T
    )
    np.testing.assert_allclose(model.scores(known)[:, 10:], seen[:, 10:], rtol=1e-5, atol=1e-4)


def test_triples_are_of_what_was_taken_and_what_was_not():
    u, i, j = draw_triples(TAKEN, 2000, Generator(0))
    assert TAKEN[u, i].all() and not TAKEN[u, j].any()
    assert len(set(zip(u.tolist(), i.tolist(), strict=True))) == TAKEN.sum()


# ── sequences ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("reader", ["gru", "attention"])
def test_a_reader_does_not_look_ahead(reader):
    model = NextItem(FEATURES, reader, hidden=8, generator=Generator(0)).eval()
    sessions = random.integers(0, 15, (4, 6))
    with no_grad():
        z = model(sessions).numpy()
        changed = sessions.copy()
        changed[:, 4:] = (changed[:, 4:] + 1) % 15
        again = model(changed).numpy()
    assert z.shape == (4, 6, 15)
    np.testing.assert_allclose(z[:, :4], again[:, :4], atol=1e-5)
    assert np.abs(z[:, 4:] - again[:, 4:]).max() > 1e-3


@pytest.mark.parametrize("reader", ["gru", "attention"])
def test_loss_is_the_mean_log_probability_of_what_came(reader):
    model = NextItem(FEATURES, reader, hidden=8, own=True, generator=Generator(1)).eval()
    sessions = random.integers(0, 15, (3, 5))
    with no_grad():
        z = model(sessions[:, :-1]).numpy().astype(np.float64)
        loss = model.loss(sessions).item()
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    picked = np.take_along_axis(p, sessions[:, 1:, None], 2)
    assert loss == pytest.approx(-np.log(picked).mean(), rel=1e-5)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: ImplicitMF(factors=0), "factors, rounds, penalty, alpha: expected at least 1"),
        (lambda: ImplicitMF().fit(np.full((2, 2), 0.5)), r"taken: expected \(U, I\) of 0 and 1"),
        (lambda: BPR(0, 3), "users"),
        (lambda: VBPR(3, np.zeros(4)), r"features: expected \(I, F\), got \(4,\)"),
        (lambda: NextItem(FEATURES, "lstm"), "reader: expected one of gru, attention, got 'lstm'"),
        (lambda: NextItem(np.zeros(4)), r"features: expected \(I, F\), got \(4,\)"),
        (lambda: NextItem(FEATURES, longest=3)(np.zeros((1, 4), int)), r"sessions: expected \(B, T ≤ 3\)"),
    ],
)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
