"""The survey's trends, measured: attention in the place of convolution and recurrence, and nodes that hear.

    mmscratch table trends
    mmscratch table trends --block graphs --seeds 1 --figure docs/oversmoothing.png

encoder    a Vision Transformer beside a network of the scene network's form, small ones of about as many
           operations, trained alike on the same pictures: what lies in each cell. The weights that are
           judged are the last. Beside them the majority of each attribute, and the same network shown another
           picture
decoder    a Transformer that writes captions beside the LSTM with soft attention, on the same regions and
           captions: how many are true. Beside them the commonest caption, and another picture
graphs     graph networks of growing depth, see ``graphs.py``: accuracy, and how alike the nodes become
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from ...data.errors import DataError
from ...data.files import write_whole
from ...explain import cost
from ...models.scene_cnn import SceneCNN
from ...models.scene_vit import SceneViT
from ...optim import AdamW, OneCycleLR, clip_grad_norm_
from ...random import Generator
from ...tensor import Tensor
from ..captioning.data import load_scenes, load_split
from ..captioning.judge import derangement
from ..captioning.table import figures_of, run_of, summarise
from ..image.attributes import SceneBatches, judge, targets_of
from ..run import RunError, write_json
from . import graphs as trends_graphs

__all__ = ["BLOCKS", "ENCODERS", "add_options", "main", "run_table", "train_encoder"]

ENCODERS = {
    "CNN": (partial(SceneCNN, (16, 24, 32, 32)), 5e-3),
    "ViT": (partial(SceneViT, 48, 2, 4), 3e-3),
}
"""Name → what makes the network, its learning rate. Small ones, of about as many operations."""
DECODERS = {"LSTM, soft attention": "soft", "Transformer": "transformer"}
PICTURES = "scenes:train={n},val=0,test=500,heldout_pairs=0,positions=all,seed={seed}"
CAPTIONS = "scenes:train=1000,val=100,test=500,level=1,seed={seed}"
SIZES = (300, 1500)
RIGHT = "shape, colour and size right"


# ── encoders ────────────────────────────────────────────────────────────────────────────────────
def train_encoder(name, split, seed, steps=300, batch_size=32):
    """A network of ``ENCODERS`` after so many steps on a split's pictures and cells; in evaluation mode."""
    make, rate = ENCODERS[name]
    model = make(generator=Generator(seed))
    optimizer = AdamW(model.parameters(), lr=rate)
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    batches, done = SceneBatches(split.images, targets_of(split.scenes), batch_size, seed), 0
    while done < steps:
        for images, targets in batches:
            loss = model.attribute_loss(model(Tensor(images))[1], targets)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            done += 1
            if done == steps:
                break
    return model.eval()


def encoder_figures(model, checked, seed):
    """``judge``'s shares, and those of the network when it is shown another picture."""
    figures = judge(model, checked)
    other = derangement(len(checked), seed)
    moved = type(checked)(checked.name, checked.images[other], checked.captions, scenes=checked.scenes)
    return figures | {"shuffled": judge(model, moved)[RIGHT]}


def encoders(args, record):
    """The block: sizes of training × networks × seeds."""
    print(f"\nall attributes of an object right, per cent; {args.steps} steps of 32 pictures")
    print(f"{'':16}" + "".join(f"{n:>22,}" for n in args.sizes) + f"{'objectness':>12}{'shuffled':>10}")
    one = np.zeros((1, 3, 64, 64), np.float32)
    for name in ENCODERS:
        found = record.setdefault(name, {})
        for n in args.sizes:
            found[str(n)] = []
            for seed in range(args.seeds):
                spec = PICTURES.format(n=n, seed=seed)
                model = train_encoder(name, load_scenes(spec, "train"), seed, args.steps)
                found[str(n)].append(encoder_figures(model, load_scenes(spec, "test-iid"), seed))
        summaries = [summarise(found[str(n)]) for n in args.sizes]
        cells = "".join(_spread(s[RIGHT]).rjust(22) for s in summaries)
        rest = "".join(
            f"{100 * summaries[-1][k][0]:{w}.1f}"
            for k, w in (("objectness right (cells)", 12), ("shuffled", 10))
        )
        print(f"{name:16}{cells}{rest}", flush=True)
        print(f"{'':16}{cost(model, one, function=lambda x, m=model: m(x)[1])}", flush=True)
    last = summaries[-1]
    majority = ", ".join(
        f"{k} {100 * last[f'{k} right, majority'][0]:.1f}" for k in ("shape", "colour", "size")
    )
    print(f"majority: {majority}, objectness {100 * last['objectness right, majority'][0]:.1f}")


