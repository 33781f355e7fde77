"""Scene graph → sound: every object one note, from left to right.

Forward    s(t) = Σ_objects level · n(t − onset),  n(t) = envelope(t) · Σ_k a_k sin(2πk·pitch·t) / √(½Σa_k²)
           shape → timbre (the recipe a_k), colour → pitch, size → level, x → onset (and place, in stereo)
Shapes     (T,) float32, T = seconds·rate; in stereo (T, 2)

What y, texture, jitter and noise say is not heard. A recipe keeps the harmonics that the sample rate can
carry, so nothing is folded back; the wave has root mean square 1 before level and envelope, so loudness is
the size's alone. Six big notes at once stay within ±1. Phases are 0: a scene has one sound.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..audio import write_wav
from ..errors import DataError
from .graph import COLOURS, SHAPES, SIDE, Object, Scene

__all__ = ["LEVELS", "PITCHES", "SECONDS", "export_sounds", "harmonics", "note", "onset", "render_sound"]

SAMPLE_RATE = 8000
SECONDS = 1.0
LATEST = 0.7  # seconds: the onset at the right edge
LENGTH = 0.3  # seconds that a note lasts
ATTACK, RELEASE, DECAY = 0.005, 0.03, 0.15  # seconds; decay: to 1/e

PITCHES = dict(zip(COLOURS, (220 * 2 ** (k / 12) for k in (0, 3, 5, 7, 10, 12)), strict=True))
"""Colour → Hz: the minor pentatonic scale from A3 to A4, in which any two notes go together."""

LEVELS = {"small": 0.02, "big": 0.06}
"""Size → root mean square of the wave: three times, 9.5 dB, apart."""

_RECIPES = {
    "circle": lambda k: np.where(k == 1, 1.0, 0.0),  # a sine
    "square": lambda k: np.where(k % 2 == 1, 1 / k, 0.0),  # a square wave
    "triangle": lambda k: np.where(k % 2 == 1, (-1.0) ** ((k - 1) // 2) / k**2, 0.0),  # a triangle wave
    "cross": lambda k: 1 / k,  # a sawtooth
}


def harmonics(shape: str, pitch: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """a_1, a_2, … of a shape's recipe below half the sample rate, Σa_k² = 2: a wave of root mean square 1."""
    if shape not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {shape!r}")
    k = np.arange(1, int((sample_rate / 2 - 1) // pitch) + 1).astype(np.float64)
    a = _RECIPES[shape](k)
    return a * np.sqrt(2 / (a * a).sum())


def onset(o: Object) -> float:
    """When an object's note begins, in seconds: 0 at the left edge, 0.7 at the right."""
    return LATEST * o.x / SIDE


def note(o: Object, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """An object's note from its onset on: float64 (0.3 s,)."""
    t = np.arange(round(LENGTH * sample_rate)) / sample_rate
    a = harmonics(o.shape, PITCHES[o.colour], sample_rate)
    phase = 2 * np.pi * PITCHES[o.colour] * t
    wave = a @ np.sin(np.arange(1, len(a) + 1)[:, None] * phase)
    return LEVELS[o.size] * _envelope(t) * wave


def _envelope(t):
    """Up along a half cosine, then falling exponentially, and down to 0 at the end."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / ATTACK, 1))
    end = 0.5 - 0.5 * np.cos(np.pi * np.minimum((LENGTH - t) / RELEASE, 1))
    return rise * end * np.exp(-t / DECAY)


def render_sound(scene: Scene, sample_rate: int = SAMPLE_RATE, stereo: bool = False) -> np.ndarray:
    """The sound of a scene: one second, float32 (T,), or (T, 2) with the left channel first.

    sample_rate   8000 or 16000
    stereo        each note at its object's place: gains cos θ and sin θ, θ = (π/2)·x/64
    """
    if sample_rate not in (8000, 16000):
        raise ValueError(f"sample_rate must be 8000 or 16000, got {sample_rate!r}")
    out = np.zeros((round(SECONDS * sample_rate), 2 if stereo else 1))
    for o in scene.objects:
        begin = round(onset(o) * sample_rate)
        n = note(o, sample_rate)[: len(out) - begin]
        angle = np.pi / 2 * o.x / SIDE
        gains = np.array([np.cos(angle), np.sin(angle)]) if stereo else np.ones(1)
        out[begin : begin + len(n)] += n[:, None] * gains
    return (out if stereo else out[:, 0]).astype(np.float32)


def export_sounds(
    scenes: Sequence[Scene], out: str | os.PathLike, sample_rate: int = SAMPLE_RATE, stereo: bool = False
) -> list[Path]:
    """Each scene's sound as a 16-bit WAV file scene_SEED.wav in the folder `out`, made if need be.

    Errors     DataError naming `out` where it cannot be a folder; ValueError where two scenes share a seed
    """
    out = Path(out)
    seeds = [scene.seed for scene in scenes]
    if len(set(seeds)) != len(seeds):
        raise ValueError("export_sounds: scenes: two have the same seed, so their files would be one")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(out, f"cannot be a folder ({error.strerror})") from None
    paths = [out / f"scene_{seed:010}.wav" for seed in seeds]
    for scene, path in zip(scenes, paths, strict=True):
        write_wav(path, render_sound(scene, sample_rate, stereo), sample_rate)
    return paths
