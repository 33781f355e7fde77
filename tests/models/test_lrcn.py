"""The two-layer captioner against its equations in plain NumPy, and stepping against teacher forcing."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.decoding import greedy
from mmscratch.gradcheck import gradcheck
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.lrcn import LRCN
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T = 3, 4, 5, 7, 6


@pytest.fixture
def model():
    return LRCN(V, D, hidden=6, embedding=4, layers=2, generator=Generator(1)).to("float64").eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(model, regions, tokens):
    """One sentence, one word, one layer at a time."""
    p, out = model.state_dict(), np.zeros((B, T, V))
    for b in range(B):
        v = np.tanh(p["W_v.weight"] @ regions[b].mean(0) + p["W_v.bias"])
        h, c = np.zeros((2, 6)), np.zeros((2, 6))
        for t in range(T):
            x = np.concatenate([p["E.weight"][tokens[b, t]], v])
            for k in range(2):
                gates = (
                    p[f"lstm.weight_ih_l{k}"] @ x + p[f"lstm.bias_ih_l{k}"]
                    + p[f"lstm.weight_hh_l{k}"] @ h[k] + p[f"lstm.bias_hh_l{k}"]
                )  # fmt: skip
                i, f, g, o = np.split(gates, 4)
                c[k] = sigmoid(f) * c[k] + sigmoid(i) * np.tanh(g)
                x = h[k] = sigmoid(o) * np.tanh(c[k])
            out[b, t] = p["L_o.weight"] @ x + p["L_o.bias"]
    return out


def test_forward_is_the_equations(model, batch):
    logits, looks = model(*map(Tensor, batch))
    assert looks is None
    np.testing.assert_allclose(logits.detach().numpy(), by_hand(model, *batch), rtol=1e-10)


def test_teacher_forcing_is_stepping(model, batch):
    """Results, and the gradients of every parameter and of the regions."""
    wish, found = np.random.default_rng(4).normal(size=(B, T, V)), []
    for run in (model, lambda a, y: CaptionDecoder.forward(model, a, y)):
        model.zero_grad()
        regions = Tensor(batch[0], requires_grad=True)
        logits, _ = run(regions, Tensor(batch[1]))
        (logits * Tensor(wish)).sum().backward()
        gradients = {n: p.grad for n, p in model.named_parameters()}
        found.append({"logits": logits.data, "regions": regions.grad} | gradients)
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_gradients_of_the_whole_model(model, batch):
    target = Tensor(np.ascontiguousarray(batch[1][:, 1:]))
    assert gradcheck(lambda a: caption_loss(model(a, Tensor(batch[1]))[0], target, pad=0), batch[0])


def test_the_words_after_do_not_matter(model, batch):
    regions, tokens = batch
    other = tokens.copy()
    other[:, 3:] = (other[:, 3:] + 1) % V
    a, b = (model(Tensor(regions), Tensor(y))[0].detach().numpy() for y in (tokens, other))
    np.testing.assert_array_equal(a[:, :3], b[:, :3])
    assert not np.allclose(a[:, 3:5], b[:, 3:5])


def test_sentences_end_where_they_like(model, batch):
    with no_grad():
        state = model.start(Tensor(batch[0]))
    said, log_p, looks = greedy(model.step, state, B, start=1, end=2, max_length=9)
    assert looks is None and log_p.shape == (B,) and all(2 not in s and len(s) <= 9 for s in said)


@pytest.mark.parametrize(
    "regions, tokens, message",
    [
        ((R, D), (1, 3), r"LRCN: regions must be \(B, R, 5\), got \(4, 5\)"),
        ((2, D, 7, 7), (2, 3), r"LRCN: regions must be \(B, R, 5\), got \(2, 5, 7, 7\)"),
        ((2, R, D), (3, 3), r"LRCN: tokens must be .* B = 2 and T ≥ 1, got \(3, 3\)"),
        ((2, R, D), (2, 1), r"LRCN: tokens must be .* got \(2, 1\)"),
    ],
)
def test_wrong_shapes_are_named(model, regions, tokens, message):
    with pytest.raises(ValueError, match=message):
        model(Tensor(np.zeros(regions)), Tensor(np.zeros(tokens, np.int64)))
