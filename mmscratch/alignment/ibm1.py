"""IBM Model 1: what a word translates, found by EM from pairs alone (Brown, Della Pietra, Della Pietra &
Mercer, 1993, §4.2).

    e_1 … e_I    the units of one side (the attributes of a scene's objects, or words), e_0 the empty NULL
    f_1 … f_J    the words of the other side
    a_j          which e_i the word f_j comes from: hidden

Every f_j picks its a_j uniformly, then the word from t(· | e_{a_j}); so the sum over all (I + 1)^J alignments
is a product of J small sums:

    P(f, a | e) = ε / (I + 1)^J · Π_j t(f_j | e_{a_j})
    P(f | e)    = ε / (I + 1)^J · Π_j Σ_i t(f_j | e_i)
    P(a_j = i | f, e) = t(f_j | e_i) / Σ_k t(f_j | e_k)
    c(f | e)    = Σ_pairs Σ_j Σ_i [f_j = f] [e_i = e] P(a_j = i | f, e)         E step
    t(f | e)    = c(f | e) / Σ_f c(f | e)                                       M step

log P never falls from one iteration to the next (EM), and as a function of t it is concave: begun uniformly,
nothing is left to chance.
"""

import numpy as np

__all__ = ["IBM1"]

BLOCK = 1 << 21
"""Entries (pairs × I × J) that are worked on at once."""


class IBM1:
    """Model 1 of f given e.

    fit        EM on pairs of sequences of tokens (anything that can be a key)
    t          (E + 1, F): t[k, l] = t(f = targets[l] | e = sources[k]); row 0 is NULL, if there is one
    log_likelihood    ln Π P(f | e) / ε before each iteration and after the last, in nats

    Errors     ValueError where the two sides are not as many, or a pair is empty on one side
    """

    def __init__(self, null: bool = True):
        self.null = bool(null)

    def fit(self, sources, targets, iterations=20, tolerance=0.0):
        """EM from a uniform t; stops early where a step gains at most ``tolerance`` nats a word."""
        if iterations < 1:
            raise ValueError(f"IBM1: iterations: expected at least 1, got {iterations}")
        if len(sources) != len(targets) or not len(sources):
            raise ValueError(
                f"IBM1: {len(sources)} sources for {len(targets)} targets: expected as many, ≥ 1"
            )
        self._known(sources, targets)
        pairs = [self._numbers(e, f) for e, f in zip(sources, targets, strict=True)]
        blocks, words = list(_blocks(pairs)), sum(len(f) for _, f in pairs)
        size = (len(self.source_index) + self.null, len(self.target_index))
        self.t, self.log_likelihood = np.full(size, 1 / size[1]), []
        for _ in range(iterations):
            counts, log_p = self._expected(blocks)
            self.log_likelihood.append(log_p)
            if len(self.log_likelihood) > 1 and log_p - self.log_likelihood[-2] <= tolerance * words:
                return self
            total = counts.sum(1, keepdims=True)
            self.t = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
        self.log_likelihood.append(self._expected(blocks)[1])
        return self

    def posterior(self, source, target):
        """P(a_j = i | f, e) of one pair: (J, I + 1), column 0 NULL (of a model without NULL (J, I)).

        Note       what no e_i ever was with (an unknown word) gives a uniform row: no opinion
        """
        p = self.probability(source, target)
        total = p.sum(1, keepdims=True)
        return np.where(total > 0, p / np.where(total > 0, total, 1), 1 / p.shape[1])

    def probability(self, source, target):
        """t(f_j | e_i) of one pair, laid out as ``posterior``; 0 for unknown tokens."""
        e, f = self._numbers(source, target, strict=False)
        padded = np.pad(self.t, ((0, 1), (0, 1)))  # the last row and column: unknown
        return padded[e][:, f].T

    def log_probability(self, source, target):
        """ln P(f | e) / ε of one pair; −∞ where a word cannot come from it."""
        p = self.probability(source, target)
        with np.errstate(divide="ignore"):
            return float(np.log(p.mean(1)).sum())

    def _known(self, sources, targets):
        self.source_index = {e: k for k, e in enumerate(dict.fromkeys(e for s in sources for e in s))}
        self.target_index = {f: k for k, f in enumerate(dict.fromkeys(f for s in targets for f in s))}

    @property
    def sources(self):
        """Tokens e in the order of the rows of t; None is NULL."""
        return [None] * self.null + list(self.source_index)

    @property
    def targets(self):
        """Tokens f in the order of the columns of t."""
        return list(self.target_index)

    def _numbers(self, source, target, strict=True):
        if not len(target) or not len(source) + self.null:
            raise ValueError(f"IBM1: a pair of {len(source)} and {len(target)} tokens: expected one at least")
        if strict:
            e = [self.source_index[x] + self.null for x in source]
            f = [self.target_index[x] for x in target]
        else:
            e = [self.source_index.get(x, -1 - self.null) + self.null for x in source]
            f = [self.target_index.get(x, -1) for x in target]
        return np.array([0] * self.null + e, np.int64), np.array(f, np.int64)

    def _expected(self, blocks):
        """E step: c(f | e) as t is laid out, and ln P of all pairs."""
        counts, log_p = np.zeros(self.t.size), 0.0
        for e, f, e_there, f_there in blocks:
            place = e[:, :, None] * self.t.shape[1] + f[:, None, :]  # (N, I, J) into t
            p = self.t.ravel()[place] * e_there[:, :, None]
            total = p.sum(1, keepdims=True)
            share = p / np.where(f_there[:, None], total, np.inf)
            counts += np.bincount(place.ravel(), share.ravel(), minlength=counts.size)
            mean = total[:, 0] / e_there.sum(1, keepdims=True)
            log_p += np.log(mean[f_there]).sum()
        return counts.reshape(self.t.shape), float(log_p)


def _blocks(pairs):
    """Pairs of like lengths together, padded: e (N, I), f (N, J), and which of them are there."""
    pairs = sorted(pairs, key=lambda pair: (len(pair[0]), len(pair[1])))
    while pairs:
        width = [max(len(side) for side in sides) for sides in zip(*pairs, strict=True)]
        n = max(1, BLOCK // (width[0] * width[1]))
        yield (*(_padded([p[k] for p in pairs[-n:]]) for k in (0, 1)),
               *(_there([p[k] for p in pairs[-n:]]) for k in (0, 1)))  # fmt: skip
        del pairs[-n:]


def _there(rows):
    return np.arange(max(map(len, rows))) < np.array([len(row) for row in rows])[:, None]


def _padded(rows):
    out = np.zeros((len(rows), max(map(len, rows))), np.int64)
    out[_there(rows)] = np.concatenate(rows)
    return out
