"""Freeze what torch makes of VGG and ResNet, laid out as torchvision lays them out.

    python tests/goldens/make_image_goldens.py        (needs torch; writes image.npz beside itself)

In float64, in both modes: logits and the grid of features in full, and of the gradients of
Σ logits ⊙ cos(0, 1, …) with respect to each parameter and to the picture a digest; in training mode the
running averages' digests, too. Weights and pictures come from seeds (tests/representations/image_cases.py).
"""

import pathlib
import sys

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "representations"))
import image_cases  # noqa: E402

OUT = pathlib.Path(__file__).with_name("image.npz")


class VGG(nn.Module):
    def __init__(self, plan, classes, hidden, grid, batch_norm=False):
        super().__init__()
        layers, c = [], 3
        for k in plan:
            if k == "pool":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers.append(nn.Conv2d(c, k, 3, padding=1))
            layers += [nn.BatchNorm2d(k)] if batch_norm else []
            layers.append(nn.ReLU())
            c = k
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        sizes = [c * grid * grid, hidden, hidden, classes]
        parts = [
            [nn.Linear(a, b), nn.ReLU(), nn.Dropout(0.0)] for a, b in zip(sizes, sizes[1:], strict=False)
        ]
        self.classifier = nn.Sequential(*sum(parts, [])[:-2])

    def grid(self, x):
        return self.features(x)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Block(nn.Module):
    def __init__(self, c, k, stride, wide):
        super().__init__()
        sizes, out = ((1, 3, 1), 4 * k) if wide else ((3, 3), k)
        channels = [c, *[k] * (len(sizes) - 1), out]
        where = 1 if wide else 0  # v1.5: on the 3 × 3
        for i, size in enumerate(sizes):
            s = stride if i == where else 1
            convolution = nn.Conv2d(channels[i], channels[i + 1], size, s, size // 2, bias=False)
            setattr(self, f"conv{i + 1}", convolution)
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(channels[i + 1]))
        self.n = len(sizes)
        self.downsample = None
        if stride != 1 or c != out:
            self.downsample = nn.Sequential(nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = x
        for i in range(1, self.n + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.n else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        counts, wide = {18: ([2, 2, 2, 2], False), 34: ([3, 4, 6, 3], False), 50: ([3, 4, 6, 3], True)}[depth]
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        c = width
        for stage, count in enumerate(counts):
            k, blocks = width * 2**stage, []
            for number in range(count):
                blocks.append(Block(c, k, 2 if stage > 0 and number == 0 else 1, wide))
                c = 4 * k if wide else k
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(c, classes)

    def grid(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.grid(x)), 1))


def main():
    found = {"torch": np.array(torch.__version__.split("+")[0].encode())}
    for name, (kind, options, shape) in image_cases.CASES.items():
        for mode in image_cases.MODES:
            network = globals()[kind](**options).double()
            arrays = image_cases.fill({k: v.shape for k, v in network.state_dict().items()})
            network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
            network.train(mode == "train")
            x = torch.from_numpy(image_cases.picture(shape)).requires_grad_()
            with torch.no_grad():
                grid = network.eval().grid(x)
            network.train(mode == "train")
            y = network(x)
            (y * torch.from_numpy(image_cases.weigh(y.shape))).sum().backward()
            key = f"{name}/{mode}/"
            found[key + "logits"], found[key + "grid"] = y.detach().numpy(), image_cases.digest(grid.numpy())
            found[key + "input"] = image_cases.digest(x.grad.numpy())
            for parameter, p in network.named_parameters():
                found[f"{key}gradient/{parameter}"] = image_cases.digest(p.grad.numpy())
            for buffer, b in network.named_buffers():
                if mode == "train" and not buffer.endswith("tracked"):
                    found[f"{key}after/{buffer}"] = image_cases.digest(b.numpy())
    names = sorted(k for k in found if k != "torch")
    flat = np.concatenate([found[k].ravel() for k in names]).astype(np.float32)
    index = "\n".join(f"{k} {' '.join(map(str, found[k].shape))}" for k in names).encode()
    np.savez_compressed(OUT, torch=found["torch"], index=np.frombuffer(index, np.uint8), values=flat)


if __name__ == "__main__":
    main()
