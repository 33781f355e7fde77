"""Meaning → words, with a note of which noun each word belongs to."""

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
)
from .meaning import AllOf, Exists, Meaning, Noun, Quantified, Related

# A word with the index of the noun that it belongs to in the meaning, or -1.
Roled = list[tuple[str, int]]


def realise(meaning: Meaning, lang: str = "en", template: int = 0) -> Roled:
    """The words of a meaning in one template.

    Roles: a noun phrase of `Exists` is 0, of `Related` 0 (a) and 1 (b), of `AllOf` its position; in
    `Quantified` noun and predicate are 0. Everything else is -1.
    """
    rows = TEMPLATES[check_language(lang)][meaning.level]
    if not 0 <= template < len(rows):
        raise ValueError(f"template must be 0 to {len(rows) - 1} at level {meaning.level}, got {template!r}")
    slots = (_slots_en if lang == "en" else _slots_zh)(meaning)
    out: Roled = []
    for word in _words(rows[template]):
        out += slots[word] if word.startswith("{") else [(word, -1)]
    return out


def join(tokens: list[str] | tuple[str, ...], lang: str) -> str:
    """Tokens → text: spaces in English, none in Chinese."""
    return (" " if lang == "en" else "").join(tokens)


@cache
def _words(row: str) -> tuple[str, ...]:
    return tuple(row.split())


def _plain(phrase: str) -> Roled:
    return [(word, -1) for word in phrase.split()]


def _tag(words: list[str], role: int) -> Roled:
    return [(word, role) for word in words]


def _slots_en(meaning: Meaning) -> dict[str, Roled]:
    if isinstance(meaning, Exists):
        return {"{a}": _tag(phrase_en(meaning.noun), 0)}
    if isinstance(meaning, Related):
        short, long = RELATION_EN[meaning.relation]
        return {
            "{a}": _tag(phrase_en(meaning.a), 0),
            "{b}": _tag(phrase_en(meaning.b), 1),
            "{rel}": _plain(short),
            "{long}": _plain(long),
        }
    if isinstance(meaning, AllOf):
        return {"{list}": _joined([phrase_en(noun) for noun in meaning.nouns], ",", "and")}
    return {"{clause}": _clause_en(meaning)}


def _slots_zh(meaning: Meaning) -> dict[str, Roled]:
    if isinstance(meaning, Exists):
        return {"{a}": _tag(phrase_zh(meaning.noun), 0)}
    if isinstance(meaning, Related):
        before, after = RELATION_ZH[meaning.relation]
        return {
            "{a}": _tag(phrase_zh(meaning.a), 0),
            "{b}": _tag(phrase_zh(meaning.b), 1),
            "{pre}": _plain(before),
            "{post}": _plain(after),
        }
    if isinstance(meaning, AllOf):
        return {"{list}": _joined([phrase_zh(noun) for noun in meaning.nouns], "、", "和")}
    return {"{clause}": _clause_zh(meaning)}


def bare_en(noun: Noun, plural: bool = False) -> list[str]:
    """ "big red circle(s)", without an article."""
    words = [table[getattr(noun, name)] for name, table in ADJECTIVES_EN.items() if getattr(noun, name)]
    return [*words, SHAPE_EN[noun.shape][plural]]


def bare_zh(noun: Noun) -> list[str]:
    """The Chinese noun without a number word."""
    words = [table[getattr(noun, name)] for name, table in ADJECTIVES_ZH.items() if getattr(noun, name)]
    return [*words, SHAPE_ZH[noun.shape]]


def phrase_en(noun: Noun) -> list[str]:
    """The noun phrase with its article; a noun that names nothing is refused."""
    if not noun.items():
        raise ValueError("a noun phrase must name at least one attribute")
    return ["a", *bare_en(noun)]


def phrase_zh(noun: Noun) -> list[str]:
    """The noun phrase with its number word; a noun that names nothing is refused."""
    if not noun.items():
        raise ValueError("a noun phrase must name at least one attribute")
    return [NUMBER_ZH[1], *bare_zh(noun)]


def _joined(phrases: list[list[str]], comma: str, last: str) -> Roled:
    out: Roled = []
    for k, phrase in enumerate(phrases):
        if k:
            out.append((last if k == len(phrases) - 1 else comma, -1))
        out += _tag(phrase, k)
    return out


def is_singular(meaning: Quantified) -> bool:
    """Whether English says the noun in the singular."""
    return meaning.kind == "none" or meaning.number == 1


def _clause_en(meaning: Quantified) -> Roled:
    one = is_singular(meaning)
    be = ("is" if one else "are", -1)
    quantity = _plain(QUANTIFIER_EN[meaning.kind])
    if meaning.number is not None:
        quantity.append((NUMBER_EN[meaning.number], -1))
    subject = quantity + _tag(bare_en(meaning.noun, not one), 0)
    if meaning.predicate is None:
        return [("there", -1), be, *subject]
    (name, value), *_ = meaning.predicate.items()
    if name == "shape":
        said = ["a", SHAPE_EN[value][0]] if one else [SHAPE_EN[value][1]]
    else:
        said = [ADJECTIVES_EN[name][value]]
    return [*subject, be, *_tag(said, 0)]


def _clause_zh(meaning: Quantified) -> Roled:
    out = _plain(QUANTIFIER_ZH[meaning.kind])
    if meaning.number is not None:
        out.append((NUMBER_ZH[meaning.number], -1))
    out += _tag(bare_zh(meaning.noun), 0)
    if meaning.predicate is None:
        return out
    if meaning.kind in ("all", "not_all"):
        out.append(("都", -1))
    out.append(("是", -1))
    (name, value), *_ = meaning.predicate.items()
    if name == "shape":
        return out + [(SHAPE_ZH[value], 0)]
    out.append((ADJECTIVES_ZH[name][value], 0))
    return out if name == "size" else out + [("的", -1)]
