"""Zero-shot classification: pictures of one object, their shape, colour and size told by prompts alone.

    python -m mmscratch.tasks.image.zero_shot RUN

RUN is a retrieval run of pictures and texts on scenes. It never saw a scene of one object (with count=3-5),
nor a label. Three ways to write a class, each compared with chance and with the class that is most frequent:

    one prompt     "the picture shows a circle", "the picture shows a red object"
    templates      the mean over all templates of the captions of its level, "there is only a circle" …
    open           the same, also over what the class leaves open: "a small red circle", "a big red circle" …,
                   since captions that name everything never said "a circle"
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np

from ...data import scenes
from ...data.errors import DataError
from ...data.scenes.grammar import TEMPLATES
from ...metrics.classification import wilson_interval
from ...models.zero_shot import ZeroShotClassifier, prompts
from ...train import CheckpointError
from ..retrieval.model import load_model
from ..run import Run, RunError, write_json

__all__ = ["main", "measure", "names_of"]

CLASSES = {"shape": scenes.SHAPES, "colour": tuple(scenes.COLOURS), "size": tuple(scenes.SIZES)}
ORDER = ("size", "colour", "shape")  # of the words in a noun phrase


def names_of(attribute, spell_out=False):
    """{class: its noun phrases}: "a red object", or with everything named "a small red circle" …"""
    found = {}
    for value in CLASSES[attribute]:
        rest = [n for n in ORDER if n != attribute] if spell_out else []
        phrases = []
        for others in itertools.product(*(CLASSES[n] for n in rest)):
            named = {attribute: value, **dict(zip(rest, others, strict=True))}
            words = [named[n] for n in ORDER if n in named] + ([] if "shape" in named else ["object"])
            phrases.append("a " + " ".join(words))
        found[value] = phrases
    return found


def measure(found, split, level=3):
    """{figure: value} of the attributes of one-object scenes.

    found    a ``Retrieval`` of pictures and English texts;  split    scenes of one object each
    level    whose templates are said: the captions that the model was trained on
    """
    heads = [t.replace("{a}", "{}").replace("{list}", "{}") for t in TEMPLATES["en"][level][:-1]]
    rows = found.encode_pictures(split.images)
    figures = {"pictures": len(rows)}
    for attribute, values in CLASSES.items():
        wanted = np.array([values.index(getattr(s.objects[0], attribute)) for s in split.graphs])
        for name, templates, spell_out in (
            ("one prompt", heads[:1], False),
            ("templates", heads, False),
            ("open", heads, True),
        ):
            classifier = ZeroShotClassifier(
                found.encode_texts, prompts(templates, names_of(attribute, spell_out))
            )
            right = classifier.classify(rows) == wanted
            figures[f"{attribute}, {name}"] = float(right.mean())
        low, high = wilson_interval(int(right.sum()), len(wanted))
        figures[f"{attribute}, open, 95 % interval from"], figures[f"{attribute}, open, to"] = low, high
        figures[f"{attribute}, chance"] = 1 / len(values)
        figures[f"{attribute}, majority"] = float(np.bincount(wanted).max() / len(wanted))
    return figures


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.image.zero_shot", description="Classify pictures by prompts."
    )
    parser.add_argument("folder", metavar="RUN", help="a retrieval run of pictures and texts on scenes")
    parser.add_argument("--pictures", type=int, default=250, metavar="N", help="there are some 300")
    parser.add_argument("--split", default="test-iid", metavar="NAME")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")
    args = parser.parse_args(arguments)
    try:
        run = Run.open(args.folder, "retrieval")
        found = load_model(run)
        if not run.data.startswith("scenes") or found.settings.pair != "picture-text":
            raise RunError(args.folder, "is of other data or senses; expected pictures and texts of scenes")
        options = scenes.parse_options(run.data)
        data = f"scenes:count=1,train=0,val={args.pictures},test={args.pictures},seed={options.seed}"
        figures = measure(found, scenes.load(data).split(args.split), options.level)
    except (DataError, RunError, CheckpointError, ValueError, OSError) as error:
        print(f"zero_shot: {error}", file=sys.stderr)
        return 2
    for name, value in figures.items():
        print(f"{name:36} {value:.4f}" if isinstance(value, float) else f"{name:36} {value}")
    if args.json:
        write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
