"""Freeze what joint embeddings of picture and question give when they are written with PyTorch.

    python tests/goldens/make_vqa_goldens.py    (needs torch; writes vqa.npz here)

The twins answer one question at a time, in float64: torch's own convolutions, LSTM, losses and autograd.
Frozen: inputs, weights by our names, and for each variant logits, the loss, and its gradients.
"""

import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("vqa.npz")
N, SIDE, CHANNELS, V, H, K = 3, 17, (4, 5, 6, 6), 9, 7, 5
WORDINGS = ([4, 5, 4, 8], [6, 7], [5])
WHICH, IMAGE_OF, TARGET = (0, 2, 1, 0, 2), (0, 0, 1, 2, 2), (3, 0, -1, 4, 1)
VARIANTS = {"film-bow-softmax", "product-lstm-softmax", "concat-bow-soft", "film-lstm-soft"}


class Twin(nn.Module):
    def __init__(self, fusion, question):
        super().__init__()
        sizes = list(zip((3, *CHANNELS), CHANNELS, (2, 2, 2, 1)))  # noqa: B905
        self.pictures = nn.Module()
        self.pictures.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, s, 1) for a, b, s in sizes)
        self.questions, self.fusion, self.head = nn.Module(), nn.Module(), nn.Module()
        if question == "bow":
            self.questions.read = nn.Linear(V, H)
        else:
            self.questions.embed = nn.Embedding(V, 64)
            self.questions.lstm = nn.LSTM(64, H, 2)
            self.questions.join = nn.Linear(4 * H, H)
        if fusion == "concat":
            self.fusion.join = nn.Linear(CHANNELS[-1] + H, H)
        else:
            self.fusion.v = nn.Linear(CHANNELS[-1], H)
            self.fusion.q = nn.Linear(H, H if fusion == "product" else 2 * H)
        self.head.hidden, self.head.answer = nn.Linear(H, H), nn.Linear(H, K)
        self.kinds = fusion, question

    def forward(self, image, words):
        fusion, question = self.kinds
        x = image[None] - 0.5
        for convolution in self.pictures.convolutions:
            x = convolution(x).relu()
        v = x[0].amax((1, 2))
        if question == "bow":
            q = self.questions.read(F.one_hot(torch.tensor(words), V).double().sum(0)).relu()
        else:
            _, (h, c) = self.questions.lstm(self.questions.embed(torch.tensor(words)))
            q = self.questions.join(torch.cat([h[0], c[0], h[1], c[1]])).tanh()
        if fusion == "product":
            h = self.fusion.v(v / v.norm()).tanh() * self.fusion.q(q).tanh()
        elif fusion == "concat":
            h = self.fusion.join(torch.cat([v, q])).relu()
        else:
            film = self.fusion.q(q)
            h = ((1 + film[:H]) * self.fusion.v(v) + film[H:]).relu()
        return self.head.answer(self.head.hidden(h).relu())


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    images = torch.rand(N, 3, SIDE, SIDE, requires_grad=True)
    scores = torch.rand(len(WHICH), K)
    out = {"images": images.detach().numpy(), "scores": scores.numpy()}
    for name in sorted(VARIANTS):
        fusion, question, loss = name.split("-")
        model = Twin(fusion, question)
        logits = torch.stack([
            model(images[i], list(WORDINGS[w])) for i, w in zip(IMAGE_OF, WHICH, strict=True)
        ])  # fmt: skip
        if loss == "softmax":
            value = F.cross_entropy(logits, torch.tensor(TARGET), ignore_index=-1)
        else:
            value = F.binary_cross_entropy_with_logits(logits, scores, reduction="sum") / len(WHICH)
        parameters = dict(model.named_parameters())
        gradients = torch.autograd.grad(value, [images, *parameters.values()])
        out[f"{name}/logits"], out[f"{name}/loss"] = logits.detach().numpy(), value.detach().numpy()
        for key, p, g in zip(("images", *parameters), (None, *parameters.values()), gradients, strict=True):
            out[f"{name}/gradient/{key}"] = g.numpy()
            if p is not None:
                out[f"{name}/weights/{key}"] = p.detach().numpy()
    np.savez_compressed(OUT, **out)


if __name__ == "__main__":
    main()
