"""Spoken digits: pictures, batches, the command, and what one fold reaches."""

from pathlib import Path

import numpy as np
import pytest

from mmscratch.data.audio import write_wav
from mmscratch.data.fsdd import SpokenDigits, load_fsdd
from mmscratch.tasks.audio import digit_folds, digits
from mmscratch.tasks.run import RunError

FSDD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fsdd" / "recordings.zip"


def tones(takes=4, speakers=("al", "bo", "cy")):
    """Digits as tones: digit d at 300 + 250·d Hz, each speaker a little higher than the one before."""
    random = np.random.default_rng(0)
    clips, labels, names, numbers = [], [], [], []
    for digit in range(10):
        for s, name in enumerate(speakers):
            for take in range(takes):
                t = np.arange(random.integers(2000, 4000)) / 8000
                f = (300 + 250 * digit) * (1 + 0.02 * s)
                x = 0.3 * np.sin(2 * np.pi * f * t) + 0.01 * random.standard_normal(len(t))
                clips.append(x.astype(np.float32))
                labels.append(digit), names.append(name), numbers.append(take)
    return SpokenDigits(tuple(clips), np.array(labels), np.array(names), np.array(numbers), 8000)


def write(folder, data):
    for clip, digit, speaker, take in zip(data.clips, data.digits, data.speakers, data.takes, strict=True):
        write_wav(folder / f"{digit}_{speaker}_{take}.wav", clip, data.sample_rate)
    return folder


