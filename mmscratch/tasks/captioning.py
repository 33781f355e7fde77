"""The captioning task: pictures to sentences with attention, trained, judged and used.

``mmscratch train caption`` joins the scene network (frozen, finetuned, or from scratch) with the attention
decoder of Xu et al., 2015. ``evaluate`` prints metrics beside their controls; ``predict`` captions files.
"""

import dataclasses
import json

import numpy as np

from .. import nn, ops, optim
from ..autograd import no_grad
from ..data.batches import CaptionBatches
from ..data.image import read_image, to_float
from ..data.vocabulary import Vocabulary
from ..decoding import greedy
from ..metrics.captions import score_captions
from ..models.caption_losses import attention_loss, caption_loss, doubly_stochastic_penalty
from ..models.captioner import AttentionCaptioner
from ..models.scene_cnn import SceneCNN, load_pretrained
from ..random import Generator
from ..tensor import Tensor
from ..train import fit, load_checkpoint
from .caption_data import load_split
from .figures import attention_grid
from .run import Run, RunError, check_settings, plan, write_json

__all__ = ["CaptionSettings", "ShowAttendTell", "evaluate", "load_model", "predict", "train"]

SIDE = 64
_CHOICES = {"encoder": ("auto", "frozen", "finetune", "scratch"), "query": ("current", "previous")}


@dataclasses.dataclass
class CaptionSettings:
    """What ``--set`` may change, with its defaults.

    encoder    frozen: the shipped scene network, its best ``regions`` cells; finetune: it too is trained, all
               cells; scratch: from random weights; auto: frozen for scenes, finetune for other pictures
    query      current: the state that has heard the last word asks; previous: the paper's order
    attention_supervision    weight of the loss that points attention at the object a word mentions (scenes)
    """

    steps: int = 1500
    batch_size: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.0
    hidden: int = 128
    embedding: int = 64
    attention: int = 64
    dropout: float = 0.0
    query: str = "current"
    encoder: str = "auto"
    regions: int = 8
    attention_supervision: float = 1.0
    doubly_stochastic: float = 0.0
    clip: float = 5.0
    min_count: int = 1
    validate_every: int = 500
    patience: int = 0
    checkpoint_every: int = 500

    def for_data(self, data):
        """These settings with ``auto`` decided."""
        if self.encoder != "auto":
            return self
        return dataclasses.replace(self, encoder="frozen" if data.startswith("scenes") else "finetune")

    def __post_init__(self):
        for key, allowed in _CHOICES.items():
            if getattr(self, key) not in allowed:
                raise ValueError(f"{key}: expected {' or '.join(allowed)}, got {getattr(self, key)!r}")
        check_settings(
            self, "steps", "batch_size", "hidden", "embedding", "attention", "regions", "min_count"
        )
        if self.regions > SceneCNN.GRID**2:
            raise ValueError(f"regions: expected at most {SceneCNN.GRID**2}, got {self.regions}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 ≤ p < 1, got {self.dropout}")


