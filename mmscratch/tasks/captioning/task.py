"""The captioning task: pictures to sentences, trained, judged and used.

``mmscratch train caption`` joins an encoder (``model.py``) with a decoder that reads its regions.
``evaluate`` prints metrics beside their controls (``judge.py``); ``predict`` captions files.
"""

import dataclasses

import numpy as np

from ... import optim
from ...data import scenes
from ...data.batches import CaptionBatch, CaptionBatches
from ...data.vocabulary import Vocabulary
from ...decoding import SearchOptions
from ...distributed import SERIAL, bounds
from ...models.caption_losses import attention_loss, caption_loss, doubly_stochastic_penalty
from ...models.scheduled_sampling import scheduled_forward
from ...random import Generator
from ...tensor import Tensor
from ...train import Shard, fit
from ..features.grids import check_weights
from ..run import Run, RunError, plan, settings_from, write_json
from .data import load_split
from .judge import derangement, judge, likelihood
from .model import PictureCaptioner, describe, load_model, load_vocabulary
from .settings import CaptionSettings

__all__ = ["CaptionLoader", "evaluate", "learn", "predict", "train"]

LONGEST = 40  # words of a caption of a picture that is in no data set


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True, parallel=None):
    """Train as ``mmscratch train caption`` does; returns the Run."""
    comm = SERIAL if parallel is None else parallel.comm
    run, data, seed, settings = comm.first(
        lambda: plan("caption", CaptionSettings, data, out, seed, assignments, resume)
    )
    try:
        settings = settings.for_data(data)
    except ValueError as e:
        raise RunError("--set", str(e)) from None
    if settings.weights:
        check_weights(settings.weights)
    trained, checked = comm.together(
        lambda: [load_split(data, name, progress=progress) for name in ("train", "val")]
    )
    resume = run is not None
    run, words = comm.first(lambda: _begin(run, out, data, seed, settings, trained))
    vocabulary = Vocabulary(words)
    model = PictureCaptioner(len(vocabulary), settings, Generator(seed))
    learn(
        model, vocabulary, settings, trained, checked, run=run, resume=resume, progress=progress,
        parallel=parallel,
    )  # fmt: skip
    return run


def _begin(run, out, data, seed, settings, trained):
    """The run, its folder made unless there is one, and its words."""
    if run is None:
        run = Run.create(out, "caption", data, seed, dataclasses.asdict(settings))
    if not (run.folder / "vocabulary.json").exists():
        vocabulary = Vocabulary.from_tokens(trained.sentences(), min_count=settings.min_count)
        write_json(run.folder / "vocabulary.json", list(vocabulary.words[4:]))
    return run, list(load_vocabulary(run).words[4:])


