"""Which fusion learns which kind of mood: methods × regimes × seeds, beside each modality and exact bounds.

    python -m mmscratch.tasks.sentiment.table --seeds 3 --json sentiment.json --figure docs/sentiment.png

Posts (``data.moods``) have a sentence, a picture and a sound. Encoders of the three are taught once a seed,
on posts of their own, what each modality says; every method gets their features, the same steps and modality
dropout, and is judged with all three and without each. "early" gets the inputs themselves: words counted,
pictures and sounds by their principal components. Beside them

    encoders    the regime's own rule on what the encoders say: what the features hold
    text, picture, sound    a network that is given that modality only
    mean        always the mean training score
    bound       how often the sign can be told from that modality alone: counted over the cells

``--of digits`` and ``--of text`` make the other two tables: digits seen and heard, and rated texts.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...data.moods import MODALITIES, REGIMES, best_sign, make_moods
from ...metrics.sentiment import sentiment_scores
from ...models.fusion.modality_dropout import modality_dropout
from ...models.sentiment.network import FUSIONS, MoodScore, Senses
from ...optim import Adam
from ...random import Generator
from ...representations.audio import log_mel, preset
from ...tensor import tensor
from ..captioning.table import summarise
from ..run import RunError, check_settings, settings_from, write_json
from .figure import sentiment_figure

__all__ = ["CONTROLS", "MoodSettings", "controls", "judge", "load", "main", "table", "teach", "train"]

OF = ("scenes", "digits", "text")
SEEN = {"all": (True, True, True)} | {
    f"no {name}": tuple(k != m for k in range(3)) for m, name in enumerate(MODALITIES)
}
CONTROLS = ("mean", "encoders", *MODALITIES)
PATCH, FRAMES, BANDS = 8, 20, 40


@dataclasses.dataclass(frozen=True)
class MoodSettings:
    """How many posts (about: a multiple of each regime's cells), and how every method is trained."""

    teach: int = 500
    teach_steps: int = 300
    train: int = 576
    test: int = 384
    scenes: int = 12
    lang: str = "both"
    steps: int = 120
    batch_size: int = 64
    lr: float = 1e-2
    width: int = 16
    dropout: float = 0.1

    def __post_init__(self):
        check_settings(
            self, "teach", "teach_steps", "train", "test", "scenes", "steps", "batch_size", "width"
        )
        if self.lang not in ("en", "zh", "both"):
            raise ValueError(f"lang: expected en, zh or both, got {self.lang!r}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 ≤ p < 1, got {self.dropout}")


class Posts:
    """Posts as arrays: words int64 (N, T), mask, patches (N, 32, 192), mel (N, 20, 40), score, polarity.

    Pictures and sounds are standardised by the posts ``like``, words that those lack are number 0.
    """

    def __init__(self, moods, like=None):
        self.score, self.polarity = moods.score.astype(np.float32), moods.polarity.astype(np.float32)
        words = {w for row in moods.tokens for w in row}
        self.known = {w: i + 1 for i, w in enumerate(sorted(words))} if like is None else like.known
        longest = max(map(len, moods.tokens))
        self.words, self.mask = (np.zeros((len(moods), longest), d) for d in (np.int64, bool))
        for k, row in enumerate(moods.tokens):
            self.words[k, : len(row)] = [self.known.get(w, 0) for w in row]
            self.mask[k, : len(row)] = True
        n, h, w, _ = moods.pictures.shape
        x = moods.pictures.astype(np.float32).reshape(n, h // PATCH, PATCH, w // PATCH, PATCH, 3)
        patches = x.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, PATCH * PATCH * 3) / 255
        mel = log_mel(tuple(moods.sounds), preset("kaldi", 8000, bands=BANDS)).values
        kept = mel.shape[1] // FRAMES * FRAMES
        mel = mel[:, :kept].reshape(n, FRAMES, -1, BANDS).mean(2)
        told = [(v.mean((0, 1)), v.std((0, 1)) + 1e-3) for v in (patches, mel)]
        self.scale = told if like is None else like.scale
        self.patches, self.mel = (
            ((v - mean) / spread).astype(np.float32)
            for v, (mean, spread) in zip((patches, mel), self.scale, strict=True)
        )

    def __len__(self):
        return len(self.score)

    def senses(self, rows):
        """Tensors of some rows: words, patches, mel."""
        return tensor(self.words[rows]), tensor(self.patches[rows]), tensor(self.mel[rows])

    def plain(self):
        """Words counted, patches and mel side by side: three (N, ·)."""
        counts = np.zeros((len(self), len(self.known) + 1), np.float32)
        np.add.at(counts, (np.arange(len(self))[:, None], self.words), self.mask)
        return counts, self.patches.reshape(len(self), -1), self.mel.reshape(len(self), -1)


@dataclasses.dataclass
class Features:
    """What the fusions get: vectors (N, D_m), sequences (N, ·, D), plain (N, ·), three each; score."""

    vectors: list
    sequences: list
    mask: np.ndarray
    plain: list
    score: np.ndarray
    told: np.ndarray

    def given(self, method, rows):
        """The inputs and masks of a method, for some rows."""
        if method == "mult":
            return [tensor(v[rows]) for v in self.sequences], (self.mask[rows], None, None)
        return [tensor(v[rows]) for v in (self.plain if method == "early" else self.vectors)], None


def teach(seed, settings):
    """(encoders, the posts they learnt from): each modality's polarity, all levels equally frequent."""
    cells = len(REGIMES["unique"])
    count = -(-settings.teach // cells) * cells
    unlike = make_moods("unique", count, 3 * seed + 2, settings.scenes, settings.lang)
    alike = make_moods("redundant", -(-settings.teach // 7) * 7, 3 * seed + 2, settings.scenes, settings.lang)
    both = dataclasses.replace(
        unlike,
        **{
            name: np.concatenate([getattr(unlike, name), getattr(alike, name)])
            for name in ("pictures", "sounds", "polarity", "score", "scene")
        },
        tokens=unlike.tokens + alike.tokens,
    )
    posts, generator = Posts(both), Generator(seed)
    model = Senses(len(posts.known) + 1, posts.patches.shape[1:], BANDS, settings.width, generator)
    optimizer = Adam(model.parameters(), lr=settings.lr)
    for step in range(settings.teach_steps):
        rows = generator.permutation(len(posts))[: settings.batch_size]
        optimizer.lr = settings.lr * min(1.0, 2 * (1 - step / settings.teach_steps))
        said = model.polarities(*posts.senses(rows), posts.mask[rows])
        loss = ops.mean(ops.square(said - posts.polarity[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval(), posts


def load(regime, seed, settings, taught):
    """(training, test) ``Features`` of one regime and seed: other scenes, faces and melodies."""
    model, like = taught
    cells, found, scale = len(REGIMES[regime]), [], None
    for part, count in enumerate((settings.train, settings.test)):
        count = max(1, count // cells) * cells
        posts = Posts(make_moods(regime, count, 3 * seed + part, settings.scenes, settings.lang), like)
        with no_grad():
            inputs = posts.senses(slice(None))
            z = [v.numpy() for v in model(*inputs)]
            told = model.polarities(*inputs, posts.mask).numpy()
        means = [(z[0] * posts.mask[:, :, None]).sum(1) / posts.mask.sum(1)[:, None]]
        means += [v.mean(1) for v in z[1:]]
        coarse = [
            z[0],
            z[1].reshape(len(z[1]), 8, -1, z[1].shape[2]).mean(2),
            z[2].reshape(len(z[2]), 5, -1, z[2].shape[2]).mean(2),
        ]
        plain = posts.plain()
        if scale is None:
            scale = [(v.mean(0), v.std(0) + 1e-3) for v in means]
            axes = [None] + [_principal(v) for v in plain[1:]]
        vectors = [((v - m) / s).astype(np.float32) for v, (m, s) in zip(means, scale, strict=True)]
        coarse = [((v - m) / s).astype(np.float32) for v, (m, s) in zip(coarse, scale, strict=True)]
        turned = zip(plain[1:], axes[1:], strict=True)
        plain = [plain[0], *(((v - m) @ a).astype(np.float32) for v, (m, a) in turned)]
        found.append(Features(vectors, coarse, posts.mask, plain, posts.score, told))
    return found


def _principal(x, count=32):
    """The mean, and the first principal axes, each divided by its deviation: (D,), (D, count)."""
    mean = x.mean(0)
    _, size, axes = np.linalg.svd(x - mean, full_matrices=False)
    count = min(count, len(size))
    return mean, (axes[:count] / (size[:count, None] / np.sqrt(len(x)) + 1e-3)).T


def train(method, data, seed, settings, only=None):
    """A trained ``MoodScore``; ``only``: the one modality, 0 … 2, that it is given."""
    generator = Generator(seed)
    model = MoodScore(method, [v.shape[-1] for v in (data.plain if method == "early" else data.vectors)],
                      settings.width, generator)  # fmt: skip
    optimizer = Adam(model.parameters(), lr=settings.lr)
    size = min(settings.batch_size, len(data.score))
    for step in range(settings.steps):
        rows = generator.permutation(len(data.score))[:size]
        inputs, masks = data.given(method, rows)
        if only is None:
            present = modality_dropout(np.ones((size, 3), bool), settings.dropout, generator)
        else:
            present = np.tile(np.arange(3) == only, (size, 1))
        optimizer.lr = settings.lr * min(1.0, 2 * (1 - step / settings.steps))
        loss = model.loss(tensor(data.score[rows]), *inputs, masks=masks, present=present)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def predicted(model, method, data, seen):
    """The scores of all rows, given some modalities: (N,)."""
    inputs, masks = data.given(method, slice(None))
    with no_grad():
        return model(*inputs, masks=masks, present=np.tile(seen, (len(data.score), 1))).numpy()


def judge(model, method, data):
    """{how: {measure: value}}: with all, and without each."""
    return {
        how: sentiment_scores(predicted(model, method, data, seen), data.score) for how, seen in SEEN.items()
    }


RULES = {
    "redundant": lambda p: p.mean(1),
    "additive": lambda p: p.sum(1),
    "unique": lambda p: p[:, 0],
    "synergy": lambda p: np.sign(p[:, 0] * p[:, 1]) * np.abs(p[:, 2]),
}


def controls(regime, data, held, seed, settings):
    """{control: {how: {measure: value}}}: the mean score, the rule on the encoders, each modality alone."""
    mean = np.full(len(held.score), data.score.mean())
    found = {
        "mean": {"all": sentiment_scores(mean, held.score)},
        "encoders": {"all": sentiment_scores(RULES[regime](held.told), held.score)},
    }
    for m, name in enumerate(MODALITIES):
        model = train("intermediate", data, seed, settings, only=m)
        scores = predicted(model, "intermediate", held, np.arange(3) == m)
        right, cells = best_sign(regime, (m,))
        found[name] = {"all": sentiment_scores(scores, held.score) | {"bound": right / cells}}
    return found


def table(methods, regimes, seeds, settings, report=lambda regime, name, found: None):
    """{regime: {row: [figures of each seed]}}, controls first."""
    record = {}
    taught = [teach(seed, settings) for seed in range(seeds)]
    for regime in regimes:
        rows = record.setdefault(regime, {})
        loaded = [load(regime, seed, settings, taught[seed]) for seed in range(seeds)]
        for seed, (data, held) in enumerate(loaded):
            for name, figures in controls(regime, data, held, seed, settings).items():
                rows.setdefault(name, []).append(figures)
        for name in CONTROLS:
            report(regime, name, rows[name])
        for name in methods:
            for seed, (data, held) in enumerate(loaded):
                model = train(name, data, seed, settings)
                figures = judge(model, name, held)
                figures["all"]["weights"] = sum(p.size for p in model.parameters())
                rows.setdefault(name, []).append(figures)
            report(regime, name, rows[name])
    return record


COLUMNS = ("MAE", "Corr", "Acc-7", "Acc-2", "Acc-2 non-zero", "F1 non-zero")


def line_of(name, found):
    """A row: the measures with all modalities, then Acc-2 non-zero without each, the seeds' range."""
    whole = summarise([figures["all"] for figures in found])
    cells = [f"{whole[c][0]:.2f}" if c in COLUMNS[:2] else f"{100 * whole[c][0]:.0f}" for c in COLUMNS]
    low, high = whole["Acc-2 non-zero"][1:]
    spread = f"{100 * low:.0f}–{100 * high:.0f}"
    if "bound" in whole:
        tail = f"   bound {100 * whole['bound'][0]:.0f}"
    else:
        tail = "".join(
            f"{100 * summarise([f[how] for f in found])['Acc-2 non-zero'][0]:9.0f}"
            for how in SEEN
            if how != "all" and how in found[0]
        )
    return f"{name:14}" + "".join(f"{c:>7}" for c in cells) + f"{spread:>9}{tail}"


def _scenes(args):
    settings = settings_from(MoodSettings, args.set)
    print(
        "MAE, Corr, then per cent: Acc-7, Acc-2 with zeros and without, F1, the seeds' range; then Acc-2 "
        "(zeros left out) without each sense"
    )

    def report(regime, name, found):
        if name == "mean":
            head = "".join(f"{c:>7}" for c in ("MAE", "Corr", "Acc-7", "Acc-2", "non-0", "F1"))
            print(f"{regime:14}{head}{'range':>9}" + "".join(f"{how[:9]:>9}" for how in list(SEEN)[1:]))
        print(line_of(name, found), flush=True)

    record = table(args.methods or FUSIONS, args.regimes or REGIMES, args.seeds, settings, report)
    if args.figure:
        print(sentiment_figure(args.figure, record))
    return {"settings": dataclasses.asdict(settings), "table": record}


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.sentiment.table", description="Sentiment: fusions, regimes, controls."
    )
    parser.add_argument("--of", choices=OF, default="scenes", help="which table (default: scenes)")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="default: all of the table")
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), metavar="NAME",
                        help=f"of scenes: some of {' '.join(REGIMES)}")  # fmt: skip
    parser.add_argument("--data", nargs="+", default=[], metavar="SPEC",
                        help="of digits: mnist:PATH fsdd:PATH; of text: vader:DIR")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="of scenes: the table as a heat map")
    args = parser.parse_args(arguments)
    try:
        if args.seeds < 1:
            raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
        if args.of == "scenes":
            unknown = [name for name in args.methods or () if name not in FUSIONS]
            if unknown:
                raise RunError("--methods", f"expected some of {', '.join(FUSIONS)}, got {unknown[0]!r}")
            record = _scenes(args)
        elif args.of == "digits":
            from .digits import digits_table

            record = digits_table(args)
        else:
            from .text import text_table

            record = text_table(args)
        if args.json:
            write_json(args.json, record)
    except (ValueError, OSError) as error:
        print(f"sentiment: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
