"""BERT pretrained on what is said of scenes: masked words, and whether two sentences are about one scene.

    mmscratch train bert --data scenes --out runs/bert
    mmscratch evaluate runs/bert --split test

A document is a scene: all its objects in one sentence, then two about relations, then two about an object.
The run's folder is a published model in form: ``SentenceEncoder.from_folder(run)`` reads it.
"""

import dataclasses
import hashlib
from collections import Counter, defaultdict

import numpy as np

from ... import optim
from ...autograd import no_grad
from ...data import scenes
from ...data.files import write_whole
from ...data.tokenizers import WordPiece
from ...random import Generator
from ...representations.text.bert import BertConfig, BertForPreTraining
from ...representations.text.bert_names import to_hugging_face
from ...representations.text.masking import MARKS, draw_pairs, join_pairs, mask_tokens
from ...representations.text.scene_bert import SCENE_BERT
from ...train import fit, load_checkpoint
from ..run import Run, RunError, check_settings, plan, write_json

__all__ = [
    "BertSettings",
    "PairBatches",
    "controls",
    "documents",
    "evaluate",
    "judge",
    "ship",
    "train",
    "vocabulary",
]

LEVELS = ((3, 1), (2, 2), (1, 2))
"""The sentences of a document: level, how many."""


@dataclasses.dataclass
class BertSettings:
    """What ``--set`` may change, with its defaults."""

    steps: int = 8000
    batch_size: int = 32
    lr: float = 1e-3
    clip: float = 1.0
    hidden: int = 64
    layers: int = 3
    heads: int = 4
    dropout: float = 0.0
    spread: float = 0.05
    validate_every: int = 500
    checkpoint_every: int = 500

    def __post_init__(self):
        check_settings(self, "steps", "batch_size", "hidden", "layers", "heads")

    def config(self, tokens):
        """The network's sizes."""
        return BertConfig(
            tokens, self.hidden, self.layers, self.heads, 4 * self.hidden, "gelu", self.dropout, self.dropout,
            128, initializer_range=self.spread,
        )  # fmt: skip


def documents(data, split):
    """The sentences of each scene of a split of ``scenes:…``: lists of text."""
    if data.partition(":")[0] != "scenes":
        raise RunError("--data", f"documents are known of scenes only, got {data!r}")
    try:
        chosen = scenes.load(data).split({"test": "test-iid"}.get(split, split))
    except ValueError as e:
        raise RunError(data, str(e)) from None
    lang, templates = chosen.options.lang, chosen.plan.templates
    found = [
        [c.text for level, n in LEVELS for c in scenes.captions(s, level, lang, n=n, which=templates)]
        for s in chosen.graphs
    ]
    if len(found) < 2:
        raise RunError(data, f"split {split!r} has {len(found)} scenes, expected at least 2")
    return found


def vocabulary(texts):
    """A WordPiece of whole words: the marks, then every word of the documents, sorted."""
    splitter = WordPiece(MARKS)
    return WordPiece([*MARKS, *sorted({w for text in texts for s in text for w in splitter.words(s)})])


