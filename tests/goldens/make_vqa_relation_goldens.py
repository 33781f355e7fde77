"""Freeze what a relation network, a single-stream Transformer and a writer of programs give in PyTorch.

    python tests/goldens/make_vqa_relation_goldens.py    (needs torch; writes vqa_relations.npz here)

The twins answer one question at a time, in float64: the pairs of the first stand side by side, [o_i; o_j; q],
before one wide layer; the second is torch's own TransformerEncoder over one sequence without any padding.
Frozen: pictures, weights by our names, logits, and the gradients of the cross-entropy.
"""

import math
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("vqa_relations.npz")
N, SIDE, CHANNELS, V, H, K = 3, 17, (4, 5, 6, 6), 9, 7, 5
WORDINGS = ([4, 5, 4, 8], [6, 7], [5])
WHICH, IMAGE_OF, TARGET = (0, 2, 1, 0, 2), (0, 0, 1, 2, 2), (3, 0, -1, 4, 1)


def placed(x):
    """(C, h, w) → (C + 2, h, w), x from −1 to 1, then y."""
    across, down = (torch.linspace(-1, 1, n) for n in (x.shape[2], x.shape[1]))
    down, across = torch.meshgrid(down, across, indexing="ij")
    return torch.cat([x, across[None], down[None]])


class Pictures(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = list(zip((3, *CHANNELS), CHANNELS, (2, 2, 2, 1)))  # noqa: B905
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, s, 1) for a, b, s in sizes)

    def forward(self, image):
        x = image[None] - 0.5
        for convolution in self.convolutions:
            x = convolution(x).relu()
        return x[0]


class Relations(nn.Module):
    def __init__(self, halve):
        super().__init__()
        c = CHANNELS[-1]
        self.pictures, self.questions, self.pairs, self.head = (
            Pictures(), nn.Module(), nn.Module(), nn.Module(),
        )  # fmt: skip
        self.questions.embed = nn.Embedding(V, 64)
        self.questions.lstm = nn.LSTM(64, H, 2)
        self.questions.join = nn.Linear(4 * H, H)
        self.halve = nn.Conv2d(c + 2, c, 3, 2, 1) if halve else None
        self.pairs.first = nn.Linear(c + 2, H)
        self.pairs.second = nn.Linear(c + 2, H, bias=False)
        self.pairs.asked = nn.Linear(H, H, bias=False)
        self.pairs.rest = nn.ModuleList(nn.Linear(H, H) for _ in range(2))
        self.head.hidden, self.head.answer = nn.Linear(H, H), nn.Linear(H, K)

    def forward(self, image, words):
        x = placed(self.pictures(image))
        if self.halve is not None:
            x = placed(self.halve(x[None])[0].relu())
        objects = x.flatten(1).T
        _, (h, c) = self.questions.lstm(self.questions.embed(torch.tensor(words)))
        q = self.questions.join(torch.cat([h[0], c[0], h[1], c[1]])).tanh()
        weight = torch.cat([self.pairs.first.weight, self.pairs.second.weight, self.pairs.asked.weight], 1)
        total = 0
        for a in objects:
            for b in objects:
                g = F.linear(torch.cat([a, b, q]), weight, self.pairs.first.bias).relu()
                for layer in self.pairs.rest:
                    g = layer(g).relu()
                total = total + g
        return self.head.answer(self.head.hidden(total / len(objects)).relu())


