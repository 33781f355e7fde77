"""Every caption model through the command line, and what the settings of training do."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.models.caption_models import CAPTION_MODELS
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.captioning.model import PictureCaptioner, load_model
from mmscratch.tasks.captioning.settings import CaptionSettings
from mmscratch.tasks.captioning.task import CaptionLoader
from mmscratch.tasks.run import Run
from mmscratch.train import read_journal

TINY = "scenes:train=16,val=8,test=8"
SMALL = ["steps=4", "batch_size=8", "hidden=16", "embedding=16", "attention=8", "validate_every=2"]


@pytest.mark.parametrize("model", CAPTION_MODELS)
def test_every_model_trains_is_judged_and_says_something(model, tmp_path):
    run, picture = tmp_path / "run", tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(picture)
    settings = [*SMALL, f"model={model}", "encoder=boxes", "heads=2"]
    assert main(["train", "caption", "--data", TINY, "--out", str(run), "--quiet", "--set", *settings]) == 0
    assert main(["evaluate", str(run), "--split", "test", "--search", "method=beam", "width=2"]) == 0
    assert main(["predict", str(run), str(picture), "--json", str(tmp_path / "said.json")]) == 0
    assert isinstance(json.loads((tmp_path / "said.json").read_text())[0]["caption"], str)
    seen = [r["validation"] for r in read_journal(run) if "validation" in r]
    assert seen and all(np.isfinite([v["val_loss"], v["val_loss_shuffled"]]).all() for v in seen)


@pytest.mark.parametrize("kind", ["linear", "exponential", "inverse-sigmoid"])
@pytest.mark.parametrize("own", [0.25, 1.0])
def test_schedules_fall_from_the_teachers_words_to_the_models(kind, own):
    settings = CaptionSettings(steps=300, scheduled_sampling=kind, own_words=own)
    epsilon = [settings.epsilon(i) for i in range(300)]
    assert epsilon == sorted(epsilon, reverse=True)
    assert epsilon[0] > 0.95 and epsilon[-1] == pytest.approx(1 - own, abs=0.02)


def loader_of(seed=0, **settings):
    split = load_scenes(TINY, "train")
    vocabulary = Vocabulary.from_tokens(split.sentences())
    settings = CaptionSettings(batch_size=8, hidden=16, encoder="frozen", **settings)
    model = PictureCaptioner(len(vocabulary), settings, Generator(seed))
    return CaptionLoader(model, vocabulary, settings, split, seed), model, vocabulary


def test_own_words_are_fed_back_as_the_schedule_says():
    """Without own words the loss is teacher forcing's; with them it is another, and the same each time."""
    forced, *_ = loader_of()
    batch = next(iter(forced.batches))
    wanted = forced.loss(batch).item()
    for own, same in ((1e-9, True), (1.0, False)):
        losses = []
        for _ in range(2):
            loader, *_ = loader_of(scheduled_sampling="linear", own_words=own, steps=2)
            batches = iter(loader.batches)
            next(batches)
            losses.append(loader.loss(next(batches)).item())
        assert losses[0] == losses[1]
        again, *_ = loader_of()
        batches = iter(again.batches)
        next(batches)
        assert (losses[0] == pytest.approx(again.loss(next(batches)).item(), rel=1e-5)) is same
    assert np.isfinite(wanted)


def test_scaled_regions_have_mean_0_and_deviation_1_and_a_run_remembers_them(tmp_path):
    """Over the training pictures; other pictures by the same numbers, also after reading the run back."""
    run = tmp_path / "run"
    settings = [*SMALL, "model=nic-input", "scale_regions=true"]
    assert main(["train", "caption", "--data", TINY, "--out", str(run), "--quiet", "--set", *settings]) == 0
    model, _, _ = load_model(Run.open(run))
    plain, *_ = loader_of()
    split = load_scenes(TINY, "train")
    raw, scaled = plain.regions.reshape(-1, 130), model.encode_split(split)[0].reshape(-1, 130)
    alive = raw.std(0) > 1e-5
    np.testing.assert_allclose(scaled.mean(0)[alive], 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std(0)[alive], 1, atol=1e-3)
    np.testing.assert_allclose(
        scaled, (raw - raw.mean(0)) / np.maximum(raw.std(0), 1e-6), rtol=1e-3, atol=1e-3
    )


