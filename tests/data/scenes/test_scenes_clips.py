"""Clips: exact truth in every frame, and nothing that a bag of frames could tell."""

import collections
import math

import numpy as np
import pytest

from mmscratch.data import scenes
from mmscratch.data.scenes import clips as module
from mmscratch.data.scenes.events import PAIRS

SEEDS = range(25)


@pytest.fixture(scope="module")
def small():
    return scenes.load_clips("clips:train=60,val=24,test=24")


def made(event):
    return [scenes.make_clip(seed, event) for seed in SEEDS]


def ways(clip):
    """Places of the actors, frame by frame: (T, A, 2)."""
    return clip.positions[:, list(clip.actors)]


def test_events_come_in_pairs_of_antonyms():
    assert len(scenes.EVENTS) == 12 == len(set(scenes.EVENTS))
    for event in scenes.EVENTS:
        other = scenes.ANTONYM[event]
        assert other != event and scenes.ANTONYM[other] == event
        assert scenes.EVENTS.index(event) // 2 == scenes.EVENTS.index(other) // 2


def test_a_clip_is_its_seed():
    for event in scenes.EVENTS:
        a, b = (scenes.make_clip(7, event) for _ in range(2))
        assert a == b and len(a) == 8 and a.event == event
        assert np.array_equal(scenes.render_clip(a), scenes.render_clip(b))
    assert scenes.make_clip(7, "grows") != scenes.make_clip(8, "grows")
    # frozen: what seed 7 has always been
    assert scenes.make_clip(7, "grows").signature()[:16] == FROZEN


FROZEN = "501a09cf45830269"


@pytest.mark.parametrize("event", scenes.EVENTS)
def test_a_reversal_has_the_same_frames_and_the_antonym(event):
    clip = scenes.make_clip(3, event)
    back = clip.reversed()
    assert back.event == scenes.ANTONYM[event] and back.reversed() == clip
    assert back == scenes.make_clip(3, scenes.ANTONYM[event])
    assert np.array_equal(scenes.render_clip(back), scenes.render_clip(clip)[::-1])
    assert back.signature() == clip.signature()
    assert np.array_equal(scenes.clip_boxes(back), scenes.clip_boxes(clip)[::-1])


def test_what_the_event_says_happens():
    for clip in made("moves right"):
        way = np.diff(ways(clip)[:, 0], axis=0)
        assert (way[:, 0] > 0).all() and np.abs(way.sum(0)[1]) * 3 <= way.sum(0)[0] + 0.01
        assert way.sum(0)[0] >= 16
    for clip in made("rises"):
        assert (np.diff(ways(clip)[:, 0, 1]) < 0).all() and np.ptp(ways(clip)[:, 0, 1]) >= 16
    for clip in made("grows"):
        assert (np.diff(clip.radii[:, 0]) > 0).all() and np.ptp(ways(clip)) >= 0
        assert (np.diff(ways(clip), axis=0) == 0).all()
    for clip in made("enters"):
        box = scenes.clip_boxes(clip)[:, 0]
        assert not box[0].any() and box[-1].any()
        x, y = ways(clip)[-1, 0]
        assert min(x, y, 64 - x, 64 - y) >= clip.radii[-1, 0] + 1
    for clip in made("approach"):
        gap = np.linalg.norm(ways(clip)[:, 0] - ways(clip)[:, 1], axis=1)
        assert (np.diff(gap) < 0).all() and gap[-1] >= clip.radii[0, :2].sum()
        assert (np.abs(np.diff(ways(clip), axis=0)).sum((0, 2)) > 5).all()  # both move
    for clip in made("clockwise"):
        arm = ways(clip)[:, 1] - ways(clip)[:, 0]
        angle = np.unwrap(np.arctan2(arm[:, 1], arm[:, 0]))  # y points down: growing is clockwise
        assert (np.diff(angle) > math.radians(20)).all()
        assert np.ptp(np.linalg.norm(arm, axis=1)) < 0.2


