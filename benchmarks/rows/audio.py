"""Sound: MFCC and its steps beside librosa, on a minute of noise, with librosa's own settings."""

import functools

import numpy as np

from mmscratch.representations import audio

from ..case import Case, Row

TOPIC = "Sound"
RATE, SECONDS = 22050, 60


def rows():
    for name, what, target in (
        ("stft", "short-time Fourier transform, 2048 by 512", 1.0),
        ("mel", "mel spectrogram, 128 bands", 1.0),
        ("mfcc", "MFCC, 20 coefficients", 1.0),
    ):
        yield Row(
            f"audio/{name}", TOPIC, what, f"{SECONDS} s at {RATE:,} Hz",
            functools.partial(case_of, name=name), libraries=("librosa",), targets={"librosa": target},
        )  # fmt: skip


def case_of(place, name):
    """float32 in and out on both sides; librosa's have frames in the last axis."""
    x = np.random.default_rng(0).normal(size=RATE * SECONDS).astype(np.float32) * np.float32(0.1)
    ours = {
        "stft": lambda: [audio.stft(x)],
        "mel": lambda: [audio.mel_spectrogram(x).values[0]],
        "mfcc": lambda: [audio.mfcc(x).values[0]],
    }[name]
    case = Case(ours, check=_magnitudes)
    if place.librosa is not None:
        import librosa.feature

        theirs = {
            "stft": lambda: [librosa.stft(x).T],
            "mel": lambda: [librosa.feature.melspectrogram(y=x, sr=RATE).T],
            "mfcc": lambda: [librosa.feature.mfcc(y=x, sr=RATE).T],
        }[name]
        case.peers["librosa"] = {"default": theirs}
    return case


def _magnitudes(results):
    """Comparison is of real numbers: a complex spectrum as its real and imaginary parts."""
    x = np.ascontiguousarray(results[0])
    return [x.view(np.float32)] if x.dtype == np.complex64 else [x]
