"""Captions, both grammars, truth against an independent checker, relevance."""

import itertools
from collections import Counter

import numpy as np
import pytest

from mmscratch.data.scenes import (
    COLOURS,
    LANGUAGES,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    AllOf,
    Exists,
    Noun,
    Object,
    ParseError,
    Quantified,
    Related,
    Scene,
    SceneOptions,
    captions,
    is_true,
    link_cells,
    load,
    make_caption,
    object_cells,
    parse,
    relevance,
    sample_scene,
    templates,
    tokenise,
    truth,
    truth_rate,
    vocabulary,
)
from mmscratch.data.scenes.grammar import TEMPLATES
from mmscratch.data.scenes.meaning import to_dict
from mmscratch.data.scenes.parse import readings
from mmscratch.data.scenes.realise import join, realise

LEVELS = (1, 2, 3, 4)
SCENES = [sample_scene(seed, SceneOptions(count=(2, 6), striped=seed % 3 == 0)) for seed in range(120)]


# An independent checker: from the words, with sets and sorting; no code of the parser or the executor.


def described(words, o):
    words = set(words)
    said = {"red", "green", "blue", "yellow", "purple", "cyan", *SHAPES, *SIZES, *TEXTURES} & words
    return said <= {o.shape, o.colour, o.size, o.texture}


def noun_phrases(tokens):
    out, current = [], None
    for t in tokens:
        if t == "a":
            current = []
        elif current is not None:
            current.append(t)
            if t in (*SHAPES, "object"):
                out.append(current)
                current = None
    return out


def check_english(tokens, scene, zone=6):
    """Truth of an English caption of level 1 to 3 by brute force over all assignments of objects."""
    nouns, n = noun_phrases(tokens), len(scene)

    def fit(ids):
        return all(described(w, scene.objects[i]) for w, i in zip(nouns, ids, strict=True))

    if len(nouns) == 2 and not {"only", "shows", "are"} & set(tokens):
        (said,) = set("left right above below bigger smaller colour shape nearest".split()) & set(tokens)
        swap = tokens[0] in ("to", "of", said)
        for i, j in itertools.permutations(range(n), 2):
            if fit((j, i) if swap else (i, j)) and related(said, scene, i, j, zone):
                return True
        return False
    if {"only", "shows", "are"} & set(tokens):
        return len(nouns) == n and any(fit(p) for p in itertools.permutations(range(n)))
    return any(fit((i,)) for i in range(n))


def related(said, scene, i, j, zone):
    a, b = scene.objects[i], scene.objects[j]

    def ahead(d):
        return d >= zone and d > 0

    if said == "nearest":
        far = sorted(np.hypot(o.x - b.x, o.y - b.y) for k, o in enumerate(scene.objects) if k != j)
        alone = len(far) == 1 or (far[1] - far[0] >= zone / 3 and far[1] > far[0])
        return alone and np.hypot(a.x - b.x, a.y - b.y) == far[0]
    return {
        "left": ahead(b.x - a.x),
        "right": ahead(a.x - b.x),
        "above": ahead(b.y - a.y),
        "below": ahead(a.y - b.y),
        "bigger": (a.size, b.size) == ("big", "small"),
        "smaller": (a.size, b.size) == ("small", "big"),
        "colour": a.colour == b.colour,
        "shape": a.shape == b.shape,
    }[said]


def check_quantified(m, scene):
    def has(noun, o):
        return all(v is None or getattr(o, k) == v for k, v in to_dict(noun).items() if k != "form")

    subjects = [o for o in scene.objects if has(m.noun, o)]
    found = [o for o in subjects if m.predicate is None or has(m.predicate, o)]
    c, s = len(found), len(subjects)
    return {
        "exactly": c == m.number,
        "at_least": m.number is not None and c >= m.number,
        "at_most": m.number is not None and c <= m.number,
        "none": c == 0,
        "all": c == s > 0,
        "not_all": c < s,
    }[m.kind]


def all_nouns():
    for shape, colour, size, texture in itertools.product(
        (None, *SHAPES), (None, *COLOURS), (None, *SIZES), (None, *TEXTURES)
    ):
        yield Noun(shape, colour, size, texture)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("level", LEVELS)
