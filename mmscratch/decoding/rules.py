"""What a sentence may not say: forbidden words, an end too early, an n-gram twice."""

import dataclasses
import operator

import numpy as np

__all__ = ["Rules", "check_lengths", "scores_of"]


@dataclasses.dataclass(frozen=True)
class Rules:
    """Word scores with −∞ where a rule forbids the word.

    end                the id that ends a sentence
    min_length         no end before so many words
    no_repeat_ngram    n: a word that would complete an n-gram which the sentence already has is forbidden
                       (Paulus, Xiong & Socher, 2018, §2.5, n = 3); 0: no such rule
    forbidden          ids that are never said: padding, the start token, the unknown word

    A sentence that the rules leave no word at all may end, however short it is.

    Errors     ValueError naming the value
    """

    end: int
    min_length: int = 0
    no_repeat_ngram: int = 0
    forbidden: tuple = ()

    def __post_init__(self):
        for name in ("end", "min_length", "no_repeat_ngram"):
            check_count(name, getattr(self, name), 0)
        object.__setattr__(self, "forbidden", tuple(sorted({*map(operator.index, self.forbidden)})))
        if self.end in self.forbidden:
            raise ValueError(f"forbidden: expected ids other than end ({self.end}), got {self.forbidden}")

    def apply(self, scores, said):
        """scores (N, V), the words so far (N, t) → scores (N, V); the ones given are left as they are."""
        vocabulary, t = scores.shape[1], said.shape[1]
        for name, ids in (("end", [self.end]), ("forbidden", self.forbidden)):
            if ids and not 0 <= min(ids) <= max(ids) < vocabulary:
                raise ValueError(f"{name}: expected ids in [0, {vocabulary}), got {list(ids)}")
        if not (self.forbidden or t < self.min_length or 0 < self.no_repeat_ngram <= t):
            return scores
        allowed = scores.copy()
        allowed[:, list(self.forbidden)] = -np.inf
        if t < self.min_length:
            allowed[:, self.end] = -np.inf
        if 0 < self.no_repeat_ngram <= t:
            self._block(allowed, said)
        stuck = ~(allowed > -np.inf).any(axis=1)
        allowed[stuck, self.end] = scores[stuck, self.end]
        return allowed

    def _block(self, allowed, said):
        """−∞ for each word that followed the last n − 1 words before."""
        n, t = self.no_repeat_ngram, said.shape[1]
        grams = np.lib.stride_tricks.sliding_window_view(said, n, axis=1)  # (N, t − n + 1, n)
        again = (grams[:, :, :-1] == said[:, None, t - n + 1 :]).all(axis=2)
        row, place = np.nonzero(again)
        word = grams[row, place, n - 1]
        allowed[row, word] = -np.inf


def check_count(name, value, least):
    """Refuse what is no whole number of at least ``least``."""
    try:
        fine = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        fine = False
    if not fine:
        raise ValueError(f"{name} must be at least {least} and whole, got {value!r}")


def check_lengths(batch, max_length, rules):
    """Refuse an empty batch, no length, and a least length beyond the greatest."""
    check_count("batch", batch, 1)
    check_count("max_length", max_length, 1)
    if rules.min_length > max_length:
        raise ValueError(f"min_length: expected at most max_length = {max_length}, got {rules.min_length}")


def scores_of(logits, rows):
    """log p of the next word, a float array (N, V), of what a step gave; ValueError where it gave no such."""
    if logits.ndim != 2 or logits.shape[0] != rows:
        raise ValueError(f"step: expected logits ({rows}, V) for {rows} words, got {tuple(logits.shape)}")
    scores = logits.log_softmax().numpy()
    if np.isnan(scores).any():
        row = int(np.flatnonzero(np.isnan(scores).any(axis=1))[0])
        raise ValueError(f"step: expected logits that give a distribution, got NaN or +inf in row {row}")
    return scores
