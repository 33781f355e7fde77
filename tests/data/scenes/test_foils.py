"""Foils: false by execution, one turn away from the caption, and none where none can be."""

import pytest

from mmscratch.data.scenes import (
    FOILS,
    Noun,
    ParseError,
    Related,
    load,
    make_caption,
    parse,
    read_caption,
    relation_foil,
    sample_scene,
    truth,
)
from mmscratch.data.scenes.relations import INVERSE


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("kind", FOILS)
def test_the_caption_is_true_and_its_foil_false(lang, kind):
    split = load(f"scenes:train=40,level=2,references=3,lang={lang}").split("train")
    made = 0
    for scene, said in zip(split.graphs, split.captions, strict=True):
        for caption in said:
            foil = relation_foil(caption, scene, kind)
            if foil is None:
                continue
            made += 1
            assert truth(caption.text, scene, lang).true and not truth(foil.text, scene, lang).true
            true, false = caption.meaning, parse(foil.text, lang)
            assert foil.meaning == false and foil.template == caption.template
            if kind == "swapped":
                assert (false.a, false.relation, false.b) == (true.b, true.relation, true.a)
                assert sorted(foil.tokens) == sorted(caption.tokens), "a bag of words sees no difference"
            else:
                assert (false.a, false.relation, false.b) == (true.a, INVERSE[true.relation], true.b)
    assert made > 50


def test_no_foil_where_it_would_be_true_or_the_relation_has_no_other_side():
    scene = next(s for s in (sample_scene(i) for i in range(99)) if len(s) > 2)
    a, b = Noun.of(scene.objects[0], "shape"), Noun.of(scene.objects[1], "shape")
    for relation in ("nearest", "same_colour", "same_shape"):
        caption = make_caption(Related(a, relation, b), scene)
        assert all(relation_foil(caption, scene, kind) is None for kind in FOILS)
    left, _, right = sorted(scene.objects, key=lambda o: o.x)[:3]
    anything = make_caption(Related(Noun(size=left.size), "left", Noun(size=left.size)), scene)
    assert relation_foil(anything, scene, "swapped") is None, "it would be the caption itself"


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_caption_is_read_back_from_its_words(level, lang):
    split = load(f"scenes:train=10,level={level},lang={lang}").split("train")
    for scene, said in zip(split.graphs, split.captions, strict=True):
        for caption in said:
            found = read_caption(caption.tokens, scene, lang)
            assert (found.tokens, found.meaning) == (caption.tokens, caption.meaning)
    with pytest.raises(ParseError):
        read_caption(["a", "circle", "red"], split.graphs[0])


def test_bad_requests_are_named():
    scene = load("scenes:train=1,level=1").split("train")
    with pytest.raises(TypeError, match="a caption of level 2 is expected, got level 1"):
        relation_foil(scene.captions[0][0], scene.graphs[0], "swapped")
    with pytest.raises(ValueError, match="kind must be reversed or swapped, got 'negated'"):
        relation_foil(scene.captions[0][0], scene.graphs[0], "negated")
