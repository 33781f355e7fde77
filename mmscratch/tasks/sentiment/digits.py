"""Digits seen and heard: MNIST's pictures beside spoken digits, and what each fusion makes of them.

    mmscratch table sentiment --of digits --data mnist:PATH fsdd:recordings.zip

A pair is a picture of i and a recording of j. Three labels:

    same      j = i, the label is the digit: either tells (redundant)
    parity    1 where i and j are both odd or both even: each alone tells nothing (synergy)
    sum       (i + j) mod 10: each alone tells nothing (synergy)

Of parity and sum all hundred (i, j) are equally frequent, so a modality alone is right half and a tenth of
the time, whatever it is. One network of each modality, taught to name the digit, gives the features; the
fusions learn from those of training pictures and recordings. Test pairs are of other pictures, with other
takes of the same speakers, or with a speaker who was never heard.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.fsdd import load_fsdd
from ...data.mnist import load_mnist
from ...models.fusion.classifier import FusionClassifier
from ...models.fusion.modality_dropout import modality_dropout
from ...optim import Adam
from ...random import Generator
from ...tensor import tensor
from ..audio.digits import pictures
from ..captioning.table import summarise
from ..run import RunError, check_settings, settings_from

__all__ = ["DIGIT_METHODS", "LABELS", "PairSettings", "digits_table", "pairs", "run_digits"]

LABELS = {
    "same": (10, lambda i, j: i),
    "parity": (2, lambda i, j: ((i + j) % 2 == 0).astype(np.int64)),
    "sum": (10, lambda i, j: (i + j) % 10),
}
"""Name → (classes, label of picture's digit i and recording's digit j)."""
DIGIT_METHODS = ("early", "late-product", "intermediate", "tensor", "low-rank", "gated", "film", "mult")
SEEN = {"both": None, "image only": (True, False), "sound only": (False, True)}
TAKES = 5


@dataclasses.dataclass(frozen=True)
class PairSettings:
    """How the features and the fusions are trained.

    held_out     the speaker who is never heard in training
    images       how many pictures to learn from; a third of that for testing
    """

    held_out: str = "theo"
    images: int = 1500
    epochs: int = 6
    steps: int = 150
    batch_size: int = 100
    lr: float = 5e-3
    hidden: int = 32
    dropout: float = 0.15

    def __post_init__(self):
        check_settings(self, "images", "epochs", "steps", "batch_size", "hidden")
        if self.batch_size % 10 or self.images < 100:
            raise ValueError(
                f"batch_size, images: expected a multiple of 10 and at least 100, got {self.batch_size}, "
                f"{self.images}"
            )


class DigitNetwork(nn.Module):
    """To a digit: h = relu(W₂ relu(W₁ x + b₁) + b₂), z = V h + c: x (B, D) → z (B, 10)."""

    def __init__(self, size, hidden, generator):
        self.inward = nn.Linear(size, 2 * hidden, activation="relu", generator=generator)
        self.feature = nn.Linear(2 * hidden, hidden, activation="relu", generator=generator)
        self.head = nn.Linear(hidden, 10, generator=generator)

    def features(self, x):
        """h (B, hidden)."""
        return self.feature(self.inward(x))

    def forward(self, x):
        return self.head(self.features(x))


@dataclasses.dataclass
class Shelf:
    """Features of pictures and recordings with their digits: of one part, training or a test."""

    image: np.ndarray
    seen: np.ndarray
    sound: np.ndarray
    heard: np.ndarray


def pairs(label, count, seen, heard, random):
    """(rows of pictures, rows of recordings, labels): every cell equally often.

    label      "same": (i, i); else all hundred (i, j)
    Errors     ValueError for another label, or a count that the cells (10 or 100) do not divide
    """
    if label not in LABELS:
        raise ValueError(f"pairs: label: expected one of {', '.join(LABELS)}, got {label!r}")
    cells = [(i, i) for i in range(10)] if label == "same" else [divmod(k, 10) for k in range(100)]
    if count < len(cells) or count % len(cells):
        raise ValueError(f"pairs: count: expected a multiple of {len(cells)}, got {count}")
    drawn = np.array(cells)[random.permutation(np.repeat(np.arange(len(cells)), count // len(cells)))]
    rows = []
    for digits, wanted in zip((seen, heard), drawn.T, strict=True):
        where = [np.flatnonzero(digits == d) for d in range(10)]
        rows.append(np.array([where[d][random.integers(len(where[d]))] for d in wanted]))
    return rows[0], rows[1], LABELS[label][1](*drawn.T)


def named(x, digits, settings, seed, noise):
    """A ``DigitNetwork`` taught to name the digits of x (N, D)."""
    generator, random = Generator(seed), np.random.default_rng([seed, len(x)])
    model = DigitNetwork(x.shape[1], settings.hidden, generator)
    optimizer = Adam(model.parameters(), lr=2e-3)
    for _ in range(settings.epochs):
        order = random.permutation(len(x))
        for k in range(0, len(x) - 49, 50):
            rows = order[k : k + 50]
            seen = x[rows] + random.normal(scale=noise, size=(50, x.shape[1])).astype(np.float32)
            loss = ops.cross_entropy(model(tensor(seen)), tensor(digits[rows], np.int64))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def shelves(images, spoken, settings, seed):
    """({"train", "seen speakers", "unseen speaker"}: Shelf, {modality: {part: digits named right}})."""
    random = np.random.default_rng([seed, 0xD161])
    order = random.permutation(len(images))
    n = settings.images
    if n + n // 3 > len(images):
        raise RunError(
            "--set", f"images: {n} and a third for testing are more than the {len(images)} there are"
        )
    view = images.images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(len(images), -1)
    view = ((view - 33) / 70).astype(np.float32)
    learnt, tested = order[:n], order[n : n + n // 3]
    mel = pictures(spoken)
    mel = mel.reshape(len(mel), 12, 4, 16, 2).mean((2, 4)).reshape(len(mel), -1).astype(np.float32)
    held = spoken.speakers == settings.held_out
    if not held.any() or held.all():
        raise RunError(
            "--set", f"held_out: expected one of {', '.join(spoken.names)}, got {settings.held_out!r}"
        )
    parts = {
        "train": ~held & (spoken.takes >= TAKES),
        "seen speakers": ~held & (spoken.takes < TAKES),
        "unseen speaker": held,
    }
    eye = named(view[learnt], images.labels[learnt], settings, seed, 0.3)
    ear = named(mel[parts["train"]], spoken.digits[parts["train"]], settings, seed, 0.5)
    found, alone = {}, {"image": {}, "sound": {}}
    for part, chosen in parts.items():
        rows = learnt if part == "train" else tested
        with no_grad():
            h = [net.features(tensor(v)).numpy() for net, v in ((eye, view[rows]), (ear, mel[chosen]))]
            z = [net.head(tensor(v)).numpy().argmax(1) for net, v in ((eye, h[0]), (ear, h[1]))]
        found[part] = Shelf(h[0], images.labels[rows], h[1], spoken.digits[chosen])
        alone["image"][part] = float((z[0] == images.labels[rows]).mean())
        alone["sound"][part] = float((z[1] == spoken.digits[chosen]).mean())
    scale = [(v.mean(0), v.std(0) + 1e-3) for v in (found["train"].image, found["train"].sound)]
    for shelf in found.values():
        shelf.image, shelf.sound = (
            (v - m) / s for v, (m, s) in zip((shelf.image, shelf.sound), scale, strict=True)
        )
    return found, alone


def learn(method, label, shelf, settings, seed, only=None):
    """A ``FusionClassifier`` of pairs, drawn anew at every step; ``only``: 0 image, 1 sound."""
    generator, random = Generator(seed), np.random.default_rng([seed, 7])
    kept = [0, 1] if only is None else [only]
    model = FusionClassifier(
        method, [settings.hidden] * len(kept), LABELS[label][0], settings.hidden, generator
    )
    optimizer = Adam(model.parameters(), lr=settings.lr)
    for step in range(settings.steps):
        rows = pairs(label, settings.batch_size, shelf.seen, shelf.heard, random)
        inputs = [tensor(v) for v in (shelf.image[rows[0]], shelf.sound[rows[1]])]
        present = None
        if only is None:
            present = modality_dropout(np.ones((len(rows[2]), 2), bool), settings.dropout, generator)
        inputs = [inputs[m] for m in kept]
        optimizer.lr = settings.lr * min(1.0, 2 * (1 - step / settings.steps))
        loss = model.loss(rows[2], *inputs, present=present)
        if model.head is None:
            loss = loss + model.mixing_loss(rows[2], *inputs, present=present)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def judged(model, label, shelf, only=None, count=1000):
    """{how: share right} of test pairs: with both, and with one of the two."""
    image, sound, wanted = pairs(label, count, shelf.seen, shelf.heard, np.random.default_rng(11))
    inputs = [tensor(shelf.image[image]), tensor(shelf.sound[sound])]
    found = {}
    with no_grad():
        if only is not None:
            return {"both": float((model(inputs[only]).numpy().argmax(1) == wanted).mean())}
        for how, seen in SEEN.items():
            present = None if seen is None else np.tile(seen, (count, 1))
            found[how] = float((model(*inputs, present=present).numpy().argmax(1) == wanted).mean())
    return found


def run_digits(images, spoken, methods, seeds, settings, report=lambda label, row, found: None):
    """{label: {row: {part: [figures of each seed]}}}, and {modality: {part: [right]}}, digits named alone."""
    shelf, alone = zip(*(shelves(images, spoken, settings, seed) for seed in range(seeds)), strict=True)
    parts = ("seen speakers", "unseen speaker")
    record = {}
    for label in LABELS:
        rows = record.setdefault(label, {})
        for row in ("image alone", "sound alone", *methods):
            only = {"image alone": 0, "sound alone": 1}.get(row)
            rows[row] = {part: [] for part in parts}
            for seed in range(seeds):
                method = "early" if only is not None else row
                model = learn(method, label, shelf[seed]["train"], settings, seed, only)
                for part in parts:
                    rows[row][part].append(judged(model, label, shelf[seed][part], only))
            report(label, row, rows[row])
    named_alone = {m: {p: [a[m][p] for a in alone] for p in parts} for m in ("image", "sound")}
    return record, named_alone


def digits_table(args):
    """Print the table as the command's options ask; → the record."""
    places = dict(spec.partition(":")[::2] for spec in args.data)
    if set(places) != {"mnist", "fsdd"}:
        raise RunError("--data", f"expected mnist:PATH fsdd:PATH, got {' '.join(args.data) or 'nothing'}")
    settings = settings_from(PairSettings, args.set)
    unknown = [name for name in args.methods or () if name not in DIGIT_METHODS]
    if unknown:
        raise RunError("--methods", f"expected some of {', '.join(DIGIT_METHODS)}, got {unknown[0]!r}")
    print("per cent right: with both (the seeds' range), image only, sound only")
    print(f"{'':8}{'':14}{'seen speakers':>28}{'unseen ' + settings.held_out:>28}", flush=True)

    def report(label, row, found):
        cells = []
        for figures in found.values():
            told = summarise(figures)
            mean, low, high = (100 * v for v in told["both"])
            rest = [f"{100 * told[how][0]:6.1f}" if how in told else "     –" for how in list(SEEN)[1:]]
            cells.append(f"{mean:6.1f} ({low:.0f}–{high:.0f})".rjust(16) + "".join(rest))
        print(f"{label:8}{row:14}" + "".join(cells), flush=True)

    record, alone = run_digits(
        load_mnist(places["mnist"]), load_fsdd(places["fsdd"]), args.methods or DIGIT_METHODS, args.seeds,
        settings, report,
    )  # fmt: skip
    for modality, found in alone.items():
        told = ", ".join(f"{part} {100 * np.mean(values):.1f}" for part, values in found.items())
        print(f"digits named by the {modality} network: {told}")
    return {"settings": dataclasses.asdict(settings), "table": record, "named alone": alone}
