"""Applications, one file each, behind one interface: ``mmscratch table applications``.

A module has TITLE, FIGURES (the columns it prints), a dataclass SETTINGS, and ``rows(seed, settings)``: a row
a method, {figure: number}; controls and oracle are rows like the others.
"""

import importlib

from .. import run

__all__ = ["APPLICATIONS", "application"]

APPLICATIONS = ("recommendation", "tryon", "content", "medical", "molecules", "health")


def application(name):
    """The module of one of ``APPLICATIONS``.

    Errors     RunError for another name
    """
    if name not in APPLICATIONS:
        raise run.RunError("applications", f"expected one of {', '.join(APPLICATIONS)}, got {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
