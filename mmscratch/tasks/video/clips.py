"""Reversed clips: which nets see the arrow of time?

    python -m mmscratch.tasks.video.clips --seeds 3 --figure clips.png

Every clip stands beside its time reversal under the opposite label (`mmscratch.data.scenes.clips`): twelve
events, six pairs. A net is trained on the events; of three figures on the test split

    event      the right one of twelve
    arrow      of the two events of the pair, the right one scores higher: chance is 50 %, and a bag of frames
               is at exactly that, since it gives a clip and its reversal the same scores
    shuffled   arrow again, each clip's frames in a random order: what order was worth
    first      arrow from the first frame, shown all the time: what one frame at a known place gives away
               (who enters is not there yet, who grows is small)

the net of the best validation event is taken, and test is looked at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ... import nn, ops, optim
from ...autograd import no_grad
from ...data.scenes import ANTONYM, EVENTS, load_clips, parse_clip_options
from ...random import Generator
from ...representations.video import C3D, FrameBag, VideoResNet, to_clips
from ...tensor import Tensor
from ...train import fit
from ..run import write_json

__all__ = ["MODELS", "ClipBatches", "first_frame", "judge", "learn", "main", "scores", "shuffled"]

MODELS = {
    "bag": lambda frames, size, g: FrameBag(12, (16, 32, 64), generator=g),
    "c3d": lambda frames, size, g: _begun(
        C3D(12, ((8,), (16,), (32,)), 64, frames, size, dropout=0.0, generator=g), g
    ),
    "r2plus1d": lambda frames, size, g: VideoResNet(
        "2+1", 12, (8, 16, 32), (1, 1, 1), stem=8, stem_size=3, generator=g
    ),
}
"""Name → (frames, size, generator) → a net of twelve scores: the control, Tran 2015, Tran 2018, all small."""

TITLES = {"bag": "frame bag", "c3d": "C3D, small", "r2plus1d": "R(2+1)D, small"}
OTHER = np.array([EVENTS.index(ANTONYM[event]) for event in EVENTS])


def _begun(model, generator):
    """Weights from N(0, 2/fan_in), biases 0 (He et al., 2015): without them a net of ReLUs that normalises
    nothing hands on a sixth of a signal's square at each layer, and some seeds learn nothing."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return model


class ClipBatches:
    """Clips and labels: each once an epoch, in an order that is a function of (seed, epoch)."""

    def __init__(self, frames, labels, batch_size, seed):
        self.frames, self.labels, self.batch_size = frames, labels, batch_size
        self.seed, self.epoch, self.position = seed, 0, 0

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self):
        order = np.random.Generator(np.random.Philox([self.seed, self.epoch])).permutation(len(self.labels))
        while self.position < len(self):
            chosen = order[self.position * self.batch_size :][: self.batch_size]
            self.position += 1
            yield to_clips(self.frames[chosen]), self.labels[chosen]
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def learn(name, clips, seed=0, epochs=8, batch_size=32, lr=4e-3, progress=True):
    """One of MODELS trained on the split train; the weights that were best on val."""
    trained, checked, options = clips.split("train"), clips.split("val"), clips.options
    model = MODELS[name](options.frames, options.size, Generator(seed))
    batches = ClipBatches(trained.frames, trained.labels, batch_size, seed)
    optimizer = optim.AdamW(model.parameters(), lr=lr)
    steps = epochs * len(batches)

    def loss(batch):
        x, labels = batch
        return ops.cross_entropy(model(Tensor(x)), Tensor(labels))

    def validate():
        found = scores(model, checked.frames)
        return {"val_event": float((found.argmax(1) == checked.labels).mean())}

    fit(
        model, loss, batches, optimizer=optimizer, steps=steps, clip=5.0, validate=validate,
        validate_every=max(len(batches), 1), restore_best=True, progress=progress,
        schedule=optim.OneCycleLR(optimizer, max_lr=lr, total_steps=steps),
    )  # fmt: skip
    model.eval()
    return model


