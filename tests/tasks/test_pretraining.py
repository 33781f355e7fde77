"""BERT's pretraining: masking, pairs, batches, the task and its bounds."""

import json
import shutil

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data.tokenizers import WordPiece
from mmscratch.representations.text import SentenceEncoder
from mmscratch.representations.text.masking import MARKS, draw_pairs, join_pairs, mask_tokens
from mmscratch.representations.text.scene_bert import SCENE_BERT, load_scene_bert
from mmscratch.tasks.run import Run, RunError
from mmscratch.tasks.text import pretraining
from mmscratch.tasks.text.pretraining import BertSettings, PairBatches, controls, judge, train, vocabulary

WORDS = [f"w{i}" for i in range(50)]
TOKENIZER = WordPiece([*MARKS, *WORDS])


# ── masking ──────────────────────────────────────────────────────────────────────────────────────
def test_fifteen_percent_of_them_eighty_ten_ten():
    random = np.random.default_rng(0)
    truth = random.integers(5, 55, (3000, 40))
    truth[:, 0], truth[:, 30:] = 2, 0
    allowed = truth >= len(MARKS)
    ids, chosen = mask_tokens(truth, allowed, TOKENIZER, random)
    assert (chosen.sum(axis=1) == round(0.15 * 29)).all() and not (chosen & ~allowed).any()
    np.testing.assert_array_equal(ids[~chosen], truth[~chosen])
    masked, kept = ids[chosen] == 4, ids[chosen] == truth[chosen]
    n = chosen.sum()
    assert abs(masked.mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / n)
    assert abs(kept.mean() - (0.1 + 0.1 / 50)) < 4 * np.sqrt(0.1 * 0.9 / n)
    drawn = ids[chosen][~masked & ~kept]
    assert drawn.min() == 5 and drawn.max() == 54  # every word, and no mark
    places = chosen.mean(axis=0)
    assert places[1:30].min() > 0.8 * places[1:30].mean()  # no place is preferred


def test_a_short_sentence_hides_one_token():
    ids = np.array([[2, 7, 3, 0], [2, 8, 9, 3]])
    _, chosen = mask_tokens(ids, ids >= 5, TOKENIZER, np.random.default_rng(1))
    assert chosen.sum(axis=1).tolist() == [1, 1]
    with pytest.raises(ValueError, match="row 1 has no token"):
        mask_tokens(ids, (ids >= 5) & [[True], [False]], TOKENIZER, np.random.default_rng(1))
    with pytest.raises(ValueError, match="share: expected a number in"):
        mask_tokens(ids, ids >= 5, TOKENIZER, np.random.default_rng(1), share=0)


# ── pairs ────────────────────────────────────────────────────────────────────────────────────────
def test_pairs_follow_or_come_from_elsewhere():
    documents = [[(d, p) for p in range(4)] for d in range(500)]
    first, second, other = draw_pairs(documents, np.random.default_rng(0))
    assert abs(other.mean() - 0.5) < 0.1 and set(other.tolist()) == {0, 1}
    for i, (a, b, strange) in enumerate(zip(first, second, other, strict=True)):
        assert a[0] == i and b[1] == a[1] + 1 and (b[0] != i) == strange
    assert {a[1] for a in first} == {0, 1, 2}
    for bad in ([], documents[:1], [["a"], ["b"]], [["a", "b"], ["c"]]):
        with pytest.raises(ValueError, match="draw_pairs: documents"):
            draw_pairs(bad, np.random.default_rng(0))


def test_pairs_are_joined_as_the_tokenizer_joins_them():
    a, b = ["w1 w2", "w3"], ["w4", "w5 w6 w7"]
    encode = TOKENIZER.encode
    ids, segments, mask = join_pairs([encode(t) for t in a], [encode(t) for t in b], TOKENIZER)
    for i in range(2):
        expected, parts = TOKENIZER.encode_pair(a[i], b[i])
        assert ids[i][mask[i]].tolist() == expected and segments[i][mask[i]].tolist() == parts
    assert not ids[~mask].any() and not segments[~mask].any()


def test_batches_can_be_continued():
    texts = [[f"w{d % 50} w{p}" for p in range(3)] for d in range(10)]

    def batches():
        return PairBatches(texts, TOKENIZER, 4, seed=7)

    a, whole = batches(), []
    for _ in range(2):
        whole += list(a)
    assert len(a) == 3 and len(whole) == 6
    b = batches()
    batch = next(iter(b))
    c = batches()
    c.load_state_dict(b.state_dict())
    rest = [batch, *c, *c]
    for x, y in zip(whole, rest, strict=True):
        for u, v in zip(x, y, strict=True):
            np.testing.assert_array_equal(u, v)
    ids, _, mask, at, truth, other = whole[0]
    assert len(truth) == len(at) >= len(ids) == len(other) and mask.reshape(-1)[at].all()
    assert any(not np.array_equal(whole[i][0], whole[i + 3][0]) for i in range(3))


