"""Handwritten digits: a small CNN on MNIST, or on any part of it.

    mmscratch train mnist --data mnist:../shared/data/mnist --out runs/mnist
    mmscratch evaluate runs/mnist

A fifth of the pictures is held out for validation, the same fifth whatever the seed of the training. Nothing
is chosen on it: the figures are those of the last step. Each picture is turned, scaled and shifted a little
anew every epoch.
"""

import dataclasses

import numpy as np

from ... import ops, optim
from ...autograd import no_grad
from ...data.mnist import Digits, load_mnist, split_digits
from ...distributed import SERIAL
from ...metrics.classification import accuracy
from ...random import Generator
from ...representations.image.cnn import SmallCNN
from ...tensor import Tensor, tensor
from ...train import fit, load_checkpoint
from ..run import Run, RunError, check_settings, plan

__all__ = ["DigitSettings", "distort", "evaluate", "judge", "load", "train"]


@dataclasses.dataclass
class DigitSettings:
    """What ``--set`` may change, with its defaults."""

    epochs: int = 16
    batch_size: int = 50
    lr: float = 4e-3
    width: int = 16
    smoothing: float = 0.05
    distortion: float = 0.7

    def __post_init__(self):
        check_settings(self, "epochs", "batch_size", "width")
        if not 0 <= self.smoothing < 1 or self.distortion < 0:
            raise ValueError("smoothing: expected a share below 1; distortion: expected at least 0")


def load(data: str, split: str) -> Digits:
    """ "mnist:PATH" and "train", "val" or "all" → the pictures.

    Errors     RunError for another name; DataError where the files cannot be read
    """
    name, _, path = data.partition(":")
    if name != "mnist" or not path:
        raise RunError("--data", f"digits are known as mnist:PATH, got {data!r}")
    if split not in ("train", "val", "all"):
        raise RunError("--split", f"expected train, val or all, got {split!r}")
    digits = load_mnist(path)
    return digits if split == "all" else split_digits(digits)[split == "val"]


def distort(images, strength, random):
    """Each picture under an affine map of its own: turned to 12°, scaled to 12 %, shifted to 2 pixels.

    Forward    y[p] = x[A(p − c) + c + t] between the four pixels around (bilinear), 0 outside; c the centre
    Shapes     float32 (B, H, W) → the same
    """
    b, h, w = images.shape
    angle = random.uniform(-1, 1, b) * np.deg2rad(12) * strength
    scale = np.exp(random.uniform(-1, 1, (2, b)) * 0.12 * strength)
    shift = random.uniform(-2, 2, (2, b, 1, 1)) * strength
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    cos, sin = (f(angle)[:, None, None] for f in (np.cos, np.sin))
    sy, sx = (s[:, None, None] for s in scale)
    rows = sy * (cos * y + sin * x) + shift[0] + (h - 1) / 2
    columns = sx * (cos * x - sin * y) + shift[1] + (w - 1) / 2
    padded = np.zeros((b, h + 3, w + 3), np.float32)
    padded[:, 1 : h + 1, 1 : w + 1] = images
    rows, columns = np.clip(rows + 1, 0, h + 1), np.clip(columns + 1, 0, w + 1)
    i, j = rows.astype(np.intp), columns.astype(np.intp)
    v, u = (rows - i).astype(np.float32), (columns - j).astype(np.float32)
    flat, at = padded.reshape(-1), (np.arange(b)[:, None, None] * (h + 3) + i) * (w + 3) + j
    upper = flat[at] * (1 - u) + flat[at + 1] * u
    lower = flat[at + w + 3] * (1 - u) + flat[at + w + 4] * u
    return upper * (1 - v) + lower * v


def pixels(images):
    """uint8 (B, 28, 28) → float32 (B, 1, 28, 28) around 0."""
    return _centred(images.astype(np.float32) / 255)


def _centred(values):
    return np.ascontiguousarray((values - np.float32(0.13))[:, None] / np.float32(0.31), np.float32)


class DigitBatches:
    """Distorted pictures and labels, each once an epoch; all draws are functions of seed, epoch and place."""

    def __init__(self, digits, settings, seed):
        self.digits, self.settings, self.seed = digits, settings, seed
        self.epoch = self.position = 0

    def __len__(self):
        return -(-len(self.digits) // self.settings.batch_size)

    def __iter__(self):
        size = self.settings.batch_size
        order = _random(self.seed, self.epoch, 0).permutation(len(self.digits))
        while self.position < len(self):
            chosen = order[self.position * size :][:size]
            self.position += 1
            random = _random(self.seed, self.epoch, self.position)
            images = self.digits.images[chosen].astype(np.float32) / 255
            yield _centred(distort(images, self.settings.distortion, random)), self.digits.labels[chosen]
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def _random(seed, epoch, place):
    return np.random.Generator(np.random.PCG64([seed, epoch, place]))


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True, parallel=None):
    """Train as ``mmscratch train mnist`` does; returns the Run."""
    comm = SERIAL if parallel is None else parallel.comm
    run, data, seed, settings = comm.first(
        lambda: plan("mnist", DigitSettings, data, out, seed, assignments, resume)
    )
    trained, checked = comm.together(lambda: [load(data, name) for name in ("train", "val")])
    resume = run is not None
    if run is None:
        run = comm.first(lambda: Run.create(out, "mnist", data, seed, dataclasses.asdict(settings)))
    model = SmallCNN(width=settings.width, generator=Generator(run.seed))
    batches = DigitBatches(trained, settings, run.seed)
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.01)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.epochs * len(batches))

    def loss(batch):
        images, labels = batch
        logits = model(Tensor(images))
        return ops.cross_entropy(logits, tensor(labels, np.int64), label_smoothing=settings.smoothing)

    fit(
        model, loss, batches, optimizer=optimizer, schedule=schedule, epochs=settings.epochs,
        validate=lambda: {"val_right": judge(model, checked)["right"]}, checkpoint_every=len(batches),
        run=run.folder, resume=resume, progress=progress, parallel=parallel,
    )  # fmt: skip
    return run


def evaluate(run, data=None, split="val"):
    """Accuracy of the last step's network on one part, with the majority beside it."""
    model = SmallCNN(width=run.settings["width"])
    load_checkpoint(run.folder, model=model, which="last")
    return judge(model, load(data or run.data, split))


def judge(model, digits, batch_size=250):
    """The share that is right; what always saying the most frequent digit would give; and the errors."""
    training = model.training
    model.eval()
    found = []
    for i in range(0, len(digits), batch_size):
        with no_grad():
            found.append(model(Tensor(pixels(digits.images[i : i + batch_size]))).numpy().argmax(1))
    model.train(training)
    found = np.concatenate(found)
    return {
        "pictures": len(digits),
        "right": accuracy(found, digits.labels),
        "right, majority": float(np.bincount(digits.labels).max() / len(digits)),
        "errors": int((found != digits.labels).sum()),
    }
