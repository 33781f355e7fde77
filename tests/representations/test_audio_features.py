"""Mel bands and MFCC held to librosa's, Kaldi's and transformers' figures; HTK's to its book, in loops."""

from pathlib import Path

import numpy as np
import pytest

from mmscratch.data.audio import read_wav
from mmscratch.representations.audio import (
    add_deltas,
    deltas,
    log_mel,
    mel_spectrogram,
    mfcc,
    power_to_db,
    preset,
    spectrogram,
    whisper_log_mel,
)

GOLDEN = Path(__file__).parents[1] / "goldens" / "audio.npz"
KALDI = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "audio_kaldi"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return dict(arrays)


def test_the_librosa_preset_is_librosas(golden):
    x = golden["signal"]
    scale = abs(golden["mfcc"]).max()
    np.testing.assert_allclose(mfcc(x, dtype="float64").values[0], golden["mfcc"].T, atol=1e-5)
    np.testing.assert_allclose(mfcc(x).values[0] / scale, golden["mfcc"].T / scale, atol=1e-5)
    mel = mel_spectrogram(x, dtype="float64").values[0]
    np.testing.assert_allclose(mel, golden["mel"].T, rtol=1e-5, atol=1e-14)
    np.testing.assert_allclose(power_to_db(mel), golden["db"].T, atol=1e-5)
    np.testing.assert_allclose(log_mel(x, dtype="float64").values[0], golden["db"].T, atol=1e-5)
    assert golden["db"].min() == pytest.approx(golden["db"].max() - 80)  # the limit is met


def test_other_choices_are_librosas_too(golden):
    options = preset(
        "librosa", count=13, lifter=22.0, mel_scale="htk", fft_length=512, window_length=512, hop_length=220,
        bands=40, low=50.0, high=8000.0,
    )  # fmt: skip
    ours = mfcc(golden["signal"], options, "float64").values[0]
    np.testing.assert_allclose(ours, golden["mfcc_htk"].T, atol=1e-5)


def test_differences_are_librosas(golden):
    c = golden["mfcc"].T
    np.testing.assert_allclose(deltas(c), golden["delta"].T, atol=1e-10)
    np.testing.assert_allclose(deltas(c, 9, 2), golden["delta2"].T, atol=1e-10)
    np.testing.assert_allclose(deltas(c, 5), golden["delta_5"].T, atol=1e-10)
    both = mfcc(golden["signal"], dtype="float64", differences=2).values[0]
    expected = np.concatenate([golden[k].T for k in ("mfcc", "delta", "delta2")], axis=1)
    np.testing.assert_allclose(both, expected, atol=1e-5)


