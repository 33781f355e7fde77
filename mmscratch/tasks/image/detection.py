"""A detector for the scenes world: boxes, scores and attributes, trained and judged.

``mmscratch train detection`` is the recipe of the weights that ship with the package; ``ship(run)`` writes
them with their sha256 and their recipe. A figure of a run, or of the weights that ship:

    python -m mmscratch.tasks.image.detection --out docs/boxes.png [RUN]
"""

import argparse
import dataclasses
import json
import sys

import numpy as np

from ... import optim
from ...data.files import write_whole
from ...data.scenes import SIDE, boxes
from ...data.scenes.graph import ATTRIBUTES
from ...metrics.detection import (
    average_precision,
    coco_average_precision,
    match_boxes,
    mean_average_precision,
)
from ...random import Generator
from ...representations.image.detector import WEIGHTS, Detections, Detector, detection_targets, load_detector
from ...tensor import Tensor
from ...train import fit, load_checkpoint
from ...weights import write_shipped
from ..captioning.data import load_scenes
from ..run import Run, RunError, check_settings, plan
from .attributes import SceneBatches

__all__ = ["DetectionSettings", "evaluate", "figures", "judge", "ship", "train"]

HEADS = ("shape", "colour", "size")
SAID = 0.3  # the score from which on a detection counts as said, where attributes are judged


@dataclasses.dataclass
class DetectionSettings:
    """What ``--set`` may change, with its defaults."""

    steps: int = 900
    batch_size: int = 64
    lr: float = 4e-3
    clip: float = 10.0
    validate_every: int = 300
    checkpoint_every: int = 300

    def __post_init__(self):
        check_settings(self, "steps", "batch_size")


def truths(scenes):
    """What is to be found: boxes (M, 4) of each scene, and labels, attribute → (M,) of each scene."""
    found = [boxes(scene).astype(np.float64) for scene in scenes]
    labels = {
        name: [
            np.array([ATTRIBUTES[name].index(getattr(o, name)) for o in s.objects], np.int64) for s in scenes
        ]
        for name in HEADS
    }
    seen = [(b[:, 2:] > b[:, :2]).all(1) for b in found]  # an object may be wholly behind another
    return [b[k] for b, k in zip(found, seen, strict=True)], {
        name: [v[k] for v, k in zip(each, seen, strict=True)] for name, each in labels.items()
    }


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train detection`` does; returns the Run."""
    run, data, seed, settings = plan("detection", DetectionSettings, data, out, seed, assignments, resume)
    if data.partition(":")[0] != "scenes":
        raise RunError("--data", f"boxes are known of scenes only, got {data!r}")
    trained, checked = (load_scenes(data, s, progress=progress) for s in ("train", "val"))
    resume = run is not None
    if run is None:
        run = Run.create(out, "detection", data, seed, dataclasses.asdict(settings))
    model = Detector(generator=Generator(run.seed))
    targets = detection_targets(*truths(trained.scenes), SIDE, Detector.STRIDE)
    batches = SceneBatches(trained.images, targets, settings.batch_size, run.seed)
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)

    def loss(batch):
        images, wanted = batch
        return model.loss(model(Tensor(images))[1], wanted)

    def validate():
        found = judge(model.detect(checked.floats()), checked)
        return {"val_ap50": found["AP@.5"], "val_right": found["shape, colour and size right"]}

    fit(
        model, loss, batches, optimizer=optimizer, schedule=schedule, steps=settings.steps,
        clip=settings.clip, validate=validate,
        validate_every=settings.validate_every, checkpoint_every=settings.checkpoint_every,
        run=run.folder, resume=resume, progress=progress,
    )  # fmt: skip
    return run


def evaluate(run, data=None, split="val"):
    """Figures of a trained detector on one split, with its controls."""
    return figures(trained_detector(run), load_scenes(data or run.data, split), run.seed)


def trained_detector(run):
    """The best detector of a run, in evaluation mode."""
    model = Detector()
    load_checkpoint(run.folder, model=model, which="best")
    return model.eval()


def figures(model, split, seed=0):
    """What ``judge`` says of a detector; beside it what random boxes and those of another picture reach."""
    found = model.detect(split.floats())
    out = judge(found, split)
    true, _ = truths(split.scenes)
    for convention in ("voc", "coco"):
        out[f"AP@.5, shuffled pictures ({convention})"] = average_precision(
            [(d.boxes, d.scores) for d in found[1:] + found[:1]], true, 0.5, convention
        )
    out["AP@.5, random boxes"] = average_precision(random_boxes(true, seed), true)
    return out


def random_boxes(true, seed, count=20):
    """So many boxes a picture with the sizes of true ones, anywhere, and scores of no meaning."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate([b[:, 2:] - b[:, :2] for b in true])
    out = []
    for _ in true:
        size = sizes[rng.integers(0, len(sizes), count)]
        corner = rng.uniform(0, SIDE - size)
        out.append((np.concatenate([corner, corner + size], 1), rng.uniform(size=count)))
    return out


