"""The mel scale and its banks of triangles: frequency as the ear spaces it (Stevens et al., 1937).

Two scales are in use. Their numbers differ much (1 kHz is mel 15 of one, mel 1000 of the other), their banks
little; features of one are no substitute for features of the other.
"""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["SCALES", "hz_to_mel", "mel_filterbank", "mel_to_hz"]

SCALES = ("slaney", "htk")
_LINEAR = 200 / 3  # Hz in a mel below 1 kHz
_KNEE = 1000.0
_STEP = np.log(6.4) / 27  # of ln f in a mel above: 27 steps from 1 kHz to 6.4 kHz


def hz_to_mel(f, scale: str = "slaney"):
    """Frequency in Hz to mel, elementwise.

    "slaney"    m = 3f/200 below 1 kHz, 15 + 27·ln(f/1000)/ln 6.4 above (Slaney, 1998, Auditory Toolbox)
    "htk"       m = 2595·log₁₀(1 + f/700) (O'Shaughnessy, 1987; HTK and Kaldi write 1127·ln)
    Errors      ValueError for another scale or a negative frequency
    """
    _check_scale(scale)
    f = np.asarray(f, np.float64)
    if (f < 0).any():
        raise ValueError(f"hz_to_mel: f must not be negative, got {f.min():g}")
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + f / 700.0)
    above = _KNEE / _LINEAR + np.log(np.maximum(f, _KNEE) / _KNEE) / _STEP
    return np.where(f < _KNEE, f / _LINEAR, above)


def mel_to_hz(m, scale: str = "slaney"):
    """Mel to frequency in Hz: the inverse of ``hz_to_mel``."""
    _check_scale(scale)
    m = np.asarray(m, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (m / 2595.0) - 1.0)
    knee = _KNEE / _LINEAR
    return np.where(m < knee, m * _LINEAR, _KNEE * np.exp(_STEP * (np.maximum(m, knee) - knee)))


def _check_scale(scale):
    if scale not in SCALES:
        raise ValueError(f"mel: scale: expected one of {', '.join(SCALES)}, got {scale!r}")


@functools.lru_cache(maxsize=64)
def mel_filterbank(
    sample_rate: float,
    fft_length: int,
    bands: int = 128,
    low: float = 0.0,
    high: float | None = None,
    scale: str = "slaney",
    triangles: str = "hertz",
    norm: str | None = "slaney",
) -> np.ndarray:
    """Weights of each band over the bins of a transform: float64 (bands, F), F = fft_length//2 + 1.

    Forward      corners p_0 … p_{bands+1} evenly in mel from low to high; band i rises from p_i to 1 at
                 p_{i+1} and falls to p_{i+2}:   W[i, k] = max(0, min((q_k − p_i)/(p_{i+1} − p_i),
                 (p_{i+2} − q_k)/(p_{i+2} − p_{i+1})))
    triangles    along which axis they are straight: "hertz" (Slaney, librosa, Whisper) or "mel" (HTK, Kaldi)
    norm         "slaney": rows times 2/(p_{i+2} − p_i) in Hz, so that bands have equal area; None: height 1
    high         default: half the sample rate
    Errors       ValueError where 0 ≤ low < high ≤ sample_rate/2 does not hold, or a name is unknown
    Note         where bands are narrower than bins, some hold no bin and are all zeros
    """
    high = sample_rate / 2 if high is None else high
    if not 0 <= low < high <= sample_rate / 2:
        raise ValueError(
            f"mel_filterbank: expected 0 ≤ low < high ≤ {sample_rate / 2:g} Hz, got {low:g} and {high:g}"
        )
    if bands < 1 or fft_length < 2:
        raise ValueError(f"mel_filterbank: bands {bands} and fft_length {fft_length} are too small")
    if triangles not in ("hertz", "mel") or norm not in ("slaney", None):
        raise ValueError(
            "mel_filterbank: expected triangles hertz or mel and norm slaney or None, "
            f"got {triangles!r} and {norm!r}"
        )
    corners = np.linspace(hz_to_mel(low, scale), hz_to_mel(high, scale), bands + 2)
    hertz = mel_to_hz(corners, scale)
    bins = np.arange(fft_length // 2 + 1) * (sample_rate / fft_length)
    p, q = (hertz, bins) if triangles == "hertz" else (corners, hz_to_mel(bins, scale))
    width = np.diff(p)[:, None]
    rising, falling = (q - p[:-2, None]) / width[:-1], (p[2:, None] - q) / width[1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    if norm == "slaney":
        weights *= (2 / (hertz[2:] - hertz[:-2]))[:, None]
    weights.flags.writeable = False
    return weights
