"""Posts with a mood: a sentence, a picture, a melody, and a score of −3 … 3 whose rule is known.

Each modality has a polarity of −3 … 3:

    text      a scene's caption, and how it is: a rated word, degree, negation ("not at all bad" is 2),
              en or zh
    picture   the scene, and beside it a face whose smile bends with the polarity, on a ground that is warm or
              cool (the palette: noisy)
    sound     a melody: its tempo tells how much, its mode which way (major above 0, minor below, no
              third at 0)

A regime is a list of cells (text, picture, sound, score), all equally frequent, so that what any method can
reach is counted, not guessed:

    redundant   all are the score
    additive    each of −1, 0, 1, the score is their sum: each tells a part
    unique      the text is the score, the others tell nothing
    synergy     sarcasm: sign(score) = sign(text) · sign(picture), |score| = |sound|. Text alone and picture
                alone tell nothing at all, and neither does the sound of the sign
"""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np

from .scenes import render, sample_scene
from .scenes.captions import captions

__all__ = ["MODALITIES", "PHRASES", "REGIMES", "Moods", "best_sign", "make_moods", "text_polarity"]

LEVELS = range(-3, 4)
REGIMES = {
    "redundant": tuple((s, s, s, s) for s in LEVELS),
    "additive": tuple((t, v, a, t + v + a) for t, v, a in itertools.product((-1, 0, 1), repeat=3)),
    "unique": tuple((t, v, a, t) for t, v, a in itertools.product(LEVELS, (-2, 0, 2), (-2, 0, 2))),
    "synergy": tuple(
        (t, v, a, (1 if t * v > 0 else -1) * abs(a))
        for t, v, a in itertools.product((-2, -1, 1, 2), (-2, -1, 1, 2), (-3, -2, -1, 1, 2, 3))
    ),
}
"""Name → cells (text, picture, sound, score), all equally frequent."""
MODALITIES = ("text", "picture", "sound")

GOOD = {"en": ("good", "lovely", "nice", "pretty"), "zh": ("好", "美", "可爱", "漂亮")}
BAD = {"en": ("bad", "ugly", "sad", "awful"), "zh": ("坏", "丑", "难看", "可怕")}
PHRASES = {
    "en": {0: ("plain", "as usual", "neither + nor -"), 1: ("a bit +", "not -"),
           2: ("+", "not at all -"), 3: ("very +", "really +")},
    "zh": {0: ("普通", "一般", "不 + 也 不 -"), 1: ("有点 +", "不 -"),
           2: ("+", "一点 也 不 -"), 3: ("非常 +", "真 +")},
}  # fmt: skip
"""Language → polarity ≥ 0 → ways to say it; + is a word of that sign, − one of the other."""
JOIN = {"en": ("and", "it", "is"), "zh": ("，", "它")}
SIDE, RATE = 32, 8000
ROOT, THIRD, FIFTH = 880.0, {1: 2 ** (4 / 12), -1: 2 ** (3 / 12)}, 2 ** (7 / 12)
TEMPO = {0: 3, 1: 4, 2: 6, 3: 8}
"""|polarity| → notes a second."""
WARM, COOL = np.array((1.0, 0.78, 0.45)), np.array((0.5, 0.66, 0.95))


@dataclasses.dataclass(frozen=True)
class Moods:
    """tokens: N tuples of words; pictures uint8 (N, 32, 64, 3); sounds float32 (N, 8000); score int64 (N,).

    polarity int64 (N, 3): what text, picture and sound tell; scene (N,): which of the drawn scenes it is
    """

    regime: str
    tokens: tuple
    pictures: np.ndarray
    sounds: np.ndarray
    polarity: np.ndarray
    score: np.ndarray
    scene: np.ndarray

    def __len__(self):
        return len(self.score)


