"""Handwritten digits: the command, its distortions, and how many it gets right."""

import json
import pathlib

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from mmscratch.__main__ import main
from mmscratch.tasks.image import mnist

REAL = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"
TINY = ["epochs=2", "width=4", "batch_size=16"]


@pytest.fixture
def folder(tmp_path):
    """Bars at ten heights: digits that are learnt at once."""
    labels = np.arange(120) % 10
    images = np.zeros((120, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 6 + 2 * label, 6:22] = 250
    np.savez(tmp_path / "digits.npz", images=images, labels=labels)
    return tmp_path / "digits.npz"


def test_the_command(folder, tmp_path, capsys):
    out = tmp_path / "run"
    command = ["train", "mnist", "--data", f"mnist:{folder}", "--out", str(out), "--quiet", "--set", *TINY]
    assert main(command) == 0
    assert main(["evaluate", str(out), "--json", str(tmp_path / "figures.json")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["pictures"] == 24 and 0 <= figures["right"] <= 1
    assert figures["errors"] == round(24 * (1 - figures["right"]))
    assert figures["right, majority"] == max(np.bincount(mnist.load(f"mnist:{folder}", "val").labels)) / 24
    assert main(["evaluate", str(out), "--split", "test"]) == 2
    assert "expected train, val or all" in capsys.readouterr().err
    assert main(["train", "mnist", "--data", "scenes", "--out", str(tmp_path / "b")]) == 2
    assert "mnist:PATH" in capsys.readouterr().err


def test_the_distortion_is_an_affine_map():
    """Against SciPy's: same draws, same matrices."""
    images = np.random.default_rng(0).random((6, 28, 28)).astype(np.float32)
    found = mnist.distort(images, 1.0, np.random.default_rng(1))
    random = np.random.default_rng(1)
    angle = random.uniform(-1, 1, 6) * np.deg2rad(12)
    scale = np.exp(random.uniform(-1, 1, (2, 6)) * 0.12)
    shift = random.uniform(-2, 2, (2, 6, 1, 1))[..., 0, 0]
    for i in range(6):
        c, s = np.cos(angle[i]), np.sin(angle[i])
        matrix = scale[:, i, None] * np.array([[c, s], [-s, c]])
        offset = 13.5 + shift[:, i] - matrix @ [13.5, 13.5]
        padded = np.pad(images[i].astype(np.float64), 8)
        wanted = affine_transform(padded, matrix, offset + 8 - matrix @ [8, 8], order=1)[8:-8, 8:-8]
        np.testing.assert_allclose(found[i], wanted, atol=2e-5)
    np.testing.assert_allclose(mnist.distort(images, 0.0, np.random.default_rng(1)), images, atol=1e-6)


def test_an_epoch_can_be_continued(folder):
    data = mnist.load(f"mnist:{folder}", "train")
    settings = mnist.DigitSettings(batch_size=16)
    whole = list(mnist.DigitBatches(data, settings, seed=3))
    assert len(whole) == 6 and sum(len(labels) for _, labels in whole) == 96
    begun = mnist.DigitBatches(data, settings, seed=3)
    iterator = iter(begun)
    for _ in range(2):
        next(iterator)
    again = mnist.DigitBatches(data, settings, seed=3)
    again.load_state_dict(begun.state_dict())
    for (x, y), (u, v) in zip(again, whole[2:], strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/mnist")
def test_real_digits(tmp_path):
    """Measures the share right of the 1,400 held out of MNIST's shared 7,000 (fixed split, nothing chosen).

    Control: always saying the most frequent digit.
    """
    run = mnist.train(f"mnist:{REAL}", tmp_path / "run", 0, ["epochs=10"], progress=False)
    figures = mnist.evaluate(run)
    assert figures["pictures"] == 1400
    assert figures["right, majority"] < 0.13
    assert figures["right"] >= 0.985
