"""ShapeWorld's question: does this caption hold of this picture? A true one should score above a false one.

    python -m mmscratch.tasks.retrieval.shapeworld_matching DIR --seeds 0 1 2

Each picture of the agreement sets comes with true and false captions. All pairs (true, false) of one picture
are asked; chance is one half. Trained on the 490 English pictures of the training split, and on as many drawn
ones as asked for (``data.shapeworld_worlds``, of which less is said than of ShapeWorld's), by

    L = Σ_pairs ln(1 + exp(−γ (S(picture, true) − S(picture, false)))) / pairs        γ learned

and judged by the weights that were best on validation. Beside it stand

    text alone      the same loss with a score of the caption that has not seen the picture: what is true more
                    often ("at most five …") needs no looking
    shuffled        the same model shown another picture

Pictures are looked at by the scene network, which has never seen ShapeWorld: its eight best cells. Its world
has a light background, so black is first made light grey.
"""

from __future__ import annotations

import argparse
import copy
import sys

import numpy as np

from ... import nn, ops, optim
from ...autograd import no_grad
from ...data.batches import pad
from ...data.errors import DataError
from ...data.image import resize_images, to_float
from ...data.shapeworld import load_shapeworld
from ...data.shapeworld_worlds import make_worlds
from ...data.text import tokenize
from ...data.vocabulary import Vocabulary
from ...models.picture_towers import RegionTower
from ...models.scan import SCAN
from ...models.scene_cnn import load_pretrained
from ...models.text_towers import RecurrentTower
from ...models.two_towers import TwoTowers
from ...random import Generator
from ...tensor import Tensor
from ...train import fit
from ..captioning.judge import derangement
from ..run import write_json

__all__ = ["MODELS", "main", "true_over_false"]

LIGHT, REGIONS, SIDE = 240, 8, 64


class Matching:
    """One split: regions (N, R, D), and all captions, each with its picture and whether it is true."""

    def __init__(self, found, network):
        pictures = resize_images(found.images[np.arange(len(found))], SIDE)
        self.regions = network.regions(to_float(lightened(pictures)), REGIONS)[0]
        self.kinds = np.array([name.partition("/")[0] for name in found.ids])
        self.owner = np.repeat(np.arange(len(found)), [len(c) for c in found.captions])
        self.tokens = [tokenize(text, found.lang) for many in found.captions for text in many]
        self.true = np.array([label > 0.5 for many in found.agreement for label in many])

    def __len__(self):
        return len(self.regions)

    def joined(self, other):
        """This split and another as one."""
        both = copy.copy(self)
        both.regions, both.kinds, both.true = (
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("regions", "kinds", "true")
        )
        both.owner = np.concatenate([self.owner, other.owner + len(self)])
        both.tokens = self.tokens + other.tokens
        return both


def lightened(pictures):
    """Pictures uint8 (N, H, W, 3) with light grey for black."""
    black = pictures.max(axis=3, keepdims=True) < 8
    return np.where(black, np.uint8(LIGHT), pictures)


class Text(nn.Module):
    """The control: a number of the caption alone, the same for every picture."""

    def __init__(self, words, region_size, size, generator):
        self.tower = RecurrentTower("gru", words, 1, 32, size, generator=generator)

    def forward(self, regions, tokens, lengths):
        score = ops.reshape(self.tower(tokens, lengths), shape=(1, -1))
        return ops.broadcast_to(score, shape=(regions.shape[0], score.shape[1]))


class Towers(nn.Module):
    """Two towers on the same regions."""

    def __init__(self, words, region_size, size, generator):
        text = RecurrentTower("gru", words, size, 32, size, bidirectional=True, generator=generator)
        self.towers = TwoTowers(RegionTower(region_size, size, size, generator=generator), text)

    def forward(self, regions, tokens, lengths):
        return self.towers((regions,), (tokens, lengths))


def _scan(direction):
    return lambda words, region_size, size, generator: SCAN(
        words, region_size, size, 32, direction, "mean", generator=generator
    )


MODELS = {"scan text": _scan("text"), "scan image": _scan("image"), "towers": Towers, "text alone": Text}


class Matcher(nn.Module):
    """A model with the loss's γ, and dropout on the regions' features."""

    def __init__(self, kind, words, region_size, size=64, dropout=0.2, generator=None):
        self.model = MODELS[kind](words, region_size, size, generator)
        self.gamma = nn.Parameter(np.full((), np.log(5.0), np.float32))
        self.dropout = nn.Dropout(dropout, generator=generator)

    def scores(self, split, vocabulary, pictures, shown=None):
        """The score of every caption of these pictures, on its own picture or on the one that is shown."""
        some = np.flatnonzero(np.isin(split.owner, pictures))
        place = np.searchsorted(pictures, split.owner[some])
        regions = split.regions[pictures if shown is None else shown[pictures]]
        tokens, lengths = pad([vocabulary.encode(split.tokens[c]) for c in some], Vocabulary.pad)
        all_pairs = self.model(self.dropout(Tensor(np.ascontiguousarray(regions))), Tensor(tokens), lengths)
        own = ops.take_along(ops.transpose(all_pairs), Tensor(place[:, None]), axis=1)
        return ops.reshape(own, shape=(-1,)), some

    def loss(self, split, vocabulary, pictures):
        """The mean over all (true, false) pairs of the pictures."""
        scores, some = self.scores(split, vocabulary, pictures)
        true, owner = split.true[some], split.owner[some]
        t, f = np.nonzero((owner[:, None] == owner) & true[:, None] & ~true)
        if not len(t):
            return ops.sum(scores) * 0.0
        difference = ops.take(scores, Tensor(t)) - ops.take(scores, Tensor(f))
        return ops.mean(ops.softplus(difference * ops.exp(self.gamma) * -1.0))


