"""Posts of which some are rumours: a picture, a text, and the tree in which they spread.

Posts come in groups. A group has two scenes of one object, which differ in its colour or its shape, the true
caption of each, and two trees of as many nodes: a broadcast (most hear it from the first) and a deep chain.
Every scene goes with every caption: two of the four pairs match, two do not. A regime says which posts are
rumours:

    content     a caption that does not match its picture
    graph       what spreads as a chain
    agree       both at once; the other combinations do not occur
    synergy     one of the two, but not both

So every text of a group stands in as many rumours as in other posts, and every picture; of content and
synergy, every tree too; of synergy also every pair of text and picture. What a part tells is counted, not
estimated (``best_alone``).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .scenes import boxes, is_true, parse, render, sample_scene
from .scenes.captions import captions
from .scenes.graph import COLOURS, SHAPES, Scene, SceneOptions

__all__ = ["PARTS", "REGIMES", "Rumours", "best_alone", "depth", "make_rumours", "make_tree"]

REGIMES = {
    "content": lambda mismatch, chain: mismatch,
    "graph": lambda mismatch, chain: chain,
    "agree": lambda mismatch, chain: mismatch if mismatch == chain else None,
    "synergy": lambda mismatch, chain: mismatch ^ chain,
}
"""Name → is it a rumour: of (caption does not match, spreads as a chain); None: no such post."""
PARTS = ("text", "picture", "tree")
NODES, CROP = 14, 12
BROAD, DEEP = 4, 7  # a broadcast is at most, a chain at least so deep


@dataclasses.dataclass(frozen=True)
class Rumours:
    """tokens, crops uint8 (N, 12, 12, 3) of the object, parents (N, 14) int64, nodes (N, 14, 3), rumour (N,).

    parents      of node k the node it heard from, smaller than k; of the first, −1
    nodes        is it the first? and two traits that tell nothing
    ids (N, 3)   which text, picture and tree it is; mismatch, chain (N,); look (N, 2): colour and shape seen
    """

    regime: str
    tokens: tuple
    crops: np.ndarray
    parents: np.ndarray
    nodes: np.ndarray
    rumour: np.ndarray
    ids: np.ndarray
    mismatch: np.ndarray
    chain: np.ndarray
    look: np.ndarray

    def __len__(self):
        return len(self.rumour)

    @property
    def adjacency(self):
        """Who hears whom, both ways: bool (N, 14, 14)."""
        n, k = self.parents.shape
        out = np.zeros((n, k, k), bool)
        rows, child = np.arange(n)[:, None], np.arange(1, k)[None]
        out[rows, child, self.parents[:, 1:]] = True
        return out | out.transpose(0, 2, 1)


def make_rumours(regime, groups, seed=0, lang="en"):
    """Posts of so many groups, in random order: 8 of a group, of "agree" 4.

    Errors     ValueError for an unknown regime or language, or no group
    """
    if regime not in REGIMES:
        raise ValueError(f"regime: expected one of {', '.join(REGIMES)}, got {regime!r}")
    if groups < 1:
        raise ValueError(f"groups: expected at least 1, got {groups}")
    random = np.random.default_rng([seed, 0x2B0A])
    rows = []
    for g in range(groups):
        scenes = _two_scenes((seed << 20) + g, random)
        said = [tuple(captions(s, level=1, lang=lang, n=1, describe="full")[0].tokens) for s in scenes]
        looks = [(COLOURS.index(s.objects[0].colour), SHAPES.index(s.objects[0].shape)) for s in scenes]
        crops = [_crop(s) for s in scenes]
        trees = [make_tree(chain, NODES, random) for chain in (False, True)]
        traits = [_traits(random) for _ in trees]
        for picture in (0, 1):
            for text in (0, 1):
                mismatch = not is_true(parse(said[text], lang), scenes[picture])
                for chain in (False, True):
                    rumour = REGIMES[regime](mismatch, chain)
                    if rumour is not None:
                        rows.append((said[text], crops[picture], trees[chain], traits[chain], rumour,
                                     (2 * g + text, 2 * g + picture, 2 * g + chain), mismatch, chain,
                                     looks[picture]))  # fmt: skip
    tokens, *arrays = zip(*(rows[k] for k in random.permutation(len(rows))), strict=True)
    crops, parents, nodes, rumour, ids, mismatch, chain, look = map(np.array, arrays)
    return Rumours(
        regime, tokens, crops, parents, nodes.astype(np.float32), rumour, ids, mismatch, chain, look
    )


def best_alone(data, parts):
    """How many posts can be told from some parts, each known by heart: (right, posts).

    parts      names among text, picture, tree
    Note       exact: of each combination of texts, pictures and trees the more frequent answer is given. 0.5
               means that nothing that sees these parts only can do better on these posts
    """
    unknown = [p for p in parts if p not in PARTS]
    if unknown:
        raise ValueError(f"best_alone: parts: expected some of {', '.join(PARTS)}, got {unknown[0]!r}")
    seen = data.ids[:, [PARTS.index(p) for p in parts]]
    _, which = np.unique(seen, axis=0, return_inverse=True)
    which = which.reshape(-1)
    yes, of = np.bincount(which, data.rumour), np.bincount(which)
    return int(np.maximum(yes, of - yes).sum()), len(data)


def make_tree(chain, nodes, random):
    """Parents (nodes,): a broadcast, at most 4 deep, or a chain, at least 7 deep.

    Each node hears, with probability 0.8, from the first (of a chain: from the one before), else from any
    earlier one; drawn again until the depth fits
    """
    if nodes < DEEP + 1:
        raise ValueError(f"make_tree: nodes: expected at least {DEEP + 1}, got {nodes}")
    while True:
        parents = np.array(
            [-1]
            + [
                (k - 1 if chain else 0) if random.random() < 0.8 else int(random.integers(k))
                for k in range(1, nodes)
            ]
        )
        found = depth(parents)
        if (found >= DEEP) if chain else (found <= BROAD):
            return parents


def depth(parents):
    """The longest way from the first node: an integer."""
    steps = [0]
    for parent in parents[1:]:
        steps.append(steps[parent] + 1)
    return max(steps)


def _traits(random):
    return np.c_[np.arange(NODES) == 0, random.normal(size=(NODES, 2))]


def _two_scenes(seed, random):
    scene = sample_scene(seed, SceneOptions(count=1))
    one = scene.objects[0]
    name, values = (("colour", COLOURS), ("shape", SHAPES))[random.integers(2)]
    others = [v for v in values if v != getattr(one, name)]
    other = dataclasses.replace(one, **{name: others[random.integers(len(others))]})
    return scene, Scene(scene.seed, (other,), scene.background, scene.noise)


def _crop(scene):
    """The object's box as a detector would cut it out, brought to 12 × 12 pixels by taking the nearest."""
    x0, y0, x1, y1 = boxes(scene)[0]
    rows, columns = (
        a + ((np.arange(CROP) + 0.5) * (b - a) / CROP).astype(int) for a, b in ((y0, y1), (x0, x1))
    )
    return render(scene)[rows[:, None], columns]
