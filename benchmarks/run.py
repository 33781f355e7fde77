"""One row measured into a plain record, and a record judged by its targets."""

import dataclasses
import datetime
import gc

import numpy as np

from . import memory, timing
from .place import LIBRARIES, Place, as_array
from .timing import Stats

__all__ = ["SLACK", "Verdict", "add_memory", "judge", "measure_row", "trusted"]

SLACK = 1.15
"""A target is missed by more than 15 %."""


def measure_row(row, peaks=None, *, rounds=timing.ROUNDS, budget=15.0):
    """The row's record: what it is, the median and quartiles of every side, ratios, rate and share of peak.

    A library that is not installed has no entry in ``peers``. What fails is written in ``error``. Sides whose
    rounds disagree are measured again, and named in ``unsteady`` where that did not help.
    """
    record = {
        "name": row.name, "topic": row.topic, "what": row.what, "sizes": row.sizes, "kind": row.kind,
        "device": row.device, "unit": row.unit, "libraries": list(row.libraries),
        "targets": dict(row.targets), "limit": row.limit, "share_wanted": row.share,
        "flops": row.flops, "moved": row.moved,
        "ours": None, "peers": {}, "ratio": {}, "rate": None, "share": None, "differs": {}, "disturbed": 0,
        "unsteady": [], "bytes": {},
        "error": None, "when": datetime.date.today().isoformat(),
    }  # fmt: skip
    try:
        if row.kind == "memory":
            _memory(row, record)
        else:
            _seconds(row, record, rounds, budget)
        _derive(row, record, peaks)
    except Exception as e:  # one row must not take the table down: it is reported, and fails --check
        record["error"] = f"{type(e).__name__}: {e}"
    gc.collect()
    return record


def add_memory(records):
    """Put into the records of timed rows, as ``bytes``, what each side's call needs (see ``memory.py``).

    One process a side runs all its rows, one after the other.
    """
    timed = [r for r in records if r["kind"] == "time" and r["device"] == "cpu" and r["error"] is None]
    for side in ("ours", *LIBRARIES):
        chosen = [r for r in timed if side == "ours" or side in r["peers"]]
        found = memory.measure([r["name"] for r in chosen], side) if chosen else []
        for record, used in zip(chosen, found or (), strict=False):
            record["bytes"][side] = used


def _seconds(row, record, rounds, budget):
    place = Place(row.device)
    case = row.setup(place)
    sides = {("ours", ""): case.ours}
    sides |= {(lib, v): call for lib, many in case.peers.items() for v, call in many.items()}
    slower = {}
    if row.kind == "wall":

        def measure():
            return _wall(sides, rounds)
    else:
        _compare(case, row, record)
        estimates = {side: timing.warm_up(call, place.finish) for side, call in sides.items()}
        slower = _drop_slower(sides, estimates)

        def measure():
            return timing.in_turns(sides, estimates, finish=place.finish, rounds=rounds, budget=budget)

    for _ in range(1 + timing.AGAIN):
        samples, disturbed = measure()
        stats = {side: Stats.of(values) for side, values in samples.items()}
        unsteady = [" ".join(filter(None, side)) for side, s in stats.items() if not s.steady]
        if not unsteady:
            break
    record["disturbed"], record["unsteady"] = disturbed, unsteady
    record["ours"] = dataclasses.asdict(stats.pop(("ours", "")))
    for lib in {lib for lib, _ in stats}:
        variant, best = min(((v, s) for (x, v), s in stats.items() if x == lib), key=lambda p: p[1].median)
        others = {v: s.median for (x, v), s in stats.items() if x == lib and v != variant}
        others |= slower.get(lib, {})
        record["peers"][lib] = {"variant": variant, **dataclasses.asdict(best), "others": others}


