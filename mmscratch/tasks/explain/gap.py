"""How far two senses lie apart in one space, before training, after it, and when they are moved together.

    mmscratch table explain --block gap

Two small towers, pictures and captions, are trained with InfoNCE. Before and after: the modality gap (Liang
et al., 2022), how narrow each cone is, and R@1. Then both clouds are moved along the gap until their centres
meet, ``explain.shift_towards``: if R@1 stays, the gap was not what the search stands on.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ...explain import modality_gap, shift_towards
from ...metrics.retrieval import cross_modal_scores
from ..captioning.table import summarise
from ..retrieval.figures import vectors_of
from ..retrieval.task import train

__all__ = ["gap_block"]

PAIRS = "scenes:train=600,val=100,test=300,level=3,describe=full,count=3-4,seed={seed}"
COLUMNS = ("gap", "pairs", "within", "between", "R@1")


def gap_figures(v, t):
    """{column: number} of pairs of rows (N, E), and "R@1, moved" with the centres brought together."""
    found = modality_gap(v, t)
    one = np.arange(len(v))

    def recall(v, t):
        scores = cross_modal_scores(v @ t.T, one, lists=False)
        return float(np.mean([scores["i→t R@1"], scores["t→i R@1"]]))

    moved = shift_towards(v, t)
    return {
        "gap": found.distance,
        "pairs": found.pairs,
        "within": float(np.mean(found.within)),
        "between": found.between,
        "R@1": recall(v, t),
        "gap, moved": modality_gap(*moved).distance,
        "R@1, moved": recall(*moved),
    }


def gap_block(args):
    """Train, print before and after; the record {"before", "after": [figures of each seed]}."""
    record = {"before": [], "after": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seeds):
            settings = [f"steps={args.steps}", "validate_every=100", "hidden=64", "size=64", "batch_size=64"]
            run = train(PAIRS.format(seed=seed), Path(folder) / str(seed), seed, settings, progress=False)
            for name, (v, t) in vectors_of(run, "test")[2].items():
                record[name].append(gap_figures(v, t))
    print(
        f"pictures and captions, {args.steps} steps: the gap, mean cosines, R@1 in per cent, both ways' mean"
    )
    print(f"{'':28}" + "".join(f"{c:>22}" for c in COLUMNS))
    for name, found in record.items():
        s = summarise(found)
        cells = [_cell(s[c], 100 if c == "R@1" else 1) for c in COLUMNS]
        print(f"{name + ' training':28}" + "".join(cells))
        moved = [_cell(s[f"{c}, moved"], 100 if c == "R@1" else 1) if f"{c}, moved" in s else f"{'':22}"
                 for c in COLUMNS]  # fmt: skip
        print(f"{'  centres brought together':28}" + "".join(moved).rstrip(), flush=True)
    print(f"chance R@1: {100 / 300:.1f}")
    return record


def _cell(summary, factor):
    mean, low, high = (factor * v for v in summary)
    digits = 1 if factor > 1 else 2
    return f"{mean:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})".rjust(22)
