"""Encoder and decoder joined: pictures to sentences, and a trained run read back."""

import json
import math

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.image import read_image, to_float
from ...data.vocabulary import Vocabulary
from ...decoding import SearchOptions, search
from ...models.caption_models import build_captioner
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...random import Generator
from ...representations.image.detector import Detector, load_detector
from ...representations.image.regions import GEOMETRY
from ...tensor import Tensor
from ...train import load_checkpoint
from ..features.grids import CELLS, NETWORKS, load_network, picture_features, stored_features
from ..figures import attention_grid
from ..run import RunError
from .data import SIDE
from .settings import CaptionSettings

__all__ = ["PictureCaptioner", "describe", "load_model", "load_vocabulary"]


class PictureCaptioner(nn.Module):
    """Encoder and decoder together: pictures to captions.

    A frozen encoder gives the decoder its ``regions`` best regions, once for a data set: the cells of the
    scene network most likely to hold an object, or the boxes that the detector finds ("boxes"); a published
    network ("vgg16" …) gives its last grid. Otherwise the decoder sees the scene network's whole 8 × 8 grid,
    and gradients reach it.

    frozen     no gradient reaches the encoder: regions are computed once
    grid       the side of the grid of cells that regions are laid out on
    """

    def __init__(self, vocabulary_size, settings, generator=None):
        super().__init__()
        self.frozen = settings.encoder not in ("finetune", "scratch")
        self.published = settings.encoder if settings.encoder in NETWORKS else None
        self.weights, self.grid, self.count = settings.weights, SceneCNN.GRID, settings.regions
        if self.published:
            self.grid, self.count, size = math.isqrt(CELLS), CELLS, NETWORKS[self.published][3]
        elif settings.encoder == "boxes":
            self.encoder = load_detector()
            size = self.encoder.channels + GEOMETRY
        else:
            scratch = settings.encoder == "scratch"
            self.encoder = SceneCNN(generator=generator) if scratch else load_pretrained()
            size = self.encoder.channels + 2
            self.count = settings.regions if self.frozen else SceneCNN.GRID**2
        self.decoder = build_captioner(
            settings.model, vocabulary_size, size, hidden=settings.hidden, embedding=settings.embedding,
            attention=settings.attention, dropout=settings.dropout, query=settings.query,
            layers=settings.layers or None, heads=settings.heads, generator=generator,
        )  # fmt: skip
        self.scaled = settings.scale_regions
        if self.scaled:
            self.middle, self.spread = (nn.Buffer(f(size, dtype=np.float32)) for f in (np.zeros, np.ones))
        if settings.model == "hard":
            self.decoder.half_sampling = settings.half_sampling

    def scale_by(self, split, *, progress=False):
        """With ``scale_regions``: from now on every feature has mean 0 and deviation 1 over this split."""
        if self.scaled:
            regions = self.encode_split(split, progress=progress)[0]
            flat = regions.reshape(-1, regions.shape[2]) * self.spread.numpy() + self.middle.numpy()
            self.middle.data = flat.mean(0, dtype=np.float64).astype(np.float32)
            self.spread.data = np.maximum(flat.std(0, dtype=np.float64), 1e-6).astype(np.float32)

    def _scale(self, regions):
        return (regions - self.middle.numpy()) / self.spread.numpy() if self.scaled else regions

    def trained_parameters(self):
        """What the optimizer may move."""
        return list((self.decoder if self.frozen else self).parameters())

    def encode(self, images):
        """Pictures (N, 3, 64, 64) → regions (N, R, D), an array; cells (N, R): where in the grid each is."""
        if self.published:
            pixels = np.rint(images * 255).astype(np.uint8).transpose(0, 2, 3, 1)
            return self._whole_grid(picture_features(self.published, self._network(), list(pixels)))
        if self.frozen:
            boxes = isinstance(self.encoder, Detector)
            look = self.encoder.best_regions if boxes else self.encoder.regions
            regions, cells = look(images, self.count)
            return self._scale(regions), cells
        with no_grad():
            parts = [self.grid_regions(images[i : i + 256]).numpy() for i in range(0, len(images), 256)]
        return self._whole_grid(np.concatenate(parts))

    def encode_split(self, split, *, progress=False):
        """The same of a ``CaptionSplit``; a published network's are kept on disk."""
        if self.published:
            return self._whole_grid(
                stored_features(self.published, self.weights, split.source, progress=progress)
            )
        return self.encode(split.floats())

    def encode_files(self, files):
        """The same of image files; all are read before anything is computed."""
        if self.published:
            pictures = [read_image(f) for f in files]
            return self._whole_grid(picture_features(self.published, self._network(), pictures))
        return self.encode(to_float(np.stack([read_image(f, size=SIDE) for f in files])))

    def _network(self):
        return load_network(self.published, self.weights)

    def _whole_grid(self, regions):
        return self._scale(regions), np.tile(np.arange(self.grid**2), (len(regions), 1))

    def grid_regions(self, images):
        """All cells as regions, differentiably: (B, 3, 64, 64) → (B, 64, D)."""
        grid = self.encoder.features(Tensor(images))
        b, c, h, w = grid.shape
        y, x = np.mgrid[0:h, 0:w]
        place = np.stack([(x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1], -1).reshape(1, h * w, 2)
        place = Tensor(np.broadcast_to(place, (b, h * w, 2)).astype(grid.dtype))
        return ops.concatenate([grid.reshape(b, c, h * w).permute(0, 2, 1), place], axis=2)


def load_vocabulary(run):
    """The words of a run; RunError where they cannot be read."""
    path = run.folder / "vocabulary.json"
    try:
        return Vocabulary(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as e:
        raise RunError(path, f"is no list of words ({e})") from None


def load_model(run):
    """The trained model of a run (the best on validation, or the last), its vocabulary and settings."""
    try:
        settings = run.settings if run.task == "caption" else json.loads(run.settings["captioner"])
        settings = CaptionSettings(**settings)
    except (KeyError, TypeError, ValueError) as e:
        raise RunError(run.folder / "run.json", f"settings: {e}") from None
    vocabulary = load_vocabulary(run)
    model = PictureCaptioner(len(vocabulary), settings, Generator(0))
    load_checkpoint(run.folder, model=model, which="best")
    model.eval()
    return model, vocabulary, settings


def describe(model, vocabulary, seen, max_length, options=None, seed=0):
    """Captions of N pictures: N lists of words, log p (N,), N arrays (words, g, g): where it looked, or None.

    seen       regions and cells of the pictures, as ``encode`` gives them
    options    a ``SearchOptions``; None: greedy. What is drawn depends on ``seed`` alone
    """
    options, generator = options or SearchOptions(), Generator(seed)
    words, log_p, looks = [], [], []
    for i in range(0, len(seen[0]), 256):
        regions, cells = (part[i : i + 256] for part in seen)
        with no_grad():
            state = model.decoder.start(Tensor(np.ascontiguousarray(regions)))
        tokens, p, alpha = search(
            model.decoder.step, state, len(regions), Vocabulary.start, Vocabulary.end, max_length, options,
            generator, forbidden=(Vocabulary.pad, Vocabulary.start),
        )  # fmt: skip
        words += [[vocabulary.words[t] for t in row] for row in tokens]
        log_p.append(p)
        alpha = [None] * len(tokens) if alpha is None else alpha
        looks += [
            None if a is None else attention_grid(a, c, model.grid) for a, c in zip(alpha, cells, strict=True)
        ]
    return words, np.concatenate(log_p), looks
