"""METEOR-lite: the stemmer against NLTK's and the paper's pairs, the alignment against all alignments."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.metrics import corpus_meteor_lite, meteor_lite_per_image, porter_stem
from mmscratch.metrics.meteor_lite import Alignment, align, meteor_lite_of
from mmscratch.metrics.porter import measure

GOLDEN = json.loads(
    bytes(np.load(Path(__file__).parents[1] / "goldens" / "captions.npz", allow_pickle=False)["text"])
)

# every example of the paper's rules (Porter, 1980)
PUBLISHED = """caresses caress ponies poni ties ti caress caress cats cat feed feed agreed agre
plastered plaster bled bled motoring motor sing sing conflated conflat
troubled troubl sized size hopping hop tanned
tan falling fall hissing hiss fizzed fizz failing fail filing file happy happi sky sky relational
relat conditional condit rational ration valenci valenc hesitanci hesit digitizer digit conformabli
conform radicalli radic differentli differ vileli vile analogousli analog vietnamization vietnam
predication predic operator oper feudalism feudal decisiveness decis hopefulness hope callousness
callous formaliti formal sensitiviti sensit sensibiliti sensibl triplicate triplic formative form
formalize formal electriciti electr electrical electr hopeful hope goodness good revival reviv
allowance allow inference infer airliner airlin gyroscopic gyroscop adjustable adjust defensible
defens irritant irrit replacement replac adjustment adjust dependent depend adoption adopt homologou
homolog communism commun activate activ angulariti angular homologous homolog effective effect
bowdlerize bowdler probate probat rate rate cease ceas controll control roll roll generalizations
gener oscillators oscil connections connect connecting connect""".split()


@pytest.mark.parametrize(("word", "stem"), list(zip(PUBLISHED[::2], PUBLISHED[1::2], strict=True)))
def test_the_papers_own_pairs(word, stem):
    assert porter_stem(word) == stem


def test_stems_agree_with_nltk():
    wrong = {w: porter_stem(w) for w, stem in GOLDEN["stems"].items() if porter_stem(w) != stem}
    assert not wrong and len(GOLDEN["stems"]) > 2000


def test_measure_of_the_papers_examples():
    for m, words in enumerate(("tr ee tree y by", "trouble oats trees ivy", "troubles private oaten orrery")):
        assert all(measure(w) == m for w in words.split())


def test_other_words_stay():
    assert [porter_stem(w) for w in ("café", "red-haired", "3rd", "", "'s")] == [
        "café", "red-haired", "3rd", "", "'s",
    ]  # fmt: skip


def test_the_papers_chunks():
    """Banerjee and Lavie 2005, §2.2: two chunks, "the president" and "spoke to the audience"."""
    said, meant = "the president spoke to the audience", "the president then spoke to the audience"
    assert align(said.split(), meant.split()) == Alignment(6, 2, 6, 7)
    f = 10 * (6 / 6) * (6 / 7) / (6 / 7 + 9 * 6 / 6)
    assert meteor_lite_per_image([said], [[meant]])[0] == pytest.approx(
        f * (1 - 0.5 * (2 / 6) ** 3), abs=1e-12
    )


def test_by_hand():
    """A copy of n words is one chunk; a reversed sentence n chunks; a stem counts as a word."""
    words = "a big red dog".split()
    assert meteor_lite_per_image([words], [[words]])[0] == pytest.approx(1 - 0.5 / 4**3)
    assert meteor_lite_per_image([words[::-1]], [[words]])[0] == pytest.approx(0.5)
    assert meteor_lite_per_image(["dogs running"], [["dog runs"]])[0] == pytest.approx(1 - 0.5 / 8)
    assert meteor_lite_per_image(["x", ""], [["a"], ["a"]]) == [0, 0]
    assert meteor_lite_per_image(["a b"], [["c", "a b", "a x"]])[0] == pytest.approx(1 - 0.5 / 8)


def test_a_corpus_adds_before_it_divides():
    said, meant = ["a b", "c x x x"], [["a b"], ["c d"]]
    want = meteor_lite_of(Alignment(2 + 1, 1 + 1, 2 + 4, 2 + 2))
    assert corpus_meteor_lite(said, meant) == pytest.approx(want, abs=1e-12)


def every_alignment(candidate, reference):
    """(exact, all, −chunks) of every one-to-one alignment of words with equal stems."""

    def extend(i, pairs):
        if i == len(candidate):
            yield pairs
            return
        yield from extend(i + 1, pairs)
        for j, other in enumerate(reference):
            if porter_stem(candidate[i]) == porter_stem(other) and j not in dict(pairs).values():
                yield from extend(i + 1, (*pairs, (i, j)))

    for pairs in extend(0, ()):
        exact = sum(candidate[i] == reference[j] for i, j in pairs)
        joined = sum((i + 1, j + 1) in pairs for i, j in pairs)
        yield exact, len(pairs), joined - len(pairs)


WORDS = st.lists(st.sampled_from(["a", "dog", "dogs", "run", "runs", "x"]), max_size=6)


@settings(max_examples=80, deadline=None)
@given(WORDS, WORDS)
def test_the_alignment_is_the_best_of_all(candidate, reference):
    exact, matches, chunks = max(every_alignment(candidate, reference))
    found = align(candidate, reference)
    assert (found.matches, found.chunks) == (matches, -chunks)


def test_a_long_row_of_one_word_ends():
    found = align(["the"] * 40, ["the"] * 30)
    assert (found.matches, found.chunks) == (30, 1)


def test_errors_name_what_came():
    with pytest.raises(ValueError, match="alpha: expected a number in 0…1, got 2"):
        meteor_lite_per_image(["a"], [["a"]], alpha=2)
    with pytest.raises(ValueError, match="beta: expected a positive number"):
        corpus_meteor_lite(["a"], [["a"]], beta=0)
    with pytest.raises(ValueError, match="2 candidates but references for 1"):
        corpus_meteor_lite(["a", "b"], [["a"]])
