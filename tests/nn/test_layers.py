"""What goldens do not cover: layers of our own, gradients, dropout, lengths, initial values, errors."""

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.gradcheck import gradcheck
from mmscratch.nn import init
from mmscratch.random import Generator, manual_seed
from mmscratch.tensor import tensor

R = np.random.default_rng(3)


def draw(*shape):
    return tensor(R.normal(size=shape), requires_grad=True)


# ── gradients of the layers that PyTorch does not have ───────────────────────────────────────────
@pytest.mark.parametrize("bias", [False, True])
def test_additive_attention(bias):
    layer = nn.AdditiveAttention(3, 4, 5, bias=bias, generator=Generator(1)).to("float64")
    q, k, v = draw(2, 2, 3), draw(2, 3, 4), draw(2, 3, 2)
    mask = np.array([[[True, True, False]], [[True, True, True]]])
    output, p = layer(q, k, v, mask)
    e = np.zeros((2, 2, 3))
    for b in range(2):
        for i in range(2):
            for j in range(3):
                hidden = layer.W_q.data @ q.data[b, i] + layer.W_k.data @ k.data[b, j]
                hidden = hidden + (layer.bias.data if bias else 0)
                e[b, i, j] = layer.v.data @ np.tanh(hidden)
    e = np.where(mask, e, -np.inf)
    expected = np.exp(e) / np.exp(e).sum(-1, keepdims=True)
    np.testing.assert_allclose(p.data, expected, rtol=1e-12)
    np.testing.assert_allclose(output.data, expected @ v.data, rtol=1e-12)
    np.testing.assert_allclose(layer(q, k)[0].data, ops.matmul(layer(q, k)[1], k).data)
    parameters = list(layer.parameters())

    def run(q, k, v, *values):
        for name, value in zip(("W_q", "W_k", "v", "bias"), values, strict=False):
            setattr(layer, name, value)
        return layer(q, k, v, mask)

    assert gradcheck(run, q, k, v, *parameters)


def test_dot_attention_is_the_formula():
    layer = nn.DotAttention()
    q, k, v = draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 2)
    out, p = layer(q, k, v)
    s = q.data @ k.data.swapaxes(1, 2) / 2.0
    expected = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
    np.testing.assert_allclose(p.data, expected, rtol=1e-12)
    np.testing.assert_allclose(out.data, expected @ v.data, rtol=1e-12)
    np.testing.assert_allclose(layer(q, q, q, causal=True)[1].data[0][0, 1:], 0)
    assert gradcheck(lambda q, k, v: layer(q, k, v), q, k, v)


@pytest.mark.parametrize("batch_first", [False, True])
def test_positions(batch_first):
    x = draw(2, 5, 6) if batch_first else draw(5, 2, 6)
    fixed = nn.SinusoidalPositions(8, 6, batch_first=batch_first).to("float64")
    table = np.zeros((5, 6))
    for t in range(5):
        for i in range(3):
            table[t, 2 * i] = np.sin(t / 10000 ** (2 * i / 6))
            table[t, 2 * i + 1] = np.cos(t / 10000 ** (2 * i / 6))
    table = table if batch_first else table[:, None]
    np.testing.assert_allclose(fixed(x).data - x.data, np.broadcast_to(table, x.shape), atol=1e-12)
    assert not fixed.state_dict()
    learned = nn.LearnedPositions(8, 6, batch_first=batch_first).to("float64")
    learned(x).sum().backward()
    np.testing.assert_array_equal(learned.weight.grad[:, 0], [2.0] * 5 + [0.0] * 3)
    with pytest.raises(ValueError, match="LearnedPositions: x has 9 positions.*at most max_length = 8"):
        learned(draw(1, 9, 6) if batch_first else draw(9, 1, 6))


def test_a_shift_of_sinusoids_is_a_rotation():
    table = nn.sinusoids(50, 8)
    inner = (table[:-7] * table[7:]).sum(1)
    np.testing.assert_allclose(inner, inner[0])


