"""A run: the folder in which a training leaves everything needed to go on, to judge it, and to use it.

run.json           task, data, seed, settings; written first
vocabulary.json    where the task has words
journal.jsonl      one line a log entry
checkpoints/       the last two, and the best on validation
"""

import dataclasses
import json
import pathlib

from .. import __version__
from ..data.files import write_whole

__all__ = ["Run", "RunError", "check_settings", "plan", "settings_from", "write_json"]

FORMAT = 1


class RunError(ValueError):
    """A run that cannot be used: ``str`` is one line, "FOLDER: reason"."""

    def __init__(self, folder, reason):
        super().__init__(f"{folder}: {reason}")


def check_settings(settings, *counts):
    """Refuse what no training can use: a count below 1, a learning rate that is not positive.

    Errors     ValueError naming the setting, what was expected and what came
    """
    for key in counts:
        if getattr(settings, key) < 1:
            raise ValueError(f"{key}: expected at least 1, got {getattr(settings, key)}")
    if not settings.lr > 0:
        raise ValueError(f"lr: expected more than 0, got {settings.lr}")


@dataclasses.dataclass
class Run:
    """What ``run.json`` says, and where the folder is."""

    folder: pathlib.Path
    task: str
    data: str
    seed: int
    settings: dict

    @classmethod
    def create(cls, folder, task, data, seed, settings):
        """A new run in an empty or new folder."""
        folder = pathlib.Path(folder)
        if folder.exists() and not folder.is_dir():
            raise RunError(folder, "is a file, expected a folder for the run")
        if (folder / "run.json").exists():
            raise RunError(folder, "holds a run already; give --resume to go on with it, or another --out")
        if folder.is_dir() and any(folder.iterdir()):
            raise RunError(folder, "is not empty and holds no run; give another --out")
        folder.mkdir(parents=True, exist_ok=True)
        run = cls(folder, task, data, seed, dict(settings))
        record = {"format": FORMAT, "version": __version__, "task": task, "data": data, "seed": seed}
        write_json(folder / "run.json", {**record, "settings": run.settings})
        return run

    @classmethod
    def open(cls, folder, task=None):
        """The run in a folder; RunError where there is none, or of another task."""
        folder = pathlib.Path(folder)
        path = folder / "run.json"
        if not folder.is_dir():
            raise RunError(folder, "no such folder" if not folder.exists() else "is not a folder")
        if not path.is_file():
            raise RunError(folder, "is no run: it has no run.json")
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            run = cls(
                folder, str(record["task"]), str(record["data"]), int(record["seed"]), record["settings"]
            )
            known = record["format"] == FORMAT and isinstance(run.settings, dict)
        except (ValueError, KeyError, TypeError) as e:
            raise RunError(path, f"cannot be read ({type(e).__name__}: {e})") from None
        if not known:
            raise RunError(path, f"has format {record['format']!r}, this version reads {FORMAT}")
        if task is not None and run.task != task:
            raise RunError(folder, f"is a run of task {run.task!r}, expected {task!r}")
        return run


def plan(task, cls, data, out, seed, assignments, resume):
    """What a ``train`` command asks for: the run to go on with (None for a new one), data, seed, settings.

    With ``resume`` a run that is there says what it was begun with. What is given again must be the same;
    where no run is there yet (it was stopped before it began), a new one begins.
    """
    given = settings_from(cls, assignments)
    if not resume or not (pathlib.Path(out) / "run.json").exists():
        if data is None and resume:
            raise RunError(out, "holds no run to resume")
        if data is None:
            raise RunError("--data", "expected a data specification; see mmscratch train --help")
        return None, data, 0 if seed is None else seed, given
    run = Run.open(out, task)
    try:
        settings = cls(**run.settings)
    except (TypeError, ValueError) as e:
        raise RunError(run.folder / "run.json", f"settings: {e}") from None
    keys = [item.partition("=")[0] for item in assignments]
    again = {"--data": (data, run.data), "--seed": (seed, run.seed)}
    again |= {f"--set {key}": (getattr(given, key), getattr(settings, key)) for key in keys}
    for option, (new, old) in again.items():
        if new is not None and new != old:
            raise RunError(option, f"the run was begun with {old!r}, which cannot become {new!r} on resuming")
    return run, run.data, run.seed, settings


def write_json(path, value):
    """The value as JSON in a file that is there whole or not at all."""
    write_whole(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def settings_from(cls, assignments, option="--set"):
    """A settings dataclass from ``key=value`` strings, each value of its field's type.

    Errors     RunError naming the key, what came, and what is known or expected
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for item in assignments:
        key, sign, text = item.partition("=")
        if not sign:
            raise RunError(option, f"expected key=value, got {item!r}")
        if key not in fields:
            raise RunError(option, f"unknown key {key!r}; known: {', '.join(fields)}")
        values[key] = _parse(key, text, fields[key].default, option)
    try:
        return cls(**values)
    except ValueError as e:
        raise RunError(option, str(e)) from None


def _parse(key, text, default, option):
    kind = type(default)
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise RunError(option, f"{key}: expected {expected}, got {text!r}") from None
