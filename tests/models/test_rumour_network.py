"""The rumour network: which parts it can see at all, and gradients to all of it."""

import numpy as np
import pytest

from mmscratch import tensor
from mmscratch.models.rumour import PropagationNetwork, RumourNetwork
from mmscratch.random import Generator

RANDOM = np.random.default_rng(0)
SIZES = 5, 4, 3


def inputs(batch=2, n=4):
    a = np.zeros((batch, n, n), bool)
    for k in range(1, n):
        a[:, k, k - 1] = a[:, k - 1, k] = True
    text, picture = (RANDOM.normal(size=(batch, d)).astype(np.float32) for d in SIZES[:2])
    return text, picture, RANDOM.normal(size=(batch, n, 3)).astype(np.float32), a


def scores(model, given):
    return model(*(tensor(v) for v in given)).detach().numpy()


@pytest.mark.parametrize("kind", PropagationNetwork.KINDS)
def test_only_graph_networks_hear_edges(kind):
    model = RumourNetwork(SIZES, ("tree",), 4, kind, Generator(0))
    given = inputs()
    cut = (*given[:3], np.zeros_like(given[3]))
    assert (scores(model, given) == scores(model, cut)).all() == (kind == "bag")


def test_parts_that_are_not_named_are_not_seen():
    given = inputs()
    for parts in (("text",), ("picture",), ("text", "picture"), ("picture", "tree")):
        model = RumourNetwork(SIZES, parts, 4, generator=Generator(0))
        for k, part in enumerate(("text", "picture", "tree")):
            moved = [v * 2 if j == k else v for j, v in enumerate(given)]
            assert (scores(model, moved) == scores(model, given)).all() == (part not in parts)
    model = RumourNetwork(SIZES, generator=Generator(0))
    given = [tensor(v) for v in given]
    says, spreads = model.told(*given)
    (model(*given).sum() + says.sum() + spreads.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_refused():
    with pytest.raises(ValueError, match="parts: expected some of text, picture, tree"):
        RumourNetwork(SIZES, ("user",))
    with pytest.raises(ValueError, match="parts: expected some of"):
        RumourNetwork(SIZES, ())
    with pytest.raises(ValueError, match="told: expected content and tree"):
        RumourNetwork(SIZES, ("text",)).told(*(tensor(v) for v in inputs()))
    with pytest.raises(ValueError, match="kind: expected one of gcn, gat, bag, got 'cnn'"):
        PropagationNetwork(3, kind="cnn")
