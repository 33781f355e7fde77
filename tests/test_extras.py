"""What is not installed is one line that names the ``pip install`` which brings it, for every extra."""

import pathlib
import runpy
import shutil
import sys
import tomllib

import pytest

from benchmarks import place, scaling
from benchmarks.__main__ import main as benchmarks
from mmscratch.__main__ import main

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def command(*arguments):
    """What a command of ours says on stderr when it ends with 2."""

    def say(tmp_path, capsys):
        assert main([a.replace("OUT", str(tmp_path / "out")) for a in arguments]) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    return say


def no_gpu(tmp_path, capsys):
    assert benchmarks(["--device", "cuda"]) == 2
    return capsys.readouterr().err


def ended(function):
    def say(tmp_path, capsys):
        with pytest.raises(SystemExit) as end:
            function()
        return end.value.code

    return say


LESSONS = ended(lambda: runpy.run_path(str(ROOT / "notebooks" / "build.py"), run_name="__main__"))
CASES = [
    ("data", "pooch", command("weights", "download", "resnet18", "--out", "OUT")),
    (
        "mpi",
        "mpi4py",
        command("train", "caption", "--data", "scenes", "--out", "OUT", "--distributed", "mpi"),
    ),
    (
        "mpi",
        "mpi4py",
        command("search", "build", ".", "--model", ".", "--out", "OUT", "--distributed", "mpi"),
    ),
    ("mpi", "mpi4py", command("features", "image", ".", "--out", "OUT", "--distributed", "mpi")),
    ("lessons", "jupytext", LESSONS),
    ("lessons", "nbformat", LESSONS),
    *(("oracle", name, lambda *_: place.missing()) for name in place.LIBRARIES),
]


@pytest.mark.parametrize(
    "extra, module, say", CASES, ids=[f"{e}-{m}-{k}" for k, (e, m, _) in enumerate(CASES)]
)
def test_one_line_says_what_to_install(extra, module, say, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    told = say(tmp_path, capsys).strip()
    assert "\n" not in told and module in told and "pip install" in told and f"mmscratch[{extra}]" in told
    assert extra in EXTRAS


def test_a_gpu_that_is_not_there(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(place, "gpu", lambda: None)
    told = no_gpu(tmp_path, capsys).strip()
    assert "\n" not in told and "pip install 'mmscratch[cuda]'" in told and "cuda" in EXTRAS


def test_scaling_without_an_mpi(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *a, **k: None)
    assert "pip install mpi4py mpich" in ended(lambda: scaling.main([]))(None, None)


def test_nothing_is_missing_here_or_it_is_told(monkeypatch):
    monkeypatch.setattr(place, "LIBRARIES", ("json",))
    assert place.missing() is None


def test_every_extra_that_a_user_meets_has_a_case():
    ours = {"test", "dev"}  # for those who work on the library: pytest and pip say it themselves
    assert {extra for extra, _, _ in CASES} | {"cuda"} == set(EXTRAS) - ours
