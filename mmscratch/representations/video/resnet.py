"""Residual nets over clips, with whole or factorised convolutions: R3D and R(2+1)D (Tran et al., 2018).

(2+1)D replaces one t × d × d convolution from N_in to N_out channels by two: 1 × d × d to M channels, batch
norm and ReLU between them, then t × 1 × 1 to N_out. With

    M = ⌊t d² N_in N_out / (d² N_in + t N_out)⌋

the two have as many weights as the one (up to the rounding), twice as many nonlinearities, and space and time
are learned apart. Names and layout are torchvision's, so its published weights fit: in a residual block M is
computed once, from the block's own N_in and N_out, and serves both of its convolutions.
"""

from ... import nn, ops

__all__ = ["BasicBlock", "Conv2Plus1d", "VideoResNet", "middle_width"]


def middle_width(n_in, n_out, t=3, d=3):
    """M, the channels between the two parts of a factorised convolution.

    Forward    M = ⌊t d² N_in N_out / (d² N_in + t N_out)⌋
    Source     Tran et al., 2018, section 3.5
    """
    return t * d * d * n_in * n_out // (d * d * n_in + t * n_out)


class Conv2Plus1d(nn.Sequential):
    """A 3 × 3 × 3 convolution in two parts: over space, then over time.

    Forward    y = W_time ∗ relu(norm(W_space ∗ x)), W_space (M, N_in, 1, 3, 3), W_time (N_out, M, 3, 1, 1)
    Shapes     x (B, N_in, T, H, W) → y (B, N_out, T/stride, H/stride, W/stride)
    Note       no bias: a batch norm follows each part. middle None: ``middle_width``
    """

    def __init__(self, n_in, n_out, middle=None, stride=1, generator=None):
        middle = middle_width(n_in, n_out) if middle is None else middle
        s = {"bias": False, "generator": generator}
        super().__init__(
            nn.Conv3d(n_in, middle, (1, 3, 3), stride=(1, stride, stride), padding=(0, 1, 1), **s),
            nn.BatchNorm3d(middle),
            nn.ReLU(),
            nn.Conv3d(middle, n_out, (3, 1, 1), stride=(stride, 1, 1), padding=(1, 0, 0), **s),
        )


def _whole(n_in, n_out, middle, stride, generator):
    return nn.Conv3d(n_in, n_out, 3, stride=stride, padding=1, bias=False, generator=generator)


CONVOLUTIONS = {"2+1": Conv2Plus1d, "3": _whole}


class BasicBlock(nn.Module):
    """Two convolutions beside a short cut (He et al., 2016).

    Forward    y = relu(x' + norm(conv(relu(norm(conv(x)))))); x' = x, or norm(W x) where the shape changes
    Shapes     x (B, N_in, T, H, W) → y (B, N_out, T/stride, H/stride, W/stride)
    """

    def __init__(self, kind, n_in, n_out, stride, generator=None):
        super().__init__()
        conv, middle = CONVOLUTIONS[kind], middle_width(n_in, n_out)
        self.conv1 = nn.Sequential(
            conv(n_in, n_out, middle, stride, generator), nn.BatchNorm3d(n_out), nn.ReLU()
        )
        self.conv2 = nn.Sequential(conv(n_out, n_out, middle, 1, generator), nn.BatchNorm3d(n_out))
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv3d(n_in, n_out, 1, stride=stride, bias=False, generator=generator),
                nn.BatchNorm3d(n_out),
            )

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        return ops.relu(y + (x if self.downsample is None else self.downsample(x)))


class VideoResNet(nn.Module):
    """R(2+1)D (kind "2+1") or R3D (kind "3"): clips to class scores.

    Forward    scores = W · mean over time and space of layer4(layer3(layer2(layer1(stem(x))))) + b
               stem "2+1": 1×7×7 to ``stem`` channels, norm, relu, 3×1×1 to widths[0], norm, relu
               stem "3": 3×7×7 to widths[0], norm, relu; both with stride 1×2×2
    Shapes     x (B, 3, T, H, W) → scores (B, classes)
    Errors     ValueError for an unknown kind, or x that is not (B, 3, T, H, W)
    Source     Tran, Wang, Torresani, Ray, LeCun & Paluri, 2018; 18 layers have 31,505,325 parameters
               ("2+1") and 33,371,472 ("3") with 400 classes
    """

    def __init__(self, kind="2+1", classes=400, widths=(64, 128, 256, 512), blocks=(2, 2, 2, 2), stem=45,
                 stem_size=7, channels=3, generator=None):  # fmt: skip
        super().__init__()
        if kind not in CONVOLUTIONS:
            raise ValueError(f"VideoResNet: kind must be one of {tuple(CONVOLUTIONS)}, got {kind!r}")
        if len(widths) != len(blocks) or not widths:
            raise ValueError(
                f"VideoResNet: widths {tuple(widths)} and blocks {tuple(blocks)} must be as many"
            )
        self.channels, first, s = channels, widths[0], {"bias": False, "generator": generator}
        d, step = stem_size, {"stride": (1, 2, 2), "bias": False, "generator": generator}
        if kind == "2+1":
            self.stem = nn.Sequential(
                nn.Conv3d(channels, stem, (1, d, d), padding=(0, d // 2, d // 2), **step),
                nn.BatchNorm3d(stem), nn.ReLU(),
                nn.Conv3d(stem, first, (3, 1, 1), padding=(1, 0, 0), **s), nn.BatchNorm3d(first), nn.ReLU(),
            )  # fmt: skip
        else:
            self.stem = nn.Sequential(
                nn.Conv3d(channels, first, (3, d, d), padding=(1, d // 2, d // 2), **step),
                nn.BatchNorm3d(first), nn.ReLU(),
            )  # fmt: skip
        n_in, self.count = first, len(widths)
        for number, (n_out, count) in enumerate(zip(widths, blocks, strict=True), 1):
            stride = 1 if number == 1 else 2
            stage = [
                BasicBlock(kind, n_out if i else n_in, n_out, 1 if i else stride, generator)
                for i in range(count)
            ]
            setattr(self, f"layer{number}", nn.Sequential(*stage))
            n_in = n_out
        self.fc = nn.Linear(n_in, classes, generator=generator)
        self.reset_convolutions(generator)

    def reset_convolutions(self, generator=None):
        """Convolutions from N(0, 2 / fan_out), as the paper's nets begin (He et al., 2015)."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)

    @property
    def width(self):
        """Numbers that ``features`` gives a clip."""
        return self.fc.weight.shape[1]

    def grid(self, x):
        """What the last stage gives: (B, 3, T, H, W) → (B, C, T', H', W')."""
        if x.ndim != 5 or x.shape[1] != self.channels:
            raise ValueError(
                f"VideoResNet: x has shape {tuple(x.shape)}, expected clips (B, {self.channels}, T, H, W)"
            )
        x = self.stem(x)
        for number in range(1, self.count + 1):
            x = getattr(self, f"layer{number}")(x)
        return x

    def features(self, x):
        """The mean of the last stage over time and space: (B, 3, T, H, W) → (B, C)."""
        return ops.mean(self.grid(x), axis=(2, 3, 4))

    def forward(self, x):
        return self.fc(self.features(x))
