"""Freeze what caption models written with PyTorch's layers compute, as an oracle of ours.

    python tests/goldens/make_caption_model_goldens.py    (needs torch; writes caption_models.npz here)

Each twin is a model of ``mmscratch.models`` once more, from torch.nn alone, in float64 with random weights;
frozen are its state_dict (by our names), inputs, logits, α, and the gradients of
Σ logits ⊙ cos(0, 1, …) + Σ α ⊙ cos(0, 1, …) by parameters and regions. All numbers stand in one flat array;
``index``, JSON, says what lies where: case/what/name → shape, dtype, place.
"""

import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).with_name("caption_models.npz")
B, R, D, V, T, E, H, A = 2, 3, 4, 6, 4, 3, 4, 3


def mean(regions, mask):
    if mask is None:
        return regions.mean(1)
    return (regions * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


class NIC(nn.Module):
    def __init__(self, init, layers):
        super().__init__()
        self.init, self.layers = init, layers
        self.E = nn.Embedding(V, E)
        if init == "input":
            self.W_i = nn.Linear(D, E)
        else:
            self.W_h, self.W_c = nn.Linear(D, layers * H), nn.Linear(D, layers * H)
        self.lstm = nn.LSTM(E, H, layers, batch_first=True)
        self.L_o = nn.Linear(H, V)

    def forward(self, regions, tokens, mask=None):
        f, x = mean(regions, mask), self.E(tokens[:, :-1])
        if self.init == "input":  # the picture and the words are one sequence
            y, _ = self.lstm(torch.cat([self.W_i(f)[:, None], x], 1))
            return self.L_o(y[:, 1:]), None
        begin = tuple(torch.tanh(w(f)).view(B, self.layers, H).transpose(0, 1).contiguous()
                      for w in (self.W_h, self.W_c))  # fmt: skip
        return self.L_o(self.lstm(x, begin)[0]), None

    def ours(self, name):
        kind, _, layer = name.removeprefix("lstm.").partition("_l")
        return f"lstm.{layer}.{kind}" if name.startswith("lstm.") else name


class Soft(nn.Module):
    def __init__(self, score, gate, query):
        super().__init__()
        self.score, self.gate, self.query = score, gate, query
        self.E = nn.Embedding(V, E)
        self.init_h, self.init_c = nn.Linear(D, H), nn.Linear(D, H)
        self.W_a, self.U_a = nn.Linear(D, A, bias=False), nn.Linear(H, A)
        if score == "additive":
            self.v = nn.Linear(A, 1, bias=False)
        if gate:
            self.beta = nn.Linear(H, 1)
        self.lstm = nn.LSTMCell(E + D, H)
        self.L_h, self.L_z, self.L_o = nn.Linear(H, E), nn.Linear(D, E, bias=False), nn.Linear(E, V)

    def look(self, a, h, mask):
        keys, asked = self.W_a(a), self.U_a(h)
        if self.score == "dot":
            e = torch.einsum("bra,ba->br", keys, asked) / A**0.5
        else:
            e = self.v(torch.tanh(keys + asked[:, None]))[:, :, 0]
        alpha = F.softmax(e if mask is None else e.masked_fill(~mask, -torch.inf), 1)
        z = torch.einsum("br,brd->bd", alpha, a)
        return alpha, torch.sigmoid(self.beta(h)) * z if self.gate else z

    def forward(self, a, tokens, mask=None):
        h, c = (torch.tanh(w(mean(a, mask))) for w in (self.init_h, self.init_c))
        z, logits, looks = torch.zeros_like(a[:, 0]), [], []
        for t in range(T):
            y = self.E(tokens[:, t])
            if self.query == "previous":
                alpha, z = self.look(a, h, mask)
            h, c = self.lstm(torch.cat([y, z], 1), (h, c))
            if self.query == "current":
                alpha, z = self.look(a, h, mask)
            logits.append(self.L_o(y + self.L_h(h) + self.L_z(z)))
            looks.append(alpha)
        return torch.stack(logits, 1), torch.stack(looks, 1)


class TopDown(nn.Module):
    def __init__(self):
        super().__init__()
        self.E = nn.Embedding(V, E)
        self.attention_lstm, self.language_lstm = nn.LSTMCell(H + D + E, H), nn.LSTMCell(D + H, H)
        self.W_va, self.W_ha = nn.Linear(D, A, bias=False), nn.Linear(H, A, bias=False)
        self.w_a, self.L_o = nn.Linear(A, 1, bias=False), nn.Linear(H, V)

    def forward(self, v, tokens, mask=None):
        one = two = (torch.zeros(B, H).double(), torch.zeros(B, H).double())
        logits, looks = [], []
        for t in range(T):
            one = self.attention_lstm(torch.cat([two[0], mean(v, mask), self.E(tokens[:, t])], 1), one)
            e = self.w_a(torch.tanh(self.W_va(v) + self.W_ha(one[0])[:, None]))[:, :, 0]
            alpha = F.softmax(e if mask is None else e.masked_fill(~mask, -torch.inf), 1)
            two = self.language_lstm(torch.cat([torch.einsum("br,brd->bd", alpha, v), one[0]], 1), two)
            logits.append(self.L_o(two[0]))
            looks.append(alpha)
        return torch.stack(logits, 1), torch.stack(looks, 1)


class Transformer(nn.Module):
    def __init__(self, norm_first, layers):
        super().__init__()
        self.E, self.W_m = nn.Embedding(V, H), nn.Linear(D, H)
        layer = nn.TransformerDecoderLayer(H, 2, 5, 0.0, batch_first=True, norm_first=norm_first)
        self.decoder = nn.TransformerDecoder(layer, layers, nn.LayerNorm(H) if norm_first else None)
        self.L_o = nn.Linear(H, V)

    def forward(self, regions, tokens, mask=None):
        t, j = torch.arange(T).double()[:, None], torch.arange(0, H, 2).double()
        angle = t / 10000 ** (j / H)
        places = torch.stack([torch.sin(angle), torch.cos(angle)], 2).reshape(T, H)
        looks, last = [], self.decoder.layers[-1].multihead_attn
        seen, last.forward = last.forward, lambda *x, **k: kept(*x, **{**k, "need_weights": True})

        def kept(*x, **k):
            output = seen(*x, **k)
            looks.append(output[1])
            return output

        future = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
        y = self.decoder(
            self.E(tokens[:, :-1]) * H**0.5 + places, self.W_m(regions), tgt_mask=future,
            memory_key_padding_mask=None if mask is None else ~mask,
        )  # fmt: skip
        last.forward = seen
        return self.L_o(y), looks[0]


CASES = {
    "nic-input": (NIC, ("input", 2), False),
    "nic-state": (NIC, ("state", 2), True),
    "soft-additive-previous": (Soft, ("additive", True, "previous"), False),
    "soft-additive-current": (Soft, ("additive", False, "current"), True),
    "soft-dot-previous": (Soft, ("dot", False, "previous"), False),
    "soft-dot-current": (Soft, ("dot", True, "current"), True),
    "top-down": (TopDown, (), False),
    "top-down-masked": (TopDown, (), True),
    "transformer-pre": (Transformer, (True, 2), False),
    "transformer-post": (Transformer, (False, 2), True),
}


def freeze(name, kind, options, masked, random):
    model, found = kind(*options).double(), {}
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.from_numpy(random.normal(size=p.shape) * 0.6))
    regions = torch.from_numpy(random.normal(size=(B, R, D))).requires_grad_()
    tokens = torch.from_numpy(random.integers(0, V, (B, T + 1)))
    mask = torch.tensor([[True, False, True], [True, True, True]]) if masked else None
    results = [x for x in model(regions, tokens, mask) if x is not None]
    sum((x * torch.cos(torch.arange(x.numel()).double()).view(x.shape)).sum() for x in results).backward()
    ours = getattr(model, "ours", str)
    found["given/regions"], found["given/tokens"] = regions, tokens
    if masked:
        found["given/mask"] = mask
    found |= {f"gives/{k}": x for k, x in zip(("logits", "alpha"), results, strict=False)}
    found |= {f"state/{ours(k)}": p for k, p in model.named_parameters()}
    found |= {f"gradient/{ours(k)}": p.grad for k, p in model.named_parameters()}
    found["gradient/regions"] = regions.grad
    return {f"{name}/{k}": x.detach().numpy() for k, x in found.items()}


def main():
    random, arrays, index, at = np.random.default_rng(0), {}, {}, 0
    for name, (kind, options, masked) in CASES.items():
        arrays |= freeze(name, kind, options, masked, random)
    for key, array in arrays.items():
        index[key] = [list(array.shape), str(array.dtype), at]
        at += array.size
    text = np.frombuffer(json.dumps(index, separators=(",", ":")).encode(), np.uint8)
    values = np.concatenate([x.astype(np.float64).ravel() for x in arrays.values()])
    np.savez_compressed(OUT, values=values, index=text)
    print(f"{OUT.name}: {len(CASES)} models, {at} numbers, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
