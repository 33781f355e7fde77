"""Captioned pictures of any source, in the one form that the captioning task reads."""

import dataclasses
from collections import Counter

import numpy as np

from ...data import scenes
from ...data.captions import ImageFiles
from ...data.image import resize_images, to_float
from ...data.spec import load_spec, parse_spec
from ...data.text import tokenize
from ..run import RunError

__all__ = ["CaptionSplit", "load_scenes", "load_split"]

SIDE = 64


@dataclasses.dataclass
class CaptionSplit:
    """N pictures with true captions, as tokens, and what else is known of them (else None).

    images            (N, 64, 64, 3) uint8
    source            the same pictures in their own size: files, or an array
    captions          N lists of token lists
    lang              their language
    links             beside each caption: for each token the object it mentions, −1 for none
    object_cells      (N, objects): in which cell of the 8 × 8 grid each object's centre lies, −1 for none
    scenes            N scene graphs
    false_captions    N lists of token lists that are false of the picture
    """

    name: str
    images: np.ndarray
    captions: list
    lang: str = "en"
    links: list | None = None
    object_cells: np.ndarray | None = None
    scenes: list | None = None
    false_captions: list | None = None
    source: ImageFiles | np.ndarray | None = None

    def __post_init__(self):
        self.source = self.images if self.source is None else self.source

    def __len__(self):
        return len(self.images)

    def floats(self):
        """The pictures as (N, 3, 64, 64) float32 in [0, 1]."""
        return to_float(self.images)

    def sentences(self):
        """All captions, one after the other."""
        return [s for many in self.captions for s in many]

    def majority(self):
        """The caption that occurs most often (the first of them on ties)."""
        return list(Counter(map(tuple, self.sentences())).most_common(1)[0][0])

    def truth(self, sentences):
        """Truth rates of one sentence a picture, executed on the scene graphs with the dead zone enforced."""
        return scenes.truth_rate(sentences, self.scenes, self.lang)

    def judge(self, sentences, pictures):
        """Is each sentence true of its picture?"""
        return [
            scenes.truth(s, self.scenes[i], self.lang).true for s, i in zip(sentences, pictures, strict=True)
        ]


def load_split(spec, name, *, progress=False):
    """One split of the captioned data that a specification names.

    name       "train", "val", "test", or another that the data has (scenes: "test-cogent", …)
    Errors     RunError for a specification or a split that does not exist; DataError for bad files
    """
    try:
        if parse_spec(spec).name == "scenes":
            return load_scenes(spec, name, progress=progress)
        found = load_spec(spec, split=name, size=SIDE)
    except ValueError as e:
        raise e if type(e) is not ValueError else RunError(spec, str(e)) from None
    if not hasattr(found, "true_captions"):
        raise RunError(spec, "holds no captions; known: scenes, shapeworld:DIR, coco:DIR, flickr8k:DIR")
    true = [[tokenize(s, found.lang) for s in many] for many in found.true_captions()]
    false = [[tokenize(s, found.lang) for s in many] for many in found.false_captions()]
    if not any(true):
        raise RunError(spec, f"split {name!r} has no caption")
    images = resize_images(found.images[np.arange(len(found))], SIDE)
    files = isinstance(found.images, ImageFiles)
    return CaptionSplit(
        name, images, true, found.lang, false_captions=false if any(map(len, false)) else None,
        source=ImageFiles(found.images.paths) if files else None,
    )  # fmt: skip


def load_scenes(spec, name, *, progress=False):
    """One split of the scenes world; "test" means "test-iid"."""
    try:
        split = scenes.load(spec, progress=progress).split({"test": "test-iid"}.get(name, name))
    except ValueError as e:
        raise RunError(spec, str(e)) from None
    if not len(split):
        raise RunError(spec, f"split {name!r} is empty")
    return CaptionSplit(
        name,
        split.images,
        [[list(c.tokens) for c in many] for many in split.captions],
        split.options.lang,
        links=[[list(c.links) for c in many] for many in split.captions],
        object_cells=scenes.object_cells(split.graphs, grid=8),
        scenes=split.graphs,
    )
