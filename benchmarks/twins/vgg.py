"""VGG16 twice: with our operations and in torch, on the same weights."""

import numpy as np

from mmscratch import ops

__all__ = ["flops", "ours", "twin", "weights"]

PLAN = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool"]
CLASSIFIER = [(4096, 512 * 7 * 7), (4096, 4096), (1000, 4096)]


def shapes(whole):
    """Of the weights, in order: (K, C, 3, 3) of a convolution, (K, D) of a linear layer, None of a pool."""
    found, c = [], 3
    for entry in PLAN:
        found.append(None if entry == "pool" else (entry, c, 3, 3))
        c = c if entry == "pool" else entry
    return found + (CLASSIFIER if whole else [])


def weights(whole):
    """weight, bias, weight, bias, …: He et al.'s (2015) initial values."""
    rng, found = np.random.default_rng(0), []
    for shape in filter(None, shapes(whole)):
        w = rng.standard_normal(shape, dtype=np.float32)
        w *= (2 / np.prod(shape[1:])) ** 0.5
        found += [w, rng.standard_normal(shape[0], dtype=np.float32) * np.float32(0.1)]
    return found


def flops(whole):
    """2 for each multiplication of the formula, for one picture."""
    total, side = 0.0, 224
    for shape in shapes(whole):
        if shape is None:
            side //= 2
        else:
            total += 2.0 * np.prod(shape) * (side**2 if len(shape) == 4 else 1)
    return total


def ours(weights, x):
    """(B, 3, 224, 224) → features (B, 512, 7, 7), or logits (B, 1000) where the weights go on to there."""
    parameters = iter(zip(weights[::2], weights[1::2], strict=True))
    for entry in PLAN:
        if entry == "pool":
            x = ops.max_pool2d(x, kernel_size=2)
        else:
            x = ops.conv2d(x, *next(parameters), padding=1, activation="relu")
    rest = list(parameters)
    for i, (w, b) in enumerate(rest):
        last = i + 1 == len(rest)
        x = ops.flatten(x, start=1, end=-1) if i == 0 else x
        x = ops.linear(x, w, b, activation=None if last else "relu")
    return x


def twin(torch, weights):
    """The same as a torch module, in evaluation mode."""
    nn = torch.nn
    layers, arrays = [], list(weights)

    def loaded(layer):
        layer.weight = nn.Parameter(torch.from_numpy(arrays.pop(0)), requires_grad=False)
        layer.bias = nn.Parameter(torch.from_numpy(arrays.pop(0)), requires_grad=False)
        return layer

    for entry in PLAN:
        if entry == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            k, c = arrays[0].shape[:2]
            layers += [loaded(nn.Conv2d(c, k, 3, padding=1, device="meta")), nn.ReLU(inplace=True)]
    if arrays:
        layers.append(nn.Flatten())
    while arrays:
        k, d = arrays[0].shape
        layers += [loaded(nn.Linear(d, k, device="meta")), nn.ReLU(inplace=True)]
    return nn.Sequential(*(layers[:-1] if layers[-1].__class__ is nn.ReLU else layers)).eval()