# ── decoders ────────────────────────────────────────────────────────────────────────────────────
def decoders(args, record):
    """The block: decoders × seeds, greedy and by a beam of three."""
    print("\ncaptions of one object that are true, per cent")
    print(f"{'':22}{'greedy':>20}{'beam of 3':>20}{'shuffled':>10}{'majority':>10}{'nats/word':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for name, model in DECODERS.items():
            record[name] = []
            for seed in range(args.seeds):
                spec = CAPTIONS.format(seed=seed)
                settings = [
                    f"model={model}",
                    f"steps={args.steps}",
                    "hidden=64",
                    "batch_size=64",
                    "validate_every=100",
                ]
                run = run_of(Path(folder), spec, settings, seed)
                record[name].append(
                    figures_of(run, load_split(spec, "test"), load_split(spec, "train"), beam=3)
                )
            s = summarise(record[name])
            cells = "".join(_spread(s[k]).rjust(20) for k in ("truth rate: true", "beam, truth rate: true"))
            rest = "".join(
                f"{100 * s[f'truth rate: true, {k}'][0]:10.1f}"
                for k in ("shuffled pictures", "majority caption")
            )
            print(f"{name:22}{cells}{rest}{s['loss per word'][0]:11.3f}", flush=True)


# ── graphs ──────────────────────────────────────────────────────────────────────────────────────
def graphs(args, record):
    """The block: graph networks × depth × seeds."""
    print("\ntest nodes right, per cent / mean cosine of two nodes / Dirichlet energy over ‖H‖², by depth")

    def report(name, found):
        cells = []
        for depth, figures in found.items():
            s = summarise(figures)
            right = f"{100 * s['test'][0]:.0f}" if "test" in s else "–"
            rest = f" / {s['cosine'][0]:.2f} / {s['energy'][0]:.3f}" if "cosine" in s else ""
            cells.append(f"{depth:>4}: {right}{rest}")
        print(f"{name:18}" + "".join(f"{c:25}" for c in cells).rstrip(), flush=True)

    record.update(trends_graphs.table(args.seeds, args.depths, report=report))
    if args.figure:
        print(smoothing_figure(args.figure, record))


def smoothing_figure(path, record):
    """Accuracy, cosine and energy against depth, a line a row of ``graphs.table``; → path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    titles = {"test": "test nodes right", "cosine": "mean cosine of two nodes", "energy": "energy / ‖H‖²"}
    rows = {
        "Â^k X, untrained": ("#7f8c8d", ":"),
        "GCN": ("#c0392b", "-"),
        "GCN + residual": ("#c0392b", "--"),
        "GAT": ("#2980b9", "-"),
        "GAT + residual": ("#2980b9", "--"),
    }
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        for name, (colour, style) in rows.items():
            if key in next(iter(record[name].values()))[0]:
                values = [np.mean([f[key] for f in found]) for found in record[name].values()]
                axis.plot(list(record[name]), values, style, color=colour, marker="o", ms=3.5, label=name)
        axis.set(title=title, xlabel="layers", xscale="log", xticks=list(record["GCN"]))
        axis.set_xticks(list(record["GCN"]), [str(d) for d in record["GCN"]])
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    alone = np.mean([f["test"] for f in record["no edges"][0]])
    axes[0].axhline(alone, color="k", lw=0.8, ls=":")
    axes[0].text(1, alone + 0.01, "no edges", fontsize=8)
    axes[0].set_ylim(0.25, 1)
    axes[1].legend(fontsize=8, frameon=False)
    axes[2].set_ylim(bottom=0)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
    return path


BLOCKS = {"encoder": encoders, "decoder": decoders, "graphs": graphs}
"""Name → function of the options and a record to fill."""


def _spread(summary):
    mean, low, high = (100 * v for v in summary)
    return f"{mean:.1f} ({low:.1f}–{high:.1f})"


def add_options(parser):
    """What the table takes."""
    parser.add_argument("--block", nargs="+", default=list(BLOCKS), choices=list(BLOCKS), metavar="NAME",
                        help=f"default: {' '.join(BLOCKS)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="of encoders and decoders")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="N",
                        help="pictures that encoders learn from")  # fmt: skip
    parser.add_argument("--depths", nargs="+", type=int, default=list(trends_graphs.DEPTHS), metavar="N",
                        help="layers of the graph networks")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="accuracy and likeness of nodes against depth")


def run_table(args):
    """Make it block by block; the exit code."""
    given = {"--seeds": args.seeds, "--steps": args.steps, "--sizes": min(args.sizes)}
    for option, value in (given | {"--depths": min(args.depths)}).items():
        if value < 1:
            raise RunError(option, f"expected at least 1, got {value}")
    if args.figure and "graphs" not in args.block:
        raise RunError("--figure", f"shows the block graphs, which is not among {' '.join(args.block)}")
    record = {}
    for name in args.block:
        BLOCKS[name](args, record.setdefault(name, {}))
        if args.json:
            write_json(args.json, record)
    return 0


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="mmscratch table trends", description="Transformers and graph networks, measured."
    )
    add_options(parser)
    args = parser.parse_args(arguments)
    try:
        return run_table(args)
    except (DataError, RunError, OSError) as error:
        print(f"table trends: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
