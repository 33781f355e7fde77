"""A shop: items that are pictures, and users of whom it is known what they like.

    utility   s_ui = w_u · a_i + e_u · h_i + b_i

a_i are the item's visible attributes (shape, colour, size, texture, one-hot), w_u the user's weights on them;
h_i is what no picture shows (how well a thing is made) and e_u what the user makes of it; b_i is popularity.
A user takes items one after the other, without replacement, each with probability

    p(i | what is left) = exp(β s_ui) / Σ_j exp(β s_uj)      (Plackett, 1975; Luce, 1959)

drawn by Gumbel's trick: the n largest of β s_ui + g_ui. Of what a user took, some is shown for training and
some kept back, by lot, so ordering by s_ui is as good as any order can be on average: the oracle.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..scenes.graph import COLOURS, RADIUS, SHAPES, SIDE, SIZES, TEXTURES, Object, Scene

__all__ = ["Shop", "attributes_of", "make_shop", "scene_of"]


@dataclasses.dataclass
class Shop:
    """Items 0 … warm − 1 are warm (some are taken for training), the others cold (none is).

    scenes      of the items          attributes  (I, 14) one-hot, side by side
    visible     w_u · a_i (U, I): all that a picture can tell
    utility     s_ui (U, I)           train       (U, n_train) warm items
    val, test   (U, n) warm items     cold        (U, n_cold) cold items that the user takes
    """

    scenes: list
    attributes: np.ndarray
    visible: np.ndarray
    utility: np.ndarray
    warm: int
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    cold: np.ndarray

    @property
    def counts(self):
        """How often each item is taken for training: (I,)."""
        return np.bincount(self.train.ravel(), minlength=self.utility.shape[1])


def scene_of(shape, colour, size, texture, seed, random):
    """A scene of one object of these attributes, somewhere in the picture."""
    radius = RADIUS[size]
    low, high = int(radius) + 1, SIDE - int(radius) - 1
    x, y = (float(v) / 16 for v in random.integers(16 * low, 16 * high + 1, 2))
    return Scene(int(seed), (Object(shape, colour, size, texture, x, y, radius),))


def attributes_of(scenes):
    """Shape, colour, size and texture of each scene's object, one-hot: float64 (N, 14)."""
    rows = []
    for scene in scenes:
        o = scene.objects[0]
        values = ((o.shape, SHAPES), (o.colour, COLOURS), (o.size, SIZES), (o.texture, TEXTURES))
        rows.append(np.concatenate([np.eye(len(of))[of.index(v)] for v, of in values]))
    return np.array(rows)


def make_shop(users=300, warm=120, cold=40, taken=(12, 3, 5), taken_cold=3, hidden=0.6, popularity=1.0,
              sharpness=3.0, seed=0):  # fmt: skip
    """A shop of 300 users and 160 items unless told otherwise.

    taken       how many warm items of each user are for training, validation and test
    hidden      standard deviation of e_u · h_i; the weights w_u are N(0, ½²) on each attribute
    popularity  standard deviation of b_i;  sharpness β
    Errors     ValueError for a count below 1, or more items taken than there are
    """
    counts = {"users": users, "warm": warm, "cold": cold, "taken_cold": taken_cold}
    counts |= {f"taken[{i}]": n for i, n in enumerate(taken)}
    for name, n in counts.items():
        if n < 1:
            raise ValueError(f"make_shop: {name}: expected at least 1, got {n}")
    if sum(taken) > warm or taken_cold > cold:
        raise ValueError(
            f"make_shop: taken: expected at most {warm} warm and {cold} cold items, got "
            f"{sum(taken)} and {taken_cold}"
        )
    random = np.random.default_rng([seed, 0x5409])
    items = warm + cold
    kinds = (SHAPES, COLOURS, SIZES, TEXTURES)
    scenes = [
        scene_of(*(of[random.integers(len(of))] for of in kinds), seed * items + i, random)
        for i in range(items)
    ]
    a = attributes_of(scenes)
    visible = random.normal(scale=0.5, size=(users, a.shape[1])) @ a.T
    unseen = random.normal(size=(users, 4)) @ random.normal(size=(4, items)) / 2
    utility = visible + hidden * unseen + popularity * random.normal(size=items)
    noisy = sharpness * utility + random.gumbel(size=utility.shape)
    first = np.argsort(-noisy[:, :warm], axis=1)[:, : sum(taken)]
    first = random.permuted(first, axis=1)  # which are for training must not depend on the order of taking
    train, val, test = np.split(first, np.cumsum(taken)[:-1], axis=1)
    last = warm + np.argsort(-noisy[:, warm:], axis=1)[:, :taken_cold]
    return Shop(scenes, a, visible, utility, warm, train, val, test, last)
