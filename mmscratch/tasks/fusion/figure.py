"""The table of fusions as a picture: a row a method, a group of columns a world."""

from __future__ import annotations

import pathlib

import numpy as np

from ..captioning.table import summarise

__all__ = ["heat_map"]

GAP = 0.35


def heat_map(path, record, ways, controls):
    """Draw {row: {regime: [figures of seeds]}}: means in per cent, from ½ (white) to all (dark).

    ways: how a model is judged, a column each within a regime; controls: so many first rows stand apart.
    Returns the path.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows, regimes = list(record), list(next(iter(record.values())))
    figure, axis = plt.subplots(figsize=(2.2 + 2.05 * len(regimes), 1.2 + 0.3 * len(rows)), dpi=130)
    colours = plt.get_cmap("YlGnBu")
    for i, name in enumerate(rows):
        y = i + GAP * (i >= controls)
        axis.text(-0.25, y + 0.5, name, ha="right", va="center", fontsize=9)
        for j, regime in enumerate(regimes):
            summary = summarise(record[name][regime])
            for k, way in enumerate(ways):
                if way not in summary:
                    continue
                value, x = summary[way][0], j * (len(ways) + GAP) + k
                shade = float(np.clip(2 * value - 1, 0, 1))
                axis.add_patch(plt.Rectangle((x, y), 1, 1, facecolor=colours(0.9 * shade), edgecolor="white"))
                axis.text(x + 0.5, y + 0.5, f"{100 * value:.0f}", ha="center", va="center", fontsize=8.5,
                          color="white" if shade > 0.6 else "#222222")  # fmt: skip
    for j, regime in enumerate(regimes):
        x = j * (len(ways) + GAP)
        axis.text(x + len(ways) / 2, -1.05, regime, ha="center", fontsize=11, weight="bold")
        for k, way in enumerate(ways):
            axis.text(x + k + 0.5, -0.3, way, ha="center", fontsize=7.5, color="#444444")
    axis.set_xlim(-3.6, len(regimes) * (len(ways) + GAP))
    axis.set_ylim(len(rows) + GAP + 0.1, -1.9)
    axis.axis("off")
    figure.text(
        0.5, 0.012, "right answers in per cent; chance is 50", ha="center", fontsize=8, color="#444444"
    )
    figure.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.03)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return pathlib.Path(path)
