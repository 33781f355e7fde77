"""The projection's formulas, against a count of messages in plain words."""

import numpy as np
import pytest

from benchmarks.projection import adding, computing, main
from mmscratch.train import received_a_step


def test_what_adding_up_takes():
    alpha, beta, m = 1e-3, 1e-6, 8000
    assert adding("ring", 1, m, alpha, beta, 8) == 0
    # 4 ranks, ring: 3 steps of reduce-scatter and 3 of all-gather, a quarter of the bytes each
    assert adding("ring", 4, m, alpha, beta, 8) == pytest.approx(6 * (alpha + m / 4 * beta))
    assert adding("doubling", 4, m, alpha, beta, 8) == pytest.approx(2 * (alpha + m * beta))
    # halving: m/2, then m/4, and back
    assert adding("halving", 4, m, alpha, beta, 8) == pytest.approx(4 * alpha + 2 * (m / 2 + m / 4) * beta)
    with pytest.raises(ValueError, match="expected ring, doubling, halving or ours, got 'star'"):
        adding("star", 4, m, alpha, beta, 8)


@pytest.mark.parametrize("n, shards", [(2, 12), (3, 12), (4, 12), (5, 40)])
def test_ours_moves_what_a_step_receives(n, shards):
    """With α = 0 and β = 1 the time is the bytes that a rank receives on average."""
    numbers = 60_000
    received = np.mean([received_a_step(numbers, shards, n, r) for r in range(n)])
    assert adding("ours", n, 4 * numbers, 0.0, 1.0, shards) == pytest.approx(received, rel=1e-4)


def test_the_slowest_rank_is_waited_for():
    assert computing(4, 12, 10, 0.5, 0.1, 0.0) == pytest.approx(3 * 1.5)
    assert computing(5, 12, 10, 0.5, 0.1, 0.0) == pytest.approx(3 * 1.5)  # one has three, one has two
    few, many = (computing(n, n, 10, 0.5, 0.1, 0.1) for n in (2, 500))
    assert 1.5 < few < many < 1.5 * np.exp(0.1 * 4)
    assert computing(7, 7, 1, 1.0, 0.0, 0.3, seed=1) == computing(7, 7, 1, 1.0, 0.0, 0.3, seed=1)


def test_the_command_prints_its_assumptions(capsys):
    main(["--steps", "5"])
    out = capsys.readouterr().out
    assert out.startswith("A projection, not a measurement. Assumed: numbers 235865")
    assert out.count("\n 1000 ") == 4 and "no congestion" in out
