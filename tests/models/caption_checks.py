"""What every caption model must hold, whatever it computes; each model's tests call these."""

import numpy as np

from mmscratch.gradcheck import gradcheck
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.tensor import Tensor


def arrays(model):
    """The model's parameters by name, as arrays."""
    return {k: np.asarray(v) for k, v in model.state_dict().items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(p, name, x, h, c):
    """One LSTM step of one sentence, from the parameters of ``name``."""
    gates = (
        p[f"{name}.weight_ih"] @ x + p[f"{name}.bias_ih"] + p[f"{name}.weight_hh"] @ h + p[f"{name}.bias_hh"]
    )
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def softmax(e):
    p = np.exp(e - e.max())
    return p / p.sum()


def run(model, regions, tokens, *mask, forward=None):
    """logits, α (or None) as arrays."""
    forward = forward or type(model).forward
    logits, alpha = forward(model, Tensor(regions), Tensor(np.ascontiguousarray(tokens)), *mask)
    return logits.detach().numpy(), None if alpha is None else alpha.detach().numpy()


def fold_is_forward(model, regions, tokens, mask=None, rtol=1e-9, atol=1e-12):
    """Results, and the gradients of every parameter and of the regions, at once and step by step."""
    found, rng = [], np.random.default_rng(4)
    wishes = {}
    masks = () if mask is None else (mask,)
    for forward in (type(model).forward, CaptionDecoder.forward):
        model.zero_grad()
        given = Tensor(regions, requires_grad=True)
        results = forward(model, given, Tensor(np.ascontiguousarray(tokens)), *masks)
        results = {n: x for n, x in zip(("logits", "alpha"), results, strict=True) if x is not None}
        for name, x in results.items():
            wishes.setdefault(name, rng.normal(size=tuple(x.shape)).astype(regions.dtype))
        sum((x * Tensor(wishes[n])).sum() for n, x in results.items()).backward()
        gradients = {n: p.grad for n, p in model.named_parameters()} | {"regions": given.grad}
        found.append({n: x.data for n, x in results.items()} | gradients)
    at_once, by_steps = found
    assert at_once.keys() == by_steps.keys()
    for name in at_once:
        assert (at_once[name] is None) == (by_steps[name] is None), name
        if at_once[name] is not None:
            np.testing.assert_allclose(at_once[name], by_steps[name], rtol=rtol, atol=atol, err_msg=name)


def is_causal(model, regions, tokens):
    """A word changes what is predicted after it, and nothing before."""
    before, _ = run(model, regions, tokens)
    for t in range(1, tokens.shape[1] - 1):
        other = tokens.copy()
        other[:, t:] = (other[:, t:] + 1) % model.E.weight.shape[0]
        after, _ = run(model, regions, other)
        np.testing.assert_array_equal(after[:, :t], before[:, :t])
        assert (np.abs(after[:, t] - before[:, t]) > 1e-9).any()


def follows_permutation(model, regions, tokens, rtol=1e-9):
    """Regions in another order: the same words, α in that order."""
    order = np.random.default_rng(2).permutation(regions.shape[1])
    logits, alpha = run(model, regions, tokens)
    logits2, alpha2 = run(model, np.ascontiguousarray(regions[:, order]), tokens)
    np.testing.assert_allclose(logits2, logits, rtol=rtol, atol=1e-12)
    if alpha is not None:
        np.testing.assert_allclose(alpha2, alpha[:, :, order], rtol=rtol, atol=1e-12)


def mask_hides(model, regions, tokens, rtol=1e-9):
    """Behind the mask anything may stand, NaN too: the picture is as if it had only its real regions."""
    regions = regions.copy()
    mask = np.ones(regions.shape[:2], bool)
    mask[0, 1:], mask[1, ::2] = False, False
    regions[~mask] = np.nan
    logits, alpha = run(model, regions, tokens, mask)
    for b in range(len(regions)):
        alone, look = run(model, np.ascontiguousarray(regions[b : b + 1, mask[b]]), tokens[b : b + 1])
        np.testing.assert_allclose(logits[b], alone[0], rtol=rtol, atol=1e-12)
        if alpha is not None:
            np.testing.assert_allclose(alpha[b][:, mask[b]], look[0], rtol=rtol, atol=1e-12)
            assert (alpha[b][:, ~mask[b]] == 0).all()
    fold_is_forward(model, np.where(mask[:, :, None], regions, 0), tokens, mask)


def gradients(model, regions, tokens):
    """The whole Jacobian of logits and α by the regions; and of a sum of them, along a random direction of
    each parameter, by central differences."""
    tokens = Tensor(np.ascontiguousarray(tokens))

    def results(a):
        return tuple(x for x in model(a, tokens) if x is not None)

    assert gradcheck(results, regions)
    rng = np.random.default_rng(5)
    wishes = [Tensor(rng.normal(size=tuple(x.shape))) for x in results(Tensor(regions))]

    def total():
        return sum((x * w).sum() for x, w in zip(results(Tensor(regions)), wishes, strict=True))

    model.zero_grad()
    total().backward()
    for name, p in model.named_parameters():
        kept, way = p.data, rng.normal(size=tuple(p.shape))
        values = []
        for e in (1e-5, -1e-5):
            p.data = kept + e * way
            values.append(total().item())
        p.data = kept
        slope = 0.0 if p.grad is None else (np.asarray(p.grad) * way).sum()
        np.testing.assert_allclose(slope, (values[0] - values[1]) / 2e-5, rtol=1e-5, atol=1e-8, err_msg=name)