def make_moods(regime, count, seed=0, scenes=24, lang="en"):
    """Posts of one regime: every cell as often as the others, in random order, about ``scenes`` scenes.

    Errors     ValueError for an unknown regime or language, a count that the number of cells does not divide,
               no scene
    """
    if regime not in REGIMES:
        raise ValueError(f"regime: expected one of {', '.join(REGIMES)}, got {regime!r}")
    if lang not in (*PHRASES, "both"):
        raise ValueError(f"lang: expected en, zh or both, got {lang!r}")
    cells = np.array(REGIMES[regime])
    if count < len(cells) or count % len(cells):
        raise ValueError(f"count: expected a multiple of the {len(cells)} cells of {regime}, got {count}")
    if scenes < 1:
        raise ValueError(f"scenes: expected at least 1, got {scenes}")
    random = np.random.default_rng([seed, list(REGIMES).index(regime), 0x300D])
    drawn = cells[random.permutation(np.repeat(np.arange(len(cells)), count // len(cells)))]
    about = random.integers(0, scenes, count)
    pictures, sounds = _pool(seed, scenes)
    at = drawn + 3
    tokens = []
    for scene, polarity in zip(about, drawn[:, 0], strict=True):
        said = lang if lang != "both" else ("en", "zh")[random.integers(2)]
        tokens.append(_sentence(seed, int(scene), said, int(polarity), random))
    return Moods(
        regime, tuple(tokens), pictures[about, at[:, 1]], sounds[about, at[:, 2]], drawn[:, :3], drawn[:, 3],
        about,
    )  # fmt: skip


def best_sign(regime, seen):
    """How often the sign of the score can be told from some modalities, scores of 0 left out: (right, cells).

    seen       numbers of modalities: 0 text, 1 picture, 2 sound
    Note       exact: of each combination of seen polarities the more frequent sign is said
    """
    table = {}
    for cell in REGIMES[regime]:
        if cell[3]:
            table.setdefault(tuple(cell[m] for m in seen), []).append(cell[3] > 0)
    right = sum(max(sum(signs), len(signs) - sum(signs)) for signs in table.values())
    return right, sum(map(len, table.values()))


def text_polarity(tokens):
    """What a sentence says, by the rules of its words: an integer −3 … 3. English or Chinese.

    Forward    the last rated word's sign, times 1 after "a bit", 3 after "very", else 2; a negation before it
               turns the sign and leaves 1, "not at all" leaves 2; two rated words, or none, are 0
    Errors     ValueError where the tokens have no such sentence
    """
    for lang, join in JOIN.items():
        n = len(join)
        for start in range(len(tokens) - n):
            if tuple(tokens[start : start + n]) == join:
                return _said(tuple(tokens[start + n :]), lang)
    raise ValueError(f"text_polarity: expected a sentence of this world, got {' '.join(tokens)!r}")


def _said(phrase, lang):
    rated = [1 if w in GOOD[lang] else -1 for w in phrase if w in GOOD[lang] + BAD[lang]]
    if len(rated) != 1:
        return 0
    before = phrase[:-1]
    if before and before[-1] in ("not", "不") and len(before) == 1:
        return -rated[0]
    if len(before) == 3:
        return -2 * rated[0]  # "not at all"
    return rated[0] * (1 if "bit" in before or "有点" in before else 3 if before else 2)


def _sentence(seed, scene, lang, polarity, random):
    noun = _captions(seed, scene, lang)
    pattern = PHRASES[lang][abs(polarity)]
    pattern = pattern[random.integers(len(pattern))].split()
    up, down = (GOOD, BAD) if polarity >= 0 else (BAD, GOOD)
    words = {"+": up[lang][random.integers(4)], "-": down[lang][random.integers(4)]}
    return (*noun, *JOIN[lang], *(words.get(w, w) for w in pattern))


def _scene(seed, k):
    return sample_scene((seed << 20) + k)


@functools.lru_cache(maxsize=4096)
def _captions(seed, k, lang):
    return tuple(captions(_scene(seed, k), level=1, lang=lang, n=1)[0].tokens)


@functools.lru_cache(maxsize=8)
def _pool(seed, scenes):
    """Every scene in every polarity: pictures (S, 7, 32, 64, 3), sounds (S, 7, 8000)."""
    random = np.random.default_rng([seed, scenes, 0xFACE])
    pictures = np.empty((scenes, 7, SIDE, 2 * SIDE, 3), np.uint8)
    sounds = np.empty((scenes, 7, RATE), np.float32)
    for k in range(scenes):
        whole = render(_scene(seed, k)).astype(np.float64)
        pictures[k, :, :, SIDE:] = whole.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3)).round()
        for p in LEVELS:
            pictures[k, p + 3, :, :SIDE] = _face(p, random)
            sounds[k, p + 3] = _melody(p, random)
    return pictures, sounds


def _face(polarity, random):
    """(32, 32, 3) uint8: the mouth is the parabola y = 5 + bend · (1 − 2 (x / 6.5)²) below the centre."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    x, y = (v - SIDE / 2 - random.uniform(-0.7, 0.7) for v in (x, y))
    warmth = np.clip(0.5 + polarity / 8 + random.normal(scale=0.2), 0, 1)
    picture = np.broadcast_to(warmth * WARM + (1 - warmth) * COOL, (SIDE, SIDE, 3)).copy()

    def draw(distance, colour):
        cover = np.clip(0.5 - distance, 0, 1)[:, :, None]
        picture[:] += cover * (np.array(colour) - picture)

    draw(np.hypot(x, y) - 12.5, (1.0, 0.92, 0.7))
    for side in (-4.5, 4.5):
        draw(np.hypot(x - side, y + 4) - 1.6, (0.15, 0.15, 0.2))
    bend = 1.4 * polarity + random.normal(scale=0.25)
    mouth = 5 + bend * (1 - 2 * (x / 6.5) ** 2)
    draw(np.maximum(np.abs(y - mouth) - 1, np.abs(x) - 6.5), (0.7, 0.1, 0.15))
    picture += random.normal(scale=0.02, size=picture.shape)
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _melody(polarity, random):
    """(8000,) float32: notes of a chord, each falling off before the next."""
    count = TEMPO[abs(polarity)]
    tones = [1.0, FIFTH] if polarity == 0 else [1.0, THIRD[int(np.sign(polarity))], FIFTH]
    order = np.resize(random.permutation(len(tones)), count)
    t = np.arange(RATE) / RATE
    wave = random.normal(scale=0.004, size=RATE)
    for k, which in enumerate(order):
        since = t - k / count
        note = np.exp(-since * 3 * count) * np.minimum(since * 200, 1)
        wave += np.where(since >= 0, 0.3 * note * np.sin(2 * np.pi * ROOT * tones[which] * since), 0)
    return wave.astype(np.float32)
