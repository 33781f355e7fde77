"""Frames of a sound and objects of a clip: every method's weights, and the world's truth.

The scene's objects sound from left to right (colour → pitch), each note 0.3 s and dying away. A curtain
uncovers the same scene from left to right, by steps of random width: a clip of 25 frames in which objects
appear in the same order at other times. Which object is heard in which frame of the sound?

    sure        from an onset on for 150 ms (then the note has died to 1/e): the object whose note began last,
                unless another began within 20 ms of it
    possible    every object whose note sounds
    silence     frames without sound are linked to nothing, by any method

What each method is given beside the sound:

    DTW, soft-DTW    the clip's pixels, colours by the lexicon's hues, and a rule: which pitch is which colour
    CTC              no rule: sounds with their colours in order (no times) are what it learns from
    IBM-1            no rule and no order: sounds with their objects
    diagonal, CTC    the objects from left to right
"""

from dataclasses import dataclass, replace

import numpy as np

from ...alignment import (
    IBM1,
    KNOWLEDGE,
    ctc_occupancy,
    dtw,
    forced_alignment,
    normalised,
    sinkhorn,
    soft_alignment,
)
from ...data import scenes
from ...data.scenes.graph import COLOURS, SIDE
from ...data.scenes.sound import LENGTH, PITCHES
from ...representations.audio import AudioOptions, log_mel
from .learners import train_ctc

__all__ = ["SOUND_METHODS", "SoundPair", "load_sounds", "onsets_of_pitches", "uncovered"]

RATE, HOP, CLIP = 8000, 160, 25
SURE, APART = 0.15, 0.02
KEPT = 0.8
"""Of the memory of an onset, from one frame to the next."""


@dataclass(frozen=True)
class SoundPair:
    """A sound and its objects from left to right.

    heard (T, 6) recent onsets of the six pitches, loud bool (T,); mel (T, 24); seen (K, 6) colours that have
    just appeared, shown (K,) the newest object (−1 none); colours (N,); sure, possible bool (T, N)
    """

    heard: np.ndarray
    loud: np.ndarray
    mel: np.ndarray
    seen: np.ndarray
    shown: np.ndarray
    colours: list
    sure: np.ndarray
    possible: np.ndarray


def load_sounds(seed, train=300, val=50, test=100):
    """Three lists of ``SoundPair``; the clips of training are not drawn, nobody learns from them."""
    data = scenes.load(f"scenes:train={train},val={val},test={test},count=3-5,references=1,seed={seed}")
    found = []
    for name in ("train", "val", "test-iid"):
        graphs = data.split(name).graphs
        sounds = np.stack([scenes.render_sound(scene) for scene in graphs])
        options = AudioOptions(RATE, window_length=512, hop_length=HOP, fft_length=512, bands=24, top_db=None)
        mels = log_mel(sounds, options).values
        draw = np.random.default_rng([seed, len(found)])
        found.append([_pair(*row, draw, name != "train") for row in zip(graphs, sounds, mels, strict=True)])
    return found


def _pair(scene, sound, mel, draw, clip):
    order = sorted(range(len(scene)), key=lambda i: scene.objects[i].x)
    objects = [scene.objects[i] for i in order]
    time = np.arange(len(mel))[:, None] * HOP / RATE
    since = time - np.array([scenes.onset(o) for o in objects])
    possible = (since >= 0) & (since < LENGTH)
    near = (np.abs(since[:, :, None] - since[:, None]) < APART).sum(2) > 1  # another begins at the same time
    newest = (since >= 0) & (since == np.where(since >= 0, since, np.inf).min(1, keepdims=True))
    sure = newest & (since < SURE) & ~near
    energy = pitch_energy(sound, len(mel))
    seen, shown = uncovered(scene, objects, draw) if clip else (None, None)
    loud = np.sqrt(energy.sum(1)) > 1e-3
    return SoundPair(onsets_of_pitches(energy), loud, mel, seen, shown, [o.colour for o in objects], sure,
                     possible)  # fmt: skip


def pitch_energy(sound, frames):
    """|Σ_n w_n s_n e^{−2πi p n}|² at the six pitches p, frame t centred at t · 20 ms: (T, 6)."""
    n = np.arange(512) - 256
    window = np.hanning(513)[:-1] / 128
    waves = window * np.exp(-2j * np.pi * np.outer(list(PITCHES.values()), n) / RATE)
    padded = np.pad(np.asarray(sound, np.float64), 256)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, 512)[::HOP][:frames]
    return np.abs(pieces @ waves.T) ** 2


def onsets_of_pitches(energy):
    """Where a pitch grows, max(0, ln e_t − ln e_{t−2}), fading by a fifth a frame; rows of sum 1 or 0."""
    level = np.log(energy + 1e-5)
    growth = np.maximum(level - np.pad(level, ((2, 0), (0, 0)), constant_values=np.log(1e-5))[:-2], 0)
    return _recent(np.where(growth > 1.0, growth, 0))


def _recent(new):
    out = np.zeros(new.shape)
    for t, row in enumerate(new):
        out[t] = np.maximum(row, KEPT * out[t - 1] if t else 0)
    total = out.sum(1, keepdims=True)
    return np.where(total > 1e-3, out / np.maximum(total, 1e-3), 0)


