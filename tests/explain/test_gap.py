"""The modality gap: by definition, between known cones, and faults that must show."""

import numpy as np
import pytest

from mmscratch.explain import gap, mean_cosine, modality_gap, shift_towards

RANDOM = np.random.default_rng(9)


def cone(centre, n=40, width=0.3):
    return centre + width * RANDOM.normal(size=(n, len(centre)))


X, Y = cone(np.array([1.0, 0, 0, 0, 2])), cone(np.array([0, 1.0, 0, 0, 2]))


def test_it_is_its_definition():
    found = modality_gap(X, Y)
    x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Y))
    np.testing.assert_allclose(found.vector, x.mean(0) - y.mean(0), atol=1e-15)
    assert found.distance == pytest.approx(np.sqrt(np.square(x.mean(0) - y.mean(0)).sum()))
    s, off = x @ y.T, ~np.eye(40, dtype=bool)
    assert found.pairs == pytest.approx(np.trace(s) / 40) and found.between == pytest.approx(s[off].mean())
    for got, rows in zip(found.within, (x, y), strict=True):
        assert got == pytest.approx((rows @ rows.T)[off].mean())
    # ‖Δ‖² is what two of a kind have more than two of different kinds: all pairs with themselves counted
    assert found.distance**2 == pytest.approx((x @ x.T).mean() + (y @ y.T).mean() - 2 * s.mean())


def test_lengths_do_not_matter_and_one_cloud_has_no_gap():
    scaled = X * RANDOM.uniform(0.5, 3, size=(40, 1))
    assert modality_gap(scaled, Y).distance == pytest.approx(modality_gap(X, Y).distance)
    assert modality_gap(X, X[::-1]).distance < 1e-12
    opposite = modality_gap(np.eye(3)[[0, 0]], -np.eye(3)[[0, 0]])
    assert opposite.distance == 2 and opposite.pairs == -1 and opposite.within == (1, 1)


def test_directions_from_anywhere_have_no_cone():
    assert abs(mean_cosine(RANDOM.normal(size=(2000, 16)))) < 0.01
    assert mean_cosine(np.ones((5, 3))) == pytest.approx(1)
    assert mean_cosine([[1, 0], [0, 1]]) == 0 and mean_cosine([[1, 0], [-1, 0]]) == -1


def test_shifting_closes_the_gap():
    before = modality_gap(X, Y).distance
    closed, open_ = (modality_gap(*shift_towards(X, Y, a)).distance for a in (0.5, -0.5))
    assert closed < 0.1 * before < before < open_
    for side, same in zip(shift_towards(X, Y, 0), (X, Y), strict=True):
        np.testing.assert_allclose(side, same / np.linalg.norm(same, axis=1, keepdims=True))
    np.testing.assert_allclose(np.linalg.norm(shift_towards(X, Y)[0], axis=1), 1)


@pytest.mark.parametrize("fault", ["unnormalised", "sign"])
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    true = gap._unit
    if fault == "unnormalised":
        monkeypatch.setattr(gap, "_unit", lambda title, name, rows: np.asarray(rows, np.float64))
    else:
        monkeypatch.setattr(
            gap, "_unit", lambda t, name, rows: true(t, name, rows) * (1 if name == "x" else -1)
        )
    with pytest.raises(AssertionError):
        test_it_is_its_definition()


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"y: expected \(N, E\) with N > 1"):
        modality_gap(X, Y[0])
    with pytest.raises(ValueError, match="expected pairs of one shape"):
        modality_gap(X, Y[:7])
    with pytest.raises(ValueError, match="x: row 1 is zero"):
        mean_cosine([[1.0, 0], [0, 0]])
