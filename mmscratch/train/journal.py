"""The journal of a run: one JSON object a line, so that it can be followed, cut, and drawn.

{"step": 12, "epoch": 0, "loss": 1.25, "lr": 0.001, "metrics": {…}, "seconds": 3.1}      after a step
{"step": 100, "epoch": 0, "validation": {"loss": 1.1, …}, "seconds": 31.0}               after a validation

``seconds`` is the time since the start; everything else is the same in two runs of one seed.
"""

import json
import math
import os
import pathlib

from ..data.errors import DataError

__all__ = ["Journal", "JournalError", "plot_journal", "read_journal"]

NAME = "journal.jsonl"


class JournalError(DataError):
    """A journal that cannot be read: ``str`` is one line, "FILE: reason"."""

    def __reduce__(self):
        return JournalError, (self.path, self.reason)


class Journal:
    """The file, opened for adding lines, by one process at a time.

    Errors     JournalError where another training has it open: two would write over each other's checkpoints
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._file = open(self.path, "ab")
        if not _alone(self._file):
            self._file.close()
            raise JournalError(
                self.path.parent, "is trained at this moment, by another process or another fit"
            )

    def append(self, record):
        """Add a line; it reaches the operating system at once, so a killed process loses none."""
        self._file.write(json.dumps(_plain(record), allow_nan=True).encode() + b"\n")
        self._file.flush()

    def position(self):
        """The length in bytes, now on the disk: where a checkpoint made here will go on."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def cut(self, position):
        """Forget what was added after a position; a shorter file is cut to its last whole line."""
        size = os.path.getsize(self.path)
        if size < position:
            position = self.path.read_bytes().rfind(b"\n") + 1
        self._file.truncate(position)
        self._file.seek(position)

    def close(self):
        """Close the file."""
        self._file.close()


def _alone(file):
    """Lock an open file until it is closed, or its process dies; False where it is locked already."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that has no locks
        return True
    return True


def _plain(value):
    """NumPy numbers as Python's."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.item() if hasattr(value, "item") else value


def read_journal(path):
    """The records of a journal file, or of the run folder that holds one, as a list of dicts.

    A last line without its end (the process was killed while writing it) is left out.
    Errors     JournalError where there is none, or a line is not JSON
    """
    path = pathlib.Path(path)
    path = path / NAME if path.is_dir() else path
    try:
        data = path.read_bytes()
    except OSError as e:
        raise JournalError(path, "no such file" if not path.exists() else str(e.strerror or e)) from None
    records = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("step"), int):
                raise ValueError('expected an object with a "step"')
        except ValueError as e:
            raise JournalError(path, f"line {number} is not a record ({e})") from None
        records.append(record)
    return records


def curves(records):
    """Journal records → {"loss" | "lr" | metric: {"training" | "validation": (steps, values)}}."""
    found = {}
    for record in records:
        parts = [("training", {k: record[k] for k in ("loss", "lr") if k in record})]
        parts += [("training", record.get("metrics", {})), ("validation", record.get("validation", {}))]
        for split, values in parts:
            for name, value in values.items():
                if isinstance(value, int | float) and math.isfinite(value):
                    steps, series = found.setdefault(name, {}).setdefault(split, ([], []))
                    steps.append(record["step"])
                    series.append(value)
    return found


def plot_journal(run_dir, out):
    """Draw the curves of losses, metrics and the learning rate of a run into an image file; → its path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = curves(read_journal(run_dir))
    if not found:
        raise JournalError(run_dir, "its journal has nothing to draw yet")
    names = [n for n in ("loss",) if n in found] + [n for n in found if n not in ("loss", "lr")]
    names += [n for n in ("lr",) if n in found]
    figure = Figure(figsize=(6.4, 2.4 * len(names) + 0.6), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        for split, (steps, values) in found[name].items():
            if split == "training" and name == "loss" and len(values) > 50:
                axes.plot(steps, values, color="0.8", linewidth=0.7)
                values = smooth(values)
            marker = "o" if split == "validation" else None
            axes.plot(steps, values, marker=marker, markersize=3, linewidth=1.4, label=split)
        axes.set_ylabel({"lr": "learning rate"}.get(name, name))
        axes.grid(alpha=0.3)
        if len(found[name]) > 1:
            axes.legend(frameon=False)
    axes.set_xlabel("step")
    out = pathlib.Path(out)
    figure.savefig(out, metadata={"Software": None} if out.suffix == ".png" else None)
    return out


def smooth(values, share=0.02):
    """A running mean that forgets: s_t = s_{t−1} + a (x_t − s_{t−1}), corrected for its beginning."""
    a = max(share, 2 / (len(values) + 1))
    total, weight, smoothed = 0.0, 0.0, []
    for value in values:
        total, weight = total + a * (value - total), weight + a * (1 - weight)
        smoothed.append(total / weight)
    return smoothed
