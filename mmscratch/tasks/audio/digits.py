"""Spoken digits of speakers who were never heard: a small network over log-mel pictures.

``mmscratch train digits --data fsdd:recordings.zip --out RUN --set held_out=theo`` trains on all speakers but
one, ``mmscratch evaluate RUN`` judges on that one. ``python -m mmscratch.tasks.audio.digit_folds`` makes the
table.

    clip → log-mel (Kaldi's, 32 bands) → 48 frames → normalised → SoundCNN → digit
"""

import dataclasses
import functools

import numpy as np

from ... import ops, optim
from ...autograd import no_grad
from ...data.fsdd import load_fsdd
from ...distributed import SERIAL
from ...metrics.classification import accuracy, majority_baseline, wilson_interval
from ...random import Generator
from ...representations.audio import log_mel, preset
from ...representations.audio.augment import Augment, Colours, normalise, stretch, views
from ...representations.audio.cepstrum import dct_matrix
from ...representations.audio.sound_cnn import SoundCNN
from ...tensor import Tensor
from ...train import fit, load_checkpoint
from ..run import Run, RunError, check_settings, plan

__all__ = ["DigitSettings", "evaluate", "learn", "pictures", "predictions", "scores", "train"]

FRAMES, BANDS, CLASSES = 48, 32, 10


@dataclasses.dataclass
class DigitSettings:
    """What ``--set`` may change, with its defaults.

    held_out     the speaker who is not trained on
    normalise    "utterance": each clip by its own mean and deviation; "speaker": each band by those of all
                 the speaker's clips, which asks for more than one clip of a new speaker
    depth        what is more than so many nats below a clip's loudest band is raised to there; 0: nothing
    order        pictures smoothed over the bands: only their first so many cosines; 0: all
    contrast, everywhere, coarse     see ``SoundCNN``
    mixup        λ ~ Beta(mixup, mixup) mixes two clips and their digits (Zhang et al., 2018); 0 for none
    colours      clips are moved to other colours in training, see ``Colours``
    time, warp, equaliser, noise     see ``Augment``
    views        a clip is judged by the mean of nine readings (see ``views``), not by one
    """

    held_out: str = "theo"
    normalise: str = "utterance"
    epochs: int = 16
    batch_size: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.01
    dropout: float = 0.3
    depth: float = 0.0
    order: int = 0
    contrast: bool = False
    everywhere: bool = False
    coarse: int = 1
    mixup: float = 0.3
    smoothing: float = 0.1
    colours: bool = True
    time: float = 0.1
    warp: float = 0.15
    equaliser: float = 0.1
    noise: float = -1.0
    views: bool = True

    def __post_init__(self):
        if self.normalise not in ("utterance", "speaker"):
            raise ValueError(f"normalise: expected utterance or speaker, got {self.normalise!r}")
        check_settings(self, "epochs", "batch_size", "coarse")
        for key, most in (("depth", np.inf), ("order", BANDS)):
            if not 0 <= getattr(self, key) <= most:
                raise ValueError(f"{key}: expected 0 to {most}, got {getattr(self, key)}")
        for key in ("weight_decay", "dropout", "mixup", "smoothing", "time", "warp", "equaliser"):
            if not 0 <= getattr(self, key) <= 1:
                raise ValueError(f"{key}: expected 0 to 1, got {getattr(self, key)}")


def pictures(digits, settings=None):
    """Every clip as a normalised log-mel picture: (N, 48, 32) float32. No label is looked at."""
    settings = settings or DigitSettings()
    x = log_mel(digits.clips, preset("kaldi", digits.sample_rate, bands=BANDS))
    x = stretch(x, FRAMES)
    if settings.depth:
        x = np.maximum(x, x.max((1, 2), keepdims=True) - np.float32(settings.depth))
    if settings.order:
        cosines = dct_matrix(BANDS, settings.order).astype(np.float32)
        x = x @ (cosines.T @ cosines)
    return normalise(x, digits.speakers if settings.normalise == "speaker" else None)


