"""A small convolutional network over log-mel pictures."""

from ... import nn, ops

__all__ = ["SoundCNN"]


class SoundCNN(nn.Module):
    """Pictures of sound → features, and class logits.

    Forward    a = three times max-pool(relu(norm(conv 3 × 3))), the last without pooling;
               f = [mean over time and bands of a; max over time and bands of a];  logits = W dropout(f) + b
    Shapes     x (B, T, F) → logits (B, classes); ``features``: (B, 2C)
    Source     LeCun et al., 1998; for spectrograms: Abdel-Hamid et al., 2014
    """

    def __init__(self, classes, channels=(16, 32, 64), dropout=0.3, generator=None):
        c1, c2, c3 = channels
        self.conv1 = nn.Conv2d(1, c1, 3, padding=1, bias=False, generator=generator)
        self.norm1 = nn.BatchNorm2d(c1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1, bias=False, generator=generator)
        self.norm2 = nn.BatchNorm2d(c2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1, bias=False, generator=generator)
        self.norm3 = nn.BatchNorm2d(c3)
        self.dropout = nn.Dropout(dropout, generator=generator)
        self.classify = nn.Linear(2 * c3, classes, generator=generator)

    def features(self, x):
        """(B, T, F) → (B, 2C)."""
        if x.ndim != 3 or min(x.shape[1:]) < 4:
            raise ValueError(f"SoundCNN: x must be (B, T, F) with T, F ≥ 4, got {tuple(x.shape)}")
        x = x.unsqueeze(1)
        x = ops.max_pool2d(ops.relu(self.norm1(self.conv1(x))), kernel_size=2)
        x = ops.max_pool2d(ops.relu(self.norm2(self.conv2(x))), kernel_size=2)
        x = ops.relu(self.norm3(self.conv3(x)))
        return ops.concatenate([x.mean(axis=(2, 3)), x.max(axis=(2, 3))], axis=1)

    def forward(self, x):
        return self.classify(self.dropout(self.features(x)))
