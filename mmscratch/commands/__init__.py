"""The commands of ``mmscratch``: each module here tells ``add`` what its commands take, and runs them.

Nothing is imported before a command is chosen but what its options need: ``mmscratch --help`` is quick.
"""

from . import data, models, scores, search, tables, weights

__all__ = ["COMMANDS"]

COMMANDS = models, tables, scores, search, data, weights
"""In the order of the help."""
