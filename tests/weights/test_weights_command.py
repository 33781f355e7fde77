"""``mmscratch weights``."""

import pathlib

from mmscratch.__main__ import main

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens"


def test_inspect(capsys, tmp_path):
    assert main(["weights", "inspect", str(GOLDENS / "torch_file.pth")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "shape", "dtype", "parameters"]
    assert ["views.turned", "6×4", "float32", "24"] in [line.split() for line in lines]
    assert lines[-1].split() == ["total,", "26", "arrays", "141"]
    (tmp_path / "x").write_bytes(b"nothing")
    assert main(["weights", "inspect", str(tmp_path / "x")]) == 2
    assert "is no safetensors, npz or PyTorch file" in capsys.readouterr().err
