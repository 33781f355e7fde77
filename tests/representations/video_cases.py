"""What the goldens of clips' nets and their tests draw alike."""

import numpy as np


def draw(shapes, seed):
    """name → array: weights N(0, 1/fan_in), norms' weights, variances in [½, 1½], the rest N(0, 0.1²)."""
    random, out = np.random.default_rng(seed), {}
    for name in sorted(shapes):
        shape = shapes[name]
        if name.endswith(("running_var", "weight")) and len(shape) == 1:
            out[name] = random.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            out[name] = random.normal(size=shape) * np.prod(shape[1:]) ** -0.5
        else:
            out[name] = random.normal(size=shape) * 0.1
    return out
