"""The short-time Fourier transform and its inverse.

    X[t, k] = Σ_n w_n x[tH + n] e^(−2πikn/N),   H the hop, N the transform's length, w the window

(Gabor, 1946; Allen & Rabiner, 1977). Frames come first: X is (T, F), F = N/2 + 1, since frames are what the
models see as a sequence.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from .windows import window

__all__ = ["frames", "istft", "overlap_added", "pad_center", "stft"]

_BLOCK = 1 << 15  # samples: a block of windowed frames and its spectrum stay in the second-level cache
PADDINGS = {"constant": "constant", "reflect": "reflect", "edge": "edge"}


def frames(x: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Overlapping pieces of a signal: (…, T) → (…, 1 + (T − length)//hop, length), a view.

    Errors     ValueError for a length or hop below 1
    Note       a signal shorter than a piece has none
    """
    for name, value in (("length", length), ("hop", hop)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"frames: {name} must be a positive integer, got {value!r}")
    if x.shape[-1] < length:
        return np.zeros((*x.shape[:-1], 0, length), x.dtype)
    return np.lib.stride_tricks.sliding_window_view(x, length, axis=-1)[..., ::hop, :]


def pad_center(w: np.ndarray, length: int) -> np.ndarray:
    """A window with as many zeros on both sides as make it `length` long."""
    if len(w) > length:
        raise ValueError(f"stft: window_length {len(w)} must not exceed fft_length {length}")
    left = (length - len(w)) // 2
    return np.pad(w, (left, length - len(w) - left))


def padded(x: np.ndarray, n: int, mode: str) -> np.ndarray:
    """n more samples on both sides: zeros ("constant"), mirrored ("reflect"), or the end repeated ("edge").

    Errors     ValueError where a signal is too short to be mirrored
    """
    if mode not in PADDINGS:
        raise ValueError(f"stft: padding: expected one of {', '.join(PADDINGS)}, got {mode!r}")
    if mode == "reflect" and x.shape[-1] <= n:
        raise ValueError(
            f"stft: reflect needs more than {n} samples to mirror, got {x.shape[-1]}; use padding='constant'"
        )
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n, n)], mode=PADDINGS[mode])


def stft(
    x: np.ndarray,
    fft_length: int = 2048,
    hop_length: int | None = None,
    window_length: int | None = None,
    name: str = "hann",
    periodic: bool = True,
    center: bool = True,
    padding: str = "constant",
) -> np.ndarray:
    """Frames, windowed and transformed.

    hop_length      default: a quarter of the window
    window_length   default: fft_length; a shorter window stands in the middle of the frame
    center          frame t is centred at tH: N/2 samples are added on both sides, see ``padded``
    Shapes          (…, T) float → (…, 1 + T//H, F) complex with center, else (…, 1 + (T − N)//H, F)
    Errors          ValueError where x is not floats, or sizes do not fit
    """
    x = _signal("stft", x)
    w, hop = _sizes(fft_length, hop_length, window_length, name, periodic)
    if center:
        x = padded(x, fft_length // 2, padding)
    return _transformed(frames(x, fft_length, hop), w.astype(x.dtype))


def _transformed(view, w):
    """rfft(view · w), a block of frames at a time: the frames are never copied as a whole."""
    *lead, count, n = view.shape
    out = np.empty((*lead, count, n // 2 + 1), np.result_type(view.dtype, np.complex64))
    step = max(1, _BLOCK // n)
    windowed = np.empty((min(step, count), n), view.dtype)
    for index in np.ndindex(*lead):
        for i in range(0, count, step):
            some = view[index][i : i + step]
            block = np.multiply(some, w, out=windowed[: len(some)])
            out[index][i : i + step] = scipy.fft.rfft(block, axis=-1)
    return out


def istft(
    spectrum: np.ndarray,
    hop_length: int | None = None,
    window_length: int | None = None,
    name: str = "hann",
    periodic: bool = True,
    center: bool = True,
    length: int | None = None,
    fft_length: int | None = None,
) -> np.ndarray:
    """The signal whose transform is nearest to ``spectrum`` (Griffin & Lim, 1984, eq. 6).

    Forward    x[n] = Σ_t w[n − tH] y_t[n − tH] / Σ_t w²[n − tH],  y_t the inverse transform of frame t
    length     of the signal, cut or filled with zeros; without it an odd rest after the last hop is lost
    Shapes     (…, T, F) complex → (…, samples)
    Note       exact where Σ_t w² > 0 (any window with hop ≤ its length but for zeros at its ends);
               where it is 0 the signal left no trace, and x is 0
    """
    spectrum = np.asarray(spectrum)
    if spectrum.ndim < 2 or spectrum.dtype.kind != "c":
        raise ValueError(f"istft: spectrum must be complex (…, T, F), got {spectrum.dtype} {spectrum.shape}")
    n = 2 * (spectrum.shape[-1] - 1) if fft_length is None else fft_length
    if n // 2 + 1 != spectrum.shape[-1]:
        raise ValueError(f"istft: fft_length {n} has {n // 2 + 1} bins, spectrum has {spectrum.shape[-1]}")
    w, hop = _sizes(n, hop_length, window_length, name, periodic)
    y = scipy.fft.irfft(spectrum, n, axis=-1)
    w = w.astype(y.dtype)
    x = overlap_added(y * w, hop)
    weight = overlap_added(np.broadcast_to(w * w, y.shape[-2:]), hop)
    x = np.divide(x, weight, out=np.zeros_like(x), where=weight > np.finfo(weight.dtype).tiny)
    if center:
        x = x[..., n // 2 : None if length is not None else x.shape[-1] - n // 2]
    if length is None:
        return x
    x = x[..., :length]
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - x.shape[-1])])


def overlap_added(pieces: np.ndarray, hop: int) -> np.ndarray:
    """Pieces laid down a hop apart and summed: (…, T, N) → (…, (T − 1)·hop + N).

    Cut into columns of one hop: column j of every piece lands j hops later, so there is a loop over the
    N/hop columns and none over the frames.
    """
    *lead, t, n = pieces.shape
    columns = -(-n // hop)
    wide = np.zeros((*lead, t, columns * hop), pieces.dtype)
    wide[..., :n] = pieces
    wide = wide.reshape(*lead, t, columns, hop)
    out = np.zeros((*lead, t + columns - 1, hop), pieces.dtype)
    for j in range(columns if t else 0):
        out[..., j : j + t, :] += wide[..., j, :]
    return out.reshape(*lead, -1)[..., : (t - 1) * hop + n if t else 0]


def _signal(who, x):
    x = np.asarray(x)
    if x.ndim < 1 or x.dtype.kind != "f":
        raise ValueError(f"{who}: x must be floats (…, T), got {x.dtype} {x.shape}")
    return x if x.dtype == np.float32 else x.astype(np.float64, copy=False)


def _sizes(fft_length, hop_length, window_length, name, periodic):
    n = fft_length if window_length is None else window_length
    hop = max(n // 4, 1) if hop_length is None else hop_length
    return pad_center(window(name, n, periodic), fft_length), hop
