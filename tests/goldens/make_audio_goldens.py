"""Freeze what librosa and transformers make of a random signal: spectra, mel bands, MFCC, differences.

    python tests/goldens/make_audio_goldens.py      (needs librosa 0.11, transformers; writes audio.npz)

The signal is white noise with a sweep in it and a loud click, float32, so that all of a spectrum is filled,
the 80 dB limit is met, and no entry is near a logarithm's floor.
"""

import pathlib

import librosa
import numpy as np
from transformers import WhisperFeatureExtractor

OUT = pathlib.Path(__file__).with_name("audio.npz")
RATE, LENGTH = 22050, 9000


def signal():
    r = np.random.default_rng(0)
    t = np.arange(LENGTH) / RATE
    x = 0.02 * r.normal(size=LENGTH) + 0.3 * np.sin(2 * np.pi * (300 + 4000 * t) * t)
    x[:2500] *= 1e-6
    x[6000] = 0.95
    return x.astype(np.float32)


def main():
    x32 = signal()
    x = x32.astype(np.float64)
    mfcc = librosa.feature.mfcc(y=x, sr=RATE)
    arrays = {
        "signal": x32,
        "stft": librosa.stft(x, n_fft=512, hop_length=128)[:, ::7],
        "stft_reflect": librosa.stft(x, n_fft=512, hop_length=200, win_length=300, pad_mode="reflect")[
            :, ::7
        ],
        "stft_snipped": librosa.stft(x, n_fft=256, hop_length=100, center=False, window="hamming")[:, ::7],
        "mel": librosa.feature.melspectrogram(y=x, sr=RATE),
        "db": librosa.power_to_db(librosa.feature.melspectrogram(y=x, sr=RATE)),
        "mfcc": mfcc,
        "mfcc_htk": librosa.feature.mfcc(
            y=x, sr=RATE, n_mfcc=13, lifter=22, htk=True, norm="ortho", n_fft=512, hop_length=220, n_mels=40,
            fmin=50, fmax=8000,
        ),
        "delta": librosa.feature.delta(mfcc),
        "delta2": librosa.feature.delta(mfcc, order=2),
        "delta_5": librosa.feature.delta(mfcc, width=5),
        "whisper": WhisperFeatureExtractor()(x32, sampling_rate=16000, return_tensors="np")[
            "input_features"
        ][0, :, :64],
    }  # fmt: skip
    np.savez_compressed(OUT, **arrays)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes", {k: v.shape for k, v in arrays.items()})


if __name__ == "__main__":
    main()
