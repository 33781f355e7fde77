"""Time the rungs of kernels/README.md: ``python -m benchmarks.ladder [--write]``.

Prints GFLOP/s and the share of the measured peak; --write puts the table into kernels/README.md and the
roofline (Williams, Waterman & Patterson, 2009) into docs/roofline.png.
"""

import argparse
import pathlib
import sys
import time

import numpy as np

from mmscratch import kernels
from mmscratch.data.files import write_whole
from mmscratch.kernels.cpu import simd

__all__ = ["climb", "main"]

ROOT = pathlib.Path(__file__).resolve().parents[1]
README, FIGURE = ROOT / "kernels/README.md", ROOT / "docs/roofline.png"
BEGIN, END = "<!-- ladder: begin -->", "<!-- ladder: end -->"

SIDE = 1000
ROWS, CLASSES = 8192, 1000
EXP = 15
"""Arithmetic operations of one vector exp; with max, difference, sum and scaling softmax has four more."""


def climb():
    """→ [(formula, rung, threads, flops a second, flops per byte that must move)]."""
    from . import rungs

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    x = rng.standard_normal((ROWS, CLASSES), dtype=np.float32)
    cpu, threads = kernels.floor("cpu"), _threads()
    work, near = 2 * SIDE**3, 2 * SIDE**3 / (3 * a.nbytes)
    light, far = (EXP + 4) * x.size, (EXP + 4) * x.size / (2 * x.nbytes)
    small = a[:48, :48].copy()
    return [
        ("matmul", "formula", 1, 2 * 48**3 / _best(rungs.matmul_formula, small, small), near),
        ("matmul", "loops", 1, work / _best(rungs.matmul_loops, a, b), near),
        ("matmul", "rows", 1, work / _best(rungs.matmul_rows, a, b), near),
        ("matmul", "blocked", 1, work / _best(rungs.matmul_blocked, a, b), near),
        ("matmul", "vectors", 1, work / _best(rungs.matmul_vectors, a, b), near),
        ("matmul", "kernel", threads, work / _best(cpu.matmul, a, b, False, False), near),
        ("softmax", "formula", 1, light / _best(rungs.softmax_formula, x), far),
        ("softmax", "loops", 1, light / _best(rungs.softmax_loops, x), far),
        ("softmax", "vectors", 1, light / _best(rungs.softmax_vectors, x), far),
        ("softmax", "kernel", threads, light / _best(cpu.softmax, x, None), far),
    ]


def _threads():
    import numba

    return numba.get_num_threads()


def _best(call, *arguments, times=5):
    call(*arguments)
    best = float("inf")
    for _ in range(times):
        time.sleep(0.05)
        began = time.perf_counter()
        call(*arguments)
        best = min(best, time.perf_counter() - began)
    return best


def table(measured, peaks, copy):
    """The measurements as Markdown; peaks: {threads: FLOP/s}, copy: bytes a second."""
    lines = ["| formula | rung | threads | GFLOP/s | of what the machine can |", "|---|---|--:|--:|--:|"]
    for formula, rung, threads, flops, intensity in measured:
        roof = min(peaks[threads], intensity * copy)
        lines.append(f"| {formula} | {rung} | {threads} | {flops / 1e9:,.3g} | {_percent(flops / roof)} |")
    return "\n".join(lines)


def _percent(share):
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def figure(measured, peaks, copy, path):
    """The roofline: what memory and arithmetic allow, and where each rung stands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(figsize=(8, 5), dpi=120)
    x = np.geomspace(0.3, 2000, 200)
    for threads, peak in sorted(peaks.items()):
        axes.plot(x, np.minimum(peak, x * copy) / 1e9, color="0.2" if threads > 1 else "0.6")
        label = f"{threads} thread{'s' * (threads > 1)}: {peak / 1e9:.0f} GFLOP/s"
        axes.annotate(label, (40, peak / 1e9), ha="right", va="bottom", fontsize=9)
    axes.annotate(
        f"memory: {copy / 1e9:.0f} GB/s", (0.8, 0.8 * copy / 1e9), rotation=33, va="bottom", fontsize=9
    )
    colours = {"matmul": "tab:blue", "softmax": "tab:orange"}
    for formula, rung, _, flops, intensity in measured:
        axes.plot(intensity, flops / 1e9, "o", color=colours[formula])
        axes.annotate(f"  {formula}: {rung}", (intensity, flops / 1e9), va="center", fontsize=9)
    axes.set(xscale="log", yscale="log", xlim=(0.3, 2000))
    axes.set(xlabel="arithmetic per byte that must move (FLOP/B)", ylabel="GFLOP/s")
    axes.set_title("The ladder under the roofline", loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    fig.tight_layout()
    fig.savefig(path)
    plt.close(fig)


def main(arguments=None):
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into kernels/README.md and docs/roofline.png")
    args = parser.parse_args(arguments)
    if not simd.LANES:
        print("ladder: the vector rungs need AVX2, AVX-512 or NEON", file=sys.stderr)
        return 2
    from . import fma, machine
    from .place import Place

    measured = climb()
    peaks = {n: fma.flops_per_second(n) for n in sorted({threads for *_, threads, _, _ in measured})}
    copy = machine.Peaks(Place("cpu")).copy
    text = table(measured, peaks, copy)
    print(text)
    if args.write:
        readme = README.read_text(encoding="utf-8")
        before, rest = readme.split(BEGIN)
        after = rest.split(END)[1]
        about = (
            f"{machine.cpu_model()}; peak {' / '.join(f'{p / 1e9:.0f}' for p in peaks.values())} GFLOP/s on "
            f"{' / '.join(map(str, peaks))} threads, copy {copy / 1e9:.0f} GB/s, measured in the same run."
        )
        whole = f"{before}{BEGIN}\n{text}\n\n{about}\n{END}{after}"
        write_whole(README, whole.encode())
        figure(measured, peaks, copy, FIGURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
