"""Every choice between a waveform and its features, named; and the sets of choices that toolkits make.

"MFCC" of two toolkits have nothing in common but the name: other frames, windows, scales, logarithms. What is
fed to a model must be made as its training data was, so each choice is a field here and a preset fixes all.
"""

from __future__ import annotations

import dataclasses

from .cepstrum import dct_matrix
from .mel import SCALES
from .windows import WINDOWS

__all__ = ["PRESETS", "AudioOptions", "preset"]

_CHOICES = {
    "window": tuple(WINDOWS),
    "framing": ("center", "snip", "mirror"),
    "padding": ("constant", "reflect", "edge"),
    "mel_scale": SCALES,
    "triangles": ("hertz", "mel"),
    "norm": ("slaney", None),
    "log": ("natural", "decibel"),
    "dct": ("ortho", "htk"),
    "energy": (None, "raw", "windowed"),
    "deltas": ("polynomial", "regression"),
}


@dataclasses.dataclass(frozen=True)
class AudioOptions:
    """How a waveform becomes frames, spectra, mel bands and coefficients; the defaults are librosa's.

    sample_rate     Hz, of the samples that come in
    scale           they are multiplied by it first; 32768 where a toolkit works on 16-bit integers
    window, periodic, window_length, hop_length, fft_length     in samples
    framing         "center": frame t centred at t·hop, half a transform added on both sides by ``padding``;
                    "snip": frames lie within the signal; "mirror": as many frames as hops, the signal
                    mirrored at its ends, end samples doubled (Kaldi's snip_edges=false)
    remove_dc       subtract each frame's mean
    pre_emphasis    k: each frame's x_n − k·x_{n−1}, with x_{−1} = x_0 (Kaldi, HTK); 0 for none
    dither          standard deviation of Gaussian noise added to each frame; 0: the same result every time
    power           of |X|: 2, or 1
    bands, low, high, mel_scale, triangles, norm    see ``mel_filterbank``; high 0: half the sample rate
    log, floor, top_db     ln or decibels of max(·, floor); top_db: of each clip, None for no such limit
    count, dct, lifter, lifter_start    coefficients; see ``dct_matrix``, ``lifter_weights``
    energy          ln Σ x² as c_0 instead of the transform's: None; "raw": of the frame before pre-emphasis
                    and window; "windowed": after both
    last            is c_0 (or the energy) the last coefficient rather than the first?
    deltas, delta_width     see ``deltas`` (whole width) and ``regression_deltas`` (frames on each side)
    """

    sample_rate: int = 22050
    scale: float = 1.0
    window: str = "hann"
    periodic: bool = True
    window_length: int = 2048
    hop_length: int = 512
    fft_length: int = 2048
    framing: str = "center"
    padding: str = "constant"
    remove_dc: bool = False
    pre_emphasis: float = 0.0
    dither: float = 0.0
    power: float = 2.0
    bands: int = 128
    low: float = 0.0
    high: float = 0.0
    mel_scale: str = "slaney"
    triangles: str = "hertz"
    norm: str | None = "slaney"
    log: str = "decibel"
    floor: float = 1e-10
    top_db: float | None = 80.0
    count: int = 20
    dct: str = "ortho"
    lifter: float = 0.0
    lifter_start: int = 1
    energy: str | None = None
    last: bool = False
    deltas: str = "polynomial"
    delta_width: int = 9

    def __post_init__(self):
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                wanted = ", ".join(map(str, allowed))
                raise ValueError(f"audio: {name}: expected one of {wanted}, got {getattr(self, name)!r}")
        for name in ("sample_rate", "window_length", "hop_length", "fft_length", "bands", "count"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"audio: {name} must be a positive integer, got {value!r}")
        if self.window_length > self.fft_length:
            raise ValueError(
                f"audio: window_length {self.window_length} must not exceed fft_length {self.fft_length}"
            )
        for name in ("scale", "power", "floor"):
            if not getattr(self, name) > 0:
                raise ValueError(f"audio: {name} must be positive, got {getattr(self, name)!r}")
        for name in ("dither", "lifter"):
            if getattr(self, name) < 0:
                raise ValueError(f"audio: {name} must not be negative, got {getattr(self, name)!r}")
        if not 0 <= self.pre_emphasis <= 1:
            raise ValueError(f"audio: pre_emphasis must lie in [0, 1], got {self.pre_emphasis!r}")
        if self.framing == "center" and (self.remove_dc or self.pre_emphasis or self.energy):
            raise ValueError("audio: remove_dc, pre_emphasis and energy are of frames without padding; "
                             "expected framing snip or mirror, got center")  # fmt: skip
        dct_matrix(self.bands, self.count, self.dct)

    @property
    def top(self) -> float:
        """The bank's upper end in Hz."""
        return self.high or self.sample_rate / 2


def _librosa(rate):
    """librosa 0.11's defaults, whatever the sample rate (its own is 22,050 Hz)."""
    return AudioOptions(sample_rate=rate or 22050)


def _htk(rate):
    """The HTK Book's usual configuration: 26 bands of |X|, 12 coefficients, c_0 behind them."""
    return _speech(
        rate or 16000, window="hamming", power=1.0, bands=26, count=13, dct="htk", floor=1.0, last=True
    )


def _kaldi(rate):
    """compute-mfcc-feats with its defaults (raw energy as c_0, 23 bands, 13 coefficients) and dither 0."""
    return _speech(
        rate or 16000, window="povey", remove_dc=True, power=2.0, bands=23, low=20.0, count=13, dct="ortho",
        floor=1.1920929e-07, energy="raw",
    )  # fmt: skip


def _speech(rate, **choices):
    """What HTK and Kaldi share; the transform is the next power of two."""
    length = int(rate * 0.025)
    return AudioOptions(
        sample_rate=rate, scale=32768.0, periodic=False, window_length=length, hop_length=int(rate * 0.01),
        fft_length=1 << (length - 1).bit_length(), framing="snip", pre_emphasis=0.97, mel_scale="htk",
        triangles="mel", norm=None, log="natural", top_db=None, lifter=22.0, lifter_start=0,
        deltas="regression", delta_width=2, **choices,
    )  # fmt: skip


PRESETS = {"librosa": _librosa, "htk": _htk, "kaldi": _kaldi}
"""Name → a function of the sample rate (None: the toolkit's own) that gives all options."""


def preset(name: str, sample_rate: int | None = None, **changes) -> AudioOptions:
    """A toolkit's options, with changes: preset("kaldi", bands=40).

    Errors     ValueError for an unknown preset, or an unknown or unfit option
    """
    if name not in PRESETS:
        raise ValueError(f"audio: preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    unknown = set(changes) - {f.name for f in dataclasses.fields(AudioOptions)}
    if unknown:
        raise ValueError(f"audio: unknown option {sorted(unknown)[0]!r}")
    return dataclasses.replace(PRESETS[name](sample_rate), **changes)