def learn(model, vocabulary, settings, trained, checked, *, run=None, seed=None, resume=False, progress=True,
          parallel=None):  # fmt: skip
    """Fit the model on one split, watching another; the loop itself is ``train.fit``.

    Beside the validation loss the journal holds the image-sensitivity meter, ``val_loss_shuffled``: the loss
    of the same captions where each is shown another picture. While they are equal, the model does not look.
    """
    seed = run.seed if run is not None else seed
    model.scale_by(trained, progress=progress)
    lazy = parallel is not None
    loader = CaptionLoader(model, vocabulary, settings, trained, seed, progress=progress, lazy=lazy)
    parameters = model.trained_parameters()
    optimizer = optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)
    validates = model.frozen and (parallel is None or parallel.comm.rank == 0)
    seen = model.encode_split(checked)[0] if validates else None
    others = derangement(len(checked), seed)

    def validate():
        regions = seen if model.frozen else model.encode_split(checked)[0]
        own = likelihood(model, vocabulary, checked, regions)
        blind = likelihood(model, vocabulary, checked, regions, picture_of=others)
        return {"val_loss": float(own.per_word), "val_loss_shuffled": float(blind.per_word)}

    return fit(
        model, loader.loss, loader.batches, optimizer=optimizer, schedule=schedule, steps=settings.steps,
        clip=settings.clip, validate=validate, validate_every=settings.validate_every, monitor="val_loss",
        patience=settings.patience or None, checkpoint_every=settings.checkpoint_every,
        run=None if run is None else run.folder, resume=resume, progress=progress, parallel=parallel,
        cut=loader.cut,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class CaptionShard:
    """Some pairs of a batch, and what turns their means into their part of the batch's.

    words, spoken    of the batch's words (words with an object), this shard's, over its share of the pairs:
                     Σ_s share_s · words_s · mean_s is the mean over the batch's words
    regions          (B, T): ``CaptionLoader.spoken_regions``, None where nothing is spoken of
    """

    batch: CaptionBatch
    number: int
    words: float
    spoken: float
    regions: np.ndarray | None


class CaptionLoader:
    """The batches of one split and the loss of one batch.

    lazy    batches come without pictures, each shard reads its own
    """

    def __init__(self, model, vocabulary, settings, split, seed, *, progress=False, lazy=False):
        self.model, self.settings, self.seed = model, settings, seed
        pairs = [(i, k) for i, sentences in enumerate(split.captions) for k in range(len(sentences))]
        tokens = [vocabulary.encode(split.captions[i][k]) for i, k in pairs]
        links = None if split.links is None else [[-1, *split.links[i][k], -1] for i, k in pairs]
        self.image_of = np.array([i for i, _ in pairs])
        order = np.random.Generator(np.random.Philox(seed))
        self.batches = CaptionBatches(
            split.images, tokens, self.image_of, links, batch_size=settings.batch_size, generator=order,
            pixels=not model.frozen and not lazy,
        )  # fmt: skip
        if settings.unigram_bias:
            targets = np.concatenate([t[1:] for t in tokens])
            model.decoder.begin_with_frequencies(np.bincount(targets, minlength=len(vocabulary)))
        self.regions = self.cells = None
        if model.frozen:
            self.regions, self.cells = model.encode_split(split, progress=progress)
        self.object_cells = None if model.published else split.object_cells
        if settings.encoder == "boxes" and split.scenes is not None:
            self.object_cells = scenes.box_cells(split.scenes)

    def cut(self, batch, count):
        """The batch as ``count`` ``train.Shard``s, for data-parallel training."""
        spoken = self.spoken(batch)
        masks = batch.mask, np.zeros((len(batch), 1)) if spoken is None else spoken >= 0
        shards = []
        for number, (a, b) in enumerate(bounds(len(batch), count)):
            share = (b - a) / len(batch)
            part = None
            if b > a:
                parts = (float(m[a:b].sum() / max(m.sum(), 1)) / share for m in masks)
                part = CaptionShard(
                    batch.rows(a, b), number, *parts, None if spoken is None else spoken[a:b].copy()
                )
            shards.append(Shard(number, share, part))
        return shards

    def loss(self, batch):
        """−log p of the words, plus what the settings add: a Tensor (). Of a batch, or of a shard of one."""
        shard = batch if isinstance(batch, CaptionShard) else CaptionShard(batch, 0, 1, 1, self.spoken(batch))
        batch, spoken = shard.batch, shard.regions
        if self.model.frozen:
            regions = Tensor(self.regions[self.image_of[batch.index]])
        else:
            images = self.batches.pictures(batch.index) if batch.images is None else batch.images
            regions = self.model.grid_regions(images)
        targets = Tensor(np.ascontiguousarray(batch.targets))
        loss, alpha = self.words(regions, Tensor(batch.tokens), targets, shard.number)
        if shard.words != 1:
            loss = loss * shard.words
        if spoken is not None and alpha is not None and (spoken >= 0).any():
            weight = self.settings.attention_supervision * shard.spoken
            loss = loss + attention_loss(alpha, Tensor(spoken)) * weight
        if self.settings.doubly_stochastic and alpha is not None:
            mask = Tensor(batch.mask.astype(np.float32))
            loss = loss + doubly_stochastic_penalty(alpha, mask) * self.settings.doubly_stochastic
        return loss

    def words(self, regions, tokens, targets, shard=0):
        """What the words cost, and where the decoder looked: teacher-forced, or as the settings say."""
        settings, decoder, pad = self.settings, self.model.decoder, Vocabulary.pad
        if settings.model == "hard":
            return decoder.bound_loss(regions, tokens, pad, settings.hard_reward, settings.hard_entropy)
        if settings.scheduled_sampling == "none":
            logits, alpha = decoder(regions, tokens)
        else:
            step = self.batches.steps - 1  # this batch is handed out already
            # Of the step and the shard alone: a resumed run draws the same, and so does any number of ranks.
            drawn = Generator((self.seed * 1_000_003 + step + shard * 0x9E3779B97F4A7C15) % 2**64)
            logits, alpha = scheduled_forward(decoder, regions, tokens, settings.epsilon(step), drawn)
        return caption_loss(logits, targets, pad, settings.label_smoothing), alpha

    def spoken(self, batch):
        """``spoken_regions`` of a batch where the settings want attention to be told, else None."""
        if not self.settings.attention_supervision or self.object_cells is None:
            return None
        return self.spoken_regions(batch, self.image_of[batch.index])

    def spoken_regions(self, batch, picture):
        """Which region each target word speaks of: (B, T), −1 for none or where none covers the object."""
        links = batch.links[:, 1:]
        cell = np.take_along_axis(self.object_cells[picture], np.maximum(links, 0), axis=1)
        cell = np.where(links >= 0, cell, -2)
        if not self.model.frozen:
            return np.where(cell >= 0, cell, -1)
        match = cell[:, :, None] == self.cells[picture][:, None, :]
        return np.where(match.any(2), match.argmax(2), -1)


def evaluate(run, data=None, split="val", search=()):
    """Figures of a trained captioner on one split, each beside its controls (a dict, in printing order).

    search     ``key=value`` of ``SearchOptions``
    """
    options = settings_from(SearchOptions, search, "--search")
    model, vocabulary, _ = load_model(run)
    checked = load_split(data or run.data, split)
    trained = load_split(run.data, "train")
    return judge(model, vocabulary, checked, trained, run.seed, options)


def predict(run, files, search=()):
    """Captions of image files: a list of {"file", "caption", "log_p", "words", "attention"}.

    Every file is read before the first is captioned: a bad one is an error, and nothing is lost.
    """
    options = settings_from(SearchOptions, search, "--search")
    model, vocabulary, _ = load_model(run)
    words, log_p, looks = describe(model, vocabulary, model.encode_files(files), LONGEST, options, run.seed)
    return [
        {
            "file": str(f), "caption": " ".join(w), "log_p": float(p), "words": w,
            "attention": None if a is None else np.round(a, 4).tolist(),
        }
        for f, w, p, a in zip(files, words, log_p, looks, strict=True)
    ]  # fmt: skip
