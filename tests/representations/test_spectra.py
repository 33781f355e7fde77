"""Short-time transforms: SciPy and librosa as judges, and what must hold whatever they say."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from mmscratch.representations.audio import WINDOWS, istft, stft, window
from mmscratch.representations.audio.fourier import frames, overlap_added

GOLDEN = Path(__file__).parents[1] / "goldens" / "audio.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "rectangular"])
@pytest.mark.parametrize("length", [1, 2, 9, 400])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_are_scipys(name, length, periodic):
    theirs = "boxcar" if name == "rectangular" else name
    expected = scipy.signal.get_window(theirs, length, fftbins=periodic)
    np.testing.assert_allclose(window(name, length, periodic), expected, atol=1e-15)


def test_the_povey_window():
    n = np.arange(400)
    expected = (0.5 - 0.5 * np.cos(2 * np.pi * n / 399)) ** 0.85
    np.testing.assert_allclose(window("povey", 400, False), expected, atol=1e-15)


def test_transforms_are_librosas(golden):
    x = golden["signal"].astype(np.float64)
    for key, options in {
        "stft": {"fft_length": 512, "hop_length": 128},
        "stft_reflect": {"fft_length": 512, "hop_length": 200, "window_length": 300, "padding": "reflect"},
        "stft_snipped": {"fft_length": 256, "hop_length": 100, "center": False, "name": "hamming"},
    }.items():
        np.testing.assert_allclose(stft(x, **options)[::7], golden[key].T, atol=1e-12, err_msg=key)
    single = stft(golden["signal"], 512, 128)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single[::7], golden["stft"].T, atol=1e-4)


@pytest.mark.parametrize("padding", ["constant", "reflect", "edge"])
def test_transforms_are_scipys(padding):
    x = np.random.default_rng(1).normal(size=1000)
    w = np.asarray(window("hann", 128))
    judge = scipy.signal.ShortTimeFFT(w, 32, fs=1.0, fft_mode="onesided")
    modes = {"constant": "zeros", "edge": "edge"}
    if padding in modes:
        theirs = judge.stft(x, p0=0, p1=1 + 1000 // 32, padding=modes[padding])
        # SciPy turns the frame so that its middle has phase 0: undo it
        turn = np.exp(-2j * np.pi * np.arange(65) * 64 / 128)
        np.testing.assert_allclose(stft(x, 128, 32, padding=padding), theirs.T * turn, atol=1e-12)
    y = istft(stft(x, 128, 32, padding=padding), 32, length=1000)
    np.testing.assert_allclose(y, x, atol=1e-13)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(
    ("n", "hop", "width"), [(256, 64, 256), (256, 100, 256), (256, 50, 150), (99, 33, 99)]
)
@pytest.mark.parametrize("center", [True, False])
def test_what_was_taken_apart_is_put_together(name, n, hop, width, center):
    """Exact wherever windows lie over the signal, whether or not they sum to a constant."""
    x = np.random.default_rng(2).normal(size=(2, 1537))
    spectrum = stft(x, n, hop, width, name=name, center=center)
    y = istft(spectrum, hop, width, name=name, center=center, length=1537, fft_length=n)
    inside = slice(n, 1537 - 2 * n) if not center else slice(0, 1537 - n)
    np.testing.assert_allclose(y[:, inside], x[:, inside], atol=1e-11)
    assert y.shape == x.shape


def test_shifted_hann_windows_sum_to_a_constant():
    """COLA: a periodic Hann window at a hop of N/4 sums to 2, its square to 3/2; a symmetric one does not."""
    w = window("hann", 64)
    for power, total in ((1, 2.0), (2, 1.5)):
        added = overlap_added(np.tile(w**power, (20, 1)), 16)[64:-64]
        np.testing.assert_allclose(added, total, atol=1e-14)
    symmetric = overlap_added(np.tile(window("hann", 64, False), (20, 1)), 16)[64:-64]
    assert np.ptp(symmetric) > 5e-3


def test_parseval():
    """Σ|x|² = Σ|X|²/N over all N bins of a frame; the inner ones of rfft stand for two."""
    x = np.random.default_rng(3).normal(size=640)
    spectrum = stft(x, 64, 64, name="rectangular", center=False)
    twice = np.r_[1, np.full(31, 2), 1]
    np.testing.assert_allclose((abs(spectrum) ** 2 @ twice) / 64, (x.reshape(10, 64) ** 2).sum(1))


def test_a_tone_stands_in_its_bin():
    t = np.arange(4096) / 8000
    spectrum = abs(stft(np.sin(2 * np.pi * 1000 * t), 256, 64))
    assert (spectrum[4:-4].argmax(axis=1) == 1000 * 256 // 8000).all()


def test_the_nearest_signal_to_an_impossible_transform():
    """Griffin & Lim: the result's transform is the projection, so taking it again changes nothing."""
    r = np.random.default_rng(4)
    wish = r.normal(size=(20, 65)) + 1j * r.normal(size=(20, 65))
    once = stft(istft(wish, 32, length=620), 128, 32)
    np.testing.assert_allclose(stft(istft(once, 32, length=620), 128, 32), once, atol=1e-12)
    assert abs(once - wish[: len(once)]).max() > 0.1


def test_pieces():
    x = np.arange(10.0)
    assert frames(x, 4, 3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert frames(x, 11, 3).shape == (0, 11) and stft(x, 16, 4, center=False).shape == (0, 9)
    assert overlap_added(np.ones((3, 4)), 3).tolist() == [1, 1, 1, 2, 1, 1, 2, 1, 1, 1]
    assert overlap_added(np.ones((0, 4)), 3).shape == (0,)
    assert istft(stft(x, 4, 2), 2).shape == (10,)  # as many as whole hops
    assert istft(stft(x, 4, 3), 3, length=12)[:9] == pytest.approx(x[:9])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: window("kaiser", 9), "expected one of .*got 'kaiser'"),
        (lambda: window("hann", 0), "positive integer, got 0"),
        (lambda: frames(np.ones(5), 2, 0), "hop must be a positive integer, got 0"),
        (lambda: stft(np.arange(5)), r"x must be floats \(…, T\), got int64 \(5,\)"),
        (lambda: stft(np.ones(50), 16, 4, 17), "window_length 17 must not exceed fft_length 16"),
        (lambda: stft(np.ones(8), 16, 4, padding="reflect"), "more than 8 samples to mirror, got 8"),
        (lambda: stft(np.ones(50), 16, 4, padding="wrap"), "constant, reflect, edge, got 'wrap'"),
        (lambda: istft(np.ones((3, 9))), "must be complex"),
        (lambda: istft(np.ones((3, 9), complex), 4, fft_length=20), "20 has 11 bins, spectrum has 9"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
