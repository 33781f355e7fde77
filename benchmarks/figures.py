"""The pictures: a bar a row, and cost against size."""

import math

from .run import trusted

__all__ = ["bars", "growth_figure"]

COLOURS = ("#3b6fb6", "#d0743c", "#4f9d69", "#b65a8f", "#7f6bb3", "#8a8a3a", "#3f9fa8", "#a8503f", "#666666")
SIDES = {"ours": ("#3b6fb6", "o"), "torch": ("#d0743c", "s")}


def bars(records, machine, path):
    """Our time over torch's, a bar a row: log axis, a line at 1, marks at the targets. → path, or None."""
    chosen = [r for r in records if r["kind"] == "time" and r["ratio"].get("torch") and trusted(r)]
    if not chosen:
        return None
    plt = _pyplot()
    topics = list(dict.fromkeys(r["topic"] for r in chosen))
    places, at = [], 0.0
    for i, record in enumerate(chosen):
        at += 1.8 if i and record["topic"] != chosen[i - 1]["topic"] else 1.0
        places.append(at)
    figure, axis = plt.subplots(figsize=(8, 1.2 + 0.155 * places[-1]), dpi=140)
    for place, record in zip(places, chosen, strict=True):
        ratio, target = record["ratio"]["torch"], record["targets"].get("torch")
        colour = COLOURS[topics.index(record["topic"]) % len(COLOURS)]
        axis.barh(place, math.log2(ratio), height=0.78, color=colour)
        end = max(math.log2(ratio), 0) + 0.05
        axis.text(end, place, f"{ratio:.2f}", va="center", fontsize=7.5)
        if target:
            axis.plot([math.log2(target)] * 2, [place - 0.42, place + 0.42], color="black", lw=1.6)
    low = min(-2.0, *(math.log2(r["ratio"]["torch"]) for r in chosen))
    high = max(1.0, *(math.log2(r["ratio"]["torch"]) for r in chosen))
    ticks = range(math.floor(low), math.ceil(high) + 1)
    axis.set_xticks(ticks, [f"{2**t}" if t >= 0 else f"1/{2**-t}" for t in ticks], fontsize=9)
    axis.set_xlim(low - 0.2, high + 0.6)
    axis.set_yticks(places, [r["name"] for r in chosen], fontsize=7.5)
    axis.set_ylim(places[-1] + 0.8, places[0] - 0.8)
    axis.axvline(0, color="black", lw=0.8)
    axis.grid(axis="x", color="#dddddd", lw=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(axis="x", labeltop=True, top=True)
    for edge in ("left", "right", "top"):
        axis.spines[edge].set_visible(False)
    torch = machine["versions"].get("torch")
    axis.set_title(
        f"Our time ÷ torch's (left of 1 is faster; black mark: target)\n{machine['cpu'].split(',')[0]}, "
        f"{machine['threads']} threads, torch {torch}", fontsize=10, pad=22,
    )  # fmt: skip
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return path


def growth_figure(growth, path):
    """Time (above) and memory (below) against size, a column a series; exponents in the legends."""
    if not growth:
        return None
    plt = _pyplot()
    figure, axes = plt.subplots(2, len(growth), figsize=(3.1 * len(growth), 5.6), dpi=110, squeeze=False)
    for (above, below), series in zip(axes.T, growth.values(), strict=True):
        for side, found in series["sides"].items():
            colour, marker = SIDES.get(side, ("#666666", "^"))
            style = {"color": colour, "marker": marker, "ms": 4, "lw": 1.4}
            above.plot(
                series["sizes"], [1e3 * s for s in found["seconds"]],
                label=f"{side}: size^{found['time_exponent']:.2f}", **style,
            )  # fmt: skip
            if found["bytes"] is not None and min(found["bytes"]) > 0:
                p = found["memory_exponent"]
                label = f"{side}: size^{p:.2f}"
                below.plot(series["sizes"], [b / 1e6 for b in found["bytes"]], label=label, **style)
        above.set_title(series["title"], fontsize=10)
        below.set_xlabel(series["against"], fontsize=9)
        for axis in (above, below):
            axis.set_xscale("log", base=2 if series["sizes"][-1] < 5000 else 10)
            axis.set_yscale("log")
            axis.grid(color="#dddddd", lw=0.6)
            axis.tick_params(labelsize=8)
            if axis.lines:
                axis.legend(fontsize=7.5, frameon=False)
    axes[0, 0].set_ylabel("time, ms", fontsize=9)
    axes[1, 0].set_ylabel("memory beside inputs, MB", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
    return path


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    return plt