# ── the task ─────────────────────────────────────────────────────────────────────────────────────
TINY = ["steps=4", "batch_size=4", "hidden=8", "heads=2", "layers=1", "validate_every=2"]


def test_the_command(tmp_path, capsys):
    data, run = "scenes:train=12,val=6,test=6", tmp_path / "run"
    assert (
        main(["train", "bert", "--data", data, "--out", str(run), "--quiet", "--seed", "3", "--set", *TINY])
        == 0
    )
    assert main(["evaluate", str(run), "--split", "test", "--json", str(tmp_path / "f.json")]) == 0
    printed, figures = capsys.readouterr().out, json.loads((tmp_path / "f.json").read_text())
    assert "next sentence right, words in common" in printed and figures["pairs"] == 12
    assert 1 < figures["perplexity"] and figures["next sentence right, chance"] == 0.5
    encoder = SentenceEncoder.from_folder(run)
    assert encoder.encode(["a red circle", "it is small"]).values.shape[2] == 8
    assert main(["train", "bert", "--data", "coco:x", "--out", str(tmp_path / "b"), "--quiet"]) == 2
    assert "documents are known of scenes only" in capsys.readouterr().err


def test_other_languages_and_refusals(tmp_path):
    texts = pretraining.documents("scenes:train=5,lang=zh", "train")
    tokenizer = vocabulary(texts)
    assert all(len(t) == 1 for t in tokenizer.tokens[5:]) and len(texts[0]) == 5
    assert not any(1 in tokenizer.encode(s) for text in texts for s in text)
    with pytest.raises(RunError, match="has 1 scenes, expected at least 2"):
        pretraining.documents("scenes:train=1", "train")
    with pytest.raises(ValueError, match="heads: expected at least 1, got 0"):
        BertSettings(heads=0)


@pytest.mark.slow
def test_a_few_hundred_steps_beat_every_context_free_guess(tmp_path):
    """Under a minute: masked words of unseen scenes, far above frequency and above their two neighbours."""
    data = "scenes:train=1500,val=200,count=2-3"
    settings = ["steps=450", "validate_every=450", "layers=2", "lr=2e-3"]
    run = train(data, tmp_path / "run", 0, settings, progress=False)
    figures = pretraining.evaluate(Run.open(run.folder))
    print(figures)
    assert figures["masked words right"] > 0.5 > figures["masked words right, context-free"] + 0.2
    assert figures["perplexity"] < 6 < figures["perplexity, context-free"]


def test_controls_know_what_they_say():
    """Documents in which the next word and the next scene are certain."""
    texts = [[f"w{d} w{d} w{d} w{d}"] * 3 for d in range(20)] * 5
    found = controls(texts, texts, TOKENIZER)
    assert found["masked words right, neighbours"] > 0.5
    assert found["masked words right, context-free"] < 0.15
    assert 19 < found["perplexity, context-free"] < 26
    assert found["next sentence right, words in common"] > 0.75
    model = pretraining.BertForPreTraining(BertSettings(hidden=8, heads=2).config(len(TOKENIZER)))
    untrained = judge(model, texts, TOKENIZER)
    assert untrained["perplexity"] == pytest.approx(len(TOKENIZER), rel=0.2)
    assert model.training


def test_the_weights_that_ship_are_as_good_as_their_recipe(tmp_path):
    """The figures of recipe.json again, on the validation scenes; a changed file is refused."""
    recipe = json.loads((SCENE_BERT / "recipe.json").read_text(encoding="utf-8"))
    model, tokenizer = load_scene_bert()
    data = recipe["made by"].split()[4].replace("train=12000", "train=2")  # the other splits do not change
    found = judge(model, pretraining.documents(data, "val"), tokenizer)
    for name in ("masked words right", "perplexity", "next sentence right"):
        assert found[name] == pytest.approx(recipe["val"][name], abs=0.01)
    assert found["masked words right"] > recipe["val"]["masked words right, neighbours"] + 0.1
    assert found["next sentence right"] > 0.65
    shutil.copytree(SCENE_BERT, tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"another file")
    with pytest.raises(ValueError, match="its recipe says"):
        load_scene_bert(tmp_path / "copy")
