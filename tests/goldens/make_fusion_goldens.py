"""Freeze what fusions give when they are written with PyTorch: MulT, low-rank, gated, adaptation gate.

    python tests/goldens/make_fusion_goldens.py    (needs torch; writes fusion.npz here)

The twins are in float64, on torch's own attention, normalisation, convolution and autograd, one row at a time
where a mask would be needed. Frozen: inputs, weights by our names, h, gradients of Σ h ⊙ cos(0, 1, …).
"""

import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("fusion.npz")
SIZES, HIDDEN, LENGTHS = (4, 3, 2), 3, ((5, 2, 3), (4, 4, 1), (3, 1, 2))  # LENGTHS[m][row]
WIDTH, HEADS, LAYERS = 4, 2, 2


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm_z, self.norm_s, self.norm_out = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.feed = nn.ModuleList([nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)])

    def forward(self, z, s):
        z, s = self.norm_z(z), self.norm_s(s)
        u = self.norm_out(self.attention(z, s, s)[0] + z)
        return self.feed[1](self.feed[0](u).relu()) + u


class Crossed(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))


class MulT(nn.Module):
    """Row by row, so that nothing needs a mask."""

    def __init__(self):
        super().__init__()
        wide = 2 * WIDTH
        self.convolutions = nn.ModuleList(nn.Conv1d(d, WIDTH, 3, padding=1, bias=False) for d in SIZES)
        self.crossed = nn.ModuleList(nn.ModuleList(Crossed() for _ in range(2)) for _ in SIZES)
        layer = nn.TransformerEncoderLayer(wide, HEADS, 4 * wide, 0.0, batch_first=True, norm_first=True)
        self.own = nn.ModuleList(
            nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(wide), enable_nested_tensor=False)
            for _ in SIZES
        )
        self.out = nn.Linear(3 * wide, HIDDEN)

    def forward(self, *inputs):
        rows = []
        for r in range(3):
            x = [self.embed(m, inputs[m][r : r + 1, : LENGTHS[m][r]]) for m in range(3)]
            ends = []
            for a in range(3):
                z = []
                for net, b in zip(self.crossed[a], [b for b in range(3) if b != a], strict=True):
                    y = x[a]
                    for block in net.blocks:
                        y = block(y, x[b])
                    z.append(y)
                ends.append(self.own[a](torch.cat(z, 2))[:, -1])
            rows.append(self.out(torch.cat(ends, 1)))
        return torch.cat(rows)

    def embed(self, m, x):
        x = self.convolutions[m](x.transpose(1, 2)).transpose(1, 2)
        t, i = torch.arange(x.shape[1])[:, None].double(), torch.arange(WIDTH)
        angle = t / 10000 ** (2 * (i // 2) / WIDTH).double()
        return x + torch.where(i % 2 == 0, angle.sin(), angle.cos())


class LowRank(nn.Module):
    def __init__(self, rank=2):
        super().__init__()
        self.factors = nn.ModuleList(nn.Linear(d + 1, rank * HIDDEN, bias=False) for d in SIZES)
        self.rank_weight, self.bias = nn.Parameter(torch.zeros(rank)), nn.Parameter(torch.zeros(HIDDEN))

    def forward(self, *inputs):
        product = 1
        for x, factor in zip(inputs, self.factors, strict=True):
            x = torch.cat([x, torch.ones(len(x), 1)], 1)
            product = product * torch.einsum("bd,rhd->brh", x, factor.weight.view(-1, HIDDEN, x.shape[1]))
        return torch.einsum("r,brh->bh", self.rank_weight, product) + self.bias


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.values = nn.ModuleList(nn.Linear(d, HIDDEN, bias=False) for d in SIZES)
        self.gate = nn.Linear(sum(SIZES), 3 * HIDDEN, bias=False)

    def forward(self, *inputs):
        z = self.gate(torch.cat(inputs, 1)).sigmoid().chunk(3, 1)
        return sum(g * net(x).tanh() for g, net, x in zip(z, self.values, inputs, strict=True))


class Adaptation(nn.Module):
    def __init__(self, beta=0.7):
        super().__init__()
        self.beta = beta
        self.lead = nn.Linear(SIZES[0], HIDDEN, bias=False)
        self.gates = nn.ModuleList(nn.Linear(d + HIDDEN, HIDDEN) for d in SIZES[1:])
        self.shifts = nn.ModuleList(nn.Linear(d, HIDDEN, bias=False) for d in SIZES[1:])
        self.bias, self.norm = nn.Parameter(torch.zeros(HIDDEN)), nn.LayerNorm(HIDDEN)

    def forward(self, x, *others):
        z = self.lead(x)
        shift = self.bias
        for gate, net, y in zip(self.gates, self.shifts, others, strict=True):
            shift = shift + gate(torch.cat([y, z], 1)).relu() * net(y)
        alpha = (self.beta * z.norm(dim=1) / shift.norm(dim=1)).clamp(max=1)
        return F.layer_norm(z + alpha[:, None] * shift, (HIDDEN,), self.norm.weight, self.norm.bias)


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    frozen = {"lengths": np.array(LENGTHS)}
    sequences = [random.normal(size=(3, max(n), d)) for n, d in zip(LENGTHS, SIZES, strict=True)]
    vectors = [random.normal(size=(3, d)) for d in SIZES]
    for m in range(3):
        frozen |= {f"sequence/{m}": sequences[m], f"vector/{m}": vectors[m]}
    twins = {"mult": MulT(), "low-rank": LowRank(), "gated": Gated(), "mag": Adaptation()}
    for name, twin in twins.items():
        for p in twin.parameters():
            p.data = torch.tensor(random.normal(size=tuple(p.shape)) * 0.5)
        leaves = [torch.tensor(x, requires_grad=True) for x in (sequences if name == "mult" else vectors)]
        h = twin(*leaves)
        (h * torch.cos(torch.arange(h.numel()).view(h.shape).double())).sum().backward()
        frozen[f"{name}/h"] = h.detach().numpy()
        for m, leaf in enumerate(leaves):
            frozen[f"{name}/gradient/input/{m}"] = leaf.grad.numpy()
        for key, p in twin.named_parameters():
            frozen |= {f"{name}/weights/{key}": p.detach().numpy(), f"{name}/gradient/{key}": p.grad.numpy()}
    np.savez_compressed(OUT, **frozen)
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
