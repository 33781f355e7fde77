"""Random numbers that are a pure function of (seed, offset), so that a run can be resumed bit for bit.

A ``Generator`` holds a seed and a place in that seed's stream of 32-bit words (``kernels.random_bits``,
Philox4x32-10: Salmon, Moraes, Dror & Shaw, 2011). Drawing moves the place on by a number of words that
depends on the shape alone. The words are the same on every floor; what is made from them here is made on the
host, so initial weights do not depend on the floor either. ``ops.dropout`` only takes a piece of the stream
(``take``) and lets the kernel draw where the data is.
"""

import math
import operator

import numpy as np

from . import kernels

__all__ = ["Generator", "default_generator", "manual_seed"]


class Generator:
    """A place in the random stream of a seed.

    seed: an integer in [0, 2⁶⁴). Two generators of one seed draw the same numbers.
    """

    def __init__(self, seed=0):
        self.manual_seed(seed)

    def __repr__(self):
        return f"Generator(seed={self.seed}, offset={self.offset})"

    def manual_seed(self, seed):
        """Go to the beginning of the stream of ``seed``; returns self."""
        self.seed = _integer("seed", seed, 0, 2**64)
        self.offset = 0
        return self

    def take(self, n):
        """Set n words aside for the caller: moves on and returns the offset of the first."""
        start = self.offset
        self.offset = start + _integer("n", n, 0, None)
        return start

    def bits(self, n):
        """The next n words: uint32 (n,)."""
        return kernels.host().random_bits(n, self.seed, self.take(n))

    def uniform(self, shape=(), low=0.0, high=1.0, dtype="float32"):
        """Evenly from [low, high), every value a multiple of (high − low)·2⁻²⁴, or 2⁻⁵³ in float64."""
        shape, dtype = _shape(shape), _float(dtype)
        low, high = float(low), float(high)
        if not low < high:
            raise ValueError(f"uniform: low must be less than high, got low={low}, high={high}")
        n = math.prod(shape)
        if dtype == np.float32:
            u = (self.bits(n) >> np.uint32(8)) * 2.0**-24
        else:
            u = (self._words64(n) >> np.uint64(11)) * 2.0**-53
        y = (low + (high - low) * u).astype(dtype)
        # Rounding may land on high itself, which is not part of the interval.
        return np.minimum(y, np.nextafter(dtype.type(high), dtype.type(low))).reshape(shape)

    def normal(self, shape=(), mean=0.0, std=1.0, dtype="float32"):
        """From N(mean, std²) by Box & Muller (1958): √(−2 ln u₁) cos 2πu₂, √(−2 ln u₁) sin 2πu₂.

        Made in float64 and rounded, so float32 and float64 draws of one place agree.
        """
        shape, dtype = _shape(shape), _float(dtype)
        if std < 0:
            raise ValueError(f"normal: std must not be negative, got {std}")
        n = math.prod(shape)
        u = (self.bits(2 * ((n + 1) // 2)).reshape(-1, 2) + 0.5) * 2.0**-32  # within (0, 1): ln is finite
        radius, angle = np.sqrt(-2.0 * np.log(u[:, 0])), 2.0 * np.pi * u[:, 1]
        z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:n]
        return (mean + std * z).astype(dtype).reshape(shape)

    def integers(self, low, high, shape=()):
        """Evenly from low … high − 1 (at most 2³² of them): int64. Made as ⌊w·(high − low)/2⁶⁴⌋ + low."""
        shape = _shape(shape)
        low = _integer("low", low, -(2**63), 2**63)
        high = _integer("high", high, low + 1, min(low + 2**32, 2**63 - 1) + 1)
        words = self._words64(math.prod(shape))
        span = np.uint64(high - low)
        upper, lower = words >> np.uint64(32), words & np.uint64(2**32 - 1)
        product = (upper * span + ((lower * span) >> np.uint64(32))) >> np.uint64(32)
        return (product.astype(np.int64) + low).reshape(shape)

    def permutation(self, n):
        """0 … n − 1 in random order, each order equally likely: the order of n 64-bit random keys."""
        return np.argsort(self._words64(_integer("n", n, 0, None)), kind="stable")

    def _words64(self, n):
        words = self.bits(2 * n).astype(np.uint64).reshape(-1, 2)
        return words[:, 0] | (words[:, 1] << np.uint64(32))

    def state_dict(self):
        """Seed and place, two Python integers."""
        return {"seed": self.seed, "offset": self.offset}

    def load_state_dict(self, state):
        """Go to where the generator was whose ``state_dict()`` this is."""
        if set(state) != {"seed", "offset"}:
            raise ValueError(f"load_state_dict: expected the keys 'seed' and 'offset', got {sorted(state)}")
        seed = _integer("seed", state["seed"], 0, 2**64)
        self.offset = _integer("offset", state["offset"], 0, None)
        self.seed = seed


def _integer(name, value, low, stop):
    """value as an int in [low, stop), or an error that names it; booleans and floats are refused."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}") from None
    if number < low or (stop is not None and number >= stop):
        limit = f"in [{low}, {stop})" if stop is not None else f"≥ {low}"
        raise ValueError(f"{name}: expected an integer {limit}, got {number}")
    return number


def _shape(shape):
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(_integer("shape", size, 0, None) for size in sizes)


def _float(dtype):
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype}")
    return dtype


default_generator = Generator(0)
"""What is drawn from where no generator was given."""


def manual_seed(seed):
    """Seed ``default_generator``, and return it."""
    return default_generator.manual_seed(seed)
