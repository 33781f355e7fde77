"""How good captions are: metrics, truth and likelihood, each beside its controls."""

import dataclasses

import numpy as np

from ...autograd import no_grad
from ...data import scenes
from ...data.batches import pad
from ...data.vocabulary import Vocabulary
from ...metrics.attention import attention_iou, mass_inside, pointing_game
from ...metrics.captions import score_captions
from ...tensor import Tensor
from ..figures import attention_grid
from .model import describe

__all__ = ["Likelihood", "attention", "derangement", "judge", "likelihood", "preference"]


@dataclasses.dataclass
class Likelihood:
    """log p of given sentences: each sentence's sum, its number of words (end included), the mean a word."""

    log_p: np.ndarray
    words: np.ndarray

    @property
    def per_word(self):
        return -self.log_p.sum() / max(self.words.sum(), 1)


def likelihood(model, vocabulary, split, regions=None, sentences=None, picture_of=None):
    """log p of sentences given their pictures; default: every caption of the split given its own.

    picture_of: for each picture, which picture to show instead (a control).
    """
    sentences = split.captions if sentences is None else sentences
    regions = model.encode_split(split)[0] if regions is None else regions
    pairs = [(i, vocabulary.encode(s)) for i, many in enumerate(sentences) for s in many]
    shown = np.arange(len(regions)) if picture_of is None else np.asarray(picture_of)
    log_p, words = [], []
    training = model.training
    model.eval()
    for start in range(0, len(pairs), 256):
        part = pairs[start : start + 256]
        length = max(len(t) for _, t in part)
        tokens = np.full((len(part), length), Vocabulary.pad, np.int64)
        for row, (_, t) in zip(tokens, part, strict=True):
            row[: len(t)] = t
        with no_grad():
            logits, _ = model.decoder(Tensor(regions[shown[[i for i, _ in part]]]), Tensor(tokens))
            scores = logits.log_softmax().numpy()
        target = tokens[:, 1:]
        picked = np.take_along_axis(scores, target[:, :, None], axis=2)[:, :, 0]
        mask = target != Vocabulary.pad
        log_p.append((picked * mask).sum(1, dtype=np.float64))
        words.append(mask.sum(1))
    model.train(training)
    return Likelihood(np.concatenate(log_p), np.concatenate(words))


def judge(model, vocabulary, checked, trained, seed=0, options=None):
    """The figures of ``evaluate``; captions are searched for as the ``SearchOptions`` say, None: greedily.

    Controls    majority: the training captions' most frequent one, said of every picture;
                shuffled: the same model shown another picture of the split (a fixed derangement)
    """
    seen = model.encode_split(checked)
    regions = seen[0]
    longest = max(len(s) for many in trained.captions for s in many)
    said, _, _ = describe(model, vocabulary, seen, 2 * longest, options, seed)
    others = derangement(len(checked), seed)
    own = likelihood(model, vocabulary, checked, regions)
    shuffled = likelihood(model, vocabulary, checked, regions, picture_of=others)
    figures = {
        "pictures": len(checked),
        "loss per word": own.per_word,
        "loss per word, shuffled pictures": shuffled.per_word,
    }
    scored = [i for i, many in enumerate(checked.captions) if many]
    references = [checked.captions[i] for i in scored]
    majority = trained.majority()
    for name, candidates in (
        ("", [said[i] for i in scored]),
        (", majority caption", [majority] * len(scored)),
    ):
        for metric, value in score_captions(candidates, references).items():
            figures[f"{metric}{name}"] = float(value)
    if checked.scenes is not None:
        for name, sentences in (
            ("", said),
            (", shuffled pictures", [said[i] for i in others]),
            (", majority caption", [majority] * len(checked)),
        ):
            for part, value in checked.truth(sentences).items():
                if value == value:  # no relation was stated: no rate, rather than NaN
                    figures[f"truth rate: {part}{name}"] = float(value)
        graphs = scenes.spice(said, references=checked.captions, lang=checked.lang)
        figures["SPICE"] = float(graphs["SPICE"])
        figures |= attention(model, vocabulary, checked, seen)
    if checked.false_captions is not None:
        figures |= preference(model, vocabulary, checked, regions, others)
    return figures


def attention(model, vocabulary, split, seen):
    """How well attention finds the object that a word of the first caption speaks of; empty where it cannot.

    Of each caption's words that mention an object, given the words before: pointing game, mass inside and IoU
    (above half the maximum), each beside its chance, that of a map that knows nothing. The first such word is
    apart: nothing said before it tells which object it is going to be.
    """
    maps, masks, first = [], [], []
    for start in range(0, len(split), 256):
        some = range(start, min(start + 256, len(split)))
        tokens, _ = pad([vocabulary.encode(split.captions[i][0]) for i in some], Vocabulary.pad)
        regions, cells = (part[some.start : some.stop] for part in seen)
        with no_grad():
            _, alpha = model.decoder(Tensor(np.ascontiguousarray(regions)), Tensor(tokens))
        if alpha is None or split.links is None:
            return {}
        for i, weights, where in zip(some, alpha.numpy(), cells, strict=True):
            grids, objects = attention_grid(weights, where, model.grid), scenes.masks(split.scenes[i])
            spoken = [t for t, k in enumerate(split.links[i][0]) if k >= 0]
            maps += [grids[t] for t in spoken]
            masks += [objects[split.links[i][0][t]] for t in spoken]
            first += [t == spoken[0] for t in spoken]
    if not maps or scenes.SIDE % model.grid:
        return {}
    maps, masks, first = np.stack(maps), np.stack(masks), np.array(first)
    figures = {}
    for words, chosen in (("", ~first), (", first word of a caption", first)):
        if chosen.any():
            for name, score in (
                ("pointing", pointing_game),
                ("mass inside", mass_inside),
                ("IoU", attention_iou),
            ):
                found = score(maps[chosen], masks[chosen])
                figures[f"attention: {name}{words}"] = found.mean
                figures[f"attention: {name}{words}, chance"] = found.mean_chance
    return figures


def preference(model, vocabulary, split, regions, others):
    """How often a true caption is likelier than a false one of the same picture; chance is 0.5.

    Over all (true, false) pairs of each picture, ties count half; per word, so that length does not decide,
    and once as the sum. The interval is ±1.96 standard errors over pictures.
    """
    figures = {}
    for name, shown in (("", None), (", shuffled pictures", others)):
        true = likelihood(model, vocabulary, split, regions, split.captions, shown)
        false = likelihood(model, vocabulary, split, regions, split.false_captions, shown)
        for measure in ("per word", "whole"):
            shares, pairs = [], 0
            for t, f in zip(_by_picture(split.captions, true, measure),
                            _by_picture(split.false_captions, false, measure), strict=True):  # fmt: skip
                if len(t) and len(f):
                    d = t[:, None] - f[None, :]
                    shares.append(float(np.mean((d > 0) + 0.5 * (d == 0))))
                    pairs += d.size
            error = 1.96 * np.std(shares) / max(len(shares), 1) ** 0.5
            figures[f"true over false caption, {measure}{name}"] = float(np.mean(shares))
            if not name:
                figures[f"true over false caption, {measure}, ±"] = float(error)
    return figures | {"true/false pairs": pairs, "chance": 0.5}


def _by_picture(sentences, score, measure):
    value = score.log_p / score.words if measure == "per word" else score.log_p
    return np.split(value, np.cumsum([len(many) for many in sentences])[:-1])


def derangement(n, seed):
    """For each of n another one, each used once: a random cycle (n ≥ 2)."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other
