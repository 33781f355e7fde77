"""The Porter stemmer (Porter, 1980, "An algorithm for suffix stripping"): "connections" → "connect".

A word is [C](VC)^m[V], with C a row of consonants and V of vowels; m is its *measure*. A rule (condition) S1
→ S2 replaces the suffix S1 where the stem before it meets the condition; of a step's rules the one with the
longest matching S1 is taken, whether or not its condition then holds.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["measure", "porter_stem"]


def _is_consonant(word: str, i: int) -> bool:
    """Not a, e, i, o, u; y is a consonant at the start and after a vowel ("toy"), else a vowel ("syzygy")."""
    if word[i] in "aeiou":
        return False
    return word[i] != "y" or i == 0 or not _is_consonant(word, i - 1)


def measure(stem: str) -> int:
    """m: how often a vowel is followed by a consonant. "tree" 0, "trouble" 1, "troubles" 2."""
    kinds = [_is_consonant(stem, i) for i in range(len(stem))]
    return sum(not a and b for a, b in zip(kinds, kinds[1:], strict=False))


def _has_vowel(stem: str) -> bool:
    return any(not _is_consonant(stem, i) for i in range(len(stem)))


def _ends_double(word: str) -> bool:
    return len(word) > 1 and word[-1] == word[-2] and _is_consonant(word, len(word) - 1)


def _ends_cvc(word: str) -> bool:
    """*o: consonant, vowel, consonant at the end, the last not w, x or y ("hop", not "snow")."""
    n = len(word)
    return (
        n > 2
        and word[-1] not in "wxy"
        and [_is_consonant(word, i) for i in (n - 3, n - 2, n - 1)] == [True, False, True]
    )


_STEP_2 = (
    "ational ate|tional tion|enci ence|anci ance|izer ize|abli able|alli al|entli ent|eli e"
    "|ousli ous|ization ize|ation ate|ator ate|alism al|iveness ive|fulness ful|ousness ous"
    "|aliti al|iviti ive|biliti ble"
)
_STEP_3 = "icate ic|ative |alize al|iciti ic|ical ic|ful |ness "
_STEP_4 = "al |ance |ence |er |ic |able |ible |ant |ement |ment |ent |ion |ou |ism |ate |iti |ous |ive |ize "


def _table(rules: str) -> list[tuple[str, str]]:
    pairs = [tuple(rule.split(" ")) for rule in rules.split("|")]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


_TABLES = [_table(rules) for rules in (_STEP_2, _STEP_3, _STEP_4)]


def _strip(word: str, table: list[tuple[str, str]], least: int) -> str:
    """The rule with the longest suffix, if the stem's measure is at least `least`."""
    for suffix, other in table:
        if word.endswith(suffix):
            stem = word[: len(word) - len(suffix)]
            right = suffix != "ion" or stem.endswith(("s", "t"))
            return stem + other if measure(stem) >= least and right else word
    return word


def _step_1(word: str) -> str:
    """Plurals, -ed, -ing, and y after a vowel → i."""
    if word.endswith(("sses", "ies")):  # caresses → caress, ponies → poni
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):  # agreed → agree, feed → feed
        word = word[:-1] if measure(word[:-3]) > 0 else word
    else:
        for suffix in ("ed", "ing"):
            stem = word[: len(word) - len(suffix)]
            if word.endswith(suffix) and _has_vowel(stem):
                word = _mend(stem)
                break
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    return word


def _mend(stem: str) -> str:
    """What -ed and -ing leave: conflat → conflate, hopp → hop, fil → file."""
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if _ends_double(stem) and stem[-1] not in "lsz":
        return stem[:-1]
    return stem + "e" if measure(stem) == 1 and _ends_cvc(stem) else stem


def _step_5(word: str) -> str:
    """A final e, and ll → l: rate → rate, probate → probat, controll → control."""
    if word.endswith("e"):
        stem = word[:-1]
        if measure(stem) > 1 or (measure(stem) == 1 and not _ends_cvc(stem)):
            word = stem
    if word.endswith("ll") and measure(word[:-1]) > 1:
        word = word[:-1]
    return word


@lru_cache(maxsize=1 << 16)
def porter_stem(word: str) -> str:
    """The stem of a word in lower case. What is not a row of ASCII letters comes back as it is."""
    if not (word.isascii() and word.isalpha()):
        return word
    word = _step_1(word.lower())
    for table, least in zip(_TABLES, (1, 1, 2), strict=True):
        word = _strip(word, table, least)
    return _step_5(word)
