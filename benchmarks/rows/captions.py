"""Metrics of captions beside COCO's own tools: BLEU-1 … 4 and CIDEr-D of a corpus, cut into words before.

The captions are made up, so that the rows need no file: five references of a picture are one sentence of
words after Zipf's law with a few words changed, and the candidate is a sixth.
"""

import functools

import numpy as np

from mmscratch.metrics.bleu import corpus_bleu
from mmscratch.metrics.cider import corpus_cider_d

from ..case import Case, Row

TOPIC = "Metrics of captions"
CAPTIONS, REFERENCES, WORDS = 5000, 5, 3000


def rows():
    for name, what in (("bleu", "BLEU-1 … 4"), ("cider", "CIDEr-D")):
        yield Row(
            f"metrics/{name}", TOPIC, what, f"{CAPTIONS:,} captions, {REFERENCES} references each",
            functools.partial(case_of, name=name), libraries=("pycocoevalcap",),
            targets={"pycocoevalcap": 1.0},
        )  # fmt: skip


def captions(count=CAPTIONS, seed=0):
    """Candidates, a list of str, and the references of each, a list of lists."""
    r = np.random.default_rng(seed)
    chances = 1 / np.arange(1, WORDS + 1)
    draw = functools.partial(r.choice, WORDS, p=chances / chances.sum())
    found = []
    for _ in range(count):
        base = draw(size=r.integers(8, 15))
        several = np.tile(base, (REFERENCES + 1, 1))
        changed = r.random(several.shape) < 0.3
        several[changed] = draw(size=int(changed.sum()))
        found.append([" ".join(f"w{n}" for n in sentence) for sentence in several])
    return [several[0] for several in found], [several[1:] for several in found]


def case_of(place, name):
    candidates, references = captions()
    ours = {
        "bleu": lambda: [np.array(corpus_bleu(candidates, references))],
        "cider": lambda: [np.array(corpus_cider_d(candidates, references))],
    }[name]
    case = Case(ours)
    if place.pycocoevalcap is not None:
        said = {i: [c] for i, c in enumerate(candidates)}
        wanted = dict(enumerate(references))
        case.peers["pycocoevalcap"] = {"": functools.partial(_theirs, name, wanted, said)}
    return case


def _theirs(name, wanted, said):
    if name == "bleu":
        from pycocoevalcap.bleu.bleu import Bleu

        return [np.array(Bleu(4).compute_score(wanted, said, verbose=0)[0])]
    from pycocoevalcap.cider.cider import Cider

    return [np.array(Cider().compute_score(wanted, said)[0])]
