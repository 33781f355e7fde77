"""Which explanation looks at the thing? Heat maps of one network scored against the scenes' true masks.

    python -m mmscratch.tasks.explain.table --figure docs/explain.png

That is the block "maps". Three more are made by ``--block``: scarcity (learning curves over few labels,
``scarcity.py``), gap (the modality gap of two towers, ``gap.py``), cost (parameters, operations and
memory of every method, ``cost.py``). The maps:

The network is the scene network that ships with the package. It is asked for one object by its name, "is
there a red circle?", in pictures of three to five objects of which one is a red circle:

    F(x) = ln Σ_cells exp(objectness + logit of the shape + logit of the colour)

a score of the whole picture (a smooth maximum over the places), so that nothing tells the explanation where
to look. Its map is then scored against that object's pixels: pointing, IoU at equal area, mass inside.

Beside each figure the controls: chance, which is what a map that knows nothing gets; a map drawn at random,
and one that always says the middle of the picture; a map that knows the
picture and no network, how far each pixel differs from the background; and the same method on networks of
random weights (Adebayo et al., 2018), with the rank correlation of their maps with the trained network's: a
method whose map survives that explains the picture and not the model. "others" is how often the map points at
one of the other objects instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...data import scenes
from ...data.errors import DataError
from ...explain import (
    enlarge,
    grad_cam,
    gradients,
    guided_backpropagation,
    guided_grad_cam,
    integrated_gradients,
    occlusion,
)
from ...metrics.attention import attention_scores, pointing_game
from ...metrics.correlation import spearman
from ...models.scene_cnn import SceneCNN, load_pretrained
from ...random import Generator
from ...tensor import Tensor
from ..captioning.data import load_scenes
from ..run import RunError, write_json
from .scarcity import SIZES, curve_figure, scarcity_block

__all__ = ["METHODS", "Asked", "ask_for_objects", "main", "maps_of", "named_score"]

DATA = "scenes:train=0,val=150,test=150,count=3-5,heldout_pairs=0,positions=all"
COLUMNS = ("pointing", "IoU", "mass inside", "others")


@dataclasses.dataclass
class Asked:
    """N questions "is there a COLOUR SHAPE?", each true of exactly one object of its picture.

    images (N, 3, 64, 64) float32; shape, colour (N,); masks of the object, of the others (N, 64, 64) bool;
    background (N, 3, 1, 1): the median colour, the picture without objects
    """

    images: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    masks: np.ndarray
    others: np.ndarray

    def __len__(self):
        return len(self.images)

    def __getitem__(self, part):
        return Asked(*(getattr(self, f.name)[part] for f in dataclasses.fields(self)))

    @property
    def named(self):
        """What the score is asked for, as the context of an explanation."""
        return self.shape, self.colour

    @property
    def background(self):
        return np.median(self.images, axis=(2, 3), keepdims=True)


def ask_for_objects(split, count=None):
    """``Asked`` of a split's objects whose name fits no other object of their picture, picture by picture."""
    floats, rows = split.floats(), []
    for k, scene in enumerate(split.scenes):
        names = [(o.shape, o.colour) for o in scene.objects]
        masks = scenes.masks(scene)
        for i, name in enumerate(names):
            others = np.delete(masks, i, axis=0).any(0)
            if names.count(name) == 1 and others.any() and masks[i].any():
                place = scenes.SHAPES.index(name[0]), list(scenes.COLOURS).index(name[1])
                rows.append((floats[k], *place, masks[i], others))
    if not rows:
        raise RunError(
            split.name, "has no picture of two objects or more, one of which has a name of its own"
        )
    return Asked(*(np.array(column) for column in zip(*rows[:count], strict=True)))


def named_score(model):
    """F of the module's docstring: a function of images, shapes and colours to (B,)."""

    def function(images, shape, colour):
        heads = model.split(model(images)[1])
        cells = heads["objectness"][:, 0]
        for head, index in (("shape", shape), ("colour", colour)):
            chosen = np.eye(heads[head].shape[1], dtype=heads[head].dtype)[index]
            cells = cells + ops.sum(heads[head] * chosen[:, :, None, None], axis=1)
        return ops.logsumexp(ops.flatten(cells, start=1), axis=1)

    return function


