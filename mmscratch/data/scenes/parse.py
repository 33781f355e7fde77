"""Words → meaning, by the same tables that `realise` writes with.

Every template is tried; a slot reads one phrase and says where it ends. A sentence of the grammar has
exactly one meaning (tested over every template), anything else is a `ParseError` that shows the first word
that no template could take.
"""

from collections.abc import Sequence
from functools import cache

from .grammar import (
    ADJECTIVES_EN,
    ADJECTIVES_ZH,
    NUMBER_EN,
    NUMBER_ZH,
    QUANTIFIER_EN,
    QUANTIFIER_ZH,
    RELATION_EN,
    RELATION_ZH,
    SHAPE_EN,
    SHAPE_ZH,
    TEMPLATES,
    check_language,
    vocabulary,
)
from .meaning import AllOf, Exists, Meaning, Noun, Quantified, Related


class ParseError(ValueError):
    """A sentence outside the grammar."""


def tokenise(text: str, lang: str = "en") -> list[str]:
    """Text → tokens: English at spaces and commas, Chinese by the longest known word, others by character."""
    if check_language(lang) == "en":
        return text.lower().replace(",", " , ").rstrip(" .").split()
    text = "".join(text.split()).rstrip("。")
    words, longest = _known_words()
    out, i = [], 0
    while i < len(text):
        n = next((n for n in range(longest, 1, -1) if text[i : i + n] in words), 1)
        out.append(text[i : i + n])
        i += n
    return out


@cache
def _known_words() -> tuple[frozenset[str], int]:
    words = frozenset(vocabulary("zh"))
    return words, max(map(len, words))


def parse(sentence: str | Sequence[str], lang: str = "en") -> Meaning:
    """The one meaning of a sentence (text or tokens).

    Errors     ParseError for a sentence that no template takes, or (never, for this grammar) two readings
    """
    tokens = tokenise(sentence, lang) if isinstance(sentence, str) else [str(t) for t in sentence]
    found, furthest = readings(tokens, lang)
    if len(found) == 1:
        return found.pop()
    if found:
        raise ParseError(f"ambiguous: {tokens} has {len(found)} readings")
    if not tokens:
        raise ParseError("an empty sentence")
    rest = repr(tokens[furthest]) if furthest < len(tokens) else "the end of the sentence"
    raise ParseError(f"not a caption of the {lang} grammar: word {furthest + 1}, {rest}, fits no template")


def readings(tokens: Sequence[str], lang: str) -> tuple[set[Meaning], int]:
    """All meanings of a row of tokens, and how far the most successful template came."""
    reader = _Reader(tokens, check_language(lang))
    found = set()
    for level, rows in TEMPLATES[lang].items():
        for row in rows:
            slots = reader.match(row)
            if slots is not None:
                meaning = _build(level, slots)
                if meaning is not None:
                    found.add(meaning)
    return found, reader.furthest


def _build(level: int, slots: dict) -> Meaning | None:
    if level == 1:
        return Exists(slots["{a}"])
    if level == 2:
        if "{pre}" in slots:  # Chinese: the words before and after must belong to one relation
            relation = _RELATION_OF_ZH.get((slots["{pre}"], slots["{post}"]))
        else:
            relation = slots.get("{rel}") or slots.get("{long}")
        return relation and Related(slots["{a}"], relation, slots["{b}"])
    if level == 3:
        return AllOf(slots["{list}"])
    return slots["{clause}"]


def _reversed(table: dict) -> dict:
    return {value: key for key, value in table.items()}


_RELATION_OF_ZH = _reversed(RELATION_ZH)
_PHRASES = {
    "rel": {tuple(p.split()): r for r, pair in RELATION_EN.items() for p in pair},
    "pre": {tuple(pre.split()): pre for pre, _ in RELATION_ZH.values()},
    "post": {tuple(post.split()): post for _, post in RELATION_ZH.values()},
    "quantifier_en": {tuple(p.split()): k for k, p in QUANTIFIER_EN.items()},
    "quantifier_zh": {tuple(p.split()): k for k, p in QUANTIFIER_ZH.items()},
}
_ADJECTIVES = {
    "en": [(name, _reversed(table)) for name, table in ADJECTIVES_EN.items()],
    "zh": [(name, _reversed(table)) for name, table in ADJECTIVES_ZH.items()],
}
_SINGULAR, _PLURAL = ({words[k]: shape for shape, words in SHAPE_EN.items()} for k in (0, 1))
_SHAPE_ZH = _reversed(SHAPE_ZH)
_NUMBER = {"en": _reversed(NUMBER_EN), "zh": _reversed(NUMBER_ZH)}


@cache
def _row(row: str) -> tuple[str, ...]:
    return tuple(row.split())


