"""VGG: a deep network of 3 × 3 convolutions and nothing else (Simonyan & Zisserman, 2015)."""

from __future__ import annotations

import itertools

from ... import nn, ops
from ...weights import load_into, read_weights
from ..blank import Blank

__all__ = ["PLANS", "VGG"]

PLANS = {
    11: (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
    13: (64, 64, "pool", 128, 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
    16: (64, 64, "pool", 128, 128, "pool", *3 * (256,), "pool", *3 * (512,), "pool", *3 * (512,), "pool"),
    19: (64, 64, "pool", 128, 128, "pool", *4 * (256,), "pool", *4 * (512,), "pool", *4 * (512,), "pool"),
}
"""Table 1, columns A, B, D and E: channels of each convolution, "pool" where the sides are halved."""


class VGG(nn.Module):
    """Pictures → logits, with the names of torchvision's ``vgg11`` … ``vgg19_bn``.

    Forward    x_{l+1} = relu(conv₃ₓ₃(x_l) + b_l), or relu(bn(conv₃ₓ₃(x_l) + b_l));  pool: max of 2 × 2
               logits = W₈ drop(relu(W₇ drop(relu(W₆ flatten(mean over 7 × 7 windows) + b₆)) + b₇)) + b₈
    Shapes     x (B, 3, H, W), H and W at least 32 → (B, classes); ``features``: (B, 512, ⌊H/32⌋, ⌊W/32⌋)
    Errors     ValueError where the plan is unknown, or x is not (B, 3, H, W)
    Source     Simonyan & Zisserman, 2015, table 1. At 224 × 224 a window is one entry: the paper's net
    Begins     convolutions from He et al.'s (2015) normal distribution by fan-out, linear layers N(0, 0.01²),
               biases 0

    plan       11, 13, 16 or 19 weight layers, or channels and "pool"s as in PLANS
    """

    def __init__(self, plan=16, *, batch_norm=False, classes=1000, hidden=4096, grid=7, dropout=0.5,
                 generator=None):  # fmt: skip
        if isinstance(plan, int):
            if plan not in PLANS:
                raise ValueError(f"VGG: plan must be one of {', '.join(map(str, PLANS))}, got {plan}")
            plan = PLANS[plan]
        layers, c = [], 3
        for entry in plan:
            if entry == "pool":
                layers.append(nn.MaxPool2d(2))
                continue
            layers += _convolution(c, entry, batch_norm, generator)
            c = entry
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        self.classifier = nn.Sequential(
            nn.Linear(c * grid * grid, hidden, activation="relu", generator=generator),
            nn.Identity(),
            nn.Dropout(dropout, generator=generator),
            nn.Linear(hidden, hidden, activation="relu", generator=generator),
            nn.Identity(),
            nn.Dropout(dropout, generator=generator),
            nn.Linear(hidden, classes, generator=generator),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01, generator=generator)
                nn.init.zeros_(module.bias)

    @classmethod
    def published(cls, plan, path, map=None, **options):
        """The network with the weights of a file, in evaluation mode; ``map``: as of ``weights.load_into``.

        Errors     DataError where the file cannot be read; ValueError listing the names that do not fit
        """
        network = cls(plan, generator=Blank(), **options)
        load_into(network, read_weights(path), map)
        return network.eval()

    def forward(self, x):
        return self.classifier(ops.flatten(self.avgpool(self.features(x)), start=1))


def _convolution(c, k, batch_norm, generator):
    """Convolution (batch norm) relu, at the places that they have in torchvision's Sequential.

    Without batch norm the convolution applies relu itself, in the same pass, and relu's place stays empty.
    """
    if batch_norm:
        return nn.Conv2d(c, k, 3, padding=1, generator=generator), nn.BatchNorm2d(k), nn.ReLU()
    return nn.Conv2d(c, k, 3, padding=1, activation="relu", generator=generator), nn.Identity()


def convolution_names(network):
    """(block, number in it) → the name of its convolution, counted from 1 as in the paper's conv3_2."""
    found, block, number = {}, 1, itertools.count(1)
    for name, layer in network.features.named_children():
        if isinstance(layer, nn.Conv2d):
            found[block, next(number)] = f"features.{name}"
        elif isinstance(layer, nn.MaxPool2d):
            block, number = block + 1, itertools.count(1)
    return found