def test_beginning_with_frequencies_begins_better():
    plain, _, vocabulary = loader_of(attention_supervision=0)
    begun, model, _ = loader_of(attention_supervision=0, unigram_bias=True)
    losses = [loader.loss(next(iter(loader.batches))).item() for loader in (plain, begun)]
    assert losses[1] < losses[0] - 0.1
    assert model.decoder.L_o.bias.detach().numpy().argmin() in (Vocabulary.pad, Vocabulary.start, 3)


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"model": "rnn"}, "soft"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"own_words": 0.0}, "own_words"),
        ({"scale_regions": True, "encoder": "finetune"}, "scale_regions"),
        ({"model": "hard", "scheduled_sampling": "linear"}, "scheduled_sampling"),
    ],
)
def test_settings_that_cannot_be_are_told(settings, word):
    with pytest.raises(ValueError, match=word):
        CaptionSettings(**settings)


def test_self_critical_training_goes_on_from_a_run_of_words(tmp_path, capsys):
    """From words to rewards through the command line, by either baseline; what cannot be is told first."""
    words, once, twice = (tmp_path / name for name in ("words", "once", "twice"))
    start = ["train", "caption", "--data", TINY, "--out", str(words), "--quiet", "--set", *SMALL]
    assert main([*start, "encoder=frozen", "unigram_bias=true"]) == 0
    learn = ["train", "self-critical", "--data", TINY, "--quiet", "--out"]
    settings = [f"start={words}", "pictures=4", "samples=2", "validate_every=2", "checkpoint_every=2"]
    assert main([*learn, str(once), "--set", *settings, "steps=4", "reward=truth"]) == 0
    assert main(["evaluate", str(once), "--split", "test", "--search", "method=beam"]) == 0
    assert main([*learn, str(twice), "--set", *settings, "steps=4", "reward=truth", "baseline=others"]) == 0
    seen = [r["validation"] for r in read_journal(once) if "validation" in r]
    assert seen and {"truth, greedy", "truth, drawn"} <= set(seen[0])
    capsys.readouterr()
    for wrong, word in (
        (["reward=truth"], "start"),
        ([f"start={tmp_path / 'none'}"], "none"),
        ([f"start={words}", "reward=bleu"], "cider or truth"),
    ):
        assert main([*learn, str(tmp_path / "never"), "--set", *wrong]) == 2
        assert word in capsys.readouterr().err and not (tmp_path / "never").exists()


@pytest.mark.slow
def test_the_table_trains_once_judges_and_draws(tmp_path, capsys):
    """Two rows of one seed; asked again, nothing is trained anew and the figures are the same."""
    from mmscratch.tasks.captioning import table as caption_table

    picture, figures = tmp_path / "looked.png", tmp_path / "figures.json"
    data = "scenes:train=16,val=8,test=8,level=2"
    arguments = ["--data", data, "--out", str(tmp_path), "--seeds", "1", "--splits", "test-iid", "test-count"]
    arguments += ["--vary", "model=soft", "model=nic-input", "--set", *SMALL, "--json", str(figures)]
    assert caption_table.main([*arguments, "--figure", str(picture)]) == 0
    first, said = json.loads(figures.read_text()), capsys.readouterr().out
    assert Image.open(picture).size[0] > 100
    assert said.count("test-iid") == 2 and "model=nic-input" in said
    assert set(first) == {"model=soft", "model=nic-input"} and set(first["model=soft"]) == {
        "test-iid",
        "test-count",
    }
    assert "beam, truth rate: true" in first["model=soft"]["test-iid"][0]
    assert caption_table.main(arguments) == 0
    assert json.loads(figures.read_text()) == first
    assert caption_table.main([*arguments, "--seeds", "0"]) == 2
