"""A true caption and its nearest lies: the same words about the same things, with the relation turned round.

    reversed    the other relation: "a red circle is to the left of a cross" → "… to the right of …"
    swapped     the things change places: "a cross is to the left of a red circle". The same words, so a bag
                of words cannot tell it from the caption

Who picks the caption over its foil must have understood the relation; chance is one half.
"""

from collections.abc import Sequence

from .captions import Caption, make_caption
from .grammar import TEMPLATES
from .graph import Scene
from .meaning import Related, is_true
from .parse import ParseError, parse
from .realise import realise
from .relations import DEAD_ZONE, INVERSE

FOILS = ("reversed", "swapped")


def relation_foil(caption: Caption, scene: Scene, kind: str, dead_zone: float = DEAD_ZONE) -> Caption | None:
    """The foil of a caption of level 2, in the same template; None where there is none.

    There is none where the relation has no other side (nearest), is its own ("of the same colour"), or where
    the foil, too, is true (of two red circles each may be left of some other thing).
    """
    if kind not in FOILS:
        raise ValueError(f"kind must be {' or '.join(FOILS)}, got {kind!r}")
    said = caption.meaning
    if not isinstance(said, Related):
        raise TypeError(f"a caption of level 2 is expected, got level {caption.level}")
    other = INVERSE.get(said.relation)
    if other is None or other == said.relation:
        return None
    if kind == "reversed":
        foil = Related(said.a, other, said.b)
    else:
        foil = Related(said.b, said.relation, said.a)
    if foil == said or is_true(foil, scene, dead_zone):
        return None
    return make_caption(foil, scene, caption.lang, caption.template, dead_zone)


def read_caption(tokens: Sequence[str], scene: Scene, lang: str = "en") -> Caption:
    """The caption of a scene that these words are: their meaning, their template, their links.

    Errors     ParseError for words outside the grammar
    """
    meaning = parse(tokens, lang)
    for template in range(len(TEMPLATES[lang][meaning.level])):
        if [word for word, _ in realise(meaning, lang, template)] == list(tokens):
            return make_caption(meaning, scene, lang, template)
    raise ParseError(f"no template says {list(tokens)}")
