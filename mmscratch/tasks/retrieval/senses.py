"""Senses of a retrieval task: how a split's pictures, sounds or captions become what a tower reads.

Each sense has ``of_split`` (what is kept of a split: entries, computed once), ``entries`` (the same of what a
person gives), ``batch`` (some entries as a tower's arguments) and ``tower``.
"""

import functools

import numpy as np

from ...data import scenes
from ...data.batches import pad
from ...data.image import to_float
from ...data.text import tokenize
from ...data.vocabulary import Vocabulary
from ...models.picture_towers import PatchTower, PixelTower, RegionTower, SoundTower
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...models.text_towers import build_text_tower
from ...representations.audio import log_mel, preset
from ...representations.audio.augment import stretch
from ...representations.image.detector import load_detector
from ...representations.image.regions import GEOMETRY
from ...tensor import Tensor
from ..features.grids import CELLS, NETWORKS, load_network, picture_features, stored_features
from ..run import RunError

__all__ = ["PictureSense", "SoundSense", "TextSense"]

FRAMES, BANDS = 48, 64


class PictureSense:
    """Pictures: regions of a frozen network, or pixels."""

    def __init__(self, settings):
        self.kind, self.count, self.weights = settings.picture, settings.regions, settings.weights

    @functools.cached_property
    def network(self):
        """What finds regions; None where the tower reads pixels."""
        if self.kind in NETWORKS:
            return load_network(self.kind, self.weights)
        return {"regions": load_pretrained, "boxes": load_detector}.get(self.kind, lambda: None)()

    def tower(self, settings, generator):
        """The picture tower of the settings, untrained."""
        size, hidden = settings.size, 2 * settings.hidden
        if self.kind in ("cnn", "finetune"):
            return PixelTower(size, hidden, self.kind == "finetune", generator)
        if self.kind == "vit":
            return PatchTower(size, width=settings.hidden, heads=settings.heads, generator=generator)
        return RegionTower(self.width, size, hidden, settings.scaled, generator)

    @property
    def width(self):
        """How many numbers a region has."""
        if self.kind in NETWORKS:
            return NETWORKS[self.kind][3]
        return self.network.channels + (2 if self.kind == "regions" else GEOMETRY)

    def of_split(self, split, *, progress=False):
        """Regions (N, R, D) float32, of a published network kept on disk; or the pixels, uint8."""
        if self.kind in NETWORKS:
            return stored_features(self.kind, self.weights, split.source, progress=progress)
        return self.entries(split.images)

    def entries(self, pictures):
        """The same of pictures, uint8 (N, 64, 64, 3); of a published network of any sizes, a list too."""
        if self.kind in NETWORKS:
            return picture_features(self.kind, self.network, list(pictures))
        pictures = np.asarray(pictures)
        side = scenes.SIDE
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (side, side, 3):
            raise ValueError(
                f"pictures: expected uint8 (N, {side}, {side}, 3), got {pictures.dtype} {pictures.shape}"
            )
        if self.network is None:
            return pictures
        look = self.network.regions if self.kind == "regions" else self.network.best_regions
        parts = [look(to_float(pictures[i : i + 256]), self.count)[0] for i in range(0, len(pictures), 256)]
        return np.concatenate(parts) if parts else np.zeros((0, self.count, 1), np.float32)

    def batch(self, entries, index):
        """The arguments of the picture tower."""
        rows = np.ascontiguousarray(entries[index])
        return (Tensor(to_float(rows) if rows.dtype == np.uint8 else rows),)

    @property
    def regions(self):
        """How many regions a picture has; 0 of pixels."""
        if self.kind in ("cnn", "finetune", "vit"):
            return 0
        return CELLS if self.kind in NETWORKS else min(self.count, SceneCNN.GRID**2)


class SoundSense:
    """Sounds of the scenes, a second at 8 kHz: log-mel pictures (48, 64)."""

    RATE = 8000

    def __init__(self, settings):
        self.options = preset("kaldi", self.RATE, bands=BANDS)

    def tower(self, settings, generator):
        """The sound tower of the settings, untrained."""
        return SoundTower(settings.size, FRAMES, BANDS, 2 * settings.hidden, generator)

    def of_split(self, split, *, progress=False):
        """(N, 48, 64) float32 of the scenes' sounds."""
        if split.scenes is None:
            raise RunError("--set", "pair: sounds are known of scenes:… alone")
        parts = [
            self.entries([scenes.render_sound(s, self.RATE) for s in split.scenes[i : i + 500]])
            for i in range(0, len(split.scenes), 500)
        ]
        return np.concatenate(parts)

    def entries(self, clips):
        """The same of clips, floats (T,) each, a second at 8 kHz."""
        x = stretch(log_mel([np.asarray(c, np.float32) for c in clips], self.options), FRAMES)
        return ((x + 8) / 8).astype(np.float32)  # silence is near −16, a note near 5: within −1 … 2

    def batch(self, entries, index):
        """The arguments of the sound tower."""
        return (Tensor(np.ascontiguousarray(entries[index])),)


class TextSense:
    """Captions: numbers of words between <start> and <end>."""

    def __init__(self, vocabulary, data):
        self.vocabulary, self.of_scenes = vocabulary, data.startswith("scenes")
        self.lang = "zh" if "lang=zh" in data else "en"

    def tower(self, settings, generator):
        """The text tower of the settings, untrained."""
        return build_text_tower(
            settings.text, len(self.vocabulary), settings.size, embedding=settings.embedding,
            hidden=settings.hidden, layers=settings.layers, heads=settings.heads, dropout=settings.dropout,
            bidirectional=settings.bidirectional, generator=generator,
        )  # fmt: skip

    def of_split(self, split, *, progress=False):
        """All captions of a split, picture by picture: lists of word numbers."""
        return [self.vocabulary.encode(s) for s in split.sentences()]

    def entries(self, texts):
        """The same of texts; words that training did not show are <unk>."""
        if isinstance(texts, str):
            raise TypeError(f"texts: expected a list of str, got the str {texts[:30]!r}")
        return [self.vocabulary.encode(self.words(text)) for text in texts]

    def words(self, text):
        """A text's words, as training cut them."""
        return (scenes.tokenise if self.of_scenes else tokenize)(text, self.lang)

    def batch(self, entries, index):
        """The arguments of the text tower: tokens (B, T), lengths (B,)."""
        return pad([entries[i] for i in index], Vocabulary.pad)
