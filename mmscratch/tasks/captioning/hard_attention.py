"""Hard attention beside soft on scenes: the truth of what is said, and where the words look.

    python -m mmscratch.tasks.captioning.hard_attention --seeds 0 1 2 --json figures.json

Both captioners get the same regions, words and steps, with attention supervised and without. Hard attention
is evaluated twice: by the region it finds likeliest, and by the expectation that half of its training used.
"""

import argparse
import dataclasses

import numpy as np

from ... import optim
from ...autograd import no_grad
from ...data.vocabulary import Vocabulary
from ...random import Generator
from ...tensor import Tensor
from ...train import fit
from ..run import write_json
from .data import load_split
from .judge import likelihood
from .model import PictureCaptioner, describe
from .settings import CaptionSettings
from .task import CaptionLoader

__all__ = ["compare", "pointing", "table", "train_attention"]

SPEC = "scenes:train=4000,val=400,test=500,level=2,lang=en"


def train_attention(kind, vocabulary, settings, trained, seed, *, progress=False, validate=None,
                    validate_every=None):  # fmt: skip
    """A ``PictureCaptioner`` whose decoder has soft or hard attention, trained on a split."""
    if kind not in ("soft", "hard"):
        raise ValueError(f"kind: expected 'soft' or 'hard', got {kind!r}")
    settings = dataclasses.replace(settings, model=kind)
    model = PictureCaptioner(len(vocabulary), settings, Generator(seed))
    loader = CaptionLoader(model, vocabulary, settings, trained, seed)
    optimizer = optim.AdamW(model.trained_parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
    fit(
        model, loader.loss, loader.batches, optimizer=optimizer, steps=settings.steps, clip=settings.clip,
        schedule=optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps),
        validate=validate, validate_every=validate_every, progress=progress,
    )  # fmt: skip
    return model.eval()


def pointing(model, vocabulary, split):
    """Share of the words of true captions, among those that mention an object, whose α is greatest there.

    Words whose object lies in none of the regions are left out; chance is one in the number of regions.
    The captions are given (teacher forcing); every caption of the split counts.
    """
    settings = CaptionSettings(regions=model.count, encoder="frozen" if model.frozen else "finetune")
    loader = CaptionLoader(model, vocabulary, settings, split, 0)
    hits = count = 0
    for batch in loader.batches:
        picture = loader.image_of[batch.index]
        regions = loader.regions[picture] if model.frozen else model.encode(split.floats()[picture])[0]
        with no_grad():
            _, alpha = model.decoder(Tensor(regions), Tensor(batch.tokens))
        spoken = loader.spoken_regions(batch, picture)
        hits += ((alpha.numpy().argmax(2) == spoken) & (spoken >= 0)).sum()
        count += (spoken >= 0).sum()
    return float(hits / max(count, 1))


def figures_of(model, vocabulary, split):
    """What is said of a split and where it looks: a dict of numbers."""
    said, _, _ = describe(model, vocabulary, model.encode_split(split), max_length=30)
    found = {f"truth rate: {k}": float(v) for k, v in split.truth(said).items()}
    found["loss per word"] = float(likelihood(model, vocabulary, split).per_word)
    return found | {"pointing": pointing(model, vocabulary, split), "chance": 1 / model.count}


def compare(seed, settings=None, spec=SPEC, *, say=print):
    """One seed: {"soft": figures, "hard, argmax": …, "soft, supervised": …, …} on the test split."""
    settings = settings or CaptionSettings(steps=500)
    trained, held_out = (load_split(spec, name) for name in ("train", "test"))
    vocabulary = Vocabulary.from_tokens(trained.sentences())
    found = {}
    for supervised in (0.0, 1.0):
        chosen = dataclasses.replace(settings, attention_supervision=supervised)
        for kind in ("soft", "hard"):
            model = train_attention(kind, vocabulary, chosen, trained, seed)
            for look in ("argmax", "expectation") if kind == "hard" else (None,):
                if look:
                    model.decoder.look = look
                name = ", ".join([kind, *([look] if look else []), *(["supervised"] if supervised else [])])
                found[name] = figures_of(model, vocabulary, held_out)
                say(f"seed {seed}  {name:30} " + "  ".join(f"{k} {v:.3f}" for k, v in found[name].items()))
    return {"seed": seed, "steps": settings.steps, "test": found}


def table(found):
    """The figures of several seeds as lines: mean and, from two seeds on, the standard deviation."""
    columns = ["truth rate: true", "loss per word", "pointing", "chance"]
    lines = ["test".ljust(30) + "".join(c.rjust(18) for c in columns)]
    for row in found[0]["test"]:
        cells = []
        for column in columns:
            values = [one["test"][row][column] for one in found]
            spread = f"±{np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}".rjust(18))
        lines.append(row.ljust(30) + "".join(cells))
    return lines


def main(arguments=None):
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--data", default=SPEC, metavar="SPEC")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args(arguments)
    found = []
    for seed in args.seeds:
        settings = CaptionSettings(steps=args.steps)
        found.append(compare(seed, settings, args.data, say=lambda line: print(line, flush=True)))
        if args.json:
            write_json(args.json, found)
    print(*table(found), sep="\n")


if __name__ == "__main__":
    main()