class DigitBatches:
    """Augmented, mixed pictures with the digits' probabilities; a function of (seed, epoch, position)."""

    def __init__(self, x, digits, speakers, settings, seed):
        self.x, self.digits, self.settings, self.seed = x, digits, settings, seed
        # normalised by speaker, all speakers are of one colour
        moved = settings.colours and settings.normalise == "utterance"
        self.colours = Colours(x, speakers) if moved else None
        self.augment = Augment(
            time=settings.time, warp=settings.warp, equaliser=settings.equaliser, noise=settings.noise
        )
        self.epoch, self.position = 0, 0

    def __len__(self):
        return -(-len(self.x) // self.settings.batch_size)

    def __iter__(self):
        order = _random(self.seed, self.epoch, 0).permutation(len(self.x))
        while self.position < len(self):
            n = self.settings.batch_size
            chosen = order[self.position * n : (self.position + 1) * n]
            self.position += 1
            yield self._batch(chosen, _random(self.seed, self.epoch, self.position))
        self.epoch, self.position = self.epoch + 1, 0

    def _batch(self, chosen, random):
        x = self.x[chosen]
        if self.colours is not None:
            x = normalise(self.colours(x, chosen, random))
        x = self.augment(x, random)
        y = np.eye(CLASSES, dtype=np.float32)[self.digits[chosen]]
        if self.settings.mixup:
            share = random.beta(self.settings.mixup, self.settings.mixup, len(x)).astype(np.float32)[:, None]
            other = random.permutation(len(x))
            x = share[:, :, None] * x + (1 - share[:, :, None]) * x[other]
            y = share * y + (1 - share) * y[other]
        return x, y

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def _random(*key):
    return np.random.Generator(np.random.Philox(list(key)))


def network(settings, seed=0):
    """The settings' SoundCNN, untrained."""
    return SoundCNN(
        CLASSES, dropout=settings.dropout, contrast=settings.contrast, everywhere=settings.everywhere,
        coarse=settings.coarse, generator=Generator(seed),
    )  # fmt: skip


def learn(x, digits, speakers, settings, seed=0, **options):
    """A SoundCNN trained on pictures x (N, T, F) of digits (N,) said by speakers (N,).

    options     those of ``train.fit``
    """
    model = network(settings, seed)
    batches = DigitBatches(x, digits, speakers, settings, seed)
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    steps = settings.epochs * len(batches)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=steps)

    def loss(batch):
        pictures, wanted = batch
        return ops.cross_entropy(model(Tensor(pictures)), wanted, label_smoothing=settings.smoothing)

    options = {"progress": False} | options
    fit(model, loss, batches, optimizer=optimizer, schedule=schedule, steps=steps, clip=5.0, **options)
    model.eval()
    return model


def predictions(model, x, settings=None):
    """The likeliest digit of each picture: (N,), by ``scores``."""
    return scores(model, x, settings).argmax(1)


def scores(model, x, settings=None):
    """The log-probabilities of each picture's digits: (N, 10); with ``views``, the mean of the readings."""
    readings = views(x) if (settings or DigitSettings()).views else [x]
    return sum(_log_probabilities(model, reading) for reading in readings) / len(readings)


def _log_probabilities(model, x, batch_size=250):
    model.eval()
    with no_grad():
        parts = [
            ops.log_softmax(model(Tensor(x[i : i + batch_size])), axis=1).numpy()
            for i in range(0, len(x), batch_size)
        ]
    return np.concatenate(parts)


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True, parallel=None):
    """Train as ``mmscratch train digits`` does; returns the Run."""
    comm = SERIAL if parallel is None else parallel.comm
    run, data, seed, settings = comm.first(
        lambda: plan("digits", DigitSettings, data, out, seed, assignments, resume)
    )
    digits, x, held = comm.together(lambda: _load(data, settings))
    resume = run is not None
    if run is None:
        run = comm.first(lambda: Run.create(out, "digits", data, seed, dataclasses.asdict(settings)))
    learn(
        x[~held], digits.digits[~held], digits.speakers[~held], settings, run.seed,
        run=run.folder, resume=resume, progress=progress, parallel=parallel,
    )  # fmt: skip
    return run


def evaluate(run, data=None, split="test"):
    """Accuracy on the held-out speaker (split "test"), or on the speakers trained on ("train")."""
    if split not in ("test", "val", "train"):
        raise RunError("--split", f"expected test (the held-out speaker) or train, got {split!r}")
    settings = DigitSettings(**run.settings)
    digits, x, held = _load(data or run.data, settings)
    model = network(settings)
    load_checkpoint(run.folder, model=model, which="last")
    chosen = ~held if split == "train" else held
    wanted = digits.digits[chosen]
    right = accuracy(predictions(model, x[chosen], settings), wanted)
    low, high = wilson_interval(round(right * len(wanted)), len(wanted))
    return {
        "clips": len(wanted),
        "speakers": ", ".join(sorted(set(digits.speakers[chosen].tolist()))),
        "digit right": right,
        "digit right, 95 % interval from": low,
        "digit right, 95 % interval to": high,
        "digit right, majority": majority_baseline(digits.digits[~held], wanted),
    }


def _load(data, settings):
    kind, _, path = data.partition(":")
    if kind != "fsdd" or not path:
        raise RunError("--data", f"expected fsdd:PATH (recordings.zip, or a folder of WAV), got {data!r}")
    digits = _read(path)
    held = digits.speakers == settings.held_out
    if not held.any() or held.all():
        raise RunError("--set", f"held_out: expected one of {', '.join(digits.names)} beside others, "
                                f"got {settings.held_out!r}")  # fmt: skip
    return digits, pictures(digits, settings), held


@functools.lru_cache(maxsize=1)
def _read(path):
    return load_fsdd(path)