def judge(found, split):
    """Average precisions; and of the objects found, how many are named right.

    An object counts as found if a detection of score ≥ .3 matches it with IoU ≥ .5.
    """
    true, labels = truths(split.scenes)
    plain = [(d.boxes, d.scores) for d in found]
    out = {"pictures": len(true), "objects": sum(map(len, true))}
    out["AP@.5"] = average_precision(plain, true)
    out["AP@.5, 101 points (coco)"] = average_precision(plain, true, 0.5, "coco")
    out["AP@.75"] = average_precision(plain, true, 0.75)
    out["AP@[.5:.95], 101 points (coco)"] = coco_average_precision(plain, true)
    for name in HEADS:
        out[f"mAP@.5 over {name}s"] = mean_average_precision(
            [(d.boxes, d.scores, d.labels[name]) for d in found],
            list(zip(true, labels[name], strict=True)),
            len(ATTRIBUTES[name]),
        )[0]
    return out | _attributes(found, true, labels)


def _attributes(found, true, labels):
    objects = said_count = 0
    right = {name: [] for name in HEADS}
    for i, (d, boxes_) in enumerate(zip(found, true, strict=True)):
        said = d.scores >= SAID
        match = match_boxes(d.boxes[said], d.scores[said], boxes_)
        objects, said_count = objects + len(boxes_), said_count + int(said.sum())
        for name in HEADS:
            right[name].append(d.labels[name][said][match >= 0] == labels[name][i][match[match >= 0]])
    right = {name: np.concatenate(each) if each else np.zeros(0, bool) for name, each in right.items()}
    count = len(right["shape"])
    out = {
        "recall (score ≥ .3)": count / max(objects, 1),
        "precision (score ≥ .3)": count / max(said_count, 1),
    }
    out |= {f"{name} right, of those found": float(r.mean()) if count else 0.0 for name, r in right.items()}
    everything = np.logical_and.reduce(list(right.values()))
    out["shape, colour and size right"] = float(everything.mean()) if count else 0.0
    out["found and named right, of all objects"] = float(everything.sum() / max(objects, 1))
    return out


def ship(run, path=WEIGHTS):
    """Write a run's best weights where the package looks for them, with the recipe beside them."""
    model = trained_detector(run)
    changed = [f"{k}={v}" for k, v in run.settings.items() if v != getattr(DetectionSettings(), k)]
    command = ["mmscratch train detection --data", run.data, "--seed", str(run.seed)]
    recipe = {
        "made by": " ".join([*command, *(["--set", *changed] if changed else [])]),
        "channels": [layer.weight.shape[0] for layer in (model.conv1, model.conv2, model.conv3, model.conv4)],
        "test-iid": {
            k: round(v, 5) if isinstance(v, float) else v for k, v in evaluate(run, split="test-iid").items()
        },
    }
    return json.dumps(write_shipped(path, model.state_dict(), recipe), indent=1, ensure_ascii=False)


def boxes_figure(path, split, found: list[Detections], count=4):
    """Pictures with their true boxes above, and what was found below, with scores and names."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    true, labels = truths(split.scenes)
    figure, axes = plt.subplots(2, count, figsize=(2.6 * count, 5.6), dpi=110, squeeze=False)
    for i in range(count):
        d = found[i]
        said = d.scores >= SAID
        rows = (
            (true[i], {n: labels[n][i] for n in HEADS}, None),
            (d.boxes[said], {n: d.labels[n][said] for n in HEADS}, d.scores[said]),
        )
        for axis, (shown, named, scores) in zip(axes[:, i], rows, strict=True):
            _draw(axis, split.images[i], shown, named, scores)
    axes[0, 0].set_ylabel("truth")
    axes[1, 0].set_ylabel("found: score, size, colour, shape")
    figure.tight_layout(pad=0.6)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    write_whole(path, buffer.getvalue())


def _draw(axis, image, shown, named, scores):
    axis.imshow(image)
    axis.set(xticks=[], yticks=[], xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5))
    for k, (x0, y0, x1, y1) in enumerate(shown):
        style = {"fill": False, "lw": 1.4, "ec": "black" if scores is None else "#d0107a"}
        axis.add_patch(_rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, **style))
        words = [ATTRIBUTES[n][named[n][k]] for n in ("size", "colour", "shape")]
        words = words if scores is None else [f"{scores[k]:.2f}", *words]
        axis.text((x0 + x1) / 2, y1 + 0.6, " ".join(words), fontsize=5.5, ha="center", va="top", clip_on=True)


def _rectangle(*args, **options):
    from matplotlib.patches import Rectangle

    return Rectangle(*args, **options)


def main(arguments=None):
    """Draw the figure; the exit code: 0, or 2 for a bad run or option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.image.detection",
        description="Draw true boxes and those that were found.",
    )
    parser.add_argument("folder", nargs="?", metavar="RUN", help="a run of `mmscratch train detection`")
    parser.add_argument("--out", required=True, metavar="PNG")
    parser.add_argument(
        "--data", default="scenes:test=8,heldout_pairs=0,positions=all,seed=3", metavar="SPEC"
    )
    args = parser.parse_args(arguments)
    try:
        run = Run.open(args.folder, task="detection") if args.folder else None
        model = load_detector() if run is None else trained_detector(run)
        split = load_scenes(args.data, "test")
        boxes_figure(args.out, split, model.detect(split.floats()), min(4, len(split)))
    except (RunError, OSError) as error:
        print(f"detection: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
