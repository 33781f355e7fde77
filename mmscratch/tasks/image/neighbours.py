"""Does the graph help? A question about each object that its own attributes cannot answer.

    python -m mmscratch.tasks.image.neighbours [--kinds rgcn gat gcn] [--seeds 3]

The question: what colour is the object nearest to this one? (Objects without a nearest one, for which two
are about as near, are left out.) Attributes are drawn independently, so a node by itself is at chance. The
controls: the same network without edges; trained and asked with the edges of another scene. The latter still
hears the other objects, if the wrong ones, so its chance is that of naming the colour of any one of them.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from ... import ops, optim
from ...autograd import no_grad
from ...data.scenes import COLOURS, nearest
from ...random import Generator
from ...representations.image.scene_graph import SceneGraphEncoder, scene_graphs
from ...tensor import Tensor, tensor
from ...train import fit
from ..captioning.data import load_scenes

__all__ = ["CONTROLS", "Neighbours", "graph_data", "main", "measure"]

SPEC = "scenes:train=1500,val=0,test=500,heldout_pairs=0,positions=all"
CONTROLS = ("whole", "no edges", "another scene's edges")


class Neighbours(SceneGraphEncoder):
    """The encoder, and a linear map from every node to the colours: (B, N, H) → logits (B, N, 6)."""

    def __init__(self, relations, kind="rgcn", *, generator=None):
        from ... import nn

        super().__init__(relations, hidden=48, layers=2, kind=kind, generator=generator)
        self.answer = nn.Linear(self.hidden, len(COLOURS), generator=generator)

    def forward(self, nodes, edges, mask):
        return self.answer(super().forward(nodes, edges, mask))


def graph_data(scenes, edges="whole", seed=0):
    """nodes, edges, mask, target of scenes; target (B, N): the nearest one's colour, −1 where none is."""
    if edges not in CONTROLS:
        raise ValueError(f"graph_data: edges must be one of {', '.join(CONTROLS)}, got {edges!r}")
    graphs = scene_graphs(scenes)
    target = np.full(graphs.nodes.mask.shape, -1, np.int64)
    for row, scene in zip(target, scenes, strict=True):
        for i in range(len(scene)):
            j = nearest(scene, i)
            if j is not None:
                row[i] = COLOURS.index(scene.objects[j].colour)
    arrows = graphs.edges
    if edges == "no edges":
        arrows = np.zeros_like(arrows)
    elif edges != "whole":  # of a scene with as many objects
        arrows, rng = arrows.copy(), np.random.default_rng(seed)
        for n in np.unique(graphs.nodes.lengths):
            same = np.flatnonzero(graphs.nodes.lengths == n)
            arrows[same] = graphs.edges[rng.permutation(same)]
    return graphs.nodes.values, arrows, graphs.nodes.mask, target


def measure(trained, asked, kind="rgcn", edges="whole", seed=0, steps=300):
    """Train on scenes, ask about others: share of right answers, and what stands beside it.

    → {"right", "majority": one colour for all, "any other": an object of the scene at random, "objects"}
    """
    nodes, arrows, mask, target = graph_data(trained, edges, seed)
    generator = np.random.default_rng(seed)
    model = Neighbours(arrows.shape[1], kind, generator=Generator(seed))
    optimizer = optim.AdamW(model.parameters(), lr=5e-3)

    def batches(count=steps, size=64):
        for _ in range(count):
            yield generator.integers(0, len(nodes), size)

    def loss(chosen):
        logits = model(Tensor(nodes[chosen]), Tensor(arrows[chosen]), Tensor(mask[chosen]))
        logits = ops.reshape(logits, shape=(-1, len(COLOURS)))
        return ops.cross_entropy(logits, tensor(target[chosen].reshape(-1)), ignore_index=-1)

    schedule = optim.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
    fit(model, loss, list(batches()), optimizer=optimizer, schedule=schedule, steps=steps, progress=False)
    nodes, arrows, mask, wanted = graph_data(asked, edges, seed + 1)
    model.eval()
    with no_grad():
        said = model(Tensor(nodes), Tensor(arrows), Tensor(mask)).numpy().argmax(-1)
    known = wanted >= 0
    common = np.bincount(target[target >= 0]).argmax()
    return {
        "right": float((said == wanted)[known].mean()),
        "majority": float((wanted[known] == common).mean()),
        "any other": float(np.mean(list(_any_other(asked, wanted)))),
        "objects": int(known.sum()),
    }


def _any_other(scenes, wanted):
    """For each object asked about: the share of the others that have the nearest one's colour."""
    for row, scene in zip(wanted, scenes, strict=True):
        colours = np.array([COLOURS.index(o.colour) for o in scene.objects])
        for i in np.flatnonzero(row >= 0):
            yield (np.delete(colours, i) == row[i]).mean()


def main(arguments=None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.image.neighbours",
        description="What colour is the nearest object? Graph networks and their controls.",
    )
    parser.add_argument("--kinds", nargs="+", choices=Neighbours.KINDS, default=list(Neighbours.KINDS))
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    args = parser.parse_args(arguments)
    trained, asked = (load_scenes(SPEC, name).scenes for name in ("train", "test"))
    for kind in args.kinds:
        for edges in CONTROLS:
            found = [measure(trained, asked, kind, edges, seed) for seed in range(args.seeds)]
            right, beside = [f["right"] for f in found], found[0]
            print(
                f"{kind:5} {edges:22} right {np.mean(right):.3f} ({min(right):.3f} … {max(right):.3f})   "
                f"majority {beside['majority']:.3f}   any other object {beside['any other']:.3f}   "
                f"objects {beside['objects']}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
