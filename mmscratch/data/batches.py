"""Batches of pictures with captions, in an order that can be stopped and continued exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .captions import CaptionSet, ImageSource
from .image import normalize, to_float
from .text import tokenize
from .vocabulary import Vocabulary

NO_OBJECT = -1


@dataclass(frozen=True)
class CaptionBatch:
    """B pictures, each with one caption.

    Shapes     images (B, C, H, W) float32; None from batches made with pixels=False
               tokens (B, T) int64: <start> w_1 … w_n <end> <pad> …
               lengths (B,) int64: n + 2
               links (B, T) int64: number of the object that a word speaks of, −1 for none
               index (B,) int64: which caption of the set this is
    """

    images: np.ndarray | None
    tokens: np.ndarray
    lengths: np.ndarray
    links: np.ndarray
    index: np.ndarray

    def __post_init__(self):
        b, t = self.tokens.shape
        wanted = {"lengths": (b,), "links": (b, t), "index": (b,)}
        if self.images is not None and (self.images.ndim != 4 or len(self.images) != b):
            raise ValueError(
                f"CaptionBatch: images {self.images.shape} do not fit tokens {self.tokens.shape}"
            )
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"CaptionBatch: {name}: expected {shape} for tokens {self.tokens.shape}, "
                    f"got {getattr(self, name).shape}"
                )

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, first: int, last: int) -> CaptionBatch:
        """The pairs first … last − 1, as long as they are here."""
        images = None if self.images is None else self.images[first:last]
        parts = (self.tokens, self.lengths, self.links, self.index)
        return CaptionBatch(images, *(np.ascontiguousarray(p[first:last]) for p in parts))

    @property
    def inputs(self) -> np.ndarray:
        """What the decoder reads under teacher forcing: all but the last column. (B, T−1)"""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """What it should say: all but <start>. (B, T−1)"""
        return self.tokens[:, 1:]

    @property
    def mask(self) -> np.ndarray:
        """True where `targets` holds a word or <end>, False at padding. bool (B, T−1)"""
        return np.arange(self.tokens.shape[1] - 1) < (self.lengths - 1)[:, None]


def pad(sequences: Sequence[Sequence[int]], value: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay lists of different lengths into one array.

    Shapes     B lists → int64 (B, T), int64 (B,) lengths; T is the longest
    """
    lengths = np.array([len(s) for s in sequences], dtype=np.int64)
    table = np.full((len(sequences), int(lengths.max(initial=0))), value, dtype=np.int64)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table, lengths


