"""``mmscratch features``: files in, an npz file of values and mask out; nothing where a file is bad."""

import numpy as np
import pytest
from PIL import Image

from mmscratch import Generator
from mmscratch.__main__ import main
from mmscratch.commands import data as commands
from mmscratch.data.audio import write_wav
from mmscratch.data.video import write_video
from mmscratch.representations import Features
from mmscratch.representations.audio import mfcc, preset, spectrogram, whisper_log_mel
from mmscratch.representations.image import ResNet
from mmscratch.representations.image import grid_features as image_grid
from mmscratch.representations.text import TFIDF, BagOfWords
from mmscratch.representations.video import grid_features
from mmscratch.tasks.features.extract import PRESETS

LINES = ["a red circle", "a blue circle and a red square", "中文 也 行"]


@pytest.fixture
def texts(tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("\n".join(LINES[:2]) + "\n\n", encoding="utf-8")
    two.write_text(LINES[2], encoding="utf-8")
    return [str(one), str(two)]


@pytest.fixture
def sounds(tmp_path):
    rng, files, clips = np.random.default_rng(0), [], []
    for name, seconds in (("a.wav", 0.5), ("b.wav", 0.3)):
        clip = (rng.standard_normal(int(16000 * seconds)) / 10).clip(-0.99, 0.99).astype(np.float32)
        clip = (np.round(clip * 32768) / 32768).astype(np.float32)
        write_wav(tmp_path / name, clip, 16000)
        files.append(str(tmp_path / name))
        clips.append(clip)
    return files, clips


def run(tmp_path, *arguments):
    out = tmp_path / "features.npz"
    assert main(["features", *arguments, "--out", str(out)]) == 0
    return Features.load(out)


def same(got, expected):
    np.testing.assert_array_equal(got.mask, expected.mask)
    np.testing.assert_allclose(got.values, expected.values, rtol=1e-6, atol=1e-6)


def test_text_is_a_line_an_item(texts, tmp_path, capsys):
    same(run(tmp_path, "text", *texts), BagOfWords().fit(LINES).encode(LINES))
    assert "values (3, 1, " in capsys.readouterr().out
    same(run(tmp_path, "text", *texts, "--preset", "tfidf"), TFIDF("smooth").fit(LINES).encode(LINES))
    same(run(tmp_path, "text", *texts, "--preset", "tfidf-plain"), TFIDF("plain").fit(LINES).encode(LINES))


@pytest.mark.parametrize("name", ["kaldi", "htk"])
def test_sounds_of_two_lengths(sounds, tmp_path, name):
    files, clips = sounds
    got = run(tmp_path, "audio", *files, "--preset", name)
    same(got, mfcc(clips, preset(name, 16000)))
    assert got.lengths[0] > got.lengths[1] and (got.values[~got.mask] == 0).all()


def test_kinds_and_rates_of_sounds(sounds, tmp_path):
    files, clips = sounds
    assert run(tmp_path, "audio", *files).values.shape[2] == 20  # librosa's, after 22,050 Hz
    got = run(tmp_path, "audio", *files, "--preset", "kaldi", "--kind", "log-spectrogram")
    same(got, spectrogram(clips, preset("kaldi", 16000), log=True))
    assert run(tmp_path, "audio", *files, "--preset", "htk", "--rate", "8000").lengths[0] == 48
    same(run(tmp_path, "audio", *files, "--preset", "whisper"), whisper_log_mel(clips))


def test_pictures(tmp_path):
    files = []
    for i, size in enumerate([(64, 64), (100, 80)]):
        files.append(str(tmp_path / f"{i}.png"))
        Image.new("RGB", size, (200, 30 * i, 90)).save(files[-1])
    assert run(tmp_path, "image", *files).values.shape == (2, 64, 128)
    assert run(tmp_path, "image", *files, "--preset", "scene-regions").values.shape == (2, 8, 130)


def test_clips(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "clip.npz", frames)
    write_video(tmp_path / "short.npz", frames[:3])
    files = [str(tmp_path / "clip.npz"), str(tmp_path / "short.npz")]
    got = run(tmp_path, "video", *files)
    same(got, grid_features([frames, frames[:3]]))
    assert got.lengths.tolist() == [5, 3]
    assert run(tmp_path, "video", *files, "--preset", "scene-frames").values.shape == (2, 5, 128)


def test_published_networks(tmp_path):
    """A file of weights under torchvision's names: ResNet-18, narrower than published only in what it saw."""
    network = ResNet(18, generator=Generator(0))
    weights = tmp_path / "resnet18.npz"
    np.savez(weights, **{name: np.asarray(x) for name, x in network.state_dict().items()})
    picture = str(tmp_path / "one.png")
    pixels = np.random.default_rng(0).integers(0, 255, (300, 260, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    got = run(tmp_path, "image", picture, "--preset", "resnet18", "--weights", str(weights))
    assert got.values.shape == (1, 49, 512)
    same(got, image_grid(network, [pixels]))


def test_help_names_every_preset():
    lines = {line.split()[0]: line.split()[1:] for line in commands.PRESETS.splitlines()[1:]}
    assert lines == {
        sense: [name + "*" * bool(preset.weights) for name, preset in presets.items()]
        for sense, presets in PRESETS.items()
    }


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["text", "{text}", "--preset", "bert9"], "--preset: 'bert9' is none of text's: bag, tfidf"),
        (["text", "{text}", "--kind", "mfcc"], "--kind: is for audio"),
        (["audio", "{sound}", "--kind", "cqt"], "--kind: 'cqt' is none of this preset's: mfcc"),
        (["audio", "{sound}", "--preset", "whisper", "--rate", "8000"], "--rate: Whisper hears 16000 Hz"),
        (["audio", "{sound}", "{other}", "--preset", "htk"], "has 8000 Hz"),
        (["image", "{sound}", "--preset", "vgg16"], "--weights: this preset needs a file of its weights"),
        (["text", "{text}", "--weights", "x"], "--weights: this preset has its own, got 'x'"),
        (["text", "{text}", "--preset", "bert", "--weights", "{missing}"], "missing.txt"),
        (["video", "{text}"], "one.txt"),
        (["audio", "{text}"], "one.txt"),
        (["image", "{sound}"], "a.wav"),
        (["text", "{missing}"], "missing.txt"),
        (["text", "{blank}"], "holds no line of text"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(texts, sounds, tmp_path, capsys, arguments, text):
    places = {"text": texts[0], "sound": sounds[0][0], "missing": str(tmp_path / "missing.txt")}
    for name in ("other", "blank"):
        places[name] = str(tmp_path / name)
    write_wav(places["other"], np.zeros(800, np.float32), 8000)
    (tmp_path / "blank").write_text("\n \n")
    out = tmp_path / "out.npz"
    assert main(["features", *(a.format(**places) for a in arguments), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and text in message
    assert not out.exists()
