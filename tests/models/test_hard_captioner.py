"""Hard attention: its sampled gradient against the gradient enumerated over every path of looks.

Four regions and two words make 4² = 16 paths. Over them the bound L_s = Σ_s p(s) log p(y | s) is a sum, and
its gradient exact; so are the expectation and the variance of what a sample estimates.
"""

import itertools
from statistics import NormalDist

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.autograd import no_grad
from mmscratch.decoding import greedy
from mmscratch.models import hard_captioner
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.models.hard_captioner import HardAttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

R, D, V, T, PAD = 4, 5, 7, 2, 0
SIZES = {"hidden": 6, "embedding": 4, "attention": 3}
PATHS = np.array(list(itertools.product(range(R), repeat=T)))
SAMPLES, LEVEL = 4_000, 0.99


def hard(query="previous", half_sampling=False, **options):
    model = HardAttentionCaptioner(
        V, D, **SIZES, query=query, half_sampling=half_sampling, generator=Generator(1), **options
    )
    model.to("float64")
    for p in model.parameters():  # larger than initial weights: attention that is far from even
        p.data = p.data * 2
    return model


@pytest.fixture(params=["previous", "current"])
def model(request):
    return hard(request.param)


def picture(copies):
    rng = np.random.default_rng(0)
    regions, tokens = 2 * rng.normal(size=(1, R, D)), np.array([[1, 5, 3]])
    return Tensor(np.repeat(regions, copies, 0)), Tensor(np.repeat(tokens, copies, 0))


def flat_gradient(model, loss):
    model.zero_grad()
    loss.backward()
    return np.concatenate([
        np.zeros(p.size) if p.grad is None else p.grad.ravel() for p in model.parameters()
    ])  # fmt: skip


def enumerated(model):
    """∇(−L_s / T), exactly: all 16 paths in one batch, and autograd through p(s) and log p(y | s)."""
    regions, tokens = picture(len(PATHS))
    logits, path = model.trace(regions, tokens, PATHS)
    log_p = logits.log_softmax().gather(2, tokens.numpy()[:, 1:, None]).squeeze(2).sum(1)
    p = path.log_alpha.gather(2, PATHS[:, :, None]).squeeze(2).sum(1).exp()
    assert p.sum().item() == pytest.approx(1)
    return flat_gradient(model, -(p * log_p).sum() / T), p.detach().numpy(), log_p.detach().numpy()


def of_each_path(model, baseline):
    """What the loss's gradient is when exactly this path was drawn: (16, parameters)."""
    rows = []
    for s in PATHS:
        model.baseline.data = np.asarray(float(baseline))
        loss, _ = model.bound_loss(*picture(1), PAD, s=s[None])
        rows.append(flat_gradient(model, loss))
    return np.array(rows)


def sampled(model, baseline, seed=7, samples=SAMPLES):
    """The gradient of one large batch of the same picture, its paths drawn by the model itself."""
    model.generator = Generator(seed)
    model.baseline.data = np.asarray(float(baseline))
    loss, _ = model.bound_loss(*picture(samples), PAD)
    return flat_gradient(model, loss)


def within(mean, exact, variance, samples=SAMPLES, level=LEVEL):
    """Is every coordinate of the mean inside its interval? Bonferroni: at this level for all together."""
    z = NormalDist().inv_cdf(1 - (1 - level) / 2 / len(exact))
    return np.all(np.abs(mean - exact) <= z * np.sqrt(np.maximum(variance, 0) / samples) + 1e-12)


@pytest.mark.parametrize("baseline", [0.0, "mean"])
def test_the_sampled_gradient_is_the_enumerated_one(model, baseline):
    """Unbiased with and without a baseline: exactly over the paths, and within 99 % over the samples."""
    exact, p, log_p = enumerated(model)
    baseline = p @ log_p if baseline == "mean" else baseline
    rows = of_each_path(model, baseline)
    np.testing.assert_allclose(p @ rows, exact, rtol=1e-9, atol=1e-12)
    variance = p @ rows**2 - (p @ rows) ** 2
    assert within(sampled(model, baseline), exact, variance)


def test_a_baseline_lowers_the_variance(model):
    exact, p, log_p = enumerated(model)
    variance = {b: (p @ (of_each_path(model, b) - exact) ** 2).sum() for b in (0.0, float(p @ log_p), 5.0)}
    without, with_mean, wrong = variance.values()
    assert with_mean < 0.5 * without < without < wrong  # and a bad baseline raises it


