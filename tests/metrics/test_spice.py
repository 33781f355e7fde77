"""SPICE against cases worked by hand, and its properties."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.metrics import corpus_spice, spice_per_image
from mmscratch.metrics.spice import spice_counts, union

GIRL = {  # the paper's example: "a young girl standing on top of a tennis court"
    ("girl",), ("court",), ("girl", "young"), ("girl", "standing"), ("court", "tennis"),
    ("girl", "on-top-of", "court"),
}  # fmt: skip


def test_by_hand():
    """Four of five said tuples are among six: P = 4/5, R = 4/6, F = 8/11."""
    said = {("girl",), ("court",), ("girl", "young"), ("court", "tennis"), ("girl", "beside", "court")}
    counts = spice_counts(said, GIRL)
    assert (counts.matches, counts.candidate, counts.reference) == (4, 5, 6)
    assert (counts.precision, counts.recall, counts.f1) == (4 / 5, 4 / 6, pytest.approx(8 / 11))
    scores = corpus_spice([said], [GIRL], {"age": {"young", "old"}})
    assert scores["SPICE_object"] == 1 and scores["SPICE_relation"] == 0 and scores["SPICE_age"] == 1
    assert scores["SPICE_attribute"] == pytest.approx(2 * 2 / (2 + 3))


def test_repetition_says_nothing_new():
    assert spice_counts([("a",), ("a",)], [("a",), ("b",)]).f1 == pytest.approx(2 / 3)


def test_the_mean_over_images_and_parts_that_no_image_has():
    scores = corpus_spice([{("a",)}, {("a",), ("a", "red")}], [{("a",)}, {("a",)}])
    assert scores["SPICE"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["SPICE_attribute"] == 0 and math.isnan(scores["SPICE_relation"])
    kept_back = corpus_spice([{("a",)}], [{("a",), ("a", "red")}])
    assert kept_back["SPICE_attribute"] == 0  # the reference has one: silence is no excuse


def test_empty_graphs_score_nothing():
    assert spice_per_image([set(), {("a",)}, set()], [{("a",)}, set(), set()]) == [0, 0, 0]


def test_references_are_put_together():
    assert union([{("a",)}, {("a",), ("b",)}, set()]) == {("a",), ("b",)}


NAMES = st.sampled_from("abc")
GRAPHS = st.sets(
    st.one_of(st.tuples(NAMES), st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES)), max_size=8
)


@settings(max_examples=100, deadline=None)
@given(GRAPHS, GRAPHS)
def test_f1_is_the_harmonic_mean_and_symmetric(a, b):
    there, back = spice_counts(a, b), spice_counts(b, a)
    assert there.f1 == back.f1 and there.precision == back.recall and 0 <= there.f1 <= 1
    p, r = there.precision, there.recall
    assert there.f1 == pytest.approx(2 * p * r / (p + r) if p + r else 0)
    assert spice_counts(a, a).f1 == (1 if a else 0)


@pytest.mark.parametrize(
    ("graph", "error"),
    [("ab", TypeError), ([["a"]], ValueError), ([()], ValueError), ([("a", 1)], ValueError)],
)
def test_bad_graphs(graph, error):
    with pytest.raises(error, match="candidate: expected"):
        spice_counts(graph, [("a",)])


def test_bad_corpora():
    with pytest.raises(ValueError, match="1 candidates but 2 references"):
        corpus_spice([set()], [set(), set()])
    with pytest.raises(ValueError, match="at least one"):
        spice_per_image([], [])
