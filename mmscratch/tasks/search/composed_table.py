"""How often a composed query finds what it asks for: ``python -m mmscratch.tasks.search.composed_table RUN``.

Asked with: validation scenes. Of each one an object is drawn whose colour (or shape) no other object has, and
another colour (shape), such that the scene with the change made is among the gallery's: of the same number of
objects, the same colours and shapes in all (sizes and places are free, as captions do not tell them). The
query is the picture and the new word; what is right is every such gallery picture.

Gallery: test scenes. Beside the composition stand

    chance          an order by lot: 1 − C(N − r, k)/C(N, k), r of N being right
    picture         the picture alone, unchanged
    word            the text of the new word alone, "a green object" put as captions put it
    told            the composition, with the old word told
    oracle text     a caption of the changed scene
    oracle picture  the changed scene, drawn

Of a picture of several objects the new word alone does not say which of them is meant: whoever guesses it is
right once in so many objects, and so can be the composition (rows by the number of objects).
"""

import argparse
import dataclasses
import sys
from collections import Counter

import numpy as np

from ...data import scenes
from ...search import Exact
from ..retrieval.data import load
from ..retrieval.model import load_model
from ..run import Run, RunError
from .composed import Composer

__all__ = ["Asked", "draw_queries", "main", "measure"]

TOP = (1, 10)


@dataclasses.dataclass
class Asked:
    """scene, the changed scene, old and new word, and the gallery's ids that are right."""

    scene: scenes.Scene
    changed: scenes.Scene
    old: str
    new: str
    right: np.ndarray


def contents(scene):
    """What captions tell: colours with shapes, in any order."""
    return tuple(sorted(Counter((o.colour, o.shape) for o in scene.objects).items()))


def draw_queries(asked, gallery, attribute, seed=0):
    """An ``Asked`` of every scene for which the gallery has what is asked for."""
    rng, by_contents = np.random.default_rng(seed), {}
    for i, scene in enumerate(gallery):
        by_contents.setdefault(contents(scene), []).append(i)
    values = scenes.COLOURS if attribute == "colour" else scenes.SHAPES
    found = []
    for scene in asked:
        here = Counter(getattr(o, attribute) for o in scene.objects)
        possible = []
        for n, thing in enumerate(scene.objects):
            old = getattr(thing, attribute)
            for new in values if here[old] == 1 else ():
                if new in here:
                    continue
                objects = list(scene.objects)
                objects[n] = dataclasses.replace(thing, **{attribute: new})
                changed = dataclasses.replace(scene, objects=tuple(objects))
                right = by_contents.get(contents(changed))
                if right:
                    possible.append(Asked(scene, changed, old, new, np.array(right)))
        if possible:
            found.append(possible[rng.integers(len(possible))])
    return found


def recall_of(vectors, index, queries):
    """For each k of TOP: the share of queries with a right picture among the k nearest."""
    _, ids = index.search(vectors, min(max(TOP), len(index)))
    hit = np.array([np.isin(row, q.right) for row, q in zip(ids, queries, strict=True)])
    return [float(hit[:, :k].any(axis=1).mean()) for k in TOP]


def by_lot(queries, n):
    """The same of an order by lot."""
    found = []
    for k in TOP:
        missed = [np.prod([(n - len(q.right) - i) / (n - i) for i in range(k)]) for q in queries]
        found.append(float(1 - np.mean(missed)))
    return found


def measure(model, asked, gallery, captions, attribute, seed=0):
    """{row: [R@1, R@10]} of scenes asked with among gallery scenes; captions: of the gallery."""
    queries = draw_queries(asked, gallery, attribute, seed)
    if not queries:
        raise RunError("composed queries", f"no scene has a changed {attribute} that the gallery shows")
    draw = scenes.render_all
    index = Exact(model.size).build(model.encode_pictures(draw(gallery)))
    v = model.encode_pictures(draw([q.scene for q in queries]))
    composer = Composer(model, captions)
    alone = [composer.compose(row, [(None, q.new)]) for row, q in zip(v, queries, strict=True)]
    told = [composer.compose(row, [(q.old, q.new)])[0] for row, q in zip(v, queries, strict=True)]
    say = {new: composer.with_word(new)[1].mean(axis=0) for new in {q.new for q in queries}}
    noun = [scenes.captions(q.changed, level=3, n=1)[0].text for q in queries]
    rows = {
        "queries": len(queries),
        "old word found": float(np.mean([c[1][0][0] == q.old for c, q in zip(alone, queries, strict=True)])),
        "chance": by_lot(queries, len(gallery)),
        "picture": recall_of(v, index, queries),
        "word": recall_of(np.stack([say[q.new] for q in queries]), index, queries),
        "composed": recall_of(np.stack([c[0] for c in alone]), index, queries),
        "told": recall_of(np.stack(told), index, queries),
        "oracle text": recall_of(model.encode_texts(noun), index, queries),
        "oracle picture": recall_of(
            model.encode_pictures(draw([q.changed for q in queries])), index, queries
        ),
    }
    counts = np.array([len(q.scene) for q in queries])
    for n in sorted(set(counts.tolist())):
        some = [q for q, c in zip(queries, counts, strict=True) if c == n]
        vectors = np.stack([c[0] for c, m in zip(alone, counts, strict=True) if m == n])
        rows[f"composed, {n} object{'s' * (n > 1)}"] = recall_of(vectors, index, some)
    return rows


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m mmscratch.tasks.search.composed_table",
                                     description=__doc__.split("\n")[0])  # fmt: skip
    parser.add_argument("run", metavar="RUN", help="of mmscratch train retrieval, on scenes")
    parser.add_argument("--asked", default="val", metavar="SPLIT")
    parser.add_argument("--gallery", default="test", metavar="SPLIT")
    args = parser.parse_args(arguments)
    try:
        run = Run.open(args.run)
        model = load_model(run)
        asked, gallery = load(run.data, args.asked), load(run.data, args.gallery)
        if gallery.scenes is None:
            raise RunError(args.run, "was not trained on scenes")
        captions = [" ".join(s) for s in gallery.sentences()]
        for attribute in ("colour", "shape"):
            found = measure(model, asked.scenes, gallery.scenes, captions, attribute)
            count, known = found.pop("queries"), found.pop("old word found")
            size = len(gallery.scenes)
            print(f"another {attribute}: {count} queries, {size} pictures, old word found of {known:.1%}")
            for name, (first, ten) in found.items():
                print(f"  {name:22} R@1 {100 * first:5.1f} %   R@10 {100 * ten:5.1f} %")
    except (RunError, ValueError, OSError) as error:
        print(f"mmscratch: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
