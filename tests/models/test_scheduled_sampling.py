"""Scheduled sampling: its schedules, and its fold between teacher forcing and free running."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.decoding import greedy
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.models.scheduled_sampling import exponential, inverse_sigmoid, linear, scheduled_forward
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T = 4, 3, 5, 8, 6


@pytest.fixture
def model():
    model = AttentionCaptioner(V, D, hidden=6, embedding=4, attention=3, generator=Generator(1)).to("float64")
    for p in model.parameters():
        p.data = p.data * 2
    return model


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    tokens = rng.integers(3, V, size=(B, T + 1))
    tokens[:, 0] = 1
    return Tensor(rng.normal(size=(B, R, D))), Tensor(tokens)


def fed(model, monkeypatch):
    """The words that the model's step is given, one array a step."""
    words, step = [], model.step

    def record(state, token):
        words.append(token.numpy())
        return step(state, token)

    monkeypatch.setattr(model, "step", record)
    return words


def test_the_schedules_are_the_papers():
    assert [linear(i, c=0.1, least=0.25) for i in (0, 5, 100)] == [1.0, 0.5, 0.25]
    assert [exponential(i, k=0.5) for i in (0, 1, 3)] == [1.0, 0.5, 0.125]
    assert inverse_sigmoid(0, k=9) == pytest.approx(0.9)
    assert inverse_sigmoid(3, k=2) == pytest.approx(2 / (2 + np.exp(1.5)))
    assert inverse_sigmoid(10 * np.log(10), k=10) == pytest.approx(0.5)
    assert inverse_sigmoid(10**9, k=2) == 0.0
    for schedule in (
        lambda i: linear(i, 0.01),
        lambda i: exponential(i, 0.99),
        lambda i: inverse_sigmoid(i, 20),
    ):
        values = [schedule(i) for i in range(200)]
        assert all(1 >= a >= b >= 0 for a, b in zip(values, values[1:], strict=False))


@pytest.mark.parametrize("call", [
    lambda: linear(0, c=-1), lambda: linear(0, c=1, k=2), lambda: exponential(0, 1),
    lambda: inverse_sigmoid(0, 0.5), lambda: exponential(-1, 0.5),
])  # fmt: skip
def test_schedules_refuse_what_is_none(call):
    with pytest.raises(ValueError, match="expected"):
        call()


def test_with_one_it_is_teacher_forcing_to_the_bit(model, batch):
    for found, wanted in zip(scheduled_forward(model, *batch, 1, Generator(2)), model(*batch), strict=True):
        np.testing.assert_array_equal(found.detach().numpy(), wanted.detach().numpy())


def test_the_fold_with_the_teachers_words_is_the_decoders_fold(model, batch):
    almost = np.nextafter(1, 0)  # no coin is that high: the same words, by the fold
    found = scheduled_forward(model, *batch, almost, Generator(2))
    for a, b in zip(found, CaptionDecoder.forward(model, *batch), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_with_zero_it_feeds_its_own_words(model, batch):
    """By argmax they are what greedy search says, until that ends."""
    regions, tokens = batch
    model.L_o.bias.data[2] -= 1.5
    logits, alpha = scheduled_forward(model, regions, tokens, 0.0, Generator(2), choose="argmax")
    with no_grad():
        said, log_p, looks = greedy(model.step, model.start(regions), B, 1, 2, T)
    scores = logits.log_softmax().detach().numpy()
    assert len({len(s) for s in said}) > 1
    for b, words in enumerate(said):
        own = [*words, 2][:T]
        assert scores[b].argmax(1)[: len(own)].tolist() == own
        assert sum(scores[b, t, w] for t, w in enumerate(own)) == pytest.approx(log_p[b])
        np.testing.assert_allclose(alpha.detach().numpy()[b, : len(words)], looks[b])
    changed = np.array(tokens.numpy())
    changed[:, 1:] = 3  # the reference is not read at all
    again, _ = scheduled_forward(model, regions, Tensor(changed), 0.0, Generator(2), choose="argmax")
    np.testing.assert_array_equal(again.detach().numpy(), logits.detach().numpy())


def test_words_are_mixed_as_often_as_epsilon_says(model, batch, monkeypatch):
    """Of words that the model never says itself: their share is ε."""
    regions, tokens = (Tensor(np.repeat(x.numpy(), 500, 0)) for x in batch)
    rare = np.where(np.arange(T + 1) == 0, 1, V - 1) + 0 * tokens.numpy()
    model.L_o.bias.data[V - 1] = -1e9
    words = fed(model, monkeypatch)
    scheduled_forward(model, regions, Tensor(rare), 0.3, Generator(5))
    assert (words[0] == 1).all()
    share = (np.stack(words[1:]) == V - 1).mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.21 / (2000 * (T - 1)))


def test_its_own_words_are_drawn_from_its_distribution(model, batch, monkeypatch):
    regions, tokens = (Tensor(np.repeat(x.numpy()[:1], 20_000, 0)) for x in batch)
    words = fed(model, monkeypatch)
    logits, _ = scheduled_forward(model, regions[:, :], tokens[:, :3], 0.0, Generator(6))
    p = np.exp(logits.log_softmax().detach().numpy()[0, 0])
    share = np.bincount(words[1], minlength=V) / 20_000
    assert abs(share - p).max() < 4 * np.sqrt(0.25 / 20_000)


def test_no_gradient_flows_through_the_choice(model, batch, monkeypatch):
    """The gradient is that of the fold over the words that were fed."""
    words = fed(model, monkeypatch)
    logits, _ = scheduled_forward(model, *batch, 0.4, Generator(3))
    (logits**2).sum().backward()
    found = {n: p.grad for n, p in model.named_parameters()}
    model.zero_grad()
    mixed = np.concatenate([np.stack(words, 1), batch[1].numpy()[:, -1:]], 1)
    assert (mixed != batch[1].numpy()).any()
    (CaptionDecoder.forward(model, batch[0], Tensor(mixed))[0] ** 2).sum().backward()
    for name, p in model.named_parameters():
        np.testing.assert_allclose(found[name], p.grad, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("epsilon", [0, 0.5, 1])
def test_the_generator_moves_on_by_the_shape_alone(model, batch, epsilon):
    generator = Generator(3)
    scheduled_forward(model, *batch, epsilon, generator)
    assert generator.offset == 2 * 2 * B * (T - 1)


def test_errors_name_what_came(model, batch):
    with pytest.raises(ValueError, match=r"epsilon must be in \[0, 1\], got 1.5"):
        scheduled_forward(model, *batch, 1.5, Generator(0))
    with pytest.raises(ValueError, match="choose must be 'sample' or 'argmax', got 'beam'"):
        scheduled_forward(model, *batch, 0.5, Generator(0), choose="beam")
    with pytest.raises(ValueError, match="AttentionCaptioner: tokens must be"):
        scheduled_forward(model, batch[0], batch[1][:, :1], 0.5, Generator(0))
