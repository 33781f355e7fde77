"""Sound as vectors: short-time spectra, mel bands, cepstral coefficients, each choice named.

mfcc(clips, "librosa")                Features (B, T, D); presets librosa, htk, kaldi
log_mel(clips, preset("kaldi", bands=40))
spectrogram, mel_spectrogram          the steps before
stft, istft                           and back
whisper_log_mel(clips)                what Whisper's encoder is fed
"""

from ...lazy import names

_HOME = {
    "AudioOptions": "options",
    "PRESETS": "options",
    "WHISPER": "whisper",
    "WINDOWS": "windows",
    "add_deltas": "features",
    "dct_matrix": "cepstrum",
    "deltas": "cepstrum",
    "hz_to_mel": "mel",
    "istft": "fourier",
    "lifter_weights": "cepstrum",
    "log_mel": "features",
    "mel_filterbank": "mel",
    "mel_spectrogram": "features",
    "mel_to_hz": "mel",
    "mfcc": "features",
    "power_to_db": "cepstrum",
    "preset": "options",
    "regression_deltas": "cepstrum",
    "spectrogram": "features",
    "stft": "fourier",
    "whisper_log_mel": "whisper",
    "window": "windows",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
