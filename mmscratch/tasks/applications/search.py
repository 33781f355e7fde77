"""Product search: by words, by a picture, and by a picture with a word that changes it.

Two towers (``tasks.retrieval``) trained on scenes of one to three objects; the gallery are test pictures. By
words: a caption asks, its picture should come first. Composed: "like this, but green" (``tasks.composed``),
asked with validation pictures; what is right is every gallery picture of the changed contents. Controls as in
``composed_table``: an order by lot, the picture unchanged, the word alone; the oracle is the caption of the
changed scene, and, without any language, the changed scene drawn.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import tempfile

from .. import retrieval
from ..composed_table import measure
from ..retrieval_data import load
from ..retrieval_model import load_model
from ..run import check_settings

__all__ = ["FIGURES", "SETTINGS", "TITLE", "rows"]

TITLE = "product search (per cent of questions)"
FIGURES = ("R@1", "R@10")


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """How many scenes, and how the towers are trained."""

    train: int = 1500
    val: int = 300
    test: int = 300
    steps: int = 250
    lr: float = 2e-3

    def __post_init__(self):
        check_settings(self, "train", "val", "test", "steps")


def rows(seed, settings):
    """{row: FIGURES}; the towers are trained in a folder that is gone afterwards."""
    s = settings
    data = f"scenes:train={s.train},val={s.val},test={s.test},level=3,describe=full,count=1-2,seed={seed}"
    given = (f"steps={s.steps}", f"lr={s.lr}", "loss=infonce", f"validate_every={s.steps}")
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stderr(io.StringIO()):  # alarms of so short a training
            run = retrieval.train(data, pathlib.Path(folder) / "run", seed, given, progress=False)
        model = load_model(run)
        asked, gallery = load(run.data, "val"), load(run.data, "test")
        figures = retrieval.evaluate(run, split="test", lists=False)
        captions = [" ".join(sentence) for sentence in gallery.sentences()]
        found = measure(model, asked.scenes, gallery.scenes, captions, "colour", seed)
    rows = {
        f"by words{control}": {k: figures[f"{before}t→i {k}{after}"] for k in FIGURES}
        for control, before, after in (
            ("", "", ""),
            (", ceiling", "ceiling, truth: ", ""),
            (", another's pictures", "", ", shuffled pictures"),
            (", chance", "", ", chance"),
        )
    }
    names = {"composed": "like this, but …", "told": "like this, but … for …", "chance": "… by lot",
             "picture": "… the picture unchanged", "word": "… the word alone",
             "oracle text": "… a true caption", "oracle picture": "… the wanted picture"}  # fmt: skip
    return rows | {name: dict(zip(FIGURES, found[key], strict=True)) for key, name in names.items()}