def test_round_trip_and_truth_of_thousands(level, lang):
    for scene in SCENES:
        for which in ("train", "heldout"):
            for c in captions(scene, level, lang, n=5, which=which):
                assert (
                    parse(c.text, lang) == c.meaning == parse(c.tokens, lang) == parse(list(c.tokens), lang)
                )
                assert tokenise(c.text, lang) == list(c.tokens)
                assert is_true(c.meaning, scene)
                assert c.template in templates(level, lang, which)
                assert set(c.tokens) <= set(vocabulary(lang))
                if level == 4:
                    assert check_quantified(c.meaning, scene)
                elif lang == "en":
                    assert check_english(c.tokens, scene)


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_noun_in_every_template_has_one_reading(lang):
    nouns = [n for n in all_nouns() if n.items()]
    a = Noun("circle", "red")
    count = 0
    for k, noun in enumerate(nouns):
        meanings = [Exists(noun), Related(noun, RELATIONS[k % 9], a), Related(a, RELATIONS[k % 7], noun)]
        meanings += [AllOf((noun,)), AllOf((noun, a)), AllOf((a, noun, noun)), AllOf((a,) * 5 + (noun,))]
        for m in meanings:
            for t in templates(m.level, lang, "all"):
                tokens = [w for w, _ in realise(m, lang, t)]
                assert readings(tokens, lang)[0] == {m}
                assert tokenise(join(tokens, lang), lang) == tokens
                count += 1
    assert count > 5000


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_quantified_clause_has_one_reading(lang):
    predicates = [None, *(n for n in all_nouns() if len(n.items()) == 1)]
    nouns = [n for n in all_nouns() if len(n.items()) < 3]
    for k, (noun, predicate) in enumerate(itertools.product(nouns, predicates)):
        kind = ("exactly", "at_least", "at_most", "none", "all", "not_all")[k % 6]
        if predicate is None and kind in ("all", "not_all"):
            kind = "exactly"
        m = Quantified(
            kind, 1 + k % 5 if kind in ("exactly", "at_least", "at_most") else None, noun, predicate
        )
        tokens = [w for w, _ in realise(m, lang, k % 4)]
        assert readings(tokens, lang)[0] == {m}, tokens
        assert tokenise(join(tokens, lang), lang) == tokens


@pytest.mark.parametrize("zone", [0, pytest.param(6, marks=pytest.mark.slow)])
def test_truth_of_foreign_captions_agrees_with_the_checker(zone):
    """Captions of other scenes: true ones and false ones, level by level."""
    answers = Counter()
    for level in (1, 2, 3):
        for k, scene in enumerate(SCENES):
            for other in (SCENES[k - 1], SCENES[k - 2], scene):
                for c in captions(other, level, "en", n=3):
                    expected = check_english(c.tokens, scene, zone)
                    assert is_true(c.meaning, scene, zone) == expected, (c.text, scene)
                    assert truth(c.text, scene, dead_zone=zone).true == expected
                    answers[level, expected] += 1
    assert all(answers[level, value] > 30 for level in (1, 2, 3) for value in (True, False)), answers
    wrong = Counter()
    for k, scene in enumerate(SCENES):
        for c in captions(SCENES[k - 1], 4, "en", n=5):
            assert is_true(c.meaning, scene) == check_quantified(c.meaning, scene)
            wrong[is_true(c.meaning, scene)] += 1
    assert min(wrong[True], wrong[False]) > 50


def test_captions_are_different_and_deterministic():
    for scene in SCENES[:40]:
        for level, lang, which in itertools.product(LEVELS, LANGUAGES, ("train", "heldout")):
            said = captions(scene, level, lang, n=5, which=which)
            assert len({c.text for c in said}) == 5
            assert said == captions(scene, level, lang, n=5, which=which)
    assert len(captions(SCENES[0], 1, rng=np.random.default_rng(3))) == 5


