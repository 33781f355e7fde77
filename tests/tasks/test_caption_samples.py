"""Losses that draw samples, on a handful of scenes: rewards, self-critical steps, hard attention."""

import numpy as np
import pytest

from mmscratch.data.vocabulary import Vocabulary
from mmscratch.metrics.cider import DocumentFrequency, cider_d_per_image
from mmscratch.models.hard_captioner import HardAttentionCaptioner
from mmscratch.random import Generator
from mmscratch.tasks.captioning import hard_attention, self_critical
from mmscratch.tasks.captioning import samples as caption_samples
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.captioning.model import PictureCaptioner
from mmscratch.tasks.captioning.samples import CiderReward, TruthReward, make_reward, self_critical_loss
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import CaptionLoader, learn
from mmscratch.tensor import Tensor

SPEC = "scenes:train=80,val=24,test=24,level=1,lang=en"
SMALL = {"hidden": 16, "embedding": 8, "attention": 8, "batch_size": 16}


@pytest.fixture(scope="module")
def trained():
    return load_split(SPEC, "train")


@pytest.fixture(scope="module")
def vocabulary(trained):
    return Vocabulary.from_tokens(trained.sentences())


def model_of(vocabulary, **options):
    return PictureCaptioner(len(vocabulary), CaptionSettings(**SMALL, **options), Generator(0))


def test_cider_reward_is_cider_d_with_the_training_sets_frequencies(trained):
    reward = CiderReward(trained, trained, ends=False)
    said = [trained.captions[i][0] for i in (3, 4, 3)]
    wanted = cider_d_per_image(
        said, [trained.captions[i] for i in (5, 4, 3)], DocumentFrequency.of(trained.captions)
    )
    np.testing.assert_allclose(reward(said, [5, 4, 3]), wanted)
    np.testing.assert_allclose(reward(said[::-1], [3, 4, 5]), wanted[::-1])  # remembered
    assert len(reward.known) == 3


def test_a_sentence_that_breaks_off_loses_where_the_end_is_a_word(trained):
    whole = trained.captions[0][0]
    with_end, without = (CiderReward(trained, trained, ends=e) for e in (True, False))
    ended = np.array([True, False])
    a, b = with_end([whole, whole], [0, 0], ended)
    assert b < a
    a, b = without([whole, whole], [0, 0], ended)
    assert a == b
    assert with_end([[]], [0], [False])[0] == 0


def test_truth_reward_is_one_for_what_is_true(trained):
    reward = TruthReward(trained)
    assert reward([trained.captions[i][0] for i in range(10)], np.arange(10)).tolist() == [1] * 10
    shapes = {o.shape for o in trained.scenes[0].objects}
    missing = next(s for s in ("circle", "square", "triangle", "cross") if s not in shapes)
    lies = [["there", "is", "a", missing], ["a", "a", missing], []]
    assert reward(lies, [0, 0, 0]).tolist() == [0, 0, 0]


def test_rewards_name_what_they_need(trained):
    with pytest.raises(ValueError, match="reward: expected cider or truth, got 'bleu'"):
        make_reward("bleu", trained, trained)
    bare = type(trained)("train", trained.images, trained.captions)
    with pytest.raises(ValueError, match="has no scene graphs"):
        make_reward("truth", bare, trained)


@pytest.mark.parametrize("baseline, samples", [("greedy", 1), ("others", 3)])
def test_a_self_critical_step_judges_words_of_its_own_pictures(trained, vocabulary, baseline, samples):
    model = model_of(vocabulary)
    pictures = np.array([7, 2, 40])
    regions = model.encode(trained.floats()[pictures])[0]
    asked = []

    def reward(sentences, rows, ended):
        asked.append(list(rows))
        assert all(w in vocabulary.words for s in sentences for w in s)
        assert [len(s) < 6 for s in sentences] == list(ended)
        return np.arange(len(sentences), dtype=float)

    found = self_critical_loss(
        model.decoder, vocabulary, regions, pictures, reward, Generator(1), baseline, samples, max_length=6
    )
    assert asked[0] == np.repeat(pictures, samples).tolist()
    assert asked[1:] == ([[7, 2, 40]] if baseline == "greedy" else [])
    found.loss.backward()
    assert all(np.isfinite(p.grad).all() for p in model.trained_parameters())


@pytest.mark.parametrize("supervision", [0.0, 1.0])
def test_hard_attention_learns_from_batches(trained, vocabulary, supervision):
    settings = CaptionSettings(**SMALL, attention_supervision=supervision, steps=4)
    model = hard_attention.train_attention("hard", vocabulary, settings, trained, 0)
    assert isinstance(model.decoder, HardAttentionCaptioner) and not model.decoder.training
    assert model.decoder.baseline.item() < -1
    again = hard_attention.train_attention("hard", vocabulary, settings, trained, 0)
    for name, value in model.decoder.state_dict().items():
        np.testing.assert_array_equal(value, again.decoder.state_dict()[name], err_msg=name)