def faulty(name):
    def loss(log_p, log_s, entropy, baseline, words, *weights):
        reward = log_p.detach() - baseline
        if name == "the sign of the reward":
            reward = -reward
        elif name == "the reward is no constant":
            reward = log_p - baseline
        elif name == "a factor of two":
            reward = reward * 2
        elif name == "no score term":
            reward = reward * 0
        elif name == "a baseline that has a gradient":
            reward = log_p.detach() - log_p.mean()
        return -(log_p + reward * log_s).sum() / float(words)

    return loss


@pytest.mark.parametrize("fault", [
    "the sign of the reward", "the reward is no constant", "a factor of two", "no score term",
    "a baseline that has a gradient",
])  # fmt: skip
def test_seeded_faults_leave_the_interval(model, fault, monkeypatch):
    exact, p, _ = enumerated(model)
    rows = of_each_path(model, 0.0)
    variance = p @ rows**2 - (p @ rows) ** 2
    monkeypatch.setattr(hard_captioner, "variational_loss", faulty(fault))
    assert not within(sampled(model, 0.0), exact, variance)


def test_a_sampler_that_is_not_alpha_leaves_the_interval(model, monkeypatch):
    exact, p, _ = enumerated(model)
    rows = of_each_path(model, 0.0)
    variance = p @ rows**2 - (p @ rows) ** 2
    uniform = Generator(3)

    def evenly(alpha, drawn):
        return hard_captioner._one_hot(uniform.integers(0, R, (alpha.shape[0],)), alpha)

    monkeypatch.setattr(model, "choose", evenly)
    assert not within(sampled(model, 0.0), exact, variance)


def test_half_sampling_learns_the_mean_of_both(model):
    """With probability ½ the soft model: the expected gradient is ½ ∇L_s + ½ ∇log p(y | expectation)."""
    exact, p, log_p = enumerated(model)
    model.eval().look = "expectation"
    regions, tokens = picture(1)
    soft = flat_gradient(model, caption_loss(model(regions, tokens)[0], tokens[:, 1:], PAD))
    model.train().half_sampling = True
    b = float(p @ log_p)
    rows = of_each_path(model, b)
    second = 0.5 * (p @ rows**2) + 0.5 * soft**2
    wanted = 0.5 * exact + 0.5 * soft
    found = sampled(model, b)
    assert within(found, wanted, second - wanted**2)
    assert not within(found, exact, second - wanted**2)


def test_the_bound_is_below_the_likelihood(model):
    _, p, log_p = enumerated(model)
    assert p @ log_p < np.log(p @ np.exp(log_p))


def test_entropy_is_pushed_up(model):
    """The gradient of −λ Σ_t H[α_t] / N alone, against its definition."""
    regions, tokens = picture(3)
    found = {}
    for weight in (0.0, 0.5):
        model.generator = Generator(5)
        model.baseline.data = np.asarray(0.0)
        loss, alpha = model.bound_loss(regions, tokens, PAD, entropy_weight=weight)
        found[weight] = loss.item()
    a = alpha.detach().numpy()
    assert found[0.5] - found[0.0] == pytest.approx(0.5 * (a * np.log(a)).sum() / 6)


# ── the model ───────────────────────────────────────────────────────────────────────────────────
def words(batch=3, length=6):
    rng = np.random.default_rng(2)
    return Tensor(rng.normal(size=(batch, R, D))), Tensor(rng.integers(1, V, size=(batch, length)))


def test_by_expectation_it_is_the_soft_model(model):
    model.eval().look = "expectation"
    soft = AttentionCaptioner(V, D, **SIZES, query=model.query, generator=Generator(1)).to("float64").eval()
    soft.load_state_dict({k: v for k, v in model.state_dict().items() if k != "baseline"})
    for found, wanted in zip(model(*words()), soft(*words()), strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-10)


def test_by_argmax_it_looks_at_one_region(model):
    """Its context is that region alone: moving all others changes nothing but where it looks."""
    model.eval()
    regions, tokens = words()
    logits, alpha = model(regions, tokens)
    at = alpha.detach().numpy().argmax(2)
    again, _ = model.trace(regions, tokens, at)
    np.testing.assert_allclose(again.detach().numpy(), logits.detach().numpy(), rtol=1e-12)
    other, _ = model.trace(regions, tokens, (at + 1) % R)
    assert abs(other.detach().numpy() - logits.detach().numpy()).max() > 1e-3


