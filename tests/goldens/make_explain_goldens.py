"""Freeze heat maps that PyTorch's autograd and hooks give: Grad-CAM, guided backpropagation, attention.

    python tests/goldens/make_explain_goldens.py    (needs torch; writes explain.npz here)

A convolutional network of three layers in float64 (the last ReLU a layer of its own), and two layers of
attention with a head of their own, written out so that their weights are on the tape.
"""

import pathlib

import numpy as np
import torch
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("explain.npz")
torch.manual_seed(5)


def drawn(*shape):
    return (torch.randn(*shape, dtype=torch.float64) / np.sqrt(np.prod(shape[1:]) or 1)).requires_grad_()


def pictures(out):
    x = torch.randn(3, 2, 12, 12, dtype=torch.float64)
    w = [drawn(4, 2, 3, 3), drawn(5, 4, 3, 3), drawn(6, 5, 3, 3), drawn(3, 6 * 3 * 3)]
    target = torch.tensor([2, 0, 1])

    def forward(x, guide):
        a = x
        for i, stride in enumerate((2, 2, 1)):
            before = F.conv2d(a, w[i], stride=stride, padding=1)
            a = before.relu()
            if guide:  # the gradient that reaches a, clamped before the ReLU masks it
                a.register_hook(lambda g: g.clamp(min=0))
        return a, (a.flatten(1) @ w[3].T)[torch.arange(3), target]

    a, y = forward(x, False)
    (slope,) = torch.autograd.grad(y.sum(), a)
    cam = (slope.mean((2, 3), keepdim=True) * a).sum(1).relu()
    pixels = x.clone().requires_grad_()
    _, y = forward(pixels, True)
    (found,) = torch.autograd.grad(y.sum(), pixels)
    larger = F.interpolate(cam[:, None], (12, 12), mode="bilinear", align_corners=False)
    out |= {"x": x, "target": target, "cam": cam, "guided": found, "enlarged": larger[:, 0]}
    out |= {f"w{i}": v for i, v in enumerate(w)}


def transformer(out):
    b, t, d, heads = 2, 5, 6, 3
    x = torch.randn(b, t, d, dtype=torch.float64)
    layers = [torch.nn.MultiheadAttention(d, heads, batch_first=True).double() for _ in range(2)]
    for layer in layers:
        torch.nn.init.normal_(layer.in_proj_weight)
    readout, kept, a = drawn(d, 1), [], x
    for layer in layers:
        q, k, v = (
            part.view(b, t, heads, d // heads).transpose(1, 2)
            for part in F.linear(a, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
        )
        p = (q @ k.transpose(2, 3) / np.sqrt(d // heads)).softmax(-1)
        kept.append(p)
        a = a + layer.out_proj((p @ v).transpose(1, 2).reshape(b, t, d))
    slopes = torch.autograd.grad((a[:, 0] @ readout).tanh().sum(), kept)
    relevance = torch.eye(t, dtype=torch.float64).expand(b, t, t)
    rollout = relevance
    for i, (p, g) in enumerate(zip(kept, slopes, strict=True)):
        relevance = relevance + (p * g).clamp(min=0).mean(1) @ relevance
        rollout = (p.mean(1) + torch.eye(t, dtype=torch.float64)) / 2 @ rollout
        out |= {f"p{i}": p, f"dp{i}": g}
        state = layers[i].state_dict()
        out |= {f"l{i}.{name}": value for name, value in state.items()}
    out |= {"tokens": x, "readout": readout, "relevance": relevance, "rollout": rollout}


out = {}
pictures(out)
transformer(out)
np.savez_compressed(OUT, **{name: value.detach().numpy() for name, value in out.items()})
