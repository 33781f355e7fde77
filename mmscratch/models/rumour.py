"""Is a post a rumour? Does its text fit its picture, and how does it spread?"""

from __future__ import annotations

from .. import nn, ops
from .fusion import make

__all__ = ["PropagationNetwork", "RumourNetwork"]


class PropagationNetwork(nn.Module):
    """A tree of replies to a vector: graph convolutions over it, then the mean (after Bian et al., 2020).

    Forward    H¹ = relu(conv(X, A)), H² = relu(conv(H¹, A));  h = [mean_i H²_i; H²_1], all and the first
               kind "gcn": GCNConv; "gat": GATConv, two heads; "bag": conv(X, A) = X Wᵀ + b, blind to A
    Shapes     nodes X (B, N, D), adjacency A (B, N, N) bool → h (B, 2·width)
    Errors     ValueError for another kind
    Note       the paper has one network down the tree and one up it, and takes the first post into every
               layer; here A goes both ways
    """

    KINDS = ("gcn", "gat", "bag")

    def __init__(self, size, width=16, kind="gcn", generator=None):
        if kind not in self.KINDS:
            raise ValueError(
                f"PropagationNetwork: kind: expected one of {', '.join(self.KINDS)}, got {kind!r}"
            )
        self.kind = kind
        layers = []
        for inward in (size, width):
            if kind == "gcn":
                layers.append(nn.GCNConv(inward, width, generator=generator))
            elif kind == "gat":
                layers.append(nn.GATConv(inward, width // 2, heads=2, generator=generator))
            else:
                layers.append(nn.Linear(inward, width, generator=generator))
        self.layers = nn.ModuleList(layers)

    def forward(self, nodes, adjacency):
        h = nodes
        for layer in self.layers:
            h = ops.relu(layer(h) if self.kind == "bag" else layer(h, adjacency))
        return ops.concatenate([ops.mean(h, axis=1), h[:, 0]], axis=1)


class RumourNetwork(nn.Module):
    """Text, picture and tree to two scores.

    Forward    c = relu(low-rank(text, picture)) (Liu, Shen et al., 2018): does one fit the other?
               z = V relu(low-rank(c, tree)) + b;  one part alone: z = V relu(W x + a) + b
               ``told``: V_c c + b_c, does the text not match? V_t tree + b_t, is it a chain?
    Shapes     text (B, D), picture (B, E), nodes (B, N, F), adjacency (B, N, N) → z (B, 2), class 1: a rumour
    Errors     ValueError for parts that are none of text, picture, tree, or none at all
    """

    def __init__(self, sizes, parts=("text", "picture", "tree"), width=16, kind="gcn", generator=None):
        known = ("text", "picture", "tree")
        if not parts or any(p not in known for p in parts):
            raise ValueError(f"RumourNetwork: parts: expected some of {', '.join(known)}, got {parts}")
        self.parts = tuple(p for p in known if p in parts)
        size = dict(zip(known, sizes, strict=True))
        content = [size[p] for p in self.parts if p != "tree"]
        self.content = self.spread = self.both = None
        if len(content) == 2:
            self.content = make("low-rank", content, width, generator=generator)
        elif content:
            self.content = nn.Linear(content[0], width, generator=generator)
        if "tree" in self.parts:
            self.spread = PropagationNetwork(size["tree"], width, kind, generator)
        if self.content is not None and self.spread is not None:
            self.both = make("low-rank", (width, 2 * width), width, generator=generator)
            self.says = nn.Linear(width, 2, generator=generator)
            self.spreads = nn.Linear(2 * width, 2, generator=generator)
        self.head = nn.Linear(width if self.content is not None else 2 * width, 2, generator=generator)

    def forward(self, text, picture, nodes, adjacency):
        h = self._parts(text, picture, nodes, adjacency)
        return self.head(h[0] if self.both is None else ops.relu(self.both(*h)))

    def told(self, text, picture, nodes, adjacency):
        """Of a network of content and tree: the scores (B, 2) of each, to be taught what each is."""
        if self.both is None:
            raise ValueError(f"RumourNetwork.told: expected content and tree, this one sees {self.parts}")
        content, spread = self._parts(text, picture, nodes, adjacency)
        return self.says(content), self.spreads(spread)

    def _parts(self, text, picture, nodes, adjacency):
        content = [x for name, x in (("text", text), ("picture", picture)) if name in self.parts]
        h = [] if self.content is None else [ops.relu(self.content(*content))]
        if self.spread is not None:
            h.append(self.spread(nodes, adjacency))
        return h
