"""What several tests of fusions need: float64, a layer written out, gradients of parameters."""

import numpy as np

from mmscratch.gradcheck import gradcheck
from mmscratch.tensor import Tensor


def double(module, seed=None):
    """The module in float64; with a seed every parameter is drawn anew, so that none is 0 or 1."""
    random = np.random.default_rng(seed)
    for p in module.parameters():
        drawn = random.normal(size=p.shape) * 0.5
        p.data = p.data.astype(np.float64) if seed is None else drawn
    for b in module.buffers():
        b.data = b.data.astype(np.float64)
    return module


def array(x):
    return x.detach().numpy()


def dense(layer, x, act=lambda y: y):
    """A Linear written out, of one vector."""
    y = array(layer.weight) @ x
    return act(y if layer.bias is None else y + array(layer.bias))


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def owners(module):
    """(module that holds it, attribute, parameter) for every parameter."""
    for child in module.modules():
        for name, value in list(vars(child).items()):
            if any(value is p for p in module.parameters()):
                yield child, name, value


def check_gradients(module, call, *inputs, seed=0):
    """gradcheck of call(*inputs), and of each parameter along a direction drawn at random."""
    places = list(owners(module))
    assert len(places) == len(list(module.parameters()))
    random = np.random.default_rng(seed)
    directions = [random.normal(size=p.shape) for _, _, p in places]

    def moved(t, *inputs):
        try:
            for i, (owner, name, p) in enumerate(places):
                object.__setattr__(owner, name, Tensor(p.data) + t[i] * Tensor(directions[i]))
            return call(*inputs)
        finally:
            for owner, name, p in places:
                object.__setattr__(owner, name, p)

    return gradcheck(moved, np.zeros(len(places)), *inputs, eps=1e-4)  # a rectifier has kinks nearby
