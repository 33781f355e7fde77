"""Pictures of the applications: an overview of their tables, and figures dressed by each warp."""

from __future__ import annotations

import pathlib

import numpy as np

from ...data.applications import garments
from ..captioning.table import summarise
from . import application, tryon

__all__ = ["overview", "try_on"]

ORACLES = ("oracle", "oracle of the last item", "visible taste", "true warp", "Bayes' rule")
CONTROLS = ("random", "popularity", "no warp", "last item", "majority", "a map that knows nothing",
            "Grad-CAM, another patient's", "Grad-CAM, random weights", "bound: bag and words",
            "GRU of both, shuffled", "both, tensor; another's report", "GCN, another's words",
            "both, another's note")  # fmt: skip
SHOWN = {"recommendation": (0, 2), "medical": (0, 1)}
"""Application → which of its figures have a panel, where it is not the first alone."""
COLOURS = {"oracle": "#2c7a4b", "control": "#b9c0c7", "method": "#2980b9"}


def _kind(row):
    return "oracle" if row in ORACLES else "control" if row in CONTROLS else "method"


def overview(path, tables):
    """Bars of each application's main figures, seeds as dots; returns the path.

    tables    {application: {row: [figures of each seed]}}
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = []
    for name, table in tables.items():
        columns = application(name).FIGURES
        panels += [(name, columns[k], table) for k in SHOWN.get(name, (0,))]
    width = min(3, len(panels))
    height = -(-len(panels) // width)
    figure, axes = plt.subplots(height, width, figsize=(5.1 * width, 3.5 * height), dpi=110, squeeze=False)
    for axis in axes.ravel()[len(panels) :]:
        axis.axis("off")
    for axis, (name, column, table) in zip(axes.ravel(), panels, strict=False):
        shown = {row: figures for row, figures in table.items() if column in summarise(figures)}
        scale = 1 if column == "error" else 100
        for y, (row, figures) in enumerate(shown.items()):
            values = scale * np.array([f[column] for f in figures])
            axis.barh(y, values.mean(), color=COLOURS[_kind(row)], height=0.72)
            axis.plot(values, np.full(len(values), y), "k.", ms=2.5)
            axis.text(values.max() + 0.012 * axis_limit(shown, column, scale), y,
                      f"{values.mean():.2f}" if column == "error" else f"{values.mean():.0f}",
                      va="center", fontsize=7.5)  # fmt: skip
        axis.set_yticks(range(len(shown)), list(shown), fontsize=7.5)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.12 * axis_limit(shown, column, scale))
        axis.tick_params(axis="x", labelsize=7.5)
        unit = "pixels, less is better" if column == "error" else "%"
        axis.set_title(f"{name}: {column} ({unit})", fontsize=9.5)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=c) for c in COLOURS.values()]
    names = ["oracle or ceiling", "control", "method"]
    figure.legend(handles, names, ncol=3, loc="lower center", frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)


def axis_limit(shown, column, scale):
    """The greatest value that is drawn, and at least a little."""
    return max(max(scale * f[column] for f in figures) for figures in shown.values()) or 1.0


def try_on(path, numbers=(5, 8, 3), seed=0):
    """A row a figure: the shirt, the figure, and what four warps make of them; returns the path."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ways = {"no warp": "no warp", "affine": "affine", "spline": "thin-plate spline", "true warp": "true warp"}
    figure, axes = plt.subplots(len(numbers), 2 + len(ways), figsize=(11, 2 * len(numbers)), dpi=120)
    random, marks = np.random.default_rng(seed), garments.landmarks()
    for k, (row, number) in enumerate(zip(axes, numbers, strict=True)):
        body, (shirt, alpha) = garments.draw_body(number), garments.draw_garment(number)
        warps = tryon.warps_of(body, tryon.SETTINGS(), random)
        true = tryon.dress(body, shirt, alpha, warps["true warp"])
        row[0].imshow(shirt + (1 - alpha[..., None]), extent=(0, 64, 64, 0))
        row[1].imshow(garments.person(body), extent=(0, 64, 64, 0))
        for axis, points in ((row[0], garments.flat_grid(marks)), (row[1], body.place(marks))):
            axis.plot(*points.T, ".", color="#c0392b", ms=3)
        for axis, (name, title) in zip(row[2:], ways.items(), strict=True):
            dressed = tryon.dress(body, shirt, alpha, warps[name])
            axis.imshow(dressed[0], extent=(0, 64, 64, 0))
            axis.set_xlabel(f"off by {tryon.judge(dressed, true)['error']:.2f} px", fontsize=8)
            if k == 0:
                axis.set_title(title, fontsize=10)
        for axis in row:
            axis.set(xticks=[], yticks=[], xlim=(0, 64), ylim=(64, 0))
    axes[0, 0].set_title("shirt, landmarks", fontsize=10)
    axes[0, 1].set_title("figure, landmarks", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)
