"""Sound files: WAV in and out as floats, and another sample rate.

A sound is float (T,) for one channel, (T, C) for more, full scale at ±1, with its sample rate in Hz.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from dataclasses import dataclass

import numpy as np

from .errors import DataError
from .files import read_bytes, write_whole

__all__ = ["Sound", "decode_wav", "read_wav", "resample", "write_wav"]

MAX_WAV_BYTES = 1 << 30  # an hour and a half of stereo at 48 kHz
RATES = (1000, 768_000)
MAX_CHANNELS = 64
PCM = (1, 3, 0xFFFE)  # whole numbers, floats, and either with its kind in an extension
_SUFFIX_FIELDS = 12  # "RIFF", its length, "WAVE"


@dataclass(frozen=True)
class Sound:
    """Samples, float32 (T,) or (T, C) in [−1, 1], and how many of them are a second."""

    samples: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    def mono(self) -> Sound:
        """The mean of the channels."""
        x = self.samples
        return self if x.ndim == 1 else Sound(x.mean(axis=1, dtype=x.dtype), self.sample_rate)


def read_wav(
    path: str | os.PathLike,
    sample_rate: int | None = None,
    mono: bool = True,
    max_bytes: int = MAX_WAV_BYTES,
    dtype="float32",
) -> Sound:
    """A WAV file: PCM of 8 to 32 bits, or float.

    sample_rate     resample to it; None: as in the file
    mono            the mean of the channels: (T,); else (T, C) where there are several
    Forward         x = (u − 128)/128 for 8 bits (unsigned), i/2^(bits − 1) for 16, 24, 32; floats as they are
    Errors          DataError for a file that is no WAV, is cut short, empty, compressed, or not finite
    """
    sound = decode_wav(read_bytes(path, max_bytes), path, dtype)
    sound = sound.mono() if mono else sound
    if sample_rate is None or sample_rate == sound.sample_rate:
        return sound
    return Sound(resample(sound.samples, sound.sample_rate, sample_rate), sample_rate)


def decode_wav(data: bytes, path: str | os.PathLike, dtype="float32") -> Sound:
    """The bytes of a WAV file as a Sound; `path` is the name that errors carry."""
    from scipy.io import wavfile

    _check_parts(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks with titles and the like
            rate, samples = wavfile.read(io.BytesIO(data))
    except Exception as error:  # struct, ValueError, EOFError, UnboundLocalError: as many as kinds of damage
        raise DataError(path, f"is not a readable WAV file ({type(error).__name__}: {error})") from None
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(path, f"has a sample rate of {rate} Hz, expected {RATES[0]} to {RATES[1]}")
    if samples.size == 0:
        raise DataError(path, "holds no samples")
    if samples.ndim == 2 and samples.shape[1] > MAX_CHANNELS:
        raise DataError(path, f"has {samples.shape[1]} channels, more than the limit of {MAX_CHANNELS}")
    samples = _to_float(samples, np.dtype(dtype))
    if not np.isfinite(samples).all():
        raise DataError(path, "holds samples that are not finite")
    return Sound(samples, int(rate))


def _check_parts(data, path):
    """The chunks must be whole, follow each other to the end, and the format's fields fit each other.

    A file cut short would be read as a shorter sound, one with a damaged field as a faster or another one.
    """
    if len(data) < _SUFFIX_FIELDS or data[:4] not in (b"RIFF", b"RIFX", b"RF64") or data[8:12] != b"WAVE":
        raise DataError(path, "is not a WAV file (it does not begin with RIFF … WAVE)")
    order = "big" if data[:4] == b"RIFX" else "little"
    told = 8 + int.from_bytes(data[4:8], order)
    end = min(told, len(data))
    at, sounds, block = _SUFFIX_FIELDS, 0, 1
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], order)
        start = at + 8
        if name == b"data" and data[:4] == b"RF64":
            return  # its length stands in a chunk of 64 bits, which SciPy reads
        if start + size > len(data):
            there = len(data) - start
            raise DataError(
                path, f"is cut short: its {name!r} chunk says {size:,} bytes, {there:,} are there"
            )
        if not all(32 <= byte < 127 for byte in name):
            raise DataError(path, f"is damaged: {name!r} at byte {at} is no chunk's name")
        if name == b"fmt ":
            block = _check_fields(data[start : start + 16], order, path)
        if name == b"data":
            sounds += 1
            if size % block:
                raise DataError(path, f"is damaged: {size:,} bytes are no whole number of {block} bytes each")
        at = start + size + size % 2
    if not sounds:
        raise DataError(path, "has no samples (no data chunk)")
    if told == len(data) and at < end:
        raise DataError(path, f"is damaged: {end - at} bytes after its last chunk belong to none")


def _check_fields(fields, order, path):
    """Bytes of one sample of all channels; the format chunk says it, and the rate of bytes, twice."""
    if len(fields) < 16:
        raise DataError(path, "is not a readable WAV file (its format chunk is too short)")
    kind, channels, rate, speed, block, bits = (
        int.from_bytes(fields[a:b], order) for a, b in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
    )
    if kind not in PCM:
        raise DataError(path, f"is not a readable WAV file (format {kind}, expected PCM or float)")
    if block != channels * -(-bits // 8) or speed != rate * block or not block:
        raise DataError(
            path,
            f"is damaged: {channels} channels of {bits} bits at {rate} Hz are not {block} bytes a sample, "
            f"{speed} a second",
        )
    return block


def _to_float(samples, dtype):
    if samples.dtype.kind == "f":
        return samples.astype(dtype)
    if samples.dtype == np.uint8:
        return ((samples.astype(dtype) - 128) / 128).astype(dtype)
    return (samples / dtype.type(2.0 ** (8 * samples.dtype.itemsize - 1))).astype(dtype)


def write_wav(path: str | os.PathLike, samples, sample_rate: int) -> None:
    """Floats in [−1, 1], (T,) or (T, C), as 16-bit PCM, the file whole or not at all.

    Forward    i = round(32767·x); what is beyond ±1 is cut off there
    Errors     ValueError where samples are no finite floats of that shape
    """
    from scipy.io import wavfile

    x = np.asarray(samples)
    if x.dtype.kind != "f" or x.ndim not in (1, 2) or not len(x):
        raise ValueError(f"write_wav: samples must be floats (T,) or (T, C), got {x.dtype} {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("write_wav: samples must be finite")
    buffer = io.BytesIO()
    wavfile.write(buffer, int(sample_rate), np.rint(np.clip(x, -1, 1) * 32767.0).astype("<i2"))
    write_whole(path, buffer.getvalue())


def resample(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    """The same sound at another sample rate, band-limited: up by p, a Kaiser low-pass, down by q.

    p/q = target/source in lowest terms (polyphase: Crochiere & Rabiner, 1983; SciPy's `resample_poly`).
    Shapes     (T,) or (T, C) → ⌈T·p/q⌉ in the first axis, dtype kept
    Errors     ValueError where a rate is not a positive integer
    """
    for name, rate in (("source", source), ("target", target)):
        if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate < 1:
            raise ValueError(f"resample: {name} must be a positive integer (Hz), got {rate!r}")
    x = np.asarray(samples)
    if x.dtype.kind != "f":
        raise ValueError(f"resample: samples must be floats, got {x.dtype}")
    if source == target or not len(x):
        return x
    from scipy.signal import resample_poly

    common = math.gcd(int(source), int(target))
    return resample_poly(x, int(target) // common, int(source) // common, axis=0).astype(x.dtype, copy=False)