def test_whispers_features_are_transformers(golden):
    features = whisper_log_mel(golden["signal"])
    assert features.values.shape == (1, 3000, 80) and features.mask.all()
    np.testing.assert_allclose(features.values[0, :64], golden["whisper"].T, atol=2e-5)
    # from before the clip's end on, silence: its floor is 8 decades below the loudest entry
    assert features.values[0, 70:].max() == pytest.approx(features.values.max() - 2)
    whole = whisper_log_mel([golden["signal"], golden["signal"][:4000]], seconds=None)
    assert whole.lengths.tolist() == [9000 // 160, 4000 // 160]
    assert whisper_log_mel(golden["signal"], bands=128, seconds=1).values.shape == (1, 100, 128)


def matrix(name):
    """A text archive of Kaldi: a name, then rows between brackets."""
    text = (KALDI / name).read_text(encoding="ascii")
    rows = text[text.index("[") + 1 : text.index("]")].strip().split("\n")
    return np.array([[float(v) for v in row.split()] for row in rows])


@pytest.mark.skipif(not KALDI.is_dir(), reason="needs ../shared/data/audio_kaldi")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kaldis_matrices(dtype):
    x = read_wav(KALDI / "test.wav")
    assert x.sample_rate == 16000 and x.samples.shape == (19200,)
    bands = log_mel(x.samples, "kaldi", dtype).values[0]
    np.testing.assert_allclose(bands, matrix("test.txt"), atol=0.05)
    bands = log_mel(x.samples, preset("kaldi", bands=40), dtype).values[0]
    np.testing.assert_allclose(bands, matrix("test-40.txt"), atol=0.05)
    np.testing.assert_allclose(mfcc(x.samples, "kaldi", dtype).values[0], matrix("test-mfcc.txt"), atol=0.15)
    bins = spectrogram(x.samples, "kaldi", dtype, log=True).values[0]
    theirs = matrix("test-spectrogram.txt")
    loud = theirs > 8  # near-empty bins are the rounding of Kaldi's single precision
    assert bins.shape == theirs.shape and loud.mean() > 0.25 and loud[:, 0].all()
    np.testing.assert_allclose(bins[loud], theirs[loud], atol=0.05)


def test_htk_by_the_book():
    """The HTK Book, §5.2 to §5.6, with loops."""
    r = np.random.default_rng(0)
    x = r.normal(size=1600) * 0.05
    samples, n, hop, size, bands = x * 32768, 400, 160, 512, 26

    def mel(f):
        return 1127 * np.log(1 + f / 700)

    corners = np.linspace(0, mel(8000), bands + 2)
    rows = []
    for start in range(0, len(x) - n + 1, hop):
        frame = samples[start : start + n].copy()
        emphasised = frame.copy()
        for i in range(1, n):
            emphasised[i] = frame[i] - 0.97 * frame[i - 1]
        emphasised[0] *= 1 - 0.97
        emphasised *= 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))
        magnitude = abs(np.fft.fft(emphasised, size))
        m = np.zeros(bands)
        for k in range(1, size // 2):
            place = mel(k * 16000 / size)
            for j in range(bands):
                low, middle, high = corners[j : j + 3]
                if low < place <= middle:
                    m[j] += magnitude[k] * (place - low) / (middle - low)
                elif middle < place < high:
                    m[j] += magnitude[k] * (high - place) / (high - middle)
        logs = np.log(np.maximum(m, 1))
        c = [
            np.sqrt(2 / bands) * sum(logs[j] * np.cos(np.pi * i / bands * (j + 0.5)) for j in range(bands))
            for i in range(13)
        ]
        c = [v * (1 + 11 * np.sin(np.pi * i / 22)) for i, v in enumerate(c)]
        rows.append([*c[1:], c[0]])
    ours = mfcc(x, "htk", "float64", differences=1).values[0]
    np.testing.assert_allclose(ours[:, :13], rows, rtol=1e-9)
    padded = np.pad(np.array(rows), [(2, 2), (0, 0)], mode="edge")
    slopes = [sum(k * (padded[t + 2 + k] - padded[t + 2 - k]) for k in (1, 2)) / 10 for t in range(len(rows))]
    np.testing.assert_allclose(ours[:, 13:], slopes, rtol=1e-8, atol=1e-9)


def test_snipped_and_mirrored_frames():
    x = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    snip = spectrogram(x, preset("kaldi", energy=None))
    mirror = spectrogram(x, preset("kaldi", framing="mirror", energy=None))
    assert snip.values.shape[1] == 1 + (1000 - 400) // 160 and mirror.values.shape[1] == (1000 + 80) // 160
    # frame t begins at 160·t + 80 − 200; the signal goes on as in a mirror, its end samples doubled
    unrolled = np.concatenate([x[:120][::-1], x, x[::-1]])
    direct = spectrogram(unrolled, preset("kaldi", energy=None)).values[0, : len(mirror.values[0])]
    np.testing.assert_allclose(mirror.values[0], direct, rtol=1e-4)
    assert spectrogram(x[:399], preset("kaldi", energy=None)).values.shape == (1, 0, 257)
    assert mfcc(x[:399], "kaldi").lengths.tolist() == [0]


def test_energy_is_of_the_raw_or_the_windowed_frame():
    x = np.random.default_rng(2).normal(size=400)
    raw = mfcc(x, preset("kaldi", scale=1.0), "float64").values[0, 0, 0]
    assert raw == pytest.approx(np.log(((x - x.mean()) ** 2).sum()))
    windowed = mfcc(x, preset("kaldi", scale=1.0, energy="windowed", pre_emphasis=0.0, remove_dc=False,
                              window="hamming"), "float64").values[0, 0, 0]  # fmt: skip
    w = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 399)
    assert windowed == pytest.approx(np.log(((w * x) ** 2).sum()))
    silence = mfcc(np.zeros(400), "kaldi").values[0, 0]
    assert np.isfinite(silence).all() and silence[0] == pytest.approx(np.log(np.finfo(np.float32).eps))


def test_dither_is_noise_of_that_size_and_repeats():
    o = preset("kaldi", dither=1.0, remove_dc=False, pre_emphasis=0.0, window="rectangular", energy=None)
    a = spectrogram(np.zeros(40_000), o)
    np.testing.assert_array_equal(a.values, spectrogram(np.zeros(40_000), o).values)
    assert a.values.mean() == pytest.approx(400, rel=0.05)  # Σ of 400 variances


