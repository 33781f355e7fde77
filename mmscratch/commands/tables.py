"""Tables of methods side by side, with seeds and controls: ``table alignment``, …"""

import importlib

__all__ = ["TABLES", "add"]

TABLES = {
    "alignment": ("alignment_table", "aligners of words, sounds and objects, by alignment error rate"),
}
"""Name → (module of ``tasks`` with ``add_options(parser)`` and ``run_table(args)``, what it shows)."""


def add(command):
    """Their options."""
    parser = command("table", None, "compare methods in a table with seeds and controls", "table alignment")
    what = parser.add_subparsers(metavar="TABLE", required=True)
    for name, (module, text) in TABLES.items():
        p = what.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example: mmscratch table {name}",
        )
        task = importlib.import_module(f"..tasks.{module}", __package__)
        task.add_options(p)
        p.set_defaults(run=task.run_table)
