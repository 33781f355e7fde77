"""What to do where labels are scarce: learning curves over the number of pictures that somebody has named.

    mmscratch table explain --block scarcity --curve docs/scarcity.png

A picture comes with the names of its objects ("red circle" …, 24 there are), as a caption would say them, and
not with their places. Three ways to learn the names from N such pictures:

    scratch       a small network of the scene network's form, from random weights
    augmented     the same, every picture mirrored or not, and shifted by up to 4 pixels, anew each time
    transfer      the shipped scene network's features as they are: only the scores of the names are learnt

All take the same number of steps, so that more pictures mean fewer times each. The shipped network was told
shape, colour and cell of every object of 4,000 other scenes: what transfer saves here was paid there. Judged
by average precision, the mean over the names, on 400 pictures; beside it what no picture is needed for (each
name as likely for all pictures), and each network shown another picture.
"""

from __future__ import annotations

import io

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.files import write_whole
from ...data.scenes import COLOURS, SHAPES
from ...metrics.tied_ranks import average_precision
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...optim import AdamW, OneCycleLR
from ...random import Generator
from ...tensor import Tensor
from ..captioning.data import load_scenes
from ..captioning.judge import derangement
from ..captioning.table import summarise

__all__ = ["SIZES", "WAYS", "NameScores", "curve_figure", "jitter", "names_in", "scarcity_block"]

PICTURES = "scenes:train={n},val=0,test=400,count=3-5,heldout_pairs=0,positions=all,seed={seed}"
SIZES = (50, 200, 800)
WAYS = ("scratch", "augmented", "transfer")
SMALL = (16, 24, 32, 32)  # channels of what begins with random weights


class NameScores(nn.Module):
    """A picture to a score of each name, learnt without places: the best cell speaks for the picture.

    Forward    z_k = ln (1/64) Σ_cells exp(w_k · LN(a_cell) + b_k)
    Shapes     features (B, C, 8, 8), or image (B, 3, 64, 64) where the backbone is called → z (B, 24)
    Source     logsumexp as a smooth maximum over places: Pinheiro & Collobert, 2015, eq. 6, with r = 1
    """

    def __init__(self, backbone, generator=None):
        self.backbone = backbone
        self.norm = nn.LayerNorm(backbone.channels)
        self.names = nn.Linear(backbone.channels, len(SHAPES) * len(COLOURS), generator=generator)
        self.names.bias.data -= 2.0  # few of the names are in a picture

    def forward(self, images):
        return self.score(self.backbone.features(images))

    def score(self, features):
        """z of features that are there already."""
        b, c, h, w = features.shape
        cells = ops.permute(ops.reshape(features, shape=(b, c, h * w)), axes=(0, 2, 1))
        return ops.logsumexp(self.names(self.norm(cells)), axis=1) - float(np.log(h * w))


def names_in(scenes):
    """Which of the 24 names are in each scene: float32 (N, 24), shape by shape."""
    found = np.zeros((len(scenes), len(SHAPES), len(COLOURS)), np.float32)
    for row, scene in zip(found, scenes, strict=True):
        for o in scene.objects:
            row[SHAPES.index(o.shape), list(COLOURS).index(o.colour)] = 1
    return found.reshape(len(scenes), -1)


def jitter(images, generator, most=4):
    """Each picture mirrored with probability ½, and shifted by up to ``most`` pixels: no name changes.

    Shapes     images (B, 3, H, W) → the same; what comes in at an edge is the edge's own colour
    """
    b, _, h, w = images.shape
    wide = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)), "edge")
    out = np.empty_like(images)
    mirrored = generator.uniform((b,)) < 0.5
    places = generator.integers(0, 2 * most + 1, (b, 2))
    for k in range(b):
        y, x = places[k]
        part = wide[k, :, y : y + h, x : x + w]
        out[k] = part[..., ::-1] if mirrored[k] else part
    return out


