"""What of a training is saved, gathered and put back in one place."""

import pathlib

from .. import random
from .checkpoint import CheckpointError, Checkpoints, read

__all__ = ["Everything", "load_checkpoint"]


class Everything:
    """Model, optimizer, schedule, generators and feed as one thing to save, load, and go back to."""

    def __init__(self, model, optimizer, schedule, feed, generator=None):
        self.model, self.feed = model, feed
        self.parts = {"model": model, "optimizer": optimizer, "schedule": schedule, "feed": feed}
        named = [("default", random.default_generator), ("given", generator)]
        named += [(f"model.{name}", g) for name, g in model.named_generators()]
        self.generators = {}
        for name, g in named:
            if g is not None and g not in self.generators.values():
                self.generators[name] = g

    def state_dict(self):
        """Everything, as nested dicts of host arrays and plain values."""
        state = {name: None if part is None else part.state_dict() for name, part in self.parts.items()}
        return {**state, "generators": {name: g.state_dict() for name, g in self.generators.items()}}

    def load_state_dict(self, state, path):
        """Put everything back.

        Errors     CheckpointError naming the file and what does not fit
        """
        try:
            for name, part in self.parts.items():
                if (part is None) != (state[name] is None):
                    raise ValueError(f"{name}: {'not expected' if part is None else 'not saved'}")
                if part is not None:
                    part.load_state_dict(state[name])
            if set(state["generators"]) != set(self.generators):
                raise ValueError(
                    f"generators {sorted(state['generators'])}, expected {sorted(self.generators)}"
                )
            for name, g in self.generators.items():
                g.load_state_dict(state["generators"][name])
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as e:
            raise CheckpointError(path, f"does not fit what is being trained: {_text(e)}") from None

    def mark(self):
        """What a step changes besides parameters and optimizer; cheap: arrays are replaced, not written."""
        return {
            "generators": [(g, g.state_dict()) for g in self.generators.values()],
            "buffers": [(b, b.data) for b in self.model.buffers()],
            "feed": self.feed.state_dict(),
        }

    def go_back(self, mark):
        """Undo what was begun since the mark and has not reached the optimizer."""
        for g, state in mark["generators"]:
            g.load_state_dict(state)
        for buffer, data in mark["buffers"]:
            buffer.data = data
        self.feed.load_state_dict(mark["feed"])


def load_checkpoint(run, *, model, which="best"):
    """The weights of a run into a model; → {"step": …, "epoch": …, "metrics": {…}}.

    which: "best" on validation (the last where there was no validation), "last", or a file's path as run.
    Errors     CheckpointError, one line that names the file and the reason
    """
    if which not in ("best", "last"):
        raise ValueError(f"load_checkpoint: which must be 'best' or 'last', got {which!r}")
    run = pathlib.Path(run)
    checkpoints = Checkpoints(run / "checkpoints")
    if run.is_file():
        path, state = run, read(run)
    elif which == "best" and checkpoints.best.exists():
        path, state = checkpoints.best, read(checkpoints.best)
    else:
        found = checkpoints.load()
        if found is None:
            raise CheckpointError(run, "holds no checkpoint; train it first")
        path, state = found
    try:
        model.load_state_dict(state["model"])
        return {"step": state["step"], "epoch": state["epoch"], "metrics": state["metrics"]}
    except (KeyError, ValueError, TypeError, AttributeError) as e:
        raise CheckpointError(path, f"does not fit this model: {_text(e)}") from None


def _text(error):
    """The message of an error (a KeyError quotes its own)."""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
