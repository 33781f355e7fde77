"""mmscratch: multimodal learning from scratch, in NumPy and Numba.

    import mmscratch as mm

    x = mm.tensor([[1.0, 2.0]], requires_grad=True)
    mm.ops.softmax(x).sum().backward()

The parts (``mm.nn``, ``mm.optim``, ``mm.data`` …) are imported when they are first named.
"""

import importlib

from . import kernels, ops
from .autograd import detect_anomaly, enable_grad, is_grad_enabled, no_grad
from .gradcheck import gradcheck
from .random import Generator, default_generator, manual_seed
from .tensor import Tensor, arange, eye, full, ones, rand, randn, tensor, zeros

__version__ = "0.1.0"

__all__ = [
    "Generator", "Tensor", "arange", "default_generator", "detect_anomaly", "enable_grad", "eye", "full",
    "gradcheck", "is_grad_enabled", "kernels", "manual_seed", "no_grad", "ones", "ops", "rand", "randn",
    "tensor", "zeros",
]  # fmt: skip

_PARTS = ("data", "decoding", "metrics", "models", "nn", "optim", "representations", "tasks", "train")


def __getattr__(name):
    """The parts are imported when they are first asked for."""
    if name in _PARTS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_PARTS})
