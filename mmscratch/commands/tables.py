"""Tables of results, each with its seeds and controls: ``mmscratch table NAME``."""

import argparse
import importlib

__all__ = ["TABLES", "add"]

TABLES = {
    "explain": ("explain_table", "explanations of the scene network beside the true masks"),
}
"""Name → the module of ``tasks`` whose ``main(arguments)`` makes it, and what it is."""


def add(command):
    """Its options: the table's name, and whatever that table takes."""
    known = "\n".join(f"  {name:12} {text}" for name, (_, text) in TABLES.items())
    p = command(
        "table",
        _table,
        "make a table of results anew",
        f"table {next(iter(TABLES))} --help\n\ntables:\n{known}",
    )
    p.add_argument("table", metavar="NAME", choices=list(TABLES), help=" | ".join(TABLES))
    p.add_argument("options", metavar="…", nargs=argparse.REMAINDER, help="options of that table")


def _table(args):
    module = importlib.import_module(f"...tasks.{TABLES[args.table][0]}", __name__)
    return module.main(args.options)
