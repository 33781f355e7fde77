"""After a rehearsal the demo compiles nothing; beside it none of its kernels is compiled twice."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

COUNT = """
import sys
from numba.core import event
compiled = []

class Count(event.Listener):
    def on_start(self, e):
        compiled.append(str(e.data["dispatcher"]))

    def on_end(self, e):
        pass

event.register("numba:compile", Count())
from mmscratch.tasks import demo, rehearsal
"""
REHEARSE = COUNT + "[run() for _, run in rehearsal.parts()]; print(len(compiled))"
PLAY = COUNT + (
    "demo.run(sys.argv[1], settings=demo.CaptionSettings(**{**demo.SETTINGS, 'steps': 3}), progress=False, "
    "alone=True); print(compiled)"
)


@pytest.mark.slow
def test_after_a_rehearsal_the_demo_compiles_nothing(tmp_path):
    environment = {**os.environ, "MMSCRATCH_CACHE_DIR": str(tmp_path / "cache")}

    def last_line(code):
        command = [sys.executable, "-c", code, str(tmp_path / "demo")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    assert int(last_line(REHEARSE)) > 10
    assert last_line(PLAY) == "[]"
