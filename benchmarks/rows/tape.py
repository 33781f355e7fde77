"""What recording costs: a chain of a hundred small operations, forwards and back."""

from functools import partial

import numpy as np

from ..case import Case, Row
from ..place import backward_step

TOPIC = "The tape"
SIZES = {"4": (4, 0.7), "1k": (1000, 0.9), "100k": (100_000, 0.9), "1M": (1_000_000, 0.9)}


def rows():
    for name, (n, target) in SIZES.items():
        yield Row(
            f"tape/{name}", TOPIC, "x ← x·w + b fifty times, forward and backward", f"{n:,} elements",
            partial(chain, n=n), targets={"torch": target},
        )  # fmt: skip


def chain(place, n):
    """Only x wants a gradient: what is timed is the tape, not the sums of gradients."""
    rng = np.random.default_rng(0)
    w = 1 + rng.standard_normal(n, dtype=np.float32) / 100
    x, b, dy = (rng.standard_normal(n, dtype=np.float32) for _ in range(3))

    def call(tensor, gradient):
        x_, w_, b_ = tensor(x, True), tensor(w), tensor(b)

        def forward():
            y = x_
            for _ in range(50):
                y = y * w_
                y = y + b_
            return y

        return backward_step(forward, [x_], gradient)

    case = Case(call(place.ours, place.ours(dy).data))
    if place.torch is not None:
        case.peers["torch"] = {"": call(place.theirs, place.theirs(dy))}
    return case
