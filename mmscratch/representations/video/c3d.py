"""C3D: convolution over space and time together (Tran et al., 2015).

The paper's net, 16 frames of 112 × 112, all convolutions 3 × 3 × 3 with padding 1 and ReLU:

    conv1a 64   pool1 1×2×2     conv2a 128   pool2 2×2×2     conv3a, conv3b 256   pool3 2×2×2
    conv4a, conv4b 512   pool4 2×2×2     conv5a, conv5b 512   pool5 2×2×2     fc6, fc7 4096   fc8 classes

pool1 does not touch time, so that the order of frames is not averaged away at once. pool5 meets 2×7×7 and
pads height and width by one (as the authors' Caffe net does), which leaves 1×4×4, and fc6 reads 512·16 =
8192 numbers. By the table that is 27,655,936 numbers in the convolutions, 50,339,840 in fc6 and fc7, and
4097 a class: 78,409,573 for UCF101's 101 classes, 79,991,015 for Sports-1M's 487.
"""

from ... import nn, ops

__all__ = ["C3D", "PAPER"]

PAPER = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Widths of the convolutions, stage by stage; a pooling ends each stage."""


class C3D(nn.Module):
    """Clips to class scores.

    Forward    h ← pool_i(relu(conv(… relu(conv(h))))) for each stage; scores = fc8(relu(fc7(relu(fc6(h)))))
               conv: y[k,t,o] = b[k] + Σ_{c,i,j} W[k,c,i,j] h[c, t + i − 1, o + j − 1], i over 3, j over 3×3
    Shapes     x (B, 3, T, S, S) → scores (B, classes)
    Errors     ValueError where x has another shape, or frames or size do not survive the poolings
    Source     Tran, Bourdev, Fergus, Torresani & Paluri, 2015, figure 3; names of layers as in their net

    stages, hidden, frames, size: a smaller net of the same make. Every stage's pool halves height and width
    (an odd side is padded by one before and after, as pool5 in the paper), and all but the first halve time.
    """

    def __init__(self, classes=487, stages=PAPER, hidden=4096, frames=16, size=112, dropout=0.5,
                 channels=3, generator=None):  # fmt: skip
        super().__init__()
        self.stages, self.input = tuple(tuple(s) for s in stages), (channels, frames, size, size)
        space, time, width, self.pools, self.convolutions = size, frames, channels, [], []
        for stage, widths in enumerate(self.stages, 1):
            for letter, out in zip("abcdefgh", widths, strict=False):
                name = f"conv{stage}{letter}"
                layer = nn.Conv3d(width, out, 3, padding=1, activation="relu", generator=generator)
                setattr(self, name, layer)
                self.convolutions.append((stage, name))
                width = out
            step = 1 if stage == 1 else 2
            if space < 2 or time < step:
                raise ValueError(
                    f"C3D: {frames} frames of {size} × {size} are too small for {len(self.stages)} stages: "
                    f"pool{stage} meets {time} frames of {space} × {space}"
                )
            odd = space % 2
            self.pools.append({"kernel_size": (step, 2, 2), "padding": (0, odd, odd)})
            space, time = (space + 2 * odd) // 2, time // step
        self.flat = width * time * space * space
        self.fc6 = nn.Linear(self.flat, hidden, activation="relu", generator=generator)
        self.fc7 = nn.Linear(hidden, hidden, activation="relu", generator=generator)
        self.fc8 = nn.Linear(hidden, classes, generator=generator)
        self.dropout = nn.Dropout(dropout)

    @property
    def width(self):
        """Numbers that ``features`` gives a clip."""
        return self.fc6.weight.shape[0]

    def grid(self, x):
        """What the last pooling leaves: (B, 3, T, S, S) → (B, C, T', S', S')."""
        if tuple(x.shape[1:]) != self.input or x.ndim != 5:
            wanted = ", ".join(map(str, self.input))
            raise ValueError(f"C3D: x has shape {tuple(x.shape)}, expected clips (B, {wanted})")
        for stage, pool in enumerate(self.pools, 1):
            for of, name in self.convolutions:
                if of == stage:
                    x = getattr(self, name)(x)
            x = ops.max_pool3d(x, **pool)
        return x

    def features(self, x):
        """fc6, what the paper uses as the description of a clip: (B, 3, T, S, S) → (B, hidden)."""
        return self.fc6(self.grid(x).reshape((x.shape[0], self.flat)))

    def forward(self, x):
        h = self.dropout(self.features(x))
        return self.fc8(self.dropout(self.fc7(h)))
