"""A bag of frames: one convolutional net for every frame, and the mean over frames. The order is lost."""

from ... import nn, ops

__all__ = ["FrameBag"]


class FrameBag(nn.Module):
    """Clips to class scores, frame by frame: the control of every net that sees time.

    Forward    h_t = mean over space of relu(conv(… pool(relu(conv(x_t)))));  scores = W₂ relu(W₁ mean_t h_t)
    Shapes     x (B, 3, T, S, S) → scores (B, classes)
    Note       mean_t does not depend on the order of frames, so a clip and its reversal get the same scores
    """

    def __init__(self, classes, widths=(16, 32, 64), hidden=64, channels=3, generator=None):
        super().__init__()
        self.channels, n_in = channels, channels
        self.convs = nn.ModuleList()
        for n_out in widths:
            self.convs.append(nn.Conv2d(n_in, n_out, 3, padding=1, activation="relu", generator=generator))
            n_in = n_out
        self.fc1 = nn.Linear(n_in, hidden, activation="relu", generator=generator)
        self.fc2 = nn.Linear(hidden, classes, generator=generator)

    @property
    def width(self):
        """Numbers that ``features`` gives a clip."""
        return self.fc1.weight.shape[1]

    def frames(self, x):
        """Each frame by itself: (B, 3, T, S, S) → (B, T, C)."""
        if x.ndim != 5 or x.shape[1] != self.channels:
            raise ValueError(
                f"FrameBag: x has shape {tuple(x.shape)}, expected clips (B, {self.channels}, T, S, S)"
            )
        b, c, t, h, w = x.shape
        x = ops.transpose(x, axis0=1, axis1=2).reshape((b * t, c, h, w))
        for conv in self.convs:
            x = ops.max_pool2d(conv(x), kernel_size=2)
        return ops.mean(x, axis=(2, 3)).reshape((b, t, -1))

    def features(self, x):
        """The mean over frames: (B, 3, T, S, S) → (B, C)."""
        return ops.mean(self.frames(x), axis=1)

    def forward(self, x):
        return self.fc2(self.fc1(self.features(x)))
