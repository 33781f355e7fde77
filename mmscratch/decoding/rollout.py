"""One sentence a picture, word by word: the likeliest word each time, or one that is drawn."""

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor
from .choice import Draw
from .rules import Rules, check_lengths, scores_of

__all__ = ["greedy", "sample"]


def greedy(step, state, batch, start, end, max_length, *, min_length=0, no_repeat_ngram=0, forbidden=()):
    """At each step the likeliest word, until every sentence has ended.

    Forward    y_t = argmax_v p(v | y_<t, state), the lower id on ties
    step       (state, token (B,)) → (state, logits (B, V), attention (B, R) or None)
    rules      min_length, no_repeat_ngram, forbidden: as in ``Rules``
    Shapes     → tokens: B lists of word ids without start and end; log-probability (B,);
               attention: B arrays (length, R), one row a word, or None
    Errors     ValueError for max_length < 1, a bad rule, logits of another shape or with NaN
    """
    rules = Rules(end, min_length, no_repeat_ngram, forbidden)
    return _roll_out(step, state, batch, start, max_length, rules, lambda scores, t: scores.argmax(axis=1))


def sample(step, state, batch, start, end, max_length, generator, temperature=1.0, top_k=None, top_p=None, *,
           min_length=0, no_repeat_ngram=0, forbidden=()):  # fmt: skip
    """At each step a word drawn from what the model finds likely, until every sentence has ended.

    Forward    y_t ~ q(v | y_<t), q ∝ p^(1/temperature) on the words kept, 0 on the others (``Draw``):
               top_k the k likeliest (Fan, Lewis & Dauphin, 2018, §5.2), then
               top_p the fewest whose q sums to at least top_p (Holtzman et al., 2020, eq. 2 and 3)
    log-probability    Σ_t log p(y_t | y_<t), of the model and not of q: what REINFORCE differentiates, and
               what compares with greedy and with beams. With temperature 1, no cut and no rule both are one
    random     sentence b draws from its own max_length numbers of the generator: what it says depends on the
               generator, b and max_length, not on how other sentences go; whenever they end, the generator
               has moved on by the same
    rules      min_length, no_repeat_ngram, forbidden: as in ``Rules``
    Shapes     as ``greedy``
    Errors     ValueError as ``greedy``; for temperature ≤ 0, top_k < 1, top_p outside (0, 1]
    Note       no gradient is kept: to differentiate log p, run the tokens through the model again
    """
    rules = Rules(end, min_length, no_repeat_ngram, forbidden)
    check_lengths(batch, max_length, rules)
    draw = Draw(temperature, top_k, top_p)
    numbers = generator.uniform((batch, max_length), dtype="float64")
    return _roll_out(
        step, state, batch, start, max_length, rules, lambda scores, t: draw(scores, numbers[:, t])
    )


def _roll_out(step, state, batch, start, max_length, rules, choose):
    """The loop of both: choose(scores (B, V) that keep to the rules, t) → words (B,)."""
    check_lengths(batch, max_length, rules)
    row = np.arange(batch)
    token, end = np.full(batch, start, np.int64), rules.end
    done = np.zeros(batch, bool)
    log_p = np.zeros(batch)
    words, looks = np.full((batch, max_length), end, np.int64), []
    with no_grad():
        for t in range(max_length):
            state, logits, attention = step(state, Tensor(token))
            scores = scores_of(logits, batch)
            token = choose(rules.apply(scores, words[:, :t]), t)
            token = np.where(done, end, token)
            log_p += np.where(done, 0.0, scores[row, token])
            done |= token == end
            words[:, t] = token
            looks.append(None if attention is None else attention.numpy())
            if done.all():
                break
    lengths = (words != end).sum(axis=1).tolist()
    tokens = [said[:n].tolist() for said, n in zip(words, lengths, strict=True)]
    if looks[0] is None:
        return tokens, log_p, None
    looks = np.stack(looks, axis=1)
    return tokens, log_p, [look[:n] for look, n in zip(looks, lengths, strict=True)]
