"""What captioners reach on the scenes world: settings × seeds, on every split, greedy and by beam.

    python -m mmscratch.tasks.captioning.table
        --data scenes:train=12000,level=2,relations=spatial,order=reading
        --out runs/table --vary attention_supervision=0.3 attention_supervision=0

Each run lies in a folder of its own under ``--out``: a table that was stopped goes on where it was. Figures
are of the weights that were best on validation; a test split is looked at once a run. "true" means the whole
caption, parsed and executed on the scene graph, spatial relations with their dead zone of 6 pixels.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

import numpy as np

from ...data.errors import DataError
from ...decoding import SearchOptions
from ...train import read_journal
from ..figures import caption_figure
from ..run import RunError, write_json
from .data import load_split
from .judge import judge
from .model import describe, load_model
from .task import LONGEST, train

__all__ = ["figures_of", "main", "summarise"]

SPLITS = ("test-iid", "test-cogent", "test-count", "test-length")
COLUMNS = {
    "true, greedy": "truth rate: true",
    "true, beam": "beam, truth rate: true",
    "objects": "truth rate: objects",
    "relation": "truth rate: relation",
    "BLEU-4": "Bleu_4",
    "CIDEr": "CIDEr",
    "true, shuffled": "truth rate: true, shuffled pictures",
    "true, majority": "truth rate: true, majority caption",
    "pointing": "attention: pointing",
    "chance": "attention: pointing, chance",
}
"""Column → the figure of ``judge`` that it shows."""


def run_of(folder, data, assignments, seed):
    """The trained run of these settings and this seed: found in its folder, gone on with, or begun."""
    name = re.sub(r"[^\w.=-]+", "_", "-".join(assignments) or "default")
    return train(data, folder / f"{name}-seed{seed}", seed, assignments, resume=True, progress=False)


def figures_of(run, checked, trained, beam):
    """All figures of one run on one split; with "beam, " before them the truth rates of a beam."""
    model, vocabulary, _ = load_model(run)
    figures = judge(model, vocabulary, checked, trained, run.seed)
    options = SearchOptions(method="beam", width=beam)
    said, _, _ = describe(model, vocabulary, model.encode_split(checked), LONGEST, options)
    figures |= {f"beam, truth rate: {name}": float(value) for name, value in checked.truth(said).items()}
    seconds = [r["seconds"] for r in read_journal(run.folder) if "seconds" in r]
    return figures | {"seconds of training": seconds[-1]}


def summarise(of_seeds):
    """{figure: (mean, lowest, highest)} of the figures of several seeds."""
    found = {}
    for name in of_seeds[0]:
        values = [f[name] for f in of_seeds if name in f]
        if len(values) == len(of_seeds) and not isinstance(values[0], str):
            found[name] = (float(np.mean(values)), float(np.min(values)), float(np.max(values)))
    return found


def lines_of(title, split, summary):
    """One line of the table: means, and for what is true the lowest and highest seed."""
    shown = []
    for column, name in COLUMNS.items():
        if name not in summary:
            shown.append(f"{'–':>16}")
            continue
        mean, low, high = summary[name]
        if name.startswith(("Bleu", "CIDEr")):
            shown.append(f"{mean:16.3f}")
        elif column in ("true, greedy", "true, beam"):
            shown.append(f"{100 * mean:5.1f} ({100 * low:.1f}–{100 * high:.1f})".rjust(16))
        else:
            shown.append(f"{100 * mean:16.1f}")
    return f"{title:34} {split:12}" + "".join(shown)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.captioning.table", description="Captioners on the scenes world."
    )
    parser.add_argument("--data", required=True, metavar="SPEC", help="scenes:…, its level the captions'")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="where the runs lie")
    parser.add_argument("--vary", nargs="+", default=[""], metavar="KEY=VALUE[,…]", help="a row each")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), metavar="NAME")
    parser.add_argument("--beam", type=int, default=3, metavar="WIDTH")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument(
        "--figure", metavar="PNG", help="word by word, where the first run of each row looked"
    )
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, RunError, OSError) as error:
        print(f"captioning.table: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    print(f"{'':34} {'split':12}" + "".join(f"{column:>16}" for column in COLUMNS), flush=True)
    record, shown = {}, []
    trained = load_split(args.data, "train")
    held_out = {split: load_split(args.data, split) for split in args.splits}
    for item in args.vary:
        settings = [*args.set, *filter(None, item.split(","))]
        runs = [run_of(args.out, args.data, settings, seed) for seed in range(args.seeds)]
        for split in args.splits:
            found = [figures_of(run, held_out[split], trained, args.beam) for run in runs]
            record.setdefault(item or "default", {})[split] = found
            print(lines_of(item or "default", split, summarise(found)), flush=True)
            if args.json:
                write_json(args.json, record)
        shown.append((item or "default", runs[0]))
    if args.figure:
        draw(args.figure, shown, held_out[args.splits[0]])
    return 0


def draw(path, shown, checked, pictures=3):
    """The first pictures of a split, each as every run describes it: shown is (title, run) pairs."""
    images, captions, looks, titles = [], [], [], []
    for title, run in shown:
        model, vocabulary, _ = load_model(run)
        few = checked.floats()[:pictures]
        words, _, where = describe(model, vocabulary, model.encode(few), max_length=LONGEST, seed=run.seed)
        told = checked.judge(words, range(pictures))
        images.append(checked.images[:pictures])
        captions.append(words)
        looks.append(where)
        titles.append([f"{title.rpartition('=')[2] or title}: {str(true).lower()}" for true in told])
    order = [(r, i) for i in range(pictures) for r in range(len(shown))]  # the same picture, run by run
    rows = [[part[r][i] for r, i in order] for part in (images, captions, looks, titles)]
    return caption_figure(path, *rows)


if __name__ == "__main__":
    sys.exit(main())
