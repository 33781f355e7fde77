"""Convolution, one training step of one layer: forward, and the gradients of input, weight and bias."""

from functools import partial

import numpy as np

from mmscratch import ops

from ..case import Case, Row
from ..place import backward_step

TOPIC = "Convolution, forward and backward"

LAYERS = {
    # name: (input, weight, options, target, what)
    "conv3x3/64x64-3-32": ((32, 3, 64, 64), (32, 3, 3, 3), {"padding": 1}, 0.80, "3×3, the stem (no dx)"),
    "conv3x3/32x32-32-64": ((32, 32, 32, 32), (64, 32, 3, 3), {"padding": 1}, 0.60, "3×3"),
    "conv3x3/16x16-64-128": ((32, 64, 16, 16), (128, 64, 3, 3), {"padding": 1}, 0.60, "3×3"),
    "conv3x3/64x64-32-64": ((32, 32, 64, 64), (64, 32, 3, 3), {"padding": 1}, 0.60, "3×3"),
    "conv3x3/64x64-64-128": ((32, 64, 64, 64), (128, 64, 3, 3), {"padding": 1}, 0.60, "3×3"),
    "conv/1x1": ((32, 256, 28, 28), (128, 256, 1, 1), {}, 1.0, "1×1"),
    "conv/1x1-expand": ((32, 64, 28, 28), (256, 64, 1, 1), {}, 1.0, "1×1"),
    "conv/stride2": ((32, 32, 32, 32), (64, 32, 3, 3), {"stride": 2, "padding": 1}, 1.0, "3×3, stride 2"),
    "conv/stride2-stem": ((32, 3, 64, 64), (32, 3, 3, 3), {"stride": 2, "padding": 1}, 1.0,
                          "3×3, stride 2, the stem (no dx)"),
    "conv/1x1-stride2": ((32, 256, 28, 28), (512, 256, 1, 1), {"stride": 2}, 1.0, "1×1, stride 2"),
    "conv/7x7-stride2": ((8, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}, 1.0,
                         "7×7, stride 2, the stem (no dx)"),
    "conv/dilated": ((32, 64, 28, 28), (64, 64, 3, 3), {"padding": 2, "dilation": 2}, 1.0, "3×3, dilation 2"),
    "conv/grouped": ((32, 128, 28, 28), (128, 16, 3, 3), {"padding": 1, "groups": 8}, 1.0, "3×3, 8 groups"),
    "conv/depthwise": ((32, 128, 28, 28), (128, 1, 3, 3), {"padding": 1, "groups": 128}, 1.0,
                       "3×3, depthwise"),
    "conv/1d": ((32, 64, 1024), (128, 64, 5), {"padding": 2}, 1.0, "1-d, 5 wide"),
    "conv/3d": ((4, 16, 8, 56, 56), (32, 16, 3, 3, 3), {"padding": 1}, 1.0, "3-d, 3×3×3"),
}  # fmt: skip


def rows():
    for name, (x, w, options, target, what) in LAYERS.items():
        yield Row(
            name, TOPIC, what, f"{x} * {w}", partial(step, x=x, w=w, options=options),
            targets={"torch": target}, flops=flops(x, w, options),
        )  # fmt: skip


def output(x, w, options):
    """The shape of the result."""
    stride, padding, dilation = (
        options.get(k, d) for k, d in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    out = (
        (s + 2 * padding - dilation * (j - 1) - 1) // stride + 1 for s, j in zip(x[2:], w[2:], strict=True)
    )
    return (x[0], w[0], *out)


def flops(x, w, options):
    """Of the sum as written: 2 for each pair multiplied, as often as there are products (y, dW, and dx)."""
    times = 2 if x[1] == 3 else 3
    return 2.0 * times * np.prod(output(x, w, options)) * np.prod(w[1:])


def step(place, x, w, options):
    """A picture itself (3 channels) wants no gradient: as in training."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x, dtype=np.float32), rng.standard_normal(w, dtype=np.float32)
    w *= np.prod(w.shape[1:]) ** -0.5
    b = rng.standard_normal(len(w), dtype=np.float32)
    dy = rng.standard_normal(output(x.shape, w.shape, options), dtype=np.float32)
    wanted, axes = x.shape[1] != 3, x.ndim - 2

    def call(convolve, tensor, x, dy):
        parameters = [tensor(w, True), tensor(b, True)]
        leaves = [x, *parameters] if wanted else parameters
        return backward_step(lambda: convolve(x, *parameters, **options), leaves, dy)

    case = Case(call(getattr(ops, f"conv{axes}d"), place.ours, place.ours(x, wanted), place.ours(dy).data))
    if place.torch is not None:
        case.peers["torch"] = variants = {}
        for layout, form in layouts(place.torch, axes).items():
            convolve = getattr(place.torch.nn.functional, f"conv{axes}d")

            def laid(a, grad=False, form=form):
                t = place.theirs(a)
                t = t.contiguous(memory_format=form) if t.ndim == axes + 2 else t
                return t.requires_grad_(grad)

            variants[layout] = call(convolve, laid, laid(x, wanted), laid(dy))
    return case


def layouts(torch, axes):
    """Torch's memory layouts for so many axes of space."""
    first = {"NCHW": torch.contiguous_format}
    last = {2: torch.channels_last, 3: torch.channels_last_3d}.get(axes)
    return first if last is None else first | {"channels_last": last}
