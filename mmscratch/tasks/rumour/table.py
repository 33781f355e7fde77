"""Who can tell a rumour from what: parts of a post × regimes × seeds, beside exact bounds.

    python -m mmscratch.tasks.rumour.table --seeds 3 --json rumour.json

Posts (``data.rumours``) have a text, a picture and a tree. A reader of pictures is taught once a seed,
on other posts, to name colour and shape; what it says of a picture is what the networks get, beside counted
words, and the tree's nodes and edges. Networks that see all three are also taught which texts match and which
trees are chains, by heads of their own (of "either or" alone 200 steps make nothing). Test posts are of other
groups. Beside them

    bound       what anybody can tell of the test posts from those parts, counted
    oracle      the caption executed on what the reader says, and the tree's depth: the regime's own rule
    bag         the nodes without their edges
    shuffled    the trees of other posts
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.rumours import REGIMES, best_alone, depth, make_rumours
from ...data.scenes.graph import COLOURS, SHAPES
from ...models.rumour import RumourNetwork
from ...optim import Adam
from ...random import Generator
from ...representations.text import BagOfWords
from ...tensor import tensor
from ..captioning.judge import derangement
from ..captioning.table import summarise
from ..run import RunError, check_settings, settings_from, write_json

__all__ = ["ROWS", "RumourSettings", "judge", "load", "main", "table", "train"]

ROWS = {
    "text": (("text",), "gcn"),
    "picture": (("picture",), "gcn"),
    "tree, bag": (("tree",), "bag"),
    "tree, GCN": (("tree",), "gcn"),
    "tree, GAT": (("tree",), "gat"),
    "text + picture": (("text", "picture"), "gcn"),
    "all, bag": (("text", "picture", "tree"), "bag"),
    "all, GCN": (("text", "picture", "tree"), "gcn"),
    "all, GAT": (("text", "picture", "tree"), "gat"),
}
"""Row → the parts it sees, and how it reads the tree."""


@dataclasses.dataclass(frozen=True)
class RumourSettings:
    """How many groups of posts, and how every network is trained."""

    groups: int = 100
    test: int = 60
    steps: int = 200
    batch_size: int = 64
    lr: float = 1e-2
    width: int = 16

    def __post_init__(self):
        check_settings(self, "groups", "test", "steps", "batch_size", "width")


@dataclasses.dataclass
class Posts:
    """What the networks get: text (N, D), picture (N, 10), nodes, adjacency; and the posts themselves."""

    text: np.ndarray
    picture: np.ndarray
    data: object

    def batch(self, rows, trees=None):
        """Tensors of some rows; ``trees``: of which rows the trees are taken."""
        trees = rows if trees is None else trees
        found = (self.text[rows], self.picture[rows], self.data.nodes[trees], self.data.adjacency[trees])
        return [tensor(v) for v in found]


class Reader(nn.Module):
    """A crop to colour and shape: x (B, 432) → log-probabilities of 6 colours and of 4 shapes."""

    def __init__(self, generator):
        self.inward = nn.Linear(432, 48, activation="relu", generator=generator)
        self.out = nn.Linear(48, len(COLOURS) + len(SHAPES), generator=generator)

    def forward(self, x):
        z = self.out(self.inward(x))
        return ops.log_softmax(z[:, : len(COLOURS)], axis=1), ops.log_softmax(z[:, len(COLOURS) :], axis=1)


def _pixels(crops):
    return (crops.reshape(len(crops), -1).astype(np.float32) / 255 - 0.5) * 2


def taught_reader(seed, settings):
    """A ``Reader`` taught on groups of its own."""
    posts = make_rumours("content", settings.groups, 3 * seed + 2)
    _, rows = np.unique(posts.ids[:, 1], return_index=True)  # each picture once
    x, look = _pixels(posts.crops[rows]), posts.look[rows]
    generator = Generator(seed)
    model, optimizer = Reader(generator), None
    optimizer = Adam(model.parameters(), lr=3e-3)
    for _ in range(settings.steps):
        chosen = generator.permutation(len(x))[: settings.batch_size]
        colour, shape = model(tensor(x[chosen]))
        wanted = [tensor(look[chosen, k], np.int64) for k in (0, 1)]
        loss = ops.nll_loss(colour, wanted[0]) + ops.nll_loss(shape, wanted[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def load(regime, seed, settings, reader):
    """(training, test) ``Posts``: of other groups."""
    parts = [make_rumours(regime, n, 3 * seed + k) for k, n in enumerate((settings.groups, settings.test))]
    words = BagOfWords(split=list).fit([list(t) for t in parts[0].tokens])
    found = []
    for data in parts:
        with no_grad():
            told = [np.exp(v.numpy()) for v in reader(tensor(_pixels(data.crops)))]
        found.append(Posts(words.counts([list(t) for t in data.tokens]), np.concatenate(told, axis=1), data))
    return found


def train(row, posts, seed, settings):
    """A trained ``RumourNetwork`` of a row of the table."""
    parts, kind = ROWS[row]
    generator = Generator(seed)
    sizes = posts.text.shape[1], posts.picture.shape[1], posts.data.nodes.shape[2]
    model = RumourNetwork(sizes, parts, settings.width, kind, generator)
    optimizer = Adam(model.parameters(), lr=settings.lr)
    for step in range(settings.steps):
        rows = generator.permutation(len(posts.data))[: settings.batch_size]
        optimizer.lr = settings.lr * min(1.0, 2 * (1 - step / settings.steps))
        data, given = posts.data, posts.batch(rows)
        loss = ops.cross_entropy(model(*given), tensor(data.rumour[rows], np.int64))
        if model.both is not None and len(parts) == 3:
            for z, told in zip(model.told(*given), (data.mismatch, data.chain), strict=True):
                loss = loss + ops.cross_entropy(z, tensor(told[rows], np.int64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def judge(model, posts):
    """{"right", "shuffled"}: shares of posts, "shuffled" with the trees of other posts."""
    rows = np.arange(len(posts.data))
    found = {}
    for name, trees in (("right", None), ("shuffled", derangement(len(rows), 0))):
        with no_grad():
            said = model(*posts.batch(rows, trees)).numpy().argmax(1)
        found[name] = float((said == posts.data.rumour).mean())
    return found


def oracle(posts):
    """The share that the rule has right, on what the reader says and on the tree's depth."""
    data = posts.data
    colour = posts.picture[:, : len(COLOURS)].argmax(1)
    shape = posts.picture[:, len(COLOURS) :].argmax(1)
    mismatch = np.array(
        [
            COLOURS[c] not in t or SHAPES[s] not in t
            for t, c, s in zip(data.tokens, colour, shape, strict=True)
        ]
    )
    chain = np.array([depth(p) >= 6 for p in data.parents])
    rule = REGIMES[data.regime]
    # posts on which the two disagree do not occur in "agree": what the caption says is taken
    said = [m if (told := rule(m, c)) is None else told for m, c in zip(mismatch, chain, strict=True)]
    return float((np.array(said) == data.rumour).mean())


