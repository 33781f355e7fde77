"""Pictures of sound: stretching, normalising, augmenting, and the network over them."""

import numpy as np
import pytest

from mmscratch import Generator, gradcheck, tensor
from mmscratch.representations import Features
from mmscratch.representations.audio.augment import Augment, normalise, resampled, stretch
from mmscratch.representations.audio.sound_cnn import SoundCNN

QUIET = {
    "time": 0.0,
    "warp": 0.0,
    "shift": 0.0,
    "equaliser": 0.0,
    "noise": -50.0,
    "grain": 0.0,
    "masks": (0, 0),
}


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_stretched_clips_keep_their_ends_and_lines_stay_lines():
    line = np.arange(7.0)[:, None] * [1.0, -2.0]
    f = Features.stack([line, line[:1], line[:4]])
    y = stretch(f, 13)
    assert y.shape == (3, 13, 2)
    np.testing.assert_allclose(y[0], np.linspace(0, 6, 13)[:, None] * [1, -2])
    np.testing.assert_allclose(y[1], np.tile(line[0], (13, 1)))
    np.testing.assert_allclose(y[2], np.linspace(0, 3, 13)[:, None] * [1, -2])
    expected = np.interp(np.linspace(0, 6, 13), np.arange(7), line[:, 1])
    np.testing.assert_allclose(y[0, :, 1], expected)
    with pytest.raises(ValueError, match="clip 1 has no frames"):
        stretch(Features.stack([line, line[:0]]), 13)


@pytest.mark.parametrize("axis", [1, 2])
def test_resampling_is_numpys_interpolation(axis):
    x = pictures(2, 9, 9)
    places = np.random.default_rng(1).uniform(-2, 11, (2, 5))
    y = resampled(x, places, axis)
    for b in range(2):
        for other in range(9):
            row = x[b, :, other] if axis == 1 else x[b, other]
            got = y[b, :, other] if axis == 1 else y[b, other]
            np.testing.assert_allclose(got, np.interp(places[b], np.arange(9), row), atol=1e-6)


def test_normalised_pictures():
    x = 3 * pictures(6, 8, 4) + np.arange(4, dtype=np.float32)
    alone = normalise(x)
    np.testing.assert_allclose(alone.mean((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(alone.std((1, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(normalise(5 * x + 7), alone, atol=1e-4)
    groups = np.array(list("aabbab"))
    by_group = normalise(x, groups)
    for g in "ab":
        np.testing.assert_allclose(by_group[groups == g].mean((0, 1)), 0, atol=1e-6)
        np.testing.assert_allclose(by_group[groups == g].std((0, 1)), 1, atol=1e-5)
    assert not normalise(np.ones((1, 3, 3), np.float32)).any()  # silence stays silence


def test_without_any_change_a_picture_stays():
    x = pictures(4, 12, 8)
    np.testing.assert_allclose(Augment(**QUIET)(x, np.random.default_rng(0)), x, atol=1e-5)


@pytest.mark.parametrize("change", ["time", "warp", "shift", "equaliser", "noise", "grain", "masks"])
def test_each_change_changes_and_repeats(change):
    x = pictures(4, 12, 8)
    augment = Augment(**QUIET | {change: getattr(Augment(), change) if change != "noise" else 0.5})
    y = augment(x, np.random.default_rng(0))
    assert y.shape == x.shape and y.dtype == np.float32 and abs(y - x).max() > 1e-3
    np.testing.assert_array_equal(y, augment(x, np.random.default_rng(0)))
    assert abs(y - augment(x, np.random.default_rng(1))).max() > 1e-3


def test_what_each_change_leaves_alone():
    r = np.random.default_rng(0)
    rows = np.tile(pictures(1, 1, 8), (3, 12, 1))  # the same in all frames
    np.testing.assert_allclose(Augment(**QUIET | {"time": 0.3})(rows, r), rows, atol=1e-5)
    bands = np.tile(pictures(1, 12, 1), (3, 1, 8))  # the same in all bands
    np.testing.assert_allclose(Augment(**QUIET | {"warp": 0.3, "shift": 2.0})(bands, r), bands, atol=1e-5)
    x = pictures(3, 12, 8)
    coloured = Augment(**QUIET | {"equaliser": 0.5})(x, r) - x
    np.testing.assert_allclose(coloured, np.broadcast_to(coloured[:, :1], coloured.shape), atol=1e-5)
    assert (Augment(**QUIET | {"noise": 0.0})(x, r) >= x - 1e-5).all()  # hiss only covers what is quieter
    hidden = Augment(**QUIET | {"masks": (3, 5)})(np.ones_like(x), r) == 0
    assert (hidden.all(1).sum(1) <= 3).all() and (hidden.all(2).sum(1) <= 5).all()
    assert (hidden == (hidden.all(1)[:, None, :] | hidden.all(2)[:, :, None])).all()


def test_the_network():
    net = SoundCNN(5, frames=16, bands=8, channels=(2, 3, 4), parts=2, generator=Generator(0))
    x = pictures(3, 16, 8)
    assert net(tensor(x)).shape == (3, 5) and net.features(tensor(x)).shape == (3, 4 * 2 * 2)
    names = {n for n, p in net.named_parameters()}
    logits = net(tensor(x))
    (logits * logits).sum().backward()
    assert {n for n, p in net.named_parameters() if p.grad is not None and abs(p.grad).max() > 0} == names
    wide = net.to("float64").eval()
    gradcheck(lambda v: wide(v), x.astype(np.float64)[:1])


def test_the_network_knows_where_in_frequency_and_when():
    """The same blob at another band, or at another time, has other features."""
    net = SoundCNN(5, generator=Generator(0)).eval()
    blobs = np.zeros((3, 48, 32), np.float32)
    blobs[0, 8:12, 4:8] = blobs[1, 8:12, 20:24] = blobs[2, 32:36, 4:8] = 3
    a, b, c = net.features(tensor(blobs)).detach().numpy()
    assert abs(a - b).max() > 0.1 and abs(a - c).max() > 0.1


def test_refusals():
    with pytest.raises(ValueError, match="frames must be a multiple of 4·parts = 16 .* got 40 and 32"):
        SoundCNN(5, frames=40)
    with pytest.raises(ValueError, match=r"x must be \(B, 48, 32\), got \(2, 48, 30\)"):
        SoundCNN(5)(tensor(np.zeros((2, 48, 30), np.float32)))
