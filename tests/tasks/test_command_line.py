"""The doors: what a person types, what they get, and what they are told when it cannot be done."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import build_parser, main

TINY = "scenes:train=40,val=12,test=12,references=2"
SMALL = ["steps=6", "batch_size=8", "checkpoint_every=3", "validate_every=3", "hidden=16", "embedding=8"]


def start(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "mmscratch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **kwargs,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A captioner trained for six steps."""
    out = tmp_path_factory.mktemp("runs") / "caption"
    assert main(["train", "caption", "--data", TINY, "--out", str(out), "--quiet", "--set", *SMALL]) == 0
    return out


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "one.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (80, 60, 3), dtype=np.uint8)).save(path)
    return path


def every_command():
    parser = build_parser()
    commands = next(a for a in parser._actions if a.dest != "help" and hasattr(a, "choices") and a.choices)
    return [[name] for name in commands.choices] + [["data", "scenes"]]


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    assert "example: mmscratch" in capsys.readouterr().out


def test_first_line_within_a_second():
    """The demo's first line comes before anything slow is imported."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "mmscratch", "demo", "--out", os.devnull + "/no"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    waited = time.perf_counter() - began
    process.kill()
    process.communicate()
    assert "demo" in line
    assert waited < 3.0  # a second on a quiet machine


def test_evaluate_prints_figures_beside_controls(run, tmp_path, capsys):
    target = tmp_path / "figures.json"
    assert main(["evaluate", str(run), "--split", "test", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    for line in ("Bleu_4", "majority caption", "shuffled pictures", "truth rate: true"):
        assert line in out
    figures = json.loads(target.read_text(encoding="utf-8"))
    assert figures["pictures"] == 12
    assert all(0 <= v <= 1 for k, v in figures.items() if k.startswith(("Bleu", "truth rate: true")))


def test_predict_describes_files(run, picture, tmp_path, capsys):
    target = tmp_path / "said.json"
    assert main(["predict", str(run), str(picture), "--json", str(target)]) == 0
    assert capsys.readouterr().out.startswith(f"{picture}: ")
    (said,) = json.loads(target.read_text(encoding="utf-8"))
    look = np.array(said["attention"])
    assert said["caption"].split() == said["words"] and said["log_p"] < 0
    if len(look):
        assert look.shape == (len(said["words"]), 8, 8)
        np.testing.assert_allclose(look.sum((1, 2)), 1, atol=2e-2)


def test_plot_draws_the_journal(run, tmp_path):
    target = tmp_path / "curve.png"
    assert main(["plot", str(run), "--out", str(target)]) == 0
    assert Image.open(target).size[0] > 100


def test_export_then_train_on_the_export(tmp_path):
    """What ``data scenes`` writes, ``coco:DIR`` reads."""
    out = tmp_path / "set"
    assert main(["data", "scenes", "--out", str(out), "--options", "train=24,val=8,test=8,questions=12"]) == 0
    run = tmp_path / "run"
    assert (
        main(["train", "caption", "--data", f"coco:{out}", "--out", str(run), "--quiet", "--set", *SMALL])
        == 0
    )
    assert main(["evaluate", str(run), "--split", "val"]) == 0


def weights(run):
    """sha256 of the last checkpoint's arrays."""
    from mmscratch.tasks.captioning.model import PictureCaptioner, load_vocabulary
    from mmscratch.tasks.captioning.settings import CaptionSettings
    from mmscratch.tasks.run import Run
    from mmscratch.train import digest, load_checkpoint

    opened = Run.open(run)
    model = PictureCaptioner(len(load_vocabulary(opened)), CaptionSettings(**opened.settings))
    load_checkpoint(pathlib.Path(run), model=model, which="last")
    return digest(model.state_dict())


def test_same_seed_same_weights_other_seed_others(run, tmp_path):
    arguments = ["--quiet", "--set", *SMALL]
    for name, seed in (("again", "0"), ("other", "1")):
        main(["train", "caption", "--data", TINY, "--out", str(tmp_path / name), "--seed", seed, *arguments])
    assert weights(run) == weights(tmp_path / "again") != weights(tmp_path / "other")


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(run, tmp_path, monkeypatch):
    """Stopped hard after the fourth step, gone on with: the same bits as never stopped."""
    from mmscratch.models.captioner import AttentionCaptioner

    steps = 0
    forward = AttentionCaptioner.forward

    def dies(self, *args):
        nonlocal steps
        steps += self.training
        if steps > 4:
            raise RuntimeError("power cut")
        return forward(self, *args)

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(AttentionCaptioner, "forward", dies)
        with pytest.raises(RuntimeError, match="power cut"):
            main(["train", "caption", "--data", TINY, "--out", str(out), "--quiet", "--set", *SMALL])
    (out / "vocabulary.json").unlink()  # as if the power had gone before it was written
    assert main(["train", "caption", "--out", str(out), "--resume", "--quiet"]) == 0
    assert weights(out) == weights(run)


def test_the_same_command_with_resume_begins_or_goes_on(run, tmp_path):
    """What a job that is started again and again says: nothing there yet, half done, done."""
    command = ["train", "caption", "--data", TINY, "--out", str(tmp_path / "run"), "--seed", "0", "--quiet"]
    for _ in range(2):
        assert main([*command, "--set", *SMALL[:2], "--set", *SMALL[2:], "--resume"]) == 0
        assert weights(tmp_path / "run") == weights(run)


