"""ResNet: layers that learn what to add to their input (He, Zhang, Ren & Sun, 2016)."""

from __future__ import annotations

from ... import nn, ops
from ...weights import load_into, read_weights
from ..blank import Blank

__all__ = ["BasicBlock", "Bottleneck", "RESNETS", "ResNet"]


def _convolution(c, k, size, stride, generator):
    return nn.Conv2d(c, k, size, stride=stride, padding=size // 2, bias=False, generator=generator)


class _Block(nn.Module):
    """What both blocks share: the way around, and the sum."""

    expansion = None

    def _around(self, c, k, stride, generator):
        """The input itself, or a 1 × 1 convolution of it where channels or sides change."""
        if stride == 1 and c == k * self.expansion:
            return None
        return nn.Sequential(
            _convolution(c, k * self.expansion, 1, stride, generator), nn.BatchNorm2d(k * self.expansion)
        )

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        return ops.relu(self.residual(x) + around)


class BasicBlock(_Block):
    """Two 3 × 3 convolutions and the way around them.

    Forward    y = relu(bn(conv₃ₓ₃(relu(bn(conv₃ₓ₃(x; stride))))) + around(x))
    Shapes     x (B, C, H, W) → y (B, K, ⌈H/stride⌉, ⌈W/stride⌉)
    Source     He et al., 2016a, fig. 5 left
    """

    expansion = 1

    def __init__(self, c, k, stride=1, generator=None):
        self.conv1, self.bn1 = _convolution(c, k, 3, stride, generator), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = _convolution(k, k, 3, 1, generator), nn.BatchNorm2d(k)
        self.downsample = self._around(c, k, stride, generator)

    def residual(self, x):
        """What is added to the input."""
        return self.bn2(self.conv2(ops.relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """1 × 1 to fewer channels, 3 × 3, 1 × 1 to four times as many, and the way around them.

    Forward    y = relu(bn(conv₁ₓ₁(relu(bn(conv₃ₓ₃(relu(bn(conv₁ₓ₁(x))); stride))))) + around(x))
    Shapes     x (B, C, H, W) → y (B, 4K, ⌈H/stride⌉, ⌈W/stride⌉)
    Source     He et al., 2016a, fig. 5 right; the stride on the 3 × 3 convolution rather than on the first,
               as torchvision has it ("v1.5"): weights of the one give nonsense in the other
    """

    expansion = 4

    def __init__(self, c, k, stride=1, generator=None):
        self.conv1, self.bn1 = _convolution(c, k, 1, 1, generator), nn.BatchNorm2d(k)
        self.conv2, self.bn2 = _convolution(k, k, 3, stride, generator), nn.BatchNorm2d(k)
        self.conv3, self.bn3 = _convolution(k, 4 * k, 1, 1, generator), nn.BatchNorm2d(4 * k)
        self.downsample = self._around(c, k, stride, generator)

    def residual(self, x):
        """What is added to the input."""
        x = ops.relu(self.bn1(self.conv1(x)))
        return self.bn3(self.conv3(ops.relu(self.bn2(self.conv2(x)))))


RESNETS = {18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)), 50: (Bottleneck, (3, 4, 6, 3))}
"""Depth → the kind of block, and how many in each of the four stages (He et al., 2016a, table 1)."""


class ResNet(nn.Module):
    """Pictures → logits, with the names of torchvision's ``resnet18``, ``resnet34``, ``resnet50``.

    Forward    stem: max₃ₓ₃/2(relu(bn(conv₇ₓ₇/2(x)))); four stages of blocks, sides halved from the second on;
               logits = W mean over the grid + b
    Shapes     x (B, 3, H, W) → (B, classes); ``features``: (B, 8·width·expansion, ⌈H/32⌉, ⌈W/32⌉),
               512 channels for ResNet-18 and -34, 2048 for ResNet-50
    Errors     ValueError for an unknown depth, or where x is not (B, 3, H, W)
    Source     He et al., 2016a, table 1
    Begins     convolutions from He et al.'s (2015) normal distribution by fan-out, norms 1 and 0

    depth      18, 34, 50, or a pair (kind of block, blocks in each stage)
    """

    def __init__(self, depth=50, *, classes=1000, width=64, generator=None):
        if isinstance(depth, int) and depth not in RESNETS:
            raise ValueError(f"ResNet: depth must be one of {', '.join(map(str, RESNETS))}, got {depth}")
        block, counts = RESNETS[depth] if isinstance(depth, int) else depth
        self.conv1, self.bn1 = _convolution(3, width, 7, 2, generator), nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        c = width
        for stage, count in enumerate(counts):
            k, blocks = width << stage, []
            for number in range(count):
                blocks.append(block(c, k, 2 if stage and not number else 1, generator))
                c = k * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(counts)
        self.fc = nn.Linear(c, classes, generator=generator)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )

    @classmethod
    def published(cls, depth, path, map=None, **options):
        """The network with the weights of a file, in evaluation mode; ``map``: as of ``weights.load_into``.

        Errors     DataError where the file cannot be read; ValueError listing the names that do not fit
        """
        network = cls(depth, generator=Blank(), **options)
        load_into(network, read_weights(path), map)
        return network.eval()

    def features(self, x):
        """The grid before the mean."""
        x = self.maxpool(ops.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return x

    def forward(self, x):
        return self.fc(ops.mean(self.features(x), axis=(2, 3)))
