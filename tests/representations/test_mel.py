"""Mel scales and banks: MATLAB's rastamat, Whisper's own bank, and what triangles must do."""

from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.signal

from mmscratch.representations.audio import (
    dct_matrix,
    deltas,
    hz_to_mel,
    lifter_weights,
    mel_filterbank,
    mel_to_hz,
    power_to_db,
    regression_deltas,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MATLAB, WHISPER = SHARED / "audio_librosa_matlab", SHARED / "audio_whisper_mel"


@pytest.fixture(scope="module")
def matlab():
    if not MATLAB.is_dir():
        pytest.skip("needs ../shared/data/audio_librosa_matlab")
    cases = {}
    with np.load(MATLAB / "fixtures.npz", allow_pickle=False) as arrays:
        for key in arrays:
            case, _, field = key.partition("/")
            cases.setdefault(case.removeprefix("feature-"), {})[field] = arrays[key]
    return cases


def test_all_banks_of_rastamat(matlab):
    cases = {name: case for name, case in matlab.items() if name.startswith("melfb")}
    assert len(cases) == 72
    for name, case in cases.items():
        sr, n, bands, low, high = (float(case[k].item()) for k in ("sr", "nfft", "nfilts", "fmin", "fmax"))
        scale = "htk" if case["htk"].item() else "slaney"
        bank = mel_filterbank(sr, int(n), int(bands), low, high, scale, norm=None)
        corners = mel_to_hz(np.linspace(*hz_to_mel([low, high], scale), int(bands) + 2), scale)
        np.testing.assert_allclose(corners, case["frqs"].ravel(), rtol=1e-9, err_msg=name)
        theirs = case["wts"][:, : int(n) // 2 + 1]
        # the fixtures' own rows have equal area
        area = mel_filterbank(sr, int(n), int(bands), low, high, scale, norm="slaney")
        np.testing.assert_allclose(area, theirs, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(bank * (2 / (corners[2:] - corners[:-2]))[:, None], theirs, atol=1e-6)


def test_hertz_and_mel_of_rastamat(matlab):
    cases = {name: case for name, case in matlab.items() if "_to_" in name}
    assert len(cases) == 4
    for name, case in cases.items():
        function = hz_to_mel if name.startswith("hz") else mel_to_hz
        scale = "htk" if case["htk"].item() else "slaney"
        np.testing.assert_allclose(function(case["f"], scale), case["result"], rtol=1e-9, err_msg=name)


def test_the_bank_of_open_clips_whisper():
    """That file has Slaney's equal areas on the HTK scale, whatever its name says; the bank of Whisper itself
    is Slaney's throughout (its features are frozen from transformers: test_audio_features)."""
    if not WHISPER.is_dir():
        pytest.skip("needs ../shared/data/audio_whisper_mel")
    with np.load(WHISPER / "mel_filters.npz", allow_pickle=False) as arrays:
        np.testing.assert_allclose(mel_filterbank(16000, 400, 80, scale="htk"), arrays["mel_80"], atol=1e-12)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_the_scales_are_inverses_and_rise(scale):
    f = np.linspace(0, 20000, 4001)
    m = hz_to_mel(f, scale)
    np.testing.assert_allclose(mel_to_hz(m, scale), f, atol=1e-8)
    assert (np.diff(m) > 0).all() and m[0] == 0


def test_known_places():
    assert hz_to_mel([1000.0, 6400.0, 60.0]).tolist() == pytest.approx([15, 42, 0.9])
    assert hz_to_mel(1000.0, "htk") == pytest.approx(999.99, abs=0.01)
    assert hz_to_mel(700.0, "htk") == pytest.approx(2595 * np.log10(2))


@pytest.mark.parametrize("triangles", ["hertz", "mel"])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_neighbouring_triangles_sum_to_one(scale, triangles):
    """A partition of unity: between the first and last peak every frequency is given away once, wholly."""
    bank = mel_filterbank(16000, 1024, 30, 100, 7000, scale, triangles, None)
    peaks = mel_to_hz(np.linspace(*hz_to_mel([100, 7000], scale), 32), scale)[[1, -2]]
    f = np.arange(513) * 16000 / 1024
    inside = (f >= peaks[0]) & (f <= peaks[1])
    np.testing.assert_allclose(bank.sum(axis=0)[inside], 1, atol=1e-12)
    assert bank[:, (f <= 100) | (f >= 7000)].max() < 1e-12 and (bank >= 0).all() and bank.max() <= 1


def test_equal_area():
    """Slaney's norm: ∫ W df = 1 for every band (where bins are dense enough to sum it)."""
    bank = mel_filterbank(16000, 1 << 15, 40)
    np.testing.assert_allclose(bank.sum(axis=1) * 16000 / (1 << 15), 1, rtol=2e-3)


def test_triangles_along_mel_are_not_those_along_hertz():
    a, b = (mel_filterbank(16000, 512, 23, 20, 8000, "htk", t, None) for t in ("hertz", "mel"))
    assert 0.01 < abs(a - b).max() < 0.02
    corner, f = hz_to_mel(20, "htk"), 10 * 16000 / 512
    step = (hz_to_mel(8000, "htk") - corner) / 24
    i = int((hz_to_mel(f, "htk") - corner) // step)  # bin 10 lies on the rising side of band i
    assert b[i, 10] == pytest.approx((hz_to_mel(f, "htk") - corner) / step - i)


@pytest.mark.parametrize("count", [1, 5, 23])
def test_the_cosine_transform_is_scipys(count):
    m = np.random.default_rng(0).normal(size=(7, 23))
    expected = scipy.fft.dct(m, type=2, norm="ortho", axis=1)[:, :count]
    np.testing.assert_allclose(m @ dct_matrix(23, count).T, expected, atol=1e-13)
    htk = dct_matrix(23, count, "htk")
    np.testing.assert_allclose(htk[0], np.sqrt(2 / 23))
    np.testing.assert_array_equal(htk[1:], dct_matrix(23, count)[1:])


def test_the_cosine_transform_keeps_lengths():
    c = dct_matrix(40, 40)
    np.testing.assert_allclose(c @ c.T, np.eye(40), atol=1e-13)


def test_lifters():
    n = np.arange(13)
    np.testing.assert_allclose(lifter_weights(13, 22), 1 + 11 * np.sin(np.pi * n / 22))
    np.testing.assert_allclose(lifter_weights(13, 22, 1), 1 + 11 * np.sin(np.pi * (n + 1) / 22))
    assert lifter_weights(13, 22)[0] == 1 and (lifter_weights(5, 0) == 1).all()


@pytest.mark.parametrize(("width", "order"), [(9, 1), (9, 2), (5, 1), (3, 2), (11, 3)])
def test_polynomial_differences_are_scipys(width, order):
    x = np.random.default_rng(1).normal(size=(30, 4))
    expected = scipy.signal.savgol_filter(x, width, order, deriv=order, axis=0, mode="interp")
    np.testing.assert_allclose(deltas(x, width, order), expected, atol=1e-12)


def test_differences_of_lines_and_parabolas():
    t = np.arange(20.0)[:, None]
    np.testing.assert_allclose(deltas(3 * t + 1), 3 * np.ones((20, 1)))
    np.testing.assert_allclose(deltas(t * t, 9, 2), 2 * np.ones((20, 1)), atol=1e-10)
    d = regression_deltas(3 * t + 1, 2)
    np.testing.assert_allclose(d[2:-2], 3)
    by_hand = (1 * (4 - 1) + 2 * (7 - 1)) / 10  # x = 1, 4, 7, … with x_{−1} = x_{−2} = x_0
    assert d[0, 0] == pytest.approx(by_hand)
    kernel = np.array([-2, -1, 0, 1, 2]) / 10
    x = np.random.default_rng(2).normal(size=40)
    expected = np.correlate(np.pad(x, 2, mode="edge"), kernel, "valid")
    np.testing.assert_allclose(regression_deltas(x[:, None], 2)[:, 0], expected, atol=1e-14)


def test_decibels():
    np.testing.assert_allclose(power_to_db(np.array([1.0, 10.0, 1e-3, 0.0])), [0, 10, -30, -70])
    np.testing.assert_allclose(power_to_db(np.array([1.0, 1e-12]), top_db=None), [0, -100])
    np.testing.assert_allclose(power_to_db(np.array([4.0]), reference=4.0), [0], atol=1e-12)
    assert power_to_db(np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hz_to_mel(-1.0), "must not be negative, got -1"),
        (lambda: mel_to_hz(1.0, "bark"), "slaney, htk, got 'bark'"),
        (lambda: mel_filterbank(8000, 256, 10, 0, 5000), "0 ≤ low < high ≤ 4000 Hz, got 0 and 5000"),
        (lambda: mel_filterbank(8000, 256, 10, 300, 300), "0 ≤ low < high"),
        (lambda: mel_filterbank(8000, 256, 0), "bands 0"),
        (lambda: mel_filterbank(8000, 256, 9, norm="l1"), "got 'hertz' and 'l1'"),
        (lambda: dct_matrix(20, 21), "from 1 to 20, the number of bands, got 21"),
        (lambda: dct_matrix(20, 5, "raw"), "ortho or htk, got 'raw'"),
        (lambda: lifter_weights(5, -1), "at least 0, got -1"),
        (lambda: deltas(np.ones((20, 2)), 8), "odd width above order, got width 8"),
        (lambda: deltas(np.ones((8, 2)), 9), "needs as many frames, got 8"),
        (lambda: regression_deltas(np.ones((5, 2)), 0), "window must be at least 1, got 0"),
        (lambda: power_to_db(np.ones(3), top_db=-1), "top_db must not be negative"),
        (lambda: power_to_db(np.ones(3), floor=0), "floor > 0, got 1.0 and 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
