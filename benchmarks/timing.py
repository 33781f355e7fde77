"""Calls timed beside each other: in turns, rested, repeated while other processes disturb.

A block is one measurement: 60 ms of rest first, in which the spinning threads of every library's pool go to
sleep; then, for short calls, one untimed call that brings its data back into the caches; then as many calls
as fill 30 ms. A round is a block of each side, in alternating order.

Two guards, for contention can slow one side a hundred times and leave the other alone. A round in which other
processes (or the host of a virtual machine) took the CPU is repeated up to four times, after that kept and
counted. And whatever the reason: rounds that disagree with each other are no measurement (``Stats.steady``).
"""

import dataclasses
import gc
import math
import os
import statistics
import time

__all__ = ["Stats", "Watch", "fastest", "in_turns", "warm_up"]

REST, BLOCK, SHORT = 0.06, 0.03, 0.05
ROUNDS, LEAST, REPEATS = 7, 5, 4
AGAIN = 2  # times that an unsteady row is measured anew


@dataclasses.dataclass
class Stats:
    """Median, quartiles, smallest value and number of a side's rounds."""

    median: float
    q1: float
    q3: float
    least: float
    rounds: int

    @classmethod
    def of(cls, values):
        """Quartiles include the ends (the method of Hyndman & Fan, 1996, no. 7), as NumPy's."""
        values = sorted(values)
        if not values:
            raise ValueError("Stats: no values")
        many = len(values) > 1
        q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive") if many else values * 3
        return cls(median, q1, q3, values[0], len(values))

    @property
    def spread(self):
        """Distance of the quartiles over the median."""
        return (self.q3 - self.q1) / self.median if self.median else 0.0

    @property
    def steady(self):
        """Do the rounds agree? The median at most half above the least, the quartiles within half of it."""
        return self.median <= 1.5 * self.least and self.spread <= 0.5


class Watch:
    """CPU time that others took since ``start``: all of /proc/stat but this process and its children.

    ``known`` is False where there is no /proc/stat; then nothing is foreign.
    """

    def __init__(self, stat="/proc/stat"):
        self.stat = stat
        self.ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        self.start()

    def start(self):
        self.began, self.own, self.all = time.perf_counter(), self._own(), self._all()
        self.known = self.all is not None

    def _own(self):
        t = os.times()
        return t.user + t.system + t.children_user + t.children_system

    def _all(self):
        try:
            with open(self.stat) as f:
                fields = [int(n) for n in f.readline().split()[1:9]]
        except (OSError, ValueError):
            return None
        user, nice, system, _idle, _iowait, irq, softirq, steal = fields
        return (user + nice + system + irq + softirq + steal) / self.ticks

    def foreign(self):
        """CPU seconds of others since ``start``."""
        if not self.known:
            return 0.0
        return max(0.0, self._all() - self.all - (self._own() - self.own))

    def disturbed(self):
        """Did others take more than 5 % of the CPUs (and two ticks, the clock's own error)?"""
        wall = time.perf_counter() - self.began
        return self.foreign() > 0.05 * wall * (os.cpu_count() or 1) + 2 / self.ticks


def warm_up(call, finish):
    """The second call (comparing made the first, which compiles and loads) → seconds of one call.

    Short calls are repeated until they fill 10 ms.
    """
    seconds = _timed(call, 1, finish)
    if seconds < 0.01:
        seconds = _timed(call, math.ceil(0.01 / max(seconds, 1e-7)), finish)
    return seconds


def _timed(call, count, finish):
    began = time.perf_counter()
    for _ in range(count):
        call()
    finish()
    return (time.perf_counter() - began) / count


def fastest(estimates, margin=1.3):
    """The variants worth timing: the fastest, and those within ``margin`` of it."""
    best = min(estimates.values())
    return [name for name, seconds in estimates.items() if seconds <= margin * best]


def in_turns(calls, estimates, *, finish=lambda: None, rounds=ROUNDS, budget=15.0, rest=REST, watch=None):
    """name → call, name → estimated seconds → (name → list of seconds a call), number of disturbed rounds.

    After ``budget`` seconds no round beyond the fifth is begun.
    """
    watch = watch or Watch()
    counts = {name: max(1, math.ceil(BLOCK / max(estimates[name], 1e-7))) for name in calls}
    samples, disturbed, began = {name: [] for name in calls}, 0, time.perf_counter()
    for number in range(rounds):
        over = time.perf_counter() - began > budget
        if number >= LEAST and over:
            break
        for _attempt in range(1 + REPEATS):
            watch.start()
            one = {}
            for name in list(calls)[:: 1 if number % 2 == 0 else -1]:
                gc.collect()
                time.sleep(rest)
                if counts[name] > 1 or estimates[name] < SHORT:
                    calls[name]()
                    finish()
                one[name] = _timed(calls[name], counts[name], finish)
            foreign = watch.disturbed()
            if not foreign or time.perf_counter() - began > 2 * budget:
                break
        disturbed += foreign
        for name, seconds in one.items():
            samples[name].append(seconds)
    return samples, disturbed
