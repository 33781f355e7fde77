"""The sentences a beam search has found: how they are scored, which are kept, what is handed back."""

import dataclasses

import numpy as np

__all__ = ["Finished", "Hypothesis", "length_factor", "report"]


@dataclasses.dataclass
class Hypothesis:
    """One sentence of a search.

    tokens       word ids without start and end
    score        log_p / lp(n), by which sentences are ranked (``length_factor``)
    log_p        Σ_t log p(y_t | y_<t) of its n words, the end one of them if it ended
    attention    (words, R), where the model looked at each word, or None
    finished     False where it did not end within the greatest length
    group        which group of a diverse search found it
    """

    tokens: list
    score: float
    log_p: float
    attention: np.ndarray | None
    finished: bool
    group: int = 0


def length_factor(n, alpha):
    """lp(n) = ((5 + n) / 6)^α for n words, the end counted (Wu et al., 2016, eq. 14); 1 with α = 0."""
    return ((5 + n) / 6) ** alpha


class Finished:
    """The best ``kept`` ended sentences of each picture and group, falling in score; ties: the first to end.

    score, log_p, length    (B, G, kept); −∞ and 0 where there is none yet
    words, path             (B, G, kept, T): word ids, and the step's row that gave each
    """

    def __init__(self, pictures, groups, kept, longest):
        shape = (pictures, groups, kept)
        self.kept = kept
        self.score, self.log_p = np.full(shape, -np.inf), np.full(shape, -np.inf)
        self.length = np.zeros(shape, np.int64)
        self.words, self.path = np.zeros((*shape, longest), np.int64), np.zeros((*shape, longest), np.int64)

    def add(self, score, log_p, length, words, path):
        """Sentences of ``length`` words, (B, G, H) and (B, G, H, T), that take part where score > −∞."""
        if not (score > -np.inf).any():
            return
        lengths = np.full(score.shape, length)
        both = [
            np.concatenate(pair, axis=2)
            for pair in (
                (self.score, score), (self.log_p, log_p), (self.length, lengths), (self.words, words),
                (self.path, path),
            )
        ]  # fmt: skip
        order = np.argsort(-both[0], axis=2, kind="stable")[:, :, : self.kept]
        self.score, self.log_p, self.length = (np.take_along_axis(x, order, axis=2) for x in both[:3])
        self.words, self.path = (np.take_along_axis(x, order[..., None], axis=2) for x in both[3:])


def report(finished, unfinished, looks):
    """For each picture the best Hypotheses of every group, as many as ``finished`` keeps, in one order.

    Order      those that ended by score, then the others by score; a sentence of score −∞ is none
    looks      where each row of each step looked: T arrays (rows, R), or T times None
    """
    score, log_p, length, words, path = (
        np.concatenate([getattr(finished, name), getattr(unfinished, name)], axis=2)
        for name in ("score", "log_p", "length", "words", "path")
    )
    other = np.arange(score.shape[2]) >= finished.kept
    rank = np.where(score > -np.inf, other, 2)
    best = np.lexsort((-score, rank))[:, :, : finished.kept]
    places = []
    for b, group in enumerate(best):
        mine = [(b, g, int(i)) for g, order in enumerate(group) for i in order if score[b, g, i] > -np.inf]
        places += sorted(mine, key=lambda place: (other[place[2]], -score[place]))
    seen = _attention([path[place] for place in places], looks)
    result = [[] for _ in best]
    for j, place in enumerate(places):
        n = int(length[place])
        result[place[0]].append(
            Hypothesis(
                words[place][:n].tolist(), float(score[place]), float(log_p[place]),
                None if seen is None else seen[j, :n], not other[place[2]], place[1],
            )
        )  # fmt: skip
    return result


def _attention(paths, looks):
    """M paths (T,), T arrays (rows, R) → (M, T, R); None where the model does not look."""
    if looks[0] is None:
        return None
    paths = np.stack(paths)
    # The path of a sentence that ended is 0 at the steps after it: some row's, which is cut off.
    return np.stack([look[paths[:, t]] for t, look in enumerate(looks)], axis=1)
