"""From a step function to sentences: how to search what a decoder could say.

    step       state, the word before (N,) → state, logits of the next (N, V), where it looked (N, R) or None
    state      nested tuples, lists and dicts of tensors with one row a sentence; ``state`` says what else may
               stand in it

greedy(step, state, batch, start, end, max_length)                  the likeliest word each time
sample(step, state, batch, start, end, max_length, generator)       a word drawn each time
beam_search(step, state, batch, start, end, max_length, width)      the W best beginnings side by side
diverse_beam_search(step, …, max_length, width, groups)             beams that avoid each other's words
search(step, state, batch, start, end, max_length, SearchOptions(method="beam"))    any of these

Every method takes all pictures of a batch at once, calls ``step`` once a word, and reports the model's own
log-probability of what was said: Σ_t log p(y_t | y_<t), the end token's with it.
"""

from ..lazy import names

_HOME = {
    "Hypothesis": "hypotheses",
    "SearchOptions": "options",
    "Shared": "state",
    "beam_search": "beam",
    "diverse_beam_search": "beam",
    "greedy": "rollout",
    "sample": "rollout",
    "search": "options",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
