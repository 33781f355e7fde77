"""Tables of results, each made anew from its seeds with its controls beside it: ``table NAME``."""

import argparse
import importlib

__all__ = ["TABLES", "add"]

TABLES = {
    "alignment": ("alignment.table", "aligners of words, sounds and objects, by alignment error rate"),
    "applications": ("applications.table", "recommendation, try-on, medical …: methods beside their oracles"),
    "explain": ("explain.table", "explanations of the scene network beside the true masks"),
    "fusion": ("fusion.table", "which fusion learns which kind of world: methods × regimes × seeds"),
    "rumour": ("rumour.table", "posts with a picture, a text and a tree of replies: cells × models"),
    "sentiment": ("sentiment.table", "moods of posts, digits seen and heard, rated texts (--of)"),
    "trends": ("trends.table", "Transformers beside CNN and LSTM, graph networks and over-smoothing"),
}
"""Name → (module of ``tasks`` with a ``main``, what it shows). Options go on to that module."""


def add(command):
    """Their options."""
    shown = "\n".join(f"  {name:12} {text}" for name, (_, text) in TABLES.items())
    p = command(
        "table",
        _table,
        "make a table of results anew, with seeds and controls",
        "table fusion --seeds 1 --figure fusion.png\n\ntables:\n"
        f"{shown}\n\nmmscratch table NAME --help tells a table's own options",
    )
    p.add_argument("name", metavar="NAME", choices=list(TABLES), help=" | ".join(TABLES))
    p.add_argument("options", nargs=argparse.REMAINDER, metavar="…", help="the table's own options")


def _table(args):
    module = importlib.import_module(f"..tasks.{TABLES[args.name][0]}", __package__)
    return module.main(args.options)
