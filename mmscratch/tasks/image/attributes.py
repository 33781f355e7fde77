"""Pretraining of the scene network: what lies in each cell of a picture.

``mmscratch train attributes`` is the recipe of the weights that ship with the package;
``mmscratch.tasks.image.attributes.ship(run)`` writes them with their sha256 and their recipe.
"""

import dataclasses
import json

import numpy as np

from ... import optim
from ...autograd import no_grad
from ...data.image import to_float
from ...data.scenes import cell_targets
from ...metrics.classification import accuracy
from ...models.scene_cnn import WEIGHTS, SceneCNN
from ...random import Generator
from ...tensor import Tensor
from ...train import fit, load_checkpoint
from ...weights import write_shipped
from ..captioning.data import load_scenes
from ..run import Run, RunError, check_settings, plan

__all__ = ["AttributeSettings", "SceneBatches", "evaluate", "judge", "ship", "targets_of", "train"]


@dataclasses.dataclass
class AttributeSettings:
    """What ``--set`` may change, with its defaults."""

    steps: int = 1500
    batch_size: int = 64
    lr: float = 3e-3
    clip: float = 5.0
    validate_every: int = 500
    checkpoint_every: int = 500

    def __post_init__(self):
        check_settings(self, "steps", "batch_size")


class SceneBatches:
    """Pictures and their cell targets: each once an epoch, in an order that can be stopped and continued."""

    def __init__(self, images, targets, batch_size, seed):
        self.images, self.targets, self.batch_size = images, targets, batch_size
        self.seed, self.epoch, self.position = seed, 0, 0

    def __len__(self):
        return -(-len(self.images) // self.batch_size)

    def __iter__(self):
        # The order of an epoch is a function of (seed, epoch), so two numbers are the whole state.
        order = np.random.Generator(np.random.Philox([self.seed, self.epoch])).permutation(len(self.images))
        while self.position < len(self):
            chosen = order[self.position * self.batch_size :][: self.batch_size]
            self.position += 1
            yield to_float(self.images[chosen]), {k: t[chosen] for k, t in self.targets.items()}
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def targets_of(scenes):
    """What lies in the cells of scenes' pictures: {head: (N, 8, 8) int64}, −1 where there is no object."""
    found = cell_targets(scenes, SceneCNN.GRID)
    return {head: found[head].astype(np.int64) for head in SceneCNN.HEADS}


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train attributes`` does; returns the Run."""
    run, data, seed, settings = plan("attributes", AttributeSettings, data, out, seed, assignments, resume)
    if data.partition(":")[0] != "scenes":
        raise RunError("--data", f"attributes are known of scenes only, got {data!r}")
    trained, checked = (load_scenes(data, s, progress=progress) for s in ("train", "val"))
    resume = run is not None
    if run is None:
        run = Run.create(out, "attributes", data, seed, dataclasses.asdict(settings))
    model = SceneCNN(generator=Generator(run.seed))
    batches = SceneBatches(trained.images, targets_of(trained.scenes), settings.batch_size, run.seed)
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)

    def loss(batch):
        images, targets = batch
        return model.attribute_loss(model(Tensor(images))[1], targets)

    def validate():
        return {"val_right": judge(model, checked)["shape, colour and size right"]}

    fit(
        model, loss, batches, optimizer=optimizer, schedule=schedule, steps=settings.steps,
        clip=settings.clip, validate=validate,
        validate_every=settings.validate_every, checkpoint_every=settings.checkpoint_every,
        run=run.folder, resume=resume, progress=progress,
    )  # fmt: skip
    return run


def evaluate(run, data=None, split="val"):
    """Accuracies of a trained network on one split, with the majority baseline of each attribute."""
    model = SceneCNN()
    load_checkpoint(run.folder, model=model, which="best")
    return judge(model, load_scenes(data or run.data, split))


def judge(model, split, batch_size=250):
    """Shares of cells (objectness) and of objects (attributes) that are right, majorities beside them."""
    model.eval()
    targets = targets_of(split.scenes)
    found = {head: [] for head in SceneCNN.HEADS}
    for i in range(0, len(split.images), batch_size):
        with no_grad():
            logits = model(Tensor(to_float(split.images[i : i + batch_size])))[1]
        for head, part in model.split(logits).items():
            part = part.numpy()
            found[head].append(part[:, 0] > 0 if head == "objectness" else part.argmax(1))
    model.train()
    found = {head: np.concatenate(parts) for head, parts in found.items()}
    cells = targets["objectness"] > 0
    figures = {"pictures": len(split.images), "objects": int(cells.sum())}
    figures["objectness right (cells)"] = accuracy(found["objectness"].ravel(), cells.ravel())
    figures["objectness right, majority"] = float(1 - cells.mean())
    right = np.ones(int(cells.sum()), bool)
    for head in ("shape", "colour", "size"):
        got, wanted = found[head][cells], targets[head][cells]
        right &= got == wanted
        figures[f"{head} right"] = accuracy(got, wanted)
        figures[f"{head} right, majority"] = float(np.bincount(wanted).max() / len(wanted))
    figures["shape, colour and size right"] = float(right.mean())
    return figures


def ship(run, path=WEIGHTS):
    """Write a run's best weights where the package looks for them, with the recipe beside them."""
    model = SceneCNN()
    load_checkpoint(run.folder, model=model, which="best")
    figures = evaluate(run, split="test-iid")
    changed = [f"{k}={v}" for k, v in run.settings.items() if v != getattr(AttributeSettings(), k)]
    recipe = {
        "made by": " ".join(
            ["mmscratch train attributes --data", run.data, "--seed", str(run.seed), "--set", *changed]
        ),
        "channels": list(_channels(model)),
        "test-iid": {k: round(v, 5) if isinstance(v, float) else v for k, v in figures.items()},
    }
    return json.dumps(write_shipped(path, model.state_dict(), recipe), indent=1)


def _channels(model):
    return [layer.weight.shape[0] for layer in (model.conv1, model.conv2, model.conv3, model.conv4)]
