"""Which fusion learns which kind of world: methods × regimes × seeds, beside controls and ceilings.

    python -m mmscratch.tasks.fusion.table --seeds 3 --json fusion.json --figure docs/fusion_regimes.png

The worlds (``data.regimes``) have two short sequences that are not aligned, and a label that both tell
(redundant), the first alone (unique), their sum (additive), or neither alone (synergy: XOR). Every method is
trained alike, with modalities left out at random (modality dropout), and judged three times: with both,
without the first, without the second. Beside them stand

    Bayes' rule      the exact posterior: no method can be right more often, but for luck
    mean posterior   the mean of the two exact posteriors: what averaging decisions can reach at best
    first, second    a network that is given that modality only, trained and judged
    majority         the more frequent label

and for each method how often it is right when the second modality is another row's ("shuffled").
``training.py`` has how they are trained; "blended" is intermediate fusion, trained by gradient blending.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np

from ...autograd import no_grad
from ...data.regimes import REGIMES, posterior
from ..captioning.judge import derangement
from ..captioning.table import summarise
from ..run import RunError, settings_from, write_json
from .figure import heat_map
from .training import BLENDED, METHODS, FusionSettings, batch_of, split_of, train

__all__ = ["CONTROLS", "controls", "judge", "main", "table"]

SEEN = {"both": (True, True), "no first": (False, True), "no second": (True, False)}
"""How a model is judged → which modalities it is given."""
CONTROLS = "Bayes' rule", "mean posterior", "first", "second", "majority"


def judge(model, data, only=None):
    """{how: share of right answers}: with both, without each, and with another row's second."""
    rows = np.arange(len(data))
    views, masks = batch_of(data, rows)
    with no_grad():
        if only is not None:
            z = model(views[only], masks=[masks[only]])
            return {"both": _right(z, data)}
        found = {}
        for how, seen in SEEN.items():
            present = None if all(seen) else np.tile(seen, (len(data), 1))
            found[how] = _right(model(*views, masks=masks, present=present), data)
        other = derangement(len(data), 0)
        (_, moved), (_, moved_mask) = batch_of(data, other)
        found["shuffled"] = _right(model(views[0], moved, masks=[masks[0], moved_mask]), data)
    return found


def _right(z, data):
    return float((z.numpy().argmax(axis=1) == data.target).mean())


def controls(regime, seed, settings):
    """{control: {how: share}} on the test rows that the methods are judged on."""
    data = split_of(regime, "test", seed, settings)

    def told(p):
        coin = np.isclose(p, 0.5, atol=1e-9)
        return float(np.where(coin, 0.5, (p > 0.5) == data.target).mean())

    alone = [posterior(data, True, False), posterior(data, False, True)]
    found = {
        "Bayes' rule": {how: told(posterior(data, *seen)) for how, seen in SEEN.items()},
        "mean posterior": {"both": told((alone[0] + alone[1]) / 2)},
        "majority": {how: float(max(data.target.mean(), 1 - data.target.mean())) for how in SEEN},
    }
    for m, name in enumerate(("first", "second")):
        found[name] = judge(train("early", regime, seed, settings, only=m), data, only=m)
    return {name: found[name] for name in CONTROLS}


def table(methods, regimes, seeds, settings, report=lambda name, found: None):
    """{row: {regime: [figures of each seed]}}, controls first; ``report`` is called when a row is done."""
    record = {name: {regime: [] for regime in regimes} for name in (*CONTROLS, *methods)}
    for regime in regimes:
        for seed in range(seeds):
            for name, figures in controls(regime, seed, settings).items():
                record[name][regime].append(figures)
    for name in CONTROLS:
        report(name, record[name])
    for name in methods:
        for regime in regimes:
            for seed in range(seeds):
                model = train(name, regime, seed, settings)
                test = split_of(regime, "test", seed, settings)
                found = judge(model, test) | {"parameters": sum(p.size for p in model.parameters())}
                if name == BLENDED:
                    found |= dict(zip(("weight of first", "weight of second", "weight of both"),
                                      map(float, model.weights), strict=True))  # fmt: skip
                record[name][regime].append(found)
        report(name, record[name])
    return record


def line_of(name, found):
    """A row in per cent: of each regime the mean with both, without the first, without the second."""
    cells = []
    for figures in found.values():
        summary = summarise(figures)
        shown = [f"{100 * summary[how][0]:.0f}" if how in summary else "–" for how in SEEN]
        spread = f"±{50 * (summary['both'][2] - summary['both'][1]):.0f}" if len(figures) > 1 else ""
        cells.append(f"{shown[0] + spread:>8}{shown[1]:>5}{shown[2]:>5}  ")
    size = next(iter(found.values()))[0].get("parameters", "")
    return f"{name:16}" + "".join(cells) + f"{size:>8}"


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.fusion.table", description="Fusions on worlds of known interaction."
    )
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS, metavar="NAME",
                        help=f"default: all of {', '.join(METHODS)}")  # fmt: skip
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=list(REGIMES), metavar="NAME",
                        help=f"default: {' '.join(REGIMES)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="the table as a heat map")
    args = parser.parse_args(arguments)
    try:
        if args.seeds < 1:
            raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
        settings = settings_from(FusionSettings, args.set)
        print("per cent right: both ± half the range of the seeds, without the first, without the second")
        print(
            f"{'':16}" + "".join(f"{regime:>18}  " for regime in args.regimes) + f"{'weights':>8}", flush=True
        )
        record = table(args.methods, args.regimes, args.seeds, settings,
                       lambda name, found: print(line_of(name, found), flush=True))  # fmt: skip
        if args.json:
            write_json(args.json, {"settings": dataclasses.asdict(settings), "table": record})
        if args.figure:
            print(heat_map(args.figure, record, list(SEEN), len(CONTROLS)))
    except (RunError, OSError) as error:
        print(f"table fusion: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
