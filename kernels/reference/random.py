"""Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, 2011)."""

import numpy as np

_M0, _M1 = 0xD2511F53, 0xCD9E8D57  # multipliers
_W0, _W1 = 0x9E3779B9, 0xBB67AE85  # what the key grows by each round: golden ratio, √3 − 1
_LOW = np.uint64(0xFFFFFFFF)


def _philox(counter, key):
    """Ten rounds on four counter words (each a uint64 array of 32-bit values) and two key words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        left = np.uint64(_M0) * c0
        right = np.uint64(_M1) * c2
        c0, c1, c2, c3 = (
            (right >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            right & _LOW,
            (left >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            left & _LOW,
        )
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def random_bits(count, seed, offset):
    """Words offset … offset + count − 1 of the stream of seed."""
    first = offset // 4
    blocks = np.uint64(first) + np.arange((offset + count + 3) // 4 - first, dtype=np.uint64)
    nothing = np.zeros_like(blocks)
    counter = (blocks & _LOW, blocks >> np.uint64(32), nothing, nothing)
    key = (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)
    words = np.stack(_philox(counter, key), axis=1).reshape(-1)
    return words[offset - 4 * first :][:count].astype(np.uint32)


def dropout(x, p, seed, offset):
    """y = x / (1 − p) where u ≥ p, else 0; u = word / 2³²."""
    if p >= 1:
        return np.zeros_like(x)
    u = random_bits(x.size, seed, offset).reshape(x.shape) / 2.0**32
    return np.where(u >= p, x / (1.0 - p), 0.0)
