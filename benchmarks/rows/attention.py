"""Scaled dot-product attention, with and without a mask of the keys, forward and with its gradients."""

from functools import partial

import numpy as np

from mmscratch import no_grad, ops

from ..case import Case, Row
from ..place import backward_step

TOPIC = "Attention"

SHAPES = {  # B, heads, Lq, Lk, D
    "8x8x128x64": (8, 8, 128, 128, 64),
    "64x20x196x512": (64, 1, 20, 196, 512),
    "64x8x196x512": (64, 1, 8, 196, 512),
    "64x1x196x512": (64, 1, 1, 196, 512),
}


def rows():
    for name, (b, g, lq, lk, d) in SHAPES.items():
        for masked in (False, True):
            for backward in (False, True):
                what = f"{'forward and backward' if backward else 'forward'}{', masked' if masked else ''}"
                yield Row(
                    f"attention/{name}{'-mask' if masked else ''}-{'step' if backward else 'forward'}",
                    TOPIC, what, f"B {b}, heads {g}, Lq {lq}, Lk {lk}, D {d}",
                    partial(attend, shape=(b, g, lq, lk, d), masked=masked, backward=backward),
                    targets={"torch": 0.75 if backward else 1.0},
                    flops=(12.0 if backward else 4.0) * b * g * lq * lk * d,
                )  # fmt: skip


def attend(place, shape, masked, backward):
    """mask: each sequence's keys end somewhere in the last half; (B, 1, 1, Lk), True takes part."""
    b, g, lq, lk, d = shape
    rng = np.random.default_rng(0)
    q, k, v, do = (rng.standard_normal((b, g, n, d), dtype=np.float32) for n in (lq, lk, lk, lq))
    ends = rng.integers(lk // 2, lk + 1, size=b)
    mask = (np.arange(lk) < ends[:, None])[:, None, None, :] if masked else None

    mine = [place.ours(a, backward) for a in (q, k, v)]
    m = None if mask is None else place.ours(mask)

    def ours():
        with no_grad():
            return [ops.attention(*mine, m)[0]]

    if backward:
        ours = backward_step(lambda: ops.attention(*mine, m)[0], mine, place.ours(do).data)
    case = Case(ours)
    if place.torch is not None:
        sdpa, its = (
            place.torch.nn.functional.scaled_dot_product_attention,
            [place.theirs(a, backward) for a in (q, k, v)],
        )
        n = None if mask is None else place.theirs(mask)

        def theirs():
            with place.torch.no_grad():
                return [sdpa(*its, attn_mask=n)]

        if backward:
            theirs = backward_step(lambda: sdpa(*its, attn_mask=n), its, place.theirs(do))
        case.peers["torch"] = {"": theirs}
    return case