def table(rows, regimes, seeds, settings, report=lambda row, found: None):
    """{row: {regime: [figures of each seed]}}, the oracle first."""
    readers = [taught_reader(seed, settings) for seed in range(seeds)]
    loaded = {r: [load(r, seed, settings, readers[seed]) for seed in range(seeds)] for r in regimes}
    record = {"oracle": {r: [{"right": oracle(test)} for _, test in loaded[r]] for r in regimes}}
    report("oracle", record["oracle"])
    for row in rows:
        record[row] = {}
        for regime in regimes:
            found = record[row][regime] = []
            for seed, (posts, test) in enumerate(loaded[regime]):
                right, count = best_alone(test.data, ROWS[row][0])
                found.append(judge(train(row, posts, seed, settings), test) | {"bound": right / count})
        report(row, record[row])
    return record


def line_of(row, found):
    """Of each regime the mean, the range of the seeds, and the bound; of a tree also when shuffled."""
    cells = []
    for figures in found.values():
        told = summarise(figures)
        mean, low, high = (100 * v for v in told["right"])
        bound = f"≤{100 * told['bound'][0]:.0f}" if "bound" in told else ""
        moved = f" ~{100 * told['shuffled'][0]:.0f}" if row in ROWS and "tree" in ROWS[row][0] else ""
        cells.append(f"{mean:.0f} ({low:.0f}–{high:.0f}) {bound}{moved}".ljust(24))
    return f"{row:16}" + "".join(cells).rstrip()


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.rumour.table",
        description="Rumours: parts of a post, regimes, bounds.",
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), metavar="NAME",
                        help="default: all of " + ", ".join(ROWS))  # fmt: skip
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), metavar="NAME",
                        help=f"default: {' '.join(REGIMES)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    args = parser.parse_args(arguments)
    try:
        if args.seeds < 1:
            raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
        settings = settings_from(RumourSettings, args.set)
        regimes = args.regimes or list(REGIMES)
        print("per cent right (the seeds' range) ≤bound ~with other posts' trees")
        print(f"{'':16}" + "".join(f"{regime:24}" for regime in regimes), flush=True)
        record = table(args.rows or list(ROWS), regimes, args.seeds, settings,
                       lambda row, found: print(line_of(row, found), flush=True))  # fmt: skip
        if args.json:
            write_json(args.json, {"settings": dataclasses.asdict(settings), "table": record})
    except (ValueError, OSError) as error:
        print(f"rumour: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
