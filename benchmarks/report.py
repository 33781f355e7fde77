"""RESULTS.md and the lines on the terminal, from records."""

from .run import judge, trusted

__all__ = ["bytes_text", "counts", "line", "markdown", "rate_text", "seconds_text", "verdict_line"]

NOT_YET = "not yet run on a GPU"

INTRO = """\
# How fast

Made by `python -m benchmarks --write`; do not edit. The numbers come from `benchmarks/results.json`.

Ratio is our time (or memory) over the other's: below 1 is better than theirs. Time is the median of the
rounds, with the quartiles in brackets. Both sides run in one process and in turns, with {threads} threads
each, after 60 ms of rest; results are allocated as in a user's call, by one allocator with one setting (what
our cpu floor sets holds for the whole process, so torch gains by it too). Torch stands with the fastest of
its layouts and modes, named in its column. Before they are timed, results are compared. A round in which
other processes took the CPU is repeated, and so is a row whose rounds disagree with each other; where that
did not help, ⚠ stands beside the row, and its ratio is no result.

Memory is the peak of a process of its own that runs one side only, less what it held when inputs and weights
were there: results, gradients and scratch (torch with its default layout). Rates count the operations of the
formula as written, or the bytes that must at least be moved. The share is of what this machine was measured
to do in the same process; it can be above 100 %: Winograd's convolution needs fewer multiplications than the
formula has, and what fits the caches is not bound by memory.
"""


def seconds_text(s):
    """Three digits and a unit: 12.3 ms."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if s * factor >= 1 or unit == "µs":
            return f"{_digits(s * factor)} {unit}"


def bytes_text(b):
    """Three digits and a unit: 12.3 MB (of a million bytes)."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if b >= factor or unit == "kB":
            return f"{_digits(b / factor)} {unit}"


def _digits(x):
    return f"{x:.0f}" if x >= 99.95 else f"{x:.1f}" if x >= 9.995 else f"{x:.2f}"


def rate_text(record):
    """GFLOP/s or GB/s."""
    if record["rate"] is None:
        return ""
    return f"{_digits(record['rate'] / 1e9)} {'GFLOP/s' if record['flops'] is not None else 'GB/s'}"


def _value(record, stats, spread=True):
    if stats is None:
        return ""
    text = bytes_text if record["unit"] == "B" else seconds_text
    if stats["rounds"] == 1 or not spread:
        return text(stats["median"])
    return f"{text(stats['median'])} [{text(stats['q1'])} – {text(stats['q3'])}]"


def _number(x):
    return "" if x is None else f"{x:.2f}" if abs(x) >= 0.095 else f"{x:.1g}"


def line(record):
    """One row on the terminal."""
    if record["error"] is not None:
        return f"{record['name']:37} {record['error']}"
    parts = [f"{record['name']:37} ours {_value(record, record['ours'], False):>9}"]
    for lib in record["libraries"]:
        peer = record["peers"].get(lib)
        if peer is None:
            parts.append(f"{lib} –")
        else:
            label = f"{lib} {peer['variant']}".strip()
            parts.append(f"{label} {_value(record, peer, False)}  ratio {_number(record['ratio'][lib])}")
    if record["rate"] is not None:
        share = "" if record["share"] is None else f" ({record['share']:.0%})"
        parts.append(rate_text(record) + share)
    if record["disturbed"]:
        parts.append(f"⚠ {record['disturbed']} rounds disturbed")
    if record["unsteady"]:
        parts.append(f"⚠ unsteady: {', '.join(record['unsteady'])}")
    return "   ".join(parts)


def verdict_line(verdict, unit="s"):
    """One target on the terminal: name, value, target, state."""
    text = bytes_text if unit == "B" else seconds_text
    show = {"limit": text, "peak": "{:.0%}".format}.get(verdict.beside, "{:.2f}".format)
    value = "–" if verdict.value is None else show(verdict.value)
    sign = "≥" if verdict.beside == "peak" else "≤"
    wanted = "" if verdict.wanted is None else f"{sign} {show(verdict.wanted)}"
    return f"{verdict.name:37} {verdict.beside:6} {value:>9}  {wanted:>10}  {verdict.state}"


def counts(verdicts):
    """state → how many."""
    found = {}
    for v in verdicts:
        found[v.state] = found.get(v.state, 0) + 1
    return found


# ── RESULTS.md ───────────────────────────────────────────────────────────────────────────────────
def markdown(results):
    """The whole of RESULTS.md."""
    cpu, cuda = results["cpu"], results["cuda"]
    threads = cpu["machine"]["threads"] if cpu else "as many"
    parts = [INTRO.format(threads=threads)]
    if cpu:
        parts += [machine_text(cpu), "![Ratio of our time to torch's](../docs/benchmark.png)", *_tables(cpu)]
        parts.append(growth_text(cpu["growth"]))
    else:
        parts.append("Nothing measured yet.")
    parts.append("## CUDA")
    parts += (
        [machine_text(cuda), *_tables(cuda)] if cuda and cuda["rows"] else [f"The CUDA floor is {NOT_YET}."]
    )
    return "\n\n".join(p.strip("\n") for p in parts if p) + "\n"


