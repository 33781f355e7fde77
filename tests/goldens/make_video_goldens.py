"""Freeze what PyTorch computes for clips' nets, so that ours can be held to it without PyTorch.

    python tests/goldens/make_video_goldens.py        (needs torch; writes video.npz beside itself)

Small nets of the same make, float64. Weights and inputs are drawn from seeded NumPy by the names' order
(`video_cases.draw`), so only outputs and gradients are kept: scores, the gradient of
Σ y ⊙ cos(0, 1, …) to the input, and of every parameter its norm and its first eight numbers.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "representations"))
from video_cases import draw  # noqa: E402

OUT = HERE / "video.npz"


class TorchC3D(nn.Module):
    """The figure of Tran et al. (2015), with narrow layers; written apart from ours."""

    def __init__(self, widths, hidden, classes, flat):
        super().__init__()
        a, b, c, d, e = widths
        self.conv1a = nn.Conv3d(3, a, 3, padding=1)
        self.conv2a = nn.Conv3d(a, b, 3, padding=1)
        self.conv3a, self.conv3b = nn.Conv3d(b, c, 3, padding=1), nn.Conv3d(c, c, 3, padding=1)
        self.conv4a, self.conv4b = nn.Conv3d(c, d, 3, padding=1), nn.Conv3d(d, d, 3, padding=1)
        self.conv5a, self.conv5b = nn.Conv3d(d, e, 3, padding=1), nn.Conv3d(e, e, 3, padding=1)
        self.fc6, self.fc7 = nn.Linear(flat, hidden), nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, classes)

    def forward(self, x):
        f = nn.functional
        x = f.max_pool3d(self.conv1a(x).relu(), (1, 2, 2))
        x = f.max_pool3d(self.conv2a(x).relu(), 2)
        x = f.max_pool3d(self.conv3b(self.conv3a(x).relu()).relu(), 2)
        x = f.max_pool3d(self.conv4b(self.conv4a(x).relu()).relu(), 2)
        x = f.max_pool3d(self.conv5b(self.conv5a(x).relu()).relu(), 2, padding=(0, 1, 1))
        x = self.fc6(x.flatten(1)).relu()
        return self.fc8(self.fc7(x).relu())


def two_plus_one(n_in, n_out, m, s):
    return nn.Sequential(
        nn.Conv3d(n_in, m, (1, 3, 3), (1, s, s), (0, 1, 1), bias=False), nn.BatchNorm3d(m), nn.ReLU(),
        nn.Conv3d(m, n_out, (3, 1, 1), (s, 1, 1), (1, 0, 0), bias=False),
    )  # fmt: skip


class TorchBlock(nn.Module):
    def __init__(self, kind, n_in, n_out, s):
        super().__init__()
        m = (n_in * n_out * 27) // (n_in * 9 + 3 * n_out)
        if kind == "2+1":
            one, two = two_plus_one(n_in, n_out, m, s), two_plus_one(n_out, n_out, m, 1)
        else:
            one = nn.Conv3d(n_in, n_out, 3, s, 1, bias=False)
            two = nn.Conv3d(n_out, n_out, 3, 1, 1, bias=False)
        self.conv1 = nn.Sequential(one, nn.BatchNorm3d(n_out), nn.ReLU())
        self.conv2 = nn.Sequential(two, nn.BatchNorm3d(n_out))
        self.downsample = None
        if s != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv3d(n_in, n_out, 1, s, bias=False), nn.BatchNorm3d(n_out))

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        return (self.conv2(self.conv1(x)) + short).relu()


class TorchResNet(nn.Module):
    def __init__(self, kind, classes, widths, stem):
        super().__init__()
        a, b = widths
        if kind == "2+1":
            self.stem = nn.Sequential(
                nn.Conv3d(3, stem, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), nn.BatchNorm3d(stem),
                nn.ReLU(), nn.Conv3d(stem, a, (3, 1, 1), 1, (1, 0, 0), bias=False), nn.BatchNorm3d(a),
                nn.ReLU(),
            )  # fmt: skip
        else:
            self.stem = nn.Sequential(
                nn.Conv3d(3, a, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), nn.BatchNorm3d(a), nn.ReLU()
            )
        self.layer1 = nn.Sequential(TorchBlock(kind, a, a, 1))
        self.layer2 = nn.Sequential(TorchBlock(kind, a, b, 2), TorchBlock(kind, b, b, 1))
        self.fc = nn.Linear(b, classes)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3, 4)))


CASES = {
    "c3d": (lambda: TorchC3D((2, 3, 4, 5, 6), 7, 5, 6 * 4), (2, 3, 16, 48, 48), False),
    "r2plus1d": (lambda: TorchResNet("2+1", 5, (4, 6), 3), (2, 3, 4, 12, 10), False),
    "r2plus1d training": (lambda: TorchResNet("2+1", 5, (4, 6), 3), (2, 3, 4, 12, 10), True),
    "r3d training": (lambda: TorchResNet("3", 5, (4, 6), 3), (2, 3, 4, 12, 10), True),
}


def freeze(make, shape, training):
    model = make().double()
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items() if v.is_floating_point()}
    with torch.no_grad():
        for name, array in draw(shapes, 1).items():
            model.state_dict()[name].copy_(torch.from_numpy(array))
    model.train(training)
    x = torch.from_numpy(np.random.default_rng(2).normal(size=shape)).requires_grad_()
    y = model(x)
    (y * torch.cos(torch.arange(y.numel()).double()).reshape(y.shape)).sum().backward()
    gradients = {k: p.grad.numpy() for k, p in model.named_parameters()}
    arrays = {"y": y.detach().numpy(), "dx": x.grad.numpy().ravel()[:: max(x.numel() // 500, 1)]}
    arrays["norm"] = np.array([np.linalg.norm(gradients[k]) for k in sorted(gradients)])
    arrays["first"] = np.concatenate([gradients[k].ravel()[:8] for k in sorted(gradients)])
    return arrays, sorted(gradients)


def main():
    out, index = {}, {"torch": torch.__version__.split("+")[0]}
    for name, case in CASES.items():
        arrays, index[name] = freeze(*case)
        out |= {f"{name}/{k}": v for k, v in arrays.items()}
    np.savez_compressed(OUT, index=json.dumps(index), **out)
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    main()