def learn(way, images, names, seed, steps=300, batch_size=32, lr=5e-3):
    """``NameScores`` trained one of ``WAYS`` on pictures (N, 3, 64, 64) and names (N, 24)."""
    generator = Generator(seed)
    shipped = way == "transfer"
    model = NameScores(load_pretrained() if shipped else SceneCNN(SMALL, generator), generator)
    moved = [*model.norm.parameters(), *model.names.parameters()] if shipped else list(model.parameters())
    optimizer = AdamW(moved, lr=lr)
    schedule = OneCycleLR(optimizer, max_lr=lr, total_steps=steps)
    given = features_of(model.backbone, images) if shipped else images
    for _ in range(steps):
        rows = generator.permutation(len(given))[:batch_size]
        x = jitter(given[rows], generator) if way == "augmented" else given[rows]
        z = (model.score if shipped else model)(Tensor(x))
        loss = ops.binary_cross_entropy_with_logits(z, Tensor(names[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def features_of(backbone, images, batch_size=128):
    """The grid of every picture, without a gradient: (N, C, 8, 8)."""
    with no_grad():
        parts = [backbone.features(Tensor(images[i : i + batch_size])).numpy()
                 for i in range(0, len(images), batch_size)]  # fmt: skip
    return np.concatenate(parts)


def mean_precision(z, names):
    """Average precision of each name that occurs, their mean: z, names (N, 24) → a number."""
    there = names.any(0)
    return float(
        np.mean([average_precision(s, y > 0) for s, y in zip(z.T[there], names.T[there], strict=True)])
    )


def figures_of(model, images, names, seed):
    """{"AP", "AP, shuffled"} of a trained model."""
    with no_grad():
        z = model.score(Tensor(features_of(model.backbone, images))).numpy()
    other = derangement(len(z), seed)
    return {"AP": mean_precision(z, names), "AP, shuffled": mean_precision(z[other], names)}


def scarcity_block(args):
    """Print ways × sizes; the record {way: {N: [figures of each seed]}}."""
    print(f"names of objects, mean average precision in per cent; {args.steps} steps of 32 pictures")
    print(f"{'':12}" + "".join(f"{n:>22,}" for n in args.sizes) + f"{'shuffled':>10}", flush=True)
    record = {way: {str(n): [] for n in args.sizes} for way in ("no picture", *WAYS)}
    splits = {}
    for seed in range(args.seeds):
        spec = PICTURES.format(n=max(args.sizes), seed=seed)
        parts = [load_scenes(spec, name) for name in ("train", "test-iid")]
        splits[seed] = [(part.floats(), names_in(part.scenes)) for part in parts]
    for way, found in record.items():
        for n in args.sizes:
            for seed, ((images, names), (test_images, test_names)) in splits.items():
                if way == "no picture":
                    same = np.zeros(test_names.shape)
                    figures = {"AP": mean_precision(same, test_names)}
                else:
                    model = learn(way, images[:n], names[:n], seed, args.steps)
                    figures = figures_of(model, test_images, test_names, seed)
                found[str(n)].append(figures)
        summaries = [summarise(figures) for figures in found.values()]
        cells = "".join(
            "{:.1f} ({:.1f}–{:.1f})".format(*(100 * v for v in s["AP"])).rjust(22) for s in summaries
        )
        last = summaries[-1].get("AP, shuffled")
        print(f"{way:12}{cells}" + (f"{100 * last[0]:10.1f}" if last else ""), flush=True)
    return record


def curve_figure(path, record):
    """A learning curve a way, the range of the seeds shaded; → path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    colours = dict(zip(("no picture", *WAYS), ("#7f8c8d", "#c0392b", "#d68910", "#2c7a4b"), strict=True))
    for way, found in record.items():
        sizes = [int(n) for n in found]
        mean, low, high = np.transpose([summarise(figures)["AP"] for figures in found.values()])
        axis.plot(
            sizes, mean, ":" if way == "no picture" else "-", color=colours[way], marker="o", ms=4, label=way
        )
        axis.fill_between(sizes, low, high, color=colours[way], alpha=0.15, linewidth=0)
    axis.set(
        xscale="log", xlabel="pictures whose objects are named", ylabel="mean average precision", ylim=(0, 1)
    )
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.minorticks_off()
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.48))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
    return path