# ── the methods: network and questions → maps (N, 64, 64), 0 or more ─────────────────────────────────
def _difference(model, asked):
    return np.abs(asked.images - asked.background).sum(1)


def _gradient(model, asked):
    """|∂F/∂x|, the largest channel's (Simonyan et al., 2014)."""
    x = Tensor(asked.images, requires_grad=True)
    return np.abs(gradients(named_score(model)(x, *asked.named), x)[0]).max(1)


def _integrated(model, asked, steps=32):
    found = integrated_gradients(
        named_score(model), asked.images, asked.background, context=asked.named, steps=steps
    )
    return np.maximum(found.values.sum(1), 0)


def _guided(model, asked):
    found = guided_backpropagation(named_score(model), asked.images, model, context=asked.named)
    return np.maximum(found, 0).max(1)


def _grad_cam(model, asked):
    found = grad_cam(named_score(model), asked.images, model.conv4, context=asked.named)
    return enlarge(found, asked.images.shape[2:])


def _guided_grad_cam(model, asked):
    found = guided_grad_cam(named_score(model), asked.images, model.conv4, model, context=asked.named)
    return np.maximum(found, 0).max(1)


def _occlusion(model, asked, window=8):
    found = occlusion(
        named_score(model), asked.images, window=window, stride=4, fill=asked.background, context=asked.named
    )
    return np.maximum(found, 0)


METHODS = {
    "difference from the background": _difference,
    "gradient": _gradient,
    "integrated gradients": _integrated,
    "guided backpropagation": _guided,
    "Grad-CAM": _grad_cam,
    "guided Grad-CAM": _guided_grad_cam,
    "occlusion": _occlusion,
}
"""Name → a function of a network and ``Asked``; the first looks at the picture only."""


def maps_of(method, model, asked, batch_size=64):
    """One method's maps (N, 64, 64); one that is 0 everywhere says nothing, and counts as a uniform one."""
    found = [METHODS[method](model, asked[i : i + batch_size]) for i in range(0, len(asked), batch_size)]
    found = np.concatenate(found).astype(np.float64)
    found[(found == 0).all((1, 2))] = 1
    return found


def judge(maps, asked):
    """{"pointing", "pointing, chance", …, "others", "others, chance"} of one method's maps."""
    figures = attention_scores(maps, asked.masks, threshold="area")
    others = pointing_game(maps, asked.others)
    return figures | {"others": others.mean, "others, chance": others.mean_chance}


def figures_of(asked, seeds, methods=None, progress=print):
    """{method: figures}, those of random weights (means over networks) under "random, …"."""
    trained, found = load_pretrained(), {}
    strangers = [SceneCNN(generator=Generator(seed)).eval() for seed in range(seeds)]
    for method in methods or METHODS:
        maps = maps_of(method, trained, asked)
        figures = judge(maps, asked)
        many = []
        for stranger in strangers if METHODS[method] is not _difference else ():
            other = maps_of(method, stranger, asked)
            alike = [spearman(a.ravel(), b.ravel()) for a, b in zip(maps, other, strict=True)]
            many.append(judge(other, asked) | {"correlation": float(np.nanmean(alike))})
        for name in many[0] if many else ():
            figures[f"random, {name}"] = float(np.mean([f[name] for f in many]))
        found[method] = figures
        progress(line_of(method, figures))
    return found


def line_of(method, figures):
    """One row: the trained network's figures, then those of random weights, and how alike the maps are."""

    def cells(prefix):
        return "".join(
            f"{100 * figures[prefix + c]:13.1f}" if prefix + c in figures else f"{'–':>13}" for c in COLUMNS
        )

    alike = f"{figures['random, correlation']:9.2f}" if "random, correlation" in figures else f"{'–':>9}"
    return f"{method:32}" + cells("") + "   |" + cells("random, ") + alike


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="mmscratch table explain", description="Explanations of the scene network, beside true masks."
    )
    add_options(parser)
    args = parser.parse_args(arguments)
    try:
        return run_table(args)
    except (DataError, RunError, OSError) as error:
        print(f"table explain: {error}", file=sys.stderr)
        return 2