def all_scores(matcher, split, vocabulary, shown=None, block=16):
    """(C,) the scores of all captions."""
    out = np.zeros(len(split.owner), np.float32)
    matcher.eval()
    with no_grad():
        for begin in range(0, len(split), block):
            pictures = np.arange(begin, min(begin + block, len(split)))
            scores, some = matcher.scores(split, vocabulary, pictures, shown)
            out[some] = scores.numpy()
    return out


def true_over_false(scores, owner, true):
    """Per picture the share of (true, false) pairs where true scores higher, ties ½; NaN without pairs."""
    shares = np.full(owner.max() + 1, np.nan)
    for picture in range(len(shares)):
        t, f = scores[(owner == picture) & true], scores[(owner == picture) & ~true]
        if len(t) and len(f):
            d = t[:, None] - f[None, :]
            shares[picture] = np.mean((d > 0) + 0.5 * (d == 0))
    return shares


def train_and_judge(kind, parts, seed, *, steps, rate, decay, dropout, size=64, batch=32, split="val"):
    """Train on parts["train"], keep the best on "val", and judge on a split: a dict of figures."""
    trained, watched, checked = parts["train"], parts["val"], parts[split]
    vocabulary = Vocabulary.from_tokens(trained.tokens)
    matcher = Matcher(kind, len(vocabulary), trained.regions.shape[2], size, dropout, Generator(seed))
    optimizer = optim.AdamW(matcher.parameters(), lr=rate, weight_decay=decay)
    schedule = optim.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    draws = np.random.Generator(np.random.Philox(seed))

    def batches(_):
        order = draws.permutation(len(trained))
        return [np.sort(order[i : i + batch]) for i in range(0, len(order) - batch + 1, batch)]

    def validate():
        scores = all_scores(matcher, watched, vocabulary)
        return {"true over false": np.nanmean(true_over_false(scores, watched.owner, watched.true))}

    fit(
        matcher, lambda pictures: matcher.loss(trained, vocabulary, pictures), batches, optimizer=optimizer,
        schedule=schedule, steps=steps, clip=5.0, validate=validate, validate_every=max(steps // 10, 1),
        restore_best=True, progress=False, generator=Generator(seed),
    )  # fmt: skip
    shares = true_over_false(all_scores(matcher, checked, vocabulary), checked.owner, checked.true)
    others = all_scores(matcher, checked, vocabulary, derangement(len(checked), seed))
    there = ~np.isnan(shares)
    figures = {
        "true over false": float(shares[there].mean()),
        "±": float(1.96 * shares[there].std() / there.sum() ** 0.5),
        "shuffled": float(np.nanmean(true_over_false(others, checked.owner, checked.true))),
        "validation": float(validate()["true over false"]),
    }
    for name in sorted(set(checked.kinds)):
        figures[name] = float(np.nanmean(shares[checked.kinds == name]))
    return figures


def load(folder, drawn=0, own=True):
    """The three parts of a ShapeWorld folder, English; training with drawn worlds, or on them alone."""
    network = load_pretrained()
    parts = {
        name: Matching(load_shapeworld(folder, split=name, size=SIDE), network)
        for name in ("train", "val", "test")
    }
    if drawn:
        more = Matching(make_worlds(drawn), network)
        parts["train"] = parts["train"].joined(more) if own else more
    return parts


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option or folder."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.retrieval.shapeworld_matching",
        description="True above false captions.",
    )
    parser.add_argument("folder", metavar="DIR", help="a ShapeWorld folder")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--split", default="test", choices=["val", "test"], help="val while settings are chosen"
    )
    parser.add_argument(
        "--drawn", type=int, default=4000, metavar="N", help="worlds drawn to learn from, too"
    )
    parser.add_argument("--drawn-alone", action="store_true", help="learn from none of the folder's")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    args = parser.parse_args(arguments)
    try:
        parts = load(args.folder, args.drawn, own=not args.drawn_alone)
    except (DataError, ValueError) as error:
        print(f"shapeworld_matching: {error}", file=sys.stderr)
        return 2
    record = {}
    for kind in args.models:
        record[kind] = [
            train_and_judge(
                kind, parts, seed, steps=args.steps, rate=args.rate, decay=args.decay, dropout=args.dropout,
                split=args.split,
            )
            for seed in args.seeds
        ]  # fmt: skip
        print(f"\n{kind} · {args.split} · seeds {args.seeds}")
        for name in record[kind][0]:
            values = [100 * figures[name] for figures in record[kind]]
            print(f"  {name:24} {np.mean(values):6.1f}   ({min(values):.1f} – {max(values):.1f})", flush=True)
        if args.json:
            write_json(args.json, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
