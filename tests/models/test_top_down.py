"""Top-down attention against its paper's equations in plain NumPy, and as what every caption model is."""

import caption_checks as checks
import numpy as np
import pytest

from mmscratch import ops
from mmscratch.models.top_down import TopDownCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T, H = 3, 4, 5, 7, 5, 6


@pytest.fixture
def model():
    model = TopDownCaptioner(V, D, hidden=H, embedding=4, attention=3, generator=Generator(1))
    return model.to("float64").eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def by_the_paper(model, regions, tokens):
    """Equations 2 to 7, one sentence, one word and one box at a time."""
    p = checks.arrays(model)
    logits, alphas = np.zeros((B, T, V)), np.zeros((B, T, R))
    for b, v in enumerate(regions):
        h1 = c1 = h2 = c2 = np.zeros(H)
        for t in range(T):
            x1 = np.concatenate([h2, v.mean(0), p["E.weight"][tokens[b, t]]])
            h1, c1 = checks.lstm_by_hand(p, "attention_lstm", x1, h1, c1)
            asked = p["W_ha.weight"] @ h1
            a = np.array([p["w_a.weight"][0] @ np.tanh(p["W_va.weight"] @ box + asked) for box in v])
            alphas[b, t] = checks.softmax(a)
            seen = sum(alphas[b, t, i] * v[i] for i in range(R))
            h2, c2 = checks.lstm_by_hand(p, "language_lstm", np.concatenate([seen, h1]), h2, c2)
            logits[b, t] = p["L_o.weight"] @ h2 + p["L_o.bias"]
    return logits, alphas


def test_forward_is_the_paper(model, batch):
    logits, alpha = checks.run(model, *batch)
    wanted, looks = by_the_paper(model, *batch)
    np.testing.assert_allclose(logits, wanted, rtol=1e-9)
    np.testing.assert_allclose(alpha, looks, rtol=1e-9)


def _advance(model, state, word, fault):
    (v, projected, mean, mask), h1, c1, h2, c2 = state
    above = h1 if fault == "the attention LSTM hears itself, not the language LSTM" else h2
    h1, c1 = model.attention_lstm(ops.concatenate([above, mean, word], axis=1), (h1, c1))
    asks = h2 if fault == "the language LSTM asks" else h1
    a = ops.additive_scores(model.W_ha(asks).unsqueeze(1), projected, model.w_a.weight.squeeze(0)).squeeze(1)
    alpha = ops.softmax(a, mask, axis=0 if fault == "attention over the batch" else 1)
    seen = ops.matmul(alpha.unsqueeze(1), v).squeeze(1)
    seen = mean if fault == "the mean is said" else seen
    h2, c2 = model.language_lstm(ops.concatenate([seen, h1], axis=1), (h2, c2))
    return (state[0], h1, c1, h2, c2), alpha


@pytest.mark.parametrize(
    "fault",
    [
        None,
        "the attention LSTM hears itself, not the language LSTM",
        "the language LSTM asks",
        "attention over the batch",
        "the mean is said",
    ],
)
def test_seeded_faults_are_caught(model, batch, fault):
    wanted, _ = by_the_paper(model, *batch)
    model.advance = lambda state, word: _advance(model, state, word, fault)
    logits, _ = checks.run(model, *batch)
    assert np.allclose(logits, wanted, rtol=1e-9) == (fault is None)


@pytest.mark.parametrize("length", [2, T + 1])
def test_teacher_forcing_is_stepping(model, batch, length):
    checks.fold_is_forward(model, batch[0], batch[1][:, :length])


def test_order_of_boxes_causality_and_mask(model, batch):
    checks.follows_permutation(model, *batch)
    checks.is_causal(model, *batch)
    checks.mask_hides(model, *batch)


def test_gradients(model, batch):
    checks.gradients(model, batch[0][:2], batch[1][:2, :3])


def test_dropout_drops_in_training_only(batch):
    model = TopDownCaptioner(V, D, hidden=H, dropout=0.5, generator=Generator(1)).to("float64")
    assert (checks.run(model, *batch)[0] != checks.run(model, *batch)[0]).any()
    model.eval()
    np.testing.assert_array_equal(checks.run(model, *batch)[0], checks.run(model, *batch)[0])


@pytest.mark.parametrize(
    "regions, tokens", [((2, R, D + 1), (2, 3)), ((2, R, D), (3, 3)), ((2, R, D), (2, 1)), ((2, D), (2, 3))]
)
def test_wrong_shapes_are_named(model, regions, tokens):
    with pytest.raises(ValueError, match=r"TopDownCaptioner: .*got \("):
        model(Tensor(np.zeros(regions)), Tensor(np.zeros(tokens, np.int64)))
