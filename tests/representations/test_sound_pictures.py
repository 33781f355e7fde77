"""Pictures of sound: stretching, normalising, augmenting, and the network over them."""

import numpy as np
import pytest

from mmscratch import Generator, gradcheck, tensor
from mmscratch.representations import Features
from mmscratch.representations.audio.augment import Augment, Colours, normalise, resampled, stretch, views
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


def test_colours_between_speakers():
    """Two speakers whose bands differ in mean and deviation: a clip moved lies on the way between, and a
    little beyond; moved from its own colour to its own it stays."""
    random = np.random.default_rng(0)
    speakers = np.repeat(["al", "bo"], 200)
    mean = np.array([[0.0, 1.0, 2.0], [4.0, -1.0, 2.0]])
    scale = np.array([[1.0, 1.0, 2.0], [4.0, 1.0, 1.0]])
    x = (random.normal(size=(400, 50, 3)) * np.repeat(scale, 200, 0)[:, None]).astype(np.float32)
    x += np.repeat(mean, 200, 0)[:, None].astype(np.float32)
    colours = Colours(x, speakers)
    np.testing.assert_allclose(colours.mean, mean, atol=0.1)
    np.testing.assert_allclose(colours.log_std, np.log(scale), atol=0.02)
    chosen = np.arange(200)
    y = colours(x[chosen], chosen, np.random.default_rng(1))
    assert y.dtype == np.float32 and (y == colours(x[chosen], chosen, np.random.default_rng(1))).all()
    # share w of bo: each band's mean and log-deviation tell it, and tell the same
    w = np.log(y.std(1)[:, 0] / x[chosen].std(1)[:, 0]) / (colours.log_std[1] - colours.log_std[0])[0]
    moved = colours.mean[0] + w[:, None] * (colours.mean[1] - colours.mean[0])
    kept = (x[chosen].mean(1) - colours.mean[0]) * np.exp(
        w[:, None] * (colours.log_std[1] - colours.log_std[0])
    )
    np.testing.assert_allclose(y.mean(1), moved + kept, atol=1e-3)
    assert -0.26 < w.min() < -0.01 and 0.9 < w.max() < 1.26 and 0.15 < w.mean() < 0.35
    alone = Colours(x[:200], speakers[:200])
    np.testing.assert_allclose(alone(x[:9], np.arange(9), random), x[:9], atol=1e-4)


def test_nine_readings():
    x = pictures(3, 12, 8)
    found = views(x, warp=0.1, time=0.2)
    assert len(found) == 9 and all(v.shape == x.shape and v.dtype == np.float32 for v in found)
    np.testing.assert_allclose(found[4], x, atol=1e-5)  # the middle one is the picture
    for k, (scale, cut) in enumerate((s, c) for s in (0.9, 1.0, 1.1) for c in (-0.2, 0.0, 0.2)):
        rows = np.array([np.interp(np.arange(8) * scale, np.arange(8), row) for row in x[1]])
        places = 11 * np.linspace(cut, 1 - cut, 12)
        wanted = np.array([np.interp(places, np.arange(12), column) for column in rows.T]).T
        np.testing.assert_allclose(found[k][1], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "width"),
    [({}, 16), ({"contrast": True}, 16), ({"coarse": 2}, 8), ({"everywhere": True}, 8)],
)
def test_the_network(options, width):
    net = SoundCNN(5, frames=16, bands=8, channels=(2, 3, 4), parts=2, generator=Generator(0), **options)
    x = pictures(3, 16, 8)
    assert net(tensor(x)).shape == (3, 5) and net.features(tensor(x)).shape == (3, width)
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


def test_contrast_is_blind_to_colour():
    """The second plane of a picture stays when a constant is added to a band."""
    net = SoundCNN(5, frames=16, bands=8, contrast=True, generator=Generator(0)).eval()
    net.conv1.weight.data[:, 0] = 0  # the second plane alone
    x = pictures(3, 16, 8)
    y = x + 3 * pictures(3, 1, 8, seed=1)
    a, b, c = (net(tensor(v)).detach().numpy() for v in (x, y, x[:, ::-1].copy()))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert abs(a - c).max() > 1e-3


def test_refusals():
    with pytest.raises(ValueError, match="frames must be a multiple of 4·parts = 16 and .*, got 40 and 32"):
        SoundCNN(5, frames=40)
    with pytest.raises(ValueError, match=r"x must be \(B, 48, 32\), got \(2, 48, 30\)"):
        SoundCNN(5)(tensor(np.zeros((2, 48, 30), np.float32)))
