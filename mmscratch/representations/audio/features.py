"""Waveforms → Features: spectrogram, mel bands, log-mel, MFCC, with their differences in time.

    frame → (− mean) → (pre-emphasis) → window → |FFT|^p → mel bank → logarithm → cosine transform → lifter

(Davis & Mermelstein, 1980.) One clip or many of different lengths; all frames of all clips go through as one
matrix, in blocks that stay in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import scipy.fft

from ..features import Features
from .cepstrum import dct_matrix, deltas, lifter_weights, power_to_db, regression_deltas
from .fourier import frames, pad_center, padded
from .mel import mel_filterbank
from .options import AudioOptions, preset
from .windows import window

__all__ = ["add_deltas", "log_mel", "mel_spectrogram", "mfcc", "spectrogram"]

_BLOCK = 1 << 17  # samples: a block of frames and its spectrum stay in the second-level cache


def spectrogram(clips, options: AudioOptions | str = "librosa", dtype="float32", log: bool = False):
    """|X|^power of each frame: Features (B, T, F).

    clips      (T,) floats, or a sequence of them; a str for options names a preset
    log        its logarithm, as the options say; where they ask for energy, bin 0 gives way to it (Kaldi)
    """
    options, work = _begin(clips, options, dtype)
    found = work.through(lambda power, energy: power)
    if log:
        found = [_logarithm(s, options) for s in found]
        if options.energy:
            for s, e in zip(found, work.energies, strict=True):
                s[:, 0] = e
    return Features.stack(found)


def mel_spectrogram(clips, options: AudioOptions | str = "librosa", dtype="float32") -> Features:
    """Σ_k W[i, k]·|X_k|^power: Features (B, T, bands)."""
    options, work = _begin(clips, options, dtype)
    return Features.stack(_bands(work, options))


def log_mel(clips, options: AudioOptions | str = "librosa", dtype="float32") -> Features:
    """The logarithm of the mel bands: Features (B, T, bands). Kaldi's "fbank"."""
    options, work = _begin(clips, options, dtype)
    return Features.stack([_logarithm(m, options) for m in _bands(work, options)])


def mfcc(clips, options: AudioOptions | str = "librosa", dtype="float32", differences: int = 0) -> Features:
    """Mel-frequency cepstral coefficients: Features (B, T, count·(1 + differences)).

    Forward       c = lifter ⊙ (C ln m): C the cosine transform, m the mel bands; then c_0 may be the energy
    differences   1: followed by their first differences in time, 2: by the second ones too
    Errors        ValueError where differences is not 0, 1 or 2, or a clip is too short for them
    """
    options, work = _begin(clips, options, dtype)
    matrix = dct_matrix(options.bands, options.count, options.dct)
    matrix = matrix * lifter_weights(options.count, options.lifter, options.lifter_start)[:, None]
    matrix = matrix.T.astype(work.dtype)
    found = []
    for number, bands in enumerate(_bands(work, options)):
        c = _logarithm(bands, options) @ matrix
        if options.energy:
            c[:, 0] = work.energies[number]
        if options.last:
            c = np.roll(c, -1, axis=1)
        found.append(add_deltas(c, options, differences))
    return Features.stack(found)


def add_deltas(x: np.ndarray, options: AudioOptions, differences: int = 2) -> np.ndarray:
    """x (T, D) followed by its differences in time, as the options say: (T, D·(1 + differences)).

    The polynomial's second one is the second derivative of a parabola; the regression's is taken twice.
    """
    if differences not in (0, 1, 2):
        raise ValueError(f"mfcc: differences must be 0, 1 or 2, got {differences!r}")
    parts = [x]
    for order in range(1, differences + 1):
        if options.deltas == "polynomial":
            parts.append(deltas(x, options.delta_width, order))
        else:
            parts.append(regression_deltas(parts[-1], options.delta_width))
    return np.concatenate(parts, axis=1) if differences else x


