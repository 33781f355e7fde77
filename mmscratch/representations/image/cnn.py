"""A small convolutional network for small pictures."""

from __future__ import annotations

from ... import nn, ops

__all__ = ["SmallCNN"]


class SmallCNN(nn.Module):
    """Three convolutions, each with batch norm and relu; two pools; the means of nine windows.

    Forward    a₁ = pool(relu(bn(conv₃ₓ₃(x)))), a₂ = pool(relu(bn(conv₃ₓ₃(a₁)))), a₃ = relu(bn(conv₃ₓ₃(a₂)))
               logits = W drop(flatten(means of a₃ over 3 × 3 windows)) + b
    Shapes     x (B, C, H, W) → (B, classes); ``features``: (B, 4·width, ⌊H/4⌋, ⌊W/4⌋)
    Source     LeCun et al., 1998 (LeNet: convolutions and pools in turn); Ioffe & Szegedy, 2015 (batch norm)
    """

    def __init__(self, channels=1, classes=10, width=16, dropout=0.25, generator=None):
        options = {"padding": 1, "bias": False, "generator": generator}
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 3, **options), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, 2 * width, 3, **options), nn.BatchNorm2d(2 * width)
        self.conv3, self.bn3 = nn.Conv2d(2 * width, 4 * width, 3, **options), nn.BatchNorm2d(4 * width)
        self.pool, self.gather = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(3)
        self.dropout = nn.Dropout(dropout, generator=generator)
        self.classifier = nn.Linear(4 * width * 9, classes, generator=generator)

    def features(self, x):
        """The grid before the means."""
        x = self.pool(ops.relu(self.bn1(self.conv1(x))))
        x = self.pool(ops.relu(self.bn2(self.conv2(x))))
        return ops.relu(self.bn3(self.conv3(x)))

    def forward(self, x):
        return self.classifier(self.dropout(ops.flatten(self.gather(self.features(x)), start=1)))
