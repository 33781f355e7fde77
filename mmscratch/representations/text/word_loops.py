"""The compiled twins of ``word_steps``: the same passes in float32, a vector at a time.

An example is taken up after the one before has been learned from: that is the algorithm, so there is one
thread, and the same result every time. The width is a multiple of ``WHOLE`` (what is added there is 0 and
stays 0), so every vector is whole. Largest error after a pass, against the reference in float64: 3e-6 of the
largest entry.
"""

import math

import numpy as np

from ...kernels.cpu.rows import load_some, store_some
from ...kernels.cpu.simd import LANES
from ...kernels.jit import njit

__all__ = ["WHOLE", "glove_pass", "logistic_pass"]

WHOLE = 16
"""Numbers in the largest vector."""

STEP = LANES or 1

if LANES:
    from ...kernels.cpu.simd import absolute, fma, load, maximum, splat, sqrt, store, total, where
    from ...kernels.cpu.simd_math import exp, log
else:  # numbers for vectors
    absolute, maximum = abs, max

    @njit
    def load(x, i):
        return x[i]

    @njit
    def store(x, i, v):
        x[i] = v

    @njit
    def fma(a, b, c):
        return a * b + c

    @njit
    def splat(x, s):
        return s

    @njit
    def total(v):
        return v

    @njit
    def where(condition, a, b):
        return a if condition else b

    @njit
    def exp(x):
        return np.float32(math.exp(x))

    @njit
    def log(x):
        return np.float32(math.log(x))

    @njit
    def sqrt(x):
        return np.float32(math.sqrt(x))


_f = np.float32


@njit
def _slopes(scores, label, begin, count, rate):
    """Scores become rate · (y − σ(s)); → Σ ln(1 + eˢ) − y s, which is −ln σ(±s)."""
    loss = splat(scores, _f(0))
    for k in range(0, count, STEP):
        left = count - k
        s, y = load_some(scores, k, left), load_some(label, begin + k, left)
        p = exp(-absolute(s))
        larger = _f(1) / (p + _f(1))  # σ(|s|)
        store_some(scores, k, left, (y - where(s < _f(0), p * larger, larger)) * rate)
        each = maximum(s, splat(scores, _f(0))) + log(p + _f(1)) - y * s
        # behind the end stands ln 2: only what belongs to a target is kept
        store_some(scores, count + k, left, each)
        loss = loss + load_some(scores, count + k, left)
    return total(loss)


@njit
def logistic_pass(inputs, outputs, width, context, context_at, target, label, target_at, rates, scores):
    """``word_steps.logistic_pass`` on flat arrays; scores: room for twice the targets of an example."""
    h, row = np.zeros(width, np.float32), np.zeros(scores.size, np.int64)
    loss, n = 0.0, context_at.size - 1
    for i in range(n):
        rate = _f(rates[0] + (rates[1] - rates[0]) * (i / n))
        first, last = context_at[i], context_at[i + 1]
        begin, count = target_at[i], target_at[i + 1] - target_at[i]
        part = _f(1) / _f(last - first)
        for d in range(0, width, STEP):
            v = load(inputs, context[first] * width + d)
            for j in range(first + 1, last):
                v = v + load(inputs, context[j] * width + d)
            store(h, d, v * part)
        for k in range(count):
            row[k] = target[begin + k] * width
            s = splat(h, _f(0))
            for d in range(0, width, STEP):
                s = fma(load(h, d), load(outputs, row[k] + d), s)
            scores[k] = total(s)
        loss += _slopes(scores, label, begin, count, rate)
        for d in range(0, width, STEP):
            v, towards = load(h, d), splat(h, _f(0))
            for k in range(count):
                u, slope = load(outputs, row[k] + d), splat(h, scores[k])
                towards = fma(slope, u, towards)
                store(outputs, row[k] + d, fma(slope, v, u))
            towards = towards * part
            for j in range(first, last):
                at = context[j] * width + d
                store(inputs, at, load(inputs, at) + towards)
    return loss


@njit
def glove_pass(w, context_w, bias, context_bias, sw, sv, sb, sc, width, first, second, ln_x, weight, rate):
    """``word_steps.glove_pass`` on flat arrays."""
    cost, rate = 0.0, _f(rate)
    for n in range(first.size):
        i, j = first[n] * width, second[n] * width
        s = splat(w, _f(0))
        for d in range(0, width, STEP):
            s = fma(load(w, i + d), load(context_w, j + d), s)
        difference = total(s) + bias[first[n]] + context_bias[second[n]] - ln_x[n]
        slope = weight[n] * difference
        cost += 0.5 * slope * difference
        for d in range(0, width, STEP):
            a, b = load(w, i + d), load(context_w, j + d)
            _adagrad(w, sw, i + d, a, b * slope, rate)
            _adagrad(context_w, sv, j + d, b, a * slope, rate)
        sb[first[n]] += slope * slope
        sc[second[n]] += slope * slope
        bias[first[n]] -= rate * slope / _f(math.sqrt(sb[first[n]]))
        context_bias[second[n]] -= rate * slope / _f(math.sqrt(sc[second[n]]))
    return cost


@njit
def _adagrad(x, squares, at, value, gradient, rate):
    """A vector of x, of which ``value`` was read."""
    g = fma(gradient, gradient, load(squares, at))
    store(squares, at, g)
    store(x, at, value - gradient * rate / sqrt(g))