# ── recurrent layers ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_lengths_are_as_if_each_sequence_were_alone(name):
    layer = getattr(nn, name)(3, 4, 2, bidirectional=True, batch_first=True, generator=Generator(2)).to(
        "float64"
    )
    x, lengths = draw(3, 5, 3), [2, 5, 1]
    y, state = layer(x, lengths=lengths)
    for b, n in enumerate(lengths):
        alone, end = layer(x[b : b + 1, :n])
        np.testing.assert_allclose(y.data[b, :n], alone.data[0], rtol=1e-12)
        assert not y.data[b, n:].any()
        for s, e in zip(*((s if isinstance(s, tuple) else (s,)) for s in (state, end)), strict=True):
            np.testing.assert_allclose(s.data[:, b], e.data[:, 0], rtol=1e-12)


def test_dropout_between_layers_only_in_training():
    layer = nn.LSTM(3, 4, 2, dropout=0.5, generator=Generator(5))
    x = tensor(R.normal(size=(4, 2, 3)).astype(np.float32))
    first, second = layer(x)[0].data, layer(x)[0].data
    assert not np.array_equal(first, second)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].data, layer(x)[0].data)
    single = nn.LSTM(3, 4, 1, dropout=0.5, generator=Generator(5))
    np.testing.assert_array_equal(single(x)[0].data, single(x)[0].data)


def test_cells_are_the_layers_step_by_step():
    for layer, cell in ((nn.LSTM(3, 4), nn.LSTMCell(3, 4)), (nn.GRU(3, 4), nn.GRUCell(3, 4))):
        layer.to("float64")
        cell.to("float64").load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
        x, state = draw(5, 2, 3), None
        for t in range(5):
            state = cell(x[t], state)
        end = layer(x)[1]
        for a, b in zip(*((s if isinstance(s, tuple) else (s,)) for s in (state, end)), strict=True):
            np.testing.assert_allclose(a.data, b.data[0], rtol=1e-12)


# ── dropout ──────────────────────────────────────────────────────────────────────────────────────
def test_dropout_keeps_the_mean_and_repeats_with_the_generator():
    layer = nn.Dropout(0.3, generator=Generator(4))
    x = tensor(np.ones((100, 100), np.float32), requires_grad=True)
    y = layer(x)
    assert abs(float(y.mean().item()) - 1) < 0.03
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)
    layer.generator.manual_seed(4)
    np.testing.assert_array_equal(layer(x).data, y.data)
    manual_seed(11)
    a = nn.Dropout(0.5)(x).data
    manual_seed(11)
    np.testing.assert_array_equal(nn.Dropout(0.5)(x).data, a)


def test_attention_dropout_is_on_the_probabilities():
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True, generator=Generator(1))
    x = tensor(R.normal(size=(2, 5, 4)).astype(np.float32))
    a, p = layer(x, x, x)
    assert not np.array_equal(a.data, layer(x, x, x)[0].data)
    np.testing.assert_allclose(p.data.sum(-1), 1, rtol=1e-5)
    layer.eval()
    np.testing.assert_array_equal(layer(x, x, x)[0].data, layer(x, x, x)[0].data)


def test_causal_flag_and_causal_mask_are_one():
    layer = nn.MultiheadAttention(4, 2, batch_first=True).to("float64")
    x = draw(2, 5, 4)
    flag, masked = layer(x, x, x, is_causal=True), layer(x, x, x, attn_mask=nn.causal_mask(5))
    np.testing.assert_allclose(flag[0].data, masked[0].data, rtol=1e-12)
    np.testing.assert_allclose(flag[1].data, masked[1].data, rtol=1e-12)
    np.testing.assert_array_equal(np.triu(flag[1].data[0], 1), 0)


def test_bool_and_float_masks_together_are_added():
    layer = nn.MultiheadAttention(4, 2, batch_first=True).to("float64")
    x, hidden = draw(2, 3, 4), np.array([[False, False, True], [False, False, False]])
    bias = R.normal(size=(3, 3))
    both = layer(x, x, x, key_padding_mask=hidden, attn_mask=tensor(bias))[1]
    as_float = layer(
        x, x, x, key_padding_mask=tensor(np.where(hidden, -np.inf, 0.0)), attn_mask=tensor(bias)
    )[1]
    np.testing.assert_allclose(both.data, as_float.data, rtol=1e-12)
    assert not both.data[0, :, 2].any()


