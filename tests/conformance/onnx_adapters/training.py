"""Optimizer steps by the optimizer kernels, and the gradient operator by our differentiation."""

import math

import numpy as np

from mmscratch import Tensor, kernels

from .registry import adapter

FOREVER = 10**6
"""A step count at which 1 − βᵗ = 1: the bias is not corrected."""


def _groups(c, states):
    """For each tensor its parameter, gradient and states, as copies: the kernels write in place."""
    arrays = [a.copy() for a in c.x[2:]]
    count = len(arrays) // (2 + states)
    return [arrays[i::count] for i in range(count)]


def _results(groups, skip=(1,)):
    """All new parameters, then all new first states, …"""
    kept = [[a for i, a in enumerate(g) if i not in skip] for g in groups]
    return tuple(a for column in zip(*kept, strict=True) for a in column)


@adapter("Adam", out="T2")
def adam(c):
    rate, step = float(c.x[0]), int(c.x[1])
    alpha, beta, eps = c.get("alpha", 0.9), c.get("beta", 0.999), c.get("epsilon", 1e-6)
    groups = _groups(c, 2)
    for x, g, m, v in groups:
        # Theirs corrects √v only after adding eps: the same as ours with an eps that is corrected too.
        own = eps / math.sqrt(1 - beta**step) if step > 0 else eps
        kernels.host().adam_step(
            x,
            g,
            m,
            v,
            rate,
            alpha,
            beta,
            own,
            c.get("norm_coefficient", 0.0),
            False,
            step if step > 0 else FOREVER,
        )
        x *= 1 - c.get("norm_coefficient_post", 0.0)
    return _results(groups)


@adapter("Adagrad", out="T2")
def adagrad(c):
    rate = float(c.x[0]) / (1 + int(c.x[1]) * c.get("decay_factor", 0.0))
    groups = _groups(c, 1)
    for x, g, total in groups:
        kernels.host().adagrad_step(x, g, total, rate, c.get("epsilon", 1e-6), c.get("norm_coefficient", 0.0))
    return _results(groups)


@adapter("Momentum", out="T2")
def momentum(c):
    groups = _groups(c, 1)
    beta = c.get("beta") if int(c.x[1]) > 0 else 1.0
    for x, g, v in groups:
        kernels.host().sgd_step(
            x, g, v, float(c.x[0]), c.get("alpha"), 1 - beta, c.get("norm_coefficient"),
            c.get("mode") == "nesterov", False,
        )  # fmt: skip
    return _results(groups)


@adapter("Gradient")
def gradient(node, values):
    """∂y/∂x for each of ``xs``; the runner has made tensors of them before anything was computed."""
    y = values[node.attributes["y"]]
    y.backward(np.ones(y.shape, y.dtype))
    found = [values[name] for name in node.attributes["xs"]]
    assert all(isinstance(x, Tensor) for x in found)
    return [x.grad if x.grad is not None else np.zeros(x.shape, x.dtype) for x in found]
