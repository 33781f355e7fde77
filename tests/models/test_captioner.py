"""The captioner against its paper's equations in plain NumPy, and its losses against their definitions."""

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.autograd import no_grad
from mmscratch.decoding import greedy
from mmscratch.gradcheck import gradcheck
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.models.caption_losses import attention_loss, caption_loss, doubly_stochastic_penalty
from mmscratch.models.captioner import AttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T = 3, 4, 5, 7, 6


@pytest.fixture(params=["previous", "current"])
def model(request):
    sizes = {"hidden": 6, "embedding": 4, "attention": 3}
    model = AttentionCaptioner(V, D, **sizes, query=request.param, generator=Generator(1))
    model.to("float64")
    model.eval()
    return model


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_the_paper(model, regions, tokens):
    """Equations 1 to 9 of Xu et al., one sentence and one word at a time; or the order of Luong et al."""
    p = {k: np.asarray(v) for k, v in model.state_dict().items()}
    logits, alphas = np.zeros((B, T, V)), np.zeros((B, T, R))

    def look(a, h):
        inner = [p["W_a.weight"] @ a[i] + p["U_a.weight"] @ h + p["U_a.bias"] for i in range(R)]
        e = np.array([p["v.weight"][0] @ np.tanh(x) for x in inner])
        alpha = np.exp(e) / np.exp(e).sum()
        beta = sigmoid(p["beta.weight"] @ h + p["beta.bias"])
        return alpha, beta * sum(alpha[i] * a[i] for i in range(R))

    for b in range(B):
        a = regions[b]
        h = np.tanh(p["init_h.weight"] @ a.mean(0) + p["init_h.bias"])
        c = np.tanh(p["init_c.weight"] @ a.mean(0) + p["init_c.bias"])
        z = np.zeros(D)
        for t in range(T):
            y = p["E.weight"][tokens[b, t]]
            if model.query == "previous":
                alpha, z = look(a, h)
            gates = (
                p["lstm.weight_ih"] @ np.concatenate([y, z]) + p["lstm.bias_ih"]
                + p["lstm.weight_hh"] @ h + p["lstm.bias_hh"]
            )  # fmt: skip
            i, f, g, o = np.split(gates, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            if model.query == "current":
                alpha, z = look(a, h)
            deep = y + p["L_h.weight"] @ h + p["L_h.bias"] + p["L_z.weight"] @ z
            logits[b, t] = p["L_o.weight"] @ deep + p["L_o.bias"]
            alphas[b, t] = alpha
    return logits, alphas


def test_forward_is_the_paper(model, batch):
    regions, tokens = batch
    logits, alpha = model(Tensor(regions), Tensor(tokens))
    wanted, wanted_alpha = by_the_paper(model, regions, tokens)
    np.testing.assert_allclose(logits.detach().numpy(), wanted, rtol=1e-10)
    np.testing.assert_allclose(alpha.detach().numpy(), wanted_alpha, rtol=1e-10)


FAULTS = {
    "attention over the batch": lambda m: setattr(m, "attend", lambda a, p, h: _attend(m, a, p, h, axis=0)),
    "no gate": lambda m: setattr(m, "attend", lambda a, p, h: _attend(m, a, p, h, gate=False)),
    "sign of the energy": lambda m: m.v.load_state_dict({"weight": -m.v.state_dict()["weight"]}),
    "output without context": lambda m: m.L_z.load_state_dict({"weight": m.L_z.state_dict()["weight"] * 0}),
}


def _attend(m, regions, projected, h, axis=1, gate=True):
    e = m.v(ops.tanh(projected + m.U_a(h).unsqueeze(1))).squeeze(2)
    alpha = ops.softmax(e, axis=axis)
    z = ops.matmul(alpha.unsqueeze(1), regions).squeeze(1)
    return alpha, (ops.sigmoid(m.beta(h)) if gate else 1.0) * z


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_faults_are_caught(model, batch, fault):
    regions, tokens = batch
    wanted, _ = by_the_paper(model, regions, tokens)
    FAULTS[fault](model)
    with pytest.raises(AssertionError):
        logits, _ = CaptionDecoder.forward(model, Tensor(regions), Tensor(tokens))
        np.testing.assert_allclose(logits.detach().numpy(), wanted, rtol=1e-10)


def test_attention_is_a_distribution_and_follows_a_permutation_of_the_regions(model, batch):
    regions, tokens = batch
    logits, alpha = model(Tensor(regions), Tensor(tokens))
    np.testing.assert_allclose(alpha.detach().numpy().sum(2), 1)
    order = np.random.default_rng(2).permutation(R)
    logits2, alpha2 = model(Tensor(np.ascontiguousarray(regions[:, order])), Tensor(tokens))
    np.testing.assert_allclose(logits2.detach().numpy(), logits.detach().numpy())
    np.testing.assert_allclose(alpha2.detach().numpy(), alpha.detach().numpy()[:, :, order])


def test_gradients_of_the_whole_model(model, batch):
    regions, tokens = batch

    def loss(a):
        logits, alpha = model(a, Tensor(tokens))
        return caption_loss(logits, Tensor(np.ascontiguousarray(tokens[:, 1:])), pad=0) + (alpha**2).sum()

    assert gradcheck(loss, regions)


@pytest.mark.parametrize("dtype, rtol, atol", [("float64", 1e-9, 1e-12), ("float32", 1e-3, 1e-5)])
@pytest.mark.parametrize("length", [2, T + 1])
def test_teacher_forcing_is_stepping(model, batch, dtype, rtol, atol, length):
    """Results, and the gradients of every parameter and of the regions."""
    tokens = batch[1][:, :length]
    model.to(dtype)
    rng = np.random.default_rng(4)
    found = []
    wishes = [rng.normal(size=(B, length - 1, n)).astype(dtype) for n in (V, R)]
    for run in (
        lambda a: model(a, Tensor(np.ascontiguousarray(tokens))),
        lambda a: CaptionDecoder.forward(model, a, Tensor(np.ascontiguousarray(tokens))),
    ):
        model.zero_grad()
        regions = Tensor(batch[0].astype(dtype), requires_grad=True)
        results = run(regions)
        sum((x * Tensor(wish)).sum() for x, wish in zip(results, wishes, strict=True)).backward()
        gradients = {n: p.grad for n, p in model.named_parameters()} | {"regions": regions.grad}
        found.append({"logits": results[0].data, "alpha": results[1].data} | gradients)
    at_once, by_steps = found
    assert at_once.keys() == by_steps.keys()
    for name in at_once:
        np.testing.assert_allclose(at_once[name], by_steps[name], rtol=rtol, atol=atol, err_msg=name)


def test_greedy_follows_the_likeliest_word(model, batch):
    """Each sentence again, alone, one word at a time by teacher forcing: every word is the argmax so far."""
    regions, _ = batch
    with no_grad():
        state = model.start(Tensor(regions))
    tokens, log_p, looks = greedy(model.step, state, B, start=1, end=2, max_length=9)
    for b in range(B):
        said, total = [1], 0.0
        for _ in range(9):
            logits, _ = model(Tensor(regions[b : b + 1]), Tensor(np.array([[*said, 0]])))
            scores = logits.log_softmax().detach().numpy()[0, -1]
            said.append(int(scores.argmax()))
            total += scores.max()
            if said[-1] == 2:
                break
        words = [w for w in said[1:] if w != 2]
        assert tokens[b] == words
        assert log_p[b] == pytest.approx(total)
        assert looks[b].shape == (len(words), R)


def test_caption_loss_ignores_padding():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, 3, V))
    target = np.array([[1, 2, 0], [3, 0, 0]])
    log_p = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    wanted = -(log_p[0, 0, 1] + log_p[0, 1, 2] + log_p[1, 0, 3]) / 3
    assert caption_loss(Tensor(logits), Tensor(target), pad=0).item() == pytest.approx(wanted)


