"""Pictures of a shared space: the similarity matrix, and the modality gap, before and after training.

    python -m mmscratch.tasks.retrieval.figures RUN --out docs

similarity_matrix.png    S of the first pictures of a split with the first caption of each, beside the same of
                         the weights that training began with: a diagonal appears
modality_gap.png         all vectors on the two directions of greatest variance, pictures and captions, before
                         and after, and what is printed below

The gap (Liang et al., 2022, §2) is the distance of the centroids, Δ = ‖mean v − mean t‖, of rows of unit
length: two towers begin in two narrow cones, and a contrastive loss with a low temperature may leave them
apart, since it compares a picture with texts and never with pictures. Beside it: the distance of a picture
from its own caption and from another's, which is what retrieval lives on.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

import numpy as np

from ...data.errors import DataError
from ...train import CheckpointError
from ..captioning.judge import derangement
from ..run import Run, RunError, write_json
from .data import gallery, load
from .model import load_model, untrained

__all__ = ["gap", "gap_figure", "main", "matrix_figure", "vectors_of"]

COLOURS = {"picture": "#1f6fb4", "sound": "#3a923a", "text": "#d1495b"}


def vectors_of(run, split="test"):
    """A run opened, its gallery, {"before": (V, T), "after": (V, T)}: items beside their first captions."""
    found = load_model(run)
    _, model = untrained(run, found.settings)
    pairs = gallery(load(run.data, split), found.senses)
    first = np.unique(pairs.owner, return_index=True)[1]
    rows = {}
    for name, net in (("before", model), ("after", found.model)):
        v = net.encode("first", found.senses[0], pairs.first)
        t = net.encode("second", found.senses[1], pairs.second)
        rows[name] = v[pairs.owner[first]], t[first]
    return found, pairs, rows


def gap(v, t, seed=0):
    """{figure: value}: the distance of the centroids, and of pairs and of non-pairs, of rows (N, E) each."""
    other = derangement(len(v), seed)
    return {
        "gap": float(np.linalg.norm(v.mean(0) - t.mean(0))),
        "distance of a pair": float(np.linalg.norm(v - t, axis=1).mean()),
        "distance of another": float(np.linalg.norm(v - t[other], axis=1).mean()),
        "distance within the first": float(np.linalg.norm(v - v[other], axis=1).mean()),
        "distance within the second": float(np.linalg.norm(t - t[other], axis=1).mean()),
    }


def matrix_figure(path, rows, scores, captions, images, count=12):
    """S of the first ``count`` pairs, before and after training, pictures down and captions across."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11.5, 7.2), dpi=120)
    for axis, (name, (v, t)) in zip(axes, rows.items(), strict=True):
        s = scores(v[:count], t[:count])
        image = axis.imshow(s, cmap="viridis", vmin=min(s.min(), 0), vmax=max(s.max(), 0.1))
        axis.set_title(f"{name} training", fontsize=11)
        axis.set_xticks(range(count), range(1, count + 1))
        axis.set_yticks([])
        figure.colorbar(image, ax=axis, fraction=0.04, pad=0.02)
        for i in range(count if images is not None else 0):
            inset = axis.inset_axes([-1.55, i - 0.46, 0.92, 0.92], transform=axis.transData)
            inset.imshow(images[i])
            inset.axis("off")
    if captions is not None:
        told = "\n".join(f"{i + 1:2}  {c}" for i, c in enumerate(captions[:count]))
        figure.text(0.06, 0.02, told, fontsize=7.5, family="monospace", va="bottom")
    figure.subplots_adjust(left=0.07, right=0.96, top=0.97, bottom=0.30 if captions is not None else 0.1)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)


def gap_figure(path, rows, senses, seed=0, lines=60):
    """Both clouds on the two directions of greatest variance, before and after, some pairs joined."""
    plt = _pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(11, 5.4), dpi=120)
    for axis, (name, (v, t)) in zip(axes, rows.items(), strict=True):
        both = np.concatenate([v, t]).astype(np.float64)
        centred = both - both.mean(0)
        places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        a, b = places[: len(v)], places[len(v) :]
        for i in range(min(lines, len(a))):
            axis.plot([a[i, 0], b[i, 0]], [a[i, 1], b[i, 1]], color="#999", lw=0.5, zorder=1)
        for points, sense in ((a, senses[0]), (b, senses[1])):
            axis.scatter(*points.T, s=7, color=COLOURS[sense], label=f"{sense}s", alpha=0.6, linewidths=0)
            axis.scatter(*points.mean(0), s=160, marker="X", color=COLOURS[sense], edgecolors="k", zorder=3)
        told = gap(v, t, seed)
        axis.set_title(
            f"{name} training: gap {told['gap']:.2f}\n"
            f"pair {told['distance of a pair']:.2f} apart, another {told['distance of another']:.2f}",
            fontsize=10.5,
        )
        axis.set_aspect("equal", "datalim")
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.retrieval.figures", description="Similarity matrix, modality gap."
    )
    parser.add_argument("folder", metavar="RUN", help="a retrieval run")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="where the PNGs go")
    parser.add_argument("--split", default="test", metavar="NAME")
    parser.add_argument("--json", metavar="FILE", help="the distances of both figures")
    args = parser.parse_args(arguments)
    try:
        run = Run.open(args.folder, "retrieval")
        found, pairs, rows = vectors_of(run, args.split)
        args.out.mkdir(parents=True, exist_ok=True)
        senses = found.settings.senses
        images = pairs.split.images if senses[0] == "picture" else None
        captions = [" ".join(many[0]) for many in pairs.split.captions] if senses[1] == "text" else None
        scores = found.model.towers.scores
        print(matrix_figure(args.out / "similarity_matrix.png", rows, scores, captions, images))
        print(gap_figure(args.out / "modality_gap.png", rows, senses, run.seed))
    except (DataError, RunError, CheckpointError, OSError) as error:
        print(f"retrieval.figures: {error}", file=sys.stderr)
        return 2
    told = {name: gap(v, t, run.seed) for name, (v, t) in rows.items()}
    for name, figures in told.items():
        for figure, value in figures.items():
            print(f"{name + ': ' + figure:36} {value:.4f}")
    if args.json:
        write_json(args.json, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