@pytest.mark.parametrize("half_sampling", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_teacher_forcing_is_stepping(model, training, half_sampling):
    model.train(training).half_sampling = half_sampling
    found = []
    for forward in (model, lambda *x: CaptionDecoder.forward(model, *x)):
        model.generator = Generator(4)
        found.append(forward(*words()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


def test_regions_are_drawn_as_often_as_alpha_says():
    model = hard()
    model.generator = Generator(11)
    alpha = Tensor(np.repeat(np.array([[0.1, 0.6, 0.0, 0.3]]), 40_000, 0))
    drawn = model.choose(alpha, Tensor(np.ones(40_000))).numpy()
    assert set(np.unique(drawn)) == {0.0, 1.0} and (drawn.sum(1) == 1).all()
    assert abs(drawn.mean(0) - alpha.numpy()[0]).max() < 4 * np.sqrt(0.25 / 40_000)
    assert drawn[:, 2].sum() == 0


def test_half_of_the_sequences_are_sampled_and_whole():
    model = hard(half_sampling=True)
    model.generator = Generator(6)
    _, path = model.trace(*words(batch=400))
    sampled = path.sampled
    assert 160 < sampled.sum() < 240
    w = path.weights.detach().numpy()
    np.testing.assert_array_equal((w.max(2) == 1).all(1), sampled == 1)
    np.testing.assert_allclose(w[sampled == 0], path.log_alpha.exp().detach().numpy()[sampled == 0])
    assert (path.log_p(Tensor(np.ones((400, 5)))).detach().numpy()[sampled == 0] == 0).all()


def test_the_baseline_follows_and_is_saved(model):
    regions, tokens = words()
    with no_grad():
        before = model.baseline.item()
        logits, _ = model.trace(regions, tokens, np.zeros((3, 5), int))
        log_p = logits.log_softmax().gather(2, tokens.numpy()[:, 1:, None]).sum().item() / 3
        model.bound_loss(regions, tokens, PAD, s=np.zeros((3, 5), int))
    assert before == 0 and model.baseline.item() == pytest.approx(0.1 * log_p)
    assert model.state_dict()["baseline"] == pytest.approx(0.1 * log_p)
    at = model.baseline.item()
    with no_grad():
        model.eval().bound_loss(regions, tokens, PAD)
    assert model.baseline.item() == at


def test_padding_counts_for_nothing(model):
    regions, _ = words(2)
    s = np.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    padded = np.array([[1, 4, 5, PAD, PAD], [1, 3, 6, 2, 5]])
    loss, _ = model.bound_loss(regions, Tensor(padded), PAD, s=s)
    model.baseline.data = np.asarray(0.0)
    short, _ = model.bound_loss(regions[:1], Tensor(padded[:1, :3]), PAD, s=s[:1, :2])
    model.baseline.data = np.asarray(0.0)
    whole, _ = model.bound_loss(regions[1:], Tensor(padded[1:]), PAD, s=s[1:])
    assert loss.item() * 6 == pytest.approx(short.item() * 2 + whole.item() * 4)


def test_search_works_over_it(model):
    model.eval()
    regions, _ = words()
    with no_grad():
        tokens, _, looks = greedy(model.step, model.start(regions), 3, start=1, end=2, max_length=5)
    assert len(tokens) == 3 and all(a.shape == (len(t), R) for a, t in zip(looks, tokens, strict=True))


def test_errors_name_what_came(model):
    with pytest.raises(ValueError, match="look must be 'argmax' or 'expectation', got 'soft'"):
        hard(look="soft")
    with pytest.raises(ValueError, match=r"s must be \(B, T\) = \(3, 5\), got \(3, 4\)"):
        model.trace(*words(), s=np.zeros((3, 4), int))
    with pytest.raises(ValueError, match="HardAttentionCaptioner: regions must be"):
        model(Tensor(np.zeros((2, R, D + 1))), Tensor(np.zeros((2, 3), np.int64)))


def test_the_loss_without_weights_is_the_caption_loss(model):
    regions, tokens = words()
    model.eval()
    with no_grad():
        loss, _ = model.bound_loss(regions, tokens, PAD, reward_weight=0.0)
        logits, _ = model(regions, tokens)
        wanted = caption_loss(logits, Tensor(np.ascontiguousarray(tokens.numpy()[:, 1:])), PAD)
    assert loss.item() == pytest.approx(wanted.item())
    assert ops.sum(loss).shape == ()
