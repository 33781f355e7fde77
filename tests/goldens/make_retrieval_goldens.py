"""Freeze what losses of two towers and text towers written with PyTorch compute, as an oracle of ours.

    python tests/goldens/make_retrieval_goldens.py    (needs torch; writes retrieval.npz here)

Losses: float64 scores (B, M) of both directions, a table of positives, the value and the gradients by both.
Towers: E, LSTM or GRU on packed sequences, W: the state_dict by our names, tokens, lengths, result, and the
gradients of Σ y ⊙ cos(0, 1, …).
"""

import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("retrieval.npz")
B, M, V, T, E, H, D = 5, 8, 11, 6, 3, 4, 3


def cases(generator):
    square = torch.randn(B, B, generator=generator, dtype=torch.float64) / 2
    table = torch.eye(B, dtype=torch.bool)
    more = table.clone()
    more[0, 3] = more[3, 0] = more[1, 4] = True
    wide = [torch.randn(B, M, generator=generator, dtype=torch.float64) / 2 for _ in range(2)]
    queue = torch.eye(B, M, dtype=torch.bool)
    queue[2, 6] = True
    return {
        "plain": (square, square.T.contiguous(), table, table.T),
        "several": (square, square.T.contiguous(), more, more.T),
        "queue": (*wide, queue, queue),
    }


def hinge(s, p, margin, worst):
    cost = (margin + s - s.diagonal()[:, None]).clamp(min=0).masked_fill(p, 0)
    return cost.max(1)[0].sum() if worst else cost.sum()


def infonce(s, p, scale, mask):
    logits = s * scale
    if mask:
        logits = logits.masked_fill(p & ~torch.eye(*p.shape, dtype=torch.bool), float("-inf"))
        return F.cross_entropy(logits, torch.arange(B)) / 2
    return F.cross_entropy(logits, p.double() / p.sum(1, keepdim=True)) / 2


def siglip(s, p, scale, bias, mask):
    weight = (~(p & ~torch.eye(*p.shape, dtype=torch.bool))).double() if mask else None
    return F.binary_cross_entropy_with_logits(s * scale + bias, p.double(), weight, reduction="sum") / B / 2


def losses(out, generator):
    for case, (rows, columns, p, q) in cases(generator).items():
        out |= {f"{case}/rows": rows, f"{case}/columns": columns, f"{case}/positives": p.numpy()}
        out[f"{case}/column_positives"] = q.numpy()
        for name, loss in {
            "sum": lambda s, p: hinge(s, p, 0.2, False),
            "hardest": lambda s, p: hinge(s, p, 0.2, True),
            "infonce/share": lambda s, p: infonce(s, p, 1 / 0.07, False),
            "infonce/mask": lambda s, p: infonce(s, p, 1 / 0.07, True),
            "siglip/share": lambda s, p: siglip(s, p, 10.0, -10.0, False),
            "siglip/mask": lambda s, p: siglip(s, p, 10.0, -10.0, True),
        }.items():
            a, b = (x.clone().requires_grad_() for x in (rows, columns))
            value = loss(a, p) + loss(b, q)
            value.backward()
            key = f"{case}/{name}"
            out |= {f"{key}/value": value, f"{key}/d_rows": a.grad, f"{key}/d_columns": b.grad}


class Tower(nn.Module):
    def __init__(self, kind, both):
        super().__init__()
        self.E = nn.Embedding(V, E)
        self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](E, H, batch_first=True, bidirectional=both)
        self.W = nn.Linear(H * (2 if both else 1), D)

    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.E(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        end = self.rnn(packed)[1]
        end = end[0] if isinstance(end, tuple) else end
        return self.W(torch.cat(list(end), 1))


def towers(out):
    tokens, lengths = torch.randint(0, V, (B, T)), torch.tensor([6, 2, 4, 1, 6])
    out |= {"tokens": tokens, "lengths": lengths}
    for kind in ("lstm", "gru"):
        for both in (False, True):
            model, key = Tower(kind, both).double(), f"{kind}/{int(both)}"
            y = model(tokens, lengths)
            (y * torch.cos(torch.arange(y.numel(), dtype=torch.float64)).view_as(y)).sum().backward()
            out[f"{key}/y"] = y
            for name, parameter in model.named_parameters():
                out[f"{key}/p/{name}"], out[f"{key}/g/{name}"] = parameter, parameter.grad


if __name__ == "__main__":
    torch.manual_seed(0)
    found = {}
    losses(found, torch.Generator().manual_seed(0))
    towers(found)
    found = {k: np.asarray(v.detach() if isinstance(v, torch.Tensor) else v) for k, v in found.items()}
    np.savez_compressed(OUT, **found)
    print(OUT, OUT.stat().st_size, len(found))
