"""Captioning pictures through a published network: features are computed once, kept, and found again."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.captions import ImageFiles
from mmscratch.random import Generator
from mmscratch.representations.image import ResNet, grid_features
from mmscratch.tasks.features import grids as caption_features
from mmscratch.tasks.features.grids import stored_features
from mmscratch.tasks.run import RunError

WORDS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 220)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A ResNet-18 of random weights, in a file with its publisher's names."""
    path = tmp_path_factory.mktemp("weights") / "resnet18.npz"
    network = ResNet(18, generator=Generator(0))
    np.savez(path, **{name: np.asarray(x) for name, x in network.state_dict().items()})
    return path


@pytest.fixture(scope="module")
def flickr(tmp_path_factory):
    """A folder in Flickr8k's layout: nine plain pictures and what their colour is."""
    folder = tmp_path_factory.mktemp("flickr")
    (folder / "Images").mkdir()
    lines, names = [], []
    for i in range(9):
        colour = list(WORDS)[i % 3]
        names.append(f"{i}.png")
        Image.new("RGB", (60 + i, 50), WORDS[colour]).save(folder / "Images" / names[-1])
        lines += [f"{names[-1]}#0\ta {colour} picture .", f"{names[-1]}#1\tall of it is {colour} ."]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n")
    for split, part in (("train", names[:6]), ("dev", names[6:8]), ("test", names[8:])):
        (folder / f"Flickr_8k.{split}Images.txt").write_text("\n".join(part) + "\n")
    return folder


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MMSCRATCH_FEATURES_DIR", str(tmp_path / "features"))
    return tmp_path / "features"


def test_kept_features_are_the_networks(weights, kept):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)
    found = stored_features("resnet18", weights, pictures)
    network = caption_features.load_network("resnet18", weights)
    assert found.shape == (3, 49, 512) and [p.suffix for p in kept.iterdir()] == [".npy"]
    np.testing.assert_array_equal(found, grid_features(network, list(pictures)).values)


def test_features_are_computed_once_and_anew_when_something_changed(weights, flickr, kept, monkeypatch):
    files = sorted((flickr / "Images").iterdir())[:2]
    calls = []
    compute = caption_features._compute
    monkeypatch.setattr(caption_features, "_compute", lambda *a: calls.append(a) or compute(*a))
    stored_features("resnet18", weights, ImageFiles(files))
    stored_features("resnet18", weights, ImageFiles(files))
    assert len(calls) == 1
    stored_features("resnet18", weights, ImageFiles(files[:1]))
    assert len(calls) == 2 and len(list(kept.iterdir())) == 2


def test_where_nothing_can_be_kept_they_are_in_memory(weights, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMSCRATCH_FEATURES_DIR", str(tmp_path / "file" / "features"))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3), dtype=np.uint8)
    found = stored_features("resnet18", weights, pictures)
    network = caption_features.load_network("resnet18", weights)
    np.testing.assert_array_equal(found, grid_features(network, list(pictures)).values)
    (told,) = capsys.readouterr().err.splitlines()
    assert "features are kept in memory only" in told and "MMSCRATCH_FEATURES_DIR" in told


def test_nothing_is_kept_of_a_set_that_cannot_be_read(weights, tmp_path, kept):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"bad\.png"):
        stored_features("resnet18", weights, ImageFiles([tmp_path / "bad.png"]))
    assert list(kept.iterdir()) == []


@pytest.mark.slow
def test_a_captioner_of_flickr8k_on_a_published_network(weights, flickr, kept, tmp_path, capsys):
    run = tmp_path / "run"
    settings = ["encoder=resnet18", f"weights={weights}", "steps=12", "batch_size=6", "hidden=16"]
    data = f"flickr8k:{flickr}"
    assert main(["train", "caption", "--data", data, "--out", str(run), "--quiet", "--set", *settings]) == 0
    assert (
        main(["predict", str(run), str(flickr / "Images" / "8.png"), "--json", str(tmp_path / "p.json")]) == 0
    )
    said = json.loads((tmp_path / "p.json").read_text())[0]
    assert said["words"] and np.shape(said["attention"][0]) == (7, 7)
    assert main(["evaluate", str(run), "--split", "test"]) == 0
    assert "loss per word, shuffled pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings, word",
    [
        (["encoder=vgg16"], "weights"),
        (["weights=x.pth"], "weights"),
        (["encoder=vgg16", "weights=no.pth"], "no.pth"),
    ],
)
def test_weights_that_do_not_fit_are_told(settings, word, flickr, tmp_path, capsys):
    code = main(
        ["train", "caption", "--data", f"flickr8k:{flickr}", "--out", str(tmp_path / "r"), "--set", *settings]
    )
    assert code == 2 and word in capsys.readouterr().err


def test_missing_weights_name_the_setting():
    with pytest.raises(RunError, match=r"weights.*no\.pth"):
        stored_features("vgg16", "no.pth", np.zeros((1, 8, 8, 3), np.uint8))
