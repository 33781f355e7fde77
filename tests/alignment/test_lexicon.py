"""Rules against the world's truth, in both languages; phrases; attention maps laid on objects."""

import numpy as np
import pytest

from mmscratch.alignment import KNOWLEDGE, Lexicon, map_weights, measured
from mmscratch.data import scenes
from mmscratch.data.scenes.graph import ATTRIBUTES

STRIPED = scenes.SceneOptions(striped=True)


@pytest.fixture(scope="module")
def world():
    many = [scenes.sample_scene(s, STRIPED if s % 2 else scenes.SceneOptions()) for s in range(150)]
    return [(scene, measured(scenes.render(scene), scenes.masks(scene))) for scene in many]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_every_rule_knows_its_attribute(world, attribute):
    """Each value's word fits exactly the objects that have it, in all but a few of a thousand."""
    lexicon, right, asked = Lexicon(), 0, 0
    for scene, measures in world:
        for value in ATTRIBUTES[attribute]:
            word = {"circle": "circles"}.get(value, value)
            truth = np.array([getattr(o, attribute) == value for o in scene.objects])
            right += (lexicon.fits(word, measures) == truth).sum()
            asked += len(truth)
    assert right / asked > 0.995, right / asked


def test_values_of_an_attribute_share_nothing():
    """No measurement satisfies two colours, sizes, shapes or textures: the intervals are disjoint."""
    grid = {"hue": np.arange(0, 360, 0.5), "side": np.arange(64.0), "pale": np.arange(0, 1, 0.01)}
    lexicon = Lexicon()
    for name, attribute in (("hue", "colour"), ("side", "size"), ("pale", "texture")):
        assert sum(lexicon.fits(v, grid).astype(int) for v in ATTRIBUTES[attribute]).max() == 1, name
    fill, sink = map(np.ravel, np.meshgrid(np.arange(0, 1, 0.01), np.arange(0, 1, 0.01)))
    fits = sum(lexicon.fits(v, {"fill": fill, "sink": sink}).astype(int) for v in ATTRIBUTES["shape"])
    assert (fits == 1).all()
    assert set(KNOWLEDGE) == {v for values in ATTRIBUTES.values() for v in values}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_phrases_find_what_captions_mean(lang):
    """Full descriptions: each word of a phrase goes to the object that the world links it to."""
    data = scenes.load(f"scenes:train=60,val=0,test=0,level=3,describe=full,references=1,lang={lang}")
    split, lexicon, right, asked = data.split("train"), Lexicon(lang), 0, 0
    for scene, (caption,) in zip(split.graphs, split.captions, strict=True):
        w = lexicon.weights(caption.tokens, measured(scenes.render(scene), scenes.masks(scene)))
        for t, k in enumerate(caption.links):
            if k >= 0 and caption.tokens[t] not in ("a", "an", "一个"):
                right += w[t, k] > 0
                asked += 1
            elif k < 0:
                assert not w[t].any()
    assert right / asked > 0.99


def test_phrases():
    lexicon = Lexicon()
    words = "there is a big red circle , a cross and two blue objects".split()
    assert [words[a:b] for a, b in lexicon.phrases(words)] == [
        ["big", "red", "circle"], ["cross"], ["blue", "objects"],
    ]  # fmt: skip
    assert lexicon.phrases(["red", "circle", "blue", "circle"]) == [(0, 2), (2, 4)]
    assert lexicon.phrases([]) == []


def test_weights():
    measures = {"hue": np.array([0.0, 230, 350]), "fill": np.array([0.8, 0.8, 1.0]), "side": np.full(3, 20.0),
                "sink": np.full(3, 0.5), "pale": np.zeros(3)}  # fmt: skip
    lexicon = Lexicon()
    np.testing.assert_array_equal(
        lexicon.weights(["a", "red", "circle"], measures), [[0, 0, 0], [1, 0, 0], [1, 0, 0]]
    )
    alone = lexicon.weights(["a", "red", "circle"], measures, phrases=False)
    np.testing.assert_array_equal(alone, [[0, 0, 0], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    nothing = lexicon.weights(["green", "square"], measures)  # no such thing: the best half-fit
    np.testing.assert_array_equal(nothing, [[0, 0, 1], [0, 0, 1]])


def test_what_is_refused():
    with pytest.raises(ValueError, match="'weight'"):
        Lexicon(knowledge={"big": {"weight": (1, 2)}})
    with pytest.raises(ValueError, match="uint8"):
        measured(np.zeros((4, 4, 3)), np.zeros((1, 4, 4), bool))
    with pytest.raises(ValueError, match=r"masks.*\(1, 5, 4\)"):
        measured(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 5, 4), bool))


def test_maps_on_objects():
    scene = scenes.sample_scene(3)
    masks = scenes.masks(scene)
    random = np.random.default_rng(0)
    maps = random.random((5, 8, 8))
    fine = maps.repeat(8, 1).repeat(8, 2)
    expected = [[(m * mask).sum() / m.sum() for mask in masks] for m in fine]
    np.testing.assert_allclose(map_weights(maps, masks), expected, atol=1e-12)
    np.testing.assert_allclose(map_weights(masks.astype(float), masks), np.eye(len(masks)), atol=1e-12)
    np.testing.assert_allclose(map_weights(np.ones((1, 8, 8)), masks)[0], masks.mean((1, 2)))
    for maps, words in ((np.zeros((1, 8, 8)), "positive"), (np.ones((1, 7, 8)), "multiples")):
        with pytest.raises(ValueError, match=words):
            map_weights(maps, masks)
