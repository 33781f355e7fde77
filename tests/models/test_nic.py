"""NIC against its paper's equations in plain NumPy, and as what every caption model is."""

import caption_checks as checks
import numpy as np
import pytest

from mmscratch.models.caption_losses import caption_loss
from mmscratch.models.nic import NICDecoder
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T = 3, 4, 5, 7, 6


@pytest.fixture(params=[("input", 1), ("input", 2), ("state", 1), ("state", 3)], ids=str)
def model(request):
    init, layers = request.param
    model = NICDecoder(V, D, hidden=6, embedding=4, layers=layers, init=init, generator=Generator(1))
    return model.to("float64").eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def by_the_paper(model, regions, tokens):
    """Equations 4 to 12, one sentence, one word and one layer at a time."""
    p, H, L = checks.arrays(model), model.hidden, model.layers
    logits = np.zeros((len(regions), T, V))
    for b, a in enumerate(regions):
        f = a.mean(0)

        def read(x, states):
            for n in range(L):
                states[n] = checks.lstm_by_hand(p, f"lstm.{n}", x, *states[n])
                x = states[n][0]
            return x

        if model.init == "input":
            states = [(np.zeros(H), np.zeros(H))] * L
            read(p["W_i.weight"] @ f + p["W_i.bias"], states)
        else:
            h, c = (np.tanh(p[f"W_{s}.weight"] @ f + p[f"W_{s}.bias"]).reshape(L, H) for s in "hc")
            states = list(zip(h, c, strict=True))
        for t in range(T):
            h = read(p["E.weight"][tokens[b, t]], states)
            logits[b, t] = p["L_o.weight"] @ h + p["L_o.bias"]
    return logits


def test_forward_is_the_paper(model, batch):
    logits, alpha = checks.run(model, *batch)
    assert alpha is None
    np.testing.assert_allclose(logits, by_the_paper(model, *batch), rtol=1e-9)


FAULTS = {
    "the picture read after the start word": lambda m, a, t: _late(m, a, t),
    "the sum of the regions": lambda m, a, t: m(Tensor(a * R), Tensor(t))[0],
    "layers in the other order": lambda m, a, t: _swapped(m, a, t),
    "one step late": lambda m, a, t: m(Tensor(a), Tensor(np.roll(t, 1, axis=1)))[0],
}


def _late(m, a, t):
    state, first, _ = m.step(((Tensor(np.zeros((B, 6))),) * 2,) * m.layers, Tensor(t[:, 0]))
    return first


def _swapped(m, a, t):
    state = m.start(Tensor(a))
    m.start = lambda regions, mask=None: state[::-1] if m.layers > 1 else tuple((c, h) for h, c in state)
    return m(Tensor(a), Tensor(t))[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_faults_are_caught(model, batch, fault):
    wanted = by_the_paper(model, *batch)
    got = FAULTS[fault](model, *batch).detach().numpy()
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(got, wanted[:, 0] if got.ndim == 2 else wanted, rtol=1e-9)


@pytest.mark.parametrize("length", [2, T + 1])
def test_teacher_forcing_is_stepping(model, batch, length):
    checks.fold_is_forward(model, batch[0], batch[1][:, :length])


def test_teacher_forcing_is_stepping_in_float32(model, batch):
    checks.fold_is_forward(model.to("float32"), batch[0].astype("float32"), batch[1], rtol=1e-3, atol=1e-5)


def test_order_of_regions_causality_and_mask(model, batch):
    checks.follows_permutation(model, *batch)
    checks.is_causal(model, *batch)
    checks.mask_hides(model, *batch)


def test_one_region_is_the_picture(model, batch):
    regions, tokens = batch
    mean = regions.mean(1, keepdims=True)
    np.testing.assert_allclose(checks.run(model, mean, tokens)[0], checks.run(model, *batch)[0], rtol=1e-9)


def test_gradients(model, batch):
    checks.gradients(model, batch[0][:2], batch[1][:2, :3])


def test_tied_weights_are_one_parameter(batch):
    model = NICDecoder(V, D, hidden=4, embedding=4, tied=True, generator=Generator(1)).to("float64")
    assert model.L_o.weight is model.E.weight
    assert "L_o.weight" not in dict(model.named_parameters())
    checks.fold_is_forward(model, *batch)
    np.testing.assert_allclose(checks.run(model, *batch)[0], by_the_paper(model, *batch), rtol=1e-9)


def test_dropout_drops_in_training_only(batch):
    model = NICDecoder(V, D, hidden=6, embedding=4, layers=2, dropout=0.5, generator=Generator(1)).to(
        "float64"
    )
    assert (checks.run(model, *batch)[0] != checks.run(model, *batch)[0]).any()
    model.eval()
    np.testing.assert_allclose(checks.run(model, *batch)[0], by_the_paper(model, *batch), rtol=1e-9)


def test_the_first_loss_is_the_entropy_of_the_words(model, batch):
    """The output layer's other weights at 0, its bias the log frequencies: the loss is H, and not log V."""
    regions, tokens = batch
    target = tokens[:, 1:]
    counts = np.bincount(target.ravel(), minlength=V)
    model.begin_with_frequencies(counts, smoothing=1e-12)
    model.L_o.weight.data = model.L_o.weight.data * 0
    p = counts[counts > 0] / counts.sum()
    logits, _ = model(Tensor(regions), Tensor(tokens))
    loss = caption_loss(logits, Tensor(np.ascontiguousarray(target)), pad=-1).item()
    assert loss == pytest.approx(-(p * np.log(p)).sum(), rel=1e-6)
    assert loss < np.log(V)


def test_frequencies_are_smoothed_and_checked(model):
    model.begin_with_frequencies([0, 0, 1, 1, 2, 3, 0])
    np.testing.assert_allclose(np.exp(model.L_o.bias.detach().numpy()), np.array([1, 1, 2, 2, 3, 4, 1]) / 14)
    for counts in ([1, 2], [-1] * V, [np.nan] * V):
        with pytest.raises(ValueError, match=f"counts must be {V}"):
            model.begin_with_frequencies(counts)
    with pytest.raises(ValueError, match="smoothing"):
        model.begin_with_frequencies([0] * V, smoothing=0)


@pytest.mark.parametrize(
    "regions, tokens", [((2, R, D + 1), (2, 3)), ((2, R, D), (3, 3)), ((2, R, D), (2, 1)), ((2, D), (2, 3))]
)
def test_wrong_shapes_are_named(model, regions, tokens):
    with pytest.raises(ValueError, match=r"NICDecoder: .*got \("):
        model(Tensor(np.zeros(regions)), Tensor(np.zeros(tokens, np.int64)))


def test_wrong_masks_are_named(model, batch):
    regions = Tensor(batch[0])
    for mask, error in ((np.ones((B, R)), TypeError), (np.ones((B, R + 1), bool), ValueError),
                        (np.zeros((B, R), bool), ValueError)):  # fmt: skip
        with pytest.raises(error, match="NICDecoder: mask"):
            model.start(regions, mask)


@pytest.mark.parametrize("options", [{"init": "first"}, {"layers": 0}, {"tied": True}])
def test_wrong_options_are_named(options):
    with pytest.raises(ValueError, match="NICDecoder: .*got"):
        NICDecoder(V, D, **options)
