"""Molecules and assays: is it active, if N and O are joined XOR the assay is alkaline?

Molecules of ``data.applications.molecules``, twins of one composition, each in acid and in alkali; those of
the test do not come in training. By counting over the test: graph alone ½, words alone ½, bag of atoms and
words ½; a sum of two scores, one of the graph and one of the words, at most ¾ (XOR is no sum: 3 of the 4
cells).

    graph · words    which encoder, and how they are joined: side by side, then a layer (early), or a tensor
                     product
    joined           the graph network asked whether N and O are joined, which it has to see for all of this
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...data.applications.molecules import ATOMS, fingerprint, make_molecules
from ...models.applications.readers import GraphEncoder, PairReader, WordEncoder, word_ids
from ...random import Generator
from ..captioning.judge import derangement
from ..run import check_settings
from .learning import learn, right

__all__ = ["FIGURES", "SETTINGS", "TITLE", "best_of_bags", "rows", "train"]

TITLE = "molecules and assays (per cent right)"
FIGURES = ("right",)


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """Pairs of molecules, and how the readers are trained."""

    train: int = 150
    test: int = 100
    hidden: int = 24
    steps: int = 140
    batch_size: int = 48
    lr: float = 1e-2

    def __post_init__(self):
        check_settings(self, "train", "test", "hidden", "steps", "batch_size")


def best_of_bags(data):
    """What the best rule reaches here that knows all (atom, number of bonds) and the condition.

    Counting: the cases of one bag and one condition, and of those the commoner label.
    """
    labels = {}
    for atoms, bonds, c, y in zip(data.atoms, data.bonds, data.condition, data.target, strict=True):
        there = atoms >= 0
        bag = tuple(sorted(zip(atoms[there].tolist(), bonds.sum(1)[there].tolist(), strict=True)))
        labels.setdefault((bag, int(c)), []).append(int(y))
    return sum(max(v.count(0), v.count(1)) for v in labels.values()) / len(data)


def train(data, ids, words, settings, seed, kind="gcn", fusion="tensor", only=None, target=None):
    """A reader of graph and assay; target: other labels than whether it is active."""
    generator, h = Generator(seed), settings.hidden
    graph = GraphEncoder(len(ATOMS), kind, h, generator=generator)
    encoders = [graph, WordEncoder(words, hidden=h, generator=generator)]
    model = PairReader(encoders, (h, h), 2, fusion, hidden=h, only=only, generator=generator)
    target = data.target if target is None else target

    def loss(rows, _):
        return model.loss(target[rows], (data.atoms[rows], data.bonds[rows]), (ids[rows],))

    return learn(model, loss, len(data), settings, seed)


def rows(seed, settings):
    """{row: FIGURES} of test molecules."""
    data = make_molecules(settings.train, seed=2 * seed)
    known = {fingerprint(a, b) for a, b in zip(data.atoms, data.bonds, strict=True)}
    test = make_molecules(settings.test, seed=2 * seed + 1, without=known)
    ids, vocabulary = word_ids(data.texts)
    asked, _ = word_ids(test.texts, vocabulary)

    def judged(model, reports=asked, target=test.target):
        return {"right": right(lambda r: model((test.atoms[r], test.bonds[r]), (reports[r],)), target)}

    given = (data, ids, len(vocabulary), settings, seed)
    found = {
        "majority": {"right": float(max(test.target.mean(), 1 - test.target.mean()))},
        "bound: bag and words": {"right": best_of_bags(test)},
        "words alone": judged(train(*given, only=1)),
        "GCN alone": judged(train(*given, only=0)),
        "bag of atoms, words": judged(train(*given, kind="bag")),
        "GCN, words, early": judged(train(*given, fusion="early")),
        "GAT, words, tensor": judged(train(*given, kind="gat")),
    }
    model = train(*given)
    found["GCN, words, tensor"] = judged(model)
    found["GCN, another's words"] = judged(model, asked[derangement(len(test), seed)])
    joined = train(*given, only=0, target=data.joined.astype(np.int64))
    found["GCN: joined?"] = judged(joined, target=test.joined.astype(np.int64))
    return found
