"""Medical pictures with reports: a grade that both tell, where the lesion is, and who looked there.

Scans and reports of ``data.applications.scans``: the grade is [solid] + [grown], the first in the
picture, the second in the words, so each alone, like the commonest grade, is right in half of the cases at
best.

    grade          accuracy: both, joined by a tensor product, gated, or side by side (intermediate); scan
                   alone; report alone; another patient's report; majority
    where          maps scored against the lesion's mask: pointing, IoU at equal area, mass inside, and
                   beside each what a map gets that knows nothing. Of the network that was trained on grades
                   alone: Grad-CAM of the true grade's score (Selvaraju et al., 2017); the same of a network
                   of random weights, and of the map of another patient; of a network trained on masks: its
                   map of lesions
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...data.applications.scans import GRADES, SIDE, make_scans
from ...explain import enlarge, grad_cam
from ...metrics.attention import attention_scores
from ...models.applications.readers import PairReader, ScanEncoder, WordEncoder, word_ids
from ...random import Generator
from ...tensor import Tensor, tensor
from ..captioning.judge import derangement
from ..run import check_settings
from .learning import learn, right

__all__ = ["FIGURES", "SETTINGS", "TITLE", "lesion_maps", "maps_of", "reader", "rows", "train"]

TITLE = "medical scans and reports (per cent)"
FIGURES = ("grade", "pointing", "IoU", "mass inside")


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """How much is drawn, and how the readers are trained."""

    train: int = 480
    test: int = 200
    noise: float = 0.08
    steps: int = 120
    batch_size: int = 32
    lr: float = 1e-2

    def __post_init__(self):
        check_settings(self, "train", "test", "steps", "batch_size")
        for name in ("train", "test"):
            if getattr(self, name) % 4:
                raise ValueError(f"{name}: expected a multiple of 4, got {getattr(self, name)}")
        if not self.noise >= 0:
            raise ValueError(f"noise: expected at least 0, got {self.noise}")


def reader(words, fusion="tensor", only=None, seed=0):
    """A ``PairReader`` of scans and reports, untrained."""
    generator = Generator(seed)
    scan, report = ScanEncoder(generator=generator), WordEncoder(words, generator=generator)
    return PairReader([scan, report], (scan.channels, 16), GRADES, fusion, only=only, generator=generator)


def train(data, ids, words, settings, seed, fusion="tensor", only=None, lesions=False):
    """A reader trained on grades, or with ``lesions`` its scan encoder on masks: how much of each cell?"""
    model = reader(words, fusion, only, seed)
    cells = data.masks.reshape(-1, 8, SIDE // 8, 8, SIDE // 8).mean((2, 4)).astype(np.float32)

    def loss(rows, _):
        images = tensor(data.images[rows])
        if lesions:
            logits = model.encoders[0].lesion_logits(images)
            return ops.binary_cross_entropy_with_logits(logits, tensor(cells[rows]))
        return model.loss(data.target[rows], (images,), (ids[rows],))

    return learn(model, loss, len(data), settings, seed)


def maps_of(model, data, ids):
    """Grad-CAM of the true grade's score, as pixels: (N, 32, 32); a map of zeros counts as a uniform one."""

    def function(images, ids, target):
        z = model((images,), (ids,))
        return ops.sum(z * np.eye(GRADES, dtype=z.dtype)[target], axis=1)

    found = enlarge(
        grad_cam(function, data.images, model.encoders[0].conv3, context=(ids, data.target)), (SIDE, SIDE)
    )
    found[(found == 0).all((1, 2))] = 1
    return found


def lesion_maps(model, data):
    """How sure each place is of a lesion, as pixels: (N, 32, 32)."""
    with no_grad():
        sure = ops.sigmoid(model.encoders[0].lesion_logits(Tensor(data.images))).numpy()
    return enlarge(sure.astype(np.float64), (SIDE, SIDE))


def _where(maps, data):
    found = attention_scores(maps, data.masks, threshold="area")
    return {k: v for k, v in found.items() if k != "maps"}


def rows(seed, settings):
    """{row: FIGURES}, of test patients."""
    data = make_scans(settings.train, settings.noise, seed=2 * seed)
    test = make_scans(settings.test, settings.noise, seed=2 * seed + 1)
    ids, vocabulary = word_ids(data.reports)
    asked, _ = word_ids(test.reports, vocabulary)
    words, other = len(vocabulary), derangement(len(test), seed)

    def grade(model, reports=asked):
        return {"grade": right(lambda r: model((tensor(test.images[r]),), (reports[r],)), test.target)}

    common = np.bincount(data.target).argmax()
    found = {"majority": {"grade": float((test.target == common).mean())}}
    for name, only in (("scan alone", 0), ("report alone", 1)):
        found[name] = grade(train(data, ids, words, settings, seed, only=only))
    for fusion in ("intermediate", "gated", "tensor"):
        model = train(data, ids, words, settings, seed, fusion)
        found[f"both, {fusion}"] = grade(model)
    found["both, tensor; another's report"] = grade(model, asked[other])
    maps = maps_of(model, test, asked)
    found["both, tensor"] |= _where(maps, test)
    chance = _where(np.ones_like(maps), test)
    found["a map that knows nothing"] = chance
    found["Grad-CAM, another patient's"] = _where(maps[other], test)
    found["Grad-CAM, random weights"] = _where(maps_of(reader(words, seed=seed).eval(), test, asked), test)
    found["trained on masks"] = _where(
        lesion_maps(train(data, ids, words, settings, seed, lesions=True), test), test
    )
    return found
