"""What self-critical training does: reward, truth and CIDEr-D on held-out scenes, before and after.

    python -m mmscratch.tasks.captioning.self_critical --seeds 0 1 2 --json figures.json

From one short training on the words (cross-entropy) three ways go on, for as many steps: with words still
(the control), with CIDEr-D as the reward, with truth as the reward.
"""

import argparse
import dataclasses

import numpy as np

from ... import optim
from ...autograd import no_grad
from ...data.vocabulary import Vocabulary
from ...decoding import greedy, sample
from ...random import Generator
from ...tensor import Tensor
from ...train import fit
from ..run import check_settings, write_json
from .data import load_split
from .model import PictureCaptioner
from .samples import REWARDS, make_reward, self_critical_loss
from .settings import CaptionSettings
from .task import CaptionLoader, learn

__all__ = ["SelfCriticalSettings", "compare", "go_on", "rewarded", "table"]

SPEC = "scenes:train=4000,val=400,test=500,level=2,lang=en"


@dataclasses.dataclass
class SelfCriticalSettings:
    """How long and how fast.

    words      steps of cross-entropy first     steps      self-critical steps after
    pictures   a step; samples of each          baseline   "others" (k ≥ 2), "greedy", "none"
    """

    words: int = 400
    steps: int = 150
    pictures: int = 32
    samples: int = 5
    baseline: str = "others"
    lr: float = 5e-4
    clip: float = 5.0
    max_length: int = 30
    validate_every: int = 50

    def __post_init__(self):
        check_settings(self, "words", "steps", "pictures", "samples", "max_length", "validate_every")


class PictureBatches:
    """``size`` pictures of ``count`` at random, without end; can be continued after any number."""

    def __init__(self, count, size, seed):
        self.count, self.size, self.seed, self.given = count, size, seed, 0

    def __iter__(self):
        order = np.random.Generator(np.random.Philox(self.seed))
        for _ in range(self.given):
            order.integers(0, self.count, self.size)
        while True:
            self.given += 1
            yield order.integers(0, self.count, self.size)

    def state_dict(self):
        """How many batches were had."""
        return {"given": self.given}

    def load_state_dict(self, state):
        """The next ``for`` gives the batches after these."""
        self.given = int(state["given"])


def go_on(model, vocabulary, trained, reward, settings, seed, *, validate=None, run=None, resume=False,
          progress=False, monitor=None, checkpoint_every=None):  # fmt: skip
    """Self-critical training of a model with a frozen encoder on one split; returns ``fit``'s ``Fitted``.

    reward     as ``make_reward`` gives for ``trained``
    """
    if not model.frozen:
        raise ValueError("go_on: expected a model with a frozen encoder, whose regions are computed once")
    generator, batches = Generator(seed), PictureBatches(len(trained), settings.pictures, seed)
    regions, _ = model.encode_split(trained)

    def loss(pictures):
        found = self_critical_loss(
            model.decoder, vocabulary, regions[pictures], pictures, reward, generator, settings.baseline,
            settings.samples, settings.max_length,
        )  # fmt: skip
        return found.loss, {"reward": found.reward.mean(), "baseline": found.baseline.mean()}

    optimizer = optim.AdamW(model.trained_parameters(), lr=settings.lr, weight_decay=0.0)
    return fit(
        model, loss, batches, optimizer=optimizer, steps=settings.steps, clip=settings.clip,
        validate=validate, validate_every=settings.validate_every if validate else None, monitor=monitor,
        checkpoint_every=checkpoint_every, run=run, resume=resume, generator=generator, progress=progress,
    )  # fmt: skip


def words_on(model, vocabulary, trained, settings, seed):
    """The control: as many steps more on the words, at the same rate."""
    caption = CaptionSettings(batch_size=settings.pictures * settings.samples)
    loader = CaptionLoader(model, vocabulary, caption, trained, seed + 1)
    optimizer = optim.AdamW(model.trained_parameters(), lr=settings.lr, weight_decay=0.0)
    return fit(
        model, loader.loss, loader.batches, optimizer=optimizer, steps=settings.steps, clip=settings.clip,
        progress=False,
    )  # fmt: skip


