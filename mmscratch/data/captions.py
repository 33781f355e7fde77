"""What every captioned set becomes once read: pictures and, for each, its captions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from .errors import DataError
from .image import read_image


class ImageSource(Protocol):
    """Anything that gives pictures by number: an array in memory, or files read when asked for.

    Shapes     images[int (B,)] → uint8 (B, H, W, 3);  len(images) → how many there are
    """

    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray) -> np.ndarray: ...


class ImageFiles:
    """An `ImageSource` that opens its files on demand, so a set may be larger than memory."""

    def __init__(self, paths: Sequence[str | os.PathLike], size: int | tuple[int, int] | None = None):
        self.paths = tuple(Path(p) for p in paths)
        self.size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices) -> np.ndarray:
        """One number gives (H, W, 3); several, or a slice, give (B, H, W, 3)."""
        if isinstance(indices, (int, np.integer)):
            return read_image(self.paths[indices], self.size)
        chosen = np.arange(len(self.paths))[indices]
        images = [read_image(self.paths[i], self.size) for i in chosen]
        for i, image in zip(chosen, images, strict=True):
            if image.shape != images[0].shape:
                raise DataError(
                    self.paths[i],
                    f"is {image.shape[0]} x {image.shape[1]}, others are "
                    f"{images[0].shape[0]} x {images[0].shape[1]}; give a size to bring them together",
                )
        if not images:
            return np.empty((0, 0, 0, 3), dtype=np.uint8)
        return np.stack(images)

    def subset(self, indices: np.ndarray) -> ImageFiles:
        return ImageFiles([self.paths[i] for i in indices], self.size)


@dataclass(frozen=True)
class CaptionSet:
    """N pictures with captions.

    images     an `ImageSource` of N pictures
    captions   for each picture, its sentences as they were written
    agreement  for each picture, one number a sentence, 1 where it is true of the picture and 0 where it is
               false; None when every caption is meant to be true
    ids        a name for each picture, unique
    """

    name: str
    lang: str
    images: ImageSource = field(repr=False)
    captions: tuple[tuple[str, ...], ...] = field(repr=False)
    ids: tuple = field(repr=False)
    agreement: tuple[tuple[float, ...], ...] | None = field(default=None, repr=False)

    def __post_init__(self):
        n = len(self.images)
        for name in ("captions", "ids", "agreement"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise ValueError(f"CaptionSet: {name}: expected {n} entries as images, got {len(value)}")
        if len(set(self.ids)) != n:
            raise ValueError("CaptionSet: ids: expected each only once")
        for i, labels in enumerate(self.agreement or ()):
            if len(labels) != len(self.captions[i]):
                raise ValueError(
                    f"CaptionSet: agreement[{i}]: expected {len(self.captions[i])} values as captions, "
                    f"got {len(labels)}"
                )

    def __len__(self) -> int:
        return len(self.captions)

    def true_captions(self) -> list[list[str]]:
        """For each picture the captions that are true of it: the references of the caption metrics."""
        return self._select(True)

    def false_captions(self) -> list[list[str]]:
        return self._select(False)

    def _select(self, truth: bool) -> list[list[str]]:
        if self.agreement is None:
            return [list(c) if truth else [] for c in self.captions]
        return [
            [text for text, label in zip(texts, labels, strict=True) if (label > 0.5) == truth]
            for texts, labels in zip(self.captions, self.agreement, strict=True)
        ]

    def pairs(self) -> list[tuple[int, str]]:
        """Every true caption with the number of its picture: what a captioner is trained on."""
        return [(i, text) for i, texts in enumerate(self.true_captions()) for text in texts]

    def subset(self, indices: Sequence[int]) -> CaptionSet:
        """The pictures with these numbers, in this order."""
        chosen = np.asarray(indices, dtype=np.int64)
        images = self.images
        return replace(
            self,
            images=images.subset(chosen) if isinstance(images, ImageFiles) else images[chosen],
            captions=tuple(self.captions[i] for i in chosen),
            ids=tuple(self.ids[i] for i in chosen),
            agreement=None if self.agreement is None else tuple(self.agreement[i] for i in chosen),
        )