def scores(model, frames, batch_size=60):
    """Scores of all clips in evaluation mode: uint8 (N, T, S, S, 3) → (N, 12)."""
    training = model.training
    model.eval()
    with no_grad():
        found = [
            model(Tensor(to_clips(frames[i : i + batch_size]))).numpy()
            for i in range(0, len(frames), batch_size)
        ]
    model.train(training)
    return np.concatenate(found)


def arrow(found, labels):
    """Whether the event scores higher than its antonym, clip by clip: float (N,), ½ for equal scores."""
    rows = np.arange(len(labels))
    return (np.sign(found[rows, labels] - found[rows, OTHER[labels]]) + 1) / 2


def shuffled(frames, seed=0):
    """Every clip's frames in a random order of its own."""
    random = np.random.Generator(np.random.Philox(seed))
    return np.stack([clip[random.permutation(len(clip))] for clip in frames])


def first_frame(frames):
    """Every clip as its first frame, standing still."""
    return np.repeat(frames[:, :1], frames.shape[1], axis=1)


def judge(model, split):
    """event, arrow, arrow of shuffled clips and of the first frame, and both for each event."""
    found, labels = scores(model, split.frames), split.labels
    right, pointed = found.argmax(1) == labels, arrow(found, labels)
    figures = {
        "event": float(right.mean()),
        "arrow": float(pointed.mean()),
        "shuffled": float(arrow(scores(model, shuffled(split.frames)), labels).mean()),
        "first": float(arrow(scores(model, first_frame(split.frames)), labels).mean()),
    }
    for i, event in enumerate(EVENTS):
        figures[event] = float(right[labels == i].mean()), float(pointed[labels == i].mean())
    return figures


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.video.clips",
        description="Train nets on clips and their reversals.",
    )
    parser.add_argument("--data", default="clips", metavar="SPEC", help="clips[:key=value,…]")
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first of the seeds")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="clip strips with the nets' answers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (ValueError, OSError) as error:
        print(f"clips: {error}", file=sys.stderr)
        return 2


def _run(args):
    for name in ("seeds", "epochs"):
        if getattr(args, name) < 1:
            raise ValueError(f"--{name}: expected at least 1, got {getattr(args, name)}")
    clips = load_clips(parse_clip_options(args.data), progress=not args.quiet)
    test, table, models = clips.split("test"), {}, {}
    print(f"{clips.options}: {len(clips.split('train'))} clips to learn from, {len(test)} to test on")
    for name in args.models:
        table[name] = []
        for seed in range(args.seed, args.seed + args.seeds):
            models[name] = learn(name, clips, seed, args.epochs, progress=not args.quiet)
            table[name].append(judge(models[name], test))
            row = table[name][-1]
            print(f"{TITLES[name]:15} seed {seed}  "
                  + "  ".join(f"{k} {row[k]:6.1%}" for k in ("event", "arrow", "shuffled", "first")),
                  flush=True)  # fmt: skip
    _print_table(table)
    if args.json is not None:
        write_json(args.json, {"data": str(clips.options), "epochs": args.epochs, "figures": table})
    if args.figure is not None:
        from .figures import clip_strips

        answers = {TITLES[name]: scores(model, test.frames) for name, model in models.items()}
        print(f"figure  {clip_strips(args.figure, test, answers)}")
    return 0


def _print_table(table):
    """Means over the seeds: event accuracy of every event, a column a net."""
    print(f"{'event, mean over seeds':22}" + "".join(f"{TITLES[name]:>16}" for name in table))
    for key in ("event", "arrow", "shuffled", "first"):
        means = [np.mean([row[key] for row in rows]) for rows in table.values()]
        print(f"{key:22}" + "".join(f"{m:16.1%}" for m in means))
    for event in EVENTS:
        means = [np.mean([row[event][0] for row in rows]) for rows in table.values()]
        print(f"  {event:20}" + "".join(f"{m:16.1%}" for m in means))


if __name__ == "__main__":
    sys.exit(main())
