"""How soon one can begin: processes of their own, timed from outside or by themselves."""

import pathlib
import subprocess
import sys
import tempfile
import time

from ..case import Case, Row

TOPIC = "Starting"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows():
    yield Row(
        "start/import", TOPIC, "import, NumPy included", "", importing, limit=0.3, kind="wall",
    )  # fmt: skip
    yield Row(
        "start/demo-line", TOPIC, "first line of `mmscratch demo`, from the start of Python", "", demo,
        libraries=(), limit=1.0, kind="wall",
    )  # fmt: skip


def importing(place):
    def seconds(module):
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        out = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        )
        return float(out.stdout)

    peers = {} if place.torch is None else {"torch": {"": lambda: seconds("torch")}}
    return Case(lambda: seconds("mmscratch"), peers)


def demo(place):
    def seconds():
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "mmscratch", "demo", "--out", folder],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
            )  # fmt: skip
            try:
                line = process.stdout.readline()
                taken = time.perf_counter() - began
            finally:
                process.kill()
                process.communicate()
            if not line.strip():
                raise RuntimeError("the demo ended before its first line")
            return taken

    return Case(seconds)
