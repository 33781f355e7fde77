"""Whisper's features: a log-mel picture of 30 seconds (Radford et al., 2023, §2.2)."""

from __future__ import annotations

import numpy as np

from ..features import Features
from .features import checked, mel_spectrogram
from .options import AudioOptions

__all__ = ["WHISPER", "whisper_log_mel"]

SECONDS = 30
WHISPER = AudioOptions(
    sample_rate=16000, window_length=400, hop_length=160, fft_length=400, padding="reflect", bands=80,
)  # fmt: skip
"""25 ms every 10 at 16 kHz, 80 Slaney bands. (large-v3 has 128: ``bands=128``.)"""


def whisper_log_mel(clips, bands: int = 80, seconds: float | None = SECONDS, dtype="float32") -> Features:
    """What Whisper's encoder is fed: Features (B, T, bands), all frames there.

    clips       (T,) floats at 16 kHz, or a sequence of them; filled with silence or cut to ``seconds``
                (None: as long as they are)
    Forward     s = log₁₀ max(mel, 10⁻¹⁰);  s ← max(s, max s − 8);  (s + 4)/4, the last frame dropped
    Note        its own layout is (B, bands, T)
    """
    import dataclasses

    clips = checked(clips)
    if seconds is not None:
        n = round(seconds * WHISPER.sample_rate)
        clips = [np.pad(clip[:n], (0, max(n - len(clip), 0))) for clip in clips]
    found = mel_spectrogram(clips, dataclasses.replace(WHISPER, bands=bands), dtype)
    items = []
    for values, there in zip(found.values, found.mask, strict=True):
        s = np.log10(np.maximum(values[there][:-1], 1e-10))
        items.append((np.maximum(s, s.max() - 8) + 4) / 4)
    return Features.stack(items)
