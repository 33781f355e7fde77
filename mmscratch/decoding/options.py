"""How to search, as one small record: what a command's options say, and what a checkpoint can remember."""

import dataclasses

import numpy as np

from .beam import beam_search, diverse_beam_search
from .rollout import greedy, sample

__all__ = ["SearchOptions", "search"]

METHODS = ("greedy", "beam", "diverse", "sample")
_USED = {
    "width": ("beam", "diverse"),
    "length_penalty": ("beam", "diverse"),
    "groups": ("diverse",),
    "diversity": ("diverse",),
    "temperature": ("sample",),
    "top_k": ("sample",),
    "top_p": ("sample",),
}


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """A way to search, with its figures. Every field is a plain word or number, so that text can set it.

    method            greedy, beam, diverse or sample
    width             hypotheses of a beam (all groups' together)
    length_penalty    α of ((5 + n) / 6)^α
    groups            of a diverse beam; a divisor of width
    diversity         λ, what a word costs for each time that an earlier group has taken it
    temperature       of sampling
    top_k             0: every word
    top_p             1: every word
    no_repeat_ngram   0: no such rule
    min_length        words before the end may come
    Errors            ValueError naming the field, what came and what was expected; also where a field is set
                      that the method does not look at
    """

    method: str = "greedy"
    width: int = 3
    length_penalty: float = 0.0
    groups: int = 3
    diversity: float = 0.5
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    no_repeat_ngram: int = 0
    min_length: int = 0

    def __post_init__(self):
        if self.method not in METHODS:
            raise ValueError(f"method: expected {', '.join(METHODS[:-1])} or sample, got {self.method!r}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in _USED and value != field.default and self.method not in _USED[field.name]:
                raise ValueError(
                    f"{field.name}: method {self.method!r} does not use it (method "
                    f"{' or '.join(_USED[field.name])} does), got {value!r}"
                )
            kind = int if isinstance(field.default, int) else float | int
            if field.name != "method" and (isinstance(value, bool) or not isinstance(value, kind)):
                expected = "a whole number" if kind is int else "a number"
                raise ValueError(f"{field.name}: expected {expected}, got {value!r}")
        _expect(self, "width", self.width >= 1, "at least 1")
        _expect(self, "length_penalty", 0 <= self.length_penalty < float("inf"), "at least 0 and finite")
        _expect(self, "groups", self.groups >= 1, "at least 1")
        if self.method == "diverse":
            _expect(self, "groups", self.width % self.groups == 0, f"a divisor of width = {self.width}")
        _expect(self, "diversity", 0 <= self.diversity < float("inf"), "at least 0 and finite")
        _expect(self, "temperature", 0 < self.temperature < float("inf"), "more than 0 and finite")
        _expect(self, "top_k", self.top_k >= 0, "at least 0")
        _expect(self, "top_p", 0 < self.top_p <= 1, "0 < p ≤ 1")
        _expect(self, "no_repeat_ngram", self.no_repeat_ngram >= 0, "at least 0")
        _expect(self, "min_length", self.min_length >= 0, "at least 0")


def _expect(options, name, fine, expected):
    if not fine:
        raise ValueError(f"{name}: expected {expected}, got {getattr(options, name)!r}")


def search(step, state, batch, start, end, max_length, options, generator=None, *, forbidden=()):
    """The best sentence of each picture by the method that the options name.

    options    ``SearchOptions``
    generator  what the method "sample" draws from
    forbidden  ids that are never said
    Shapes     → tokens: B lists of word ids without start and end; the model's log-probability (B,);
               attention: B arrays (length, R), one row a word, or None: as ``greedy``
    Errors     ValueError where sampling has no generator; as the method's own
    """
    where = (step, state, batch, start, end, max_length)
    rules = {
        "min_length": options.min_length, "no_repeat_ngram": options.no_repeat_ngram, "forbidden": forbidden,
    }  # fmt: skip
    if options.method == "greedy":
        return greedy(*where, **rules)
    if options.method == "sample":
        if generator is None:
            raise ValueError("generator: method 'sample' expects one, got None")
        cuts = (options.temperature, options.top_k or None, options.top_p)
        return sample(*where, generator, *cuts, **rules)
    if options.method == "beam":
        found = beam_search(*where, options.width, options.length_penalty, n_best=1, **rules)
    else:
        how = (options.width, options.groups, options.diversity, options.length_penalty)
        found = diverse_beam_search(*where, *how, **rules)
    return best_of(found)


def best_of(found):
    """The first Hypothesis of every picture, as ``greedy`` gives its sentences."""
    first = [many[0] for many in found]
    looks = None if first[0].attention is None else [h.attention for h in first]
    return [h.tokens for h in first], np.array([h.log_p for h in first]), looks
