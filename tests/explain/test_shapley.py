"""Shapley values: all orders of arrival, the four axioms, known games, and faults that must show."""

import itertools
import math

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.explain import modality_shapley, shapley, shapley_values, shares

RANDOM = np.random.default_rng(6)


def game(players, seed):
    """A value, drawn, for every coalition."""
    rng = np.random.default_rng(seed)
    coalitions = [frozenset(s) for k in range(len(players) + 1) for s in itertools.combinations(players, k)]
    return {s: rng.normal(size=2) for s in coalitions}


def by_orders(value, players):
    """The definition by arrival: the mean, over all M! orders, of what each one adds on coming."""
    total = dict.fromkeys(players, 0.0)
    for order in itertools.permutations(players):
        for k, player in enumerate(order):
            total[player] = total[player] + value(frozenset(order[: k + 1])) - value(frozenset(order[:k]))
    return {p: t / math.factorial(len(players)) for p, t in total.items()}


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_it_is_the_mean_over_all_orders_of_arrival(m):
    players = "abcde"[:m]
    v = game(players, m)
    found, wanted = shapley_values(v.get, players), by_orders(v.get, players)
    for p in players:
        np.testing.assert_allclose(found[p], wanted[p], atol=1e-13)


def check_axioms(values):
    v, w = game("abc", 0), game("abc", 1)
    phi = values(v.get, "abc")
    np.testing.assert_allclose(sum(phi.values()), v[frozenset("abc")] - v[frozenset()], atol=1e-13)

    def alike(s):  # a and b may be exchanged
        return v[
            frozenset("a" * (len(s & {"a", "b"}) > 0))
            | frozenset("b" * (len(s & {"a", "b"}) > 1))
            | s & {"c"}
        ]

    phi = values(alike, "abc")
    np.testing.assert_allclose(phi["a"], phi["b"], atol=1e-13)
    phi = values(lambda s: v[s - {"b"}] + (3.0 if "b" in s else 0.0), "abc")  # b brings 3, always
    np.testing.assert_allclose(phi["b"], 3, atol=1e-13)
    np.testing.assert_allclose(values(lambda s: v[s - {"b"}], "abc")["b"], 0, atol=1e-13)
    both = values(lambda s: 2 * v[s] - w[s], "abc")
    parts = values(v.get, "abc"), values(w.get, "abc")
    for p in "abc":
        np.testing.assert_allclose(both[p], 2 * parts[0][p] - parts[1][p], atol=1e-13)


def test_efficiency_symmetry_dummy_additivity():
    check_axioms(shapley_values)


def test_known_games():
    """A left glove and two right ones; a committee in which 3 + 1 + 1 + 1 votes are cast and 4 are needed."""
    gloves = shapley_values(lambda s: float("l" in s and len(s) > 1), ["l", "r1", "r2"])
    assert [gloves[p] for p in ("l", "r1", "r2")] == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    votes = {"big": 3, "x": 1, "y": 1, "z": 1}
    power = shapley_values(lambda s: float(sum(votes[p] for p in s) >= 4), votes)
    assert [power[p] for p in votes] == pytest.approx([3 / 4, 1 / 12, 1 / 12, 1 / 12])


def test_every_coalition_is_valued_once():
    asked = []
    shapley_values(lambda s: asked.append(s) or 0.0, range(6))
    assert len(asked) == len(set(asked)) == 64


def test_modalities_of_a_model():
    """Synergy is shared, what one sense says alone is its own: F = 2 Σx + (u · y)(1 · x) + constant."""
    x, y, z = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 4)), RANDOM.normal(size=(5, 2))
    u, shift = RANDOM.normal(size=4), RANDOM.normal(size=5)

    def function(c, *, image, text, sound):
        alone = 2 * ops.sum(image, axis=1)
        return alone + (text @ u) * ops.sum(image, axis=1) + 0 * ops.sum(sound, axis=1) + c

    phi = modality_shapley(
        function,
        {"image": x, "text": y, "sound": z},
        {"image": 0.0, "text": np.zeros(4), "sound": z.mean(0)},
        context=(shift,),
    )
    together = (y @ u) * x.sum(1) / 2
    np.testing.assert_allclose(phi["image"], 2 * x.sum(1) + together, atol=1e-12)
    np.testing.assert_allclose(phi["text"], together, atol=1e-12)
    np.testing.assert_allclose(phi["sound"], 0, atol=1e-12)
    part = shares(phi)
    np.testing.assert_allclose(sum(part.values()), 1)
    np.testing.assert_allclose(part["text"], np.abs(together) / (np.abs(together) + np.abs(phi["image"])))
    assert shares({"a": np.zeros(2), "b": np.zeros(2)})["a"].tolist() == [0.5, 0.5]


def test_xor_is_all_synergy():
    """Neither sense alone says anything; both get half of what they say together."""
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float64) * 2 - 1
    phi = modality_shapley(
        lambda a, b: -ops.sum(a * b, axis=1), {"a": bits[:, :1], "b": bits[:, 1:]}, {"a": 0, "b": 0}
    )
    wanted = -bits[:, 0] * bits[:, 1] / 2
    np.testing.assert_allclose(phi["a"], wanted)
    np.testing.assert_allclose(phi["b"], wanted)


@pytest.mark.parametrize("fault", ["weights", "factorial", "base"])
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    true = math.factorial

    class Math:
        @staticmethod
        def factorial(n):
            return {"weights": 1.0, "factorial": true(n + 1), "base": float(max(n, 1))}[fault]

    monkeypatch.setattr(shapley, "math", Math)
    with pytest.raises(AssertionError):
        check_axioms(shapley_values)
        v = game("abcd", 0)
        np.testing.assert_allclose(shapley_values(v.get, "abcd")["a"], by_orders(v.get, "abcd")["a"])


def test_what_is_refused():
    for players in ([], range(17), ["a", "a"]):
        with pytest.raises(ValueError, match="players: expected 1 to 16, each once"):
            shapley_values(lambda s: 0.0, players)
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"one for each of \['a', 'b'\], got \['a'\]"):
        modality_shapley(lambda a, b: a, {"a": x, "b": x}, {"a": 0})
    with pytest.raises(ValueError, match=r"broadcasts to a's \(2, 3\), got \(4,\)"):
        modality_shapley(lambda a: a, {"a": x}, {"a": np.zeros(4)})
    with pytest.raises(ValueError, match=r"expected a tensor of shape \(2,\)"):
        modality_shapley(lambda a: a, {"a": x}, {"a": 0})
