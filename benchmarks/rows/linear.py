"""Products of matrices, and the layer that is one."""

from functools import partial

import numpy as np

from mmscratch import no_grad, ops

from ..case import Case, Row
from ..place import backward_step

TOPIC = "Matrix products"

PRODUCTS = [
    ((), 512, 512, 512), ((), 1024, 1024, 1024), ((), 2048, 2048, 2048), ((), 64, 512, 2048),
    ((), 1280, 256, 2048), ((), 16, 128, 512), ((), 128, 64, 512), ((), 64, 576, 50176),
    ((), 1024, 512, 10000), ((), 1, 25088, 4096), ((), 8, 25088, 4096),
    ((36,), 64, 64, 196), ((512,), 16, 64, 16), ((64,), 1, 512, 196),
]  # fmt: skip


def rows():
    for lead, m, k, n in PRODUCTS:
        count = int(np.prod(lead))
        label = "x".join(map(str, (*lead, m, k, n)))
        yield Row(
            f"matmul/{label}", TOPIC, "matmul" if not lead else f"{count} products",
            f"({m}, {k}) ({k}, {n})", partial(product, lead=lead, m=m, k=k, n=n),
            targets={"torch": 1.0}, flops=2.0 * count * m * k * n,
        )  # fmt: skip
    for batch in (1, 4, 8):
        weights = 25088 * 4096
        yield Row(
            f"linear/{batch}x25088x4096", TOPIC, "linear, VGG16's first", f"({batch}, 25088) → 4096",
            partial(layer, n=batch, d=25088, k=4096), targets={"torch": 1.0}, moved=4.0 * weights,
        )  # fmt: skip
    yield Row(
        "linear/step-1280x512x2048", TOPIC, "linear, forward and backward", "(1280, 512) → 2048",
        partial(layer_step, n=1280, d=512, k=2048), targets={"torch": 1.0}, flops=6.0 * 1280 * 512 * 2048,
    )  # fmt: skip


def product(place, lead=(), m=1, k=1, n=1):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((*lead, m, k), dtype=np.float32)
    b = rng.standard_normal((*lead, k, n), dtype=np.float32)
    x, y = place.ours(a), place.ours(b)

    def ours():
        with no_grad():
            return [ops.matmul(x, y)]

    if place.torch is None:
        return Case(ours)
    s, t = place.theirs(a), place.theirs(b)
    return Case(ours, {"torch": {"": lambda: [s @ t]}})


def _layer(n, d, k):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, d), dtype=np.float32)
    return (
        x,
        rng.standard_normal((k, d), dtype=np.float32) * d**-0.5,
        rng.standard_normal(k, dtype=np.float32),
    )


def layer(place, n, d, k):
    arrays = _layer(n, d, k)
    mine = [place.ours(a) for a in arrays]

    def ours():
        with no_grad():
            return [ops.linear(*mine)]

    if place.torch is None:
        return Case(ours)
    linear, its = place.torch.nn.functional.linear, [place.theirs(a) for a in arrays]

    def theirs():
        with place.torch.no_grad():
            return [linear(*its)]

    return Case(ours, {"torch": {"": theirs}})


def layer_step(place, n, d, k):
    arrays = _layer(n, d, k)
    dy = np.random.default_rng(1).standard_normal((n, k), dtype=np.float32)
    mine = [place.ours(a, True) for a in arrays]
    case = Case(backward_step(lambda: ops.linear(*mine), mine, place.ours(dy).data))
    if place.torch is not None:
        linear, its = place.torch.nn.functional.linear, [place.theirs(a, True) for a in arrays]
        case.peers["torch"] = {"": backward_step(lambda: linear(*its), its, place.theirs(dy))}
    return case