class ShowAttendTell(nn.Module):
    """Encoder and decoder together: pictures to captions.

    With a frozen encoder the decoder sees the ``regions`` cells most likely to hold an object, which are
    computed once for a data set; otherwise it sees the whole 8 × 8 grid and gradients reach the encoder.
    """

    def __init__(self, vocabulary_size, settings, generator=None):
        super().__init__()
        self.frozen = settings.encoder in ("auto", "frozen")
        self.count = settings.regions if self.frozen else SceneCNN.GRID**2
        self.encoder = SceneCNN(generator=generator) if settings.encoder == "scratch" else load_pretrained()
        self.decoder = AttentionCaptioner(
            vocabulary_size, self.encoder.channels + 2, settings.hidden, settings.embedding,
            settings.attention, settings.dropout, settings.query, generator=generator,
        )  # fmt: skip

    def trained_parameters(self):
        """What the optimizer may move."""
        return list((self.decoder if self.frozen else self).parameters())

    def encode(self, images):
        """Pictures (N, 3, 64, 64) → regions (N, R, D), an array; cells (N, R)."""
        if self.frozen:
            return self.encoder.regions(images, self.count)
        with no_grad():
            parts = [self.grid_regions(images[i : i + 256]).numpy() for i in range(0, len(images), 256)]
        return np.concatenate(parts), np.tile(np.arange(self.count), (len(images), 1))

    def grid_regions(self, images):
        """All cells as regions, differentiably: (B, 3, 64, 64) → (B, 64, D)."""
        grid = self.encoder.features(Tensor(images))
        b, c, h, w = grid.shape
        y, x = np.mgrid[0:h, 0:w]
        place = np.stack([(x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1], -1).reshape(1, h * w, 2)
        place = Tensor(np.broadcast_to(place, (b, h * w, 2)).astype(grid.dtype))
        return ops.concatenate([grid.reshape(b, c, h * w).permute(0, 2, 1), place], axis=2)


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train caption`` does; returns the Run."""
    run, data, seed, settings = plan("caption", CaptionSettings, data, out, seed, assignments, resume)
    settings = settings.for_data(data)
    trained = load_split(data, "train", progress=progress)
    checked = load_split(data, "val", progress=progress)
    resume = run is not None
    if run is None:
        run = Run.create(out, "caption", data, seed, dataclasses.asdict(settings))
    if not (run.folder / "vocabulary.json").exists():
        vocabulary = Vocabulary.from_tokens(trained.sentences(), min_count=settings.min_count)
        write_json(run.folder / "vocabulary.json", list(vocabulary.words[4:]))
    vocabulary = load_vocabulary(run)
    model = ShowAttendTell(len(vocabulary), settings, Generator(seed))
    learn(model, vocabulary, settings, trained, checked, run=run, resume=resume, progress=progress)
    return run


def learn(model, vocabulary, settings, trained, checked, *, run=None, seed=None, resume=False, progress=True):
    """Fit the model on one split, watching another; the loop itself is ``train.fit``."""
    seed = run.seed if run is not None else seed
    loader = CaptionLoader(model, vocabulary, settings, trained, seed)
    parameters = model.trained_parameters()
    optimizer = optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)
    regions = model.encode(checked.floats())[0] if model.frozen else None

    def validate():
        score = likelihood(model, vocabulary, checked, regions)
        return {"val_loss": float(score.per_word)}

    return fit(
        model, loader.loss, loader.batches, optimizer=optimizer, schedule=schedule, steps=settings.steps,
        clip=settings.clip, validate=validate, validate_every=settings.validate_every, monitor="val_loss",
        patience=settings.patience or None, checkpoint_every=settings.checkpoint_every,
        run=None if run is None else run.folder, resume=resume, progress=progress,
    )  # fmt: skip


class CaptionLoader:
    """The batches of one split and the loss of one batch."""

    def __init__(self, model, vocabulary, settings, split, seed):
        self.model, self.settings = model, settings
        pairs = [(i, k) for i, sentences in enumerate(split.captions) for k in range(len(sentences))]
        tokens = [vocabulary.encode(split.captions[i][k]) for i, k in pairs]
        links = None if split.links is None else [[-1, *split.links[i][k], -1] for i, k in pairs]
        self.image_of = np.array([i for i, _ in pairs])
        order = np.random.Generator(np.random.Philox(seed))
        self.batches = CaptionBatches(
            split.images, tokens, self.image_of, links, batch_size=settings.batch_size, generator=order,
            pixels=not model.frozen,
        )  # fmt: skip
        self.regions = self.cells = None
        if model.frozen:
            self.regions, self.cells = model.encode(split.floats())
        self.object_cells = split.object_cells

    def loss(self, batch):
        """−log p of the words, plus what the settings add: a Tensor ()."""
        picture = self.image_of[batch.index]
        if self.model.frozen:
            regions = Tensor(self.regions[picture])
        else:
            regions = self.model.grid_regions(batch.images)
        logits, alpha = self.model.decoder(regions, Tensor(batch.tokens))
        loss = caption_loss(logits, Tensor(np.ascontiguousarray(batch.targets)), Vocabulary.pad)
        if self.settings.attention_supervision and self.object_cells is not None:
            spoken = self.spoken_regions(batch, picture)
            if (spoken >= 0).any():
                loss = loss + attention_loss(alpha, Tensor(spoken)) * self.settings.attention_supervision
        if self.settings.doubly_stochastic:
            mask = Tensor(batch.mask.astype(np.float32))
            loss = loss + doubly_stochastic_penalty(alpha, mask) * self.settings.doubly_stochastic
        return loss

    def spoken_regions(self, batch, picture):
        """Which region each target word speaks of: (B, T), −1 for none or where none covers the object."""
        links = batch.links[:, 1:]
        cell = np.take_along_axis(self.object_cells[picture], np.maximum(links, 0), axis=1)
        cell = np.where(links >= 0, cell, -2)
        if not self.model.frozen:
            return np.where(cell >= 0, cell, -1)
        match = cell[:, :, None] == self.cells[picture][:, None, :]
        return np.where(match.any(2), match.argmax(2), -1)


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
        settings = CaptionSettings(**run.settings)
    except (TypeError, ValueError) as e:
        raise RunError(run.folder / "run.json", f"settings: {e}") from None
    vocabulary = load_vocabulary(run)
    model = ShowAttendTell(len(vocabulary), settings, Generator(0))
    load_checkpoint(run.folder, model=model, which="best")
    model.eval()
    return model, vocabulary, settings


def describe(model, vocabulary, images, max_length):
    """Greedy captions of pictures (N, 3, 64, 64): N lists of words, log p (N,), N arrays (words, 8, 8)."""
    words, log_p, looks = [], [], []
    for i in range(0, len(images), 256):
        regions, cells = model.encode(images[i : i + 256])
        with no_grad():
            state = model.decoder.start(Tensor(regions))
        tokens, p, alpha = greedy(
            model.decoder.step, state, len(regions), Vocabulary.start, Vocabulary.end, max_length
        )
        words += [[vocabulary.words[t] for t in row] for row in tokens]
        log_p.append(p)
        looks += [attention_grid(a, c, SceneCNN.GRID) for a, c in zip(alpha, cells, strict=True)]
    return words, np.concatenate(log_p), looks


@dataclasses.dataclass
class Likelihood:
    """log p of given sentences: each sentence's sum, its number of words (end included), the mean a word."""

    log_p: np.ndarray
    words: np.ndarray

    @property
    def per_word(self):
        return -self.log_p.sum() / max(self.words.sum(), 1)


def likelihood(model, vocabulary, split, regions=None, sentences=None, picture_of=None):
    """log p of sentences given their pictures; default: every caption of the split given its own.

    picture_of: for each picture, which picture to show instead (a control).
    """
    sentences = split.captions if sentences is None else sentences
    regions = model.encode(split.floats())[0] if regions is None else regions
    pairs = [(i, vocabulary.encode(s)) for i, many in enumerate(sentences) for s in many]
    shown = np.arange(len(regions)) if picture_of is None else np.asarray(picture_of)
    log_p, words = [], []
    training = model.training
    model.eval()
    for start in range(0, len(pairs), 256):
        part = pairs[start : start + 256]
        length = max(len(t) for _, t in part)
        tokens = np.full((len(part), length), Vocabulary.pad, np.int64)
        for row, (_, t) in zip(tokens, part, strict=True):
            row[: len(t)] = t
        with no_grad():
            logits, _ = model.decoder(Tensor(regions[shown[[i for i, _ in part]]]), Tensor(tokens))
            scores = logits.log_softmax().numpy()
        target = tokens[:, 1:]
        picked = np.take_along_axis(scores, target[:, :, None], axis=2)[:, :, 0]
        mask = target != Vocabulary.pad
        log_p.append((picked * mask).sum(1, dtype=np.float64))
        words.append(mask.sum(1))
    model.train(training)
    return Likelihood(np.concatenate(log_p), np.concatenate(words))


def evaluate(run, data=None, split="val"):
    """Figures of a trained captioner on one split, each beside its controls (a dict, in printing order)."""
    model, vocabulary, _ = load_model(run)
    checked = load_split(data or run.data, split)
    trained = load_split(run.data, "train")
    return judge(model, vocabulary, checked, trained, run.seed)


def judge(model, vocabulary, checked, trained, seed=0):
    """The figures of ``evaluate``.

    Controls    majority: the training captions' most frequent one, said of every picture;
                shuffled: the same model shown another picture of the split (a fixed derangement)
    """
    regions, _ = model.encode(checked.floats())
    longest = max(len(s) for many in trained.captions for s in many)
    said, _, _ = describe(model, vocabulary, checked.floats(), max_length=2 * longest)
    others = derangement(len(checked), seed)
    own = likelihood(model, vocabulary, checked, regions)
    shuffled = likelihood(model, vocabulary, checked, regions, picture_of=others)
    figures = {
        "pictures": len(checked),
        "loss per word": own.per_word,
        "loss per word, shuffled pictures": shuffled.per_word,
    }
    scored = [i for i, many in enumerate(checked.captions) if many]
    references = [checked.captions[i] for i in scored]
    majority = trained.majority()
    for name, candidates in (
        ("", [said[i] for i in scored]),
        (", majority caption", [majority] * len(scored)),
    ):
        for metric, value in score_captions(candidates, references).items():
            figures[f"{metric}{name}"] = float(value)
    if checked.scenes is not None:
        for name, sentences in (
            ("", said),
            (", shuffled pictures", [said[i] for i in others]),
            (", majority caption", [majority] * len(checked)),
        ):
            for part, value in checked.truth(sentences).items():
                if value == value:  # no relation was stated: no rate, rather than NaN
                    figures[f"truth rate: {part}{name}"] = float(value)
    if checked.false_captions is not None:
        figures |= preference(model, vocabulary, checked, regions, others)
    return figures


def preference(model, vocabulary, split, regions, others):
    """How often a true caption is likelier than a false one of the same picture; chance is 0.5.

    Over all (true, false) pairs of each picture, ties count half; per word, so that length does not decide,
    and once as the sum. The interval is ±1.96 standard errors over pictures.
    """
    figures = {}
    for name, shown in (("", None), (", shuffled pictures", others)):
        true = likelihood(model, vocabulary, split, regions, split.captions, shown)
        false = likelihood(model, vocabulary, split, regions, split.false_captions, shown)
        for measure in ("per word", "whole"):
            shares, pairs = [], 0
            for t, f in zip(_by_picture(split.captions, true, measure),
                            _by_picture(split.false_captions, false, measure), strict=True):  # fmt: skip
                if len(t) and len(f):
                    d = t[:, None] - f[None, :]
                    shares.append(float(np.mean((d > 0) + 0.5 * (d == 0))))
                    pairs += d.size
            error = 1.96 * np.std(shares) / max(len(shares), 1) ** 0.5
            figures[f"true over false caption, {measure}{name}"] = float(np.mean(shares))
            if not name:
                figures[f"true over false caption, {measure}, ±"] = float(error)
    return figures | {"true/false pairs": pairs, "chance": 0.5}


def _by_picture(sentences, score, measure):
    value = score.log_p / score.words if measure == "per word" else score.log_p
    return np.split(value, np.cumsum([len(many) for many in sentences])[:-1])


def derangement(n, seed):
    """For each of n another one, each used once: a random cycle (n ≥ 2)."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def predict(run, files):
    """Captions of image files: a list of {"file", "caption", "log_p", "words", "attention"}.

    Every file is read before the first is captioned: a bad one is an error, and nothing is lost.
    """
    images = np.stack([read_image(f, size=SIDE) for f in files])
    model, vocabulary, _ = load_model(run)
    longest = 40
    words, log_p, looks = describe(model, vocabulary, to_float(images), max_length=longest)
    return [
        {
            "file": str(f), "caption": " ".join(w), "log_p": float(p), "words": w,
            "attention": np.round(a, 4).tolist(),
        }
        for f, w, p, a in zip(files, words, log_p, looks, strict=True)
    ]  # fmt: skip
