"""How every row of the table of fusions is trained: the same data, steps and optimizer for all.

Late fusions and the hybrid learn their weights on rows that their experts do not learn from. Gradient
blending trains each loss alone first, and weighs it by what the rows that are held back say.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...autograd import no_grad
from ...data.regimes import make_regime
from ...models.fusion import FUSIONS
from ...models.fusion.blending import BlendedClassifier, blending_weights
from ...models.fusion.classifier import FusionClassifier
from ...models.fusion.modality_dropout import modality_dropout
from ...optim import Adam
from ...random import Generator
from ...tensor import tensor
from ..run import check_settings

__all__ = ["BLENDED", "METHODS", "FusionSettings", "batch_of", "split_of", "train"]

BLENDED = "blended"
METHODS = (*FUSIONS, BLENDED)
OPTIONS = {"mcb": {"sketch": 64}, "mlb": {"rank": 32}}


@dataclasses.dataclass(frozen=True)
class FusionSettings:
    """How the data is made, and how every method is trained."""

    train: int = 480
    held: int = 240
    test: int = 960
    noise: float = 0.3
    steps: int = 200
    batch_size: int = 120
    lr: float = 1e-2
    hidden: int = 16
    dropout: float = 0.15

    def __post_init__(self):
        check_settings(self, "train", "held", "test", "steps", "batch_size", "hidden")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 ≤ p < 1, got {self.dropout}")
        for name in ("train", "held", "test"):
            if getattr(self, name) % 12:
                raise ValueError(f"{name}: expected a multiple of 12, got {getattr(self, name)}")


def split_of(regime, part, seed, settings):
    """Training rows, rows that are held back for mixing, or test rows: each of a seed of its own."""
    place = ("train", "held", "test").index(part)
    return make_regime(regime, getattr(settings, part), seed=3 * seed + place, noise=settings.noise)


def batch_of(data, rows):
    """The inputs of some rows as tensors, and their masks."""
    views = [tensor(view[rows]) for view in (data.first, data.second)]
    return views, [mask[rows] for mask in data.masks]


def train(method, regime, seed, settings, only=None):
    """A trained classifier; ``only``: which modality it is given, 0 or 1, in place of both."""
    data, held = (split_of(regime, part, seed, settings) for part in ("train", "held"))
    kept = [0, 1] if only is None else [only]
    sizes = [view.shape[2] for view in (data.first, data.second)]
    sizes, generator = [sizes[m] for m in kept], Generator(seed)
    if method == BLENDED:
        model = BlendedClassifier(sizes, 2, settings.hidden, generator)
        model.weights = _weighed(sizes, data, held, seed, settings)
    else:
        model = FusionClassifier(method, sizes, 2, settings.hidden, generator, **OPTIONS.get(method, {}))
    return _fit(model, data, held, kept, generator, settings).eval()


def _weighed(sizes, data, held, seed, settings):
    """Weights of a blend: every loss trained alone from the same beginning, judged before and after."""
    before, after = [], []
    for k in range(len(sizes) + 1):
        generator = Generator(seed)
        model = BlendedClassifier(sizes, 2, settings.hidden, generator)
        model.weights = np.eye(len(sizes) + 1)[k]
        before.append([_loss(model, rows, k) for rows in (data, held)])
        _fit(model, data, held, range(len(sizes)), generator, settings)
        after.append([_loss(model, rows, k) for rows in (data, held)])
    training, validation = np.array([before, after]).transpose(2, 0, 1)
    return blending_weights(training, validation)


def _loss(model, data, k):
    views, masks = batch_of(data, np.arange(len(data)))
    with no_grad():
        return model.losses(data.target, *views, masks=masks)[k].item()


def _fit(model, data, held, kept, generator, settings):
    optimizer = Adam(model.parameters(), lr=settings.lr)

    def given(data):
        rows = generator.permutation(len(data))[: settings.batch_size]
        views, masks = batch_of(data, rows)
        present = None
        if len(kept) > 1:
            present = modality_dropout(np.ones((len(rows), 2), bool), settings.dropout, generator)
        inputs = [views[m] for m in kept]
        return data.target[rows], inputs, {"masks": [masks[m] for m in kept], "present": present}

    for _ in range(settings.steps):
        target, inputs, options = given(data)
        loss = model.loss(target, *inputs, **options)
        if model.head is None:
            target, inputs, options = given(held)
            loss = loss + model.mixing_loss(target, *inputs, **options)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