def test_pictures_are_normalised():
    data = tones(2)
    x = digits.pictures(data)
    assert x.shape == (60, 48, 32) and x.dtype == np.float32
    np.testing.assert_allclose(x.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(x.std((1, 2)), 1, atol=1e-4)
    x = digits.pictures(data, digits.DigitSettings(normalise="speaker"))
    for name in data.names:
        own = x[data.speakers == name]
        np.testing.assert_allclose(own.mean((0, 1)), 0, atol=1e-4)
        np.testing.assert_allclose(own.std((0, 1)), 1, atol=1e-3)


def test_a_clip_alone_is_the_clip_in_a_batch():
    """Normalised per utterance, a picture asks for nothing but its clip."""
    data = tones(2)
    whole = digits.pictures(data)
    alone = digits.pictures(data.where([7]))
    np.testing.assert_allclose(alone[0], whole[7], atol=1e-4)


def test_quiet_bands_are_raised_and_bands_smoothed():
    data = tones(2)
    whole, plain = digits.pictures(data), digits.DigitSettings
    raised = digits.pictures(data, plain(depth=4.0))
    nats = 4.0 / (raised.max((1, 2)) - raised.min((1, 2)))  # one deviation of the raised picture
    lowest = (raised == raised.min((1, 2), keepdims=True)).mean()
    assert lowest > 0.5 and (nats > 0).all() and abs(raised - whole).max() > 0.1
    smooth = digits.pictures(data, plain(order=6))
    turns = np.cos(np.pi * np.arange(32)[:, None] * (np.arange(32) + 0.5) / 32)
    left = np.abs(smooth @ turns.T).max((0, 1))
    assert left[1:6].min() > 1 and left[6:].max() < 1e-3


def test_batches_are_a_function_of_seed_and_place():
    data = tones(2)
    x, settings = digits.pictures(data), digits.DigitSettings(batch_size=16)
    first = digits.DigitBatches(x, data.digits, data.speakers, settings, 3)
    all_of_it = list(first)
    assert len(all_of_it) == len(first) == 4 and first.epoch == 1
    again = digits.DigitBatches(x, data.digits, data.speakers, settings, 3)
    again.load_state_dict({"epoch": 0, "position": 2})
    for ours, theirs in zip(again, all_of_it[2:], strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    other = next(iter(digits.DigitBatches(x, data.digits, data.speakers, settings, 4)))
    assert abs(other[0] - all_of_it[0][0]).max() > 0.1
    for pictures, wanted in all_of_it:
        assert pictures.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(wanted.sum(1), 1, rtol=1e-6)
        assert np.isfinite(pictures).all()


@pytest.mark.slow
def test_the_commands(tmp_path, capsys):
    data = write(tmp_path, tones(3))
    run = digits.train(f"fsdd:{data}", tmp_path / "run", 0, ["held_out=cy", "epochs=6"], progress=False)
    figures = digits.evaluate(run)
    assert figures["clips"] == 30 and figures["speakers"] == "cy"
    assert figures["digit right"] > 0.4 and figures["digit right, majority"] == pytest.approx(0.1)
    assert digits.evaluate(run, split="train")["speakers"] == "al, bo"
    with pytest.raises(RunError, match="expected test"):
        digits.evaluate(run, split="dev")

    command = [str(data), "--seeds", "1", "--set", "epochs=1"]
    assert digit_folds.main(command) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split() == ["al", "bo", "cy", "mean"]
    titles = [
        "majority",
        "MFCC, logistic, per utterance",
        "MFCC, logistic, per speaker",
        "network, per utterance",
    ]
    assert [r[:34].strip() for r in rows[1:5]] == titles
    assert rows[1].split()[-1] == "10.0%" and float(rows[2].split()[-1][:-1]) > 60
    assert digit_folds.main([*command, "--normalise", "speaker", "--committee", "warp=0", "warp=0.1"]) == 0
    assert capsys.readouterr().out.splitlines()[3][:34].strip() == "committee, per speaker"
    assert (
        digit_folds.main([*command, "--normalise", "speaker", "--choose", "warp=0,mixup=0", "warp=0.1"]) == 0
    )
    rows = capsys.readouterr().out.splitlines()
    assert [r[:24].strip() for r in rows[1:3]] == ["speaker, warp=0,mixup=0", "speaker, warp=0.1"]
    best = np.argmax([[float(v[:-1]) for v in row.split()[2:5]] for row in rows[1:3]], axis=0)
    sets = "warp=0,mixup=0", "warp=0.1"
    chosen = [f"  chosen for {n}: {sets[b]}" for n, b in zip(("al", "bo", "cy"), best, strict=True)]
    assert rows[3:] == chosen


def test_the_choice_never_hears_the_held_out_speaker(monkeypatch):
    """Whoever a fold holds out is neither trained on nor judged on in the choice for that fold."""
    data = tones(1, ("al", "bo", "cy", "di"))
    heard = []

    def learn(x, labels, speakers, settings, seed):
        heard.append(set(speakers.tolist()))
        return heard[-1]

    def scores(heard, x, settings):
        return np.eye(10)[
            [min(data.names.index(name) for name in heard)] * len(x)
        ]  # who was heard, in a digit

    monkeypatch.setattr(digit_folds, "learn", learn)
    monkeypatch.setattr(digit_folds, "scores", scores)
    said = []
    found = digit_folds.choose(data, [digits.DigitSettings()], lambda *row: said.append(row[:2]))
    assert [len(h) for h in heard] == [2] * 6 and found == {n: [pytest.approx(0.1)] for n in data.names}
    assert sorted(said) == [(a, b) for a in data.names for b in data.names if a != b]


def test_whose_accuracy_the_choice_takes(monkeypatch):
    """For the fold that holds A out, B's accuracy by a network that heard neither; not A's own."""
    data = tones(1, ("al", "bo", "cy"))
    share = {"al": 0, "bo": 5, "cy": 10}  # so many digits of each speaker are right, whoever was heard
    monkeypatch.setattr(digit_folds, "learn", lambda *_: None)
    monkeypatch.setattr(
        digit_folds, "pictures", lambda data, settings: np.array([share[n] for n in data.speakers])
    )
    monkeypatch.setattr(
        digit_folds,
        "scores",
        lambda m, x, s: np.eye(10)[np.where(np.arange(10) < x, np.arange(10), (np.arange(10) + 1) % 10)],
    )
    found = digit_folds.choose(data, [digits.DigitSettings()])
    assert found == {"al": [0.75], "bo": [0.5], "cy": [0.25]}


def test_a_committee_adds_log_probabilities(monkeypatch):
    """Two networks that are each wrong about half of the digits, and right together."""
    data = tones(1, ("al", "bo", "cy"))
    monkeypatch.setattr(digit_folds, "learn", lambda x, y, speakers, settings, seed: settings.dropout)
    monkeypatch.setattr(digit_folds, "pictures", lambda data, settings: data.digits)

    def scores(dropout, x, settings):
        """Sure of the low digits or of the high ones, and a little wrong about the others."""
        sure = (x < 5) == (dropout > 0.25)
        return np.where(sure[:, None], 3 * np.eye(10)[x], np.eye(10)[(x + 1) % 10])

    monkeypatch.setattr(digit_folds, "scores", scores)
    low, high = (digits.DigitSettings(dropout=d) for d in (0.3, 0.2))
    assert digit_folds.folds(data, low, 1)["al"] == digit_folds.folds(data, high, 1)["al"] == [0.5]
    assert digit_folds.folds(data, dict.fromkeys(data.names, [low, high]), 1) == {
        n: [1.0] for n in data.names
    }


def test_folds_with_settings_of_their_own(tmp_path, capsys, monkeypatch):
    seen = {}

    def folds(data, settings, seeds):
        seen.update(settings)
        return {name: [1.0] for name in settings}

    monkeypatch.setattr(digit_folds, "folds", folds)
    command = [str(write(tmp_path, tones(1))), "--seeds", "1", "--normalise", "utterance"]
    assert digit_folds.main([*command, "--set", "warp=0.2", "--own", "bo:warp=0.3,order=9"]) == 0
    assert [(s.warp, s.order) for s in seen.values()] == [(0.2, 0), (0.3, 9), (0.2, 0)]
    seen.clear()
    assert digit_folds.main([*command, "--folds", "cy", "al"]) == 0 and list(seen) == ["cy", "al"]
    capsys.readouterr()
    assert digit_folds.main([*command, "--folds", "zoe"]) == 2
    assert "--folds: expected some of al, bo, cy, got zoe" in capsys.readouterr().err
    assert digit_folds.main([*command, "--own", "zoe:warp=0.3"]) == 2
    assert "--own: expected SPEAKER:KEY=VALUE of al, bo, cy, got 'zoe:warp=0.3'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ("scenes", [], "expected fsdd:PATH"),
        ("fsdd:{}", ["held_out=zoe"], "held_out: expected one of al, bo, cy"),
        ("fsdd:{}", ["normalise=none"], "utterance or speaker, got 'none'"),
        ("fsdd:{}", ["epochs=0"], "epochs: expected at least 1"),
        ("fsdd:{}", ["mixup=2"], "mixup: expected 0 to 1"),
        ("fsdd:{}", ["lr=0"], "lr: expected more than 0"),
        ("fsdd:{}", ["order=33"], "order: expected 0 to 32, got 33"),
        ("fsdd:{}", ["depth=-1"], "depth: expected 0 to inf, got -1.0"),
    ],
)
def test_refusals(tmp_path, data, settings, message):
    if "{" in data:
        data = data.format(write(tmp_path, tones(1)))
    with pytest.raises(RunError, match=message):
        digits.train(data, tmp_path / "run", 0, settings, progress=False)


def test_bad_files_are_one_line(tmp_path, capsys):
    assert digit_folds.main([str(tmp_path / "none.zip")]) == 2
    assert capsys.readouterr().err.startswith("digit_folds: ")
    assert digit_folds.main([str(write(tmp_path, tones(1, ("al", "bo")))), "--seeds", "1"]) == 2
    assert "expected 3 or more" in capsys.readouterr().err


@pytest.mark.skipif(not FSDD.is_file(), reason="needs ../shared/data/fsdd")
@pytest.mark.slow
def test_one_fold_of_strangers():
    """Theo, never heard, normalised per utterance, seed 0, 8 epochs. Majority: 10 %."""
    data = load_fsdd(FSDD)
    x, held = digits.pictures(data), data.speakers == "theo"
    model = digits.learn(
        x[~held], data.digits[~held], data.speakers[~held], digits.DigitSettings(epochs=8), 0
    )
    right = (digits.predictions(model, x[held]) == data.digits[held]).mean()
    print(f"theo: {right:.3f}")
    assert right > 0.8