@pytest.mark.parametrize("name", ["librosa", "htk", "kaldi"])
def test_a_batch_is_its_clips(name):
    r = np.random.default_rng(3)
    clips = [r.normal(size=n) * 0.1 for n in (9000, 5000, 12345)]
    for function in (spectrogram, mel_spectrogram, log_mel, mfcc):
        batch = function(clips, name, "float64")
        for number, clip in enumerate(clips):
            alone = function(clip, name, "float64").values[0]
            n = batch.lengths[number]
            assert n == len(alone) and not batch.values[number, n:].any()
            np.testing.assert_allclose(batch.values[number, :n], alone, rtol=1e-12)
    assert mfcc(clips, name).values.dtype == np.float32
    assert batch.values.dtype == np.float64


def test_a_louder_clip_shifts_c0_only():
    """ln(a²m) = ln m + 2 ln a in every band: the cosine transform puts that into c_0, √bands·2 ln a."""
    x = np.random.default_rng(4).normal(size=8000)
    o = preset("librosa", log="natural", top_db=None)
    a, b = (mfcc(k * x, o, "float64").values[0] for k in (1, 3))
    np.testing.assert_allclose((b - a)[:, 1:], 0, atol=1e-10)
    np.testing.assert_allclose((b - a)[:, 0], np.sqrt(128) * 2 * np.log(3))


def test_timbre_is_in_the_low_coefficients_and_pitch_is_not():
    """A tone of another pitch with the same envelope over frequency stays nearer than another envelope."""
    t = np.arange(16000) / 16000

    def tone(pitch, slope):
        f = pitch * np.arange(1, 60)
        f = f[f < 7500]
        return (np.exp(-f / slope) * np.sin(2 * np.pi * np.outer(t, f))).sum(1)

    vectors = {(p, s): mfcc(tone(p, s), preset("kaldi", energy=None)).values[0].mean(0)[1:]
               for p in (110, 147) for s in (600, 2500)}  # fmt: skip
    other_pitch = np.linalg.norm(vectors[110, 600] - vectors[147, 600])
    other_timbre = np.linalg.norm(vectors[110, 600] - vectors[110, 2500])
    assert other_timbre > 3 * other_pitch


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mfcc([], "kaldi"), "at least one clip, got none"),
        (lambda: mfcc(np.zeros((2, 3, 4))), r"clip 0 must be floats \(T,\), got float64 \(3, 4\)"),
        (lambda: mfcc([np.ones(5), np.ones(5, int)]), "clip 1 must be floats"),
        (lambda: mfcc([np.ones(0)]), "clip 0 holds no samples"),
        (lambda: mfcc(np.array([1.0, np.nan])), "clip 0 holds samples that are not finite"),
        (lambda: mfcc(np.ones(5), "sphinx"), "librosa, htk, kaldi, got 'sphinx'"),
        (lambda: mfcc(np.ones(5), dtype="float16"), "float32 or float64, got 'float16'"),
        (lambda: mfcc(np.ones(5000), differences=3), "0, 1 or 2, got 3"),
        (lambda: mfcc(np.ones(500), differences=1), "width 9 needs as many frames, got 1"),
        (lambda: preset("kaldi", band=3), "unknown option 'band'"),
        (lambda: preset("kaldi", window="kaiser"), "window: expected one of .* got 'kaiser'"),
        (lambda: preset("kaldi", bands=12), "count must be from 1 to 12"),
        (lambda: preset("kaldi", hop_length=0), "hop_length must be a positive integer, got 0"),
        (lambda: preset("librosa", pre_emphasis=0.97), "expected framing snip or mirror, got center"),
        (lambda: preset("kaldi", pre_emphasis=1.97), r"pre_emphasis must lie in \[0, 1\], got 1.97"),
        (lambda: preset("librosa", window_length=4096), "4096 must not exceed fft_length 2048"),
        (lambda: preset("librosa", floor=0.0), "floor must be positive, got 0"),
        (lambda: preset("librosa", lifter=-1.0), "lifter must not be negative"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_options_must_be_options():
    with pytest.raises(TypeError, match="expected AudioOptions or a preset's name, got 3"):
        mfcc(np.ones(5), 3)


def test_deltas_are_appended():
    x = np.random.default_rng(5).normal(size=(20, 3))
    assert add_deltas(x, preset("kaldi"), 2).shape == (20, 9)
    np.testing.assert_array_equal(add_deltas(x, preset("kaldi"), 0), x)
