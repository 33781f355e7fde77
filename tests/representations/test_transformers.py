"""BERT and CLIP: goldens of torch and transformers, published sizes, names, refusals."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image
from transformer_cases import BERT as BERT_SIZES
from transformer_cases import CLIP as CLIP_SIZES
from transformer_cases import bert_inputs, clip_inputs, drawn, waves

from mmscratch import kernels, nn
from mmscratch.data import DataError
from mmscratch.random import Generator
from mmscratch.representations.blank import Blank
from mmscratch.representations.image import clip
from mmscratch.representations.image.clip import CLIP, CLIPConfig, preprocess
from mmscratch.representations.image.vit import VisionTransformer, quick_gelu
from mmscratch.representations.text.bert import BERT, BertConfig, BertForPreTraining
from mmscratch.representations.text.bert_names import from_hugging_face, to_hugging_face
from mmscratch.tensor import Tensor, tensor

FILE = pathlib.Path(__file__).parents[1] / "goldens" / "transformers.npz"
SMALL = BertConfig(**BERT_SIZES)
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
floors = pytest.mark.parametrize("floor", ["reference", pytest.param("cpu", marks=pytest.mark.slow)])


@pytest.fixture(scope="module")
def goldens():
    """case → kind (output, gradient) → name → array."""
    with np.load(FILE) as file:
        names, shapes, values = file["names"].tobytes().decode().split("\n"), file["shapes"], file["values"]
    found, place, at = {}, 0, 0
    for name in names:
        shape = tuple(shapes[place + 1 : place + 1 + shapes[place]])
        place, size = place + 1 + len(shape), int(np.prod(shape))
        case, kind, what = name.split("/")
        found.setdefault(case, {}).setdefault(kind, {})[what] = values[at : at + size].reshape(shape)
        at += size
    assert at == len(values)
    return found


def on(floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    return kernels.use(floor)


def small_bert(seed=1, act="gelu"):
    model = BertForPreTraining(BertConfig(**BERT_SIZES, hidden_act=act), generator=Blank()).to("float64")
    theirs = to_hugging_face(model.state_dict())
    state = drawn({name: a.shape for name, a in theirs.items()}, seed)
    model.load_state_dict(from_hugging_face(state, heads=True))
    return model.eval()


def compare(outputs, expected):
    loss = 0.0
    for name, y in outputs.items():
        np.testing.assert_allclose(y.detach().numpy(), expected[name], err_msg=name, **TIGHT)
        loss = loss + (y * Tensor(waves(y.shape))).sum()
    loss.backward()


# ── BERT ─────────────────────────────────────────────────────────────────────────────────────────
@floors
def test_bert_is_transformers(goldens, floor):
    """Every output and every gradient of BertForPreTraining, with padding and both segments."""
    with on(floor):
        model = small_bert()
        ids, segments, mask = bert_inputs()
        x, pooled = model.bert(ids, segments, mask)
        words, follows = model(ids, segments, mask)
        compare({"x": x, "pooled": pooled, "words": words, "follows": follows}, goldens["bert"]["output"])
    expected = goldens["bert"]["gradient"]
    found = to_hugging_face({name: p.grad for name, p in model.named_parameters()})
    assert set(found) == set(expected) and len(found) > 40
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **TIGHT)


def test_the_other_gelu(goldens):
    model = small_bert(act="gelu_new")
    words, _ = model(*bert_inputs())
    expected = goldens["bert-tanh"]["output"]["words"]
    np.testing.assert_allclose(words.detach().numpy(), expected, **TIGHT)
    assert np.abs(goldens["bert"]["output"]["words"] - expected).max() > 1e-5


def test_published_sizes():
    """BERT-base and -large, uncased (Devlin et al., 2019: "110M" and "340M"), and MiniLM-L6."""
    assert BertConfig().parameters() == 109_482_240
    large = BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
    assert large.parameters() == 335_141_888
    small = BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
    assert small.parameters() == 22_713_216
    for config in (SMALL, BertConfig(30, 8, 3, 2, 5, max_position_embeddings=4, type_vocab_size=3)):
        for pooler in (True, False):
            model = BERT(config, pooler, generator=Blank())
            assert sum(p.size for p in model.parameters()) == config.parameters(pooler)


@pytest.mark.slow
def test_bert_base_is_built_as_large_as_it_is():
    assert sum(p.size for p in BERT(generator=Blank()).parameters()) == 109_482_240


def test_only_selected_places_are_asked():
    model = small_bert()
    ids, segments, mask = bert_inputs()
    words, _ = model(ids, segments, mask)
    some, _ = model(ids, segments, mask, at=np.array([9, 0]))
    np.testing.assert_allclose(some.detach().numpy(), words.detach().numpy()[[1, 0], [1, 0]], **TIGHT)


def test_padding_does_not_matter():
    model = small_bert()
    ids, segments, mask = bert_inputs()
    other = np.where(mask, ids, (ids + 3) % 23)
    for a, b in zip(model(ids, segments, mask), model(other, segments, mask), strict=True):
        a, b = (y.detach().numpy() for y in (a, b))
        np.testing.assert_allclose(a[mask] if a.ndim == 3 else a, b[mask] if b.ndim == 3 else b, **TIGHT)


def test_trace_shows_every_layer():
    model = small_bert().bert
    x, _, states, weights = model(*bert_inputs(), trace=True)
    assert len(states) == 3 and len(weights) == 2 and states[-1] is x
    w = weights[1].detach().numpy()
    assert w.shape == (3, 3, 8, 8)
    np.testing.assert_allclose(w.sum(-1), 1)
    assert not w[1, :, :, 5:].any()


def test_old_names_prefixes_and_tied_tables():
    state = to_hugging_face(small_bert().state_dict())
    old = {
        k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
        for k, v in state.items()
    }
    old["bert.embeddings.position_ids"] = np.arange(9)[None]
    old["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    old["cls.predictions.decoder.bias"] = state["cls.predictions.bias"]
    with_heads, alone = from_hugging_face(old, heads=True), from_hugging_face(old)
    assert set(with_heads) == set(small_bert().state_dict())
    assert set(alone) == {k.removeprefix("bert.") for k in with_heads if k.startswith("bert.")}
    for name, array in from_hugging_face({k.removeprefix("bert."): v for k, v in state.items()}).items():
        np.testing.assert_array_equal(array, alone[name])
    again = to_hugging_face(with_heads)
    assert all(np.array_equal(again[name], state[name]) for name in state)
    with pytest.raises(ValueError, match="decoder.weight differs from embeddings.word.weight"):
        from_hugging_face(old | {"cls.predictions.decoder.weight": np.zeros((23, 12))})
    with pytest.raises(KeyError, match="no part of a BERT: bert.lstm.weight"):
        from_hugging_face(state | {"bert.lstm.weight": np.zeros(2)})
    lacking = {k: v for k, v in state.items() if "layer.1.attention.self.key.bias" not in k}
    with pytest.raises(KeyError, match="layers.1.self_attn.in_proj_bias lacks key"):
        from_hugging_face(lacking)
    with pytest.raises(KeyError, match="'layers.0.norm3.weight' is no part"):
        to_hugging_face({"layers.0.norm3.weight": np.zeros(2)})


def test_dropout_begins_and_is_drawn_from_the_generator():
    a, b = (BERT(SMALL, generator=Generator(3)) for _ in range(2))
    np.testing.assert_array_equal(a.layers[0].linear1.weight.data, b.layers[0].linear1.weight.data)
    big = BERT(BertConfig(2000, 48, 1, 4, 96), generator=Generator(0))
    for p in (big.embeddings.word.weight, big.layers[0].self_attn.in_proj_weight, big.pooler.weight):
        assert abs(p.data.std() - 0.02) < 0.002 and abs(p.data.mean()) < 0.002
    assert not big.layers[0].linear1.bias.data.any() and (big.layers[0].norm1.weight.data == 1).all()
    ids = bert_inputs()[0]
    first, second = a(ids)[0].detach().numpy(), a(ids)[0].detach().numpy()
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(first, b(ids)[0].detach().numpy())
    a.eval()
    np.testing.assert_array_equal(a(ids)[0].detach().numpy(), a(ids)[0].detach().numpy())


def test_configuration_files(tmp_path):
    file = tmp_path / "config.json"
    published = {"model_type": "bert", "vocab_size": 9, "hidden_size": 8, "num_attention_heads": 2}
    file.write_text(json.dumps(published | {"use_cache": True, "pad_token_id": 0}))
    assert BertConfig.from_json(file) == BertConfig(vocab_size=9, hidden_size=8, num_attention_heads=2)
    for change, message in [
        ({"model_type": "roberta"}, "'model_type' is 'roberta', expected 'bert'"),
        ({"position_embedding_type": "relative_key"}, "not 'absolute'"),
        ({"is_decoder": True}, "describes a decoder"),
        ({"hidden_size": 9}, "num_attention_heads: 2 must divide hidden_size 9"),
        ({"hidden_size": "8"}, "hidden_size: expected a positive integer, got '8'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: expected a positive integer, got 0"),
        ({"hidden_dropout_prob": 1.5}, r"hidden_dropout_prob: expected a number in \[0, 1\), got 1.5"),
        ({"hidden_act": "swish"}, "hidden_act: expected one of gelu"),
    ]:
        file.write_text(json.dumps(published | change))
        with pytest.raises(DataError, match=message) as failure:
            BertConfig.from_json(file)
        assert str(failure.value).startswith(str(file))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(np.zeros(3, int)), r"ids has shape \(3,\), expected \(B, T\)"),
        (lambda m: m(np.zeros((1, 10), int)), r"\(1, 10\), but there are 9 positions"),
        (lambda m: m(np.zeros((1, 3), int), np.zeros((1, 2), int)), r"segments has shape \(1, 2\)"),
        (lambda m: m(np.zeros((1, 3), int), None, np.ones((3,), bool)), r"mask has shape \(3,\)"),
    ],
)
def test_bert_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call(BERT(SMALL, generator=Blank()))


# ── CLIP ─────────────────────────────────────────────────────────────────────────────────────────
def small_clip(seed=2):
    model = CLIP(CLIPConfig(**CLIP_SIZES), generator=Blank()).to("float64")
    model.load_state_dict(drawn({n: a.shape for n, a in model.state_dict().items()}, seed))
    return model.eval()


@floors
def test_clip_is_torchs(goldens, floor):
    """Both towers and the temperature, outputs and gradients; one text has an end mark in its padding."""
    with on(floor):
        model = small_clip()
        image, ids = clip_inputs()
        image = tensor(image)
        i, t = model.encode_image(image), model.encode_text(ids)
        logits, transposed = model(image, ids)
        np.testing.assert_array_equal(transposed.detach().numpy(), logits.detach().numpy().T)
        compare({"image": i, "text": t, "logits": logits}, goldens["clip"]["output"])
    expected = goldens["clip"]["gradient"]
    found = {name: p.grad for name, p in model.named_parameters()}
    assert set(found) == set(expected) and len(found) > 50
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], err_msg=name, **TIGHT)


def test_clips_published_sizes():
    """ViT-B/32, B/16 and L/14 as released."""
    assert CLIPConfig().parameters() == 151_277_313
    assert CLIPConfig(vision_patch_size=16).parameters() == 149_620_737
    large = CLIPConfig(
        embed_dim=768, vision_layers=24, vision_width=1024, vision_patch_size=14, transformer_width=768,
        transformer_heads=12,
    )  # fmt: skip
    assert large.parameters() == 427_616_513 and large.heads == 16
    for changes in ({}, {"vision_patch_size": 6, "vision_layers": 3, "embed_dim": 5}):
        config = CLIPConfig(**CLIP_SIZES | changes)
        assert sum(p.size for p in CLIP(config, generator=Blank()).parameters()) == config.parameters()


@pytest.mark.slow
def test_vit_b_32_is_built_as_large_as_it_is():
    assert sum(p.size for p in CLIP(generator=Blank()).parameters()) == 151_277_313


def test_clip_from_its_weights_alone():
    sizes = CLIP_SIZES | {
        "vision_width": 64,
        "vision_heads": None,
        "transformer_width": 128,
        "vision_layers": 3,
    }
    state = CLIP(CLIPConfig(**sizes), generator=Generator(0)).state_dict()
    release = {k: v.astype(np.float16) for k, v in state.items()}
    release |= {"input_resolution": np.array(12), "context_length": np.array(7), "vocab_size": np.array(15)}
    model = CLIP.from_state_dict(release)
    assert (
        model.config == CLIPConfig(**sizes) and model.visual.proj.dtype == np.float32 and not model.training
    )
    assert "visual.transformer.resblocks.2.mlp.c_proj.bias" in state and "logit_scale" in state
    with pytest.raises(KeyError, match=r"visual.conv1.weight is not among the weights"):
        CLIP.from_state_dict({"a": np.zeros(1)})
    del release["ln_final.bias"]
    with pytest.raises(KeyError, match=r"missing ln_final.bias"):
        CLIP.from_state_dict(release)


def test_clip_begins_as_it_should():
    model = CLIP(CLIPConfig(**CLIP_SIZES | {"vocab_size": 999, "vision_width": 64}), generator=Generator(1))
    assert model.logit_scale.item() == pytest.approx(np.log(1 / 0.07))
    assert abs(model.token_embedding.weight.data.std() - 0.02) < 0.001
    block = model.visual.transformer.resblocks[0]
    assert abs(block.attn.in_proj_weight.data.std() - 64**-0.5) < 0.01
    assert abs(block.mlp.c_proj.weight.data.std() - (2 * 2 * 64) ** -0.5) < 0.005
    vectors = model.encode_image(Tensor(np.zeros((2, 3, 12, 12), np.float32)))
    assert vectors.shape == (2, 6)


def test_the_text_tower_looks_back_only():
    model, (_, ids) = small_clip(), clip_inputs()
    changed = ids.copy()
    changed[:, 5:] = 1
    a, b = (model.encode_text(i, tokens=True).detach().numpy() for i in (ids, changed))
    np.testing.assert_allclose(a[:, :5], b[:, :5], **TIGHT)
    assert np.abs(a[:, 5:] - b[:, 5:]).max() > 1e-3


def test_pictures_become_features():
    model = CLIP(CLIPConfig(**CLIP_SIZES), generator=Generator(0)).eval()
    pictures = [np.full((20, 30, 3), 90, np.uint8), np.zeros((12, 12, 3), np.uint8)]
    features = model.features(pictures, batch_size=1)
    assert features.values.shape == (2, 9, 8) and features.mask.all()
    whole = model.visual(Tensor(preprocess(pictures, 12)), tokens=True).detach().numpy()
    np.testing.assert_allclose(features.values, whole[:, 1:], rtol=1e-4, atol=1e-5)
    weights = model.visual(Tensor(preprocess(pictures, 12)), trace=True)[1]
    assert len(weights) == 2 and weights[0].shape == (2, 2, 10, 10)


def test_preprocessing_is_the_releases():
    """Shorter side by Pillow's bicubic filter, the centre, then (x − mean) / std: step by step by Pillow."""
    random = np.random.default_rng(0)
    for height, width in ((37, 50), (81, 33), (16, 16), (9, 20), (33, 33)):
        picture = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image, short = Image.fromarray(picture), min(height, width)
        if short == width:
            image = image.resize((16, int(16 * height / short)), Image.Resampling.BICUBIC)
        else:
            image = image.resize((int(16 * width / short), 16), Image.Resampling.BICUBIC)
        left, top = round((image.width - 16) / 2), round((image.height - 16) / 2)
        x = np.asarray(image.crop((left, top, left + 16, top + 16)), np.float64) / 255
        expected = (x - clip.MEAN) / clip.STD
        found = preprocess([picture], 16)
        assert found.shape == (1, 3, 16, 16) and found.dtype == np.float32
        np.testing.assert_allclose(found[0], expected.transpose(2, 0, 1), atol=1e-5)
    with pytest.raises(ValueError, match=r"pictures\[1\]: expected uint8 \(H, W, 3\), got float64"):
        preprocess([picture, picture / 255.0])
    with pytest.raises(ValueError, match="at least one"):
        preprocess([])


def test_quick_gelu():
    x = np.array([-3.0, -0.5, 0.0, 2.0])
    np.testing.assert_allclose(quick_gelu(tensor(x)).numpy(), x / (1 + np.exp(-1.702 * x)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VisionTransformer(10, 4, 8, 1, 2, 3), "patch_size 4 must divide resolution 10"),
        (lambda: VisionTransformer(8, 4, 8, 0, 2, 3), "layers must be a positive integer"),
        (lambda: small_clip().encode_text(np.zeros((1, 8), int)), "with T at most 7"),
        (
            lambda: small_clip().encode_image(np.zeros((1, 3, 9, 9))),
            r"image has shape \(1, 3, 9, 9\), expected",
        ),
        (lambda: nn.MultiheadAttention(8, 3), "must divide"),
    ],
)
def test_clip_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
