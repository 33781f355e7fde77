"""How good retrieval is: recall both ways by instance and by truth, beside ceilings and controls.

    i→t R@1 …               a picture looks for its captions, t→i a caption for its picture (s: sound)
    ceiling, truth          instance recall of a ranker that knows what is true of what, and nothing else
    ceiling, reading order  the same of one that knows too in which order objects would be mentioned (level 3)
    semantic                relevant is what is true, whoever wrote it
    relation                a caption above its nearest lies, see ``relations.py``
    attention               where words look, of model=scan, see ``attention.py``
    chance                  all scores equal
    before training         the same model with the weights that it began with
    shuffled pictures       the same vectors of the pictures, each in another's place

Ties count as the mean over all ways to break them, so identical captions share what they find.
"""

import numpy as np

from ...data import scenes
from ...metrics.retrieval import ambiguity_ceiling, cross_modal_scores, semantic_scores
from ...train import read_journal
from ..captioning.judge import derangement
from .attention import attention_figures
from .data import gallery
from .relations import relation_figures

__all__ = ["ceilings", "judge", "order_matrix", "truth_matrix"]

LETTERS = {"picture": "i", "sound": "s", "text": "t"}
KEPT = ("R@1", "R@5", "R@10", "median rank")


def judge(found, before, checked, run, lists=True):
    """All figures of one run on one split: a dict, in printing order."""
    settings = found.settings
    pairs = gallery(checked, found.senses)
    similarity = found.model.similarity(found.senses, pairs)
    name = _namer(settings.senses)
    figures = {f"{settings.senses[0]}s": len(pairs), f"{settings.senses[1]}s": len(pairs.owner)}
    figures |= name("", cross_modal_scores(similarity, pairs.owner, lists=lists))
    if checked.scenes is not None and "text" in settings.senses:
        figures |= ceilings(checked, pairs.owner, name)
        truth = truth_matrix(checked)
        if truth is not None:
            figures |= name("semantic: ", semantic_scores(similarity, truth, lists=lists))
        figures |= relation_figures(found, checked, pairs)
        figures |= attention_figures(found, checked, pairs)
    controls = {
        "before training": before.similarity(found.senses, pairs),
        "shuffled pictures": similarity[derangement(len(pairs), run.seed)] if len(pairs) > 1 else similarity,
        "chance": np.zeros(similarity.shape, np.float32),
    }
    for control, scores in controls.items():
        told = cross_modal_scores(scores, pairs.owner, lists=False)
        figures |= {f"{key}, {control}": value for key, value in name("", told, KEPT).items()}
    return figures | {"alarm: steps of training": _alarms(run)}


def ceilings(checked, owner, name):
    """What no ranker by truth can pass, and what none by truth and reading order can."""
    figures, truth = {}, truth_matrix(checked)
    if truth is not None:
        figures |= name("ceiling, truth: ", ambiguity_ceiling(truth == 3, owner), KEPT)
    in_order = order_matrix(checked)
    if in_order is not None:
        figures |= name("ceiling, reading order: ", ambiguity_ceiling(in_order, owner), KEPT)
    return figures


def meanings_of(checked):
    """What each caption of a split of scenes says; None where one does not parse."""
    try:
        return [scenes.parse(s, checked.lang) for s in checked.sentences()]
    except scenes.ParseError:
        return None


def truth_matrix(checked):
    """Grades 0 … 3 (P, C) of every caption for every picture, 3 where it is true."""
    meanings = meanings_of(checked)
    return None if meanings is None else scenes.relevance_matrix(meanings, checked.scenes)


def order_matrix(checked):
    """Captions of all objects, told in reading order: may each be said of each picture? bool (P, C), or None.

    Its k-th noun must fit the k-th object as one reads, and leave none over.
    """
    meanings = meanings_of(checked)
    if meanings is None or not all(isinstance(m, scenes.AllOf) for m in meanings):
        return None
    read = [[scene.objects[i] for i in scenes.reading_order(scene)] for scene in checked.scenes]
    columns = {}
    for meaning in meanings:
        if meaning not in columns:
            columns[meaning] = np.array(
                [
                    len(objects) == len(meaning.nouns)
                    and all(noun.fits(o) for noun, o in zip(meaning.nouns, objects, strict=True))
                    for objects in read
                ]
            )
    return np.stack([columns[m] for m in meanings], axis=1)


def _namer(senses):
    """A function that puts a prefix before figures and calls the two directions by their senses."""
    first, second = (LETTERS[s] for s in senses)
    ways = {"i→t": f"{first}→{second}", "t→i": f"{second}→{first}"}

    def name(prefix, figures, kept=None):
        out = {}
        for key, value in figures.items():
            way, _, rest = key.partition(" ")
            if kept is None or rest in kept:
                out[f"{prefix}{ways.get(way, way)} {rest}".rstrip()] = float(value)
        return out

    return name


def _alarms(run):
    """In how many steps of the training an alarm held."""
    return sum(int(r.get("metrics", {}).get("alarm", 0)) for r in read_journal(run.folder))
