"""Clips to `Features`: padding is zero, stretches are the right frames, and nets see the right pixels."""

import numpy as np
import pytest

from mmscratch import nn
from mmscratch.data import scenes
from mmscratch.random import Generator
from mmscratch.representations.video import (
    C3D,
    clip_features,
    frame_features,
    grid_features,
    to_clips,
    windows,
)

LONG = scenes.render_clip(scenes.make_clip(1, "grows", frames=21))
SHORT = scenes.render_clip(scenes.make_clip(2, "rises", frames=5))


class Watch:
    """A net for clips that says what it was shown: the mean of each clip's first and last frame."""

    def features(self, x):
        return Pair(x.numpy()[:, :, [0, -1]].mean(axis=(1, 3, 4)))


class Pair:
    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


def check(features, lengths, width):
    assert features.values.shape == (len(lengths), max(lengths), width)
    assert features.values.dtype == np.float32 and features.lengths.tolist() == lengths
    assert not features.values[~features.mask].any()
    assert np.abs(features.values[features.mask]).sum(axis=1).min() > 0


def test_to_clips_by_hand():
    frames = np.arange(2 * 1 * 2 * 3, dtype=np.uint8).reshape(2, 1, 2, 3)
    x = to_clips(frames)
    assert x.shape == (1, 3, 2, 1, 2) and x.dtype == np.float32 and x.flags.c_contiguous
    for t, h, w, c in np.ndindex(frames.shape):
        assert x[0, c, t, h, w] == np.float32(frames[t, h, w, c]) / np.float32(255) - np.float32(0.5)
    assert np.array_equal(to_clips(frames[None]), x)
    with pytest.raises(ValueError, match="expected uint8"):
        to_clips(frames / 255)
    with pytest.raises(ValueError, match=r"\(2, 1, 2\)"):
        to_clips(frames[..., 0])


def test_windows_by_hand():
    assert windows(16) == [0] and windows(5) == [0] and windows(17) == [0, 1]
    assert windows(32) == [0, 8, 16] and windows(30) == [0, 8, 14]
    for total in range(1, 60):
        for length in (1, 4, 16):
            starts = windows(total, length, max(length // 2, 1))
            seen = {t for s in starts for t in range(s, min(s + length, total))}
            assert seen == set(range(total)) and len(set(starts)) == len(starts)
    with pytest.raises(ValueError, match="step"):
        windows(4, 2, 0)


def test_grid_features_are_mean_colours():
    features = grid_features([LONG, SHORT], grid=4)
    check(features, [21, 5], 48)
    cell = SHORT[2, 16:32, 48:64].mean(axis=(0, 1)) / 255  # row 1, column 3
    np.testing.assert_allclose(features.values[1, 2].reshape(4, 4, 3)[1, 3], cell, rtol=1e-5)


def test_frame_features_are_the_encoders_means():
    conv = nn.Conv2d(3, 4, 3, stride=2, generator=Generator(0))
    features = frame_features([LONG, SHORT], conv, size=32)
    check(features, [21, 5], 4)
    some = frame_features([LONG, SHORT], conv, count=3, size=32)
    check(some, [3, 3], 4)
    np.testing.assert_allclose(some.values[0], features.values[0, [3, 10, 17]], rtol=1e-5)


def test_clip_features_are_of_the_right_frames():
    features = clip_features([LONG, SHORT], Watch(), length=16, size=64, step=8)
    assert features.lengths.tolist() == [2, 1] and not features.values[~features.mask].any()
    means = [clip.mean(axis=(1, 2, 3)) / 255 - 0.5 for clip in (LONG, SHORT)]
    np.testing.assert_allclose(features.values[0], [means[0][[0, 15]], means[0][[5, 20]]], atol=1e-5)
    np.testing.assert_allclose(features.values[1, 0], means[1][[0, 4]], atol=1e-5)  # its last frame repeats


def test_clip_features_by_a_net_in_evaluation_mode():
    net = C3D(3, ((2,), (3,)), 6, 4, 16, dropout=0.5, generator=Generator(0))
    features = clip_features([LONG, SHORT], net, length=4, size=16, step=4, batch_size=2)
    assert net.training and features.values.shape == (2, 6, 6) and features.lengths.tolist() == [6, 2]
    assert not features.values[~features.mask].any()
    again = clip_features([LONG, SHORT], net, length=4, size=16, step=4, normalise=True)
    norms = np.linalg.norm(again.values[again.mask], axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-5)
    with pytest.raises(ValueError, match="clip_features: frames: expected uint8"):
        clip_features([LONG[0]], net)
