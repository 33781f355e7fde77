"""What can happen to a file: it ends early, a bit turns, a stretch of it becomes something else."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

EVERY = 1500
"""A file of at most so many bytes is cut at each of them; a longer one so often, at both ends densely."""
DENSE = 200


def cuts(data: bytes, most: int = EVERY) -> Iterator[tuple[str, bytes]]:
    """Every truncation, or ``most`` of them."""
    if len(data) <= most:
        ends = range(len(data))
    else:
        dense = min(DENSE, most // 4)
        between = np.linspace(dense, len(data) - dense, most - 2 * dense).astype(int)
        ends = sorted({*range(dense), *between.tolist(), *range(len(data) - dense, len(data))})
    for end in ends:
        yield f"cut at {end}", data[:end]


def flips(data: bytes, header: int, most: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Every bit of the header turned, one at a time (or ``most`` of them, evenly)."""
    bits = range(8 * min(header, len(data)))
    if most is not None and len(bits) > most:
        bits = np.linspace(0, len(bits) - 1, most).astype(int).tolist()
    for bit in bits:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        yield f"bit {bit % 8} of byte {bit // 8}", bytes(damaged)


def mutations(data: bytes, name: str, first: int, count: int, tokens=()) -> Iterator[tuple[str, bytes]]:
    """``count`` random mutations, each from a seed of its own: number ``first`` and those after it."""
    for number in range(first, first + count):
        rng = np.random.default_rng([zlib.crc32(name.encode()), number])
        damaged = data
        for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 6))):
            damaged = _mutate(damaged, rng, tokens)
        yield f"mutation {number}", damaged


def _mutate(data: bytes, rng, tokens) -> bytes:
    if not data:
        return rng.bytes(3)
    at = int(rng.integers(len(data)))
    size = int(min(rng.geometric(0.15), 64))
    # Half of the mutations fall where the structure is: the beginning, and a zip's directory at the end.
    if rng.random() < 0.25:
        at = int(rng.integers(min(len(data), 64)))
    elif rng.random() < 0.25:
        at = len(data) - 1 - int(rng.integers(min(len(data), 160)))
    before, after = data[:at], data[at:]
    kind = int(rng.integers(10 if tokens else 8))
    if kind == 0:  # one byte becomes another
        return before + bytes([(after[0] + int(rng.integers(1, 256))) % 256]) + after[1:]
    if kind == 1:  # one bit
        return before + bytes([after[0] ^ (1 << int(rng.integers(8)))]) + after[1:]
    if kind == 2:  # a stretch of noise
        return before + rng.bytes(size) + after[size:]
    if kind == 3:  # a stretch is lost
        return before + after[size:]
    if kind == 4:  # a stretch comes in
        return before + rng.bytes(size) + after
    if kind == 5:  # a stretch is there twice
        return before + after[:size] + after
    if kind == 6:  # numbers that sizes and offsets stumble over
        n = int(rng.choice([1, 2, 4, 8]))
        value = (0, 1, 2 ** (8 * n) - 1, 2 ** (8 * n - 1), 2 ** (8 * n - 1) - 1)[int(rng.integers(5))]
        return before + value.to_bytes(n, "little" if rng.random() < 0.5 else "big") + after[n:]
    if kind == 7:  # another stretch of the same file
        other = int(rng.integers(len(data)))
        return before + data[other : other + size] + after[size:]
    token = tokens[int(rng.integers(len(tokens)))]
    return before + token + (after if kind == 8 else after[len(token) :])