BLOCKS = ("maps", "scarcity", "gap", "cost")


def add_options(parser):
    """What the table takes."""
    parser.add_argument("--block", nargs="+", default=["maps"], choices=BLOCKS, metavar="NAME",
                        help=f"{', '.join(BLOCKS)} (default: maps)")  # fmt: skip
    parser.add_argument("--data", default=DATA, metavar="SPEC", help=f"default: {DATA}")
    parser.add_argument("--split", default="test-iid", metavar="NAME", help="default: test-iid")
    parser.add_argument("--objects", type=int, default=300, metavar="N", help="at most (default: 300)")
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="networks of random weights, or seeds"
    )
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="of scarcity and gap")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="N",
                        help="pictures that are named, of scarcity")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="all figures")
    parser.add_argument("--figure", metavar="PNG", help="each method's map of one picture")
    parser.add_argument("--curve", metavar="PNG", help="the learning curves of scarcity")


def run_table(args):
    """Make it block by block, and print it row by row; returns the exit code."""
    least = {
        "--seeds": args.seeds,
        "--objects": args.objects,
        "--steps": args.steps,
        "--sizes": min(args.sizes),
    }
    for option, value in least.items():
        if value < 1:
            raise RunError(option, f"expected at least 1, got {value}")
    for option, picture, block in (("--figure", args.figure, "maps"), ("--curve", args.curve, "scarcity")):
        if picture and block not in args.block:
            raise RunError(option, f"shows the block {block}, which is not among {' '.join(args.block)}")
    record = {}
    for block in args.block:
        record |= _maps(args) if block == "maps" else {block: _other(block, args)}
        if args.json:
            write_json(args.json, record)
    return 0


def _other(block, args):
    if block == "cost":
        from .cost import cost_block

        return cost_block(args)
    if block == "gap":
        from .gap import gap_block

        return gap_block(args)
    found = scarcity_block(args)
    if args.curve:
        print(curve_figure(args.curve, found))
    return found


def _maps(args):
    asked = ask_for_objects(load_scenes(args.data, args.split), args.objects)
    right = right_of(load_pretrained(), asked)
    print(f"{len(asked)} objects, each asked for by its name; networks of random weights: {args.seeds}")
    print(f"pictures that score above themselves with that object painted over: {100 * right:.1f} %")
    print(f"{'':32}{'trained':>13}{'':39}   |{'random weights':>17}")
    print(f"{'':32}" + "   |".join("".join(f"{c:>13}" for c in COLUMNS) for _ in "12") + "    alike")
    found = {name: judge(maps, asked) for name, maps in controls(asked).items()}
    for name, figures in found.items():
        print(line_of(name, figures))
    found |= figures_of(asked, args.seeds, progress=lambda line: print(line, flush=True))
    if args.figure:
        from .figure import explain_figure

        explain_figure(args.figure, asked)
    return {"data": args.data, "split": args.split, "objects": len(asked), "right": right} | found


def controls(asked, seed=0):
    """{name: maps (N, 64, 64)} that know no network: even, drawn, and near the middle of the picture."""
    n, h, w = asked.masks.shape
    y, x = np.mgrid[0:h, 0:w]
    middle = np.exp(-((y - (h - 1) / 2) ** 2 + (x - (w - 1) / 2) ** 2) / (2 * (h / 4) ** 2))
    return {
        "chance": np.ones((n, h, w)),
        "random map": np.random.default_rng(seed).random((n, h, w)),
        "centre prior": np.broadcast_to(middle, (n, h, w)),
    }


def right_of(model, asked):
    """How often the named object scores above the same picture with that object painted over."""
    without = np.where(asked.masks[:, None], asked.background, asked.images).astype(np.float32)
    with no_grad():
        pair = [named_score(model)(Tensor(x), *asked.named).numpy() for x in (asked.images, without)]
    return float((pair[0] > pair[1]).mean())


if __name__ == "__main__":
    sys.exit(main())
