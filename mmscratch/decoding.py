"""From a step function to sentences: how to search what a decoder could say."""

import numpy as np

from .autograd import no_grad
from .tensor import Tensor

__all__ = ["greedy"]


def greedy(step, state, batch, start, end, max_length):
    """At each step the likeliest word, until every sentence has ended.

    Forward    y_t = argmax_v p(v | y_<t, state)
    step       (state, token (B,)) → (state, logits (B, V), attention (B, R) or None)
    Shapes     → tokens: B lists of word ids without start and end; log-probability (B,);
               attention: B arrays (length, R), one row a word, or None
    Errors     ValueError for max_length < 1
    """
    if max_length < 1:
        raise ValueError(f"greedy: max_length must be at least 1, got {max_length}")
    token = np.full(batch, start, np.int64)
    done = np.zeros(batch, bool)
    log_p = np.zeros(batch)
    words, looks = [], []
    with no_grad():
        for _ in range(max_length):
            state, logits, attention = step(state, Tensor(token))
            scores = logits.log_softmax().numpy()
            token = scores.argmax(axis=1)
            log_p += np.where(done, 0.0, scores[np.arange(batch), token])
            done |= token == end
            words.append(np.where(done, end, token))
            looks.append(None if attention is None else attention.numpy())
            if done.all():
                break
    words = np.stack(words, axis=1)
    lengths = [int((row != end).sum()) for row in words]
    tokens = [row[:n].tolist() for row, n in zip(words, lengths, strict=True)]
    if looks[0] is None:
        return tokens, log_p, None
    looks = np.stack(looks, axis=1)
    return tokens, log_p, [look[:n] for look, n in zip(looks, lengths, strict=True)]
