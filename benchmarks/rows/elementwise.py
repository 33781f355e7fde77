"""Losses, norms, activations, lookups and updates: single passes over memory.

``moved`` counts what each must at least read and write: inputs, results, gradients, once each.
"""

from functools import partial

import numpy as np

from mmscratch import ops, optim
from mmscratch.nn import Parameter

from ..case import Case, Row
from ..place import backward_step

TOPIC = "Single passes"


def rows():
    def row(name, what, sizes, setup, target, floats):
        return Row(name, TOPIC, what, sizes, setup, targets={"torch": target}, moved=4.0 * floats)

    n, v = 1024, 10000
    yield row("cross-entropy/1024x10000", "cross-entropy, forward and backward", f"({n}, {v})",
              partial(cross_entropy, n=n, v=v), 0.61, 3 * n * v)  # fmt: skip
    for n, target in ((1024, 0.59), (8192, 0.73)):
        yield row(f"layer-norm/{n}x512", "layer norm, forward and backward", f"({n}, 512)",
                  partial(layer_norm, n=n, d=512), target, 5 * n * 512)  # fmt: skip
    for size, label, target in ((100_000, "100k", 0.40), (4_000_000, "4M", 0.47)):
        yield row(f"gelu/{label}", "GELU (erf), forward and backward", f"({size:,})",
                  partial(gelu, n=size), target, 5 * size)  # fmt: skip
    n, v, d = 1280, 10000, 256
    yield row("embedding/1280-of-10000x256", "embedding, forward and backward", f"{n} of ({v}, {d})",
              partial(embedding, n=n, v=v, d=d), 0.69, 4 * n * d + v * d)  # fmt: skip
    n = 10_000_000
    yield row("adam/10M", "Adam step (beside fused Adam)", f"({n:,})", partial(adam, n=n), 0.81, 7 * n)


def cross_entropy(place, n, v):
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((n, v), dtype=np.float32), rng.integers(0, v, n)
    a, t = place.ours(x, True), place.ours(target)
    case = Case(backward_step(lambda: ops.cross_entropy(a, t), [a], None))
    if place.torch is not None:
        loss, b, s = place.torch.nn.functional.cross_entropy, place.theirs(x, True), place.theirs(target)
        case.peers["torch"] = {"": backward_step(lambda: loss(b, s), [b], None)}
    return case


def layer_norm(place, n, d):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((n, d), dtype=np.float32) for _ in range(2))
    weight, bias = (rng.standard_normal(d, dtype=np.float32) for _ in range(2))
    mine = [place.ours(a, True) for a in (x, weight, bias)]
    case = Case(
        backward_step(lambda: ops.layer_norm(*mine, normalized_shape=(d,)), mine, place.ours(dy).data)
    )
    if place.torch is not None:
        norm, its = place.torch.nn.functional.layer_norm, [place.theirs(a, True) for a in (x, weight, bias)]
        forward = lambda: norm(its[0], (d,), its[1], its[2])  # noqa: E731
        case.peers["torch"] = {"": backward_step(forward, its, place.theirs(dy))}
    return case


def gelu(place, n):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(n, dtype=np.float32) for _ in range(2))
    a = place.ours(x, True)
    case = Case(backward_step(lambda: ops.gelu(a), [a], place.ours(dy).data))
    if place.torch is not None:
        activation, b = place.torch.nn.functional.gelu, place.theirs(x, True)
        case.peers["torch"] = {"": backward_step(lambda: activation(b), [b], place.theirs(dy))}
    return case


def embedding(place, n, v, d):
    rng = np.random.default_rng(0)
    weight, index = rng.standard_normal((v, d), dtype=np.float32), rng.integers(0, v, n)
    dy = rng.standard_normal((n, d), dtype=np.float32)
    w, i = place.ours(weight, True), place.ours(index)
    case = Case(backward_step(lambda: ops.embedding(w, i), [w], place.ours(dy).data))
    if place.torch is not None:
        lookup, u, j = place.torch.nn.functional.embedding, place.theirs(weight, True), place.theirs(index)
        case.peers["torch"] = {"": backward_step(lambda: lookup(j, u), [u], place.theirs(dy))}
    return case


def adam(place, n):
    """Both sides' weights start alike and move at each call, so only the first step is compared."""
    rng = np.random.default_rng(0)
    w, g = (rng.standard_normal(n, dtype=np.float32) for _ in range(2))

    def stepping(optimizer, parameter):
        def call():
            optimizer.step()
            return [parameter]

        return call

    mine = Parameter(place.ours(w.copy()).data)
    mine.grad = place.ours(g).data
    case = Case(stepping(optim.Adam([mine]), mine))
    if place.torch is not None:
        case.peers["torch"] = {}
        for mode in ("fused", "foreach"):
            p = place.torch.nn.Parameter(place.theirs(w.copy()))
            p.grad = place.theirs(g)
            case.peers["torch"][mode] = stepping(place.torch.optim.Adam([p], **{mode: True}), p)
    return case
