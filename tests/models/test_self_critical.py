"""Self-critical training: its gradient against that of the expected reward, all sentences written out.

Five words and at most three of them make 85 sentences. The expected reward is a sum over them, its
gradient exact, and so are expectation and variance of what the loss estimates, for each baseline.
"""

from statistics import NormalDist

import numpy as np
import pytest

from mmscratch.models import self_critical as module
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.models.hard_captioner import HardAttentionCaptioner
from mmscratch.models.self_critical import mean_of_others, policy_loss, self_critical, sentence_log_p
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

R, D, V, LONGEST = 3, 4, 5, 3
START, END = 1, 2
WORDS = [w for w in range(V) if w != END]
SENTENCES = [[]] + [[a] for a in WORDS] + [[a, b] for a in WORDS for b in WORDS]
SENTENCES += [[a, b, c] for a in WORDS for b in WORDS for c in WORDS]
PLACE = {tuple(s): i for i, s in enumerate(SENTENCES)}
TABLE = 3 + np.random.default_rng(5).normal(size=len(SENTENCES))
"""The reward of each sentence: far from zero, as rewards are."""
ENDS = {"start": START, "end": END, "max_length": LONGEST}
DRAWN, LEVEL = 4_000, 0.99


def reward(captions, pictures):
    assert len(captions) == len(pictures)
    return [TABLE[PLACE[tuple(c)]] for c in captions]


def make(kind=AttentionCaptioner):
    model = kind(V, D, hidden=5, embedding=4, attention=3, generator=Generator(1)).to("float64")
    for p in model.parameters():
        p.data = p.data * 2
    return model


def pictures(copies):
    return Tensor(np.repeat(2 * np.random.default_rng(0).normal(size=(1, R, D)), copies, 0))


def flat_gradient(model, loss):
    model.zero_grad()
    loss.backward()
    return np.concatenate([
        np.zeros(p.size) if p.grad is None else p.grad.ravel() for p in model.parameters()
    ])  # fmt: skip


class Enumerated:
    """p of every sentence, ∇log p of every sentence (85, parameters), and ∇(−J)."""

    def __init__(self, model):
        regions = pictures(len(SENTENCES))
        log_p = sentence_log_p(model, regions, SENTENCES, **ENDS)
        self.p = np.exp(log_p.detach().numpy())
        assert self.p.sum() == pytest.approx(1)
        self.exact = flat_gradient(model, -(log_p.exp() * Tensor(TABLE)).sum())
        self.scores = np.stack([
            flat_gradient(model, sentence_log_p(model, pictures(1), [s], **ENDS).sum()) for s in SENTENCES
        ])  # fmt: skip

    def moments(self, baseline, own=0.0):
        """Mean and variance, by coordinate, of what one picture contributes."""
        if baseline == "others":  # two draws: −½ (r_i − r_j)(∇log p_i − ∇log p_j)
            pairs = np.outer(self.p, self.p)[:, :, None]
            each = -0.5 * (TABLE[:, None] - TABLE)[:, :, None] * (self.scores[:, None] - self.scores)
            mean = (pairs * each).sum((0, 1))
            return mean, (pairs * each**2).sum((0, 1)) - mean**2
        each = -(TABLE - own)[:, None] * self.scores
        mean = self.p @ each
        return mean, self.p @ each**2 - mean**2


@pytest.fixture(scope="module")
def known():
    model = make()
    return model, Enumerated(model)


def estimate(model, baseline, seed=3, drawn=DRAWN):
    samples = 2 if baseline == "others" else 1
    found = self_critical(
        model, pictures(drawn), reward, Generator(seed), baseline=baseline, samples=samples, **ENDS
    )
    return flat_gradient(model, found.loss), found


def within(mean, exact, variance, drawn=DRAWN):
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / len(exact))
    return np.all(np.abs(mean - exact) <= z * np.sqrt(np.maximum(variance, 0) / drawn) + 1e-12)


@pytest.mark.parametrize("baseline", ["greedy", "others", "none"])
def test_the_sampled_gradient_is_that_of_the_expected_reward(known, baseline):
    """Unbiased: exactly over all sentences (or pairs), and within 99 % over the samples, by Bonferroni."""
    model, found = known
    gradient, step = estimate(model, baseline)
    mean, variance = found.moments(baseline, step.baseline[0, 0])
    np.testing.assert_allclose(mean, found.exact, rtol=1e-9, atol=1e-12)
    assert within(gradient, found.exact, variance)
    error = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2) * TABLE.std() / np.sqrt(step.reward.size)
    assert abs(step.reward.mean() - found.p @ TABLE) < 2 * error


def test_baselines_lower_the_variance(known):
    model, found = known
    own = estimate(model, "greedy", drawn=1)[1].baseline[0, 0]
    greedy, none = (found.moments(b, own if b == "greedy" else 0.0)[1].sum() for b in ("greedy", "none"))
    others = 2 * found.moments("others")[1].sum()  # for as many captions: half as many pictures
    assert others < 0.5 * none and greedy < 0.7 * none


