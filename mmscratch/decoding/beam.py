"""Beam search: the few best beginnings of a sentence, kept side by side, a word at a time.

    width W     hypotheses kept for each picture
    candidate   a kept hypothesis and one word more, of log-probability log p(y_<t) + log p(y_t | y_<t)
    a step      of all W · V candidates the W likeliest are chosen. Those whose word is the end are finished
                and go to a list of their own, ranked by score; the others are the next step's hypotheses
    score       log p(y) / lp(n), lp(n) = ((5 + n) / 6)^α  (Wu et al., 2016, eq. 14, without their coverage):
                a sum of n logarithms falls with every word, which without lp favours short sentences

All rows of all pictures are one batch: one call of the step a word. Its first call has a row a picture, the
later ones a row a hypothesis.
"""

import numbers

import numpy as np

from .. import ops
from ..autograd import no_grad
from ..tensor import Tensor
from .hypotheses import Finished, length_factor, report
from .rules import Rules, check_count, check_lengths, scores_of
from .state import leaves, take_rows

__all__ = ["beam_search", "diverse_beam_search"]


def beam_search(step, state, batch, start, end, max_length, width, length_penalty=0.0, *, n_best=None,
                early_stopping=True, min_length=0, no_repeat_ngram=0, forbidden=(), watch=None):  # fmt: skip
    """The best sentences of each picture among those that a beam meets.

    Forward    as the module's docstring says, α = length_penalty ≥ 0. Width 1 is greedy; a width of at least
               V^max_length misses nothing: its best is the best there is. In between, a wider beam usually
               finds a better best, but need not: a beginning that the narrow beam follows to a good end may
               be pushed out by two that begin better and end worse
    length     a sentence has at most max_length words, its end counted. Where fewer than n_best have ended by
               then, the best unfinished ones follow, marked so: there is always an answer
    early_stopping    a picture is done when no hypothesis can come among its n_best any more: what ends with
               n ≤ T = max_length words has log p(y) ≤ log p(y_<t) ≤ 0, and lp(n) ≤ lp(T), so its score is at
               most log p(y_<t) / lp(T). The results are those of the search that goes on to the end
    rules      min_length, no_repeat_ngram, forbidden: as in ``Rules``
    watch      called after each step as watch(parent, word, log_p), (B, width) each: the place among the step
               before's hypotheses, the word it adds, the sum so far (−∞: no hypothesis, the place is empty)
    Shapes     → B lists of at most n_best (default: width) ``Hypothesis``, the best first
    Errors     ValueError naming the argument, as ``greedy``; for width < 1, α < 0, n_best not in [1, width]
    """
    rules = Rules(end, min_length, no_repeat_ngram, forbidden)
    check_count("width", width, 1)
    n_best = width if n_best is None else n_best
    check_count("n_best", n_best, 1)
    if n_best > width:
        raise ValueError(f"n_best: expected at most width = {width}, got {n_best}")
    return _search(
        step, state, batch, start, max_length, rules, (1, width), 0.0, length_penalty, n_best, early_stopping,
        watch,
    )  # fmt: skip


