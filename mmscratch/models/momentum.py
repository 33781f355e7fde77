"""A queue of negatives, encoded by towers that follow slowly: more columns than a batch has.

(He et al., 2020, MoCo; for pictures and texts Li et al., 2021, ALBEF.) A softmax learns more from more
negatives, but a batch of thousands does not fit. So the last K encoded pairs are kept, without gradients.
They were encoded by earlier weights, and would tell old from new by that alone, were it not for
the second pair of towers: its weights change so slowly that what it said K pairs ago it would still say.
"""

import numpy as np

from .. import nn, ops
from ..autograd import no_grad
from ..tensor import Tensor

__all__ = ["MomentumQueue", "same_item"]

NOTHING = -1


def same_item(items, captions, other_items=None, other_captions=None):
    """Which columns are positives of a row: the same picture, or the same caption. bool (B, M).

    Shapes     items, captions (B,) numbers of the rows' pictures and captions; others (M,) of the columns
               (None: the rows' own); −1 is the same as nothing
    """
    other_items = items if other_items is None else other_items
    other_captions = captions if other_captions is None else other_captions
    picture = (items[:, None] == other_items) & (items[:, None] != NOTHING)
    caption = (captions[:, None] == other_captions) & (captions[:, None] != NOTHING)
    return picture | caption


class MomentumQueue(nn.Module):
    """Towers that follow, and the last pairs that they encoded.

    Forward    θ' ← m θ' + (1 − m) θ;  v', t' = the following towers' rows, without gradients;
               S_row = scores(v, [t'; queue of texts]),  S_column = scores([v'; queue of pictures], t)ᵀ;
               then v', t' take the place of the oldest rows of the queues
    Shapes     v, t (B, E), inputs of both towers, items and captions (B,)
               → S_row, S_column (B, B + n), positives of both, bool, n ≤ K the rows that are filled
    Errors     ValueError for a momentum outside [0, 1) or a size below 1

    The weights that follow are buffers: they are saved with a run, and no optimizer moves them.
    """

    def __init__(self, towers, size=1024, momentum=0.995):
        if not 0 <= momentum < 1:
            raise ValueError(f"MomentumQueue: momentum: expected 0 ≤ m < 1, got {momentum}")
        if size < 1:
            raise ValueError(f"MomentumQueue: size: expected at least 1, got {size}")
        self.momentum, self.size = momentum, size
        self.slow = _as_buffers(towers.copy())
        self.rows = nn.Buffer(np.zeros((2, size, towers.first.size), np.float32))
        self.numbers = nn.Buffer(np.full((2, size), NOTHING, np.int64))  # items, captions; newest first

    @property
    def filled(self):
        """How many rows the queues hold."""
        return int((self.numbers.numpy()[0] != NOTHING).sum())

    def follow(self, towers):
        """θ' ← m θ' + (1 − m) θ."""
        fast, slow = dict(towers.named_parameters()), dict(self.slow.named_buffers())
        for name, parameter in fast.items():
            step = (1 - self.momentum) * (parameter.detach().numpy() - slow[name].numpy())
            slow[name].data = np.asarray(slow[name].numpy() + step, parameter.dtype)

    def forward(self, towers, v, t, first, second, items, captions):
        self.follow(towers)
        with no_grad():
            v_slow = self.slow.encode("first", *first).numpy()
            t_slow = self.slow.encode("second", *second).numpy()
        n, old, numbers = self.filled, self.rows.numpy(), self.numbers.numpy()
        rows = towers.scores(v, Tensor(np.concatenate([t_slow, old[1, :n]])))
        columns = towers.scores(Tensor(np.concatenate([v_slow, old[0, :n]])), t)
        positives = same_item(items, captions, *np.concatenate([[items, captions], numbers[:, :n]], axis=1))
        self._push(np.stack([v_slow, t_slow]), np.stack([items, captions]))
        return rows, ops.transpose(columns), positives, positives

    def _push(self, rows, numbers):
        self.rows.data = np.concatenate([rows, self.rows.numpy()], axis=1)[:, : self.size].copy()
        self.numbers.data = np.concatenate([numbers, self.numbers.numpy()], axis=1)[:, : self.size].copy()


def _as_buffers(module):
    """The module with every parameter replaced by a buffer of the same name: saved, but not learnt."""
    for part in list(module.modules()):
        for name, value in list(part.named_parameters()):
            if "." not in name:
                setattr(part, name, nn.Buffer(np.array(value.detach().numpy())))
    return module
