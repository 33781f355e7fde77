"""Watching over patients: who gets worse, from vital signs, a note, both, and with one missing.

Patients of ``data.applications.vitals``. Every reader is judged with both, without the note, without the
series; one is trained on complete patients, one with modalities left out at random (modality dropout,
Neverova et al., 2016). Beside them Bayes' rule for what is seen, readers of one modality alone, another
patient's note, and the majority.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...data.applications.vitals import CHANNELS, log_ratio, make_patients
from ...models.applications.readers import PairReader, SeriesEncoder, WordEncoder, word_ids
from ...models.fusion.modality_dropout import modality_dropout
from ...random import Generator
from ...tensor import tensor
from ..captioning.judge import derangement
from ..run import check_settings
from .learning import learn, right

__all__ = ["FIGURES", "SEEN", "SETTINGS", "TITLE", "rows", "train"]

TITLE = "health monitoring (per cent right)"
SEEN = {"both": (True, True), "no note": (True, False), "no series": (False, True)}
FIGURES = tuple(SEEN)


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """How many patients, and how the readers are trained; dropout: of each modality, where there is any."""

    train: int = 2000
    test: int = 1600
    hidden: int = 12
    steps: int = 160
    batch_size: int = 100
    lr: float = 1e-2
    dropout: float = 0.3
    fusion: str = "gated"

    def __post_init__(self):
        check_settings(self, "train", "test", "hidden", "steps", "batch_size")
        if self.train % 2 or self.test % 2:
            raise ValueError(f"train, test: expected even numbers, got {self.train} and {self.test}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 ≤ p < 1, got {self.dropout}")


def train(data, ids, words, settings, seed, dropout=0.0, only=None):
    """A reader of series and note; dropout: how often each is left out in training."""
    generator, h = Generator(seed), settings.hidden
    encoders = [SeriesEncoder(len(CHANNELS), h, generator), WordEncoder(words, 8, h, generator)]
    model = PairReader(encoders, (h, h), 2, settings.fusion, hidden=h, only=only, generator=generator)

    def loss(rows, generator):
        present = None
        if only is None and dropout:
            present = modality_dropout(np.ones((len(rows), 2), bool), dropout, generator)
        return model.loss(data.target[rows], (tensor(data.series[rows]),), (ids[rows],), present=present)

    return learn(model, loss, len(data), settings, seed)


def rows(seed, settings):
    """{row: FIGURES} of test patients."""
    data, test = (make_patients(n, seed=2 * seed + k) for k, n in enumerate((settings.train, settings.test)))
    ids, vocabulary = word_ids(data.notes)
    asked, _ = word_ids(test.notes, vocabulary)

    def judged(model, seen, notes=asked):
        def scores(r):
            present = None if all(seen) else np.tile(seen, (len(r), 1))
            return model((tensor(test.series[r]),), (notes[r],), present=present)

        return right(scores, test.target)

    found = {
        "Bayes' rule": {how: float(((log_ratio(test, *seen) > 0) == test.target).mean())
                        for how, seen in SEEN.items()},
        "majority": {how: float(max(test.target.mean(), 1 - test.target.mean())) for how in SEEN},
    }  # fmt: skip
    given = (data, ids, len(vocabulary), settings, seed)
    for name, only, how in (("series alone", 0, "no note"), ("note alone", 1, "no series")):
        found[name] = {how: judged(train(*given, only=only), (True, True))}
    for name, dropout in (("both, trained complete", 0.0), ("both, modality dropout", settings.dropout)):
        model = train(*given, dropout=dropout)
        found[name] = {how: judged(model, seen) for how, seen in SEEN.items()}
    found["both, another's note"] = {"both": judged(model, (True, True), asked[derangement(len(test), seed)])}
    return found