def diverse_beam_search(step, state, batch, start, end, max_length, width, groups, diversity=0.5,
                        length_penalty=0.0, *, early_stopping=True, min_length=0, no_repeat_ngram=0,
                        forbidden=(), watch=None):  # fmt: skip
    """Beams that avoid each other's words (Vijayakumar et al., 2016; AAAI 2018).

    Forward    ``groups`` beams of width / groups hypotheses. At each word they choose one after another, each
               the candidates with the greatest
                   log p(y_≤t) − λ · (how many hypotheses of the groups before it took y_t at this step)
               (eq. 4 with the Hamming diversity of §5 there), λ = diversity ≥ 0. It is in the choice of this
               word alone: sums, scores and results are of log p
    Shapes     → B lists of at most ``width`` ``Hypothesis``, all groups' in one order, the best first. Two
               groups may have found the same sentence
    others     as ``beam_search``; groups = 1 is beam search; λ = 0 is every group the same beam
    Errors     ValueError as ``beam_search``; for groups that do not divide width, λ < 0
    """
    rules = Rules(end, min_length, no_repeat_ngram, forbidden)
    check_count("width", width, 1)
    check_count("groups", groups, 1)
    if width % groups:
        raise ValueError(f"groups: expected a divisor of width = {width}, got {groups}")
    _check_positive("diversity", diversity)
    return _search(
        step, state, batch, start, max_length, rules, (groups, width // groups), diversity, length_penalty,
        width // groups, early_stopping, watch,
    )  # fmt: skip


def _search(step, state, batch, start, max_length, rules, shape, diversity, alpha, n_best, early, watch):
    """The loop of both: ``shape`` (G, W) beams, of which all are one group in plain beam search."""
    check_lengths(batch, max_length, rules)
    _check_positive("length_penalty", alpha)
    groups, width = shape
    pictures, longest = np.arange(batch)[:, None, None], length_factor(max_length, alpha)
    rows = np.broadcast_to(pictures, (batch, groups, 1))  # of the step: at first each picture has one
    log_p = np.zeros(rows.shape)
    words, path = np.zeros((2, *rows.shape, max_length), np.int64)
    finished = Finished(batch, groups, n_best, max_length)
    token, constant, looks = np.full(batch, start, np.int64), {}, []
    with no_grad():
        for t in range(max_length):
            state, logits, attention = step(state, Tensor(token))
            looks.append(None if attention is None else attention.numpy())
            said = words[:, :, :, :t].reshape(-1, t) if t else words[:, 0, 0, :0]
            # log p ≤ 0 also where it was rounded: early stopping rests on it.
            scores = np.minimum(rules.apply(scores_of(logits, len(token)), said), 0)
            parent, word, log_p = _choose(log_p, scores, width, diversity)
            if watch is not None:
                first = np.arange(groups)[:, None] * rows.shape[2] if t else 0
                watch(*(x.reshape(batch, -1) for x in (parent + first, word, log_p)))
            rows = np.take_along_axis(rows, parent, axis=2)
            words, path = (np.take_along_axis(x, parent[..., None], axis=2) for x in (words, path))
            words[..., t], path[..., t] = word, rows
            ended = np.where(word == rules.end, log_p, -np.inf)
            finished.add(ended / length_factor(t + 1, alpha), ended, t, words, path)
            log_p = np.where(word == rules.end, -np.inf, log_p)
            if early:
                hopeless = finished.score[:, :, -1] >= log_p.max(axis=2) / longest
                log_p[hopeless.all(axis=1)] = -np.inf
            if t + 1 == max_length or not (log_p > -np.inf).any():
                break
            # What a step hands on as it came is the same for all hypotheses of a picture: no row moves.
            constant = {id(x): x for x in leaves(state) if id(x) in constant}
            state = take_rows(state, rows.reshape(-1), len(token), constant)
            if t == 0:
                constant = {id(x): x for x in leaves(state)}
            token, rows = word.reshape(-1), np.arange(word.size).reshape(word.shape)
    unfinished = Finished(batch, groups, width, max_length)
    unfinished.add(log_p / longest, log_p, max_length, words, path)
    return report(finished, unfinished, looks)


def _choose(log_p, scores, width, diversity):
    """The next hypotheses of every group.

    Shapes     log_p (B, G, H), scores (B · G · H, V), or (B, V) for all groups (H = 1)
               → which of the H, the word, log p so far: (B, G, width), −∞ where there are fewer candidates
    """
    batch, groups, old = log_p.shape
    vocabulary = scores.shape[1]
    total = log_p[..., None] + scores.reshape(batch, -1, old, vocabulary)
    k = min(width, old * vocabulary)
    parent, word = np.zeros((2, batch, groups, width), np.int64)
    chosen = np.full((batch, groups, width), -np.inf)
    said, picture = np.zeros((batch, 1, vocabulary)), np.arange(batch)[:, None]
    for g in range(groups):
        mine = total[:, g].reshape(batch, -1)
        value = mine if g == 0 else (total[:, g] - diversity * said).reshape(batch, -1)
        _, best = ops.topk(value, k=k)
        parent[:, g, :k], word[:, g, :k] = np.divmod(best, vocabulary)
        chosen[:, g, :k] = np.take_along_axis(mine, best, axis=1)
        np.add.at(said, (picture, 0, word[:, g]), chosen[:, g] > -np.inf)
    return parent, word, chosen


def _check_positive(name, value):
    if not (isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= value < np.inf):
        raise ValueError(f"{name} must be at least 0 and finite, got {value!r}")
