"""The scenes' sounds: every attribute that is put in can be heard out again."""

import numpy as np
import pytest

from mmscratch.data import DataError, scenes
from mmscratch.data.audio import read_wav, resample
from mmscratch.data.scenes import COLOURS, LEVELS, PITCHES, SHAPES, SIZES, Object, Scene, render_sound

RATES = [8000, 16000]


def alone(shape="circle", colour="red", size="big", x=32.0):
    radius = {"small": 6.0, "big": 10.0}[size]
    return Scene(0, (Object(shape, colour, size, "solid", x, 32.0, radius),))


def spectrum(x, rate):
    """Amplitudes at every half hertz or so."""
    n = 1 << 15
    return abs(np.fft.rfft(x * np.hanning(len(x)), n)), rate / n


def sounding(scene, rate):
    begin = round(scenes.onset(scene.objects[0]) * rate)
    return render_sound(scene, rate)[begin : begin + round(0.3 * rate)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("colour", COLOURS)
def test_colour_is_the_pitch(shape, colour, rate):
    x = sounding(alone(shape, colour), rate)
    amplitude, step = spectrum(x, rate)
    assert amplitude.argmax() * step == pytest.approx(PITCHES[colour], rel=0.01)
    # and by autocorrelation, which needs no spectrum; finer samples, for a period is no whole number of them
    x, rate = resample(x, rate, 64000), 64000
    lags = np.arange(rate // 470, rate // 205)
    alike = [x[:-k] @ x[k:] / np.sqrt((x[:-k] @ x[:-k]) * (x[k:] @ x[k:])) for k in lags]
    heard = rate / lags[int(np.argmax(alike))]
    nearest = min(COLOURS, key=lambda c: abs(np.log(PITCHES[c] / heard)))
    assert nearest == colour


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("colour", COLOURS)
def test_shape_is_the_recipe_of_harmonics(colour, rate):
    pitch = PITCHES[colour]
    wanted = {
        "circle": [0, 0, 0],
        "square": [0, 1 / 3, 0],
        "triangle": [0, 1 / 9, 0],
        "cross": [1 / 2, 1 / 3, 1 / 4],
    }
    for shape, ratios in wanted.items():
        amplitude, step = spectrum(sounding(alone(shape, colour), rate), rate)
        at = [amplitude[round(k * pitch / step)] for k in (1, 2, 3, 4)]
        np.testing.assert_allclose(np.array(at[1:]) / at[0], ratios, atol=0.02)


@pytest.mark.parametrize("rate", RATES)
def test_nothing_is_folded_back(rate):
    """Between the harmonics there is silence: 60 dB and more below."""
    for shape in SHAPES:
        amplitude, step = spectrum(sounding(alone(shape, "purple"), rate), rate)
        f = np.arange(len(amplitude)) * step
        off = abs(f / PITCHES["purple"] - np.rint(f / PITCHES["purple"])) * PITCHES["purple"]
        assert amplitude[off > 60].max() < 0.02 * amplitude.max()
        assert scenes.harmonics(shape, 440.0, rate) @ scenes.harmonics(shape, 440.0, rate) == pytest.approx(2)


@pytest.mark.parametrize("shape", SHAPES)
def test_size_is_the_level_whatever_the_shape(shape):
    heard = {
        size: np.sqrt((sounding(alone(shape, "blue", size), 8000).astype(float) ** 2).mean())
        for size in SIZES
    }
    assert heard["big"] / heard["small"] == pytest.approx(3, rel=1e-4)
    reference = np.sqrt((sounding(alone("circle", "blue", "big"), 8000).astype(float) ** 2).mean())
    assert heard["big"] == pytest.approx(reference, rel=0.03)
    assert 0.4 * LEVELS["big"] < reference < 0.7 * LEVELS["big"]  # what the envelope leaves of it


@pytest.mark.parametrize("rate", RATES)
def test_x_is_the_onset(rate):
    for x in (7.0, 20.5, 43.25, 57.0):
        heard = np.flatnonzero(abs(render_sound(alone("cross", x=x), rate)) > 1e-3)[0] / rate
        assert heard == pytest.approx(0.7 * x / 64, abs=0.002)


def test_notes_come_in_the_order_of_x():
    for seed in range(20):
        scene = scenes.sample_scene(seed)
        order = sorted(scene.objects, key=lambda o: o.x)
        times = [scenes.onset(o) for o in order]
        assert times == sorted(times) and times[-1] + 0.3 < 1.0


def test_a_scene_is_the_sum_of_its_notes():
    scene = scenes.sample_scene(5)
    parts = [Scene(0, (o,)) for o in scene.objects]
    np.testing.assert_allclose(render_sound(scene), sum(render_sound(p) for p in parts), atol=1e-6)


def test_place_is_heard_in_stereo():
    both = render_sound(alone(x=16.0), stereo=True).astype(float)
    assert both.shape == (8000, 2)
    left, right = np.sqrt((both**2).sum(axis=0))
    assert np.arctan2(right, left) / (np.pi / 2) * 64 == pytest.approx(16, abs=0.01)
    np.testing.assert_allclose(np.sqrt((both**2).sum(1)), abs(render_sound(alone(x=16.0))), atol=1e-6)


def test_the_same_scene_is_the_same_sound_and_fits():
    for seed in range(10):
        scene = scenes.sample_scene(seed)
        x = render_sound(scene)
        assert x.dtype == np.float32 and x.shape == (8000,)
        np.testing.assert_array_equal(x, render_sound(scenes.Scene.from_dict(scene.to_dict())))
    assert not render_sound(Scene(0, ())).any()
    crowd = Scene(0, tuple(Object("cross", c, "big", "solid", 30.0, 32.0, 10.0) for c in COLOURS))
    assert abs(render_sound(crowd, 16000)).max() < 1


def test_what_is_seen_only_is_not_heard():
    a, b = (Object("cross", "red", "big", t, 30.0, y, 10.0, (j,) * 3) for t, y, j in
            (("solid", 20.0, 1.0), ("striped", 50.0, 0.9)))  # fmt: skip
    np.testing.assert_array_equal(render_sound(Scene(0, (a,))), render_sound(Scene(9, (b,), 0.5, 0.1)))


def test_files(tmp_path):
    some = [scenes.sample_scene(seed) for seed in (3, 4)]
    paths = scenes.export_sounds(some, tmp_path / "new" / "sounds", 16000)
    assert [p.name for p in paths] == ["scene_0000000003.wav", "scene_0000000004.wav"]
    for scene, path in zip(some, paths, strict=True):
        sound = read_wav(path)
        assert sound.sample_rate == 16000
        np.testing.assert_allclose(sound.samples, render_sound(scene, 16000), atol=1 / 16384)
    (path,) = scenes.export_sounds(some[:1], tmp_path, stereo=True)
    assert read_wav(path, mono=False).samples.shape == (8000, 2)


def test_refusals(tmp_path):
    with pytest.raises(ValueError, match="8000 or 16000, got 44100"):
        render_sound(alone(), 44100)
    with pytest.raises(ValueError, match="circle, square, triangle, cross, got 'star'"):
        scenes.harmonics("star", 220.0)
    with pytest.raises(ValueError, match="same seed"):
        scenes.export_sounds([alone(), alone()], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be a folder"):
        scenes.export_sounds([alone()], tmp_path / "file")