def test_links_point_at_what_the_word_says():
    word = {"en": {}, "zh": {}}
    for lang, rename in (("en", lambda w: w), ("zh", None)):
        for scene in SCENES:
            for level in LEVELS:
                for c in captions(scene, level, lang, n=3):
                    assert len(c.links) == len(c.tokens)
                    for token, i in zip(c.tokens, c.links, strict=True):
                        if i >= 0:
                            o = scene.objects[i]
                            word[lang].setdefault(token, set()).add((o.shape, o.colour, o.size))
                            if rename and token in (*SHAPES, *COLOURS, *SIZES):
                                assert token in (o.shape, o.colour, o.size, o.texture)
                    if level in (1, 2, 3):
                        assert len({i for i in c.links if i >= 0}) == {1: 1, 2: 2, 3: len(scene)}[level]
    assert {x[1] for x in word["zh"]["红色"]} == {"red"} and {x[0] for x in word["zh"]["十字形"]} == {"cross"}
    assert {x[2] for x in word["zh"]["小的"]} == {"small"}


def test_link_cells_follow_the_links():
    said = [captions(scene, 2, n=1)[0] for scene in SCENES]
    cells = link_cells(said, SCENES, 12)
    places = object_cells(SCENES)
    for row, c, place in zip(cells, said, places, strict=True):
        for t in range(12):
            i = c.links[t] if t < len(c.links) else -1
            assert row[t] == (place[i] if i >= 0 else -1)


def test_ambiguous_pairs_are_never_mentioned():
    for scene in SCENES:
        for c in captions(scene, 2, n=8, relations="spatial"):
            i, j = c.links[c.tokens.index("a")], c.links[len(c.tokens) - 1 - c.tokens[::-1].index("a")]
            a, b = scene.objects[i], scene.objects[j]
            axis = abs(a.x - b.x) if c.meaning.relation in ("left", "right") else abs(a.y - b.y)
            assert axis >= 6


def test_order_of_mention_can_follow_reading():
    from mmscratch.data.scenes import reading_order

    for scene in SCENES:
        place = {i: k for k, i in enumerate(reading_order(scene))}
        for c in captions(scene, 2, n=5, order="reading"):
            m = c.meaning
            assert any(
                m.a.fits(a) and m.b.fits(b) and place[i] < place[j]
                for i, a in enumerate(scene.objects)
                for j, b in enumerate(scene.objects)
            )


def test_vocabulary_is_small_and_heldout_templates_hold_no_new_word():
    assert 55 <= len(vocabulary("en")) <= 65
    assert 45 <= len(vocabulary("zh")) <= 65
    for lang in LANGUAGES:
        for level, rows in TEMPLATES[lang].items():
            assert 4 <= len(rows) <= 5
            words = {w for row in rows[:-1] for w in row.split()}
            new = set(rows[-1].split()) - words
            assert not new, (lang, level, new)


def test_examples_read_as_they_should():
    scene = Scene(
        0,
        (
            Object("circle", "red", "big", "solid", 15.0, 15.0, 10.0),
            Object("square", "blue", "small", "solid", 45.0, 18.0, 6.0),
            Object("square", "blue", "small", "solid", 45.0, 45.0, 6.0),
        ),
    )
    true = [
        "a big red circle",
        "There is a red circle.",
        "a red circle is left of a blue square",
        "to the left of a blue square is a red circle",
        "exactly two squares are blue",
        "there is no green square",
        "not all objects are blue",
        "all squares are blue",
        "the objects are a blue square, a red circle and a blue square",
    ]
    for text in true:
        assert truth(text, scene).true, text
    t = truth("a red circle is right of a blue square", scene)
    assert (t.grammatical, t.objects, t.relation, t.true) == (True, True, False, False)
    t = truth("a green circle is left of a blue square", scene)
    assert (t.objects, t.relation, t.true) == (False, False, False)
    t = truth("the objects are a red circle and a blue square", scene)
    assert (t.objects, t.relation, t.true) == (True, False, False)
    assert not truth("all crosses are blue", scene).true
    assert not truth("a red circle is above a blue square", Scene(0, scene.objects[:2])).true
    assert truth("a red circle is above a blue square", Scene(0, scene.objects[:2]), dead_zone=0).true
    assert truth("一个红色圆形在一个蓝色正方形的左边", scene, "zh").true
    assert truth(["一个", "红色", "圆形"], scene, "zh").true
    rates = truth_rate(["a red circle", "a red square", "red"], [scene] * 3)
    assert rates["true"] == 1 / 3 and rates["grammatical"] == 2 / 3 and np.isnan(rates["relation"])
    assert make_caption(Exists(Noun("circle", "red")), scene).links == (0, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "a circle red",
        "a red circle is left",
        "a red circle and a blue square",
        "there are no red circle",
        "exactly two square are blue",
        "exactly one square are blue",
        "all squares is blue",
        "a red circle is left of a blue square a",
        "the objects are a red circle , a blue square",
        "the objects are a red circle and a blue square and a cross",
        "一个 红色",
    ],
)
def test_sentences_outside_the_grammar_are_refused(text):
    with pytest.raises(ParseError):
        parse(text)
    t = truth(text, SCENES[0])
    assert not t.grammatical and not t.true and t.reason


