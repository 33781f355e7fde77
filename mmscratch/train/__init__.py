"""Training: the loop, its journal, its checkpoints."""

from .checkpoint import CheckpointError, Checkpoints, digest
from .journal import JournalError, plot_journal, read_journal
from .loop import Fitted, TrainingError, fit
from .parallel import Parallel, Shard, cut_rows, received_a_step
from .state import load_checkpoint

__all__ = [
    "CheckpointError", "Checkpoints", "Fitted", "JournalError", "Parallel", "Shard", "TrainingError",
    "cut_rows", "digest", "fit", "load_checkpoint", "plot_journal", "read_journal", "received_a_step",
]  # fmt: skip
