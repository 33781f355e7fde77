"""The rows of the cuda floor: the same cases on the device, and what must only move memory.

Torch computes in float32 proper there (TF32 is off, for products and for convolutions). A block of calls is
waited for before and after, so that a time is the device's and not the queue's.
"""

import dataclasses
from functools import partial

import numpy as np

from mmscratch import no_grad, ops

from ..case import Case, Row
from . import attention, convolution, elementwise, linear, recurrence

PASSES = "CUDA: bound by memory"
PRODUCTS = "CUDA: matrix products"
STEPS = "CUDA: LSTM, attention, convolution"
MODELS = "CUDA: a training step"
COPY_SHARE, PRODUCT_RATIO, STEP_RATIO = 0.80, 1 / 0.60, 2.0


def rows():
    return [*_passes(), *_products(), *_steps()]


def _passes():
    n, d = 64 << 20, 4096
    for name, (setup, floats) in {
        "add": (partial(pointwise, op="add", n=n), 3 * n),
        "relu": (partial(pointwise, op="relu", n=n), 2 * n),
        "softmax": (partial(by_row, op="softmax", rows=n // d, columns=d), 2 * n),
        "log-softmax": (partial(by_row, op="log_softmax", rows=n // d, columns=d), 2 * n),
        "layer-norm": (partial(by_row, op="layer_norm", rows=n // d, columns=d), 2 * n),
        "sum": (partial(by_row, op="sum", rows=n // d, columns=d), n),
        "cross-entropy": (partial(elementwise.cross_entropy, n=8192, v=8192), 3 * (64 << 20)),
        "gelu-step": (partial(elementwise.gelu, n=n), 5 * n),
        "adam": (partial(elementwise.adam, n=n), 7 * n),
    }.items():
        yield Row(
            f"cuda/{name}", PASSES, name.replace("-", " "), "64 Mi floats", setup, share=COPY_SHARE,
            moved=4.0 * floats, device="cuda",
        )  # fmt: skip


def _products():
    for m, k, n in ((1024, 1024, 1024), (4096, 4096, 4096), (8192, 1024, 4096), (64, 4096, 4096)):
        yield Row(
            f"cuda/matmul/{m}x{k}x{n}", PRODUCTS, "float32 product, beside cuBLAS", f"({m}, {k}) ({k}, {n})",
            partial(linear.product, m=m, k=k, n=n), targets={"torch": PRODUCT_RATIO}, flops=2.0 * m * k * n,
            device="cuda",
        )  # fmt: skip


def _steps():
    """Rows of the cpu's tables, on the device."""
    steps = [r for r in recurrence.rows()]
    steps += [r for r in attention.rows() if r.name.endswith("-step")]
    steps += [r for r in convolution.rows()]
    for row in steps:
        yield dataclasses.replace(
            row, name=f"cuda/{row.name}", topic=STEPS, device="cuda", targets={"torch": STEP_RATIO}
        )


def pointwise(place, op, n):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(n, dtype=np.float32) for _ in range(2 if op == "add" else 1)]
    return _forward(place, op, arrays, {}, {})


def by_row(place, op, rows, columns):
    x = np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)
    ours = {"layer_norm": {"normalized_shape": (columns,)}, "sum": {"axis": 1}}.get(op, {})
    theirs = {"layer_norm": {"normalized_shape": (columns,)}, "sum": {"dim": 1}}.get(op, {"dim": 1})
    return _forward(place, op, [x], ours, theirs)


def _forward(place, op, arrays, options, torch_options):
    mine = [place.ours(a) for a in arrays]

    def ours():
        with no_grad():
            return [getattr(ops, op)(*mine, **options)]

    case = Case(ours)
    if place.torch is not None:
        functional = place.torch.nn.functional
        function = getattr(functional, op, None) or getattr(place.torch, op)
        its = [place.theirs(a) for a in arrays]

        def theirs():
            with place.torch.no_grad():
                return [function(*its, **torch_options)]

        case.peers["torch"] = {"": theirs}
    return case
