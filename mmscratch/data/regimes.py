"""Two modalities and a label, in worlds where it is known what each tells.

A world is a list of cells (a, b, y), equally frequent: the first modality carries a, the second b. What any
method can reach is therefore computed, not guessed: ``posterior`` is Bayes' rule for the world's own noise.

    redundant    a = b = y: either tells, both tell more reliably
    unique       y = a: the first tells, the second nothing
    additive     y = 1 where a + b > 0, a and b in ±1, ±2: each tells a part, their sum all
    synergy      y = 1 where a ≠ b (XOR): each alone tells nothing
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["REGIMES", "TwoViews", "best_alone", "best_sum_of_posteriors", "make_regime", "posterior"]

REGIMES = {
    "redundant": tuple((s, s, int(s > 0)) for s in (-1, 1)),
    "unique": tuple((a, b, int(a > 0)) for a in (-1, 1) for b in (-1, 1)),
    "additive": tuple((a, b, int(a + b > 0)) for a in (-2, -1, 1, 2) for b in (-2, -1, 1, 2) if a + b != 0),
    "synergy": tuple((a, b, int(a != b)) for a in (-1, 1) for b in (-1, 1)),
}
"""Name → cells (a, b, y), all equally frequent."""


@dataclasses.dataclass
class TwoViews:
    """first (N, T, D) and second (N, T, E) float32, their masks (N, T), target int64 (N,), and the truth.

    a, b (N,) are what the modalities carry; directions (D,), (E,) unit vectors; noise: standard deviation.
    """

    regime: str
    first: np.ndarray
    second: np.ndarray
    masks: tuple
    target: np.ndarray
    a: np.ndarray
    b: np.ndarray
    directions: tuple
    noise: float

    def __len__(self):
        return len(self.target)


def make_regime(regime, count, seed=0, sizes=(8, 6), steps=4, noise=0.4):
    """A data set of one regime: every cell as often as the others, in random order.

    Each modality is a sequence of 2 … ``steps`` steps (its mask tells), of noise N(0, noise²) in every entry.
    At one step, drawn for each modality by itself, its value times a direction is added: the two are not
    aligned. Two data sets of one regime have the same directions, which depend on the sizes alone.

    Errors     ValueError for an unknown regime, a count that the number of cells does not divide, a size or a
               number of steps below 1, a noise that is not above 0
    """
    if regime not in REGIMES:
        raise ValueError(f"regime: expected one of {', '.join(REGIMES)}, got {regime!r}")
    cells = np.array(REGIMES[regime])
    if count < len(cells) or count % len(cells):
        raise ValueError(f"count: expected a multiple of the {len(cells)} cells of {regime}, got {count}")
    if min(*sizes, steps) < 1 or not noise > 0:
        raise ValueError(
            f"sizes, steps, noise: expected at least 1, at least 1, above 0; got {sizes}, {steps}, {noise}"
        )
    random = np.random.default_rng([seed, list(REGIMES).index(regime), 0xF05E])
    a, b, y = cells[random.permutation(np.repeat(np.arange(len(cells)), count // len(cells)))].T
    directions = tuple(_direction(size, m) for m, size in enumerate(sizes))
    views, masks = [], []
    for value, u in zip((a, b), directions, strict=True):
        length = random.integers(min(2, steps), steps + 1, count)
        mask = np.arange(steps) < length[:, None]
        view = random.normal(scale=noise, size=(count, steps, len(u)))
        view[np.arange(count), random.integers(0, length)] += value[:, None] * u
        views.append(np.where(mask[:, :, None], view, 0).astype(np.float32))
        masks.append(mask)
    return TwoViews(regime, *views, tuple(masks), y.astype(np.int64), a, b, directions, float(noise))


def _direction(size, m):
    u = np.random.default_rng([size, m, 0xD1]).normal(size=size)
    return u / np.linalg.norm(u)


def posterior(data, first=True, second=True):
    """p(y = 1 | what is seen) by Bayes' rule, of a modality that is not seen summing over it: float64 (N,).

    log p(x | value) = log Σ_t exp((value u·x_t − value²/2) / noise²) + what does not depend on the value,
    the sum over the steps that are real, each as likely as the others
    """
    cells = np.array(REGIMES[data.regime], float)
    score = np.zeros((len(data), len(cells)))
    seen = (first, second)
    for m, view in enumerate((data.first, data.second)):
        if not seen[m]:
            continue
        along = view.astype(np.float64) @ data.directions[m]
        value = cells[:, m]
        each = (along[:, :, None] * value - value**2 / 2) / data.noise**2
        each = np.where(data.masks[m][:, :, None], each, -np.inf)
        top = each.max(axis=1, keepdims=True)
        score += top[:, 0] + np.log(np.exp(each - top).sum(axis=1))
    p = np.exp(score - score.max(axis=1, keepdims=True))
    return (p @ cells[:, 2]) / p.sum(axis=1)


def best_alone(regime):
    """What the first and the second modality tell alone, without noise: two shares of right answers."""
    cells = REGIMES[regime]
    found = []
    for m in (0, 1):
        right = 0
        for value in {c[m] for c in cells}:
            labels = [c[2] for c in cells if c[m] == value]
            right += max(labels.count(0), labels.count(1))
        found.append(right / len(cells))
    return tuple(found)


def best_sum_of_posteriors(regime):
    """What the mean of the two exact posteriors tells, without noise; a coin where it is ½."""
    cells = REGIMES[regime]
    alone = [{v: np.mean([c[2] for c in cells if c[m] == v]) for v in {c[m] for c in cells}} for m in (0, 1)]
    right = 0.0
    for a, b, y in cells:
        p = (alone[0][a] + alone[1][b]) / 2
        right += 0.5 if np.isclose(p, 0.5) else float((p > 0.5) == bool(y))
    return right / len(cells)