class PairBatches:
    """Masked pairs: each document once an epoch; a function of (seed, epoch), so it can be continued.

    Each batch: ids, segments, mask (B, T); at (M,) flat places of the chosen tokens, truth (M,), other (B,)
    """

    def __init__(self, texts, tokenizer, batch_size, seed):
        self.documents = [[tokenizer.encode(s) for s in text] for text in texts]
        self.tokenizer, self.batch_size = tokenizer, batch_size
        self.seed, self.epoch, self.position = seed, 0, 0

    def __len__(self):
        return -(-len(self.documents) // self.batch_size)

    def __iter__(self):
        random = np.random.Generator(np.random.Philox([self.seed, self.epoch]))
        first, second, other = draw_pairs(self.documents, random)
        order = random.permutation(len(other))
        while self.position < len(self):
            chosen = order[self.position * self.batch_size :][: self.batch_size]
            pairs = [first[i] for i in chosen], [second[i] for i in chosen]
            noise = np.random.default_rng([self.seed, self.epoch, self.position])
            self.position += 1
            yield self._masked(*pairs, other[chosen], noise)
        self.epoch, self.position = self.epoch + 1, 0

    def _masked(self, first, second, other, random):
        truth, segments, mask = join_pairs(first, second, self.tokenizer)
        ids, chosen = mask_tokens(truth, truth >= len(MARKS), self.tokenizer, random)
        at = np.flatnonzero(chosen)
        return ids, segments, mask, at, truth.reshape(-1)[at], other

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train bert`` does; returns the Run."""
    run, data, seed, settings = plan("bert", BertSettings, data, out, seed, assignments, resume)
    trained, checked = documents(data, "train"), documents(data, "val")
    resume = run is not None
    if run is None:
        run = Run.create(out, "bert", data, seed, dataclasses.asdict(settings))
    tokenizer = vocabulary(trained)
    write_whole(run.folder / "vocab.txt", ("\n".join(tokenizer.tokens) + "\n").encode())
    config = settings.config(len(tokenizer))
    write_json(run.folder / "config.json", {"model_type": "bert", **dataclasses.asdict(config)})
    model = BertForPreTraining(config, generator=Generator(run.seed))
    optimizer = optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.01)
    schedule = optim.OneCycleLR(optimizer, max_lr=settings.lr, total_steps=settings.steps)

    def loss(batch):
        ids, segments, mask, at, truth, other = batch
        words, follows = model(ids, segments, mask, at)
        return model.loss(words, follows, truth, other)

    def validate():
        found = judge(model, checked, tokenizer)
        return {"val_loss": found["loss"], "val_words": found["masked words right"],
                "val_follows": found["next sentence right"]}  # fmt: skip

    fit(
        model, loss, PairBatches(trained, tokenizer, settings.batch_size, run.seed), optimizer=optimizer,
        schedule=schedule, steps=settings.steps, clip=settings.clip, validate=validate,
        validate_every=settings.validate_every, checkpoint_every=settings.checkpoint_every,
        run=run.folder, resume=resume, progress=progress,
    )  # fmt: skip
    load_checkpoint(run.folder, model=model, which="best")
    _publish(model, run.folder / "model.safetensors")
    return run


def _publish(model, path):
    from safetensors.numpy import save

    state = to_hugging_face(model.state_dict())
    write_whole(path, save({name: np.ascontiguousarray(a) for name, a in state.items()}))


def ship(run, folder=SCENE_BERT):
    """Write a run's best weights where the package looks for them, with the recipe beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        write_whole(folder / name, (run.folder / name).read_bytes())
    changed = [f"{k}={v}" for k, v in run.settings.items() if v != getattr(BertSettings(), k)]
    made = ["mmscratch train bert --data", run.data, "--seed", str(run.seed)]
    recipe = {
        "made by": " ".join([*made, *(["--set", *changed] if changed else [])]),
        "sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
    }
    for split in ("val", "test-iid"):
        figures = evaluate(run, split=split)
        recipe[split] = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
    write_json(folder / "recipe.json", recipe)
    return recipe


def evaluate(run, data=None, split="val"):
    """Figures of a trained network on one split, controls beside them."""
    trained, checked = documents(run.data, "train"), documents(data or run.data, split)
    tokenizer = WordPiece.from_vocab(run.folder / "vocab.txt")
    model = BertForPreTraining(BertSettings(**run.settings).config(len(tokenizer)))
    load_checkpoint(run.folder, model=model, which="best")
    return {**judge(model, checked, tokenizer), **controls(trained, checked, tokenizer)}


def judge(model, texts, tokenizer, seed=1 << 20, epochs=2):
    """Masked words and next sentences that are right, and the perplexity, over ``epochs`` draws of pairs."""
    model.eval()
    right, follows, cost, loss = [], [], [], 0.0
    for ids, segments, mask, at, truth, other in _draws(texts, tokenizer, seed, epochs):
        with no_grad():
            words, second = model(ids, segments, mask, at)
            loss += model.loss(words, second, truth, other).item() * len(other)
        words = words.numpy()
        top = words.max(axis=1)
        log_z = top + np.log(np.exp(words - top[:, None]).sum(axis=1))
        cost.append(log_z - words[np.arange(len(truth)), truth])
        right.append(words.argmax(axis=1) == truth)
        follows.append(second.numpy().argmax(axis=1) == other)
    model.train()
    return {
        "pairs": sum(map(len, follows)),
        "masked words": sum(map(len, right)),
        "loss": loss / sum(map(len, follows)),
        "masked words right": float(np.concatenate(right).mean()),
        "perplexity": float(np.exp(np.concatenate(cost).mean())),
        "next sentence right": float(np.concatenate(follows).mean()),
    }


def _draws(texts, tokenizer, seed, epochs=1):
    batches = PairBatches(texts, tokenizer, 64, seed)
    for _ in range(epochs):
        yield from batches


def controls(trained, checked, tokenizer, seed=1 << 20):
    """What needs no network, learned from the training documents:

    context-free      the most frequent word, and the perplexity of the words' frequencies
    neighbours        the word seen most often between its two neighbours (as they are seen, masked or not)
    words in common   next sentence: the share of the second's words that the first has, and a threshold
    """
    ones, between, shares = Counter(), defaultdict(Counter), []
    for ids, segments, mask, at, truth, other in _draws(trained, tokenizer, 1 << 21, epochs=3):
        ones.update(truth.tolist())
        for key, word in zip(_neighbours(ids, at), truth.tolist(), strict=True):
            between[key][word] += 1
        shares += zip(_in_common(ids, segments, mask), other.tolist(), strict=True)
    share, other = (np.array(a) for a in zip(*shares, strict=True))
    limits = np.unique(share)
    limit = limits[np.argmax([((share < x) == other).mean() for x in limits])]
    best = ones.most_common(1)[0][0]
    guess = {key: seen.most_common(1)[0][0] for key, seen in between.items()}
    frequency = np.array([ones[i] + 1.0 for i in range(len(tokenizer))])
    cost = -np.log(frequency / frequency.sum())
    free, near, common, costs = [], [], [], []
    for ids, segments, mask, at, truth, other in _draws(checked, tokenizer, seed, epochs=2):
        free.append(truth == best)
        costs.append(cost[truth])
        near.append(np.array([guess.get(k, best) for k in _neighbours(ids, at)]) == truth)
        common.append((np.array(_in_common(ids, segments, mask)) < limit) == other)
    return {
        "masked words right, context-free": float(np.concatenate(free).mean()),
        "perplexity, context-free": float(np.exp(np.concatenate(costs).mean())),
        "masked words right, neighbours": float(np.concatenate(near).mean()),
        "next sentence right, chance": 0.5,
        "next sentence right, words in common": float(np.concatenate(common).mean()),
    }


def _neighbours(ids, at):
    flat = ids.reshape(-1)
    return list(zip(flat[at - 1].tolist(), flat[at + 1].tolist(), strict=True))


def _in_common(ids, segments, mask):
    found = []
    for row, part, there in zip(ids, segments, mask, strict=True):
        a, b = (set(row[there & (part == k) & (row >= len(MARKS))].tolist()) for k in (0, 1))
        found.append(len(a & b) / max(1, len(b)))
    return found