@pytest.mark.parametrize("event", [first for first, _ in PAIRS])
def test_objects_never_touch_and_the_rest_stands_still(event):
    for clip in made(event):
        p, r = clip.positions, clip.radii
        for i in range(p.shape[1]):
            for j in range(i):
                assert (np.linalg.norm(p[:, i] - p[:, j], axis=1) >= r[:, i] + r[:, j]).all()
        still = [i for i in range(p.shape[1]) if i not in clip.actors]
        assert (p[:, still] == p[:1, still]).all() and (r[:, still] == r[:1, still]).all()
        assert (p * 16 == np.round(p * 16)).all()


def test_boxes_and_masks_are_those_of_each_frame():
    clip = scenes.make_clip(5, "enters")
    boxes, masks = scenes.clip_boxes(clip), scenes.clip_masks(clip)
    assert boxes.shape == (8, len(clip.scenes[0]), 4) and masks.shape[:2] == boxes.shape[:2]
    for box, mask in zip(boxes.reshape(-1, 4), masks.reshape(-1, 64, 64), strict=True):
        x0, y0, x1, y1 = box
        assert mask.sum() == mask[y0:y1, x0:x1].sum()


def test_frames_have_noise_of_their_own():
    frames = scenes.render_clip(scenes.make_clip(11, "moves right", stills=(0, 0))).astype(int)
    corner = frames[:, :4, :4]
    assert all((corner[i] != corner[j]).any() for i in range(8) for j in range(i))


def test_both_labels_of_a_pair_are_one_multiset_of_frames(small):
    """So a bag of frames, whatever it is, has nothing to go by."""
    split = small.split("train")
    assert split.frames.shape == (120, 8, 32, 32, 3) and split.frames.dtype == np.uint8
    bags = [collections.Counter(), collections.Counter()]
    for frames, label in zip(split.frames, split.labels, strict=True):
        bags[label % 2].update((int(label) // 2, frame.tobytes()) for frame in frames)
    assert bags[0] == bags[1] and sum(bags[0].values()) == 480
    assert np.array_equal(split.frames[0::2], split.frames[1::2, ::-1])
    assert (split.labels[0::2] == split.labels[1::2] - 1).all()
    assert (np.bincount(split.labels) == 10).all()


def test_splits_do_not_share_clips_and_pairs_stay_together(small):
    seen = {}
    for name in module.CLIP_SPLITS:
        for clip in small.split(name).clips:
            assert scenes.clip_split_of(clip) == name
            assert seen.setdefault(clip.signature(), name) == name
        signatures = [clip.signature() for clip in small.split(name).clips]
        assert signatures[0::2] == signatures[1::2] and len(set(signatures)) == len(signatures) // 2


def test_options_as_text_and_their_errors():
    options = scenes.parse_clip_options("clips:train=12,frames=16,noise=0.01")
    assert (options.train, options.frames, options.noise, options.test) == (12, 16, 0.01, 240)
    assert scenes.parse_clip_options(str(options)) == options and str(scenes.ClipOptions()) == "clips"
    for text, word in [("scenes", "clips"), ("clips:pairs=3", "unknown key"), ("clips:train=x", "integer"),
                       ("clips:train", "key=value"), ("clips:seed=1,seed=2", "twice"),
                       ("clips:frames=1", "from 2 to 64"), ("clips:noise=2", "noise")]:  # fmt: skip
        with pytest.raises(ValueError, match=word):
            scenes.parse_clip_options(text)
    with pytest.raises(ValueError, match="event must be one of"):
        scenes.make_clip(0, "explodes")
    with pytest.raises(ValueError, match="frames"):
        scenes.make_clip(0, "grows", frames=1)
    with pytest.raises(ValueError, match="stills"):
        scenes.make_clip(0, "grows", stills=(2, 1))
    with pytest.raises(ValueError, match="split must be"):
        scenes.load_clips("clips:train=1").split("test-iid")
    with pytest.raises(TypeError, match="options"):
        scenes.load_clips(3)
