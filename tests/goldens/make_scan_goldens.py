"""Freeze what stacked cross attention gives when it is written with PyTorch, one caption at a time.

    python tests/goldens/make_scan_goldens.py    (needs torch; writes scan.npz here)

The twin follows Lee et al., 2018, §3, pair by pair, with the attended vectors written out (ours never makes
them), torch's own GRU, softmax, cosine and autograd, in float64. Frozen: weights by our names, inputs, and
for each variant S and the gradients of Σ S ⊙ cos(0, 1, …).
"""

import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("scan.npz")
P, C, R, A, D, W, V = 3, 4, 5, 6, 7, 4, 9
LENGTHS = (4, 2, 6, 1)
VARIANTS = {
    "text-lse-leaky": ("text", "lse", "leaky", 9.0, 6.0),
    "text-mean-relu": ("text", "mean", "relu", 4.0, 6.0),
    "image-lse-leaky": ("image", "lse", "leaky", 4.0, 5.0),
    "image-mean-relu": ("image", "mean", "relu", 9.0, 5.0),
}


class Twin(nn.Module):
    def __init__(self):
        super().__init__()
        self.W, self.E = nn.Linear(A, D), nn.Embedding(V, W)
        self.gru = nn.GRU(W, D, batch_first=True, bidirectional=True)

    def words(self, tokens, length):
        y, _ = self.gru(self.E(tokens[None, :length]))
        return F.normalize(y.unflatten(2, (2, D)).mean(2)[0], dim=1)


def score(asking, asked, rectifier, pooling, smooth, sharpness):
    s = asking @ asked.T
    s = F.leaky_relu(s, 0.1) if rectifier == "leaky" else F.relu(s)
    alpha = F.softmax(smooth * F.normalize(s, dim=0), dim=1)
    r = F.cosine_similarity(asking, alpha @ asked, dim=1)
    return r.mean() if pooling == "mean" else torch.logsumexp(sharpness * r, 0) / sharpness


def main():
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    model = Twin()
    regions = torch.randn(P, R, A)
    tokens = torch.randint(V, (C, max(LENGTHS)))
    out = {f"weights/{name}": p.detach().numpy() for name, p in model.named_parameters()}
    out |= {"regions": regions.numpy(), "tokens": tokens.numpy(), "lengths": np.array(LENGTHS)}
    for name, (direction, pooling, rectifier, smooth, sharpness) in VARIANTS.items():
        regions = regions.detach().requires_grad_()
        v = F.normalize(model.W(regions), dim=2)
        rows = []
        for p in range(P):
            for c in range(C):
                pair = v[p], model.words(tokens[c], LENGTHS[c])
                asked, asking = pair if direction == "text" else pair[::-1]
                rows.append(score(asking, asked, rectifier, pooling, smooth, sharpness))
        scores = torch.stack(rows).view(P, C)
        model.zero_grad()
        (scores * torch.cos(torch.arange(P * C).double()).view(P, C)).sum().backward()
        out[f"{name}/scores"] = scores.detach().numpy()
        out[f"{name}/grad/regions"] = regions.grad.numpy()
        out |= {f"{name}/grad/{n}": p.grad.numpy().copy() for n, p in model.named_parameters()}
    np.savez_compressed(OUT, **out)


if __name__ == "__main__":
    main()
