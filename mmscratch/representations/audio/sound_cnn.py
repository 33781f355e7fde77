"""A small convolutional network over log-mel pictures."""

from ... import nn, ops

__all__ = ["SoundCNN"]


class SoundCNN(nn.Module):
    """Pictures of sound → features, and class logits.

    Forward    a = three times relu(norm(conv 3 × 3)), max-pool 2 × 2 after the first two (C, T/4, F/4);
               f = means of a over each of ``parts`` parts of the time, and of ``coarse`` bands;
               logits = W dropout(f) + b
    contrast   a second plane of the picture beside it: less each band's mean over the clip, which takes the
               voice's and the microphone's colour away (and the vowel's, if there is but one)
    everywhere   f = mean and maximum of a over all times and bands: what was there, and not where
    Shapes     x (B, T, F) → logits (B, classes); ``features``: (B, C·parts·(F/4)/coarse), or (B, 2C)
    Source     LeCun et al., 1998; for spectrograms: Abdel-Hamid et al., 2014
    Note       unless ``everywhere``, nothing is pooled over all bands: a formant is told by where it stands
    """

    def __init__(self, classes, frames=48, bands=32, channels=(16, 32, 64), parts=4, dropout=0.3,
                 contrast=False, everywhere=False, coarse=1, generator=None):  # fmt: skip
        if frames % (4 * parts) or bands % (4 * coarse):
            raise ValueError(
                f"SoundCNN: frames must be a multiple of 4·parts = {4 * parts} and bands of 4·coarse = "
                f"{4 * coarse}, got {frames} and {bands}"
            )
        self.frames, self.bands = frames, bands
        self.contrast, self.everywhere = contrast, everywhere
        c1, c2, c3 = channels
        self.conv1 = nn.Conv2d(2 if contrast else 1, c1, 3, padding=1, bias=False, generator=generator)
        self.norm1 = nn.BatchNorm2d(c1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1, bias=False, generator=generator)
        self.norm2 = nn.BatchNorm2d(c2)
        self.conv3 = nn.Conv2d(c2, c3, 3, padding=1, bias=False, generator=generator)
        self.norm3 = nn.BatchNorm2d(c3)
        self.mean = nn.AvgPool2d((frames // 4 // parts, coarse))
        self.dropout = nn.Dropout(dropout, generator=generator)
        wide = 2 * c3 if everywhere else c3 * parts * (bands // 4 // coarse)
        self.classify = nn.Linear(wide, classes, generator=generator)

    def features(self, x):
        """(B, T, F) → (B, C·parts·(F/4)/coarse), or (B, 2C) where ``everywhere``."""
        if x.ndim != 3 or tuple(x.shape[1:]) != (self.frames, self.bands):
            raise ValueError(f"SoundCNN: x must be (B, {self.frames}, {self.bands}), got {tuple(x.shape)}")
        planes = [x, x - x.mean(axis=1, keepdims=True)] if self.contrast else [x]
        x = ops.stack(planes, axis=1)
        x = ops.max_pool2d(ops.relu(self.norm1(self.conv1(x))), kernel_size=2)
        x = ops.max_pool2d(ops.relu(self.norm2(self.conv2(x))), kernel_size=2)
        x = ops.relu(self.norm3(self.conv3(x)))
        if self.everywhere:
            return ops.concatenate([x.mean(axis=(2, 3)), x.max(axis=(2, 3))], axis=1)
        return ops.flatten(self.mean(x), start=1)

    def forward(self, x):
        return self.classify(self.dropout(self.features(x)))