INTO = ["train", "caption", "--out", "{tmp}/r"]
BAD = {
    "no such run": (["evaluate", "{tmp}/nothing"], "nothing"),
    "a run that is a file": (["evaluate", "{picture}"], "folder"),
    "no such split": (["evaluate", "{run}", "--split", "tset"], "tset"),
    "a folder as picture": (["predict", "{run}", "{tmp}"], "{tmp}"),
    "a missing picture": (["predict", "{run}", "{tmp}/none.png"], "none.png"),
    "an empty picture": (["predict", "{run}", "{tmp}/empty.png"], "empty.png"),
    "a truncated picture": (["predict", "{run}", "{tmp}/cut.png"], "cut.png"),
    "a text as picture": (["predict", "{run}", "{tmp}/text.png"], "text.png"),
    "an unknown key": ([*INTO, "--data", TINY, "--set", "stepps=3"], "stepps"),
    "a bad value": ([*INTO, "--data", TINY, "--set", "steps=many"], "steps"),
    "no equals sign": ([*INTO, "--data", TINY, "--set", "steps"], "key=value"),
    "unknown data": ([*INTO, "--data", "cocoa:x"], "cocoa"),
    "an unknown option of the data": ([*INTO, "--data", "scenes:trian=3"], "trian"),
    "a folder without data": ([*INTO, "--data", "shapeworld:{tmp}"], "{tmp}"),
    "no data": (INTO, "--data"),
    "a run that is there already": (["train", "caption", "--data", TINY, "--out", "{run}"], "--resume"),
    "resuming nothing": (["train", "caption", "--out", "{tmp}/none", "--resume"], "none"),
    "resuming with other data": ([*INTO[:3], "{run}", "--resume", "--data", "scenes"], "--data"),
    "resuming with another seed": ([*INTO[:3], "{run}", "--resume", "--seed", "5"], "--seed"),
    "resuming with other settings": ([*INTO[:3], "{run}", "--resume", "--set", "steps=7"], "steps"),
    "attributes of pictures": (["train", "attributes", "--data", "coco:x", "--out", "{tmp}/r"], "scenes"),
    "a bad option of the export": (["data", "scenes", "--out", "{tmp}/r", "--options", "trian=2"], "trian"),
    "a full folder for the export": (["data", "scenes", "--out", "{tmp}", "--options", "train=2"], "{tmp}"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(name, run, picture, tmp_path, capsys):
    data = picture.read_bytes()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    arguments, word = BAD[name]
    fill = {"tmp": tmp_path, "run": run, "picture": picture}
    before = hashlib.sha256((run / "run.json").read_bytes()).hexdigest()
    code = main([a.format(**fill) for a in arguments])
    out = capsys.readouterr()
    lines = [line for line in out.err.splitlines() if line.startswith("mmscratch: ")]
    assert code == 2 and len(lines) == 1
    assert word.format(**fill) in lines[0]
    assert "Traceback" not in out.err
    assert before == hashlib.sha256((run / "run.json").read_bytes()).hexdigest()
    assert not (tmp_path / "r").exists(), "nothing may be left behind"


@pytest.mark.parametrize("damage", ["run.json", "vocabulary.json", "checkpoint"])
def test_a_damaged_run_is_told(run, tmp_path, damage, capsys):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    if damage == "checkpoint":
        for path in copy.rglob("*.safetensors"):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    else:
        path = copy / damage
        path.write_bytes(path.read_bytes()[:20])
    assert main(["evaluate", str(copy)]) == 2
    assert capsys.readouterr().err.startswith("mmscratch: ")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_demo_twice_gives_the_same_weights_and_true_captions(tmp_path):
    """What the README says: at least 90 % true, and the same sha256 each time."""
    outputs = [start("demo", "--out", tmp_path / str(i)) for i in range(2)]
    assert all(o.returncode == 0 for o in outputs), outputs[0].stderr
    hashes = [next(line for line in o.stdout.splitlines() if "sha256" in line) for o in outputs]
    assert hashes[0] == hashes[1]
    rate = next(line for line in outputs[0].stdout.splitlines() if line.startswith("truth rate "))
    model, majority = (float(x.rstrip("%")) for x in rate.split()[2:4])
    assert model >= 90 > majority
    assert Image.open(tmp_path / "0" / "captions.png").size[0] > 300
    page = (tmp_path / "0" / "index.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", ""), "the page must not need a network"


def test_captions_are_searched_for_as_asked(run, tmp_path, capsys):
    """A beam finds what is at least as likely as greedy; what is drawn depends on the run's seed alone."""
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(picture)
    found = {}
    for name, how in {
        "greedy": [], "beam": ["method=beam", "width=4"],
        "drawn": ["method=sample"], "again": ["method=sample"],
    }.items():  # fmt: skip
        out = tmp_path / f"{name}.json"
        search = ["--search", *how] if how else []
        assert main(["predict", str(run), str(picture), "--json", str(out), *search]) == 0
        found[name] = json.loads(out.read_text())[0]
    assert found["beam"]["log_p"] >= found["greedy"]["log_p"] - 1e-5
    assert found["drawn"] == found["again"]
    assert main(["evaluate", str(run), "--search", "method=beam", "width=2"]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "--search", "width=2"]) == 2
    assert "--search" in capsys.readouterr().err
