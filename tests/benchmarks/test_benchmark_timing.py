"""The arithmetic of measuring, on known numbers and with calls that only count. Nothing is timed."""

import math

import numpy as np
import pytest

from benchmarks import timing
from benchmarks.growth import exponent
from benchmarks.run import ratio, relative_error
from benchmarks.timing import Stats


def test_median_and_quartiles_are_numpys():
    values = [5.0, 1.0, 4.0, 2.0, 9.0, 7.0, 3.0]
    found = Stats.of(values)
    assert (found.q1, found.median, found.q3) == tuple(np.percentile(values, [25, 50, 75]))
    assert (found.least, found.rounds) == (1.0, 7)
    assert found.spread == pytest.approx((6.0 - 2.5) / 4.0)


def test_one_value_is_its_own_quartiles_and_none_is_refused():
    assert Stats.of([3.0]) == Stats(3.0, 3.0, 3.0, 3.0, 1)
    with pytest.raises(ValueError, match="no values"):
        Stats.of([])


@pytest.mark.parametrize("values, steady", [
    ([1.0, 1.1, 1.0, 1.2, 1.1], True), ([1.0, 1.4, 1.4, 1.4, 1.4], True),
    ([0.5, 88.0, 90.0, 0.6, 89.0], False),
    ([1.0, 1.6, 1.6, 1.6, 1.6], False), ([1.0, 1.0, 1.2, 2.0, 2.0], False),
])  # fmt: skip
def test_rounds_that_disagree_are_unsteady(values, steady):
    assert Stats.of(values).steady == steady


def test_ratio_of_nothing_is_none():
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(1.0, 0) is None


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_exponent_of_a_power_is_the_power(power):
    sizes = [8, 16, 32, 64, 128]
    assert exponent(sizes, [3 * s**power for s in sizes]) == pytest.approx(power, abs=1e-12)


def test_exponent_looks_at_the_larger_half():
    """A constant cost hides growth at small sizes; the fit must not be dragged down by it."""
    sizes = [1, 2, 4, 1024, 2048, 4096]
    costs = [100.0, 100.0, 100.0, 1024.0, 2048.0, 4096.0]
    assert exponent(sizes, costs) == pytest.approx(1.0)
    assert exponent([4], [1.0]) is None
    assert exponent([4, 8], [0, 0]) is None


def test_results_are_compared_relative_to_the_largest_entry():
    a = np.array([1.0, 2.0, 4.0], np.float32)
    assert relative_error(a, a) == 0
    assert relative_error(a + np.float32([0, 0.5, 0]), a) == pytest.approx(0.125)
    assert relative_error(a, a[:2]) == math.inf
    assert relative_error(np.float32([1, np.nan, 4]), a) == math.inf
    assert relative_error(a[:0], a[:0]) == 0


def test_variants_far_behind_the_fastest_are_not_timed():
    assert timing.fastest({"a": 1.0, "b": 1.29, "c": 1.31}) == ["a", "b"]


class Always:
    """A watch that says others were busy during the first so many looks."""

    def __init__(self, busy):
        self.busy, self.looks = busy, 0

    def start(self):
        pass

    def disturbed(self):
        self.looks += 1
        return self.looks <= self.busy


def in_turns(watch, rounds=5, **options):
    order = []
    calls = {name: lambda name=name: order.append(name) for name in ("ours", "torch")}
    estimates = dict.fromkeys(calls, 1.0)  # long: a call a block, none before it
    found = timing.in_turns(calls, estimates, rounds=rounds, rest=0, watch=watch, **options)
    return order, *found


def test_sides_take_turns_in_alternating_order():
    order, samples, disturbed = in_turns(Always(0))
    assert order == ["ours", "torch", "torch", "ours"] * 2 + ["ours", "torch"]
    assert {name: len(s) for name, s in samples.items()} == {"ours": 5, "torch": 5}
    assert disturbed == 0


def test_a_disturbed_round_is_repeated_and_replaced():
    order, samples, disturbed = in_turns(Always(3))
    assert len(order) == 2 * (5 + 3)
    assert len(samples["ours"]) == 5 and disturbed == 0


def test_after_four_repeats_a_disturbed_round_is_kept_and_counted():
    order, samples, disturbed = in_turns(Always(10**6), rounds=2)
    assert len(order) == 2 * 2 * 5
    assert len(samples["ours"]) == 2 and disturbed == 2


def test_beyond_the_budget_no_sixth_round_is_begun():
    assert len(in_turns(Always(0), rounds=9, budget=-1.0)[1]["ours"]) == 5


def test_short_calls_fill_a_block_after_one_untimed():
    count = []
    timing.in_turns({"ours": lambda: count.append(1)}, {"ours": timing.BLOCK / 6}, rounds=1, rest=0,
                    watch=Always(0))  # fmt: skip
    assert len(count) == 1 + 6


def proc_stat(path, busy, steal=0):
    path.write_text(f"cpu  {busy} 0 0 1000 50 0 0 {steal} 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n")
    return path


def test_what_others_took_is_all_but_our_own(tmp_path, monkeypatch):
    own = [2.0]
    monkeypatch.setattr(timing.Watch, "_own", lambda self: own[0])
    stat = proc_stat(tmp_path / "stat", 500)
    watch = timing.Watch(stat)
    ticks = watch.ticks
    own[0] += 1.0
    proc_stat(stat, 500 + ticks, steal=0)  # one second more in all, and it was ours
    assert watch.known and watch.foreign() == pytest.approx(0) and not watch.disturbed()
    proc_stat(stat, 500 + 3 * ticks, steal=ticks)  # three others', one of them the host's
    assert watch.foreign() == pytest.approx(3.0) and watch.disturbed()


def test_where_no_one_tells_nothing_is_foreign(tmp_path):
    watch = timing.Watch(tmp_path / "missing")
    assert not watch.known and watch.foreign() == 0 and not watch.disturbed()