# ── embedding, positions of zero gradient ────────────────────────────────────────────────────────
def test_padding_row_is_zero_and_stays():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4 and not layer.weight.data[4].any()
    layer(np.array([4, 4, 1])).sum().backward()
    assert not layer.weight.grad[4].any() and layer.weight.grad[1].all()
    table = R.normal(size=(4, 2))
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad and frozen.weight.dtype == np.float64
    np.testing.assert_array_equal(frozen(np.array([2])).data[0], table[2])


# ── how parameters begin ─────────────────────────────────────────────────────────────────────────
def spread(p):
    return float(np.abs(p.data).max()), float(p.data.std())


@pytest.mark.parametrize(
    ("make", "bound"),
    [
        (lambda g: nn.Linear(50, 60, generator=g), 50**-0.5),
        (lambda g: nn.Conv2d(8, 40, 3, groups=2, generator=g), 36**-0.5),
        (lambda g: nn.ConvTranspose1d(40, 8, 5, generator=g), 40**-0.5),
        (lambda g: nn.LSTM(20, 30, generator=g), 30**-0.5),
        (lambda g: nn.GRUCell(20, 30, generator=g), 30**-0.5),
        (lambda g: nn.Bilinear(40, 10, 30, generator=g), 40**-0.5),
    ],
)
def test_layers_begin_as_pytorchs(make, bound):
    for name, p in make(Generator(0)).named_parameters():
        top, std = spread(p)
        assert top <= bound, name
        if p.size > 1000:
            assert top > 0.98 * bound and abs(std - bound / 3**0.5) < 0.03 * bound, name


def test_other_layers_begin_as_pytorchs():
    g = Generator(1)
    attention = nn.MultiheadAttention(64, 4, generator=g)
    top, _ = spread(attention.in_proj_weight)
    assert 0.98 < top / (6 / (64 * 4)) ** 0.5 <= 1
    assert not attention.in_proj_bias.data.any() and not attention.out_proj.bias.data.any()
    assert abs(nn.Embedding(200, 50, generator=g).weight.data.std() - 1) < 0.03
    norm = nn.BatchNorm2d(3)
    assert norm.weight.data.all() and not norm.bias.data.any() and norm.running_var.data.all()


