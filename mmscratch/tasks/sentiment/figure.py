"""The table of moods as a picture: rows methods, columns regimes, and how the three senses look."""

from __future__ import annotations

import io

import numpy as np

from ...data.files import write_whole
from ...data.moods import MODALITIES, make_moods
from ..captioning.table import summarise

__all__ = ["sentiment_figure"]


def sentiment_figure(path, record):
    """Draw {regime: {row: [figures]}}: Acc-2 without zeros, ½ pale to all dark, and some posts; → path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    regimes, rows = list(record), list(next(iter(record.values())))
    values = np.array(
        [
            [summarise([f["all"] for f in record[r][name]])["Acc-2 non-zero"][0] for r in regimes]
            for name in rows
        ]
    )
    axis = left.subplots()
    axis.imshow(values, cmap="YlGnBu", vmin=0.5, vmax=1.1, aspect="auto")
    for i, j in np.ndindex(*values.shape):
        axis.text(j, i, f"{100 * values[i, j]:.0f}", ha="center", va="center", fontsize=10,
                  color="white" if values[i, j] > 0.85 else "#222222")  # fmt: skip
    axis.set_xticks(range(len(regimes)), regimes)
    axis.set_yticks(range(len(rows)), [f"{r} alone" if r in MODALITIES else r for r in rows])
    axis.axhline(len(MODALITIES) + 1.5, color="white", lw=4)
    axis.tick_params(length=0)
    axis.set_title("sign of the mood told right, per cent, scores of 0 left out", fontsize=10)
    for side in axis.spines.values():
        side.set_visible(False)
    axes = right.subplots(3, 2, width_ratios=(1.5, 1))
    moods = make_moods("synergy", 96, seed=0, scenes=8)
    shown = [int(np.flatnonzero((moods.polarity[:, 0] == t) & (moods.polarity[:, 1] == v))[0])
             for t, v in ((2, 2), (2, -2), (-2, -2))]  # fmt: skip
    for (seen, heard), k in zip(axes, shown, strict=True):
        seen.imshow(moods.pictures[k])
        seen.set(xticks=[], yticks=[])
        words = list(moods.tokens[k])
        seen.set_xlabel("“" + " ".join(words) + f"”\nscore {moods.score[k]:+d}", fontsize=8.5)
        heard.specgram(moods.sounds[k], NFFT=256, Fs=8000, noverlap=192, cmap="magma", vmin=-120)
        heard.set(yticks=[], xticks=[], ylim=(600, 1600))
        heard.set_xlabel("melody, one second", fontsize=8.5)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
    return path
