"""The Transformer captioner against its paper's equations in plain NumPy, and its cache against no cache."""

import caption_checks as checks
import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.models.caption_decoder import CaptionDecoder
from mmscratch.models.transformer_captioner import TransformerCaptioner
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

B, R, D, V, T, H = 3, 4, 5, 7, 5, 8


def build(norm_first=True, layers=2, **options):
    model = TransformerCaptioner(
        V, D, hidden=H, layers=layers, heads=2, feedforward=6, norm_first=norm_first, max_length=9,
        generator=Generator(1), **options,
    ).to("float64")  # fmt: skip
    rng = np.random.default_rng(7)  # norms and biases begin at 1 and 0, where faults could hide
    for p in model.parameters():
        p.data = p.data + 0.3 * rng.normal(size=tuple(p.shape))
    return model


@pytest.fixture(params=[(True, 2), (False, 2), (True, 1)], ids=["pre-norm", "post-norm", "one layer"])
def model(request):
    return build(*request.param).eval()


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, R, D)), rng.integers(0, V, size=(B, T + 1))


def by_the_paper(model, regions, tokens, heads=2):
    """§3 of Vaswani et al., one sentence, one word and one head at a time."""
    p, layers = checks.arrays(model), len(model.decoder.layers)
    logits, alphas = np.zeros((B, T, V)), np.zeros((B, T, R))

    def affine(name, x):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def norm(name, x):
        scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]

    def attend(name, query, offered):
        """One word's vector (H,), vectors it may see (n, H) → (H,), weights of the heads (heads, n)."""
        w, b = p[f"{name}.in_proj_weight"], p[f"{name}.in_proj_bias"]
        q, k, v = (x @ w[i * H : (i + 1) * H].T + b[i * H : (i + 1) * H]
                   for i, x in enumerate((query, offered, offered)))  # fmt: skip
        found, weights, d = [], [], H // heads
        for g in range(heads):
            one = slice(g * d, (g + 1) * d)
            weights.append(checks.softmax(k[:, one] @ q[one] / np.sqrt(d)))
            found.append(weights[-1] @ v[:, one])
        return affine(f"{name}.out_proj", np.concatenate(found)), np.array(weights)

    def around(name, x, block):
        return x + block(norm(name, x)) if model.decoder.norm is not None else norm(name, x + block(x))

    def embed(word, t):
        angle = t / 10000 ** (2 * (np.arange(H) // 2) / H)
        place = np.where(np.arange(H) % 2 == 0, np.sin(angle), np.cos(angle))
        return np.sqrt(H) * p["E.weight"][word] + place

    def layer(name, x, memory, looks):
        first = model.decoder.norm is not None
        offered = np.array([norm(f"{name}.norm1", row) for row in x]) if first else x

        def words(q):
            return attend(f"{name}.self_attn", q, offered[: t + 1])[0]

        def regions(q):
            found, weights = attend(f"{name}.multihead_attn", q, memory)
            looks[t] = weights.mean(0)
            return found

        def network(q):
            return affine(f"{name}.linear2", np.maximum(affine(f"{name}.linear1", q), 0))

        y = np.zeros_like(x)
        for t in range(T):
            a = around(f"{name}.norm1", x[t], words)
            y[t] = around(f"{name}.norm3", around(f"{name}.norm2", a, regions), network)
        return y

    for b in range(B):
        x = np.array([embed(tokens[b, t], t) for t in range(T)])
        for n in range(layers):
            x = layer(f"decoder.layers.{n}", x, affine("W_m", regions[b]), alphas[b])
        for t in range(T):
            y = x[t] if model.decoder.norm is None else norm("decoder.norm", x[t])
            logits[b, t] = affine("L_o", y)
    return logits, alphas


def test_forward_is_the_paper(model, batch):
    logits, alpha = checks.run(model, *batch)
    wanted, looks = by_the_paper(model, *batch)
    np.testing.assert_allclose(logits, wanted, rtol=1e-8)
    np.testing.assert_allclose(alpha, looks, rtol=1e-8)


def _future_seen(m):
    m.decoder.layers[0].self_attn.forward = lambda x, *_, **__: nn.MultiheadAttention.forward(
        m.decoder.layers[0].self_attn, x, x, x
    )


FAULTS = {
    "the future is seen": _future_seen,
    "words without their places": lambda m: nn.init.zeros_(m.positions.table),
    "words not scaled": lambda m: setattr(m.E.weight, "data", m.E.weight.data / H**0.5),
    "places one late": lambda m: setattr(
        m.positions.table, "data", np.roll(m.positions.table.data, 1, axis=0)
    ),
    "norms elsewhere": lambda m: [setattr(x, "norm_first", not x.norm_first) for x in m.decoder.layers],
    "no region is looked at": lambda m: setattr(m.decoder.layers[0].multihead_attn, "attend", _nothing),
}


def _nothing(x, keys, values, mask=None):
    return x * 0.0, ops.softmax(ops.matmul(x.unsqueeze(1)[..., :4], keys.transpose(2, 3)))


@pytest.mark.parametrize("fault", FAULTS)
def test_seeded_faults_are_caught(model, batch, fault):
    wanted, _ = by_the_paper(model, *batch)
    FAULTS[fault](model)
    logits, _ = checks.run(model, *batch)
    assert not np.allclose(logits, wanted, rtol=1e-6)


@pytest.mark.parametrize("length", [2, T + 1])
def test_the_cache_gives_what_all_words_at_once_give(model, batch, length):
    checks.fold_is_forward(model, batch[0], batch[1][:, :length])


def test_the_cache_in_float32(model, batch):
    model.to("float32")
    checks.fold_is_forward(model, batch[0].astype("float32"), batch[1], rtol=5e-3, atol=2e-4)


def test_order_of_regions_causality_and_mask(model, batch):
    checks.follows_permutation(model, *batch)
    checks.is_causal(model, *batch)
    checks.mask_hides(model, *batch)


def test_gradients(model, batch):
    checks.gradients(model, batch[0][:2], batch[1][:2, :3])


def test_a_search_may_gather_the_rows_of_the_state(model, batch):
    """Every tensor of the state has B first: rows taken from it continue as their sentences would."""
    rows, mask = np.array([2, 2, 0, 1]), np.array([[True] * 3 + [False]] * B)
    state = model.start(Tensor(batch[0]), mask)
    for t in range(3):
        state, logits, alpha = model.step(state, Tensor(np.ascontiguousarray(batch[1][:, t])))

    def gather(x):
        return tuple(map(gather, x)) if isinstance(x, tuple) else x.take(Tensor(rows), axis=0)

    word = batch[1][:, 3]
    _, logits, alpha = model.step(state, Tensor(np.ascontiguousarray(word)))
    _, taken, looks = model.step(gather(state), Tensor(word[rows]))
    np.testing.assert_allclose(taken.detach().numpy(), logits.detach().numpy()[rows], rtol=1e-9)
    np.testing.assert_allclose(looks.detach().numpy(), alpha.detach().numpy()[rows], rtol=1e-9)


def test_dropout_drops_in_training_only(batch):
    model = build(dropout=0.5)
    assert (checks.run(model, *batch)[0] != checks.run(model, *batch)[0]).any()
    model.eval()
    np.testing.assert_allclose(checks.run(model, *batch)[0], by_the_paper(model, *batch)[0], rtol=1e-8)


def test_too_long_sentences_are_named(model, batch):
    regions, tokens = Tensor(batch[0]), Tensor(np.zeros((B, 11), np.int64))
    for run in (model, lambda *given: CaptionDecoder.forward(model, *given)):
        with pytest.raises(ValueError, match="max_length = 9"):
            run(regions, tokens)


@pytest.mark.parametrize(
    "regions, tokens", [((2, R, D + 1), (2, 3)), ((2, R, D), (3, 3)), ((2, R, D), (2, 1)), ((2, D), (2, 3))]
)
def test_wrong_shapes_are_named(model, regions, tokens):
    with pytest.raises(ValueError, match=r"TransformerCaptioner: .*got \("):
        model(Tensor(np.zeros(regions)), Tensor(np.zeros(tokens, np.int64)))