def machine_text(section):
    """The machine and its peaks, as a list."""
    m, peaks = section["machine"], section["peaks"]
    versions = ", ".join(f"{n} {v or 'not installed'}" for n, v in m["versions"].items())
    dates = sorted({r["when"] for r in section["rows"].values()})
    when = " to ".join(sorted({dates[0], dates[-1]})) if dates else ""
    entries = [
        ("GPU", m.get("gpu")),
        ("CPU", f"{m['cpu']}; {m['cores']} cores, {m['threads']} threads used"),
        ("Memory", bytes_text(m["memory"]) if m["memory"] else None),
        ("System", m["system"]),
        ("Versions", versions),
        ("Peaks measured", _peaks(peaks)),
        ("Date", when),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in entries if value)


def _peaks(peaks):
    texts = []
    if peaks.get("flops"):
        texts.append(f"{peaks['flops'] / 1e9:.0f} GFLOP/s (float32)")
    if peaks.get("copy"):
        texts.append(f"{peaks['copy'] / 1e9:.1f} GB/s (copy, read and written)")
    return ", ".join(texts)


def _tables(section):
    topics = {}
    for record in section["rows"].values():
        topics.setdefault(record["topic"], []).append(record)
    return [f"## {topic}\n\n{table(records)}" for topic, records in topics.items()]


def table(records):
    """One topic's rows; a library's columns are there if any row names it."""
    libraries = sorted({lib for r in records for lib in r["libraries"]}, reverse=True)
    rated, limited = (any(r[key] is not None for r in records) for key in ("rate", "limit"))
    weighed = any(r["bytes"] for r in records)
    head = ["row", "what", "ours"]
    for lib in libraries:
        head += [lib, f"ratio to {lib}", "target"]
    head += ["limit"] * limited + ["rate", "of peak"] * rated + ["memory (theirs)"] * weighed
    lines = [head, ["---"] * 3 + ["---:"] * (len(head) - 3)]
    lines += [_cells(r, libraries, limited, rated, weighed) for r in records]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _cells(record, libraries, limited, rated, weighed):
    missed = {v.beside for v in judge(record) if v.bad}
    warn = "" if record["error"] is not None or trusted(record) else " ⚠"
    what = ", ".join(filter(None, (record["what"], record["sizes"])))
    cells = [f"`{record['name']}`{warn}", what, record["error"] or _value(record, record["ours"])]
    for lib in libraries:
        peer, ratio = record["peers"].get(lib), record["ratio"].get(lib)
        wanted = record["targets"].get(lib)
        variant = f" {peer['variant']}" if peer and peer["variant"] else ""
        cells += [
            _value(record, peer) + variant,
            "" if ratio is None else f"({_number(ratio)})" if warn else f"**{_number(ratio)}**",
            "" if wanted is None else f"≤ {wanted:.2f}{' missed' if lib in missed else ''}",
        ]
    if limited:
        text = bytes_text if record["unit"] == "B" else seconds_text
        limit = record["limit"]
        cells.append("" if limit is None else f"≤ {text(limit)}{' missed' if 'limit' in missed else ''}")
    if rated:
        wanted = record["share_wanted"]
        aim = "" if wanted is None else f" (≥ {wanted:.0%}{' missed' if 'peak' in missed else ''})"
        share = "" if record["share"] is None else f"{record['share']:.0%}{aim}"
        cells += [rate_text(record), share]
    if weighed:
        theirs = [bytes_text(record["bytes"][lib]) for lib in libraries if lib in record["bytes"]]
        mine = bytes_text(record["bytes"]["ours"]) if "ours" in record["bytes"] else ""
        cells.append(f"{mine} ({', '.join(theirs)})" if theirs else mine)
    return cells


def growth_text(growth):
    """The section on growth: one line a series and side, with the fitted exponents."""
    if not growth:
        return ""
    lines = [
        "## Growth",
        "",
        "Time and memory against size, on log axes; p in size^p is fitted by least squares over the larger "
        "half of the points, where constant costs have faded. Made by `python -m benchmarks growth --write`.",
        "",
        "![Time and memory against size](../docs/growth.png)",
        "",
        "| series | against | side | time at the largest | time ~ size^ | memory there | memory ~ size^ |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for series in growth.values():
        for side, found in series["sides"].items():
            seconds, used = found["seconds"], found["bytes"]
            title = series["title"] + (" ⚠" if series["unsteady"] else "")
            cells = [
                title, f"{series['against']} {series['sizes'][0]:,} to {series['sizes'][-1]:,}", side,
                seconds_text(seconds[-1]), _number(found["time_exponent"]),
                "" if used is None else bytes_text(used[-1]), _number(found["memory_exponent"]),
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