def test_attention_may_be_soft_or_hard(trained, vocabulary):
    with pytest.raises(ValueError, match="expected 'soft' or 'hard', got 'even'"):
        hard_attention.train_attention("even", vocabulary, CaptionSettings(**SMALL), trained, 0)


def test_pointing_counts_the_words_that_mention_an_object(trained, vocabulary):
    """A decoder that looks where the links say, or always elsewhere."""
    model = model_of(vocabulary)
    loader = CaptionLoader(model, vocabulary, CaptionSettings(), trained, 0)
    looked = {}
    for batch in loader.batches:
        spoken = loader.spoken_regions(batch, loader.image_of[batch.index])
        looked[batch.tokens.tobytes()] = spoken

    def looking(shift):
        def decoder(regions, tokens):
            spoken = looked[tokens.numpy().tobytes()]
            return None, Tensor(np.eye(model.count)[(np.maximum(spoken, 0) + shift) % model.count])

        return decoder

    for shift, wanted in ((0, 1.0), (1, 0.0)):
        model.decoder = looking(shift)
        assert hard_attention.pointing(model, vocabulary, trained) == wanted


def test_what_is_rewarded_is_what_is_said(trained, vocabulary):
    model = model_of(vocabulary).eval()
    said = []

    def reward(sentences, pictures, ended):
        said.append(sentences)
        return np.ones(len(sentences))

    found = self_critical.rewarded(model, vocabulary, trained, {"one": reward}, max_length=5)
    assert found["one, drawn"] == found["one, greedy"] == 1.0
    assert [len(s) for s in said] == [80, 80] and 0 <= found["words"] <= 5
    assert {"objects", "relation", "grammatical"} <= set(found)


def test_self_critical_training_goes_on_to_the_bit(trained, vocabulary, tmp_path):
    found = []
    for parts in ((4,), (2, 4)):
        model = model_of(vocabulary)
        for n, steps in enumerate(parts):
            self_critical.go_on(
                model, vocabulary, trained, make_reward("truth", trained, trained),
                self_critical.SelfCriticalSettings(steps=steps, pictures=4, samples=2, max_length=6), 3,
                run=tmp_path / str(len(parts)), resume=n > 0,
            )  # fmt: skip
        found.append(model.state_dict())
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name], err_msg=name)


def test_the_tables_hold_every_row(vocabulary):
    row = dict.fromkeys(
        ["cider, drawn", "cider, greedy", "truth, drawn", "truth, greedy", "objects", "relation",
         "grammatical", "words"], 0.5,
    )  # fmt: skip
    curve = [{"cider, drawn": 1.0, "truth, drawn": 0.1}, {"cider, drawn": 2.0, "truth, drawn": 0.3}]
    found = [{"test": {"words": row}, "val": {"cider": curve, "truth": curve}}] * 2
    lines = self_critical.table(found)
    assert "0.500±0.000" in lines[1] and lines[-1].endswith("truth: 0.100 before, 0.300 after")
    hard = dict.fromkeys(["truth rate: true", "loss per word", "pointing", "chance"], 0.25)
    assert "0.250" in hard_attention.table([{"test": {"soft": hard}}])[1]


@pytest.mark.slow
def test_self_critical_training_raises_its_reward_on_held_out_scenes():
    """One-object captions: a short training on words, then on truth, two seeds; drawn captions of val."""
    spec = "scenes:train=600,val=200,test=24,level=1,lang=en"
    trained, checked = load_split(spec, "train"), load_split(spec, "val")
    vocabulary = Vocabulary.from_tokens(trained.sentences())
    gains = []
    for seed in range(2):
        settings = CaptionSettings(steps=150, hidden=48, validate_every=150)
        model = PictureCaptioner(len(vocabulary), settings, Generator(seed))
        learn(model, vocabulary, settings, trained, checked, seed=seed, progress=False)
        on_val = {"truth": make_reward("truth", checked, trained)}
        before = self_critical.rewarded(model, vocabulary, checked, on_val)["truth, drawn"]
        self_critical.go_on(
            model, vocabulary, trained, make_reward("truth", trained, trained),
            self_critical.SelfCriticalSettings(steps=40, pictures=32, samples=4, lr=1e-3), seed,
        )  # fmt: skip
        after = self_critical.rewarded(model, vocabulary, checked, on_val)["truth, drawn"]
        gains.append(after - before)
    assert min(gains) > 0.05, gains


def test_the_modules_say_what_they_offer():
    for module in (caption_samples, hard_attention, self_critical):
        assert all(hasattr(module, name) for name in module.__all__)