def _compare(case, row, record):
    """Do the sides compute the same? The largest difference, relative to the largest entry."""
    ours = [as_array(r) for r in case.check(case.ours())]
    for lib, variants in case.peers.items():
        for variant, call in variants.items():
            theirs = [as_array(r) for r in case.check(call())]
            worst = max((relative_error(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
            record["differs"][lib] = max(worst, record["differs"].get(lib, 0.0))
            if not worst <= row.tolerance:
                raise ArithmeticError(
                    f"results differ from {lib} {variant} by {worst:.2g}, more than {row.tolerance:.2g}"
                )


def relative_error(a, b):
    """max |a − b| / max |b|; inf where shapes differ or something is not finite."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    if not a.size:
        return 0.0
    return float(np.abs(a.astype(np.float64) - b).max() / max(np.abs(b).max(), 1e-30))


def _drop_slower(sides, estimates):
    """Take the variants that cannot be a library's best out of ``sides``; → library → variant → seconds."""
    slower = {}
    for lib in {lib for lib, _ in sides}:
        own = {side: estimates[side] for side in sides if side[0] == lib}
        for side in set(own) - set(timing.fastest(own)):
            slower.setdefault(lib, {})[side[1]] = estimates[side]
            del sides[side]
    return slower


def _wall(sides, rounds):
    """Calls that return seconds themselves (of a process they start), in turns."""
    watch, disturbed = timing.Watch(), 0
    for call in sides.values():
        call()
    samples = {side: [] for side in sides}
    for _ in range(rounds):
        for _attempt in range(1 + timing.REPEATS):
            watch.start()
            one = {side: call() for side, call in sides.items()}
            foreign = watch.disturbed()
            if not foreign:
                break
        disturbed += foreign
        for side, seconds in one.items():
            samples[side].append(seconds)
    return samples, disturbed


def _memory(row, record):
    place = Place(row.device)
    for side in ("ours", *row.libraries):
        if side != "ours" and getattr(place, side) is None:
            continue
        found = memory.measure([row.name], side)
        if found is None:
            record["error"] = "this system does not tell a process's peak memory"
            return
        stats = dataclasses.asdict(Stats.of(found))
        if side == "ours":
            record["ours"] = stats
        else:
            record["peers"][side] = {"variant": "", **stats, "others": {}}


def _derive(row, record, peaks):
    if record["ours"] is None:
        return
    median = record["ours"]["median"]
    record["ratio"] = {lib: ratio(median, p["median"]) for lib, p in record["peers"].items()}
    work = row.flops if row.flops is not None else row.moved
    if work is not None and row.kind == "time":
        record["rate"] = work / median
        if peaks is not None:
            record["share"] = record["rate"] / peaks.of(row)


def ratio(ours, theirs):
    """Ours over theirs; None where theirs is nothing."""
    return ours / theirs if theirs else None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One target of a row: beside whom ("limit", "peak"), what came, what was wanted, how it stands.

    state    "met", "within 15 %", "missed", "no peer" (not installed), "not measured", "failed", "unsteady"
             (the rounds disagree, or most were disturbed: nothing is known, for better or worse)
    """

    name: str
    beside: str
    value: float | None
    wanted: float | None
    state: str

    @property
    def bad(self):
        return self.state in ("missed", "failed", "unsteady")


def judge(record):
    """A record's verdicts: one a target; one that says "failed" where it could not be measured."""
    if record["error"] is not None:
        return [Verdict(record["name"], "", None, None, "failed")]
    verdicts = []
    for lib, wanted in record["targets"].items():
        value = record["ratio"].get(lib)
        state = "no peer" if lib not in record["peers"] else _state(record, value, wanted)
        verdicts.append(Verdict(record["name"], lib, value, wanted, state))
    if record["limit"] is not None:
        value = record["ours"]["median"]
        verdicts.append(
            Verdict(record["name"], "limit", value, record["limit"], _state(record, value, record["limit"]))
        )
    if record["share_wanted"] is not None:
        value, wanted = record["share"], record["share_wanted"]
        inverse = None if value is None else 1 / value
        verdicts.append(Verdict(record["name"], "peak", value, wanted, _state(record, inverse, 1 / wanted)))
    return verdicts


def trusted(record):
    """Do the rounds agree, and were at most half of them disturbed?"""
    return not record["unsteady"] and 2 * record["disturbed"] <= record["ours"]["rounds"]


def _state(record, value, wanted):
    """Smaller is better."""
    if value is None:
        return "not measured"
    if not trusted(record):
        return "unsteady"
    return "met" if value <= wanted else "within 15 %" if value <= wanted * SLACK else "missed"
