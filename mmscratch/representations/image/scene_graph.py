"""Scene graphs as features: objects are nodes with attributes, relations are edges with a type.

Johnson et al. (2015) describe pictures by such graphs; here they are the scenes world's own truth, so these
are *oracle* features. A graph network over them gives each object a vector that knows its surroundings.
"""

import dataclasses

import numpy as np

from ... import nn, ops
from ...autograd import no_grad
from ...data.scenes import RELATIONS, relation_matrix
from ...data.scenes.graph import ATTRIBUTES
from ...tensor import Tensor
from ..features import Features

__all__ = ["NODE_FEATURES", "SceneGraphEncoder", "SceneGraphs", "scene_graphs"]

NODE_FEATURES = sum(len(values) for values in ATTRIBUTES.values())


@dataclasses.dataclass(frozen=True)
class SceneGraphs:
    """A batch of graphs, padded to the largest.

    nodes       Features (B, N, D): one-hot shape, colour, size and texture; places are no attribute
    edges       (B, R, N, N) bool: [b, r, i, j] where object j stands in relation r to object i, so that
                node i hears of it; R relations in the order of ``relations``
    """

    nodes: Features
    edges: np.ndarray
    relations: tuple

    def __post_init__(self):
        b, n = self.nodes.mask.shape
        if self.edges.dtype != bool or self.edges.shape != (b, len(self.relations), n, n):
            raise ValueError(
                f"SceneGraphs: edges must be bool {(b, len(self.relations), n, n)} beside nodes "
                f"{self.nodes.values.shape}, got {self.edges.dtype} {self.edges.shape}"
            )

    def __len__(self):
        return len(self.nodes)


def scene_graphs(scenes, relations=RELATIONS) -> SceneGraphs:
    """The graphs of scenes.

    Errors     ValueError for no scene, or a relation that the world does not know
    """
    unknown = set(relations) - set(RELATIONS)
    if unknown or not relations:
        raise ValueError(f"scene_graphs: relations must be among {', '.join(RELATIONS)}, got {relations!r}")
    items = []
    for scene in scenes:
        rows = np.zeros((len(scene), NODE_FEATURES), np.float32)
        start = 0
        for name, values in ATTRIBUTES.items():
            rows[np.arange(len(scene)), [start + values.index(getattr(o, name)) for o in scene.objects]] = 1
            start += len(values)
        items.append(rows)
    nodes = Features.stack(items)
    edges = np.zeros((len(items), len(relations), nodes.mask.shape[1], nodes.mask.shape[1]), bool)
    for b, scene in enumerate(scenes):
        holds, n = relation_matrix(scene), len(scene)
        for r, name in enumerate(relations):
            edges[b, r, :n, :n] = np.array(holds[name]).T  # holds[j][i]: j stands so to i, who hears it
    return SceneGraphs(nodes, edges, tuple(relations))


class SceneGraphEncoder(nn.Module):
    """Every object with its surroundings: layers of graph convolution over typed edges.

    Forward    h⁰ = relu(W x);  h^{l+1} = h^l + relu(layer(h^l)), layer one of
               "rgcn": ``nn.RGCNConv``;  "gat": ``nn.GATConv`` with a score for each relation, heads averaged;
               "gcn": ``nn.GCNConv`` on the union of all relations, whose types it cannot tell apart
    Shapes     nodes (B, N, D), edges (B, R, N, N) bool, mask (B, N) → (B, N, H), 0 where no node is
    """

    KINDS = ("rgcn", "gat", "gcn")

    def __init__(self, relations, hidden=64, layers=2, kind="rgcn", heads=4, in_features=NODE_FEATURES,
                 *, generator=None):  # fmt: skip
        if kind not in self.KINDS:
            raise ValueError(f"SceneGraphEncoder: kind must be one of {', '.join(self.KINDS)}, got {kind!r}")
        self.kind, self.hidden = kind, hidden
        self.embed = nn.Linear(in_features, hidden, activation="relu", generator=generator)
        make = {
            "rgcn": lambda: nn.RGCNConv(hidden, hidden, relations, generator=generator),
            "gat": lambda: nn.GATConv(hidden, hidden, heads, False, relations, generator=generator),
            "gcn": lambda: nn.GCNConv(hidden, hidden, generator=generator),
        }[kind]
        self.layers = nn.ModuleList([make() for _ in range(layers)])

    def forward(self, nodes, edges, mask):
        h = ops.where(ops.unsqueeze(mask, axis=-1), self.embed(nodes), 0.0)
        edges = ops.any(edges, axis=1) if self.kind == "gcn" else edges
        for layer in self.layers:
            h = h + ops.relu(layer(h, edges, mask))
        return h

    def encode(self, graphs: SceneGraphs) -> Features:
        """The graphs' nodes as Features (B, N, H); no gradient."""
        with no_grad():
            values = self(Tensor(graphs.nodes.values), Tensor(graphs.edges), Tensor(graphs.nodes.mask))
        return Features(values.numpy(), graphs.nodes.mask)