FAULTS = {
    "the sign": ("policy_loss", lambda log_p, r, b: (log_p * Tensor(r - b)).mean()),
    "the reward's scale": ("policy_loss", lambda log_p, r, b: -(log_p * Tensor(2 * (r - b))).mean()),
    "a baseline with its own sample": (
        "mean_of_others",
        lambda r: np.repeat(r.mean(1, keepdims=True), r.shape[1], 1),
    ),
    "no end in log p": (
        "sentence_log_p",
        lambda model, regions, captions, start, end, length: sentence_log_p(
            model, regions, [c or [3] for c in captions], start, end, max(map(len, captions))
        ),
    ),
    "rewards in another order": ("_rewards", lambda r, c, of: np.roll(np.array(r(c, of)), 1)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_faults_leave_the_interval(known, fault, monkeypatch):
    model, found = known
    _, variance = found.moments("others")
    name, wrong = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    gradient, _ = estimate(model, "others", drawn=1500)
    assert not within(gradient, found.exact, variance, drawn=1500)


def test_an_end_that_was_never_drawn_is_not_counted(known, monkeypatch):
    """A caption as long as the limit was cut off; with an end in its log p they sum to less than 1."""
    model, _ = known
    regions = pictures(len(SENTENCES))
    wrong = np.exp(sentence_log_p(model, regions, SENTENCES, START, END, LONGEST + 1).detach().numpy())
    assert wrong.sum() < 0.99


def test_log_p_is_what_sample_reports():
    from mmscratch.decoding import sample

    model = make().eval()
    regions = pictures(30)
    said, log_p, _ = sample(model.step, model.start(regions), 30, START, END, LONGEST, Generator(8))
    found = sentence_log_p(model, regions, said, **ENDS).detach().numpy()
    np.testing.assert_allclose(found, log_p, rtol=1e-10)
    assert {len(s) for s in said} == {0, 1, 2, 3}


def test_mean_of_others():
    np.testing.assert_allclose(mean_of_others([[1, 2, 6], [0, 0, 3]]), [[4, 3.5, 1.5], [1.5, 1.5, 0]])
    with pytest.raises(ValueError, match=r"k ≥ 2 samples, got \(4, 1\)"):
        mean_of_others(np.zeros((4, 1)))


def test_each_caption_is_rewarded_for_its_own_picture():
    """k in a row a picture; the greedy caption once a picture."""
    asked = []

    def note(captions, rows):
        asked.append(rows.tolist())
        return np.zeros(len(captions))

    found = self_critical(make(), pictures(3), note, Generator(0), samples=2, **ENDS)
    assert asked == [[0, 0, 1, 1, 2, 2], [0, 1, 2]]
    assert len(found.captions) == 6 and found.reward.shape == found.baseline.shape == (3, 2)


def test_a_good_caption_becomes_likelier():
    model = make()
    said = []
    for step in range(60):
        found = self_critical(
            model, pictures(40), lambda c, _: [x.count(3) / LONGEST for x in c], Generator(step), **ENDS
        )
        model.zero_grad()
        found.loss.backward()
        for p in model.parameters():
            if p.grad is not None:
                p.data = p.data - 1.0 * p.grad
        said.append(found.reward.mean())
    assert said[0] < 0.3 and np.mean(said[-5:]) > 0.6


@pytest.mark.parametrize("kind", [AttentionCaptioner, HardAttentionCaptioner])
def test_it_is_taken_in_evaluation_mode_and_gives_the_mode_back(kind):
    model = make(kind)
    model.dropout.p = 0.5
    one, two = (self_critical(model, pictures(4), reward, Generator(0), **ENDS) for _ in range(2))
    assert model.training
    assert one.captions == two.captions and one.loss.item() == two.loss.item()


def test_gradients_reach_the_regions():
    regions = Tensor(np.random.default_rng(1).normal(size=(2, R, D)), requires_grad=True)
    self_critical(make(), regions, reward, Generator(0), baseline="others", samples=3, **ENDS).loss.backward()
    assert np.abs(regions.grad).min() > 0


def test_errors_name_what_came():
    model = make()
    for options, message in (
        ({"baseline": "best"}, "baseline: expected greedy or others or none, got 'best'"),
        ({"baseline": "others"}, "samples: expected at least 2 with others, got 1"),
        ({"samples": 0}, "samples: expected at least 1 with greedy, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            self_critical(model, pictures(2), reward, Generator(0), **ENDS, **options)
    for bad in (lambda c, _: [1.0], lambda c, _: [float("nan")] * len(c)):
        with pytest.raises(ValueError, match="reward: expected 2 finite numbers"):
            self_critical(model, pictures(2), bad, Generator(0), **ENDS)
    with pytest.raises(ValueError, match=r"reward − baseline \(3,\), expected \(2,\)"):
        policy_loss(Tensor(np.zeros(2)), np.zeros(3), np.zeros(3))
