"""What the goldens of VGG and ResNet are made of: small networks, weights and pictures from one seed.

Shared by the tests and by tests/goldens/make_image_goldens.py, so that the file need hold results only.
"""

import numpy as np

SIZES = {"classes": 5, "hidden": 10}
CASES = {
    # name: (kind, options, picture)
    "vgg": ("VGG", {"plan": (8, "pool", 12, 12, "pool", 16, "pool"), "grid": 3, **SIZES}, (2, 3, 32, 32)),
    "vgg grown": ("VGG", {"plan": (6, "pool", 8, "pool"), "grid": 7, **SIZES}, (2, 3, 21, 17)),
    "vgg bn": ("VGG", {"plan": (8, "pool", 12, 12, "pool"), "grid": 2, "batch_norm": True, **SIZES},
               (3, 3, 24, 32)),
    "resnet18": ("ResNet", {"depth": 18, "width": 6, "classes": 5}, (2, 3, 64, 48)),
    "resnet34": ("ResNet", {"depth": 34, "width": 4, "classes": 3}, (2, 3, 40, 40)),
    "resnet50": ("ResNet", {"depth": 50, "width": 4, "classes": 5}, (2, 3, 64, 64)),
}  # fmt: skip
MODES = ("eval", "train")
SLICES = 24


def fill(shapes, seed=0):
    """name → shape  ⇒  name → float64 array, drawn in the order of the names."""
    random, found = np.random.default_rng(seed), {}
    for name in sorted(shapes):
        shape = tuple(shapes[name])
        draw = random.normal(size=shape)
        if name.endswith("num_batches_tracked"):
            found[name] = np.zeros((), np.int64)
        elif name.endswith("running_var"):
            found[name] = 0.5 + np.abs(draw)
        elif len(shape) > 1:
            found[name] = draw * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith("weight"):  # of a norm
            found[name] = 0.8 + 0.2 * draw
        else:
            found[name] = 0.2 * draw
    return found


def picture(shape, seed=1):
    """A batch of noise."""
    return np.random.default_rng(seed).normal(size=shape)


def weigh(shape):
    """The weights of the entries in the sum that is differentiated."""
    return np.cos(np.arange(np.prod(shape))).reshape(shape)


def digest(array):
    """A few numbers that tell an array apart: two weighted sums, the norm, and a slice."""
    flat = np.asarray(array, np.float64).ravel()
    places = np.linspace(0, flat.size - 1, min(SLICES, flat.size)).astype(int)
    sums = [(flat * np.cos(np.arange(flat.size))).sum(), (flat * np.sin(0.7 * np.arange(flat.size))).sum()]
    return np.concatenate([sums, [np.sqrt((flat**2).sum())], flat[places]])
