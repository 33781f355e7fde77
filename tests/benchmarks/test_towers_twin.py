"""The two towers written in torch are ours: same weights, same loss, same gradients, same step."""

import numpy as np
import pytest

from benchmarks.place import Place
from benchmarks.rows import towers as row
from benchmarks.twins import towers as twins

torch = pytest.importorskip("torch")


def test_loss_and_gradients_agree():
    _, model, batch = row.parts(pairs=6)
    twin = twins.build(torch, model)
    ours, theirs = model.loss_of(*batch)[0], twin.loss(*row.torch_inputs(torch, batch))
    ours.backward()
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    found = {name.replace("loss_.", "loss."): p for name, p in twin.named_parameters()}
    named = dict(model.named_parameters())
    assert set(found) == set(named) and len(named) == 16
    for name, parameter in named.items():
        g = found[name].grad.numpy()
        np.testing.assert_allclose(parameter.grad, g, rtol=1e-3, atol=2e-5 * np.abs(g).max(), err_msg=name)


def test_three_steps_agree():
    case = row.step(Place("cpu", ("torch",)), pairs=6)
    theirs = next(iter(case.peers["torch"].values()))
    for _ in range(3):
        assert case.ours()[0] == pytest.approx(float(theirs()[0]), rel=1e-3)