def uncovered(scene, objects, draw):
    """The clip seen: colours that have just appeared (K, 6), and the newest object of each frame (K,)."""
    steps = draw.gamma(0.6, size=CLIP)
    edge = SIDE * np.cumsum(steps) / steps.sum()
    areas, shown = np.zeros((CLIP + 1, len(COLOURS))), np.empty(CLIP, int)
    for k, x in enumerate(edge):
        there = [o for o in objects if o.x <= x]
        shown[k] = len(there) - 1
        same = k and shown[k] == shown[k - 1]
        areas[k + 1] = (
            areas[k] if same else _colour_areas(scenes.render(replace(scene, objects=tuple(there))))
        )
    new = np.diff(areas, axis=0)
    return _recent(np.where(new > 5, 1.0, 0.0)), shown


def _colour_areas(image):
    """Pixels of each colour by the lexicon's hues, of every other row and column: (6,)."""
    x = image[::2, ::2].reshape(-1, 3) / 255
    top, chroma = x.max(1), np.ptp(x, axis=1)
    x, top, chroma = x[chroma > 0.25], top[chroma > 0.25], chroma[chroma > 0.25]
    r, g, b = x.T
    sixth = np.where(
        top == r, (g - b) / chroma % 6, np.where(top == g, (b - r) / chroma + 2, (r - g) / chroma + 4)
    )
    hue, found = 60 * sixth, []
    for colour in COLOURS:
        low, high = KNOWLEDGE[colour]["hue"]
        above, below = hue >= low, hue < high
        found.append(((above | below) if low > high else (above & below)).sum())
    return np.array(found, float)


def uniform(train, seed):
    """Chance: every frame on every object alike."""
    return lambda pair: np.full(pair.sure.shape, 1 / pair.sure.shape[1])


def diagonal(train, seed):
    """The sounding part of the sound cut into N equal pieces."""

    def weights(pair):
        t, n = np.flatnonzero(pair.loud), pair.sure.shape[1]
        place = (np.arange(len(pair.loud)) - t[0]) * n // (t[-1] - t[0] + 1)
        return np.eye(n)[np.clip(place, 0, n - 1)]

    return weights


def costs(pair):
    """1 − cosine of what was just heard and what was just seen: (T, K)."""
    h, s = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (pair.heard, pair.seen))
    both_still = ~h.any(1)[:, None] & ~s.any(1)
    return np.where(both_still, 0.0, np.maximum(1 - h @ s.T, 0))


def _objects(pair, frames):
    """Weights on the clip's frames → on the newest object in each: (T, K) → (T, N)."""
    newest = pair.shown[:, None] == np.arange(pair.sure.shape[1])
    return frames @ newest


def warped(train, seed):
    """The cheapest path from the sound to the clip."""

    def weights(pair):
        out = np.zeros((len(pair.heard), CLIP))
        out[tuple(dtw(costs(pair)).path.T)] = 1
        return _objects(pair, normalised(out))

    return weights


def softly_warped(train, seed):
    """All paths, γ = 0.1."""
    return lambda pair: _objects(pair, normalised(soft_alignment(costs(pair), 0.1)))


def transported(train, seed):
    """Frames to objects by colour, every object used alike; the rule, but no order: ε = 0.1."""

    def weights(pair):
        wanted = np.array([[c == colour for c in COLOURS] for colour in pair.colours], float)
        out = np.zeros(pair.sure.shape)
        out[pair.loud] = sinkhorn(1 - pair.heard[pair.loud] @ wanted.T, 0.1, tolerance=1e-6).plan
        return out * pair.loud.sum()

    return weights


def ibm1(train, seed):
    """The pitch that began last as a word, the objects' colours as its sources."""

    def words(pair):
        newest, there = pair.heard.argmax(1), pair.heard.any(1)
        return [f"tone {k}" if new else "nothing" for k, new in zip(newest, there, strict=True)]

    model = IBM1().fit([p.colours for p in train], [words(p) for p in train])
    return lambda pair: model.posterior(pair.colours, words(pair))[:, 1:]


def _ctc(train, seed, of_labels):
    features = np.stack([p.mel for p in train])
    labels = [[COLOURS.index(c) + 1 for c in p.colours] for p in train]
    log_probs = train_ctc(features, labels, seed)
    return lambda pair: of_labels(log_probs(pair.mel), [COLOURS.index(c) + 1 for c in pair.colours])


def ctc_forced(train, seed):
    """The forced path; a label lasts until the next begins, since CTC says it once and then blanks."""

    def weights(y, target):
        place, _ = forced_alignment(y, target)
        return np.eye(len(target))[np.maximum(np.maximum.accumulate(place), 0)]

    return _ctc(train, seed, weights)


def ctc_soft(train, seed):
    """As much of u as has begun by frame t (its occupancy's maximum so far), less what u + 1 has."""

    def weights(y, target):
        begun = np.maximum.accumulate(ctc_occupancy(y, target), axis=0)
        return np.maximum(begun - np.pad(begun, ((0, 0), (0, 1)))[:, 1:], 0)

    return _ctc(train, seed, weights)


SOUND_METHODS = {
    "uniform (chance)": uniform,
    "diagonal": diagonal,
    "DTW": warped,
    "soft-DTW": softly_warped,
    "Sinkhorn": transported,
    "IBM-1": ibm1,
    "CTC, forced": ctc_forced,
    "CTC, occupancy": ctc_soft,
}
"""Name → method(train, seed) → weights(pair) (T, N)."""