def test_one_relation_in_chinese_is_not_two():
    with pytest.raises(ParseError):
        parse("一个红色圆形在一个蓝色正方形更大", "zh")


def test_parse_errors_point_at_the_word():
    with pytest.raises(ParseError, match="word 5, 'on'"):
        parse("a red circle is on a blue square")


def test_relevance_counts_conjuncts():
    scene = Scene(
        0,
        (
            Object("circle", "red", "big", "solid", 15.0, 15.0, 10.0),
            Object("square", "blue", "small", "solid", 45.0, 18.0, 6.0),
        ),
    )
    for text, grade in [
        ("a big red circle", 3),
        ("a small red circle", 2),
        ("a small green circle", 1),
        ("a big green cross", 1),
        ("a green cross", 0),
        ("a red circle is left of a blue square", 3),
        ("a red circle is right of a blue square", 2),
        ("a red circle is left of a blue cross", 1),
        ("a green circle is left of a blue cross", 0),
        ("the objects are a red circle and a blue square", 3),
        ("the objects are a red circle and a blue cross", 1),
        ("exactly one square is blue", 3),
        ("exactly two squares are blue", 2),
        ("exactly two squares are green", 1),
        ("exactly two crosses are green", 0),
    ]:
        assert relevance(parse(text), scene) == grade, text
    for k, s in enumerate(SCENES):
        for level in LEVELS:
            for c in captions(SCENES[k - 1], level, n=2):
                assert (relevance(c.meaning, s) == 3) == is_true(c.meaning, s)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"level": 5}, "level"),
        ({"lang": "de"}, "lang"),
        ({"n": 0}, "n must"),
        ({"which": "test"}, "templates"),
        ({"relations": "some"}, "relations"),
        ({"order": "left"}, "order"),
        ({"n": 100_000}, "asked for 100000"),
    ],
)
def test_bad_arguments_are_named(change, word):
    with pytest.raises(ValueError, match=word):
        captions(SCENES[0], **change)


def test_a_single_object_has_no_second_level():
    with pytest.raises(ValueError, match="level-2"):
        captions(sample_scene(0, SceneOptions(count=1)), 2, n=1)
    assert len(captions(sample_scene(0, SceneOptions(count=1)), 3, n=5)) == 5


def test_meanings_refuse_nonsense():
    with pytest.raises(ValueError, match="colour must be one of"):
        Noun(colour="pink")
    with pytest.raises(ValueError, match="relation must be one of"):
        Related(Noun("circle"), "beside", Noun("square"))
    with pytest.raises(ValueError, match="needs a predicate"):
        Quantified("all", None, Noun("circle"))
    with pytest.raises(ValueError, match="count"):
        Quantified("exactly", None, Noun("circle"))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_full_descriptions_name_size_colour_and_shape(level):
    """Where "full" is asked for, every noun says all; there may be fewer captions than were asked for."""
    options = f"scenes:train=0,val=20,test=20,level={level},describe=full,references=6"
    for name in ("val", "test-language"):
        split = load(options).split(name)
        for graph, many in zip(split.graphs, split.captions, strict=True):
            assert 1 <= len(many) <= 6 and len({c.text for c in many}) == len(many)
            for caption in many:
                assert is_true(parse(caption.text), graph)
                if level == 3:
                    for noun in caption.meaning.nouns:
                        assert {name for name, _ in noun.items()} == {"size", "colour", "shape"}
    with pytest.raises(ValueError, match="describe must be any or full, got 'short'"):
        load("scenes:describe=short")
