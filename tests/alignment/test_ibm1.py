"""IBM Model 1 against the sum over all alignments, a worked example, and what EM promises."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from mmscratch.alignment import IBM1, grouped, links_above, normalised, symmetrised
from mmscratch.alignment import ibm1 as module

SMALL = [("the house", "das haus"), ("the book", "das buch"), ("a book", "ein buch")]


def random_corpus(seed, n=30):
    random = np.random.default_rng(seed)
    sources = [list(random.integers(0, 6, random.integers(1, 5))) for _ in range(n)]
    targets = [list(random.integers(0, 8, random.integers(1, 6))) for _ in range(n)]
    return sources, targets


@pytest.mark.parametrize("null", [True, False])
def test_likelihood_and_posterior_are_those_of_all_alignments(null):
    """P(f | e) = Σ_a (I + 1)^−J Π t(f_j | e_{a_j}) over all a, and each P(a_j = i | f, e) its share."""
    model = IBM1(null).fit(*random_corpus(0), iterations=3)
    source, target = [0, 1, 1], [2, 3, 2, 5]
    rows = ([0] if null else []) + [model.source_index[e] + null for e in source]
    columns = [model.target_index[f] for f in target]
    posterior, total = np.zeros((len(target), len(rows))), 0.0
    for a in itertools.product(range(len(rows)), repeat=len(target)):
        p = np.prod([model.t[rows[i], k] / len(rows) for i, k in zip(a, columns, strict=True)])
        total += p
        posterior[np.arange(len(target)), list(a)] += p
    assert model.log_probability(source, target) == pytest.approx(np.log(total), abs=1e-12)
    np.testing.assert_allclose(model.posterior(source, target), posterior / total, atol=1e-14)


def test_one_step_is_the_expected_count_over_all_alignments():
    """One EM step from uniform t, by enumeration in fractions, no product formula used."""
    model = IBM1(null=False).fit(*zip(*[(e.split(), f.split()) for e, f in SMALL], strict=True), iterations=2)
    t = {(e, f): Fraction(1, 4) for e in model.sources for f in model.targets}
    for _ in range(2):
        count = dict.fromkeys(t, Fraction(0))
        for source, target in ((e.split(), f.split()) for e, f in SMALL):
            every = list(itertools.product(source, repeat=len(target)))
            weight = [np.prod([t[e, f] for e, f in zip(a, target, strict=True)]) for a in every]
            for a, w in zip(every, weight, strict=True):
                for e, f in zip(a, target, strict=True):
                    count[e, f] += w / sum(weight)
        t = {(e, f): c / sum(count[e, g] for g in model.targets) for (e, f), c in count.items()}
    for (e, f), value in t.items():
        got = model.t[model.sources.index(e), model.targets.index(f)]
        assert got == pytest.approx(float(value), abs=1e-14)
    assert t["the", "das"] == Fraction(7, 11) and t["a", "ein"] == Fraction(4, 7)  # Koehn, 2010, fig. 4.5


def test_the_book_example_ends_in_a_dictionary():
    model = IBM1(null=False).fit(
        *zip(*[(e.split(), f.split()) for e, f in SMALL], strict=True), iterations=200
    )
    for e, f in (("the", "das"), ("house", "haus"), ("book", "buch"), ("a", "ein")):
        assert model.t[model.sources.index(e), model.targets.index(f)] > 0.95


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("null", [True, False])
def test_likelihood_never_falls_and_t_is_a_distribution(seed, null):
    sources, targets = random_corpus(seed)
    model = IBM1(null).fit(sources, targets, iterations=25)
    steps = np.diff(model.log_likelihood)
    assert (steps >= -1e-9).all() and steps[0] > 0
    np.testing.assert_allclose(model.t.sum(1), 1, atol=1e-12)
    said = sum(model.log_probability(e, f) for e, f in zip(sources, targets, strict=True))
    assert model.log_likelihood[-1] == pytest.approx(said, abs=1e-9)


def test_concave_so_the_beginning_does_not_matter(monkeypatch):
    """From a random t the likelihood comes to the same value as from the uniform one."""
    sources, targets = random_corpus(3, 12)
    uniform = IBM1().fit(sources, targets, iterations=3000)
    random = IBM1()
    random._known(sources, targets)
    pairs = [random._numbers(e, f) for e, f in zip(sources, targets, strict=True)]
    blocks = list(module._blocks(pairs))
    random.t = np.random.default_rng(0).dirichlet(np.ones(uniform.t.shape[1]), len(uniform.t))
    for _ in range(3000):
        counts, log_p = random._expected(blocks)
        random.t = counts / counts.sum(1, keepdims=True)
    assert log_p == pytest.approx(uniform.log_likelihood[-1], abs=1e-2)


def test_blocks_do_not_matter(monkeypatch):
    sources, targets = random_corpus(1)
    whole = IBM1().fit(sources, targets)
    monkeypatch.setattr(module, "BLOCK", 40)
    np.testing.assert_allclose(IBM1().fit(sources, targets).t, whole.t, atol=1e-12)


def test_stops_where_nothing_is_gained():
    model = IBM1().fit([["x"]], [["y"]], iterations=50)
    assert len(model.log_likelihood) == 2 and model.log_likelihood[-1] == 0


def test_unknown_tokens_have_no_opinion():
    model = IBM1().fit(*random_corpus(0))
    assert (model.posterior([0, 1], ["new"]) == 1 / 3).all()
    assert (
        model.probability(["new", 0], [1]).shape == (1, 3) and model.probability(["new", 0], [1])[0, 1] == 0
    )


@pytest.mark.parametrize(
    "sources, targets, words",
    [
        ([["a"]], [], "1 sources for 0 targets"),
        ([["a"]], [[]], "1 and 0 tokens"),
        ([], [], "expected as many"),
    ],
)
def test_what_is_refused(sources, targets, words):
    with pytest.raises(ValueError, match=words):
        IBM1().fit(sources, targets)


def test_grouping_and_thresholds():
    weights = np.array([[0.5, 0.1, 0.2, 0.2], [0.0, 0.0, 0.0, 1.0]])
    out = grouped(weights, np.array([-1, 0, 1, 1]), 3)
    np.testing.assert_allclose(out, [[0.1, 0.4, 0], [0, 1, 0]])
    assert links_above([out], 0.4)[0].tolist() == [[False, True, False], [False, True, False]]
    np.testing.assert_allclose(normalised([[1, 3], [0, 0]]), [[0.25, 0.75], [0.5, 0.5]])


def test_two_directions():
    a = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]], bool)
    b = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)
    assert symmetrised(a, b, "intersection").sum() == 1
    assert symmetrised(a, b, "union").sum() == 5
    grown = symmetrised(a, b)  # from (0, 0): (0, 1) beside it, then (1, 2) across; the others touch nothing
    assert np.argwhere(grown).tolist() == [[0, 0], [0, 1], [1, 2]]
    assert (symmetrised(a, a) == a).all()
