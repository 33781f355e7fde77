"""What a question asks, apart from any language: its form, its program, and its words in both languages."""

from dataclasses import dataclass

from .draws import Draws
from .grammar import ADJECTIVES_ZH, RELATION_EN, RELATION_ZH, SHAPE_ZH, check_language
from .graph import COLOURS, SHAPES, SIZES
from .meaning import Noun
from .programs import Builder, Program
from .realise import bare_en, bare_zh, join, phrase_en, phrase_zh
from .relations import SPATIAL

YES_NO = ("yes", "no")
ANSWERS = {
    "exist": YES_NO,
    "count": ("0", "1", "2", "3"),
    "query_colour": COLOURS,
    "query_shape": SHAPES,
    "query_size": SIZES,
    "relate": YES_NO,
    "query_relation": SPATIAL,
    "compare_count": YES_NO,
    "compare_attribute": YES_NO,
    "logic": YES_NO,
}
FAMILIES = tuple(ANSWERS)
_KINDS = {
    "relate": SPATIAL,
    "compare_count": ("more", "fewer"),
    "compare_attribute": ("colour", "shape", "size"),
    "logic": ("and", "or", "not"),
}
# What names an object when this attribute is asked for or compared: never the attribute itself.
NAMED_BY = {"colour": ("size", "shape"), "shape": ("size", "colour"), "size": ("colour", "shape")}


@dataclass(frozen=True, slots=True)
class Form:
    """family, kind (which relation, comparison or connective; "" where there is one only), nouns."""

    family: str
    kind: str
    nouns: tuple[Noun, ...]

    def program(self) -> Program:
        b = Builder()
        family, nouns = self.family, self.nouns
        if family in ("exist", "count"):
            b.add(family, b.select(nouns[0]))
        elif family in ("query_colour", "query_shape", "query_size"):
            b.add("query", b.the(nouns[0]), attribute=family.removeprefix("query_"))
        elif family == "relate":
            b.add("holds", b.the(nouns[0]), b.the(nouns[1]), relation=self.kind)
        elif family == "query_relation":
            b.add("direction", b.the(nouns[0]), b.the(nouns[1]))
        elif family == "compare_count":
            counts = [b.add("count", b.select(noun)) for noun in nouns]
            b.add("greater" if self.kind == "more" else "less", *counts)
        elif family == "compare_attribute":
            b.add("same", b.the(nouns[0]), b.the(nouns[1]), attribute=self.kind)
        elif self.kind == "not":
            (name, value), *_ = nouns[1].items()
            b.add("exist", b.add("exclude", b.select(nouns[0]), attribute=name, value=value))
        else:
            b.add(self.kind, *(b.add("exist", b.select(noun)) for noun in nouns))
        return b.steps


def draw_form(family: str, draws: Draws, allowed=lambda colour, shape: True) -> Form:
    """A form of the family, uniform over what it can ask; (colour, shape) nouns only where `allowed`."""
    if family not in ANSWERS:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}")
    kind = draws.choice(_KINDS.get(family, ("",)))
    if family in ("count", "compare_count"):
        name, values = draws.choice((("shape", SHAPES), ("colour", COLOURS)))
        chosen = draws.shuffled(values)[: 1 if family == "count" else 2]
        return Form(family, kind, tuple(Noun(**{name: value}) for value in chosen))
    if family == "query_shape" and draws.integers(2):
        return Form(family, kind, (Noun(colour=draws.choice(COLOURS)),))
    names = ("colour", "shape")
    if family in ("query_colour", "query_shape", "query_size"):
        names = NAMED_BY[family.removeprefix("query_")]
    elif family == "compare_attribute":
        names = NAMED_BY[kind]
    first = draw_noun(names, draws, allowed)
    if family in ("exist", "query_colour", "query_shape", "query_size"):
        return Form(family, kind, (first,))
    if family == "logic" and kind == "not":
        return Form(family, kind, (Noun(colour=first.colour), Noun(shape=first.shape)))
    second = draw_noun(names, draws, allowed)
    while not _askable(family, first, second, allowed):
        second = draw_noun(names, draws, allowed)
    return Form(family, kind, (first, second))


def _askable(family: str, a: Noun, b: Noun, allowed) -> bool:
    """Two different nouns, and room for the distractors that cross their words.

    In a conjunction the nouns share no word, so that shared words tell nothing about the answer.
    """
    if a == b or (family == "logic" and shares(a, b)):
        return False
    crossed = ((a.colour, b.shape), (b.colour, a.shape))
    return all(colour is None or shape is None or allowed(colour, shape) for colour, shape in crossed)


def shares(a: Noun, b: Noun) -> bool:
    """Whether two nouns have a word in common."""
    return bool(set(a.items()) & set(b.items()))


def draw_noun(names: tuple[str, ...], draws: Draws, allowed) -> Noun:
    """A noun with these attributes, uniform over what is allowed."""
    values = {"shape": SHAPES, "colour": COLOURS, "size": SIZES}
    while True:
        noun = Noun(**{name: draws.choice(values[name]) for name in names})
        if noun.colour is None or noun.shape is None or allowed(noun.colour, noun.shape):
            return noun


