"""Training: the loop, its journal, its checkpoints."""

from .checkpoint import CheckpointError, Checkpoints, digest
from .journal import JournalError, plot_journal, read_journal
from .loop import Fitted, TrainingError, fit
from .state import load_checkpoint

__all__ = [
    "CheckpointError", "Checkpoints", "Fitted", "JournalError", "TrainingError", "digest", "fit",
    "load_checkpoint", "plot_journal", "read_journal",
]  # fmt: skip