class OneStream(nn.Module):
    """D = 8, two heads, two layers; one sequence at a time, so that nothing is padded."""

    def __init__(self, longest=6, d=8):
        super().__init__()
        self.pictures, self.head, self.places = Pictures(), nn.Module(), nn.Module()
        self.cells = nn.Linear(CHANNELS[-1] + 2, d)
        self.embed, self.cls, self.types = nn.Embedding(V, d), nn.Embedding(1, d), nn.Embedding(2, d)
        self.places.weight = nn.Parameter(torch.randn(longest + 1, d))
        layer = nn.TransformerEncoderLayer(d, 2, 4 * d, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(d), enable_nested_tensor=False)
        for layer in self.encoder.layers:  # torch's copies are alike: draw them anew
            for p in layer.parameters():
                nn.init.normal_(p, std=0.5)
        self.head.hidden, self.head.answer = nn.Linear(d, d), nn.Linear(d, K)

    def forward(self, image, words):
        grid = self.pictures(image)
        cells = self.cells(placed(grid).flatten(1).T)
        where = torch.stack([
            torch.cat([wave(column, 4), wave(row, 4)])
            for row in range(grid.shape[1]) for column in range(grid.shape[2])
        ])  # fmt: skip
        text = torch.cat([self.cls.weight, self.embed(torch.tensor(words))])
        text = text + self.places.weight[: len(text)] + self.types.weight[0]
        sequence = torch.cat([text, cells + where + self.types.weight[1]])
        y = self.encoder(sequence[None])[0, 0]
        return self.head.answer(self.head.hidden(y).relu())


def wave(t, size):
    return torch.tensor([
        (math.sin, math.cos)[i % 2](t / 10000 ** (2 * (i // 2) / size)) for i in range(size)
    ])  # fmt: skip


class Writer(nn.Module):
    """One question and one program at a time; 7 tokens: four of no meaning, of which 2 ends, and three."""

    def __init__(self, h=6, e=5):
        super().__init__()
        self.read, self.embed = nn.Embedding(V, e), nn.Embedding(7, e)
        self.encoder, self.decoder = nn.LSTM(e, h), nn.LSTM(e, h)
        self.score = nn.Linear(h, h, bias=False)
        self.join, self.write = nn.Linear(2 * h, h, bias=False), nn.Linear(h, 7)

    def forward(self, words, program):
        """−log p of each token of a program, the end token last."""
        e, state = self.encoder(self.read(torch.tensor(words)))
        before, losses = 1, []
        for token in (*program, 2):
            y, state = self.decoder(self.embed(torch.tensor([before])), state)
            weight = torch.stack([y[0] @ self.score.weight @ row for row in e]).softmax(0)
            context = sum(w * row for w, row in zip(weight, e, strict=True))
            logits = self.write(self.join(torch.cat([context, y[0]])).tanh())
            losses.append(-logits.log_softmax(0)[token])
            before = token
        return losses


def freeze_writer(out):
    model = Writer()
    programs = ((5, 4), (6, 5, 4), (4,))
    losses = [x for w, p in zip(WORDINGS, programs, strict=True) for x in model(w, p)]
    loss = sum(losses) / len(losses)
    parameters = dict(model.named_parameters())
    out["program/loss"] = loss.detach().numpy()
    for (key, p), g in zip(
        parameters.items(), torch.autograd.grad(loss, list(parameters.values())), strict=True
    ):
        out[f"program/gradient/{key}"], out[f"program/weights/{key}"] = g.numpy(), p.detach().numpy()


def freeze(out, name, model):
    images = torch.tensor(out["images"], requires_grad=True)
    logits = torch.stack([
        model(images[i], list(WORDINGS[w])) for i, w in zip(IMAGE_OF, WHICH, strict=True)
    ])  # fmt: skip
    loss = F.cross_entropy(logits, torch.tensor(TARGET), ignore_index=-1)
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss, [images, *parameters.values()])
    out[f"{name}/logits"] = logits.detach().numpy()
    for key, p, g in zip(("images", *parameters), (None, *parameters.values()), gradients, strict=True):
        out[f"{name}/gradient/{key}"] = g.numpy()
        if p is not None:
            out[f"{name}/weights/{key}"] = p.detach().numpy()


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    out = {"images": torch.rand(N, 3, SIDE, SIDE).numpy()}
    freeze(out, "relation-halve", Relations(halve=True))
    freeze(out, "relation-whole", Relations(halve=False))
    freeze(out, "one-stream", OneStream())
    freeze_writer(out)
    np.savez_compressed(OUT, **out)


if __name__ == "__main__":
    main()
