"""Deep graph networks on graphs of communities: what depth does to accuracy, and to the nodes' features.

A seed draws a graph (``data.communities``), and the beginning of every network. Each depth is trained alike;
the step that is judged is the one of the best validation accuracy, and the test nodes are looked at once.
Beside them: the same nodes without their edges (depth 0), and with edges that tell nothing.
"""

from __future__ import annotations

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...data.communities import make_communities
from ...explain import mean_cosine
from ...metrics.smoothing import dirichlet_energy
from ...models.node_classifier import NodeClassifier
from ...optim import Adam
from ...random import Generator
from ...tensor import Tensor

__all__ = ["DEPTHS", "ROWS", "figures_of", "propagate", "train"]

DEPTHS = (1, 2, 4, 8, 16)
ROWS = {
    "GCN": ("gcn", False),
    "GCN + residual": ("gcn", True),
    "GAT": ("gat", False),
    "GAT + residual": ("gat", True),
}
"""Row → kind and residual of a ``NodeClassifier``."""


def propagate(x, adjacency, times):
    """Â^times X, and nothing learnt: x (N, D), adjacency (N, N) → (N, D), float64."""
    from ...nn.graph import normalized_adjacency

    a = normalized_adjacency(Tensor(adjacency[None].astype(np.float64))).numpy()[0]
    x = np.asarray(x, np.float64)
    for _ in range(times):
        x = a @ x
    return x


def train(graph, kind, residual, depth, seed, steps=100, lr=1e-2):
    """A trained ``NodeClassifier``, with the weights that were best on the validation nodes."""
    model = NodeClassifier(
        graph.x.shape[1], int(graph.kind.max()) + 1, depth, kind, residual, generator=Generator(seed)
    )
    optimizer = Adam(model.parameters(), lr=lr, weight_decay=5e-4)
    x, a = Tensor(graph.x[None]), Tensor(graph.adjacency[None].astype(np.float32))
    told = np.flatnonzero(graph.train)
    best, kept = -1.0, None
    for _ in range(steps):
        z = model(x, a)
        loss = ops.cross_entropy(z[0][told], Tensor(graph.kind[told]))
        right = _right(z.detach().numpy()[0], graph, graph.val)
        if right > best:
            best, kept = right, {name: v.copy() for name, v in model.state_dict().items()}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.load_state_dict(kept)
    return model.eval()


def figures_of(model, graph):
    """{"train", "test": shares that are right; "cosine", "energy": of the last layer's features}."""
    with no_grad():
        z, states = model(Tensor(graph.x[None]), Tensor(graph.adjacency[None].astype(np.float32)), trace=True)
    z, last = z.numpy()[0], states[-1].numpy()[0]
    return {part: _right(z, graph, getattr(graph, part)) for part in ("train", "test")} | alike(last, graph)


def alike(x, graph):
    """{"cosine", "energy"}: how alike the nodes are; of nodes without a direction, those that have one."""
    there = np.linalg.norm(x, axis=1) > 0
    if there.sum() < 2:
        return {"cosine": 1.0, "energy": 0.0}
    return {"cosine": mean_cosine(x[there]), "energy": dirichlet_energy(x, graph.adjacency)}


def table(seeds, depths=DEPTHS, steps=100, report=lambda name, found: None, graph_options=None):
    """{row: {depth: [figures of each seed]}}; ``report`` is called when a row is done."""
    graphs = [make_communities(seed=seed, **(graph_options or {})) for seed in range(seeds)]
    record = {"majority": {0: [{"test": _majority(g)} for g in graphs]}}
    record["Â^k X, untrained"] = {
        d: [alike(propagate(g.x, g.adjacency, d), g) for g in graphs] for d in depths
    }
    trained = {"no edges": (0, *ROWS["GCN"], False), "rewired edges": (2, *ROWS["GCN"], True)}
    for name, (depth, kind, residual, moved) in trained.items():
        some = [g.rewired() if moved else g for g in graphs]
        record[name] = {
            depth: [figures_of(train(g, kind, residual, depth, s, steps), g) for s, g in enumerate(some)]
        }
    for name in record:
        report(name, record[name])
    for name, (kind, residual) in ROWS.items():
        record[name] = {
            d: [figures_of(train(g, kind, residual, d, s, steps), g) for s, g in enumerate(graphs)]
            for d in depths
        }
        report(name, record[name])
    return record


def _right(z, graph, part):
    return float((z.argmax(1) == graph.kind)[part].mean())


def _majority(graph):
    return float(np.bincount(graph.kind[graph.test]).max() / graph.test.sum())
