"""Modality dropout: training with modalities left out, so that one may be missing later."""

from __future__ import annotations

import numpy as np

from ...random import default_generator

__all__ = ["modality_dropout"]


def modality_dropout(present, p, generator=None):
    """``present`` with modalities left out at random (ModDrop: Neverova et al., 2016, §4.2).

    Forward    each modality of a row is left out with probability p, independently; where that would leave
               none, one of those that were there stays, each equally likely
    Shapes     present (B, M) bool → bool (B, M)
    Errors     ValueError where p is not in [0, 1) or ``present`` is not bool (B, M)
    Note       of two modalities one is left out with 2p(1 − p) + p². Nothing is scaled up for it: what is
               missing is told to the fusion
    """
    present = np.asarray(present)
    if present.dtype != np.bool_ or present.ndim != 2:
        raise ValueError(
            f"modality_dropout: present: expected bool (B, M), got {present.dtype} {present.shape}"
        )
    if not (isinstance(p, int | float) and 0 <= p < 1):
        raise ValueError(f"modality_dropout: p: expected 0 ≤ p < 1, got {p!r}")
    generator = default_generator if generator is None else generator
    kept = present & (generator.uniform(present.shape, dtype="float64") >= p)
    keys = np.where(present, generator.uniform(present.shape, dtype="float64"), -1)
    empty = ~kept.any(axis=1)
    kept[empty, keys[empty].argmax(axis=1)] = present[empty].any(axis=1)
    return kept
