"""Freeze what plain PyTorch programs of the papers' formulas compute, for ``tests/nn/test_graph.py``.

    python tests/goldens/make_graph_goldens.py        (needs torch; writes graph.npz beside itself)

The programs go node by node and edge by edge, one graph after the other, in float64.
"""

import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).with_name("graph.npz")
B, N, D, K, R, G = 2, 5, 3, 4, 3, 2
SIZES = (5, 3)


def gcn(x, adjacency, w, b):
    rows = []
    n = len(x)
    a = adjacency + torch.eye(n, dtype=x.dtype)
    degree = [sum(a[i]) for i in range(n)]
    for i in range(n):
        heard = sum(a[i, j] / torch.sqrt(degree[i] * degree[j]) * (w @ x[j]) for j in range(n))
        rows.append(heard + b)
    return torch.stack(rows)


def rgcn(x, adjacency, weights, root, b):
    rows = []
    for i in range(len(x)):
        y = root @ x[i] + b
        for r, w in enumerate(weights):
            near = [j for j in range(len(x)) if adjacency[r, i, j]]
            for j in near:
                y = y + w @ x[j] / len(near)
        rows.append(y)
    return torch.stack(rows)


def gat(x, adjacency, weight, u, v, b, concat, typed=None, edge=None):
    heads = []
    for g in range(G):
        z = x @ weight[g * K : (g + 1) * K].T
        rows = []
        for i in range(len(x)):
            near = [j for j in range(len(x)) if adjacency[i, j] or j == i]
            e = [u[g] @ z[i] + v[g] @ z[j] for j in near]
            if typed is not None:
                e = [s + (edge[g] * typed[:, i, j]).sum() for s, j in zip(e, near, strict=True)]
            e = torch.stack([torch.where(s > 0, s, 0.2 * s) for s in e])
            alpha = torch.exp(e - e.max()) / torch.exp(e - e.max()).sum()
            rows.append(sum(a * z[j] for a, j in zip(alpha, near, strict=True)))
        heads.append(torch.stack(rows))
    return (torch.cat(heads, 1) if concat else sum(heads) / G) + b


def main():
    rng = np.random.default_rng(0)
    relations = np.zeros((B, R, N, N), bool)
    for b, n in enumerate(SIZES):
        relations[b, :, :n, :n] = rng.uniform(size=(R, n, n)) < 0.35
    mask = np.arange(N) < np.array(SIZES)[:, None]
    x = np.where(mask[..., None], rng.normal(size=(B, N, D)), 0)
    edges = relations.any(1)
    symmetric = edges | edges.transpose(0, 2, 1)
    symmetric &= ~np.eye(N, dtype=bool)
    out = {"x": x, "mask": mask, "relations": relations, "edges": edges, "symmetric": symmetric}
    shapes = {
        "gcn": {"weight": (K, D), "bias": (K,)},
        "rgcn": {"weight": (R, K, D), "root": (K, D), "bias": (K,)},
        "gat": {"weight": (G * K, D), "source": (G, K), "target": (G, K), "bias": (G * K,)},
        "gat_mean": {"weight": (G * K, D), "source": (G, K), "target": (G, K), "bias": (K,)},
        "gat_typed": {"weight": (G * K, D), "source": (G, K), "target": (G, K), "edge": (G, R),
                      "bias": (G * K,)},
    }  # fmt: skip
    for kind, sizes in shapes.items():
        p = {n: torch.tensor(rng.normal(size=s), requires_grad=True) for n, s in sizes.items()}
        leaf = torch.tensor(x, requires_grad=True)
        total, result = 0.0, np.zeros((B, N, len(p["bias"])))
        for b, n in enumerate(SIZES):
            own, a = leaf[b, :n], {k: torch.tensor(v[b]) for k, v in
                                   (("r", relations), ("e", edges), ("s", symmetric))}  # fmt: skip
            if kind == "gcn":
                y = gcn(own, a["s"][:n, :n].double(), p["weight"], p["bias"])
            elif kind == "rgcn":
                y = rgcn(own, a["r"][:, :n, :n], p["weight"], p["root"], p["bias"])
            else:
                typed = (a["r"][:, :n, :n].double(), p["edge"]) if kind == "gat_typed" else ()
                y = gat(own, a["e"][:n, :n], p["weight"], p["source"], p["target"], p["bias"],
                        kind != "gat_mean", *typed)  # fmt: skip
            result[b, :n] = y.detach().numpy()
            wave = np.cos(np.arange(result.size)).reshape(result.shape)[b, :n]
            total = total + (y * torch.tensor(wave)).sum()
        total.backward()
        out[f"{kind}/y"], out[f"{kind}/dx"] = result, leaf.grad.numpy()
        for name, value in p.items():
            out[f"{kind}/{name}"], out[f"{kind}/d{name}"] = value.detach().numpy(), value.grad.numpy()
    np.savez_compressed(OUT, **out)


if __name__ == "__main__":
    main()