def test_attention_loss_is_the_log_of_the_looked_at():
    alpha = np.array([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]])
    region = np.array([[1, -1]])
    assert attention_loss(Tensor(alpha), Tensor(region)).item() == pytest.approx(-np.log(0.25), rel=1e-6)
    assert gradcheck(lambda a: attention_loss(a, Tensor(region)), alpha)


def test_doubly_stochastic_penalty_vanishes_where_every_region_is_seen_as_often():
    even = np.full((1, 6, 3), 1 / 3)
    mask = np.ones((1, 6))
    assert doubly_stochastic_penalty(Tensor(even), Tensor(mask)).item() == pytest.approx(0)
    uneven = np.zeros((1, 6, 3))
    uneven[:, :, 0] = 1  # Σ_t α = (6, 0, 0) beside τ = 2
    value = doubly_stochastic_penalty(Tensor(uneven), Tensor(mask)).item()
    assert value == pytest.approx(((6 - 2) ** 2 + 4 + 4) / 3)
    assert gradcheck(lambda a: doubly_stochastic_penalty(a, Tensor(mask)), uneven)


@pytest.mark.parametrize(
    "regions, tokens", [((2, R, D + 1), (2, 3)), ((2, R, D), (3, 3)), ((2, R, D), (2, 1))]
)
def test_wrong_shapes_are_named(model, regions, tokens):
    with pytest.raises(ValueError, match=r"AttentionCaptioner: .*got \("):
        model(Tensor(np.zeros(regions)), Tensor(np.zeros(tokens, np.int64)))


def test_greedy_refuses_no_length(model):
    with pytest.raises(ValueError, match="max_length"):
        greedy(model.step, None, 1, 1, 2, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_a_mixture_with_all_words(smoothing):
    rng = np.random.default_rng(3)
    logits, target = rng.normal(size=(2, 3, V)), np.array([[1, 2, 0], [3, 0, 0]])
    log_p = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    wanted = []
    for b, t in ((0, 0), (0, 1), (1, 0)):  # the others are padding
        q = np.full(V, smoothing / V)
        q[target[b, t]] += 1 - smoothing
        wanted.append(-(q * log_p[b, t]).sum())
    loss = caption_loss(Tensor(logits), Tensor(target), pad=0, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(np.mean(wanted))
    assert gradcheck(lambda x: caption_loss(x, Tensor(target), pad=0, label_smoothing=smoothing), logits)


def test_label_smoothing_is_least_at_its_mixture():
    """The loss's minimum over p is the entropy of the mixture, and lies at the mixture itself."""
    q = np.full(V, 0.1 / V)
    q[2] += 0.9
    at = caption_loss(
        Tensor(np.log(q)[None, None]), Tensor(np.array([[2]])), pad=0, label_smoothing=0.1
    ).item()
    assert at == pytest.approx(-(q * np.log(q)).sum())
