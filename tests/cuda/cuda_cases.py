"""Arguments for every kernel of interface.py, small, of every class: 0-d, empty, one, odd, broadcast, ties.

CASES maps a kernel's name to (class, build) pairs; build(draw, dtype) gives the kernel's arguments as
the host floors take them. ``draw(*shape)`` gives normal numbers of that dtype.
The cases stand in cuda_cases_plain.py and cuda_cases_layers.py.
"""

import numpy as np

from mmscratch import kernels

reference = kernels.floor("reference")
CASES = {}


def draws(dtype, seed=0):
    """A function that draws normal numbers of a shape; always the same ones."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: np.asarray(rng.standard_normal(shape), dtype)  # noqa: E731
    draw.rng = rng
    return draw


def add(kernel, name, build):
    """One more case of a kernel."""
    CASES.setdefault(kernel, []).append((name, build))


import cuda_cases_layers  # noqa: E402, F401
import cuda_cases_plain  # noqa: E402, F401