class CaptionBatches:
    """All captions once, in batches; each `for` over it is one epoch in a new random order.

    images       an `ImageSource`, for instance uint8 (N, H, W, 3)
    captions     M lists of word numbers, with <start> and <end> (`Vocabulary.encode`)
    image_of     for each caption the number of its picture; None when caption i belongs to picture i
    links        for each caption one object number a token (−1 for none); None when unknown
    generator    gives the order; it belongs to these batches alone, since restoring a state sets it back.
                 None keeps the captions in order
    drop_last    leave out a last batch that is not full
    mean, std    channel statistics for `normalize`; None leaves pixels in [0, 1]
    pixels       False leaves the pictures out, for a model that has their features already
    """

    def __init__(
        self,
        images: ImageSource,
        captions: Sequence[Sequence[int]],
        image_of: Sequence[int] | None = None,
        links: Sequence[Sequence[int]] | None = None,
        *,
        batch_size: int,
        generator: np.random.Generator | None = None,
        drop_last: bool = False,
        mean=None,
        std=None,
        pixels: bool = True,
    ):
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"CaptionBatches: batch_size: expected an int of at least 1, got {batch_size!r}")
        if (mean is None) != (std is None):
            raise ValueError("CaptionBatches: mean and std: give both or neither")
        self.images, self.captions = images, [list(c) for c in captions]
        self.image_of = _check_images(len(images), len(self.captions), image_of)
        self.links = _check_links(self.captions, links)
        self.batch_size, self.generator, self.drop_last = int(batch_size), generator, drop_last
        self.mean, self.std, self.pixels = mean, std, pixels
        self.epoch = 0  # epochs begun
        self._position = 0  # batches of this epoch handed out
        self._running = False
        self._resumed = False
        self._before = None if generator is None else _plain(generator.bit_generator.state)

    @classmethod
    def of(cls, data: CaptionSet, vocabulary: Vocabulary, **options) -> CaptionBatches:
        """Batches of the true captions of a set; `options` as in the constructor."""
        pairs = data.pairs()
        encoded = [vocabulary.encode(tokenize(text, data.lang)) for _, text in pairs]
        return cls(data.images, encoded, [i for i, _ in pairs], **options)

    def __len__(self) -> int:
        """Batches in one epoch."""
        full, rest = divmod(len(self.captions), self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    @property
    def steps(self) -> int:
        """Batches handed out since the first epoch began, those before a stop with them."""
        return max(self.epoch - 1, 0) * len(self) + self._position

    def __iter__(self) -> Iterator[CaptionBatch]:
        if self._resumed and self._running:
            self._resumed = False
        else:
            self.epoch += 1
            self._position, self._running, self._resumed = 0, True, False
            if self.generator is not None:
                self._before = _plain(self.generator.bit_generator.state)
        order = np.arange(len(self.captions))
        if self.generator is not None:
            order = self.generator.permutation(len(self.captions))
        epoch = self.epoch
        while self._position < len(self):
            first = self._position * self.batch_size
            batch = self.batch(order[first : first + self.batch_size])
            self._position += 1
            yield batch
            if self.epoch != epoch:
                raise RuntimeError("CaptionBatches: a second loop was started inside the first")
        self._running = False

    def forever(self) -> Iterator[CaptionBatch]:
        """Epoch after epoch without end, for training by steps."""
        if len(self) == 0:
            raise ValueError(
                f"CaptionBatches: no batch of {self.batch_size} in {len(self.captions)} captions"
            )
        while True:
            yield from self

    def batch(self, index: Sequence[int]) -> CaptionBatch:
        """The batch of exactly these captions."""
        index = np.asarray(index, dtype=np.int64)
        tokens, lengths = pad([self.captions[i] for i in index], Vocabulary.pad)
        if self.links is None:
            links = np.full(tokens.shape, NO_OBJECT, dtype=np.int64)
        else:
            links, _ = pad([self.links[i] for i in index], NO_OBJECT)
        return CaptionBatch(self.pictures(index) if self.pixels else None, tokens, lengths, links, index)

    def pictures(self, index: np.ndarray) -> np.ndarray:
        """The pictures of these captions as the model takes them: float32 (B, C, H, W)."""
        images = to_float(self.images[self.image_of[index]])
        return images if self.mean is None else normalize(images, self.mean, self.std)

    def state_dict(self) -> dict:
        """Where we are, as plain numbers and strings (JSON can hold it)."""
        state = self._before
        if self.generator is not None and not self._running:
            state = _plain(self.generator.bit_generator.state)
        return {
            "epoch": self.epoch,
            "position": self._position,
            "running": self._running,
            "batch_size": self.batch_size,
            "captions": len(self.captions),
            "generator": state,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken: the next `for` gives the batches that were still to come."""
        for name, have in (("batch_size", self.batch_size), ("captions", len(self.captions))):
            if state.get(name) != have:
                raise ValueError(
                    f"CaptionBatches.load_state_dict: {name}: state has {state.get(name)}, expected {have}"
                )
        if (state["generator"] is None) != (self.generator is None):
            raise ValueError("CaptionBatches.load_state_dict: generator: one of state and batches has none")
        if self.generator is not None:
            try:
                self.generator.bit_generator.state = state["generator"]
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"CaptionBatches.load_state_dict: generator: {error}") from None
        self._before = state["generator"]
        self.epoch, self._position = int(state["epoch"]), int(state["position"])
        self._running, self._resumed = bool(state["running"]), True


def _check_images(images: int, captions: int, image_of) -> np.ndarray:
    if image_of is None:
        if captions != images:
            raise ValueError(
                f"CaptionBatches: {captions} captions but {images} images; give image_of to pair them"
            )
        return np.arange(images)
    image_of = np.asarray(image_of, dtype=np.int64).reshape(-1)
    if len(image_of) != captions:
        raise ValueError(f"CaptionBatches: image_of: expected {captions} entries, got {len(image_of)}")
    if captions and (image_of.min() < 0 or image_of.max() >= images):
        raise ValueError(
            f"CaptionBatches: image_of: expected 0…{images - 1}, got {image_of.min()}…{image_of.max()}"
        )
    return image_of


def _check_links(captions: list[list[int]], links) -> list[list[int]] | None:
    for i, caption in enumerate(captions):
        if len(caption) < 2:
            raise ValueError(
                f"CaptionBatches: captions[{i}]: expected at least <start> and <end>, got {caption}"
            )
    if links is None:
        return None
    links = [list(x) for x in links]
    if len(links) != len(captions):
        raise ValueError(f"CaptionBatches: links: expected {len(captions)} lists, got {len(links)}")
    for i, (link, caption) in enumerate(zip(links, captions, strict=True)):
        if len(link) != len(caption):
            raise ValueError(
                f"CaptionBatches: links[{i}]: expected {len(caption)} entries as in captions, got {len(link)}"
            )
    return links


def _plain(value):
    """Arrays inside a generator's state as lists, so that JSON can hold it."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
