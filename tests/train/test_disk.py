"""A full disk, a folder that cannot be written, a torn file, two runs in one folder: nothing is lost."""

import os
import resource
import subprocess
import sys

import pytest
import small_training

from mmscratch import kernels, random
from mmscratch.__main__ import main
from mmscratch.data.errors import DataError
from mmscratch.train import Checkpoints, TrainingError, digest, fit, read_journal

root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture(autouse=True, scope="module")
def reference():
    with kernels.use("reference"):  # as the program does: nothing to compile
        yield


def train(run, steps, **more):
    random.manual_seed(0)  # one dropout draws from the default generator
    model, options = small_training.parts()
    fit(model, run=run, steps=steps, checkpoint_every=2, **options | more)
    return digest(model.state_dict())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train(tmp_path_factory.mktemp("whole") / "run", 10)


def test_a_full_disk_keeps_the_checkpoint_before_and_the_run_goes_on(tmp_path, whole, monkeypatch):
    """write() fails as a full disk makes it fail, in the middle of the third checkpoint."""
    real, seen = os.fsync, []

    def fsync(handle):
        place = os.readlink(f"/proc/self/fd/{handle}") if os.path.isdir("/proc/self/fd") else ""
        seen.append(place)
        if "step-00000006" in place:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to see which file is written")
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path / "run", 10)
    monkeypatch.undo()
    names = sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())
    assert [n for n in names if n.startswith("step")] == [
        "step-00000002.safetensors",
        "step-00000004.safetensors",
    ]
    assert not any(n.endswith(".tmp") for n in names)
    assert train(tmp_path / "run", 10, resume=True) == whole


def test_a_disk_that_fills_up_in_a_process_of_its_own(tmp_path, whole):
    """The kernel itself refuses to let a file grow (RLIMIT_FSIZE): one error, then the same end as ever."""
    run = tmp_path / "run"
    program = small_training.__file__
    start = [sys.executable, program, str(run), "10", "--resume"]

    def small():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that write() fails with EFBIG, as with ENOSPC
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    failed = subprocess.run(start, capture_output=True, text=True, preexec_fn=small)
    assert failed.returncode == 1 and "OSError" in failed.stderr.splitlines()[-1]
    assert not list(run.rglob("*.tmp")) and not list(run.rglob("step-*"))
    done = subprocess.run(start, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == whole


@root
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(PermissionError):
        train(locked / "run", 2)


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_place_that_is_no_folder_is_one_line_from_the_command(place, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" if place == "a file" else tmp_path / "file" / "run"
    data = "scenes:train=20,val=8,test=8,references=2"
    assert main(["train", "caption", "--data", data, "--out", str(out), "--quiet", "--set", "steps=1"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in said if "file" in line]) >= 1 and "Traceback" not in "".join(said)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_torn_checkpoint_is_passed_over_and_the_run_ends_the_same(tmp_path, whole):
    run = tmp_path / "run"
    train(run, 6)
    newest = Checkpoints(run / "checkpoints").paths()[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(RuntimeWarning, match="step-00000006.*damaged|step-00000006.*cut"):
        assert train(run, 10, resume=True) == whole
    assert [r["step"] for r in read_journal(run) if "loss" in r] == list(range(1, 11))


def test_a_second_run_in_the_folder_of_one_that_is_running_is_refused(tmp_path, whole):
    """Both ways to begin it: as a new run, and as the same run resumed; the first one ends as if alone."""
    run, refused = tmp_path / "run", []
    random.manual_seed(0)
    model, options = small_training.parts()
    loss = options.pop("loss_of_batch")

    def loss_of_batch(batch):
        if not refused and (run / "checkpoints" / "step-00000004.safetensors").exists():
            for resume in (False, True):
                with pytest.raises((TrainingError, DataError)) as told:
                    other, its_options = small_training.parts()
                    fit(other, run=run, steps=10, resume=resume, **its_options)
                refused.append(str(told.value))
        return loss(batch)

    fit(model, loss_of_batch, run=run, steps=10, checkpoint_every=2, **options)
    assert digest(model.state_dict()) == whole
    assert "checkpoints already" in refused[0]
    assert "trained at this moment" in refused[1] and str(run) in refused[1] and "\n" not in refused[1]
    assert train(run, 10, resume=True) == whole
