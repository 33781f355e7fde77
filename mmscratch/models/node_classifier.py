"""Graph networks of any depth, to ask what depth does to the nodes: do they all become one?"""

from __future__ import annotations

from .. import nn, ops

__all__ = ["KINDS", "NodeClassifier"]

KINDS = ("gcn", "gat")


class NodeClassifier(nn.Module):
    """Nodes of one graph to their kinds, through ``depth`` graph layers of one width.

    Forward    H⁰ = relu(W X + b);  Hˡ = relu(conv_l(Hˡ⁻¹, A)), with ``residual`` Hˡ = Hˡ⁻¹ + relu(…);
               z = V H^depth + c
    Shapes     x X (B, N, D), adjacency A (B, N, N) → z (B, N, K); ``trace``: also [H⁰ … H^depth], (B, N, H)
    Errors     ValueError for an unknown kind, a negative depth, or a width that the heads do not divide
    Source     Kipf & Welling, 2017, eq. 2, and their appendix B (residual); Veličković et al., 2018

    kind       gcn, or gat with ``heads`` heads of width/heads each
    """

    def __init__(self, features, kinds, depth, kind="gcn", residual=False, width=32, heads=2, dropout=0.0,
                 generator=None):  # fmt: skip
        if kind not in KINDS:
            raise ValueError(f"NodeClassifier: kind: expected one of {', '.join(KINDS)}, got {kind!r}")
        if depth < 0 or width % heads:
            raise ValueError(
                f"NodeClassifier: depth, width: expected depth ≥ 0 and a width that {heads} heads divide, "
                f"got {depth}, {width}"
            )
        self.residual = bool(residual)
        self.first = nn.Linear(features, width, generator=generator)
        self.layers = nn.ModuleList(
            nn.GCNConv(width, width, generator=generator)
            if kind == "gcn"
            else nn.GATConv(width, width // heads, heads, generator=generator)
            for _ in range(depth)
        )
        self.last = nn.Linear(width, kinds, generator=generator)
        self.dropout = nn.Dropout(dropout, generator=generator)

    def forward(self, x, adjacency, trace=False):
        h = self.dropout(ops.relu(self.first(x)))
        kept = [h]
        for layer in self.layers:
            y = ops.relu(layer(h, adjacency))
            h = h + y if self.residual else y
            kept.append(h)
        z = self.last(self.dropout(h))
        return (z, kept) if trace else z
