"""Recurrent networks over whole sequences, forward and back through time."""

from functools import partial

import numpy as np

from mmscratch import nn

from ..case import Case, Row
from ..place import backward_step

TOPIC = "Recurrent networks, forward and backward"

SIZES = {(64, 20, 256, 512): 0.95, (32, 16, 256, 512): 0.95, (16, 8, 64, 128): 0.60}


def rows():
    for cell, gates in (("LSTM", 4), ("GRU", 3)):
        for (b, t, e, h), target in SIZES.items():
            yield Row(
                f"{cell.lower()}/{b}x{t}x{e}x{h}", TOPIC, cell, f"B {b}, T {t}, D {e}, H {h}",
                partial(step, cell=cell, b=b, t=t, e=e, h=h),
                targets={"torch": target if cell == "LSTM" else 1.0}, flops=6.0 * b * t * gates * h * (e + h),
            )  # fmt: skip


def step(place, cell, b, t, e, h):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((t, b, size), dtype=np.float32) for size in (e, h))
    model = getattr(nn, cell)(e, h)
    state = {
        name: value.numpy() if hasattr(value, "numpy") else value
        for name, value in model.state_dict().items()
    }
    model.to(place.device)
    leaves = [place.ours(x, True), *model.parameters()]
    case = Case(backward_step(lambda: model(leaves[0])[0], leaves, place.ours(dy).data))
    if place.torch is not None:
        twin = getattr(place.torch.nn, cell)(e, h).to(place.device)
        twin.load_state_dict({name: place.torch.from_numpy(np.array(v)) for name, v in state.items()})
        its = [place.theirs(x, True), *twin.parameters()]
        case.peers["torch"] = {"": backward_step(lambda: twin(its[0])[0], its, place.theirs(dy))}
    return case
