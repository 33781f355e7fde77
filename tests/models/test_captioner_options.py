"""The attention captioner's other scores, without its gate, and with a mask of regions."""

import caption_checks as checks
import numpy as np
import pytest

from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T = 3, 4, 5, 7, 5
SIZES = {"hidden": 6, "embedding": 4, "attention": 3}
CASES = [(q, s, g) for q in ("previous", "current") for s in ("additive", "dot") for g in (True, False)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'gate' if case[2] else 'no gate'}")
def model(request):
    query, score, gate = request.param
    model = AttentionCaptioner(V, D, **SIZES, query=query, score=score, gate=gate, generator=Generator(1))
    return model.to("float64").eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def by_the_paper(model, regions, tokens):
    """One sentence and one word at a time."""
    p = checks.arrays(model)
    logits, alphas = np.zeros((B, T, V)), np.zeros((B, T, R))

    def look(a, h):
        asked, e = p["U_a.weight"] @ h + p["U_a.bias"], np.zeros(R)
        for i in range(R):
            fits = p["W_a.weight"] @ a[i]
            e[i] = fits @ asked / 3**0.5 if model.score == "dot" else p["v.weight"][0] @ np.tanh(fits + asked)
        alpha = checks.softmax(e)
        beta = checks.sigmoid(p["beta.weight"] @ h + p["beta.bias"]) if model.gate else 1.0
        return alpha, beta * (alpha @ a)

    for b, a in enumerate(regions):
        h, c = (np.tanh(p[f"init_{s}.weight"] @ a.mean(0) + p[f"init_{s}.bias"]) for s in "hc")
        z = np.zeros(D)
        for t in range(T):
            y = p["E.weight"][tokens[b, t]]
            if model.query == "previous":
                alphas[b, t], z = look(a, h)
            h, c = checks.lstm_by_hand(p, "lstm", np.concatenate([y, z]), h, c)
            if model.query == "current":
                alphas[b, t], z = look(a, h)
            deep = y + p["L_h.weight"] @ h + p["L_h.bias"] + p["L_z.weight"] @ z
            logits[b, t] = p["L_o.weight"] @ deep + p["L_o.bias"]
    return logits, alphas


def test_forward_is_the_paper(model, batch):
    logits, alpha = checks.run(model, *batch)
    wanted, looks = by_the_paper(model, *batch)
    np.testing.assert_allclose(logits, wanted, rtol=1e-9)
    np.testing.assert_allclose(alpha, looks, rtol=1e-9)


def test_what_is_not_used_is_not_there(model):
    names = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert ("v" in names) == (model.score == "additive")
    assert ("beta" in names) == model.gate


FAULTS = {
    "no scale": lambda m, a, h: np.sqrt(3) * _dot(m, a, h),
    "sign": lambda m, a, h: -1 * _dot(m, a, h),
    "additive": lambda m, a, h: (m.U_a(h).unsqueeze(1) + a).tanh().sum(2),
}


def _dot(m, projected, h):
    return (projected * m.U_a(h).unsqueeze(1)).sum(2) / 3**0.5


@pytest.mark.parametrize("fault", [None, *FAULTS])
@pytest.mark.parametrize("query", ["previous", "current"])
def test_seeded_faults_are_caught(batch, fault, query):
    model = AttentionCaptioner(V, D, **SIZES, query=query, score="dot", generator=Generator(1)).to("float64")
    wanted, _ = by_the_paper(model, *batch)
    model.scores = lambda a, h: _dot(model, a, h) if fault is None else FAULTS[fault](model, a, h)
    logits, _ = checks.run(model, *batch)
    assert np.allclose(logits, wanted, rtol=1e-9) == (fault is None)


def test_fold_order_causality_and_mask(model, batch):
    checks.fold_is_forward(model, *batch)
    checks.follows_permutation(model, *batch)
    checks.is_causal(model, *batch)
    checks.mask_hides(model, *batch)


def test_gradients(model, batch):
    checks.gradients(model, batch[0][:2], batch[1][:2, :3])


def test_a_mask_of_all_regions_is_none(model, batch):
    masked = checks.run(model, *batch, np.ones((B, R), bool))
    for x, y in zip(masked, checks.run(model, *batch), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


@pytest.mark.parametrize("options", [{"score": "cosine"}, {"query": "next"}])
def test_unknown_options_are_named(options):
    with pytest.raises(ValueError, match="AttentionCaptioner: .*got"):
        AttentionCaptioner(V, D, **options)


def test_wrong_masks_are_named(model, batch):
    for mask, error in ((np.ones((B, R)), TypeError), (np.ones((R, B), bool), ValueError),
                        (np.zeros((B, R), bool), ValueError)):  # fmt: skip
        with pytest.raises(error, match="AttentionCaptioner: mask"):
            model(Tensor(batch[0]), Tensor(batch[1]), mask)
