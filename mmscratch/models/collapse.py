"""Alarms: a training of two towers that has learned nothing, or has put everything in one point.

Two ways to fail are known from many issue threads, and both look like a curve that is a little high:

    blind       the loss stays at what a model reaches that gives all pairs one score: 2·B·m of the hardest
                negative, 2·B·(B − 1)·m of the sum hinge, ln B of InfoNCE
    collapsed   all scores of a batch are one: every picture and every text lies in one point
"""

import dataclasses
import math

import numpy as np

from .. import nn

__all__ = ["Watch"]


@dataclasses.dataclass
class Alarm:
    """What a step looks like: the figures for the journal, and a line once something is wrong (else None)."""

    figures: dict
    line: str | None = None


class Watch(nn.Module):
    """Looks at every step's loss and scores, and speaks when they have been bad for ``patience`` steps.

    loss_above_blind    loss / blind: 1 is a model that does not look
    spread              standard deviation of the scores of a batch: 0 is a collapsed model
    alarm               0, or 1 while the alarm holds

    The count is a buffer, so a resumed run speaks at the same step. A loss above its blind value by more than
    the tolerance counts as blind too: nothing is learned there either.
    """

    def __init__(self, patience=50, tolerance=0.02, least_spread=1e-3):
        self.patience, self.tolerance, self.least_spread = patience, tolerance, least_spread
        self.bad = nn.Buffer(np.zeros(2, np.int64))  # steps in a row that were blind, collapsed

    def forward(self, loss, blind, scores):
        """loss and blind: numbers; scores: an array of one batch. → ``Alarm``"""
        ratio = loss / blind if blind > 0 else 0.0  # a batch without negatives tells nothing
        spread = float(np.std(scores))
        now = np.array([ratio > 1 - self.tolerance, spread < self.least_spread])
        before = self.bad.numpy()
        self.bad.data = np.where(now, before + 1, 0)
        held = self.bad.numpy() >= self.patience
        began = held & (before < self.patience)
        figures = {"loss_above_blind": ratio, "spread": spread, "alarm": float(held.any())}
        return Alarm(figures, self._line(loss, blind, spread, began) if began.any() else None)

    def _line(self, loss, blind, spread, began):
        if began[1]:
            return (
                f"collapse: for {self.patience} steps all pairs have had one score (spread {spread:.1e}); "
                "the vectors lie in one point: warm the loss up (warmup=), or lower lr"
            )
        told = f"{loss:.4g}, at its blind value {blind:.4g}"
        if math.isclose(math.exp(min(blind, 50)), round(math.exp(min(blind, 50))), rel_tol=1e-6):
            told += f" = ln {round(math.exp(min(blind, 50)))}"
        return f"blind: for {self.patience} steps the loss has stayed about {told}; the towers do not see"
