"""VADER: scores its authors published (vaderSentiment 44fc044, README), and its rules one by one."""

import pytest

from mmscratch.representations.text.valence import Valence

LEXICON = {
    "smart": 1.7, "handsome": 2.2, "funny": 1.9, "good": 1.9, "horrible": -2.5,
    "great": 3.1, "sux": -1.5, "lol": 1.8, ":)": 2.0, ":d": 2.3, "sure": 1.3, "bad": -2.5,
    "uncompelling": -0.9,
}  # fmt: skip
"""The words of the published sentences, as vader_lexicon.txt rates them (MIT)."""
PUBLISHED = [
    ("VADER is smart, handsome, and funny.", 0.746, 0.254, 0.0, 0.8316),
    ("VADER is smart, handsome, and funny!", 0.752, 0.248, 0.0, 0.8439),
    ("VADER is very smart, handsome, and funny.", 0.701, 0.299, 0.0, 0.8545),
    ("VADER is VERY SMART, handsome, and FUNNY.", 0.754, 0.246, 0.0, 0.9227),
    ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.767, 0.233, 0.0, 0.9342),
    ("VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!", 0.706, 0.294, 0.0, 0.9469),
    ("VADER is not smart, handsome, nor funny.", 0.0, 0.354, 0.646, -0.7424),
    ("The book was good.", 0.492, 0.508, 0.0, 0.4404),
    ("At least it isn't a horrible book.", 0.363, 0.637, 0.0, 0.431),
    ("The book was only kind of good.", 0.303, 0.697, 0.0, 0.3832),
    ("The plot was good, but the characters are uncompelling and the dialog is not great.",
     0.094, 0.579, 0.327, -0.7042),
    ("Make sure you :) or :D today!", 0.706, 0.294, 0.0, 0.8633),
    ("Today SUX!", 0.0, 0.221, 0.779, -0.5461),
    ("Today only kinda sux! But I'll get by, lol", 0.317, 0.556, 0.127, 0.5249),
    ("Not bad at all", 0.487, 0.513, 0.0, 0.431),
]  # fmt: skip


@pytest.mark.parametrize(("text", "pos", "neu", "neg", "compound"), PUBLISHED)
def test_published_scores(text, pos, neu, neg, compound):
    found = Valence(LEXICON)(text)
    assert [round(found[k], 3) for k in ("pos", "neu", "neg")] == [pos, neu, neg]
    assert round(found["compound"], 4) == compound


def test_rules_one_by_one():
    v = Valence({"good": 2.0, "bad": -2.0, "shit": -2.6, "friend": 1.0})
    assert v.of_words("so good")[1] == pytest.approx(2.293)
    assert v.of_words("very much good")[2] == pytest.approx(2 + 0.293 * 0.95)
    assert v.of_words("so very bad")[2] == pytest.approx(-2 - 0.293 - 0.293 * 0.95)
    assert v.of_words("never so good")[2] == pytest.approx((2 + 0.293) * 1.25)
    assert v.of_words("it is GOOD")[2] == pytest.approx(2.733)
    assert v.of_words("good but bad") == [1.0, 0.0, -3.0]
    assert v.of_words("that is the shit")[3] == 3.0
    assert v.of_words("no good friend")[1] == pytest.approx(2 * -0.74)
    assert v("")["compound"] == 0 and v("nothing here")["neu"] == 1


def test_refused():
    with pytest.raises(ValueError, match="lexicon: expected at least one word"):
        Valence({})
    with pytest.raises(TypeError, match="text: expected str, got int"):
        Valence(LEXICON)(3)
