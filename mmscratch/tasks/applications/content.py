"""Content recommendation: what a visitor looks at next, from pictures, titles and the order of views.

Sessions of ``data.applications.views``: the reason is hidden, and only a history tells it. Colour and shape
are in the picture (seen through the shipped scene network), the topic is in the title (its words, counted).
Hit@10 and mean reciprocal rank of the last view of 600 sessions, given those before; all items are listed but
the last seen.

    oracle         Bayes' rule given the whole history;  "… of the last item": given that item alone
    popularity     how often an item is seen in training; random: by lot
    last item      items that followed the last one in training, by their number
    GRU, attention of pictures and titles; GRU of pictures alone, of titles alone, of item numbers alone
    shuffled       the GRU given the history in another order
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...autograd import no_grad
from ...data.applications.views import make_views, next_probability
from ...metrics.tied_ranks import first_relevant
from ...models.applications.readers import word_ids
from ...models.applications.sequences import NextItem
from ...random import Generator
from ..run import check_settings
from .learning import learn, picture_features

__all__ = ["FIGURES", "SETTINGS", "TITLE", "judge", "rows", "title_counts"]

TITLE = "content recommendation (Hit@10 and MRR in per cent)"
FIGURES = ("Hit@10", "MRR")


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """How sessions are drawn, and how the readers are trained."""

    sessions: int = 3000
    test: int = 600
    error: float = 0.1
    hidden: int = 48
    steps: int = 400
    batch_size: int = 64
    lr: float = 5e-3

    def __post_init__(self):
        check_settings(self, "sessions", "test", "hidden", "steps", "batch_size")
        if not 0 <= self.error <= 1:
            raise ValueError(f"error: expected a share in [0, 1], got {self.error}")


def title_counts(titles):
    """How often each word stands in each title: float32 (I, W), standardised."""
    ids, vocabulary = word_ids(titles)
    counts = (ids[:, :, None] == np.arange(1, len(vocabulary) + 1)).sum(1).astype(np.float64)
    return ((counts - counts.mean(0)) / np.maximum(counts.std(0), 1e-6)).astype(np.float32)


def judge(scores, history, wanted):
    """FIGURES of scores (N, I), the last item seen being no candidate."""
    scores = np.array(scores, np.float64)
    scores[np.arange(len(scores)), history[:, -1]] = -1e30
    relevant = np.zeros(scores.shape, bool)
    relevant[np.arange(len(scores)), wanted] = True
    first = first_relevant(scores, relevant)
    return {
        "Hit@10": float(first.within(10, "expected").mean()),
        "MRR": float(first.reciprocal("expected").mean()),
    }


def _last_scores(model, history, batch_size=200):
    with no_grad():
        parts = range(0, len(history), batch_size)
        return np.concatenate([model(history[k : k + batch_size]).numpy()[:, -1] for k in parts])


def rows(seed, settings):
    """{row: FIGURES} of test sessions."""
    trained = make_views(settings.sessions, error=settings.error, seed=2 * seed)
    asked = make_views(settings.test, error=settings.error, seed=2 * seed + 1)
    history, wanted, items = asked.sessions[:, :-1], asked.sessions[:, -1], len(asked.kinds)
    random = np.random.default_rng([seed, 0xC0])
    seen = np.bincount(trained.sessions.ravel(), minlength=items)
    follows = np.zeros((items, items))
    np.add.at(follows, (trained.sessions[:, :-1], trained.sessions[:, 1:]), 1)
    best = {last: next_probability(asked.kinds, history, asked.error, last) for last in (False, True)}
    found = {
        "oracle": judge(best[False], history, wanted),
        "oracle of the last item": judge(best[True], history, wanted),
        "random": judge(random.uniform(size=(len(history), items)), history, wanted),
        "popularity": judge(np.tile(seen, (len(history), 1)), history, wanted),
        "last item": judge(follows[history[:, -1]], history, wanted),
    }
    pictures, titles = picture_features(trained.scenes), title_counts(trained.titles)
    # Each modality counts alike, however many numbers it has.
    pictures, titles = (f / np.float32(np.sqrt(f.shape[1] / 8)) for f in (pictures, titles))
    both = np.concatenate([pictures, titles], axis=1)
    for name, reader, features, own in (
        ("GRU of both", "gru", both, False),
        ("attention of both", "attention", both, False),
        ("GRU of pictures", "gru", pictures, False),
        ("GRU of titles", "gru", titles, False),
        ("GRU of item numbers", "gru", np.zeros((items, 1), np.float32), True),
    ):
        model = NextItem(features, reader, settings.hidden, own=own, generator=Generator(seed))
        learn(
            model,
            lambda rows, _, m=model: m.loss(trained.sessions[rows]),
            len(trained.sessions),
            settings,
            seed,
        )
        found[name] = judge(_last_scores(model, history), history, wanted)
        if name == "GRU of both":
            # The last item stays last: what is lost is the order before it.
            mixed = np.concatenate([random.permuted(history[:, :-1], axis=1), history[:, -1:]], axis=1)
            found["GRU of both, shuffled"] = judge(_last_scores(model, mixed), history, wanted)
    return found