# Slots: {a0} a noun phrase · {t0} a definite one · {p0} the bare plural. The last template is held out.
_EN = {
    "exist": ("is there {a0}", "can you see {a0} in the picture", "is there {a0} in the picture"),
    "count": (
        "how many {p0} are there",
        "how many {p0} can you see in the picture",
        "how many {p0} are there in the picture",
    ),
    "query": ("what {attribute} is {t0}", "what is the {attribute} of {t0}", "{t0} is what {attribute}"),
    "relate": ("is {t0} {short} {t1}", "is it true that {t0} is {long} {t1}", "is {t0} {long} {t1}"),
    "query_relation": (
        "where is {t0} seen from {t1}",
        "on which side of {t1} is {t0}",
        "seen from {t1} where is {t0}",
    ),
    "compare_count": (
        "are there {kind} {p0} than {p1}",
        "can you see {kind} {p0} than {p1} in the picture",
        "are there {kind} {p0} than {p1} in the picture",
    ),
    "compare_attribute": (
        "is {t0} of the same {kind} as {t1}",
        "do {t0} and {t1} have the same {kind}",
        "are {t0} and {t1} of the same {kind}",
    ),
    "logic": (
        "is there {a0} {kind} {a1}",
        "can you see {a0} {kind} {a1} in the picture",
        "is there {a0} {kind} {a1} in the picture",
    ),
}
_ZH = {
    "exist": ("有 {a0} 吗", "图中 能 看到 {a0} 吗", "图中 有 {a0} 吗"),
    "count": ("有 几个 {p0}", "图中 能 看到 几个 {p0}", "图中 有 几个 {p0}"),
    "query": ("{t0} 是 什么 {attribute}", "{t0} 的 {attribute} 是 什么", "{t0} 是 什么 {attribute} 的"),
    "relate": (
        "{t0} {pre} {t1} {post} 吗",
        "是 不 是 {t0} {pre} {t1} {post}",
        "{t0} 是 不 是 {pre} {t1} {post}",
    ),
    "query_relation": (
        "{t0} 在 {t1} 的 哪 一边",
        "从 {t1} 看 {t0} 在 哪 一边",
        "{t0} 从 {t1} 看 在 哪 一边",
    ),
    "compare_count": (
        "{p0} 比 {p1} {kind} 吗",
        "图中 {p0} 是 不 是 比 {p1} {kind}",
        "图中 {p0} 比 {p1} {kind} 吗",
    ),
    "compare_attribute": (
        "{t0} 与 {t1} {kind} 相同 吗",
        "{t0} 的 {kind} 与 {t1} 的 {kind} 相同 吗",
        "{t0} 与 {t1} 的 {kind} 相同 吗",
    ),
    "logic": ("有 {a0} {kind} {a1} 吗", "图中 能 看到 {a0} {kind} {a1} 吗", "图中 有 {a0} {kind} {a1} 吗"),
    "logic_not": (
        "有 不 是 {p1} 的 {p0} 吗",
        "图中 能 看到 不 是 {p1} 的 {p0} 吗",
        "图中 有 不 是 {p1} 的 {p0} 吗",
    ),
}
_KIND_ZH = {
    "more": "多",
    "fewer": "少",
    "colour": "颜色",
    "shape": "形状",
    "size": "大小",
    "and": "和",
    "or": "或",
}
_KIND_EN = {"not": "that is not"}
_ANSWER_ZH = {"yes": "是", "no": "否", "left": "左边", "right": "右边", "above": "上面", "below": "下面"}
_ANSWER_ZH |= {**ADJECTIVES_ZH["colour"], **SHAPE_ZH, "small": "小的", "big": "大的"}

TEMPLATES_PER_FAMILY = 3


def ask(form: Form, lang: str = "en", template: int = 0) -> tuple[str, tuple[str, ...]]:
    """(text, tokens) of a question in one template; the last template of each family is held out."""
    if not 0 <= template < TEMPLATES_PER_FAMILY:
        raise ValueError(f"template must be 0 to {TEMPLATES_PER_FAMILY - 1}, got {template!r}")
    family = "query" if form.family in ("query_colour", "query_shape", "query_size") else form.family
    if check_language(lang) == "zh":
        row = _ZH["logic_not" if form.kind == "not" else family][template]
    else:
        row = _EN[family][template]
    tokens: list[str] = []
    for word in row.split():
        tokens += _slot(form, word[1:-1], lang) if word.startswith("{") else [word]
    text = join(tokens, lang)
    return (text + " ?" if lang == "en" else text + "？"), tuple([*tokens, "?" if lang == "en" else "？"])


def _slot(form: Form, name: str, lang: str) -> list[str]:
    english = lang == "en"
    if name[-1] in "01":
        noun = form.nouns[int(name[-1])]
        if name[0] == "a":
            return phrase_en(noun) if english else phrase_zh(noun)
        if name[0] == "t":
            return ["the", *bare_en(noun)] if english else ["那个", *bare_zh(noun)]
        return bare_en(noun, True) if english else bare_zh(noun)
    if name == "attribute":
        asked = form.family.removeprefix("query_")
        return [asked if english else _KIND_ZH[asked]]
    if name == "kind":
        return (_KIND_EN.get(form.kind, form.kind) if english else _KIND_ZH[form.kind]).split()
    if english:
        return RELATION_EN[form.kind][name == "long"].split()
    return RELATION_ZH[form.kind][name == "post"].split()


def answer_text(answer: str, lang: str = "en") -> str:
    """The answer in a language; numbers stay digits."""
    return answer if check_language(lang) == "en" else _ANSWER_ZH.get(answer, answer)
