"""kill -9 at random moments: the run that goes on ends as the one that nobody touched, to the bit."""

import os
import pathlib
import random
import signal
import subprocess
import sys

import pytest

from mmscratch.train import read_journal

PROGRAM = pathlib.Path(__file__).with_name("small_training.py")
STEPS = 60


def start(run, *more):
    command = [sys.executable, str(PROGRAM), str(run), str(STEPS), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out.split()[-1]


def trace(run):
    return [{k: v for k, v in r.items() if k != "seconds"} for r in read_journal(run)]


def test_kill_and_resume(tmp_path):
    survive(tmp_path, kills=4)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_many_kills(tmp_path):
    """MMSCRATCH_KILLS=200 asks for more."""
    survive(tmp_path, kills=int(os.environ.get("MMSCRATCH_KILLS", "60")))


def survive(folder, kills):
    clock = random.Random(0)
    expected = finish(start(folder / "whole"))
    run, killed = folder / "killed", 0
    while killed < kills:
        process = start(run, "--resume")
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(clock.uniform(0.0, 0.6))
            # It came to its end in time: once more from the beginning.
            process.communicate()
            assert finish(start(run, "--resume")) == expected
            run = folder / f"killed-{killed}"
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    assert finish(start(run, "--resume")) == expected
    assert trace(run) == trace(folder / "whole")
    left = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert left == [
        "best.safetensors",
        f"step-000000{STEPS - 2}.safetensors",
        f"step-000000{STEPS}.safetensors",
    ]
