"""Speed or digits: the switch for kernels that have a faster algorithm with a larger rounding error.

    with kernels.precise():         # or kernels.precise() alone: from now on
        y = model(images)

So far one kernel asks: the 3 × 3 convolution of the cpu floor (float32), Winograd's F(4×4) by default with
an error of about 1e-6 of the size of the results (rms; 4e-5 at worst), F(2×2) in precise mode with that of
a plain sum of products, 2e-7, in about half again the time. float64 is always computed exactly as written.
MMSCRATCH_PRECISE=1 in the environment begins with the precise mode on.
"""

import contextlib
import os

__all__ = ["is_precise", "precise"]


def _from_environment():
    wanted = os.environ.get("MMSCRATCH_PRECISE", "0")
    if wanted not in ("0", "1"):
        raise ValueError(f"MMSCRATCH_PRECISE: expected 0 or 1, got {wanted!r}")
    return wanted == "1"


_precise = _from_environment()


def is_precise():
    """Is the precise mode on?"""
    return _precise


class precise(contextlib.AbstractContextManager):
    """Turn the precise mode on (or off: ``precise(False)``): for good, or within ``with``."""

    def __init__(self, on=True):
        global _precise
        if not isinstance(on, bool):
            raise TypeError(f"precise: expected True or False, got {on!r}")
        self._before, _precise = _precise, on

    def __exit__(self, *exception):
        global _precise
        _precise = self._before
