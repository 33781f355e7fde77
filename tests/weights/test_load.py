"""Arrays into modules: all or nothing, and told which names do not fit."""

import numpy as np
import pytest

from mmscratch import nn
from mmscratch.weights import load_into, under


class Net(nn.Module):
    def __init__(self):
        self.linear = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(self.linear(x))


def arrays(**changed):
    state = {k: np.full(np.shape(v), i + 1.0) for i, (k, v) in enumerate(Net().state_dict().items())}
    return {**state, **changed}


def test_all_arrive():
    net = Net()
    assert load_into(net, arrays()) == ([], [])
    for name, array in arrays().items():
        np.testing.assert_array_equal(net.state_dict()[name], array.astype(net.state_dict()[name].dtype))
    assert net.linear.weight.dtype == np.float32


def test_a_map_and_a_prefix():
    net, prefixed = Net(), {f"model.{k}": v for k, v in arrays().items()}
    load_into(net, {**prefixed, "epoch": np.zeros(())}, map=under("model."))
    assert net.linear.weight.data[0, 0] == 1


def test_the_error_lists_everything_and_nothing_is_loaded():
    net = Net()
    before = net.state_dict()
    given = arrays(**{"linear.weight": np.zeros((2, 4)), "extra": np.zeros(1)})
    del given["norm.weight"], given["norm.num_batches_tracked"]
    with pytest.raises(ValueError) as told:
        load_into(net, given)
    assert str(told.value) == (
        "load_into: Net: 1 missing: norm.weight; 1 unexpected: extra; "
        "1 wrong shapes: linear.weight (2, 4), expected (2, 3)"
    )
    with pytest.raises(ValueError, match="wrong shapes"):
        load_into(net, given, strict=False)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_not_strict():
    net, given = Net(), arrays(extra=np.zeros(1))
    del given["norm.weight"]
    assert load_into(net, given, strict=False) == (["norm.weight"], ["extra"])
    assert net.linear.bias.data[0] == 2 and net.norm.weight.data[0] == 1


def test_counters_are_not_missed():
    given = arrays()
    del given["norm.num_batches_tracked"]
    assert load_into(Net(), given) == ([], [])


def test_long_lists_are_cut():
    with pytest.raises(ValueError, match="30 unexpected: .* and 10 more"):
        load_into(Net(), arrays(**{f"x{i}": np.zeros(1) for i in range(30)}))


def test_a_shared_parameter_under_both_its_names():
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(2, 2, bias=False)
            self.b = nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

    tied = Tied()
    load_into(tied, {"a.weight": np.ones((2, 2)), "b.weight": np.ones((2, 2))})
    assert tied.a.weight.data.sum() == 4