def rewarded(model, vocabulary, split, rewards, *, seed=0, max_length=30):
    """Means over a split: each reward of a drawn caption and of the greedy one, and what greedy says.

    rewards: {name: reward for this split}. One caption a picture is drawn, with the same numbers every time.
    """
    regions, _ = model.encode_split(split)
    decoder, training, count = model.decoder, model.training, len(split)
    model.eval()
    with no_grad():
        state = decoder.start(Tensor(regions))
        ends = (Vocabulary.start, Vocabulary.end, max_length)
        ways = {
            "drawn": sample(decoder.step, state, count, *ends, Generator(seed))[0],
            "greedy": greedy(decoder.step, state, count, *ends)[0],
        }
    model.train(training)
    figures = {}
    for way, captions in ways.items():
        words = [[vocabulary.words[t] for t in row] for row in captions]
        ended = np.array([len(row) < max_length for row in captions])
        for name, reward in rewards.items():
            figures[f"{name}, {way}"] = float(reward(words, np.arange(count), ended).mean())
    figures["words"] = float(np.mean([len(w) for w in words]))
    figures["different captions"] = len(set(map(tuple, words)))
    if split.scenes is not None:
        rates = split.truth(words)
        figures |= {part: float(rates[part]) for part in ("objects", "relation", "grammatical")}
    return figures


def compare(seed, settings=None, spec=SPEC, *, say=print):
    """One seed: the figures of "words", "words, longer", "cider", "truth" on test, and curves on val."""
    settings = settings or SelfCriticalSettings()
    trained, checked, held_out = (load_split(spec, name) for name in ("train", "val", "test"))
    vocabulary = Vocabulary.from_tokens(trained.sentences())
    caption = CaptionSettings(steps=settings.words, validate_every=settings.words)
    model = PictureCaptioner(len(vocabulary), caption, Generator(seed))
    learn(model, vocabulary, caption, trained, checked, seed=seed, progress=False)
    begun = model.state_dict()
    on_val, on_test = (
        {name: make_reward(name, split, trained) for name in REWARDS} for split in (checked, held_out)
    )
    figures, curves = {}, {}

    def report(name):
        figures[name] = rewarded(model, vocabulary, held_out, on_test, max_length=settings.max_length)
        say(f"seed {seed}  {name:14} " + "  ".join(f"{k} {v:.3f}" for k, v in figures[name].items()))

    report("words")
    words_on(model, vocabulary, trained, settings, seed)
    report("words, longer")
    for name in REWARDS:
        model.load_state_dict(begun)

        def validate():
            return rewarded(model, vocabulary, checked, on_val, max_length=settings.max_length)

        curve = [{"step": 0, **validate()}]

        def note(curve=curve):
            found = validate()
            curve.append({"step": curve[-1]["step"] + settings.validate_every, **found})
            return found

        go_on(model, vocabulary, trained, make_reward(name, trained, trained), settings, seed, validate=note)
        report(name)
        curves[name] = curve
    return {"seed": seed, "settings": dataclasses.asdict(settings), "test": figures, "val": curves}


def table(found):
    """The figures of several seeds as lines: mean and, from two seeds on, the standard deviation."""
    rows = list(found[0]["test"])
    columns = ["cider, drawn", "cider, greedy", "truth, drawn", "truth, greedy", "objects", "relation",
               "grammatical", "words"]  # fmt: skip
    lines = ["test".ljust(15) + "".join(c.rjust(15) for c in columns)]
    for row in rows:
        cells = []
        for column in columns:
            values = [one["test"][row][column] for one in found]
            spread = f"±{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}".rjust(15))
        lines.append(row.ljust(15) + "".join(cells))
    for name in REWARDS:
        before, after = (np.mean([one["val"][name][at][f"{name}, drawn"] for one in found]) for at in (0, -1))
        lines.append(f"val: mean reward of a drawn caption, {name}: {before:.3f} before, {after:.3f} after")
    return lines


def main(arguments=None):
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", default=SPEC, metavar="SPEC")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    for field in dataclasses.fields(SelfCriticalSettings):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    args = vars(parser.parse_args(arguments))
    seeds, spec, file = args.pop("seeds"), args.pop("data"), args.pop("json")
    settings = SelfCriticalSettings(**args)
    found = []
    for seed in seeds:
        found.append(compare(seed, settings, spec, say=lambda line: print(line, flush=True)))
        if file:
            write_json(file, found)
    print(*table(found), sep="\n")


if __name__ == "__main__":
    main()
