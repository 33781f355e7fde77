"""Composed queries: a picture, and words for what is to be different. "Like this, but green."

The picture's vector is moved along with a text that is changed:

    q = v + 1/|C| Σ_{c ∈ C} ( t(c, new for old) − t(c) ),   then q / ‖q‖

v is the picture, C the CONTEXTS captions with the word old that are nearest to it, so that the difference is
one of sentences about something like it (where no caption has the word, the bare word). Where the old word is
not told, it is that word of the new one's kind, another colour, another shape, …, that a caption nearest to
the picture has: old = argmax_w max_{c ∋ w} v · t(c). This is the arithmetic of word vectors (Mikolov et al.,
2013) with sentences; nothing is learnt for it (Vo et al., 2019, learn a composition).

``composed_table`` measures it on scenes, where it is known what should be found.
"""

import re

import numpy as np

from ...data.scenes.grammar import ADJECTIVES_EN, ADJECTIVES_ZH, SHAPE_EN, SHAPE_ZH
from ...data.text import language_of
from ..run import RunError

__all__ = ["CONTEXTS", "Composer", "changes", "kind_of", "replace_word"]

CONTEXTS = 16
CONSIDERED = 400
"""Captions with a word that are looked through for the nearest, at most."""


def _kinds():
    """Words of which one can stand for another."""
    kinds = [list(words.values()) for table in (ADJECTIVES_EN, ADJECTIVES_ZH) for words in table.values()]
    kinds += [list(column) for column in zip(*(SHAPE_EN[s] for s in SHAPE_EN if s), strict=True)]
    return [*kinds, [word for shape, word in SHAPE_ZH.items() if shape]]


KINDS = _kinds()


def kind_of(word):
    """The words of the same kind, itself among them; () for a word of none."""
    return next((tuple(kind) for kind in KINDS if word in kind), ())


def changes(text):
    """ "green" → [(None, "green")]; "red=green" → [("red", "green")]; several, with "and" or not.

    Errors     RunError where nothing in it can be changed to
    """
    found = []
    for token in text.lower().replace(",", " ").split():
        old, sign, new = token.rpartition("=")
        if sign and old and new:
            found.append((old, new))
        elif not sign and kind_of(token):
            found.append((None, token))
    found = found or [(None, w) for kind in KINDS for w in kind if language_of(w) == "zh" and w in text]
    if not found:
        known = ", ".join(w for kind in KINDS[:1] + KINDS[2:3] + KINDS[6:7] for w in kind)
        raise RunError("--but", f"expected a word such as {known}, or OLD=NEW, got {text!r}")
    return found


def replace_word(text, old, new):
    """The text with one word for another: whole words, of Chinese any place."""
    if language_of(old) == "zh":
        return text.replace(old, new)
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text)


class Composer:
    """Moves pictures' vectors as words change.

    model      with ``encode_texts``
    captions   what people (or the scenes) say of pictures such as these; may be empty
    """

    def __init__(self, model, captions):
        self.model, self.captions, self._known = model, list(dict.fromkeys(captions)), {}

    def with_word(self, word):
        """Captions that have the word, CONSIDERED at most, and their vectors; without any, the bare word."""
        if word not in self._known:
            some = [c for c in self.captions if replace_word(c, word, "") != c]
            if len(some) > CONSIDERED:
                some = [some[i] for i in np.linspace(0, len(some) - 1, CONSIDERED).astype(int)]
            some = some or [word]
            self._known[word] = some, self.model.encode_texts(some)
        return self._known[word]

    def old_word(self, v, new):
        """The word of the new one's kind that the picture v speaks of most.

        Errors     RunError where the new word is of no kind that is known
        """
        others = [w for w in kind_of(new) if w != new]
        if not others:
            raise RunError("--but", f"expected OLD={new}: what {new!r} stands for is not known")
        return max(others, key=lambda w: float((self.with_word(w)[1] @ v).max()))

    def step(self, v, old, new):
        """1/|C| Σ t(c, new for old) − t(c)."""
        captions, vectors = self.with_word(old)
        near = np.argsort(-(vectors @ v), kind="stable")[:CONTEXTS]
        changed = self.model.encode_texts([replace_word(captions[i], old, new) for i in near])
        return (changed - vectors[near]).mean(axis=0)

    def compose(self, v, wanted):
        """q of the picture v (D,) and [(old or None, new), …] → q (D,), the changes with every old word."""
        told = [(old or self.old_word(v, new), new) for old, new in wanted]
        q = v + sum(self.step(v, old, new) for old, new in told)
        length = np.sqrt((q.astype(np.float64) ** 2).sum())
        return (q / length if length > 0 else q).astype(np.float32), told
