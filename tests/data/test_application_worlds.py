"""The worlds of the applications: what is claimed of them by counting, by formula, or by drawing many."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from mmscratch.data.applications import garments, molecules, scans, shop, views, vitals


# ── shop ────────────────────────────────────────────────────────────────────────────────────────
def test_nothing_kept_back_is_trained_on_and_cold_items_are_new():
    s = shop.make_shop(users=40, seed=3)
    for u in range(40):
        parts = np.concatenate([s.train[u], s.val[u], s.test[u]])
        assert len(set(parts)) == 20 and parts.max() < s.warm <= s.cold[u].min()
    assert (s.counts[s.warm :] == 0).all() and s.counts.sum() == 40 * 12
    np.testing.assert_array_equal(s.attributes.sum(1), 4)
    again = shop.make_shop(users=40, seed=3)
    np.testing.assert_array_equal(s.train, again.train)


def test_visible_taste_is_a_sum_over_attributes():
    s = shop.make_shop(users=30, seed=1)
    same = [
        (i, j) for i, j in itertools.combinations(range(160), 2) if (s.attributes[i] == s.attributes[j]).all()
    ]
    assert same
    for i, j in same:
        np.testing.assert_allclose(s.visible[:, i], s.visible[:, j])
    solved = np.linalg.lstsq(s.attributes, s.visible.T, rcond=None)[0]
    np.testing.assert_allclose(s.attributes @ solved, s.visible.T, atol=1e-9)


def test_users_take_as_plackett_and_luce_say():
    """One of two cold items is taken: with probability σ(β (s_0 − s_1))."""
    s = shop.make_shop(users=6000, warm=3, cold=2, taken=(1, 1, 1), taken_cold=1, seed=2)
    first = s.cold[:, 0] == 3
    p = 1 / (1 + np.exp(-3 * (s.utility[:, 3] - s.utility[:, 4])))
    for low, high in ((0.05, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.95)):
        some = (p >= low) & (p < high)
        assert abs(first[some].mean() - p[some].mean()) < 4 * np.sqrt(0.25 / some.sum())


def test_what_is_shown_for_training_is_drawn_by_lot():
    """Not the favourites first: ranks of utility are alike in training and test."""
    s = shop.make_shop(users=300, seed=4)
    shown, kept = (np.take_along_axis(s.utility, part, 1).mean() for part in (s.train, s.test))
    assert abs(shown - kept) < 0.12


# ── views ───────────────────────────────────────────────────────────────────────────────────────
def test_transitions_are_distributions_that_keep_two_of_three():
    v = views.make_views(5, seed=1)
    p = views.transitions(v.kinds, 0.1)
    np.testing.assert_allclose(p.sum(2), 1)
    assert (p[:, np.arange(288), np.arange(288)] == 0).all()
    for z in range(3):
        i, j = np.nonzero(views.transitions(v.kinds, 0.0)[z])
        kept = np.delete(np.arange(3), z)
        assert (v.kinds[i][:, kept] == v.kinds[j][:, kept]).all()


def test_bayes_rule_is_the_sum_over_all_that_may_be_hidden():
    """Against plain enumeration of z, and calibrated: the mean of its p is how often it is right."""
    v = views.make_views(500, seed=2)
    p = views.transitions(v.kinds, v.error)
    history, wanted = v.sessions[:20, :-1], v.sessions[:20, -1]
    got = views.next_probability(v.kinds, history, v.error)
    for row, session in zip(got, history, strict=True):
        joint = [np.prod([p[z, a, b] for a, b in zip(session, session[1:], strict=False)]) for z in range(3)]
        direct = sum(w * p[z, session[-1]] for z, w in enumerate(joint)) / sum(joint)
        np.testing.assert_allclose(row, direct, atol=1e-12)
    history, wanted = v.sessions[:, :-1], v.sessions[:, -1]
    for last in (False, True):
        q = views.next_probability(v.kinds, history, v.error, last)
        best = q == q.max(1, keepdims=True)
        expected, seen = (q * best).sum(1), best[np.arange(len(q)), wanted]
        assert abs(expected.mean() - seen.mean()) < 4 * np.sqrt(0.25 / len(q))


def test_topic_is_in_the_title_alone_and_colour_in_the_picture_alone():
    v = views.make_views(1)
    for kind, title, scene in zip(v.kinds, v.titles, v.scenes, strict=True):
        words = title.split()
        assert [t for t in views.TOPICS if t in words] == [views.TOPICS[kind[2]]]
        assert not set(words) & {scene.objects[0].colour, scene.objects[0].shape}
        assert scene.objects[0].colour == views.COLOURS[kind[0]]


# ── garments ────────────────────────────────────────────────────────────────────────────────────
def test_the_inverse_of_a_body_is_its_inverse():
    random = np.random.default_rng(0)
    for seed in range(20):
        body, st = garments.draw_body(seed), random.uniform(-0.2, 1.2, (50, 2))
        np.testing.assert_allclose(body.flatten(body.place(st)), st, atol=1e-12)
        assert body.width(0.0) == body.shoulder
        np.testing.assert_allclose([body.width(0.5), body.width(1.0)], [body.waist, body.hip])


def test_the_body_lies_where_its_coordinates_say():
    body = garments.draw_body(4)
    x, y = body.place([0.5, 0.5])
    picture = garments.person(body)
    assert np.allclose(picture[int(y), int(x)], garments.SKIN) and np.allclose(picture[0, 0], garments.GROUND)
    outline = garments.silhouette(body)
    assert outline.shape == (256,) and 0.1 < outline.mean() < 0.6


# ── scans ───────────────────────────────────────────────────────────────────────────────────────
def test_grades_are_told_by_both_and_half_by_each():
    s = scans.make_scans(400, seed=1)
    cells = Counter(zip(s.solid.tolist(), s.grown.tolist(), strict=True))
    assert set(cells.values()) == {100}
    for alone in (s.solid, s.grown, np.zeros(400)):
        best = sum(max(Counter(s.target[alone == v].tolist()).values()) for v in set(alone.tolist()))
        assert best == 200
    assert max(Counter(zip(s.solid, s.grown, s.target, strict=True)).values()) == 100
    assert sum(len({t for a, b, t in zip(s.solid, s.grown, s.target, strict=True) if (a, b) == c})
               for c in cells) == 4  # fmt: skip


def test_reports_tell_growth_and_nothing_else():
    s = scans.make_scans(400, seed=2)
    for words, grown in zip(s.reports, s.grown, strict=True):
        assert any(words.endswith(t) for t in (scans._GROWN if grown else scans._STABLE))
    sides = [r.startswith("left") for r in s.reports]
    assert abs(np.corrcoef(sides, s.target)[0, 1]) < 0.15


def test_lesions_are_bright_or_dark_where_their_mask_is():
    s = scans.make_scans(40, noise=0.0, seed=3)
    for image, mask, solid in zip(s.images[:, 0], s.masks, s.solid, strict=True):
        np.testing.assert_allclose(image[mask], scans.SOLID if solid else scans.CYSTIC, atol=1e-6)
    assert 0.03 < s.masks.mean() < 0.06


# ── molecules ───────────────────────────────────────────────────────────────────────────────────
def test_molecules_are_valid_and_labels_are_the_rule():
    m = molecules.make_molecules(40, seed=1)
    for atoms, bonds, y, together, c in zip(m.atoms, m.bonds, m.target, m.joined, m.condition, strict=True):
        assert molecules.is_valid(atoms, bonds) and molecules.joined(atoms, bonds) == together
        assert y == (together ^ (c == 1))
        assert (atoms == 1).sum() == (atoms == 2).sum() == 1


def test_no_single_source_tells_more_than_half_and_no_sum_more_than_three_quarters():
    m = molecules.make_molecules(30, seed=2)
    graph, cells = {}, {}
    for atoms, bonds, y, c, j in zip(m.atoms, m.bonds, m.target, m.condition, m.joined, strict=True):
        graph.setdefault((atoms.tobytes(), bonds.tobytes()), []).append(int(y))
        cells.setdefault((int(j), int(c)), set()).add(int(y))
    assert all(sorted(v) == [0, 1] for v in graph.values())
    assert [m.target[m.condition == c].mean() for c in (0, 1)] == [0.5, 0.5]
    # Signs of f(joined) + g(condition) over the four cells: no choice of f and g has all four right.
    best = 0
    for order in itertools.permutations(
        range(4)
    ):  # of the sums, with f = (0, a), g = (0, b): all their orders
        a, b = order[0] - 1.5, order[1] - 1.5
        for cut in np.linspace(-4, 4, 33):
            said = {(j, c): int(a * j + b * c > cut) for j in (0, 1) for c in (0, 1)}
            best = max(best, sum({said[k]} == v for k, v in cells.items()))
    assert best == 3


def test_twins_have_one_bag():
    m = molecules.make_molecules(30, seed=3)
    bags = {}
    for atoms, bonds, pair in zip(m.atoms, m.bonds, m.pair, strict=True):
        there = atoms >= 0
        bags.setdefault(int(pair), set()).add(
            tuple(sorted(zip(atoms[there], bonds.sum(1)[there], strict=True)))
        )
    assert all(len(v) == 1 for v in bags.values()) and len(bags) == 30


def test_fingerprints_do_not_depend_on_numbering_and_keep_sets_apart():
    m = molecules.make_molecules(20, seed=4)
    random = np.random.default_rng(0)
    prints = set()
    for atoms, bonds in zip(m.atoms, m.bonds, strict=True):
        order = random.permutation(len(atoms))
        one = molecules.fingerprint(atoms, bonds)
        assert molecules.fingerprint(atoms[order], bonds[np.ix_(order, order)]) == one
        prints.add(one)
    assert len(prints) == 40  # two molecules a pair, each in two assays
    other = molecules.make_molecules(20, seed=5, without=prints)
    assert not prints & {molecules.fingerprint(a, b) for a, b in zip(other.atoms, other.bonds, strict=True)}


def test_invalid_molecules_are_told():
    m = molecules.make_molecules(1, seed=0)
    atoms, bonds = m.atoms[0].copy(), m.bonds[0].copy()
    apart = bonds.copy()
    apart[0], apart[:, 0] = False, False
    one_way = bonds.copy()
    i, j = np.argwhere(bonds)[0]
    one_way[i, j] = False
    crowded = np.where(bonds.sum(1).max() == bonds.sum(1), 3, atoms)  # fluorine in the middle
    assert molecules.is_valid(atoms, bonds)
    assert not any((molecules.is_valid(atoms, apart), molecules.is_valid(atoms, one_way)))
    assert not molecules.is_valid(crowded, bonds)


# ── vitals ──────────────────────────────────────────────────────────────────────────────────────
def test_log_ratios_are_those_of_the_densities():
    p = vitals.make_patients(20, seed=1)
    ramp, covariance = vitals.ramp_covariance(12)
    own = [
        sum(
            stats.multivariate_normal(ramp * d * y, covariance).logpdf(x[:, c]) * (1 if y else -1)
            for c, d in enumerate(vitals.SLOPES)
            for y in (1, 0)
        )
        for x in p.series.astype(np.float64)
    ]
    np.testing.assert_allclose(vitals.log_ratio(p, note=False), own, atol=1e-6)
    both = vitals.log_ratio(p, note=False) + vitals.log_ratio(p, series=False)
    np.testing.assert_allclose(vitals.log_ratio(p), both)
    _, worse, better = vitals._words()
    np.testing.assert_allclose([worse.sum(), better.sum()], 1)


def test_bayes_rule_is_as_often_right_as_its_own_confidence_says():
    p = vitals.make_patients(4000, seed=2)
    for seen in ((True, True), (True, False), (False, True)):
        ratio = vitals.log_ratio(p, *seen)
        sure = 1 / (1 + np.exp(-np.abs(ratio)))
        assert abs(((ratio > 0) == p.target).mean() - sure.mean()) < 0.025
    alone = stats.norm.cdf(np.sqrt((vitals.SLOPES**2).sum() * _distance(12)) / 2)
    assert abs(((vitals.log_ratio(p, note=False) > 0) == p.target).mean() - alone) < 0.025


def _distance(steps):
    ramp, covariance = vitals.ramp_covariance(steps)
    return ramp @ np.linalg.solve(covariance, ramp)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: shop.make_shop(users=0), "users: expected at least 1, got 0"),
        (lambda: shop.make_shop(warm=19), "taken: expected at most 19 warm"),
        (lambda: views.make_views(0), "sessions, length: expected at least 1 and 3, got 0 and 8"),
        (lambda: views.transitions(np.zeros((2, 3)), 2.0), "error: expected a share"),
        (lambda: garments.landmarks(1, 5), "across, down: expected at least 2, got 1 and 5"),
        (lambda: scans.make_scans(6), "count, noise: expected a multiple of 4"),
        (lambda: molecules.make_molecules(0), "pairs: expected at least 1, got 0"),
        (lambda: molecules.condition_text("salty", None), "condition: expected one of acidic, alkaline"),
        (lambda: vitals.make_patients(3), "count, steps, words: expected an even number"),
    ],
)
def test_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