class _Reader:
    """A cursor over tokens. Each method reads one phrase from `self.at` and returns it, or None."""

    def __init__(self, tokens: Sequence[str], lang: str):
        self.tokens, self.lang, self.at, self.furthest = tokens, lang, 0, 0

    def match(self, row: str) -> dict | None:
        """Read one template to the end of the sentence; its slots, or None."""
        self.at = 0
        slots = {}
        for word in _row(row):
            value = self.slot(word) if word.startswith("{") else self.word(word)
            self.furthest = max(self.furthest, self.at)
            if value is None:
                return None
            slots[word] = value
        return slots if self.at == len(self.tokens) else None

    def slot(self, name: str):
        if name in ("{a}", "{b}"):
            return self.noun_phrase()
        if name in ("{rel}", "{long}"):
            return self.phrase(_PHRASES["rel"])
        if name in ("{pre}", "{post}"):
            return self.phrase(_PHRASES[name[1:-1]])
        if name == "{list}":
            return self.noun_list()
        return self.clause_en() if self.lang == "en" else self.clause_zh()

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def word(self, word: str) -> str | None:
        if self.peek() != word:
            return None
        self.at += 1
        return word

    def take(self, table: dict):
        """One word of a table, as (key,), since the key itself may be None."""
        word = self.peek()
        if word is None or word not in table:
            return None
        self.at += 1
        return (table[word],)

    def phrase(self, table: dict):
        """The longest phrase of a table of word tuples."""
        best = None
        for words, value in table.items():
            n = len(words)
            if tuple(self.tokens[self.at : self.at + n]) == words and (best is None or n > best[0]):
                best = n, value
        if best is None:
            return None
        self.at += best[0]
        return best[1]

    def bare(self, shapes: dict) -> Noun | None:
        """Adjectives in their fixed order, then a shape word."""
        said = {}
        for name, table in _ADJECTIVES[self.lang]:
            value = self.take(table)
            if value:
                said[name] = value[0]
        shape = self.take(shapes)
        return Noun(shape=shape[0], **said) if shape else None

    def noun_phrase(self) -> Noun | None:
        if not self.word("a" if self.lang == "en" else NUMBER_ZH[1]):
            return None
        noun = self.bare(_SINGULAR if self.lang == "en" else _SHAPE_ZH)
        return noun if noun and noun.items() else None

    def noun_list(self) -> tuple[Noun, ...] | None:
        """a , b and c: commas, then exactly one "and" before the last of several."""
        comma, last = (",", "and") if self.lang == "en" else ("、", "和")
        nouns = [self.noun_phrase()]
        while nouns[-1] and self.word(comma):
            nouns.append(self.noun_phrase())
        if nouns[-1] and self.word(last):
            nouns.append(self.noun_phrase())
        elif len(nouns) > 1:
            return None
        return None if None in nouns else tuple(nouns)

    def quantity(self) -> tuple[str, int | None] | None:
        kind = self.phrase(_PHRASES[f"quantifier_{self.lang}"])
        if kind in ("exactly", "at_least", "at_most"):
            number = self.take(_NUMBER[self.lang])
            return (kind, number[0]) if number else None
        return kind and (kind, None)

    def clause_en(self) -> Quantified | None:
        there = self.word("there")
        be = (self.word("is") or self.word("are")) if there else None
        if there and not be:
            return None
        quantity = self.quantity()
        if quantity is None:
            return None
        kind, number = quantity
        one = kind == "none" or number == 1
        noun = self.bare(_SINGULAR if one else _PLURAL)
        if noun is None or (there and be != ("is" if one else "are")):
            return None
        if there:
            return None if kind in ("all", "not_all") else Quantified(kind, number, noun)
        if not self.word("is" if one else "are"):
            return None
        said = self.adjective()
        if said is None and (not one or self.word("a")):
            shape = self.take(_SINGULAR if one else _PLURAL)
            said = Noun(shape=shape[0]) if shape and shape[0] else None
        return said and Quantified(kind, number, noun, said)

    def clause_zh(self) -> Quantified | None:
        quantity = self.quantity()
        noun = quantity and self.bare(_SHAPE_ZH)
        if not noun:
            return None
        kind, number = quantity
        every = kind in ("all", "not_all")
        if every and not self.word("都"):
            return None
        if not self.word("是"):
            return None if every else Quantified(kind, number, noun)
        said = self.adjective()
        if said is None:
            shape = self.take(_SHAPE_ZH)
            said = Noun(shape=shape[0]) if shape and shape[0] else None
        elif said.size is None and not self.word("的"):
            return None
        return said and Quantified(kind, number, noun, said)

    def adjective(self) -> Noun | None:
        for name, table in _ADJECTIVES[self.lang]:
            value = self.take(table)
            if value:
                return Noun(**{name: value[0]})
        return None
