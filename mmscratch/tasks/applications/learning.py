"""What the applications share: a short training, pictures as features, accuracy."""

from __future__ import annotations

import numpy as np

from ... import optim
from ...autograd import no_grad
from ...data import scenes
from ...data.image import to_float
from ...models.scene_cnn import load_pretrained
from ...random import Generator
from ...train import fit

__all__ = ["learn", "picture_features", "right"]


def learn(model, loss_of, count, settings, seed):
    """Train on random batches of ``count`` rows, Adam with one cycle of the rate; returns the model.

    loss_of    (row numbers, generator) → the loss, a Tensor ()
    settings   with steps, batch_size, lr
    """
    generator = Generator(seed)
    optimizer = optim.Adam(model.parameters(), lr=settings.lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)
    batches = [generator.integers(0, count, settings.batch_size) for _ in range(settings.steps)]
    fit(model, lambda rows: loss_of(rows, generator), batches, optimizer=optimizer, schedule=schedule,
        steps=settings.steps, progress=False)  # fmt: skip
    return model.eval()


def picture_features(shown):
    """Scenes of one object → float32 (N, F): what the shipped scene network has at the cell that most likely
    holds the object, standardised, without the place; of mean square 1 a row."""
    features, _ = load_pretrained().regions(to_float(scenes.render_all(shown)), 1)
    f = features[:, 0, :-2].astype(np.float64)
    f = f[:, f.std(axis=0) > 1e-6]
    return ((f - f.mean(axis=0)) / f.std(axis=0)).astype(np.float32)


def right(scores_of, target, batch_size=200):
    """The share of rows whose greatest score is the target's: scores_of(row numbers) → tensor (B, K)."""
    found = []
    with no_grad():
        for start in range(0, len(target), batch_size):
            rows = np.arange(start, min(start + batch_size, len(target)))
            found.append(scores_of(rows).numpy().argmax(axis=1) == target[rows])
    return float(np.concatenate(found).mean())