def test_initialisers():
    def parameter():
        return nn.Parameter(np.zeros((60, 50, 2), np.float32))

    g = Generator(3)
    for function, bound in (
        (init.xavier_uniform_, (6 / (100 + 120)) ** 0.5),
        (init.kaiming_uniform_, (6 / 100) ** 0.5),
    ):
        p = function(parameter(), generator=g)
        assert 0.98 * bound < spread(p)[0] <= bound
    for function, std in (
        (init.xavier_normal_, (2 / 220) ** 0.5),
        (init.kaiming_normal_, (2 / 100) ** 0.5),
        (init.normal_, 1.0),
    ):
        assert abs(spread(function(parameter(), generator=g))[1] / std - 1) < 0.05
    p = init.kaiming_normal_(parameter(), mode="fan_out", nonlinearity="tanh", generator=g)
    assert abs(spread(p)[1] / (5 / 3 / 120**0.5) - 1) < 0.05
    assert np.abs(init.trunc_normal_(parameter(), low=-0.5, high=1.0, generator=g).data + 0.0).max() <= 1.0
    for shape in ((4, 7), (7, 4), (3, 2, 5)):
        q = init.orthogonal_(nn.Parameter(np.zeros(shape)), gain=2.0, generator=g).data.reshape(shape[0], -1)
        gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    assert init.constant_(parameter(), 3).data.dtype == np.float32
    with pytest.raises(ValueError, match="unknown nonlinearity 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match="two axes"):
        init.orthogonal_(nn.Parameter(np.zeros(3)))
    with pytest.raises(ValueError, match="share of"):
        init.trunc_normal_(parameter(), low=20.0, high=21.0)


def test_gain_keeps_the_variance_through_depth():
    g, x = Generator(0), np.random.default_rng(0).normal(size=(200, 256))
    for _ in range(10):
        w = init.kaiming_normal_(nn.Parameter(np.zeros((256, 256))), nonlinearity="relu", generator=g)
        x = np.maximum(x @ w.data.T, 0)
    assert 0.3 < (x**2).mean() / 1.0 < 3


# ── errors ───────────────────────────────────────────────────────────────────────────────────────
X = np.zeros((2, 3, 5), np.float32)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: nn.Linear(4, 2)(tensor(X)), r"Linear: x has shape \(2, 3, 5\), expected \(…, 4\)"),
        (lambda: nn.Linear(0, 2), "Linear: in_features must be a positive integer, got 0"),
        (lambda: nn.Linear(2, 2.5), "Linear: out_features must be a positive integer, got 2.5"),
        (lambda: nn.Linear(2, 2)(3.0), "Linear: x is a float, expected a tensor"),
        (lambda: nn.Bilinear(5, 4, 1)(tensor(X), tensor(X)), r"Bilinear: x2 has .*expected \(2, 3, 4\)"),
        (lambda: nn.Conv1d(4, 2, 3)(tensor(X)), r"Conv1d: x has shape \(2, 3, 5\), expected \(B, 4, W\)"),
        (lambda: nn.Conv2d(3, 2, 3)(tensor(X)), r"Conv2d: x has shape \(2, 3, 5\), expected \(B, 3, H, W\)"),
        (lambda: nn.Conv2d(3, 2, (3, 3, 3)), r"Conv2d: kernel_size must be an int or 2 of them"),
        (lambda: nn.Conv2d(3, 2, 3, groups=2), "Conv2d: groups 2 must divide in_channels 3"),
        (lambda: nn.Conv1d(3, 2, 3, padding="full"), "Conv1d: padding must be 'same', 'valid'"),
        (lambda: nn.Conv1d(3, 2, 3, padding_mode="wrap"), "Conv1d: padding_mode must be one of"),
        (lambda: nn.ConvTranspose1d(4, 2, 3)(tensor(X)), r"ConvTranspose1d: x has .* \(B, 4, W\)"),
        (lambda: nn.LSTM(4, 2)(tensor(X)), r"LSTM: x has shape \(2, 3, 5\), expected \(T, B, 4\)"),
        (lambda: nn.LSTM(5, 2)(tensor(X), tensor(X)), r"LSTM: state must be a pair \(h_0, c_0\)"),
        (lambda: nn.GRU(5, 2)(tensor(X), tensor(X)), r"GRU: h_0 has shape \(2, 3, 5\), expected \(1, 3, 2\)"),
        (lambda: nn.GRU(5, 2)(tensor(X), lengths=[1, 2]), "GRU: lengths must be 3 integers"),
        (lambda: nn.GRU(5, 2)(tensor(X), lengths=[1, 2, 3]), r"GRU: lengths must lie in 1 … 2, got 1 … 3"),
        (lambda: nn.RNN(5, 2, nonlinearity="sin"), "RNN: nonlinearity must be 'tanh' or 'relu', got 'sin'"),
        (lambda: nn.LSTMCell(4, 2)(tensor(X[0])), r"LSTMCell: x has shape \(3, 5\), expected \(B, 4\)"),
        (lambda: nn.BatchNorm2d(3)(tensor(X)), r"BatchNorm2d: x has .* expected \(B, C, H, W\)"),
        (lambda: nn.BatchNorm1d(4)(tensor(X)), r"BatchNorm1d: x has shape \(2, 3, 5\), expected \(B, 4, W\)"),
        (lambda: nn.LayerNorm((4, 5))(tensor(X)), r"LayerNorm: x has .* expected \(…, 4, 5\)"),
        (lambda: nn.GroupNorm(2, 3), "GroupNorm: num_groups 2 must divide num_channels 3"),
        (lambda: nn.Dropout(1.5), r"Dropout: p must be in \[0, 1\], got 1.5"),
        (lambda: nn.Embedding(4, 2, padding_idx=4), "Embedding: padding_idx 4 is not a row of 4"),
        (lambda: nn.MultiheadAttention(5, 2), "MultiheadAttention: num_heads 2 must divide embed_dim 5"),
        (lambda: nn.MultiheadAttention(5, 1)(*[tensor(X)] * 2, tensor(X[:1])), "value has shape"),
        (
            lambda: nn.MultiheadAttention(5, 1)(*[tensor(X)] * 3, attn_mask=np.zeros((3, 3), bool)),
            r"attn_mask has shape \(3, 3\), expected \(2, 2\)",
        ),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="swish"), "activation must be one of"),
        (lambda: nn.AdditiveAttention(5, 4, 3)(tensor(X), tensor(X)), r"AdditiveAttention: key has .* 4\)"),
        (lambda: nn.PReLU(4)(tensor(X)), r"PReLU: x has shape \(2, 3, 5\), expected \(…, 4, …\)"),
        (lambda: nn.GELU("erf"), "GELU: approximate must be 'none' or 'tanh', got 'erf'"),
        (lambda: nn.MSELoss("average"), "MSELoss: reduction must be one of"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), "CrossEntropyLoss: label_smoothing must be in"),
        (lambda: nn.CrossEntropyLoss(weight=X), r"CrossEntropyLoss: weight must be \(C,\)"),
        (lambda: nn.SinusoidalPositions(4, 5)(tensor(X[:, :, :4])), r"SinusoidalPositions: x has .* 5\)"),
    ],
)  # fmt: skip
def test_errors_name_module_argument_and_shapes(run, message):
    with pytest.raises(ValueError, match=message):
        run()


