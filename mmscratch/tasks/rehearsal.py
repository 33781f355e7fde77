"""The demo in small, so that its kernels are compiled: beside it by a second process, or ahead of it.

Which compiled code a run needs follows from its shapes; so here the demo's own code runs, with its sizes, on
few pictures. Parts stand in an order of their own: while the demo draws its data and then looks at them, a
second process already trains, and each compiles what the other will need (``kernels/jit.py`` lets none wait
for nothing).
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading

import numpy as np

from .. import kernels, ops
from ..tensor import Tensor

__all__ = ["companion", "mark_done", "parts"]

DATA = "scenes:train=300,val=300,test=300,level=1,lang=en"
"""More pictures than the encoder takes at a time (256), and than a batch has."""


def parts():
    """(name, function) of each part; one needs nothing of another."""
    return [("training", _training), ("3 × 3 convolution", _convolution), ("demo in small", _demo)]


def _settings(**changes):
    from .captioning import CaptionSettings
    from .demo import SETTINGS

    return CaptionSettings(**{**SETTINGS, "steps": 2, "validate_every": 2, **changes})


def _training():
    """Two steps on regions of random numbers: all but the encoder."""
    from ..data.vocabulary import Vocabulary
    from ..random import Generator
    from .caption_data import load_split
    from .captioning import ShowAttendTell, learn

    class Blind(ShowAttendTell):
        def encode(self, images):
            n, width = len(images), self.encoder.channels + 2
            cells = np.tile(np.arange(self.count), (n, 1))
            return np.random.default_rng(0).random((n, self.count, width), np.float32), cells

    split = load_split(DATA, "train")
    vocabulary = Vocabulary.from_tokens(split.sentences())
    model = Blind(len(vocabulary), _settings(), Generator(0))
    learn(model, vocabulary, _settings(), split, split, seed=0, progress=False)


def _convolution():
    """One layer of the encoder: Winograd's method takes longest to compile."""
    x, w = np.ones((256, 64, 16, 16), np.float32), np.ones((64, 64, 3, 3), np.float32)
    ops.conv2d(Tensor(x), Tensor(w), padding=1)


def _demo():
    """All of it, training and judging."""
    from . import demo

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        demo.run(folder, settings=_settings(), spec=DATA, progress=False, alone=True)


# ── a second process ─────────────────────────────────────────────────────────────────────────────
def companion():
    """A context within which a second process compiles what the demo needs, if that can help.

    It cannot where that was done before, on a single core, or where no cache folder is shared.
    """
    if _done() or _cores() < 2:
        return contextlib.nullcontext()
    return _companion([sys.executable, "-m", __name__])


@contextlib.contextmanager
def _companion(command):
    quiet, alone = (
        subprocess.DEVNULL,
        {**os.environ, "NUMBA_NUM_THREADS": "1"},
    )  # it must not crowd out the demo
    process = subprocess.Popen(command, env=alone, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.kill()  # a file in the cache is whole or is not there
        process.communicate()


def mark_done():
    """Remember beside the compiled code that all of the demo's is there."""
    if not _done():
        with contextlib.suppress(OSError):
            _mark().touch()


def _done():
    mark = _mark()
    return mark is None or mark.exists()


def _mark():
    if not kernels.has_numba():
        return None
    from ..kernels.jit import cache_folder

    folder = cache_folder()
    return None if folder is None else folder / "demo"


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_with_parent():
    """End this process when the one that started it has ended: its end of the pipe closes then."""

    def wait():
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _leave_with_parent()
    for _, run in parts():
        run()
