"""``mmscratch train self-critical``: a captioner that has learnt from words goes on to learn from rewards.

It begins where a run of ``train caption`` ended (``--set start=RUN``), and leaves a run that ``evaluate`` and
``predict`` take as they take that one. The encoder stays frozen.
"""

import dataclasses
import json

from ..run import Run, RunError, check_settings, plan, write_json
from . import task as captioning
from .data import load_split
from .model import load_model
from .samples import REWARDS, make_reward
from .self_critical import go_on, rewarded

__all__ = ["SelfCriticalRunSettings", "evaluate", "train"]

BASELINES = ("greedy", "others", "none")


@dataclasses.dataclass
class SelfCriticalRunSettings:
    """What ``--set`` may change, with its defaults.

    start      the folder of the captioning run to begin with
    reward     cider (CIDEr-D, document frequencies of the training captions) or truth (scenes)
    baseline   greedy: what the model would say; others: the mean of its other samples; none
    pictures   a step, with so many samples of each
    captioner  the settings of the run it began with; kept, not to be set
    """

    start: str = ""
    reward: str = "cider"
    baseline: str = "greedy"
    steps: int = 500
    pictures: int = 32
    samples: int = 5
    lr: float = 5e-4
    clip: float = 5.0
    max_length: int = 30
    validate_every: int = 100
    checkpoint_every: int = 100
    captioner: str = ""

    def __post_init__(self):
        for key, known in (("reward", tuple(REWARDS)), ("baseline", BASELINES)):
            if getattr(self, key) not in known:
                raise ValueError(f"{key}: expected {' or '.join(known)}, got {getattr(self, key)!r}")
        check_settings(self, "steps", "pictures", "samples", "max_length", "validate_every")
        if self.baseline == "others" and self.samples < 2:
            raise ValueError(f"samples: expected at least 2 with baseline others, got {self.samples}")


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train self-critical`` does; returns the Run."""
    task = "self-critical"
    run, data, seed, settings = plan(task, SelfCriticalRunSettings, data, out, seed, assignments, resume)
    resume = run is not None
    if run is None and settings.captioner:
        raise RunError("--set", "captioner is kept by the run, and not to be set")
    if not settings.start:
        raise RunError("--set", "start: expected the folder of a captioning run, got none")
    begun = Run.open(settings.start, task="caption")
    model, vocabulary, _ = load_model(begun)
    if not model.frozen:
        raise RunError(settings.start, "has an encoder that was trained too; expected a frozen one")
    trained = load_split(data, "train", progress=progress)
    checked = load_split(data, "val", progress=progress)
    try:
        reward = make_reward(settings.reward, trained, trained)
        on_val = {settings.reward: make_reward(settings.reward, checked, trained)}
    except ValueError as e:
        raise RunError(data, str(e)) from None
    if run is None:
        kept = dataclasses.replace(settings, captioner=json.dumps(begun.settings))
        run = Run.create(out, task, data, seed, dataclasses.asdict(kept))
    if not (run.folder / "vocabulary.json").exists():
        write_json(run.folder / "vocabulary.json", list(vocabulary.words[4:]))

    def validate():
        return rewarded(model, vocabulary, checked, on_val, max_length=settings.max_length)

    go_on(
        model, vocabulary, trained, reward, settings, seed, validate=validate, run=run.folder, resume=resume,
        progress=progress, monitor=f"{settings.reward}, greedy", checkpoint_every=settings.checkpoint_every,
    )  # fmt: skip
    return run


def evaluate(run, data=None, split="val", search=()):
    """The figures of ``train caption``'s ``evaluate``."""
    return captioning.evaluate(run, data, split, search)
