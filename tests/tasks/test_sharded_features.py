"""Features of a folder of pictures on any number of ranks."""

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.errors import DataError
from mmscratch.distributed import SERIAL, DistributedError, run_threads
from mmscratch.representations.features import Features
from mmscratch.tasks.captioning.data import load_split
from mmscratch.tasks.features import sharded as sharded_features
from mmscratch.tasks.features.extract import extract, files_of
from mmscratch.tasks.features.sharded import extract_sharded
from mmscratch.tasks.run import RunError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten scenes, and one picture with nothing in it."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures = load_split("scenes:train=1,val=10,test=1,level=3,count=1-4", "val").images
    for i, picture in enumerate([*pictures, np.zeros((64, 64, 3), np.uint8)]):
        Image.fromarray(picture).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(sharded_features, "BLOCK", 2)


@pytest.mark.parametrize("preset", ["scene-regions", "detector"])
def test_any_number_of_ranks_gives_the_same(folder, preset):
    one = extract_sharded(SERIAL, "image", [folder], preset)
    assert len(one) == 11
    for ranks in (2, 3, 8):  # of 8 two have nothing
        found = run_threads(ranks, lambda comm: extract_sharded(comm, "image", [folder], preset))
        assert found[1:] == [None] * (ranks - 1)
        np.testing.assert_array_equal(found[0].values, one.values)
        np.testing.assert_array_equal(found[0].mask, one.mask)
    whole = extract("image", files_of("image", [folder]), preset)
    np.testing.assert_array_equal(one.mask, whole.mask)
    np.testing.assert_allclose(one.values, whole.values, rtol=1e-4, atol=1e-5)


def test_the_command(folder, tmp_path, capsys):
    out = tmp_path / "features.npz"
    assert main(["features", "image", str(folder), "--distributed", "serial", "--out", str(out)]) == 0
    assert "values (11, 64, 128)" in capsys.readouterr().out and len(Features.load(out)) == 11
    text = folder / "words.txt"
    text.write_text("a word\n")
    assert main(["features", "text", str(text), "--distributed", "serial", "--out", str(out)]) == 2
    assert "--distributed: not for text" in capsys.readouterr().err
    text.unlink()


def test_a_bad_file_is_told_once(folder, tmp_path):
    bad = tmp_path / "zz.png"
    bad.write_bytes(b"no picture")

    def go(comm):
        try:
            extract_sharded(comm, "image", [folder, bad])
        except (DataError, DistributedError) as error:
            return type(error), error.told, str(error)

    found = run_threads(3, go)
    assert [kind for kind, _, _ in found] == [DistributedError, DistributedError, DataError]
    assert [told for _, told, _ in found] == [True, True, False]
    assert all("zz.png" in text for _, _, text in found)
    with pytest.raises(RunError, match="--distributed: not for audio"):
        extract_sharded(SERIAL, "audio", [bad])