def test_every_module_has_a_docstring_with_a_formula_or_shapes():
    modules = [v for v in vars(nn).values() if isinstance(v, type) and issubclass(v, nn.Module)]
    assert len(modules) > 90
    for module in modules:
        assert module.__doc__ and len(module.__doc__) > 8, module


@pytest.mark.parametrize("options", [{}, {"kdim": 3, "vdim": 5, "bias": False}])
def test_attention_from_kept_keys_and_values_is_attention(options):
    rng = np.random.default_rng(0)
    layer = nn.MultiheadAttention(4, 2, batch_first=True, generator=Generator(1), **options).to("float64")
    query, key, value = (
        tensor(rng.normal(size=(2, n, d)))
        for n, d in ((3, 4), (5, options.get("kdim", 4)), (5, options.get("vdim", 4)))
    )
    hidden = np.array([[False, True, False, False, True], [False] * 5])
    wanted, weights = layer(query, key, value, key_padding_mask=tensor(hidden), average_attn_weights=False)
    k, v = layer.keys_values(key, value)
    assert k.shape == v.shape == (2, 2, 5, 2)
    for t in range(3):  # one query at a time, as a decoder has them
        found, seen = layer.attend(query[:, t : t + 1], k, v, tensor(~hidden[:, None, None]))
        np.testing.assert_allclose(found.detach().numpy()[:, 0], wanted.detach().numpy()[:, t], rtol=1e-12)
        np.testing.assert_allclose(
            seen.detach().numpy()[:, :, 0], weights.detach().numpy()[:, :, t], rtol=1e-12
        )
    with pytest.raises(ValueError, match="value"):
        layer.keys_values(key, value[:, :4])


@pytest.mark.parametrize("norm_first", [True, False])
def test_decoder_layer_with_attentions_of_ones_own(norm_first):
    layer = nn.TransformerDecoderLayer(
        4, 2, 6, dropout=0.0, batch_first=True, norm_first=norm_first, generator=Generator(1)
    ).to("float64")
    rng = np.random.default_rng(0)
    x, memory = tensor(rng.normal(size=(2, 3, 4))), tensor(rng.normal(size=(2, 5, 4)))
    y = layer.blocks(
        x,
        lambda x: layer.self_attn(x, x, x, is_causal=True)[0],
        lambda x: layer.multihead_attn.attend(x, *layer.multihead_attn.keys_values(memory, memory))[0],
    )
    wanted = layer(x, memory, tgt_is_causal=True)
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), rtol=1e-12)
