"""Stacked cross attention through the retrieval task, and whether relations are read."""

import dataclasses
import types

import numpy as np
import pytest

from mmscratch.data import scenes
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.retrieval import task as retrieval
from mmscratch.tasks.retrieval.attention import attention_figures, cells_of
from mmscratch.tasks.retrieval.data import gallery
from mmscratch.tasks.retrieval.model import load_model, make_model, make_senses
from mmscratch.tasks.retrieval.relations import relation_figures
from mmscratch.tasks.retrieval.settings import RetrievalSettings
from mmscratch.tasks.run import RunError
from mmscratch.tensor import Tensor

SPEC = "scenes:train=24,val=16,test=12,level=2,references=2,relations=spatial"
SMALL = {"model": "scan", "size": 16, "embedding": 8, "steps": 2, "batch_size": 8, "regions": 4}
SPLIT = load_split(SPEC, "val")


def parts(**changes):
    settings = RetrievalSettings(**SMALL | changes)
    split = SPLIT
    senses = make_senses(settings, Vocabulary.from_tokens(split.sentences()), SPEC)
    return settings, split, senses, make_model(senses, settings, Generator(0))


@pytest.mark.parametrize("direction", ["text", "image", "both"])
def test_blocks_of_the_gallery_are_the_whole(direction):
    _, split, senses, model = parts(direction=direction)
    pairs = gallery(split, senses)
    found = model.similarity(senses, pairs, pictures=7, captions=5)
    whole = model.scan(
        *senses[0].batch(pairs.first, np.arange(16)), *senses[1].batch(pairs.second, range(32))
    )
    np.testing.assert_allclose(found, whole.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_a_run_is_trained_judged_and_opened(tmp_path):
    given = [f"{key}={value}" for key, value in SMALL.items()]
    run = retrieval.train(SPEC, tmp_path / "run", 1, given, progress=False)
    figures = retrieval.evaluate(run, split="test")
    assert 0.2 < figures["relation: true over swapped"] < 0.8 and figures["relation: captions, reversed"] > 10
    assert 0 <= figures["attention: pointing"] <= 1 and figures["attention: pointing, chance"] < 0.1
    assert figures["i→t R@1, chance"] == pytest.approx(2 / 24)
    assert figures["semantic: t→i R@1"] >= figures["t→i R@1"]
    opened = load_model(run)
    with pytest.raises(RunError, match="model=scan: scores pairs, and has no vector"):
        opened.encode_texts(["a circle"])


def test_attention_is_laid_where_the_regions_lie():
    """Words that look at the cell of their object's centre point at it; at another's, they do not."""
    _, split, senses, model = parts()
    pairs = gallery(split, senses)
    network = senses[0].network
    _, cells = network.regions(split.floats(), 4)
    np.testing.assert_array_equal([cells_of(r) for r in pairs.first], cells)

    def looking_at(shift):
        def attention(seen, read):
            alpha = np.zeros((len(split), int(read[1].numpy().sum(1).max()), 4), np.float32) + 1e-6
            for i, links in enumerate(split.links):
                for t, k in enumerate(links[0]):
                    cell = split.object_cells[i, (k + shift) % len(split.scenes[i])] if k >= 0 else -1
                    alpha[i, t + 1, cells[i] == cell] = 1
            return Tensor(alpha)

        fake = types.SimpleNamespace(
            encode_regions=model.scan.encode_regions,
            encode_words=model.scan.encode_words,
            attention=attention,
        )
        found = types.SimpleNamespace(
            model=types.SimpleNamespace(scan=fake), senses=senses, settings=RetrievalSettings(**SMALL)
        )
        return attention_figures(found, split, pairs)

    right, wrong = looking_at(0), looking_at(1)
    assert right["attention: pointing"] > 0.6 and wrong["attention: pointing"] < 0.1


class Scorer:
    """A model made of a function of (picture number, words)."""

    def __init__(self, score, vocabulary):
        self.score, self.vocabulary = score, vocabulary

    def similarity(self, senses, pairs):
        words = [[self.vocabulary.words[t] for t in entry[1:-1]] for entry in pairs.second]
        return np.array([[self.score(int(i), w) for w in words] for i in pairs.first[:, 0]], np.float32)


def figures_by(score):
    _, split, senses, _ = parts()
    pairs = dataclasses.replace(gallery(split, senses), first=np.arange(16)[:, None])
    model = Scorer(lambda i, words: score(split.scenes[i], words), senses[1].vocabulary)
    return relation_figures(types.SimpleNamespace(model=model, senses=senses), split, pairs)


def test_who_knows_the_truth_is_always_right_and_who_sees_no_order_gets_one_half():
    truth = figures_by(lambda scene, words: scenes.truth(words, scene).true)
    assert truth["relation: true over reversed"] == truth["relation: true over swapped"] == 1
    bag = figures_by(lambda scene, words: sum(map(len, words)))
    assert bag["relation: true over swapped"] == 0.5
    lie = figures_by(lambda scene, words: -scenes.truth(words, scene).true)
    assert lie["relation: true over reversed"] == lie["relation: true over swapped"] == 0


def test_captions_without_relations_have_no_such_figures():
    settings, _, senses, model = parts()
    split = load_split(SPEC.replace("level=2", "level=1"), "val")
    found = types.SimpleNamespace(model=model, senses=senses)
    assert relation_figures(found, split, gallery(split, senses)) == {}
    assert settings.model == "scan"


def test_what_is_scaled():
    def scaled(**options):
        return RetrievalSettings(**options).scaled

    assert scaled(model="scan") and not scaled() and scaled(scale_regions="yes")
    assert scaled(picture="vgg16", weights="w") and not scaled(picture="cnn", scale_regions="yes")
    assert not scaled(model="scan", scale_regions="no") and not scaled(pair="sound-text", scale_regions="yes")


@pytest.mark.parametrize(
    "options, match",
    [
        ({"picture": "cnn"}, "picture: model=scan takes regions or boxes or vgg16"),
        ({"pair": "sound-text"}, "pair: model=scan takes picture-text, got 'sound-text'"),
        ({"queue": 8}, "queue: model=scan takes 0, got 8"),
        ({"smooth": 41.0}, "smooth up to 40"),
        ({"direction": "up"}, "direction: expected text or image or both, got 'up'"),
    ],
)
def test_what_does_not_go_together_is_named(options, match):
    with pytest.raises(ValueError, match=match):
        RetrievalSettings(**SMALL | options)
