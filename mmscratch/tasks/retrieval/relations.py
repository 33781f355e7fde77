"""Does a retrieval model read relations? Each caption against its nearest lies, on the picture that it is of.

    relation: true over reversed    share of captions that score above themselves with the relation turned
                                    round ("left" for "right"), on their own picture; ties count one half
    relation: true over swapped     above themselves with the two things exchanged: the very same words, so a
                                    bag of words gets exactly one half

Chance is one half. Both foils are false of the picture, by execution.
"""

import dataclasses

import numpy as np

from ...data import scenes

__all__ = ["relation_figures"]

BLOCK = 16  # pictures that are scored together, with all that is said of them


def relation_figures(found, checked, pairs):
    """The two shares and how many captions have such a foil; {} where the captions state no relations.

    found      a ``Retrieval``;  pairs  the split as its senses see it
    """
    if checked.scenes is None or not hasattr(found.senses[1], "vocabulary"):
        return {}
    foils = _foils(checked)
    own = _pair_scores(found, pairs, checked.sentences(), pairs.owner) if foils else None
    figures = {}
    for kind in scenes.FOILS:
        of, said = [c for c, k, _ in foils if k == kind], [foil for _, k, foil in foils if k == kind]
        if of:
            true, false = own[of], _pair_scores(found, pairs, said, pairs.owner[of])
            figures[f"relation: true over {kind}"] = float(np.mean((true > false) + 0.5 * (true == false)))
            figures[f"relation: captions, {kind}"] = len(of)
    return figures


def _foils(checked):
    """(number of the caption, kind, words of the foil) of every foil that there is."""
    found, number = [], -1
    for scene, said in zip(checked.scenes, checked.captions, strict=True):
        for tokens in said:
            number += 1
            try:
                caption = scenes.read_caption(tokens, scene, checked.lang)
            except scenes.ParseError:
                continue
            if caption.level == 2:
                made = ((kind, scenes.relation_foil(caption, scene, kind)) for kind in scenes.FOILS)
                found += [(number, kind, foil.tokens) for kind, foil in made if foil is not None]
    return found


def _pair_scores(found, pairs, sentences, owner):
    """The score of each sentence on its own picture; owners in rising order."""
    entries = [found.senses[1].vocabulary.encode(s) for s in sentences]
    out = np.zeros(len(entries), np.float32)
    for begin in range(0, len(pairs.first), BLOCK):
        here = np.flatnonzero((owner >= begin) & (owner < begin + BLOCK))
        if len(here):
            some = dataclasses.replace(
                pairs, first=pairs.first[begin : begin + BLOCK], second=[entries[c] for c in here],
                owner=owner[here] - begin,
            )  # fmt: skip
            scores = found.model.similarity(found.senses, some)
            out[here] = scores[owner[here] - begin, np.arange(len(here))]
    return out