class _Work:
    """The frames of all clips on their way, a block at a time."""

    def __init__(self, clips, options, dtype):
        self.options, self.dtype = options, np.dtype(dtype)
        self.views = [_framed(clip.astype(self.dtype, copy=False), options) for clip in clips]
        w = window(options.window, options.window_length, options.periodic)
        if options.framing == "center":
            w = pad_center(w, options.fft_length)
        self.window = (w * (options.scale if options.framing == "center" else 1)).astype(self.dtype)
        self.noise = np.random.default_rng(0) if options.dither else None
        self.energies = None

    def through(self, function) -> list[np.ndarray]:
        """function(power, energy) of every block of frames, put together for each clip."""
        step = max(1, _BLOCK // self.options.fft_length)
        found, energies = [], []
        for view in self.views:
            blocks = [self._block(view[i : i + step]) for i in range(0, max(len(view), 1), step)]
            found.append(_joined([function(power, energy) for power, energy in blocks]))
            energies.append(_joined([energy for _, energy in blocks]))
        self.energies = energies
        return found

    def _block(self, x):
        """Frames (n, length) → their |FFT|^power (n, F), and ln of their energy or None."""
        o, energy = self.options, np.zeros((len(x), 0), self.dtype)
        if o.framing != "center":
            x = x * self.dtype.type(o.scale)
            if self.noise is not None:
                x += o.dither * self.noise.standard_normal(x.shape).astype(self.dtype)
            if o.remove_dc:
                x -= x.mean(axis=1, keepdims=True)
            if o.energy == "raw":
                energy = self._energy(x)
            if o.pre_emphasis:
                x = x - self.dtype.type(o.pre_emphasis) * np.concatenate([x[:, :1], x[:, :-1]], axis=1)
        x = x * self.window
        if o.energy == "windowed":
            energy = self._energy(x)
        spectrum = scipy.fft.rfft(x, o.fft_length, axis=1)
        if o.power == 2:
            power = spectrum.real * spectrum.real
            power += spectrum.imag * spectrum.imag
        else:
            power = np.abs(spectrum) ** self.dtype.type(o.power)
        return power, energy

    def _energy(self, x):
        smallest = np.finfo(np.float32).eps
        return np.log(np.maximum((x * x).sum(axis=1), smallest))


def _joined(blocks):
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def _begin(clips, options, dtype):
    if np.dtype(dtype) not in (np.dtype("float32"), np.dtype("float64")):
        raise ValueError(f"audio: dtype: expected float32 or float64, got {dtype!r}")
    options = preset(options) if isinstance(options, str) else options
    if not isinstance(options, AudioOptions):
        raise TypeError(f"audio: options: expected AudioOptions or a preset's name, got {options!r}")
    return options, _Work(checked(clips), options, dtype)


def checked(clips: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    """One clip or many as a list of float (T,).

    Errors     ValueError naming the clip that is no float vector, or holds no samples or not finite ones
    """
    if isinstance(clips, np.ndarray) and clips.ndim == 1:
        clips = [clips]
    clips = [np.asarray(clip) for clip in clips]
    if not clips:
        raise ValueError("audio: expected at least one clip, got none")
    for number, clip in enumerate(clips):
        if clip.ndim != 1 or clip.dtype.kind != "f":
            raise ValueError(f"audio: clip {number} must be floats (T,), got {clip.dtype} {clip.shape}")
        if not clip.size:
            raise ValueError(f"audio: clip {number} holds no samples")
        if not np.isfinite(clip).all():
            raise ValueError(f"audio: clip {number} holds samples that are not finite")
    return clips


def _framed(x, o):
    """The frames of one clip as a view (T, length)."""
    if o.framing == "center":
        return frames(padded(x, o.fft_length // 2, o.padding), o.fft_length, o.hop_length)
    if o.framing == "mirror":
        count = (len(x) + o.hop_length // 2) // o.hop_length
        before = o.window_length // 2 - o.hop_length // 2
        after = (count - 1) * o.hop_length + o.window_length - before - len(x)
        cut = x[: len(x) + min(after, 0)]
        x = np.pad(cut, (max(before, 0), max(after, 0)), mode="symmetric")[max(-before, 0) :]
    return frames(x, o.window_length, o.hop_length)


def _bands(work, o):
    bank = _bank(o, work.dtype)
    return work.through(lambda power, energy: power @ bank)


@functools.lru_cache(maxsize=64)
def _bank(o, dtype):
    w = mel_filterbank(
        o.sample_rate, o.fft_length, o.bands, o.low, o.top, o.mel_scale, o.triangles, o.norm
    )  # fmt: skip
    return np.ascontiguousarray(w.T, dtype)


def _logarithm(x, o):
    if o.log == "natural":
        return np.log(np.maximum(x, x.dtype.type(o.floor)))
    return power_to_db(x, floor=o.floor, top_db=o.top_db)
