"""The captioner written in torch is ours: same weights, same loss, same gradients, same step."""

import numpy as np
import pytest

from benchmarks.place import Place
from benchmarks.rows import captioner as row
from benchmarks.twins import captioner as twins
from mmscratch.data.vocabulary import Vocabulary

torch = pytest.importorskip("torch")


@pytest.fixture(params=["finetune", "frozen"])
def both(request):
    """settings, our model, loader, batch, and the twin with the same weights."""
    settings, model, loader, batch = row.parts(request.param, batch_size=6)
    return settings, model, loader, batch, twins.build(torch, model)


def test_loss_and_gradients_agree(both):
    settings, model, loader, batch, twin = both
    ours = loader.loss(batch)
    ours.backward()
    inputs = row.torch_inputs(torch, twin, model, loader, batch)
    theirs = twin.loss(*inputs(), Vocabulary.pad, settings.attention_supervision)
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    found = dict(twin.named_parameters())
    compared = 0
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            assert found[name].grad is None, name
            continue
        g = found[name].grad.numpy()
        np.testing.assert_allclose(parameter.grad, g, rtol=1e-3, atol=1e-5 * np.abs(g).max(), err_msg=name)
        compared += 1
    assert compared == 20 + 8 * (settings.encoder == "finetune")  # the decoder, and four convolutions


def test_both_losses_take_part(both):
    """Without the supervision of attention the twin's loss is another: so the test above saw both."""
    settings, model, loader, batch, twin = both
    inputs = row.torch_inputs(torch, twin, model, loader, batch)
    with_it, without = (twin.loss(*inputs(), Vocabulary.pad, s).item() for s in (1.0, 0.0))
    assert with_it > without + 0.1


def test_three_steps_agree():
    case = row.step(Place("cpu", ("torch",)), "finetune", batch_size=6)
    theirs = next(iter(case.peers["torch"].values()))
    for _ in range(3):
        assert case.ours()[0] == pytest.approx(float(theirs()[0]), rel=1e-3)
